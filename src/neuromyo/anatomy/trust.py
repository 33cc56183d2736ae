r"""How far a label that was carried over can be trusted: the Dice coefficient to be expected, from what can be seen without the truth.

.. math:: c_l = \exp\!\Big(-\tfrac12 \frac{S_l}{V_l}\, \epsilon_l\Big), \qquad
          \epsilon_l = \epsilon_0 + \epsilon_1\, r_l + \epsilon_2\, d_l + \epsilon_3\, \sigma_l

An outline that is off by epsilon (mm) everywhere costs a region of surface S and volume V about that share of overlap, so that thin
muscles are trusted less than thick ones. Epsilon grows with r, the share of the image's variance about the label that the atlas leaves
unexplained; d, how far apart (mm) the atlases' own answers lie; and sigma, the spread of log-volume change within the label. The four
numbers were fitted once to phantoms whose truth is known (`docs/label-transfer.md` has the figure); they are no guarantee for scans.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter

from neuromyo.anatomy.fusion import Source
from neuromyo.core.grid import Grid
from neuromyo.space.between import Met
from neuromyo.space.transform import jacobian

#: mm for nothing seen to be wrong, and for each of the three signs by one
EPSILON = (0.25, 1.5, 0.8, 1.0)
#: width (mm) of the surroundings of a label in which the images are compared
_ABOUT_MM = 4.0


@dataclass(frozen=True, slots=True)
class Signs:
    """What can be seen of one carried-over label.

    thinness : surface over volume (1/mm), in the slices; unexplained : 0 to 1; apart_mm : between atlases, 0 with one;
    uneven : spread of the log Jacobian; growth : the label's volume against the atlases' (after their change of size as a whole)
    """

    thinness: float
    unexplained: float
    apart_mm: float
    uneven: float
    growth: float

    @property
    def confidence(self) -> float:
        """Dice to be expected, 0 to 1."""
        wrong_mm = float(np.dot(EPSILON, (1.0, self.unexplained, self.apart_mm, self.uneven)))
        return float(np.clip(np.exp(-0.5 * self.thinness * wrong_mm), 0.0, 1.0))


@dataclass(frozen=True, eq=False)
class Scene:
    """What the signs are read from: the fused labels of a limb, each atlas' own answers (n, x, y, z), and the atlases."""

    volume: np.ndarray
    each: np.ndarray
    grid: Grid
    sources: Sequence[Source]

    def signs(self, label: int) -> Signs | None:
        """The signs of one label; None where it has no voxel."""
        mask = self.volume == label
        if not mask.any():
            return None
        thin = thinness(mask, self.grid)
        near = _about(mask, self.grid)
        knowing = [i for i, s in enumerate(self.sources) if label in s.outlines]
        seen = [self._views[i] for i in knowing]
        left = [v.unexplained(v.on(near)) for v in seen]
        moved = [v.changes(v.on(mask)) for v in seen]
        pairs = [(i, j) for i in knowing for j in knowing if i < j]
        apart = [(1.0 - _dice(self.each[i] == label, self.each[j] == label)) * 2.0 / thin for i, j in pairs]
        return Signs(
            thin,
            _mean(left, 1.0),
            _mean(apart, 0.0),
            _mean([m[1] for m in moved], 1.0),
            _mean([m[0] for m in moved], 1.0),
        )

    @cached_property
    def _views(self) -> list[_View]:
        """What is the same for every label, worked out once for each atlas."""
        return [_View.of(s.met, self.grid) for s in self.sources]


@dataclass(frozen=True, eq=False)
class _View:
    """An atlas as it lies on the target: ``there``, the target's voxel nearest to each voxel that displacements were looked for on;
    both images with fine noise smoothed away; log volume change, and its median where the atlas is seen."""

    met: Met
    there: tuple[np.ndarray, ...]
    fixed: np.ndarray
    carried: np.ndarray
    change: np.ndarray
    whole: float

    @staticmethod
    def of(met: Met, grid: Grid) -> _View:
        index = np.moveaxis(np.indices(met.grid.shape), 0, -1)
        there = np.rint(grid.to_index(met.grid.to_world(index))).astype(np.intp)
        there = np.clip(there, 0, np.array(grid.shape) - 1)
        width = [0.0 if a == met.grid.slice_axis else 1.0 for a in range(3)]
        fixed, carried = (gaussian_filter(i, width) for i in (met.fixed, met.carried))
        change = np.log(np.clip(jacobian(met.transform), 0.02, 50.0))
        whole = float(np.median(change[met.seen])) if met.seen.any() else 0.0
        return _View(met, tuple(np.moveaxis(there, -1, 0)), fixed, carried, change, whole)

    def on(self, mask: np.ndarray) -> np.ndarray:
        """A mask of the target on the grid that displacements were looked for on (its nearest voxels)."""
        return mask[self.there] & self.met.seen

    def unexplained(self, where: np.ndarray) -> float:
        """Share of the fixed image's variance at a place that the other leaves."""
        if where.sum() < 10:
            return 1.0
        fixed, carried = (i[where].astype(np.float64) for i in (self.fixed, self.carried))
        return float(np.clip(((fixed - carried) ** 2).mean() / max(fixed.var(), 1e-12), 0.0, 1.0))

    def changes(self, where: np.ndarray) -> tuple[float, float]:
        """(volume here against the atlas', after the change of the whole limb; spread of the logarithm of volume change)."""
        if not where.any():
            return 1.0, 1.0
        return float(np.exp(self.whole - self.change[where].mean())), float(self.change[where].std())


def thinness(mask: np.ndarray, grid: Grid) -> float:
    """Length of outlines over area (1/mm), all slices together; steps between voxels count as the diagonals that they stand for."""
    edges = 0.0
    for axis in grid.in_plane_axes:
        other = next(a for a in grid.in_plane_axes if a != axis)
        padded = np.pad(mask, [(1, 1) if a == axis else (0, 0) for a in range(3)])
        edges += float(np.count_nonzero(np.diff(padded, axis=axis))) * grid.spacing_mm[other]
    a, b = (grid.spacing_mm[a] for a in grid.in_plane_axes)
    return np.pi / 4.0 * edges / (float(mask.sum()) * a * b)


def _about(mask: np.ndarray, grid: Grid) -> np.ndarray:
    sampling = [1e3 if a == grid.slice_axis else s for a, s in enumerate(grid.spacing_mm)]
    return np.asarray(distance_transform_edt(~mask, sampling)) <= _ABOUT_MM


def _dice(a: np.ndarray, b: np.ndarray) -> float:
    total = int(a.sum()) + int(b.sum())
    return 2.0 * int((a & b).sum()) / total if total else 1.0


def _mean(values: Sequence[float], empty: float) -> float:
    return float(np.mean(values)) if values else empty
