"""Which voxels are worth fitting: those with signal. Air is left alone."""

from __future__ import annotations

import numpy as np

from neuromyo.core.series import Series

#: share of the 99th percentile of the first volume above which a voxel counts as signal
SIGNAL = 0.05


def worth_fitting(series: Series) -> np.ndarray:
    """(x, y, z) bool: the first volume's magnitude over 5 % of its 99th percentile; all voxels where that leaves none."""
    first = np.empty(series.grid.shape, dtype=np.float32)
    for z in range(first.shape[2]):
        first[:, :, z : z + 1] = np.abs(series.read((slice(None), slice(None), slice(z, z + 1)))[..., 0])
    finite = np.where(np.isfinite(first), first, 0)
    mask = finite > SIGNAL * np.percentile(finite, 99)
    return mask if mask.any() else np.ones_like(mask)
