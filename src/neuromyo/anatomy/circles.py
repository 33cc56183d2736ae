r"""Where a circle of a known radius has its middle: gradients along its rim that all point inwards, or all outwards.

.. math:: C(c) = \max_r \left| \frac{1}{2\pi} \oint \hat g(c + r n)\cdot n \, d\varphi \right|, \qquad
          \hat g = g / \sqrt{|g|^2 + s^2}

with g the gradient of the image, smoothed over a voxel, n the outward normal and s a floor set by the noise and by the
strongest edges, so that a vial of little contrast counts almost as one of much. C is 1 for a whole clean rim, 0.7 where a
third of it is gone. Both polarities count alike: it does not matter whether a vial is brighter or darker than what is around it.

*Assumes* circles at least three voxels in radius. *Breaks* where walls of neighbours touch.

*Cites* the idea of voting along gradients: Kimme, Ballard, Sklansky, Commun ACM 1975;18:120, doi:10.1145/360666.360677.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage
from scipy.signal import fftconvolve

#: radii tried, relative to the one declared
RADII = (0.88, 1.0, 1.12)
_ANGLES = 96
#: floor under gradients: share of the strong ones (99th percentile), and multiple of the median
_FLOOR, _NOISE = 0.04, 2.0


def rim_response(image: np.ndarray, spacing_mm: tuple[float, float], radius_mm: float) -> np.ndarray:
    """C of a plane (a, b), 0 to about 1, for circles of about ``radius_mm``; what is not finite counts as 0."""
    plane = np.where(np.isfinite(image), image, 0.0).astype(np.float64)
    gradient = [
        ndimage.gaussian_filter1d(ndimage.gaussian_filter1d(plane, 1.0, axis=axis, order=1), 1.0, axis=1 - axis) / mm
        for axis, mm in enumerate(spacing_mm)
    ]
    size = np.hypot(*gradient)
    floor = _FLOOR * float(np.percentile(size, 99)) + _NOISE * float(np.median(size))
    if not floor > 0.0:
        return np.zeros(plane.shape)
    unit = [g / np.sqrt(size**2 + floor**2) for g in gradient]
    best = np.zeros(plane.shape)
    for share in RADII:
        kernels = rim_kernels(share * radius_mm, spacing_mm)
        total = sum(fftconvolve(g, k[::-1, ::-1], mode="same") for g, k in zip(unit, kernels, strict=True))
        best = np.maximum(best, np.abs(np.asarray(total)))
    return best


def rim_kernels(radius_mm: float, spacing_mm: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Two planes of odd size: the normal's components along the rim, shared between neighbouring voxels, over its length."""
    reach = [int(np.ceil(radius_mm / mm)) + 1 for mm in spacing_mm]
    out = np.zeros((2, 2 * reach[0] + 1, 2 * reach[1] + 1))
    angle = 2.0 * np.pi * np.arange(_ANGLES) / _ANGLES
    normal = np.stack([np.cos(angle), np.sin(angle)])
    at = [reach[axis] + radius_mm * normal[axis] / spacing_mm[axis] for axis in (0, 1)]
    low = [np.floor(a).astype(int) for a in at]
    for i in (0, 1):
        for j in (0, 1):
            weight = np.abs(1 - i - (at[0] - low[0])) * np.abs(1 - j - (at[1] - low[1])) / _ANGLES
            for axis in (0, 1):
                np.add.at(out[axis], (low[0] + i, low[1] + j), weight * normal[axis])
    return out[0], out[1]


def peaks(
    response: np.ndarray, spacing_mm: tuple[float, float], apart_mm: float, least: float, most: int
) -> np.ndarray:
    """(n, 2) places in mm (index x spacing) of the highest local maxima, highest first, refined between voxels."""
    window = [max(3, 2 * round(apart_mm / mm / 2) + 1) for mm in spacing_mm]
    top = (response == ndimage.maximum_filter(response, size=window)) & (response >= least)
    found = np.argwhere(top)
    order = np.argsort(-response[tuple(found.T)], kind="stable")[:most]
    return refined(response, found[order]) * np.asarray(spacing_mm)


def refined(response: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Voxel indices (n, 2) of maxima -> the same between voxels, by a parabola along each axis."""
    out = places.astype(np.float64)
    for row, (i, j) in enumerate(places):
        for axis, step in enumerate(((1, 0), (0, 1))):
            line = [_at(response, i + k * step[0], j + k * step[1]) for k in (-1, 0, 1)]
            bend = line[0] - 2.0 * line[1] + line[2]
            if bend < 0.0:
                out[row, axis] += float(np.clip(0.5 * (line[0] - line[2]) / bend, -0.5, 0.5))
    return out


def _at(response: np.ndarray, i: int, j: int) -> float:
    a, b = response.shape
    return float(response[min(max(i, 0), a - 1), min(max(j, 0), b - 1)])


def strongest(planes: Sequence[np.ndarray], spacing_mm: tuple[float, float], radius_mm: float) -> np.ndarray:
    """The largest response over several images of one slice: a vial unseen in one contrast may be seen in another."""
    made = [rim_response(plane, spacing_mm, radius_mm) for plane in planes]
    return np.max(made, axis=0)
