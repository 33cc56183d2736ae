r"""Measured against reference: a straight line that knows that both have errors.

.. math:: \min_{a, b} \sum_i \frac{(y_i - a - b x_i)^2}{u_{y,i}^2 + b^2 u_{x,i}^2}

(York's least squares with uncorrelated errors; ordinary least squares where u_x is 0 and u_y alike, Deming's where both are
constant). The weights are taken as relative: the covariance is scaled by the residual scatter and t is on n - 2 degrees of freedom, so
that vials that fit the line badly widen its intervals. Curvature is a quadratic term tested with the weights of the line.

*Assumes* errors independent between vials. *Breaks* with references whose errors are common to all (one wrong balance): no regression
sees those.

*Cites* York et al., Am J Phys 2004;72:367, doi:10.1119/1.1632486; Linnet, Clin Chem 1993;39:424.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from neuromyo.stats.intervals import UNKNOWN, Interval, t_interval

#: vials needed for a line with an interval, and for a test of curvature
LEAST_LINE, LEAST_CURVE = 3, 5


@dataclass(frozen=True, slots=True)
class Line:
    """measured = intercept + slope x reference. ``curvature_p``: probability of so much curvature if the truth were straight."""

    slope: Interval
    intercept: Interval
    r2: float
    curvature: float
    curvature_p: float
    n: int


NO_LINE = Line(UNKNOWN, UNKNOWN, float("nan"), float("nan"), float("nan"), 0)


def line(x: np.ndarray, y: np.ndarray, u_x: np.ndarray, u_y: np.ndarray) -> Line:
    """The line through n vials; all (n,), uncertainties standard ones. Without intervals below three vials."""
    known = np.isfinite(x) & np.isfinite(y)
    x, y, u_x, u_y = x[known], y[known], u_x[known], u_y[known]
    n = len(x)
    if n < LEAST_LINE or np.ptp(x) == 0:
        return NO_LINE
    floor = 1e-9 * max(float(np.abs(y).max()), 1e-12)
    u_y = np.maximum(u_y, floor)
    slope, intercept, weight, adjusted = york(x, y, u_x, u_y)
    left = y - intercept - slope * x
    scale = float((weight * left**2).sum() / (n - 2))
    centre = float((weight * adjusted).sum() / weight.sum())
    var_slope = scale / float((weight * (adjusted - centre) ** 2).sum())
    var_intercept = scale / float(weight.sum()) + centre**2 * var_slope
    mean = float((weight * y).sum() / weight.sum())
    spread = float((weight * (y - mean) ** 2).sum())
    r2 = 1.0 - float((weight * left**2).sum()) / spread if spread > 0 else float("nan")
    curvature, p = _curvature(x, y, weight)
    return Line(t_interval(slope, float(np.sqrt(var_slope)), n - 2), t_interval(intercept, float(np.sqrt(var_intercept)), n - 2),
                r2, curvature, p, n)  # fmt: skip


def york(x: np.ndarray, y: np.ndarray, u_x: np.ndarray, u_y: np.ndarray) -> tuple[float, float, np.ndarray, np.ndarray]:
    """Slope, intercept, weights and the adjusted abscissae of the fit."""
    slope = float(np.polyfit(x, y, 1)[0])
    weight, adjusted = np.ones_like(x), x
    for _ in range(200):
        weight = 1.0 / (u_y**2 + slope**2 * u_x**2)
        x_mean, y_mean = ((weight * v).sum() / weight.sum() for v in (x, y))
        beta = weight * ((x - x_mean) * u_y**2 + slope * (y - y_mean) * u_x**2)
        adjusted = x_mean + beta
        new = float((weight * beta * (y - y_mean)).sum() / (weight * beta * (x - x_mean)).sum())
        done, slope = abs(new - slope) <= 1e-13 * max(abs(new), 1e-12), new
        if done:
            break
    x_mean, y_mean = ((weight * v).sum() / weight.sum() for v in (x, y))
    return slope, float(y_mean - slope * x_mean), weight, adjusted


def _curvature(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """Quadratic coefficient (per squared unit of x) and its two-sided p."""
    n = len(x)
    if n < LEAST_CURVE or len(np.unique(x)) < 3:
        return float("nan"), float("nan")
    middle, size = float(x.mean()), float(np.ptp(x))
    z = (x - middle) / size
    design = np.stack([np.ones(n), z, z**2], axis=1) * np.sqrt(weight)[:, None]
    target = y * np.sqrt(weight)
    found, *_ = np.linalg.lstsq(design, target, rcond=None)
    left = target - design @ found
    variance = float(left @ left) / (n - 3)
    se = float(np.sqrt(variance * np.linalg.inv(design.T @ design)[2, 2]))
    if se == 0.0:
        return float(found[2]) / size**2, float("nan")
    return float(found[2]) / size**2, float(2 * stats.t.sf(abs(found[2] / se), n - 3))
