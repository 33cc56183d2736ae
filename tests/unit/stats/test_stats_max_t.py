"""The largest of correlated t: against closed forms, scipy, and sums of squares drawn the long way."""

import numpy as np
import pytest
from scipy import stats

from neuromyo.stats import max_t

LEVEL = 0.95


def smooth(m, reach):
    at = np.arange(m)
    return np.exp(-(((at[:, None] - at) / reach) ** 2))


def the_long_way(r, df, draws, seed):
    """Smallest tails of a new person by means of nothing but people: df residuals and one more, drawn as vectors."""
    rng = np.random.default_rng(seed)
    root = np.linalg.cholesky(r + 1e-9 * np.eye(len(r)))
    people = rng.standard_normal((draws, df + 1, len(r))) @ root.T
    t = people[:, 0] / np.sqrt((people[:, 1:] ** 2).mean(axis=1))
    return (2 * stats.t.sf(np.abs(t), df)).min(axis=1)


@pytest.mark.parametrize("df", [8.0, 19.0, 1e6])
def test_one_level_and_full_correlation_are_one_t(df):
    for m in (1, 6):
        tail = max_t.tails(np.ones((m, m)), np.full(m, df), "x")
        assert max_t.limit(tail, LEVEL) == pytest.approx(0.05, abs=0.006)
        assert stats.kstest(tail[:, 0], "uniform").pvalue > 1e-3  # exactly t at every level


@pytest.mark.parametrize("df", [9.0, 40.5])
def test_independent_levels_are_sidak(df):
    tail = max_t.tails(np.eye(16), np.full(16, df), "independent")
    assert max_t.limit(tail, LEVEL) == pytest.approx(1 - 0.95 ** (1 / 16), rel=0.08)
    assert max_t.anywhere(tail, 0.01) == pytest.approx(1 - 0.99**16, abs=0.01)


@pytest.mark.parametrize(("reach", "df"), [(4.0, 15), (1.5, 30)])
def test_smallest_tail_is_that_of_drawn_people(reach, df):
    r = smooth(12, reach)
    mine = max_t.tails(r, np.full(12, float(df)), "a").min(axis=1)
    theirs = the_long_way(r, df, 6000, 5)
    for share in (0.01, 0.05, 0.2):
        assert np.mean(theirs <= np.quantile(mine, share)) == pytest.approx(
            share, abs=3.5 * np.sqrt(share / 6000) + 0.002
        )
    assert 0.05 / 12 < max_t.limit(mine[:, None], LEVEL) < 0.05


def test_normal_limit_is_the_multivariate_normal_of_scipy():
    r = smooth(3, 2.0)
    tail = max_t.tails(r, np.full(3, 1e7), "normal")
    z = stats.norm.isf(max_t.limit(tail, LEVEL) / 2)
    inside = stats.multivariate_normal(cov=r).cdf(np.full(3, z), lower_limit=np.full(3, -z))
    assert inside == pytest.approx(0.95, abs=0.005)


def test_levels_of_different_degrees_of_freedom_keep_their_own_t():
    df = np.array([7.0, 12.5, 60.0])
    tail = max_t.tails(smooth(3, 2.0), df, "mixed")
    for column in tail.T:
        assert stats.kstest(column, "uniform").pvalue > 1e-3


def test_the_same_seed_gives_the_same_bits():
    r, df = smooth(5, 2.0), np.full(5, 18.0)
    assert np.array_equal(max_t.tails(r, df, "T2 of tibial"), max_t.tails(r, df, "T2 of tibial"))
    assert not np.array_equal(max_t.tails(r, df, "T2 of tibial"), max_t.tails(r, df, "T2 of sural"))


def test_correlation_is_shrunk_where_it_is_noise_and_kept_where_it_is_not():
    rng = np.random.default_rng(3)
    noise = rng.standard_normal((20, 16))
    alike = rng.standard_normal((20, 1)) + 0.4 * rng.standard_normal((20, 16))
    shares = [max_t.shrunk_correlation(x.T @ x, 20)[1] for x in (noise, alike)]
    assert shares[0] > 0.6 and shares[1] < 0.12
    shrunk, _ = max_t.shrunk_correlation(alike.T @ alike, 20)
    assert np.linalg.eigvalsh(shrunk)[0] > 0
    assert np.allclose(np.diagonal(shrunk), 1)


def test_shrinkage_is_that_of_scikit_learn():
    from sklearn.covariance import oas

    rng = np.random.default_rng(4)
    x = rng.standard_normal((30, 8)) @ np.linalg.cholesky(smooth(8, 2.0) + 1e-6 * np.eye(8)).T
    x /= np.sqrt((x**2).mean(axis=0))  # variances of one: their target is ours
    theirs, share = oas(x, assume_centered=True)
    mine, found = max_t.shrunk_correlation(x.T @ x, 30)
    assert np.abs(mine - theirs).max() < 0.02 and found == pytest.approx(share, abs=0.02)


def test_bonferroni():
    assert max_t.bonferroni(16, LEVEL) == pytest.approx(0.05 / 16)
    assert max_t.bonferroni(0, LEVEL) == pytest.approx(0.05)
