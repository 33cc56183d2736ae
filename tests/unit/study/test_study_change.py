"""Change from visit to visit: known answers, who is missing, what is refused and what is told."""

import json
import math

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from neuromyo.core.analysis import Along, Courses, Curves, Forest, Scatter
from neuromyo.core.cohort import YEAR_DAYS, Cohort, Participant, Variable
from neuromyo.core.errors import NeuromyoError
from neuromyo.study.change import Options, analyse

T2, CMAP = "T2/tibialis-anterior/right", "cmap.amplitude/tibialis-anterior/right"


def cohort(values, groups, days=None, visits=("m0", "m4", "m8"), units=None, ends=None, levels=None, more=None):
    """values : variable -> (n, V), NaN where missing; days : (n, V), a NaN day with no value at all is a visit that was not made."""
    names = list(values)
    n, V = next(iter(values.values())).shape
    visits = visits[:V]
    days = np.tile(np.arange(V) * 120.0, (n, 1)) if days is None else days
    came = np.any([np.isfinite(values[k]) for k in names], axis=0)
    labels = [f"{i + 1:02d}" for i in range(n)]
    at = [(i, k) for i in range(n) for k in range(V) if came[i, k]]
    people = {}
    for i, label in enumerate(labels):
        end, end_days = (ends or {}).get(i, ("", math.nan))
        people[label] = Participant(label, groups[i], end=end, end_days=end_days, more=(more or [{}] * n)[i])
    variables = tuple(
        Variable(k, (units or {}).get(k, "ms"), "clinical" if k == CMAP else "imaging", quantity=k.split("/")[0],
                 structure=[*k.split("/"), ""][1], level=(levels or {}).get(k, ""))
        for k in names
    )  # fmt: skip
    return Cohort(np.array([labels[i] for i, _ in at], dtype=object), np.array([visits[k] for _, k in at], dtype=object),
                  np.array([days[i, k] for i, k in at]), variables,
                  {name: np.array([values[name][i, k] for i, k in at]) for name in names}, visits, people)  # fmt: skip


GROUPS = ["als"] * 11 + ["control"] * 8


def two_visits(seed=1, gain=1.2):
    rng = np.random.default_rng(seed)
    first = rng.normal(33, 1.5, 19) + np.r_[np.full(11, 4.0), np.zeros(8)]
    return np.stack([first, first + rng.normal(0, 1, 19) + np.r_[np.full(11, gain), np.zeros(8)]], 1)


def row(table, **equal):
    names = [c.name for c in table.columns]
    found = [dict(zip(names, r, strict=True)) for r in table.rows]
    return next(r for r in found if all(r[k] == v for k, v in equal.items()))


def codes(analysis):
    return {f.code for f in analysis.findings}


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
    rate = d[als] / days[als, 1] * YEAR_DAYS
    assert inside["rate"] == pytest.approx(rate.mean()) and inside["p_rate"] == pytest.approx(
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
    assert found.summary[0].startswith("In cmt1a, fat/calf went from") and "+1.8 percentage points" in found.summary[0]
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
    assert drawn.title.startswith("Change in cmap") and "T2/" in drawn.title and drawn.line is not None
    assert any("r = -0.63 (95 % CI -0.89 to -0.05; n = 11; p = 0.038" in s for s in found.summary)


def with_leavers(seed=6):
    rng = np.random.default_rng(seed)
    y = rng.multivariate_normal([34, 35, 36], [[4, 3.5, 3.2], [3.5, 4.2, 3.7], [3.2, 3.7, 4.6]], 19)
    y[11:] -= [0, 2, 4]
    y[2, 1:], y[7, 2], y[15, 1] = np.nan, np.nan, np.nan
    return y


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
    courses = next(f for f in found.figures if isinstance(f, Courses))
    assert courses.ends == {2: "died", 7: "withdrew"} and set(courses.means) == {"als", "control"}
    told = next(f for f in found.findings if f.code == "W-ABSENT" and "2 of 11 in als at m8" in f.message)
    assert "as if nobody had died" in told.consequence
    assert "change-start-of-leavers" in [t.id for t in found.tables]


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


def along_nerve(seed=9, n=(9, 8), gain=0.05):
    rng = np.random.default_rng(seed)
    names = [f"FA/tibial/{k}" for k in (40, 0, 120, 80, 160)]
    values = {}
    for name in names:
        first = rng.normal(0.5, 0.03, sum(n))
        drop = gain * (int(name.split("/")[-1]) >= 120) * (np.arange(sum(n)) < n[0])
        values[name] = np.stack([first, first - drop + rng.normal(0, 0.012, sum(n))], 1)
    return cohort(values, ["als"] * n[0] + ["control"] * n[1], levels={k: k.split("/")[-1] + " mm" for k in names},
                  units=dict.fromkeys(names, ""))  # fmt: skip


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
    assert set(found.table("change-within-groups").column("rate")) == {None} and set(
        found.table("change-of-each-person").column("days")
    ) == {None}
    assert any(f.where == "dates of visits" for f in found.findings) and "per year" not in " ".join(found.summary)
    courses = next(f for f in found.figures if isinstance(f, Courses))
    assert courses.time_axis == "visit (0: m0, 1: m4)" and courses.times[0].tolist() == [0, 1]


def test_rates_can_be_a_month():
    y = two_visits()
    years, months = (
        analyse(cohort({T2: y}, GROUPS), Options(unit_of_time=u)).table("change-within-groups")
        for u in ("years", "months")
    )
    assert years.column("rate")[0] == pytest.approx(12 * months.column("rate")[0])


def test_one_person_or_one_method_deciding_is_told():
    y = two_visits(seed=10, gain=0.0)
    y[:11, 1] = y[:11, 0] + 0.45 + np.linspace(-0.8, 0.8, 11)
    y[11:, 1] = y[11:, 0] + np.linspace(-0.8, 0.8, 8)
    y[3, 1] += 1.2
    assert "W-INFLUENCE" in codes(analyse(cohort({T2: y}, GROUPS)))
    y = two_visits(seed=11, gain=0.0)
    y[:, 1] = y[:, 0] + 0.6 * (y[:, 0] - 35) + np.random.default_rng(1).normal(0, 0.3, 19)
    close = next(f for f in analyse(cohort({T2: y}, GROUPS)).findings if f.code == "W-CLOSE")
    assert "ANCOVA" in close.message and "another question" in close.consequence


def test_spreads_that_differ_and_uneven_gaps_are_told():
    y = two_visits()
    y[11:, 1] = y[11:, 0] + np.linspace(-0.05, 0.05, 8)
    days = np.stack([np.zeros(19), np.linspace(60, 240, 19)], 1)
    found = analyse(cohort({T2: y}, GROUPS, days))
    assert "W-SPREAD" in codes(found) and any(
        "60 to" in f.message for f in found.findings if f.where == "dates of visits"
    )


def test_falling_back_to_the_mean_is_told():
    found = analyse(cohort({T2: two_visits()}, GROUPS), Options(retest_wsd=("1.2",)))
    assert any("measuring error" in f.message and "back" in f.message for f in found.findings if f.code == "N-STUDY")


def test_nobody_varies_and_one_person_alone():
    same = np.tile([30.0, 31.0], (8, 1))
    found = analyse(cohort({T2: same}, ["als"] * 7 + ["control"]))
    assert {"W-TIES", "W-ABSENT"} <= codes(found)
    one = row(found.table("change-within-groups"), group="als")
    assert one["change"] == 1.0 and one["p"] is None and one["srm"] is None
    assert "change-between-groups" not in [t.id for t in found.tables]
    assert any("one person only" in f.message for f in found.findings) and any(
        "too few people" in f.message for f in found.findings
    )


def test_a_variable_without_follow_up_is_left_out_and_told():
    y = two_visits()
    gone = y.copy()
    gone[:, 1] = np.nan
    found = analyse(cohort({T2: y, "T1/muscle": gone}, GROUPS))
    assert any(f.code == "W-ABSENT" and f.where == "T1/muscle" for f in found.findings)
    with pytest.raises(NeuromyoError, match="E-PEOPLE") as caught:
        analyse(cohort({"T1/muscle": gone, T2: y}, GROUPS), Options(variables=("T1/muscle",)))
    assert caught.value.needed and caught.value.found == "nobody" and "labels" in caught.value.remedy


def backwards():
    days = np.tile([0.0, 120.0], (19, 1))
    days[4, 1] = -10
    return cohort({T2: two_visits()}, GROUPS, days)


def infinite():
    y = two_visits()
    y[1, 1] = np.inf
    return cohort({T2: y, "T1/muscle": two_visits()}, GROUPS)


REFUSED = {
    "one visit": (lambda: cohort({T2: two_visits()[:, :1]}, GROUPS), Options(), "E-STUDY", "a baseline and a later visit"),
    "dates run backwards": (backwards, Options(), "E-DATE", "sub-05"),
    "no such visit": (lambda: cohort({T2: two_visits()}, GROUPS), Options(visits=("m6",)), "E-UNKNOWN", "m0, m4"),
    "no such group": (lambda: cohort({T2: two_visits()}, GROUPS), Options(groups=("sma",)), "E-UNKNOWN", "als, control"),
    "no such variable": (lambda: cohort({T2: two_visits()}, GROUPS), Options(variables=("T3",)), "E-UNKNOWN", T2),
    "no such covariate": (lambda: cohort({T2: two_visits()}, GROUPS), Options(covariates=("shoe",)), "E-UNKNOWN", "shoe"),
    "infinite": (infinite, Options(), "E-STUDY", "infinity"),
    "nothing imaged": (lambda: cohort({CMAP: two_visits()}, GROUPS), Options(), "E-STUDY", "variables"),
    "a wrong choice": (lambda: cohort({T2: two_visits()}, GROUPS), Options(correction="bonferoni"), "E-OPTION", "holm"),
    "a wrong level": (lambda: cohort({T2: two_visits()}, GROUPS), Options(level=95.0), "E-OPTION", "level"),
    "baseline after all": (lambda: cohort({T2: two_visits()}, GROUPS), Options(baseline="m4"), "E-STUDY", "later visit"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    given, options, code, words = REFUSED[name]
    with pytest.raises(NeuromyoError) as caught:
        analyse(given(), options)
    error = caught.value
    assert error.code == code and words in str(error) and error.remedy and error.needed and error.found


SMALL = {
    "two people": (["als", "control"], 2),
    "two and two": (["als", "als", "control", "control"], 2),
    "three and one": (["als", "als", "als", "control"], 3),
    "no groups": ([""] * 5, 2),
    "three groups": (["als", "als", "als", "sma", "sma", "control", "control", "control"], 3),
    "some without": (["als"] * 4 + [""] + ["control"] * 4, 2),
}


@pytest.mark.parametrize("name", SMALL)
def test_few_people_give_what_can_be_given(name):
    groups, visits = SMALL[name]
    y = np.random.default_rng(12).normal(30, 2, (len(groups), visits))
    found = analyse(cohort({T2: y}, groups), Options(with_variables=(T2,), delta=1.0))
    assert found.exploratory and "W-EXPLORATORY" in codes(found) and found.summary and found.methods
    for table in found.tables:
        assert not any(isinstance(x, float) and not math.isfinite(x) for r in table.rows for x in r), table.id
    json.dumps(found.as_dict(), allow_nan=False)


def test_the_same_again_and_with_rows_in_another_order():
    given = cohort({T2: with_leavers(), CMAP: with_leavers(13)}, GROUPS, ends={2: ("died", 90.0)})
    options = Options(variables=(T2, CMAP), with_variables=(CMAP,), delta=1.0)
    once = json.dumps(analyse(given, options).as_dict(), allow_nan=False)
    order = np.random.default_rng(14).permutation(len(given))
    assert json.dumps(analyse(given.rows(order), options).as_dict()) == once
    forests = [f for f in analyse(given, options).figures if isinstance(f, Forest)]
    assert {f.id for f in forests} == {"change-difference-1", "change-difference-2", "change-response"}
    assert len({f.id for f in analyse(given, options).figures}) == len(analyse(given, options).figures)
