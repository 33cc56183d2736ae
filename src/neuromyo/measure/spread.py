"""The mean of a region and how well it is known.

The standard uncertainty (GUM, JCGM 100:2008) of a region's mean, as the value of that tissue:

    se^2 = s^2 / n_eff,    s^2 = max( sd_between^2, mean of sd_i^2 ),    n_eff = n / prod_a ( 1 + 2 sum_k r_a(k) )

``sd_between`` holds the tissue's own variation and the fit's scatter together; the fits' predicted sd_i take over where
they are larger, so that a few voxels that happen to agree do not look certain. Neighbouring voxels are alike
(interpolation, filters, anatomy), so n voxels are worth fewer: r_a(k) is the correlation at k voxels along array axis
a, summed until it is lost in its own noise (the effective number of Bayley and Hammersley, J R Stat Soc Suppl 1946;
8:184, an axis at a time).

Assumes: stationary variation whose correlation is a product over the axes, and independent fits.
Breaks: biases common to all voxels (B1 law, fat spectrum, calibration) are not in it; in regions of a dozen voxels the
correlation cannot be seen, and se comes out too small. On simulated smooth fields se is 1.0 to 1.5 times the scatter of
the mean, where s / sqrt(n) is 0.2 to 0.6 of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: of a median against a mean, for a normal distribution: sqrt(pi / 2)
MEDIAN_FACTOR = float(np.sqrt(np.pi / 2))
_FEWEST_PAIRS = 8
_MOST_LAGS = 24


@dataclass(frozen=True, slots=True)
class Spread:
    """Of n voxels: mean, median, interquartile range, standard deviation over voxels, and uncertainty of the mean."""

    n: int
    mean: float
    median: float
    iqr: float
    sd_between: float
    se: float


def spread(values: np.ndarray, mask: np.ndarray, sd: np.ndarray | None = None) -> Spread:
    """The numbers of one region.

    values, sd : (x, y, z), any box of the image, finite in ``mask``; sd None where the fit gives none
    mask : (x, y, z) bool, the voxels that enter
    """
    inside = values[mask].astype(np.float64)
    n = inside.size
    if n == 0:
        return Spread(0, np.nan, np.nan, np.nan, np.nan, np.nan)
    low, median, high = np.percentile(inside, [25, 50, 75])
    between = float(inside.std(ddof=1)) if n > 1 else float("nan")
    return Spread(
        n, float(inside.mean()), float(median), float(high - low), between, _standard_error(values, mask, between, sd)
    )


def effective_n(values: np.ndarray, mask: np.ndarray) -> float:
    """How many independent voxels the voxels of ``mask`` are worth, 1 to n."""
    n = int(mask.sum())
    if n < 2:
        return float(n)
    residual = np.where(mask, values, 0.0).astype(np.float64)
    residual[mask] -= residual[mask].mean()
    variance = float((residual[mask] ** 2).mean())
    if variance == 0.0:
        return float(n)
    inflation = 1.0
    for axis in range(3):
        inflation *= 1 + 2 * _summed_correlation(residual, mask, axis, variance)
    return float(np.clip(n / inflation, 1.0, n))


def _summed_correlation(residual: np.ndarray, mask: np.ndarray, axis: int, variance: float) -> float:
    """Correlations along an axis, from neighbours on outwards, summed up to the first that is within its own noise."""
    total = 0.0
    for lag in range(1, min(residual.shape[axis], _MOST_LAGS)):
        ahead, behind = [slice(None)] * 3, [slice(None)] * 3
        ahead[axis], behind[axis] = slice(lag, None), slice(None, -lag)
        pairs = mask[tuple(ahead)] & mask[tuple(behind)]
        n = int(pairs.sum())
        if n < _FEWEST_PAIRS:
            break
        r = float((residual[tuple(ahead)][pairs] * residual[tuple(behind)][pairs]).mean()) / variance
        if r < 1 / np.sqrt(n):
            break
        total += r
    return total


def _standard_error(values: np.ndarray, mask: np.ndarray, between: float, sd: np.ndarray | None) -> float:
    variance = between**2 if np.isfinite(between) else np.nan
    if sd is not None:
        known = sd[mask & np.isfinite(sd)].astype(np.float64)
        if known.size:
            variance = np.fmax(variance, float((known**2).mean()))
    return float(np.sqrt(variance / effective_n(values, mask)))
