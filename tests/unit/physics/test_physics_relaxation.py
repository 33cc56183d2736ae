"""Closed forms against other closed forms, and against simply playing the sequence until it settles."""

import numpy as np
import pytest

from neuromyo.physics.relaxation import ernst_angle_deg, inversion_recovery, mono_exponential, spoiled_gradient_echo

TI = np.array([0.05, 0.2, 0.6, 1.5])


def test_decay_halves_every_half_life():
    T2 = np.array([0.03, 0.08])
    signal = mono_exponential(0.03 * np.log(2) * np.arange(4), T2, S0=8.0, offset=1.0)
    np.testing.assert_allclose(signal[0], [9, 5, 3, 2])
    assert signal.shape == (2, 4)


def test_full_recovery_between_inversions():
    T1 = np.array([[0.3], [1.2]])
    signed = inversion_recovery(TI, T1, magnitude=False)
    np.testing.assert_allclose(signed, 1 - 2 * np.exp(-TI / T1[..., None]))
    np.testing.assert_allclose(inversion_recovery(TI, T1), np.abs(signed))


def test_finite_repetition_with_perfect_pulses():
    T1, TR, half_echo = 0.9, 2.0, 0.006
    gradient = inversion_recovery(TI, T1, repetition_time=TR, magnitude=False)
    np.testing.assert_allclose(gradient, 1 - 2 * np.exp(-TI / T1) + np.exp(-TR / T1))
    spin = inversion_recovery(TI, T1, repetition_time=TR, refocusing_delay=half_echo, magnitude=False)
    # the excitation leaves nothing; recovery starts at 0, is turned over after half_echo, and goes on to the end of TR
    before = 1 - 2 * np.exp(-(TR - TI - half_echo) / T1) + np.exp(-(TR - TI) / T1)
    np.testing.assert_allclose(spin, 1 - (1 + before) * np.exp(-TI / T1))


def test_null_is_at_T1_ln_2():
    assert inversion_recovery([0.8 * np.log(2)], 0.8)[0] == pytest.approx(0.0, abs=1e-15)


def test_imperfect_pulses_settle_to_the_same_as_playing_them():
    T1, TR, turn, tip = 0.7, 1.8, -0.83, 72.0
    played = []
    for ti in TI:
        z = 1.0
        for _ in range(60):
            z = 1 + (turn * z - 1) * np.exp(-ti / T1)
            echo, z = z * np.sin(np.deg2rad(tip)), z * np.cos(np.deg2rad(tip))
            z = 1 + (z - 1) * np.exp(-(TR - ti) / T1)
        played.append(echo)
    found = inversion_recovery(TI, T1, repetition_time=TR, inversion=turn, excitation_deg=tip, magnitude=False)
    np.testing.assert_allclose(found, played, rtol=1e-12)


def test_repetition_time_must_hold_the_inversion_times():
    with pytest.raises(ValueError, match="repetition time"):
        inversion_recovery(TI, 1.0, repetition_time=1.0)


def test_ernst_angle_is_the_maximum():
    T1, TR = np.array([0.3, 1.4]), 0.02
    best = ernst_angle_deg(T1, TR)
    angles = np.linspace(1, 60, 5901)
    np.testing.assert_allclose(angles[spoiled_gradient_echo(angles, T1, TR).argmax(axis=-1)], best, atol=0.011)


def test_spoiled_echo_limits():
    assert spoiled_gradient_echo([90.0], 1.0, 0.5)[0] == pytest.approx(1 - np.exp(-0.5))
    assert spoiled_gradient_echo([30.0], 1.0, 60.0)[0] == pytest.approx(0.5)
    np.testing.assert_allclose(
        spoiled_gradient_echo([20.0], 0.9, 0.03, B1=0.5), spoiled_gradient_echo([10.0], 0.9, 0.03)
    )
