"""Many small fits at once, against SciPy's, one at a time."""

import numpy as np
from scipy.optimize import least_squares

from neuromyo.fit.gauss_newton import solve

TIMES = np.array([0.0, 0.5, 1.0, 2.0, 3.0])


def _decay(theta, _):
    e = np.exp(theta[:, :1] - np.exp(theta[:, 1:2]) * TIMES)
    return e, np.stack([e, -e * np.exp(theta[:, 1:2]) * TIMES], axis=-1)


def _data(count=60, noise=0.02):
    rng = np.random.default_rng(3)
    theta = np.stack([rng.normal(0, 0.5, count), rng.normal(-0.3, 0.4, count)], axis=1)
    return theta, _decay(theta, None)[0] + noise * rng.standard_normal((count, len(TIMES)))


def test_finds_what_scipy_finds():
    theta, data = _data()
    found = solve(_decay, data, np.zeros_like(theta))
    assert found.converged.all()
    for i in range(0, 60, 7):
        one = least_squares(
            lambda t, i=i: _decay(t[None], None)[0][0] - data[i], np.zeros(2), xtol=1e-14, ftol=1e-14, gtol=1e-14
        )
        np.testing.assert_allclose(found.theta[i], one.x, atol=1e-6)
        np.testing.assert_allclose(found.unit_covariance[i], np.linalg.inv(one.jac.T @ one.jac), rtol=1e-4)
        np.testing.assert_allclose(found.rss[i], 2 * one.cost, rtol=1e-9)


def test_exact_data_give_exact_parameters():
    theta, data = _data(noise=0.0)
    np.testing.assert_allclose(solve(_decay, data, np.zeros_like(theta)).theta, theta, atol=1e-10)


def test_a_voxel_has_the_same_bits_alone_and_among_others():
    theta, data = _data()
    spoilt = data.copy()
    spoilt[::3] = np.nan
    spoilt[1::3] *= 1e6
    whole, beside = solve(_decay, data, np.zeros_like(theta)), solve(_decay, spoilt, np.zeros_like(theta))
    assert np.array_equal(whole.theta[2::3], beside.theta[2::3])
    assert not beside.converged[::3].any() and np.isnan(beside.theta[::3]).all()


def test_parameters_that_cannot_be_told_apart_have_no_covariance():
    def twins(theta, _):
        s = np.exp(theta.sum(axis=1, keepdims=True)) * np.ones(4)
        return s, np.repeat(s[..., None], 2, axis=-1)

    found = solve(twins, np.full((2, 4), 3.0), np.zeros((2, 2)))
    np.testing.assert_allclose(found.theta.sum(axis=1), np.log(3), atol=1e-9)
    assert np.isnan(found.unit_covariance).all()
