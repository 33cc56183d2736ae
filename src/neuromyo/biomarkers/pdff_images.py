r"""Fat fraction from the water and fat images that a scanner made itself.

.. math:: FF = \frac{F/k_f}{W/k_w + F/k_f}, \qquad W^2, F^2 = M^2 - \sigma^2

for magnitudes M of the two images less their noise floor (the root keeps the sign of what is left; half a sigma remains where there is
no signal), with the T1 weights k. Files carry the entity ``rec-water`` and ``rec-fat`` (and ``rec-inphase``) before a suffix of gradient
echoes: ``sub-01_rec-water_MEGRE.nii.gz``. With ``neuromyo fit pdff-images water=W.nii.gz fat=F.nii.gz`` any names will do.

Scanners may scale the two images each for itself, and nothing in the files need say so. Where an in-phase image is there, it must be the
same sum of both everywhere (least squares); else pure water and pure fat must be about as bright as their T1 weights let expect. If
not, W-FATSCALE: the map is then not a fraction of anything.

*Assumes* images of one scale whose noise is Rician. *Breaks* with whatever the scanner's reconstruction did: its spectrum, its R2* (often
none), its swaps, none of which can be seen here; `pdff` on the echoes themselves is to be preferred.

*Cites* Dixon, Radiology 1984;153:189, doi:10.1148/radiology.153.1.6089263; Gudbjartsson & Patz, Magn Reson Med 1995;34:910,
doi:10.1002/mrm.1910340618.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from neuromyo.biomarkers import _fat_weight, _fields
from neuromyo.biomarkers._constants import FAT_T1, WATER_T1
from neuromyo.core.acquisition import Acquisition
from neuromyo.core.biomarker import Biomarker, Estimate, Inputs, SeriesNeed
from neuromyo.core.errors import Finding
from neuromyo.core.options import option
from neuromyo.core.quantity import Quantity
from neuromyo.core.reasons import Reason

_KINDS = ("MEGRE", "T1w", "PDw", "VFA")
#: a voxel of which the other substance has this share or less is pure
_PURE = 0.15
#: pure fat over pure water may be off from what T1 lets expect by this factor, for density, coils and R2*
_OFF = 2.5
#: water's and fat's share in the in-phase image may differ by this factor
_UNLIKE = 1.15
_FEWEST = 50


@dataclass(frozen=True)
class Options:
    """What can be chosen."""

    t1_weighting: str = _fat_weight.weighting_option()
    water_t1: float = _fat_weight.water_t1_option()
    fat_t1: float = _fat_weight.fat_t1_option()
    noise: str | float = option(
        "estimate", "noise per real channel in image units, or 'estimate' from the air around the body", low=0.0,
        choices=("estimate",),
    )  # fmt: skip


def simulate(
    truth: Mapping[str, Any], acquisitions: Mapping[str, Acquisition], options: Options
) -> dict[str, np.ndarray]:
    """truth FF (of protons), S0, optionally T1, FatT1 (s), shape (...) -> magnitudes (..., 1) of water and of fat."""
    acquisition = acquisitions["water"]
    ff, s0 = np.asarray(truth["FF"], float), np.asarray(truth["S0"], float)
    t1, fat_t1 = truth.get("T1", options.water_t1), truth.get("FatT1", options.fat_t1)
    water = s0 * (1 - ff) * _fat_weight.weight(acquisition, t1)
    fat = s0 * ff * _fat_weight.weight(acquisition, fat_t1)
    made = {"water": np.abs(water)[..., None], "fat": np.abs(fat)[..., None], "inphase": np.abs(water + fat)[..., None]}
    return {role: made[role] for role in acquisitions}


def estimate(inputs: Inputs, options: Options) -> Estimate:
    """FF of the magnitudes (x, y, z, 1) of water and fat."""
    images = {role: np.abs(s[..., 0]).astype(np.float64) for role, s in inputs.signals.items()}
    water, fat = images["water"], images["fat"]
    kw, kf, findings = _fat_weight.weights(inputs.acquisitions["water"], options, "pdff-images")
    sigma = _fields.noise_of(options.noise, np.stack([water, fat]))
    inside = _fields.body(np.hypot(water, fat), inputs.mask, sigma)
    reason = _fields.outside(water + fat, inside)
    for one in images.values():
        reason[~np.isfinite(one)] = Reason.NOT_FINITE
    findings += _scale(images, inside & (reason == Reason.OK), kf / kw)
    floor = sigma if np.isfinite(sigma) else 0.0
    w, f = (_without_floor(one, floor) for one in (water, fat))
    with np.errstate(divide="ignore", invalid="ignore"):
        total = w / kw + f / kf
        ff = np.where(inside, f / kf / total, np.nan)
        sd = np.where(inside, np.hypot(w, f) / (kw * kf) / total**2, np.nan)
    reason[(reason == Reason.OK) & ~(total > 0)] = Reason.NO_SIGNAL
    return Estimate({"FF": ff}, reason, {"FF": sd * sigma} if np.isfinite(sigma) else {}, findings=findings)


def _without_floor(magnitude: np.ndarray, sigma: float) -> np.ndarray:
    """The amplitude under Rician noise (Gudbjartsson & Patz): off by under 0.1 sigma, and by half a sigma where there is none."""
    power = magnitude * magnitude - sigma * sigma
    return np.sign(power) * np.sqrt(np.abs(power))


# --- are the two images of one scale ----------------------------------------------------------------------------------


def _scale(images: Mapping[str, np.ndarray], inside: np.ndarray, weight: float) -> tuple[Finding, ...]:
    water, fat = images["water"][inside], images["fat"][inside]
    if water.size < _FEWEST:
        return ()
    if "inphase" in images:
        return _against_in_phase(water, fat, images["inphase"][inside])
    only_water, only_fat = water[fat <= _PURE * water], fat[water <= _PURE * fat]
    if min(only_water.size, only_fat.size) < _FEWEST:
        return ()
    found = float(np.median(only_fat) / np.median(only_water))
    if weight / _OFF <= found <= weight * _OFF:
        return ()
    return (_not_alike(f"pure fat is {found:.2g} times as bright as pure water, where {weight:.2g} would be expected"),)


def _against_in_phase(water: np.ndarray, fat: np.ndarray, both: np.ndarray) -> tuple[Finding, ...]:
    matrix = np.array([[water @ water, water @ fat], [water @ fat, fat @ fat]])
    if np.linalg.det(matrix) <= 1e-3 * matrix[0, 0] * matrix[1, 1]:
        return ()
    of_water, of_fat = np.linalg.solve(matrix, np.array([water @ both, fat @ both]))
    if of_water > 0 and 1 / _UNLIKE <= of_fat / of_water <= _UNLIKE:
        return ()
    return (
        _not_alike(
            f"the in-phase image is {of_water:.3g} of water and {of_fat:.3g} of fat, where both should be alike"
        ),
    )


def _not_alike(said: str) -> Finding:
    return Finding("warn", "W-FATSCALE", "pdff-images: water and fat", said,
                   "export both with the scanner's own float scaling (RescaleSlope, for Philips also ScaleSlope)",
                   "the fat fraction is wrong if the two images are scaled differently")  # fmt: skip


BIOMARKER = Biomarker(
    id="pdff-images",
    title="fat fraction (scanner's water and fat images)",
    doi=("10.1148/radiology.153.1.6089263", "10.1002/mrm.1910340618"),
    needs={
        "water": SeriesNeed(kinds=_KINDS, entities=(("rec", "water"),)),
        "fat": SeriesNeed(kinds=_KINDS, entities=(("rec", "fat"),)),
        "inphase": SeriesNeed(kinds=_KINDS, entities=(("rec", "inphase"),), optional=True),
    },
    gives=(Quantity("FF", "fat fraction", "%", (-0.5, 1.5), "PDFF", window=(0.0, 1.0)),),
    simulate=simulate,
    estimate=estimate,
    options=Options,
    scope="image",
    typical={
        role: Acquisition(repetition_time=0.01, flip_angles_deg=(3.0,), field_strength=3.0) for role in ("water", "fat")
    },
    example={"FF": 0.2, "S0": 1000.0},
    bias_table="docs/accuracy/pdff_images.md",
    caption="Share of fat among the protons, from the water and fat images that the scanner reconstructed.",
    constants=(WATER_T1, FAT_T1),
)
