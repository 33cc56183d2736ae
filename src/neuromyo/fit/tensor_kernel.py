"""The voxel loop of `neuromyo.fit.tensor`, compiled: one voxel at a time, so that nothing depends on its company.

Notation: x[k, i], the design, parameters (six of the tensor times the largest b, then ln S0) by samples; xx, its products
pair by pair (28 of them, row by row of the upper triangle); beta, parameters; f = exp(x beta), predicted amplitudes.
Parts are inlined by force, since a part that is called is other code from the cache than fresh from the compiler.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from neuromyo.fit.fast_math import exp_row, log_row

_FAST = {"reassoc", "contract", "arcp", "nsz"}
_JIT = {"cache": True, "nogil": True, "fastmath": _FAST, "error_model": "numpy"}
_PART = {"nogil": True, "fastmath": _FAST, "error_model": "numpy", "forceinline": True}

UNKNOWNS = 7
PAIRS = 28
OK, NOT_POSITIVE, SINGULAR, UNSETTLED, FEW = 0, 1, 2, 3, 4
WLS, NLLS, ROBUST = 0, 1, 2
_MAX_STEPS = 50
_MAX_REWEIGHTS = 30
#: largest change of a parameter (b times diffusivity, ln S0) at which a fit has arrived
_ARRIVED = 1e-5
#: pivot of the information, over its diagonal, that still tells a parameter apart
SINGULAR_PIVOT = 1e-12
_MAX_DAMPING = 1e10


@njit(**_PART)
def _linear(x, beta, out):
    """out[i] = x beta."""
    for i in range(out.shape[0]):
        total = beta[6]
        for k in range(6):
            total += x[k, i] * beta[k]
        out[i] = total


@njit(**_PART)
def _predict(x, beta, out, power):
    """out[i] = exp(x beta)."""
    _linear(x, beta, out)
    exp_row(out, power[0], power[0].view(np.int64))


@njit(**_PART)
def _normal(xx, weight, a):
    """a = x diag(weight) x^T."""
    n = weight.shape[0]
    row = 0
    for i in range(UNKNOWNS):
        for j in range(i, UNKNOWNS):
            total = 0.0
            for v in range(n):
                total += xx[row, v] * weight[v]
            a[i, j] = total
            a[j, i] = total
            row += 1


@njit(**_PART)
def _right(x, values, out):
    """out = x values."""
    n = values.shape[0]
    for k in range(UNKNOWNS):
        total = 0.0
        for i in range(n):
            total += x[k, i] * values[i]
        out[k] = total


@njit(**_PART)
def _factor(a, damping, low):
    """Cholesky factor of a with its diagonal raised by the factor 1 + damping; whether there is one."""
    fine = True
    for i in range(UNKNOWNS):
        for j in range(i + 1):
            s = a[i, j]
            if i == j:
                s *= 1.0 + damping
            for k in range(j):
                s -= low[i, k] * low[j, k]
            if i == j:
                if s > SINGULAR_PIVOT * a[i, i] and s < np.inf:
                    low[i, i] = math.sqrt(s)
                else:
                    fine = False
                    low[i, i] = 1.0
            else:
                low[i, j] = s / low[j, j]
    return fine


@njit(**_PART)
def _solve(low, right, out):
    """out = (low low^T)^-1 right."""
    for i in range(UNKNOWNS):
        s = right[i]
        for k in range(i):
            s -= low[i, k] * out[k]
        out[i] = s / low[i, i]
    for back in range(UNKNOWNS):
        i = UNKNOWNS - 1 - back
        s = out[i]
        for k in range(i + 1, UNKNOWNS):
            s -= low[k, i] * out[k]
        out[i] = s / low[i, i]


@njit(**_PART)
def _inverse(low, upper, out):
    """out = (low low^T)^-1. ``upper`` is scratch for the inverse of low, transposed."""
    for j in range(UNKNOWNS):
        upper[j, j] = 1.0 / low[j, j]
        for i in range(j + 1, UNKNOWNS):
            total = 0.0
            for k in range(j, i):
                total -= low[i, k] * upper[j, k]
            upper[j, i] = total / low[i, i]
    for i in range(UNKNOWNS):
        for j in range(i + 1):
            total = 0.0
            for k in range(i, UNKNOWNS):
                total += upper[i, k] * upper[j, k]
            out[i, j] = total
            out[j, i] = total


@njit(**_PART)
def _model(f, sigma, table, step, mean, slope):
    """Mean magnitudes and their slopes by f: f and 1 where sigma is 0, else by Rice's law."""
    n = f.shape[0]
    if not sigma > 0.0:
        for i in range(n):
            mean[i] = f[i]
            slope[i] = 1.0
        return
    top = step * (table.shape[0] - 1)
    for i in range(n):
        a = f[i] / sigma
        if a < top:
            left = int(a / step)
            part = a / step - left
            mean[i] = sigma * ((1.0 - part) * table[left, 0] + part * table[left + 1, 0])
            slope[i] = (1.0 - part) * table[left, 1] + part * table[left + 1, 1]
        else:
            r = 1.0 / (a * a)
            mean[i] = f[i] * (1.0 + r * (0.5 + r * (0.125 + r * 0.1875)))
            slope[i] = 1.0 - r * (0.5 + r * (0.375 + r * 0.9375))


@njit(**_PART)
def _cost(samples, mean, weight):
    total = 0.0
    for i in range(samples.shape[0]):
        r = samples[i] - mean[i]
        total += weight[i] * r * r
    return total


@njit(**_PART)
def _scatter(f, sigma, table, step, weight):
    """weight[i] /= variance of a magnitude over sigma^2, so that samples at the floor count for what they are."""
    if sigma > 0.0:
        top = step * (table.shape[0] - 1)
        for i in range(f.shape[0]):
            a = f[i] / sigma
            if a < top:
                left = int(a / step)
                part = a / step - left
                weight[i] /= (1.0 - part) * table[left, 2] + part * table[left + 1, 2]


@njit(**_PART)
def _least_squares(samples, x, xx, floor, table, step, weight, beta, f, mean, slope, w, rows, a, low, small, power):
    """Damped Gauss-Newton on the amplitudes, from beta on, which it changes; whether it settled.

    ``low`` is left as the factor of the information, as of the last step.
    """
    n = samples.shape[0]
    gradient, change, trial = small[0], small[1], small[2]
    _predict(x, beta, f, power)
    _model(f, floor, table, step, mean, slope)
    cost = _cost(samples, mean, weight)
    damping, settled, after, largest = 0.0, False, cost, np.inf
    for _ in range(_MAX_STEPS):
        for i in range(n):
            j = slope[i] * f[i]
            w[i] = weight[i] * j * j
            rows[i] = weight[i] * j * (samples[i] - mean[i])
        _normal(xx, w, a)
        _right(x, rows, gradient)
        better = False
        while damping <= _MAX_DAMPING:
            if _factor(a, damping, low):
                _solve(low, gradient, change)
                largest = 0.0
                for k in range(UNKNOWNS):
                    trial[k] = beta[k] + change[k]
                    largest = max(largest, abs(change[k]))
                _predict(x, trial, f, power)
                _model(f, floor, table, step, mean, slope)
                after = _cost(samples, mean, weight)
                if after <= cost or largest < _ARRIVED:
                    better = True
                    break
            damping = max(10.0 * damping, 1e-4)
        if not better:
            break
        for k in range(UNKNOWNS):
            beta[k] = trial[k]
        damping = 0.1 * damping if damping > 1e-6 else 0.0
        cost = after
        if largest < _ARRIVED:
            settled = True
            break
    return settled and (damping == 0.0 or _factor(a, 0.0, low))


@njit(**_PART)
def _weighted_logs(logs, x, xx, projector, keep, all_kept, beta, w, rows, a, low, small, power):
    """Two steps: ordinary least squares of the logarithms, then weighted by its squared predictions; whether there is a
    solution. ``w`` is left as the weights, ``a`` as the information, ``low`` as its factor."""
    n = logs.shape[0]
    right = small[0]
    if all_kept:
        for k in range(UNKNOWNS):
            total = 0.0
            for i in range(n):
                total += projector[k, i] * logs[i]
            beta[k] = total
    else:
        for i in range(n):
            rows[i] = keep[i] * logs[i]
        _normal(xx, keep, a)
        _right(x, rows, right)
        if not _factor(a, 0.0, low):
            return False
        _solve(low, right, beta)
    _predict(x, beta, w, power)
    for i in range(n):
        w[i] *= w[i] * keep[i]
        rows[i] = w[i] * logs[i]
    _normal(xx, w, a)
    _right(x, rows, right)
    if not _factor(a, 0.0, low):
        return False
    _solve(low, right, beta)
    return True


@njit(**_PART)
def _reject(
    samples, x, xx, floor, table, step, sigma, limit, keep, beta, f, mean, slope, w, rows, weight, a, low, small, power
):
    """Down-weighs samples far from the tensor until that settles, then takes those beyond the limit out of ``keep``.

    sigma is the noise, or 0: then the spread of the residuals about the tensor, by their median, stands for it.
    Returns how many were taken out.
    """
    n = samples.shape[0]
    gradient, change = small[0], small[1]
    size = sigma
    for _ in range(_MAX_REWEIGHTS):
        _predict(x, beta, f, power)
        _model(f, floor, table, step, mean, slope)
        if not sigma > 0.0:
            size = _spread(samples, mean, keep, rows)
        if not size > 0.0:
            return 0
        for i in range(n):
            r = (samples[i] - mean[i]) / (limit * size)
            weight[i] = keep[i] / (1.0 + r * r) ** 2
            j = slope[i] * f[i]
            w[i] = weight[i] * j * j
            rows[i] = weight[i] * j * (samples[i] - mean[i])
        _normal(xx, w, a)
        _right(x, rows, gradient)
        if not _factor(a, 1e-3, low):
            return 0
        _solve(low, gradient, change)
        largest = 0.0
        for k in range(UNKNOWNS):
            beta[k] += change[k]
            largest = max(largest, abs(change[k]))
        if largest < 1e-5:
            break
    _predict(x, beta, f, power)
    _model(f, floor, table, step, mean, slope)
    gone = 0
    for i in range(n):
        if keep[i] > 0.0 and not abs(samples[i] - mean[i]) <= limit * size:
            keep[i] = 0.0
            gone += 1
    return gone


@njit(**_PART)
def _spread(samples, mean, keep, rows):
    """Standard deviation of the residuals by their median size, widened for the seven unknowns."""
    count = 0
    for i in range(samples.shape[0]):
        if keep[i] > 0.0:
            rows[count] = abs(samples[i] - mean[i])
            count += 1
    if count <= UNKNOWNS:
        return 0.0
    ordered = np.sort(rows[:count])
    middle = 0.5 * (ordered[(count - 1) // 2] + ordered[count // 2])
    return 1.4826 * middle * math.sqrt(count / (count - UNKNOWNS))


@njit(**_JIT)
def fit_voxels(signals, x, xx, projector, method, floors, sigmas, limit, table, step, beta, inverse, rss, used, state):
    """Fits every voxel of signals (m, n), double precision.

    floors, sigmas : (m,) noise whose floor is modelled (0: none), and noise for outliers (0: from the residuals)
    A sample that is not finite leaves its voxel without a fit, one that is not positive too, unless the method is robust.
    Fills beta (m, 7), the inverse information (m, 7, 7) for noise of 1, the residual sum of squares in squared units of the
    signal (m,), how many samples were used (m,) and the state (m,).
    """
    n = signals.shape[1]
    f, mean, slope, w, rows = np.empty(n), np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    keep, weight, logs = np.empty(n), np.empty(n), np.empty(n)
    a, low = np.zeros((UNKNOWNS, UNKNOWNS)), np.zeros((UNKNOWNS, UNKNOWNS))
    small, power = np.empty((3, UNKNOWNS)), np.empty((1, n))
    bits = signals.view(np.int64)
    for v in range(signals.shape[0]):
        samples = signals[v]
        count, finite = 0, True
        for i in range(n):
            good = samples[i] > 0.0
            finite &= samples[i] < np.inf  # not true of NaN either
            keep[i] = 1.0 if good else 0.0
            count += int(good)
        used[v] = count
        if not finite or (count < n and (method != ROBUST or count == 0)):
            state[v] = NOT_POSITIVE
            continue
        if count < UNKNOWNS:
            state[v] = FEW
            continue
        log_row(bits[v], logs, power[0], power[0].view(np.int64))
        for i in range(n):
            logs[i] = logs[i] if keep[i] > 0.0 else 0.0
        one = beta[v]
        if not _weighted_logs(logs, x, xx, projector, keep, count == n, one, w, rows, a, low, small, power):
            state[v] = SINGULAR
            continue
        if method == ROBUST:
            count -= _reject(samples, x, xx, floors[v], table, step, sigmas[v], limit, keep, one, f, mean, slope, w,
                             rows, weight, a, low, small, power)  # fmt: skip
            used[v] = count
            if count < UNKNOWNS:
                state[v] = FEW
                continue
            if not _weighted_logs(logs, x, xx, projector, keep, count == n, one, w, rows, a, low, small, power):
                state[v] = SINGULAR
                continue
        state[v] = OK
        if method == WLS:
            total = 0.0
            _linear(x, one, f)
            for i in range(n):
                r = logs[i] - f[i]
                total += w[i] * r * r
            rss[v] = total
        else:
            _predict(x, one, f, power)
            for i in range(n):
                weight[i] = keep[i]
            _scatter(f, floors[v], table, step, weight)
            if not _least_squares(samples, x, xx, floors[v], table, step, weight, one, f, mean, slope, w, rows, a, low,
                                  small, power):  # fmt: skip
                state[v] = UNSETTLED
                continue
            rss[v] = _cost(samples, mean, weight)
        _inverse(low, a, inverse[v])
