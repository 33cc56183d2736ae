"""Empirical-Bayes harmonisation straight from the equations of Johnson, Li and Rabinovic (2007, section 3) and Fortin (2018).

NumPy only. Loops over batches and features as the papers index them; least squares by the normal equations with one indicator a
batch; the conditional posterior means not by iteration but as the root of one equation in delta^2, found by halving.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Combat:
    """gamma_star, delta2_star (batches, features); adjusted (features, samples); pooled variance (features)."""

    gamma_star: np.ndarray
    delta2_star: np.ndarray
    adjusted: np.ndarray
    pooled: np.ndarray


def combat(y, batch, x):
    """y (features, samples); batch (samples) from 0; x (samples, covariates), possibly none."""
    y, batch, x = np.asarray(y, float), np.asarray(batch), np.asarray(x, float).reshape(len(batch), -1)
    g, n = y.shape
    k = batch.max() + 1
    design = np.zeros((n, k + x.shape[1]))
    design[np.arange(n), batch] = 1
    design[:, k:] = x
    beta = np.linalg.solve(design.T @ design, design.T @ y.T)
    share = np.array([(batch == i).sum() for i in range(k)]) / n
    alpha = share @ beta[:k]
    pooled = ((y.T - design @ beta) ** 2).sum(axis=0) / n
    standard = alpha[:, None] + (x @ beta[k:]).T
    z = (y - standard) / np.sqrt(pooled)[:, None]
    gamma_star, delta2_star, adjusted = np.zeros((k, g)), np.zeros((k, g)), np.zeros_like(y)
    for i in range(k):
        zi = z[:, batch == i]
        m = zi.shape[1]
        gamma, delta2 = zi.mean(axis=1), zi.var(axis=1, ddof=1)
        gamma_bar, tau2 = gamma.mean(), gamma.var(ddof=1)
        v, s2 = delta2.mean(), delta2.var(ddof=1)
        lam, theta = (v**2 + 2 * s2) / s2, (v**3 + v * s2) / s2
        for j in range(g):

            def location(d2, j=j, gamma=gamma, m=m, tau2=tau2, gamma_bar=gamma_bar):
                return (m * tau2 * gamma[j] + d2 * gamma_bar) / (m * tau2 + d2)

            def excess(d2, j=j, zi=zi, m=m, lam=lam, theta=theta, location=location):
                return d2 - (theta + 0.5 * ((zi[j] - location(d2)) ** 2).sum()) / (m / 2 + lam - 1)

            delta2_star[i, j] = _root(excess)
            gamma_star[i, j] = location(delta2_star[i, j])
            at = np.flatnonzero(batch == i)
            shrunk = (z[j, at] - gamma_star[i, j]) / np.sqrt(delta2_star[i, j])
            adjusted[j, at] = np.sqrt(pooled[j]) * shrunk + standard[j, at]
    return Combat(gamma_star, delta2_star, adjusted, pooled)


def _root(f):
    low, high = 1e-12, 1.0
    while f(high) < 0:
        high *= 2
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if f(middle) < 0 else (low, middle)
    return 0.5 * (low + high)
