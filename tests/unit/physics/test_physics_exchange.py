"""Two exchanging pools: against an integrator stepping through time, and against limits that have closed forms."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.linalg
from scipy.integrate import quad, solve_ivp

from neuromyo.physics import exchange
from neuromyo.physics.exchange import Pools, SaturationPulse, absorption, steady_state
from neuromyo.physics.relaxation import spoiled_gradient_echo

MUSCLE = exchange.TISSUE["muscle"].pools
PULSE = SaturationPulse(500.0, 0.010, 1200.0)


def test_matrix_exponential_is_that_of_scipy():
    rng = np.random.default_rng(1)
    matrices = rng.standard_normal((6, 5, 5)) * np.array([1e-4, 0.1, 1.0, 5.0, 20.0, 60.0])[:, None, None]
    matrices -= 3 * np.abs(matrices).max(axis=(1, 2), keepdims=True) * np.eye(5)
    for one, found in zip(matrices, exchange.matrix_exponential(matrices), strict=True):
        np.testing.assert_allclose(found, scipy.linalg.expm(one), rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("offset", [1000.0, 2000.0, 8000.0, 30000.0])
def test_super_lorentzian_is_its_integral(offset):
    t2, magic = 8.7e-6, 3**-0.5

    def integrand(u):
        width = abs(3 * u * u - 1)
        return np.sqrt(2 / np.pi) * t2 / width * np.exp(-2 * (2 * np.pi * offset * t2 / width) ** 2)

    wanted = sum(quad(integrand, *ends, epsabs=1e-17, limit=400)[0] for ends in ((0, magic), (magic, 1)))
    assert absorption(offset, t2) == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("lineshape", ["gaussian", "lorentzian"])
def test_lineshapes_have_unit_area_over_angular_frequency(lineshape):
    area = quad(lambda f: float(absorption(f, 1e-5, lineshape)) * 2 * np.pi, -np.inf, np.inf, limit=400)[0]
    assert area == pytest.approx(1.0, rel=1e-6)
    with pytest.raises(ValueError, match="one of"):
        absorption(1e3, 1e-5, "cubic")


def test_pools_recover_at_the_observed_rate():
    kf, kb, free = MUSCLE.exchange * MUSCLE.bound, MUSCLE.exchange, float(MUSCLE.free_rate)
    rates = -np.linalg.eigvals([[-free - kf, kb], [kf, -1.0 - kb]]).real
    assert rates.min() == pytest.approx(1 / MUSCLE.T1, rel=1e-10)


@pytest.mark.parametrize("envelope", exchange.ENVELOPES)
def test_envelopes_turn_by_their_angle(envelope):
    pulse = SaturationPulse(300.0, 0.008, 1500.0, envelope)
    assert pulse.amplitudes().sum() * 0.008 / pulse.steps == pytest.approx(np.deg2rad(300.0))


def test_without_a_bound_pool_and_pulse_it_is_ernst():
    pools = Pools(1.1, 0.05, 0.0, 0.0, 1e-5)
    angles, b1 = np.array([3.0, 12.0, 40.0]), 0.85
    found = steady_state(pools, None, flip_deg=angles, repetition_time=0.03, B1=b1).signal
    np.testing.assert_allclose(found, spoiled_gradient_echo(angles, 1.1, 0.03, B1=b1), rtol=1e-12)


def _stepped(pools: Pools, pulse: SaturationPulse, start, flip, tr, gap, b1):
    """One repetition from (free, bound) by Dormand and Prince's eighth-order steps; the envelope is a smooth function."""
    f, k, r1f, r1b = pools.bound, pools.exchange, float(pools.free_rate), 1 / pools.T1_bound
    rate = np.pi * absorption(pulse.offset_hz, pools.T2_bound)
    dw, tau = 2 * np.pi * pulse.offset_hz, pulse.duration
    form = lambda t: np.exp(-0.5 * (3 * (2 * t / tau - 1)) ** 2)  # noqa: E731
    peak = np.deg2rad(pulse.flip_deg) * b1 / quad(form, 0, tau)[0]

    def slope(t, m, on):
        x, y, z, b = m
        w1 = peak * form(t) if on else 0.0
        return [-x / pools.T2 + dw * y, -dw * x - y / pools.T2 + w1 * z,
                -w1 * y + r1f * (1 - z) - k * f * z + k * b,
                r1b * (f - b) + k * f * z - k * b - rate * w1**2 * b]  # fmt: skip

    def played(m, length, on):
        return solve_ivp(slope, (0, length), m, "DOP853", args=(on,), rtol=1e-10, atol=1e-13).y[:, -1]

    after = played([0.0, 0.0, *start], tau, True)[2:]
    ready = played([0.0, 0.0, *after], gap, False)[2:] if gap else after
    turned = ready * [np.cos(np.deg2rad(flip) * b1), 1.0]
    return played([0.0, 0.0, *turned], tr - tau - gap, False)[2:], after, ready[0] * np.sin(np.deg2rad(flip) * b1)


@pytest.mark.parametrize(
    ("tissue", "pulse", "b1", "gap"),
    [
        ("muscle", PULSE, 1.0, 0.002),
        ("muscle", PULSE, 0.7, 0.0),
        ("nerve", SaturationPulse(220, 0.004, 2000), 1.2, 0.001),
    ],
)
def test_steady_state_is_where_stepping_through_time_stands_still(tissue, pulse, b1, gap):
    pools = exchange.TISSUE[tissue].pools
    fine = replace(pulse, steps=400)  # pieces of constant amplitude against a smooth envelope
    found = steady_state(pools, fine, flip_deg=6.0, repetition_time=0.03, gap=gap, B1=b1)
    again, after, signal = _stepped(pools, pulse, found.before_pulse, 6.0, 0.03, gap, b1)
    np.testing.assert_allclose(again, found.before_pulse, rtol=2e-6)
    np.testing.assert_allclose(after, found.after_pulse, rtol=1e-5)
    assert signal == pytest.approx(found.signal, rel=1e-5)
    usual = steady_state(pools, pulse, flip_deg=6.0, repetition_time=0.03, gap=gap, B1=b1)
    assert usual.signal == pytest.approx(found.signal, rel=1e-4)  # the default number of pieces is enough


def test_from_equilibrium_it_settles_there():
    pools = replace(MUSCLE, T1=0.15, T1_bound=0.15)  # settles in few repetitions
    found = steady_state(pools, PULSE, flip_deg=20.0, repetition_time=0.03)
    state = np.array([1.0, pools.bound])
    for _ in range(40):
        state = _stepped(pools, PULSE, state, 20.0, 0.03, 0.0, 1.0)[0]
    np.testing.assert_allclose(state, found.before_pulse, rtol=1e-4)


def test_any_shape_of_parameters():
    pools = replace(MUSCLE, bound=np.array([[0.05], [0.1]]))
    b1 = np.array([0.8, 1.0, 1.2])
    found = steady_state(pools, PULSE, flip_deg=6.0, repetition_time=0.03, B1=b1)
    assert found.signal.shape == (2, 3) and found.saturation.shape == (2, 3)
    one = steady_state(replace(MUSCLE, bound=0.1), PULSE, flip_deg=6.0, repetition_time=0.03, B1=1.2)
    assert found.signal[1, 2] == pytest.approx(float(one.signal), rel=1e-12)
    with pytest.raises(ValueError, match="ends before"):
        steady_state(MUSCLE, PULSE, flip_deg=6.0, repetition_time=0.009)


def test_the_free_pool_alone_loses_what_bloch_says():
    """A short pulse far off resonance on free water: rotation about the tilted field, without relaxation."""
    pools = Pools(1.4, 10.0, 0.0, 0.0, 1e-5)
    pulse = SaturationPulse(90.0, 0.0005, 1000.0, "rect")
    w1, dw = np.deg2rad(90.0) / 0.0005, 2 * np.pi * 1000.0
    kept = (dw**2 + w1**2 * np.cos(np.hypot(w1, dw) * 0.0005)) / (dw**2 + w1**2)
    found = steady_state(pools, pulse, flip_deg=6.0, repetition_time=0.03)
    assert found.saturation == pytest.approx(1 - kept, rel=5e-3)  # what recovers during the pulse


def test_b1_residual_of_white_matter_is_the_brains_usual_one_and_of_muscle_less():
    b1 = np.linspace(0.7, 1.3, 13)
    kind = {"flip_deg": 6.0, "repetition_time": 0.03, "B1": b1}
    brain = exchange.b1_residual_constant(exchange.TISSUE["nerve"].pools, PULSE, **kind)
    muscle = exchange.b1_residual_constant(MUSCLE, PULSE, **kind)
    assert brain == pytest.approx(0.4, abs=0.03)
    assert muscle == pytest.approx(0.29, abs=0.01)
    taken = steady_state(MUSCLE, PULSE, flip_deg=6.0, repetition_time=0.03, B1=b1).saturation
    law = b1**2 * (1 - muscle * b1) / (1 - muscle)
    np.testing.assert_allclose(taken / taken[6], law, rtol=0.01)
