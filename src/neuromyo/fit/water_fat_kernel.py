"""The voxel loop of `neuromyo.fit.water_fat`, compiled.

One voxel at a time, so that results do not depend on how voxels are grouped or threaded. Notation: d[n], samples with field and
readout phase taken out; e[n] = exp(-R t_n); columns e and e c, whose complex amplitudes w and f are projected out; m = e (w + f c).
The derivatives of the model by field, R2* and readout phase are i turn t m, -t m and i s m with s = +1, -1, ... along the readout's
polarity; what the amplitudes can follow is taken off them (Kaufman's form of variable projection).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

_JIT = {"cache": True, "nogil": True, "error_model": "numpy"}
_PART = {"nogil": True, "error_model": "numpy", "inline": "always"}

CONVERGED, STUCK, NO_SIGNAL, NOT_FINITE = 0, 1, 2, 3
_MOST_STEPS = 40
_MOST_DAMPING = 1e7
#: a step that would lower chi-square by less than this has arrived
_NOTHING = 1e-4
#: rounding of single-precision samples: a residual below this share of the signal is none
_ROUNDING = 1e-14


@njit(**_PART)
def _project(samples, p, times, fat, polarity, turn, psi, rate, theta, d, e, scale):
    """Demodulates voxel p into d, fills e; returns the Gram matrix, its determinant, w, f and the residual's square sum."""
    s11 = s22 = 0.0
    s12 = b1 = b2 = 0.0 + 0.0j
    yy = 0.0
    for n in range(len(times)):
        angle = -turn * psi * times[n] - theta * polarity[n]
        z = complex(samples[p, n]) * scale * complex(math.cos(angle), math.sin(angle))
        a = math.exp(-rate * times[n])
        d[n], e[n] = z, a
        c = fat[n]
        yy += z.real * z.real + z.imag * z.imag
        s11 += a * a
        s22 += a * a * (c.real * c.real + c.imag * c.imag)
        s12 += a * a * c
        b1 += a * z
        b2 += a * c.conjugate() * z
    det = s11 * s22 - (s12.real * s12.real + s12.imag * s12.imag)
    w = (s22 * b1 - s12 * b2) / det
    f = (s11 * b2 - s12.conjugate() * b1) / det
    cost = yy - (w * b1.conjugate()).real - (f * b2.conjugate()).real
    return s11, s22, s12, det, w, f, max(cost, 0.0)


@njit(**_PART)
def _normal(times, fat, polarity, turn, d, e, s11, s22, s12, det, w, f, free, h, g, k):
    """Fills h (free, free), g (free,) and k (free, 2): how the amplitudes would follow each derivative."""
    p = np.zeros((3, 2), np.complex128)
    for a in range(3):
        g[a] = 0.0
        for b in range(3):
            h[a, b] = 0.0
    for n in range(len(times)):
        m = e[n] * (w + f * fat[n])
        r = d[n] - m
        tm = times[n] * m
        sm = polarity[n] * m
        g[0] += turn * (tm.real * r.imag - tm.imag * r.real)
        g[1] -= tm.real * r.real + tm.imag * r.imag
        h[0, 0] += tm.real * tm.real + tm.imag * tm.imag
        ec = e[n] * fat[n].conjugate()
        p[0, 0] += e[n] * tm
        p[0, 1] += ec * tm
        if free == 3:
            g[2] += sm.real * r.imag - sm.imag * r.real
            h[0, 2] += tm.real * sm.real + tm.imag * sm.imag
            h[2, 2] += sm.real * sm.real + sm.imag * sm.imag
            p[2, 0] += e[n] * sm
            p[2, 1] += ec * sm
    h[1, 1] = h[0, 0]
    h[0, 0] *= turn * turn
    h[0, 2] *= turn
    for i in range(2):
        p[1, i] = -p[0, i]
        p[0, i] *= turn * 1j
        p[2, i] *= 1j
    for a in range(free):
        k[a, 0] = (s22 * p[a, 0] - s12 * p[a, 1]) / det
        k[a, 1] = (s11 * p[a, 1] - s12.conjugate() * p[a, 0]) / det
    for a in range(free):
        for b in range(a, free):
            h[a, b] -= (p[a, 0].conjugate() * k[b, 0] + p[a, 1].conjugate() * k[b, 1]).real
            h[b, a] = h[a, b]


@njit(**_PART)
def _solve(h, g, damping, free, step):
    """step = (h + damping diag h)^-1 g for 2 or 3 unknowns, by elimination without pivoting (h is positive definite)."""
    a00, a11, a22 = h[0, 0] * (1 + damping), h[1, 1] * (1 + damping), h[2, 2] * (1 + damping)
    if not a00 > 0.0:
        a00 = 1.0
    l10 = h[0, 1] / a00
    a11 -= l10 * h[0, 1]
    if not a11 > 0.0:
        a11 = 1.0
    y1 = g[1] - l10 * g[0]
    step[2] = 0.0
    if free == 3:
        l20 = h[0, 2] / a00
        h12 = h[1, 2] - l10 * h[0, 2]
        l21 = h12 / a11
        a22 -= l20 * h[0, 2] + l21 * h12
        if not a22 > 0.0:
            a22 = 1.0
        step[2] = (g[2] - l20 * g[0] - l21 * y1) / a22
        y1 -= h12 * step[2]
    step[1] = y1 / a11
    step[0] = (g[0] - h[0, 1] * step[1] - h[0, 2] * step[2]) / a00


@njit(**_PART)
def _covariance(h, k, s11, s22, s12, det, free, out):
    """Covariance for unit noise of (field, R2*, Re w, Im w, Re f, Im f[, theta]) into out (6 or 7, 6 or 7)."""
    c = np.zeros((3, 3))
    unit = np.zeros(3)
    column = np.zeros(3)
    for a in range(free):
        unit[:] = 0.0
        unit[a] = 1.0
        _solve(h, unit, 0.0, free, column)
        for b in range(free):
            c[b, a] = column[b]
    j = np.zeros((7, 3))  # derivatives of the unknowns by the nonlinear ones
    j[0, 0] = j[1, 1] = j[6, 2] = 1.0
    for a in range(free):
        j[2, a], j[3, a] = -k[a, 0].real, -k[a, 0].imag
        j[4, a], j[5, a] = -k[a, 1].real, -k[a, 1].imag
    size = 6 if free == 2 else 7
    for x in range(size):
        for y in range(size):
            total = 0.0
            for a in range(free):
                for b in range(free):
                    total += j[x, a] * c[a, b] * j[y, b]
            out[x, y] = total
    i11, i22, i12 = s22 / det, s11 / det, -s12 / det
    out[2, 2] += i11
    out[3, 3] += i11
    out[4, 4] += i22
    out[5, 5] += i22
    out[2, 4] += i12.real
    out[3, 5] += i12.real
    out[2, 5] -= i12.imag
    out[3, 4] += i12.imag
    out[4, 2], out[5, 3], out[5, 2], out[4, 3] = out[2, 4], out[3, 5], out[2, 5], out[3, 4]


@njit(**_PART)
def _hold_rate(h, g, k):
    """R2* as if it were known: endlessly stiff, and nothing follows it."""
    g[1] = 0.0
    h[0, 1] = h[1, 0] = h[1, 2] = h[2, 1] = 0.0
    h[1, 1] = 1e300
    k[1, 0] = k[1, 1] = 0.0


@njit(**_JIT)
def separate(
    samples, times, fat, polarity, turn, free, held, start, bounds, found, amplitude, rss, covariance, state, at_bound
):
    """Fits voxels p of ``samples`` (m, n).

    start (m, 3), found (m, 3) : field in Hz, R2* in 1/s, readout phase in rad; amplitude (m, 2) complex; covariance
    (m, 6 or 7, 6 or 7) for unit noise, or of length 0 where not wanted; bounds : lowest and highest R2*; held : R2* is known
    """
    count = len(times)
    d, e = np.empty(count, np.complex128), np.empty(count)
    h, g, k, step = np.zeros((3, 3)), np.zeros(3), np.zeros((3, 2), np.complex128), np.zeros(3)
    spare = max(2.0 * count - 4.0 - free + held, 1.0)
    reach = 0.125 / (times.max() - times.min())
    for p in range(len(samples)):
        yy = 0.0
        for n in range(count):
            yy += samples[p, n].real ** 2 + samples[p, n].imag ** 2
        for a in range(3):
            found[p, a] = start[p, a]
        amplitude[p, 0] = amplitude[p, 1] = 0.0
        rss[p] = 0.0
        at_bound[p] = False
        if not (yy < np.inf and abs(start[p, 0]) < np.inf and abs(start[p, 1]) < np.inf and abs(start[p, 2]) < np.inf):
            state[p] = NOT_FINITE
            continue
        if not yy > 0.0:
            state[p] = NO_SIGNAL
            continue
        scale = 1.0 / math.sqrt(yy / count)
        psi, rate, theta = start[p, 0], min(max(start[p, 1], bounds[0]), bounds[1]), start[p, 2]
        best, damping = np.inf, 1e-4
        bpsi, brate, btheta = psi, rate, theta
        state[p] = STUCK
        for _ in range(_MOST_STEPS):
            s11, s22, s12, det, w, f, cost = _project(
                samples, p, times, fat, polarity, turn, psi, rate, theta, d, e, scale
            )
            if cost <= best:
                gained = best - cost
                best, bpsi, brate, btheta = cost, psi, rate, theta
                damping = max(damping * 0.1, 1e-9)
                _normal(times, fat, polarity, turn, d, e, s11, s22, s12, det, w, f, free, h, g, k)
                if held:
                    _hold_rate(h, g, k)
                if best <= _ROUNDING * count or gained <= 0.0:
                    state[p] = CONVERGED
                    break
            else:
                damping *= 10.0
                if damping > _MOST_DAMPING:
                    state[p] = CONVERGED
                    break
            _solve(h, g, damping, free, step)
            if (brate <= bounds[0] and step[1] < 0.0) or (brate >= bounds[1] and step[1] > 0.0):
                step[1] = 0.0
            promised = step[0] * g[0] + step[1] * g[1] + step[2] * g[2]
            psi = bpsi + min(max(step[0], -reach), reach)
            rate = min(max(brate + step[1], bounds[0]), bounds[1])
            theta = btheta + step[2]
            if damping < 1.0 and promised <= _NOTHING * best / spare:
                state[p] = CONVERGED
                # this last, tiny step is taken without looking: it is what Gauss-Newton promises
                bpsi, brate, btheta = psi, rate, theta
                break
        s11, s22, s12, det, w, f, cost = _project(
            samples, p, times, fat, polarity, turn, bpsi, brate, btheta, d, e, scale
        )
        found[p, 0], found[p, 1], found[p, 2] = bpsi, brate, btheta
        amplitude[p, 0], amplitude[p, 1] = w / scale, f / scale
        rss[p] = cost / (scale * scale)
        at_bound[p] = brate <= bounds[0] or brate >= bounds[1]
        if len(covariance):
            _normal(times, fat, polarity, turn, d, e, s11, s22, s12, det, w, f, free, h, g, k)
            if held:
                _hold_rate(h, g, k)
            for a in range(free):  # back to the samples' own scale: curvatures grow, followers shrink
                for b in range(free):
                    h[a, b] /= scale * scale
                k[a, 0] /= scale
                k[a, 1] /= scale
            _covariance(h, k, s11, s22, s12, det, free, covariance[p])
