"""The saturated steady state and its inverse, derived three ways."""

import numpy as np
import pytest
from scipy.optimize import brentq

from neuromyo.physics.mt_saturation import rational_start, saturation_of, steady, two_angles
from neuromyo.physics.relaxation import spoiled_gradient_echo

TR, GAP = 0.03, 0.004
TIP = np.deg2rad(6.0)


def _one_repetition(m, tip, tr, r1, taken, gap):
    """Magnetisation before one readout -> before the next."""
    m = m * np.cos(tip)
    m = 1 + (m - 1) * np.exp(-(tr - gap) * r1)
    m = (1 - taken) * m
    return 1 + (m - 1) * np.exp(-gap * r1)


def _played(tip, tr, r1, taken, gap):
    """The fixed point of one repetition as an affine map."""
    rise = _one_repetition(0.0, tip, tr, r1, taken, gap)
    slope = _one_repetition(1.0, tip, tr, r1, taken, gap) - rise
    return np.linalg.solve([[1 - slope]], [rise])[0] * np.sin(tip)


@pytest.mark.parametrize("taken", [-0.01, 0.0, 0.02, 0.3])
@pytest.mark.parametrize("gap", [0.0, GAP])
def test_steady_state_and_saturation_three_ways(taken, gap):
    r1, amplitude = 1 / 1.37, 812.0
    closed = steady(TIP, TR, r1, taken, gap).signal
    assert closed == pytest.approx(_played(TIP, TR, r1, taken, gap), rel=1e-12)
    signal = amplitude * closed
    inverse = saturation_of(signal, amplitude, TIP, TR, r1, gap)
    root = brentq(lambda d: amplitude * _played(TIP, TR, r1, d, gap) - signal, -0.015, 0.9, xtol=1e-15, rtol=1e-14)
    assert inverse == pytest.approx(taken, abs=1e-12)
    assert root == pytest.approx(taken, abs=1e-10)


def test_without_saturation_it_is_ernst_whatever_the_gap():
    angles = np.array([2.0, 9.0, 60.0])
    for gap in (0.0, GAP):
        found = steady(np.deg2rad(angles) * 0.9, TR, 1 / 0.8, 0.0, gap).signal
        np.testing.assert_allclose(found, spoiled_gradient_echo(angles, 0.8, TR, B1=0.9), rtol=1e-12)


def test_slopes_are_differences():
    r1, taken, h = 0.9, 0.05, 1e-6
    found = steady(0.3, TR, r1, taken, GAP)
    rate = (
        steady(0.3, TR, r1 * np.exp(h), taken, GAP).signal - steady(0.3, TR, r1 * np.exp(-h), taken, GAP).signal
    ) / (2 * h)
    by = (steady(0.3, TR, r1, taken + h, GAP).signal - steady(0.3, TR, r1, taken - h, GAP).signal) / (2 * h)
    assert found.by_log_rate == pytest.approx(rate, rel=1e-8)
    assert found.by_saturation == pytest.approx(by, rel=1e-8)


def test_two_angles_are_solved_exactly():
    t1 = np.array([0.3, 1.4, 4.0])
    tips = (np.deg2rad(5.0), np.deg2rad(24.0))
    signals = [500.0 * spoiled_gradient_echo([np.rad2deg(t)], t1, TR)[:, 0] for t in tips]
    rate, amplitude = two_angles(*signals, tips, TR)
    np.testing.assert_allclose(1 / rate, t1, rtol=1e-10)
    np.testing.assert_allclose(amplitude, 500.0, rtol=1e-10)
    assert np.isnan(two_angles(1.0, 5.0, tips, TR)[0])


def test_helms_is_the_limit_of_small_angles_and_rates():
    tip, tr, r1, taken = np.deg2rad(0.5), 1e-4, 0.7, 2e-5
    signal = steady(tip, tr, r1, taken).signal
    helms = (tip / signal - 1) * r1 * tr - tip**2 / 2
    assert helms == pytest.approx(taken, rel=1e-3)


def test_start_is_near_for_unlike_repetition_times():
    tips, trs, r1 = (np.deg2rad(6.0), np.deg2rad(20.0)), (0.037, 0.0187), 1 / 1.2
    signals = [900 * steady(t, tr, r1).signal for t, tr in zip(tips, trs, strict=True)]
    rate, amplitude = rational_start(*signals, tips, trs)
    assert rate == pytest.approx(r1, rel=0.02) and amplitude == pytest.approx(900, rel=0.02)
