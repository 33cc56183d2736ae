r"""Water and fat apart, voxel by voxel, from complex samples at several echo times.

.. math:: S_n = (w + f\,c_n)\, e^{2\pi i s \psi t_n - R_2^* t_n}\, e^{i \theta (-1)^n}

with complex amplitudes w and f (each with its own phase), the fat's signal c_n of its spectrum of several peaks, the field
:math:`\psi` in Hz (positive: faster precession), one R2* for both, the sense s in which phase turns with frequency, and, for
echoes read out to and fro, a phase :math:`\theta` that alternates with them. w and f are projected out (variable projection); field,
R2* and :math:`\theta` are found by damped Gauss-Newton steps from a start that must lie in the right minimum: `fit.field_map` chooses it.

Phases that are free cost nothing: the Cramer-Rao bound of the fat fraction is within 0.01 % of that with one common phase, and the
amplitudes' magnitudes, which are positive even where there is only noise, are never needed: see `fat_fraction`.

*Assumes* Gaussian noise equal in both channels and one R2* for water and fat. *Breaks* where fewer than three echoes leave nothing
to fit to, and where the start lies in the minimum in which water and fat are exchanged.

*Cites* Reeder et al., Magn Reson Med 2004;51:35, doi:10.1002/mrm.10675; Yu et al., Magn Reson Med 2008;60:1122,
doi:10.1002/mrm.21737; Golub and Pereyra, SIAM J Numer Anal 1973;10:413, doi:10.1137/0710036.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from neuromyo.fit import water_fat_kernel as kernel
from neuromyo.fit.uncertainty import propagate

#: range of R2* in 1/s: below zero too, so that the mean over many voxels is not lifted
R2STAR_BOUNDS = (-100.0, 1000.0)
#: where the covariance keeps what
FIELD, R2STAR, RE_W, IM_W, RE_F, IM_F, THETA = range(7)


@dataclass(frozen=True, eq=False)
class WaterFat:
    """What was found in m voxels.

    water, fat : (m,) complex128, at echo time 0; NaN where nothing could be fitted
    field_hz : (m,), positive where spins precess faster; r2star : (m,) 1/s; theta : (m,) rad, alternating readout phase
    covariance : (m, P, P) of (field, R2*, Re w, Im w, Re f, Im f), and theta where it was free, for ``sigma``; for unit noise
        where no sigma was given. (0, P, P) where not wanted.
    rss : (m,) residual sum of squares over both channels; dof : its degrees of freedom
    converged, at_bound, finite : (m,) bool; at_bound speaks of R2*
    """

    water: np.ndarray
    fat: np.ndarray
    field_hz: np.ndarray
    r2star: np.ndarray
    theta: np.ndarray
    covariance: np.ndarray
    rss: np.ndarray
    dof: int
    converged: np.ndarray
    at_bound: np.ndarray
    finite: np.ndarray


def separate(
    signals: np.ndarray,
    echo_times: Sequence[float] | ArrayLike,
    fat_phasor: np.ndarray,
    field_hz0: ArrayLike,
    r2star0: ArrayLike = 40.0,
    *,
    precession_sign: int = 1,
    r2star_bounds: tuple[float, float] = R2STAR_BOUNDS,
    theta: ArrayLike = 0.0,
    fit_theta: bool = False,
    hold_r2star: bool = False,
    sigma: ArrayLike | None = None,
    covariance: bool = True,
) -> WaterFat:
    """Water, fat, field and R2* of complex ``signals`` (m, n).

    echo_times : (n,) s, in any spacing; fat_phasor : (n,) from `physics.fat.phasor`, made with the same ``precession_sign``
    field_hz0, r2star0 : start, (m,) or one number; theta : readout phase in rad, held, or the start where ``fit_theta``
    hold_r2star : R2* is known to be ``r2star0``, as it must be with three echoes
    sigma : noise per real channel, (m,) or one number, which scales the covariance
    """
    samples = np.ascontiguousarray(signals)
    if samples.dtype not in (np.complex64, np.complex128):
        samples = samples.astype(np.complex128)
    count, echoes = samples.shape
    free = 3 if fit_theta else 2
    start = np.empty((count, 3))
    for column, value in enumerate((field_hz0, r2star0, theta)):
        start[:, column] = value
    found, amplitude = np.empty((count, 3)), np.empty((count, 2), np.complex128)
    size = 6 if free == 2 else 7
    spread = np.empty((count if covariance else 0, size, size))
    rss, state, at_bound = np.empty(count), np.empty(count, np.uint8), np.empty(count, np.bool_)
    kernel.separate(
        samples, np.ascontiguousarray(echo_times, dtype=np.float64), np.ascontiguousarray(fat_phasor, dtype=np.complex128),
        polarity(echoes), 2 * np.pi * precession_sign, free, hold_r2star, start, np.array(r2star_bounds, dtype=np.float64), found,
        amplitude, rss, spread, state, at_bound,
    )  # fmt: skip
    fitted = state <= kernel.STUCK
    for array in (found, amplitude, rss):
        array[~fitted] = np.nan
    if covariance:
        spread[~fitted] = np.nan
        if sigma is not None:
            spread *= np.broadcast_to(np.asarray(sigma, dtype=np.float64) ** 2, (count,))[:, None, None]
    return WaterFat(
        amplitude[:, 0], amplitude[:, 1], found[:, 0], found[:, 1], found[:, 2], spread, rss, 2 * echoes - 4 - free + hold_r2star,
        state == kernel.CONVERGED, at_bound, state != kernel.NOT_FINITE,
    )  # fmt: skip


def polarity(echoes: int) -> np.ndarray:
    """+1, -1, +1...: which way the readout gradient runs, echo by echo."""
    return np.where(np.arange(echoes) % 2 == 0, 1.0, -1.0)


def fat_fraction(water: np.ndarray, fat: np.ndarray) -> np.ndarray:
    r"""Fat over all, :math:`\Re(f s^*) / |s|^2` with s = w + f: both seen along the phase of their sum. (...) -> (...).

    Noise scatters this to both sides of 0 and of 1, so that the mean over a region is right, where a ratio of magnitudes is
    lifted by up to several points at low fat and signal.
    """
    total = water + fat
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.real(fat * np.conj(total)) / (np.real(total) ** 2 + np.imag(total) ** 2)


def fat_fraction_sd(water: np.ndarray, fat: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Standard deviation (m,) of `fat_fraction` from the covariance (m, P, P) of `separate`."""
    total = water + fat
    gradient = np.zeros(covariance.shape[:-1])
    with np.errstate(invalid="ignore", divide="ignore"):
        # FF = Re(f / s): by f it changes as w / s^2, by w as -f / s^2
        by_fat, by_water = water / total**2, -fat / total**2
    gradient[..., RE_W], gradient[..., IM_W] = by_water.real, -by_water.imag
    gradient[..., RE_F], gradient[..., IM_F] = by_fat.real, -by_fat.imag
    return propagate(covariance, gradient)


def amplitude_sd(covariance: np.ndarray, amplitude: np.ndarray, which: int) -> np.ndarray:
    """Standard deviation (m,) of |amplitude| along its own phase; ``which`` is RE_W or RE_F."""
    gradient = np.zeros(covariance.shape[:-1])
    with np.errstate(invalid="ignore", divide="ignore"):
        unit = amplitude / np.abs(amplitude)
    gradient[..., which], gradient[..., which + 1] = unit.real, unit.imag
    return propagate(covariance, gradient)
