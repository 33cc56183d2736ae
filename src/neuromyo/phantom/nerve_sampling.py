"""From functions of place to voxels: each voxel is the mean over its box, in the plane and through the slice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neuromyo.core.grid import Grid

#: matter is sampled at least this finely in the plane (mm); borders are as soft as the samples are apart
GROUND_MM, NERVE_MM = 0.5, 0.2
#: how far (mm) an oblique structure may shift in the plane from one sheet of samples of a slice to the next
SHEET_SHIFT_MM = 0.35


@dataclass(frozen=True)
class Sheets:
    """How slices of a grid are sampled.

    grid : of the voxels; thickness_mm : of a slice, which may be less than the spacing (gaps) or more (overlap)
    tilt : tangent of the largest angle between a structure and the slices' normal
    least : sheets of samples a slice at least; more for what ends within a slice
    """

    grid: Grid
    thickness_mm: float
    tilt: float
    least: int = 2

    @property
    def n_slices(self) -> int:
        return self.grid.shape[self.grid.slice_axis]

    @property
    def plane(self) -> tuple[int, int]:
        """Voxels along the two in-plane axes."""
        a, b = self.grid.in_plane_axes
        return self.grid.shape[a], self.grid.shape[b]

    @property
    def normal(self) -> np.ndarray:
        """(3,) unit vector along the slice axis."""
        step = self.grid.affine[:3, self.grid.slice_axis]
        return step / np.linalg.norm(step)

    @property
    def heights_mm(self) -> np.ndarray:
        """Heights of the sheets of samples about the middle of a slice."""
        n = self.least + int(np.ceil(self.thickness_mm * self.tilt / SHEET_SHIFT_MM))
        return self.thickness_mm * ((np.arange(n) + 0.5) / n - 0.5)

    def levels(self, step_mm: float = 0.5) -> np.ndarray:
        """World z of everything in the grid, and 15 mm beyond."""
        corners = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
        z = self.grid.to_world((np.array(self.grid.shape) - 1) * corners)[:, 2]
        return np.arange(np.floor(z.min()) - 15.0, np.ceil(z.max()) + 16.0, step_mm)

    def finer(self, step_mm: float) -> tuple[int, float]:
        """(samples along each in-plane side of a voxel, their distance in mm) for samples of ``step_mm`` at most."""
        a, b = self.grid.in_plane_axes
        spacing = max(self.grid.spacing_mm[a], self.grid.spacing_mm[b])
        n = max(1, int(np.ceil(spacing / step_mm - 1e-6)))
        return n, spacing / n

    def samples(self, k: int, box: tuple[slice, slice], n: int) -> np.ndarray:
        """Places (sheets * na * n * nb * n, 3) RAS+ mm of the samples of a box of voxels in slice k."""
        along = [np.arange(s.start * n, s.stop * n) for s in box]
        index = np.zeros((len(along[0]), len(along[1]), 3))
        for axis, places, turn in zip(self.grid.in_plane_axes, along, ((-1, 1), (1, -1)), strict=True):
            index[..., axis] = ((places + 0.5) / n - 0.5).reshape(turn)
        index[..., self.grid.slice_axis] = k
        world = self.grid.to_world(index)
        return (world[None] + self.heights_mm[:, None, None, None] * self.normal).reshape(-1, 3)

    def mean(self, values: np.ndarray, box: tuple[slice, slice], n: int) -> np.ndarray:
        """Values (samples,) in the order of `samples` -> (na, nb) means over voxels."""
        na, nb = (s.stop - s.start for s in box)
        return values.reshape(len(self.heights_mm), na, n, nb, n).mean(axis=(0, 2, 4))

    def window(self, k: int, spine: np.ndarray, reach_mm: float) -> tuple[slice, slice] | None:
        """The box of voxels of slice k that matter within ``reach_mm`` of points (m, 3) may lie in; None if in none."""
        index = self.grid.to_index(spine)
        height = (index[:, self.grid.slice_axis] - k) * self.grid.spacing_mm[self.grid.slice_axis]
        here = index[np.abs(height) <= 0.5 * self.thickness_mm + reach_mm * min(1.0, self.tilt + 0.05) + 0.6]
        if reach_mm > 0 and len(spine) == 1:
            here = index[np.abs(height) <= 0.5 * self.thickness_mm + reach_mm]
        if not len(here):
            return None
        box = []
        for axis, size in zip(self.grid.in_plane_axes, self.plane, strict=True):
            margin = reach_mm / self.grid.spacing_mm[axis] + 1.0
            low = max(0, int(np.floor(here[:, axis].min() - margin)))
            high = min(size, int(np.ceil(here[:, axis].max() + margin)) + 1)
            if low >= high:
                return None
            box.append(slice(low, high))
        return box[0], box[1]


def lay(layers: Sequence[tuple[str, np.ndarray]], width_mm: float) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Layers (tissue, depth in mm) from outside to inside -> (share (n,) of each tissue, share of what shows through)."""
    shares: dict[str, np.ndarray] = {}
    through = np.ones(layers[0][1].shape)
    for tissue, depth in layers:
        cover = np.clip(0.5 + depth / width_mm, 0.0, 1.0)
        for name in shares:
            shares[name] = shares[name] * (1.0 - cover)
        through = through * (1.0 - cover)
        shares[tissue] = shares.get(tissue, 0.0) + cover
    return shares, through
