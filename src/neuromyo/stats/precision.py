r"""How precise one reading is, of n people each read once by the same k readers (scanners, repeats): a complete table.

With mean squares between readers (C), left over (E) and within people :math:`W = (C + (n-1) E)/n`:

.. math:: wSD = \sqrt W, \qquad SEM_{consistency} = \sqrt E, \qquad MDC_{95} = RC = 1.96\,\sqrt 2\; wSD

wSD counts a reader's level as error, the other does not. wSD's interval by chi-square on n (k - 1) degrees of freedom is exact where
readers are repeats without a level of their own. ``any_readers`` is the interval for readers drawn from many: W as a sum of two
independent mean squares, of which that of the readers has k - 1 degrees of freedom only; it is wide with two readers.

wCV is the root mean square of people's coefficients of variation; by logarithms, :math:`\sqrt{\exp(s^2) - 1}`, which is exact
where the error is a constant share of a lognormal value, and the change that two readings of one person exceed in 5 of 100 cases is then a
ratio, exp(1.96 sqrt 2 s).

*Assumes* normal errors of one size (or share), people independent. *Breaks* for wSD where the error grows with the value.

*Cites* Bland & Altman, BMJ 1996;313:744, doi:10.1136/bmj.313.7059.744 (within-subject SD); Quan & Shih, Biometrics 1996;52:1195
(wCV); de Vet et al., J Clin Epidemiol 2006;59:1033, doi:10.1016/j.jclinepi.2005.10.015 (agreement and reliability).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from neuromyo.stats.icc import mean_squares
from neuromyo.stats.intervals import LEVEL, UNKNOWN, Interval, sd_interval, sum_interval
from neuromyo.stats.repeats import RC_FACTOR


@dataclass(frozen=True, slots=True)
class Precision:
    """wsd, any_readers, consistency in the values' unit; wcv and wcv_log in percent (unknown where a value is not above 0);
    change_ratio: the ratio of two readings that 5 of 100 exceed; readers_p: that readers' levels are all the same (F test)."""

    wsd: Interval
    any_readers: Interval
    consistency: Interval
    wcv: Interval
    wcv_log: Interval
    change_ratio: Interval
    readers_p: float
    n: int
    k: int

    @property
    def mdc95(self) -> Interval:
        """The minimal detectable change, which is the repeatability coefficient: two readings of one person who has not changed
        differ by less in 95 of 100 cases."""
        return self.wsd.scaled(RC_FACTOR)


def precision(values: np.ndarray, level: float = LEVEL) -> Precision:
    """Of values (people, readers), all finite, at least two of each; anything else is unknown."""
    n, k = values.shape
    if n < 2 or k < 2:
        return Precision(UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, float("nan"), n, k)
    squares = mean_squares(values)
    df = (n - 1.0) * (k - 1)
    parts = [(squares.readers / n, k - 1.0), ((n - 1) * squares.error / n, df)]
    wcv, by_log, ratio = _relative(values, level)
    p = float(stats.f.sf(squares.readers / squares.error, k - 1, df)) if squares.error > 0 else float("nan")
    return Precision(sd_interval(squares.within, n * (k - 1.0), level), sum_interval([q for q in parts if q[0] > 0], level),
                     sd_interval(squares.error, df, level), wcv, by_log, ratio, p, n, k)  # fmt: skip


def _relative(values: np.ndarray, level: float) -> tuple[Interval, Interval, Interval]:
    """wCV by root mean square and by logarithms (percent), and the ratio of two readings that 5 of 100 exceed."""
    n, k = values.shape
    if not (values > 0).all():
        return UNKNOWN, UNKNOWN, UNKNOWN
    df = n * (k - 1.0)
    shares = values.var(axis=1, ddof=1) / values.mean(axis=1) ** 2
    wcv = sd_interval(float(shares.mean()), df, level).scaled(100.0)
    s = sd_interval(float(np.log(values).var(axis=1, ddof=1).mean()), df, level)
    by_log = s.mapped(lambda x: float(100.0 * np.sqrt(np.expm1(x**2))))
    return wcv, by_log, s.mapped(lambda x: float(np.exp(RC_FACTOR * x)))


def minimal_detectable_change(sem: float) -> float:
    """1.96 sqrt(2) SEM, from a standard error of measurement that was published."""
    return float(RC_FACTOR * sem)


def icc_from_sem(sem: float, sd: float) -> float:
    """1 - (SEM / SD)^2: the ICC that a published SEM means among people who spread by ``sd``."""
    return 1.0 - (sem / sd) ** 2
