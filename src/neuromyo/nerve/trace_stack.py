"""Slices as a tracer sees them: flat pieces of several images around a place, in millimetres of one common plane.

All slices share two unit vectors e1, e2 in the world; (p, q) mm of a world point x is ((x - o) . e1, (x - o) . e2), so a nerve that
runs straight along the normal keeps its (p, q) from slice to slice, however the grid is turned or its slices are shifted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import ndimage

from neuromyo.core.grid import Grid
from neuromyo.core.image import Image, Weighting

#: whether fat, and with it what usually surrounds a nerve, is brighter (+1) or darker (-1) than the nerve; 0: not known
FAT_IS: dict[Weighting, int] = {"T2w": 1, "T1w": 1, "PDw": 1, "MTw": 1, "GRE": 1, "T2w-fs": -1, "FA": -1, "other": 0}

#: spin echoes with bright fat
LAYERED: tuple[Weighting, ...] = ("T2w", "T1w", "PDw")


@dataclass(frozen=True, eq=False)
class Flat:
    """The geometry of a stack: voxel index <-> (p, q) mm in a slice <-> the world."""

    grid: Grid

    @cached_property
    def axes(self) -> np.ndarray:
        """(3, 3) rows e1, e2 in the plane and n across it, unit vectors in the world."""
        a, b = self.grid.in_plane_axes
        first, second = self.grid.affine[:3, a], self.grid.affine[:3, b]
        e1 = first / np.linalg.norm(first)
        rest = second - (second @ e1) * e1
        e2 = rest / np.linalg.norm(rest)
        return np.stack([e1, e2, np.cross(e1, e2)])

    @cached_property
    def to_mm(self) -> np.ndarray:
        """(2, 2) in-plane voxel index -> mm along e1, e2, within a slice."""
        return self.axes[:2] @ self.grid.affine[:3, list(self.grid.in_plane_axes)]

    @cached_property
    def step_mm(self) -> np.ndarray:
        """(3,) from one slice to the next: along e1, e2 (0 but for sheared stacks) and across."""
        return self.axes @ self.grid.affine[:3, self.grid.slice_axis]

    @property
    def pixel_mm(self) -> float:
        """Side of a square as large as a pixel."""
        return float(np.sqrt(abs(np.linalg.det(self.to_mm))))

    @property
    def n_slices(self) -> int:
        return self.grid.shape[self.grid.slice_axis]

    @property
    def apart_mm(self) -> float:
        """Distance between the planes of neighbouring slices."""
        return abs(float(self.step_mm[2]))

    def index(self, pq_mm: np.ndarray, slice_index: int) -> np.ndarray:
        """(..., 2) mm -> in-plane voxel indices (..., 2) of that slice."""
        return (pq_mm - slice_index * self.step_mm[:2]) @ np.linalg.inv(self.to_mm).T

    def place(self, index: np.ndarray, slice_index: int) -> np.ndarray:
        """In-plane voxel indices (..., 2) of a slice -> (..., 2) mm."""
        return np.asarray(index) @ self.to_mm.T + slice_index * self.step_mm[:2]

    def world(self, pq_mm: np.ndarray, slice_index: int) -> np.ndarray:
        """(..., 2) mm in a slice -> RAS+ mm (..., 3)."""
        pq = np.asarray(pq_mm) - slice_index * self.step_mm[:2]
        origin = self.grid.affine[:3, 3] + slice_index * self.grid.affine[:3, self.grid.slice_axis]
        return origin + pq @ self.axes[:2]

    def flat(self, xyz_mm: np.ndarray) -> tuple[np.ndarray, float]:
        """A world point -> its (p, q) mm, and its slice as a number with decimals."""
        rest = self.axes @ (np.asarray(xyz_mm, dtype=np.float64) - self.grid.affine[:3, 3])
        return rest[:2], float(rest[2] / self.step_mm[2])


@dataclass(frozen=True, eq=False)
class Piece:
    """A piece of one slice: values (c, h, w) of every image, NaN filled in, with the first voxel's in-plane index."""

    flat: Flat
    slice: int
    low: tuple[int, int]
    values: np.ndarray
    known: np.ndarray  #: (h, w) False where no image has a value
    fat_is: tuple[
        int, ...
    ]  #: of each image, +1 where fat is brighter than nerve, -1 where darker, 0 where that is not known
    t1: tuple[bool, ...] = ()  #: of each image, whether it is T1-weighted: there nothing but fat is as bright as fat
    layered: tuple[bool, ...] = ()  #: and whether it is a spin echo with bright fat: there a nerve's sheath is dark

    @property
    def shows_boundary(self) -> tuple[bool, ...]:
        """Of each image, whether it shows where the nerve ends: those with bright fat, since the nerve's own sheath and the fat within
        it are as dark as the fat around it in the others; all of them where there is no such image."""
        some = max(self.fat_is) > 0
        return tuple(one > 0 or not some for one in self.fat_is)

    @cached_property
    def _splines(self) -> np.ndarray:
        return np.stack([ndimage.spline_filter(v, order=3, mode="nearest") for v in self.values])

    def at(self, pq_mm: np.ndarray) -> np.ndarray:
        """Values (c, ...) at places (..., 2) mm, by cubic splines in the plane."""
        place = np.moveaxis(self.flat.index(pq_mm, self.slice) - np.array(self.low), -1, 0)
        return np.stack(
            [ndimage.map_coordinates(s, place, order=3, prefilter=False, mode="nearest") for s in self._splines]
        )

    def known_at(self, pq_mm: np.ndarray) -> np.ndarray:
        """Whether there is an image at places (..., 2) mm: False outside the field of view and at unknown voxels."""
        place = np.moveaxis(self.flat.index(pq_mm, self.slice) - np.array(self.low), -1, 0)
        share = ndimage.map_coordinates(self.known.astype(np.float64), place, order=1, mode="constant", cval=0.0)
        return share > 0.5


@dataclass(frozen=True, eq=False)
class Stack:
    """Images brought onto the grid of the first, piece by piece (linear between voxels, so in the plane where slices agree)."""

    images: tuple[Image, ...]
    flat: Flat

    @staticmethod
    def of(images: Sequence[Image]) -> Stack:
        return Stack(tuple(images), Flat(images[0].grid))

    @property
    def shows_boundary(self) -> bool:
        """Whether fat is bright in one of the images, so that the outer boundary can be seen."""
        return any(FAT_IS[image.weighting] > 0 for image in self.images)

    def piece(self, slice_index: int, pq_mm: np.ndarray, half_mm: float) -> Piece | None:
        """What all images show within ``half_mm`` of a place; None where that lies outside the first image."""
        centre = self.flat.index(np.asarray(pq_mm), slice_index)
        reach = half_mm * np.linalg.norm(np.linalg.inv(self.flat.to_mm), axis=1)
        shape = [self.images[0].grid.shape[axis] for axis in self.images[0].grid.in_plane_axes]
        low = [max(0, int(np.floor(c - r))) for c, r in zip(centre, reach, strict=True)]
        high = [min(n, int(np.ceil(c + r)) + 1) for c, r, n in zip(centre, reach, shape, strict=True)]
        if any(b - a < 4 for a, b in zip(low, high, strict=True)):
            return None
        raw = np.stack([self._cut(image, slice_index, low, high) for image in self.images])
        known = np.asarray(np.isfinite(raw).any(axis=0))
        if not known.any():
            return None
        return Piece(self.flat, slice_index, (low[0], low[1]), np.stack([_filled(v) for v in raw]), known,
                     tuple(FAT_IS[image.weighting] for image in self.images),
                     tuple(image.weighting == "T1w" for image in self.images),
                     tuple(image.weighting in LAYERED for image in self.images))  # fmt: skip

    def _cut(self, image: Image, slice_index: int, low: list[int], high: list[int]) -> np.ndarray:
        grid = self.flat.grid
        if image is self.images[0]:
            cut: list[int | slice] = [slice(a, b) for a, b in zip(low, high, strict=True)]
            cut.insert(grid.slice_axis, slice_index)
            return np.asarray(image.values[tuple(cut)], dtype=np.float64)
        ranges = [np.arange(a, b) for a, b in zip(low, high, strict=True)]
        ranges.insert(grid.slice_axis, np.array([slice_index]))
        index = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).squeeze(grid.slice_axis)
        return _linear(image, grid.to_world(index))


def _linear(image: Image, world_mm: np.ndarray) -> np.ndarray:
    """Values of an image at world points (..., 3), linear between voxels, NaN outside; half a slice beyond the ends is inside."""
    place = image.grid.to_index(world_mm)
    shape = np.array(image.grid.shape)
    outside = ((place < -0.5) | (place > shape - 0.5)).any(axis=-1)
    low = np.clip(np.floor(place.reshape(-1, 3).min(axis=0)).astype(int), 0, shape - 1)
    high = np.clip(np.ceil(place.reshape(-1, 3).max(axis=0)).astype(int) + 1, low + 1, shape)
    near = np.asarray(image.values[low[0] : high[0], low[1] : high[1], low[2] : high[2]], dtype=np.float64)
    out = ndimage.map_coordinates(near, np.moveaxis(place - low, -1, 0), order=1, mode="nearest")
    out[outside] = np.nan
    return out


def _filled(values: np.ndarray) -> np.ndarray:
    """NaN and infinite voxels get the value of their nearest neighbour; a piece with none at all becomes 0."""
    bad = ~np.isfinite(values)
    if not bad.any():
        return values
    if bad.all():
        return np.zeros_like(values)
    nearest = np.asarray(ndimage.distance_transform_edt(bad, return_distances=False, return_indices=True))
    return values[tuple(nearest)]
