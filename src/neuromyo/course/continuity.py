"""Is a trace one nerve all the way? Looked at before any line is drawn through it: a smooth curve through a jump from one
structure to another looks like a nerve.

Between two neighbouring sections the trace is carried on by a straight line from either side, to half way. Of a continuous
nerve the two ends meet: for equally spaced sections p0 p1 | p2 p3 they differ by half the third difference,

    gap = |p3 - 3 p2 + 3 p1 - p0| / 2,

which is 0 of anything straight or evenly curved, and equal to the step where two pieces lie side by side. The trace is
broken where the gap exceeds the nerve's own diameter (two sections that do not touch), widened by the usual gap of the
trace and by what a nerve may bend over slices that were not found.

Assumes: at least two sections on each side; a single section off the line is no break (it is given little weight).
Breaks: a jump by less than a diameter, to a structure that touches the nerve, cannot be told from a bend.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations, pairwise

import numpy as np

from neuromyo.core.nerve import Section, Trace

#: by how much the direction of a nerve may change over slices that were not found (tangent of the angle)
_BEND = 0.25


@dataclass(frozen=True, slots=True)
class Break:
    """Between the slices ``before`` and ``after`` (array order) the trace steps aside by ``gap_mm``."""

    before: int
    after: int
    gap_mm: float
    allowed_mm: float


def seen(trace: Trace) -> tuple[Section, ...]:
    """The sections of a trace that were found in the image, not filled in between others."""
    return tuple(s for s in trace.sections if "interpolated" not in s.flags and s.confidence > 0)


def breaks(trace: Trace) -> tuple[Break, ...]:
    """Where a trace steps from one structure to another; empty of a continuous one."""
    sections = seen(trace)
    if len(sections) < 4:
        return ()
    height = np.array([s.centre_mm for s in sections]) @ trace.grid.slice_normal
    centres = np.array([s.centre_mm for s in sections])
    at = range(2, len(sections) - 1)
    gaps = np.array([_gap(height, centres, i) for i in at])
    usual = float(np.median(gaps))
    spacing = float(np.median(np.diff(height)))
    found = []
    for i, gap in zip(at, gaps, strict=True):
        diameter = float(np.sqrt(2 / np.pi * (sections[i - 1].area_mm2 + sections[i].area_mm2)))
        missed = max(float(height[i] - height[i - 1]) - spacing, 0.0)
        allowed = diameter + min(usual, diameter / 2) + _BEND * missed
        if gap > allowed:
            found.append(Break(sections[i - 1].slice, sections[i].slice, float(gap), allowed))
    return tuple(_largest_of_neighbours(found))


def pieces(trace: Trace) -> tuple[Trace, ...]:
    """A broken trace as its continuous parts, in slice order and without its branches; the trace itself where it is whole."""
    starts = [b.after for b in breaks(trace)]
    if not starts:
        return (trace,)
    edges = [0, *starts, trace.grid.shape[trace.grid.slice_axis]]
    index = np.arange(edges[-1])
    along = [1, 1, 1]
    along[trace.grid.slice_axis] = -1
    found = []
    for low, high in pairwise(edges):
        kept = tuple(s for s in trace.sections if low <= s.slice < high)
        within = ((index >= low) & (index < high)).reshape(along)
        found.append(replace(trace, sections=kept, coverage=trace.coverage * within, branches=()))
    return tuple(found)


def _gap(height: np.ndarray, centres: np.ndarray, i: int) -> float:
    """Between sections i - 1 and i: how far apart lines from either side end, half way. Each side's line is drawn through any
    two of its three nearest sections, or reaches over to the first section of the other side, and those that meet best count:
    one section off the line makes no break."""
    before, after = [j for j in (i - 1, i - 2, i - 3) if j >= 0], [j for j in (i, i + 1, i + 2) if j < len(height)]
    middle = (height[i - 1] + height[i]) / 2
    ends = _carried(height, centres, before, middle)[:, None] - _carried(height, centres, after, middle)[None]
    over = _carried(height, centres, before, height[i]) - centres[i]
    back = _carried(height, centres, after, height[i - 1]) - centres[i - 1]
    return float(np.linalg.norm(np.concatenate([ends.reshape(-1, 3), over, back]), axis=1).min())


def _carried(height: np.ndarray, centres: np.ndarray, near: list[int], to: float) -> np.ndarray:
    """(pairs, 3) ends of the lines through any two of the sections."""
    ends = []
    for a, b in combinations(near, 2):
        share = (to - height[a]) / (height[a] - height[b])
        ends.append(centres[a] + share * (centres[a] - centres[b]))
    return np.array(ends)


def _largest_of_neighbours(found: list[Break]) -> list[Break]:
    """One step shows between several pairs of sections: the pair where it is largest."""
    kept: list[Break] = []
    for one in found:
        if kept and one.before <= kept[-1].after + 1:
            kept[-1] = max(kept[-1], one, key=lambda b: b.gap_mm)
        else:
            kept.append(one)
    return kept
