"""Regions from one grid to another, by geometry.

Each voxel of the target asks which label lies at its place in the world. Where the labels are drawn finer than the
target, several points spread evenly through the target voxel are asked and the majority answers; where they are
coarser, the voxel's centre is asked.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels

#: most points asked along one axis of a voxel; 5 x 5 x 5 points bound the cost of very fine labels
MOST_POINTS = 5
_EDGE = 1e-6
#: a point on the face between two voxels is moved this far (RAS+, mm): the answer must not hang on storage order
_NUDGE = np.array([1.0e-4, 1.3e-4, 1.7e-4])


def labels_to_grid(labels: Labels, grid: Grid) -> tuple[Labels, dict[int, float]]:
    """Labels on another grid, and the share of each label that lies in that grid's field of view.

    labels : on any grid, oblique, flipped or permuted
    grid : the target, (x, y, z)
    returns : `Labels` on ``grid`` with the same regions; {label index: share of its volume in the field, 0 to 1}

    Ties of a majority vote go to the label at the voxel's centre, then to the lowest index. What lies outside the label
    volume is 0.
    """
    shares = in_field(labels, grid)
    if labels.grid.same_as(grid, 1e-6):
        return replace(labels, grid=grid), shares
    points = _points_within(grid, labels.grid)
    volume = np.zeros(grid.shape, dtype=labels.volume.dtype)
    for x in range(grid.shape[0]):
        volume[x] = _vote(labels, grid, x, points)
    return replace(labels, volume=volume, grid=grid), shares


def in_field(labels: Labels, grid: Grid) -> dict[int, float]:
    """{label index: share of its volume, in the world, that lies in the field of view of ``grid``}."""
    voxels = np.argwhere(labels.volume > 0)
    index = labels.volume[tuple(voxels.T)].astype(np.int64)
    points = _points_within(labels.grid, grid)
    inside = np.zeros(len(voxels))
    for point in points:
        inside += grid_contains(grid, labels.grid.to_world(voxels + point))
    total = np.bincount(index)
    held = np.bincount(index, weights=inside / len(points))
    return {int(k): float(held[k] / total[k]) for k in np.flatnonzero(total)}


def grid_contains(grid: Grid, world: np.ndarray) -> np.ndarray:
    """Which points (..., 3) in RAS+ mm lie within the voxels of a grid, outer faces included -> (...) bool."""
    index = grid.to_index(world)
    return np.all((index >= -0.5 - _EDGE) & (index <= np.array(grid.shape) - 0.5 + _EDGE), axis=-1)


def sample_nearest(volume: np.ndarray, grid: Grid, world: np.ndarray) -> np.ndarray:
    """The voxel that holds each point: volume (x, y, z) on ``grid``, world (m, 3) mm -> values (m,), 0 outside."""
    inside = grid_contains(grid, world)
    index = np.floor(grid.to_index(world[inside] + _NUDGE) + 0.5).astype(np.intp)
    index = np.clip(index, 0, np.array(grid.shape) - 1)
    values = np.zeros(len(world), dtype=volume.dtype)
    values[inside] = volume[tuple(index.T)]
    return values


def _points_within(coarse: Grid, fine: Grid) -> np.ndarray:
    """Offsets (p, 3) in voxels of ``coarse``, evenly through one, about one for each voxel of ``fine`` across it."""
    step = np.abs(np.linalg.inv(fine.affine)[:3, :3] @ coarse.affine[:3, :3])
    counts = [int(np.clip(np.floor(n + 0.5), 1, MOST_POINTS)) for n in step.max(axis=0)]
    axes = [(np.arange(n) + 0.5) / n - 0.5 for n in counts]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def _vote(labels: Labels, grid: Grid, x: int, points: np.ndarray) -> np.ndarray:
    """One plane (y, z) of the resampled volume, at index ``x`` of the target."""
    y, z = np.indices(grid.shape[1:])
    here = np.stack([np.full(y.size, x), y.ravel(), z.ravel()], axis=1).astype(np.float64)
    centre = sample_nearest(labels.volume, labels.grid, grid.to_world(here))
    if len(points) == 1:
        return centre.reshape(y.shape)
    asked = np.stack([sample_nearest(labels.volume, labels.grid, grid.to_world(here + p)) for p in points])
    winner, votes = centre.copy(), (asked == centre).sum(axis=0)
    for label in np.unique(asked):
        count = (asked == label).sum(axis=0)
        more = count > votes
        winner[more], votes[more] = label, count[more]
    return winner.reshape(y.shape)
