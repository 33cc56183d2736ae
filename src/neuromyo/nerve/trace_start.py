"""The nerve at the place a person pointed at: several sizes are tried, and the outline that is most like a nerve is taken.

A nerve in a layer of fat has two good boundaries, its own and that of the fat against muscle. Its own is told by three things:
what it encloses differs from what is around it (`Look.distinct`), is the same in its middle as along its rim (`evenness`), and has
the size that this nerve usually has, within a factor of some three.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuromyo.nerve.contour import DIRECTIONS, Outline
from neuromyo.nerve.section import Cut, levels, settle
from neuromyo.nerve.trace_look import learn, scale_of
from neuromyo.nerve.trace_stack import Piece

#: radii tried, as shares of the radius of a disc of the usual area
SIZES = (0.4, 0.6, 0.85, 1.2, 1.7)
#: spread of the area (natural logarithm, one sd) that is expected about the usual one: atrophy to hypertrophy
_SPREAD = 0.8


@dataclass(frozen=True, eq=False)
class Candidate:
    """An outline tried, and what it scored."""

    cut: Cut
    score: float
    even: float


def evenness(piece: Piece, cut: Cut) -> float:
    """0 to 1: how alike the middle and the rim within an outline are, as the overlap of their histograms (worst image)."""
    outline = cut.outline
    share = (np.arange(12) + 0.5) / 12 * 0.95
    r = share[None] * outline.radius[:, None]
    values = piece.at(outline.centre + r[..., None] * DIRECTIONS[:, None, :])
    clean = np.maximum(outline.radius - 0.5 * piece.flat.pixel_mm, 0.8 * outline.radius)[:, None]
    middle, rim = r * (share < 0.55), r * (share > 0.6) * (r < clean)
    both = learn(values.reshape(len(values), -1), middle.ravel(), rim.ravel(), cut.look.low, cut.look.high)
    return 1.0 - both.distinct


def candidates(piece: Piece, place_mm: np.ndarray, usual_mm2: float) -> list[Candidate]:
    """Outlines about a place from several sizes, best first."""
    low, high = scale_of(piece.values)
    usual = float(np.sqrt(usual_mm2 / np.pi))
    found = []
    for size in SIZES:
        outline = Outline.circle(place_mm, size * usual)
        half = 0.6 * size * usual + 0.5
        cut = settle(piece, outline, levels(piece, outline, low, high), None, half_mm=half, rounds=5, relearn=0.7)
        found.append(_scored(piece, cut, place_mm, usual_mm2))
    return sorted(found, key=lambda one: -one.score)


def _scored(piece: Piece, cut: Cut, place_mm: np.ndarray, usual_mm2: float) -> Candidate:
    even = evenness(piece, cut)
    size = np.exp(-0.5 * (np.log(max(cut.outline.area, 0.1) / usual_mm2) / _SPREAD) ** 2)
    away = np.linalg.norm(cut.outline.middle - place_mm) / np.sqrt(cut.outline.area / np.pi)
    near = np.exp(-0.5 * max(0.0, away - 0.4) ** 2)
    return Candidate(cut, float(cut.closed * cut.look.distinct * even * size * near), even)
