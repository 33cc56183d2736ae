"""Any quantity along the nerve: means over the voxels of each slice, placed at their distance.

The image is never resampled. In each slice of the map

    m = sum_i w_i x_i / sum_i w_i,    se^2 = max(sd_between^2, mean sd_i^2) sum_i w_i^2 / (sum_i w_i)^2

over the slice's voxels i; w_i is the share of voxel i within the nerve (``partial="weight"``), or 1 where it is at least
``least_coverage`` and 0 elsewhere (``"leave-out"``, the default: voxels of which a part is fat or muscle do not tell of nerve).
A map on another grid keeps its own voxels and slices; the nerve's coverage is brought to them by geometry.

Assumes: voxels with independent errors.
Breaks: interpolated or filtered maps have neighbours that are alike: se of single slices comes out too small (slopes and
ratios are not hurt: their uncertainty comes from the scatter of slices, see `course.gradient`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from neuromyo.core import options as core_options
from neuromyo.core.errors import DataError, OptionError
from neuromyo.core.grid import Grid
from neuromyo.core.nerve import Course, Trace
from neuromyo.core.options import option
from neuromyo.course.centreline import crossing, describe
from neuromyo.course.shape import SectionShape, level

#: the largest angle between a map's slices and the plane across the nerve at which a slice stands for a place along it
MOST_OBLIQUE_DEG = 60.0
#: points asked along each axis of a voxel of another grid
_POINTS = 4


@dataclass(frozen=True)
class ProfileOptions:
    """Which voxels enter a profile."""

    partial: str = option(
        "leave-out", "what is done with voxels that are only in part nerve", choices=("leave-out", "weight")
    )
    least_coverage: float = option(0.9, "share within the nerve from which a voxel counts as whole", low=0.01, high=1.0)
    least_voxels: float = option(2.0, "slices with fewer voxels have no value", low=1.0)


DEFAULT = ProfileOptions()


@dataclass(frozen=True, eq=False)
class Profile:
    """A quantity along a nerve, proximal first; arrays are (n,), one entry a slice that had a value.

    distance_mm : from the course's zero; percent : of the followed segment
    value, sd, se : in ``unit``; sd over the voxels of the slice, NaN where there are none
    n : voxels (sum of their shares) that entered; weight : relative precision, by which slopes and ratios weigh
    slices : array order of ``grid`` (-1 in a resampled profile); gap_mm : usual distance between neighbours
    """

    quantity: str
    unit: str
    distance_mm: np.ndarray
    percent: np.ndarray
    value: np.ndarray
    sd: np.ndarray
    se: np.ndarray
    n: np.ndarray
    weight: np.ndarray
    slices: np.ndarray
    grid: Grid

    @property
    def gap_mm(self) -> float:
        """Usual distance between neighbouring values; NaN of fewer than two."""
        return float(np.median(np.diff(self.distance_mm))) if len(self.distance_mm) > 1 else float("nan")

    def resampled(self, *, step_mm: float | None = None, nodes: int | None = None) -> Profile:
        """Values at even distances: multiples of ``step_mm`` from zero, or ``nodes`` from 0 to 100 % of the segment.

        Linear between neighbouring slices; nothing is given beyond the ends, nor across gaps wider than 2.5 times the
        usual distance: those values are NaN.
        """
        if (
            (step_mm is None) == (nodes is None)
            or (step_mm is not None and not step_mm > 0)
            or (nodes is not None and nodes < 2)
        ):
            raise OptionError("E-OPTION", where="resampling of a profile", needed="a step above 0 mm, or at least 2 nodes, not both",
                              found=f"step {step_mm}, nodes {nodes}", remedy="give one of them")  # fmt: skip
        if len(self.value) < 2:
            raise DataError("E-COURSE", where=f"profile of {self.quantity}", needed="at least 2 slices to go between",
                            found=f"{len(self.value)}")  # fmt: skip
        slope, start = np.polyfit(self.distance_mm, self.percent, 1)
        if nodes is not None:
            percent = np.linspace(0.0, 100.0, nodes)
            distance = np.interp(percent, self.percent, self.distance_mm)
            distance = np.where(
                (percent < self.percent[0]) | (percent > self.percent[-1]), (percent - start) / slope, distance
            )
            return self._at(distance, percent)
        assert step_mm is not None
        first, last = np.ceil(self.distance_mm[0] / step_mm - 1e-9), np.floor(self.distance_mm[-1] / step_mm + 1e-9)
        distance = step_mm * np.arange(first, last + 1)
        return self._at(distance, np.interp(distance, self.distance_mm, self.percent))

    def _at(self, distance: np.ndarray, percent: np.ndarray) -> Profile:
        high = np.clip(np.searchsorted(self.distance_mm, distance), 1, len(self.value) - 1)
        low = high - 1
        width = self.distance_mm[high] - self.distance_mm[low]
        part = (distance - self.distance_mm[low]) / width
        on_a_slice = np.minimum(np.abs(part), np.abs(part - 1)) * width < 1e-6
        known = on_a_slice | ((part > 0) & (part < 1) & (width <= 2.5 * self.gap_mm))

        def between(column: np.ndarray) -> np.ndarray:
            return np.where(known, (1 - part) * column[low] + part * column[high], np.nan)

        se = np.where(known, np.hypot((1 - part) * self.se[low], part * self.se[high]), np.nan)
        none = np.full(len(distance), -1)
        return Profile(self.quantity, self.unit, distance, percent, between(self.value), between(self.sd), se, between(self.n),
                       np.where(known, between(self.weight), 0.0), none, self.grid)  # fmt: skip


def profile(
    values: np.ndarray,
    grid: Grid,
    trace: Trace,
    course: Course,
    *,
    sd: np.ndarray | None = None,
    valid: np.ndarray | None = None,
    quantity: str = "value",
    unit: str = "1",
    options: ProfileOptions = DEFAULT,
) -> Profile:
    """The profile of a map along one nerve.

    values, sd : (x, y, z) on ``grid``, in ``unit``; any geometry
    valid : (x, y, z) bool, voxels whose value may be used; finite ones where not given

    Slices in which too few voxels are left have no entry. Raises E-COURSE where the map's slices run along the nerve, so
    that no slice stands for a place, and E-EMPTYROI where no slice has a value.
    """
    options = core_options.check(options)
    _refuse_along(grid, course, describe(trace), quantity)
    box, share = coverage_on(trace, grid)
    usable = np.isfinite(values[box]) if valid is None else valid[box] & np.isfinite(values[box])
    whole = share >= options.least_coverage - 1e-6
    weight = np.where(usable, share if options.partial == "weight" else whole, 0.0)
    spread = None if sd is None else sd[box]
    axis, first = grid.slice_axis, box[grid.slice_axis].start
    found = []
    for k in range(share.shape[axis]):
        cut = tuple(k if a == axis else slice(None) for a in range(3))
        if weight[cut].sum() >= options.least_voxels:
            found.append((first + k, *_slice(values[box][cut], weight[cut], None if spread is None else spread[cut])))
    if not found:
        raise DataError("E-EMPTYROI", where=f"profile of {quantity} along {describe(trace)}",
                        needed=f"a slice with at least {options.least_voxels:g} usable voxels within the nerve", found="none",
                        remedy="use a map of finer voxels, or let voxels count that are only in part nerve (partial = weight)")  # fmt: skip
    slices, mean, between, se, count, precision = (np.array(column) for column in zip(*found, strict=True))
    return _placed(quantity, unit, slices.astype(int), mean, between, se, count, precision, grid, course)


def of_shapes(shapes: Sequence[SectionShape], course: Course, grid: Grid, name: str = "csa_mm2") -> Profile:
    """The profile of a shape (an attribute of `SectionShape` that has an uncertainty: csa_mm2, flattening, roundness)."""
    head, _, tail = name.rpartition("_")
    error = f"{head}_se_{tail}" if tail in ("mm2", "mm", "deg") else f"{name}_se"
    value, se = (np.array([getattr(s, column) for s in shapes], dtype=float) for column in (name, error))
    unit = tail if tail in ("mm2", "mm", "deg") else "1"
    quantity = {"csa_mm2": "CSA", "csa_in_plane_mm2": "CSA_in_plane"}.get(name, name.removesuffix(f"_{tail}"))
    distance = np.array([s.distance_mm for s in shapes])
    floor = np.nanmedian(se) / 2
    weight = 1 / np.maximum(se, floor) ** 2 if floor > 0 else np.ones(len(se))
    return Profile(quantity, unit, distance, _percent(distance, course), value, np.full(len(se), np.nan), se, np.ones(len(se)),
                   weight / weight.mean(), np.array([s.slice for s in shapes]), grid)  # fmt: skip


def coverage_on(trace: Trace, grid: Grid) -> tuple[tuple[slice, slice, slice], np.ndarray]:
    """The box of ``grid`` that holds the nerve, and the share of each of its voxels that lies within it."""
    if trace.grid.same_as(grid):
        box = _box(np.argwhere(trace.coverage > 0), grid)
        return box, trace.coverage[box].astype(float)
    inside = trace.grid.to_world(np.argwhere(trace.coverage > 0))
    reach = np.abs(np.linalg.inv(grid.affine[:3, :3]) @ trace.grid.affine[:3, :3]).sum(axis=1) / 2 + 0.5
    place = grid.to_index(inside)
    box = _box(np.concatenate([place - reach, place + reach]), grid)
    corner = np.array([s.start for s in box])
    index = np.moveaxis(np.indices([s.stop - s.start for s in box]), 0, -1) + corner
    offsets = (np.arange(_POINTS) + 0.5) / _POINTS - 0.5
    total = np.zeros(index.shape[:3])
    for point in product(offsets, repeat=3):
        total += _held(trace, grid.to_world(index + np.array(point)))
    return box, total / _POINTS**3


def rows(
    profile: Profile, trace: Trace, *, biomarker: str, common: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Rows of the tidy table: the mean of each slice, with the distance as ``level``."""
    base = {**(common or {}), "region": trace.name, "side": trace.side, "biomarker": biomarker, "quantity": profile.quantity,
            "unit": profile.unit, "statistic": "mean", "flags": ["PROPOSED"] if trace.proposed else []}  # fmt: skip
    base.setdefault("region_source", "trace")
    return [
        {**base, "slice": "" if k < 0 else profile.grid.stored_slice(int(k)), "level": level(float(d)), "value": float(v),
         "sd_between": float(sd), "se": float(se), "n_voxels": float(n)}
        for k, d, v, sd, se, n in zip(profile.slices, profile.distance_mm, profile.value, profile.sd, profile.se, profile.n, strict=True)
    ]  # fmt: skip


def _refuse_along(grid: Grid, course: Course, where: str, quantity: str) -> None:
    angle = float(np.median(np.rad2deg(np.arccos(np.minimum(np.abs(course.tangents @ grid.slice_normal), 1.0)))))
    if angle > MOST_OBLIQUE_DEG:
        raise DataError("E-COURSE", where=f"profile of {quantity} along {where}", needed="slices across the nerve",
                        found=f"slices {angle:.0f} degrees from square to it", remedy="use a map whose slices cross the nerve")  # fmt: skip


def _slice(values: np.ndarray, weight: np.ndarray, sd: np.ndarray | None) -> tuple[float, float, float, float, float]:
    """Mean, sd over voxels, se, number and relative precision of one slice."""
    used = weight > 0
    x, w = values[used].astype(float), weight[used]
    total, squares = float(w.sum()), float(np.sum(w**2))
    mean = float(np.sum(w * x) / total)
    free = total - squares / total
    between = float(np.sqrt(np.sum(w * (x - mean) ** 2) / free)) if free > 1e-9 else float("nan")
    known = np.nan if sd is None else float(np.sum(w * sd[used] ** 2) / total)
    se = float(np.sqrt(np.fmax(between**2, known) * squares)) / total
    return mean, between, se, total, total**2 / squares


def _placed(
    quantity: str, unit: str, slices: np.ndarray, value: np.ndarray, sd: np.ndarray, se: np.ndarray, n: np.ndarray,
    weight: np.ndarray, grid: Grid, course: Course,
) -> Profile:  # fmt: skip
    """Values of slices, put where the course crosses those slices, proximal first."""
    middle = (np.array(grid.shape) - 1) / 2
    centres = np.repeat(middle[None], len(slices), axis=0)
    centres[:, grid.slice_axis] = slices
    arc = crossing(course, grid.slice_normal, grid.to_world(centres) @ grid.slice_normal)
    distance = arc - course.zero_mm
    order = np.argsort(distance)
    return Profile(quantity, unit, distance[order], _percent(distance, course)[order], value[order], sd[order], se[order], n[order],
                   weight[order], slices[order], grid)  # fmt: skip


def _percent(distance: np.ndarray, course: Course) -> np.ndarray:
    return 100 * (distance + course.zero_mm) / float(course.arc_mm[-1])


def _box(index: np.ndarray, grid: Grid) -> tuple[slice, slice, slice]:
    """The box around indices (k, 3), cut at the grid; an empty one where there is nothing."""
    if not len(index):
        return slice(0, 0), slice(0, 0), slice(0, 0)
    low = np.clip(np.floor(index.min(axis=0)), 0, grid.shape).astype(int)
    high = np.clip(np.ceil(index.max(axis=0)) + 1, 0, grid.shape).astype(int)
    x, y, z = (slice(int(a), int(max(a, b))) for a, b in zip(low, high, strict=True))
    return x, y, z


def _held(trace: Trace, points_mm: np.ndarray) -> np.ndarray:
    """Coverage of the voxel that holds each point (..., 3), 0 outside the trace's grid."""
    index = np.floor(trace.grid.to_index(points_mm) + 0.5 + 1e-4).astype(int)
    inside = np.all((index >= 0) & (index < trace.grid.shape), axis=-1)
    index = np.where(inside[..., None], index, 0)
    return np.where(inside, trace.coverage[index[..., 0], index[..., 1], index[..., 2]], 0.0)
