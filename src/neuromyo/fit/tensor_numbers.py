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


def numbers_of(tensor: np.ndarray, covariance: np.ndarray) -> TensorNumbers:
    """tensor (m, 6) and its covariance (m, 6 or more, 6 or more) -> all that is reported of it."""
    m = len(tensor)
    out = TensorNumbers(np.empty((m, 4)), np.empty((m, 4)), np.empty((m, 3)), np.empty(m))
    _describe(np.ascontiguousarray(tensor), covariance, *out)
    return out


@njit(**_PART)
def _sd(gradient, covariance):
    total = 0.0
    for i in range(6):
        total += gradient[i] * gradient[i] * covariance[i, i]
        for j in range(i):
            total += 2.0 * gradient[i] * gradient[j] * covariance[i, j]
    return math.sqrt(max(total, 0.0)) if total == total else np.nan


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
def _describe(tensor, covariance, values, sd, axes, smallest):
    g, v = np.empty(6), np.empty(3)
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
        xx, yy, zz, xy, xz, yz = t[0] / size, t[1] / size, t[2] / size, t[3] / size, t[4] / size, t[5] / size
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
        for k in range(6):
            by_trace = 1.5 * mean / norm if k < 3 else 0.0
            g[k] = (4.5 * mean * mean / (norm * norm) * one[k] - by_trace) / (fa * size) if fa > 0.0 else 0.0
        sd[m, 0] = _sd(g, here)
        for k in range(6):
            g[k] = 1.0 / 3.0 if k < 3 else 0.0
        sd[m, 1] = _sd(g, here)
        for k in range(6):
            g[k] = along[k]
        sd[m, 2] = _sd(g, here)
        for k in range(6):
            g[k] = 0.5 * ((1.0 if k < 3 else 0.0) - along[k])
        sd[m, 3] = _sd(g, here)
        for k in range(3):
            axes[m, k] = v[k]
