r"""What `stage_mt` does with a voxel once water and fat are apart: fuse the series, then solve the steady states.

Each series s gives water and fat at echo time 0, its field and its R2*, with their covariance. One R2* is true for all: with
:math:`v_s` the variance of the R2* that series s found alone and :math:`k_s = \mathrm{cov}(a_s, R_s) / v_s`,

.. math::
    R = \sum_s R_s / v_s \Big/ \sum_s 1 / v_s, \qquad a_s \leftarrow a_s + k_s (R - R_s), \qquad
    \mathrm{cov}(a_s, a_t) = \delta_{st}\,(C_s - k_s k_s^T v_s) + k_s k_t^T \,\mathrm{var}(R)

which is the joint fit, to first order in its errors. Amplitudes are then seen along the phase of each series' sum of water and fat,
so that they may be negative and average out rightly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neuromyo.fit.water_fat import IM_F, IM_W, R2STAR, RE_F, RE_W, WaterFat
from neuromyo.physics.mt_saturation import rational_start, saturation_of, steady

#: where Newton's steps for ln R1 may go, R1 in 1/s
_RATES = (0.05, 50.0)
_STEPS = 6


@dataclass(frozen=True, eq=False)
class Fused:
    """m voxels of k series. water, fat : (m, k) real, at echo time 0; r2star : (m,) 1/s; covariance : (m, 2k + 1, 2k + 1) of
    (water of each series, fat of each series, R2*)."""

    water: np.ndarray
    fat: np.ndarray
    r2star: np.ndarray
    covariance: np.ndarray


def fuse(parts: Sequence[WaterFat]) -> Fused:
    """One R2* for all series, and the amplitudes that go with it. The parts' covariances must be scaled by the noise."""
    many, count = len(parts), len(parts[0].r2star)
    variance = np.stack([p.covariance[:, R2STAR, R2STAR] for p in parts], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        common = 1 / (1 / variance).sum(axis=1)
        rate = common * (np.stack([p.r2star for p in parts], axis=1) / variance).sum(axis=1)
    water, fat = np.empty((count, many)), np.empty((count, many))
    covariance = np.zeros((count, 2 * many + 1, 2 * many + 1))
    pulls = np.zeros((count, 2 * many + 1))
    pulls[:, -1] = 1.0
    for s, part in enumerate(parts):
        found, spread = _along_the_sum(part)
        with np.errstate(invalid="ignore", divide="ignore"):
            pull = spread[:, :2, 2] / variance[:, s, None]
        found = found + pull * (rate - part.r2star)[:, None]
        water[:, s], fat[:, s] = found[:, 0], found[:, 1]
        own = spread[:, :2, :2] - pull[:, :, None] * pull[:, None, :] * variance[:, s, None, None]
        here = np.array([s, many + s])
        covariance[:, here[:, None], here[None, :]] = own
        pulls[:, here] = pull
    covariance += pulls[:, :, None] * pulls[:, None, :] * common[:, None, None]
    return Fused(water, fat, rate, covariance)


def _along_the_sum(part: WaterFat) -> tuple[np.ndarray, np.ndarray]:
    """Water and fat (m, 2) along the phase of their sum, and the covariance (m, 3, 3) of these two and R2*."""
    total = part.water + part.fat
    with np.errstate(invalid="ignore", divide="ignore"):
        unit = total / np.abs(total)
    found = np.stack([(part.water * unit.conj()).real, (part.fat * unit.conj()).real], axis=1)
    turn = np.zeros((len(unit), 3, part.covariance.shape[-1]))
    turn[:, 0, RE_W], turn[:, 0, IM_W] = unit.real, unit.imag
    turn[:, 1, RE_F], turn[:, 1, IM_F] = unit.real, unit.imag
    turn[:, 2, R2STAR] = 1.0
    # the phase itself is found from the sum: what turns it moves w along i u Im, and f the other way
    across = (part.water * unit.conj()).imag / np.where(np.abs(total) > 0, np.abs(total), 1.0)
    for row, sign in ((0, 1.0), (1, -1.0)):
        for re, im in ((RE_W, IM_W), (RE_F, IM_F)):
            turn[:, row, re] += sign * across * -unit.imag
            turn[:, row, im] += sign * across * unit.real
    return found, turn @ part.covariance @ np.swapaxes(turn, 1, 2)


def relaxation(
    first: np.ndarray, second: np.ndarray, tips: tuple[np.ndarray, np.ndarray], times: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """R1 (1/s) and equilibrium amplitude (...) of two signals at two true angles (rad) and repetition times (s), exactly.

    Newton's method on the logarithm of their ratio, which falls with ln R1; NaN where no R1 within bounds gives that ratio.
    """
    low, high = np.log(_RATES)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        wanted = np.log(first / second)
        start, _ = rational_start(first, second, tips, times)
        u = np.clip(np.log(np.where(start > 0, start, 1.0)), low, high)
        for _ in range(_STEPS):
            one, two = (steady(tip, tr, np.exp(u)) for tip, tr in zip(tips, times, strict=True))
            miss = np.log(one.signal / two.signal) - wanted
            slope = one.by_log_rate / one.signal - two.by_log_rate / two.signal
            u = np.clip(u - np.clip(miss / slope, -1.0, 1.0), low, high)
        one, two = (steady(tip, tr, np.exp(u)) for tip, tr in zip(tips, times, strict=True))
        found = np.abs(np.log(one.signal / two.signal) - wanted) < 1e-9
        rate = np.where(found & (first > 0) & (second > 0), np.exp(u), np.nan)
        return rate, first / one.signal


def trusted(
    water: np.ndarray, covariance: np.ndarray, tips: tuple[np.ndarray, np.ndarray], times: tuple[float, float], rate: np.ndarray,
    prior_sd: float,
) -> np.ndarray:  # fmt: skip
    """How much ln R1 of the water is worth beside what is usual: its share (m,) in the precision-weighted mean, 0 where it could not be
    found.

    water : (m, 2) of the two series; covariance : (m, 2, 2) of these; prior_sd : of the logarithm of the usual R1
    """
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        one, two = (steady(tip, tr, rate) for tip, tr in zip(tips, times, strict=True))
        slope = one.by_log_rate / one.signal - two.by_log_rate / two.signal
        by = np.stack([1 / water[:, 0], -1 / water[:, 1]], axis=1) / slope[:, None]
        variance = np.einsum("mi,mij,mj->m", by, covariance, by)
        share = prior_sd**2 / (prior_sd**2 + variance)
        return np.where(np.isfinite(share) & np.isfinite(rate), share, 0.0)


def believed(rate: np.ndarray, share: np.ndarray, prior: float) -> np.ndarray:
    """R1 (m,) between the one found and the usual one, by ``share``."""
    return np.exp(share * np.log(np.where(share > 0, rate, prior)) + (1 - share) * np.log(prior))


def saturation(
    signal: np.ndarray, equilibrium: np.ndarray, tip: np.ndarray, time: float, rate: np.ndarray, gap: float
) -> np.ndarray:
    """Share of the water that each MT pulse takes (...), from its signal, amplitude and R1, exactly."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        return saturation_of(signal, equilibrium, tip, time, rate, gap)


def equilibrium(
    found: np.ndarray, tips: Sequence[np.ndarray], times: Sequence[float], rate: np.ndarray | float
) -> np.ndarray:
    """Equilibrium amplitude (...) from the amplitudes in unsaturated series (..., k), least squares with R1 known."""
    shares = np.stack([steady(tip, tr, rate).signal for tip, tr in zip(tips, times, strict=True)], axis=-1)
    return (found * shares).sum(axis=-1) / (shares**2).sum(axis=-1)
