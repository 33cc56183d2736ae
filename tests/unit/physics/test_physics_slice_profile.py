"""Slice profiles: limits, widths, the Fourier transform at small angles."""

import numpy as np
import pytest

from neuromyo.core.errors import OptionError
from neuromyo.physics.slice_profile import SHAPES, pair, positions, profile, spinor, waveform

REAL = [s for s in SHAPES if s != "ideal"]


def test_positions_are_middles_of_equal_layers():
    np.testing.assert_allclose(positions(4, 1.0), [0.125, 0.375, 0.625, 0.875])


def test_ideal_is_nominal_everywhere():
    assert profile("ideal", n=5) == (1.0,) * 5
    assert pair("ideal", "ideal", 21) == ((1.0,), (1.0,))


@pytest.mark.parametrize("shape", ["sinc", "sinc-hann"])
def test_centre_has_the_nominal_angle(shape):
    for role in ("excitation", "refocusing"):
        assert profile(shape, role, n=2001)[0] == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("shape", ["sinc", "sinc-hann"])
def test_small_angles_give_the_fourier_transform(shape):
    pulse, cycles, small = waveform(shape, "excitation", 4.0), np.linspace(0, 5, 41), 0.005
    alpha, beta = spinor(pulse, small, cycles)
    times = (np.arange(pulse.size) + 0.5) / pulse.size
    # linear response: each sample tips by its share and precesses for the rest of the pulse
    transform = (pulse * np.exp(2j * np.pi * np.multiply.outer(cycles, 1 - times))).sum(axis=-1)
    np.testing.assert_allclose(2 * np.conj(alpha) * beta, -1j * small * transform, atol=1e-6)


def test_spinors_are_rotations():
    alpha, beta = spinor(waveform("slr", "refocusing", 6.0), 0.8, np.linspace(-4, 4, 33))
    np.testing.assert_allclose(np.abs(alpha) ** 2 + np.abs(beta) ** 2, 1.0, rtol=1e-12)


def test_constant_pulse_has_the_textbook_off_resonance_rotation():
    """Rabi: |beta|^2 = (w1 / w)^2 sin^2(w T / 2) with w^2 = w1^2 + dw^2."""
    cycles = np.linspace(0, 2, 9)
    beta = spinor(np.full(4096, np.pi / 4096), 1.0, cycles)[1]
    turn = np.hypot(np.pi, 2 * np.pi * cycles)
    np.testing.assert_allclose(np.abs(beta) ** 2, (np.pi / turn) ** 2 * np.sin(turn / 2) ** 2, atol=1e-6)


@pytest.mark.parametrize("shape", REAL)
def test_excited_slice_is_about_as_thick_as_asked(shape):
    n = 2000
    excited = np.sin(np.array(profile(shape, n=n)) * np.pi / 2)
    edge = positions(n)[np.argmax(excited < 0.5)]
    assert edge == pytest.approx(0.5, abs=0.06)
    assert 2 * excited.mean() == pytest.approx(1.0, abs=0.12)


@pytest.mark.parametrize("shape", REAL)
def test_far_from_the_slice_nothing_happens(shape):
    for role in ("excitation", "refocusing"):
        # a cut sinc rings on: its side lobes at four thicknesses are still a percent or two
        assert np.abs(profile(shape, role, n=400, extent=4.0)[-40:]).max() < (0.03 if shape == "sinc" else 0.01)


def test_a_window_smooths_and_slr_is_sharper():
    def transition(shape: str) -> float:
        angles = np.array(profile(shape, n=2000))
        place = positions(2000)
        return place[np.argmax(angles < 0.2)] - place[np.argmax(angles < 0.8)]

    assert transition("slr") < transition("sinc-hann")
    plain, windowed = (np.array(profile(s, n=400)) for s in ("sinc", "sinc-hann"))
    assert np.abs(windowed[320:]).max() < 0.5 * np.abs(plain[320:]).max()


def test_slr_pass_and_stop_bands_are_flat():
    place = positions(1000)
    excited = np.sin(np.array(profile("slr", n=1000)) * np.pi / 2)
    refocused = np.sin(np.array(profile("slr", "refocusing", n=1000)) * np.pi / 2) ** 2
    for share in (excited, refocused):
        assert share[place < 0.3].min() > 0.98 and share.max() <= 1.0
        assert np.abs(share[place > 0.72]).max() < 0.02


def test_higher_time_bandwidth_is_closer_to_ideal():
    def miss(tbw: float) -> float:
        excited = np.sin(np.array(profile("slr", n=500, time_bandwidth=tbw)) * np.pi / 2)
        return float(np.abs(excited - (positions(500) < 0.5)).mean())

    assert miss(16.0) < miss(8.0) < miss(5.0)


def test_a_wider_refocusing_slice_is_the_same_profile_stretched():
    narrow = profile("sinc", "refocusing", n=50, extent=0.5)
    np.testing.assert_allclose(
        profile("sinc", "refocusing", n=50, extent=1.0, thickness_factor=2.0), narrow, atol=1e-12
    )


def test_side_lobes_of_an_excitation_have_their_sign():
    assert min(profile("sinc")) < -0.05
    assert min(profile("sinc", "refocusing")) >= 0.0


@pytest.mark.parametrize("shape", REAL)
def test_pair_leaves_out_only_what_gives_no_echo(shape):
    whole = np.array([profile(shape), profile(shape, "refocusing")])
    kept = np.array(pair(shape, shape))
    assert 3 < kept.shape[1] < 21 and isinstance(hash(pair(shape, shape)), int)

    def echo(angles: np.ndarray) -> float:
        return float((np.sin(angles[0] * np.pi / 2) * np.sin(angles[1] * np.pi / 2) ** 2).sum())

    assert echo(kept) == pytest.approx(echo(whole), rel=5e-3)


def test_given_angles_pass_through():
    assert profile([1, 0.5, 0.25], "refocusing") == (1.0, 0.5, 0.25)
    excitation, refocusing = pair((1.0, 0.8, 0.4), "ideal")
    assert excitation == (1.0, 0.8, 0.4) and refocusing == (1.0, 1.0, 1.0)


@pytest.mark.parametrize("bad", ["gauss", (), (0.0, 0.0), (1.0, float("nan"))])
def test_no_such_profile(bad):
    with pytest.raises(OptionError):
        profile(bad)


def test_pairs_that_do_not_match():
    with pytest.raises(OptionError, match="as many"):
        pair((1.0, 0.5), (1.0, 0.5, 0.2))
    with pytest.raises(OptionError, match="time-bandwidth"):
        profile("slr", time_bandwidth=1.0)


@pytest.mark.parametrize("shape", REAL)
def test_profiles_are_integrated_at_the_B1_asked_for(shape):
    """On resonance the angle is in proportion to B1; at the edge of a refocusing slice it is not: it is wider below 1."""
    low, nominal = (np.array(profile(shape, "refocusing", n=400, B1=b1)) for b1 in (0.7, 1.0))
    assert low[0] == pytest.approx(nominal[0], abs=0.05)
    assert low.sum() > 1.02 * nominal.sum()
    lengths = {len(pair(shape, shape, 15, B1=b1)[0]) for b1 in (0.5, 0.8, 1.0, 1.3)}
    assert len(lengths) == 1


@pytest.mark.parametrize(("role", "angle"), [("excitation", 90.0), ("refocusing", 180.0)])
def test_slr_sub_pulses_make_the_angle_on_resonance(role, angle):
    pulse = waveform("slr", role, 6.0)
    assert np.rad2deg(pulse.sum()) == pytest.approx(angle, rel=0.05)
    np.testing.assert_allclose(pulse, pulse[::-1], atol=2e-3 * np.abs(pulse).max() if role == "excitation" else 0.03)
