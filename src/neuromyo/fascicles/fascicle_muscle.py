r"""The signal of a nerve over that of muscle beside it, in one slice.

Muscle is read in a ring of 2 to 12 mm around the outline: where regions are given, from those called muscle; else from the voxels within
a quarter of the ring's commonest signal, which must be 40 % of it. A plane is laid through those voxels, and its height at the
nerve's middle is the muscle's signal there: a coil whose sensitivity changes evenly across both cancels.

*Assumes* that muscle is the commonest tissue around the nerve, where no regions are given. *Breaks* (gives nothing) in the ankle,
where it is not.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import ndimage

RING_MM = (2.0, 12.0)
#: how far from the commonest signal still is muscle, and which share of the ring muscle must be
NEAR, LEAST_SHARE = 0.25, 0.4
#: voxels that are needed of muscle and of nerve, and the share of those of the nerve that lies within its outline
LEAST_MUSCLE, LEAST_NERVE, WITHIN = 30, 4, 0.9


class Ratio(NamedTuple):
    """value, its standard uncertainty, and muscle's signal in the middle of the nerve; NaN where they cannot be had."""

    value: float
    se: float
    muscle: float


NONE = Ratio(float("nan"), float("nan"), float("nan"))


def ratio(
    plane: np.ndarray, coverage: np.ndarray, pixel_mm: tuple[float, float], muscle: np.ndarray | None = None
) -> Ratio:
    """Nerve over muscle.

    plane, coverage : (a, b) image and the nerve's share of each voxel
    muscle : (a, b) bool, or None where no regions are known
    """
    inner = (coverage >= WITHIN) & np.isfinite(plane)
    around = np.asarray(ndimage.distance_transform_edt(coverage <= 0.0, sampling=pixel_mm))
    ring = (around >= RING_MM[0]) & (around <= RING_MM[1]) & np.isfinite(plane)
    taken = ring & np.asarray(ndimage.binary_erosion(muscle), bool) if muscle is not None else _commonest(plane, ring)
    if taken.sum() < LEAST_MUSCLE:
        return NONE
    level, level_se = _level(plane, taken, coverage, pixel_mm)
    if not level > 0.0:
        return NONE
    if inner.sum() < LEAST_NERVE:
        return Ratio(float("nan"), float("nan"), level)
    nerve = float(plane[inner].mean())
    nerve_se = float(plane[inner].std(ddof=1)) / np.sqrt(float(inner.sum()))
    value = nerve / level
    return Ratio(value, abs(value) * float(np.hypot(nerve_se / nerve, level_se / level)), level)


def _level(
    plane: np.ndarray, taken: np.ndarray, coverage: np.ndarray, pixel_mm: tuple[float, float]
) -> tuple[float, float]:
    """Height of the muscle's plane at the middle of the nerve, and its standard uncertainty."""
    place = np.meshgrid(*(np.arange(n) * mm for n, mm in zip(plane.shape, pixel_mm, strict=True)), indexing="ij")
    basis = np.stack([np.ones(plane.shape), *(p - (p * coverage).sum() / coverage.sum() for p in place)], -1)[taken]
    values = plane[taken]
    keep = np.ones(values.shape, bool)
    fitted = np.zeros(3)
    for _ in range(3):
        fitted = np.linalg.lstsq(basis[keep], values[keep], rcond=None)[0]
        off = values - basis @ fitted
        keep = np.abs(off) <= 3.0 * 1.4826 * float(np.median(np.abs(off))) + 1e-12
    spread = float((values - basis @ fitted)[keep].std())
    return float(fitted[0]), spread * float(np.sqrt(np.linalg.pinv(basis[keep].T @ basis[keep])[0, 0]))


def _commonest(plane: np.ndarray, ring: np.ndarray) -> np.ndarray:
    """Voxels of the ring that have about its commonest signal; none where that is no clear majority."""
    values = np.sort(plane[ring])
    if values.size < LEAST_MUSCLE:
        return np.zeros(ring.shape, bool)
    while values.size > 4:
        half = values.size // 2
        start = int(np.argmin(values[half:] - values[: values.size - half]))
        values = values[start : start + half + 1] if half + 1 < values.size else values[:half]
    mode = float(values.mean())
    taken = ring & (np.abs(plane - mode) <= NEAR * abs(mode))
    return taken if taken.sum() >= LEAST_SHARE * ring.sum() else np.zeros(ring.shape, bool)
