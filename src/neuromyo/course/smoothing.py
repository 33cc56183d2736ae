"""A smooth curve through scattered points, as smooth as the points' own scatter asks for.

    y_i = f(t_i) + e_i,  var e_i = s^2 / w_i;   minimise  sum_i w_i (y_i - f(t_i))^2 + lambda ||D_m c||^2

f is a cubic B-spline with coefficients c, D_m their m-th differences (P-spline). All columns of y share one lambda and one
s. lambda is that of the largest restricted likelihood (REML), where lambda = s^2 / (variance of D_m c): unlike the smallest
cross-validation error it seldom follows noise. The covariance of f is that of the same model,
s^2 B (B'WB + lambda D'D)^-1 B'.

Assumes: errors independent from point to point, equal in all columns.
Breaks: errors that are alike in neighbouring points are followed as if they were the curve.
Cites: Eilers and Marx 1996, 10.1214/ss/1038425655; Wood 2011, 10.1111/j.1467-9868.2010.00749.x
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg
from scipy.interpolate import BSpline

_MOST_INTERVALS = 80
_DEGREE = 3
_LOG_LAMBDA = np.arange(-7.0, 9.01, 0.25)
#: order of the differences that are penalised: even curvature costs nothing
_ORDER = 3
#: smallest misfit that is believed, as a share of the points' own spread: arithmetic, not measurement
_LEAST_MISFIT = 1e-13


@dataclass(frozen=True, eq=False)
class Smooth:
    """A fitted curve. ``scatter`` is s; ``wave`` the wavelength that is kept to one half, in units of t."""

    coefficients: np.ndarray
    covariance: np.ndarray
    knots: np.ndarray
    scatter: float
    wave: float

    def __call__(self, t: np.ndarray, derivative: int = 0) -> np.ndarray:
        """(k, columns) values or derivatives; beyond the ends the curve goes on straight."""
        low, high = self.knots[_DEGREE], self.knots[-_DEGREE - 1]
        inside = np.clip(t, low, high)
        found = _basis(self.knots, inside, derivative) @ self.coefficients
        if derivative == 0:
            found = found + (t - inside)[:, None] * (_basis(self.knots, inside, 1) @ self.coefficients)
        return found

    def sd(self, t: np.ndarray, derivative: int = 0) -> np.ndarray:
        """(k,) standard deviation of one column's value or derivative."""
        basis = _basis(self.knots, np.clip(t, self.knots[_DEGREE], self.knots[-_DEGREE - 1]), derivative)
        return np.sqrt(np.maximum(np.sum((basis @ self.covariance) * basis, axis=1), 0.0))


def fit(t: np.ndarray, y: np.ndarray, weight: np.ndarray, *, wave: float | None = None) -> Smooth:
    """The curve through points.

    t : (n,) ascending, n >= 3
    y : (n, columns)
    weight : (n,) > 0, relative precision
    wave : wavelength, in units of t, that is kept to one half; by REML where not given, but no longer than all of t: where the
        scatter hides a bend REML may take it for none, and be too sure of it
    """
    order = _ORDER if len(t) >= 2 * _ORDER else 2
    knots = _knots(t)
    basis = _basis(knots, t, 0)
    differences = np.diff(np.eye(basis.shape[1]), order, axis=0)
    weight = weight / weight.mean()
    middle = y.mean(axis=0)
    modes = _Modes.of(basis, weight, y - middle, differences.T @ differences, order)
    spacing = (t[-1] - t[0]) / (len(t) - 1)
    per_lambda = float(knots[1] - knots[0]) ** (2 * order - 1) * spacing
    longest = ((wave or (t[-1] - t[0])) / (2 * np.pi)) ** (2 * order) / per_lambda
    chosen = longest if wave is not None else min(modes.likeliest(), longest)
    coefficients, inverse, scatter = modes.solve(chosen)
    half = 2 * np.pi * (chosen * per_lambda) ** (1 / (2 * order))
    return Smooth(coefficients + middle, scatter**2 * inverse, knots, scatter, float(half))


@dataclass(frozen=True, eq=False)
class _Modes:
    """The problem in coordinates in which data and penalty are both diagonal: V'(B'WB)V = 1 - c s, V'(D'D)V = s, so that every
    lambda costs a sum.

    ``total`` is y'Wy; ``score`` V'B'Wy (modes, columns); ``data`` and ``penalty`` the two diagonals; ``scale`` is c
    """

    vectors: np.ndarray
    data: np.ndarray
    penalty: np.ndarray
    score: np.ndarray
    total: float
    points: int
    order: int
    scale: float

    @staticmethod
    def of(basis: np.ndarray, weight: np.ndarray, y: np.ndarray, penalty: np.ndarray, order: int) -> _Modes:
        gram = basis.T @ (weight[:, None] * basis)
        scale = float(np.trace(gram) / np.trace(penalty))
        shares, vectors = linalg.eigh(penalty, gram + scale * penalty)
        shares = np.clip(shares, 0.0, 1 / scale)
        shares[:order] = 0.0
        score = vectors.T @ (basis.T @ (weight[:, None] * y))
        total = float(np.sum(weight[:, None] * y**2))
        return _Modes(vectors, 1 - scale * shares, shares, score, total, len(y), order, scale)

    def likeliest(self) -> float:
        """lambda of the largest restricted likelihood."""
        trials = self.scale * 10.0**_LOG_LAMBDA
        return float(trials[int(np.argmin([self._cost(value) for value in trials]))])

    def solve(self, value: float) -> tuple[np.ndarray, np.ndarray, float]:
        """Coefficients, (B'WB + lambda D'D)^-1, and s by the degrees of freedom that the curve leaves."""
        whole = self.data + value * self.penalty
        found = self.score / whole[:, None]
        residual = max(self.total - float(np.sum(found * (2 * self.score - self.data[:, None] * found))), 0.0)
        left = max(self.points - float(np.sum(self.data / whole)), 1.0)
        scatter = float(np.sqrt(residual / (self.score.shape[1] * left)))
        return self.vectors @ found, (self.vectors / whole) @ self.vectors.T, scatter

    def _cost(self, value: float) -> float:
        """-2 log restricted likelihood, s profiled out, but for a constant."""
        whole = self.data + value * self.penalty
        misfit = max(self.total - float(np.sum(self.score**2 / whole[:, None])), _LEAST_MISFIT * self.total)
        free = len(whole) - self.order
        evidence = (self.points - self.order) * np.log(max(misfit, np.finfo(float).tiny))
        return self.score.shape[1] * float(evidence + np.sum(np.log(whole)) - free * np.log(value))


def _knots(t: np.ndarray) -> np.ndarray:
    intervals = min(len(t) - 1, _MOST_INTERVALS)
    step = (t[-1] - t[0]) / intervals
    return t[0] + step * np.arange(-_DEGREE, intervals + _DEGREE + 1)


def _basis(knots: np.ndarray, t: np.ndarray, derivative: int) -> np.ndarray:
    """(k, coefficients) B-splines, or their derivatives, at t."""
    count = len(knots) - _DEGREE - 1
    splines = BSpline(knots, np.eye(count), _DEGREE)
    return np.asarray(splines(t, nu=derivative))
