"""Weighted least squares of the logarithms of many voxels, compiled: the ``wls`` of `neuromyo.fit.tensor`.

Voxels are taken `LANES` at a time and lie side by side, so that every step is done for as many of them as a register
holds. A voxel's sums are taken in one order whatever lies beside it: no liberty with the order is asked of the compiler.

Notation as in `neuromyo.fit.tensor_kernel`; every scratch array ends in the lanes. Samples are padded to whole groups of `GROUP`,
with zeros in the design, which add nothing.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from neuromyo.fit.fast_math import exp_row, log_row
from neuromyo.fit.tensor_kernel import NOT_POSITIVE, OK, SINGULAR, SINGULAR_PIVOT, UNKNOWNS

LANES = 64
GROUP = 4
_JIT = {"cache": True, "nogil": True, "fastmath": {"contract"}, "error_model": "numpy"}
_PART = {"nogil": True, "fastmath": {"contract"}, "error_model": "numpy", "forceinline": True}


def padded(table: np.ndarray) -> np.ndarray:
    """(k, n) with zeros put to whole groups of samples."""
    return np.ascontiguousarray(np.pad(table, ((0, 0), (0, -table.shape[1] % GROUP))))


@njit(**_PART)
def _gather(signals, first, tile, state):
    """tile[i, t] = sample i of voxel first + t, 1 where there is none or the voxel is none to fit."""
    n = signals.shape[1]
    for t in range(LANES):
        v = first + t
        good = v < signals.shape[0]
        if good:
            for i in range(n):
                good &= (signals[v, i] > 0.0) & (signals[v, i] < np.inf)
            state[v] = OK if good else NOT_POSITIVE
        if good:
            for i in range(n):
                tile[i, t] = signals[v, i]
        else:
            for i in range(n):
                tile[i, t] = 1.0


@njit(**_PART)
def _sums(table, tile, out):
    """out[k, t] = sum over i of table[k, i] tile[i, t]."""
    for k in range(table.shape[0]):
        for t in range(LANES):
            out[k, t] = 0.0
    for i in range(0, tile.shape[0], GROUP):
        for k in range(table.shape[0]):
            a, b, c, d = table[k, i], table[k, i + 1], table[k, i + 2], table[k, i + 3]
            for t in range(LANES):
                out[k, t] += a * tile[i, t] + b * tile[i + 1, t] + c * tile[i + 2, t] + d * tile[i + 3, t]


@njit(**_PART)
def _linear(x, beta, out):
    """out[i, t] = x beta."""
    for i in range(out.shape[0]):
        a, b, c, d, e, f, g = x[0, i], x[1, i], x[2, i], x[3, i], x[4, i], x[5, i], x[6, i]
        for t in range(LANES):
            out[i, t] = (
                a * beta[0, t] + b * beta[1, t] + c * beta[2, t] + d * beta[3, t] + e * beta[4, t] + f * beta[5, t]
                + g * beta[6, t]
            )  # fmt: skip


@njit(**_PART)
def _factor(pairs, low, over, fine):
    """Cholesky factors of the matrices whose upper triangles are ``pairs``, row by row.

    low[i, j, t] : below the diagonal; over[i, t] : one over the diagonal; fine[t] : 1 where there is a factor, else 0
    """
    for t in range(LANES):
        fine[t] = 1.0
    for j in range(UNKNOWNS):
        start = j * UNKNOWNS - (j * (j - 1)) // 2 - j
        for i in range(j, UNKNOWNS):
            for t in range(LANES):
                low[i, j, t] = pairs[start + i, t]
            for k in range(j):
                for t in range(LANES):
                    low[i, j, t] -= low[i, k, t] * low[j, k, t]
            if i == j:
                for t in range(LANES):
                    s = low[i, i, t]
                    there = (s > SINGULAR_PIVOT * pairs[start + i, t]) & (s < np.inf)
                    fine[t] = fine[t] if there else 0.0
                    over[i, t] = 1.0 / math.sqrt(s if there else 1.0)
            else:
                for t in range(LANES):
                    low[i, j, t] *= over[j, t]


@njit(**_PART)
def _solve(low, over, out):
    """out = (low low^T)^-1 out."""
    for i in range(UNKNOWNS):
        for k in range(i):
            for t in range(LANES):
                out[i, t] -= low[i, k, t] * out[k, t]
        for t in range(LANES):
            out[i, t] *= over[i, t]
    for back in range(UNKNOWNS):
        i = UNKNOWNS - 1 - back
        for k in range(i + 1, UNKNOWNS):
            for t in range(LANES):
                out[i, t] -= low[k, i, t] * out[k, t]
        for t in range(LANES):
            out[i, t] *= over[i, t]


@njit(**_PART)
def _inverse(low, over, upper, out):
    """out[i, j, t], j <= i = (low low^T)^-1; ``upper`` is scratch for the inverse of low, transposed."""
    for j in range(UNKNOWNS):
        for t in range(LANES):
            upper[j, j, t] = over[j, t]
        for i in range(j + 1, UNKNOWNS):
            for t in range(LANES):
                upper[j, i, t] = -low[i, j, t] * upper[j, j, t]
            for k in range(j + 1, i):
                for t in range(LANES):
                    upper[j, i, t] -= low[i, k, t] * upper[j, k, t]
            for t in range(LANES):
                upper[j, i, t] *= over[i, t]
    for i in range(UNKNOWNS):
        for j in range(i + 1):
            for t in range(LANES):
                out[i, j, t] = upper[i, i, t] * upper[j, i, t]
            for k in range(i + 1, UNKNOWNS):
                for t in range(LANES):
                    out[i, j, t] += upper[i, k, t] * upper[j, k, t]


@njit(**_JIT)
def fit_logs(signals, x, xx, projector, units, beta, inverse, rss, state):
    """Fits every voxel of signals (m, n), double precision; x, xx and projector as `padded`.

    units : (7,) what parameters are multiplied by
    Fills beta (m, 7), the inverse information (m, 7, 7) for noise of 1, the residual sum of squares (m,) in squared units of
    the signal, and the state (m,). What cannot be fitted is left as it was but for its state.
    """
    m, n, size = signals.shape[0], signals.shape[1], x.shape[1]
    tile, logs, w, power = (
        np.ones((size, LANES)),
        np.empty((size, LANES)),
        np.empty((size, LANES)),
        np.empty((size, LANES)),
    )
    flat_tile, flat_logs, flat_w, flat_power = tile.reshape(-1), logs.reshape(-1), w.reshape(-1), power.reshape(-1)
    tile_bits, power_bits = flat_tile.view(np.int64), flat_power.view(np.int64)
    b, pairs, over = np.empty((UNKNOWNS, LANES)), np.empty((xx.shape[0], LANES)), np.empty((UNKNOWNS, LANES))
    low, upper, back = (
        np.empty((UNKNOWNS, UNKNOWNS, LANES)), np.empty((UNKNOWNS, UNKNOWNS, LANES)), np.empty((UNKNOWNS, UNKNOWNS, LANES)),
    )  # fmt: skip
    fine, rest = np.empty(LANES), np.empty(LANES)
    for first in range(0, m, LANES):
        _gather(signals, first, tile[:n], state)
        log_row(tile_bits, flat_logs, flat_power, power_bits)
        _sums(projector, logs, b)
        _linear(x, b, w)
        exp_row(flat_w, flat_power, power_bits)
        for k in range(flat_w.shape[0]):
            flat_w[k] *= flat_w[k]
            flat_power[k] = flat_w[k] * flat_logs[k]
        _sums(xx, w, pairs)
        _sums(x, power, b)
        _factor(pairs, low, over, fine)
        _solve(low, over, b)
        _inverse(low, over, upper, back)
        _linear(x, b, power)
        for t in range(LANES):
            rest[t] = 0.0
        for i in range(n):
            for t in range(LANES):
                r = logs[i, t] - power[i, t]
                rest[t] += w[i, t] * r * r
        for t in range(min(LANES, m - first)):
            v = first + t
            if state[v] != OK:
                continue
            if not fine[t] > 0.0:
                state[v] = SINGULAR
                continue
            rss[v] = rest[t]
            for i in range(UNKNOWNS):
                beta[v, i] = b[i, t] * units[i]
                for j in range(i + 1):
                    c = back[i, j, t] * (units[i] * units[j])
                    inverse[v, i, j] = c
                    inverse[v, j, i] = c
