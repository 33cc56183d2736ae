"""Published summaries, and what the slopes that they print are worth.

A regression of n people on p covariates of spread S and correlation C errs in its slopes by a covariance

    V = E[(X'X)^-1] s2 = s2 S^-1 C^-1 S^-1 / (n - p - 2)

(an inverse Wishart distribution, for people drawn at random), much more so where covariates go together: sex and height. Where
standard errors are printed they are taken, C says how the errors go together. Slopes of other people differ by
`Options.slope_between_sd` besides. Several papers, and that slopes are rarely steep, are pieces of knowledge of one slope:

    L = 1/slope_sd2 + sum_k (V_k/s2 + between2)^-1        b = L^-1 sum_k (V_k/s2 + between2)^-1 b_k

Assumes: a paper's regression held the covariates whose slopes it prints, and no others.
Cites: Anderson 2003, An Introduction to Multivariate Statistical Analysis, ch. 7 (mean of the inverse Wishart distribution).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from neuromyo.core.errors import DataError
from neuromyo.norms.covariates import SCALES
from neuromyo.norms.options import Options
from neuromyo.norms.transforms import Transform, moments

#: years; SD of ages from 25 to 75, where a paper prints none
_AGE_SD = 14.4
#: how covariates go together in adults: men are 13 cm taller, of 6.5 to 7 cm of SD within a sex; weight is BMI times height squared
_TOGETHER = {
    frozenset({"sex", "height"}): 0.7, frozenset({"sex", "weight"}): 0.45, frozenset({"height", "weight"}): 0.55,
    frozenset({"bmi", "weight"}): 0.8,
}  # fmt: skip


@dataclass(frozen=True)
class Published:
    """A published summary of healthy people, of the same unit and method: n, mean, and an SD known to be one.

    ``age_mean`` (years), ``male_share`` (0 to 1), ``height_mean`` (m), ``weight_mean`` (kg), ``bmi_mean`` (kg/m2): of its
    people, NaN where not printed. ``slopes``: change of the value per unit of a covariate, where the paper prints it
    (per year, m, kg, kg/m2; sex: male less female; side: right less left), with ``slope_se``, its standard error, where it
    prints that, too. ``age_sd``: years. ``label``: how it is cited.
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
    slope_se: Mapping[str, float] = field(default_factory=dict)
    age_sd: float = float("nan")

    def slope(self, name: str, transform: Transform) -> float:
        """Printed slope on the scales of the design and the transform, at the study's mean; NaN where not printed."""
        return self._scaled(self.slopes.get(name, float("nan")), name, transform)

    def slope_error(self, name: str, transform: Transform) -> float:
        """Printed standard error of the slope, on the same scales; NaN where not printed."""
        return self._scaled(self.slope_se.get(name, float("nan")), name, transform)

    def _scaled(self, per_unit: float, name: str, transform: Transform) -> float:
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


def on_scale(study: Published, transform: Transform) -> tuple[float, float]:
    """Mean and SD of a study on the scale of the quantity; NaN where nobody has both (`why_off_scale` says it in words).

    Raises E-NORM where what was given is no summary of healthy people at all.
    """
    if not (study.n >= 2 and study.sd > 0 and np.isfinite(study.sd) and bool(transform.lawful(study.mean))):
        raise DataError("E-NORM", where=f"published values {study.label}".strip(),
                        needed=f"n of 2 or more, {transform.domain} as the mean, an SD above 0",
                        found=f"n = {study.n}, mean {study.mean:g}, SD {study.sd:g}",
                        remedy="leave this entry out")  # fmt: skip
    return moments(transform, study.mean, study.sd)


def why_off_scale(study: Published, transform: Transform, unit: str) -> str:
    """Why a study cannot stand beside controls on the scale of the quantity, in words; "" where it can."""
    if np.isfinite(on_scale(study, transform)).all():
        return ""
    values = f"{study.mean:g} ± {study.sd:g} {unit if unit != '1' else ''}".strip()
    people = f"healthy people of one kind, each with {transform.domain}, do not spread so widely about that mean"
    return f"the published {values} ({study.label or 'not named'}) is not used: {people}"


def together(names: Sequence[str]) -> np.ndarray:
    """(p, p) correlation of covariates over adults."""
    return np.array([[1.0 if a == b else _TOGETHER.get(frozenset({a, b}), 0.0) for b in names] for a in names]).reshape(
        len(names), len(names)
    )


def slope_covariance(study: Published, names: Sequence[str], sd: float, transform: Transform) -> np.ndarray:
    """(p, p) covariance of the errors of the slopes that a study prints, in units of the variance between its people.

    names : covariates whose slopes are printed; sd : of its people, on the scale of the transform
    """
    p = len(names)
    inverse = np.linalg.inv(together(names))
    age_sd = study.age_sd if np.isfinite(study.age_sd) and study.age_sd > 0 else _AGE_SD
    spread = np.array([age_sd / SCALES["age"][1] if name == "age" else 1.0 for name in names])
    derived = np.sqrt(np.diag(inverse) / max(study.n - p - 2, 1)) / spread
    printed = np.array([study.slope_error(name, transform) for name in names]) / sd
    error = np.where(np.isfinite(printed) & (printed > 0), printed, derived)
    unit = np.sqrt(np.diag(inverse))
    return inverse / np.outer(unit, unit) * np.outer(error, error)


def expected_slopes(
    options: Options, studies: Sequence[Published], sds: Sequence[float], transform: Transform
) -> tuple[np.ndarray, np.ndarray]:
    """Slopes to expect (p,), on the scale of the transform, and their covariance (p, p), in units of the residual variance.

    sds : (K,) of the studies, on the scale of the transform
    """
    names = options.covariates.names
    precision, pull = np.eye(len(names)) / options.slope_sd**2, np.zeros(len(names))
    # a study's own SD is off by a factor, which inflates errors in units of ours
    factor = float(np.exp(2 * options.study_log_sd**2))
    for study, sd in zip(studies, sds, strict=True):
        slope = np.array([study.slope(name, transform) for name in names])
        at = np.flatnonzero(np.isfinite(slope))
        if not len(at):
            continue
        doubt = factor * slope_covariance(study, [names[i] for i in at], sd, transform)
        weight = np.linalg.inv(doubt + options.slope_between_sd**2 * np.eye(len(at)))
        precision[np.ix_(at, at)] += weight
        pull[at] += weight @ slope[at]
    covariance = np.linalg.inv(precision)
    covariance = 0.5 * (covariance + covariance.T)
    return covariance @ pull, covariance
