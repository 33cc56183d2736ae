r"""A slice through a nerve on a grid finer than the voxels, and what a scanner makes of a picture drawn there.

.. math:: (A u)(x) = \int h(x - x')\, c(x')\, u(x')\, dx', \qquad h = \mathrm{box}_{voxel} * \mathrm{Gauss}_{psf} * \mathrm{box}_{smear}

with c = 1 within the nerve's outline and 0 outside. ``see`` is A, ``back`` its transpose. The box is the voxel, the Gaussian all else
that blurs (k-space cut off and filtered, T2 decay along the train), the last box the shift of an oblique nerve through the slice.

*Assumes* a point-spread function that is the same over a nerve. *Breaks* where the image was interpolated and the width is not
stated: the voxels are then smaller than what was resolved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import fft

#: the fine grid's step is at most this, as far as voxels are not divided by more than `MOST`
STEP_MM, MOST = 0.05, 9
#: full width at half maximum of a Gaussian over its standard deviation
FWHM = 2.0 * np.sqrt(2.0 * np.log(2.0))

Pair = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Sheet:
    """A window of voxels (a, b) of ``pixel_mm``, each divided into ``fine`` parts along either axis (odd numbers).

    inside : (a * fine_a, b * fine_b) share of each part within the outline
    transfer : what the blur does to each spatial frequency, as `scipy.fft.rfft2` orders them
    """

    shape: tuple[int, int]
    pixel_mm: Pair
    fine: tuple[int, int]
    inside: np.ndarray
    transfer: np.ndarray

    @property
    def step_mm(self) -> Pair:
        return self.pixel_mm[0] / self.fine[0], self.pixel_mm[1] / self.fine[1]

    @property
    def part_mm2(self) -> float:
        return self.step_mm[0] * self.step_mm[1]

    def see(self, picture: np.ndarray) -> np.ndarray:
        """(a, b) share of each voxel's signal that comes from ``picture`` within the outline."""
        blurred = fft.irfft2(fft.rfft2(picture * self.inside) * self.transfer, s=self.inside.shape)
        return np.asarray(blurred)[self._middles]

    def back(self, plane: np.ndarray) -> np.ndarray:
        """The transpose of `see`: (a, b) -> the fine grid."""
        spread = np.zeros(self.inside.shape)
        spread[self._middles] = plane
        return np.asarray(fft.irfft2(fft.rfft2(spread) * self.transfer, s=self.inside.shape)) * self.inside

    @property
    def _middles(self) -> tuple[slice, slice]:
        a, b = self.fine
        return slice(a // 2, None, a), slice(b // 2, None, b)


def division(pixel_mm: Pair) -> tuple[int, int]:
    """Odd numbers of parts into which a voxel is divided along its two axes."""
    a, b = (min(MOST, max(3, int(np.ceil(mm / STEP_MM)) | 1)) for mm in pixel_mm)
    return a, b


def make(inside: np.ndarray, pixel_mm: Pair, psf_mm: float, smear_mm: Pair = (0.0, 0.0)) -> Sheet:
    """A sheet from the outline's coverage on the fine grid; its size is a multiple of `division`.

    psf_mm : full width at half maximum of the Gaussian that blurs besides the voxel's own box
    smear_mm : by how much the nerve moves within the slice, along the two axes
    """
    fine = division(pixel_mm)
    shape = inside.shape[0] // fine[0], inside.shape[1] // fine[1]
    step = [mm / n for mm, n in zip(pixel_mm, fine, strict=True)]
    turns = [fft.fftfreq(inside.shape[0])[:, None], fft.rfftfreq(inside.shape[1])[None, :]]  # cycles per fine part
    transfer = np.ones((inside.shape[0], inside.shape[1] // 2 + 1))
    for f, n, mm in zip(turns, fine, step, strict=True):
        transfer = transfer * _box(f, n) * np.exp(-2.0 * (np.pi * f / mm * psf_mm / FWHM) ** 2)
    along = sum(f / mm * s for f, mm, s in zip(turns, step, smear_mm, strict=True))
    return Sheet(shape, pixel_mm, fine, np.asarray(inside, dtype=np.float64), transfer * np.sinc(along))


def draw(polygons: Sequence[np.ndarray], shape: tuple[int, int], fine: tuple[int, int]) -> np.ndarray:
    """The fine grid (a * fine_a, b * fine_b), 1 within any of the polygons (m, 2) given in voxel indices of the window."""
    from skimage.draw import polygon2mask

    inside = np.zeros((shape[0] * fine[0], shape[1] * fine[1]), bool)
    for polygon in polygons:
        inside |= polygon2mask(inside.shape, (np.asarray(polygon) + 0.5) * fine - 0.5)
    return inside.astype(np.float64)


def _box(turns: np.ndarray, n: int) -> np.ndarray:
    """Mean of n neighbouring parts, n odd, as a function of cycles per part."""
    x = np.pi * np.asarray(turns)
    return np.where(x == 0.0, 1.0, np.sin(n * x) / (n * np.where(x == 0.0, 1.0, np.sin(x))))
