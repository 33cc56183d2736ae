r"""How well two images explain each other, whatever their contrasts: mutual information, and overlap of bodies.

.. math:: I = \sum_{ab} p_{ab} \ln \frac{p_{ab}}{p_a p_b}, \qquad NMI = \frac{2 I}{H_a + H_b}

of intensities a, b in 32 bins. Both images are sampled between their voxels, at places scattered within a voxel, so that
interpolation smooths the noise of both alike wherever the one is moved: at voxel centres, half-voxel shifts would look better
than they are (Pluim et al., Comput Vis Image Underst 2000;77:211, doi:10.1006/cviu.1999.0816).

*Cites* Maes et al., IEEE Trans Med Imaging 1997;16:187, doi:10.1109/42.563664; Studholme et al., Pattern Recognit 1999;32:71,
doi:10.1016/S0031-3203(98)00091-0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import map_coordinates

from neuromyo.core.grid import Grid
from neuromyo.space.overlap import rough_body
from neuromyo.space.resample import grid_contains, sample_nearest
from neuromyo.space.transform import Transform

BINS = 32
_MOST_POINTS = 60_000
_SEED = 20_111
_CONTRAST_BINS = 64


@dataclass(frozen=True, eq=False)
class Pair:
    """Two images prepared for comparison at scattered places of the fixed one's ``mask``."""

    places: np.ndarray
    fixed_values: np.ndarray
    moving: np.ndarray
    moving_grid: Grid

    @staticmethod
    def of(fixed: np.ndarray, fixed_grid: Grid, moving: np.ndarray, moving_grid: Grid, mask: np.ndarray) -> Pair:
        """fixed, moving : (x, y, z) finite, mask : (x, y, z) bool on the fixed grid."""
        voxels = np.argwhere(mask)
        voxels = voxels[:: max(1, -(-len(voxels) // _MOST_POINTS))].astype(np.float64)
        scatter = np.random.default_rng(_SEED).uniform(-0.5, 0.5, voxels.shape)
        scatter[:, np.array(fixed_grid.shape) == 1] = 0.0
        index = voxels + scatter
        values = map_coordinates(fixed, index.T, order=1, mode="nearest")
        return Pair(fixed_grid.to_world(index), values, moving, moving_grid)

    def at(self, transform: Transform) -> tuple[np.ndarray, np.ndarray]:
        """(fixed, moving) values (m,) where both images have data, with the moving image put through ``transform``."""
        world = transform(self.places)
        inside = grid_contains(self.moving_grid, world)
        index = self.moving_grid.to_index(world[inside])
        return self.fixed_values[inside], map_coordinates(self.moving, index.T, order=1, mode="nearest")

    def information(self, transform: Transform) -> float:
        """Normalised mutual information, 0 (nothing in common) to 1; 0 where fewer than a fifth of the places are shared."""
        a, b = self.at(transform)
        return normalised_information(a, b) if len(a) >= max(0.2 * len(self.places), 4 * BINS) else 0.0


def normalised_information(a: np.ndarray, b: np.ndarray) -> float:
    """2 I / (H_a + H_b) of two lists of intensities (m,), less what chance alone would give (Miller and Madow)."""
    joint = np.bincount(_binned(a) * BINS + _binned(b), minlength=BINS * BINS).reshape(BINS, BINS) / len(a)
    each = [joint.sum(axis=1), joint.sum(axis=0)]
    entropies = [_entropy(p) for p in each]
    filled = [int((p > 0).sum()) for p in (*each, joint)]
    chance = (filled[0] - 1) * (filled[1] - 1) / (2.0 * len(a))
    shared = sum(entropies) - _entropy(joint) - chance
    return max(0.0, 2.0 * shared / sum(entropies)) if sum(entropies) > 0 else 0.0


def _binned(values: np.ndarray) -> np.ndarray:
    low, high = np.percentile(values, [0.5, 99.5])
    scaled = (values - low) / (high - low) if high > low else np.zeros_like(values)
    return np.clip((scaled * BINS).astype(np.int64), 0, BINS - 1)


def _entropy(p: np.ndarray) -> float:
    p = p[p > 0]
    return float(-(p * np.log(p)).sum())


@dataclass(frozen=True, eq=False)
class ContrastMap:
    """What one image shows on the average where another one has a certain intensity.

    explained : share of the variance that the map leaves nothing of (the squared correlation ratio), 0 to 1
    """

    levels: np.ndarray
    means: np.ndarray
    explained: float

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """An image in the other one's contrast, float32."""
        return np.interp(image, self.levels, self.means).astype(np.float32)


def contrast_map(given: np.ndarray, wanted: np.ndarray) -> ContrastMap:
    """The map of intensities ``given`` (m,) to the mean of ``wanted`` (m,), in 64 bins of equally many samples."""
    order = np.argsort(given, kind="stable")
    parts = [part for part in np.array_split(order, _CONTRAST_BINS) if part.size]
    levels = np.array([given[part].mean(dtype=np.float64) for part in parts])
    means = np.array([wanted[part].mean(dtype=np.float64) for part in parts])
    total = float(wanted.var(dtype=np.float64))
    left = sum(float(wanted[part].var(dtype=np.float64)) * part.size for part in parts) / max(1, given.size)
    return ContrastMap(levels, means, 1.0 - left / total if total > 0 else 0.0)


def body_overlap(
    fixed_body: np.ndarray, fixed_grid: Grid, moving: np.ndarray, moving_grid: Grid, transform: Transform
) -> float:
    """Share of the smaller of two bodies that lies on the other, 0 to 1, counted where both images have data.

    fixed_body : (x, y, z) bool; the moving image's body is what is not air in it
    """
    world = transform(fixed_grid.to_world(np.argwhere(np.ones(fixed_grid.shape, bool)).astype(np.float64)))
    shared = grid_contains(moving_grid, world)
    mine = fixed_body.ravel()[shared]
    other = sample_nearest(rough_body(moving, moving_grid.slice_axis), moving_grid, world[shared])
    smaller = min(int(mine.sum()), int(other.sum()))
    return float((mine & other).sum() / smaller) if smaller else 0.0
