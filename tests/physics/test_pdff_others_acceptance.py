"""Fat fraction by other ways than the six complex echoes, on the same phantoms: magnitudes alone, two points; and the field.

These publish a bias table of their own; what is held here is that they stay near it and, for magnitudes, tell water from fat.
"""

import numpy as np
import pytest

from neuromyo.biomarkers import b0, pdff_magnitude, pdff_two_point
from neuromyo.fit.runner import run
from tests.oracles.water_fat import hard_phantom, vials
from tests.physics.as_series import series


def told(phantom):
    return {"echo_times": phantom.echo_times, "field_strength": 3.0, "imaging_frequency_hz": phantom.larmor_hz}


def vial_table(phantom, values):
    number = phantom.truth["vial"]
    return np.array(
        [
            (
                phantom.truth["FF"][number == k][0],
                phantom.truth["R2star"][number == k][0],
                np.nanmedian(values[number == k]),
            )
            for k in range(1, number.max() + 1)
        ]
    ).T


def test_magnitudes_tell_water_from_fat():
    """SNR 100, R2* 20 to 50 /s: the right one of the two answers everywhere but around 50 %, and within 3 points."""
    phantom = vials(r2stars=(20.0, 50.0), snr=100.0, seed=11)
    scan = series(1000 * np.abs(phantom.signals), "MEGRE", told(phantom), spacing_mm=phantom.spacing_mm)
    maps, _ = run(pdff_magnitude.BIOMARKER, {"gre": scan}, pdff_magnitude.Options(), mask=phantom.muscle)
    truth, _, found = vial_table(phantom, maps["FF"].values)
    clear = np.abs(truth - 0.5) > 0.15
    assert np.abs(found - truth)[clear].max() < 0.03, np.round(100 * (found - truth), 1)


@pytest.mark.parametrize("sign", [1, -1])
def test_two_points_with_known_decay(sign):
    """Out of phase and in phase, R2* told: within 4 points from 0 to 100 %, no vial the wrong way round."""
    phantom = vials(r2stars=(35.0,), sign=sign, snr=50.0, seed=12, echo_times=(1.15e-3, 2.3e-3))
    scan = series(
        1000 * phantom.signals,
        "MEGRE",
        told(phantom) | {"precession_sign": sign},
        spacing_mm=phantom.spacing_mm,
        part="complex",
    )
    maps, _ = run(pdff_two_point.BIOMARKER, {"gre": scan}, pdff_two_point.Options(r2star=35.0), mask=phantom.mask)
    truth, _, found = vial_table(phantom, maps["FF"].values)
    assert np.abs(found - truth).max() < 0.04, np.round(100 * (found - truth), 1)


@pytest.mark.parametrize("sign", [1, -1])
def test_field_of_legs(sign):
    """In-phase echoes of a tame leg: the field to 5 Hz in muscle, its sign included; steep +-500 Hz is for pdff."""
    times = tuple(2.302e-3 * (k + 1) for k in range(4))
    phantom = hard_phantom(13, sign, field_peak=120.0, echo_times=times, snr=60.0)
    scan = series(
        1000 * phantom.signals,
        "MEGRE",
        told(phantom) | {"precession_sign": sign},
        spacing_mm=phantom.spacing_mm,
        part="complex",
    )
    maps, _ = run(b0.BIOMARKER, {"echoes": scan}, b0.Options(), mask=phantom.mask)
    where = phantom.muscle & (phantom.truth["FF"] < 0.2) & (phantom.truth["R2star"] < 60)
    off = (maps["B0"].values - phantom.truth["B0"])[where]
    assert np.isfinite(off).mean() > 0.98
    assert np.nanpercentile(np.abs(off), 95) < 5, np.nanpercentile(np.abs(off), [50, 95, 99])
