"""Two groups by means and by ranks: against scipy, statsmodels, published examples, and definitions written out."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.oneway import anova_oneway

from neuromyo.stats import ranks, two_samples

EXACT = {"rel": 1e-9, "abs": 1e-12}


def groups(seed=0, n=11, m=8, shift=0.8, scale=2.0):
    rng = np.random.default_rng(seed)
    return 33 + shift + scale * rng.standard_normal(n), 33 + rng.standard_normal(m)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("ours", "equal"), [(two_samples.welch, False), (two_samples.student, True)])
def test_t_is_that_of_scipy(seed, ours, equal):
    a, b = groups(seed, 5 + seed, 9)
    mine, theirs = ours(a, b, 0.9), stats.ttest_ind(a, b, equal_var=equal)
    between = theirs.confidence_interval(0.9)
    assert mine.t == pytest.approx(theirs.statistic, **EXACT) and mine.p == pytest.approx(theirs.pvalue, **EXACT)
    assert mine.df == pytest.approx(theirs.df, **EXACT) and mine.n == (5 + seed, 9)
    assert (mine.difference.low, mine.difference.high) == pytest.approx((between.low, between.high), **EXACT)
    assert two_samples.welch(b, a).t == pytest.approx(-two_samples.welch(a, b).t, **EXACT)


def test_missing_values_are_left_out_and_units_do_not_matter():
    a, b = groups()
    holed = np.concatenate([a, [np.nan, np.inf]])
    assert two_samples.welch(holed, b) == two_samples.welch(a, b)
    seconds = two_samples.welch(a / 1000, b / 1000)
    assert seconds.t == pytest.approx(two_samples.welch(a, b).t, rel=1e-10)
    far = two_samples.welch(a + 1e6, b + 1e6)
    assert far.p == pytest.approx(two_samples.welch(a, b).p, rel=1e-5)


@pytest.mark.parametrize("test", [two_samples.welch, two_samples.student])
def test_nothing_to_test_is_unknown_without_a_warning(test):
    for a, b in ([1.0], [1.0, 2.0]), ([], []), ([2.0, 2.0, 2.0], [2.0, 2.0]), ([0.1 + 0.2, 0.3], [1.0, 1.0]):
        found = test(np.array(a), np.array(b))
        assert not found.known and np.isnan(found.difference.low) and np.isnan(found.t)
    assert test(np.array([3.0, 3.0]), np.array([1.0, 1.0])).difference.value == 2.0
    assert two_samples.welch(np.array([1.0, 2.0, 3.0]), np.zeros(5)).p == pytest.approx(
        stats.ttest_1samp([1, 2, 3], 0).pvalue
    )


@pytest.mark.parametrize("k", [2, 3, 5])
def test_several_groups_are_those_of_statsmodels(k):
    rng = np.random.default_rng(k)
    given = [rng.normal(i / 3, 1 + i, 6 + 2 * i) for i in range(k)]
    mine, theirs = two_samples.welch_anova(given), anova_oneway(given, use_var="unequal", welch_correction=True)
    assert mine.f == pytest.approx(theirs.statistic, rel=1e-8) and mine.p == pytest.approx(theirs.pvalue, rel=1e-8)
    assert mine.df == pytest.approx(tuple(theirs.df), rel=1e-8)
    if k == 2:
        assert mine.p == pytest.approx(two_samples.welch(*given).p, rel=1e-10)
        assert mine.f == pytest.approx(two_samples.welch(*given).t ** 2, rel=1e-10)
    assert np.isnan(two_samples.welch_anova([given[0], np.ones(4)]).p)


def test_spreads_are_those_of_levene_with_medians():
    a, b = groups(3)
    assert two_samples.spreads_differ(a, b) == pytest.approx(stats.levene(a, b, center="median").pvalue, rel=1e-9)
    assert np.isnan(two_samples.spreads_differ(a[:2], b))


def test_each_is_left_out_in_turn():
    a, b = groups(1, 4, 3)
    found = two_samples.without_each(a, b)
    assert [f.n for f in found] == [(3, 3)] * 4 + [(4, 2)] * 3
    assert found[1] == two_samples.welch(a[[0, 2, 3]], b) and found[-1] == two_samples.welch(a, b[:2])


# --- ranks


@pytest.mark.parametrize("seed", range(4))
def test_p_of_mann_and_whitney_is_exact(seed):
    a, b = groups(seed, 4 + 3 * seed, 8)
    theirs = stats.mannwhitneyu(a, b, method="exact")
    mine = ranks.mann_whitney(a, b)
    assert mine.u == theirs.statistic and mine.p == pytest.approx(theirs.pvalue, rel=1e-10)
    assert (
        mine.exact and mine.tied == 0 and mine.superiority.value == pytest.approx(theirs.statistic / (a.size * b.size))
    )


def test_with_ties_p_is_that_of_all_arrangements():
    a, b = np.array([1.0, 2, 2, 3, 5, 5]), np.array([0.0, 1, 2, 2, 2])
    ranked = stats.rankdata(np.concatenate([a, b]))
    sums = np.array([ranked[list(c)].sum() for c in combinations(range(11), 6)])
    middle = 6 * 12 / 2
    expected = np.mean(np.abs(sums - middle) >= abs(ranked[:6].sum() - middle) - 1e-9)
    found = ranks.mann_whitney(a, b)
    assert found.p == pytest.approx(expected, rel=1e-12) and found.tied == pytest.approx(9 / 11)
    assert ranks.mann_whitney(np.ones(4), np.ones(5)).p == 1.0


def test_many_people_get_the_normal_distribution_of_scipy():
    rng = np.random.default_rng(2)
    for digits in (8, 1):
        a, b = rng.normal(0.3, 1, 70).round(digits), rng.normal(0, 1, 60).round(digits)
        found = ranks.mann_whitney(a, b)
        assert not found.exact
        assert found.p == pytest.approx(stats.mannwhitneyu(a, b, method="asymptotic").pvalue, rel=1e-9)
    assert ranks.mann_whitney(np.ones(70), np.ones(60)).p == 1.0


def test_shift_of_a_textbook():
    """Hollander & Wolfe, Nonparametric statistical methods: permeability of the human chorioamnion, at term and earlier."""
    term = np.array([0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46])
    early = np.array([1.15, 0.88, 0.90, 0.74, 1.21])
    found = ranks.mann_whitney(term, early)
    assert found.u == 35 and found.p == pytest.approx(2 * 0.1272, abs=1e-4)
    assert found.shift.value == pytest.approx(0.305) and (found.shift.low, found.shift.high) == pytest.approx(
        (-0.15, 0.76)
    )


@pytest.mark.parametrize("seed", range(3))
def test_interval_of_the_shift_holds_what_the_exact_test_does_not_refuse(seed):
    a, b = groups(seed, 7, 6)
    low, high = ranks.mann_whitney(a, b).shift.low, ranks.mann_whitney(a, b).shift.high
    for end, inwards in ((low, 1e-6), (high, -1e-6)):
        assert stats.mannwhitneyu(a - end - inwards, b, method="exact").pvalue > 0.05
        assert stats.mannwhitneyu(a - end + inwards, b, method="exact").pvalue <= 0.05
    assert not ranks.mann_whitney(a[:4], b[:3]).shift.known  # no p reaches .05: no interval


def test_interval_of_the_shift_of_many_is_close_to_the_exact_one():
    normal, exact = ranks._outer(60, 55, 0.025), ranks._counts(2 * np.arange(1, 116), 60)[60 * 61 :: 2]
    below = np.cumsum(exact) / exact.sum()
    assert abs(normal - int(np.searchsorted(below, 0.025, side="right"))) <= 2


@pytest.mark.parametrize("seed", range(4))
def test_brunner_and_munzel_are_those_of_scipy(seed):
    a, b = groups(seed, 9, 7)
    a, b = (a.round(1), b.round(1)) if seed % 2 else (a, b)
    theirs, mine = stats.brunnermunzel(b, a), ranks.brunner_munzel(a, b)
    assert mine.statistic == pytest.approx(theirs.statistic, rel=1e-9) and mine.p == pytest.approx(
        theirs.pvalue, rel=1e-8
    )
    apart = ranks.brunner_munzel(a + 100, b)
    assert np.isnan(apart.p)


def test_superiority_reaches_its_ends_with_a_width():
    a, b = np.arange(11.0) + 100, np.arange(8.0)
    found = ranks.mann_whitney(a, b).superiority
    assert found.value == found.high == 1.0 and 0.7 < found.low < 0.95
    turned = ranks.mann_whitney(b, a).superiority
    assert (turned.value, turned.low, turned.high) == pytest.approx((0.0, 0.0, 1 - found.low))
    middle = ranks.superiority_interval(44.0, 11, 8)
    assert middle.value == 0.5 and middle.low + middle.high == pytest.approx(1.0) and middle.low < 0.27
