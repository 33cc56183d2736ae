"""T2* on gradient echoes written out independently: noise floor, fat, and a field that slopes through the slice."""

import numpy as np
import pytest

from neuromyo.biomarkers import t2star
from neuromyo.fit.runner import run
from tests.oracles.water_fat import LARMOR_3T, spectrum_lines, water_fat_signal
from tests.physics.as_series import noisy_magnitude, series

TE = tuple(0.0023 * k for k in range(1, 11))
TOLD = {"echo_times": TE, "repetition_time": 0.03, "field_strength": 3.0, "imaging_frequency_hz": LARMOR_3T}
T2STAR = np.array([0.012, 0.025, 0.045])


def fitted(signals, known=None, options=None, **where):
    scan = series(signals, "MEGRE", TOLD, **where)
    maps, findings = run(t2star.BIOMARKER, {"megre": scan}, t2star.Options(**(options or {})), known=known)
    return maps["T2star"].values, maps, findings


@pytest.mark.parametrize("snr", [20.0, 50.0])
def test_no_bias_from_the_noise_floor(snr):
    """Late echoes of the shortest T2* lie near the floor: at 23 ms an SNR of 20 has become 3."""
    draws = 2000
    clean = 1000 * np.abs(water_fat_signal(0.0, 1 / T2STAR, echo_times=TE))
    found, maps, _ = fitted(noisy_magnitude(clean, 1000 / snr, draws, seed=int(snr)))
    found, sd = found.reshape(3, draws), maps["T2star"].sd.reshape(3, draws)
    for k, truth in enumerate(T2STAR):
        assert np.isfinite(found[k]).mean() > 0.99
        assert np.nanmedian(found[k]) == pytest.approx(truth, rel=0.02)
        if snr == 50.0:
            assert 0.92 <= np.nanmean(np.abs(found[k] - truth) < 1.96 * sd[k]) <= 0.975


def test_least_squares_is_the_biased_one():
    """The floor is there to be seen: without its law the shortest T2* comes out too long."""
    clean = 1000 * np.abs(water_fat_signal(0.0, 1 / T2STAR[:1], echo_times=TE))
    noisy = noisy_magnitude(clean, 100.0, 4000, seed=1)
    plain, _, _ = fitted(noisy, options={"likelihood": "least-squares"})
    law, _, _ = fitted(noisy)
    assert np.nanmedian(plain) > 1.03 * T2STAR[0]
    assert abs(np.nanmedian(law) / T2STAR[0] - 1) < 0.5 * (np.nanmedian(plain) / T2STAR[0] - 1)


@pytest.mark.parametrize("fat_fraction", [0.1, 0.3, 0.6])
def test_fat_that_is_known(fat_fraction):
    """Six lines beat with water; with the map the decay comes out, without it even echoes near in phase are 4 % off."""
    clean = 1000 * np.abs(water_fat_signal(fat_fraction, 1 / T2STAR, echo_times=TE))
    known = {"FF": np.full((3, 1, 1), fat_fraction)}
    found, _, _ = fitted(noisy_magnitude(clean, 0.5, 1), known)
    assert np.allclose(found.ravel(), T2STAR, rtol=0.02), found.ravel()
    if fat_fraction == 0.3:
        ignored, _, _ = fitted(noisy_magnitude(clean, 0.5, 1), options={"fat": "none"})
        assert np.nanmax(np.abs(ignored.ravel() / T2STAR - 1)) > 0.04


def test_the_phantom_fat_is_what_it_says():
    """A guard of this file: the signals beat at 2.3 ms, the period of methylene at 3 T."""
    shift, area = spectrum_lines("hamilton-2011")
    assert 1 / abs(shift[np.argmax(area)] * LARMOR_3T) == pytest.approx(0.0023, rel=0.01)


@pytest.mark.parametrize("slope_hz", [20.0, 40.0])
def test_a_field_that_slopes_through_the_slice(slope_hz):
    """Each slice is the sum of 201 layers whose field rises by ``slope_hz`` from face to face."""
    layers = (np.arange(201) + 0.5) / 201 - 0.5
    shape = (6, 6, 8)
    b0 = slope_hz * (np.arange(8) - 3.5) * np.ones(shape)
    t = np.array(TE)
    spread = np.exp(2j * np.pi * slope_hz * layers[:, None] * t).mean(axis=0)
    clean = 1000 * np.abs(np.exp(-t / 0.03) * spread)
    image = np.abs(clean + np.random.default_rng(0).standard_normal((*shape, len(TE))))
    told = {"spacing_mm": (2.0, 2.0, 5.0)}
    with_map, _, _ = fitted(image, {"B0": b0}, **told)
    without, _, _ = fitted(image, **told)
    inner = (slice(1, -1), slice(1, -1), slice(1, -1))
    assert np.nanmean(with_map[inner]) == pytest.approx(0.03, rel=0.02)
    assert np.nanmean(without[inner]) < 0.97 * 0.03
