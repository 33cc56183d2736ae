"""The spectrum of a subject's own fat, learned once from complex gradient echoes whose field is known: `fat_spectrum = auto`.

For every biomarker that separates water and fat of a whole image: `start` gives the spectrum to begin with, `learn` that of the subject
once the field is known, with what is to be told about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from neuromyo.biomarkers._constants import spectrum as spectrum_constants
from neuromyo.core.acquisition import Acquisition, Assumption
from neuromyo.core.constant import Constant
from neuromyo.core.errors import Finding
from neuromyo.core.maps import Scalar
from neuromyo.core.options import option
from neuromyo.core.quantity import Quantity
from neuromyo.fit import fat_composition
from neuromyo.physics import fat

AUTO = "auto"
#: voxels among which fat is looked for
_ASKED = 24000
#: sd of the double bonds beyond which they are not told: half a point of fat fraction at 50 % fat
_SD_AT_MOST = 0.15
#: they are taken where they differ by so many sd from those to begin with, and by so much that it matters (a seventh of a point)
_DIFFERENT, _MATTERS = 3.0, 0.05
#: published spectra that lump neighbouring peaks, and are outside the family for that
_RIVALS = ("hamilton-6", "ismrm-6")

DOUBLE_BONDS = Quantity(
    "FatDoubleBonds", "double bonds per triglyceride of the subject's fat", "1", fat_composition.BOUNDS, "fatcomposition",
    level="subject", summarised=False,
)  # fmt: skip

CONSTANTS = (
    *(replace(c, name=f"rival {c.name}") for name in _RIVALS for c in spectrum_constants(name)),
    Constant("double bonds per triglyceride where the data do not tell", fat.TYPICAL_DOUBLE_BONDS, "1",
             "liver fat in vivo; chain length, neighbouring double bonds and the areas of nine peaks follow from it", "recalled",
             "fat_spectrum", "10.1002/nbm.1622", sequence="spectroscopy; independent of the field, at body temperature"),
)  # fmt: skip


def spectrum_option() -> str | tuple[float, ...]:
    """The option ``fat_spectrum`` of those that can learn it."""
    return option(
        AUTO, "spectrum of fat; auto: that of a triglyceride with the double bonds that the subject's own fat shows",
        choices=(AUTO, *fat.SPECTRA), open_choice="a JSON file of pairs [shift from water in 1e-6, amplitude]",
    )  # fmt: skip


def start(fat_spectrum: str | fat.Spectrum | Sequence[float]) -> fat.Spectrum:
    """The spectrum chosen; with ``auto`` that to begin with, which stays where the data do not tell."""
    return fat.triglyceride() if isinstance(fat_spectrum, str) and fat_spectrum == AUTO else fat.spectrum(fat_spectrum)


@dataclass(frozen=True, eq=False)
class OwnFat:
    """The subject's fat: its spectrum, its double bonds where they were told, and what is to be said."""

    spectrum: fat.Spectrum
    double_bonds: Scalar | None = None
    findings: tuple[Finding, ...] = ()
    assumptions: tuple[Assumption, ...] = ()


def learn(
    signals: np.ndarray, acquisition: Acquisition, mask: np.ndarray, field_hz: np.ndarray, chosen: str | Sequence[float], *,
    precession_sign: int, theta: np.ndarray | None = None, r2star: float | None = None, water_shift_ppm: float = 0.0,
    biomarker: str = "pdff", role: str = "gre",
) -> OwnFat:  # fmt: skip
    """Fat's spectrum in complex ``signals`` (x, y, z, n) whose field (x, y, z) Hz is known; ``chosen`` is the option's value.

    mask : finite voxels; theta : (x, y, z) rad, phase by which echoes read to and fro differ; r2star : 1/s where it is held
    """
    times = np.asarray(acquisition.echo_times, dtype=np.float64)

    def phasor_of(peaks: fat.Spectrum) -> np.ndarray:
        return fat.phasor(
            peaks, times, field_strength=acquisition.field_strength, imaging_frequency_hz=acquisition.imaging_frequency_hz,
            precession_sign=precession_sign, water_shift_ppm=water_shift_ppm,
        )  # fmt: skip

    first = start(chosen)
    if chosen != AUTO:
        return OwnFat(first)
    order = fat_composition.spread_out(np.flatnonzero(mask), _ASKED)
    rivals = [fat.SPECTRA[name] for name in _RIVALS]
    found = fat_composition.find(
        signals.reshape(-1, signals.shape[-1])[order], times, phasor_of, field_hz.ravel()[order], first, rivals=rivals,
        precession_sign=precession_sign, theta=0.0 if theta is None else theta.ravel()[order], r2star=r2star,
    )  # fmt: skip
    if found.rival is not None:
        own = rivals[found.rival]
        said = f"the subject's fat has the spectrum {own.name}, clearly, from {found.voxels} voxels with fat"
        return OwnFat(own, findings=(_note(biomarker, said),))
    why = _doubt(found)
    if why:
        assumed = f"that of {fat.TYPICAL_DOUBLE_BONDS:g} double bonds per triglyceride"
        return OwnFat(first, assumptions=(Assumption("fat_spectrum", assumed, why, role),))
    told = (
        f"{found.double_bonds:.2f} +- {found.sd:.2f} double bonds per triglyceride, from {found.voxels} voxels with fat"
    )
    if abs(found.double_bonds - fat.TYPICAL_DOUBLE_BONDS) > max(_DIFFERENT * found.sd, _MATTERS):
        own = fat.triglyceride(found.double_bonds)
    else:
        own, told = first, f"{told}; {fat.TYPICAL_DOUBLE_BONDS:g} fit as well, and are taken"
    note = _note(biomarker, f"the subject's fat has {told}")
    return OwnFat(own, Scalar(DOUBLE_BONDS, found.double_bonds, found.sd, told), (note,))


def _note(biomarker: str, said: str) -> Finding:
    return Finding("note", "N-SPECTRUM", biomarker, said, "--option fat_spectrum=... overrules", "")


def _doubt(found: fat_composition.Composition) -> str:
    """Why the double bonds are not taken; empty where they are."""
    if found.voxels < fat_composition.FEWEST:
        return f"{found.voxels} of the voxels asked hold enough fat, which is too few to tell its composition"
    if not np.isfinite(found.sd):
        return "no composition of fat in the range of human fat fits best: the data do not tell it"
    if found.sd > _SD_AT_MOST:
        return f"the fat's double bonds are told to {found.sd:.2f} only, beyond {_SD_AT_MOST:g}"
    return ""
