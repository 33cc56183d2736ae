"""Why something that was followed is no nerve: vessels, nodes, septa and plain noise have ways of their own.

A nerve is long (a lymph node ends within 10 to 20 mm), has a boundary around most of its circumference, differs from what lies around
it, is neither a flow void nor evenly the brightest thing around (slow blood), and is no sheet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from neuromyo.nerve.contour import DIRECTIONS
from neuromyo.nerve.follow import Step
from neuromyo.nerve.trace_stack import Piece, Stack
from neuromyo.nerve.usual import usual

#: shorter than this, and shorter than this share of the stack: not a nerve
LEAST_MM, LEAST_SHARE = 25.0, 0.7
_FLATTEST = 4.5
#: pixels in which a nerve's fascicles make its inside uneven
FASCICLES_SEEN_MM = 0.4


@dataclass(frozen=True, slots=True)
class Inside:
    """What is inside of an outline, in one image: level over the median around; rank of the level among all pixels around, 0 to 1;
    spread between places inside over the noise; level over that of the brightest pixels around, where those are fat, else 0 (never more
    than in the T1-weighted images, if there are such: oedema is as bright as fat in T2w, nothing but fat is in T1w)."""

    level: float
    rank: float
    texture: float
    fatness: float


def inside(piece: Piece, step: Step) -> tuple[Inside, ...]:
    """For every image, how bright and how even the inside of an outline is (its rim of two thirds of a pixel left out)."""
    outline = step.cut.outline
    core = np.maximum(outline.radius - 0.67 * piece.flat.pixel_mm, 0.55 * outline.radius)
    share = np.sqrt((np.arange(10) + 0.5) / 10)
    values = piece.at(outline.centre + (core[:, None] * share)[..., None] * DIRECTIONS[:, None, :])
    out = []
    for image, all_values, fat_is in zip(values.reshape(len(values), -1), piece.values, piece.fat_is, strict=True):
        level = float(np.median(image))
        around = float(np.median(all_values))
        rank = float(np.mean(all_values < level))
        spread = float(image.std()) / max(noise(all_values), 1e-12)
        fatness = level / max(float(np.percentile(all_values, 99.0)), 1e-12) if fat_is > 0 else 0.0
        out.append(Inside(level / around if around > 0 else 1.0, rank, spread, fatness))
    least = min((one.fatness for one, t1 in zip(out, piece.t1, strict=False) if t1), default=np.inf)
    return tuple(replace(one, fatness=min(one.fatness, least)) for one in out)


def noise(image: np.ndarray) -> float:
    """Standard deviation of noise in a slice's piece, from what neighbouring pixels do not share (median, so edges hardly count)."""
    rest = image[1:-1, 1:-1] - 0.25 * (image[:-2, 1:-1] + image[2:, 1:-1] + image[1:-1, :-2] + image[1:-1, 2:])
    return float(np.median(np.abs(rest)) / 0.6745 / np.sqrt(1.25))


def start_refusal(piece: Piece, step: Step, score: float) -> str:
    """Why there is no nerve at the place pointed at, or "" where there may be one; ``score`` of the outline (`trace_start`)."""
    if step.distinct < (0.25 if step.closed > 0.85 else 0.4):
        return "what is there differs too little from what is around it"
    if step.closed < 0.5:
        return f"a boundary can be seen around {100 * step.closed:.0f} % of what is there only"
    if step.even < 0.15:
        return "no outline was found whose middle and rim look alike"
    longest, shortest = step.cut.outline.extent
    if longest > 3.0 * shortest and step.even < 0.6:
        return (
            f"it is {longest / shortest:.1f} times as wide as thick and its middle and rim differ, like a septum in fat"
        )
    said = _vessel([inside(piece, step)], piece.flat.pixel_mm)
    if not said and score < 0.08:
        return "no outline there is at once closed, even within and of a nerve's size"
    return said


def refusal(stack: Stack, name: str, steps: Sequence[Step], pieces: Sequence[Piece], whole: bool) -> str:
    """Why what was followed is no nerve, or "": ``steps`` are all good slices, ``pieces`` the images around them."""
    apart = stack.flat.apart_mm
    length = (max(s.slice for s in steps) - min(s.slice for s in steps) + 1) * apart
    needed = min(LEAST_MM, LEAST_SHARE * stack.flat.n_slices * apart)
    if length < needed and not whole:
        return f"it was seen over {length:.0f} mm only, and a nerve is longer than {needed:.0f} mm in these images (a lymph node is not)"
    flat = float(np.median([s.cut.outline.extent[0] / s.cut.outline.extent[1] for s in steps]))
    if flat > _FLATTEST:
        return f"it is {flat:.1f} times as wide as thick, like a septum"
    area = float(np.median([s.cut.outline.area for s in steps]))
    if area < usual(name).area_mm2 / 8:
        return (
            f"its cross-section of {area:.1f} mm2 is under an eighth of what is usual ({usual(name).area_mm2:.0f} mm2)"
        )
    if float(np.median([s.closed for s in steps])) < 0.55:
        return "no boundary can be seen around most of its circumference"
    return _vessel([inside(p, s) for p, s in zip(pieces, steps, strict=True)], stack.flat.pixel_mm)


def _vessel(looks: Sequence[tuple[Inside, ...]], pixel_mm: float) -> str:
    """Vessels and fat by the medians over slices of what is inside."""
    level, rank, texture, fatness = (
        np.median([[getattr(one, name) for one in look] for look in looks], axis=0)
        for name in ("level", "rank", "texture", "fatness")
    )
    if (level < 0.5).all() and (rank < 0.1).all():
        return "it is evenly dark in every image, like a vessel with flowing blood"
    if (fatness > 0.82).any():
        return "it is as bright as fat"
    if ((rank > 0.97) & (texture < 1.6) & (level > 2.0)).any():
        return "it is evenly the brightest thing around, like a vessel with slow blood, a cyst or a lymph node"
    if pixel_mm <= FASCICLES_SEEN_MM and (texture < 1.15).all():
        return "it is evenly filled although fascicles could be seen at this resolution, like a vessel, a cyst or a lymph node"
    return ""
