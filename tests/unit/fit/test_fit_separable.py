"""The separable engine: 1 to 3 nonlinear parameters, 1 to 4 amplitudes, real, non-negative and complex."""

import numpy as np
import pytest

from neuromyo.fit.crlb import bound
from neuromyo.fit.separable import Axis, NoiseLevel, SeparableModel
from neuromyo.physics.noise import rician

TIMES = np.arange(1, 25) * 0.008
T2 = Axis("T2", 0.01, 0.4, 80, "log", coarse=20)
RATE = Axis("f", -20.0, 20.0, 101, coarse=21)
DELAY = Axis("d", 0.0, 0.02, 21, coarse=6)


def decay(t2):
    return np.exp(-TIMES / t2)


def partners(count):
    """A constant and oscillations to go with a decay."""
    return [np.cos(2 * np.pi * 13 * k * TIMES)[None] for k in range(count)]


@pytest.mark.parametrize("amplitudes", [1, 2, 3, 4])
def test_one_parameter_and_any_number_of_amplitudes(amplitudes):
    tables = [decay(T2.nodes[:, None]), *partners(amplitudes - 1)]
    model = SeparableModel([T2], tables, dtype=np.float64)
    t2 = np.linspace(0.02, 0.08, 7)
    c = np.tile([100.0, -20.0, 15.0, -8.0][:amplitudes], (7, 1))
    signals = c[:, :1] * decay(t2[:, None]) + sum(
        c[:, k + 1 : k + 2] * p for k, p in enumerate(partners(amplitudes - 1))
    )
    fit = model.fit(signals, tolerance=1e-4)
    assert fit.settled.all() and not fit.at_bound.any()
    np.testing.assert_allclose(fit.theta[:, 0], t2, rtol=3e-3)
    np.testing.assert_allclose(fit.amplitude, c, rtol=2e-2)
    assert fit.covariance.shape == (7, 1 + amplitudes, 1 + amplitudes)


def test_two_parameters():
    table = decay(T2.nodes[:, None, None]) * np.cos(2 * np.pi * TIMES * RATE.nodes[None, :, None])
    model = SeparableModel([T2, RATE], [table], branch=("f", 0.0), dtype=np.float64)
    t2, f = np.array([0.03, 0.06, 0.1]), np.array([4.0, 9.0, 14.0])
    fit = model.fit(50 * decay(t2[:, None]) * np.cos(2 * np.pi * TIMES * f[:, None]))
    np.testing.assert_allclose(fit.theta[:, 0], t2, rtol=1e-2)
    # a cosine is the same at f and -f: the lower of such twins is given, and the other named as its rival
    np.testing.assert_allclose(fit.theta[:, 1], -f, atol=0.05)
    np.testing.assert_allclose(fit.rival[:, 1], f, atol=0.05)


def test_three_parameters_with_complex_amplitude():
    shape = decay(T2.nodes[:, None, None, None]) * np.exp(2j * np.pi * TIMES * RATE.nodes[None, :, None, None])
    table = shape * (1 - np.exp(-(TIMES + DELAY.nodes[None, None, :, None]) / 0.05))
    model = SeparableModel([T2, RATE, DELAY], [table])
    t2, f, d, c = 0.05, -7.0, 0.01, 30 * np.exp(0.6j)
    clean = c * decay(t2) * np.exp(2j * np.pi * TIMES * f) * (1 - np.exp(-(TIMES + d) / 0.05))
    fit = model.fit(clean[None])
    np.testing.assert_allclose(fit.theta[0], [t2, f, d], rtol=2e-2, atol=5e-4)
    assert abs(fit.amplitude[0, 0] - c) < 0.02 * abs(c)


def test_known_axes_are_held():
    table = decay(T2.nodes[:, None, None]) * np.exp(-TIMES * (RATE.nodes[None, :, None] + 20) / 4)
    model = SeparableModel([T2, RATE], [table])
    f = np.array([-5.0, 0.0, 7.5])
    signals = 10 * decay(0.06) * np.exp(-TIMES * (f[:, None] + 20) / 4)
    fit = model.fit(signals, {"f": f})
    np.testing.assert_allclose(fit.theta[:, 1], f, atol=1e-3)
    np.testing.assert_allclose(fit.theta[:, 0], 0.06, rtol=3e-3)
    assert np.isnan(fit.covariance[:, 1]).all() and np.isfinite(fit.covariance[:, 0, 0]).all()
    outside = model.fit(signals, {"f": np.array([99.0, 0.0, np.nan])})
    assert outside.at_bound[0, 1] and not outside.at_bound[1, 1] and not outside.fitted[2]


def two_components(nonnegative):
    long = np.exp(-TIMES / 0.3)[None]
    return SeparableModel([T2], [decay(T2.nodes[:, None]), long], nonnegative)


def test_nonnegative_amplitudes_stop_at_zero_and_free_ones_do_not():
    signals = (100 * decay(0.03) - 10 * np.exp(-TIMES / 0.3))[None]
    held, free = two_components(True).fit(signals), two_components(False).fit(signals)
    assert held.amplitude[0, 1] == 0 and not held.active[0, 1]
    assert held.covariance[0, 2, 2] > 0, "a zero is no surer than the curvature says"
    assert free.amplitude[0, 1] == pytest.approx(-10, rel=0.02) and free.active.all()
    assert free.theta[0, 0] == pytest.approx(0.03, rel=3e-3)


def test_only_the_amplitudes_named_are_held():
    mixed = SeparableModel([T2], [decay(T2.nodes[:, None]), np.ones((1, len(TIMES)))], [True, False])
    fit = mixed.fit((100 * decay(0.05) - 20)[None])
    assert fit.amplitude[0, 1] == pytest.approx(-20, rel=0.02)


def test_predicted_sd_is_the_scatter_and_the_bound():
    model = SeparableModel([T2], [decay(T2.nodes[:, None])])
    rng = np.random.default_rng(5)
    signals = 100 * decay(0.05) + rng.normal(0, 1.0, (4000, len(TIMES)))
    fit = model.fit(signals, noise=NoiseLevel.known(1.0))
    predicted = np.sqrt(np.median(fit.covariance[:, 0, 0]))
    assert fit.theta[:, 0].std() == pytest.approx(predicted, rel=0.05)
    assert predicted == pytest.approx(np.sqrt(bound(model, [0.05], [100.0], 1.0, "gaussian")[0, 0]), rel=0.03)
    assert abs(fit.theta[:, 0].mean() - 0.05) < 4 * predicted / np.sqrt(4000) + 0.02 * predicted


def test_the_law_of_magnitudes_removes_the_bias_of_least_squares():
    model = SeparableModel([T2], [decay(T2.nodes[:, None])])
    magnitudes = rician(np.tile(20 * decay(0.04), (4000, 1)), 1.0, np.random.default_rng(6))
    plain = model.fit(magnitudes, noise=NoiseLevel.known(1.0))
    rice = model.fit(magnitudes, noise=NoiseLevel.known(1.0), law="rice")
    sd = np.sqrt(bound(model, [0.04], [20.0], 1.0, "rician")[0, 0])
    assert (plain.theta[:, 0].mean() - 0.04) / sd > 1.0
    assert abs(rice.theta[:, 0].mean() - 0.04) / sd < 0.2
    assert rice.theta[:, 0].std() / sd == pytest.approx(1.0, abs=0.12)


def test_double_precision_agrees_with_single():
    single, double = (SeparableModel([T2], [decay(T2.nodes[:, None])], dtype=d) for d in (np.float32, np.float64))
    signals = 100 * decay(0.05) + np.random.default_rng(7).normal(0, 1.0, (50, len(TIMES)))
    a, b = single.fit(signals), double.fit(signals)
    np.testing.assert_allclose(a.theta, b.theta, rtol=2e-3)
    assert b.theta.dtype == np.float64


def test_bad_samples_and_unwanted_voxels_are_not_fitted():
    model = two_components(False)
    signals = np.tile(100 * decay(0.05), (2, 3, 1))
    signals[0, 0, 3], signals[0, 1] = np.nan, 0.0
    use = np.ones((2, 3), dtype=bool)
    use[1, 2] = False
    fit = model.fit(signals, use=use)
    assert fit.fitted.tolist() == [[False, False, True], [True, True, False]]
    assert np.isnan(fit.theta[0, 0]).all()
    assert fit.theta[0, 2, 0] == fit.theta[1, 0, 0]


def test_bounds_are_told():
    fit = SeparableModel([T2], [decay(T2.nodes[:, None])]).fit(np.stack([decay(5.0), decay(0.05)]))
    assert fit.at_bound[:, 0].tolist() == [True, False]


def test_the_basis_and_its_slope_are_those_of_the_physics():
    model = SeparableModel([T2], [decay(T2.nodes[:, None])], rank=16)
    t2 = np.array([[0.015], [0.04], [0.2]])
    value, slope = model.basis(t2)
    np.testing.assert_allclose(value[:, 0], decay(t2), atol=1e-5)
    np.testing.assert_allclose(slope[:, 0, 0], decay(t2) * TIMES / t2**2, atol=2e-3 * (1 / t2).max())


def test_impossible_models_are_refused():
    with pytest.raises(ValueError, match="1 to 3"):
        SeparableModel([T2] * 4, [np.ones((1, 1, 1, 1, 3))])
    with pytest.raises(ValueError, match="does not fit"):
        SeparableModel([T2], [np.ones((5, 3))])
    with pytest.raises(ValueError, match="complex"):
        SeparableModel([T2], [decay(T2.nodes[:, None]) * 1j], nonnegative=True)
