"""A nerve that a person (or a network) outlined voxel by voxel, as the same noun that following one gives.

So manual masks get a course, an area corrected for obliquity, fascicles and profiles too. The area of a section is that of its
voxels, which has no bias where a voxel was drawn when at least half of it is nerve; its outline runs halfway between the centres of
voxels inside and outside.

Assumes: voxels drawn where at least half is nerve. Breaks: outlines of nerves fewer than about three voxels across are boxes: their
area is right on average, their perimeter is not.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from neuromyo.anatomy.shapes import islands
from neuromyo.core.errors import DataError, Finding
from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels, Side
from neuromyo.core.nerve import Section, Trace

#: standard uncertainty of a drawn outline's place, in voxels: a person hits the border to about half a voxel
_HAND = 0.3


def of_labels(labels: Labels, name: str, side: Side = "none") -> Trace:
    """The region ``name`` (children pooled) on a side as a `Trace`; E-EMPTYROI where it has no voxel."""
    mask = labels.mask(name, None if side == "none" else side)
    _refuse_empty(mask, labels, name, side)
    grid = labels.grid
    planes = np.moveaxis(mask, grid.slice_axis, 2)
    there = np.flatnonzero(planes.any((0, 1)))
    sections = tuple(_section(planes[..., k], int(k), grid) for k in there)
    missing = sorted(set(range(int(there[0]), int(there[-1]) + 1)) - set(there.tolist()))
    found = () if not missing else (Finding(
        "note", "N-NERVE", f"{labels.source}: {name} ({side})",
        f"nothing is drawn in {len(missing)} slices between its ends", "draw it there if it is to be seen",
        "its course is bridged there"),)  # fmt: skip
    return Trace(name, side, grid, sections, mask.astype(np.float32), 1.0, findings=found)


def _refuse_empty(mask: np.ndarray, labels: Labels, name: str, side: Side) -> None:
    if not mask.any():
        drawn = ", ".join(sorted({f"{r.name} ({r.side})" for r in labels.regions})) or "no region"
        raise DataError("E-EMPTYROI", where=f"{labels.source}: {name} ({side})", needed="at least one voxel of it",
                        found=drawn, remedy="check the name and the side in the label table")  # fmt: skip


def _section(plane: np.ndarray, k: int, grid: Grid) -> Section:
    """One slice (a, b) bool of the drawn nerve."""
    a, b = grid.in_plane_axes
    pixel = float(np.linalg.norm(np.cross(grid.affine[:3, a], grid.affine[:3, b])))
    at = np.argwhere(plane)
    n = len(at)
    rim = n - int(ndimage.binary_erosion(plane).sum())
    outlines = tuple(_world(outline, k, grid) for outline in _outlines(plane))
    return Section(
        k, _world(at.mean(axis=0)[None], k, grid)[0], outlines, n * pixel, _HAND * pixel * np.sqrt(max(rim, 1)), 1.0
    )


def _outlines(plane: np.ndarray) -> list[np.ndarray]:
    """Closed polygons (m, 2) in voxel indices around each piece, holes left out."""
    from skimage.measure import find_contours

    label, count = islands(plane)
    found = []
    for i in range(1, count + 1):
        filled = np.pad(np.asarray(ndimage.binary_fill_holes(label == i)), 1)
        contours = find_contours(filled.astype(float), 0.5)
        found.append(max(contours, key=len)[:-1] - 1.0)
    return found


def _world(points: np.ndarray, k: int, grid: Grid) -> np.ndarray:
    """In-plane voxel indices (m, 2) of slice ``k`` -> world (m, 3) mm."""
    index = np.full((len(points), 3), float(k))
    index[:, grid.in_plane_axes] = points
    return grid.to_world(index)
