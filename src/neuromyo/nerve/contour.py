"""A closed outline round a centre, radius by angle; and the best such outline through a table of evidence."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import ndimage

N_ANGLES = 64
ANGLES = 2.0 * np.pi * np.arange(N_ANGLES) / N_ANGLES
DIRECTIONS = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)


@dataclass(frozen=True, eq=False)
class Outline:
    """``radius`` (64,) mm at even angles round ``centre`` (2,) mm."""

    centre: np.ndarray
    radius: np.ndarray

    @staticmethod
    def circle(centre: np.ndarray, radius_mm: float) -> Outline:
        return Outline(np.asarray(centre, dtype=np.float64), np.full(N_ANGLES, radius_mm))

    @cached_property
    def points(self) -> np.ndarray:
        """(64, 2) mm."""
        return self.centre + self.radius[:, None] * DIRECTIONS

    @cached_property
    def area(self) -> float:
        """mm2 within the polygon."""
        return polygon_area(self.points)

    @cached_property
    def middle(self) -> np.ndarray:
        """(2,) centre of area."""
        x, y = (self.points - self.centre).T
        cross = x * np.roll(y, -1) - np.roll(x, -1) * y
        total = cross.sum() * 3.0
        return (
            self.centre + np.array([((x + np.roll(x, -1)) * cross).sum(), ((y + np.roll(y, -1)) * cross).sum()]) / total
        )

    @cached_property
    def recentred(self) -> Outline:
        """The same outline round its centre of area."""
        points = self.points - self.middle
        angle, size = np.arctan2(points[:, 1], points[:, 0]), np.hypot(points[:, 0], points[:, 1])
        order = np.argsort(angle, kind="stable")
        radius = np.interp(ANGLES, angle[order], size[order], period=2 * np.pi)
        return Outline(self.middle, radius)

    def moved(self, by: np.ndarray) -> Outline:
        return Outline(self.centre + by, self.radius)

    def scaled(self, by: float) -> Outline:
        return Outline(self.centre, self.radius * by)

    @cached_property
    def extent(self) -> tuple[float, float]:
        """(longest, shortest) axis in mm of the ellipse of the same second moments."""
        x, y = self.recentred.points.T - self.middle[:, None]
        r4 = (x**2 + y**2) ** 2
        moments = np.array([[np.sum(r4 * n) for n in row] for row in _PAIRS]) * (2 * np.pi / N_ANGLES) / 4
        small, large = np.linalg.eigvalsh(moments / self.area)
        return float(4 * np.sqrt(large)), float(4 * np.sqrt(small))


_C, _S = np.cos(ANGLES), np.sin(ANGLES)
_PAIRS = ((_C * _C, _C * _S), (_C * _S, _S * _S))


def polygon_area(points: np.ndarray) -> float:
    """Area within a closed polygon (n, 2)."""
    x, y = points.T
    return 0.5 * abs(float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()))


def smoothed(radius: np.ndarray, harmonics: int, weight: np.ndarray | None = None) -> np.ndarray:
    """The closest curve of so many harmonics, in least squares, with more harmonics costing a little."""
    order = np.arange(1, harmonics + 1)
    basis = np.concatenate([np.ones((1, N_ANGLES)), np.cos(order[:, None] * ANGLES), np.sin(order[:, None] * ANGLES)])
    w = np.ones(N_ANGLES) if weight is None else weight
    cost = 0.002 * w.sum() * np.concatenate([[0.0], order**2, order**2]) / harmonics**2
    return basis.T @ np.linalg.solve((basis * w) @ basis.T + np.diag(cost), (basis * w) @ radius)


def best_path(gain: np.ndarray, stiffness: float, reach: int = 3) -> np.ndarray:
    """The closed path (64,) of column indices through gains (64, n) that gains most, less ``stiffness`` x step squared.

    Dynamic programming along the angle, once and a half round, of which the middle is kept: its two ends then meet but in
    pathological tables, and a step of more than ``reach`` columns is never taken.
    """
    turns = np.concatenate([gain[N_ANGLES // 2 :], gain, gain[: N_ANGLES // 2]])
    n = gain.shape[1]
    steps = np.arange(-reach, reach + 1)
    total = turns[0].copy()
    came = np.zeros(turns.shape, np.int64)
    columns = np.arange(n)
    price = np.array([stiffness * s * s for s in steps])[:, None]
    padded = np.full(n + 2 * reach, -np.inf)
    from_steps = np.lib.stride_tricks.sliding_window_view(padded, n)  # (steps, n): totals a step away, seen in place
    for row in range(1, len(turns)):
        padded[reach : reach + n] = total
        choices = from_steps - price
        pick = choices.argmax(axis=0)
        came[row] = columns + steps[pick]
        total = choices[pick, columns] + turns[row]
    path = np.empty(len(turns), np.int64)
    path[-1] = int(total.argmax())
    for row in range(len(turns) - 1, 0, -1):
        path[row - 1] = came[row, path[row]]
    return path[N_ANGLES // 2 : N_ANGLES // 2 + N_ANGLES]


def peak_between(gain: np.ndarray, path: np.ndarray) -> np.ndarray:
    """The path between columns: the top of the parabola through each gain and its two neighbours."""
    rows = np.arange(len(path))
    inner = np.clip(path, 1, gain.shape[1] - 2)
    left, mid, right = gain[rows, inner - 1], gain[rows, inner], gain[rows, inner + 1]
    bend = left - 2 * mid + right
    shift = np.where(bend < -1e-12, 0.5 * (left - right) / np.where(bend < -1e-12, bend, -1.0), 0.0)
    return inner + np.clip(shift, -0.5, 0.5)


def around(values: np.ndarray, sigma: float) -> np.ndarray:
    """(64, n) smoothed along the angle, by ``sigma`` angles."""
    return ndimage.gaussian_filter1d(values, sigma, axis=0, mode="wrap") if sigma > 0.05 else values
