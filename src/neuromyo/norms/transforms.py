"""On which scale healthy people are normally distributed: fixed for each quantity, never chosen from the data.

    log       x = log(v)                                  areas, volumes, diameters, counts, T1, T2*, R2*, diffusivities, distal/proximal
    logit     x = log((f + d) / (1 - f + d)), d = 0.01    fat fraction, FA, MTR, roundness, shares of a whole (f = v or v/100)
    identity  x = v                                       T2, slopes, asymmetries, and what is not listed

Each quantity's own line: `kinds`.

Reasons. Sizes are products of factors, cannot be negative, and their SD grows with their mean (nerve area by level, muscle
volume by height): log. Shares are bounded at 0 and 1 and skewed near a bound (healthy muscle has 1 to 5 % of fat, with a
tail upwards): logit; d, one point, is the usual error of a measurement, so that -0.2 % of fat is a lawful value. FA and MTR
lie far from their bounds, where the logit is a straight line and changes nothing but that a band never leaves the possible
values. T2 of healthy tissue is symmetric and narrow (SD 3 to 15 % of the mean): identity, and a published mean and SD
carry over as they are. A choice by each data set would be decided by one outlier among twenty people, and two centres'
norms would not merge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: a measured share may be this far beyond 0 or 1
SLACK = 0.01
_FRACTIONS = frozenset(
    {"FF", "FA", "MTR", "fascicle_to_nerve_ratio", "bright_fascicle_fraction", "roundness", "flattening"}
)
_LOGS = frozenset({"T1", "T2star", "R2star", "MD", "AD", "RD", "ADC", "PD", "fascicle_count", "nerve_to_muscle_T2w"})
#: how the moments of a logit-normal are looked for; healthy shares of SD 3 on the logit would lie anywhere between 0 and 1
_STEPS, _NEAR, _WIDEST = 1000, 1e-11, 3.0
_SIZE_UNITS = frozenset({"mm", "mm2", "ml"})
#: ratios of two places of one nerve
_RATIO = "distal_proximal_"


@dataclass(frozen=True, slots=True)
class Transform:
    """One scale. ``name``: identity, log or logit; ``scale``: what the table's value of 1 means (0.01 of a percent).

    Assumes: healthy values are normal on this scale given the covariates. Breaks: mixtures of kinds of people.
    """

    name: str
    scale: float = 1.0

    @property
    def domain(self) -> str:
        """In words, what values are lawful."""
        if self.name == "log":
            return "a value above 0"
        if self.name == "logit":
            low, high = -SLACK / self.scale, (1 + SLACK) / self.scale
            return f"a value between {low:g} and {high:g}"
        return "a finite number"

    def lawful(self, value) -> np.ndarray:
        """Whether each value is in the domain."""
        value = np.asarray(value, dtype=np.float64)
        if self.name == "log":
            return np.isfinite(value) & (value > 0)
        if self.name == "logit":
            share = value * self.scale
            return np.isfinite(value) & (share > -SLACK) & (share < 1 + SLACK)
        return np.isfinite(value)

    def forward(self, value) -> np.ndarray:
        """The table's values -> the normal scale; NaN outside of the domain."""
        value = np.where(self.lawful(value), np.asarray(value, dtype=np.float64), np.nan)
        if self.name == "log":
            return np.log(value)
        if self.name == "logit":
            return np.log(value * self.scale + SLACK) - np.log1p(SLACK - value * self.scale)
        return value

    def back(self, x) -> np.ndarray:
        """The normal scale -> the table's values."""
        x = np.asarray(x, dtype=np.float64)
        if self.name == "log":
            return np.exp(x)
        if self.name == "logit":
            return ((1 + 2 * SLACK) * _expit(x) - SLACK) / self.scale
        return x

    def jacobian_log(self, value) -> np.ndarray:
        """log |dx / dv|, which a log density in the table's unit needs."""
        value = np.where(self.lawful(value), np.asarray(value, dtype=np.float64), np.nan)
        if self.name == "log":
            return -np.log(value)
        if self.name == "logit":
            share = value * self.scale
            return np.log(self.scale * (1 + 2 * SLACK)) - np.log(share + SLACK) - np.log1p(SLACK - share)
        return np.zeros_like(value)


def of(quantity: str, unit: str) -> Transform:
    """The scale of a quantity in a unit of the measurement table.

    >>> of("T2", "ms").name, of("FF", "%").name, of("area", "mm2").name
    ('identity', 'logit', 'log')
    """
    if quantity in _FRACTIONS and unit in ("%", "1"):
        return Transform("logit", 0.01 if unit == "%" else 1.0)
    if quantity in _LOGS or unit in _SIZE_UNITS or quantity.startswith(_RATIO):
        return Transform("log")
    return Transform("identity")


def moments(transform: Transform, mean: float, sd: float) -> tuple[float, float]:
    """Mean and SD in the table's unit -> those of the normal scale that give them back.

    Closed form for identity and log (log-normal); for the logit, Gauss-Hermite quadrature and fixed-point steps.
    NaN where there is no such normal (a mean outside of the domain, an SD larger than the bounds allow).
    """
    if not (np.isfinite(mean) and np.isfinite(sd) and sd > 0 and bool(transform.lawful(mean))):
        return float("nan"), float("nan")
    if transform.name == "identity":
        return float(mean), float(sd)
    if transform.name == "log":
        variance = np.log1p((sd / mean) ** 2)
        return float(np.log(mean) - variance / 2), float(np.sqrt(variance))
    return _logit_moments(transform, mean, sd)


def _logit_moments(transform: Transform, mean: float, sd: float) -> tuple[float, float]:
    """Fixed-point steps, halved: whole ones overshoot where the SD is as large as a mean near a bound (3.8 +- 4.0 % of fat)."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    weights = weights / weights.sum()
    mu = float(transform.forward(mean))
    slope = float(np.exp(transform.jacobian_log(mean)))
    spread = sd * slope
    for _ in range(_STEPS):
        values = transform.back(mu + spread * nodes)
        got = float(weights @ values)
        got_sd = float(np.sqrt(weights @ (values - got) ** 2))
        step = (mean - got) * slope
        if abs(step) < _NEAR and abs(got_sd / sd - 1) < _NEAR:
            return mu, spread
        mu, spread = mu + 0.5 * float(np.clip(step, -1, 1)), spread * float(np.sqrt(sd / got_sd))
        if not np.isfinite(mu + spread) or spread > _WIDEST:
            break
    return float("nan"), float("nan")


def _expit(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * x))
