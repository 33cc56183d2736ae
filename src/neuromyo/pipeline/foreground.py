"""Which voxels are worth fitting: those with signal. Air is left alone."""

from __future__ import annotations

import numpy as np

from neuromyo.core.series import Series

#: share of the 99th percentile of a voxel's largest sample above which it counts as signal
SIGNAL = 0.05


def worth_fitting(series: Series) -> np.ndarray:
    """(x, y, z) bool: the largest magnitude over the volumes above 5 % of its 99th percentile, or some samples but not all
    not finite, so that such a voxel gets its own reason. All voxels where that leaves none."""
    largest = np.zeros(series.grid.shape, dtype=np.float32)
    broken = np.zeros(series.grid.shape, dtype=bool)
    for z in range(largest.shape[2]):
        samples = np.abs(series.read((slice(None), slice(None), slice(z, z + 1)))[:, :, 0])
        finite = np.isfinite(samples)
        largest[:, :, z] = np.where(finite, samples, 0).max(axis=2)
        broken[:, :, z] = finite.any(axis=2) & ~finite.all(axis=2)
    mask = (largest > SIGNAL * np.percentile(largest, 99)) | broken
    return mask if mask.any() else np.ones_like(mask)
