"""Single slices of a profile, which lie between the levels of a norm: their own places, pointwise.

A slice at a share w of the way from level a to level b has the deviate (1 - w) z_a + w z_b of its value in the norms of both; so
have its interval and, on the quantity's scale, its band. Nothing is said beyond the first and the last level, nor across levels
without a norm.

A slice is outside of the band of healthy profiles (`unusual`) where its own deviate is beyond that band's limit and a level next to it
is unusual in the envelope. Slices are closer than levels: judged alone, more of them would be outside in healthy people.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.special import ndtr

from neuromyo.core.norm import Body, Envelope, Place
from neuromyo.norms.profile import ProfileNorm
from neuromyo.norms.transforms import Transform, of


def places(norm: ProfileNorm, positions: Sequence[float], values: Sequence[float], body: Body) -> list[Place | None]:
    """One place a slice; None where the norm has no level there, or there is no value."""
    near = [_between(norm, p) if math.isfinite(v) else None for p, v in zip(positions, values, strict=True)]
    asked: dict[int, list[int]] = {}
    for i, one in enumerate(near):
        for j in {} if one is None else {one[0], one[1]}:
            asked.setdefault(j, []).append(i)
    found: dict[tuple[int, int], Place] = {}
    for j, members in asked.items():
        level = norm.levels[j]
        if level is not None:
            made = level.places(np.array([values[i] for i in members]), [body] * len(members))
            found |= {(i, j): place for i, place in zip(members, made, strict=True)}
    scale = of(norm.key.quantity, norm.key.unit)
    return [
        None if one is None else _mixed(found[i, one[0]], found[i, one[1]], one[2], scale) for i, one in enumerate(near)
    ]


def unusual(
    norm: ProfileNorm, envelope: Envelope, positions: Sequence[float], found: Sequence[Place | None]
) -> list[bool]:
    """Whether each slice is outside of the band of healthy profiles."""
    measured = np.isfinite(envelope.z)
    if not measured.any():
        return [False] * len(found)
    limit = norm.limit(measured)
    told = []
    for position, place in zip(positions, found, strict=True):
        near = _between(norm, position)
        out = place is not None and near is not None and 2 * ndtr(-abs(place.z)) < limit
        told.append(bool(out and near is not None and (envelope.unusual[near[0]] or envelope.unusual[near[1]])))
    return told


def _between(norm: ProfileNorm, position: float) -> tuple[int, int, float] | None:
    """The levels beside a position and the share of the way from one to the other; both the same on a level."""
    levels = np.array(norm.axis.levels)
    b = int(np.searchsorted(levels, position))
    if b < len(levels) and levels[b] == position:
        return (b, b, 0.0) if norm.levels[b] is not None else None
    if not 0 < b < len(levels) or norm.levels[b] is None or norm.levels[b - 1] is None:
        return None
    width = levels[b] - levels[b - 1]
    return (b - 1, b, float((position - levels[b - 1]) / width)) if width <= 1.5 * norm.axis.step else None


def _mixed(a: Place, b: Place, w: float, scale: Transform) -> Place:
    if w == 0 or a.refused or b.refused:
        return b if b.refused else a
    z = (1 - w) * a.z + w * b.z
    low, high = ((1 - w) * p + w * q for p, q in zip(a.z_interval, b.z_interval, strict=True))
    band = [
        float(scale.back((1 - w) * scale.forward(p) + w * scale.forward(q)))
        for p, q in zip(a.normal, b.normal, strict=True)
    ]
    return replace(a, z=z, centile=100 * float(ndtr(z)), z_interval=(low, high), normal=(band[0], band[1], band[2]),
                   n_controls=min(a.n_controls, b.n_controls), n_effective=min(a.n_effective, b.n_effective),
                   flags=tuple(dict.fromkeys((*a.flags, *b.flags))))  # fmt: skip
