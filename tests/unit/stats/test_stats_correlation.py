"""Correlations against scipy and statsmodels, closed forms, and published numbers."""

from itertools import permutations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from neuromyo.stats import correlation as c


@pytest.fixture
def people() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(8)
    z = rng.normal(size=(11, 2))
    x = z[:, 0] + rng.normal(size=11)
    return x, -x + z @ [1.0, 0.5] + rng.normal(size=11), z


@pytest.mark.parametrize(
    ("r", "t", "p", "low", "high"),
    [(-0.63, -2.434, 0.0378, -0.89, -0.05), (-0.80, -4.0, 0.0031, -0.95, -0.38)],
)
def test_what_1998_printed_for_eleven_patients(r, t, p, low, high):
    found = c.from_r(r, 11)  # Bryan et al., Neurology 1998;51:110
    assert found.t == pytest.approx(t, abs=5e-4)
    assert found.p == pytest.approx(p, abs=5e-5)
    assert [found.low, found.high] == pytest.approx([low, high], abs=0.005)


def test_pearson_is_scipys(people):
    x, y, _ = people
    ours, theirs = c.pearson(x, y, 0.9), stats.pearsonr(x, y)
    ends = theirs.confidence_interval(0.9)
    assert [ours.r, ours.p, ours.low, ours.high] == pytest.approx(
        [theirs.statistic, theirs.pvalue, ends.low, ends.high], abs=1e-8
    )


@pytest.mark.parametrize("tied", [False, True])
def test_ranks_are_scipys(people, tied):
    x, y, _ = people
    x = np.round(x) if tied else x
    assert c.spearman(x, y).r == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-8)


def test_spearman_of_five_has_the_p_of_the_printed_tables():
    # of 120 orders of five, five have sum d^2 <= 2: rho >= .9; two-sided 10/120 (Kendall's tables of sum d^2)
    found = c.spearman(np.arange(5.0), np.array([0.0, 1.0, 2.0, 4.0, 3.0]))
    assert found.r == pytest.approx(0.9) and found.p == pytest.approx(10 / 120) and found.exact


def test_partial_is_the_slopes_test_in_statsmodels(people):
    x, y, z = people
    ours = c.partial(x, y, z)
    fit = sm.OLS(y, sm.add_constant(np.column_stack([x, z]))).fit()
    assert [ours.t, ours.p, ours.df] == pytest.approx([fit.tvalues[1], fit.pvalues[1], fit.df_resid], abs=1e-8)
    precision = np.linalg.inv(np.cov(np.column_stack([x, y, z]).T))
    assert ours.r == pytest.approx(-precision[0, 1] / np.sqrt(precision[0, 0] * precision[1, 1]), abs=1e-8)


def test_partial_spends_a_column_that_says_nothing_new_once(people):
    x, y, z = people
    twice = c.partial(x, y, np.column_stack([z[:, 0], 2 * z[:, 0] + 1, np.ones(11)]))
    assert (twice.r, twice.df) == (pytest.approx(c.partial(x, y, z[:, 0]).r, abs=1e-12), 8)
    assert np.isnan(c.partial(x, y, x).r), "nothing is left of x when x is held"


def test_sites_are_held_as_levels(people):
    x, y, _ = people
    sites = np.array(["a", "b", "c"])[np.arange(11) % 3]
    columns = c.dummies(sites)
    moved = np.where(sites == "b", 50.0, 0.0)
    held = c.partial(x, y, columns)
    assert columns.shape == (11, 2) and held.df == 7
    assert c.partial(x + moved, y + moved, columns).r == pytest.approx(held.r, abs=1e-10)
    assert np.isnan(c.dummies(np.array(["a", "", "b"]))[1]).all()


def test_permutation_goes_through_all_orders_of_few(people):
    x, y = people[0][:6], people[1][:6]
    r = abs(np.corrcoef(x, y)[0, 1])
    all_ = [abs(np.corrcoef(x, y[list(o)])[0, 1]) for o in permutations(range(6))]
    found = c.permutation_p(x, y)
    assert found == c.PermutationP(np.mean(np.array(all_) >= r - 1e-9), True, 720)


def test_permutation_of_more_is_near_scipys_and_the_same_each_time(people):
    x, y, _ = people
    found = c.permutation_p(x, y, 20_000)
    theirs = stats.permutation_test((x,), lambda a: stats.pearsonr(a, y).statistic, permutation_type="pairings",
                                    n_resamples=2000, rng=np.random.default_rng(0)).pvalue  # fmt: skip
    assert found.p == pytest.approx(theirs, abs=0.02) and not found.exact
    assert c.permutation_p(x, y, 20_000) == found
    assert c.permutation_p(x, x, 500).p == 1 / 501, "never nought"


def test_missing_ones_are_left_out_of_both(people):
    x, y, _ = people
    holes = np.concatenate([x, [np.nan, 1.0]]), np.concatenate([y, [1.0, np.nan]])
    assert c.pearson(*holes) == c.pearson(x, y)
    with pytest.raises(ValueError, match="different lengths"):
        c.pearson(x, y[:-1])


def test_what_does_not_exist_is_nan():
    flat, few = c.pearson(np.ones(9), np.arange(9.0)), c.pearson(np.arange(2.0), np.arange(2.0))
    assert np.isnan([flat.r, flat.p, flat.low, few.r, few.p]).all()
    assert np.isnan(c.pearson(np.full(9, 0.1) * 3, np.arange(9.0)).r), "rounding is no spread"
    line = c.pearson(np.arange(9.0), 3 - np.arange(9.0))
    assert line.r == -1 and np.isnan([line.p, line.low]).all()
    three = c.pearson(np.array([0.0, 1, 2]), np.array([0.0, 1, 0.5]))
    assert np.isfinite(three.p) and np.isnan(three.low)
    assert np.isnan(c.permutation_p(np.ones(5), np.arange(5.0)).p)
    assert np.isnan(c.spearman(np.ones(5), np.arange(5.0)).r)


def test_neither_unit_nor_offset_matters(people):
    x, y, _ = people
    assert c.pearson(1e6 + 1e-3 * x, -7 * y).r == pytest.approx(-c.pearson(x, y).r, abs=1e-8)
