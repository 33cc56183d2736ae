"""The echo train against closed forms, and the rule that turns echo times into a train."""

import numpy as np
import pytest

from neuromyo.core.errors import ProtocolError
from neuromyo.physics.epg import cpmg, train


def test_ideal_pulses_decay_with_T2_alone():
    times = 0.009 + 0.012 * np.arange(9)
    signal = cpmg(9, 0.012, 0.7, [0.02, 0.05, 0.2], 1.0, first_echo=0.009)
    np.testing.assert_allclose(signal, np.exp(-times / np.array([[0.02], [0.05], [0.2]])), rtol=1e-12)


@pytest.mark.parametrize("angle", [30.0, 75.0, 120.0, 160.0])
def test_first_echoes_without_relaxation(angle):
    """Echo 1 is sin^2(a/2); echo 2 adds the stimulated echo: sin^4(a/2) + sin^2(a) / 2."""
    half = np.deg2rad(angle) / 2
    signal = cpmg(2, 0.01, np.inf, np.inf, 1.0, refocusing_angle_deg=angle)
    expected = [np.sin(half) ** 2, np.sin(half) ** 4 + 0.5 * np.sin(2 * half) ** 2]
    np.testing.assert_allclose(signal, expected, rtol=1e-13)


def test_second_echo_separates_spin_and_stimulated_paths():
    """Spin echo decays with T2 throughout; the stimulated path spends one spacing along z, decaying with T1."""
    T1, T2, first, spacing, angle = 0.3, 0.04, 0.014, 0.010, np.deg2rad(110)
    second = cpmg(2, spacing, T1, T2, 1.0, first_echo=first, refocusing_angle_deg=110)[1]
    spin = np.sin(angle / 2) ** 4 * np.exp(-(first + spacing) / T2)
    stimulated = 0.5 * np.sin(angle) ** 2 * np.exp(-0.5 * (first + spacing) / T2 - 0.5 * (first + spacing) / T1)
    assert second == pytest.approx(spin + stimulated, rel=1e-12)


def test_long_train_without_relaxation_settles():
    """Without relaxation the echoes of a constant train tend to sin(a/2)'s CPMG plateau (Alsop 1997): a = 60 degrees."""
    signal = cpmg(400, 0.01, np.inf, np.inf, 1.0, refocusing_angle_deg=60.0)
    assert signal[-40:].mean() == pytest.approx(np.sin(np.deg2rad(30)), abs=0.01)


def test_B1_is_symmetric_about_nominal_for_an_ideal_slice():
    off = np.array([0.05, 0.2, 0.4])
    np.testing.assert_allclose(cpmg(8, 0.01, 1.4, 0.035, 1 - off), cpmg(8, 0.01, 1.4, 0.035, 1 + off), rtol=1e-12)


def test_a_real_slice_breaks_that_symmetry():
    shape = {"excitation": (1.0, 0.6), "refocusing": (1.0, 0.5)}
    low, high = cpmg(8, 0.01, 1.4, 0.035, 0.8, **shape), cpmg(8, 0.01, 1.4, 0.035, 1.2, **shape)
    assert np.abs(low - high).max() > 0.05


def test_positions_are_averaged_with_their_sign():
    one = cpmg(5, 0.01, 1.4, 0.035, 0.9, excitation=(1.0,), refocusing=(0.9,))
    other = cpmg(5, 0.01, 1.4, 0.035, 0.9, excitation=(0.2,), refocusing=(0.5,))
    both = cpmg(5, 0.01, 1.4, 0.035, 0.9, excitation=(1.0, -0.2), refocusing=(0.9, 0.5))
    np.testing.assert_allclose(both, (one - other) / 2, rtol=1e-12)


@pytest.mark.parametrize("n_echoes", [1, 2, 5])
def test_saturation_with_ideal_refocusing(n_echoes):
    """Each 180 turns the recovering z over: m = 1 - 2 E(tail) + 2 E(...) ... +- E(TR), and the echoes scale with it."""
    T1, first, spacing, TR, tip = 0.8, 0.013, 0.010, 0.5, 0.7
    pulses = [0.5 * first] + [first + spacing * (i - 0.5) for i in range(1, n_echoes)]
    inverted = 1.0 + sum(2 * (-1) ** (n_echoes - i) * np.exp(-(TR - t) / T1) for i, t in enumerate(pulses))
    last = (-1) ** n_echoes * np.exp(-TR / T1)
    start = (inverted - last) / (1 - last * np.cos(tip * np.pi / 2))
    signal = cpmg(n_echoes, spacing, T1, 0.05, 1.0, first_echo=first, excitation=(tip,), repetition_time=TR)
    expected = start * np.sin(tip * np.pi / 2) * np.exp(-(first + spacing * np.arange(n_echoes)) / 0.05)
    np.testing.assert_allclose(signal, expected, rtol=1e-12)


def test_long_repetition_time_is_none_at_all():
    ends = [cpmg(6, 0.01, 0.4, 0.04, [0.6, 0.9], repetition_time=tr) for tr in (40.0, np.inf)]
    np.testing.assert_allclose(*ends, rtol=1e-12)


def test_shorter_repetition_time_means_less_signal():
    signal = [cpmg(6, 0.01, 1.4, 0.04, 0.8, repetition_time=tr)[0] for tr in (0.3, 0.6, 1.2, 2.4, 4.8)]
    assert (np.diff(signal) > 0).all()


def test_shapes_blocks_and_bad_voxels():
    rng = np.random.default_rng(3)
    T2, B1 = rng.uniform(0.02, 0.1, (70, 40)), rng.uniform(0.6, 1.2, (70, 40))
    B1[3, 4], T2[5, 6] = np.nan, -1.0
    whole = cpmg(7, 0.01, 1.4, T2, B1, excitation=(1, 0.5), refocusing=(1, 0.4), repetition_time=2.0)
    assert whole.shape == (70, 40, 7)
    assert np.isnan(whole[3, 4]).all() and np.isnan(whole[5, 6]).all() and np.isnan(whole).sum() == 14
    part = cpmg(7, 0.01, 1.4, T2[60:], B1[60:], excitation=(1, 0.5), refocusing=(1, 0.4), repetition_time=2.0)
    np.testing.assert_array_equal(part, whole[60:])


def test_repetition_time_must_hold_the_train():
    with pytest.raises(ProtocolError, match="repetition time"):
        cpmg(10, 0.01, 1.0, 0.05, 1.0, repetition_time=0.09)


@pytest.mark.parametrize(
    ("times", "n_echoes", "first", "spacing", "kept"),
    [
        ([0.010, 0.020, 0.030], 3, 0.010, 0.010, (0, 1, 2)),
        ([0.006312, 0.012624, 0.01894], 3, 0.0063129, 0.0063129, (0, 1, 2)),
        ([0.030, 0.040, 0.050], 5, 0.010, 0.010, (2, 3, 4)),
        ([0.012, 0.022, 0.032], 3, 0.012, 0.010, (0, 1, 2)),
        ([0.020, 0.080], 2, 0.020, 0.060, (0, 1)),
        ([0.0401, 0.0601], 3, 0.02003, 0.02003, (1, 2)),
    ],
)
def test_train_behind_echo_times(times, n_echoes, first, spacing, kept):
    found = train(times)
    assert (found.n_echoes, found.kept) == (n_echoes, kept)
    assert found.first_echo == pytest.approx(first, rel=1e-3) and found.spacing == pytest.approx(spacing, rel=1e-3)


def test_dropped_echoes_are_simulated_all_the_same():
    t = train([0.03, 0.04])
    stored = cpmg(t.n_echoes, t.spacing, 1.4, 0.04, 0.7, first_echo=t.first_echo)[..., t.kept]
    np.testing.assert_allclose(stored, cpmg(4, 0.01, 1.4, 0.04, 0.7)[2:], rtol=1e-12)


@pytest.mark.parametrize(
    ("times", "code"),
    [
        ([0.01, 0.02, 0.035], "E-ECHO-SPACING"),
        ([0.01, 0.02, 0.0306], "E-ECHO-SPACING"),
        ([0.02, 0.01], "E-ECHO-SPACING"),
        ([0.01], "E-ECHO-COUNT"),
        ([0.0, 0.01], "E-UNITS"),
        ([0.01, float("nan")], "E-UNITS"),
    ],
)
def test_lists_that_are_no_train(times, code):
    with pytest.raises(ProtocolError) as caught:
        train(times)
    assert caught.value.code == code
