"""What describes a tensor and how sure that is, for many voxels: `neuromyo.physics.diffusion.describe`, compiled.

The same closed forms, and each scalar's standard deviation by first-order propagation, in one pass over the voxels.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

_PART = {"nogil": True, "error_model": "numpy", "forceinline": True}
_JIT = {"cache": True, "nogil": True, "error_model": "numpy"}


class TensorNumbers(NamedTuple):
    """(m, 4) FA, MD, AD, RD and their sd (NaN without a covariance); (m, 3) V1, z >= 0; (m,) smallest eigenvalue."""

    values: np.ndarray
    sd: np.ndarray
    V1: np.ndarray
    smallest: np.ndarray


def numbers_of(tensor: np.ndarray, covariance: np.ndarray, variance: np.ndarray | None = None) -> TensorNumbers:
    """tensor (m, 6) and its covariance (m, 6 or more, 6 or more), over ``variance`` (m,) if given -> all that is reported of it."""
    m = len(tensor)
    out = TensorNumbers(np.empty((m, 4)), np.empty((m, 4)), np.empty((m, 3)), np.empty(m))
    spread = np.ones(m) if variance is None else np.sqrt(variance)
    _describe(np.ascontiguousarray(tensor), covariance, spread, *out)
    return out


@njit(**_PART)
def _sds(gradients, covariance, spread, out):
    """out[q] = spread times the standard deviation of what has gradients[:, q], for all four together."""
    a = b = c = d = 0.0
    for i in range(6):
        for j in range(i + 1):
            share = covariance[i, j] if i == j else 2.0 * covariance[i, j]
            a += share * (gradients[i, 0] * gradients[j, 0])
            b += share * (gradients[i, 1] * gradients[j, 1])
            c += share * (gradients[i, 2] * gradients[j, 2])
            d += share * (gradients[i, 3] * gradients[j, 3])
    # a sum that is not a number stays so
    out[0] = spread * math.sqrt(0.0 if a < 0.0 else a)
    out[1] = spread * math.sqrt(0.0 if b < 0.0 else b)
    out[2] = spread * math.sqrt(0.0 if c < 0.0 else c)
    out[3] = spread * math.sqrt(0.0 if d < 0.0 else d)


@njit(**_PART)
def _first_axis(xx, yy, zz, xy, xz, yz, second, third, v):
    """v = longest column of (D - l2)(D - l3), of length 1 and pointing up."""
    a, b, c = xx - second, yy - second, zz - second
    d, e, f = xx - third, yy - third, zz - third
    p00 = a * d + xy * xy + xz * xz
    p11 = xy * xy + b * e + yz * yz
    p22 = xz * xz + yz * yz + c * f
    p01 = a * xy + xy * e + xz * yz
    p02 = a * xz + xy * yz + xz * f
    p12 = xy * xz + b * yz + yz * f
    if abs(p00) >= abs(p11) and abs(p00) >= abs(p22):
        v[0], v[1], v[2] = p00, p01, p02
    elif abs(p11) >= abs(p22):
        v[0], v[1], v[2] = p01, p11, p12
    else:
        v[0], v[1], v[2] = p02, p12, p22
    norm = math.sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2])
    if not norm > 0.0:
        v[0], v[1], v[2] = 0.0, 0.0, 1.0
        return
    down = v[2] < 0.0 or (v[2] == 0.0 and (v[1] < 0.0 or (v[1] == 0.0 and v[0] < 0.0)))
    norm = -norm if down else norm
    for k in range(3):
        v[k] = v[k] / norm + 0.0


@njit(**_JIT)
def _describe(tensor, covariance, spread, values, sd, axes, smallest):
    g, v = np.empty((6, 4)), np.empty(3)
    for m in range(tensor.shape[0]):
        t = tensor[m]
        size = 0.0
        for k in range(6):
            size = max(size, abs(t[k]))
        if not (size > 0.0 and size < np.inf):
            values[m, :] = np.nan
            sd[m, :] = np.nan
            axes[m, :] = np.nan
            smallest[m] = np.nan
            continue
        unit = 1.0 / size
        xx, yy, zz, xy, xz, yz = t[0] * unit, t[1] * unit, t[2] * unit, t[3] * unit, t[4] * unit, t[5] * unit
        mean = (xx + yy + zz) / 3.0
        a, b, c = xx - mean, yy - mean, zz - mean
        deviation = a * a + b * b + c * c + 2.0 * (xy * xy + xz * xz + yz * yz)
        norm = deviation + 3.0 * mean * mean
        p = math.sqrt(deviation / 6.0)
        determinant = a * (b * c - yz * yz) - xy * (xy * c - yz * xz) + xz * (xy * yz - b * xz)
        cosine = determinant / (2.0 * p * p * p) if p > 0.0 else 1.0
        angle = math.acos(min(max(cosine, -1.0), 1.0)) / 3.0
        first = mean + 2.0 * p * math.cos(angle)
        third = mean + 2.0 * p * math.cos(angle + 2.0 * math.pi / 3.0)
        second = 3.0 * mean - first - third
        _first_axis(xx, yy, zz, xy, xz, yz, second, third, v)
        fa = math.sqrt(1.5 * deviation / norm)
        values[m, 0], values[m, 1] = fa, mean * size
        values[m, 2], values[m, 3] = first * size, 0.5 * (3.0 * mean - first) * size
        smallest[m] = third * size
        along = (v[0] * v[0], v[1] * v[1], v[2] * v[2], 2.0 * v[0] * v[1], 2.0 * v[0] * v[2], 2.0 * v[1] * v[2])
        here = covariance[m]
        one = (xx, yy, zz, 2.0 * xy, 2.0 * xz, 2.0 * yz)
        by_shape = 4.5 * mean * mean / (norm * norm) / (fa * size) if fa > 0.0 else 0.0
        by_trace = 1.5 * mean / norm / (fa * size) if fa > 0.0 else 0.0
        for k in range(6):
            diagonal = 1.0 if k < 3 else 0.0
            g[k, 0] = by_shape * one[k] - by_trace * diagonal
            g[k, 1] = diagonal / 3.0
            g[k, 2] = along[k]
            g[k, 3] = 0.5 * (diagonal - along[k])
        _sds(g, here, spread[m], sd[m])
        for k in range(3):
            axes[m, k] = v[k]
