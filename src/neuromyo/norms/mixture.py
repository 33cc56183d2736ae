"""Student-t mixtures: density, both tails in logarithms, and the z-score that a normal would have at the same centile.

    F(v) = sum_k w_k T_nu_k((v - m_k) / s_k)        z = Phi^-1(F) = -Phi^-1(1 - F)

The smaller tail is summed in logarithms and turned into z by the inverse of log Phi, so that z = 30 is as finite as z = 3.
"""

from __future__ import annotations

import numpy as np
from scipy.special import betaln, log_ndtr, ndtri_exp, stdtr

_SMALL = 1e-280


def log_tail(t: np.ndarray, df: np.ndarray) -> np.ndarray:
    """log P(T < t) of Student's t; where that underflows, log f(t) + log((1 + t2/df)/|t|), the tail's leading term."""
    lower = stdtr(df, t)
    log = np.log(np.maximum(lower, _SMALL))
    deep = lower < _SMALL
    if deep.any():
        t, df = np.broadcast_arrays(t, df)
        far, nu = t[deep], df[deep]
        log[deep] = log_density(far, nu) + np.log1p(far**2 / nu) - np.log(-far)
    return log


def log_density(t: np.ndarray, df: np.ndarray) -> np.ndarray:
    """log density of Student's t."""
    return -betaln(0.5, df / 2) - 0.5 * np.log(df) - (df + 1) / 2 * np.log1p(t**2 / df)


def tails(value: np.ndarray, location: np.ndarray, scale: np.ndarray, df: np.ndarray, log_weight: np.ndarray):
    """log F and log(1 - F) of (n,) values under n mixtures of K: location, scale (n, K); df, log_weight (K,)."""
    t = (value[:, None] - location) / scale
    return np.logaddexp.reduce(log_tail(t, df) + log_weight, axis=1), np.logaddexp.reduce(
        log_tail(-t, df) + log_weight, axis=1
    )


def deviate(value: np.ndarray, location: np.ndarray, scale: np.ndarray, df: np.ndarray, log_weight: np.ndarray):
    """(n,) z-scores."""
    low, high = tails(value, location, scale, df, log_weight)
    # rounding may bring a sum of weights past one
    smaller = np.minimum(np.minimum(low, high), np.log(0.5))
    return np.where(low <= high, 1.0, -1.0) * ndtri_exp(smaller)


def density(value: np.ndarray, location: np.ndarray, scale: np.ndarray, df: np.ndarray, log_weight: np.ndarray):
    """(n,) log densities."""
    t = (value[:, None] - location) / scale
    return np.logaddexp.reduce(log_density(t, df) - np.log(scale) + log_weight, axis=1)


def centile(z: np.ndarray) -> np.ndarray:
    """Percent of healthy people below a z-score."""
    return 100 * np.exp(log_ndtr(z))
