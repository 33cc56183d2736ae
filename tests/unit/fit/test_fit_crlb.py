"""The Cramer-Rao bound against closed forms and against an independent integration of the Rice law."""

import numpy as np
import pytest

from neuromyo.fit.crlb import bound, bound_of_signal
from neuromyo.fit.separable import Axis, SeparableModel
from tests.oracles import rician_crlb

TIMES = np.arange(1, 18) * 0.01
AXIS = Axis("T2", 0.01, 0.3, 96, "log", coarse=24)


@pytest.fixture(scope="module")
def decay():
    return SeparableModel([AXIS], [np.exp(-TIMES / AXIS.nodes[:, None])])


def signal(theta):
    return theta[..., 1, None] * np.exp(-TIMES / theta[..., 0, None])


def test_one_amplitude_has_variance_over_energy():
    basis = np.exp(-TIMES / 0.04)
    found = bound_of_signal(lambda t: t[..., :1] * basis, np.array([3.0]), 0.1, "gaussian")
    assert found[0, 0] == pytest.approx(0.01 / np.sum(basis**2), rel=1e-9)


def test_gaussian_decay_is_the_inverse_normal_matrix(decay):
    t2, s0, sigma = 0.04, 500.0, 2.0
    e = np.exp(-TIMES / t2)
    jacobian = np.stack([s0 * e * TIMES / t2**2, e])
    exact = np.linalg.inv(jacobian @ jacobian.T / sigma**2)
    np.testing.assert_allclose(bound(decay, [t2], [s0], sigma, "gaussian"), exact, rtol=2e-3)
    np.testing.assert_allclose(bound_of_signal(signal, [t2, s0], sigma, "gaussian"), exact, rtol=1e-8)


@pytest.mark.parametrize("snr", [1.5, 5.0, 30.0, 200.0])
def test_rician_bound_is_the_oracles(decay, snr):
    theta = np.array([0.035, 800.0])
    sigma = signal(theta)[0] / snr
    exact = rician_crlb(signal, theta, sigma)
    np.testing.assert_allclose(bound_of_signal(signal, theta, sigma), exact, rtol=1e-3)
    np.testing.assert_allclose(bound(decay, theta[:1], theta[1:], sigma), exact, rtol=4e-3)


def test_magnitudes_say_less_than_their_channels():
    theta = np.array([0.03, 10.0])
    rician, gaussian = (np.diag(bound_of_signal(signal, theta, 1.0, law)) for law in ("rician", "gaussian"))
    assert (rician > 1.02 * gaussian).all()


def test_a_known_axis_is_left_out(decay):
    found = bound(decay, [0.04], [500.0], 2.0, "gaussian", known=["T2"])
    assert np.isnan(found[0]).all() and np.isnan(found[:, 0]).all()
    assert found[1, 1] == pytest.approx(4.0 / np.sum(np.exp(-TIMES / 0.04) ** 2), rel=1e-3)


def test_complex_samples_give_both_channels():
    axis = Axis("f", -60.0, 60.0, 481)
    model = SeparableModel([axis], [np.exp(2j * np.pi * TIMES * axis.nodes[:, None])])
    c, sigma = 40.0 * np.exp(0.7j), 1.5
    found = bound(model, [12.0], [c], sigma, "complex")
    # frequency of one complex line: the phase's slope, with phase and size free
    spread = np.sum((TIMES - TIMES.mean()) ** 2)
    assert found[0, 0] == pytest.approx(sigma**2 / (4 * np.pi**2 * abs(c) ** 2 * spread), rel=1e-3)

    def line(t):
        return (t[..., 1] + 1j * t[..., 2])[..., None] * np.exp(2j * np.pi * TIMES * t[..., :1])

    by_steps = bound_of_signal(line, [12.0, c.real, c.imag], sigma, "complex")
    np.testing.assert_allclose(found, by_steps, rtol=2e-3, atol=1e-9)
    with pytest.raises(ValueError, match="complex"):
        bound(model, [12.0], [c], sigma, "rician")


def test_leading_shapes_and_sigma_broadcast(decay):
    theta = np.full((2, 3, 1), 0.04)
    sigma = np.array([1.0, 2.0, 4.0])
    found = bound(decay, theta, np.full((2, 3, 1), 300.0), sigma, "gaussian")
    assert found.shape == (2, 3, 2, 2) and found.dtype == np.float64
    np.testing.assert_allclose(found[:, 1], 4 * found[:, 0], rtol=1e-9)


def test_what_the_data_do_not_say_is_infinite():
    def blind(t):  # the third parameter is in no sample
        return signal(t[..., :2])

    found = bound_of_signal(blind, [0.04, 500.0, 1.0], 2.0, "gaussian")
    assert np.isinf(found[2, 2])
    np.testing.assert_allclose(found[:2, :2], bound_of_signal(signal, [0.04, 500.0], 2.0, "gaussian"), rtol=1e-9)

    def twins(t):  # only their product is seen
        return signal(np.stack([t[..., 0], t[..., 1] * t[..., 2]], axis=-1))

    assert np.isinf(np.diag(bound_of_signal(twins, [0.04, 500.0, 2.0], 2.0, "gaussian"))).all()
