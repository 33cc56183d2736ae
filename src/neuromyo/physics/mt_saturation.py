r"""Spoiled gradient echoes with a saturation pulse in each repetition: the exact steady state of one pool, and its inverse.

In each repetition the pulse takes the share :math:`\delta` of the longitudinal magnetisation at once; a gap :math:`g` later the readout
turns it by :math:`\alpha`. With :math:`E_g = e^{-g R_1}` and :math:`E_r = e^{-(TR - g) R_1}` the magnetisation before the readout, in
units of equilibrium, is the fixed point

.. math::
    m = 1 - E_g + E_g (1-\delta) \left[ 1 - E_r + E_r \cos\alpha\; m \right]
    \;\Rightarrow\;
    m = \frac{1 - E_g + E_g (1-\delta)(1 - E_r)}{1 - (1-\delta) E_g E_r \cos\alpha}

and the signal :math:`S = A\, m \sin\alpha`. Nothing is small here: neither angles, nor :math:`TR/T_1`, nor :math:`\delta`. The
equation is linear in :math:`1 - \delta`, so that

.. math:: 1 - \delta = \frac{m - (1 - E_g)}{E_g \left[ 1 - E_r + E_r \cos\alpha\; m \right]}, \qquad m = S / (A \sin\alpha)

and for small angles and rates it becomes :math:`\delta = (A\alpha/S - 1) R_1 TR - \alpha^2/2`, the form of Helms.

*Assumes* one pool, or pools that equilibrate within a repetition (`neuromyo.physics.exchange` says how far that holds), and
perfect spoiling.

*Cites* Helms et al., Magn Reson Med 2008;60:1396, doi:10.1002/mrm.21732 (and the erratum 2010;64:1856); Dathe and Helms, Phys
Med Biol 2010;55:4231, doi:10.1088/0031-9155/55/15/003 (half-angle tangents).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike


class Steady(NamedTuple):
    """The steady state for A = 1: signal (...), and its slopes with ln R1 and with delta (...)."""

    signal: np.ndarray
    by_log_rate: np.ndarray
    by_saturation: np.ndarray


def steady(
    tip: ArrayLike, repetition_time: float, R1: ArrayLike, saturation: ArrayLike = 0.0, gap: float = 0.0
) -> Steady:
    """Signal of unit equilibrium magnetisation, with slopes.

    tip : true angle of the readout, rad; R1 : 1/s; saturation : share the pulse takes; gap : s from pulse to readout
    """
    tip, rate, kept = np.asarray(tip, float), np.asarray(R1, float), 1.0 - np.asarray(saturation, float)
    rest = repetition_time - gap
    e_gap, e_rest, cosine = np.exp(-gap * rate), np.exp(-rest * rate), np.cos(tip)
    above = 1 - e_gap + e_gap * kept * (1 - e_rest)
    below = 1 - kept * e_gap * e_rest * cosine
    m = above / below
    above_rate = gap * e_gap * (1 - kept * (1 - e_rest)) + e_gap * kept * rest * e_rest
    below_rate = kept * (gap + rest) * e_gap * e_rest * cosine
    by_rate = (above_rate - m * below_rate) / below
    by_saturation = -e_gap * (1 - e_rest + m * e_rest * cosine) / below
    sine = np.sin(tip)
    return Steady(sine * m, sine * by_rate * rate, sine * by_saturation)


def saturation_of(
    signal: ArrayLike, equilibrium: ArrayLike, tip: ArrayLike, repetition_time: float, R1: ArrayLike, gap: float = 0.0
) -> np.ndarray:
    """delta (...) of a signal (...), exactly, for known A = ``equilibrium`` and R1."""
    rate, tip = np.asarray(R1, float), np.asarray(tip, float)
    e_gap, e_rest = np.exp(-gap * rate), np.exp(-(repetition_time - gap) * rate)
    m = np.asarray(signal, float) / (np.asarray(equilibrium, float) * np.sin(tip))
    return 1 - (m - (1 - e_gap)) / (e_gap * (1 - e_rest + e_rest * np.cos(tip) * m))


def two_angles(
    first: ArrayLike, second: ArrayLike, tips: tuple[ArrayLike, ArrayLike], repetition_time: float
) -> tuple[np.ndarray, np.ndarray]:
    r"""R1 and A (...) of two signals that differ in the angle alone, exactly.

    :math:`S/\sin\alpha = E_1 S/\tan\alpha + A (1 - E_1)` is a straight line; NaN where no E1 between 0 and 1 fits.
    """
    s1, s2, a1, a2 = (np.asarray(v, float) for v in (first, second, *tips))
    with np.errstate(divide="ignore", invalid="ignore"):
        y1, y2, x1, x2 = s1 / np.sin(a1), s2 / np.sin(a2), s1 / np.tan(a1), s2 / np.tan(a2)
        e1 = (y2 - y1) / (x2 - x1)
        e1 = np.where((e1 > 0) & (e1 < 1), e1, np.nan)
        return -np.log(e1) / repetition_time, (y1 - e1 * x1) / (1 - e1)


def rational_start(
    first: ArrayLike, second: ArrayLike, tips: tuple[ArrayLike, ArrayLike], repetition_times: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    r"""R1 and A (...) of two signals whose repetition times may differ, to first order in :math:`R_1 TR`.

    With :math:`t = 2\tan(\alpha/2)` a signal is nearly :math:`A\, t\, R_1 TR / (R_1 TR + t^2/2)`. A start for iterations, no
    more; either may come out negative or infinite.
    """
    s1, s2 = np.asarray(first, float), np.asarray(second, float)
    t1, t2 = (2 * np.tan(np.asarray(v, float) / 2) for v in tips)
    tr1, tr2 = repetition_times
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        rate = 0.5 * (s2 * t2 / tr2 - s1 * t1 / tr1) / (s1 / t1 - s2 / t2)
        return rate, s1 * (rate * tr1 + t1**2 / 2) / (t1 * rate * tr1)
