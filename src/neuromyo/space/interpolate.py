"""Smooth maps (B1, B0) from one grid to another, by geometry."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import map_coordinates

from neuromyo.core.grid import Grid

#: least share of the eight neighbours, by weight, that must hold a number for a value to be given
_LEAST_WEIGHT = 0.5


def map_to_grid(values: np.ndarray, grid: Grid, target: Grid) -> np.ndarray:
    """A map (x, y, z) on ``grid`` -> (x, y, z) float32 on ``target``, trilinear; NaN outside or among missing voxels.

    Missing (NaN) neighbours are left out of the weights, so that a hole does not spread.
    """
    if grid.same_as(target):
        return np.asarray(values, dtype=np.float32)
    held = np.isfinite(values).astype(np.float32)
    filled = np.where(held > 0, values, 0).astype(np.float32)
    found = np.full(target.shape, np.nan, dtype=np.float32)
    y, z = np.indices(target.shape[1:])
    for x in range(target.shape[0]):
        here = np.stack([np.full(y.shape, x), y, z], axis=-1)
        place = np.moveaxis(grid.to_index(target.to_world(here)), -1, 0)
        inside = np.all([(c >= -0.5) & (c <= n - 0.5) for c, n in zip(place, grid.shape, strict=True)], axis=0)
        weight = map_coordinates(held, place, order=1, mode="nearest")
        total = map_coordinates(filled, place, order=1, mode="nearest")
        good = inside & (weight >= _LEAST_WEIGHT)
        found[x][good] = total[good] / weight[good]
    return found
