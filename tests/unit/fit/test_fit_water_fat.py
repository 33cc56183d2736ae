"""Water and fat of single voxels, against signals that the tests make themselves."""

from __future__ import annotations

import numpy as np
import pytest

from neuromyo.fit import water_fat
from tests.unit.fit.legs import TE, unit_fat

UNEVEN = np.array([1.1, 2.3, 3.2, 4.7, 5.5, 7.9]) * 1e-3


def made(rng, count, te=TE, sign=1, sigma=0.0, theta=0.0):
    truth = {"ff": rng.uniform(0, 1, count), "r2": rng.uniform(20, 200, count), "b0": rng.uniform(-400, 400, count)}
    mixture = (1 - truth["ff"])[:, None] + truth["ff"][:, None] * unit_fat(te, sign=sign)
    turning = (
        sign * 2j * np.pi * truth["b0"][:, None] * te - truth["r2"][:, None] * te + 1j * rng.uniform(-3, 3, (count, 1))
    )
    signal = mixture * np.exp(turning) * np.exp(1j * theta * water_fat.polarity(len(te)))
    noise = rng.standard_normal((2, count, len(te)))
    return truth, signal + sigma * (noise[0] + 1j * noise[1])


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("te", [TE, UNEVEN], ids=["even", "uneven"])
def test_exact_signals_give_their_truth(te, sign):
    truth, signal = made(np.random.default_rng(1), 200, te, sign)
    fit = water_fat.separate(signal, te, unit_fat(te, sign=sign), truth["b0"] + 6, 60.0, precession_sign=sign)
    assert fit.converged.all()
    np.testing.assert_allclose(water_fat.fat_fraction(fit.water, fit.fat), truth["ff"], atol=1e-6)
    np.testing.assert_allclose(fit.field_hz, truth["b0"], atol=1e-4)
    np.testing.assert_allclose(fit.r2star, truth["r2"], atol=1e-3)


def test_the_wrong_sense_does_not_fit():
    truth, signal = made(np.random.default_rng(2), 50)
    fit = water_fat.separate(signal, TE, unit_fat(TE).conj(), -truth["b0"], precession_sign=-1)
    mixed = (truth["ff"] > 0.2) & (truth["ff"] < 0.8)
    assert (fit.rss[mixed] > 1e-4).all()


def test_sds_are_those_that_noise_makes():
    rng = np.random.default_rng(3)
    truth, signal = made(rng, 4000, sigma=0.02, theta=0.2)
    fit = water_fat.separate(signal, TE, unit_fat(TE), truth["b0"], 80.0, theta=0.1, fit_theta=True, sigma=0.02)
    ff = water_fat.fat_fraction(fit.water, fit.fat)
    errors = {
        "FF": (ff - truth["ff"], water_fat.fat_fraction_sd(fit.water, fit.fat, fit.covariance)),
        "B0": (fit.field_hz - truth["b0"], np.sqrt(fit.covariance[:, 0, 0])),
        "R2*": (fit.r2star - truth["r2"], np.sqrt(fit.covariance[:, 1, 1])),
        "theta": (fit.theta - 0.2, np.sqrt(fit.covariance[:, 6, 6])),
    }
    for name, (error, sd) in errors.items():
        assert abs(np.mean(np.abs(error) < 1.96 * sd) - 0.95) < 0.02, name
    assert np.sqrt(fit.rss.mean() / fit.dof) == pytest.approx(0.02, rel=0.02)


def test_a_region_without_fat_has_none_on_average():
    rng = np.random.default_rng(4)
    clean = np.exp(-40 * TE) * np.ones((20000, 1))
    noise = rng.standard_normal((2, *clean.shape)) / 20
    fit = water_fat.separate(
        (clean + noise[0] + 1j * noise[1]).astype(np.complex64), TE, unit_fat(TE), 0.0, covariance=False
    )
    ff = water_fat.fat_fraction(fit.water, fit.fat)
    assert abs(ff.mean()) < 4 * ff.std() / np.sqrt(len(ff)) + 5e-4
    magnitudes = np.abs(fit.fat) / (np.abs(fit.water) + np.abs(fit.fat))
    assert magnitudes.mean() > 0.015  # what a ratio of magnitudes would have said


def test_the_covariance_of_a_held_rate_does_not_count_it():
    truth, signal = made(np.random.default_rng(5), 20)
    given = (signal, TE, unit_fat(TE), truth["b0"], truth["r2"])
    free, held = water_fat.separate(*given), water_fat.separate(*given, hold_r2star=True)
    assert held.dof == free.dof + 1
    np.testing.assert_allclose(held.covariance[:, 1], 0, atol=1e-12)
    ff = [water_fat.fat_fraction_sd(f.water, f.fat, f.covariance) for f in (free, held)]
    assert (ff[1] <= ff[0] * (1 + 1e-9)).all() and (ff[1] < 0.999 * ff[0]).any()


def test_bad_voxels_are_nan_and_spoil_no_other():
    truth, signal = made(np.random.default_rng(6), 8)
    start = truth["b0"].copy()
    whole = water_fat.separate(signal, TE, unit_fat(TE), start)
    signal[1, 2], signal[3], start[5] = np.nan, 0, np.nan
    fit = water_fat.separate(signal, TE, unit_fat(TE), start)
    bad = np.isin(np.arange(8), (1, 3, 5))
    assert np.isnan(fit.water[bad]).all() and np.isnan(fit.covariance[bad]).all() and not fit.converged[bad].any()
    assert fit.finite.tolist() == [True, False, True, True, True, False, True, True]
    for name in ("water", "fat", "field_hz", "r2star", "rss"):
        assert getattr(fit, name)[~bad].tobytes() == getattr(whole, name)[~bad].tobytes()


def test_scale_changes_nothing_but_the_amplitudes():
    truth, signal = made(np.random.default_rng(7), 30, sigma=0.01)
    small, large = (water_fat.separate(s * signal, TE, unit_fat(TE), truth["b0"], sigma=s * 0.01) for s in (1e-6, 1e6))
    np.testing.assert_allclose(large.covariance[:, :2, :2], small.covariance[:, :2, :2], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(large.water, small.water * 1e12, rtol=1e-4, atol=1e2)
