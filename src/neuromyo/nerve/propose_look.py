"""What each pixel looks like beside muscle and fat: the classes of brightness by which nerve is told from what is around it.

An image is first made relative to muscle (its most common tissue), slowly varying coil sensitivity taken out. Then

    fat bright (T2w, T1w, PDw, GRE, MTw)   t = (v - muscle) / (fat - muscle): nerve lies between muscle (0) and fat (1)
    fat suppressed (T2w-fs)                v / muscle: fascicles above 1, fat between them below
    FA                                     FA: nerve above muscle

is cut into classes, each with a weight: how well it fits nerve. Vessels with fast flow are too dark; slow veins too dark on T1w and
too bright on T2w-fs.
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
#: upper limits of all classes but the last, how well each class fits nerve, and how well the fat around it
BETWEEN = ((-0.25, 0.08, 0.25, 0.42, 0.6, 0.78, 0.95), (0.0, 0.15, 1.0, 1.0, 1.0, 0.85, 0.25, 0.0),
           (0.0, 0.0, 0.0, 0.0, 0.3, 0.7, 1.0, 1.0))  # fmt: skip
SUPPRESSED = ((0.3, 0.6, 0.85, 1.1, 1.4, 1.9, 2.6), (0.1, 0.5, 0.8, 0.8, 1.0, 1.0, 0.9, 0.1),
              (1.0, 1.0, 0.4, 0.0, 0.0, 0.0, 0.0, 0.0))  # fmt: skip
ANISOTROPIC = ((0.15, 0.28, 0.38, 0.48, 0.58, 0.75), (0.0, 0.1, 0.5, 1.0, 1.0, 1.0, 0.6),
               (1.0, 1.0, 0.5, 0.0, 0.0, 0.0, 0.0))  # fmt: skip
#: the coil's sensitivity changes over such distances (mm)
_COIL_MM = 14.0


@dataclass(frozen=True, eq=False)
class Look:
    """One image made ready, slice axis last.

    classes : (classes, a, b, z) share of each (coarser) pixel in each class of brightness
    fits : (classes,) how well each class fits nerve, 0 to 1
    rims : (classes,) how well each fits the fat around a nerve
    relative : (a, b, z) at full resolution, brightness over muscle's (or FA); noise : its sd
    """

    classes: np.ndarray
    fits: np.ndarray
    rims: np.ndarray
    relative: np.ndarray
    noise: float
    weighting: str

    @property
    def likeness(self) -> np.ndarray:
        """(a, b, z) mean fit of each pixel."""
        return np.tensordot(self.fits, self.classes, 1)


def looks(images: Sequence[Image], grid: Grid, coarser: tuple[int, int]) -> tuple[Look, ...]:
    """Each image on ``grid``, in classes; ``coarser`` pixels along each in-plane axis are pooled into one."""
    return tuple(_look(image, grid, coarser) for image in images)


def _look(image: Image, grid: Grid, coarser: tuple[int, int]) -> Look:
    values = np.moveaxis(map_to_grid(image.values, image.grid, grid), grid.slice_axis, 2).astype(np.float32)
    values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    if image.weighting == "FA":
        return _cut(values, values, _scatter(values, values > 0.1), ANISOTROPIC, "FA", coarser)
    a, b = grid.in_plane_axes
    relative, muscle = _to_muscle(values, (grid.spacing_mm[a], grid.spacing_mm[b]), image.name)
    noise = _scatter(relative, muscle)
    top = float(np.percentile(relative, 99.7))
    if image.weighting in FAT_BRIGHT or (image.weighting != "T2w-fs" and top > 2.2):
        bright = relative[relative > 1.0 + 0.6 * (top - 1.0)]
        fat = max(float(np.median(bright)) if bright.size else 2.0, 1.3)
        return _cut((relative - 1.0) / (fat - 1.0), relative, noise, BETWEEN, image.weighting, coarser)
    return _cut(relative, relative, noise, SUPPRESSED, image.weighting, coarser)


def _cut(
    scaled: np.ndarray,
    relative: np.ndarray,
    noise: float,
    table: tuple[tuple[float, ...], ...],
    weighting: str,
    coarser: tuple[int, int],
) -> Look:
    limits, fits, rims = table
    number = np.searchsorted(np.array(limits), scaled)
    na, nb = (n // c for n, c in zip(scaled.shape[:2], coarser, strict=True))
    pooled = (na, coarser[0], nb, coarser[1], scaled.shape[2])
    kept = number[: na * coarser[0], : nb * coarser[1]].reshape(pooled)
    classes = np.stack([(kept == i).mean(axis=(1, 3), dtype=np.float32) for i in range(len(fits))])
    return Look(classes, np.array(fits, np.float32), np.array(rims, np.float32), relative, noise, weighting)


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
