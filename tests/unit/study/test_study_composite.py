"""Scores of several markers: what they promise, what is told beside them, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from neuromyo.core.cohort import Cohort, Participant
from neuromyo.core.errors import NeuromyoError
from neuromyo.study.composite import Options, analyse
from tests.unit.study.limbs import variable

QUICK = {"partitions": 4, "shuffles": 40}
T2, FF, CSA = "T2/tibialis-anterior", "FF/tibialis-anterior", "CSA/fibular-nerve"
FORCE = "mvic.force/ankle-dorsiflexion"


def made(n=60, patients=32, worth=1.0, seed=2):
    """Patients and controls at two sites; T2 and fat fraction, but not the nerve's size, tell them apart and go with force."""
    rng = np.random.default_rng(seed)
    ill = np.arange(n) < patients
    t2, ff = 35 + 3 * worth * ill + 3 * rng.normal(size=n), 5 + 4 * worth * ill + 4 * rng.normal(size=n)
    variables = (variable("T2", "tibialis-anterior", "", "ms"), variable("FF", "tibialis-anterior", "", "%"),
                 variable("CSA", "fibular-nerve", "", "mm2"), variable("mvic.force", "ankle-dorsiflexion", "", "N"))  # fmt: skip
    values = {T2: t2, FF: ff, CSA: rng.normal(12, 2, n), FORCE: 250 - 4 * (t2 - 35) - 6 * ff + 15 * rng.normal(size=n)}
    labels = [f"{i:03d}" for i in range(n)]
    people = {p: Participant(p, "als" if ill[i] else "control", 50.0, "F", "AB"[i % 2]) for i, p in enumerate(labels)}
    return Cohort(np.array(labels, object), np.full(n, "m0", object), np.zeros(n), variables, values, ("m0",), people)


STUDY = made()


def rows(analysis, table):
    found = analysis.table(table)
    names = [c.name for c in found.columns]
    return {r[0]: dict(zip(names, r, strict=True)) for r in found.rows}


def refused(people, **options):
    with pytest.raises(NeuromyoError) as caught:
        analyse(people, Options(**QUICK, **options))
    error = caught.value
    assert error.needed and error.found and error.remedy and error.where
    return error


GROUPS = analyse(STUDY, Options(variables=(T2, FF), **QUICK))
NUMBER = analyse(STUDY, Options(variables=(T2, FF, CSA), outcome=FORCE, compared=("all",), **QUICK))


def test_groups_are_told_apart_and_chance_is_told():
    table = rows(GROUPS, "composite-performance")
    area, chance = table["area under the ROC curve"], table["area under the ROC curve, outcomes shuffled"]
    assert 0.6 < area["low"] < area["value"] < area["high"] < 1 and table["p"]["value"] == pytest.approx(1 / 41)
    assert abs(chance["value"] - 0.5) < 0.05 and chance["low"] < 0.5 < chance["high"]
    assert table["area under the ROC curve, people seen"]["value"] > area["value"]
    first = GROUPS.summary[0]
    assert "32 people (als) from 28 (control)" in first and f"{area['value']:.2f}" in first and "not seen" in first


def test_a_number_is_predicted():
    table = rows(NUMBER, "composite-performance")
    assert 0.4 < table["R2"]["low"] < table["R2"]["value"] < table["R2"]["high"] < 0.95
    assert table["mean absolute error"]["unit"] == "N" and 10 < table["mean absolute error"]["value"] < 20
    assert table["R2, outcomes shuffled"]["value"] < 0.02
    scores = rows(NUMBER, "composite-scores")
    predicted, measured = (np.array([r[k] for r in scores.values()]) for k in ("score", "outcome"))
    assert measured == pytest.approx(STUDY.values[FORCE])
    assert table["r"]["value"] == pytest.approx(np.corrcoef(predicted, measured)[0, 1])
    assert "N" in NUMBER.summary[0] and "W-CLOSE" in [
        f.code for f in NUMBER.findings
    ]  # patients and controls are pooled


def test_the_formula_of_the_text_gives_the_score():
    table = rows(NUMBER, "composite-coefficients")
    slopes = np.array([table[m]["per_unit"] for m in (T2, FF, CSA)])
    assert slopes[:2] == pytest.approx([-4, -6], abs=1.5)
    assert abs(slopes[2]) < 3
    for m in (T2, FF):
        assert table[m]["lowest"] <= table[m]["per_sd"] <= table[m]["highest"] and table[m]["same_sign"] == 100
        assert table[m]["per_sd"] == pytest.approx(table[m]["per_unit"] * STUDY.values[m].std())
    said = NUMBER.summary[-1]
    assert f"{abs(slopes[0]):.3g} × T2 of tibialis anterior (ms)" in said and said.count("×") == 3


def test_noise_is_not_sold_as_a_score():
    found = analyse(made(worth=0.0, seed=4), Options(variables=(T2, FF), **QUICK))
    assert rows(found, "composite-performance")["p"]["value"] > 0.05
    assert any("no better than chance" in f.message for f in found.findings)


def test_a_site_that_carries_the_outcome_is_told():
    """All patients but few from site A, whose scanner reads T2 higher: the score knows the site, not the disease."""
    sites = made(worth=0.0, patients=30)
    rng = np.random.default_rng(5)
    at_a = np.array([p.group == "als" for p in sites.people.values()]) ^ (rng.random(60) < 0.2)
    people = {k: replace(p, site="A" if a else "B") for (k, p), a in zip(sites.people.items(), at_a, strict=True)}
    found = analyse(replace(sites, people=people, values={**sites.values, T2: sites.values[T2] + 20 * at_a}),
                    Options(variables=(T2, FF), **QUICK))  # fmt: skip
    table = rows(found, "composite-performance")
    assert table["area under the ROC curve"]["value"] > 0.7
    assert table["area under the ROC curve, outcomes shuffled"]["value"] > 0.65
    assert any("tells sites apart" in f.consequence for f in found.findings)


def test_same_numbers_each_time_whatever_the_order_of_rows():
    turned = STUDY.rows(np.random.default_rng(1).permutation(60))
    assert analyse(turned, Options(variables=(T2, FF), **QUICK)).as_dict() == GROUPS.as_dict()
    other = analyse(STUDY, Options(variables=(T2, FF), seed=3, **QUICK))
    assert other.as_dict() != GROUPS.as_dict()


def test_too_few_people_are_refused_with_what_would_do():
    error = refused(made(39, 20), variables=(T2,))
    assert error.code == "E-PEOPLE" and "40 people" in error.needed and error.found == "39"
    error = refused(STUDY, variables=(T2, FF, CSA))
    assert (
        error.code == "E-PEOPLE" and "30 for 3" in error.needed and error.found == "28" and "at most 2" in error.remedy
    )
    error = refused(made(60, 9), variables=(T2,))
    assert error.code == "E-PEOPLE" and error.found == "9"
    error = refused(made(40, 20), variables=(T2, FF, CSA))
    assert error.code == "E-PEOPLE" and "at most 2" in error.remedy
    assert analyse(made(40, 20), Options(variables=(T2, FF), **QUICK)).kind == "composite"  # just enough
    five = {f"X{i}/soleus": np.arange(40.0) ** (i / 3 + 1) for i in range(5)}
    more = made(40, 20)
    more = replace(
        more,
        variables=(*more.variables, *(variable(k.split("/")[0], "soleus", "") for k in five)),
        values={**more.values, **five},
    )
    assert "50 for 5" in refused(more, variables=tuple(five), outcome=FORCE, compared=("all",)).needed


def test_missing_values():
    holes = replace(STUDY, values={**STUDY.values, FF: np.where(np.arange(60) % 15 == 0, np.nan, STUDY.values[FF])})
    found = analyse(holes, Options(variables=(T2, FF), **QUICK))
    said = next(f for f in found.findings if f.code == "W-ABSENT")
    assert "4 of 60" in said.message and "sub-000" in said.message and f"{FF} of 4" in said.message
    assert len(rows(found, "composite-scores")) == 56
    error = refused(holes, variables=(T2, FF), missing="refuse")
    assert error.code == "E-STUDY" and "sub-015" in error.where


def test_what_makes_no_sense_is_refused():
    assert refused(STUDY, variables=(T2, "X/y")).code == "E-UNKNOWN"
    assert refused(STUDY, variables=(T2, FORCE), outcome=FORCE).code == "E-OPTION"
    assert refused(STUDY, variables=(T2,), compared=("mice",)).code == "E-UNKNOWN"
    assert refused(STUDY, variables=(T2,), reference="healthy").code == "E-STUDY"
    flat = replace(STUDY, values={**STUDY.values, FF: np.full(60, 3.0)})
    assert refused(flat, variables=(T2, FF)).where == FF
    clinical = replace(STUDY, variables=STUDY.variables[3:])
    assert refused(clinical).code == "E-STUDY"
    assert refused(STUDY, variables=(T2,), missing="guess").code == "E-OPTION"


def test_words_and_drawings():
    for one in (GROUPS, NUMBER):
        text = " ".join((*one.summary, *one.methods, *(str(f) for f in one.findings)))
        assert "nan" not in text.lower() and "None" not in text and "p = p" not in text
        assert "doi:10.1186/1471-2105-7-91" in text and "another study" in text
        assert len(one.figures) == 2 and all(f.caption for f in one.figures)
    dots, forest = GROUPS.figures
    assert {k: len(v) for k, v in dots.groups.items()} == {"als": 32, "control": 28}
    assert dots.groups["als"].mean() > dots.groups["control"].mean()
    assert [line.label for line in forest.lines] == ["T2 of tibialis anterior", "fat fraction of tibialis anterior"]
