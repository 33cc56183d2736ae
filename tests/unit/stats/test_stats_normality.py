"""Skewness and influence against scipy and statsmodels."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.outliers_influence import OLSInfluence

from neuromyo.stats.normality import influence, skewness


@pytest.fixture
def pairs() -> np.ndarray:
    rng = np.random.default_rng(2)
    x = rng.gamma(1.0, size=11)
    return np.column_stack([x, x + rng.normal(size=11)])


def test_influence_is_statsmodels(pairs):
    x, y = pairs.T
    theirs, ours = OLSInfluence(sm.OLS(y, sm.add_constant(x)).fit()), influence(x, y)
    assert ours.leverage == pytest.approx(theirs.hat_matrix_diag, abs=1e-10)
    assert ours.cook == pytest.approx(theirs.cooks_distance[0], abs=1e-10)
    assert ours.most == int(np.argmax(theirs.cooks_distance[0]))


def test_r_without_each_is_that_of_the_others(pairs):
    left_out = [np.corrcoef(np.delete(pairs, i, axis=0).T)[0, 1] for i in range(11)]
    assert influence(*pairs.T).r_without == pytest.approx(left_out, abs=1e-12)


def test_one_person_who_makes_all_the_spread():
    x = np.array([0.0, 0, 0, 0, 5])
    found = influence(x, np.array([1.0, 2, 3, 4, 20]))
    assert found.leverage[4] == pytest.approx(1.0) and np.isnan(found.r_without[4])


@pytest.mark.parametrize("n", [11, 25, 40])
def test_skewness_is_scipys(n):
    x = np.random.default_rng(n).gamma(2.0, size=n)
    found, exact = skewness(x), stats.skewtest(x).pvalue
    assert found.value == pytest.approx(stats.skew(x, bias=False), abs=1e-12)
    assert found.p == pytest.approx(exact, abs=0.01)


def test_normal_values_are_called_skewed_as_often_as_said():
    many = np.random.default_rng(9).normal(size=(500, 6))
    called = sum(skewness(x).p < 0.05 for x in many)
    low, high = stats.binom.ppf([0.0005, 0.9995], 500, 0.05)
    assert low <= called <= high


def test_without_spread_there_is_no_skewness():
    assert np.isnan(
        [skewness(np.ones(9)).p, skewness(np.arange(2.0)).p, influence(np.ones(9), np.arange(9.0)).cook[0]]
    ).all()
    assert skewness(np.array([1.0, 2, 3, np.nan])).n == 3
