r"""Water, fat and R2* from magnitudes of gradient echoes under Rician noise, from two starts.

.. math:: A_n = |W + F c_n|\, e^{-R_2^* t_n}, \qquad \langle M_n\rangle = \sigma\, m(A_n/\sigma)

with m and the variance of Rice's law (`physics.noise`). Each voxel is fitted by damped scoring (the residuals over their predicted
sd), once from mostly water and once from mostly fat; the likelier end wins. Likelihood is the quasi-likelihood of Rice's mean and
variance, which holds for the mean signal of a region too.

*Assumes* one R2* and a known sigma. *Breaks* where the two minima are equally deep (`log_ratio` is then near 0).

*Cites* Triay Bagur et al., Magn Reson Med 2019;82:460, doi:10.1002/mrm.27728 (two starts on magnitudes); Karlsen et al., Magn Reson
Med 1999;41:614, doi:10.1002/(SICI)1522-2594(199903)41:3<614::AID-MRM26>3.0.CO;2-1 (scoring under Rice's law).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from neuromyo.physics.noise import rice_table

_STEPS = 40
_SETTLED = 1e-5
R2STAR = (-20.0, 1000.0)
_STARTS = (0.1, 0.9)
_START_R2STAR = 40.0


@dataclass(frozen=True, eq=False)
class MagnitudeFit:
    """water, fat, r2star (m,); covariance (m, 3, 3) in that order; log_ratio (m,): how much likelier than the other start's end;
    other (m,): the fat share there; rss (m,): squared residuals about the Rician mean; settled (m,) bool."""

    water: np.ndarray
    fat: np.ndarray
    r2star: np.ndarray
    covariance: np.ndarray
    log_ratio: np.ndarray
    other: np.ndarray
    rss: np.ndarray
    settled: np.ndarray


def fit(magnitudes: np.ndarray, times: np.ndarray, fat_phasor: np.ndarray, sigma: float) -> MagnitudeFit:
    """magnitudes (m, n) finite; times (n,) s; fat_phasor (n,) complex; sigma per real channel, above 0."""
    data = np.maximum(magnitudes.astype(np.float64), 0.0)
    scale = np.maximum(data.max(axis=1), 1e-30)
    unit, noise = data / scale[:, None], sigma / scale
    ends = [_descend(unit, times, fat_phasor, noise, share) for share in _STARTS]
    likelihood = np.stack([_log_likelihood(unit, _amplitude(e[0], times, fat_phasor)[0], noise) for e in ends])
    first = likelihood[0] >= likelihood[1]
    theta, other = (np.where(w[:, None], ends[0][0], ends[1][0]) for w in (first, ~first))
    amplitude, slopes = _amplitude(theta, times, fat_phasor)
    law = rice_table()(amplitude / noise[:, None])
    covariance = _inverse(_information(slopes, law[..., 3])) * (noise**2)[:, None, None]
    units = np.stack([scale, scale, np.ones_like(scale)], axis=1)
    rss = (((unit - noise[:, None] * law[..., 0]) * scale[:, None]) ** 2).sum(axis=1)
    total = other[:, 0] + other[:, 1]
    return MagnitudeFit(
        water=theta[:, 0] * scale,
        fat=theta[:, 1] * scale,
        r2star=theta[:, 2],
        covariance=covariance * units[:, :, None] * units[:, None, :],
        log_ratio=np.abs(likelihood[0] - likelihood[1]),
        other=other[:, 1] / np.where(total == 0, 1.0, total),
        rss=rss,
        settled=np.where(first, ends[0][1], ends[1][1]),
    )


def _amplitude(theta: np.ndarray, times: np.ndarray, fat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Noise-free amplitudes (m, n) and their derivatives (m, n, 3) by water, fat, R2*."""
    water, lipid, r2star = (theta[:, i : i + 1] for i in range(3))
    decay = np.exp(-r2star * times)
    mixed = water + lipid * fat
    size = np.abs(mixed)
    turn = mixed.conj() / np.maximum(size, 1e-12)
    slopes = np.stack([turn.real * decay, (turn * fat).real * decay, -times * size * decay], axis=-1)
    return size * decay, slopes


def _descend(
    data: np.ndarray, times: np.ndarray, fat: np.ndarray, noise: np.ndarray, share: float
) -> tuple[np.ndarray, np.ndarray]:
    """The nearest minimum from a start at fat share ``share``: (m, 3), and whether it settled."""
    theta = _start(data, times, fat, share)
    damping = np.full(len(data), 1e-2)
    settled = np.zeros(len(data), dtype=bool)
    cost = _log_likelihood(data, _amplitude(theta, times, fat)[0], noise)
    live = np.arange(len(data))
    for _ in range(_STEPS):
        if not live.size:
            break
        step = _step(data[live], theta[live], times, fat, noise[live], damping[live])
        tried = theta[live] + step
        tried[:, 2] = np.clip(tried[:, 2], *R2STAR)
        new = _log_likelihood(data[live], _amplitude(tried, times, fat)[0], noise[live])
        better = new >= cost[live]
        theta[live[better]], cost[live[better]] = tried[better], new[better]
        damping[live] = np.clip(np.where(better, 0.2, 8.0) * damping[live], 1e-9, 1e9)
        small = np.abs(step[:, 0]) + np.abs(step[:, 1]) + np.abs(step[:, 2]) / 100 < _SETTLED
        done = small | (damping[live] >= 1e9)
        settled[live[done]] = True
        live = live[~done]
    return theta, settled


def _start(data: np.ndarray, times: np.ndarray, fat: np.ndarray, share: float) -> np.ndarray:
    """Amplitude by least squares for the model of that fat share and a typical R2*."""
    model = np.abs(1 - share + share * fat) * np.exp(-_START_R2STAR * times)
    total = data @ model / (model @ model)
    return np.stack([(1 - share) * total, share * total, np.full(len(data), _START_R2STAR)], axis=1)


def _step(
    data: np.ndarray, theta: np.ndarray, times: np.ndarray, fat: np.ndarray, noise: np.ndarray, damping: np.ndarray
) -> np.ndarray:
    """One damped scoring step (m, 3): the score of the Rician mean over its variance, the matrix of its expectation."""
    amplitude, slopes = _amplitude(theta, times, fat)
    law = rice_table()(amplitude / noise[:, None])
    weight = law[..., 1] / law[..., 2]
    residual = data - noise[:, None] * law[..., 0]
    score = np.einsum("mn,mni->mi", weight * residual, slopes)
    matrix = _information(slopes, weight * law[..., 1])
    diagonal = np.einsum("mii->mi", matrix)
    lifted = matrix + np.eye(3) * (damping[:, None] * diagonal + 1e-14)[:, None, :]
    return np.linalg.solve(lifted, score[..., None])[..., 0]


def _information(slopes: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """sum_n weight_n slope_n slope_n^T: (m, 3, 3)."""
    return np.einsum("mn,mni,mnj->mij", weight, slopes, slopes)


def _inverse(matrix: np.ndarray) -> np.ndarray:
    """The inverse; NaN where a parameter is not determined."""
    size = np.sqrt(np.einsum("mii->mi", matrix))
    sound = (size > 0).all(axis=1)
    scaled = np.where(sound[:, None, None], matrix / np.where(size > 0, size, 1)[:, :, None] / np.where(size > 0, size, 1)[:, None, :],
                      np.eye(3))  # fmt: skip
    sound &= np.linalg.det(scaled) > 1e-12
    scaled = np.where(sound[:, None, None], scaled, np.eye(3))
    found = np.linalg.inv(scaled) / np.where(size > 0, size, 1)[:, :, None] / np.where(size > 0, size, 1)[:, None, :]
    return np.where(sound[:, None, None], found, np.nan)


def _log_likelihood(data: np.ndarray, amplitude: np.ndarray, noise: np.ndarray) -> np.ndarray:
    r"""Quasi-likelihood (m,) of Rice's mean and variance, but for terms of the data alone:

    sum over the echoes of the integral of (d - m) m' / v over the amplitude, all in units of the noise.
    """
    d, a = data / noise[:, None], amplitude / noise[:, None]
    nodes, first, second = _integrals()
    return (d * np.interp(a, nodes, first) - _beyond(a, nodes, second) - 0.5 * (d - a) ** 2).sum(axis=1)


def _beyond(a: np.ndarray, nodes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The second integral, continued above the table, where the mean is a + 1 / (2 a)."""
    return np.interp(a, nodes, values) + 0.5 * np.log(np.maximum(a, nodes[-1]) / nodes[-1])


@lru_cache(maxsize=1)
def _integrals() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(nodes, integral of m'/v less a, integral of m m'/v less a^2 / 2) at the nodes of the Rice table."""
    table = rice_table()
    nodes = table.step * np.arange(len(table.values))
    mean, slope, variance, _ = table.values.T
    rate = slope / variance
    return nodes, _running(rate - 1, nodes), _running(mean * rate - nodes, nodes)


def _running(values: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """The integral up to each node, by trapezia."""
    return np.concatenate([[0.0], np.cumsum(0.5 * (values[1:] + values[:-1]) * np.diff(nodes))])
