"""Slices as pictures, the way a radiologist expects them.

Axial slices are seen from the feet and coronal ones from the front, so the subject's right is on the viewer's left;
sagittal slices have anterior on the viewer's left. Pixels keep the shape that the voxels have in millimetres.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels

#: viewer's left, right, top, bottom for each slice axis
LETTERS = {2: ("R", "L", "A", "P"), 1: ("R", "L", "S", "I"), 0: ("A", "P", "S", "I")}
PLANES = {2: "axial", 1: "coronal", 0: "sagittal"}


@dataclass(frozen=True, slots=True)
class Frame:
    """Which part of the slices is shown: a box in the two in-plane axes."""

    grid: Grid
    box: tuple[slice, slice]

    @property
    def letters(self) -> tuple[str, str, str, str]:
        return LETTERS[self.grid.slice_axis]

    @property
    def size_mm(self) -> tuple[float, float]:
        """Width and height of the picture."""
        a, b = self.grid.in_plane_axes
        across, up = (s.stop - s.start for s in self.box)
        return across * self.grid.spacing_mm[a], up * self.grid.spacing_mm[b]

    def cut(self, volume: np.ndarray, k: int) -> np.ndarray:
        """Slice ``k`` of (x, y, z), cropped and turned for display: (rows, columns)."""
        plane = np.take(volume, k, axis=self.grid.slice_axis)[self.box]
        return radiological(plane)

    @property
    def pixels(self) -> int:
        across, up = (s.stop - s.start for s in self.box)
        return across * up


def radiological(plane: np.ndarray) -> np.ndarray:
    """A plane in RAS+ order (first axis right or anterior, second anterior or superior) -> (rows, columns) as seen."""
    return plane[::-1, ::-1].T


def frame_around(grid: Grid, wanted: np.ndarray) -> Frame:
    """A frame around the voxels that are ``wanted`` (x, y, z) bool, with room for the letters at the sides; the whole
    slice where none is wanted."""
    flat = wanted.any(axis=grid.slice_axis)
    sides = []
    for axis in (0, 1):
        hit = np.flatnonzero(np.any(flat, axis=(1 - axis,)))
        low, high = (int(hit[0]), int(hit[-1]) + 1) if hit.size else (0, flat.shape[axis])
        margin = 2 + (0.08 if axis == 0 else 0.02) * (high - low)
        sides.append(slice(max(low - round(margin), 0), min(high + round(margin), flat.shape[axis])))
    return Frame(grid, (sides[0], sides[1]))


def slices_with(wanted: np.ndarray, axis: int) -> tuple[int, ...]:
    """Slices that hold any wanted voxel, from head to foot (or front to back, or right to left); all if none does."""
    others = tuple(a for a in range(3) if a != axis)
    hit = np.flatnonzero(wanted.any(axis=others))
    found = hit if hit.size else np.arange(wanted.shape[axis])
    return tuple(int(k) for k in found[::-1])


def evenly(items: Sequence[int], at_most: int) -> tuple[int, ...]:
    """Up to ``at_most`` of the items, evenly spread, the ends included."""
    if len(items) <= at_most:
        return tuple(items)
    return tuple(items[i] for i in np.round(np.linspace(0, len(items) - 1, at_most)).astype(int))


def file_slice(grid: Grid, k: int) -> int:
    """The slice's index in the image as stored, counted from 0, as the tables give it."""
    for axis, flipped in grid.source_axes:
        if axis == grid.slice_axis:
            return grid.shape[axis] - 1 - k if flipped else k
    return k


def labels_on(grid: Grid, labels: Labels) -> np.ndarray:
    """The label volume on another grid, by geometry: nearest label of each voxel centre, 0 outside; (x, y, z)."""
    if grid.same_as(labels.grid):
        return labels.volume
    index = np.indices(grid.shape).reshape(3, -1).T
    there = np.rint(labels.grid.to_index(grid.to_world(index))).astype(int)
    inside = np.all((there >= 0) & (there < labels.grid.shape), axis=1)
    out = np.zeros(len(index), dtype=labels.volume.dtype)
    out[inside] = labels.volume[tuple(there[inside].T)]
    return out.reshape(grid.shape)
