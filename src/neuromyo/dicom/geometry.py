r"""Where image planes are: from DICOM's patient frame (LPS) to the world of NIfTI (RAS), in mm.

Stored voxels run i along a row (the column index), j up the columns (the last row first), k across slices in the direction of
row x column, whatever order the scanner took or numbered them in:

.. math:: x_{RAS} = \mathrm{diag}(-1,-1,1)\,(p_0 + i\,\Delta_c\,\hat r + (R - 1 - j)\,\Delta_r\,\hat c + k\,s)

with the position p_0 of the first slice, its R rows, the row and column directions r and c, the distances :math:`\Delta_c` between columns
and :math:`\Delta_r` between rows, and the step s from slice to slice. Every affine made here has a negative determinant: the order in
which other converters write too, and for which FSL's convention takes bvec files as they are.

*Assumes* unit vectors at right angles to each other, as DICOM demands of ImageOrientationPatient (PS3.3 C.7.6.2). *Breaks* with
slices that are not parallel or run askew: `neuromyo.dicom.volumes` refuses those.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neuromyo.dicom.frames import Frame, Vector

#: LPS -> RAS
_TURN = np.diag([-1.0, -1.0, 1.0])
#: directions whose cosine is above this are one (0.16 degrees): scanners write six digits at the worst
_ALIKE = 1.0 - 4e-6
#: RAS world axes: what grows along them, and what towards their other end
_ENDS = (("R", "L"), ("A", "P"), ("S", "I"))


def normal(frame: Frame) -> np.ndarray:
    """(3,) unit vector across the plane, row x column, LPS."""
    across = np.cross(frame.row, frame.column)
    return across / np.linalg.norm(across)


def is_plane(frame: Frame) -> bool:
    """Whether a frame says where it is: finite numbers, positive spacing, directions of length 1 at right angles (1 %)."""
    row, column = np.asarray(frame.row, float), np.asarray(frame.column, float)
    numbers = np.concatenate([row, column, np.asarray(frame.position, float), np.asarray(frame.spacing_mm, float)])
    if not np.isfinite(numbers).all() or min(frame.spacing_mm) <= 0 or min(frame.shape) < 1:
        return False
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    return bool(max(abs(lengths[0] - 1), abs(lengths[1] - 1), abs(row @ column)) < 0.01)


def parallel(one: Frame, other: Frame) -> bool:
    """Whether rows and columns of two planes run alike."""
    return bool(np.dot(one.row, other.row) > _ALIKE and np.dot(one.column, other.column) > _ALIKE)


def along(frames: Sequence[Frame], first: Frame) -> np.ndarray:
    """(n, 3) positions of planes in the axes of ``first``, mm: along its row, its column, and across it."""
    axes = np.array([first.row, first.column, normal(first)], dtype=np.float64)
    return np.array([f.position for f in frames], dtype=np.float64) @ axes.T


def affine(first: Frame, step: np.ndarray) -> np.ndarray:
    """(4, 4) voxel index -> RAS mm of a stack whose first slice (k = 0) is ``first``; ``step`` (3,) is LPS mm to the next."""
    along_row = np.asarray(first.row, dtype=np.float64) * first.spacing_mm[1]
    down = np.asarray(first.column, dtype=np.float64) * first.spacing_mm[0]
    made = np.eye(4)
    made[:3, :3] = _TURN @ np.stack([along_row, -down, step], axis=1)
    made[:3, 3] = _TURN @ (np.asarray(first.position, dtype=np.float64) + (first.shape[0] - 1) * down)
    return made + 0.0


def shown(frame: Frame, distance: float) -> str:
    """A slice position as a person says it: ``z = -12.5 mm``, along the RAS axis nearest to the normal.

    distance : mm across the slices from the isocentre, in the direction of row x column
    """
    across = _TURN @ normal(frame)
    axis = int(np.argmax(np.abs(across)))
    return f"{'xyz'[axis]} = {distance * (1.0 if across[axis] > 0 else -1.0) + 0.0:.1f} mm"


def plane_name(frame: Frame) -> str:
    """``sagittal``, ``coronal`` or ``transverse``, whichever is nearest."""
    return ("sagittal", "coronal", "transverse")[int(np.argmax(np.abs(normal(frame))))]


def bvec_rows(vectors: Sequence[Vector | None], made: np.ndarray) -> np.ndarray:
    """(3, n) the rows of a bvec file from LPS directions; 0 0 0 where there is none.

    made : (4, 4) the affine of the image. FSL's convention: the image's own axes, the first negated where they are
    right-handed.
    """
    axes = made[:3, :3] / np.linalg.norm(made[:3, :3], axis=0)
    world = np.array([v if v is not None else (0.0, 0.0, 0.0) for v in vectors], dtype=np.float64) @ _TURN
    rows = np.linalg.solve(axes, world.T)
    if np.linalg.det(axes) > 0:
        rows = rows * np.array([[-1.0], [1.0], [1.0]])
    return rows + 0.0


def towards(axis: str, made: np.ndarray) -> str:
    """Where an image axis leads in the body: ``AP`` for ``j-`` of an image whose j runs to the front.

    axis : ``i``, ``j`` or ``k``, with ``-`` for its other direction, as PhaseEncodingDirection has it
    """
    direction = made[:3, "ijk".index(axis[0])] * (-1.0 if axis.endswith("-") else 1.0)
    world = int(np.argmax(np.abs(direction)))
    plus, minus = _ENDS[world]
    return minus + plus if direction[world] > 0 else plus + minus
