"""Constants that several biomarkers bring along. Each is declared in ``BIOMARKER.constants`` of those that use it."""

from __future__ import annotations

from dataclasses import replace

from neuromyo.core.constant import Constant
from neuromyo.physics import fat

_MUSCLE, _FAT = fat.TISSUE["muscle"], fat.TISSUE["subcutaneous-fat"]

WATER_T1 = Constant(
    "T1 of muscle water", 1.4, "s", f"{_MUSCLE.source} (1.42 s), rounded", _MUSCLE.evidence, "water_t1",
    _MUSCLE.doi, _MUSCLE.field_strength, _MUSCLE.sequence,
)  # fmt: skip
FAT_T1 = Constant(
    "T1 of fat", 0.37, "s", f"{_FAT.source} (0.371 s), rounded", _FAT.evidence, "fat_t1",
    _FAT.doi, _FAT.field_strength, _FAT.sequence,
)  # fmt: skip


def spectrum(name: str = fat.DEFAULT_SPECTRUM, override: str = "fat_spectrum") -> tuple[Constant, Constant]:
    """The shifts and the shares of a fat spectrum of `physics.fat.SPECTRA`, as two constants."""
    peaks = fat.SPECTRA[name]
    shifts = Constant(
        f"fat spectrum {name}: shifts from water", peaks.ppm, "1e-6", peaks.tissue, peaks.evidence, override, peaks.doi,
        sequence="spectroscopy; independent of the field, at body temperature",
    )  # fmt: skip
    return shifts, replace(shifts, name=f"fat spectrum {name}: shares of the peaks", value=peaks.amplitudes, unit="1")
