"""Change from visit to visit: known answers, who is missing, nerves."""

import math

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from neuromyo.core.analysis import Along, Courses, Curves, Scatter
from neuromyo.core.cohort import YEAR_DAYS
from neuromyo.core.errors import NeuromyoError
from neuromyo.study.change import Options, analyse
from tests.unit.study.change_cohorts import CMAP, GROUPS, T2, along_nerve, cohort, row, two_visits, with_leavers


def test_two_complete_visits_agree_with_scipy_and_statsmodels():
    y = two_visits()
    days = np.stack([np.zeros(19), np.random.default_rng(2).integers(100, 150, 19)], 1)
    found = analyse(cohort({T2: y}, GROUPS, days))
    d, als = y[:, 1] - y[:, 0], np.arange(19) < 11
    inside = row(found.table("change-within-groups"), group="als")
    paired = stats.ttest_rel(y[als, 1], y[als, 0])
    assert inside["p"] == pytest.approx(paired.pvalue, rel=1e-8)
    assert [inside["change_low"], inside["change_high"]] == pytest.approx(list(paired.confidence_interval()), rel=1e-8)
    assert inside["p_sign_flips"] == pytest.approx(stats.permutation_test((d[als],), np.mean, permutation_type="samples", n_resamples=9999,
                                                   rng=1).pvalue, abs=0.01)  # fmt: skip
    inside = row(found.table("change-per-time"), group="als")
    rate = d[als] / days[als, 1] * YEAR_DAYS
    assert inside["rate"] == pytest.approx(rate.mean()) and inside["p"] == pytest.approx(
        stats.ttest_1samp(rate, 0).pvalue
    )
    assert (inside["days_median"], inside["days_least"], inside["days_most"]) == (
        np.median(days[als, 1]),
        *np.sort(days[als, 1])[[0, -1]],
    )
    between = found.table("change-between-groups")
    student, welch = stats.ttest_ind(d[als], d[~als]), stats.ttest_ind(d[als], d[~als], equal_var=False)
    for method in ("t of the change", "mixed model"):
        one = row(between, method=method)
        assert one["p"] == pytest.approx(student.pvalue, rel=1e-8) and one["df"] == pytest.approx(17, rel=1e-8)
    one = row(between, method="Welch's t of the change")
    assert one["p"] == pytest.approx(welch.pvalue, rel=1e-8) and one["df"] == pytest.approx(welch.df, rel=1e-8)
    assert one["p_permutation"] == pytest.approx(welch.pvalue, abs=0.02)
    ols = sm.OLS(d, np.stack([np.ones(19), als, y[:, 0]], 1)).fit()
    one = row(between, method="ANCOVA on the baseline")
    assert one["difference"] == pytest.approx(ols.params[1], rel=1e-8) and one["p"] == pytest.approx(
        ols.pvalues[1], rel=1e-8
    )


def test_charcot_marie_tooth_as_published():
    """Calf fat fraction +1.8 +- 1.7 % in 12 months, n = 10: t = 3.35, p = 0.009, SRM 1.06."""
    d = np.random.default_rng(3).normal(size=10)
    d = 1.8 + 1.7 * (d - d.mean()) / d.std(ddof=1)
    first = np.random.default_rng(4).normal(20, 5, 10)
    found = analyse(cohort({"fat/calf": np.stack([first, first + d], 1)}, ["cmt1a"] * 10, units={"fat/calf": "%"}))
    one = row(found.table("change-within-groups"), group="cmt1a")
    assert (
        one["change"] == pytest.approx(1.8)
        and one["p"] == pytest.approx(0.00855, abs=5e-6)
        and one["srm"] == pytest.approx(1.0588, abs=1e-4)
    )
    assert (
        found.summary[0].startswith("In cmt1a, fat of calf went from") and "+1.8 percentage points" in found.summary[0]
    )
    assert "standardised response mean 1.06" in found.summary[0] and "p = 0.009" in found.summary[0]
    assert any(f.code == "N-STUDY" and "no group control" in f.message for f in found.findings) and found.exploratory


def test_change_with_change_as_published():
    """r = -0.63, n = 11: t = -2.434, p = 0.0378, interval -0.89 to -0.05."""
    rng = np.random.default_rng(5)
    x, e = stats.zscore(rng.normal(size=11)), rng.normal(size=11)
    e = stats.zscore(e - e.mean() - x * (x @ e) / (x @ x))
    y = -0.63 * x + math.sqrt(1 - 0.63**2) * e
    zero = np.zeros(11)
    given = cohort(
        {T2: np.stack([zero + 35, 35 + x], 1), CMAP: np.stack([zero + 5, 5 + y], 1)}, ["als"] * 11, units={CMAP: "mV"}
    )
    found = analyse(given, Options(with_variables=(CMAP,)))
    one = row(found.table("change-with-change"), group="als")
    assert (
        one["r"] == pytest.approx(-0.63)
        and one["t"] == pytest.approx(-2.434, abs=1e-3)
        and one["p"] == pytest.approx(0.0378, abs=5e-5)
    )
    assert [one["r_low"], one["r_high"]] == pytest.approx([-0.89, -0.05], abs=0.005) and one[
        "p_permutation"
    ] == pytest.approx(0.038, abs=0.012)
    drawn = next(f for f in found.figures if isinstance(f, Scatter))
    assert drawn.title.startswith("Change in CMAP amplitude") and "T2 of" in drawn.title and drawn.line is not None
    assert any("r = −0.63 (95 % CI −0.89 to −0.05; n = 11; p = 0.038" in s for s in found.summary)


def test_who_left_is_counted_and_kept():
    y = with_leavers()
    found = analyse(cohort({T2: y}, GROUPS, ends={2: ("died", 90.0), 7: ("withdrew", math.nan)}), Options(delta=1.0))
    seen = found.table("change-who-was-measured")
    assert (
        row(seen, group="als", visit="m4")["reasons"] == "died: 1"
        and row(seen, group="als", visit="m8")["reasons"] == "died: 1, withdrew: 1"
    )
    assert row(seen, group="control", visit="m4")["reasons"] == "visit missed: 1"
    left = found.table("change-who-left")
    assert (
        left.column("participant") == ["03", "08"]
        and left.column("last_visit") == ["m0", "m4"]
        and left.column("reason") == ["died", "withdrew"]
    )
    model = row(found.table("change-between-groups"), method="mixed model", visit="m8")
    t = row(found.table("change-between-groups"), method="t of the change", visit="m8")
    assert (model["n"], t["n"]) == (11, 9)
    beside = row(found.table("change-with-the-missing"), group="als", visit="m8")
    assert (
        beside["n"] == 9
        and beside["model_change"] != beside["change"]
        and abs(beside["model_change"] - beside["change"]) < 1
    )
    courses = next(f for f in found.figures if isinstance(f, Courses))
    assert courses.ends == {2: "died", 7: "withdrew"} and set(courses.means) == {"als", "control"}
    told = next(f for f in found.findings if f.code == "W-ABSENT" and "2 of 11 in als at m8" in f.message)
    assert "as if nobody had died" in told.consequence
    assert "change-start-of-leavers" in [t.id for t in found.tables]


def test_reasons_of_those_who_never_came_or_were_not_measured():
    y, other = two_visits(), two_visits(2)
    y[0], other[0], y[1, 1] = np.nan, np.nan, np.nan
    found = analyse(cohort({T2: y, "T1/muscle": other}, GROUPS))
    seen = found.table("change-who-was-measured")
    assert row(seen, variable=T2, visit="m4", group="als")["reasons"] == "came, not measured: 1, never came: 1"
    assert row(seen, variable="T1/muscle", visit="m0", group="als")["reasons"] == "never came: 1"
    alone = analyse(cohort({T2: y}, GROUPS))
    assert "That is " in " ".join(alone.summary) and "days of each" not in " ".join(alone.summary)
    assert len(found.summary) == 2 and found.summary[0].startswith("Of 2 variables none differed")


def test_tipping_point_turns_the_result():
    y = with_leavers()
    given = cohort({T2: y}, GROUPS)
    plain = row(analyse(given).table("change-sensitivity"), group="als")
    assert plain["missing"] == 2 and plain["n"] == 11 and plain["p"] < 0.05 and plain["tipping_delta"] < 0
    at = row(analyse(given, Options(delta=plain["tipping_delta"])).table("change-sensitivity"), group="als")
    assert at["shifted_low"] == pytest.approx(0, abs=1e-9) and at["p_shifted"] == pytest.approx(0.05)
    found = analyse(given)
    curves = next(f for f in found.figures if isinstance(f, Curves))
    assert curves.mark_x == pytest.approx(plain["tipping_delta"]) and curves.x[0] < curves.mark_x
    assert any("would no longer be significant if each of them were" in s and "below" in s for s in found.summary)


def test_more_visits_agree_with_a_model_of_two_where_the_rest_adds_nothing():
    """With all people complete, the mixed model's answer at each visit is that of its two visits alone."""
    y = np.random.default_rng(7).multivariate_normal([34, 35, 36], [[4, 3, 2], [3, 5, 3], [2, 3, 6]], 19)
    three = analyse(cohort({T2: y}, GROUPS)).table("change-between-groups")
    two = analyse(cohort({T2: y[:, [0, 2]]}, GROUPS, visits=("m0", "m8"))).table("change-between-groups")
    assert row(three, method="mixed model", visit="m8")["p"] == pytest.approx(
        row(two, method="mixed model", visit="m8")["p"], rel=1e-8
    )
    given = row(three, method="mixed model given the baseline", visit="m8")
    assert given["p"] == pytest.approx(row(two, method="ANCOVA on the baseline", visit="m8")["p"], rel=1e-8)


def test_covariates_and_a_covariance_a_group():
    y = two_visits()
    age = np.random.default_rng(8).normal(55, 8, 19)
    given = cohort({T2: y}, GROUPS, more=[{"onset": float(a)} for a in age])
    found = analyse(given, Options(covariates=("onset",), spread="by-group"))
    als = (np.arange(19) < 11).astype(float)
    ols = sm.OLS(y[:, 1] - y[:, 0], np.stack([np.ones(19), als, y[:, 0], age], 1)).fit()
    assert row(found.table("change-between-groups"), method="ANCOVA on the baseline")["p"] == pytest.approx(
        ols.pvalues[1], rel=1e-8
    )
    assert any("adjusted for onset" in m and "covariance of its own" in m for m in found.methods)
    d = y[:, 1] - y[:, 0]
    welch = stats.ttest_ind(d[als == 1], d[als == 0], equal_var=False)
    alone = analyse(cohort({T2: y}, GROUPS), Options(spread="by-group"))
    assert row(alone.table("change-between-groups"), method="mixed model")["p"] == pytest.approx(welch.pvalue, rel=1e-8)


def test_reliable_change_by_repeats_and_by_controls():
    y = two_visits()
    d = y[:, 1] - y[:, 0]
    given = analyse(cohort({T2: y}, GROUPS), Options(retest_wsd=("0.5",)))
    one = row(given.table("change-reliable"), group="als")
    limit = 1.96 * math.sqrt(2) * 0.5
    assert (
        one["limit"] == pytest.approx(limit)
        and one["rose"] == (d[:11] > limit).sum()
        and one["fell"] == (d[:11] < -limit).sum()
    )
    assert row(given.table("change-reliable"), group="control")["n"] == 8
    by_controls = analyse(cohort({T2: y}, GROUPS)).table("change-reliable")
    assert by_controls.column("group") == ["als"] and "8 people of the group control" in by_controls.rows[0][7]
    assert by_controls.rows[0][5] == pytest.approx(stats.t.ppf(0.975, 8) * math.sqrt((d[11:] ** 2).mean()))
    people = given.table("change-of-each-person")
    assert people.column("beyond_error").count("rose") == (d > limit).sum()
    for wrong, code in ((("x",), "E-OPTION"), (("0",), "E-OPTION"), (("volume=2",), "E-UNKNOWN")):
        with pytest.raises(NeuromyoError) as caught:
            analyse(cohort({T2: y}, GROUPS), Options(retest_wsd=wrong))
        assert caught.value.code == code and caught.value.remedy


def test_many_variables_are_corrected():
    y = two_visits(gain=1.0)
    many = {f"T2/{k}": y + np.random.default_rng(k).normal(0, 0.8, y.shape) for k in range(8)}
    plain = analyse(cohort(many, GROUPS)).table("change-between-groups")
    p = [r for r, m in zip(plain.column("p"), plain.column("method"), strict=True) if m == "mixed model"]
    corrected = [
        r for r, m in zip(plain.column("p_corrected"), plain.column("method"), strict=True) if m == "mixed model"
    ]
    assert corrected == pytest.approx(stats.false_discovery_control(p))
    none = analyse(cohort(many, GROUPS), Options(correction="none"))
    assert [x for x in none.table("change-between-groups").column("p_corrected") if x is not None] == pytest.approx(p)
    assert len([f for f in none.figures if isinstance(f, Courses)]) == 8
    assert sum(f.code == "W-ABSENT" for f in none.findings) == 0


def test_levels_of_a_nerve_are_one_profile():
    found = analyse(along_nerve())
    table = found.table("change-along-nerve")
    own = [r for r in table.rows if r[2] == "als" and not r[3]]
    assert [r[4] for r in own] == ["0 mm", "40 mm", "80 mm", "120 mm", "160 mm"]
    assert all(r[10] >= r[9] for r in table.rows) and max(own[3][10], own[4][10]) < 0.05 < min(r[10] for r in own[:3])
    drawn = next(f for f in found.figures if isinstance(f, Along))
    assert drawn.levels.tolist() == [0, 40, 80, 120, 160] and drawn.significant.tolist() == [False] * 3 + [True] * 2
    assert any("differs between als and control at 120 mm to 160 mm" in s for s in found.summary)
    assert any("Nowhere could it be shown" in s and "in control" in s for s in found.summary)
    assert "change-within-groups" not in [t.id for t in found.tables]
    p = {r[4]: r[7:10] for r in own}
    one = along_nerve().values["FA/tibial/0"].reshape(17, 2)[:9]
    assert np.mean(p["0 mm"][:2]) == pytest.approx((one[:, 1] - one[:, 0]).mean())


def test_without_dates_nothing_is_given_per_time():
    y = two_visits()
    found = analyse(cohort({T2: y}, GROUPS, np.full(y.shape, np.nan)))
    assert "change-per-time" not in [t.id for t in found.tables]
    assert set(found.table("change-of-each-person").column("gap")) == {None}
    assert any(f.where == "dates of visits" for f in found.findings) and "per year" not in " ".join(found.summary)
    courses = next(f for f in found.figures if isinstance(f, Courses))
    assert courses.time_axis == "visit (0: m0, 1: m4)" and courses.times[0].tolist() == [0, 1]


def test_rates_can_be_a_month():
    y = two_visits()
    years, months = (
        analyse(cohort({T2: y}, GROUPS), Options(unit_of_time=u)).table("change-per-time") for u in ("years", "months")
    )
    assert years.column("rate")[0] == pytest.approx(12 * months.column("rate")[0])
