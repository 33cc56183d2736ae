r"""A slice through a nerve on a grid finer than the voxels, and what a scanner makes of a picture drawn there.

.. math:: (A u)(x) = \int h(x - x')\, c(x')\, u(x')\, dx', \qquad h = \mathrm{box}_{voxel} * \mathrm{Gauss}_{psf} * \mathrm{box}_{smear}

with c = 1 where fascicles may lie: within the nerve's outline, less a rim along it (the sheath, which is no place for them). ``see``
is A, ``back`` its transpose. The box is the voxel, the Gaussian all else that blurs (k-space cut off and filtered, T2 decay along
the train), the last box the shift of an oblique nerve through the slice. Box and Gaussian act along each axis by itself, so that A is
two small matrices; the shift is a sum of a few such pairs (Gauss and Legendre's).

*Assumes* a point-spread function that is the same over a nerve. *Breaks* where the image was interpolated and the width is not
stated: the voxels are then smaller than what was resolved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage, special

#: the fine grid's step is at most this, as far as voxels are not divided by more than `MOST`
STEP_MM, MOST = 0.05, 5
#: into so many times so many each part is divided to draw an outline
FINER = 3
#: full width at half maximum of a Gaussian over its standard deviation
FWHM = 2.0 * np.sqrt(2.0 * np.log(2.0))

Pair = tuple[float, float]
Box = tuple[slice, slice]
EVERYWHERE: Box = (slice(None), slice(None))


@dataclass(frozen=True, eq=False)
class Sheet:
    """A window of voxels (a, b) of ``pixel_mm``, each divided into ``fine`` parts along either axis (odd numbers).

    inside : (a * fine_a, b * fine_b) share of each part within the outline
    rim : the same, share of each part within the rim, which is part of the nerve
    passes : pairs of matrices (a, a * fine_a) and (b, b * fine_b), whose sum is what the scanner does
    """

    shape: tuple[int, int]
    pixel_mm: Pair
    fine: tuple[int, int]
    inside: np.ndarray
    rim: np.ndarray
    passes: tuple[tuple[np.ndarray, np.ndarray], ...]

    @property
    def step_mm(self) -> Pair:
        return self.pixel_mm[0] / self.fine[0], self.pixel_mm[1] / self.fine[1]

    @property
    def part_mm2(self) -> float:
        return self.step_mm[0] * self.step_mm[1]

    @property
    def core(self) -> np.ndarray:
        """Share of each part in which fascicles may lie."""
        return self.inside - self.rim

    def see(self, picture: np.ndarray, at: Box = EVERYWHERE) -> np.ndarray:
        """(a, b) share of each voxel's signal that comes from ``picture``; ``at``: the part of the fine grid that it shows,
        nothing lies elsewhere."""
        return sum((a[:, at[0]] @ picture @ b[:, at[1]].T for a, b in self.passes), np.zeros(self.shape))

    def back(self, plane: np.ndarray, at: Box = EVERYWHERE) -> np.ndarray:
        """The transpose of `see`: (a, b) -> the fine grid, or that part of it."""
        return np.asarray(sum(a[:, at[0]].T @ plane @ b[:, at[1]] for a, b in self.passes))

    def box(self) -> Box:
        """The part of the fine grid that holds the nerve."""
        found = ndimage.find_objects((self.inside > 0.0).astype(np.int8))
        return found[0] if found else EVERYWHERE


def division(pixel_mm: Pair) -> tuple[int, int]:
    """Odd numbers of parts into which a voxel is divided along its two axes."""
    a, b = (min(MOST, max(3, int(np.ceil(mm / STEP_MM)) | 1)) for mm in pixel_mm)
    return a, b


def make(inside: np.ndarray, pixel_mm: Pair, psf_mm: float, smear_mm: Pair = (0.0, 0.0), rim_mm: float = 0.0) -> Sheet:
    """A sheet from the outline's coverage on the fine grid; its size is a multiple of `division`.

    psf_mm : full width at half maximum of the Gaussian that blurs besides the voxel's own box
    smear_mm : by how much the nerve moves within the slice, along the two axes
    rim_mm : thickness of the rim along the outline, within it
    """
    fine = division(pixel_mm)
    shape = inside.shape[0] // fine[0], inside.shape[1] // fine[1]
    inside = np.asarray(inside, dtype=np.float64)
    step = pixel_mm[0] / fine[0], pixel_mm[1] / fine[1]
    times, weights = _nodes(float(np.hypot(*smear_mm)) / min(pixel_mm))
    passes = []
    for time, weight in zip(times, weights, strict=True):
        a, b = (
            _matrix(n, parts, mm, psf_mm / FWHM, time * smear)
            for n, parts, mm, smear in zip(shape, fine, pixel_mm, smear_mm, strict=True)
        )
        passes.append((weight * a, b))
    return Sheet(shape, pixel_mm, fine, inside, strip(inside, step, rim_mm), tuple(passes))


def strip(inside: np.ndarray, step_mm: Pair, rim_mm: float) -> np.ndarray:
    """Share of each part that lies within ``rim_mm`` of the outline's inner side."""
    if rim_mm <= 0.0:
        return np.zeros(inside.shape)
    deep = np.asarray(ndimage.distance_transform_edt(inside >= 0.5, sampling=step_mm))
    width = float(np.sqrt(step_mm[0] * step_mm[1]))  # deep counts from the middle of the first part outside
    return inside * np.clip((rim_mm - deep) / width + 1.0, 0.0, 1.0)


def draw(polygons: Sequence[np.ndarray], shape: tuple[int, int], fine: tuple[int, int]) -> np.ndarray:
    """The fine grid (a * fine_a, b * fine_b), share of each part within the polygons (m, 2) given in voxel indices of the window."""
    from skimage.draw import polygon2mask

    finer = fine[0] * FINER, fine[1] * FINER
    inside = np.zeros((shape[0] * finer[0], shape[1] * finer[1]), bool)
    for polygon in polygons:
        inside |= polygon2mask(inside.shape, (np.asarray(polygon) + 0.5) * finer - 0.5)
    return inside.reshape(shape[0] * fine[0], FINER, -1, FINER).mean(axis=(1, 3))


def _nodes(smear: float) -> tuple[np.ndarray, np.ndarray]:
    """Places (-1/2 to 1/2) and weights at which a shift of so many voxels is looked at."""
    n = 1 if smear < 0.1 else min(7, 1 + int(np.ceil(smear)))
    places, weights = np.polynomial.legendre.leggauss(n)
    return 0.5 * places, 0.5 * weights


def _matrix(n: int, parts: int, pixel_mm: float, sd_mm: float, shift_mm: float) -> np.ndarray:
    """(n, n * parts) share of each voxel's signal that comes from each part along one axis: box and Gaussian, integrated."""
    voxels = (np.arange(n) + 0.5) * pixel_mm + shift_mm
    edges = np.arange(n * parts + 1) * (pixel_mm / parts)
    sd = max(sd_mm, 1e-6 * pixel_mm)
    away = (edges[None] - voxels[:, None]) / sd
    half = 0.5 * pixel_mm / sd
    upto = sd / pixel_mm * (_ramp(away + half) - _ramp(away - half))
    return np.diff(upto, axis=1)


def _ramp(x: np.ndarray) -> np.ndarray:
    """Integral of the normal distribution function up to x."""
    return x * special.ndtr(x) + np.exp(-0.5 * x**2) / np.sqrt(2.0 * np.pi)
