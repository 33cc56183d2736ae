r"""Labels of several atlases, brought onto one image: by distance to their outlines, weighted by how alike the images are there.

.. math:: p_l(x) = \frac{\sum_a w_a(x)\, \Phi\!\big(d_{al}(T_a x) / s\big)}{\sum_a w_a(x)}, \qquad
          w_a(x) = \frac{1}{e_a(x) + e_0}

d_al is the signed distance (mm, positive inside) to the outline of label l in the slices of atlas a, taken between slices by linear
interpolation, so that outlines wander from one slice to the next instead of jumping; e_a the smoothed squared difference of the two
images as share of the fixed image's variance. Beyond its last slice a muscle tapers off over half a slice. Atlases that do not see a
place, or do not know a label, have no say there.

*Cites* Rohlfing et al., NeuroImage 2004;21:1428, doi:10.1016/j.neuroimage.2003.11.010 (several atlases); Artaechevarria et al., IEEE
Trans Med Imaging 2009;28:1266, doi:10.1109/TMI.2009.2014372 (weights by local likeness); Raya & Udupa, IEEE Trans Med Imaging
1990;9:32, doi:10.1109/42.52980 (shapes between slices).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter, map_coordinates
from scipy.special import ndtr

from neuromyo.core.grid import Grid
from neuromyo.space.between import Met

#: distances are cut off here (mm); how far (mm, sd) an outline that was carried over lies from the true one, about
FAR_MM, BLUR_MM = 12.0, 1.0
#: how far beyond an atlas' first and last slice its labels are taken on, as a share of a slice
BEYOND = 0.25
#: width (mm) over which likeness is judged, and the share of variance that noise alone leaves
_NEAR_MM, _NOISE = 5.0, 0.02


@dataclass(frozen=True, eq=False)
class Outline:
    """Signed distance (mm, positive inside) to one label's outline within the slices, over the box that holds it.

    first : voxel index of the box's corner in the atlas
    """

    distance: np.ndarray
    first: np.ndarray

    def at(self, index: np.ndarray) -> np.ndarray:
        """Distances at voxel indices (3, n) of the atlas -> (n,); as far away as can be outside the box."""
        own = index - self.first[:, None]
        inside = np.all((own > -1.0) & (own < np.array(self.distance.shape)[:, None]), axis=0)
        out = np.full(index.shape[1], -FAR_MM, np.float32)
        out[inside] = map_coordinates(self.distance, own[:, inside], order=1, mode="nearest")
        return out


@dataclass(frozen=True, eq=False)
class Source:
    """One atlas, ready: its outlines by output label, how it lies on the target, and how alike the two are where."""

    name: str
    grid: Grid
    outlines: dict[int, Outline]
    met: Met
    weight: np.ndarray

    @staticmethod
    def of(name: str, grid: Grid, masks: dict[int, np.ndarray], met: Met) -> Source:
        """masks : output label -> (x, y, z) bool on the atlas' grid."""
        return Source(name, grid, {k: outline(m, grid) for k, m in masks.items()}, met, weights(met))


def outline(mask: np.ndarray, grid: Grid) -> Outline:
    """The distances of one label, slice by slice."""
    margin = [1 if a == grid.slice_axis else int(np.ceil(FAR_MM / s)) + 1 for a, s in enumerate(grid.spacing_mm)]
    held = np.argwhere(mask)
    low = np.maximum(held.min(axis=0) - margin, 0)
    high = np.minimum(held.max(axis=0) + np.array(margin) + 1, mask.shape)
    box = np.moveaxis(mask[tuple(slice(a, b) for a, b in zip(low, high, strict=True))], grid.slice_axis, 2)
    spacing = [grid.spacing_mm[a] for a in grid.in_plane_axes]
    planes = [_signed(box[:, :, k], spacing) for k in range(box.shape[2])]
    full = [p if p is not None else _taper(planes, k, box.shape[:2]) for k, p in enumerate(planes)]
    return Outline(np.moveaxis(np.stack(full, axis=2), 2, grid.slice_axis).astype(np.float32), low)


def _signed(mask: np.ndarray, spacing: list[float]) -> np.ndarray | None:
    """(a, b) signed distance in mm to the edge, which runs half a voxel outside the outermost voxels; None of an empty slice."""
    if not mask.any():
        return None
    half = 0.5 * float(np.mean(spacing))
    within = np.asarray(distance_transform_edt(np.pad(mask, 1, mode="edge"), spacing))[1:-1, 1:-1]
    without = np.asarray(distance_transform_edt(~mask, spacing))
    return np.clip(np.where(mask, within - half, half - without), -FAR_MM, FAR_MM)


def _taper(planes: Sequence[np.ndarray | None], k: int, shape: tuple[int, ...]) -> np.ndarray:
    """A slice without the label: as far outside as its neighbour's deepest point is inside, so that the label ends half-way."""
    near = [p for p in (planes[k - 1] if k else None, planes[k + 1] if k + 1 < len(planes) else None) if p is not None]
    if not near:
        return np.full(shape, -FAR_MM)
    return np.max([p - 2.0 * p.max() for p in near], axis=0)


def weights(met: Met) -> np.ndarray:
    """(x, y, z) float32 on the grid of ``met``: how much an atlas has to say at a place; 0 where it sees nothing."""
    grid = met.grid
    width = [0.5 if a == grid.slice_axis else _NEAR_MM / s for a, s in enumerate(grid.spacing_mm)]
    seen = met.seen.astype(np.float32)
    variance = float(met.fixed[met.seen].var()) if met.seen.any() else 1.0
    wrong = gaussian_filter(seen * (met.fixed - met.carried) ** 2, width) / np.maximum(
        gaussian_filter(seen, width), 1e-3
    )
    return (1.0 / (wrong / max(variance, 1e-12) + _NOISE)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Plane:
    """One plane of the target, (a, b) each.

    label : 0 where none is likelier; chance : probability of what was chosen, 0 to 1; seen : whether any atlas shows the place;
    each : (n_sources, a, b) what each atlas alone would say
    """

    k: int
    label: np.ndarray
    chance: np.ndarray
    seen: np.ndarray
    each: np.ndarray


def fuse(sources: Sequence[Source], labels: Sequence[int], grid: Grid) -> Iterator[Plane]:
    """Plane after plane along the grid's slice axis, so that memory holds one at a time."""
    shape = tuple(grid.shape[a] for a in grid.in_plane_axes)
    for k in range(grid.shape[grid.slice_axis]):
        world = grid.to_world(_plane(grid, k))
        tally = _Tally.empty(len(labels), len(world))
        each = np.stack([tally.add(source, labels, world) for source in sources])
        chance = np.divide(tally.top, tally.bottom, out=np.zeros_like(tally.top), where=tally.bottom > 0)
        best = chance[1:].argmax(axis=0) + 1
        share, total = chance[best, np.arange(best.size)], chance.sum(axis=0)
        wins = (share > chance[0]) & (share > 0)
        label = np.where(wins, np.asarray(labels)[best - 1], 0)
        held = np.where(wins, share, chance[0]) / np.maximum(total, 1e-6)
        seen = tally.bottom[0] > 0
        yield Plane(
            k, label.reshape(shape), held.reshape(shape), seen.reshape(shape), each.reshape(len(sources), *shape)
        )


@dataclass(frozen=True, eq=False)
class _Tally:
    """Weighted votes (1 + n_labels, n): of nothing, then of each label; and the weights of those who could vote."""

    top: np.ndarray
    bottom: np.ndarray

    @staticmethod
    def empty(n_labels: int, n: int) -> _Tally:
        return _Tally(np.zeros((1 + n_labels, n), np.float32), np.zeros((1 + n_labels, n), np.float32))

    def add(self, source: Source, labels: Sequence[int], world: np.ndarray) -> np.ndarray:
        """Adds one atlas' say at places (n, 3); returns what it alone would choose (n,)."""
        there = source.met.transform(world)
        index = np.moveaxis(source.grid.to_index(there), -1, 0)
        visible = _within(index, source.grid)
        index = index[:, visible]
        own = np.moveaxis(source.met.grid.to_index(world[visible]), -1, 0)
        weight = map_coordinates(source.weight, own, order=1, mode="nearest")
        best, winner = np.full(index.shape[1], -FAR_MM, np.float32), np.zeros(index.shape[1], np.int32)
        for row, label in enumerate(labels, 1):
            if label not in source.outlines:
                continue
            distance = source.outlines[label].at(index)
            self.top[row, visible] += weight * ndtr(distance / BLUR_MM).astype(np.float32)
            self.bottom[row, visible] += weight
            ahead = distance > best
            best[ahead], winner[ahead] = distance[ahead], label
        self.top[0, visible] += weight * ndtr(-best / BLUR_MM).astype(np.float32)
        self.bottom[0, visible] += weight
        chosen = np.zeros(len(world), np.int32)
        chosen[visible] = np.where(best > 0, winner, 0)
        return chosen


def _within(index: np.ndarray, grid: Grid) -> np.ndarray:
    """Which places (3, n) an atlas can speak of: within its voxels, and a quarter of a slice beyond its first and last one."""
    beyond = np.array([BEYOND if a == grid.slice_axis else 0.0 for a in range(3)])[:, None]
    return np.all((index >= -0.5 - beyond) & (index <= np.array(grid.shape)[:, None] - 0.5 + beyond), axis=0)


def _plane(grid: Grid, k: int) -> np.ndarray:
    axes: list[np.ndarray] = [np.arange(n) for n in grid.shape]
    axes[grid.slice_axis] = np.array([k])
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3).astype(np.float64)
