r"""From one slice to the next: where the nerve is expected, where it is found, and how well that agrees.

The middle is expected at c + v dz with v (mm per mm) learned on the way, at most tan 35 degrees. Around it, shifts d are tried by

.. math:: S(d) = 4\,\mathrm{ncc}(d) + \overline{L}_\mathrm{in}(d) - \overline{L}_\mathrm{around}(d) - \frac{|d - v\,dz|^2}{2 s^2}

the correlation with the slice before, and the look. At the best two shifts an outline is settled; the one of more quality is taken.

*Breaks* where a nerve moves by more than its own width in a slice spacing while a like structure takes its place.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from neuromyo.nerve.contour import DIRECTIONS, Outline
from neuromyo.nerve.section import Cut, Expected, levels, settle
from neuromyo.nerve.trace_look import Look
from neuromyo.nerve.trace_stack import Piece, Stack
from neuromyo.nerve.trace_start import evenness

#: largest slope of a nerve against the slices, mm per mm (tan 35 degrees)
STEEPEST = 0.70
#: share of the look that a good slice renews
_RENEW = 0.15
_SHARES = np.sqrt((np.arange(9) + 0.5) / 9)
_RING_MM = np.array([0.5, 1.0, 1.5])


@dataclass(frozen=True, eq=False)
class Step:
    """The nerve in one slice as followed: its outline, how it agrees with what was before, and its quality 0 to 1.

    likeness : overlap of what is inside with what the nerve looks like; match : correlation with the slice before;
    growth : area over the area expected; rival : quality of another place that was tried in the slice
    touch : share of the circumference beyond which it goes on looking like the nerve; cut_off : reaches the edge of the image
    """

    slice: int
    cut: Cut
    quality: float
    closed: float
    distinct: float
    even: float
    likeness: float
    match: float
    growth: float
    rival: float = 0.0
    touch: float = 0.0
    cut_off: bool = False
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class State:
    """What is known on the way: the last good step, the nerve's look, its usual area here and its slope (2,) mm per mm."""

    step: Step
    look: Look
    area: float
    slope: np.ndarray
    slope_sd: float


def begin(step: Step, look: Look) -> State:
    """What is known at a start: nothing of the slope."""
    return State(step, look, step.cut.outline.area, np.zeros(2), 0.30)


def judged(piece: Piece, cut: Cut, look: Look, area: float, match: float, flags: tuple[str, ...] = ()) -> Step:
    """An outline's agreement with the nerve's look and size, put together as a quality."""
    fresh = levels(piece, cut.outline, look.low, look.high)
    likeness = float(np.minimum(fresh.inside, look.inside).sum(axis=1).min())
    even = evenness(piece, cut)
    growth = cut.outline.area / area
    quality = (
        min(1.0, cut.closed / 0.9)
        * _soft(fresh.distinct, 0.35, 0.1)
        * _soft(even, 0.3, 0.08)
        * _soft(likeness, 0.35, 0.08)
        * np.exp(-0.5 * (np.log(growth) / 0.45) ** 2)
        * _soft(match, 0.15, 0.15)
    )
    cut_off = not bool(piece.known_at(cut.outline.scaled(1.05).points).all())
    return Step(piece.slice, cut, float(quality), cut.closed, fresh.distinct, even, likeness, match, growth,
                touch=touching(piece, cut, look), cut_off=cut_off, flags=flags)  # fmt: skip


def touching(piece: Piece, cut: Cut, look: Look) -> float:
    """Share of the circumference along which a band of a millimetre beyond the outline looks more like the nerve than not."""
    outline = cut.outline
    out = (0.5 * piece.flat.pixel_mm + np.array([0.2, 0.5, 0.8, 1.1]))[None] + outline.radius[:, None]
    speaks = look.ratio(piece.at(outline.centre + out[..., None] * DIRECTIONS[:, None, :])).mean(axis=1)
    return float(np.mean(speaks > 0.5))


def _soft(value: float, middle: float, width: float) -> float:
    return float(1.0 / (1.0 + np.exp(-(value - middle) / width)))


def advance(stack: Stack, state: State, before: Piece, slice_index: int) -> Step | None:
    """The nerve in another slice, or None where that slice holds nothing to look at."""
    dz = (slice_index - state.step.slice) * stack.flat.apart_mm
    outline = state.step.cut.outline
    moved = state.slope * dz
    reach = float(min(STEEPEST * abs(dz), np.linalg.norm(moved) + 2.2 * state.slope_sd * abs(dz) + 0.5)) + 0.5
    piece = stack.piece(slice_index, outline.centre + moved, reach + 1.6 * float(outline.radius.max()) + 4.0)
    if piece is None or not piece.known_at(outline.moved(moved).points).mean() > 0.8:
        return None
    sd = state.slope_sd * abs(dz) + 0.3
    shifts, scores = search(before, piece, outline, state.look, moved, reach, sd)
    steps = [_settled(piece, before, state, outline.moved(shift)) for shift in two_best(shifts, scores, outline)]
    best = max(steps, key=lambda one: one.quality)
    others = [one.quality for one in steps if one is not best and _apart(one, best)]
    return replace(best, rival=max(others, default=0.0))


def _apart(one: Step, other: Step) -> bool:
    away = np.linalg.norm(one.cut.outline.middle - other.cut.outline.middle)
    return bool(away > 0.5 * np.sqrt(other.cut.outline.area / np.pi))


def _settled(piece: Piece, before: Piece, state: State, outline: Outline) -> Step:
    size = float(outline.radius.mean())
    expected = Expected(outline.radius, 0.1 * size + 0.12 + 0.1 * piece.flat.pixel_mm)
    cut = settle(piece, outline, state.look, expected, half_mm=0.45 * size + 0.4, rounds=3)
    last = state.step.cut.outline
    match = float(correlations(before, piece, last, (cut.outline.middle - last.middle)[None])[0])
    return judged(piece, cut, state.look, state.area, match)


def pattern(outline: Outline) -> tuple[np.ndarray, np.ndarray]:
    """((n, 2) places mm within the outline, (m, 2) places in a band around it), evenly by area."""
    rays, edge = DIRECTIONS[::2], outline.radius[::2]
    inside = outline.centre + (edge[:, None] * _SHARES)[..., None] * rays[:, None, :]
    ring = outline.centre + (edge[:, None] + _RING_MM)[..., None] * rays[:, None, :]
    return inside.reshape(-1, 2), ring.reshape(-1, 2)


def search(
    before: Piece, piece: Piece, outline: Outline, look: Look, moved: np.ndarray, reach: float, sd: float
) -> tuple[np.ndarray, np.ndarray]:
    """Shifts (n, 2) mm tried and their scores (n,)."""
    step = max(0.35, 0.5 * piece.flat.pixel_mm)
    n = int(np.ceil(reach / step))
    grid = np.arange(-n, n + 1) * step
    shifts = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1).reshape(-1, 2) + moved
    shifts = shifts[np.linalg.norm(shifts - moved, axis=1) <= reach]
    inside, ring = pattern(outline)
    speaks_in = look.ratio(piece.at(inside[None] + shifts[:, None])).mean(axis=1)
    speaks_out = look.ratio(piece.at(ring[None] + shifts[:, None])).mean(axis=1)
    scores = 4.0 * correlations(before, piece, outline, shifts) + speaks_in - speaks_out
    return shifts, scores - 0.5 * np.sum((shifts - moved) ** 2, axis=1) / sd**2


def correlations(before: Piece, piece: Piece, outline: Outline, shifts: np.ndarray) -> np.ndarray:
    """(n,) correlation of the nerve and its near surroundings in one slice with another slice, shifted; best image."""
    places = np.concatenate(pattern(outline))
    was = before.at(places)
    now = piece.at(places[None] + shifts[:, None])
    was = was - was.mean(axis=1, keepdims=True)
    now = now - now.mean(axis=2, keepdims=True)
    top = np.einsum("cp,cnp->cn", was, now)
    size = np.sqrt((was**2).sum(axis=1)[:, None] * (now**2).sum(axis=2))
    return (top / np.maximum(size, 1e-12)).max(axis=0)


def two_best(shifts: np.ndarray, scores: np.ndarray, outline: Outline) -> list[np.ndarray]:
    """The best shift, and the best of those further from it than most of the nerve's radius."""
    first = shifts[int(scores.argmax())]
    far = np.linalg.norm(shifts - first, axis=1) > 0.8 * float(outline.radius.mean())
    if not far.any():
        return [first]
    return [first, shifts[far][int(scores[far].argmax())]]


def learned(state: State, step: Step, piece: Piece, apart_mm: float) -> State:
    """What is known after a good step: look and area renewed a little, the slope by half of what is new."""
    dz = (step.slice - state.step.slice) * apart_mm
    slope = (step.cut.outline.middle - state.step.cut.outline.middle) / dz
    share = 0.45
    slope = (1 - share) * state.slope + share * slope
    steep = np.linalg.norm(slope)
    slope = slope if steep <= STEEPEST else slope * STEEPEST / steep
    fresh = levels(piece, step.cut.outline, state.look.low, state.look.high)
    look = state.look.blend(fresh, _RENEW * step.quality)
    area = float(np.exp(0.7 * np.log(state.area) + 0.3 * np.log(step.cut.outline.area)))
    return State(step, look, area, slope, max(0.12, 0.7 * state.slope_sd))
