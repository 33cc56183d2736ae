"""The leaves of a leg drawn from any contrast that tells fat from water: fat under the skin, muscle, fat within it, marrow.

A contrast (`contrast.Contrast`) is two numbers a voxel: how bright it is, and how much like fat it behaves. Geometry does the
rest: subcutaneous fat lies between skin and a smooth closed envelope (`fascia`), marrow within a dark ring (`bone`), other fat
inside the envelope is intermuscular. Legs are told apart by shape and sided by world coordinates (`legs`). Subcutaneous fat is
kept pure, since biomarkers calibrate on it: its border voxels are other tissue.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from neuromyo.anatomy import bone, contrast, fascia, legs, shapes
from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels, Region

LEAVES = ("subcutaneous-fat", "muscle", "intermuscular-fat", "bone-marrow", "other-tissue")
_FAT, _MUSCLE, _BETWEEN, _MARROW, _OTHER = range(1, 6)
#: darker than this share of muscle nearby is cortical bone, tendon or fascia
_DARK = 0.72
#: darker than this share of the fat on either side is a thin cortex
_VALLEY = 0.72
#: a dim rim on the body (skin, half-filled and moving voxels) is no deeper than this (mm)
_RIM_MM = 10.0


@dataclass(frozen=True, eq=False)
class _Tissue:
    """What each voxel of a slice looks like: (a, b) bool each."""

    fat: np.ndarray
    dark: np.ndarray
    fluid: np.ndarray
    wall: np.ndarray


def draw(seen: contrast.Contrast, grid: Grid, source: str) -> Labels:
    """Labels on ``grid``: each leg's compartments, `LEAVES` by side, with ``leg`` as their parent."""
    found = legs.find(seen.body, grid, seen.spacing_mm)
    volume = np.zeros(seen.body.shape, np.uint8)
    regions: list[Region] = []
    for number, leg in enumerate(found):
        leaves = _draw(leg.mask, seen)
        offset = len(LEAVES) * number
        inside = _without_rim(leg.mask, seen)
        volume[inside] = leaves[inside] + offset
        present = np.bincount(leaves.ravel(), minlength=len(LEAVES) + 1)
        regions += [Region(offset + i, name, leg.side, "leg") for i, name in enumerate(LEAVES, 1) if present[i]]
    volume = np.ascontiguousarray(contrast.slices_back(volume, grid))
    return Labels(volume, grid, tuple(regions), source=source)


def _without_rim(leg: np.ndarray, seen: contrast.Contrast) -> np.ndarray:
    """The leg (a, b, z) without outermost voxels that are mostly air: those with less than half of the signal of their brightest
    neighbour in the slice. Otherwise all that is brighter than noise counts, and coarse voxels make the leg too large."""
    square = np.ones((3, 3, 1), bool)
    cross = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], bool)[..., None]
    edge = leg & ~np.asarray(ndimage.binary_erosion(leg, cross, border_value=1), bool)
    near = ndimage.maximum_filter(np.where(leg, seen.bright, 0), footprint=square)
    return leg & ~(edge & (seen.bright < 0.5 * near))


def _draw(leg: np.ndarray, seen: contrast.Contrast) -> np.ndarray:
    """One leg's leaves (a, b, z), 1 to 5; 0 outside it. Worked out on the leg's own box of voxels."""
    box = ndimage.find_objects(leg.astype(np.uint8))[0][:2]
    leaves = np.zeros(leg.shape, np.uint8)
    small, bright, fatness = (image[box] for image in (leg, seen.bright, seen.fatness))
    scale = seen.scale
    boundary, full = _levels(small, fatness, bright, scale, seen.spacing_mm)
    fat, dark, score = (np.zeros(small.shape, kind) for kind in (bool, bool, np.float32))
    for k in np.flatnonzero(small.any((0, 1))):
        tissue = _look(small[..., k], bright[..., k], fatness[..., k], boundary, full, scale, seen.spacing_mm)
        fat[..., k], dark[..., k] = tissue.fat, tissue.dark | tissue.fluid
        score[..., k] = bone.enclosed(tissue.fat & ~tissue.wall, tissue.wall, seen.spacing_mm)
    marrow = bone.marrow(score, fat, seen.spacing_mm)
    for k in np.flatnonzero(small.any((0, 1))):
        inside = _inside(small[..., k], fat[..., k], dark[..., k], marrow[..., k], seen.spacing_mm)
        pure = fat[..., k] & (fatness[..., k] > scale.pure * full)
        leaves[box][..., k] = _name(
            small[..., k], fat[..., k], pure, dark[..., k], marrow[..., k], inside, seen.spacing_mm
        )
    return leaves


def _levels(
    leg: np.ndarray, fatness: np.ndarray, bright: np.ndarray, scale: contrast.Scale, spacing: tuple[float, float]
) -> tuple[float, float]:
    """The fatness that divides muscle from fat, and that of the fat under the skin."""
    depth = np.stack([shapes.depth(leg[..., k], spacing)
                      for k in range(leg.shape[2])], -1)  # fmt: skip
    lit = leg & (bright > 0.3 * np.median(bright[leg]))
    start = scale.bounded(_otsu(scale.spread(fatness[lit & (depth > 0.6 * max(spacing))]), scale))
    shell = fatness[lit & (depth > 1.1 * max(spacing)) & (depth < 8 + 1.1 * max(spacing)) & (fatness > start)]
    deep = fatness[lit & (fatness < start) & (depth > 8)]
    if shell.size < 20 or deep.size < 20:
        return start, float(np.median(shell)) if shell.size else 2 * start
    full, lean = float(np.median(shell)), float(np.median(deep))
    return scale.bounded(scale.middle(full, lean)), full


def _otsu(values: np.ndarray, scale: contrast.Scale) -> float:
    """The fatness at which the variance between the two classes of ``values`` (`Scale.spread`) is largest."""
    if not values.size:
        return scale.boundary[1]
    count, edges = np.histogram(values, 128)
    centre = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(count)
    above = below[-1] - below
    weighted = np.cumsum(count * centre)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (weighted / below - (weighted[-1] - weighted) / above) ** 2
    return scale.back(float(edges[1 + int(np.nanargmax(np.where(above > 0, between, -1)))]))


def _look(
    leg: np.ndarray, bright: np.ndarray, fatness: np.ndarray, boundary: float, full: float, scale: contrast.Scale,
    spacing: tuple[float, float],
) -> _Tissue:  # fmt: skip
    """Fatty, dark and fluid voxels of one slice; dark is measured against muscle nearby, so that coil bias cancels."""
    muscle = leg & (fatness < boundary) & (bright > 0.35 * np.median(bright[leg]))
    reference = bright * 1.0
    basis, factor = (
        (muscle, 1.0) if muscle.sum() > 0.1 * leg.sum() else (leg & (fatness >= boundary), scale.muscle_to_fat)
    )
    if basis.any():
        sigma = tuple(12.0 / s for s in spacing)
        weight = ndimage.gaussian_filter(basis.astype(np.float32), sigma, truncate=3)
        nearby = ndimage.gaussian_filter(np.where(basis, bright, 0), sigma, truncate=3) / np.maximum(weight, 1e-6)
        whole = float(np.median(bright[basis]))
        reference = factor * np.where(weight > 1e-4, nearby, whole)
    dark = leg & (bright < _DARK * reference)
    fluid = leg & (fatness > scale.fluid * full)
    fat = leg & (fatness >= boundary) & ~dark & ~fluid
    return _Tissue(fat, dark, fluid, _cortex(leg, bright, fat, dark, spacing))


def _cortex(
    leg: np.ndarray, bright: np.ndarray, fat: np.ndarray, dark: np.ndarray, spacing: tuple[float, float]
) -> np.ndarray:
    """What may be cortical bone: dark and not the skin's rim, or a valley of brightness within fat (a thin cortex)."""
    size = tuple(2 * max(1, round(4.5 / s)) + 1 for s in spacing)
    valley = fat & (bright < _VALLEY * np.asarray(ndimage.grey_closing(bright, size)))
    depth = shapes.depth(leg, spacing)
    return (dark | valley) & (depth > max(2.5, 1.5 * max(spacing)))


def _inside(
    leg: np.ndarray, fat: np.ndarray, dark: np.ndarray, marrow: np.ndarray, spacing: tuple[float, float]
) -> np.ndarray:
    """Inside of the muscle envelope; muscle that a notch of the contour left outside is taken back in."""
    depth = shapes.depth(leg, spacing)
    shallow = leg & dark & (depth < _RIM_MM)
    rim = np.asarray(ndimage.binary_propagation(shallow & (depth <= 1.01 * max(spacing)), mask=shallow), bool)
    inside = fascia.envelope(leg & ~rim, fat & ~marrow, spacing) | marrow
    muscle = leg & ~fat & ~dark & (depth > max(3.0, 1.5 * max(spacing)))
    core = np.asarray(ndimage.binary_opening(muscle | inside, iterations=max(1, round(1.0 / max(spacing)))), bool)
    label, _ = shapes.islands(core & (muscle | inside))
    touching = np.unique(label[inside])
    return inside | (muscle & np.isin(label, touching[touching > 0]))


def _name(
    leg: np.ndarray, fat: np.ndarray, pure: np.ndarray, dark: np.ndarray, marrow: np.ndarray, inside: np.ndarray,
    spacing: tuple[float, float],
) -> np.ndarray:  # fmt: skip
    """(a, b) leaves of one slice. Subcutaneous fat is pure; its border voxels, half muscle, are other tissue."""
    outside = leg & ~inside & fat & ~marrow
    between = inside & fat & ~marrow
    border = _thin_border(between, outside, spacing)
    cortical = _thin_border(between & ~border, marrow, spacing)
    leaves = np.where(leg, _OTHER, 0).astype(np.uint8)
    leaves[inside & ~dark] = _MUSCLE
    leaves[between & ~border] = _BETWEEN
    leaves[border | cortical] = _OTHER
    leaves[(outside | border) & pure] = _FAT
    leaves[marrow] = _MARROW
    return leaves


def _thin_border(between: np.ndarray, outside: np.ndarray, spacing: tuple[float, float]) -> np.ndarray:
    """Fat that merely lines other fat (``outside``), in pieces no thicker than a voxel or 3 mm."""
    if not outside.any():
        return np.zeros_like(between)
    label, n = shapes.islands(between, corners=True)
    away = shapes.distance(outside, spacing)
    index = np.arange(n + 1)
    near = np.asarray(ndimage.minimum(away, label, index)) <= 1.5 * max(spacing)
    thin = np.asarray(ndimage.maximum(away, label, index)) <= max(3.0, 1.6 * max(spacing))
    keep = near & thin
    keep[0] = False
    return keep[label]
