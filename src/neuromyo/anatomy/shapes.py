"""A few operations on the shapes in one slice, in millimetres, that the segmenters share."""

from __future__ import annotations

import numpy as np
from scipy import ndimage


def islands(mask: np.ndarray, *, corners: bool = False) -> tuple[np.ndarray, int]:
    """Connected pieces of a mask numbered from 1, and how many; voxels that meet at corners connect only if asked."""
    label = np.zeros(mask.shape, np.int32)
    n = ndimage.label(mask, ndimage.generate_binary_structure(mask.ndim, mask.ndim if corners else 1), output=label)
    return label, int(n)  # type: ignore[arg-type]


def depth(mask: np.ndarray, spacing: tuple[float, float], *, cut_is_edge: bool = True) -> np.ndarray:
    """Distance (mm) of each voxel of a slice's mask (a, b) from the nearest one outside; the image's edge is outside
    too, unless the body is taken to go on there."""
    padded = np.pad(mask, 1) if cut_is_edge else np.pad(mask, 1, mode="edge")
    return np.asarray(ndimage.distance_transform_edt(padded, spacing))[1:-1, 1:-1]


def distance(target: np.ndarray, spacing: tuple[float, float]) -> np.ndarray:
    """Distance (mm) of each voxel (a, b) from the nearest one of ``target``."""
    return np.asarray(ndimage.distance_transform_edt(~target, spacing))


def of_size(mask: np.ndarray, smallest_mm2: float, spacing: tuple[float, float]) -> np.ndarray:
    """The pieces of a slice's mask (a, b) that are at least so large."""
    label, n = islands(mask)
    area = np.bincount(label.ravel(), minlength=n + 1) * (spacing[0] * spacing[1])
    area[0] = 0.0
    return (area >= smallest_mm2)[label] & mask
