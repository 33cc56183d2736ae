"""Agreement of readers as an analysis: what it says, what it refuses, what it warns of."""

import numpy as np
import pytest

from neuromyo.core.analysis import Agreement, Dots
from neuromyo.core.errors import DataError, OptionError
from neuromyo.stats.icc import icc
from neuromyo.study import agree
from neuromyo.study.agree import Options
from tests.unit.stats.test_stats_agreement import SHROUT_FLEISS
from tests.unit.study.agreement_tables import NAME, cohort, read

READER = Options(between="reader")


def codes(found):
    return [f.code for f in found.findings]


def test_shrout_and_fleiss_through_the_analysis():
    found = agree.analyse(cohort(SHROUT_FLEISS, ("A", "B", "C", "D"), unit=""), READER)
    told = found.table("icc")
    assert [round(v, 2) for v in told.column("icc")] == [0.17, 0.29, 0.71, 0.44, 0.62, 0.91]
    assert told.column("form") == ["ICC(1,1)", "ICC(2,1)", "ICC(3,1)", "ICC(1,k)", "ICC(2,k)", "ICC(3,k)"]
    assert len(found.table("limits").rows) == 6 and len(found.figures) == 7
    assert found.exploratory and "W-EXPLORATORY" in codes(found)  # six people
    level = [f for f in found.findings if "differ in level" in f.message]
    assert len(level) == 1 and "drawn from many" in level[0].consequence


def test_what_a_clinician_reads_first():
    x = read()
    found = agree.analyse(cohort(x), READER)
    first, share, pair = found.summary
    assert NAME in first and "20 people, 2 readers" in first and "MDC95" in first and " ms (95 % CI " in first
    assert f"ICC(2,1) is {icc(x).value:.2f} (95 % CI" in share
    assert "reader B reads" in pair and "than A" in pair
    row = {}
    for one in (found.table("reliability"), found.table("precision")):
        row |= dict(zip((c.name for c in one.columns), one.rows[0], strict=True))
    assert (
        row["mdc95"] == pytest.approx(1.96 * 2**0.5 * row["wsd"])
        and row["mdc95_low"] < row["mdc95"] < row["mdc95_high"]
    )
    assert len(found.table("readings").rows) == 40 and not found.exploratory
    drawn = next(f for f in found.figures if isinstance(f, Agreement))
    assert (
        drawn.labels[0] == "01"
        and drawn.axis.endswith("(ms)")
        and "(ms)" in drawn.difference_axis
        and "n = 20" in drawn.caption
    )
    assert any(isinstance(f, Dots) for f in found.figures)
    assert all("doi" in m or "not averaged" in m or "Pitman" in m for m in found.methods)


def test_the_form_asked_for_is_told_first():
    x = read(k=3)
    found = agree.analyse(cohort(x, "ABC"), Options(between="reader", form="3,k"))
    assert f"ICC(3,k) is {icc(x, '3,k').value:.2f}" in found.summary[1]


def test_ratios():
    rng = np.random.default_rng(3)
    truth = rng.uniform(5, 60, 40)[:, None]
    found = agree.analyse(
        cohort(truth * np.exp(rng.normal([0, 0.1], 0.08, (40, 2)))), Options(between="reader", log=True)
    )
    row = dict(zip((c.name for c in found.table("limits").columns), found.table("limits").rows[0], strict=True))
    assert (
        row["bias"] == pytest.approx(1.1, abs=0.06) and row["unit"] == "" and "times what A reads" in found.summary[2]
    )
    assert "ratio of two readings" in found.summary[0] and "of logarithms" in found.summary[1]
    plain = agree.analyse(cohort(truth * np.exp(rng.normal(0, 0.08, (40, 2)))), READER)
    grow = [f for f in plain.findings if "larger for larger" in f.message]
    assert grow and "--log" in grow[0].remedy
    with pytest.raises(DataError, match=r"sub-02 B −1\.00.*leave out --log"):
        agree.analyse(cohort([[1, 2], [3, -1], [4, 4]]), Options(between="reader", log=True))


def test_a_second_scale_is_seen_and_not_over_read():
    x = read(seed=5, n=40)
    found = agree.analyse(cohort(np.column_stack([x[:, 0], 1.4 * x[:, 1]])), READER)
    slope = [f for f in found.findings if "differences go with the value" in f.message]
    assert slope and "Pitman-Morgan" in slope[0].consequence and "more noise" in slope[0].consequence
    assert next(f for f in found.figures if isinstance(f, Agreement)).slope is not None


def test_one_person_far_off_is_named():
    x = read(n=25)
    x[6, 1] += 15
    found = agree.analyse(cohort(x), READER)
    assert [f.message for f in found.findings if f.code == "W-INFLUENCE"] == [
        "sub-07 differs by far more than all others"
    ]


def test_readers_who_give_the_same():
    x = read()[:, :1]
    found = agree.analyse(cohort(np.repeat(x, 2, axis=1)), READER)
    assert "all readings of a person are the same" in found.summary[0] and "cannot be told" in found.summary[0]
    assert found.table("icc").column("icc") == [1.0] * 6 and found.table("icc").column("icc_low") == [None] * 6
    assert "N-STUDY" in codes(found)


def test_people_who_are_all_alike():
    found = agree.analyse(cohort([[1, 2], [2, 1], [1, 2], [1.5, 1.5]]), READER)
    assert "cannot be told: people do not differ at all" in found.summary[1]
    assert found.table("icc").column("icc") == [None] * 6 and found.table("precision").column("wsd")[0] > 0


def test_two_people():
    found = agree.analyse(cohort(read(n=2)), READER)
    assert (
        "needs three" in found.summary[1] and found.exploratory and found.table("precision").column("wsd_high")[0] > 0
    )
    with pytest.raises(DataError, match=r"at least two people .* found 1") as said:
        agree.analyse(cohort(read(n=1)), READER)
    assert said.value.code == "E-PEOPLE"


def test_a_reader_who_gives_everybody_the_same():
    found = agree.analyse(cohort(np.column_stack([read()[:, 0], np.full(20, 40.0)])), READER)
    told = [f.message for f in found.findings if "gave everybody the same value" in f.message]
    assert told == ["reader B gave everybody the same value, 40.0"] and "ICC(2,1) is" in found.summary[1]


def test_left_and_right_together_rest_on_people():
    left, right = read(1), read(2)
    both = cohort(left, name="T2/ta/left", more={"T2/ta/right": right})
    found = agree.analyse(both, Options(variables=("T2/ta/left", "T2/ta/right"), between="reader", pool=True))
    row = dict(zip((c.name for c in found.table("limits").columns), found.table("limits").rows[-1], strict=True))
    assert row["variable"] == "all places together" and row["n"] == 40 and row["n_people"] == 20
    assert any("MOVER" in m for m in found.methods)
    with pytest.raises(OptionError, match="two or more variables in the same unit"):
        agree.analyse(cohort(left), Options(between="reader", pool=True))


def test_groups_together_lift_the_icc():
    x = read(n=20)
    x[10:] += 30
    found = agree.analyse(cohort(x, groups=["control"] * 10 + ["patient"] * 10), READER)
    assert any("the more people differ" in f.consequence for f in found.findings)


def test_grades():
    rng = np.random.default_rng(6)
    truth = rng.integers(0, 4, 30)[:, None]
    x = np.clip(truth + rng.integers(-1, 2, (30, 3)) * (rng.random((30, 3)) < 0.3), 0, 3)
    found = agree.analyse(cohort(x, "ABC", unit=""), Options(between="reader", kind="ordinal"))
    told = found.table("kappa")
    from sklearn.metrics import cohen_kappa_score

    assert told.column("kappa")[0] == pytest.approx(cohen_kappa_score(x[:, 0], x[:, 1], weights="quadratic"))
    assert told.column("first") == ["A", "A", "B", "all"] and "gave the same grade to" in found.summary[0]
    assert sum(n for v, a, b, *_, n in found.table("grades").rows if (a, b) == ("A", "B")) == 30
    with pytest.raises(DataError, match="grades of the scale 0, 1"):
        agree.analyse(cohort(x, "ABC"), Options(between="reader", kind="ordinal", scale=(0, 1)))
    with pytest.raises(DataError, match="as numbers"):
        agree.analyse(cohort(read(n=30)), Options(between="reader", kind="ordinal"))


def test_dice_coefficients():
    x = np.clip(np.random.default_rng(1).normal(0.9, 0.03, (12, 2)), 0, 1)
    found = agree.analyse(cohort(x, ("AB", "AC"), unit=""), Options(between="reader", kind="dice"))
    worst = int(np.argmin(x[:, 0]))
    assert f"(sub-{worst + 1:02d})" in found.summary[0] and found.table("dice").column("dice")[0] == pytest.approx(
        x[:, 0].mean()
    )
    with pytest.raises(DataError, match="shares, not percent"):
        agree.analyse(cohort(100 * x, ("AB", "AC")), Options(between="reader", kind="dice"))


def test_unknown_names_are_answered_with_known_ones():
    with pytest.raises(DataError, match="one of A, B"):
        agree.analyse(cohort(read()), Options(between="reader", readers=("A", "Z")))
    with pytest.raises(DataError, match="there are: T2/tibialis-anterior/right"):
        agree.analyse(cohort(read()), Options(variables=("T1",)))
    with pytest.raises(DataError, match=r"at least two readers .* found 1 \(A\)") as said:
        agree.analyse(cohort(read()), Options(between="reader", readers=("A",)))
    assert said.value.code == "E-STUDY" and "--between" in said.value.remedy
    with pytest.raises(OptionError, match="between"):
        agree.analyse(cohort(read()), Options(between="mood"))


def test_many_variables_are_told_in_short():
    more = {f"CSA/level-{i}": read(i) for i in range(2, 7)}
    found = agree.analyse(cohort(read(), more=more), READER)
    assert len(found.summary) == 6 and len(found.table("limits").rows) == 6
    assert not any("reader B reads" in s for s in found.summary)


@pytest.mark.parametrize(("n", "told"), [(6, "not measured"), (12, "at n = 11"), (40, "at n = 30")])
def test_alpha_tells_the_measured_coverage_of_its_interval(n, told):
    rng = np.random.default_rng(4)
    truth = rng.integers(0, 4, n)[:, None]
    grades = np.clip(truth + rng.integers(0, 2, (n, 3)), 0, 4)
    found = agree.analyse(cohort(grades, ("A", "B", "C"), unit=""), Options(between="reader", kind="ordinal"))
    row = next(r for r in found.table("kappa").rows if r[1] == "all")
    assert told in row[-1] and told in " ".join(found.methods)
    assert (row[5] is None) == (n < 8)
    assert any(f.code == "W-EXPLORATORY" for f in found.findings) == (n < 20)
