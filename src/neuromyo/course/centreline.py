"""The smooth course of a nerve through the centres of its sections.

In the frame of the slices (h across them, known exactly; x and y within them, scattered) the course is

    x(h), y(h) = smooth curves through the centres (see `course.smoothing`), weighted by confidence,

as smooth as the centres' own scatter asks for; then drawn at even steps of arc length, proximal end first. Sections far off
the curve lose their weight (Tukey's biweight) and are named. Gaps are bridged and named. A trace that steps from one
structure to another is refused (`course.continuity`).

Distances are counted from the level of a bony landmark: where the plane across the nerve passes through it
(``level="nerve"``, which does not hang on how the slices lay), or where the course has its z (``level="limb"``).

Assumes: one section a slice; errors of centres independent from slice to slice.
Breaks: the course of a nerve that runs within the slices, or turns back, cannot be told from one section a slice.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np

from neuromyo.core.errors import DataError, Finding, OptionError
from neuromyo.core.landmark import Landmark
from neuromyo.core.nerve import Course, Section, Trace
from neuromyo.course import continuity, smoothing
from neuromyo.course.continuity import seen
from neuromyo.course.zero import Level, set_zero

#: the end that counts as proximal: the one that lies furthest in this direction
Direction = Literal["superior", "inferior", "anterior", "posterior", "left", "right"]
DIRECTIONS: dict[Direction, tuple[int, float]] = {
    "superior": (2, 1.0), "inferior": (2, -1.0), "anterior": (1, 1.0), "posterior": (1, -1.0),
    "right": (0, 1.0), "left": (0, -1.0),
}  # fmt: skip
#: fewest sections that a course is drawn through
FEWEST = 3
_BIWEIGHT = 6.0
_ROUNDS = 4
#: smallest scatter of centres that is believed when sections are weighed against it
_LEAST_SCATTER_MM = 0.05
_LEAST_CONFIDENCE = 0.05


def course(
    trace: Trace,
    *,
    step_mm: float = 1.0,
    landmarks: Sequence[Landmark] = (),
    smooth: float | None = None,
    proximal: Direction = "superior",
    level: Level = "nerve",
) -> Course:
    """The course of one nerve (branches have their own).

    step_mm : distance between points, at most; rounded so that the last point is the distal end
    landmarks : those of kind ``bone`` on the nerve's side are candidates for zero; the first is taken
    smooth : shortest wave (mm along the slice axis) of which half is followed; from the centres' own scatter where not given
    proximal : direction in which the proximal end lies
    returns : `Course` with the standard deviation of its direction at each point, and findings

    Raises E-COURSE: too few sections, a broken trace, a landmark that cannot be the zero of this nerve.
    """
    _check(step_mm, smooth, proximal)
    where = describe(trace)
    sections = seen(trace)
    if len(sections) < FEWEST:
        raise DataError("E-COURSE", where=where, needed=f"the nerve in at least {FEWEST} slices", found=f"{len(sections)}",
                        remedy="trace it through more slices")  # fmt: skip
    _refuse_breaks(trace, where)
    frame = _frame(trace)
    local = np.array([s.centre_mm for s in sections]) @ frame
    curve, weight = _fit(local, np.array([s.confidence for s in sections]), smooth)
    points, sd = _even(curve, local[0, 0], local[-1, 0], step_mm)
    world = points @ frame.T
    axis, sign = DIRECTIONS[proximal]
    if sign * world[0, axis] < sign * world[-1, axis]:
        world, sd = world[::-1].copy(), sd[::-1].copy()
    findings = (*_gaps(trace, sections, where), *_doubted(trace, sections, weight, where))
    details = {"scatter_mm": curve.scatter, "wave_mm": curve.wave}
    line = Course(trace.name, trace.side, world, tangent_sd_deg=sd, findings=findings, details=details)
    return set_zero(line, landmarks, level=level, where=where)


def place(line: Course, points_mm: np.ndarray, trace: Trace) -> np.ndarray:
    """Arc length (mm) at which the course crosses the slices through points (..., 3); beyond its ends it goes on straight."""
    normal = trace.grid.slice_normal
    return crossing(line, normal, np.asarray(points_mm) @ normal)


def crossing(line: Course, normal: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Arc length at which the course reaches heights (mm along ``normal``), straight on beyond its ends."""
    along, arc = line.points_mm @ normal, line.arc_mm
    rise = line.tangents @ normal
    if along[0] > along[-1]:
        along, arc, rise = along[::-1], arc[::-1], rise[::-1]
    found = np.interp(height, along, arc)
    found = np.where(height < along[0], arc[0] + (height - along[0]) / rise[0], found)
    return np.where(height > along[-1], arc[-1] + (height - along[-1]) / rise[-1], found)


def at(line: Course, values: np.ndarray, arc_mm: np.ndarray) -> np.ndarray:
    """Quantities given at the course's points (n,) or (n, 3), at other arc lengths; those of its ends beyond them."""
    if values.ndim == 1:
        return np.interp(arc_mm, line.arc_mm, values)
    return np.stack([np.interp(arc_mm, line.arc_mm, column) for column in values.T], axis=-1)


def describe(trace: Trace) -> str:
    """The nerve as messages call it."""
    return trace.name if trace.side == "none" else f"{trace.name} ({trace.side})"


def _check(step_mm: float, smooth: float | None, proximal: str) -> None:
    if not step_mm > 0:
        raise OptionError("E-OPTION", where="step of the course", needed="a length above 0 mm", found=f"{step_mm:g}")
    if smooth is not None and not smooth > 0:
        raise OptionError(
            "E-OPTION", where="smoothing of the course", needed="a length above 0 mm", found=f"{smooth:g}"
        )
    if proximal not in DIRECTIONS:
        raise OptionError("E-OPTION", where="proximal end of the course", needed=f"one of {', '.join(DIRECTIONS)}",
                          found=repr(proximal))  # fmt: skip


def _refuse_breaks(trace: Trace, where: str) -> None:
    found = continuity.breaks(trace)
    if not found:
        return
    said = "; ".join(
        f"between slices {_stored(trace, b.before)} and {_stored(trace, b.after)} it steps aside by {b.gap_mm:.1f} mm"
        f" (at most {b.allowed_mm:.1f} mm is a nerve's bend)" for b in found
    )  # fmt: skip
    raise DataError("E-COURSE", where=where, needed="one unbroken nerve", found=said,
                    remedy="look at these slices and trace again with a restart or an end point there")  # fmt: skip


def _stored(trace: Trace, index: int) -> int:
    return trace.grid.stored_slice(index)


def _frame(trace: Trace) -> np.ndarray:
    """(3, 3) columns: across the slices, and two directions within them."""
    normal = trace.grid.slice_normal
    first = trace.grid.affine[:3, trace.grid.in_plane_axes[0]]
    first = first / np.linalg.norm(first)
    return np.stack([normal, first, np.cross(normal, first)], axis=1)


def _fit(local: np.ndarray, confidence: np.ndarray, smooth: float | None) -> tuple[smoothing.Smooth, np.ndarray]:
    """The curve, and the share of each section's weight that was left to it."""
    height, centres = local[:, 0], local[:, 1:]
    trust = np.clip(confidence, _LEAST_CONFIDENCE, 1.0)
    kept = np.ones(len(height))
    curve = smoothing.fit(height, centres, trust, wave=smooth)
    for _ in range(_ROUNDS if len(height) > 5 else 0):
        off = np.linalg.norm(centres - curve(height), axis=1) * np.sqrt(trust)
        scale = max(float(np.median(off)) / 1.18, _LEAST_SCATTER_MM)
        kept = np.maximum((1 - np.minimum(off / (_BIWEIGHT * scale), 1) ** 2) ** 2, 1e-6)
        curve = smoothing.fit(height, centres, trust * kept, wave=smooth)
    return curve, kept


def _even(curve: smoothing.Smooth, low: float, high: float, step_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 3) in the frame of the slices at even steps of arc length, and the sd of the direction there (degrees)."""
    fine = np.linspace(low, high, max(int(np.ceil((high - low) / step_mm)) * 16, 64) + 1)
    speed = np.sqrt(1 + np.sum(curve(fine, 1) ** 2, axis=1))
    arc = np.concatenate(([0.0], np.cumsum((speed[1:] + speed[:-1]) / 2 * np.diff(fine))))
    count = max(int(np.ceil(arc[-1] / step_mm - 1e-9)), 2)
    height = np.interp(np.linspace(0.0, arc[-1], count + 1), arc, fine)
    points = np.column_stack([height, curve(height)])
    cosine = 1 / np.sqrt(1 + np.sum(curve(height, 1) ** 2, axis=1))
    return points, np.rad2deg(np.arctan(curve.sd(height, 1) * cosine))


def _gaps(trace: Trace, sections: Sequence[Section], where: str) -> list[Finding]:
    found = []
    for one, following in pairwise(sections):
        missing = following.slice - one.slice - 1
        if missing:
            low, high = sorted((_stored(trace, one.slice + 1), _stored(trace, following.slice - 1)))
            slices = f"slice {low}" if missing == 1 else f"slices {low} to {high}"
            found.append(Finding("note", "N-NERVE", where, f"not seen in {slices}; the course is bridged there"))
    return found


def _doubted(trace: Trace, sections: Sequence[Section], kept: np.ndarray, where: str) -> list[Finding]:
    off = sorted(_stored(trace, s.slice) for s, share in zip(sections, kept, strict=True) if share < 0.1)
    if not off:
        return []
    said = f"in slice{'s' if len(off) > 1 else ''} {', '.join(map(str, off))} the centre lies off the course and was given no weight"
    return [Finding("warn", "W-NERVE", where, said, remedy="look at the outline there")]
