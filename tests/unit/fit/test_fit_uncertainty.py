"""Pooled noise and derived uncertainty."""

import numpy as np
import pytest

from neuromyo.fit.uncertainty import numerical_gradient, pool_variance, propagate


@pytest.mark.parametrize("dof", [6.0, 14.0])
def test_equal_noise_is_pooled_without_limit(dof):
    s2 = 9.0 * np.random.default_rng(1).chisquare(dof, 4000) / dof
    level = pool_variance(s2, dof)
    assert level.dof == np.inf and level.sigma == pytest.approx(3.0, rel=0.02)


@pytest.mark.parametrize("d0", [4.0, 10.0])
def test_noise_that_varies_is_weighed_as_it_varies(d0):
    rng = np.random.default_rng(2)
    variance = d0 * 9.0 / rng.chisquare(d0, 20000)
    level = pool_variance(variance * rng.chisquare(12, 20000) / 12, 12.0)
    assert level.dof == pytest.approx(d0, rel=0.35)
    assert level.sigma == pytest.approx(3.0, rel=0.1)


def test_a_few_misfits_do_not_count():
    s2 = np.random.default_rng(3).chisquare(12, 4000) / 12
    s2[:120] *= 400
    assert pool_variance(s2, 12.0).sigma == pytest.approx(1.0, rel=0.05)


def test_too_little_to_pool():
    assert pool_variance(np.array([np.nan, -1.0]), 5.0).sigma == 0
    few = pool_variance(np.full(5, 4.0), 5.0)
    assert few.sigma == pytest.approx(2.0) and few.dof == 0
    assert pool_variance(np.ones(100), 0.0).dof == 0


def test_a_quotient_is_propagated():
    rng = np.random.default_rng(4)
    covariance = np.array([[0.04, 0.01], [0.01, 0.09]])
    x = np.array([10.0, 20.0])
    draws = rng.multivariate_normal(x, covariance, 200_000)
    gradient = numerical_gradient(lambda v: v[..., 0] / v[..., 1], x[None], np.array([1e-4]))
    np.testing.assert_allclose(gradient[0], [1 / 20, -10 / 400], rtol=1e-6)
    sd = propagate(covariance[None], gradient)
    assert sd[0] == pytest.approx((draws[:, 0] / draws[:, 1]).std(), rel=0.01)


def test_what_is_known_adds_nothing():
    covariance = np.array([[np.nan, np.nan], [np.nan, 4.0]])
    assert propagate(covariance, np.array([7.0, 1.0])) == pytest.approx(2.0)


def test_no_covariance_gives_no_sd():
    covariance = np.stack([np.full((2, 2), np.nan), np.diag([4.0, 9.0])])
    sd = propagate(covariance, np.array([1.0, 0.0]))
    assert np.isnan(sd[0]) and sd[1] == 2.0
