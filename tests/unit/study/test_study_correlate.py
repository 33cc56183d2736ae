"""`study correlate` on made-up studies: who is taken, what is told, what is refused."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from neuromyo.core.analysis import Analysis, Matrix, Scatter
from neuromyo.core.cohort import Cohort, Participant, Variable
from neuromyo.core.errors import DataError, NeuromyoError, OptionError
from neuromyo.stats.correlation import pearson
from neuromyo.study.correlate import Options, analyse
from neuromyo.study.said import r_number

T2, VOLUME = Variable("T2/tibialis-anterior/right", "ms"), Variable("volume/tibialis-anterior/right", "ml")
CMAP, SCORE = Variable("cmap.amplitude", "mV", source="clinical"), Variable("alsfrs", source="clinical")
FAST = {"repeats": 300}


def study(
    seed: int = 1, patients: int = 11, controls: int = 8, visits: int = 1, change: Callable[[dict], None] | None = None
) -> Cohort:
    """Patients whose T2 follows CMAP, and whose volume and score follow little; controls about another level."""
    rng, n = np.random.default_rng(seed), patients + controls
    group = ["als"] * patients + ["control"] * controls
    loss = np.r_[rng.uniform(0.1, 0.9, patients), np.zeros(controls)]
    names, values = [f"{i:02d}" for i in range(n)], {v.name: [] for v in (T2, VOLUME, CMAP, SCORE)}
    for when in range(visits):
        now = loss + 0.1 * when * (loss > 0)
        values[T2.name].append(33 + 10 * now + rng.normal(0, 1, n))
        values[VOLUME.name].append(120 + rng.normal(0, 20, n))
        values[CMAP.name].append(6.5 * (1 - now) + rng.normal(0, 0.4, n))
        values[SCORE.name].append(40 + rng.normal(0, 3, n))
    columns = {k: np.concatenate(v) for k, v in values.items()}
    if change:
        change(columns)
    people = {
        p: Participant(p, g, age=40.0 + 2 * i, site="ab"[i % 2])
        for i, (p, g) in enumerate(zip(names, group, strict=True))
    }
    labels = tuple(f"v{i}" for i in range(visits))
    return Cohort(np.array(names * visits), np.repeat(labels, n), np.repeat(120.0 * np.arange(visits), n), (T2, VOLUME, CMAP, SCORE),
                  columns, labels, people)  # fmt: skip


def codes(found: Analysis) -> set[str]:
    return {f.code for f in found.findings}


def test_patients_alone_are_taken_and_the_table_holds_their_correlation():
    cohort = study()
    found = analyse(cohort, Options(**FAST))
    x, y = cohort.values[T2.name][:11], cohort.values[CMAP.name][:11]
    table, exact = found.table("correlations"), pearson(x, y)
    assert (table.column("n")[0], table.column("r")[0], table.column("p")[0]) == (11, exact.r, exact.p)
    assert len(table.rows) == 4 and found.kind == "correlate" and found.exploratory
    assert table.column("slope_unit")[:2] == ["mV per ms", "points per ms"]
    lead = "The clearest of 4 correlations in 11 people (als, visit v0): cmap.amplitude fell as T2/tibialis-anterior/right rose: r = −0."
    assert found.summary[0].startswith(lead)
    single = analyse(cohort, Options(variables=(T2.name,), against=(CMAP.name,), **FAST))
    assert (
        single.summary[0].startswith("In 11 people (als, visit v0), cmap.amplitude fell") and len(single.summary) == 1
    )
    assert "95 % CI" in found.summary[0] and "W-EXPLORATORY" in codes(found)


def test_a_side_goes_with_the_same_side_unless_both_are_asked_for():
    made = study()
    left, right = (
        replace(CMAP, name=f"cmap.amplitude/{s}", side=s, quantity="amplitude", measure="cmap")
        for s in ("left", "right")
    )
    sided = tuple(replace(v, side=s) for v, s in ((T2, "right"), (VOLUME, "left")))
    values = {**made.values, left.name: made.values[CMAP.name], right.name: 2 * made.values[CMAP.name]}
    both = replace(made, variables=(*sided, left, right, SCORE), values=values)
    found = analyse(both, Options(**FAST))
    rows = {r[:2] for r in found.table("correlations").rows}
    assert rows == {(T2.name, right.name), (VOLUME.name, left.name), (T2.name, SCORE.name), (VOLUME.name, SCORE.name)}
    assert any(
        "2 pairs of left with right left out" in f.message and "--across-sides" in f.remedy for f in found.findings
    )
    crossed = analyse(both, Options(across_sides=True, **FAST))
    assert len(crossed.table("correlations").rows) == 6 and not any(f.where == "sides" for f in crossed.findings)
    named = analyse(both, Options(variables=(T2.name,), against=(left.name,), **FAST))
    assert len(named.table("correlations").rows) == 1  # nothing else was asked for


def test_intervals_by_resampling_say_their_coverage():
    found = analyse(study(), Options(**FAST))
    assert (
        "measured coverage 9" in found.table("correlations").note
        and "at n = 11 (normal data)" in found.table("correlations").note
    )
    assert min(found.table("correlations").column("bootstrap_coverage")) >= 90  # type: ignore[type-var]
    few = analyse(study(patients=6), Options(**FAST))
    assert few.table("correlations").column("bootstrap_low") == [None] * 4
    assert "withheld" in few.table("correlations").note


def test_twenty_and_more_are_no_longer_exploratory():
    found = analyse(study(patients=24), Options(**FAST))
    assert not found.exploratory and "W-EXPLORATORY" not in codes(found)


def test_groups_are_pooled_only_by_name_and_with_a_warning():
    cohort = study()
    found = analyse(cohort, Options(group=("als", "control"), **FAST))
    told = next(f for f in found.findings if f.code == "W-CLOSE" and "groups" in f.where)
    assert "with group held" in told.consequence and found.table("correlations").column("held")[0] == "group"
    assert abs(found.table("correlations").column("partial_r")[0]) < 1  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="mixed unawares") as refused:
        analyse(cohort, Options(reference="healthy", **FAST))
    assert refused.value.code == "E-OPTION"


def test_pooling_two_groups_that_differ_makes_a_correlation_that_holding_group_takes_away():
    def no_link(values: dict) -> None:
        values[T2.name] = np.random.default_rng(3).normal(0, 1, 19) + np.r_[np.full(11, 10.0), np.zeros(8)]
        values[CMAP.name] = np.random.default_rng(4).normal(0, 1, 19) - np.r_[np.full(11, 10.0), np.zeros(8)]

    table = analyse(study(change=no_link), Options(group=("als", "control"), **FAST)).table("correlations")
    assert table.column("r")[0] < -0.9 < -0.5 < table.column("partial_r")[0]  # type: ignore[operator]


def test_covariates_are_held():
    found = analyse(study(), Options(given=("age", "site"), method="partial", **FAST))
    table = found.table("correlations")
    assert table.column("held")[0] == "age, site" and table.column("p_adjusted")[0] is not None
    assert "With age and site held" in found.summary[1]


@pytest.mark.parametrize("method", ["pearson", "permutation", "spearman"])
@pytest.mark.parametrize(("correction", "factor"), [("none", 1), ("holm", 4)])
def test_the_p_asked_for_is_the_one_corrected(method, correction, factor):
    table = analyse(study(), Options(method=method, correction=correction, **FAST)).table("correlations")
    of = {"pearson": "p", "permutation": "p_permutation", "spearman": "p_rho"}[method]
    least = min(table.column(of))  # type: ignore[type-var]
    assert min(table.column("p_adjusted")) == pytest.approx(min(1, factor * least), rel=1e-9)  # type: ignore[type-var]


def test_the_best_marker_is_told_only_where_the_data_can_tell():
    found = analyse(study(), Options(against=(CMAP.name,), **FAST))
    ranked = found.table("best-marker")
    assert ranked.column("marker")[0] == T2.name and sum(ranked.column("first")) == pytest.approx(100)  # type: ignore[arg-type]
    assert any("tell it as the best" in s for s in found.summary)
    unclear = analyse(study(), Options(against=(SCORE.name,), **FAST))
    assert any("cannot tell it from" in s for s in unclear.summary)
    assert len(found.table("compared").rows) == 1
    assert not [t for t in analyse(study(), Options(compare=False, **FAST)).tables if t.id == "best-marker"]


def test_one_person_who_decides_is_named():
    def outlier(values: dict) -> None:
        values[VOLUME.name][4], values[SCORE.name][4] = 400.0, 90.0

    found = analyse(study(change=outlier), Options(**FAST))
    told = [f for f in found.findings if f.code == "W-INFLUENCE" and VOLUME.name in f.where and SCORE.name in f.where]
    assert told and "sub-04" in told[0].remedy
    assert VOLUME.name in {f.where for f in found.findings if f.code == "W-SKEWED"}


def test_many_equal_values_are_told():
    def ties(values: dict) -> None:
        values[SCORE.name] = np.where(np.arange(19) < 7, 48.0, values[SCORE.name])

    assert SCORE.name in {f.where for f in analyse(study(change=ties), Options(**FAST)).findings if f.code == "W-TIES"}


def test_missing_values_and_what_does_not_vary_are_told_and_stay_empty():
    def holes(values: dict) -> None:
        values[CMAP.name][:2] = np.nan
        values[SCORE.name][:] = 48.0

    found = analyse(study(change=holes), Options(**FAST))
    table = found.table("correlations")
    assert (
        table.column("n") == [9, 11, 9, 11] and table.column("r")[1] is None and table.column("p_adjusted")[1] is None
    )
    absent = " ".join(str(f) for f in found.findings if f.code == "W-ABSENT")
    assert "9 of 11 people" in absent and "does not vary" in absent


def test_people_without_a_group_are_left_out_and_named():
    cohort = study()
    people = {**cohort.people, "03": replace(cohort.people["03"], group="")}
    found = analyse(replace(cohort, people=people), Options(**FAST))
    assert found.table("correlations").column("n")[0] == 10
    assert any(f.code == "W-ABSENT" and f.where == "sub-03" for f in found.findings)


def test_visits_are_not_mixed_unless_within_people():
    cohort = study(visits=3)
    once = analyse(cohort, Options(**FAST))
    assert once.table("correlations").column("n")[0] == 11 and "N-STUDY" in codes(once)
    assert analyse(cohort, Options(visit="v2", **FAST)).table("correlations").column("r") != once.table(
        "correlations"
    ).column("r")
    inside = analyse(cohort, Options(repeated=True, **FAST))
    table = inside.table("repeated-correlations")
    assert (table.column("people")[0], table.column("rows")[0], table.column("df")[0]) == (11, 33, 21)
    assert inside.summary[0].startswith("Within people") and any(s.startswith("Between people") for s in inside.summary)
    assert isinstance(inside.figures[0], Scatter) and len(set(inside.figures[0].group)) == 11


def test_no_correlation_is_rounded_to_a_perfect_one():
    assert [r_number(r) for r in (-0.997, 0.9997, 0.5, 1.0, -0.99999)] == [
        "−0.997",
        "0.9997",
        "0.50",
        "1.00",
        "−1.0000",
    ]


def test_drawings_hold_every_pair_and_the_clearest_first():
    found = analyse(study(), Options(**FAST))
    matrix, first = found.figures[0], found.figures[1]
    assert isinstance(matrix, Matrix) and matrix.values.shape == (2, 2) and matrix.marks[0][0] == "*"
    assert isinstance(first, Scatter) and first.line is not None and len(first.labels) == 11
    x, y, low, high = first.line
    fitted = np.polyval(np.polyfit(first.x, first.y, 1), x)
    assert y == pytest.approx(fitted, abs=1e-9) and (low < y).all() and (y < high).all()


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (Options(variables=("T9",)), "E-UNKNOWN", "a variable of the study"),
        (Options(group=("pls",)), "E-UNKNOWN", "one of als, control"),
        (Options(visit="v9"), "E-UNKNOWN", "one of v0"),
        (Options(given=("bmi",)), "E-UNKNOWN", "covariate"),
        (Options(method="partial"), "E-OPTION", "covariates"),
        (Options(method="kendall"), "E-OPTION", "one of"),
        (Options(variables=(T2.name,), against=(T2.name,)), "E-OPTION", "against itself"),
        (Options(repeated=True), "E-PEOPLE", "two visits"),
        (Options(repeated=True, visit="v0"), "E-OPTION", "all visits"),
        (Options(repeated=True, method="spearman"), "E-OPTION", "all visits"),
        (Options(level=1.5), "E-OPTION", "<= 0.999"),
    ],
)
def test_what_cannot_be_asked_is_refused(options, code, words):
    with pytest.raises(NeuromyoError, match=words) as refused:
        analyse(study(), options)
    assert refused.value.code == code and refused.value.remedy


def test_too_few_people_all_missing_or_all_the_same_are_refused():
    with pytest.raises(DataError, match="at least 4 people") as few:
        analyse(study(patients=3), Options(**FAST))
    assert few.value.code == "E-PEOPLE"

    def nothing(values: dict) -> None:
        values[CMAP.name][:] = np.nan
        values[SCORE.name][:] = np.nan

    with pytest.raises(DataError, match="found 0 of 11 people"):
        analyse(study(change=nothing), Options(**FAST))

    def steady(values: dict) -> None:
        values[CMAP.name][:] = values[SCORE.name][:] = 1.0

    with pytest.raises(DataError, match="differ between people") as flat:
        analyse(study(change=steady), Options(**FAST))
    assert flat.value.code == "E-STUDY"


def test_a_study_without_clinical_values_is_refused():
    cohort = study()
    bare = Cohort(cohort.person, cohort.visit, cohort.days, (T2, VOLUME), {v.name: cohort.values[v.name] for v in (T2, VOLUME)},
                  cohort.visits, cohort.people)  # fmt: skip
    with pytest.raises(DataError, match="clinical variables") as refused:
        analyse(bare, Options(**FAST))
    assert refused.value.code == "E-STUDY"
    assert (
        len(
            analyse(bare, Options(variables=(T2.name, VOLUME.name), against=(T2.name, VOLUME.name), **FAST))
            .table("correlations")
            .rows
        )
        == 1
    )


def test_the_same_each_time_and_by_the_seed():
    one, two, other = (analyse(study(), Options(seed=s, **FAST)).table("correlations").rows for s in (1, 1, 2))
    assert one == two != other


def test_the_order_of_people_changes_nothing_but_drawn_orders():
    cohort = study()
    back = cohort.rows(np.arange(len(cohort))[::-1])
    a, b = (analyse(c, Options(**FAST)).table("correlations") for c in (cohort, back))
    for name in ("n", "r", "p", "rho", "slope", "r_least_without", "most_influential"):
        assert (
            a.column(name) == pytest.approx(b.column(name), abs=1e-12)
            if name != "most_influential"
            else a.column(name) == b.column(name)
        )
