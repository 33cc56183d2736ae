r"""What would have to be true of missing values for a result to turn: delta adjustment in closed form.

A model for values missing at random takes a person who is missing to have gone on like people who were alike before. Let each missing
person of a group have done so *plus delta*. With a share f of the group's n people missing, the group's mean, and every contrast that
it stands in with weight 1, becomes

.. math:: \theta(\delta) = \theta_{MAR} + f \delta, \qquad V(\delta) = V_{MAR} + \delta^2 \frac{f (1 - f)}{n}

the last term because how many are missing is a matter of chance, too. This is what multiple imputation with delta and Rubin's rules
tends to with many imputations, without their noise. The tipping points are where the interval touches 0:
:math:`(\theta + f\delta)^2 = t^2 V(\delta)`, a quadratic equation.

Assumes: the same delta for all who are missing; degrees of freedom as without it. Breaks: covariates in the model that the missing
and the seen differ in much: f delta is then the shift at the group's mean only roughly.
Cites: Rubin, Multiple Imputation for Nonresponse in Surveys, 1987, doi:10.1002/9780470316696; Cro et al., Stat Med 2020;39:2815,
doi:10.1002/sim.8569.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from neuromyo.stats.estimates import Estimate, estimate
from neuromyo.stats.intervals import LEVEL


def shifted(found: Estimate, missing: int, n: int, delta: np.ndarray | float, level: float = LEVEL) -> Estimate:
    """The estimate if each of the ``missing`` of a group's n people had been ``delta`` above what the model takes them for."""
    _check(missing, n)
    share, delta = missing / n, np.asarray(delta, dtype=np.float64)
    se = np.sqrt(found.se**2 + delta**2 * share * (1 - share) / n)
    return estimate(found.value + share * delta, se, found.df, level)


def tipping_points(found: Estimate, missing: int, n: int, level: float = LEVEL) -> tuple[float, ...]:
    """The deltas at which the interval touches 0, the nearest first; none where nobody is missing or no delta turns the result."""
    _check(missing, n)
    share = missing / n
    if not share or not found.known:
        return ()
    square = float(stats.t.ppf(0.5 + level / 2, found.df)) ** 2
    roots = np.roots(
        [share**2 - square * share * (1 - share) / n, 2 * share * found.value, found.value**2 - square * found.se**2]
    )
    real = [float(r.real) for r in roots if abs(r.imag) < 1e-9 * max(abs(r.real), 1e-300)]
    return tuple(sorted(real, key=abs))


def _check(missing: int, n: int) -> None:
    if not 0 <= missing <= n or n < 1:
        raise ValueError(f"{missing} missing of {n} people")
