r"""A smooth displacement between two pictures of one contrast: few cosines, least squares, bending made dear.

.. math:: u_c(x) = \sum_k w_{ck} \prod_a \cos(\pi k_a (i_a + 1/2) / n_a), \qquad
          \min_w \sum_i \frac{(f(x_i) - g(x_i + u(x_i)))^2}{\sigma^2} + \lambda \sum_{ck} |\kappa_k|^4 w_{ck}^2

by Gauss-Newton, sigma re-estimated from the residual. Where tissue is even nothing but the bending term speaks, so that a
displacement there is the stiffest continuation of what the edges around say. Ashburner & Friston, Hum Brain Mapp 1999;7:254,
doi:10.1002/(SICI)1097-0193(1999)7:4<254::AID-HBM4>3.0.CO;2-G.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import map_coordinates

#: places compared, steps a call, and how far one step may go (in voxels)
_MOST_POINTS, _SEED = 8_000, 20_111


@dataclass(frozen=True, eq=False)
class Waves:
    """Cosines over a box of voxels.

    shape : voxels of the box; modes (k, 3) : half-waves along each axis; lengths (3,) : of the box in frame units
    """

    shape: tuple[int, int, int]
    modes: np.ndarray
    lengths: np.ndarray

    @staticmethod
    def of(shape: tuple[int, int, int], spacing: np.ndarray, shortest: float) -> Waves:
        """All waves whose half-wave is at least ``shortest`` (frame units) along every axis."""
        lengths = np.array(shape) * spacing
        most = [int(length / shortest) for length in lengths]
        axes = np.meshgrid(*[np.arange(m + 1) for m in most], indexing="ij")
        return Waves(shape, np.stack([a.ravel() for a in axes], axis=1), lengths)

    @property
    def bending(self) -> np.ndarray:
        """(k,) the price of each wave: bending, stretching and displacement as such, which `rigid` has dealt with."""
        return (((np.pi * self.modes / self.lengths) ** 2).sum(axis=1) + 3.0) ** 2

    def at(self, index: np.ndarray) -> np.ndarray:
        """Voxel indices (m, 3) of the box -> (m, k)."""
        parts = [np.cos(np.pi * np.arange(self.modes[:, a].max() + 1) * (index[:, a, None] + 0.5) / self.shape[a])
                 for a in range(3)]  # fmt: skip
        return np.prod([parts[a][:, self.modes[:, a]] for a in range(3)], axis=0)

    def field(self, weights: np.ndarray) -> np.ndarray:
        """Weights (k, 3) -> displacement (x, y, z, 3) in frame units at the voxels of the box."""
        out = np.empty((*self.shape, 3))
        y, z = np.indices(self.shape[1:])
        for x in range(self.shape[0]):
            index = np.stack([np.full(y.size, x), y.ravel(), z.ravel()], axis=1)
            out[x] = (self.at(index) @ weights).reshape(*y.shape, 3)
        return out


def places_in(mask: np.ndarray) -> np.ndarray:
    """Voxel indices (m, 3), scattered within the voxels of a mask, the same every time."""
    voxels = np.argwhere(mask)
    voxels = voxels[:: max(1, -(-len(voxels) // _MOST_POINTS))].astype(np.float64)
    scatter = np.random.default_rng(_SEED).uniform(-0.5, 0.5, voxels.shape)
    scatter[:, np.array(mask.shape) == 1] = 0.0
    return voxels + scatter


def step(
    residual: np.ndarray,
    gradient: np.ndarray,
    basis: np.ndarray,
    weights: np.ndarray,
    bending: np.ndarray,
    stiffness: float,
) -> np.ndarray:
    """One Gauss-Newton step: residual (m,) = f - g, gradient (m, c) of g in frame units along the axes that may move,
    basis (m, k), weights (k, c) -> new weights (k, c)."""
    k, c = weights.shape
    jacobian = (gradient[:, :, None] * basis[:, None, :]).reshape(len(residual), c * k)
    variance = max(float(np.median(np.abs(residual)) * 1.4826) ** 2, 1e-12)
    penalty = stiffness * len(residual) * np.tile(bending, c)
    normal = jacobian.T @ jacobian / variance + np.diag(penalty)
    flat = weights.T.ravel()
    slope = jacobian.T @ residual / variance - penalty * flat
    return (flat + np.linalg.solve(normal, slope)).reshape(c, k).T


def sampled(array: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Linear interpolation of (x, y, z) at indices (m, 3)."""
    return map_coordinates(array, index.T, order=1, mode="nearest")
