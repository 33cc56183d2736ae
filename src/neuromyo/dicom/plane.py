"""Where a plane is, by the standard attributes: checked, with exact unit vectors."""

from __future__ import annotations

import numpy as np

from neuromyo.core.errors import DataError
from neuromyo.dicom.dialect import Plane
from neuromyo.dicom.elements import View
from neuromyo.dicom.frames import Vector

_MOST = 1 << 16
#: how far a direction's length may be from one, and two directions from a right angle
_SLACK = 1e-2


def plane_of(view: View, position: tuple[float, ...] = ()) -> Plane:
    """The plane of an image; ``position`` instead of its Image Position (a mosaic states none of its own).

    E-DIMS for impossible numbers of rows and columns, E-GEOM for missing or contradictory geometry. ``where`` is left for the
    caller to fill in: it knows the file's name."""
    position = position or view.numbers("ImagePositionPatient", 3)
    row, column = orientation(view)
    if not position:
        raise _missing("ImagePositionPatient", "three numbers")
    return Plane(_vector(position), row, column, spacing(view), shape(view))


def shape(view: View) -> tuple[int, int]:
    """(rows, columns) of the stored image."""
    rows, columns = view.whole("Rows"), view.whole("Columns")
    if rows is None or columns is None or not (0 < rows < _MOST and 0 < columns < _MOST):
        raise DataError("E-DIMS", where="Rows, Columns", needed="from 1 to 65535", found=f"{rows} and {columns}",
                        remedy="export the image again")  # fmt: skip
    return rows, columns


def spacing(view: View) -> tuple[float, float]:
    """Between rows and between columns, mm."""
    given = view.numbers("PixelSpacing", 2)
    if not given:
        raise _missing("PixelSpacing", "two numbers")
    if not all(0 < one < 1e4 for one in given):
        raise DataError("E-GEOM", where="PixelSpacing", needed="millimetres over 0", found=f"{given[0]:g}, {given[1]:g}",
                        remedy="export the image again")  # fmt: skip
    return given[0], given[1]


def orientation(view: View) -> tuple[Vector, Vector]:
    """Unit vectors along a row and along a column; rounding in the header is taken out."""
    given = view.numbers("ImageOrientationPatient", 6)
    if not given:
        raise _missing("ImageOrientationPatient", "six numbers")
    row, column = np.array(given[:3]), np.array(given[3:])
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if max(abs(length - 1) for length in lengths) > _SLACK or abs(row @ column) > _SLACK:
        raise DataError("E-GEOM", where="ImageOrientationPatient", needed="two unit vectors at a right angle",
                        found=f"lengths {lengths[0]:.3g} and {lengths[1]:.3g}, product {row @ column:.3g}",
                        remedy="export the image again")  # fmt: skip
    row = row / lengths[0]
    column = column - (column @ row) * row
    return _vector(row), _vector(column / np.linalg.norm(column))


def shifted(position: Vector, direction: Vector, by_mm: float) -> Vector:
    """A position moved along a direction."""
    return _vector(np.asarray(position) + by_mm * np.asarray(direction))


def _vector(numbers: np.ndarray | tuple[float, ...]) -> Vector:
    x, y, z = (float(n) for n in numbers)
    return x, y, z


def _missing(field: str, what: str) -> DataError:
    return DataError(
        "E-GEOM", where=field, needed=what, found="none", remedy="export the image again with its whole header"
    )
