"""Judging one candidate: is it closed all around, does it go on over slices, is it textured, does it lie where it should."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from neuromyo.nerve.propose_look import Look
from neuromyo.nerve.propose_ovals import SIZE_SPREAD, Oval

#: a candidate is followed this far (mm) to either side, drifting by at most this many mm per mm of slice distance
FOLLOW_MM, DRIFT = 15.0, 0.75
#: nodes are up to about this long (mm): what goes on for less is not told from one
NODE_MM = 14.0
#: texture of fascicles can be seen below this pixel size (mm)
TEXTURE_MM = 0.45
_ANGLES = 2.0 * np.pi * np.arange(32) / 32


@dataclass(frozen=True, slots=True)
class Parts:
    """What speaks for a nerve, each 0 to 1: ``clear`` (unlike its ring), ``solid`` (like nerve throughout, and of the
    oval's shape), ``closed`` (share of the outline with a rim), ``size``,
    ``lasting`` (goes on over slices), ``texture``, ``place``; and the figures behind them."""

    clear: float
    solid: float
    closed: float
    size: float
    lasting: float
    texture: float
    area_mm2: float
    seen_mm: float
    held_mm: float
    spread: float

    def score(self, place: float) -> float:
        """Product of all, tempered: 1 only where everything speaks for a nerve."""
        weighed = (
            (self.clear, 1.2),
            (self.solid, 1.3),
            (self.closed, 1.0),
            (self.size, 0.7),
            (self.lasting, 1.2),
            (self.texture, 1.2),
            (place, 1.0),
        )
        total = sum(w for _, w in weighed)
        return float(np.exp(sum(w * np.log(max(p, 1e-3)) for p, w in weighed) / total * 2.0))


@dataclass(frozen=True, eq=False)
class Seen:
    """The stack that candidates are judged in: likeness (a, b, z), best responses and which oval they are of, pixel (mm), the
    distance of slices (mm)."""

    likeness: np.ndarray
    response: np.ndarray
    which: np.ndarray
    ovals: tuple[Oval, ...]
    pixel_mm: tuple[float, float]
    coarser: tuple[int, int]
    apart_mm: float
    looks: tuple[Look, ...]


def judge(seen: Seen, place: tuple[int, int, int], usual_mm2: float) -> Parts:
    """All that can be said of the candidate at a pixel (a, b, slice) without knowing where in the body it is."""
    i, j, k = place
    oval = seen.ovals[int(seen.which[place])]
    clear = float(np.clip(seen.response[place] / 0.6, 0.0, 1.0))
    lasting, seen_mm, held_mm = _lasting(seen, place)
    size = float(np.exp(-0.5 * (np.log(oval.area_mm2 / usual_mm2) / SIZE_SPREAD) ** 2))
    texture, spread = _texture(seen, (i, j, k), oval)
    return Parts(
        clear,
        _solid(seen, place, oval),
        _closed(seen, place, oval),
        size,
        lasting,
        texture,
        oval.area_mm2,
        seen_mm,
        held_mm,
        spread,
    )


def _closed(seen: Seen, place: tuple[int, int, int], oval: Oval) -> float:
    """Share of directions in which likeness falls below half of that within, near the oval's edge."""
    radius = oval.radius(_ANGLES)
    steps = np.linspace(0.8, 1.3, 8)[:, None] * radius + np.linspace(0.0, 1.2, 8)[:, None]
    at = [place[0] + steps * np.cos(_ANGLES) / seen.pixel_mm[0], place[1] + steps * np.sin(_ANGLES) / seen.pixel_mm[1]]
    along = ndimage.map_coordinates(seen.likeness[..., place[2]], at, order=1, cval=0.0)
    within = max(float(seen.likeness[place]), 0.5)
    return float(np.mean(along.min(axis=0) < 0.5 * within))


def _solid(seen: Seen, place: tuple[int, int, int], oval: Oval) -> float:
    """How well the connected patch of likeness and the oval cover each other (0 below a Dice of 0.55, 1 above 0.9)."""
    beyond = _distances(seen, place) / oval.radius(_bearings(seen, place))
    near = beyond < 1.7
    within = beyond <= 1.0
    patches = np.zeros(near.shape, np.intp)
    ndimage.label((seen.likeness[..., place[2]] > 0.5) & near, output=patches)
    counts = np.bincount(patches[within], minlength=2)
    if counts[1:].max(initial=0) == 0:
        return 0.0
    patch = patches == 1 + int(np.argmax(counts[1:]))
    dice = 2.0 * np.count_nonzero(patch & within) / (np.count_nonzero(patch) + np.count_nonzero(within))
    return float(np.clip((dice - 0.55) / 0.35, 0.0, 1.0))


def _distances(seen: Seen, place: tuple[int, int, int]) -> np.ndarray:
    """(a, b) mm from a pixel."""
    x, y = (np.arange(n) for n in seen.likeness.shape[:2])
    return np.hypot((x[:, None] - place[0]) * seen.pixel_mm[0], (y[None] - place[1]) * seen.pixel_mm[1])


def _bearings(seen: Seen, place: tuple[int, int, int]) -> np.ndarray:
    """(a, b) directions (rad) from a pixel."""
    x, y = (np.arange(n) for n in seen.likeness.shape[:2])
    return np.arctan2((y[None] - place[1]) * seen.pixel_mm[1], (x[:, None] - place[0]) * seen.pixel_mm[0])


def _lasting(seen: Seen, place: tuple[int, int, int]) -> tuple[float, float, float]:
    """(0 to 1, mm over which it was looked for, mm over which it was found)."""
    found, looked = 0.0, 0.0
    n = seen.likeness.shape[2]
    for step in (-1, 1):
        at, drift = np.array(place[:2], float), np.zeros(2)
        misses = 0
        for away in range(1, int(FOLLOW_MM / seen.apart_mm) + 1):
            k = place[2] + step * away
            if not 0 <= k < n:
                break
            looked += seen.apart_mm
            nearest = _nearest(seen, at + drift, k, 0.5 if away > 1 else 1.0)
            value = seen.response[nearest[0], nearest[1], k]
            if value < 0.55 * seen.response[place]:
                misses += 1
                if misses > 1:
                    continue
            else:
                found += seen.apart_mm
            drift = 0.5 * drift + 0.5 * (np.array(nearest) - at)
            at = np.array(nearest, float)
    if looked == 0.0:
        return 0.5, 0.0, 0.0
    # what was found is weighed against the length of a node; a short stack cannot tell them apart
    certain = min(1.0, looked / (2.0 * NODE_MM * 0.6))
    return float((found / looked) ** 2 * (0.5 + 0.5 * certain)), looked, found


def _nearest(seen: Seen, about: np.ndarray, k: int, freedom: float) -> tuple[int, int]:
    """The best response of slice k within reach of where it is expected, a little less wanted the farther away."""
    reach_mm = freedom * DRIFT * seen.apart_mm + 1.0
    half = [int(np.ceil(reach_mm / p)) for p in seen.pixel_mm]
    low = [int(np.clip(round(c) - h, 0, s - 1)) for c, h, s in zip(about, half, seen.response.shape, strict=False)]
    high = [int(np.clip(round(c) + h + 1, 1, s)) for c, h, s in zip(about, half, seen.response.shape, strict=False)]
    high = [max(h, lo + 1) for h, lo in zip(high, low, strict=True)]
    window = seen.response[low[0] : high[0], low[1] : high[1], k]
    x, y = (np.arange(lo, h) for lo, h in zip(low, high, strict=True))
    off = np.hypot((x[:, None] - about[0]) * seen.pixel_mm[0], (y[None] - about[1]) * seen.pixel_mm[1])
    best = np.unravel_index(int(np.argmax(window - 0.03 * off / max(reach_mm, 1e-6))), window.shape)
    return low[0] + int(best[0]), low[1] + int(best[1])


def _texture(seen: Seen, place: tuple[int, int, int], oval: Oval) -> tuple[float, float]:
    """(0 to 1, sd within over noise): fascicles make a nerve uneven, blood is even. 0.75 where pixels are too coarse to tell."""
    fine = tuple(p / c for p, c in zip(seen.pixel_mm, seen.coarser, strict=True))
    if max(fine) > TEXTURE_MM:
        return 0.75, float("nan")
    inside = _distances(seen, place) < 0.75 * oval.radius(_bearings(seen, place))
    within = np.repeat(np.repeat(inside, seen.coarser[0], 0), seen.coarser[1], 1)
    a, b = within.shape
    pictures = [look.relative[:a, :b, place[2]] / look.noise for look in seen.looks if look.weighting != "FA"]
    ratios = [float(np.std(one[within])) for one in pictures]
    if not ratios or within.sum() < 8:
        return 0.75, float("nan")
    most = max(ratios)
    return float(np.clip((most - 1.0) / 2.5, 0.15, 1.0)), most
