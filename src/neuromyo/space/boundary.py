r"""Two drawings of one thing: how much of it they share, and how far apart their outlines are.

With voxel sets A and B:

.. math:: Dice = \frac{2|A \cap B|}{|A| + |B|}, \qquad Jaccard = \frac{|A \cap B|}{|A \cup B|}

An outline is the voxels of a region that have a face in common with what is not the region; a distance is from the centre of a voxel of
one outline to the nearest of the other, in mm of the world, whatever the shape of a voxel and the tilt of the grid. Of both
directions together: the mean (average symmetric surface distance); of each direction the 95th percentile and the greatest, the
larger of the two directions given (HD95, Hausdorff). ``surface`` takes the outline in space; ``in_plane`` that of each slice, with
distances within the slice only, over the slices in which both drew.

What is empty has no outline: distances are NaN unless both drew. One empty: Dice and Jaccard are 0. Both empty: they are NaN,
since two drawings of nothing agree about its absence, not its place.

*Assumes* that a voxel belongs wholly to a region. Beyond the first and last slice a region is taken to go on: nobody drew an end
there. *Breaks* below a voxel: two outlines through the same voxels are at distance 0, and a distance is good to about half a voxel.

*Cites* Taha & Hanbury, BMC Med Imaging 2015;15:29, doi:10.1186/s12880-015-0068-x; Maier-Hein et al., Nat Methods 2024;21:195,
doi:10.1038/s41592-023-02151-z.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import ndimage
from scipy.spatial import KDTree

from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels, Side
from neuromyo.space.overlap import require_overlap
from neuromyo.space.resample import labels_to_grid

#: who drew: both, the first alone, the second alone, nobody
Drawn = Literal["both", "first", "second", "neither"]
_NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Distances:
    """Between two outlines, mm; NaN where there are not two."""

    mean_mm: float
    hd95_mm: float
    hausdorff_mm: float


NO_DISTANCES = Distances(_NAN, _NAN, _NAN)


@dataclass(frozen=True, slots=True)
class SlicePair:
    """Two drawings in one slice: its index, who drew, areas in mm2, Dice, distances within the slice."""

    slice: int
    drawn: Drawn
    area_first_mm2: float
    area_second_mm2: float
    dice: float
    distances: Distances


@dataclass(frozen=True, slots=True)
class Compared:
    """Two drawings of one region.

    volume_difference_ml : second less first; volume_difference_percent : of the first, NaN where that is empty
    centre_distance_mm : between centres of mass
    surface : of outlines in space; in_plane : of outlines slice by slice, all slices together
    slices : those in which anybody drew
    """

    drawn: Drawn
    volume_first_ml: float
    volume_second_ml: float
    volume_difference_ml: float
    volume_difference_percent: float
    dice: float
    jaccard: float
    centre_distance_mm: float
    surface: Distances
    in_plane: Distances
    slices: tuple[SlicePair, ...]


@dataclass(frozen=True, slots=True)
class RegionPair:
    """Two drawings of a region by name and side; ``in_field``: share of the second one's that lies on the first one's grid."""

    name: str
    side: Side
    in_field: float
    compared: Compared


def dice(first: np.ndarray, second: np.ndarray) -> float:
    """Dice coefficient of two masks (bool, any shape); 0 where one is empty, NaN where both are."""
    total = int(first.sum()) + int(second.sum())
    return 2.0 * int((first & second).sum()) / total if total else _NAN


def compare(first: Labels, second: Labels, *, names: Sequence[str] | None = None) -> tuple[RegionPair, ...]:
    """Every region (and parent) that either drew, in the order of the first, then of the second.

    second : is brought onto the first one's grid by geometry where it lies on another
    names : only regions of these names

    E-GRID where less than half of the smaller field of view lies within the other.
    """
    where = f"{first.source or 'the first labels'} and {second.source or 'the second labels'}"
    if not first.grid.same_as(second.grid):
        require_overlap(first.grid, second.grid, where=where)
    placed, shares = labels_to_grid(second, first.grid)
    indices = _by_name(first), _by_name(second)
    wanted = [key for key in dict.fromkeys((*indices[0], *indices[1])) if names is None or key[0] in names]
    found = []
    for name, side in wanted:
        a, b = (ids.get((name, side), ()) for ids in indices)
        masks = first.mask_of(a), placed.mask_of(b)
        found.append(RegionPair(name, side, _share(second, b, shares), compare_masks(*masks, first.grid)))
    return tuple(found)


def compare_masks(first: np.ndarray, second: np.ndarray, grid: Grid) -> Compared:
    """Two masks (x, y, z) bool on one grid."""
    if first.shape != grid.shape or second.shape != grid.shape:
        raise ValueError(f"masks {first.shape} and {second.shape} are not of the grid {grid.shape}")
    n_first, n_second = int(first.sum()), int(second.sum())
    common, ml = int((first & second).sum()), grid.voxel_volume_mm3 / 1000.0
    union = n_first + n_second - common
    drawn = _drawn(n_first, n_second)
    slices, in_plane = _slice_by_slice(first, second, grid)
    return Compared(
        drawn=drawn,
        volume_first_ml=n_first * ml,
        volume_second_ml=n_second * ml,
        volume_difference_ml=(n_second - n_first) * ml,
        volume_difference_percent=100.0 * (n_second - n_first) / n_first if n_first else _NAN,
        dice=dice(first, second),
        jaccard=common / union if union else _NAN,
        centre_distance_mm=_centre_distance(first, second, grid) if drawn == "both" else _NAN,
        surface=_distances(*_directed(_outline(first, grid), _outline(second, grid), grid)),
        in_plane=in_plane,
        slices=slices,
    )


def _by_name(labels: Labels) -> dict[tuple[str, Side], tuple[int, ...]]:
    """Indices by name and side; a region drawn in two pieces is one."""
    merged: dict[tuple[str, Side], tuple[int, ...]] = {}
    for name, side, indices in labels.groups():
        merged[name, side] = (*merged.get((name, side), ()), *indices)
    return merged


def _share(labels: Labels, indices: tuple[int, ...], shares: dict[int, float]) -> float:
    sizes = {i: int((labels.volume == i).sum()) for i in indices}
    total = sum(sizes.values())
    return sum(n * shares.get(i, 0.0) for i, n in sizes.items()) / total if total else 1.0


def _drawn(n_first: int, n_second: int) -> Drawn:
    if n_first and n_second:
        return "both"
    return "first" if n_first else "second" if n_second else "neither"


def _centre_distance(first: np.ndarray, second: np.ndarray, grid: Grid) -> float:
    centres = [grid.to_world(np.argwhere(mask).mean(axis=0)) for mask in (first, second)]
    return float(np.linalg.norm(centres[0] - centres[1]))


def _outline(mask: np.ndarray, grid: Grid, *, in_plane: bool = False) -> np.ndarray:
    """Voxel indices (n, 3) of a region's outline, in space or slice by slice."""
    box = ndimage.find_objects(mask.astype(np.uint8))
    if not box:
        return np.empty((0, 3), dtype=np.intp)
    structure = ndimage.generate_binary_structure(3, 1)
    if in_plane:
        structure = structure & np.isin(np.indices((3, 3, 3))[grid.slice_axis], (1,))
    # room around the region; across slices what lies there is looked at, and at the stack's ends the region goes on
    pads = [(1, 1)] * 3
    axis, across = grid.slice_axis, box[0][grid.slice_axis]
    low, high = max(across.start - 1, 0), min(across.stop + 1, grid.shape[axis])
    pads[axis] = (0, 0)
    view = list(box[0])
    view[axis] = slice(low, high)
    part = np.pad(mask[tuple(view)], pads)
    ends = [(0, 0)] * 3
    ends[axis] = (1, 1)
    part = np.pad(part, ends, mode="edge")
    outline = part & ~np.asarray(ndimage.binary_erosion(part, structure), dtype=bool)
    trim = [slice(1, -1)] * 3
    return np.argwhere(outline[tuple(trim)]) + np.array([s.start for s in view])


def _directed(first: np.ndarray, second: np.ndarray, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """From each point of one outline (n, 3) to the nearest of the other, both ways, mm; empty unless there are two."""
    if not len(first) or not len(second):
        return np.empty(0), np.empty(0)
    a, b = grid.to_world(first), grid.to_world(second)
    return np.asarray(KDTree(b).query(a)[0]), np.asarray(KDTree(a).query(b)[0])


def _distances(there: np.ndarray, back: np.ndarray) -> Distances:
    if not there.size or not back.size:
        return NO_DISTANCES
    hd95 = max(float(np.percentile(there, 95)), float(np.percentile(back, 95)))
    return Distances(float(np.concatenate([there, back]).mean()), hd95, float(max(there.max(), back.max())))


def _slice_by_slice(first: np.ndarray, second: np.ndarray, grid: Grid) -> tuple[tuple[SlicePair, ...], Distances]:
    outlines = [_outline(mask, grid, in_plane=True) for mask in (first, second)]
    pairs, there, back = [], [np.empty(0)], [np.empty(0)]
    for k, a, b in _drawn_slices(first, second, grid.slice_axis):
        here = [o[o[:, grid.slice_axis] == k] for o in outlines]
        near, far = _directed(here[0], here[1], grid)
        there.append(near)
        back.append(far)
        counts = int(a.sum()), int(b.sum())
        pairs.append(SlicePair(k, _drawn(*counts), counts[0] * _pixel_mm2(grid), counts[1] * _pixel_mm2(grid), dice(a, b),
                               _distances(near, far)))  # fmt: skip
    return tuple(pairs), _distances(np.concatenate(there), np.concatenate(back))


def _drawn_slices(first: np.ndarray, second: np.ndarray, axis: int) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Slices in which anybody drew: index, and both masks of it."""
    a, b = np.moveaxis(first, axis, 0), np.moveaxis(second, axis, 0)
    for k in np.flatnonzero(a.any(axis=(1, 2)) | b.any(axis=(1, 2))):
        yield int(k), a[k], b[k]


def _pixel_mm2(grid: Grid) -> float:
    """Area of a voxel's face in the slice."""
    u, v = (grid.affine[:3, axis] for axis in grid.in_plane_axes)
    return float(np.linalg.norm(np.cross(u, v)))
