r"""Bending the slices of one stack onto those of another: demons within each slice, evened out along the stack.

.. math:: u \leftarrow G_\sigma * \Big(u + \frac{2\,(f - c(g \circ u))\,(\nabla f + \nabla c(g \circ u))}
          {\|\nabla f + \nabla c(g \circ u)\|^2 + (f - c(g \circ u))^2 / K}\Big)

SimpleITK's symmetric-forces demons, slice by slice and coarse to fine, in short bursts. Before each burst the contrast of the moving
image is carried over to the fixed one's (c, see `likeness.contrast_map`), in the next burst the fixed one's to the moving one's, and
slow differences of brightness are taken out, so that any two contrasts and any shading can meet; after it the displacement is smoothed
across slices. By turns, since a map of intensities is noisy where one contrast tells little of the other: a thin septum that is caught
beside its place in the one contrast is pulled free in the other, and what only one of them asks for does not add up to folds. Nothing
moves across slices: through slices of 5 to 12 mm an image tells little of that, and what it seems to tell is mostly a difference of size.

The bits depend on the images alone: one thread a slice, fixed numbers of steps, nothing drawn at random.

*Assumes* images that lie on each other to about 15 mm. *Breaks* where the fixed image shows an edge that the moving one has nothing of.

*Cites* Thirion, Med Image Anal 1998;2:243, doi:10.1016/S1361-8415(98)80022-4; Vercauteren et al., MICCAI 2007, LNCS 4792:319,
doi:10.1007/978-3-540-75759-7_39.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat

import numpy as np
import SimpleITK as sitk  # noqa: N813
from scipy.ndimage import gaussian_filter, map_coordinates

from neuromyo.space.likeness import contrast_map


@dataclass(frozen=True, slots=True)
class Level:
    """One level: voxels of about ``pitch_mm`` within the slice, ``bursts`` of ``steps`` steps, displacements smoothed by ``smooth_mm``."""

    pitch_mm: float
    bursts: int
    steps: int
    smooth_mm: float

    def thin(self, spacing: np.ndarray) -> int:
        """Every how many voxels are taken, of voxels of that spacing (mm)."""
        return max(1, int(self.pitch_mm / float(spacing[:2].min()) + 0.3))


COARSE = (Level(4.4, 4, 10, 8.0),)
LEVELS = (*COARSE, Level(2.2, 4, 10, 4.0), Level(1.1, 6, 10, 2.0))
#: standard deviation (mm) of the smoothing across slices after each burst, and of what is a slow difference of brightness
ACROSS_MM, SHADING_MM = 4.5, 20.0
_MOST_SHADING = 2.5
#: a level this much finer than the images' voxels is left out
_FINER = 0.7
#: with fewer voxels in common nothing is compared
_FEW = 100
#: displacements are smoothed by at least so many voxels of the level: by less, slices fold
_LEAST_SMOOTH = 1.8
#: longest step of one iteration, in voxels of the level
_LONGEST = 1.0


@dataclass(frozen=True, eq=False)
class Stacks:
    """Two images on one grid, slices last, (a, b, z) float32.

    body : where to compare; seen : where the moving image has data; spacing : (3,) mm
    """

    fixed: np.ndarray
    moving: np.ndarray
    body: np.ndarray
    seen: np.ndarray
    spacing: np.ndarray

    def matched(self, u: np.ndarray, forward: bool | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(fixed, moving as it is stored, moving through ``u``) in one contrast, slow differences of brightness taken out.

        forward : in the fixed image's contrast, or (False) in the moving one's; None: in the one that is explained better
        """
        through, seen = self.through(self.moving, u), self.reached(u)
        where = self.body & seen
        if where.sum() < _FEW:
            return self.fixed, self.moving, through
        # air is learnt too: else it would be as bright as what it met where the bodies were apart
        forth = contrast_map(through[seen], self.fixed[seen]) if forward is not False else None
        back = contrast_map(self.fixed[seen], through[seen]) if forward is not True else None
        if forth is not None and (back is None or forth.explained >= back.explained):
            fixed, moving, there = self.fixed, forth(self.moving), forth(through)
        else:
            assert back is not None
            fixed, moving, there = back(self.fixed), self.moving, through
        fixed = fixed / _shading(fixed, there, where, self.spacing)
        # where the moving image has no data it shall not pull
        return fixed, np.where(self.seen, moving, fixed), np.where(seen, there, fixed)

    def every(self, thin: int) -> Stacks:
        """The same, smoothed and thinned within the slices."""
        first, blur = thin // 2, [0.5 * thin, 0.5 * thin, 0]
        fixed, moving = (gaussian_filter(i, blur)[first::thin, first::thin] for i in (self.fixed, self.moving))
        body, seen = (np.ascontiguousarray(m[first::thin, first::thin]) for m in (self.body, self.seen))
        return Stacks(fixed, moving, body, seen, self.spacing * (thin, thin, 1))

    def left(self, u: np.ndarray) -> float:
        """Share of the fixed image's variance within the body that the moving image through ``u`` does not explain, 0 to 1."""
        through, seen = self.through(self.moving, u), self.reached(u)
        where = self.body & seen
        if where.sum() < _FEW:
            return 1.0
        carried = contrast_map(through[seen], self.fixed[seen])(through)
        wanted = (self.fixed / _shading(self.fixed, carried, where, self.spacing))[where].astype(np.float64)
        return float(np.clip(((wanted - carried[where]) ** 2).mean() / max(wanted.var(), 1e-12), 0.0, 1.0))

    def reached(self, u: np.ndarray) -> np.ndarray:
        """(a, b, z) bool: where the moving image has data through ``u``."""
        if self.seen.all():  # nothing lies outside: interpolation repeats the rim
            return self.seen
        return self.through(self.seen.astype(np.float32), u) > 0.5

    def through(self, image: np.ndarray, u: np.ndarray) -> np.ndarray:
        """An image at the places that ``u`` (a, b, z, 2) mm points at, linear."""
        a, b, z = np.indices(image.shape, dtype=np.float32)
        return map_coordinates(image, [a + u[..., 0] / self.spacing[0], b + u[..., 1] / self.spacing[1], z],
                               order=1, mode="nearest")  # fmt: skip


def bend(stacks: Stacks, levels: tuple[Level, ...] = LEVELS, start: np.ndarray | None = None) -> np.ndarray:
    """(a, b, z, 2) float32: displacement in mm within the slices, from places of the fixed image to places of the moving one."""
    u = np.zeros((*stacks.fixed.shape, 2), np.float32) if start is None else start
    with ThreadPoolExecutor(
        max_workers=workers()
    ) as pool:  # slices are worked out apart: their bits do not depend on it
        return _bent(stacks, levels, u, pool)


def _bent(stacks: Stacks, levels: tuple[Level, ...], u: np.ndarray, pool: ThreadPoolExecutor) -> np.ndarray:
    across = ACROSS_MM / float(stacks.spacing[2])
    finest = float(stacks.spacing[:2].min())
    turn = 0
    for level in levels:
        if level is not levels[0] and level.pitch_mm < _FINER * finest:
            continue  # the images have no such voxels: less smoothing alone would only fold
        for _ in range(level.bursts):
            fixed, moving, _ = stacks.matched(u, forward=turn % 2 == 0)
            turn += 1
            thin = level.thin(stacks.spacing)
            first = thin // 2
            blur = 0.5 * thin if thin > 1 else 0.6
            a, b = (gaussian_filter(i, [blur, blur, 0])[first::thin, first::thin] for i in (fixed, moving))
            v = u[first::thin, first::thin].astype(np.float64)
            spacing = stacks.spacing[:2] * thin
            slices = [[i[:, :, k] for k in range(i.shape[2])] for i in (a, b, v)]
            v = np.stack(list(pool.map(_burst, *slices, repeat(spacing), repeat(level))), axis=2)
            if v.shape[2] > 1:
                v = gaussian_filter(v, [0, 0, across, 0], mode="nearest")
            u = refined(v, stacks.fixed.shape, thin)
    return u


def workers() -> int:
    """The cores that this process may use, up to four."""
    able = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(able, 4)


def _burst(fixed: np.ndarray, moving: np.ndarray, u: np.ndarray, spacing: np.ndarray, level: Level) -> np.ndarray:
    """Some steps of demons in one slice: images (a, b), displacement (a, b, 2) mm."""
    demons = sitk.FastSymmetricForcesDemonsRegistrationFilter()
    demons.SetNumberOfThreads(1)
    demons.SetNumberOfIterations(level.steps)
    demons.SetMaximumRMSError(0.0)
    demons.SetMaximumUpdateStepLength(_LONGEST)
    demons.SetUseGradientType(demons.Symmetric)
    demons.SetSmoothDisplacementField(True)
    demons.SetStandardDeviations([max(float(level.smooth_mm / s), _LEAST_SMOOTH) for s in spacing])
    demons.SetSmoothUpdateField(False)
    found = demons.Execute(*(_itk(i, spacing) for i in (fixed, moving)), _itk(u, spacing))
    return sitk.GetArrayFromImage(found).transpose(1, 0, 2)


def _itk(array: np.ndarray, spacing: np.ndarray) -> sitk.Image:
    vector = array.ndim == 3
    turned = array.transpose(1, 0, 2) if vector else array.T.astype(np.float32)
    image = sitk.GetImageFromArray(np.ascontiguousarray(turned), isVector=vector)
    image.SetSpacing([float(s) for s in spacing])
    return image


def refined(v: np.ndarray, shape: tuple[int, ...], thin: int) -> np.ndarray:
    """A displacement of a thinned level at every voxel, float32."""
    if thin == 1:
        return v.astype(np.float32)
    a, b, z = np.indices(shape, dtype=np.float32)
    at = [(a - thin // 2) / thin, (b - thin // 2) / thin, z]
    return np.stack([map_coordinates(v[..., c], at, order=1, mode="nearest") for c in range(2)], axis=-1).astype(
        np.float32
    )


def _shading(fixed: np.ndarray, moving: np.ndarray, where: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """How much brighter the fixed image is than the moving one, smoothly, about 1."""
    width = SHADING_MM / spacing
    least = 1e-2 * float(np.abs(moving[where]).mean()) + 1e-12
    top, bottom = (gaussian_filter(np.where(where, i, 0).astype(np.float32), width) for i in (fixed, moving))
    held = gaussian_filter(where.astype(np.float32), width) * least
    return np.clip((top + held) / (bottom + held), 1 / _MOST_SHADING, _MOST_SHADING)
