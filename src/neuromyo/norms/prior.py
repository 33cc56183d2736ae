"""What is known before the first control: weak beliefs on slopes, and published means and SDs.

A published study k is one more site of which only n, mean and SD are known:

    mean_k ~ N(m + xbar_k' b, s2 (1/n_k + tau2))        log SD_k ~ N(log s, 1/(2 (n_k - 1)) + omega2)

tau, the SD between sites in units of the SD between people, is not known and is integrated over a grid (`SITE_SDS`,
half-normal of scale `Options.site_sd`), to which the published means bear witness themselves. omega is fixed
(`Options.study_log_sd`): two or three SDs say nothing about their own spread. A published SD holds the spread of ages and
bodies of its people, the residual SD does not: it is divided by sqrt(1 + p slope_sd^2), what p covariates of unit spread
are expected to add. Beside it stands a vague component: "the literature is not about these people".

Cites: Schmidli et al. 2014, Biometrics 70:1023 (robust meta-analytic-predictive prior), 10.1111/biom.12242.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.special import digamma

from neuromyo.core.errors import DataError, OptionError
from neuromyo.norms.conjugate import Nig, prior, rows
from neuromyo.norms.covariates import SCALES, Covariates
from neuromyo.norms.transforms import Transform, moments

#: slope of log SD over one SD of age, SD between sites over SD between people, correlation of one person's rows
LOG_SD_SLOPES = (-0.4, -0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3, 0.4)
SITE_SDS = (0.05, 0.15, 0.3, 0.5, 0.8, 1.2)
CORRELATIONS = (0.0, 0.25, 0.5, 0.75, 0.9)


@dataclass(frozen=True)
class Options:
    """How a norm is made.

    covariates : what of a person is taken into account
    slope_sd : prior SD of a slope, in SDs between people over one SD of adults; infinite is ordinary least squares.
        0.3: four covariates then explain a quarter of the variance, as in the large nerve and muscle cohorts
    literature_weight : prior weight of "the published values are about people like ours"
    heteroscedastic : whether the SD may change with age
    log_sd_slope_sd : prior SD of that change (of log SD over one SD of age); 0.2: from 20 to 80 years the SD doubles or
        halves in about one quantity of ten
    site_sd : scale of the SD between sites, in SDs between people. 0.5: pairs of papers on one nerve and one method differ
        by 0 to 0.5 SD (sciatic MTR 37.2 and 37.6, 26.9 and 26.8 %; multi-echo T2 64.5 and 70 ms)
    study_log_sd : SD between studies of log SD. 0.25: the SDs of those pairs differ by a factor of 1.4 to 1.7, half of which
        is sampling
    vague_sd : SD of the vague component's mean about the published one, in SDs between people
    least_effective : fewer people than this make no norm
    """

    covariates: Covariates = field(default_factory=Covariates)
    slope_sd: float = 0.3
    literature_weight: float = 0.8
    heteroscedastic: bool = True
    log_sd_slope_sd: float = 0.2
    site_sd: float = 0.5
    study_log_sd: float = 0.25
    vague_sd: float = 5.0
    least_effective: float = 5.0

    def __post_init__(self) -> None:
        for name in ("slope_sd", "log_sd_slope_sd", "site_sd", "study_log_sd", "vague_sd", "least_effective"):
            if not getattr(self, name) > 0:
                raise OptionError("E-OPTION", where=f"norms, option {name}", needed="a number above 0",
                                  found=repr(getattr(self, name)))  # fmt: skip
        if not 0 < self.literature_weight < 1:
            raise OptionError("E-OPTION", where="norms, option literature_weight", needed="a number between 0 and 1",
                              found=repr(self.literature_weight))  # fmt: skip

    @property
    def slopes(self) -> tuple[float, ...]:
        """The grid of slopes of log SD over age."""
        return LOG_SD_SLOPES if self.heteroscedastic and "age" in self.covariates.names else (0.0,)


@dataclass(frozen=True)
class Published:
    """A published summary of healthy people, of the same unit and method: n, mean, and an SD known to be one.

    ``age_mean`` (years), ``male_share`` (0 to 1), ``height_mean`` (m), ``weight_mean`` (kg), ``bmi_mean`` (kg/m2): of its
    people, NaN where not printed. ``label``: how it is cited.
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
    """A prior over the grid: K distributions and (K,) log weights that sum to one; ``worth``: (K,) people it is worth."""

    nig: Nig
    log_weight: np.ndarray
    worth: np.ndarray


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
    nig = prior(*_coefficients(options, n_sites), a=0.0, b=0.0)
    return Start(nig, site_weights(options), np.zeros(len(SITE_SDS)))


def published(
    options: Options, n_sites: int, studies: tuple[Published, ...], transform: Transform
) -> tuple[Start, Start]:
    """(literature, vague), each over `SITE_SDS`, their weights not yet shared between them."""
    n, mean, sd, x, doubt = _table(options, studies, transform)
    x = np.column_stack([x, np.zeros((len(n), n_sites))])
    a, b = _variance(options, n, sd)
    tau2 = np.array(SITE_SDS)[:, None] ** 2
    spread = 1 / n + doubt + tau2
    told, evidence = prior(*_coefficients(options, n_sites), a=a, b=b).update(rows(x, mean, spread))
    log = site_weights(options) + evidence
    worth = 1 / (1 / (1 / spread).sum(axis=1) + tau2[:, 0])
    literature = Start(told, log - np.logaddexp.reduce(log), worth)
    share = (1 / spread[len(SITE_SDS) // 2])[:, None]
    middle, at = (share * x).sum(axis=0) / share.sum(), (share[:, 0] * mean).sum() / share.sum()
    wide = np.full((len(SITE_SDS), 1), options.vague_sd**2)
    loose, _ = prior(*_coefficients(options, n_sites), a=1.0, b=b / a).update(rows(middle[None], np.array([at]), wide))
    # one row for one flat coefficient: the residual variance keeps exactly a = 1, two degrees of freedom
    return literature, Start(loose, site_weights(options), np.zeros(len(SITE_SDS)))


def _coefficients(options: Options, n_sites: int) -> tuple[np.ndarray, np.ndarray]:
    """(T, P) prior means and SDs of intercept, slopes and the effects of the sites."""
    p = len(options.covariates.names)
    sds = [np.concatenate([[np.inf], np.full(p, options.slope_sd), np.full(n_sites, tau)]) for tau in SITE_SDS]
    return np.zeros((len(SITE_SDS), 1 + p + n_sites)), np.array(sds)


def _table(options: Options, studies: tuple[Published, ...], transform: Transform):
    """n, mean, SD (K,) on the normal scale, design (K, 1 + p), and (K,) variance for covariates that are not printed."""
    told = []
    for study in studies:
        mean, sd = moments(transform, study.mean, study.sd)
        if study.n < 2 or not np.isfinite(mean + sd):
            raise DataError("E-NORM", where=f"published values {study.label}".strip(),
                            needed=f"n of 2 or more, {transform.domain} as the mean, an SD above 0",
                            found=f"n = {study.n}, {study.mean:g} and {study.sd:g}",
                            remedy="leave this entry out")  # fmt: skip
        told.append((study.n, mean, sd))
    n, mean, sd = np.array(told, dtype=np.float64).T
    x = np.array([[s.covariate(name) for name in options.covariates.names] for s in studies], dtype=np.float64)
    x = x.reshape(len(studies), -1)
    # the mean age of an unnamed group of adults varies by half an SD of adults
    doubt = _slope_variance(options) * 0.25 * np.isnan(x).sum(axis=1)
    return n, mean, sd, np.column_stack([np.ones(len(n)), np.where(np.isnan(x), 0.0, x)]), doubt


def _variance(options: Options, n: np.ndarray, sd: np.ndarray) -> tuple[float, float]:
    """Inverse-gamma a, b of the residual variance of a new site, from published SDs."""
    spread = [name for name in options.covariates.names if name != "side"]
    log_sd = np.log(sd) + 0.5 / (n - 1) - 0.5 * np.log1p(len(spread) * _slope_variance(options))
    weight = 1 / (1 / (2 * (n - 1)) + options.study_log_sd**2)
    variance = 1 / weight.sum() + options.study_log_sd**2
    a = max(1.25, 1 / (4 * variance))
    log_s2 = 2 * (weight * log_sd).sum() / weight.sum()
    return a, float(np.exp(log_s2 + digamma(a)))


def _slope_variance(options: Options) -> float:
    return min(options.slope_sd, 0.5) ** 2
