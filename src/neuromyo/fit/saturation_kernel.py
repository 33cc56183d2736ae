r"""The voxel loop of `neuromyo.biomarkers.mtsat`, compiled: spoiled echoes with and without saturation, by damped Gauss-Newton.

.. math:: \theta \leftarrow \theta + (J^T J + \lambda\, \mathrm{diag}\, J^T J)^{-1} J^T (S - f(\theta))

with theta = (ln A, ln R1, delta[, R2*]) and the signals of `neuromyo.physics.mt_saturation`, fat beside. A voxel has its own
:math:`\lambda`, takes a step only if its squared residual falls (as far as rounding tells), and is left alone once its step is
small: nothing depends on its company.

*Assumes* a start within reach: there is no search. *Breaks* where parameters cannot be told apart; ``converged`` is then False or
the covariance not finite.

*Cites* Levenberg, Q Appl Math 1944;2:164, doi:10.1090/qam/10666; Marquardt, J SIAM 1963;11:431, doi:10.1137/0111030.
"""

# pyright: reportCallIssue=false, reportArgumentType=false
from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

_JIT = {"cache": True, "nogil": True, "error_model": "numpy"}
_PART = {"nogil": True, "error_model": "numpy", "forceinline": True}
_ITERATIONS, _MAX_DAMPING = 40, 1e8
#: damping below which a step is all but that of Gauss and Newton
_UNDAMPED = 1e-5
#: largest change of a scaled parameter at which a fit has arrived, and below which rounding hides whether the residual fell
_ARRIVED, _ROUNDING = 1e-9, 1e-7
#: pivot of the scaled information that still tells a parameter apart
_SINGULAR_PIVOT = 1e-13


class Spoiled(NamedTuple):
    """What was measured, contrast by contrast: nominal angles (rad), repetition times, gaps between pulse and readout (s), all (c,),
    the last contrast being the saturated one; first sample of each and their number (c + 1,); echo times (n,) and the phase of
    fat, real and imaginary (n,); a large change of each parameter (P,)."""

    tips: np.ndarray
    repetition_times: np.ndarray
    gaps: np.ndarray
    first: np.ndarray
    times: np.ndarray
    fat_real: np.ndarray
    fat_imag: np.ndarray
    scale: np.ndarray


class Fitted(NamedTuple):
    """theta (m, P), inverse information (m, P, P), residual sum of squares (m,), converged (m,)."""

    theta: np.ndarray
    inverse: np.ndarray
    rss: np.ndarray
    converged: np.ndarray


def fit(
    scan: Spoiled, data: np.ndarray, start: np.ndarray, b1: np.ndarray, ff: np.ndarray, fat_rate: np.ndarray
) -> Fitted:
    """Fit ``data`` (m, n) from ``start`` (m, P); B1, fat fraction and R1 of fat (m,). NaN where a start is not finite."""
    count, size = start.shape
    out = Fitted(
        np.full((count, size), np.nan), np.full((count, size, size), np.nan), np.full(count, np.nan), np.zeros(count, np.bool_)
    )  # fmt: skip
    arrays = (np.ascontiguousarray(a, dtype=np.float64) for a in (data, start, b1, ff, fat_rate))
    _fit_voxels(*scan, *arrays, *out)
    return out


@njit(**_PART)
def _look(
    theta, samples, ff, lipids, sines, cosines, repetition_times, gaps, first, times, repeats, fat_real, fat_imag, scale, level,
    normal, pull,
):  # fmt: skip
    """Squared residual at theta (scaled), infinite where it has none; ``normal`` and ``pull`` become J'J and J'r."""
    decays = theta.shape[0] > 3
    rate, amplitude = math.exp(theta[1] * scale[1]), math.exp(theta[0] * scale[0])
    decay = theta[3] * scale[3] if decays else 0.0
    if not decays:
        level[:] = amplitude
    rss = p0 = p1 = p2 = p3 = 0.0
    n00 = n10 = n11 = n20 = n21 = n22 = n30 = n31 = n32 = n33 = 0.0
    last = sines.shape[0] - 1
    for c in range(last + 1):
        kept = 1.0 - (theta[2] * scale[2] if c == last else 0.0)
        rest, gap = repetition_times[c] - gaps[c], gaps[c]
        e_gap = math.exp(-gap * rate) if gap > 0.0 else 1.0
        e_rest = math.exp(-rest * rate)
        above = 1.0 - e_gap + e_gap * kept * (1.0 - e_rest)
        below = 1.0 / (1.0 - kept * e_gap * e_rest * cosines[c])
        m = above * below
        above_rate = gap * e_gap * (1.0 - kept * (1.0 - e_rest)) + e_gap * kept * rest * e_rest
        below_rate = kept * (gap + rest) * e_gap * e_rest * cosines[c]
        by_rate = sines[c] * ((above_rate - m * below_rate) * below) * rate
        by_saturation = -sines[c] * e_gap * (1.0 - e_rest + m * e_rest * cosines[c]) * below if c == last else 0.0
        water = sines[c] * m
        mixed, along = abs(water), -1.0 if water < 0.0 else 1.0
        for i in range(first[c], first[c + 1]):
            if ff != 0.0:
                real = (1.0 - ff) * water + lipids[c] * fat_real[i]
                imaginary = lipids[c] * fat_imag[i]
                mixed = math.sqrt(real * real + imaginary * imaginary)
                along = (1.0 - ff) * (real / mixed if mixed > 0.0 else 1.0)
            if decays and not repeats[i]:  # echoes of the contrasts before are commonly the same
                level[i - first[c]] = amplitude * math.exp(-decay * times[i])
            here = level[i - first[c]]
            s0 = here * mixed
            s1, s2, s3 = here * along * by_rate, here * along * by_saturation, -times[i] * s0
            r = samples[i] - s0
            rss += r * r
            p0, p1, p2, p3 = p0 + s0 * r, p1 + s1 * r, p2 + s2 * r, p3 + s3 * r
            n00, n10, n20, n30 = n00 + s0 * s0, n10 + s1 * s0, n20 + s2 * s0, n30 + s3 * s0
            n11, n21, n31 = n11 + s1 * s1, n21 + s2 * s1, n31 + s3 * s1
            n22, n32, n33 = n22 + s2 * s2, n32 + s3 * s2, n33 + s3 * s3
    pull[0], pull[1], pull[2] = p0, p1, p2
    normal[0, 0], normal[1, 0], normal[1, 1], normal[2, 0], normal[2, 1], normal[2, 2] = n00, n10, n11, n20, n21, n22
    if decays:
        pull[3] = p3
        normal[3, 0], normal[3, 1], normal[3, 2], normal[3, 3] = n30, n31, n32, n33
    sound = rss < np.inf
    for a in range(theta.shape[0]):
        pull[a] *= scale[a]
        for b in range(a + 1):
            normal[a, b] *= scale[a] * scale[b]
        sound &= normal[a, a] < np.inf
    return rss if sound else np.inf


@njit(**_PART)
def _factor(normal, raised, floor, units, low):
    """Cholesky factor of the information, scaled to a diagonal of 1 + ``raised``; whether its pivots exceed ``floor``."""
    size = normal.shape[0]
    for a in range(size):
        units[a] = math.sqrt(normal[a, a]) if normal[a, a] > 0.0 else 1.0
    fine = True
    for a in range(size):
        for b in range(a + 1):
            s = normal[a, b] / (units[a] * units[b])
            if a == b:
                s = (s if s > 0.0 else 1.0) + raised
            for k in range(b):
                s -= low[a, k] * low[b, k]
            if a == b:
                fine &= s > floor
                low[a, a] = math.sqrt(s) if s > 0.0 else 1.0
            else:
                low[a, b] = s / low[b, b]
    return fine


@njit(**_PART)
def _solve(low, out):
    """out = (low low^T)^-1 out."""
    size = out.shape[0]
    for a in range(size):
        for k in range(a):
            out[a] -= low[a, k] * out[k]
        out[a] /= low[a, a]
    for back in range(size):
        a = size - 1 - back
        for k in range(a + 1, size):
            out[a] -= low[k, a] * out[k]
        out[a] /= low[a, a]


@njit(**_JIT)
def _fit_voxels(
    tips, repetition_times, gaps, first, times, fat_real, fat_imag, scale, data, start, b1, ff, fat_rate,
    thetas, inverses, rsss, converged,
):  # fmt: skip
    size = start.shape[1]
    theta, trial, step, units = np.empty(size), np.empty(size), np.empty(size), np.empty(size)
    normal, normal_there, low = np.empty((size, size)), np.empty((size, size)), np.zeros((size, size))
    pull, pull_there = np.empty(size), np.empty(size)
    sines, cosines, lipids = np.empty(tips.shape[0]), np.empty(tips.shape[0]), np.empty(tips.shape[0])
    level, repeats = np.empty(times.shape[0]), np.zeros(times.shape[0], np.bool_)
    for c in range(1, tips.shape[0]):
        for i in range(first[c], first[c + 1]):
            before = first[c - 1] + i - first[c]
            repeats[i] = before < first[c] and times[before] == times[i]
    for v in range(data.shape[0]):
        finite = True
        for i in range(data.shape[1]):
            finite &= abs(data[v, i]) < np.inf
        for a in range(size):
            theta[a] = start[v, a] / scale[a]
            finite &= abs(theta[a]) < np.inf
        if not finite:
            continue
        for c in range(tips.shape[0]):
            e = math.exp(-repetition_times[c] * fat_rate[v])
            sines[c], cosines[c] = math.sin(tips[c] * b1[v]), math.cos(tips[c] * b1[v])
            lipids[c] = ff[v] * sines[c] * (1.0 - e) / (1.0 - e * cosines[c])
        rss = _look(theta, data[v], ff[v], lipids, sines, cosines, repetition_times, gaps, first, times, repeats,
                    fat_real, fat_imag, scale, level, normal, pull)  # fmt: skip
        damping, done = 1e-6, False
        for _ in range(_ITERATIONS):
            largest, there = np.inf, np.inf
            if _factor(normal, damping + 1e-15, 0.0, units, low):
                for a in range(size):
                    step[a] = pull[a] / units[a]
                _solve(low, step)
                largest = 0.0
                for a in range(size):
                    step[a] /= units[a]
                    largest = max(largest, abs(step[a]))
                shrink = 1.0 / largest if largest > 1.0 else 1.0
                for a in range(size):
                    trial[a] = theta[a] + shrink * step[a]
                there = _look(trial, data[v], ff[v], lipids, sines, cosines, repetition_times, gaps, first, times, repeats,
                              fat_real, fat_imag, scale, level, normal_there, pull_there)  # fmt: skip
            done = largest < _ARRIVED
            # the last steps change the residual by less than its rounding
            if there <= rss or (largest < _ROUNDING and damping < _UNDAMPED and there < np.inf):
                rss = min(rss, there)
                for a in range(size):
                    theta[a], pull[a] = trial[a], pull_there[a]
                    for b in range(a + 1):
                        normal[a, b] = normal_there[a, b]
                damping = max(0.1 * damping, 1e-12)
            else:
                done |= largest < _ROUNDING or damping > _MAX_DAMPING
                damping *= 20.0
            if done:
                break
        converged[v], rsss[v] = done, rss
        for a in range(size):
            thetas[v, a] = theta[a] * scale[a]
        if _factor(normal, 0.0, _SINGULAR_PIVOT, units, low):
            for b in range(size):
                for a in range(size):
                    step[a] = 1.0 if a == b else 0.0
                _solve(low, step)
                for a in range(b + 1):
                    inverse = step[a] / (units[a] * units[b]) * (scale[a] * scale[b])
                    inverses[v, a, b] = inverse
                    inverses[v, b, a] = inverse
