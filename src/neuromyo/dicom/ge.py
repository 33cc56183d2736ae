"""GE: the private image kind, b-values with an offset, gradient directions along the axes of the readout.

0043,102F names the part; Image Type does not tell it. 0043,1039 begins with the b-value, in some releases plus 10^9. 0019,10BB,
BC and BD are the gradient along frequency, phase and slice: turned here into the patient's frame by In-plane Phase Encoding
Direction, as dcm2niix does it (tests compare); GE publishes nothing for coronal slices and for phase along rows, and few
have checked them, so such tables come with a warning. Phase images carry no unit and are left as stored.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from neuromyo.dicom.dialect import Dialect, Note, Plane, Scaled
from neuromyo.dicom.diffusion import Gradient, along, unit
from neuromyo.dicom.elements import View
from neuromyo.dicom.frames import Part, Scale
from neuromyo.dicom.scaling import SIGNALS, stated

_PARM, _ACQU = "GEMS_PARM_01", "GEMS_ACQU_01"
_PARTS: dict[float, Part] = {0.0: "mag", 1.0: "phase", 2.0: "real", 3.0: "imag"}
#: series plane of a three-plane localiser
_THREE_PLANES = 32
_FROM, _MODULO = 1e5, 100_000
#: (phase encoding, coronal slices) -> components along (row, column, normal) of a gradient along (frequency, phase, slice)
_TURNS = {
    ("COL", False): ((1, 0, 0), (0, 1, 0), (0, 0, -1)),
    ("ROW", False): ((0, 1, 0), (-1, 0, 0), (0, 0, -1)),
    ("COL", True): ((1, 0, 0), (0, -1, 0), (0, 0, -1)),
    ("ROW", True): ((0, 1, 0), (1, 0, 0), (0, 0, 1)),
}


def _part(view: View) -> Part | None:
    return _PARTS.get(view.private_number(0x0043, _PARM, 0x2F, "SS") or 0.0) if _kind(view) is not None else None


def _made(view: View) -> str | None:
    kind = _kind(view)
    if kind is not None and kind not in _PARTS:
        return "other"
    return "localiser" if view.private_number(0x0019, _ACQU, 0x17, "SS") == _THREE_PLANES else None


def _kind(view: View) -> float | None:
    return view.private_number(0x0043, _PARM, 0x2F, "SS")


def _gradient(view: View, plane: Plane) -> Gradient:
    given = view.private_numbers(0x0043, _PARM, 0x39, "IS")
    if not given:
        return Gradient()
    b = given[0] if given[0] < _FROM else given[0] % _MODULO
    played = [n for element in (0xBB, 0xBC, 0xBD) for n in view.private_numbers(0x0019, _ACQU, element, "DS")[:1]]
    if not b or unit(played) is None:
        return Gradient(b)
    coronal = int(np.argmax(np.abs(np.cross(plane.row, plane.column)))) == 1
    encoded = view.text("InPlanePhaseEncodingDirection").upper()[:3]
    turn = _TURNS.get((encoded, coronal))
    if turn is None:
        return Gradient(b, doubt="the phase encoding direction is not stated, so the gradient directions are left out")
    where = ("phase along rows" if encoded == "ROW" else "") + (", coronal slices" if coronal else "")
    doubt = f"{where.strip(', ')}: GE does not publish its frame for this case" if where else ""
    components = (np.array(turn) @ played).tolist()
    return Gradient(b, along(components, plane.row, plane.column), doubt=doubt)


def _scale(view: View, part: Part, made: str) -> Scaled | None:
    if part != "phase" or made not in SIGNALS:
        return None
    slope, intercept, _ = stated(view)
    note = Note(
        "W-PHASE", "phase images", "GE states no unit for phase, and not every release writes thousandths of a radian",
        "use the real and imaginary images where there are any",
        "the phase is kept as stored, with arbitrary units, and is used only if it fills -3142 to 3142",
    )  # fmt: skip
    return Scaled(Scale(slope, intercept), (note,))


def _facts(view: View) -> Mapping[str, Any]:
    said: dict[str, Any] = {}
    offset = view.private_number(0x0043, _PARM, 0x34, "IS")
    if offset:
        said["OffsetFrequency"] = offset
    order = view.text("RectilinearPhaseEncodeReordering").upper()
    if order in ("LINEAR", "REVERSE_LINEAR"):
        said["PhaseEncodingPositive"] = order == "REVERSE_LINEAR"
    factors = view.private_numbers(0x0043, _PARM, 0x83, "DS")
    if factors and 0 < factors[0] <= 1:
        said["ParallelReductionFactorInPlane"] = round(1 / factors[0], 4)
    said |= _readout(view, factors)
    return said


def _readout(view: View, factors: tuple[float, ...]) -> Mapping[str, Any]:
    """Total readout time (s) from the echo spacing in microseconds: as if the whole of k-space had been read in one train."""
    spacing = view.private_number(0x0043, _PARM, 0x2C, "SS")
    matrix = view.numbers("AcquisitionMatrix", 4)
    if not spacing or spacing < 0 or not matrix:
        return {}
    lines = (
        matrix[2] or matrix[1]
        if view.text("InPlanePhaseEncodingDirection").upper() == "ROW"
        else matrix[3] or matrix[2]
    )
    step = 4 if "PFF" in view.words("ScanOptions") else 2
    factor = 1 / factors[0] if factors and 0 < factors[0] <= 1 else 1.0
    if not lines:
        return {}
    return {"TotalReadoutTime": (math.ceil(lines / factor / step) * step - 1) * spacing * 1e-6}


DIALECT = Dialect("GE", part=_part, made=_made, gradient=_gradient, facts=_facts, scale=_scale, protocol_is_exam=True)
