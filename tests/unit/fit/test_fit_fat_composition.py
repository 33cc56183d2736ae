"""The double bonds of a subject's fat, on signals of published spectra from the independent water-fat simulator."""

from __future__ import annotations

import numpy as np
import pytest

from neuromyo.fit import fat_composition
from neuromyo.physics import fat
from tests.oracles.water_fat import ECHO_TIMES, LARMOR_3T, SPECTRA, add_noise, water_fat_signal


def phasor_of(peaks, sign=1):
    return fat.phasor(peaks, ECHO_TIMES, imaging_frequency_hz=LARMOR_3T, precession_sign=sign)


def made(spectrum, seed=0, count=3000, low=0.0, high=1.0, snr=50.0, sign=1, bipolar=0.0, alike=False):
    rng = np.random.default_rng(seed)
    share, rate, field = rng.uniform(low, high, count), rng.uniform(20, 100, count), rng.uniform(-200, 200, count)
    share = np.sort(share) if alike else share
    clean = water_fat_signal(
        share, rate, field, spectrum=spectrum, phase=rng.uniform(-3, 3, count), sign=sign, bipolar=bipolar
    )
    return add_noise(clean, 1 / snr, rng), field + rng.normal(0, 5, count)


def found(samples, field, sign=1, **more):
    return fat_composition.find(
        samples,
        ECHO_TIMES,
        lambda peaks: phasor_of(peaks, sign),
        field,
        fat.triglyceride(),
        precession_sign=sign,
        **more,
    )


def published(spectrum):
    """Double bonds by the areas of the olefinic peak (with glycerol's one proton where it is apart) and of methyl's nine."""
    ppm, area, _ = SPECTRA[spectrum]
    olefinic = area[int(np.argmax(ppm))] / area[int(np.argmin(ppm))] * 9
    return (olefinic - (0 if 5.19 in ppm else 1)) / 2


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("spectrum", ["hamilton-2011-9", "ren-2008", "karampinos-2014"])
def test_published_fats_show_their_double_bonds(spectrum, sign):
    told = found(*made(spectrum, sign=sign), sign=sign)
    assert told.double_bonds == pytest.approx(published(spectrum), abs=0.15) and told.sd < 0.05


def test_its_sd_is_what_repeats_scatter():
    all_told = [found(*made("ren-2008", seed, 600, snr=30.0)) for seed in range(60)]
    scatter, said = np.std([t.double_bonds for t in all_told]), np.mean([t.sd for t in all_told])
    assert 0.7 < scatter / said < 1.35


def test_a_misfit_with_another_cause_widens_the_sd():
    """Water 0.15 ppm from where the spectrum has it (a phantom at room temperature), neighbours with alike fat."""
    ppm, area, water = SPECTRA["ren-2008"]
    right, wrong = (found(*made((ppm, area, water + shift), 8, alike=True)).sd for shift in (0.0, 0.15))
    assert np.isnan(wrong) or wrong > 3 * right


def test_readout_phase_is_known():
    samples, field = made("ren-2008", bipolar=0.3)
    assert found(samples, field, theta=0.3).double_bonds == pytest.approx(published("ren-2008"), abs=0.15)
    assert abs(np.nan_to_num(found(samples, field).double_bonds) - published("ren-2008")) > 0.15


def test_half_fat_is_enough():
    told = found(*made("ren-2008", low=0.1, high=0.5))
    assert told.double_bonds == pytest.approx(published("ren-2008"), abs=4 * told.sd + 0.15) and told.sd < 0.15


@pytest.mark.parametrize("spectrum", ["hamilton-2011", "hamilton-2011-9", "ren-2008", "karampinos-2014"])
def test_a_rival_wins_only_where_it_is_true(spectrum):
    samples, field = made(spectrum, 5)
    rivals = [fat.SPECTRA["single"], fat.SPECTRA["hamilton-6"]]
    assert found(samples, field, rivals=rivals).rival == (1 if spectrum == "hamilton-2011" else None)


def test_a_wide_outlier_has_no_say():
    samples, field = made("ren-2008", 6)
    samples[::40] *= np.exp(1j * np.random.default_rng(1).uniform(-2, 2, samples[::40].shape))
    assert found(samples, field).double_bonds == pytest.approx(published("ren-2008"), abs=0.2)


def test_without_fat_nothing_is_told():
    told = found(*made("ren-2008", high=0.05))
    assert told.voxels < fat_composition.FEWEST and np.isnan(told.double_bonds) and told.rival is None


def test_what_no_composition_fits_best_is_none():
    """Fat of saturated chains only lies at the end of the range."""
    told = found(*made(((0.9, 1.3, 2.24), (9, 90, 6), 4.7)))
    assert np.isnan(told.double_bonds) and np.isnan(told.sd)


def test_bad_samples_are_left_out():
    samples, field = made("ren-2008", 7)
    samples[::9, 2], samples[1::9] = np.nan, 0
    assert found(samples, field).double_bonds == pytest.approx(published("ren-2008"), abs=0.15)
    assert found(samples[:0], field[:0]).voxels == 0


def test_noiseless_fat_of_the_family_is_found_exactly():
    peaks = fat.triglyceride(2.37)
    share = np.linspace(0.3, 1, 200)[:, None]
    samples = ((1 - share) + share * phasor_of(peaks)) * np.exp(-40 * np.asarray(ECHO_TIMES))
    told = found(samples, np.zeros(200), rivals=[fat.SPECTRA["hamilton-6"]])
    assert told.double_bonds == pytest.approx(2.37, abs=2e-3) and told.rival is None
