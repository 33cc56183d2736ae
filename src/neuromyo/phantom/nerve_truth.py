"""The truth of a made nerve on a grid: coverage of voxels, course, true cross-sectional area, fascicles by slice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from neuromyo.core.labels import Side
from neuromyo.core.landmark import Landmark
from neuromyo.phantom.nerve_body import NerveBody, sampled
from neuromyo.phantom.nerve_sampling import Sheets


@dataclass(frozen=True, eq=False)
class TrueFascicles:
    """Fascicles where a nerve crosses the middle plane of a slice; the order is the same in every slice.

    centres_mm : (n, 3) RAS+; areas_mm2 : (n,) across the nerve
    """

    centres_mm: np.ndarray
    areas_mm2: np.ndarray


@dataclass(frozen=True, eq=False)
class TrueNerve:
    """One nerve, or one division, as far as it bears its name within the stack.

    course_mm : (m, 3) RAS+, a point a millimetre of z, proximal (largest z) first
    csa_mm2 : (m,) true area across the nerve at those points
    centres_mm : slice index -> where the course crosses the slice's middle plane
    csa_by_slice_mm2 : slice index -> true area across the nerve there
    angle_deg : slice index -> between the nerve and the slice's normal
    """

    name: str
    course_mm: np.ndarray
    csa_mm2: np.ndarray
    centres_mm: Mapping[int, np.ndarray]
    csa_by_slice_mm2: Mapping[int, float]
    angle_deg: Mapping[int, float]
    fascicles: Mapping[int, TrueFascicles] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class NerveTruth:
    """coverage : nerve's name -> (x, y, z) float32 share of each voxel (box of the plane, whole thickness) within its outline
    fascicle_coverage : (x, y, z) float32, share within fascicles
    nerves : by name, the trunk (or only nerve) first; empty without a nerve
    start : on the trunk in the middle slice, None without a nerve
    """

    coverage: Mapping[str, np.ndarray]
    fascicle_coverage: np.ndarray
    nerves: Mapping[str, TrueNerve]
    start: Landmark | None = None

    @property
    def main(self) -> TrueNerve:
        """The trunk, or the only nerve."""
        return next(iter(self.nerves.values()))

    @property
    def centres_mm(self) -> Mapping[int, np.ndarray]:
        return self.main.centres_mm

    @property
    def course_mm(self) -> np.ndarray:
        return self.main.course_mm

    @property
    def csa_mm2(self) -> np.ndarray:
        return self.main.csa_mm2

    @property
    def whole(self) -> np.ndarray:
        """(x, y, z) coverage by the nerve under any of its names."""
        whole = np.zeros_like(self.fascicle_coverage)
        for share in self.coverage.values():
            whole += share
        return whole


def truth(body: NerveBody | None, sheets: Sheets, side: Side) -> NerveTruth:
    """The truth of a nerve (or of none) on the slices of a grid."""
    empty = np.zeros(sheets.grid.shape, np.float32)
    if body is None:
        return NerveTruth({}, empty, {})
    coverage, fascicles = _coverage(body, sheets)
    nerves = {name: nerve for i, name in enumerate(body.names) if (nerve := _nerve(body, i, sheets)) is not None}
    return NerveTruth(coverage, fascicles, nerves, _start(nerves, sheets, side))


def _coverage(body: NerveBody, sheets: Sheets) -> tuple[dict[str, np.ndarray], np.ndarray]:
    covers = np.zeros((len(body.names) + 1, *sheets.plane, sheets.n_slices), np.float32)
    for k in range(sheets.n_slices):
        at = sampled(body, sheets, k)
        if at is None:
            continue
        inside = np.clip(0.5 + at.depth / at.width_mm, 0.0, 1.0)
        owners = body.owners(sheets.samples(k, at.box, at.n)) if len(body.parts) > 1 else None
        for i in range(len(body.names)):
            share = inside if owners is None else inside * (owners == i)
            covers[i, at.box[0], at.box[1], k] = sheets.mean(share, at.box, at.n)
        fascicle = np.clip(0.5 + at.fascicle / at.width_mm, 0.0, 1.0)
        covers[-1, at.box[0], at.box[1], k] = sheets.mean(fascicle, at.box, at.n)
    covers = np.moveaxis(covers, 3, sheets.grid.slice_axis + 1)
    return dict(zip(body.names, covers[:-1], strict=True)), covers[-1]


def _nerve(body: NerveBody, place: int, sheets: Sheets) -> TrueNerve | None:
    """The nerve of that place in the body's names, where it bears its name within the stack; None if nowhere."""
    levels = sheets.levels(1.0)[::-1]
    split = len(body.parts) > 1
    if split:
        levels = levels[levels >= body.splits_at_mm] if place == 0 else levels[levels < body.splits_at_mm]
    part = body.parts[0] if not split else body.parts[place - 1] if place else None
    if not len(levels):
        return None
    points = part.line.points(levels) if part else body.points(levels)
    index = sheets.grid.to_index(points)
    within = np.all((index > -0.5) & (index < np.array(sheets.grid.shape) - 0.5), axis=1)
    if within.sum() < 2:
        return None
    area = _areas(body, levels) if part is None else part.outline.area(levels)
    tangents = np.gradient(points, axis=0)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    centres, csa, angles, fascicles = {}, {}, {}, {}
    for k, at in _crossings(index[:, sheets.grid.slice_axis], within):
        low = min(int(at), len(levels) - 2)
        level, centre, here = (_between(values, low, at) for values in (levels, points, area))
        centres[k], csa[k] = centre, float(here)
        angles[k] = float(np.degrees(np.arccos(min(1.0, abs(tangents[low] @ sheets.normal)))))
        found = [p.fascicles_at(float(level)) for p in ([part] if part else body.parts)]
        fascicles[k] = TrueFascicles(*(np.concatenate(both) for both in zip(*found, strict=True)))
    return TrueNerve(body.names[place], points[within], area[within], centres, csa, angles, fascicles)


def _areas(body: NerveBody, levels: np.ndarray) -> np.ndarray:
    """Areas across divisions that run together, counted every 4 mm and joined by lines."""
    counted = np.linspace(levels[-1], levels[0], max(2, int(np.ptp(levels) / 4.0) + 1))
    return np.interp(levels, counted, [body.area(float(z)) for z in counted])


def _crossings(place: np.ndarray, within: np.ndarray) -> list[tuple[int, float]]:
    """(slice, fractional index along the course) where the course passes middle planes of slices, within the grid."""
    rising = place if place[-1] > place[0] else place[::-1]
    found = []
    for k in range(max(0, int(np.ceil(rising[0]))), int(np.floor(rising[-1])) + 1):
        at = float(np.interp(k, rising, np.arange(len(place))))
        at = at if place[-1] > place[0] else len(place) - 1 - at
        if within[round(at)]:
            found.append((k, at))
    return found


def _between(values: np.ndarray, low: int, at: float) -> np.ndarray:
    return values[low] + (at - low) * (values[low + 1] - values[low])


def _start(nerves: Mapping[str, TrueNerve], sheets: Sheets, side: Side) -> Landmark | None:
    """On the first nerve, in the slice nearest to the middle of the stack that it reaches."""
    for nerve in nerves.values():
        if nerve.centres_mm:
            k = min(nerve.centres_mm, key=lambda s: abs(s - 0.5 * (sheets.n_slices - 1)))
            x, y, z = (float(v) for v in nerve.centres_mm[k])
            return Landmark("start", (x, y, z), nerve.name, side)
    return None
