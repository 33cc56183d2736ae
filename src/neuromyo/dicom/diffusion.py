"""Diffusion weighting of one plane: its b-value, and its direction in the patient's frame.

The standard attributes state directions in the patient's frame (LPS). Some vendors state them along the axes of the image
or of the gradients as the sequence plays them; their files turn them here by `along`.

*Assumes* b-values in s/mm2, as every vendor writes them. *Breaks* where a header was edited after an image was turned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neuromyo.dicom.elements import View
from neuromyo.dicom.frames import Vector

#: s/mm2 to s/m2
PER_MM2 = 1e6
#: directions shorter than this are none
_LEAST = 0.1


@dataclass(frozen=True, slots=True)
class Gradient:
    """b : s/mm2, None where not stated; vector : LPS unit vector, None where there is none; isotropic : the vendor says that
    the image is an average over directions; doubt : what could not be made sure of its frame"""

    b: float | None = None
    vector: Vector | None = None
    isotropic: bool = False
    doubt: str = ""


def standard(view: View) -> Gradient:
    """What the standard attributes say (PS3.3 C.8.13.5.9 MR Diffusion)."""
    b = view.number("DiffusionBValue")
    isotropic = view.text("DiffusionDirectionality").upper() == "ISOTROPIC"
    vector = unit(view.numbers("DiffusionGradientOrientation", 3))
    if vector is None and not isotropic:
        ends = ("XX", "XY", "XZ", "YY", "YZ", "ZZ")
        vector = of_matrix([n for end in ends for n in view.numbers(f"DiffusionBValue{end}", 1)])
    return Gradient(b, vector if b else None, isotropic)


def unit(numbers: Sequence[float]) -> Vector | None:
    """Three numbers as a unit vector; None where they are no direction."""
    if len(numbers) != 3:
        return None
    length = float(np.linalg.norm(numbers))
    if not np.isfinite(length) or length < _LEAST:
        return None
    x, y, z = (float(n) / length for n in numbers)
    return x, y, z


def along(numbers: Sequence[float], row: Vector, column: Vector) -> Vector | None:
    """Components along a row, along a column, and along row x column, as a unit vector in the patient's frame."""
    axes = np.array([row, column, np.cross(row, column)])
    return unit(tuple(float(v) for v in np.asarray(numbers, dtype=float) @ axes)) if len(numbers) == 3 else None


def of_matrix(six: Sequence[float]) -> Vector | None:
    """The main direction of a b-matrix given as xx, xy, xz, yy, yz, zz; its sign is free."""
    if len(six) != 6 or not np.isfinite(six).all() or not np.any(six):
        return None
    xx, xy, xz, yy, yz, zz = six
    values, vectors = np.linalg.eigh([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
    # a matrix of several directions (a trace image) has none of its own
    return unit(tuple(float(v) for v in vectors[:, 2])) if values[2] > 0 and values[1] < 0.3 * values[2] else None
