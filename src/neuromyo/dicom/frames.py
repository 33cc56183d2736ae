"""The nouns of scanner files: one image plane as its header describes it, in SI units and in the patient's frame.

Whatever a vendor calls it, and whether a file holds one plane, many (enhanced multi-frame) or a mosaic of them, it arrives
here as a `Frame`. Nothing in it says who was scanned; ``series`` is an identifier to sort by, never one to show.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

Vector = tuple[float, float, float]
Part = Literal["mag", "phase", "real", "imag"]

#: what a scanner makes of its images by itself; "" is an image as acquired
MADE = ("", "T1map", "T2map", "T2starmap", "PDmap", "PDFF", "B0map", "B1map", "water", "fat", "inphase", "outphase",
        "ADC", "FA", "trace", "tensor", "colour", "subtraction", "projection", "localiser", "screenshot", "other")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scale:
    """From the numbers stored to the values meant: ``value = slope * stored + intercept``.

    meaning : ``signal`` (comparable between the series of an examination), ``display`` (scaled for the screen, each series
        for itself: Philips without its scale slope), ``rad`` (an angle), or the unit of a map
    display_slope : what a vendor multiplied the signal by for display, where it says so
    """

    slope: float = 1.0
    intercept: float = 0.0
    meaning: str = "signal"
    display_slope: float | None = None

    @property
    def identity(self) -> bool:
        return self.slope == 1.0 and self.intercept == 0.0


@dataclass(frozen=True, slots=True)
class Frame:
    """One image plane.

    file : its number in the `Listing`; ``frame`` from 0 in a multi-frame file; ``tile`` from 0 in a mosaic
    series : a key that the planes of one series share; ``number`` is its SeriesNumber
    position : centre of the first voxel, mm, in DICOM's patient frame (LPS: x to the left, y to the back, z to the head)
    row, column : unit vectors along a row (towards higher column index) and along a column, LPS
    spacing_mm : (between rows, between columns), as DICOM's PixelSpacing has them
    thickness_mm, apart_mm : SliceThickness and SpacingBetweenSlices as stated
    made : one of `MADE`
    stack : which of several stacks of a multi-frame file it is in, by a number that means nothing else
    b_vector : LPS unit vector; None where there is no direction (b = 0, or a trace image)
    times in s, angles in degrees, b in s/m2; None is not stated
    """

    file: int
    series: str
    shape: tuple[int, int]
    position: Vector
    row: Vector
    column: Vector
    spacing_mm: tuple[float, float]
    frame: int = 0
    tile: int | None = None
    number: int | None = None
    instance: int | None = None
    acquisition: int | None = None
    temporal: int | None = None
    clock: float | None = None
    thickness_mm: float | None = None
    apart_mm: float | None = None
    part: Part = "mag"
    made: str = ""
    scale: Scale = field(default_factory=Scale)
    echo_number: int | None = None
    echo_time: float | None = None
    repetition_time: float | None = None
    inversion_time: float | None = None
    flip_angle_deg: float | None = None
    b_value: float | None = None
    b_vector: Vector | None = None
    mt_on: bool | None = None
    coil: str = ""
    stack: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON: fields at their defaults are left out."""
        said: dict[str, Any] = {}
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name == "scale":
                if value != Scale():
                    said["scale"] = [value.slope, value.intercept, value.meaning, value.display_slope]
            elif value != one.default:
                said[one.name] = value
        return said

    @staticmethod
    def from_dict(said: Mapping[str, Any]) -> Frame:
        given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in said.items()}
        if "scale" in given:
            given["scale"] = Scale(*said["scale"])
        return Frame(**given)


@dataclass(frozen=True, slots=True)
class Described:
    """What one file holds.

    frames : its planes, none where it holds no image to be kept
    facts : what holds for its whole series, by BIDS key in BIDS units (``MagneticFieldStrength`` in T, ``ImagingFrequency`` in
        MHz, ``Manufacturer`` ...), free of anything about the person
    """

    frames: tuple[Frame, ...]
    facts: Mapping[str, Any]
