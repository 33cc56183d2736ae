"""How much each pixel looks like nerve, image by image: between muscle and fat, or bright where fat is suppressed.

An image is first made relative to muscle (its most common tissue), slowly varying coil sensitivity taken out. Then

    fat bright (T2w, T1w, PDw, GRE, MTw)   t = (v - muscle) / (fat - muscle), nerve where 0.12 < t < 0.75
    fat suppressed (T2w-fs)                nerve where 0.8 < v / muscle < 2.6
    FA                                     nerve where FA > 0.4

with soft limits. Vessels with fast flow are too dark, slow veins too dark on T1w and too bright on T2w-fs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from neuromyo.core.errors import DataError
from neuromyo.core.grid import Grid
from neuromyo.core.image import Image
from neuromyo.space.interpolate import map_to_grid

FAT_BRIGHT = ("T2w", "T1w", "PDw", "GRE", "MTw")
#: limits (from, to) over which likeness rises and falls; wide, since nerves with more fat or oedema are nerves too
_BETWEEN = ((0.06, 0.16), (0.70, 0.92))
_SUPPRESSED = ((0.62, 0.88), (2.3, 2.9))
_ANISOTROPIC = (0.33, 0.46)
#: the coil's sensitivity changes over such distances (mm)
_COIL_MM = 14.0


@dataclass(frozen=True, eq=False)
class Look:
    """One image made ready, slice axis last: ``likeness`` (a, b, z) 0 to 1, ``relative`` (a, b, z) to muscle, ``noise`` its sd
    in the same unit; ``fat`` the level of fat relative to muscle, 0 where fat is not bright."""

    likeness: np.ndarray
    relative: np.ndarray
    noise: float
    fat: float
    weighting: str


def looks(images: Sequence[Image], grid: Grid, smooth_mm: float) -> tuple[Look, ...]:
    """Each image on ``grid`` as likeness to nerve; ``smooth_mm`` is the sd of the Gaussian that likeness is judged after."""
    return tuple(_look(image, grid, smooth_mm) for image in images)


def _look(image: Image, grid: Grid, smooth_mm: float) -> Look:
    values = np.moveaxis(map_to_grid(image.values, image.grid, grid), grid.slice_axis, 2).astype(np.float32)
    values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    a, b = grid.in_plane_axes
    pixel = (grid.spacing_mm[a], grid.spacing_mm[b])
    sigma = (smooth_mm / pixel[0], smooth_mm / pixel[1], 0.0)
    if image.weighting == "FA":
        soft = ndimage.gaussian_filter(values, sigma)
        return Look(_rise(soft, *_ANISOTROPIC), values, _scatter(values, soft > 0.1), 0.0, "FA")
    relative, muscle = _to_muscle(values, pixel, image.name)
    soft = ndimage.gaussian_filter(relative, sigma)
    noise = _scatter(relative, muscle)
    top = float(np.percentile(soft, 99.7))
    if image.weighting in FAT_BRIGHT or (image.weighting != "T2w-fs" and top > 2.2):
        fat = max(float(np.median(soft[soft > 1.0 + 0.6 * (top - 1.0)])), 1.3) if top > 1.0 else 2.0
        t = (soft - 1.0) / (fat - 1.0)
        return Look(_rise(t, *_BETWEEN[0]) * (1.0 - _rise(t, *_BETWEEN[1])), relative, noise, fat, image.weighting)
    likeness = _rise(soft, *_SUPPRESSED[0]) * (1.0 - _rise(soft, *_SUPPRESSED[1]))
    return Look(likeness, relative, noise, 0.0, image.weighting)


def _to_muscle(values: np.ndarray, pixel: tuple[float, float], name: str) -> tuple[np.ndarray, np.ndarray]:
    """(values over those of muscle nearby, mask of muscle)."""
    top = float(np.percentile(values, 99.0))
    tissue = values[values > 0.12 * top]
    if not top > 0 or tissue.size < 100 or np.ptp(tissue) <= 1e-6 * top:
        raise DataError("E-NOSIGNAL", where=name, needed="an image of a limb or the trunk", found="a constant or empty image",
                        remedy="see whether the right file was named")  # fmt: skip
    level = _lowest_peak(tissue)
    muscle = np.abs(values / level - 1.0) < 0.35
    sigma = (_COIL_MM / pixel[0], _COIL_MM / pixel[1], 1.0)
    near = ndimage.gaussian_filter(muscle.astype(np.float32), sigma)
    sums = ndimage.gaussian_filter(np.where(muscle, values, 0.0).astype(np.float32), sigma)
    field = (sums + 0.02 * level) / (near + 0.02)
    return values / field, muscle


def _lowest_peak(tissue: np.ndarray) -> float:
    """The most common intensity; of several about as common, the lowest: muscle lies below fat."""
    counts, edges = np.histogram(tissue, 80)
    smooth = ndimage.gaussian_filter1d(counts.astype(float), 2.0, mode="nearest")
    inner = np.flatnonzero(
        (smooth >= np.roll(smooth, 1)) & (smooth >= np.roll(smooth, -1)) & (smooth > 0.4 * smooth.max())
    )
    place = int(inner[0]) if inner.size else int(np.argmax(smooth))
    return float(0.5 * (edges[place] + edges[place + 1]))


def _scatter(relative: np.ndarray, mask: np.ndarray) -> float:
    """Noise's sd from differences between neighbours within a mask (fine texture counts as noise)."""
    apart = (relative[1:] - relative[:-1])[mask[1:] & mask[:-1]]
    return max(float(1.4826 * np.median(np.abs(apart)) / np.sqrt(2.0)), 1e-3) if apart.size else 1e-3


def _rise(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below ``low``, 1 above ``high``, smooth between."""
    x = np.clip((values - low) / (high - low), 0.0, 1.0)
    return (x * x * (3.0 - 2.0 * x)).astype(np.float32)
