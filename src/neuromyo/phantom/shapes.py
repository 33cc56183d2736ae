"""Level functions of the reference leg's structures: how deep a point lies in a skin, a bone, a muscle or a nerve."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.interpolate import PchipInterpolator

from neuromyo.phantom.layout import Row, Tube

#: a muscle whose semi-axis is below this is not there, in mm
VANISHED_MM = 0.6
#: spacing and radius of the fascicles in a nerve, in mm: they fill 58 % of it
FASCICLE_PITCH_MM, FASCICLE_RADIUS_MM = 1.15, 0.46


@dataclass(frozen=True, eq=False)
class Course:
    """Numbers that run smoothly along the leg: rows of (s, numbers...) joined by monotone cubics."""

    rows: tuple[Row, ...]

    @cached_property
    def _curve(self) -> PchipInterpolator:
        table = np.array(sorted(self.rows), dtype=np.float64)
        return PchipInterpolator(table[:, 0], table[:, 1:], axis=0)

    @cached_property
    def _slope(self) -> PchipInterpolator:
        return self._curve.derivative()

    @cached_property
    def ends(self) -> tuple[float, float]:
        levels = [row[0] for row in self.rows]
        return min(levels), max(levels)

    def at(self, s: np.ndarray) -> np.ndarray:
        """Levels () or (n,) in mm -> (k,) or (k, n); beyond the ends the end row holds."""
        return np.moveaxis(self._curve(np.clip(s, *self.ends)), -1, 0)

    def slope(self, s: np.ndarray) -> np.ndarray:
        """Levels (n,) in mm -> (2, n): how the centre moves along u and v per mm upwards; 0 beyond the ends."""
        within = (s > self.ends[0]) & (s < self.ends[1])
        return np.moveaxis(self._slope(np.clip(s, *self.ends)), -1, 0)[:2] * within

    def reaches(self, s: np.ndarray) -> np.ndarray:
        return (s >= self.ends[0]) & (s <= self.ends[1])


class Structure:
    """A `Tube` ready to be asked about points."""

    def __init__(self, tube: Tube) -> None:
        self.name, self.parent = tube.name, tube.parent
        self.course = Course(tube.rows)

    def centre(self, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        cu, cv = self.course.at(s)[:2]
        return cu, cv

    def depth(self, u: np.ndarray, v: np.ndarray, s: np.ndarray) -> np.ndarray:
        """How far inside its outline a point lies, in mm along the ray from its centre; negative outside."""
        cu, cv, a, b, turn, *shape = self.course.at(s)
        x, y = _turned(u - cu, v - cv, turn)
        corner = shape[1] if len(shape) > 1 else 0.0
        radius = polar_radius(x, y, a, b, corner)
        return np.where(self.course.reaches(s), radius - np.hypot(x, y), -np.inf)

    def cortex(self, s: np.ndarray) -> np.ndarray:
        """Thickness of a bone's cortex, in mm."""
        return self.course.at(s)[5]

    def level(self, u: np.ndarray, v: np.ndarray, s: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A muscle's claim to points: (level, its slope along u, along v). The level is 0 on the ellipse, negative
        inside, and grows by about 1 a mm; infinite where the muscle is not."""
        cu, cv, a, b, turn = self.course.at(s)
        there = self.course.reaches(s) & (np.minimum(a, b) > VANISHED_MM)
        a, b = np.maximum(a, VANISHED_MM), np.maximum(b, VANISHED_MM)
        x, y = _turned(u - cu, v - cv, turn)
        q = np.maximum(np.sqrt((x / a) ** 2 + (y / b) ** 2), 1e-9)
        r = np.sqrt(a * b)
        gx, gy = r * x / (a**2 * q), r * y / (b**2 * q)
        gu, gv = _turned(gx, gy, -turn)
        return np.where(there, r * (q - 1.0), np.inf), gu, gv

    def reach(self, s: np.ndarray, most: float) -> np.ndarray:
        """How far beyond its ellipse a muscle may grow, in mm: less for thin ones."""
        a, b = self.course.at(s)[2:4]
        return np.minimum(most, 0.5 * np.sqrt(np.maximum(a * b, 0.0)))

    def in_fascicle(self, u: np.ndarray, v: np.ndarray, s: np.ndarray) -> np.ndarray:
        """True where a point inside a nerve lies in one of its fascicles: discs on a hexagonal lattice."""
        cu, cv = self.centre(s)
        x, y = (u - cu) / FASCICLE_PITCH_MM, (v - cv) / FASCICLE_PITCH_MM
        nearest = np.full(np.broadcast(x, y).shape, np.inf)
        for shift in (0.0, 0.5):
            row = (np.round(y / np.sqrt(3.0) - shift) + shift) * np.sqrt(3.0)
            column = np.round(x - shift) + shift
            nearest = np.minimum(nearest, np.hypot(x - column, y - row))
        return nearest * FASCICLE_PITCH_MM < FASCICLE_RADIUS_MM


def polar_radius(
    x: np.ndarray, y: np.ndarray, a: np.ndarray, b: np.ndarray, corner: np.ndarray | float = 0.0
) -> np.ndarray:
    """Distance from the centre to the outline in the direction of (x, y): an ellipse, drawn out to three corners by
    ``corner`` (one of them towards +y)."""
    rho = np.hypot(x, y)
    safe = np.maximum(rho, 1e-9)
    cos, sin = x / safe, y / safe
    ellipse = 1.0 / np.sqrt((cos / a) ** 2 + (sin / b) ** 2 + 1e-18)
    if np.ndim(corner) == 0 and corner == 0.0:
        return ellipse
    return ellipse * (1.0 - corner * sin * (3.0 - 4.0 * sin * sin))


def _turned(x: np.ndarray, y: np.ndarray, degrees: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Components along axes that are turned by ``degrees``."""
    angle = np.deg2rad(degrees)
    return x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
