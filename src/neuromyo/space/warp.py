"""Images through a transform onto another grid: scalars, series of volumes, complex numbers, labels.

Cubic splines, which keep more of the sharpness and of the noise than linear interpolation; every resampling still smooths
noise a little, so that it is done only where something moved. Voxels without data there are NaN (0 for labels).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.ndimage import binary_dilation, map_coordinates, spline_filter

from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels
from neuromyo.space.resample import grid_contains, sample_nearest
from neuromyo.space.transform import Transform

Allocate = Callable[[tuple[int, ...], np.dtype], np.ndarray]


def apply(
    transform: Transform, image: np.ndarray, grid: Grid, onto: Grid, allocate: Allocate | None = None
) -> np.ndarray:
    """An image as the fixed image's grid sees it.

    image : (x, y, z) or (x, y, z, n) on ``grid``, real or complex; integers and bools are taken as labels (nearest)
    onto : the grid of the result
    returns : float32, complex64, or the labels' type, of shape ``onto.shape`` (+ n). NaN where the image has no data
        (outside its field of view, or next to a sample that is not finite); labels are 0 there.

    Complex images are interpolated as real and imaginary part, so that phase wraps do no harm. Magnitudes that were
    nowhere negative stay so. ``allocate(shape, dtype)`` may give the memory of the result.
    """
    if image.dtype.kind in "biu":
        return _nearest(transform, image, grid, onto)
    dtype = np.dtype(np.complex64 if np.iscomplexobj(image) else np.float32)
    volumes = image[..., None] if image.ndim == 3 else image
    out = (allocate or np.empty)((*onto.shape, volumes.shape[3]), dtype)
    for v in range(volumes.shape[3]):
        out[..., v] = _volume(transform, volumes[..., v], grid, onto)
    return out[..., 0] if image.ndim == 3 else out


def apply_labels(transform: Transform, labels: Labels, onto: Grid) -> Labels:
    """Labels drawn on the moving image, on the fixed image's grid; the nearest voxel decides."""
    volume = _nearest(transform, labels.volume, labels.grid, onto)
    return replace(labels, volume=volume, grid=onto)


def _volume(transform: Transform, volume: np.ndarray, grid: Grid, onto: Grid) -> np.ndarray:
    if np.iscomplexobj(volume):
        real = _volume(transform, np.real(volume), grid, onto)
        return real + 1j * _volume(transform, np.imag(volume), grid, onto)
    finite = np.isfinite(volume)
    filled = np.where(finite, volume, 0).astype(np.float64)
    curve = spline_filter(filled, order=3, mode="mirror")
    broken = None if finite.all() else binary_dilation(~finite).astype(np.float32)
    floor = 0.0 if filled.min() >= 0 else -np.inf
    out = np.empty(onto.shape, dtype=np.float32)
    for k in range(onto.shape[2]):
        world = transform(onto.to_world(_plane(onto, k)))
        index = np.moveaxis(grid.to_index(world), -1, 0)
        found = map_coordinates(curve, index, order=3, mode="mirror", prefilter=False)
        usable = grid_contains(grid, world)
        if broken is not None:
            usable &= map_coordinates(broken, index, order=0, mode="nearest") < 0.5
        out[:, :, k] = np.where(usable, np.maximum(found, floor), np.nan)
    return out


def _nearest(transform: Transform, volume: np.ndarray, grid: Grid, onto: Grid) -> np.ndarray:
    out = np.zeros(onto.shape + volume.shape[3:], dtype=volume.dtype)
    for k in range(onto.shape[2]):
        world = transform(onto.to_world(_plane(onto, k))).reshape(-1, 3)
        if volume.ndim == 3:
            out[:, :, k] = sample_nearest(volume, grid, world).reshape(onto.shape[:2])
        else:
            for v in range(volume.shape[3]):
                out[:, :, k, v] = sample_nearest(volume[..., v], grid, world).reshape(onto.shape[:2])
    return out


def _plane(grid: Grid, k: int) -> np.ndarray:
    x, y = np.indices(grid.shape[:2])
    return np.stack([x, y, np.full(x.shape, k)], axis=-1).astype(np.float64)
