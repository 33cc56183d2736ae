"""Which voxels are worth fitting: those with signal. Air is left alone."""

from __future__ import annotations

import numpy as np

from neuromyo.core.series import Series
from neuromyo.physics.noise import sigma_from_background

#: share of the 99th percentile of a voxel's largest sample above which it counts as signal
SIGNAL = 0.05
#: and above this many times the noise per channel, where air tells it: of 20 samples of air, one voxel in a thousand is as large
_ABOVE_NOISE = 4.5


def worth_fitting(series: Series, *others: Series) -> np.ndarray:
    """(x, y, z) bool: the largest magnitude over the volumes above 5 % of its 99th percentile and above the noise, or some
    samples but not all not finite, so that such a voxel gets its own reason; in any of the series on the first one's grid, since fat is
    dark in an image of water. All voxels where that leaves none."""
    mask = _of(series)
    for other in others:
        if other.grid.same_as(series.grid):
            mask |= _of(other)
    return mask if mask.any() else np.ones_like(mask)


def _of(series: Series) -> np.ndarray:
    largest, first = (np.zeros(series.grid.shape, dtype=np.float32) for _ in range(2))
    broken = np.zeros(series.grid.shape, dtype=bool)
    for z in range(largest.shape[2]):
        samples = np.abs(series.read((slice(None), slice(None), slice(z, z + 1)))[:, :, 0])
        finite = np.isfinite(samples)
        known = np.where(finite, samples, 0)
        largest[:, :, z], first[:, :, z] = known.max(axis=2), known[:, :, 0]
        broken[:, :, z] = finite.any(axis=2) & ~finite.all(axis=2)
    noise = sigma_from_background(first)
    least = max(SIGNAL * float(np.percentile(largest, 99)), _ABOVE_NOISE * noise if np.isfinite(noise) else 0.0)
    return (largest > least) | broken
