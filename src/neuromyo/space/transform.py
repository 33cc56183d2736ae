r"""Where a point of one image lies in another: a frozen value in scanner space.

.. math:: T(x) = M x + u(x)

takes a place x of the fixed image (RAS+ mm) to the place of the moving image that shows the same tissue there. M is a (4, 4)
matrix; u, where there is one, is a smooth displacement in mm, known on a grid and interpolated linearly between its points.
Everything is in the world, so that no image's voxel order, handedness or obliqueness enters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.ndimage import map_coordinates

from neuromyo.core.grid import Grid

_IDENTITY = tuple(float(v) for v in np.eye(4).ravel())


@dataclass(frozen=True, slots=True)
class Displacement:
    """How far a transform moves the voxels of a mask: mean, 95th centile and largest, in mm; rotation in degrees."""

    mean_mm: float
    p95_mm: float
    most_mm: float
    rotation_deg: float


@dataclass(frozen=True, eq=False)
class Transform:
    """Fixed place -> moving place, RAS+ mm.

    flat_matrix : 16 numbers, row by row
    field : (x, y, z, 3) displacement in mm (RAS+) at the voxel centres of ``field_grid``; held constant outside it
    """

    flat_matrix: tuple[float, ...] = _IDENTITY
    field: np.ndarray | None = None
    field_grid: Grid | None = None

    def __post_init__(self) -> None:
        if (self.field is None) != (self.field_grid is None):
            raise ValueError("a displacement field and its grid come together")
        if self.field is not None and self.field_grid is not None and self.field.shape != (*self.field_grid.shape, 3):
            raise ValueError(f"expected a field of shape {(*self.field_grid.shape, 3)}, got {self.field.shape}")

    @staticmethod
    def of(matrix: np.ndarray, field: np.ndarray | None = None, field_grid: Grid | None = None) -> Transform:
        """A transform from a (4, 4) matrix, with a displacement field or without."""
        return Transform(tuple(float(v) for v in np.asarray(matrix, dtype=np.float64).ravel()), field, field_grid)

    @staticmethod
    def from_dict(said: Mapping[str, Any]) -> Transform:
        """The inverse of `as_dict`, for transforms without a field."""
        return Transform(tuple(float(v) for v in said["matrix"]))

    @cached_property
    def matrix(self) -> np.ndarray:
        """(4, 4), read-only."""
        matrix = np.array(self.flat_matrix, dtype=np.float64).reshape(4, 4)
        matrix.setflags(write=False)
        return matrix

    @property
    def is_identity(self) -> bool:
        return self.field is None and self.flat_matrix == _IDENTITY

    @cached_property
    def rotation(self) -> np.ndarray:
        """(3, 3): the rotation nearest to the matrix (polar decomposition); directions turn with its inverse."""
        left, _, right = np.linalg.svd(self.matrix[:3, :3])
        return left @ np.diag([1.0, 1.0, np.linalg.det(left @ right)]) @ right

    @property
    def rotation_deg(self) -> float:
        return float(np.degrees(np.arccos(np.clip((np.trace(self.rotation) - 1.0) / 2.0, -1.0, 1.0))))

    def __call__(self, world: np.ndarray) -> np.ndarray:
        """Places (..., 3) of the fixed image -> places (..., 3) of the moving image, mm."""
        moved = np.asarray(world) @ self.matrix[:3, :3].T + self.matrix[:3, 3]
        return moved if self.field is None else moved + self._field_at(world)

    def _field_at(self, world: np.ndarray) -> np.ndarray:
        assert self.field is not None and self.field_grid is not None
        index = np.moveaxis(self.field_grid.to_index(world), -1, 0)
        parts = [map_coordinates(self.field[..., c], index, order=1, mode="nearest") for c in range(3)]
        return np.stack(parts, axis=-1)

    def at_grid(self, grid: Grid) -> np.ndarray:
        """The displacement field (x, y, z, 3) at the voxels of another grid; 0 without one."""
        return np.zeros((*grid.shape, 3)) if self.field is None else self._field_at(_places(grid))

    def after(self, first: Transform) -> Transform:
        """x -> self(first(x)): ``first`` goes from A to B, self from B to C, the result from A to C.

        A field of ``first`` keeps its grid, and self's is taken up there; a field of self alone is carried to A.
        """
        matrix = self.matrix @ first.matrix
        if first.field_grid is not None:
            grid = first.field_grid
            places = _places(grid)
            return Transform.of(matrix, self(first(places)) - _linear(matrix, places), grid)
        if self.field_grid is not None:
            carried = np.linalg.inv(first.matrix) @ self.field_grid.affine
            grid = Grid.of(self.field_grid.shape, carried, self.field_grid.slice_axis)
            return Transform.of(matrix, self.field, grid)
        return Transform.of(matrix)

    def inverse(self) -> Transform:
        """Moving place -> fixed place; for transforms without a displacement field."""
        if self.field is not None:
            raise ValueError("a displacement field is not inverted: register the other way round")
        return Transform.of(np.linalg.inv(self.matrix))

    def displacement(self, grid: Grid, mask: np.ndarray | None = None) -> Displacement:
        """How far it moves the voxels of ``mask`` (x, y, z) bool on ``grid``; all of them where None."""
        voxels = np.argwhere(np.ones(grid.shape, bool) if mask is None else mask)
        world = grid.to_world(voxels.astype(np.float64))
        length = np.linalg.norm(self(world) - world, axis=-1)
        return Displacement(
            float(length.mean()), float(np.percentile(length, 95)), float(length.max()), self.rotation_deg
        )

    def in_voxels(self, grid: Grid, mask: np.ndarray | None = None) -> float:
        """The largest, over the axes, of the mean displacement along an axis, in voxels of ``grid`` (see `displacement`)."""
        voxels = np.argwhere(np.ones(grid.shape, bool) if mask is None else mask).astype(np.float64)
        return float(np.abs(grid.to_index(self(grid.to_world(voxels))) - voxels).mean(axis=0).max())

    def smallest_jacobian(self) -> float:
        """The smallest determinant of its derivative: 1 where volume is kept, 0 or less where tissue would fold."""
        if self.field is None or self.field_grid is None:
            return float(np.linalg.det(self.matrix[:3, :3]))
        return float(jacobian(self).min())

    def as_dict(self) -> dict[str, Any]:
        """For records: the matrix, rotation in degrees, and whether there is a field."""
        return {"matrix": list(self.flat_matrix), "rotation_deg": self.rotation_deg, "field": self.field is not None}


IDENTITY = Transform()


def jacobian(transform: Transform) -> np.ndarray:
    """The determinant of a transform's derivative on its field's grid, (x, y, z); at least two points along an axis count."""
    grid = transform.field_grid
    assert grid is not None and transform.field is not None
    total = transform(_places(grid))
    columns = []
    for axis in range(3):
        step = grid.affine[:3, axis]
        if grid.shape[axis] > 1:
            columns.append(np.gradient(total, axis=axis))
        else:
            columns.append(np.broadcast_to(transform.matrix[:3, :3] @ step, total.shape))
    return np.linalg.det(np.stack(columns, axis=-1)) / np.linalg.det(grid.affine[:3, :3])


def _places(grid: Grid) -> np.ndarray:
    return grid.to_world(np.moveaxis(np.indices(grid.shape, dtype=np.float64), 0, -1))


def _linear(matrix: np.ndarray, places: np.ndarray) -> np.ndarray:
    return places @ matrix[:3, :3].T + matrix[:3, 3]
