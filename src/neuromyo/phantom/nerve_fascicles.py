"""Fascicles laid into a nerve: discs of a stated size distribution and share that never overlap, and drift slowly."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from neuromyo.phantom.nerve_outline import Outline

#: smallest and largest diameter drawn, mm (before all are scaled together to the asked share)
SMALLEST_MM, LARGEST_MM = 0.3, 1.2
#: how far a fascicle drifts to either side of its place, and over which length along the nerve, mm
DRIFT_MM, DRIFT_LENGTH_MM = 0.04, (60.0, 120.0)
_PUSHES, _TRIES = 1000, 20
#: more than this share is never reached within a sheath; not tried
_MOST = 0.75


@dataclass(frozen=True, eq=False)
class Bundle:
    """Fascicles of one nerve in its reference section (that of z = 0, along its long and short axis).

    centres_mm : (n, 2); radius_mm : (n,); drift : (n, 4) wavelength (mm) and phase along each axis

    At other levels they are stretched with the outline, so their share of it stays and none touches another.
    """

    centres_mm: np.ndarray
    radius_mm: np.ndarray
    drift: np.ndarray

    def centres(self, z: float | np.ndarray, which: int | slice = slice(None)) -> tuple[np.ndarray, np.ndarray]:
        """Centres of fascicles in the reference section, as they lie at level z."""
        wave_u, phase_u, wave_v, phase_v = self.drift[which].T
        aside = DRIFT_MM / np.sqrt(2.0)
        return (
            self.centres_mm[which, 0] + aside * np.sin(2.0 * np.pi * z / wave_u + phase_u),
            self.centres_mm[which, 1] + aside * np.sin(2.0 * np.pi * z / wave_v + phase_v),
        )

    def depth(self, u: np.ndarray, v: np.ndarray, z: np.ndarray, width_mm: float = 0.0) -> np.ndarray:
        """Reference places (n,) at levels (n,) -> how far inside the nearest fascicle, mm; negative outside.

        A disc whose border is softened linearly over ``width_mm`` covers pi (r^2 + width^2 / 12): radii are made smaller by
        that, so that what is covered after softening is the true area."""
        best = np.full(u.shape, -np.inf)
        soft_radius = np.sqrt(np.maximum(self.radius_mm**2 - width_mm**2 / 12.0, 0.0))
        for i, radius in enumerate(soft_radius):
            cu, cv = self.centres_mm[i]
            near = np.flatnonzero((np.abs(u - cu) < radius + 0.4) & (np.abs(v - cv) < radius + 0.4))
            if near.size:
                at_u, at_v = self.centres(z[near], i)
                best[near] = np.maximum(best[near], radius - np.hypot(u[near] - at_u, v[near] - at_v))
        return best


@lru_cache(maxsize=256)
def pack(outline: Outline, share: float, mean_mm: float, sheath_mm: float, seed: int) -> Bundle:
    """Discs of diameters about ``mean_mm`` (lognormal, 35 % spread) that fill ``share`` of the outline within its sheath.

    Raises ValueError where so much cannot be packed (shares of about 0.6 and more).
    """
    rng = np.random.default_rng([seed, 71])
    for _ in range(_TRIES if share <= _MOST else 0):
        radius = _radii(rng, share * float(outline.area(np.zeros(()))), mean_mm)
        placed = _settle(rng, outline, radius + DRIFT_MM, sheath_mm)
        if placed is not None:
            low, high = DRIFT_LENGTH_MM
            n = radius.size
            drift = np.stack([rng.uniform(low, high, n), rng.uniform(0, 2 * np.pi, n),
                              rng.uniform(low, high, n), rng.uniform(0, 2 * np.pi, n)], axis=1)  # fmt: skip
            return Bundle(placed, radius, drift)
    raise ValueError(f"fascicles of {share:.0%} of {outline.area_mm2:.1f} mm2 cannot be packed without overlap")


def _radii(rng: np.random.Generator, area: float, mean_mm: float) -> np.ndarray:
    """Radii, largest first, whose discs add up to the area exactly."""
    found: list[float] = []
    while np.pi * np.sum(np.square(found)) < area:
        found.append(0.5 * float(np.clip(rng.lognormal(np.log(mean_mm), 0.35), SMALLEST_MM, LARGEST_MM)))
    radius = np.sort(np.array(found))[::-1]
    return radius * np.sqrt(area / (np.pi * np.sum(radius**2)))


def _settle(rng: np.random.Generator, outline: Outline, radius: np.ndarray, sheath_mm: float) -> np.ndarray | None:
    """Discs thrown into the outline and pushed apart until none overlaps and none touches the sheath; None if they do."""
    a, b = (float(v) for v in outline.axes(np.zeros(())))
    turn = rng.uniform(0, 2 * np.pi, radius.size)
    places = np.sqrt(rng.uniform(0, 0.7, radius.size))[:, None] * np.stack([a * np.cos(turn), b * np.sin(turn)], axis=1)
    edge = _edge(outline, a, b)
    apart = radius[:, None] + radius
    np.fill_diagonal(apart, 0.0)
    for _ in range(_PUSHES):
        off = places[:, None] - places[None]
        far = np.maximum(np.linalg.norm(off, axis=-1), 1e-9)
        overlap = np.maximum(apart + 1e-3 - far, 0.0)
        np.fill_diagonal(overlap, 0.0)
        push = 0.7 * np.sum(off / far[..., None] * overlap[..., None], axis=1)
        inward, deep = _from_edge(places, edge)
        lack = np.maximum(radius + sheath_mm + 1e-3 - deep, 0.0)
        places = places + push + inward * lack[:, None]
        if overlap.max() <= 1e-3 and lack.max() <= 1e-3:
            return places
    return None


def _edge(outline: Outline, a: float, b: float) -> np.ndarray:
    psi = 2.0 * np.pi * np.arange(360) / 360
    return outline.rho(psi)[:, None] * np.stack([a * np.cos(psi), b * np.sin(psi)], axis=1)


def _from_edge(places: np.ndarray, edge: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(unit vectors inwards from the nearest point of the edge, signed distance from it, negative outside)."""
    along = np.roll(edge, -1, axis=0) - np.roll(edge, 1, axis=0)
    normal = np.stack([-along[:, 1], along[:, 0]], axis=1) / np.linalg.norm(along, axis=1, keepdims=True)
    nearest = np.argmin(np.linalg.norm(places[:, None] - edge[None], axis=-1), axis=1)
    inward = normal[nearest]
    return inward, np.sum((places - edge[nearest]) * inward, axis=1)
