"""Which voxels of a region enter its summary: the interior, without vessels and fascia.

Drawn outlines run through voxels that are half something else, so the default leaves out one voxel along the outline,
in the plane of the slices. Thin regions would vanish; they are then used whole, and say so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels, Region, Side


@dataclass(frozen=True, eq=False)
class Extent:
    """One region or parent, on one side. Masks are (x, y, z) bool.

    whole : all its voxels
    used : those that enter its summary, as far as geometry decides
    uneroded : some part of it was too small to be eroded
    """

    name: str
    side: Side
    source: str
    whole: np.ndarray
    used: np.ndarray
    uneroded: bool


def extents(
    labels: Sequence[Labels], *, erode: int, least_voxels: int, least_share: float, leave_out: tuple[str, ...]
) -> Iterator[Extent]:
    """Every region and parent of every label volume, all on one grid where there are several; leaves first.

    A parent is the union of its leaves' used voxels, each eroded on its own, so that what lies between two muscles
    stays out and the parent's mean is that of the voxels that its parts report. Regions that are left out (vessels,
    fascia) are taken out of all others, whoever drew them, and out of their parents; they are reported themselves.
    """
    left_out = [{r.index for r in one.regions if is_left_out(r, leave_out)} for one in labels]
    barred = [np.isin(one.volume, list(out)) for one, out in zip(labels, left_out, strict=True) if out]
    for one, out in zip(labels, left_out, strict=True):
        inner, kept_whole = _interiors(one, erode, least_voxels, least_share)
        for name, side, indices in merged_groups(one):
            own = set(indices) <= out
            parts = [k for k in indices if own or k not in out]
            used = np.isin(inner, parts)
            for mask in () if own else barred:
                used &= ~mask
            yield Extent(name, side, one.source, one.mask_of(indices), used, not kept_whole.isdisjoint(parts))


def _interiors(labels: Labels, erode: int, least_voxels: int, least_share: float) -> tuple[np.ndarray, set[int]]:
    """The label volume with every label eroded on its own, and the labels that were kept whole."""
    inner = np.zeros_like(labels.volume)
    kept_whole = set()
    for region in labels.regions:
        mask, whole = interior(labels.volume == region.index, labels.grid, erode, least_voxels, least_share)
        inner[mask] = region.index
        kept_whole |= {region.index} if whole else set()
    return inner, kept_whole


def interior(
    mask: np.ndarray, grid: Grid, erode: int = 1, least_voxels: int = 5, least_share: float = 0.2
) -> tuple[np.ndarray, bool]:
    """A region (x, y, z) bool less its outermost ``erode`` voxels, slice by slice, and whether it was kept whole.

    A voxel stays if its four neighbours in the slice belong to the region too; beyond the image's edge nothing does.
    The region is kept whole where fewer than ``least_voxels`` or less than ``least_share`` of it would be left.
    """
    if erode <= 0 or not mask.any():
        return mask, False
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    structure = np.zeros((3, 3, 3), dtype=bool)
    structure[1, 1, 1] = True
    for axis in grid.in_plane_axes:
        for step in (0, 2):
            at = [1, 1, 1]
            at[axis] = step
            structure[tuple(at)] = True
    inner = np.zeros_like(mask)
    inner[box] = ndimage.binary_erosion(mask[box], structure, iterations=erode)
    left, all_ = int(inner.sum()), int(mask.sum())
    if left < least_voxels or left < least_share * all_:
        return mask, True
    return inner, False


def reaches_edge(mask: np.ndarray, grid: Grid) -> bool:
    """Whether a region (x, y, z) bool has a voxel in the first or last slice or on the in-plane border: it may go on outside.

    An axis with a single voxel has no border of its own, but a single slice is first and last.
    """
    ends = [mask.take((0, -1), axis) for axis in range(3) if axis == grid.slice_axis or mask.shape[axis] > 1]
    return any(bool(one.any()) for one in ends)


def is_left_out(region: Region, leave_out: tuple[str, ...]) -> bool:
    """Whether a region's name holds one of the words (``popliteal-artery``), or its code is one of them."""
    words = set(re.split(r"[\s_.\-]+", region.name.lower()))
    return any(word.lower() in words or word == region.code for word in leave_out)


def merged_groups(labels: Labels) -> list[tuple[str, Side, tuple[int, ...]]]:
    """`Labels.groups` with indices of one name and side drawn together: a region in two pieces is one region."""
    merged: dict[tuple[str, Side], tuple[int, ...]] = {}
    for name, side, indices in labels.groups():
        merged[name, side] = (*merged.get((name, side), ()), *indices)
    return [(name, side, indices) for (name, side), indices in merged.items()]
