"""How a declared layout of circles lies in an image: turned and shifted, found from pairs, never from what is in the circles.

Every pair of candidate circles whose distance is that of a pair in the layout proposes a rotation and a shift; each proposal is
scored by the response of the rims at all places of the layout. A proposal that puts the circles elsewhere and scores almost as
well means that the layout does not tell how it lies: that is an error, not a guess.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from neuromyo.anatomy import circles

#: response from which a circle counts as seen, and from which it may propose a placement
SEEN, CANDIDATE = 0.33, 0.28
_MOST_CANDIDATES = 48
#: proposals scored at a time
_CHUNK = 20_000


@dataclass(frozen=True)
class Placement:
    """``layout @ rotation.T + shift_mm``: places in mm of the plane. ``score`` is the sum of the responses there that count,
    ``seen`` says of which circles."""

    turn_deg: float
    shift_mm: tuple[float, float]
    score: float
    seen: np.ndarray

    def places(self, layout: np.ndarray) -> np.ndarray:
        """(n, 2) mm."""
        return layout @ rotation(self.turn_deg).T + np.asarray(self.shift_mm)


def rotation(degrees: float) -> np.ndarray:
    """(2, 2), counter-clockwise."""
    a = np.deg2rad(degrees)
    return np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])


def placements(
    response: np.ndarray, spacing_mm: tuple[float, float], layout: np.ndarray, radius_mm: float, turn_limit_deg: float
) -> list[Placement]:
    """The best placement, and the best that puts the circles somewhere else; both refined, best first; empty where no pair fits.

    layout : (n, 2) mm
    """
    candidates = circles.peaks(response, spacing_mm, 0.8 * radius_mm, CANDIDATE, _MOST_CANDIDATES)
    turns, shifts = _proposals(candidates, layout, 0.25 * radius_mm, turn_limit_deg)
    if turns.size == 0:
        return []
    blurred = ndimage.maximum_filter(response, footprint=_disc(0.3 * radius_mm, spacing_mm))
    scores = np.concatenate(
        [_scores(blurred, spacing_mm, layout, turns[i : i + _CHUNK], shifts[i : i + _CHUNK])
         for i in range(0, turns.size, _CHUNK)]
    )  # fmt: skip
    found: list[Placement] = []
    for best in np.argsort(-scores, kind="stable")[:400]:
        places = layout @ rotation(float(turns[best])).T + shifts[best]
        if any(_moved(places, one.places(layout)) < radius_mm for one in found):
            continue
        made = refine(response, spacing_mm, layout, radius_mm, float(turns[best]), shifts[best])
        if any(_moved(made.places(layout), one.places(layout)) < radius_mm for one in found):
            continue  # it has come to rest where another one is
        found.append(made)
        if len(found) == 2:
            break
    return sorted(found, key=lambda p: -p.score)


def refine(
    response: np.ndarray, spacing_mm: tuple[float, float], layout: np.ndarray, radius_mm: float, turn_deg: float,
    shift_mm: np.ndarray,
) -> Placement:  # fmt: skip
    """Turn and shift fitted to the maxima nearest to the layout's places (least squares), three times."""
    for _ in range(3):
        places = layout @ rotation(turn_deg).T + shift_mm
        nearest, values = local_maxima(response, spacing_mm, places, 0.5 * radius_mm)
        good = values >= SEEN
        if good.sum() < 2:
            break
        turn_deg, shift_mm = _rigid(layout[good], nearest[good])
    places = layout @ rotation(turn_deg).T + shift_mm
    _, values = local_maxima(response, spacing_mm, places, 0.3 * radius_mm)
    seen = values >= SEEN
    return Placement(turn_deg, (float(shift_mm[0]), float(shift_mm[1])), float(values[seen].sum()), seen)


def local_maxima(
    response: np.ndarray, spacing_mm: tuple[float, float], places_mm: np.ndarray, reach_mm: float
) -> tuple[np.ndarray, np.ndarray]:
    """(n, 2) places in mm of the highest response within ``reach_mm`` of each place, and those responses (n,); a place
    outside the plane keeps its own and has 0."""
    spacing = np.asarray(spacing_mm)
    found, values = places_mm.astype(np.float64).copy(), np.zeros(len(places_mm))
    for row, place in enumerate(places_mm / spacing):
        box = tuple(
            slice(max(0, int(np.floor(p - reach_mm / mm))), max(0, int(np.ceil(p + reach_mm / mm)) + 1))
            for p, mm in zip(place, spacing, strict=True)
        )
        part = response[box]
        if part.size:
            top = np.array(np.unravel_index(int(np.argmax(part)), part.shape)) + [s.start for s in box]
            found[row] = circles.refined(response, top[None])[0] * spacing
            values[row] = response[tuple(top)]
    return found, values


def _proposals(
    candidates: np.ndarray, layout: np.ndarray, tolerance_mm: float, turn_limit_deg: float
) -> tuple[np.ndarray, np.ndarray]:
    """Turns (m,) in degrees and shifts (m, 2) in mm of all pairs that fit."""
    i, j = (index.ravel() for index in np.indices((len(layout), len(layout))))
    i, j = i[i != j], j[i != j]
    span = layout[j] - layout[i]
    length, angle = np.hypot(*span.T), np.arctan2(span[:, 1], span[:, 0])
    turns, shifts = [np.zeros(0)], [np.zeros((0, 2))]
    for a, one in enumerate(candidates):
        for other in candidates[a + 1 :]:
            seen = other - one
            fits = np.flatnonzero(np.abs(length - np.hypot(*seen)) < tolerance_mm)
            turn = np.rad2deg(np.arctan2(seen[1], seen[0]) - angle[fits])
            turn = (turn + 180.0) % 360.0 - 180.0
            fits, turn = fits[np.abs(turn) <= turn_limit_deg], turn[np.abs(turn) <= turn_limit_deg]
            middle = 0.5 * (layout[i[fits]] + layout[j[fits]])
            a_cos, a_sin = np.cos(np.deg2rad(turn)), np.sin(np.deg2rad(turn))
            moved = np.stack(
                [a_cos * middle[:, 0] - a_sin * middle[:, 1], a_sin * middle[:, 0] + a_cos * middle[:, 1]], axis=1
            )
            turns.append(turn)
            shifts.append(0.5 * (one + other) - moved)
    return np.concatenate(turns), np.concatenate(shifts)


def _scores(
    response: np.ndarray, spacing_mm: tuple[float, float], layout: np.ndarray, turns: np.ndarray, shifts: np.ndarray
) -> np.ndarray:
    c, s = np.cos(np.deg2rad(turns))[:, None], np.sin(np.deg2rad(turns))[:, None]
    x = c * layout[:, 0] - s * layout[:, 1] + shifts[:, :1]
    y = s * layout[:, 0] + c * layout[:, 1] + shifts[:, 1:]
    at = [np.rint(v / mm).astype(int) for v, mm in zip((x, y), spacing_mm, strict=True)]
    inside = np.ones(x.shape, dtype=bool)
    for v, n in zip(at, response.shape, strict=True):
        inside &= (v >= 0) & (v < n)
    values = response[np.clip(at[0], 0, response.shape[0] - 1), np.clip(at[1], 0, response.shape[1] - 1)]
    return np.where(inside & (values >= SEEN), values, 0.0).sum(axis=1)


def _rigid(layout: np.ndarray, seen: np.ndarray) -> tuple[float, np.ndarray]:
    """Turn in degrees and shift of the least squares rigid motion (no mirror image)."""
    a, b = layout - layout.mean(0), seen - seen.mean(0)
    turn = np.arctan2((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum(), (a * b).sum())
    degrees = float(np.rad2deg(turn))
    return degrees, seen.mean(0) - rotation(degrees) @ layout.mean(0)


def _moved(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.hypot(*(a - b).T).mean())


def _disc(radius_mm: float, spacing_mm: tuple[float, float]) -> np.ndarray:
    reach = [int(np.floor(radius_mm / mm)) for mm in spacing_mm]
    x, y = np.meshgrid(*(np.arange(-n, n + 1) * mm for n, mm in zip(reach, spacing_mm, strict=True)), indexing="ij")
    return np.hypot(x, y) <= radius_mm
