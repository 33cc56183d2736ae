"""Where voxels are: one value object for geometry, used by everyone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

Triple = tuple[int, int, int]


@dataclass(frozen=True)
class Grid:
    """A voxel grid in scanner space.

    Parameters
    ----------
    shape : voxels along x, y, z; array axes run close to right, anterior, superior (RAS+)
    affine : 16 numbers, row by row: homogeneous voxel index -> RAS+ millimetres (use `Grid.of` to give an array)
    slice_axis : the array axis across slices; in-plane operations work in the other two
    source_axes : how the stored image is turned into RAS+: for each stored axis, the RAS+ axis it became and whether
        it was flipped. Images are written back in the stored order, so that they overlay the source voxel by voxel.
    """

    shape: Triple
    flat_affine: tuple[float, ...]
    slice_axis: int = 2
    source_axes: tuple[tuple[int, bool], ...] = ((0, False), (1, False), (2, False))

    @staticmethod
    def of(
        shape: tuple[int, ...],
        affine: np.ndarray,
        slice_axis: int | None = None,
        source_axes: tuple[tuple[int, bool], ...] = ((0, False), (1, False), (2, False)),
    ) -> Grid:
        """A grid from an array affine (4, 4). Without ``slice_axis``: the axis of a single slice, else that of the
        largest spacing, else (two are as large: square pixels in thin slices) that of the smallest, else the last."""
        affine = np.asarray(affine, dtype=np.float64)
        x, y, z = (int(n) for n in shape[:3])
        if slice_axis is None:
            slice_axis = (x, y, z).index(1) if (x, y, z).count(1) == 1 else _across(affine)
        return Grid((x, y, z), tuple(float(v) for v in affine.ravel()), slice_axis, source_axes)

    @cached_property
    def affine(self) -> np.ndarray:
        """(4, 4) voxel index -> RAS+ millimetres, read-only."""
        matrix = np.array(self.flat_affine, dtype=np.float64).reshape(4, 4)
        matrix.setflags(write=False)
        return matrix

    @cached_property
    def spacing_mm(self) -> tuple[float, float, float]:
        x, y, z = (float(v) for v in np.linalg.norm(self.affine[:3, :3], axis=0))
        return x, y, z

    @property
    def n_voxels(self) -> int:
        x, y, z = self.shape
        return x * y * z

    @property
    def voxel_volume_mm3(self) -> float:
        """Volume that a voxel stands for, slice gap included, since spacing is from slice centre to slice centre."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    @property
    def pixel_area_mm2(self) -> float:
        """Area of a voxel's face within the slice."""
        a, b = self.in_plane_axes
        return float(np.linalg.norm(np.cross(self.affine[:3, a], self.affine[:3, b])))

    @property
    def in_plane_axes(self) -> tuple[int, int]:
        a, b = (axis for axis in range(3) if axis != self.slice_axis)
        return a, b

    def to_world(self, index: np.ndarray) -> np.ndarray:
        """Voxel indices (..., 3) -> RAS+ millimetres (..., 3)."""
        return np.asarray(index) @ self.affine[:3, :3].T + self.affine[:3, 3]

    def to_index(self, world: np.ndarray) -> np.ndarray:
        """RAS+ millimetres (..., 3) -> continuous voxel indices (..., 3)."""
        inverse = np.linalg.inv(self.affine)
        return np.asarray(world) @ inverse[:3, :3].T + inverse[:3, 3]

    def offset_to(self, other: Grid) -> float:
        """Largest disagreement between two grids over their corners, in voxels of this grid; inf if shapes differ."""
        if self.shape != other.shape:
            return float("inf")
        corners = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) * (np.array(self.shape) - 1)
        return float(np.abs(self.to_index(other.to_world(corners)) - corners).max())

    def same_as(self, other: Grid, tolerance_voxels: float = 1e-3) -> bool:
        return self.offset_to(other) <= tolerance_voxels

    def to_source(self, array: np.ndarray) -> np.ndarray:
        """An array in RAS+ order (x, y, z, ...) -> the order in which the source image was stored (a view)."""
        order = [axis for axis, _ in self.source_axes] + list(range(3, array.ndim))
        turned = array.transpose(order)
        for stored_axis, (_, flipped) in enumerate(self.source_axes):
            if flipped:
                turned = np.flip(turned, stored_axis)
        return turned

    def from_source(self, array: np.ndarray) -> np.ndarray:
        """The inverse of `to_source`: an array as stored (a, b, c, ...) -> RAS+ order (x, y, z, ...), as a view."""
        turned = array
        for stored_axis, (_, flipped) in enumerate(self.source_axes):
            if flipped:
                turned = np.flip(turned, stored_axis)
        order = [0, 0, 0]
        for stored_axis, (axis, _) in enumerate(self.source_axes):
            order[axis] = stored_axis
        return turned.transpose([*order, *range(3, array.ndim)])

    def stored_slice(self, index: int) -> int:
        """A slice index in RAS+ order -> the index of that slice in the image as stored and written."""
        flipped = next(flip for axis, flip in self.source_axes if axis == self.slice_axis)
        return self.shape[self.slice_axis] - 1 - index if flipped else index

    @cached_property
    def slice_normal(self) -> np.ndarray:
        """(3,) unit vector in RAS+ across the slices, towards higher slice indices; right for sheared grids too."""
        a, b = self.in_plane_axes
        normal = np.cross(self.affine[:3, a], self.affine[:3, b])
        normal = normal / np.linalg.norm(normal)
        normal = normal if normal @ self.affine[:3, self.slice_axis] > 0 else -normal
        normal.setflags(write=False)
        return normal

    @cached_property
    def source_affine(self) -> np.ndarray:
        """(4, 4) voxel index as stored -> RAS+ millimetres."""
        turn = np.zeros((4, 4))
        turn[3, 3] = 1.0
        for stored_axis, (axis, flipped) in enumerate(self.source_axes):
            turn[axis, stored_axis] = -1.0 if flipped else 1.0
            if flipped:
                turn[axis, 3] = self.shape[axis] - 1
        return self.affine @ turn

    @cached_property
    def bvec_axes(self) -> np.ndarray:
        """(3, 3) read-only: its columns are the directions in the RAS world that the three rows of a bvec file stand for.

        FSL's convention: the axes of the image as stored, the first of them negated where that image is right-handed.
        """
        stored = self.source_affine[:3, :3]
        axes = stored / np.linalg.norm(stored, axis=0)
        axes = axes * np.array([-1.0 if np.linalg.det(stored) > 0 else 1.0, 1.0, 1.0])
        axes.setflags(write=False)
        return axes


def _across(affine: np.ndarray) -> int:
    """The axis that runs across slices, as far as spacings tell."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    small, middle, large = np.sort(spacing)
    if large > 1.01 * middle:
        return int(np.argmax(spacing))
    return int(np.argmin(spacing)) if middle > 1.01 * small else 2
