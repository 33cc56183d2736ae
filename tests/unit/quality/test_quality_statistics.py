"""The statistics of site qualification against other people's software, published tables and closed forms."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.weightstats import ttost_ind

from neuromyo.quality import components, drift, linearity, upgrade
from neuromyo.stats import intervals, repeats

#: Shrout & Fleiss, Psychol Bull 1979;86:420: six subjects, four judges; ICC(1,1) = .17
SHROUT = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
#: Pearson's data with York's weights (York et al. 2004): slope -0.4805, intercept 5.4799, S / (n - 2) = 1.4833
PEARSON_X = [0.0, 0.9, 1.8, 2.6, 3.3, 4.4, 5.2, 6.1, 6.5, 7.4]
PEARSON_Y = [5.9, 5.4, 4.4, 4.6, 3.5, 3.7, 2.8, 2.8, 2.4, 1.5]
WEIGHT_X = [1000.0, 1000, 500, 800, 200, 80, 60, 20, 1.8, 1.0]
WEIGHT_Y = [1.0, 1.8, 4, 8, 20, 20, 70, 70, 100, 500]


def test_mean_interval_is_students_and_widens_with_the_references_uncertainty():
    x = np.array([1.0, 2.0, 4.0, 4.5])
    low, high = stats.t.interval(0.95, 3, x.mean(), stats.sem(x))
    found = intervals.mean_interval(x)
    assert (found.low, found.high) == pytest.approx((low, high))
    wide = intervals.mean_interval(x, 100.0)
    assert wide.high - wide.low == pytest.approx(2 * 1.96 * 100, rel=1e-3)


def test_more_scans_to_decide_is_the_first_number_that_does():
    def expected(n):
        return intervals.t_interval(1.0, 2.0 / np.sqrt(n), n - 1)

    more = intervals.scans_to_decide(expected, -2.0, 2.0, 5)
    assert more is not None
    assert (
        intervals.decide(expected(5 + more), -2, 2) == "pass"
        and intervals.decide(expected(4 + more), -2, 2) == "undecided"
    )
    assert intervals.scans_to_decide(expected, -1.0, 1.0, 5) is None


def test_wsd_of_pairs_is_half_the_mean_square_difference():
    rng = np.random.default_rng(0)
    pairs = rng.normal(size=(12, 2))
    found = repeats.of_people([50 + p for p in pairs])
    assert found.wsd.value == pytest.approx(np.sqrt((np.diff(pairs, axis=1) ** 2).mean() / 2))
    low, high = np.sqrt(12 * found.wsd.value**2 / stats.chi2.ppf([0.975, 0.025], 12))
    assert (found.wsd.low, found.wsd.high) == pytest.approx((low, high))
    assert found.rc.value == pytest.approx(2.77 * found.wsd.value, rel=1e-3)


def test_icc_of_shrout_and_fleiss():
    found = repeats.of_people([np.array(row, float) for row in SHROUT])
    assert found.icc.value == pytest.approx(0.166, abs=0.0005)
    assert (found.icc.low, found.icc.high) == pytest.approx((-0.133, 0.723), abs=0.001)
    assert found.why_no_icc == ""


def test_people_who_cannot_have_an_icc():
    assert "three are needed" in repeats.of_people([np.array([1.0, 2.0]), np.array([3.0, 4.0])]).why_no_icc
    assert "copies" in repeats.of_people([np.array([k, k], float) for k in range(1, 5)]).why_no_icc
    assert repeats.of_people([np.array([1.0])]).n_people == 0


def test_pooling_with_gaps_counts_only_repeats():
    values = np.array([[1.0, 5.0], [3.0, np.nan], [7.0, 6.0]])
    groups = np.array([0, 0, 1])
    one, other = repeats.of_each(values, groups)
    assert one.wsd.value == pytest.approx(np.sqrt(2)) and one.wsd.df == 1 and not other.wsd.known
    assert repeats.pooled(values, groups).wsd.value == pytest.approx(np.sqrt(2))


def test_vials_that_err_together_count_once():
    rng = np.random.default_rng(1)
    common = np.repeat(rng.normal(size=(40, 1)), 8, axis=1)
    groups = np.repeat(np.arange(20), 2)
    assert repeats.pooled(common, groups).wsd.df == pytest.approx(20, rel=1e-6)
    assert repeats.pooled(rng.normal(size=(40, 8)), groups).wsd.df > 150


def test_pearsons_data_with_yorks_weights():
    u_x, u_y = 1 / np.sqrt(WEIGHT_X), 1 / np.sqrt(WEIGHT_Y)
    slope, intercept, *_ = linearity.york(np.array(PEARSON_X), np.array(PEARSON_Y), u_x, u_y)
    assert (slope, intercept) == pytest.approx((-0.480533407, 5.479910224), abs=1e-8)
    found = linearity.line(np.array(PEARSON_X), np.array(PEARSON_Y), u_x, u_y)
    se = (found.slope.high - found.slope.low) / 2 / stats.t.ppf(0.975, 8)
    assert se == pytest.approx(0.0580 * np.sqrt(1.4833), rel=0.01)


def test_without_errors_in_x_it_is_weighted_least_squares():
    rng = np.random.default_rng(2)
    x = np.linspace(100, 1000, 9)
    u = 0.02 * x
    y = 5 + 1.02 * x + rng.normal(size=9) * u
    theirs = sm.WLS(y, sm.add_constant(x), weights=1 / u**2).fit()
    ours = linearity.line(x, y, np.zeros(9), u)
    assert [ours.slope.low, ours.slope.high] == pytest.approx(theirs.conf_int()[1], rel=1e-9)
    assert [ours.intercept.low, ours.intercept.high] == pytest.approx(theirs.conf_int()[0], rel=1e-9)
    assert ours.r2 == pytest.approx(theirs.rsquared)
    bent = sm.WLS(y, np.stack([np.ones(9), x, x**2], 1), weights=1 / u**2).fit()
    assert ours.curvature_p == pytest.approx(bent.pvalues[2], rel=1e-6) and ours.curvature == pytest.approx(
        bent.params[2], rel=1e-6
    )


def test_constant_errors_give_demings_line():
    rng = np.random.default_rng(3)
    x, ratio = rng.uniform(0, 100, 12), 4.0
    y = 3 + 0.9 * x + rng.normal(size=12)
    sxx, syy, sxy = x.var(ddof=1), y.var(ddof=1), np.cov(x, y)[0, 1]
    deming = (syy - ratio * sxx + np.sqrt((syy - ratio * sxx) ** 2 + 4 * ratio * sxy**2)) / (2 * sxy)
    assert linearity.line(x, y, np.full(12, 1.0), np.full(12, 2.0)).slope.value == pytest.approx(deming, rel=1e-9)


def test_balanced_components_are_those_of_the_analysis_of_variance():
    rng = np.random.default_rng(4)
    a, b, n = 5, 4, 3
    x = (rng.normal(size=(a, 1, 1)) * 3 + rng.normal(size=(a, b, 1)) * 2 + rng.normal(size=(a, b, n))).ravel()
    site, day = np.repeat(np.arange(a), b * n), np.repeat(np.arange(a * b), n)
    found = components.components(x[:, None], site, day)
    cells = x.reshape(a, b, n)
    ms_e = cells.var(axis=2, ddof=1).mean()
    ms_d = n * cells.mean(2).var(axis=1, ddof=1).mean()
    ms_s = n * b * cells.mean((1, 2)).var(ddof=1)
    want = np.sqrt([(ms_s - ms_d) / (n * b), (ms_d - ms_e) / n, ms_e])
    assert found is not None
    assert [found.site, found.day, found.repeat] == pytest.approx(want)
    assert found.reproducibility.value == pytest.approx(np.sqrt((want**2).sum()))


def test_unbalanced_components_are_unbiased():
    rng = np.random.default_rng(5)
    site = np.array([0] * 9 + [1] * 4 + [2] * 5 + [3] * 6)
    day = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9])
    draws = []
    for _ in range(800):
        x = rng.normal(size=4)[site] * 3 + rng.normal(size=10)[day] * 2 + rng.normal(size=24)
        table = components._table(x, site, day)
        draws.append(np.linalg.solve(table.expected, table.squares))
    mean, se = np.mean(draws, 0), np.std(draws, 0) / np.sqrt(800)
    assert np.all(np.abs(mean - [9, 4, 1]) < 4 * se)


def test_one_site_has_no_reproducibility():
    assert components.components(np.arange(4.0)[:, None], np.zeros(4), np.arange(4)) is None


def test_trend_is_that_of_scipy():
    rng = np.random.default_rng(6)
    days, values = np.sort(rng.uniform(0, 700, 12)), rng.normal(size=12)
    theirs = stats.linregress(days / drift.DAYS_A_YEAR, values)
    found = drift.trend(days, values)
    half = stats.t.ppf(0.975, 10) * theirs.stderr
    assert (found.value, found.low, found.high) == pytest.approx(
        (theirs.slope, theirs.slope - half, theirs.slope + half)
    )


def test_c4_of_the_tables():
    assert [drift.c4(n) for n in (2, 5, 10, 25)] == pytest.approx([0.7979, 0.9400, 0.9727, 0.9896], abs=5e-5)


def test_a_scanner_in_control_rings_once_in_ninety_two_sessions():
    """Champ & Woodall 1987: the average run length of the four rules together is 91.75."""
    rng = np.random.default_rng(7)
    lengths = []
    for _ in range(250):
        found: tuple = ()
        n = 128
        values = rng.normal(size=n)
        while not found:
            found = drift.alarms(values, 0.0, 1.0)
            values = values if found else np.concatenate([values, rng.normal(size=n)])
        lengths.append(found[0].place + 1)
    assert np.mean(lengths) == pytest.approx(91.75, abs=4 * np.std(lengths) / np.sqrt(250))


@pytest.mark.parametrize(
    ("after", "rule"),
    [
        ([0.0, 3.2], "beyond 3 sigma"),
        ([2.1, 0.0, 2.2], "two of three"),
        ([1.1, 1.2, 0.0, 1.3, 1.4], "four of five"),
        ([0.1] * 8, "eight"),
    ],
)
def test_each_rule(after, rule):
    values = np.array([*after])
    (first, *_) = drift.alarms(values, 0.0, 1.0)
    assert rule in first.rule and first.place == len(after) - 1
    assert drift.alarms(np.tile([0.9, -0.9], 20), 0.0, 1.0) == ()


def test_no_limits_before_the_baseline_is_there():
    days, values = np.arange(7.0), np.array([0, 0.1, -0.1, 0.2, 0, 0.1, 99.0])
    assert drift.chart(days, values, 8).n_baseline == 0 and drift.chart(days, values, 8).alarms == ()
    assert [a.place for a in drift.chart(days, values, 6).alarms] == [6]


def test_upgrade_is_welchs_and_its_equivalence_that_of_statsmodels():
    rng = np.random.default_rng(8)
    before, after = rng.normal(0, 0.3, 7), rng.normal(0.2, 0.6, 5)
    found = upgrade.change(before, after, 1.0)
    theirs = stats.ttest_ind(after, before, equal_var=False).confidence_interval(0.95)
    assert (found.difference.low, found.difference.high) == pytest.approx((theirs.low, theirs.high))
    p, *_ = ttost_ind(after, before, -1.0, 1.0, usevar="unequal")
    assert found.p_equivalent == pytest.approx(p)
    assert (found.verdict(1.0) == "pass") == (p < 0.05)
    assert upgrade.change(before, after + 5, 1.0).verdict(1.0) == "fail"
    assert upgrade.change(before[:1], after, 1.0).verdict(1.0) == "undecided"
