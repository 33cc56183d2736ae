"""The share of each voxel that lies within outlines, by sampling voxels finely."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from neuromyo.nerve.contour import N_ANGLES, Outline
from neuromyo.nerve.trace_stack import Flat

_SUB = 6


def within(outline: Outline, places: np.ndarray) -> np.ndarray:
    """Whether places (..., 2) mm lie within the polygon of an outline."""
    offset = places - outline.centre
    angle = np.arctan2(offset[..., 1], offset[..., 0]) % (2 * np.pi)
    sector = np.minimum((angle / (2 * np.pi) * N_ANGLES).astype(int), N_ANGLES - 1)
    corner = outline.points - outline.centre
    first, second = corner[sector], corner[(sector + 1) % N_ANGLES]
    side, from_first = second - first, offset - first
    return side[..., 0] * from_first[..., 1] - side[..., 1] * from_first[..., 0] >= 0


def coverage(flat: Flat, outlines: Iterable[tuple[int, Outline]]) -> np.ndarray:
    """(x, y, z) float32, share of each voxel (in the plane of its slice) within the outlines (slice, outline)."""
    grid = flat.grid
    volume = np.zeros(grid.shape, np.float32)
    slices = np.moveaxis(volume, grid.slice_axis, 0)
    shape = slices.shape[1:]
    sub = (np.arange(_SUB) + 0.5) / _SUB - 0.5
    for k, outline in outlines:
        index = flat.index(outline.points, k)
        low = np.clip(np.floor(index.min(axis=0)).astype(int) - 1, 0, shape)
        high = np.clip(np.ceil(index.max(axis=0)).astype(int) + 2, 0, shape)
        if (high <= low).any():
            continue
        rows, columns = ((np.arange(a, b)[:, None] + sub).ravel() for a, b in zip(low, high, strict=True))
        fine = within(outline, flat.place(np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1), k))
        share = fine.reshape(high[0] - low[0], _SUB, high[1] - low[1], _SUB).mean(axis=(1, 3))
        part = slices[k, low[0] : high[0], low[1] : high[1]]
        part[...] = np.minimum(1.0, part + share)
    return volume
