r"""Damped Gauss-Newton for many small problems at once, voxel by voxel, in plain NumPy.

.. math:: \theta \leftarrow \theta + (J^T J + \lambda\, \mathrm{diag}\, J^T J)^{-1} J^T (S - f(\theta))

Each voxel has its own :math:`\lambda`, takes a step only if its squared residual falls, and is left alone once its step is
small: a voxel's bits do not depend on its neighbours.

*Assumes* a start within reach: there is no search. *Breaks* where parameters cannot be told apart; ``converged`` is then False or
the covariance not finite.

*Cites* Levenberg, Q Appl Math 1944;2:164, doi:10.1090/qam/10666; Marquardt, J SIAM 1963;11:431, doi:10.1137/0111030.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

#: (theta (m, P), index (m,) of the voxels) -> signal (m, n), jacobian (m, n, P)
Model = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True, eq=False)
class Solution:
    """theta (m, P), inverse of J'J (m, P, P) (times sigma^2: the covariance), residual sum of squares (m,), converged (m,)."""

    theta: np.ndarray
    unit_covariance: np.ndarray
    rss: np.ndarray
    converged: np.ndarray


def solve(
    model: Model,
    data: np.ndarray,
    start: np.ndarray,
    *,
    iterations: int = 40,
    tolerance: float = 1e-11,
    reach: float = 1.0,
) -> Solution:
    """Fit ``data`` (m, n) from ``start`` (m, P), parameters scaled so that 1 is a large change.

    A step is cut to ``reach``; converged: the last step was below ``tolerance`` or too small to change the residual.
    Voxels whose start is not finite are not converged and NaN.
    """
    count, size = start.shape
    theta = np.array(start, dtype=np.float64)
    rss = np.full(count, np.inf)
    damping = np.full(count, 1e-6)
    done = np.zeros(count, dtype=bool)
    usable = np.isfinite(start).all(axis=1) & np.isfinite(data).all(axis=1)
    normal = np.full((count, size, size), np.nan)
    pull = np.zeros((count, size))
    todo = np.flatnonzero(usable)
    if len(todo):
        rss[todo], normal[todo], pull[todo] = _look(model, data, theta, todo)
    for _ in range(iterations):
        todo = np.flatnonzero(usable & ~done)
        if not len(todo):
            break
        step = _step(normal[todo], pull[todo], damping[todo], reach)
        trial = theta.copy()
        trial[todo] += step
        there, normal_there, pull_there = _look(model, data, trial, todo)
        better = there <= rss[todo]
        small = np.abs(step).max(axis=1) < tolerance
        stuck = ~better & (damping[todo] > 1e8)
        gone = todo[better]
        theta[gone], rss[gone], normal[gone], pull[gone] = (
            trial[gone],
            there[better],
            normal_there[better],
            pull_there[better],
        )
        damping[todo] = np.where(better, np.maximum(damping[todo] * 0.1, 1e-12), damping[todo] * 20)
        done[todo] = small | stuck
    theta[~usable] = np.nan
    return Solution(theta, _inverse(normal), np.where(usable, rss, np.nan), done & usable)


def _look(
    model: Model, data: np.ndarray, theta: np.ndarray, todo: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Residual sum of squares, J'J and J'r of some voxels; infinite where the model has no finite value."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        signal, jacobian = model(theta[todo], todo)
        residual = data[todo] - signal
        rss = np.einsum("mn,mn->m", residual, residual)
        normal = np.einsum("mnp,mnq->mpq", jacobian, jacobian)
        pull = np.einsum("mnp,mn->mp", jacobian, residual)
    sound = np.isfinite(rss) & np.isfinite(normal).all(axis=(1, 2)) & np.isfinite(pull).all(axis=1)
    return np.where(sound, rss, np.inf), normal, pull


def _step(normal: np.ndarray, pull: np.ndarray, damping: np.ndarray, reach: float) -> np.ndarray:
    diagonal = np.einsum("mpp->mp", normal)
    scale = np.sqrt(np.where((diagonal > 0) & np.isfinite(diagonal), diagonal, 1.0))
    unit = normal / (scale[:, :, None] * scale[:, None, :])
    unit = np.where(np.isfinite(unit).all(axis=(1, 2), keepdims=True), unit, 0.0)
    eye = np.eye(normal.shape[-1])
    # a floor keeps the matrix regular where a parameter has no effect
    raised = unit + (damping[:, None, None] + 1e-15) * eye + (np.einsum("mpp->mp", unit) == 0)[:, :, None] * eye
    force = np.where(np.isfinite(pull), pull, 0.0) / scale
    step = np.linalg.solve(raised, force[..., None])[..., 0] / scale
    largest = np.abs(step).max(axis=1)
    return step * np.where(largest > reach, reach / np.where(largest > 0, largest, 1.0), 1.0)[:, None]


def _inverse(normal: np.ndarray) -> np.ndarray:
    """Inverse of J'J (m, P, P); NaN where it is singular."""
    diagonal = np.einsum("mpp->mp", normal)
    sound = np.isfinite(normal).all(axis=(1, 2)) & (diagonal > 0).all(axis=1)
    scale = np.sqrt(np.where(sound[:, None], diagonal, 1.0))
    unit = np.where(sound[:, None, None], normal / (scale[:, :, None] * scale[:, None, :]), np.eye(normal.shape[-1]))
    values, vectors = np.linalg.eigh(unit)
    sound &= values[:, 0] > 1e-13
    values = np.where(sound[:, None], values, 1.0)
    inverse = np.einsum("mia,ma,mja->mij", vectors, 1.0 / values, vectors) / (scale[:, :, None] * scale[:, None, :])
    return np.where(sound[:, None, None], inverse, np.nan)
