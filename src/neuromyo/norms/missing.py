r"""Controls whose profile is not measured at every level: completed by what their other levels tell (EM).

With rows y_i = B' x_i + e_i, e_i ~ N(0, S), the missing part m of a row with observed part o is

.. math:: \hat y_m = \mu_m + S_{mo} S_{oo}^{-1} (y_o - \mu_o), \qquad C_m = S_{mm} - S_{mo} S_{oo}^{-1} S_{om}

and the sum of y y' gets C_m added, so that spreads do not shrink. One set of people then enters every sum: sums over different
people at neighbouring levels would let the one who is missing be computed by subtraction.

Assumes: a level is missing for a reason that has nothing to do with its value (the field of view ended).
Breaks: levels where most people are missing; the count of those measured (not of all) is what a level's norm is worth.
Cites: Dempster, Laird & Rubin, J R Stat Soc B 1977;39:1, doi:10.1111/j.2517-6161.1977.tb01600.x.
"""

from __future__ import annotations

import numpy as np

from neuromyo.stats.max_t import shrunk_correlation

_STEPS = 25


def completed(x: np.ndarray, y: np.ndarray, slope_sd: float) -> tuple[np.ndarray, np.ndarray]:
    """(n, m) rows without gaps, and (n, m, m) what has to be added to y y' of each.

    x : (n, 1 + p) design with a leading one; y : (n, m), NaN where missing; every column has at least two values
    slope_sd : prior SD of a slope in residual SDs
    """
    n, m = y.shape
    spread = np.zeros((n, m, m))
    gaps = np.isnan(y)
    if not gaps.any():
        return y, spread
    filled = np.where(gaps, np.nanmean(y, axis=0), y)
    ridge = np.diag(np.r_[0.0, np.full(x.shape[1] - 1, slope_sd**-2.0)])
    patterns, of = np.unique(gaps, axis=0, return_inverse=True)
    for _ in range(_STEPS):
        slopes = np.linalg.solve(x.T @ x + ridge, x.T @ filled)
        residual = filled - x @ slopes
        covariance = _shrunk(residual.T @ residual + spread.sum(axis=0), n - 1)
        for k, gap in enumerate(patterns):
            rows = np.flatnonzero(of.ravel() == k)
            if gap.any() and not gap.all():
                _fill(filled, spread, rows, gap, x @ slopes, covariance)
    return filled, spread


def _fill(
    filled: np.ndarray, spread: np.ndarray, rows: np.ndarray, gap: np.ndarray, mean: np.ndarray, covariance: np.ndarray
) -> None:
    """Replaces the missing part of these rows, in place, by its mean given the rest."""
    seen = np.flatnonzero(~gap)
    lost = np.flatnonzero(gap)
    weights = np.linalg.solve(covariance[np.ix_(seen, seen)], covariance[np.ix_(seen, lost)])
    filled[np.ix_(rows, lost)] = (
        mean[np.ix_(rows, lost)] + (filled[np.ix_(rows, seen)] - mean[np.ix_(rows, seen)]) @ weights
    )
    left = covariance[np.ix_(lost, lost)] - covariance[np.ix_(lost, seen)] @ weights
    spread[np.ix_(rows, lost, lost)] = 0.5 * (left + left.T)


def _shrunk(cross: np.ndarray, df: float) -> np.ndarray:
    """Covariance with its correlations shrunk, so that few people leave it invertible."""
    correlation, _ = shrunk_correlation(cross, df)
    size = np.sqrt(np.diagonal(cross) / df)
    return (0.999 * correlation + 0.001 * np.eye(len(cross))) * np.outer(size, size)
