"""Philips (R5): stored integers PV, shown as DV = PV * RS + RI on the console, measured as FP = DV / (RS * SS).

RS and RI are RescaleSlope and RescaleIntercept, chosen for each series so that it fills the grey scale; SS is the private scale slope
2005,100E. Only FP may be compared between series. An archive that drops private elements leaves DV alone. All echoes and parts
may stand in one series; 2005,1011 and ImageType tell them apart. A diffusion series may end with a volume the scanner computed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from . import header
from .encode import save
from .exam import Series
from .scan import FLIP, Order, Scan, in_order


@dataclass(frozen=True)
class Scaling:
    """RS, RI and SS; SS None where the private elements were lost."""

    slope: float = 1.0
    intercept: float = 0.0
    scale_slope: float | None = 1.0
    unit: str = "normalized"

    def displayed(self, stored: np.ndarray) -> np.ndarray:
        return stored * self.slope + self.intercept

    def measured(self, stored: np.ndarray) -> np.ndarray:
        """FP, with the scale slope as the header's 32-bit float has it."""
        assert self.scale_slope is not None
        return self.displayed(stored) / (self.slope * float(np.float32(self.scale_slope)))


#: phase from 0 to 4095: milliradians on display, radians as FP
MILLIRADIANS = Scaling(2 * 3142 / 4095, -3142.0, 1000 / (2 * 3142 / 4095), "mrad")


def radians(stored: np.ndarray) -> np.ndarray:
    """The phase that stored integers 0..4095 stand for under `MILLIRADIANS`."""
    return MILLIRADIANS.displayed(stored) / 1000.0


#: word of 2005,1011 and of ImageType, with the long word before it
LETTERS = {"mag": "M", "phase": "P", "real": "R", "imag": "I"}
MADE = {
    "water": ("W", "W"), "fat": ("F", "F"), "inphase": ("IP", "IP"), "outphase": ("OP", "OP"), "T2map": ("T2 MAP", "T2"),
    "T1map": ("T1 MAP", "T1"), "B0map": ("B0 MAP", "B0"), "ADC": ("ADC", "ADC"), "PDFF": ("FAT FRACTION", "FF"),
}  # fmt: skip


def image_type(scan: Scan, n: int, made: str = "") -> list[str]:
    technique = {"SE": "SE", "GR": "FFE", "EP": "SE", "IR": "IR"}[scan.sequence]
    if made:
        return ["DERIVED", "PRIMARY", *MADE[made], "UNSPECIFIED"]
    part = scan.of("parts", n)
    letter = LETTERS[part]
    return ["ORIGINAL", "PRIMARY", "PHASE MAP" if part == "phase" else f"{letter}_{technique}", letter, technique]


def write(
    scan: Scan,
    series: Series,
    folder: Path,
    *,
    scaling: Scaling | Mapping[str, Scaling] = Scaling(),
    made: str = "",
    trailing: str = "",
    order: Order | str = "slices",
    syntax: str = "explicit",
    echo_numbers: bool = True,
) -> list[Path]:
    """One file a slice.

    scaling : of the series, or of each part
    trailing : what the last volume is: "isotropic" (weighted, without a direction) or "ADC" (derived), as appended to diffusion
    """
    paths = []
    for k, n in in_order(scan, order) if isinstance(order, str) else order:
        last = trailing if n == scan.volumes - 1 else ""
        said = _start(scan, series, n, made or scan.of("made", n) or ("ADC" if last == "ADC" else ""))
        said.InstanceNumber = series.next_instance()
        header.place(said, scan, k)
        if not echo_numbers:
            del said.EchoNumbers
        scale = scaling if isinstance(scaling, Scaling) else scaling[scan.of("parts", n)]
        header.pixels(said, scan.plane(k, n), 12 if int(scan.stored.max()) < 4096 else 16)
        _rescale(said, scale)
        if scan.b_values:
            _diffusion(said, scan, n, last)
        said.TemporalPositionIdentifier, said.NumberOfTemporalPositions = 1, 1
        if scale.scale_slope is not None:
            _private(said, scan, k, n, series, scale, last)
        word = series.exam.person.file_name
        paths.append(
            save(
                said,
                folder / f"{word}IM_{series.number:02d}{said.InstanceNumber:05d}",
                syntax,
                series.exam.person.preamble,
            )
        )
    return paths


def _start(scan: Scan, series: Series, n: int, made: str) -> Dataset:
    said = header.start(series)
    said.ImageType = image_type(scan, n, made)
    said.Manufacturer = "Philips Medical Systems"
    said.ManufacturerModelName = "Ingenia"
    said.SoftwareVersions = ["5.7.1", "5.7.1.2"]
    header.acquire(said, scan, n)
    said.ScanOptions = ["FS", "MTC"] if scan.mt_on else "FS"
    said.EchoNumbers = sorted(set(scan.echo_times)).index(scan.of("echo_times", n)) + 1
    said.NumberOfPhaseEncodingSteps = scan.stored.shape[1]
    said.ReceiveCoilName = "MULTI COIL"
    said.ReconstructionDiameter = header.ds(scan.stored.shape[0] * scan.spacing_mm[0])
    said.HighRRValue = said.LowRRValue = said.IntervalsAcquired = said.IntervalsRejected = said.HeartRate = 0
    said.TriggerTime = header.ds(0)
    said.AcquisitionDuration = 195.5
    said.PresentationLUTShape = "IDENTITY"
    return said


def _rescale(said: Dataset, scale: Scaling) -> None:
    said.RescaleIntercept, said.RescaleSlope = header.ds(scale.intercept), header.ds(scale.slope)
    said.RescaleType = scale.unit
    if scale.scale_slope is None:
        return
    low, high = int(said.SmallestImagePixelValue), int(said.LargestImagePixelValue)
    said.RealWorldValueMappingSequence = header.items({
        "LUTExplanation": scale.unit, "LUTLabel": "Philips", "RealWorldValueFirstValueMapped": low,
        "RealWorldValueLastValueMapped": high, "RealWorldValueIntercept": scale.intercept, "RealWorldValueSlope": scale.slope,
        "MeasurementUnitsCodeSequence": header.items(
            {"CodeValue": "1", "CodingSchemeDesignator": "UCUM", "CodeMeaning": "no units"}),
    })  # fmt: skip


def _diffusion(said: Dataset, scan: Scan, n: int, last: str) -> None:
    """The public elements, which Philips writes in classic files too."""
    direction = scan.direction(n)
    said.DiffusionBValue = float(scan.of("b_values", n))
    said.DiffusionDirectionality = "ISOTROPIC" if last else "DIRECTIONAL" if direction.any() else "NONE"
    said.DiffusionGradientOrientation = [float(v) for v in direction]


def _private(said: Dataset, scan: Scan, k: int, n: int, series: Series, scale: Scaling, last: str) -> None:
    who = series.exam.person
    direction = scan.direction(n)
    letter = LETTERS[scan.of("parts", n)]
    angles = [float(math.degrees(math.asin(v))) for v in scan.normal]
    middle = [float(v) for v in scan.corner(0) * FLIP]
    towards = "I" if last else "O" if direction.any() else "N"
    header.private(said, 0x2001, "Philips Imaging DD 001", [
        (0x01, "FL", 0.0), (0x02, "IS", "0"), (0x03, "FL", float(scan.of("b_values", n) or 0)), (0x04, "CS", towards),
        (0x06, "CS", "N"), (0x07, "CS", "U"), (0x08, "IS", "1"), (0x09, "FL", 0.0), (0x0A, "IS", str(k + 1)),
        (0x0B, "CS", "TRANSVERSAL"), (0x0C, "CS", "N"), (0x10, "CS", "NO"), (0x11, "FL", 0.0), (0x12, "CS", "N"),
        (0x13, "SL", 1), (0x14, "SL", len(set(scan.echo_times))), (0x15, "SS", 1), (0x16, "SS", 1), (0x17, "SL", 1),
        (0x18, "SL", scan.slices), (0x1B, "FL", 0.0), (0x1C, "CS", "NO"), (0x20, "LO", "TSE"), (0x22, "FL", 1.1),
        (0x23, "FL", float(scan.of("flip_deg", n))), (0x24, "CS", "N"), (0x25, "SH", f"{scan.of('echo_times', n) * 1e3:.3f}"),
        (0x60, "SL", 1), (0x7B, "IS", str(series.number)),
    ])  # fmt: skip
    header.private(said, 0x2005, "Philips MR Imaging DD 001", [
        (0x00, "FL", angles[1]), (0x01, "FL", angles[2]), (0x02, "FL", angles[0]), (0x08, "FL", middle[1]),
        (0x09, "FL", middle[2]), (0x0A, "FL", middle[0]), (0x0D, "FL", 0.0), (0x0E, "FL", scale.scale_slope),
        (0x11, "CS", letter), (0x12, "CS", "NO"), (0x1D, "SL", 0), (0x30, "FL", [scan.repetition_time * 1e3, 0.0]),
        (0x35, "CS", "PIXEL"), (0x61, "CS", "NO"), (0x6F, "CS", "2D"), (0xA1, "CS", "NO"),
        *((0xB0 + i, "FL", float(v)) for i, v in enumerate(direction)), (0x86, "SS", 1),
    ])  # fmt: skip
    header.private(said, 0x2005, "Philips MR Imaging DD 005", [
        (0x0F, "SQ", _nested(scan, k, who.private_nested)), (0x12, "IS", "1"), (0x13, "IS", str(n + 1)), (0x29, "CS", "UNSPECIFIED"),
        (0x32, "LO", who.private_text or "none"),
    ], block=0x14)  # fmt: skip


def _nested(scan: Scan, k: int, text: str) -> list[Dataset]:
    """2005,140F: an old copy of the geometry inside, half a voxel off; readers take the one outside."""
    row, column, _ = scan.axes
    said = Dataset()
    half = row * scan.spacing_mm[0] / 2 + column * scan.spacing_mm[1] / 2
    said.ImagePositionPatient = header.ds(*(scan.corner(k) - half))
    said.ImageOrientationPatient = header.ds(*row, *column)
    said.PixelSpacing = header.ds(scan.spacing_mm[1], scan.spacing_mm[0])
    if text:
        said.ImageComments = text
    return [said]
