"""A nerve followed one way through a stack: over gaps of a few slices, from restart to restart, until it is lost or leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from neuromyo.nerve.contour import Outline
from neuromyo.nerve.divide import Division, divided
from neuromyo.nerve.follow import State, Step, advance, judged, learned
from neuromyo.nerve.section import levels, settle
from neuromyo.nerve.trace_stack import Piece, Stack

#: how much is looked at around a nerve in the slice it was last seen in
AROUND_MM = 6.0


@dataclass(frozen=True, eq=False)
class Rules:
    """least : quality under which a slice counts as lost; gap : slices that may be lost in a row; may_divide : look for branches"""

    least: float
    gap: int
    may_divide: bool = False


@dataclass(eq=False)
class Way:
    """What was found one way: steps in the order followed, lost slices, where it ended and why, and into what it divided."""

    steps: list[Step] = field(default_factory=list)
    bridged: list[int] = field(default_factory=list)
    jumped: list[tuple[int, int]] = field(default_factory=list)
    ended: int | None = None
    why: str = ""
    division: Division | None = None
    state: State | None = None


def near(stack: Stack, outline: Outline, slice_index: int) -> Piece:
    """The piece of a slice around an outline that was found there."""
    piece = stack.piece(slice_index, outline.centre, float(outline.radius.max()) + AROUND_MM)
    if piece is None:  # cannot be: the outline was found in this very slice
        raise RuntimeError(f"no image around an outline in slice {slice_index}")
    return piece


def walk(
    stack: Stack,
    state: State,
    slices: Sequence[int],
    rules: Rules,
    restarts: Mapping[int, np.ndarray],
    splits: Mapping[int, np.ndarray],
) -> Way:
    """Follow from a known state through slices in order; ``restarts`` and ``splits`` are places (2,) mm that a person gave."""
    way = Way()
    before = near(stack, state.step.cut.outline, state.step.slice)
    lost: list[int] = []
    for position, k in enumerate(slices):
        if k in restarts:
            step = restarted(stack, state, k, restarts[k])
        elif len(lost) > rules.gap:
            continue  # lost for good, but a person may have pointed at it again further on
        else:
            step = advance(stack, state, before, k)
        if rules.may_divide and step is not None and not lost:
            way.division = divided(stack, state, before, k, step, slices[position + 1 :], splits)
            if way.division is not None:
                break
        if step is None or step.quality < rules.least * (1.0 if not lost else 1.5):
            lost.append(k)
            continue
        if lost:
            if len(lost) > rules.gap:
                way.jumped.append((lost[0], lost[-1]))
            else:
                way.bridged += lost
            lost = []
        before = near(stack, step.cut.outline, k)
        state = learned(state, step, before, stack.flat.apart_mm)
        way.steps.append(step)
    if lost:
        way.ended, way.why = lost[0], lack(advance(stack, state, before, lost[0]))
    way.state = state
    return way


def restarted(stack: Stack, state: State, slice_index: int, place: np.ndarray) -> Step | None:
    """The nerve at a place that a person pointed at again: outline settled there with the look known so far."""
    outline = state.step.cut.outline
    piece = stack.piece(slice_index, place, float(outline.radius.max()) + 3 * AROUND_MM)
    if piece is None:
        return None
    size = float(np.sqrt(state.area / np.pi))
    cut = settle(piece, Outline.circle(place, size), state.look, None, half_mm=0.6 * size + 0.5, rounds=5, relearn=0.2)
    fresh = levels(piece, cut.outline, state.look.low, state.look.high)
    step = judged(piece, cut, state.look.blend(fresh, 0.5), state.area, 1.0)
    return replace(step, quality=max(step.quality, 0.3), flags=("restart",))


def lack(step: Step | None) -> str:
    """In words: what is missing most in a slice in which the nerve was not found."""
    if step is None:
        return "the image ends or is unknown there"
    reasons = {
        "no boundary can be seen around it": step.closed / 0.8,
        "it differs too little from what is around it": step.distinct / 0.4,
        "what is there does not look like the nerve in the slices before": min(step.likeness / 0.4, step.match / 0.3),
        "its middle and its rim differ": step.even / 0.35,
        "it is much smaller than before": step.growth / 0.6,
        "it is much larger than before": 1.7 / max(step.growth, 1e-6),
    }
    return min(reasons, key=lambda words: reasons[words])
