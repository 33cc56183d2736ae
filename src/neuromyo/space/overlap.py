"""Do images and regions lie on each other in the world? Wrong origins are found here, before a number is made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from neuromyo.core.errors import DataError, Finding, OptionError
from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels, Region
from neuromyo.space.resample import grid_contains, labels_to_grid, sample_nearest
from neuromyo.space.sides import check_sides, flip_left_right, with_sides

#: shares of a label, by volume, that must lie in the field of view and on tissue
LEAST_IN_FIELD = 0.90
LEAST_ON_TISSUE = 0.80
#: share of the smaller of two images that must lie within the other
LEAST_OVERLAP = 0.50
_POINTS = 24
#: share of the bright voxels' level above which a voxel is tissue
_TISSUE_LEVEL = 0.1
FLIPS = ("none", "left-right")


@dataclass(frozen=True, eq=False)
class Placed:
    """Labels on an image's grid. ``original`` are those as drawn (after a flip that was asked for), on their own grid;
    ``in_field`` and ``on_tissue`` are shares by label index, the latter empty where no body was given."""

    labels: Labels
    original: Labels
    in_field: dict[int, float]
    on_tissue: dict[int, float]
    findings: tuple[Finding, ...] = ()


def place_labels(
    labels: Labels,
    grid: Grid,
    *,
    body: np.ndarray | None = None,
    midline: float | None = None,
    flip_labels: str = "none",
    where: str = "labels",
) -> Placed:
    """Labels on the grid of an image, refused where they do not belong there.

    labels : as drawn, on any grid
    grid : the image's
    body : (x, y, z) bool on ``grid``: everything that is not air, holes filled, bone included
    midline : world x (mm) between two legs, where it is known
    flip_labels : ``none``, or ``left-right`` to mirror the label volume first (see `flip_left_right`)

    Raises E-EMPTYROI (a label of the table has no voxel, before or after resampling), E-GRID (under 90 % of a label in
    the field of view, under 80 % on tissue), E-SIDE (names against geometry).
    """
    if flip_labels not in FLIPS:
        raise OptionError(
            "E-OPTION",
            where="option flip_labels",
            needed=f"one of {', '.join(FLIPS)}",
            found=flip_labels,
            remedy="give one of them",
        )
    original = with_sides(flip_left_right(labels) if flip_labels == "left-right" else labels)
    _refuse_empty(original, where, "the label image has no voxel of it")
    placed, shares = labels_to_grid(original, grid)
    _refuse_below(original, shares, LEAST_IN_FIELD, "in the image's field of view", where)
    findings = check_sides(original, body=body, body_grid=grid, midline=midline, where=where)
    tissue = {} if body is None else on_tissue(original, grid, body)
    _refuse_below(original, tissue, LEAST_ON_TISSUE, "on tissue", where)
    _refuse_empty(placed, where, "it is too small for the image's voxels")
    return Placed(placed, original, shares, tissue, findings)


def on_tissue(labels: Labels, grid: Grid, body: np.ndarray) -> dict[int, float]:
    """{label index: share of the voxels within the field of view that lie on ``body`` (x, y, z) bool on ``grid``}."""
    voxels = np.argwhere(labels.volume > 0)
    world = labels.grid.to_world(voxels)
    index = labels.volume[tuple(voxels.T)].astype(np.int64)
    inside = grid_contains(grid, world)
    total = np.bincount(index[inside])
    held = np.bincount(index[inside], weights=sample_nearest(body, grid, world[inside]).astype(float))
    return {int(k): float(held[k] / total[k]) for k in np.flatnonzero(total)}


def rough_body(volume: np.ndarray, slice_axis: int) -> np.ndarray:
    """(x, y, z) bool: what is not air in an image (x, y, z), holes within a slice filled, a voxel wider in-plane.

    For images on which nobody has drawn anything: a tenth of the bright voxels' level divides tissue from air.
    """
    level = np.nan_to_num(np.abs(volume), nan=0.0, posinf=0.0, neginf=0.0)
    slices = np.moveaxis(level > _TISSUE_LEVEL * np.percentile(level, 99), slice_axis, 2)
    filled = np.stack([np.asarray(ndimage.binary_fill_holes(slices[..., k])) for k in range(slices.shape[2])], axis=2)
    return widened(np.ascontiguousarray(np.moveaxis(filled, 2, slice_axis)), slice_axis)


def widened(body: np.ndarray, slice_axis: int) -> np.ndarray:
    """A body (x, y, z) bool a voxel wider in the plane of the slices: what a person drew may run along its border."""
    square = np.moveaxis(np.ones((3, 3, 1), bool), 2, slice_axis)
    return np.asarray(ndimage.binary_dilation(body, square), bool)


def shared_field(a: Grid, b: Grid) -> float:
    """Share of the smaller image's field of view that lies within the other's, 0 to 1, from 24 points an axis."""
    small, large = (a, b) if a.n_voxels * a.voxel_volume_mm3 <= b.n_voxels * b.voxel_volume_mm3 else (b, a)
    return covered(small, large)


def covered(grid: Grid, by: Grid) -> float:
    """Share of a field of view that lies within another, 0 to 1, from 24 points an axis."""
    axes = [(np.arange(_POINTS) + 0.5) / _POINTS * n - 0.5 for n in grid.shape]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    return float(grid_contains(by, grid.to_world(points)).mean())


def require_overlap(a: Grid, b: Grid, *, where: str = "images", least: float = LEAST_OVERLAP) -> float:
    """The share of the smaller field of view within the other; E-GRID where it is under ``least``."""
    share = shared_field(a, b)
    if share < least:
        raise DataError(
            "E-GRID", where=where, needed=f"at least {100 * least:.0f} % of the smaller field of view within the other",
            found=f"{100 * share:.0f} % (centres {_centre(a)} and {_centre(b)} mm)",
            remedy="check the origins and orientations in the headers; the two may not be of one session",
        )  # fmt: skip
    return share


def _centre(grid: Grid) -> str:
    return "(" + ", ".join(f"{v:.0f}" for v in grid.to_world((np.array(grid.shape) - 1) / 2)) + ")"


def _refuse_empty(labels: Labels, where: str, why: str) -> None:
    present = set(np.unique(labels.volume).tolist())
    empty = [r for r in labels.regions if r.index not in present]
    if empty or not labels.regions:
        listed = ", ".join(f"{r.index} ({r.name})" for r in empty[:6]) or "no region at all"
        raise DataError("E-EMPTYROI", where=where, needed="voxels of every region in the label table",
                        found=f"none of {listed}: {why}",
                        remedy="draw the region, or take its row out of the label table")  # fmt: skip


def _called(region: Region) -> str:
    name = region.name or f"label {region.index}"
    return f"{name} ({region.side})" if region.side in ("left", "right") else name


def _refuse_below(labels: Labels, shares: dict[int, float], least: float, place: str, where: str) -> None:
    low = [(r, shares[r.index]) for r in labels.regions if shares.get(r.index, 1.0) < least]
    if low:
        listed = ", ".join(f"{_called(r)} {100 * share:.0f} %" for r, share in low[:6])
        needed = f"at least {100 * least:.0f} % of each label {place}"
        remedy = "check that labels and image are of one session and one geometry"
        raise DataError("E-GRID", where=where, needed=needed, found=listed, remedy=remedy)
