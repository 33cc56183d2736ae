"""T1 from variable flip angles on signals of isochromats: ideal and RF spoiling, B1, echoes, noise.

The true signal is the steady state that pulses of quadratic phase and spoilers really reach, not the Ernst formula.
"""

import numpy as np
import pytest

from neuromyo.biomarkers import t1_vfa
from neuromyo.fit.runner import run
from tests.oracles.bloch_gre import profile_vfa, vfa
from tests.physics.as_series import noisy_magnitude, series

FLIPS = (3.0, 6.0, 10.0, 15.0, 20.0)
TR = 0.015
T1 = np.array([0.35, 0.8, 1.2, 1.4, 1.8])
B1 = np.array([0.7, 0.85, 1.0, 1.15, 1.3])


def fitted(signals, acquisition=None, b1=None, **options):
    """T1 (voxels,), the maps and the findings of signals (m, n)."""
    told = {"flip_angles_deg": FLIPS, "repetition_time": TR} | (acquisition or {})
    scan = series(1000 * signals, "VFA", told)
    known = {} if b1 is None else {"B1": np.asarray(b1, float).reshape(-1, 1, 1) * np.ones(scan.grid.shape)}
    maps, findings = run(t1_vfa.BIOMARKER, {"vfa": scan}, t1_vfa.Options(**options), known=known)
    return maps["T1"].values.ravel(), maps, findings


def test_perfect_spoiling_without_noise():
    t1, b1 = (m.ravel() for m in np.meshgrid(T1, B1))
    found, _, _ = fitted(vfa(FLIPS, TR, t1, 0.035, b1, increment_deg=None)[..., 0], b1=b1)
    assert np.allclose(found, t1, rtol=1e-3)


@pytest.mark.parametrize("increment", [50.0, 117.0, 150.0])
@pytest.mark.parametrize("t2", [0.025, 0.035, 0.06])
def test_incomplete_spoiling_is_corrected_where_the_increment_is_stated(increment, t2):
    t1, b1 = (m.ravel() for m in np.meshgrid(T1[1:], B1))
    signals = vfa(FLIPS, TR, t1, t2, b1, increment_deg=increment)[..., 0]
    found, _, _ = fitted(signals, {"rf_spoiling_increment_deg": increment}, b1, t2=t2)
    assert np.allclose(found, t1, rtol=5e-3), np.abs(found / t1 - 1).max()


def test_an_unstated_increment_is_flagged_with_the_size_of_its_error():
    """The true error at each common increment lies within what the finding or assumption tells."""
    t1 = np.full(4, 1.2)
    found, maps, findings = fitted(vfa(FLIPS, TR, t1, 0.035, increment_deg=117.0)[..., 0], b1=np.ones(4))
    assert abs(found[0] / 1.2 - 1) > 2e-3  # there is an error to tell of
    told = [a for a in maps.assumptions if "spoil" in a.field] + [f for f in findings if "spoil" in str(f).lower()]
    assert told and any("%" in str(t) for t in told), (maps.assumptions, findings)


def test_wrong_b1_costs_its_square():
    """Without the map of B1 0.8, T1 is off by about 0.8^2: the map matters and is used."""
    signals = vfa(FLIPS, TR, T1[1:], 0.035, 0.8, increment_deg=None)[..., 0]
    with_map, _, _ = fitted(signals, b1=np.full(4, 0.8))
    without, _, _ = fitted(signals)
    assert np.allclose(with_map, T1[1:], rtol=2e-3)
    assert np.allclose(without / T1[1:], 0.64, atol=0.03)


def test_echoes_are_taken_back_to_zero():
    """Two echoes at each angle: S0 without T2* weighting, T1 as with one."""
    times, r2 = (0.0025, 0.0075), np.array([20.0, 40.0, 80.0])
    echoes = vfa(FLIPS, TR, np.full(3, 1.2), 0.035, increment_deg=None, echo_times=times, r2star=r2)
    told = {"flip_angles_deg": tuple(np.repeat(FLIPS, 2)), "echo_times": times * len(FLIPS)}
    found, maps, _ = fitted(echoes.reshape(3, -1), told, b1=np.ones(3))
    assert np.allclose(found, 1.2, rtol=2e-3)
    assert np.allclose(maps["S0"].values.ravel(), 1000, rtol=2e-3)


def test_a_slice_profile_that_is_known_is_corrected():
    """Positions from the middle to the edge of a 2D slice, of which the signals are added up."""
    profile = tuple(np.cos(np.linspace(0, 1.2, 41)))
    signals = profile_vfa(FLIPS, TR, T1[1:], 0.035, profile, increment_deg=None)
    found, _, _ = fitted(signals, {"excitation_pulse": profile, "slice_order_3d": False}, np.ones(4))
    uncorrected, _, _ = fitted(signals, {"slice_order_3d": False}, np.ones(4))
    assert np.allclose(found, T1[1:], rtol=0.005), found
    assert np.abs(uncorrected / T1[1:] - 1).min() > 0.05


@pytest.mark.parametrize("b1", [0.8, 1.0, 1.2])
def test_bias_and_sd_with_noise(b1):
    """SNR 100 against the brightest image: mean within 1 %, 1.96 sd cover 92 to 97 %."""
    draws, t1 = 1500, np.array([0.8, 1.2, 1.6])
    clean = vfa(FLIPS, TR, t1, 0.035, b1, increment_deg=50.0)[..., 0]
    noisy = noisy_magnitude(clean, clean.max() / 100, draws, seed=int(100 * b1))
    found, maps, _ = fitted(noisy, {"rf_spoiling_increment_deg": 50.0}, np.full(3 * draws, b1), t2=0.035)
    truth = np.repeat(t1, draws)
    assert np.isfinite(found).mean() > 0.995
    for value in t1:
        here = truth == value
        assert np.nanmean(found[here]) == pytest.approx(value, rel=0.012)
        covered = np.nanmean(np.abs(found[here] - value) < 1.96 * maps["T1"].sd.ravel()[here])
        assert 0.92 <= covered <= 0.975, covered
