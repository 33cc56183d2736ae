"""From the body to a slice of voxels: which tissues share each voxel, and in what proportion."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from neuromyo.core.grid import Grid
from neuromyo.phantom.regions import N_CODES

#: points looked up at a time: what bounds the memory
CHUNK = 60_000


class Solid(Protocol):
    """What can be cut into slices: a body."""

    def codes(self, xyz: np.ndarray, /) -> np.ndarray:
        """RAS+ mm (n, 3) -> leaf codes (n,), 0 in air."""
        ...


@dataclass(frozen=True, eq=False)
class Parts:
    """The tissues of one slice, air left out: one entry for every (voxel, leaf) that share space.

    voxel : (m,) flat index into the slice (rows over the two in-plane axes, in the grid's order), ascending
    code : (m,) leaf code
    fraction : (m,) share of the voxel, 0 to 1; the rest of a voxel is air
    """

    voxel: np.ndarray
    code: np.ndarray
    fraction: np.ndarray


@dataclass(frozen=True)
class Sampling:
    """``in_plane`` x ``in_plane`` x ``through`` points a voxel; the slice is ``thickness_mm`` thick (the grid's spacing
    where None), so that a gap between slices stays unseen."""

    in_plane: int = 4
    through: int = 1
    thickness_mm: float | None = None

    def offsets(self, grid: Grid) -> np.ndarray:
        """(k, 3) positions of the points about a voxel's centre, in voxels."""
        spread = [(np.arange(self.in_plane) + 0.5) / self.in_plane - 0.5] * 3
        thick = 1.0 if self.thickness_mm is None else self.thickness_mm / grid.spacing_mm[grid.slice_axis]
        spread[grid.slice_axis] = ((np.arange(self.through) + 0.5) / self.through - 0.5) * thick
        return np.stack(np.meshgrid(*spread, indexing="ij"), axis=-1).reshape(-1, 3)


def slice_centres(grid: Grid, k: int) -> np.ndarray:
    """(n, 3) voxel indices of slice ``k``, in the order of the slice's flat index."""
    axes: list[np.ndarray] = [np.arange(n) for n in grid.shape]
    axes[grid.slice_axis] = np.array([k])
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def slice_index(grid: Grid, k: int) -> tuple[slice | int, ...]:
    """What takes slice ``k`` out of an array over the grid."""
    index: list[slice | int] = [slice(None)] * 3
    index[grid.slice_axis] = k
    return tuple(index)


def render_slice(body: Solid, grid: Grid, k: int, sampling: Sampling) -> Parts:
    """Area fractions in slice ``k`` by sampling the body at a lattice of points in every voxel."""
    offsets = sampling.offsets(grid)
    centres = slice_centres(grid, k)
    step = max(1, CHUNK // len(offsets))
    pieces = [_count(body, grid, centres[i : i + step], offsets, i) for i in range(0, len(centres), step)]
    key, number = (np.concatenate(part) for part in zip(*pieces, strict=True))
    return Parts(key // N_CODES, key % N_CODES, number / len(offsets))


def _count(
    body: Solid, grid: Grid, centres: np.ndarray, offsets: np.ndarray, first: int
) -> tuple[np.ndarray, np.ndarray]:
    aside = offsets @ grid.affine[:3, :3].T
    points = (grid.to_world(centres)[:, None, :] + aside).reshape(-1, 3)
    codes = body.codes(points)
    voxel = first + np.repeat(np.arange(len(centres)), len(offsets))
    solid = codes > 0
    return np.unique(voxel[solid] * N_CODES + codes[solid], return_counts=True)


def render(body: Solid, grid: Grid, sampling: Sampling | None = None) -> Iterator[Parts]:
    """Slice after slice, so that memory holds one at a time."""
    for k in range(grid.shape[grid.slice_axis]):
        yield render_slice(body, grid, k, sampling or Sampling())
