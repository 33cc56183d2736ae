"""How much of each label lies in each slice: counted once for a whole label volume, then pooled as asked.

Labels do not overlap, so that a group of muscles is the sum of its labels' counts, slice by slice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from neuromyo.core.errors import DataError
from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels
from neuromyo.core.maps import Map
from neuromyo.space.interpolate import map_to_grid


@dataclass(frozen=True, eq=False)
class FatMap:
    """A map of the fat fraction (0 to 1 inside) on a grid of its own; ``name`` is what messages call it."""

    map: Map
    grid: Grid
    name: str = "fat fraction"

    def __post_init__(self) -> None:
        if self.map.quantity.unit != "1" or self.map.quantity.rank != "scalar":
            raise DataError("E-UNITS", where=self.name, needed="a map of the fat fraction",
                            found=f"{self.map.quantity.title} in {self.map.quantity.display}",
                            remedy='give the fat fraction map, and state {"Units": "%"} or {"Units": "fraction"} beside it')  # fmt: skip


@dataclass(frozen=True, eq=False)
class Tally:
    """Counts of one set of labels, (k,) over the slices in array order.

    voxels : voxels of the labels; border : those of them on the in-plane border of the field of view
    valid : voxels with a usable fat fraction; fat, fat2 : sums of it and of its square; variance : sum of its predicted variance,
        NaN where the map has no sd
    """

    voxels: np.ndarray
    border: np.ndarray
    valid: np.ndarray
    fat: np.ndarray
    fat2: np.ndarray
    variance: np.ndarray

    def at(self, slices: np.ndarray) -> Tally:
        """The same of some slices only: (k,) bool or indices."""
        return Tally(*(getattr(self, name)[slices] for name in self.__dataclass_fields__))

    @property
    def drawn(self) -> np.ndarray:
        return self.voxels > 0

    @property
    def truncated(self) -> bool:
        """It reaches the first or the last slice, or the in-plane border: more of it may lie outside."""
        return bool(self.voxels.size and (self.voxels[0] or self.voxels[-1] or self.border.any()))

    @property
    def holes(self) -> int:
        """Slices without a voxel, between slices that have some."""
        where = np.flatnonzero(self.drawn)
        return int(where[-1] - where[0] + 1 - where.size) if where.size else 0


@dataclass(frozen=True, eq=False)
class Areas:
    """The counts of every label of a volume: arrays (k slices, number of labels), for `of` to pool."""

    grid: Grid
    place: dict[int, int]
    counts: tuple[np.ndarray, ...]

    def of(self, indices: Iterable[int]) -> Tally:
        """Of all labels with these indices together."""
        columns = [self.place[i] for i in indices if i in self.place]
        return Tally(*(one[:, columns].sum(axis=1) for one in self.counts))

    @property
    def pixel_mm2(self) -> float:
        """Area of a voxel in the plane of the slice, from slice-centre geometry: no gap enters it."""
        a, b = self.grid.in_plane_axes
        return float(np.linalg.norm(np.cross(self.grid.affine[:3, a], self.grid.affine[:3, b])))

    @property
    def between_mm(self) -> float:
        """From slice to slice, at right angles to the slices."""
        return self.grid.voxel_volume_mm3 / self.pixel_mm2


def count(labels: Labels, fat: FatMap | None = None) -> Areas:
    """Voxels, border voxels and fat of every label, slice by slice.

    fat : on any grid: it is brought onto the labels' by geometry, trilinear; voxels that keep no value, or lie outside its field
        of view, are not valid
    """
    axis = labels.grid.slice_axis
    volume = np.moveaxis(labels.volume, axis, 0)
    indices = np.array(sorted({r.index for r in labels.regions}), dtype=np.int64)
    k, n = volume.shape[0], len(indices)
    slices, rows, columns = np.nonzero(volume)
    found = volume[slices, rows, columns].astype(np.int64)
    known = np.isin(found, indices)
    slices, rows, columns, found = (one[known] for one in (slices, rows, columns, found))
    cell = slices * n + np.searchsorted(indices, found)

    def summed(which: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        held = None if weights is None else weights[which].astype(np.float64)
        return np.bincount(cell[which], held, minlength=k * n).reshape(k, n).astype(np.float64)

    everywhere = np.ones(cell.size, dtype=bool)
    edge = np.zeros(cell.size, dtype=bool)
    for at, size in ((rows, volume.shape[1]), (columns, volume.shape[2])):
        edge |= ((at == 0) | (at == size - 1)) & (size > 1)
    nothing = np.zeros((k, n))
    held = (nothing, nothing, nothing, nothing)
    if fat is not None:
        value, variance = (np.moveaxis(one, axis, 0)[slices, rows, columns] for one in _on_grid(fat, labels.grid))
        valid = np.isfinite(value)
        held = (summed(valid), summed(valid, value), summed(valid, value**2), summed(valid, variance))
    place = {int(index): i for i, index in enumerate(indices)}
    return Areas(labels.grid, place, (summed(everywhere), summed(edge), *held))


def _on_grid(fat: FatMap, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Fat fraction, NaN where it is not valid, and its variance, NaN where none is predicted; both on ``grid``."""
    value = np.where(fat.map.valid, fat.map.values, np.nan)
    sd = np.full(value.shape, np.nan) if fat.map.sd is None else np.where(fat.map.valid, fat.map.sd, np.nan)
    return map_to_grid(value, fat.grid, grid).astype(np.float64), map_to_grid(sd, fat.grid, grid).astype(
        np.float64
    ) ** 2
