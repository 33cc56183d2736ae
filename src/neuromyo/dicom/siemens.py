"""Siemens: the CSA header of V software, the private elements that came beside and after it, mosaics.

Directions and b-matrices are in the patient's frame. A mosaic's Image Position is the corner of a plane as large as the whole
mosaic and centred on the slice; its slices follow each other along the CSA header's Slice Normal Vector.
XA software writes enhanced files with standard attributes; its classic exports have no CSA header and no Echo Numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from neuromyo.dicom import csa
from neuromyo.dicom.dialect import Dialect, Plane, Tiles
from neuromyo.dicom.diffusion import Gradient, of_matrix, unit
from neuromyo.dicom.elements import View, first
from neuromyo.dicom.plane import plane_of, shifted

_HEADER, _CSA, _SDI = "SIEMENS MR HEADER", "SIEMENS CSA HEADER", "SIEMENS MR SDI 02"


def _gradient(view: View, plane: Plane) -> Gradient:
    """By 0019,100C / 100E / 1027, else by the CSA header."""
    header = _csa(view)
    b = view.private_number(0x0019, _HEADER, 0x0C, "IS")
    b = first(header.numbers("B_value")) if b is None else b
    vector = unit(view.private_numbers(0x0019, _HEADER, 0x0E, "FD") or header.numbers("DiffusionGradientDirection"))
    if vector is None:
        vector = of_matrix(view.private_numbers(0x0019, _HEADER, 0x27, "FD") or header.numbers("B_matrix"))
    said = view.private_text(0x0019, _HEADER, 0x0D, "CS") or header.text("DiffusionDirectionality")
    return Gradient(b, vector if b else None, said.upper() == "ISOTROPIC")


def _tiles(view: View) -> Tiles | None:
    """The planes of a mosaic (Image Type MOSAIC)."""
    header = _csa(view)
    count = first(header.numbers("NumberOfImagesInMosaic")) or view.private_number(0x0019, _HEADER, 0x0A, "US")
    if "MOSAIC" not in view.words("ImageType") or not count or count < 1:
        return None
    side = math.ceil(math.sqrt(count))
    whole = plane_of(view)
    shape = whole.shape[0] // side, whole.shape[1] // side
    margin = [(whole.shape[axis] - shape[axis]) / 2 for axis in (0, 1)]
    corner = shifted(whole.position, whole.row, margin[1] * whole.spacing_mm[1])
    corner = shifted(corner, whole.column, margin[0] * whole.spacing_mm[0])
    normal = unit(header.numbers("SliceNormalVector"))  # along row x column, or against it: only the CSA header tells
    apart = view.number("SpacingBetweenSlices") or view.number("SliceThickness")
    if normal is None or not apart:
        return None
    return Tiles(tuple(
        Plane(shifted(corner, normal, n * apart), whole.row, whole.column, whole.spacing_mm, shape) for n in range(int(count))
    ))  # fmt: skip


def _facts(view: View) -> Mapping[str, Any]:
    said: dict[str, Any] = {}
    header = _csa(view)
    positive = first(header.numbers("PhaseEncodingDirectionPositive"))
    if positive is None:
        positive = view.private_number(0x0021, _SDI, 0x1C, "IS")
    if positive in (0.0, 1.0):
        said["PhaseEncodingPositive"] = bool(positive)
    width = view.private_number(0x0019, _HEADER, 0x28, "FD") or view.private_number(0x0021, _SDI, 0x53, "FD")
    width = width or first(header.numbers("BandwidthPerPixelPhaseEncode"))
    if width and width > 0:
        said["BandwidthPerPixelPhaseEncode"] = width
    return said


def _csa(view: View) -> csa.Header:
    raw = view.private(0x0029, _CSA, 0x10, "OB")
    return _parsed(raw) if isinstance(raw, bytes) else csa.Header({})


@lru_cache(maxsize=2)
def _parsed(raw: bytes) -> csa.Header:
    return csa.parse(raw)


DIALECT = Dialect("Siemens", gradient=_gradient, tiles=_tiles, facts=_facts, mt_stated=True)
