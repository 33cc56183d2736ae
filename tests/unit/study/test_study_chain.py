"""Chains from nerve to strength: what is joined, what is said of few and of many people, and what is refused."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from neuromyo.core.cohort import Variable
from neuromyo.core.errors import NeuromyoError
from neuromyo.stats import paths
from neuromyo.study import chain, chain_join
from neuromyo.study.chain import Options, analyse
from tests.unit.study.limbs import cohort, variable

MANY = cohort()
FEW = cohort(11, controls=0)


def rows(analysis, table):
    found = analysis.table(table)
    names = [c.name for c in found.columns]
    return [dict(zip(names, r, strict=True)) for r in found.rows]


def codes(analysis):
    return [f.code for f in analysis.findings]


def refused(people, **options):
    with pytest.raises(NeuromyoError) as caught:
        analyse(people, Options(**options))
    error = caught.value
    assert error.needed and error.found and error.remedy and error.where
    return error


def test_few_people_are_described_and_nothing_is_modelled():
    found = analyse(FEW)
    assert found.exploratory and "W-EXPLORATORY" in codes(found)
    assert [t.id for t in found.tables] == ["chain-links"]
    assert "described only" in found.summary[0] and "11 people" in found.summary[0]
    ours = rows(found, "chain-links")
    assert len(ours) == 6 and sum(r["neighbours"] == "yes" for r in ours) == 3  # four links: three steps, three across
    first = ours[0]
    x, y = FEW.values["T2/fibular-nerve/right"], FEW.values["cmap.amplitude/tibialis-anterior/right"]
    theirs = stats.pearsonr(x, y)
    low, high = theirs.confidence_interval(0.95)
    assert (first["r"], first["r_low"], first["r_high"]) == pytest.approx((theirs.statistic, low, high), abs=1e-8)
    assert first["people"] == 11 and first["from"] == "T2/fibular-nerve (ms)"
    figure = found.figures[0]
    assert figure.nodes[0] == "T2 of the fibular nerve (ms)" and len(figure.arrows) == 3
    assert "n" not in figure.arrows[0][2].split("=")[0].split() and "11 people" in figure.arrows[0][2]


def test_known_answer_of_1998():
    """r = -0.63 of 11 people: -0.89 to -0.05; the interval is Fisher's."""
    from neuromyo.study.chain_links import correlation

    x = np.arange(11.0) - 5
    z = np.sin(x * 1.7)
    z -= z.mean() + x * (x @ z) / (x @ x)
    y = -0.63 * x / np.linalg.norm(x) + math.sqrt(1 - 0.63**2) * z / np.linalg.norm(z)
    r = correlation(x, y, np.empty((11, 0)), 11, 0.95)
    assert (round(r.value, 2), round(r.low, 2), round(r.high, 2)) == (-0.63, -0.89, -0.05)


def test_a_soleus_is_not_joined_to_a_fibular_nerve():
    titles = {r["chain"] for r in rows(analyse(FEW), "chain-links")}
    assert titles == {"fibular nerve → tibialis anterior → ankle dorsiflexion"}


def test_many_people_are_modelled():
    found = analyse(MANY)
    assert not found.exploratory and "W-EXPLORATORY" not in codes(found)
    effects = rows(found, "chain-effects")
    assert {e["people"] for e in effects} == {36}  # the 8 controls are left out
    keep = MANY.groups == "patient"
    table = np.column_stack([MANY.values[f"{n}/right"][keep] for n in (
        "T2/fibular-nerve", "cmap.amplitude/tibialis-anterior", "FF/tibialis-anterior", "mvic.force/ankle-dorsiflexion")])  # fmt: skip
    fit = paths.fit(table)
    by = {(e["effect"], e["way"]): e for e in effects}
    along = next(e for (kind, _), e in by.items() if kind == "along")
    assert (
        along["size"] == pytest.approx(float(fit.through((0, 1, 2, 3))))
        and along["size_low"] < along["size"] < along["size_high"]
    )
    total = next(e for (kind, _), e in by.items() if kind == "total")
    indirect = next(e for (kind, _), e in by.items() if kind == "indirect")
    direct = by["direct", "T2/fibular-nerve → mvic.force/ankle-dorsiflexion"]
    assert total["size"] == pytest.approx(indirect["size"] + direct["size"], abs=1e-12)
    assert along["size_high"] < 0  # -0.6 x -0.7 x -0.8
    assert "assumed, not shown" in " ".join(found.summary)
    assert any("36 people" in s and "ankle dorsiflexion" in s for s in found.summary)
    assert rows(found, "chain-explained")[0]["variable"].startswith("cmap.amplitude")
    assert all("NaN" not in s and "nan" not in s for s in found.summary)


def test_thirty_people_are_the_bound():
    assert analyse(cohort(29, controls=0)).exploratory
    assert not analyse(cohort(30, controls=0)).exploratory


def test_same_seed_same_numbers():
    one, two, other = (analyse(MANY, Options(repeats=200, seed=s)) for s in (1, 1, 2))
    assert one.as_dict() == two.as_dict() != other.as_dict()


def test_both_limbs_enter_and_people_are_counted():
    both = cohort(20, ("left", "right"), 0)
    found = analyse(both)
    first = rows(found, "chain-links")[0]
    assert (first["people"], first["limbs"]) == (20, 40) and found.exploratory  # 40 limbs are not 40 people
    assert any("both limbs" in f.message for f in found.findings)
    x = np.concatenate([both.values[f"T2/fibular-nerve/{s}"] for s in ("left", "right")])
    y = np.concatenate([both.values[f"cmap.amplitude/tibialis-anterior/{s}"] for s in ("left", "right")])
    assert first["r"] == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-10)
    reach = (np.arctanh(first["r_high"]) - np.arctanh(first["r_low"])) / 2
    assert reach == pytest.approx(stats.norm.ppf(0.975) / np.sqrt(17))
    left = rows(analyse(both, Options(side="left")), "chain-links")[0]
    assert left["limbs"] == 20 and left["r"] == pytest.approx(np.corrcoef(x[:20], y[:20])[0, 1])
    mean = rows(analyse(both, Options(side="mean")), "chain-links")[0]
    assert mean["r"] == pytest.approx(np.corrcoef(x[:20] + x[20:], y[:20] + y[20:])[0, 1])


def test_sides_are_not_crossed():
    """A nerve on the left and a response on the right of the same people are no limb."""
    left, right = variable("T2", "fibular-nerve", "left"), variable("cmap.amplitude", "tibialis-anterior", "right")
    crossed = replace(FEW, variables=(left, right), values={left.name: FEW.values["T2/fibular-nerve/right"],
                      right.name: FEW.values["cmap.amplitude/tibialis-anterior/right"]})  # fmt: skip
    assert refused(crossed).code == "E-PEOPLE"


def test_covariates_are_held():
    import statsmodels.api as sm

    found = rows(analyse(FEW, Options(given=("age", "site"))), "chain-links")[0]
    design = sm.add_constant(np.column_stack([FEW.covariate("age"), FEW.words("site") == "B"]).astype(float))
    rest = [
        sm.OLS(FEW.values[n], design).fit().resid
        for n in ("T2/fibular-nerve/right", "cmap.amplitude/tibialis-anterior/right")
    ]
    assert found["r"] == pytest.approx(np.corrcoef(*rest)[0, 1], abs=1e-8)
    assert "age and site held" in " ".join(analyse(FEW, Options(given=("age", "site"))).methods)


def test_missing_values_leave_a_limb_out_of_its_link_only():
    holes = replace(
        FEW,
        values={**FEW.values, "FF/tibialis-anterior/right": np.where(np.arange(11) < 3, np.nan, 12.0 + np.arange(11))},
    )
    people = {(r["from"][:2], r["to"][:4]): r["people"] for r in rows(analyse(holes), "chain-links")}
    assert people["T2", "cmap"] == 11 and people["T2", "FF/t"] == 8


def test_response_of_another_muscle_of_the_nerve():
    edb = variable("cmap.amplitude", "edb", "right", "mV", keys=(("nerve", "peroneal"),))
    old = "cmap.amplitude/tibialis-anterior/right"
    others = tuple(v for v in FEW.variables if v.name != old)
    found = analyse(replace(FEW, variables=(*others, edb), values={**FEW.values, edb.name: FEW.values[old]}))
    assert len(rows(found, "chain-links")) == 6
    assert any("another muscle of the same nerve" in f.message for f in found.findings)


def test_levels_and_odd_quantities_enter_only_by_name():
    level = Variable("CSA/fibular-nerve/right/12", "mm2", "imaging", "CSA", "fibular-nerve", "right", "12")
    odd = variable("B1", "tibialis-anterior", "right", "%")
    assert [m.name for m in chain_join.markers([level, odd])] == []
    assert [m.name for m in chain_join.markers([level, odd], [level.name, odd.name])] == [
        "CSA/fibular-nerve/12",
        "B1/tibialis-anterior",
    ]


def test_groups():
    everybody = analyse(MANY, Options(group="all"))
    assert "W-CLOSE" in codes(everybody) and {e["people"] for e in rows(everybody, "chain-effects")} == {44}
    assert rows(analyse(MANY, Options(group="control")), "chain-links")[0]["people"] == 8


def test_words_of_people_are_understood():
    found = analyse(FEW, Options(nerve="peroneal", muscle="TA", movement="dorsiflexion"))
    assert len(rows(found, "chain-links")) == 6
    assert refused(FEW, nerve="optic").code == "E-UNKNOWN"


def test_what_cannot_be_joined_is_refused():
    error = refused(FEW, muscle="soleus")
    assert error.code == "E-STUDY" and "fibular-nerve" in error.found
    assert (
        refused(
            replace(FEW, variables=()),
        ).code
        == "E-STUDY"
    )
    assert refused(cohort(3, controls=0)).code == "E-PEOPLE"
    assert refused(FEW, visit="m9").code == "E-UNKNOWN" and refused(FEW, group="mice").code == "E-UNKNOWN"
    assert (
        refused(FEW, given=("shoe",)).code == "E-UNKNOWN" and refused(FEW, variables=("T2/none",)).code == "E-UNKNOWN"
    )


def test_a_constant_variable_has_no_correlation_and_no_model():
    flat = replace(MANY, values={**MANY.values, "FF/tibialis-anterior/right": np.full(44, 12.0)})
    found = analyse(flat)
    ours = [r for r in rows(found, "chain-links") if "FF" in r["from"] + r["to"]]
    assert ours and all(r["r"] is None and r["r_low"] is None for r in ours)
    assert found.exploratory and any("not fitted" in f.message for f in found.findings)
    double = replace(
        MANY, values={**MANY.values, "FF/tibialis-anterior/right": 3 - 2 * MANY.values["T2/fibular-nerve/right"]}
    )
    found = analyse(double)
    assert found.exploratory and "nan" not in " ".join(found.summary)
    assert [r["r"] for r in rows(found, "chain-links") if "FF" in r["to"] and "T2" in r["from"]] == pytest.approx([-1])


def test_one_person_who_decides_is_named():
    """Noise, and one person far out in nerve and strength."""
    rng, far = np.random.default_rng(8), np.arange(44) == 5
    values = {v.name: 10 + rng.normal(size=44) for v in MANY.variables}
    values["T2/fibular-nerve/right"] = np.where(far, 40.0, values["T2/fibular-nerve/right"])
    values["mvic.force/ankle-dorsiflexion/right"] = np.where(far, -20.0, values["mvic.force/ankle-dorsiflexion/right"])
    found = analyse(replace(MANY, values=values), Options(repeats=500))
    said = [f for f in found.findings if f.code == "W-INFLUENCE"]
    total = next(e for e in rows(found, "chain-effects") if e["effect"] == "total")
    assert bool(said) == (total["size_high"] < 0)
    assert not any(f.code == "W-INFLUENCE" for f in analyse(MANY).findings)
    from neuromyo.study import chain_join as join
    from neuromyo.study import chain_links as links

    made = join.markers(MANY.variables)
    route = join.routes(made)[0]
    limbs = join.limbs(replace(MANY, values=values), made, np.empty((44, 0)), "both")
    model = links.model(route, route.models()[0], limbs, 200, 1, 0.95)
    assert model.decisive[0] == "05" and abs(model.decisive[1]) < 0.5 * abs(model.effects[-1].size.value)


def test_more_models_than_were_planned_are_told(monkeypatch):
    monkeypatch.setattr(chain, "MOST_MODELS", 1)
    more = tuple(
        (variable(q, "tibialis-anterior", "right", "ms"), np.random.default_rng(i).normal(35, 2, 44))
        for i, q in enumerate(("T2", "T1"))
    )
    found = analyse(cohort(extra=more), Options(repeats=200))
    assert "W-CLOSE" in codes(found) and {e["model"] for e in rows(found, "chain-effects")} == {1}


def test_methods_name_what_was_done():
    text = " ".join(analyse(MANY, Options(repeats=200)).methods)
    assert "innervation" in text and "Fisher" in text and "200 samples" in text and "doi:" in text
    assert "path model" not in " ".join(analyse(FEW).methods)
