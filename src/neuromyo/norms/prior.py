"""What is known before the first control: weak beliefs on slopes, and published means and SDs.

A published study k is one more site of which only n, mean and SD are known:

    mean_k ~ N(m + xbar_k' b, s2 (1/n_k + tau2))        log SD_k ~ N(log s, 1/(2 (n_k - 1)) + omega2)

tau, the SD between sites in units of the SD between people, is not known and is integrated over a grid (`SITE_SDS`,
half-normal of scale `Options.site_sd`), to which the published means bear witness themselves. omega is fixed
(`Options.study_log_sd`): two or three SDs say nothing about their own spread. A published SD holds the spread of ages and
bodies of its people, the residual SD does not: SD2 = s2 + E[b'C b], where C is how covariates go together in adults and b the
slopes to expect (`studies.expected_slopes`), with their uncertainty.
Beside it stands a vague component, "the literature is not about these people": a mean within `Options.vague_sd`, a residual
variance with two degrees of freedom, the same slopes.

Cites: Schmidli et al. 2014, Biometrics 70:1023 (robust meta-analytic-predictive prior), 10.1111/biom.12242.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import digamma

from neuromyo.norms.conjugate import Nig, prior, rows
from neuromyo.norms.options import SITE_SDS, Options
from neuromyo.norms.studies import Published, expected_slopes, on_scale, together
from neuromyo.norms.transforms import Transform

__all__ = ["Published", "Start", "published", "site_weights", "slope_weights", "weak"]

#: beside published values a slope's prior is never flatter than this; slopes are not taken to explain more of a published
#: SD than this one does
_WIDEST, _USUAL = 10.0, 0.5


@dataclass(frozen=True, eq=False)
class Start:
    """A prior over the grid: K distributions and (K,) log weights that sum to one.

    variance : (K,) of the mean of a site still without controls, in units of the residual variance: 1 / people it is worth
    """

    nig: Nig
    log_weight: np.ndarray
    variance: np.ndarray


def site_weights(options: Options) -> np.ndarray:
    """(T,) log prior of `SITE_SDS`: half-normal, by the trapezoidal rule."""
    sds = np.array(SITE_SDS)
    edges = np.concatenate([[0.0], (sds[1:] + sds[:-1]) / 2, [1.5 * sds[-1]]])
    log = np.log(np.diff(edges)) - 0.5 * (sds / options.site_sd) ** 2
    return log - np.logaddexp.reduce(log)


def slope_weights(options: Options) -> np.ndarray:
    """(G,) log prior of the slopes of log SD: normal."""
    log = -0.5 * (np.array(options.slopes) / options.log_sd_slope_sd) ** 2
    return log - np.logaddexp.reduce(log)


def weak(options: Options, n_sites: int) -> Start:
    """Nothing published: no prior on mean and SD (their unit is learnt from the controls), slopes in units of the SD."""
    p = len(options.covariates.names)
    mean, sds = _coefficients(np.zeros(p), np.full(p, options.slope_sd), n_sites)
    nig = prior(mean, sds, a=0.0, b=0.0)
    return Start(nig, site_weights(options), np.zeros(len(SITE_SDS)))


def published(
    options: Options, n_sites: int, studies: tuple[Published, ...], transform: Transform
) -> tuple[Start, Start]:
    """(literature, vague), each over `SITE_SDS`, their weights not yet shared between them."""
    options = replace(options, slope_sd=min(options.slope_sd, _WIDEST))
    told = _table(options, studies, transform)
    x = np.column_stack([told.x, np.zeros((len(told.n), n_sites))])
    a, b = _variance(options, told)
    tau2 = np.array(SITE_SDS)[:, None] ** 2
    spread = 1 / told.n + told.doubt + tau2
    known, evidence = _start(told, n_sites, a, b).update(rows(x, told.mean, spread))
    log = site_weights(options) + evidence
    literature = Start(known, log - np.logaddexp.reduce(log), 1 / (1 / spread).sum(axis=1) + tau2[:, 0])
    share = 1 / spread[len(SITE_SDS) // 2]
    middle, at = (share @ x) / share.sum(), share @ told.mean / share.sum()
    wide = np.full((len(SITE_SDS), 1), options.vague_sd**2)
    # the same slopes, so that agreement is about mean and SD; one row for one flat coefficient leaves a = 1 as it is
    blank = _start(told, n_sites, a=1.0, b=b / a)
    loose, _ = blank.update(rows(middle[None], np.array([at]), wide))
    return literature, Start(loose, site_weights(options), np.zeros(len(SITE_SDS)))


@dataclass(frozen=True, eq=False)
class _Table:
    """Studies on the normal scale: n, mean, sd, doubt (variance for what is not printed) (K,); x (K, 1 + p); slopes (p,),
    their covariance (p, p) in units of the residual variance."""

    n: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    doubt: np.ndarray
    x: np.ndarray
    slope: np.ndarray
    slope_covariance: np.ndarray


def _coefficients(slope: np.ndarray, slope_sd: np.ndarray, n_sites: int) -> tuple[np.ndarray, np.ndarray]:
    """Prior means and SDs of intercept (flat), slopes and the effects of the sites, over `SITE_SDS`."""
    mean = np.concatenate([[0.0], slope, np.zeros(n_sites)])
    sds = [np.concatenate([[np.inf], slope_sd, np.full(n_sites, tau)]) for tau in SITE_SDS]
    return np.tile(mean, (len(SITE_SDS), 1)), np.array(sds)


def _start(told: _Table, n_sites: int, a: float, b: float) -> Nig:
    """Prior over `SITE_SDS` with the slopes that studies let expect, whose errors go together."""
    p = len(told.slope)
    nig = prior(*_coefficients(told.slope, np.ones(p), n_sites), a, b)
    inverse = np.linalg.inv(told.slope_covariance)
    nig.precision[:, 1 : p + 1, 1 : p + 1] = inverse
    return replace(nig, log_det=nig.log_det + np.linalg.slogdet(inverse)[1])


def _table(options: Options, studies: tuple[Published, ...], transform: Transform) -> _Table:
    n = np.array([study.n for study in studies], dtype=np.float64)
    mean, sd = np.array([on_scale(study, transform) for study in studies]).T
    names = options.covariates.names
    x = np.array([[s.covariate(name) for name in names] for s in studies]).reshape(len(studies), len(names))
    slope, covariance = expected_slopes(options, studies, sd, transform)
    # the mean age of an unnamed group of adults varies by half an SD of adults
    doubt = 0.25 * np.isnan(x) @ (np.diag(covariance) + (slope / np.median(sd)) ** 2)
    x = np.column_stack([np.ones(len(n)), np.where(np.isnan(x), 0.0, x)])
    return _Table(n, mean, sd, doubt, x, slope, covariance)


def _variance(options: Options, told: _Table) -> tuple[float, float]:
    """Inverse-gamma a, b of the residual variance of a new site, from published SDs."""
    names = options.covariates.names
    # both sides of everybody are not in one published SD
    spread = np.array([name != "side" for name in names], dtype=np.float64)
    go = together(names) * np.outer(spread, spread)
    explained = told.slope @ go @ told.slope
    usual = np.minimum(np.diag(told.slope_covariance), _USUAL**2)
    shrunk = np.sqrt(usual / np.diag(told.slope_covariance))
    unknown = (go * told.slope_covariance * np.outer(shrunk, shrunk)).sum()
    residual = np.maximum(told.sd**2 - explained, 0.2 * told.sd**2) / (1 + unknown)
    log_sd = 0.5 * np.log(residual) + 0.5 / (told.n - 1)
    weight = 1 / (1 / (2 * (told.n - 1)) + options.study_log_sd**2)
    variance = 1 / weight.sum() + options.study_log_sd**2
    a = max(1.25, 1 / (4 * variance))
    log_s2 = 2 * (weight * log_sd).sum() / weight.sum()
    return a, float(np.exp(log_s2 + digamma(a)))
