r"""Least squares with what small studies need beside it: leverage, robust standard errors, contrasts, adjusted means.

.. math:: \hat\beta = (X'X)^{-1}X'y, \qquad \mathrm{cov} = s^2 (X'X)^{-1}, \qquad
          HC3 = (X'X)^{-1} X' \mathrm{diag}\!\left(\frac{e_i^2}{(1-h_i)^2}\right) X (X'X)^{-1}

*Assumes* independent people and, for intervals and p, normal errors of one size; HC3 does without one size, and is a little cautious
below 30 people. *Breaks* where a column is a combination of others: `full_rank` tells, `least_squares` refuses.

*Cites* MacKinnon & White, J Econom 1985;29:305, doi:10.1016/0304-4076(85)90158-7; Long & Ervin, Am Stat 2000;54:217,
doi:10.1080/00031305.2000.10474549; Cook, Technometrics 1977;19:15, doi:10.1080/00401706.1977.10489493.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import special

from neuromyo.stats.intervals import LEVEL, Interval, t_interval


@dataclass(frozen=True, slots=True)
class ContrastTest:
    """A weighted sum of coefficients with its interval, standard error, t and two-sided p."""

    estimate: Interval
    se: float
    t: float
    p: float

    @property
    def df(self) -> float:
        """Degrees of freedom of t."""
        return self.estimate.df


@dataclass(frozen=True, eq=False)
class Fit:
    """y (n,) by X (n, k): beta (k,), its covariance (k, k), residuals and leverage (n,), s^2 = ``variance`` on ``df`` = n - k."""

    X: np.ndarray
    beta: np.ndarray
    covariance: np.ndarray
    variance: float
    df: float
    residuals: np.ndarray
    leverage: np.ndarray

    @cached_property
    def hc3(self) -> np.ndarray:
        """(k, k) covariance that does without errors of one size. NaN where a person alone decides a coefficient (leverage 1)."""
        free = 1 - self.leverage
        if (free < 1e-10).any() or self.variance == 0:
            return np.full(self.covariance.shape, np.nan if (free < 1e-10).any() else 0.0)
        bread = self.covariance / self.variance
        meat = (self.X * ((self.residuals / free) ** 2)[:, None]).T @ self.X
        return bread @ meat @ bread

    @cached_property
    def cook(self) -> np.ndarray:
        """(n,) Cook's distance: how far all coefficients move, in their own uncertainty, without that person."""
        free = np.maximum(1 - self.leverage, 1e-300)
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.residuals**2 * self.leverage / (len(self.beta) * self.variance * free**2)

    def interval(self, contrast: np.ndarray, level: float = LEVEL, robust: bool = False) -> Interval:
        """contrast' beta with its interval; by HC3 where ``robust``."""
        return self.test(contrast, level, robust).estimate

    def test(self, contrast: np.ndarray, level: float = LEVEL, robust: bool = False) -> ContrastTest:
        """Whether contrast' beta, contrast (k,), is zero."""
        c = np.asarray(contrast, dtype=np.float64)
        if c.shape != self.beta.shape:
            raise ValueError(f"a contrast of {c.size} numbers for {self.beta.size} coefficients")
        value = float(c @ self.beta)
        se = float(np.sqrt(c @ (self.hc3 if robust else self.covariance) @ c))
        t = value / se if se > 0 else float("nan")
        p = float(2 * special.stdtr(self.df, -abs(t))) if self.df > 0 else float("nan")
        return ContrastTest(t_interval(value, se, self.df, level), se, t, p)

    def f_test(self, contrasts: np.ndarray) -> tuple[float, float, float, float]:
        """F, its two degrees of freedom and p of several contrasts (q, k) being zero at once."""
        value = contrasts @ self.beta
        q = len(contrasts)
        f = float(value @ np.linalg.solve(contrasts @ self.covariance @ contrasts.T, value)) / q
        return f, float(q), self.df, float(special.fdtrc(q, self.df, f))


def full_rank(X: np.ndarray) -> bool:
    """Whether no column of X (n, k) is a combination of the others, whatever their units."""
    if len(X) < X.shape[1]:
        return False
    size = np.sqrt((X**2).sum(axis=0))
    return bool((size > 0).all()) and np.linalg.matrix_rank(X / size, tol=1e-9) == X.shape[1]


def least_squares(X: np.ndarray, y: np.ndarray) -> Fit:
    """Fit y (n,) by the columns of X (n, k), all finite; a constant is a column of ones. Intervals are unknown where n = k."""
    X, y = np.asarray(X, dtype=np.float64), np.asarray(y, dtype=np.float64)
    n, k = X.shape
    if not (np.isfinite(X).all() and np.isfinite(y).all()):
        raise ValueError("values that are not finite")
    if not full_rank(X):
        raise ValueError(f"{k} columns on {n} people do not tell the coefficients apart")
    size = np.sqrt((X**2).sum(axis=0))
    basis, triangle = np.linalg.qr(X / size)
    back = np.linalg.inv(triangle) / size[:, None]
    beta = back @ (basis.T @ y)
    residuals = y - X @ beta
    df = float(n - k)
    variance = float(residuals @ residuals) / df if df > 0 else float("nan")
    return Fit(X, beta, variance * (back @ back.T), variance, df, residuals, (basis**2).sum(axis=1))


@dataclass(frozen=True, eq=False)
class Ancova:
    """Two groups compared at the same covariates: difference (a less b), and the means that both would have at the covariates'
    mean; ``fit`` has columns (constant, in a, covariates...)."""

    difference: ContrastTest
    mean_a: Interval
    mean_b: Interval
    fit: Fit


def ancova(y: np.ndarray, in_a: np.ndarray, covariates: np.ndarray, level: float = LEVEL) -> Ancova:
    r"""y = b0 + b1 [in a] + covariates b: the difference b1, and each group's mean at the pooled means of the covariates.

    y, in_a : (n,); covariates : (n, k), all finite. *Assumes* slopes alike in both groups.
    """
    middle = covariates.mean(axis=0) if covariates.size else np.zeros(covariates.shape[1])
    X = np.column_stack([np.ones(len(y)), np.asarray(in_a, dtype=np.float64), covariates - middle])
    fit = least_squares(X, y)
    one = np.eye(X.shape[1])
    return Ancova(fit.test(one[1], level), fit.interval(one[0] + one[1], level), fit.interval(one[0], level), fit)
