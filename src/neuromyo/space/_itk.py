"""SimpleITK at arm's length: images in a frame of our own, one level of a registration, one thread.

ITK has its world in LPS, images in its own axis order and a dozen defaults. Here it sees neither patient coordinates nor
headers: both images are put into the fixed image's own frame (axes along its voxels, origin in the middle of the body, one
unit = the body's radius), where a radian and a unit of shift move the edge of the body equally far. What comes back is
carried into RAS+ by the same frame, so that a mistake of sign or handedness has no place to hide.

The metric's sampling is seeded and the work done by one thread, so that the bits do not depend on the machine's cores.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk  # noqa: N813
from scipy.ndimage import gaussian_filter

from neuromyo.core.errors import DataError
from neuromyo.core.grid import Grid

_SEED = 20_111
_BINS = 32
#: places at which the two images are compared in one step
_POINTS = 60_000
_ROUNDS, _LINE_STEPS = 20, 30
#: scale of a number that must not change: its steps are divided by it
_FROZEN = 1e6
#: an axis is not thinned to fewer voxels than this
_LEAST_VOXELS = 24


@dataclass(frozen=True, eq=False)
class Frame:
    """to_world : (4, 4) own coordinates -> RAS+ mm; the columns are orthogonal and of length ``radius``."""

    to_world: np.ndarray
    radius: float

    @staticmethod
    def of(grid: Grid, body: np.ndarray) -> Frame:
        """Along the voxel axes of ``grid`` (the orthogonal frame nearest to them), about the middle of ``body``."""
        left, _, right = np.linalg.svd(grid.affine[:3, :3] / np.array(grid.spacing_mm))
        world = grid.to_world(np.argwhere(body).astype(np.float64))
        centre = world.mean(axis=0)
        radius = float(np.sqrt(((world - centre) ** 2).sum(axis=1).mean())) or 1.0
        to_world = np.eye(4)
        to_world[:3, :3], to_world[:3, 3] = radius * (left @ right), centre
        return Frame(to_world, radius)

    def matrix_to_world(self, own: np.ndarray) -> np.ndarray:
        """A (4, 4) map of own coordinates -> the same map in RAS+ mm."""
        return self.to_world @ own @ np.linalg.inv(self.to_world)

    def grid_of(self, picture: Picture, slice_axis: int) -> Grid:
        """Where the voxels of a picture are in the world."""
        return Grid.of(picture.array.shape, self.to_world @ picture.affine, slice_axis)


@dataclass(frozen=True, eq=False)
class Picture:
    """An array with its (4, 4) affine from voxel index to a `Frame`'s coordinates."""

    array: np.ndarray
    affine: np.ndarray

    @property
    def spacing(self) -> np.ndarray:
        return np.linalg.norm(self.affine[:3, :3], axis=0)

    def as_itk(self) -> sitk.Image:
        image = sitk.GetImageFromArray(np.ascontiguousarray(self.array.T))
        image.SetSpacing([float(v) for v in self.spacing])
        image.SetOrigin([float(v) for v in self.affine[:3, 3]])
        image.SetDirection([float(v) for v in (self.affine[:3, :3] / self.spacing).ravel()])
        return image

    def thinned(self, pitch: float) -> Picture:
        """Smoothed and thinned along each axis to voxels of about ``pitch``, where there are enough of them."""
        factors = self.factors(pitch)
        blur = [0.5 * f if f > 1 else 0.0 for f in factors]
        smooth = gaussian_filter(self.array, blur, mode="nearest") if any(blur) else self.array
        return self._every(smooth, factors)

    def blurred(self, width: float) -> Picture:
        """Smoothed by a Gaussian of that standard deviation (frame units), along axes of finer voxels only."""
        sd = [float(width / s) if width >= 0.5 * s else 0.0 for s in self.spacing]
        return Picture(gaussian_filter(self.array, sd, mode="nearest"), self.affine) if any(sd) else self

    def factors(self, pitch: float) -> tuple[int, int, int]:
        each = [
            max(1, min(int(pitch / s + 0.01), n // _LEAST_VOXELS))
            for s, n in zip(self.spacing, self.array.shape, strict=True)
        ]
        return each[0], each[1], each[2]

    def every(self, factors: tuple[int, int, int]) -> Picture:
        return self._every(self.array, factors)

    def _every(self, array: np.ndarray, factors: tuple[int, int, int]) -> Picture:
        first = [(f - 1) // 2 for f in factors]
        affine = self.affine @ np.diag([*map(float, factors), 1.0])
        affine[:3, 3] = self.affine[:3, :3] @ np.array(first, float) + self.affine[:3, 3]
        picked = array[tuple(slice(o, None, f) for o, f in zip(first, factors, strict=True))]
        return Picture(np.ascontiguousarray(picked), affine)


def _method(mask: Picture, points: int) -> sitk.ImageRegistrationMethod:
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)
    method.SetNumberOfWorkUnits(1)  # sums are divided by work units, not by threads
    method.SetMetricAsMattesMutualInformation(_BINS)
    # regular sampling in ITK scatters the places within a voxel, so that interpolation blurs both images alike
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentage(min(1.0, points / max(1, int(mask.array.sum()))), _SEED)
    method.SetMetricFixedMask(mask.as_itk())
    method.SetMetricUseFixedImageGradientFilter(False)  # derivatives by differences, which one slice allows too
    method.SetMetricUseMovingImageGradientFilter(False)
    method.SetInterpolator(sitk.sitkLinear)
    return method


def rigid_level(
    fixed: Picture, moving: Picture, mask: Picture, start: np.ndarray, free: tuple[bool, ...], step: float, last: float
) -> np.ndarray:
    """One level of a rigid registration, by Powell's method: line searches, no derivative that thick slices could spoil.

    start : six numbers: three angles (radians, Euler, about the frame's axes) and three shifts (frame units)
    free : which of the six may change
    step, last : length of the first step and tolerance of the last, frame units
    returns : six numbers
    """
    method = _method(mask, _POINTS)
    transform = sitk.Euler3DTransform()
    transform.SetParameters([float(v) for v in start])
    method.SetInitialTransform(transform, inPlace=True)
    method.SetOptimizerAsPowell(_ROUNDS, _LINE_STEPS, step, last, 1e-6)  # pyright: ignore[reportArgumentType]
    method.SetOptimizerScales([1.0 if f else _FROZEN for f in free])
    try:
        method.Execute(fixed.as_itk(), moving.as_itk())
    except RuntimeError as error:  # ITK's way of saying that too little of one lies on the other
        raise DataError("E-REGISTER", where="registration", needed="structure that two images share", found="too little of it to go by",
                        remedy="look at the two images")  from error  # fmt: skip
    found = np.array(transform.GetParameters())
    return np.where(free, found, start)


def euler_matrix(numbers: np.ndarray) -> np.ndarray:
    """Six numbers of `rigid_level` -> (4, 4)."""
    transform = sitk.Euler3DTransform()
    transform.SetParameters([float(v) for v in numbers])
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(transform.GetMatrix()).reshape(3, 3)
    matrix[:3, 3] = transform.GetTranslation()
    return matrix
