r"""Mixed model of repeated measurements (MMRM): REML, any covariance between visits, degrees of freedom for few people.

.. math:: y_i = X_i \beta + e_i, \quad e_i \sim N(0, R), \qquad
          \hat\beta = \Phi \sum_i X_i^T W_i y_i, \quad \Phi = \Big(\sum_i X_i^T W_i X_i\Big)^{-1}

A contrast c'beta is tested by Student's t. Its standard error is Kenward and Roger's, which adds what estimating R costs,

.. math:: \Phi_A = \Phi + 2 \Phi \Big[\sum_{jk} w_{jk} (Q_{jk} - K_j \Phi K_k)\Big] \Phi, \qquad
          \nu = \frac{2 (c^T \Phi c)^2}{g^T w g}, \quad g_j = c^T \Phi K_j \Phi c

with w the inverse of REML's expected information about the elements of R. For one contrast at a time Kenward and Roger's scale is 1 and
their degrees of freedom are Satterthwaite's. With complete data all of this is the exact test: of two visits the paired t and the
two-sample t of the change; of one visit least squares (analysis of covariance), and with a covariance a group Welch's t.

Assumes: normal values; visits missing at random (whether a visit is missed may depend on what was seen before, not on what would have
been seen); one covariance for all, or one a stratum. Breaks: fewer complete people than visits; people who leave because they got worse
between visits (see `tipping`).
Cites: Kenward & Roger, Biometrics 1997;53:983, doi:10.2307/2533558; Satterthwaite, Biometrics 1946;2:110, doi:10.2307/3002019;
Mallinckrodt et al., Ther Innov Regul Sci 2008;42:303, doi:10.1177/009286150804200402.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuromyo.stats import reml
from neuromyo.stats.estimates import Estimate, estimate
from neuromyo.stats.intervals import LEVEL


@dataclass(frozen=True, eq=False)
class MixedFit:
    """A fitted model; a leading axis more where y had one.

    beta : (p,) ; covariance : (p, p) of beta as if R were known ; adjusted : (p, p) Kenward and Roger's
    R : (strata, T, T) covariance between visits ; loglik : REML log-likelihood
    w : (q, q) covariance of the elements of R ; K : (q, p, p) how the precision of beta falls with them
    n_people, n_values : that had a value, values ; converged : whether the maximum was found, without which nothing has an interval
    """

    beta: np.ndarray
    covariance: np.ndarray
    adjusted: np.ndarray
    R: np.ndarray
    loglik: np.ndarray
    w: np.ndarray
    K: np.ndarray
    n_people: np.ndarray
    n_values: np.ndarray
    converged: np.ndarray

    def test(self, contrast: np.ndarray, level: float = LEVEL) -> Estimate:
        """c'beta (p,) with interval and p."""
        c = np.asarray(contrast, dtype=np.float64)
        variance = np.einsum("a,...ab,b->...", c, self.covariance, c)
        toward = self.covariance @ c
        g = np.einsum("...a,...qab,...b->...q", toward, self.K, toward)
        with np.errstate(divide="ignore", invalid="ignore"):
            df = 2 * variance**2 / np.einsum("...q,...qr,...r->...", g, self.w, g)
        se = np.sqrt(np.einsum("a,...ab,b->...", c, self.adjusted, c))
        return estimate(self.beta @ c, np.where(self.converged, se, np.nan), df, level)


def mmrm(y: np.ndarray, X: np.ndarray, strata: np.ndarray | None = None) -> MixedFit:
    """Fit by REML.

    y : (n, T) values, NaN where missing; or (d, n, T): d sets of data at once
    X : (n, T, p), or (d, n, T, p), design; rows of missing values do not count
    strata : (n,) group numbers from 0, each with a covariance of its own; one for all where not given

    ValueError where the shapes disagree, or where the values that are there cannot tell the p effects apart.
    """
    single = y.ndim == 2
    data = _data(y[None] if single else y, X[None] if X.ndim == 3 else X, strata)
    theta, reached = reml.climb(data)
    at = reml.sums(theta, data)
    w = np.linalg.pinv(at.information, hermitian=True)
    bend = np.einsum("djk,djakb->dab", w, at.Q, optimize=True) - np.einsum(
        "djk,djab,dbc,dkce->dae", w, at.K, at.phi, at.K, optimize=True
    )
    adjusted = at.phi + 2 * at.phi @ bend @ at.phi
    first = [int(np.flatnonzero(data.G[:, i].any((1, 2)))[0]) for i in range(y.shape[-2])]
    R = reml.covariance(theta, data.G)[:, [first.index(s) for s in sorted(set(first))]]
    seen = data.seen
    parts = (at.beta, at.phi, adjusted, R, at.loglik, w, at.K, seen.any(2).sum(1), seen.sum((1, 2)), reached)
    return MixedFit(*(x[0] if single else x for x in parts))


def _data(y: np.ndarray, X: np.ndarray, strata: np.ndarray | None) -> reml.Data:
    if X.shape[-3:-1] != y.shape[1:]:
        raise ValueError(f"a design {X.shape} does not belong to values {y.shape}")
    seen = np.isfinite(y)
    X = np.broadcast_to(X, (len(y), *X.shape[1:]))
    X = np.where(seen[..., None], X, 0.0)
    if not np.isfinite(X).all():
        raise ValueError("the design is not finite where there are values")
    columns = X.shape[-1]
    if (np.linalg.matrix_rank(X.reshape(len(y), -1, columns)) < columns).any():
        raise ValueError(f"the values that are there do not tell {columns} effects apart")
    groups = np.zeros(y.shape[1], dtype=int) if strata is None else np.asarray(strata)
    return reml.Data(np.where(seen, y, 0.0), seen, X, reml.elements(y.shape[2], groups))
