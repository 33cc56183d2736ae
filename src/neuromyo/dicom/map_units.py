"""Maps that the scanner made, in the units that this software keeps on disk: s, Hz, m2/s, rad, percent."""

from __future__ import annotations

import math
from dataclasses import replace

from neuromyo.dicom.frames import Frame, Scale

#: unit that a header names -> (unit on disk, factor)
_TO_SI = {"ms": ("s", 1e-3), "mm2/s": ("m2/s", 1e-6), "um2/s": ("m2/s", 1e-12), "mrad": ("rad", 1e-3),
          "deg": ("rad", math.pi / 180)}  # fmt: skip


def in_si(frame: Frame) -> Frame:
    """A frame of a map with its scale to SI; others, and maps whose unit is not stated, as they are."""
    scale = frame.scale
    if not frame.made or scale.meaning not in _TO_SI:
        return frame
    unit, factor = _TO_SI[scale.meaning]
    return replace(frame, scale=Scale(scale.slope * factor, scale.intercept * factor, unit, scale.display_slope))
