"""Tensor fits against NumPy's and SciPy's solvers, with outliers, at the noise floor, and on designs that determine nothing."""

import numpy as np
import pytest
from numba import njit
from scipy.optimize import least_squares

from neuromyo.fit import tensor_kernel
from neuromyo.fit.fast_math import exp_row, log_row
from neuromyo.fit.tensor import TensorModel
from neuromyo.fit.tensor_numbers import numbers_of
from neuromyo.physics import diffusion
from tests.oracles.leg_fibres import directions

B = np.array([0.0] * 2 + [3e8] * 12 + [8e8] * 18)
G = np.vstack([np.zeros((2, 3)), directions(12), directions(18, seed=5)])
MODEL = TensorModel(tuple(B), tuple(map(tuple, G)))
TENSOR = np.array([1.3e-9, 1.4e-9, 1.9e-9, 1e-10, 2e-10, -1e-10])


def magnitudes(count, snr, seed=0):
    rng = np.random.default_rng(seed)
    clean = diffusion.tensor_signal(np.full(count, 100.0), np.tile(TENSOR, (count, 1)), B, G)
    noise = rng.standard_normal((2, *clean.shape)) * 100 / snr
    return np.hypot(clean + noise[0], noise[1])


def test_weighted_fit_is_two_steps_of_numpy():
    signals = magnitudes(40, 20)
    found = MODEL.fit(signals)
    x = np.concatenate([-diffusion.b_matrix(B, G), np.ones((len(B), 1))], axis=1)
    for i, s in enumerate(signals):
        first = np.linalg.lstsq(x, np.log(s), rcond=None)[0]
        weight = np.exp(x @ first)
        wanted, *_ = np.linalg.lstsq(x * weight[:, None], weight * np.log(s), rcond=None)
        np.testing.assert_allclose(found.tensor[i], wanted[:6], rtol=1e-7, atol=1e-17)
        assert found.log_S0[i] == pytest.approx(wanted[6], rel=1e-8)  # whose columns differ by 1e9
        inverse = np.linalg.inv((x * weight[:, None] ** 2).T @ x)
        size = np.sqrt(np.outer(np.diag(inverse), np.diag(inverse)))
        np.testing.assert_allclose(found.inverse[i] / size, inverse / size, atol=1e-6)
        rest = weight * (np.log(s) - x @ wanted)
        assert found.rss[i] == pytest.approx(rest @ rest, rel=1e-6)


@pytest.mark.parametrize("floor", [0.0, 8.0])
def test_nonlinear_fit_is_that_of_scipy(floor):
    from neuromyo.physics.noise import rice_mean, rice_variance

    signals = magnitudes(15, 12)
    found = MODEL.fit(signals, "nlls", floor=floor)
    start = MODEL.fit(signals)
    for i, s in enumerate(signals):

        def amplitude(p):
            return np.exp(p[6]) * np.exp(-1e-9 * (diffusion.b_matrix(B, G) @ p[:6]))

        beta = np.array([*(start.tensor[i] * 1e9), start.log_S0[i]])
        size = np.sqrt(rice_variance(amplitude(beta), floor)) / floor if floor else 1.0

        def misfit(p, s=s, size=size):
            return (s - (rice_mean(amplitude(p), floor) if floor else amplitude(p))) / size

        wanted = least_squares(misfit, beta, xtol=1e-12, ftol=1e-14, gtol=1e-12).x
        np.testing.assert_allclose(1e9 * found.tensor[i], wanted[:6], atol=2e-4)
        assert found.log_S0[i] == pytest.approx(wanted[6], abs=1e-4)


def test_the_floor_in_the_model_takes_most_of_the_bias_out():
    signals = magnitudes(8000, 12, seed=2)
    plain, floored = (
        np.mean(MODEL.fit(signals, "nlls", floor=f).tensor[:, :3]) / np.mean(TENSOR[:3]) - 1 for f in (0.0, 100 / 12)
    )
    assert plain < -0.02  # magnitudes at the floor look as if water moved less
    assert abs(floored) < 0.012


@pytest.mark.parametrize("sigma", [0.0, 2.5])
def test_outliers_are_left_out(sigma):
    signals = magnitudes(300, 40, seed=3)
    clean = MODEL.fit(signals, "robust", sigma=sigma, limit=4.0)
    spoilt = signals.copy()
    spoilt[:, 9] *= 0.3  # a slice that dropped out
    spoilt[:, 20] *= 2.0
    found = MODEL.fit(spoilt, "robust", sigma=sigma, limit=4.0)
    assert (found.state == tensor_kernel.OK).all() and (found.used <= len(B) - 2).all()
    true = diffusion.describe(TENSOR).FA

    def error(fit):
        return np.sqrt(np.mean((diffusion.describe(fit.tensor).FA - true) ** 2))

    assert error(found) < 1.25 * error(clean)
    assert error(MODEL.fit(spoilt, "nlls")) > 2 * error(clean)


def test_what_cannot_be_fitted_says_so():
    signals = magnitudes(6, 40)
    signals[0, 3], signals[1, 3], signals[2, 3], signals[3] = np.nan, np.inf, 0.0, -1.0
    for method in ("wls", "nlls"):
        found = MODEL.fit(signals, method)
        assert (found.state == [1, 1, 1, 1, 0, 0]).all() and np.isnan(found.tensor[:4]).all()
    found = MODEL.fit(signals, "robust")
    assert (found.state == [1, 1, 0, 1, 0, 0]).all() and found.used[2] <= len(B) - 1
    few = signals[4:].copy()
    few[:, 5:] = 0.0
    assert (MODEL.fit(few, "robust").state == tensor_kernel.FEW).all()


def test_designs_that_determine_nothing():
    one_shell = TensorModel((5e8,) * 20, tuple(map(tuple, directions(20))))
    assert MODEL.determined and not one_shell.determined
    cone = np.array([[np.cos(t), np.sin(t), 1.0] for t in np.linspace(0, 5, 12)]) / np.sqrt(2)
    assert not TensorModel((0.0, *[5e8] * 12), ((0.0, 0.0, 0.0), *map(tuple, cone))).determined
    assert not TensorModel((0.0,) * 6, ((1.0, 0.0, 0.0),) * 6).determined


def test_a_voxel_has_the_same_bits_in_any_company():
    signals = magnitudes(101, 15)
    for method in ("wls", "nlls", "robust"):
        whole = MODEL.fit(signals, method)
        alone = MODEL.fit(signals[37:38], method)
        assert whole.tensor[37].tobytes() == alone.tensor[0].tobytes()
        assert whole.inverse[37].tobytes() == alone.inverse[0].tobytes()


def test_compiled_numbers_are_those_of_the_physics():
    fit = MODEL.fit(magnitudes(200, 15))
    numbers, wanted = numbers_of(fit.tensor, fit.inverse), diffusion.describe(fit.tensor)
    for i, name in enumerate(("FA", "MD", "AD", "RD")):
        np.testing.assert_allclose(numbers.values[:, i], getattr(wanted, name), rtol=1e-10)
        slope = wanted.gradient[name]
        sd = np.sqrt(np.einsum("mi,mij,mj->m", slope, fit.inverse[:, :6, :6], slope))
        np.testing.assert_allclose(numbers.sd[:, i], sd, rtol=1e-8)
    np.testing.assert_allclose(numbers.V1, wanted.V1, atol=1e-10)
    np.testing.assert_allclose(numbers.smallest, wanted.eigenvalues[:, 2], rtol=1e-8)
    none = numbers_of(np.array([[np.nan] * 6, [0.0] * 6]), np.zeros((2, 7, 7)))
    assert np.isnan(none.values).all() and np.isnan(none.V1).all() and np.isnan(none.smallest).all()


@njit
def _exp(row, power):
    exp_row(row, power, power.view(np.int64))


@njit
def _log(row, out, power):
    log_row(row.view(np.int64), out, power, power.view(np.int64))


def test_exponentials_and_logarithms_are_those_of_the_library():
    x = np.concatenate([np.linspace(-700, 700, 20001), np.linspace(-1e-3, 1e-3, 101), [0.0]])
    found, power = x.copy(), np.empty(len(x))
    _exp(found, power)
    np.testing.assert_allclose(found, np.exp(x), rtol=1e-15)
    y, logs = np.concatenate([np.exp(x), np.linspace(0.5, 2, 5001)]), np.empty(len(x) + 5001)
    _log(y, logs, np.empty(len(y)))
    np.testing.assert_allclose(logs, np.log(y), rtol=5e-16, atol=1e-16)
