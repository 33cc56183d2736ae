r"""From stored numbers to what they mean: one `Scale` a plane.

Signals keep their stored size, times the rescale slope where there is one. Phase is brought to radians; how many units
make one turn is told, in this order, by the unit that the header names, by Siemens' slope of 2 with intercept -4096, or by
the range that the stored bits and the rescale span together, when it is one of `TURNS`. With :math:`v = a\,s + c` the value of
a stored number :math:`s`, the angle is :math:`(v - v_0)\,2\pi / t`, t the units a turn, :math:`v_0` the value of angle zero.
Where nothing tells it, the numbers stay as they are and a warning says so: no angle is invented.

*Assumes* that phase fills its stored bits. *Breaks* where a vendor stores 12-bit phase in 16 bits and does not say so (warned).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pydicom.dataset import Dataset

from neuromyo.dicom.dialect import Note, Scaled
from neuromyo.dicom.elements import View, words_of
from neuromyo.dicom.frames import Part, Scale

_SLACK = 0.005
#: what a scanner makes that is still a signal, to be compared with signals; all else it makes is a map with a unit of its own
SIGNALS = frozenset({"", "water", "fat", "inphase", "outphase", "trace", "localiser", "projection", "subtraction"})
#: what headers call units (Rescale Type, UCUM codes) in capitals -> the unit on disk, and the factor to it; no other word
#: for a unit leaves a header
UNITS = {
    "MS": ("s", 1e-3), "MSEC": ("s", 1e-3), "S": ("s", 1.0), "HZ": ("Hz", 1.0), "1/S": ("1/s", 1.0), "S-1": ("1/s", 1.0),
    "/S": ("1/s", 1.0), "%": ("%", 1.0), "PERCENT": ("%", 1.0), "MM2/S": ("m2/s", 1e-6), "UM2/S": ("m2/s", 1e-12),
    "PPM": ("ppm", 1.0), "RAD": ("rad", 1.0), "RADIANS": ("rad", 1.0), "RADIAN": ("rad", 1.0), "MRAD": ("rad", 1e-3),
    "MILLIRADIALS": ("rad", 1e-3), "MILLIRADIANS": ("rad", 1e-3), "DEG": ("rad", math.pi / 180),
    "DEGREES": ("rad", math.pi / 180), "DEGREE": ("rad", math.pi / 180),
}  # fmt: skip
Unit = tuple[str, float]
#: a map that is for display, whatever its numbers were meant to be
NO_UNIT: Unit = ("display", 1.0)


@dataclass(frozen=True, slots=True)
class Turn:
    """A range of values that is one turn: ``low`` to ``high``, of which ``turn`` units are 2 pi and ``zero`` is the angle 0."""

    low: float
    high: float
    turn: float
    zero: float = 0.0

    def fits(self, low: float, high: float) -> bool:
        slack = _SLACK * self.turn
        return abs(low - self.low) <= slack and abs(high - self.high) <= slack


#: radians, their thousandths, degrees, Siemens' rescaled and plain 12 bits, plain 12 bits with a sign
TURNS = (
    Turn(-math.pi, math.pi, 2 * math.pi),
    Turn(-1000 * math.pi, 1000 * math.pi, 2000 * math.pi),
    Turn(-180, 180, 360),
    Turn(-4096, 4094, 8192),
    Turn(0, 4095, 4096, 2048),
    Turn(-2048, 2047, 4096),
)


def common(view: View, part: Part, made: str) -> Scaled:
    """The scale by standard attributes, for all vendors."""
    slope, intercept, unit = stated(view)
    if made not in SIGNALS:
        meaning, factor = unit
        return Scaled(Scale(slope * factor, intercept * factor, meaning))
    if part == "phase":
        return phase(view, slope, intercept, unit)
    notes = (_no_signal(unit[0]),) if unit[0] not in ("display", "rad") else ()
    if (
        part in ("real", "imag")
        and intercept == 0
        and not view.whole("PixelRepresentation")
        and view.value("PixelRepresentation") == 0
    ):
        return Scaled(Scale(slope, intercept), (*notes, _no_zero()))
    return Scaled(Scale(slope, intercept), notes)


def stated(view: View) -> tuple[float, float, Unit]:
    """Slope, intercept and unit: of the rescale (or modality) transformation, else of the real world value map."""
    slope, intercept = view.number("RescaleSlope"), view.number("RescaleIntercept")
    if slope is not None and slope != 0:
        unit = UNITS.get(view.text("RescaleType").upper())
        return slope, intercept or 0.0, unit or _real_world_unit(view)
    for item in view.items("RealWorldValueMappingSequence"):
        one = View.of(item)
        slope, intercept = one.number("RealWorldValueSlope"), one.number("RealWorldValueIntercept")
        if slope:
            return slope, intercept or 0.0, _unit_of(item)
    return 1.0, 0.0, NO_UNIT


def _real_world_unit(view: View) -> Unit:
    """The unit of the real world value map where that map is the rescale itself."""
    for item in view.items("RealWorldValueMappingSequence"):
        if View.of(item).number("RealWorldValueSlope") == view.number("RescaleSlope"):
            return _unit_of(item)
    return NO_UNIT


def _unit_of(item: Dataset) -> Unit:
    for code in View.of(item).items("MeasurementUnitsCodeSequence"):
        return UNITS.get(" ".join(words_of(View.of(code).value("CodeValue"))).upper(), NO_UNIT)
    return NO_UNIT


def phase(view: View, slope: float, intercept: float, unit: Unit = NO_UNIT) -> Scaled:
    """Phase in radians, or as it is with a warning."""
    low, high = stored_range(view)
    low, high = sorted((slope * low + intercept, slope * high + intercept))
    if unit[0] == "rad":
        factor, zero = unit[1], 0.0
    elif (slope, intercept) == (2.0, -4096.0):
        factor, zero = math.pi / 4096, 0.0
    else:
        turn = next((t for t in TURNS if t.fits(low, high)), None)
        if turn is None:
            return Scaled(Scale(slope, intercept), (_no_turn(low, high),))
        factor, zero = 2 * math.pi / turn.turn, turn.zero
    return Scaled(Scale(slope * factor, (intercept - zero) * factor, "rad"))


def stored_range(view: View) -> tuple[float, float]:
    """The least and the largest number that the stored bits can hold."""
    bits = view.whole("BitsStored") or 16
    if view.whole("PixelRepresentation"):
        return -(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1
    return 0.0, 2.0**bits - 1


def _no_turn(low: float, high: float) -> Note:
    return Note(
        "W-PHASE", "phase images", f"nothing tells how many units make one turn (stored values can be {low:g} to {high:g})",
        "find out the vendor's unit, scale the image, and write its Units",
        "the phase is kept as stored, with arbitrary units, and is used only if its values fill a known range",
    )  # fmt: skip


def _no_signal(unit: str) -> Note:
    return Note(
        "W-UNITS", "RescaleType", f"the image type names a signal, the rescaled values are stated to be in {unit} or a multiple of it",
        "look whether it is a map that the scanner made; leave it out, or name it, by --series",
        "it is taken as a signal, its numbers as stated",
    )  # fmt: skip


def _no_zero() -> Note:
    return Note(
        "W-SCALE", "real and imaginary images", "stored without a sign, and no intercept tells which number is zero",
        "export the images again, or use magnitude and phase",
        "the numbers are kept as stored: no complex signal may be made of them",
    )  # fmt: skip
