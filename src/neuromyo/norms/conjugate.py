"""Bayesian linear regression in closed form, for a whole grid of variance structures at once.

    y | b, s2 ~ N(X b, s2 R)      b | s2 ~ N(m, s2 L^-1)      s2 ~ IG(a, b)             (Normal-Inverse-Gamma)

    L' = L + X'R^-1 X    m' = L'^-1 (L m + X'R^-1 y)    a' = a + n/2    b' = b + (y'R^-1 y + m'Lm - m'' L' m'')/2
    log p(y) = -n/2 log 2pi - log|R|/2 + (log|L| - log|L'|)/2 + a log b - a' log b' + lgamma(a') - lgamma(a)

A covariate without prior has zeros in L; such a direction costs half a degree of freedom (a is lowered by 1/2), its log|L|
is left out, and with a <= 0 the terms of a and b, too: constants of the grid, so that evidences still compare on it.

Cites: O'Hagan & Forster 2004, Kendall's Advanced Theory of Statistics 2B, ch. 11; Minka 2000, Bayesian linear regression.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln


@dataclass(frozen=True, eq=False)
class Data:
    """What a regression needs to know of its rows: K variants of the weights R^-1, P coefficients.

    gram : (K, P, P) X'R^-1 X; cross : (K, P) X'R^-1 y; square : (K,) y'R^-1 y; log_det : (K,) log|R|; n : rows
    """

    gram: np.ndarray
    cross: np.ndarray
    square: np.ndarray
    log_det: np.ndarray
    n: int


@dataclass(frozen=True, eq=False)
class Nig:
    """K Normal-Inverse-Gamma distributions over P coefficients and the residual variance.

    precision : (K, P, P) L; mean : (K, P) m; a, b : (K,); log_det : (K,) of L over the directions that have a prior
    """

    precision: np.ndarray
    mean: np.ndarray
    a: np.ndarray
    b: np.ndarray
    log_det: np.ndarray

    def update(self, data: Data) -> tuple[Nig, np.ndarray]:
        """Posterior, and (K,) log evidence of the rows; LinAlgError where nothing determines a coefficient."""
        precision = self.precision + data.gram
        shift = np.einsum("kij,kj->ki", self.precision, self.mean)
        factor = np.linalg.cholesky(_determined(precision))
        target = shift + data.cross
        half = np.linalg.solve(factor, target[..., None])[..., 0]
        mean = np.linalg.solve(np.swapaxes(factor, 1, 2), half[..., None])[..., 0]
        a = self.a + data.n / 2
        b = self.b + 0.5 * (data.square + np.einsum("ki,ki->k", self.mean, shift) - np.einsum("ki,ki->k", half, half))
        b = np.maximum(b, 1e-12 * np.maximum(data.square, 1e-290))
        log_det = 2 * np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(axis=1)
        evidence = -0.5 * (data.n * np.log(2 * np.pi) + data.log_det + log_det - self.log_det)
        evidence = evidence - a * np.log(b) + gammaln(np.where(a > 0, a, 1.0)) + self._normaliser()
        return Nig(precision, mean, a, b, log_det), evidence

    def _normaliser(self) -> np.ndarray:
        """a log b - lgamma(a), or 0 where the variance has no proper prior."""
        proper = (self.a > 0) & (self.b > 0)
        a, b = np.where(proper, self.a, 1.0), np.where(proper, self.b, 1.0)
        return np.where(proper, a * np.log(b) - gammaln(a), 0.0)

    def covariance(self) -> np.ndarray:
        """(K, P, P) L^-1: covariance of the coefficients in units of the residual variance."""
        inverse = np.linalg.inv(self.precision)
        return 0.5 * (inverse + np.swapaxes(inverse, 1, 2))

    def taken(self, keep: np.ndarray) -> Nig:
        """Those of the K that an index or mask selects."""
        return Nig(self.precision[keep], self.mean[keep], self.a[keep], self.b[keep], self.log_det[keep])


def prior(mean: np.ndarray, sd: np.ndarray, a: float, b: float) -> Nig:
    """Independent coefficients: (K, P) means and SDs, SD in units of the residual SD, infinite where there is no prior.

    a, b : of the residual variance; a = b = 0 is p(s2) = 1/s2. Half a degree is taken for each coefficient without prior.
    """
    mean, sd = np.broadcast_arrays(np.asarray(mean, dtype=np.float64), np.asarray(sd, dtype=np.float64))
    held = np.isfinite(sd)
    inverse = np.where(held, 1 / np.where(held, sd, 1.0) ** 2, 0.0)
    log_det = np.log(np.where(held, inverse, 1.0)).sum(axis=1)
    precision = inverse[:, :, None] * np.eye(mean.shape[1])
    count = len(mean)
    return Nig(precision, mean * held, a - 0.5 * (~held).sum(axis=1), np.full(count, float(b)), log_det)


def rows(x: np.ndarray, y: np.ndarray, variance: np.ndarray) -> Data:
    """Independent rows: x (m, P), y (m,), variance (K, m) in units of the residual variance."""
    weight = 1 / variance
    return Data(
        gram=np.einsum("mi,km,mj->kij", x, weight, x), cross=np.einsum("mi,km,m->ki", x, weight, y),
        square=np.einsum("m,km,m->k", y, weight, y), log_det=np.log(variance).sum(axis=1), n=len(y),
    )  # fmt: skip


def _determined(precision: np.ndarray) -> np.ndarray:
    """The same; raises LinAlgError where rounding alone would decide a coefficient."""
    size = np.sqrt(np.maximum(np.diagonal(precision, axis1=1, axis2=2), 1e-300))
    lowest = np.linalg.eigvalsh(precision / (size[:, :, None] * size[:, None, :]))[:, 0]
    if not (lowest > 1e-11).all():
        raise np.linalg.LinAlgError("a coefficient is determined neither by the rows nor by a prior")
    return precision
