"""United Imaging: mosaics that state the place of every tile, gradients along the axes of the image.

Image Type VFRAME marks a mosaic: 0065,1050 is the number of slices, 0065,1051 has one item a slice with its Image Position; tiles
stand in ceil(sqrt(n)) columns. 0065,1009 is the b-value as played, 0065,1037 the direction along row, column and normal.
"""

from __future__ import annotations

import math

from pydicom.sequence import Sequence

from neuromyo.dicom.dialect import Dialect, Plane, Tiles
from neuromyo.dicom.diffusion import Gradient, along
from neuromyo.dicom.elements import View
from neuromyo.dicom.plane import orientation, shape, spacing

_CREATOR = "Image Private Header"


def _gradient(view: View, plane: Plane) -> Gradient:
    b = view.private_number(0x0065, _CREATOR, 0x09, "FD")
    given = view.private_numbers(0x0065, _CREATOR, 0x37, "FD")
    return Gradient(b, along(given, plane.row, plane.column) if b else None)


def _tiles(view: View) -> Tiles | None:
    """The planes of a mosaic (Image Type VFRAME)."""
    if "VFRAME" not in view.words("ImageType"):
        return None
    listed = view.private(0x0065, _CREATOR, 0x51, "SQ")
    places = (
        [View.of(item).numbers("ImagePositionPatient", 3) for item in listed] if isinstance(listed, Sequence) else []
    )
    count = view.private_number(0x0065, _CREATOR, 0x50, "DS")
    if not places or not all(places) or (count is not None and count != len(places)):
        return None
    across = math.ceil(math.sqrt(len(places)))
    down = math.ceil(len(places) / across)
    (rows, columns), (row, column), step = shape(view), orientation(view), spacing(view)
    one = rows // down, columns // across
    return Tiles(tuple(Plane((x, y, z), row, column, step, one) for x, y, z in places))


DIALECT = Dialect("UIH", gradient=_gradient, tiles=_tiles)
