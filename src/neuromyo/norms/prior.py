"""What is known before the first control: weak beliefs on slopes, and published means and SDs.

A published study k is one more site of which only n, mean and SD are known:

    mean_k ~ N(m + xbar_k' b, s2 (1/n_k + tau2))        log SD_k ~ N(log s, 1/(2 (n_k - 1)) + omega2)

tau, the SD between sites in units of the SD between people, is not known and is integrated over a grid (`SITE_SDS`,
half-normal of scale `Options.site_sd`), to which the published means bear witness themselves. omega is fixed
(`Options.study_log_sd`): two or three SDs say nothing about their own spread. A published SD holds the spread of ages and
bodies of its people, the residual SD does not: it is divided by sqrt(1 + p slope_sd^2), what p covariates of unit spread
are expected to add (a printed slope, drawn towards the usual ones, is taken off instead, and is that slope's prior mean).
Beside it stands a vague component, "the literature is not about these people": a mean within `Options.vague_sd`, a residual
variance with two degrees of freedom, the same slopes.

Cites: Schmidli et al. 2014, Biometrics 70:1023 (robust meta-analytic-predictive prior), 10.1111/biom.12242.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import digamma

from neuromyo.core.errors import DataError
from neuromyo.norms.conjugate import Nig, prior, rows
from neuromyo.norms.covariates import SCALES
from neuromyo.norms.options import SITE_SDS, Options
from neuromyo.norms.transforms import Transform, moments

#: beside published values a slope's prior is never flatter than this; slopes are not taken to explain more of a published
#: SD than this one does
_WIDEST, _USUAL = 10.0, 0.5


@dataclass(frozen=True)
class Published:
    """A published summary of healthy people, of the same unit and method: n, mean, and an SD known to be one.

    ``age_mean`` (years), ``male_share`` (0 to 1), ``height_mean`` (m), ``weight_mean`` (kg), ``bmi_mean`` (kg/m2): of its
    people, NaN where not printed. ``slopes``: change of the value per unit of a covariate, where the paper prints it
    (per year, m, kg, kg/m2; sex: male less female; side: right less left). ``label``: how it is cited.
    """

    n: int
    mean: float
    sd: float
    age_mean: float = float("nan")
    male_share: float = float("nan")
    height_mean: float = float("nan")
    weight_mean: float = float("nan")
    bmi_mean: float = float("nan")
    label: str = ""
    slopes: Mapping[str, float] = field(default_factory=dict)

    def slope(self, name: str, transform: Transform) -> float:
        """Printed slope on the scales of the design and the transform, at the study's mean; NaN where not printed."""
        per_unit = self.slopes.get(name, float("nan"))
        step = 0.5 if name in ("sex", "side") else SCALES.get(name, (0.0, 1.0, "", 1.0))[1]
        return per_unit * step * float(np.exp(transform.jacobian_log(self.mean)))

    def covariate(self, name: str) -> float:
        """Mean of a covariate on the scale of the design; NaN where not printed."""
        if name == "sex":
            return 2 * self.male_share - 1
        if name == "side":
            return 0.0
        centre, scale, _, _ = SCALES.get(name, (0.0, 1.0, "", 1.0))
        return (getattr(self, f"{name}_mean", float("nan")) - centre) / scale


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
    nig = _start(np.zeros(p), np.full(p, options.slope_sd), n_sites, a=0.0, b=0.0)
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
    known, evidence = _start(told.slope, told.slope_sd, n_sites, a, b).update(rows(x, told.mean, spread))
    log = site_weights(options) + evidence
    literature = Start(known, log - np.logaddexp.reduce(log), 1 / (1 / spread).sum(axis=1) + tau2[:, 0])
    share = 1 / spread[len(SITE_SDS) // 2]
    middle, at = (share @ x) / share.sum(), share @ told.mean / share.sum()
    wide = np.full((len(SITE_SDS), 1), options.vague_sd**2)
    # the same slopes, so that agreement is about mean and SD; one row for one flat coefficient leaves a = 1 as it is
    blank = _start(told.slope, told.slope_sd, n_sites, a=1.0, b=b / a)
    loose, _ = blank.update(rows(middle[None], np.array([at]), wide))
    return literature, Start(loose, site_weights(options), np.zeros(len(SITE_SDS)))


@dataclass(frozen=True, eq=False)
class _Table:
    """Studies on the normal scale: n, mean, sd, doubt (variance for what is not printed) (K,); x (K, 1 + p); slopes (p,)."""

    n: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    doubt: np.ndarray
    x: np.ndarray
    slope: np.ndarray
    slope_sd: np.ndarray


def _start(slope: np.ndarray, slope_sd: np.ndarray, n_sites: int, a: float, b: float) -> Nig:
    """Prior of intercept (flat), slopes and the effects of the sites, over `SITE_SDS`."""
    mean = np.concatenate([[0.0], slope, np.zeros(n_sites)])
    sds = [np.concatenate([[np.inf], slope_sd, np.full(n_sites, tau)]) for tau in SITE_SDS]
    return prior(np.tile(mean, (len(SITE_SDS), 1)), np.array(sds), a, b)


def _table(options: Options, studies: tuple[Published, ...], transform: Transform) -> _Table:
    moved = [_moved(study, transform) for study in studies]
    n, mean, sd = np.array(moved, dtype=np.float64).T
    names = options.covariates.names
    x = np.array([[s.covariate(name) for name in names] for s in studies]).reshape(len(studies), len(names))
    slopes = np.array([[s.slope(name, transform) for name in names] for s in studies]).reshape(x.shape)
    printed = np.isfinite(slopes)
    count = np.maximum(printed.sum(axis=0), 1)
    # what is printed (by several papers: better), and that slopes are rarely steep, are two pieces of knowledge of one slope
    doubtful, usual = options.known_slope_sd**2 / count, options.slope_sd**2
    kept = usual / (usual + doubtful)
    slope = kept * np.where(printed, slopes, 0.0).sum(axis=0) / count
    slope_sd = np.where(printed.any(axis=0), np.sqrt(kept * doubtful), options.slope_sd)
    # the mean age of an unnamed group of adults varies by half an SD of adults
    doubt = 0.25 * np.isnan(x) @ (slope_sd**2 + (slope / np.median(sd)) ** 2)
    x = np.column_stack([np.ones(len(n)), np.where(np.isnan(x), 0.0, x)])
    return _Table(n, mean, sd, doubt, x, slope, slope_sd)


def _moved(study: Published, transform: Transform) -> tuple[float, float, float]:
    """n, and mean and SD on the normal scale."""
    mean, sd = moments(transform, study.mean, study.sd)
    if study.n < 2 or not np.isfinite(mean + sd):
        raise DataError("E-NORM", where=f"published values {study.label}".strip(),
                        needed=f"n of 2 or more, {transform.domain} as the mean, an SD above 0",
                        found=f"n = {study.n}, mean {study.mean:g}, SD {study.sd:g}",
                        remedy="leave this entry out")  # fmt: skip
    return study.n, mean, sd


def _variance(options: Options, told: _Table) -> tuple[float, float]:
    """Inverse-gamma a, b of the residual variance of a new site, from published SDs."""
    spread = np.array([name != "side" for name in options.covariates.names], dtype=bool)
    explained = (told.slope[spread] ** 2).sum()
    unknown = (np.minimum(told.slope_sd[spread], _USUAL) ** 2).sum()
    residual = np.maximum(told.sd**2 - explained, 0.2 * told.sd**2) / (1 + unknown)
    log_sd = 0.5 * np.log(residual) + 0.5 / (told.n - 1)
    weight = 1 / (1 / (2 * (told.n - 1)) + options.study_log_sd**2)
    variance = 1 / weight.sum() + options.study_log_sd**2
    a = max(1.25, 1 / (4 * variance))
    log_s2 = 2 * (weight * log_sd).sum() / weight.sum()
    return a, float(np.exp(log_s2 + digamma(a)))
