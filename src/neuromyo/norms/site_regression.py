r"""Sites and covariates of one feature by least squares, people scanned several times recognised.

.. math:: x_i = \theta_{s(i)} + (w_i - \bar w)^T b + u_{p(i)} + e_i, \quad
          \mathrm{var}(u) = \rho\sigma^2,\ \mathrm{var}(e) = (1 - \rho)\sigma^2

of site means theta at average covariates, covariates w, and persons p. rho is the share of the variance that stays with the person;
it is 0 where nobody is there twice. The same person at two sites compares them without the differences between people: of k such
people the difference of two sites has the variance 2 (1 - rho) sigma^2 / k instead of 2 sigma^2 / k.

*Cites* Patterson & Thompson 1971, doi:10.1093/biomet/58.3.545 (restricted likelihood); Fuller & Battese 1973,
doi:10.1080/01621459.1973.10481386 (the transformation that makes rows independent).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SHARES = np.array([*np.arange(0.02, 0.95, 0.04), 0.95, 0.96, 0.97, 0.98, 0.99, 0.995])


@dataclass(frozen=True, eq=False)
class Layout:
    """The rows that have the feature: site and person as numbers from 0, covariates (n, p) minus their mean."""

    site: np.ndarray
    person: np.ndarray
    covariates: np.ndarray

    @property
    def columns(self) -> np.ndarray:
        """(n, sites + p): one column a site, then the covariates."""
        return np.hstack([(self.site[:, None] == np.arange(self.site.max() + 1)).astype(float), self.covariates])

    @property
    def repeated(self) -> bool:
        return np.unique(self.person).size < self.person.size


@dataclass(frozen=True, eq=False)
class Regression:
    """theta (sites), slopes (p), their covariance in units of sigma^2, sigma^2, degrees of freedom, whitened residuals."""

    theta: np.ndarray
    slopes: np.ndarray
    covariance: np.ndarray
    sigma2: float
    df: int
    residual: np.ndarray
    log_likelihood: float


def regress(x: np.ndarray, layout: Layout, share: float = 0.0) -> Regression:
    """Generalised least squares at a given ``share`` rho of the persons."""
    columns, log_det = _whitened(layout.columns, layout.person, share)
    y, _ = _whitened(x[:, None], layout.person, share)
    q, r = np.linalg.qr(columns)
    beta = np.linalg.solve(r, q.T @ y[:, 0])
    inverse = np.linalg.inv(r)
    residual = y[:, 0] - columns @ beta
    df = x.size - columns.shape[1]
    squares = float(residual @ residual)
    log_r = 2 * float(np.log(np.abs(np.diag(r))).sum())
    likelihood = -0.5 * (log_det + log_r + df * np.log(max(squares, 1e-300)))
    sites = int(layout.site.max()) + 1
    return Regression(beta[:sites], beta[sites:], inverse @ inverse.T, squares / df, df, residual, likelihood)


def person_share(features: Sequence[tuple[np.ndarray, Layout]]) -> float:
    """rho of highest restricted likelihood times 6 rho (1 - rho), from a grid; 0 where nobody is there twice.

    That prior keeps one person who happens to have the same value twice from deciding. Features of one person are alike, so that
    their mean log likelihood counts, as if they were one: too little is trusted rather than too much.
    """
    if not any(layout.repeated for _, layout in features):
        return 0.0

    def told(share: float) -> float:
        likelihood = float(np.mean([regress(x, layout, share).log_likelihood for x, layout in features]))
        return likelihood + float(np.log(share * (1 - share)))

    return float(SHARES[int(np.argmax([told(float(share)) for share in SHARES]))])


def _whitened(x: np.ndarray, person: np.ndarray, share: float) -> tuple[np.ndarray, float]:
    """Rows made independent with variance sigma^2: each minus a part of its person's mean; and log|V|."""
    if share == 0.0:
        return x, 0.0
    count = np.bincount(person).astype(float)
    sums = np.zeros((count.size, x.shape[1]))
    np.add.at(sums, person, x)
    whole = 1 - share + count * share
    part = 1 - np.sqrt((1 - share) / whole)
    mean = sums / np.maximum(count, 1)[:, None]
    seen = count > 0
    log_det = float(((count[seen] - 1) * np.log(1 - share) + np.log(whole[seen])).sum())
    return (x - (part[:, None] * mean)[person]) / np.sqrt(1 - share), log_det
