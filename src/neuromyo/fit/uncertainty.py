"""How large the noise is, and how sure a derived number is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import digamma, polygamma

from neuromyo.fit.separable import NoiseLevel


def pool_variance(variances: np.ndarray, dof: float) -> NoiseLevel:
    """What many voxels' residual variances say together about the noise (empirical Bayes).

    If s2_v ~ sigma_v^2 chi2_dof / dof and 1/sigma_v^2 ~ chi2_d0 / (d0 s0^2), then log s2_v has mean
    log s0^2 + psi(dof/2) - log(dof/2) - psi(d0/2) + log(d0/2) and variance psi'(dof/2) + psi'(d0/2). Equal noise
    everywhere gives d0 = inf; noise (or misfit) that varies between voxels gives a small d0, and then each voxel's own
    residual counts for more.

    variances : (m,) residual sum of squares / dof
    dof : residual degrees of freedom a voxel
    Returns the level with ``sigma`` = s0 and ``dof`` = d0.
    *Assumes* Gaussian residuals; the middle of the distribution is used, so that vessels and edges do not dominate.
    *Breaks* below about ten voxels, where a pooled value with no prior weight is returned.
    *Cites* Smyth, Stat Appl Genet Mol Biol 2004;3:3, doi:10.2202/1544-6115.1027.
    """
    usable = variances[np.isfinite(variances) & (variances > 0)]
    if dof <= 0 or len(usable) == 0:
        return NoiseLevel()
    if len(usable) < 10:
        return NoiseLevel(float(np.sqrt(np.median(usable))), 0.0)
    logs = np.log(usable)
    # winsorising at fixed quantiles keeps a few per cent of misfits from inflating the spread; its effect on the
    # variance of clean log-chi-square data is removed below
    low, high = np.quantile(logs, (0.05, 0.90))
    clipped = np.clip(logs, low, high)
    mean_shift, spread_share = _winsor_effect(dof)
    half = dof / 2
    centred = clipped.mean() - mean_shift - digamma(half) + np.log(half)
    excess = clipped.var(ddof=1) / spread_share - polygamma(1, half)
    # sampling error of the variance itself: an excess within two of its standard errors is no excess
    if excess <= 2.0 * polygamma(1, half) * np.sqrt(2.0 / len(usable)) * 1.5:
        return NoiseLevel(float(np.exp(0.5 * centred)), float("inf"))
    half0 = _inverse_trigamma(float(excess))
    return NoiseLevel(float(np.exp(0.5 * (centred + digamma(half0) - np.log(half0)))), 2 * half0)


def _winsor_effect(dof: float) -> tuple[float, float]:
    """What clipping at the 5th and 90th centile does to mean and variance of log chi-square with ``dof``."""
    from scipy.stats import chi2

    grid = np.log(chi2.ppf((np.arange(4000) + 0.5) / 4000, dof))
    clipped = np.clip(grid, np.quantile(grid, 0.05), np.quantile(grid, 0.90))
    return float(clipped.mean() - grid.mean()), float(clipped.var() / grid.var())


def _inverse_trigamma(value: float) -> float:
    """x with psi'(x) = value, by Newton's method on 1/psi'."""
    x = 0.5 + 1.0 / value
    for _ in range(50):
        tri = float(polygamma(1, x))
        change = tri * (1 - tri / value) / float(polygamma(2, x))
        x += change
        if abs(change) < 1e-9 * x:
            break
    return x


def propagate(covariance: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Standard deviation of a derived number: sqrt(g' C g).

    covariance : (..., q, q); gradient : (..., q). Entries of parameters that were not free are NaN in the covariance
    and count as known where their gradient is used. NaN where there is no covariance at all.
    """
    used = np.flatnonzero(np.reshape(gradient, (-1, gradient.shape[-1])).any(axis=0))  # the rest adds nothing
    variance = np.zeros(np.broadcast_shapes(covariance.shape[:-2], gradient.shape[:-1]))
    for i in used:
        for j in used[used <= i]:
            entry = covariance[..., i, j]
            term = (gradient[..., i] * gradient[..., j] * (1 if i == j else 2)) * np.where(
                np.isfinite(entry), entry, 0.0
            )
            variance += term
    none = ~np.isfinite(np.diagonal(covariance, axis1=-2, axis2=-1)).any(axis=-1)
    return np.where(none, np.nan, np.sqrt(np.maximum(variance, 0.0)))


def numerical_gradient(f: Callable[[np.ndarray], np.ndarray], x: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Central differences of f: (..., q) -> (...) at x (..., q), with steps broadcast to x; (..., q)."""
    out = np.empty(x.shape, dtype=np.float64)
    for i in range(x.shape[-1]):
        h = np.zeros(x.shape)
        h[..., i] = np.broadcast_to(step, x.shape)[..., i]
        out[..., i] = (f(x + h) - f(x - h)) / (2 * h[..., i])
    return out
