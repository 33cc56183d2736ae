r"""What the maps of B0 and B1 share: where the body is, how noisy its images are, and smoothing inside it alone.

Smoothing is a normalised convolution: a mean of the body's own voxels, weighted with a Gaussian of the distance in mm,

.. math:: \bar{f}(x) = \frac{\sum_y k(x - y)\, m(y)\, f(y)}{\sum_y k(x - y)\, m(y)}

so that air, which has no field to speak of, takes no part, and nothing is lowered at the skin.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import ndimage

from neuromyo.core.grid import Grid
from neuromyo.core.reasons import Reason
from neuromyo.physics.noise import sigma_from_background

#: share of the 99th percentile of the magnitude, and times the noise, that a voxel of the body exceeds
_SHARE, _TIMES_NOISE = 0.05, 4.0
#: a Gaussian kernel is cut where it has fallen this many sigma
_REACH = 3.0
_FWHM = np.sqrt(8 * np.log(2))


def noise_of(option: str | float, magnitude: np.ndarray) -> float:
    """Noise per real channel: the option's number, or what the air around the body says; NaN where there is no air."""
    return float(option) if not isinstance(option, str) else sigma_from_background(magnitude)


def body(magnitude: np.ndarray, mask: np.ndarray | None, sigma: float) -> np.ndarray:
    """(x, y, z) bool: voxels with signal above 5 % of the 99th percentile and four times the noise, inside ``mask``.

    magnitude : (x, y, z), not finite where a sample is missing; sigma : NaN where the noise is not known
    """
    sound = np.isfinite(magnitude)
    inside = sound if mask is None else sound & mask
    bright = magnitude[inside & (magnitude > 0)]
    if not bright.size:
        return np.zeros(magnitude.shape, dtype=bool)
    floor = _SHARE * float(np.percentile(bright, 99))
    if np.isfinite(sigma):
        floor = max(floor, _TIMES_NOISE * sigma)
    return inside & (np.where(sound, magnitude, 0.0) > floor)


def outside(magnitude: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """(x, y, z) uint8 reasons: OK in the body, else NOT_FINITE or NO_SIGNAL."""
    reason = np.where(inside, Reason.OK, Reason.NO_SIGNAL).astype(np.uint8)
    reason[~np.isfinite(magnitude)] = Reason.NOT_FINITE
    return reason


def pieces(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """(numbers from 1 of what hangs together, how many) of a mask of any dimension."""
    found: Any = ndimage.label(mask)
    return found[0], int(found[1])


def depth(mask: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
    """How far (mm) each voxel of a mask of any dimension is from the nearest one outside; beyond the image is outside."""
    found: Any = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=spacing)
    return found[(slice(1, -1),) * mask.ndim]


def spread_out(numbers: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
    """Numbers above 0 given to all other voxels by the nearest one that has one."""
    found: Any = ndimage.distance_transform_edt(
        numbers == 0, sampling=spacing, return_distances=False, return_indices=True
    )
    return numbers[tuple(found)]


class Smoother:
    """Sums over neighbours with a Gaussian of full width ``fwhm_mm`` at half maximum; the voxel alone where that is 0."""

    def __init__(self, grid: Grid | None, fwhm_mm: float) -> None:
        spacing = (1.0, 1.0, 1.0) if grid is None else grid.spacing_mm
        self.kernels = [_kernel(fwhm_mm / _FWHM / s) for s in spacing]

    def sum(self, values: np.ndarray) -> np.ndarray:
        """sum_y k(x - y) values(y); values (x, y, z), 0 outside the body."""
        return self._apply(values, self.kernels)

    def sum_of_squares(self, values: np.ndarray) -> np.ndarray:
        """sum_y k(x - y)^2 values(y): what becomes of variances that do not depend on each other."""
        return self._apply(values, [k * k for k in self.kernels])

    def _apply(self, values: np.ndarray, kernels: list[np.ndarray]) -> np.ndarray:
        out = values
        for axis, kernel in enumerate(kernels):
            if kernel.size > 1:
                out = ndimage.convolve1d(out, kernel, axis=axis, mode="constant")
        return out


def _kernel(sigma: float) -> np.ndarray:
    half = int(np.ceil(_REACH * sigma)) if sigma > 0.2 else 0
    weights = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma) ** 2) if half else np.ones(1)
    return weights / weights.sum()


def ratio(
    first: np.ndarray, second: np.ndarray, inside: np.ndarray, smoother: Smoother, sigma: float
) -> tuple[np.ndarray, np.ndarray | None]:
    r"""second / first over each voxel's surroundings in the body, and its sd.

    .. math:: R = \sum k\, S_1 S_2 / \sum k\, (S_1^2 - 2\sigma^2), \qquad
        \mathrm{var}\, R = \sigma^2 (1 + R^2) \sum k^2 S_1^2 / (\sum k\, S_1^2)^2

    the least-squares ratio, from whose denominator the power of Rician noise is taken; anatomy cancels, and dim voxels
    count little. Shapes (x, y, z); the sd is None where sigma is NaN.
    """
    s1 = np.where(inside, first, 0.0).astype(np.float64)
    s2 = np.where(inside, second, 0.0).astype(np.float64)
    power = s1 * s1
    floor = 2 * sigma * sigma if np.isfinite(sigma) else 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        below = smoother.sum(power - floor * inside)
        found = np.where(inside, smoother.sum(s1 * s2) / below, np.nan)
        if not np.isfinite(sigma):
            return found, None
        spread = np.sqrt(smoother.sum_of_squares(power))
        return found, np.where(inside, sigma * np.sqrt(1 + found**2) * spread / below, np.nan)


def of_angle(
    cosine: np.ndarray, slope: np.ndarray, ratio_sd: np.ndarray | None, nominal_rad: float
) -> tuple[np.ndarray, np.ndarray | None]:
    """B1 = arccos(cosine) / nominal, and its sd from d cosine / d ratio (``slope``); NaN where the cosine is none."""
    with np.errstate(invalid="ignore", divide="ignore"):
        b1 = np.arccos(np.where(np.abs(cosine) <= 1, cosine, np.nan)) / nominal_rad
        if ratio_sd is None:
            return b1, None
        return b1, np.abs(slope) * ratio_sd / (np.sqrt(1 - cosine**2) * nominal_rad)


def graded(b1: np.ndarray, reason: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """Reasons with AT_BOUND where no angle explains the signals, or one so near the end of what the method can tell."""
    with np.errstate(invalid="ignore"):
        reason[(reason == Reason.OK) & ~((b1 > limits[0]) & (b1 < limits[1]))] = Reason.AT_BOUND
    return reason
