"""Where in the limb a nerve may lie, as far as regions are known: behind the femur, within muscle's compartment, on its side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels, Side
from neuromyo.space.resample import labels_to_grid

#: nerves that run behind the bone: how far behind the middle of its marrow (mm, nearest and farthest), and how far to either side
BEHIND: dict[str, tuple[float, float, float]] = {
    "sciatic-nerve": (14.0, 75.0, 35.0),  # between hamstrings and adductor magnus
    "tibial-nerve": (10.0, 70.0, 35.0),  # popliteal fossa, then the deep posterior compartment
}
#: places in which no nerve is looked for
NEVER = ("bone-marrow", "subcutaneous-fat")
_UNLIKELY, _WIDE_MM = 0.15, 260.0


@dataclass(frozen=True, eq=False)
class Map:
    """How likely a nerve is at each voxel by where it lies: 0 to 1, (x, y, z); ``said`` tells what that was judged by."""

    prior: np.ndarray
    said: str


def prior(grid: Grid, name: str, side: Side, labels: Labels | None, tissue: np.ndarray) -> Map:
    """Without regions, all places are alike but the other leg (where two are in a wide picture); tissue (x, y, z) bool."""
    here = np.ones(grid.shape, np.float32)
    if labels is None:
        return Map(_own_side(here, grid, side, tissue), "position not judged: no regions given")
    drawn, _ = labels_to_grid(labels, grid)
    for region in NEVER:
        here[drawn.mask(region)] = 0.02
    said = []
    for one in drawn.find("leg"):
        if side in ("left", "right") and one.side in ("left", "right") and one.side != side:
            here[drawn.volume == one.index] *= 0.02
    leg = drawn.mask("leg", side) if side in ("left", "right") else drawn.mask("leg")
    if leg.any():
        here[~leg] *= _UNLIKELY
        said.append("within the leg")
    marrow = drawn.mask("bone-marrow", side) if side in ("left", "right") else drawn.mask("bone-marrow")
    if name in BEHIND and marrow.any():
        here *= _behind(grid, marrow, BEHIND[name])
        said.append("behind the bone")
    return Map(here, " and ".join(said) if said else "position not judged: the regions given do not bear on it")


def _behind(grid: Grid, marrow: np.ndarray, limits: tuple[float, float, float]) -> np.ndarray:
    """Likely behind the largest bone of each slice (world: towards the back, -y), unlikely elsewhere."""
    nearest, farthest, aside = limits
    world = grid.to_world(np.stack(np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij"), axis=-1))
    out = np.full(grid.shape, 0.5, np.float32)
    moved, places, bones = (np.moveaxis(v, grid.slice_axis, 0) for v in (out, world, marrow))
    for k, bone in enumerate(bones):
        named = np.zeros(bone.shape, np.intp)
        ndimage.label(bone, output=named)
        if not named.any():
            continue
        largest = named == 1 + int(np.argmax(np.bincount(named.ravel())[1:]))
        x, y, _ = places[k][largest].mean(axis=0)
        back, off = y - places[k][..., 1], np.abs(places[k][..., 0] - x)
        beyond = np.maximum(np.maximum(nearest - back, back - farthest), 0.0) + np.maximum(off - aside, 0.0)
        moved[k] = _UNLIKELY + (1.0 - _UNLIKELY) * np.exp(-0.5 * (beyond / 8.0) ** 2)
    return out


def _own_side(here: np.ndarray, grid: Grid, side: Side, tissue: np.ndarray) -> np.ndarray:
    """In a picture wide enough for two legs, the half of the other side is ruled out; x grows towards the right."""
    if side not in ("left", "right") or not tissue.any():
        return here
    x = grid.to_world(np.argwhere(tissue))[:, 0]
    low, high = np.percentile(x, [1, 99])
    if high - low < _WIDE_MM:
        return here
    world = grid.to_world(np.stack(np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij"), axis=-1))[..., 0]
    wrong = world < 0.5 * (low + high) if side == "right" else world > 0.5 * (low + high)
    here[wrong] = 0.02
    return here
