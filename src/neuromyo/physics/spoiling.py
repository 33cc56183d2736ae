r"""Steady state of a gradient echo that is spoiled by a gradient and a quadratic phase of its pulses: how far from Ernst's.

Pulse n has the phase :math:`\Phi\, n (n+1)/2`, and a gradient dephases by one order between pulses. In a frame that turns with the
pulse and with each order, a pulse of angle :math:`\alpha` and the time to the next one are the same for every n, so that the
orders :math:`k` before the pulse, :math:`a_k = F_k,\; b_k = F_{-k}^*,\; z_k = Z_k`, settle where

.. math::
    a_{k+1} &= E_2 e^{i (k+1) \Phi} a_k^+, \quad b_k = E_2 e^{i k \Phi} b_{k+1}^+, \quad
    z_k = E_1 e^{i k \Phi} z_k^+ + (1 - E_1)\,\delta_{k0}

with + after the pulse. All that lies above an order answers to it in proportion, :math:`b_k^+ = \lambda_k a_k`, so that from far up

.. math::
    \lambda_k = -p_k + \frac{(1 - p_k - C_k)^2\, g_k}{1 + p_k g_k}, \qquad g_k = E_2^2 e^{i (2k+1) \Phi} \lambda_{k+1}, \qquad
    p_k = \sin^2\tfrac\alpha2 + C_k, \quad C_k = \frac{\tfrac12 \sin^2\!\alpha\, E_1 e^{ik\Phi}}{1 - \cos\alpha\, E_1 e^{ik\Phi}}

a scalar continued fraction, exact to rounding once :math:`E_2^{2k}` is. At order 0 two real equations remain. The infinite sum is
never simulated: a table costs as many steps as orders, whatever the number of voxels.

*Assumes* a gradient of at least one full turn through the voxel between pulses, pulses short against TR, no diffusion. *Breaks*
for free liquids with strong spoilers, where diffusion takes the higher orders away and the signal comes nearer to Ernst's.

*Cites* Zur, Wood and Neuringer, Magn Reson Med 1991;21:251 (doi:10.1002/mrm.1910210210), for the quadratic phase; Ganter, Magn Reson
Med 2006;55:98 (doi:10.1002/mrm.20736), for its steady state as a continued fraction; Weigel, JMRI 2015;41:266
(doi:10.1002/jmri.24619), for the phase graph.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

#: what the orders left out may add, over the signal
_NEGLIGIBLE = 1e-11
#: orders at most: T2 of 300 repetition times and more is a liquid, where diffusion decides and not this sum
_MOST = 4000

#: phase increments in clinical use and, last, the one proposed for T1 mapping, degrees
USUAL_INCREMENTS_DEG = (50.0, 115.4, 117.0, 150.0, 169.0)


def spoiled_steady_state(
    flip_angles_deg: ArrayLike,
    T1: ArrayLike,
    T2: ArrayLike,
    repetition_time: float,
    increment_deg: float,
    *,
    B1: ArrayLike = 1.0,
) -> np.ndarray:
    """Transverse magnetisation right after the pulse in the steady state, for unit equilibrium magnetisation.

    Parameters
    ----------
    flip_angles_deg : (n,) nominal
    T1, T2, B1 : s, s, actual over nominal angle; shapes (...) that broadcast
    repetition_time : s
    increment_deg : by how much the phase increment grows from pulse to pulse; 0 is a gradient-spoiled SSFP-FID

    Returns
    -------
    (..., n) float64, not negative; NaN where T1 or T2 is not a positive number. The same for increments x, -x and 360 - x.
    """
    t1, t2, b1 = (np.asarray(v, dtype=np.float64)[..., None] for v in (T1, T2, B1))
    with np.errstate(invalid="ignore"):  # what is not a number stays so, and concerns its own voxel only
        return _steady_state(flip_angles_deg, t1, t2, b1, repetition_time, increment_deg)


def _steady_state(
    flip_angles_deg: ArrayLike, t1: np.ndarray, t2: np.ndarray, b1: np.ndarray, tr: float, increment_deg: float
) -> np.ndarray:
    t1, t2 = (np.where(v > 0, v, np.nan) for v in (t1, t2))
    tip = np.deg2rad(np.asarray(flip_angles_deg, dtype=np.float64)) * b1
    e1, e2 = np.exp(-tr / t1), np.exp(-tr / t2)
    g = e2**2 * _pulse_phase(1, increment_deg) * _response(tip, e1, e2, increment_deg)
    # the order 0: y = y_ideal - (2 C_0 - cos) Re(g y), and the imaginary part of y + g y is nothing
    ideal = np.sin(tip) * (1 - e1) / (1 - e1 * np.cos(tip))
    slope = np.sin(tip) ** 2 * e1 / (1 - np.cos(tip) * e1) - np.cos(tip)
    turned = np.imag(g) / (1 + np.real(g))
    return np.abs(ideal / (1 + slope * (np.real(g) + np.imag(g) * turned)) * np.hypot(1.0, turned))


def spoiling_ratio(
    flip_angles_deg: ArrayLike,
    T1: ArrayLike,
    T2: ArrayLike,
    repetition_time: float,
    increment_deg: float,
    *,
    B1: ArrayLike = 1.0,
) -> np.ndarray:
    """`spoiled_steady_state` over Ernst's ideal signal, (..., n): 1 is perfect spoiling."""
    t1, b1 = (np.asarray(v, dtype=np.float64)[..., None] for v in (T1, B1))
    tip = np.deg2rad(np.asarray(flip_angles_deg, dtype=np.float64)) * b1
    e1 = np.exp(-repetition_time / t1)
    ideal = np.sin(tip) * (1 - e1) / (1 - e1 * np.cos(tip))
    return spoiled_steady_state(flip_angles_deg, T1, T2, repetition_time, increment_deg, B1=B1) / np.abs(ideal)


def _response(tip: np.ndarray, e1: np.ndarray, e2: np.ndarray, increment_deg: float) -> np.ndarray:
    """What order 1 sends back over what it is given, lambda_1, from the highest order that matters downwards."""
    square, cosine, sine2 = np.sin(tip / 2) ** 2, np.cos(tip), np.sin(tip) ** 2
    answer = np.zeros(np.broadcast_shapes(tip.shape, e1.shape, e2.shape), dtype=np.complex128)
    for k in range(_orders(e2), 0, -1):
        w = e1 * _pulse_phase(k, increment_deg)
        mixed = 0.5 * sine2 * w / (1 - cosine * w)
        p = square + mixed
        g = e2**2 * _pulse_phase(2 * k + 1, increment_deg) * answer
        answer = (1 - square - mixed) ** 2 * g / (1 + p * g) - p
    return answer


def _pulse_phase(k: int, increment_deg: float) -> complex:
    """exp(i k increment), with whole turns taken off first."""
    return complex(np.exp(1j * np.deg2rad((k * increment_deg) % 360.0)))


def _orders(e2: np.ndarray) -> int:
    """Highest order whose way up and down leaves more than `_NEGLIGIBLE`."""
    finite = e2[np.isfinite(e2)]
    longest = float(finite.max()) if finite.size else 0.0
    if not 0 < longest < 1:
        return _MOST if longest >= 1 else 1
    return int(np.clip(np.ceil(np.log(_NEGLIGIBLE) / (2 * np.log(longest))), 1, _MOST))
