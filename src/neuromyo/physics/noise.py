r"""Rician noise: what becomes of a magnitude when both receiver channels carry Gaussian noise.

With amplitude A and noise sigma per real channel, the snr is :math:`a = A/\sigma` and a magnitude M has the density

.. math::
    p(m) = m\, e^{-(m^2 + a^2)/2} I_0(a m), \qquad m = M/\sigma

so that, with :math:`q = a^2/4`, mean and slope are

.. math::
    \langle m\rangle = \sqrt{\pi/2}\, e^{-q} [(1 + 2q) I_0(q) + 2q I_1(q)], \qquad
    d\langle m\rangle/da = \sqrt{\pi/8}\, a\, e^{-q} [I_0(q) + I_1(q)]

and the variance is :math:`2 + a^2 - \langle m\rangle^2`. The score for a is :math:`m I_1(am)/I_0(am) - a`; its mean square is
the Fisher factor f(a): one sample tells :math:`f/\sigma^2` about A. f goes as a^2 near 0 and to 1 at high snr.

*Assumes* one receiver coil, or coils combined so that the noise of the sum is still that of two channels. *Breaks* for sums of
squares over many coils (non-central chi) and after denoising.

*Cites* Gudbjartsson and Patz, MRM 1995;34:910 (doi:10.1002/mrm.1910340618); Karlsen, Verhagen and Bovee, MRM 1999;41:614
(Fisher information); Koay and Basser, J Magn Reson 2006;179:317 (doi:10.1016/j.jmr.2006.01.016).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import i0e, i1e

#: snr above which the closed forms lose digits by cancellation and their series in 1/a^2 have all of them
_SERIES = 50.0
#: a Rayleigh variable: median over sigma
_RAYLEIGH_MEDIAN = np.sqrt(2 * np.log(2))
#: samples above this many sigma are not looked at when sigma is sought in the background
_CUT = 2.5


def rice_mean(amplitude: ArrayLike, sigma: ArrayLike) -> np.ndarray:
    """Mean magnitude of a sample of noise-free ``amplitude`` and noise ``sigma`` per channel; shapes broadcast."""
    snr, sigma = _snr(amplitude, sigma)
    return sigma * _mean(snr)


def rice_variance(amplitude: ArrayLike, sigma: ArrayLike) -> np.ndarray:
    """Variance of the magnitude: (2 - pi/2) sigma^2 without signal, sigma^2 at high snr."""
    snr, sigma = _snr(amplitude, sigma)
    return sigma**2 * _variance(snr)


def rice_slope(snr: ArrayLike) -> np.ndarray:
    """By how much the mean magnitude rises with the amplitude, d mean / dA: snr sqrt(pi/8) near 0, 1 at high snr."""
    a = np.abs(np.asarray(snr, dtype=np.float64))
    q = 0.25 * a * a
    return np.sqrt(np.pi / 8) * a * (i0e(q) + i1e(q))


def rice_fisher(snr: ArrayLike) -> np.ndarray:
    """Fisher information about the amplitude in one sample, in units of 1/sigma^2: between 0 and 1.

    Gauss-Legendre integration of the squared score over 10 standard deviations to both sides, to 1e-10.
    """
    a = np.abs(np.asarray(snr, dtype=np.float64))[..., None]
    nodes, weights = _legendre()
    low, high = np.maximum(a - 10.0, 0.0), a + 10.0
    half = 0.5 * (high - low)
    m = low + half * (nodes + 1.0)
    bessel = i0e(a * m)
    score = m * i1e(a * m) / bessel - a
    density = m * np.exp(-0.5 * (m - a) ** 2) * bessel
    return np.sum(weights * half * density * score**2, axis=-1)


def rician(signal: ArrayLike, sigma: ArrayLike, rng: np.random.Generator) -> np.ndarray:
    """Magnitudes of ``signal`` (real or complex) with noise ``sigma`` per channel: float64 of the broadcast shape."""
    clean = np.asarray(signal)
    shape = np.broadcast_shapes(clean.shape, np.shape(sigma))
    noise = rng.standard_normal((2, *shape)) * np.asarray(sigma)
    return np.hypot(np.real(clean) + noise[0], np.imag(clean) + noise[1])


# --- tables for kernels -----------------------------------------------------------------------------------------------


class RiceTable(NamedTuple):
    """Rice's law at equally spaced snr, for linear interpolation inside compiled kernels.

    values : (n, 4) float64 at snr = i * step: mean / sigma, d mean / dA, variance / sigma^2, Fisher factor
    step : spacing in snr
    error : largest error of linear interpolation between the entries, over all four columns

    Above the last entry, use the series in `rice_series`.
    """

    values: np.ndarray
    step: float
    error: float

    def __call__(self, snr: ArrayLike) -> np.ndarray:
        """(..., 4) at any snr, as a kernel does it."""
        a = np.abs(np.asarray(snr, dtype=np.float64))
        place = np.minimum(a / self.step, len(self.values) - 1.0)
        left = np.minimum(place.astype(np.int64), len(self.values) - 2)
        part = (place - left)[..., None]
        inside = (1.0 - part) * self.values[left] + part * self.values[left + 1]
        top = self.step * (len(self.values) - 1)
        return np.where((a > top)[..., None], rice_series(np.maximum(a, top)), inside)


def rice_series(snr: ArrayLike) -> np.ndarray:
    """(..., 4): mean / sigma, slope, variance / sigma^2 and Fisher factor at high snr; errors are under 2e-5 from 8 on."""
    a = np.asarray(snr, dtype=np.float64)
    r = 1.0 / (a * a)
    mean = a * (1 + r * (1 / 2 + r * (1 / 8 + r * 3 / 16)))
    slope = 1 - r * (1 / 2 + r * (3 / 8 + r * 15 / 16))
    variance = 1 - r * (1 / 2 + r * (1 / 2 + r * 11 / 8))
    fisher = 1 - r * (1 / 2 + r / 4)
    return np.stack([mean, slope, variance, fisher], axis=-1)


@lru_cache(maxsize=8)
def rice_table(n: int = 2048, top: float = 16.0) -> RiceTable:
    """The four columns at ``n`` snr from 0 to ``top``; the default interpolates to better than 2e-5."""
    nodes = np.linspace(0.0, top, n)
    values = _columns(nodes)
    values.setflags(write=False)
    middles = 0.5 * (nodes[1:] + nodes[:-1])
    error = np.abs(0.5 * (values[1:] + values[:-1]) - _columns(middles)).max()
    return RiceTable(values, float(nodes[1]), float(error))


def _columns(snr: np.ndarray) -> np.ndarray:
    return np.stack([_mean(snr), rice_slope(snr), _variance(snr), rice_fisher(snr)], axis=-1)


# --- how much noise there is ------------------------------------------------------------------------------------------


def sigma_from_background(magnitudes: ArrayLike, *, pure: bool = False) -> float:
    """Noise per channel from magnitudes of air, in the units of the magnitudes; NaN where no air can be recognised.

    Zeros (filled by the scanner) and values that are not finite are left out. Tissue may be among the rest, being brighter:
    sigma solves "the root mean square of what lies below 2.5 sigma is that of a Rayleigh law cut there", followed up from the
    faintest samples. It is believed only if at least 100 samples and 5 % of all lie below the cut, and if their distribution
    is nowhere further than 0.05 from that law. With ``pure`` all samples are known to be air: the search starts from their
    median, and the answer is not doubted.
    """
    m = np.asarray(magnitudes, dtype=np.float64).ravel()
    m = np.sort(m[np.isfinite(m) & (m > 0)])
    if m.size == 0:
        return float("nan")
    sigma = float(np.median(m) if pure else np.quantile(m, 0.02)) / _RAYLEIGH_MEDIAN
    power = np.cumsum(m * m)
    count = 0
    for _ in range(500):
        count = max(1, int(np.searchsorted(m, _CUT * sigma, side="right")))
        found = float(np.sqrt(power[count - 1] / count / _cut_rayleigh_power()))
        if abs(found - sigma) < 1e-7 * sigma:
            break
        sigma = found
    if not pure and (count < max(100, 0.05 * m.size) or _distance_from_rayleigh(m[:count], sigma) > 0.05):
        return float("nan")
    return sigma


def _cut_rayleigh_power() -> float:
    """Mean square of a Rayleigh variable of sigma 1, given that it is below the cut."""
    t = 0.5 * _CUT * _CUT
    return float(2 * (1 + t * np.exp(-t) / np.expm1(-t)))


def _distance_from_rayleigh(ascending: np.ndarray, sigma: float) -> float:
    """Largest difference between the samples' distribution and a Rayleigh law that ends at the cut (Kolmogorov's)."""
    law = np.expm1(-0.5 * (ascending / sigma) ** 2) / np.expm1(-0.5 * _CUT**2)
    # ties (integers as scanners store them) stand for everything within half a step: compare at the middle of each tie
    values, counts = np.unique(law, return_counts=True)
    below = np.cumsum(counts) - 0.5 * counts
    return float(np.abs(below / ascending.size - values).max())


def sigma_from_residuals(mean_square: ArrayLike, amplitudes: ArrayLike) -> np.ndarray:
    """Noise per channel from the residuals of a fit whose model includes the noise floor.

    Magnitudes scatter less than their channels where the signal is weak, by the variance factor v(A / sigma): sigma solves
    ``mean_square = sigma^2 mean_i v(A_i / sigma)``.

    mean_square : (...) mean squared residual about the Rician mean, degrees of freedom already allowed for
    amplitudes : (..., n) noise-free amplitudes of the samples
    """
    square = np.asarray(mean_square, dtype=np.float64)
    a = np.abs(np.asarray(amplitudes, dtype=np.float64))
    sigma = np.sqrt(square)
    for _ in range(40):
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = np.where(sigma[..., None] > 0, _variance(np.minimum(a / sigma[..., None], 1e6)), 1.0)
        new = np.sqrt(square / factor.mean(axis=-1))
        if np.allclose(new, sigma, rtol=1e-10, atol=0.0, equal_nan=True):
            break
        sigma = new
    return sigma


def _snr(amplitude: ArrayLike, sigma: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    a, s = np.asarray(amplitude, dtype=np.float64), np.asarray(sigma, dtype=np.float64)
    if (s <= 0).any():
        raise ValueError("sigma must be positive")
    return np.abs(a) / s, s


def _mean(a: np.ndarray) -> np.ndarray:
    q = 0.25 * a * a
    return np.sqrt(np.pi / 2) * ((1 + 2 * q) * i0e(q) + 2 * q * i1e(q))


def _variance(a: np.ndarray) -> np.ndarray:
    near = np.minimum(a, _SERIES)
    return np.where(a > _SERIES, rice_series(np.maximum(a, _SERIES))[..., 2], 2.0 + near * near - _mean(near) ** 2)


@lru_cache(maxsize=1)
def _legendre() -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(160)
