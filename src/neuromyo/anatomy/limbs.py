"""Images and labels taken apart into limbs, so that each is brought together with its own kind: right with right, left with left.

Two legs in one image part and meet again from one visit to the next, which no smooth displacement of both follows. Which leg is which
is told by the world (x grows towards the right) where there are two, by what the caller or the labels' names state where there is one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from neuromyo.anatomy import legs
from neuromyo.core.errors import DataError
from neuromyo.core.grid import Grid
from neuromyo.core.image import Image
from neuromyo.core.labels import Labels, Side
from neuromyo.space.overlap import rough_body
from neuromyo.space.sides import with_sides

_OTHER: dict[Side, Side] = {"left": "right", "right": "left", "midline": "midline", "none": "none"}
#: a limb's image reaches this far (mm) beyond its own mask
_RIM_MM = 6.0
#: share of a label that has to lie in a limb to belong to it
_MOST = 0.5


@dataclass(frozen=True, eq=False)
class Limb:
    """One limb cut out of an image: values (x, y, z) on ``grid``, 0 where there is another limb or nothing.

    side : ``none`` where nothing tells; first : voxel index of the cut's corner in the whole image
    mask : (x, y, z) bool, places that belong to this limb rather than to another
    """

    values: np.ndarray
    grid: Grid
    side: Side
    mask: np.ndarray
    first: tuple[int, int, int]

    @property
    def where(self) -> tuple[slice, slice, slice]:
        """The cut, in the whole image."""
        x, y, z = (slice(f, f + n) for f, n in zip(self.first, self.grid.shape, strict=True))
        return x, y, z


def cut(image: Image, side: Side = "none") -> tuple[Limb, ...]:
    """The limbs of an image, right before left; one that fills the image where there are not two.

    side : what the caller says a single limb is
    """
    values = np.where(np.isfinite(image.values), np.abs(image.values), 0).astype(np.float32)
    body = rough_body(values, image.grid.slice_axis)
    if not body.any() or not np.ptp(values) > 0:
        raise DataError("E-NOSIGNAL", where=image.name, needed="a limb to be seen", found="an empty image",
                        remedy="check the image")  # fmt: skip
    a, b = image.grid.in_plane_axes
    found = legs.find(
        np.moveaxis(body, image.grid.slice_axis, 2), image.grid, (image.grid.spacing_mm[a], image.grid.spacing_mm[b])
    )
    masks = {leg.side: np.moveaxis(leg.mask, 2, image.grid.slice_axis) for leg in found}
    if len(masks) < 2:
        return (_cut(values, image.grid, side, body, np.ones_like(body)),)
    owned = _owned(masks["right"], masks["left"], image.grid)
    return tuple(_cut(values, image.grid, s, masks[s], owned[s]) for s in ("right", "left"))


def _owned(right: np.ndarray, left: np.ndarray, grid: Grid) -> dict[Side, np.ndarray]:
    """Which voxels, air included, belong to which leg: those on its side of the middle between the two, row by row of the slices."""
    x = grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1))[..., 0]
    middle = 0.5 * (float(x[right].mean()) + float(x[left].mean()))
    mine = right | (~left & (x > middle))
    return {"right": mine, "left": ~mine}


def _cut(values: np.ndarray, grid: Grid, side: Side, body: np.ndarray, owned: np.ndarray) -> Limb:
    rim = [0 if a == grid.slice_axis else int(np.ceil(_RIM_MM / s)) for a, s in enumerate(grid.spacing_mm)]
    held = np.argwhere(body)
    low, high = np.maximum(held.min(axis=0) - rim, 0), np.minimum(held.max(axis=0) + np.array(rim) + 1, values.shape)
    box = tuple(slice(int(p), int(q)) for p, q in zip(low, high, strict=True))
    affine = grid.affine.copy()
    affine[:3, 3] = grid.to_world(low)
    mine = np.ascontiguousarray(owned[box])
    x, y, z = (int(v) for v in low)
    return Limb(np.where(mine, values[box], 0), Grid.of(mine.shape, affine, grid.slice_axis), side, mine, (x, y, z))


def mirrored(image: Image, labels: Labels) -> tuple[Image, Labels]:
    """The same limb as if it were the other side's: the world's x negated, left and right exchanged in the table."""
    flip = np.eye(4)
    flip[0, 0], flip[0, 3] = -1.0, image.grid.shape[0] - 1
    grid = Grid.of(image.grid.shape, np.diag([-1.0, 1.0, 1.0, 1.0]) @ image.grid.affine @ flip, image.grid.slice_axis)
    regions = tuple(replace(r, side=_OTHER[r.side]) for r in with_sides(labels).regions)
    turned = Image(np.ascontiguousarray(image.values[::-1]), grid, image.weighting, image.name)
    return turned, Labels(np.ascontiguousarray(labels.volume[::-1]), grid, regions, labels.source)


def labelled_side(labels: Labels, limb: Limb) -> Side:
    """The side that the labels within a limb state; ``none`` where they state none or both."""
    inside = set(np.unique(labels.volume[limb.where][limb.mask]).tolist())
    sides: set[Side] = {r.side for r in labels.regions if r.index in inside and r.side in ("left", "right")}
    return sides.pop() if len(sides) == 1 else "none"


def own_masks(labels: Labels, limb: Limb) -> dict[int, np.ndarray]:
    """{index: (x, y, z) bool on the limb's grid} of the labels that lie in it by more than half, or that have no side."""
    volume = labels.volume[limb.where]
    masks = {}
    for region in labels.regions:
        mask = (volume == region.index) & limb.mask
        total = int((labels.volume == region.index).sum())
        sided = region.side in ("left", "right")
        if mask.any() and (not sided or mask.sum() > _MOST * total):
            masks[region.index] = mask
    return masks
