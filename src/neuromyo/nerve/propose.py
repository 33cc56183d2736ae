"""Proposals of where a nerve is, for a person to accept or refuse: scored, with reasons, never taken in silence.

In the middle slices, ovals are looked for that are like nerve within (`propose_look`) and not in a ring around
(`propose_ovals`); each is judged by its rim, size, texture, by whether it goes on over neighbouring slices (lymph nodes end), and
by where it lies (`propose_judge`, `propose_place`).

*Assumes* that the stack runs roughly across the nerve and that muscle is the most common tissue in it. *Breaks* on T2w alone for
slow veins of a nerve's size in pixels too coarse for texture, and where fat has replaced most of the muscle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neuromyo.core.errors import DataError, OptionError
from neuromyo.core.grid import Grid
from neuromyo.core.image import Image
from neuromyo.core.labels import Labels, Side
from neuromyo.core.landmark import Landmark
from neuromyo.nerve import propose_judge, propose_place
from neuromyo.nerve.propose_judge import Parts, Seen
from neuromyo.nerve.propose_look import looks
from neuromyo.nerve.propose_ovals import ovals, peaks, responses
from neuromyo.nerve.resolution import supports_outline
from neuromyo.nerve.usual import NERVES, OTHER

#: nothing below this score is proposed; `bench/nerve_proposals.py` shows scores with and without a nerve
LEAST_SCORE = 0.40
#: at most so many are given, and so many looked at in each of the middle slices
MOST, _LOOKED_AT = 5, 16
_LEAST_RESPONSE = 0.12
#: finer pixels are pooled to about this (mm), or to a seventh of the nerve's shorter diameter
_WORK_MM = 0.6


@dataclass(frozen=True, slots=True)
class Proposal:
    """A place that may be the nerve: a ``start`` landmark, how surely (0 to 1), and why, in words."""

    landmark: Landmark
    score: float
    why: str


def propose(
    images: Sequence[Image], *, name: str, side: Side = "none", labels: Labels | None = None
) -> tuple[Proposal, ...]:
    """Candidates for the nerve ``name`` in the middle slices of the first image, best first; empty where nothing scores.

    images : of one limb, the first decides the grid; labels : regions of a segmenter (``leg``, ``bone-marrow``...), on any grid

    Raises E-RESOLUTION where voxels are too coarse for that nerve, E-NOSIGNAL for an empty image.
    """
    if not images:
        raise OptionError(
            "E-OPTION", where="propose", needed="at least one image", found="none", remedy="name an image"
        )
    grid = images[0].grid
    verdict = supports_outline(grid, name)
    if not verdict.ok:
        raise DataError("E-RESOLUTION", where=images[0].name, needed=f"at most {verdict.needed_mm:.2g} mm in the plane",
                        found=f"{verdict.found_mm:.2g} mm: {verdict.why}",
                        remedy="no place is proposed; acquire finer, or draw the nerve by hand")  # fmt: skip
    first, stop = _middle(grid)
    seen = _seen(images, grid, name)
    where = propose_place.prior(
        grid, name, side, labels, images[0].values > 0.1 * np.nanpercentile(images[0].values, 99)
    )
    place = np.moveaxis(where.prior, grid.slice_axis, 2)
    usual = NERVES.get(name, OTHER)
    found: list[tuple[float, tuple[int, int, int], Parts]] = []
    for k in range(first, stop):
        apart = 0.8 * usual.narrow_mm
        likely = place[seen.coarser[0] // 2 :: seen.coarser[0], seen.coarser[1] // 2 :: seen.coarser[1], k]
        likely = likely[: seen.response.shape[0], : seen.response.shape[1]]
        for i, j in peaks(seen.response[..., k] * likely, seen.pixel_mm, apart, _LEAST_RESPONSE, _LOOKED_AT):
            parts = propose_judge.judge(seen, (i, j, k), usual.area_mm2)
            found.append((parts.score(float(likely[i, j])), (i, j, k), parts))
    best = _distinct(sorted(found, key=lambda f: -f[0]), seen, usual.narrow_mm)
    return tuple(
        Proposal(
            _landmark(grid, at, seen.coarser, name, side),
            round(score, 3),
            _why(parts, name, usual.area_mm2, where.said),
        )
        for score, at, parts in best
        if score >= LEAST_SCORE
    )


def _middle(grid: Grid) -> tuple[int, int]:
    """The middle three slices (all of fewer)."""
    n = grid.shape[grid.slice_axis]
    return max(0, (n - 3) // 2), min(n, (n - 3) // 2 + 3 if n >= 3 else n)


def _seen(images: Sequence[Image], grid: Grid, name: str) -> Seen:
    usual = NERVES.get(name, OTHER)
    a, b = grid.in_plane_axes
    fine = (grid.spacing_mm[a], grid.spacing_mm[b])
    wanted_mm = min(_WORK_MM, 0.15 * usual.narrow_mm)
    coarser = (max(1, round(wanted_mm / fine[0])), max(1, round(wanted_mm / fine[1])))
    pixel = (fine[0] * coarser[0], fine[1] * coarser[1])
    looked = looks(images, grid, coarser)
    likeness = np.prod([np.maximum(look.likeness, 1e-3) for look in looked], axis=0) ** (1.0 / len(looked))
    wanted = ovals(usual.area_mm2)
    response, which = np.zeros(likeness.shape, np.float32), np.zeros(likeness.shape, np.int16)
    for k in range(*_looked_at(grid)):
        response[..., k], which[..., k] = responses(looked, k, pixel, wanted, usual.area_mm2, usual.flatness)
    return Seen(likeness, response, which, wanted, pixel, coarser, grid.spacing_mm[grid.slice_axis], looked)


def _looked_at(grid: Grid) -> tuple[int, int]:
    """The slices in which candidates of the middle ones may be followed."""
    first, stop = _middle(grid)
    reach = int(np.ceil(propose_judge.FOLLOW_MM / grid.spacing_mm[grid.slice_axis]))
    return max(0, first - reach), min(grid.shape[grid.slice_axis], stop + reach)


def _distinct(
    found: list[tuple[float, tuple[int, int, int], Parts]], seen: Seen, apart_mm: float
) -> list[tuple[float, tuple[int, int, int], Parts]]:
    """One of those that lie on top of each other in neighbouring slices, the best."""
    kept: list[tuple[float, tuple[int, int, int], Parts]] = []
    pixel, drift = np.array(seen.pixel_mm), seen.apart_mm
    for one in found:
        gaps = [(np.linalg.norm((np.array(one[1][:2]) - k[1][:2]) * pixel), abs(one[1][2] - k[1][2])) for k in kept]
        if all(across > apart_mm + 0.6 * drift * slices for across, slices in gaps):
            kept.append(one)
        if len(kept) == MOST:
            break
    return kept


def _landmark(grid: Grid, at: tuple[int, int, int], coarser: tuple[int, int], name: str, side: Side) -> Landmark:
    index = np.zeros(3)
    index[list(grid.in_plane_axes)] = [(i + 0.5) * c - 0.5 for i, c in zip(at[:2], coarser, strict=True)]
    index[grid.slice_axis] = at[2]
    x, y, z = (float(v) for v in grid.to_world(index))
    return Landmark("start", (x, y, z), name, side)


def _why(parts: Parts, name: str, usual_mm2: float, where: str) -> str:
    texture = "too coarse to see fascicles" if np.isnan(parts.spread) else (
        f"uneven within as fascicles make it ({parts.spread:.1f} times the noise)" if parts.texture > 0.5
        else f"even within, like blood ({parts.spread:.1f} times the noise)"
    )  # fmt: skip
    return (
        f"an oval of about {parts.area_mm2:.0f} mm2 (a {name} usually has {usual_mm2:.0f}); a rim on {parts.closed:.0%} of its "
        f"outline; found in {parts.held_mm:.0f} of {parts.seen_mm:.0f} mm of neighbouring slices; {texture}; {where}"
    )
