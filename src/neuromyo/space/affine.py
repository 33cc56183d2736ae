r"""Sizes and places of two stacks brought together within the slices, by least squares.

.. math:: \min_A \sum_x \big(f(x) - c(g(x + A\,(1, x_a, x_b, x_z)^T))\big)^2

A (2 x 4) shifts, turns, scales and shears within the slice, and lets shift grow along the stack (legs that part towards the hips).
Gauss-Newton on thinned images, the contrast learnt again in each step, by turns in the one image's and the other's (see `demons`).
What moves across slices is not asked here.
"""

from __future__ import annotations

import numpy as np

from neuromyo.space.demons import Stacks

_STEPS = 16
#: share of the diagonal that is added to the normal equations
_DAMPING = 1e-3


def fit(stacks: Stacks) -> np.ndarray:
    """(a, b, z, 2) float32: the displacement in mm that an affine map within the slices makes at each voxel."""
    terms = _terms(stacks)
    numbers = np.zeros((4, 2))
    for turn in range(_STEPS):
        numbers = numbers + _step(stacks, (terms @ numbers).astype(np.float32), terms, turn % 2 == 0)
    return (terms @ numbers).astype(np.float32)


def _terms(stacks: Stacks) -> np.ndarray:
    """(a, b, z, 4): 1 and the three coordinates about the middle of the body, in units of its radius."""
    places = np.moveaxis(np.indices(stacks.fixed.shape, dtype=np.float32), 0, -1) * stacks.spacing.astype(np.float32)
    inside = places[stacks.body]
    centred = places - inside.mean(axis=0)
    radius = float(np.linalg.norm(inside - inside.mean(axis=0), axis=1).mean())
    return np.concatenate([np.ones((*stacks.fixed.shape, 1), np.float32), centred / radius], axis=-1)


def _step(stacks: Stacks, u: np.ndarray, terms: np.ndarray, forward: bool) -> np.ndarray:
    """(4, 2) one Gauss-Newton step."""
    fixed, _, moving = stacks.matched(u, forward)
    slopes = [np.gradient(moving, float(s), axis=c)[stacks.body] for c, s in enumerate(stacks.spacing[:2])]
    basis = terms[stacks.body]
    jacobian = np.concatenate([basis * s[:, None] for s in slopes], axis=1).astype(np.float64)
    normal = jacobian.T @ jacobian
    if not np.trace(normal) > 0:
        return np.zeros((4, 2))
    normal[np.diag_indices(8)] += _DAMPING * (np.diag(normal) + np.trace(normal) / 8)
    residual = (fixed - moving)[stacks.body].astype(np.float64)
    return np.linalg.solve(normal, jacobian.T @ residual).reshape(2, 4).T
