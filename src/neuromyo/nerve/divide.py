r"""Where a nerve divides: two parts that each look like the nerve, with something between them that does not.

The look's log ratio is averaged over about half a millimetre within 1.35 times the outline of the slice before. Two pieces of positive
ratio that both lie on that outline, each at least an eighth of its area, together about as large, with a clear valley between, are two
branches if two outlines can be settled, and if the next slice shows them too.

*Breaks* where the branches lie against each other without fat between: there one outline goes on until a gap can be seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from neuromyo.nerve.contour import Outline
from neuromyo.nerve.follow import State, Step, judged
from neuromyo.nerve.section import Cut, settle
from neuromyo.nerve.trace_look import Look
from neuromyo.nerve.trace_stack import Piece, Stack
from neuromyo.nerve.trace_start import candidates

_FINE_MM = 0.25
_LEAST_SHARE = 0.12


@dataclass(frozen=True, eq=False)
class Division:
    """The slice in which a nerve is first seen as two, and the two, the larger first; ``told`` where a person said so."""

    slice: int
    steps: tuple[Step, Step]
    told: bool = False


def divided(
    stack: Stack,
    state: State,
    before: Piece,
    slice_index: int,
    single: Step,
    ahead: Sequence[int],
    splits: Mapping[int, np.ndarray],
) -> Division | None:
    """The division in this slice, or None where the nerve is one."""
    outline = single.cut.outline if single.quality > 0.3 else state.step.cut.outline
    piece = stack.piece(slice_index, outline.centre, 2.2 * float(outline.radius.max()) + 4.0)
    if piece is None:
        return None
    told = slice_index in splits
    pair = two(piece, outline, state.look, state.area, told)
    if pair is None:
        return None
    if not told and ahead:
        later = stack.piece(ahead[0], outline.centre, 2.2 * float(outline.radius.max()) + 4.0)
        if later is None or two(later, outline.scaled(1.15), state.look, state.area, False) is None:
            return None
    return Division(slice_index, pair, told)


def two(piece: Piece, outline: Outline, look: Look, area: float, told: bool) -> tuple[Step, Step] | None:
    """Two outlines within reach of one, the larger first, or None."""
    places, ratio = _ratio_map(piece, outline, look)
    parts = _parts(ratio, places, outline, area, told)
    if parts is None:
        return None
    for found in (_fresh, _familiar):
        steps = [judged(piece, cut, look, cut.outline.area, 1.0, ("split",)) for cut in found(piece, parts, look)]
        steps.sort(key=lambda one: -one.cut.outline.area)
        if told or _credible(steps, area):
            return steps[0], steps[1]
    return None


def _fresh(piece: Piece, parts: list[tuple[np.ndarray, float]], look: Look) -> list[Cut]:
    """Each part outlined as if a person had pointed at it: with a look of its own."""
    return [candidates(piece, middle, size)[0].cut for middle, size in parts]


def _familiar(piece: Piece, parts: list[tuple[np.ndarray, float]], look: Look) -> list[Cut]:
    """Each part outlined by the look of the undivided nerve."""
    cuts = []
    for middle, size in parts:
        guess = Outline.circle(middle, 0.9 * float(np.sqrt(size / np.pi)))
        half = 0.5 * float(guess.radius[0]) + 0.4
        cuts.append(settle(piece, guess, look, None, half_mm=half, rounds=4, relearn=0.3, harmonics=4))
    return cuts


def _credible(steps: list[Step], area: float) -> bool:
    apart = np.linalg.norm(steps[0].cut.outline.middle - steps[1].cut.outline.middle)
    radii = [np.sqrt(one.cut.outline.area / np.pi) for one in steps]
    total = sum(one.cut.outline.area for one in steps)
    alike = min(one.quality for one in steps) > 0.35 and min(one.closed for one in steps) > 0.45
    return bool(alike and apart > 0.75 * sum(radii) and 0.45 < total / area < 1.5)


def _ratio_map(piece: Piece, outline: Outline, look: Look) -> tuple[np.ndarray, np.ndarray]:
    half = 1.6 * float(outline.radius.max())
    n = int(np.ceil(half / _FINE_MM))
    at = np.arange(-n, n + 1) * _FINE_MM
    places = outline.centre + np.stack(np.meshgrid(at, at, indexing="ij"), axis=-1)
    blur = max(0.5, 0.4 * piece.flat.pixel_mm) / _FINE_MM
    return places, ndimage.gaussian_filter(look.ratio(piece.at(places)), blur)


def _parts(
    ratio: np.ndarray, places: np.ndarray, outline: Outline, area: float, told: bool
) -> list[tuple[np.ndarray, float]] | None:
    """[(middle, area), (middle, area)] of the two largest nerve-like pieces near an outline; looked for at rising levels."""
    offset = places - outline.centre
    away = np.hypot(offset[..., 0], offset[..., 1])
    angle = np.arctan2(offset[..., 1], offset[..., 0]) % (2 * np.pi)
    limit = np.interp(angle, np.arange(65) * 2 * np.pi / 64, np.append(outline.radius, outline.radius[0]))
    near = away < 1.35 * limit + 0.3
    for level in (0.0, 0.4, 0.8) if told else (0.0, 0.3):
        label = np.zeros(ratio.shape, np.int32)
        n = int(ndimage.label(near & (ratio > level), output=label))  # type: ignore[arg-type]
        size = np.bincount(label.ravel(), minlength=n + 1)[1:] * _FINE_MM**2
        large = [i + 1 for i in np.argsort(-size, kind="stable")[:2] if size[i] > _LEAST_SHARE * area]
        if len(large) == 2 and _valley(ratio, label, large):
            return [(places[label == i].mean(axis=0), float(size[i - 1])) for i in large]
    return None


def _valley(ratio: np.ndarray, label: np.ndarray, pair: list[int]) -> bool:
    """Whether the ratio falls clearly on the straight way between the middles of two pieces."""
    ends = [np.argwhere(label == i).mean(axis=0) for i in pair]
    line = ends[0] + np.linspace(0, 1, 41)[:, None] * (ends[1] - ends[0])
    along = ndimage.map_coordinates(ratio, line.T, order=1)
    return bool(along[8:33].min() < -0.4)
