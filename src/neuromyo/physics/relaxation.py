r"""Closed forms of relaxation: decay after an excitation, recovery after an inversion, spoiled gradient echoes.

Amplitudes are for unit equilibrium magnetisation unless S0 is an argument. Contrast is the last axis.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def mono_exponential(times: ArrayLike, T2: ArrayLike, S0: ArrayLike = 1.0, offset: ArrayLike = 0.0) -> np.ndarray:
    """S0 exp(-t / T2) + offset: (..., n) for times (n,) in s and T2, S0, offset of shapes that broadcast."""
    t2, s0, floor = (np.asarray(v, dtype=np.float64)[..., None] for v in (T2, S0, offset))
    return s0 * np.exp(-np.asarray(times, dtype=np.float64) / t2) + floor


def inversion_recovery(
    inversion_times: ArrayLike,
    T1: ArrayLike,
    *,
    repetition_time: float = np.inf,
    inversion: ArrayLike = -1.0,
    excitation_deg: float = 90.0,
    refocusing_delay: float | None = None,
    refocusing: ArrayLike = -1.0,
    magnitude: bool = True,
) -> np.ndarray:
    r"""Inversion, TI, excitation, perhaps refocusing, again after TR: the steady-state amplitude (..., n).

    Each event acts on the longitudinal magnetisation as an affine map: a pulse multiplies it, a pause of t takes m to
    :math:`1 + (m - 1) e^{-t/T_1}`. The steady state is the fixed point of all of them in turn. For perfect pulses and no
    refocusing it is :math:`1 - 2 e^{-TI/T_1} + e^{-TR/T_1}`.

    Parameters
    ----------
    inversion_times : (n,) s
    T1 : (...) s
    repetition_time : s, from inversion to inversion
    inversion : longitudinal magnetisation after the inversion over that before: -1 perfect, cos(pi B1) for a plain pulse
    excitation_deg : flip angle of the excitation
    refocusing_delay : s, from excitation to a refocusing pulse (half the echo time); None for gradient echoes
    refocusing : longitudinal magnetisation after the refocusing pulse over that before
    magnitude : give absolute values; otherwise signed

    *Assumes* transverse magnetisation is spoiled before each inversion and excitation. T2 decay is not included.
    """
    ti = np.asarray(inversion_times, dtype=np.float64)
    t1, turn, turn_back = (np.asarray(v, dtype=np.float64)[..., None] for v in (T1, inversion, refocusing))
    wait = 0.0 if refocusing_delay is None else refocusing_delay
    if (ti + wait > repetition_time).any():
        raise ValueError(f"a repetition time of {repetition_time} s ends before the last pulse")
    slope, rise = _pause(ti, t1, turn, 0.0)
    tip = np.deg2rad(excitation_deg)
    after = (slope * np.cos(tip), rise * np.cos(tip))
    if refocusing_delay is not None:
        after = _pause(wait, t1, *after)
        after = (after[0] * turn_back, after[1] * turn_back)
    around, gained = _pause(repetition_time - ti - wait, t1, *after)
    start = gained / (1.0 - around)
    signal = (slope * start + rise) * np.sin(tip)
    return np.abs(signal) if magnitude else signal


def _pause(
    duration: np.ndarray | float, t1: np.ndarray, slope: np.ndarray, rise: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """The map m -> slope m + rise, followed by recovery over ``duration``."""
    kept = np.exp(-duration / t1)
    return slope * kept, 1.0 + (rise - 1.0) * kept


def spoiled_gradient_echo(
    flip_angles_deg: ArrayLike, T1: ArrayLike, repetition_time: float, *, B1: ArrayLike = 1.0
) -> np.ndarray:
    r"""Ernst's steady state :math:`\sin\alpha (1 - E_1) / (1 - E_1 \cos\alpha)`: (..., n) for flip angles (n,).

    *Assumes* perfect spoiling; no T2* decay. *Cites* Ernst and Anderson, Rev Sci Instrum 1966;37:93 (doi:10.1063/1.1719961).
    """
    t1, b1 = (np.asarray(v, dtype=np.float64)[..., None] for v in (T1, B1))
    tip = np.deg2rad(np.asarray(flip_angles_deg, dtype=np.float64)) * b1
    e1 = np.exp(-repetition_time / t1)
    return np.sin(tip) * (1.0 - e1) / (1.0 - e1 * np.cos(tip))


def ernst_angle_deg(T1: ArrayLike, repetition_time: float) -> np.ndarray:
    """The flip angle of most signal of a spoiled gradient echo, in degrees."""
    return np.rad2deg(np.arccos(np.exp(-repetition_time / np.asarray(T1, dtype=np.float64))))
