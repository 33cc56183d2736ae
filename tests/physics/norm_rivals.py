"""What people do today instead of a norm with uncertainty, each as a rule: controls in, deviates and log densities of others out.

They are given what is kind to them: the regressions work on the scale on which the truth is linear, and know every covariate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from tests.oracles import norm_cohorts as nc


@dataclass(frozen=True)
class Rule:
    """``z`` and ``log_density`` (per unit of the value) of the values of a cohort: (n,) each."""

    z: Callable[[nc.Cohort], np.ndarray]
    log_density: Callable[[nc.Cohort], np.ndarray]


def mean_and_sd(controls: nc.Cohort) -> Rule:
    """(x - mean) / SD of the values as they are."""
    mean, sd = controls.value.mean(), controls.value.std(ddof=1)
    return Rule(lambda c: (c.value - mean) / sd, lambda c: stats.norm.logpdf(c.value, mean, sd))


def plug_in(controls: nc.Cohort) -> Rule:
    """Regression on all covariates; residual over residual SD, as if both were known."""
    fit = _Regression(controls)
    return Rule(lambda c: fit.residual(c) / fit.sd, lambda c: stats.norm.logpdf(fit.residual(c), 0, fit.sd) + _slope(c))


def student_t(controls: nc.Cohort) -> Rule:
    """The same regression with the textbook's prediction interval: Student's t, leverage included."""
    fit = _Regression(controls)

    def z(c):
        t = fit.residual(c) / fit.predictive_sd(c)
        return np.sign(t) * -special.ndtri(stats.t.sf(np.abs(t), fit.df))

    return Rule(z, lambda c: stats.t.logpdf(fit.residual(c), fit.df, 0, fit.predictive_sd(c)) + _slope(c))


def truth(_: nc.Cohort) -> Rule:
    """Who knows everything: the best that can be scored."""
    return Rule(lambda c: c.deviate, lambda c: c.log_density)


def _slope(cohort):
    return nc.log_slope(cohort.world.scale, cohort.value)


class _Regression:
    """Least squares on the latent scale; covariates that do not vary among the controls are left out."""

    def __init__(self, controls: nc.Cohort) -> None:
        self.scale = controls.world.scale
        standard = controls.people.standard
        self.kept = np.flatnonzero(standard.std(axis=0) > 1e-9)
        X, y = self.design(controls), nc.forward(self.scale, controls.value)
        self.inverse = np.linalg.inv(X.T @ X)
        self.b = self.inverse @ X.T @ y
        self.df = len(y) - X.shape[1]
        self.sd = float(np.sqrt(((y - X @ self.b) ** 2).sum() / self.df))

    def design(self, cohort):
        return np.c_[np.ones(len(cohort)), cohort.people.standard[:, self.kept]]

    def residual(self, cohort):
        return nc.forward(self.scale, cohort.value) - self.design(cohort) @ self.b

    def predictive_sd(self, cohort):
        X = self.design(cohort)
        return self.sd * np.sqrt(1 + np.einsum("ij,jk,ik->i", X, self.inverse, X))
