"""Area, perimeter and second moments of polygons in a plane, exactly (Green's theorem)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Measures:
    """Of one or several polygons taken together. ``long`` and ``short`` are the axes of the ellipse that has the same second
    moments as the area: exact of an ellipse, and less at the mercy of single corners than calipers."""

    area: float
    perimeter: float
    long: float
    short: float


def measure(polygons: Sequence[np.ndarray]) -> Measures:
    """polygons : (m, 2) each, closed, the last point not repeated, either sense of rotation."""
    area, first, second, perimeter = 0.0, np.zeros(2), np.zeros((2, 2)), 0.0
    for polygon in polygons:
        one_area, one_first, one_second = _moments(polygon)
        area, first, second = area + one_area, first + one_first, second + one_second
        perimeter += float(np.linalg.norm(np.roll(polygon, -1, axis=0) - polygon, axis=1).sum())
    centre = first / area
    spread = second / area - np.outer(centre, centre)
    short, long = np.sqrt(np.maximum(np.linalg.eigvalsh(spread), 0.0))
    return Measures(area, perimeter, 4 * float(long), 4 * float(short))


def _moments(polygon: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Area, first moments (2,) and second moments (2, 2) about the origin, positive whatever the sense of rotation."""
    a, b = polygon, np.roll(polygon, -1, axis=0)
    cross = a[:, 0] * b[:, 1] - b[:, 0] * a[:, 1]
    area = float(cross.sum()) / 2
    first = (cross[:, None] * (a + b)).sum(axis=0) / 6
    pairs = a[:, :, None] * a[:, None, :] + b[:, :, None] * b[:, None, :]
    mixed = a[:, :, None] * b[:, None, :]
    second = (cross[:, None, None] * (pairs + (mixed + mixed.transpose(0, 2, 1)) / 2)).sum(axis=0) / 12
    sign = 1.0 if area >= 0 else -1.0
    return sign * area, sign * first, sign * second
