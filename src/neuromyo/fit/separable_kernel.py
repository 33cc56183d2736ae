"""The voxel loop of `neuromyo.fit.separable`, compiled.

Everything works on one voxel at a time, so results do not depend on how voxels are grouped, chunked or threaded.
Numbers of amplitudes (K), nonlinear parameters (P) and compressed samples (R) come in as tuples whose *lengths* count:
lengths belong to the type, so every combination is compiled (and cached on disk) by itself, its small loops unrolled, and a
row of R numbers is one `Vector`. Unknowns that are not in play keep their row of a system, as a row of the identity, so that
systems have fixed sizes too.

Notation: u, parameter coordinates in units of table nodes; f[k, r], compressed basis; g[k, p, r], its derivatives in u;
c[k], amplitudes; j[p] = sum_k c[k] g[k, p]; ``flat``, cubic B-spline coefficients (see `_evaluate`) with ``taps[k, p]`` = 4 along
axes on which component k depends, 1 along others; ``s``, the scratch of a voxel, one array laid out by `_layout`, so that the
compiler knows what overlaps. This is one file because the cache on disk looks at this file's age only.
"""

# pyright: reportCallIssue=false, reportArgumentType=false, reportIndexIssue=false, reportOperatorIssue=false, reportAttributeAccessIssue=false, reportGeneralTypeIssues=false
# (intrinsics take one argument less than they are defined with)
from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from neuromyo.fit.short_vectors import choose, dot, double, like, load, spread, store

# reassociation lets the short dot products use vector registers; NaN and Inf keep their meaning
_FAST = {"reassoc", "contract", "arcp", "nsz"}
_JIT = {"cache": True, "nogil": True, "fastmath": _FAST, "error_model": "numpy"}
# a part called, not inlined, is another piece of code in the process that compiled it than in one that took it from the cache
_PART = {"nogil": True, "fastmath": _FAST, "error_model": "numpy", "forceinline": True}

CONVERGED, STUCK, NO_SIGNAL = 0, 1, 2
_MAX_DAMPING = 1e8
#: a change of an amplitude (in units of the largest sample) that counts like one table node of a parameter
_AMPLITUDE_NODE = 0.05
#: chi-square (one degree of freedom, 95 %) within which two minima fit equally well
_EQUAL_FIT = 3.84
#: a step that lowers chi-square by less than this has arrived, however far it went along a direction that the data ignore
_NOTHING = 1e-3
#: two minima that differ by more than this many table nodes on one axis alone are twins
_TWIN = 0.3
#: differences of squared residuals below this share of the squared signal are beyond single precision
_SINGLE = 1e-6
#: the worse branch is refined to this many tolerances, and in full only where it comes out better
_LOOSE = 10.0
#: components that are momentarily parallel share the amplitude
_RIDGE = 1.000001
#: coarse nodes are matched so many at a time, and their tables padded by so many
LANES = 16
_LANES = (0,) * LANES
_INFEASIBLE = -1e30


class _Layout(NamedTuple):
    """Where things lie in the scratch of a voxel; it starts with the row y."""

    f: int  # rows of the basis (K)
    g: int  # rows of its derivatives (K P)
    residual: int  # a row
    j: int  # rows of j (P)
    spare: int  # three rows
    c: int  # amplitudes (K)
    fy: int  # f.y (K)
    on: int  # which amplitudes are in play (K)
    ff: int  # f.f (K, K)
    factor: int  # its factor (K, K)
    jf: int  # j.f (P, K)
    right: int  # a right-hand side (K)
    solved: int  # its solution (K)
    jj: int  # projected j.j (P, P)
    damped: int  # its damped copy (P, P)
    slope: int  # j.residual (P)
    step: int  # (P)
    u: int  # (P)
    trial: int  # u to try (P)
    free: int  # which u are free (P)
    weights: int  # of the spline, four and four derivatives a parameter
    size: int  # of it all


@njit(**_PART)
def _layout(kt, pt, rt):
    K, P, R = len(kt), len(pt), len(rt)
    f = R
    g = f + K * R
    residual = g + K * P * R
    j = residual + R
    spare = j + P * R
    c = spare + 3 * R
    fy = c + K
    on = fy + K
    ff = on + K
    factor = ff + K * K
    jf = factor + K * K
    right = jf + P * K
    solved = right + K
    jj = solved + K
    damped = jj + P * P
    slope = damped + P * P
    step = slope + P
    u = step + P
    trial = u + P
    free = trial + P
    weights = free + P
    size = weights + 8 * P
    return _Layout(
        f, g, residual, j, spare, c, fy, on, ff, factor, jf, right, solved, jj, damped, slope, step, u, trial, free, weights, size
    )  # fmt: skip


# --- the basis --------------------------------------------------------------------------------------------------------


@njit(**_PART)
def _weigh(s, at, t):
    """Cubic B-spline weights (4) and derivatives (4) into s from ``at``, at offset t in [0, 1] past the second of four nodes."""
    o = 1 - t
    s[at], s[at + 3] = o * o * o / 6, t * t * t / 6
    s[at + 1] = (4 - 6 * t * t + 3 * t * t * t) / 6
    s[at + 2] = (4 - 6 * o * o + 3 * o * o * o) / 6
    s[at + 4], s[at + 7] = -o * o / 2, t * t / 2
    s[at + 5] = (3 * t * t - 4 * t) / 2
    s[at + 6] = (4 * o - 3 * o * o) / 2


@njit(**_PART)
def _along(s, flat, start, stride, at, rt):
    """Value and slope of a spline along one axis, from four rows of coefficients."""
    b0, b1 = load(flat, start, rt), load(flat, start + stride, rt)
    b2, b3 = load(flat, start + 2 * stride, rt), load(flat, start + 3 * stride, rt)
    value = s[at] * b0 + s[at + 1] * b1 + s[at + 2] * b2 + s[at + 3] * b3
    slope = s[at + 4] * b0 + s[at + 5] * b1 + s[at + 6] * b2 + s[at + 7] * b3
    return value, slope


@njit(**_PART)
def _plane(s, flat, start, step1, first, last, at1, at2, to, to1, to2, rt):
    """Value and both slopes of a spline over two axes into the rows to, to1, to2; ``first``, ``last``: does it vary there."""
    R = len(rt)
    if first and last:
        v0, d0 = _along(s, flat, start, R, at2, rt)
        v1, d1 = _along(s, flat, start + step1, R, at2, rt)
        v2, d2 = _along(s, flat, start + 2 * step1, R, at2, rt)
        v3, d3 = _along(s, flat, start + 3 * step1, R, at2, rt)
        w0, w1, w2, w3 = s[at1], s[at1 + 1], s[at1 + 2], s[at1 + 3]
        store(s, to, w0 * v0 + w1 * v1 + w2 * v2 + w3 * v3)
        store(s, to1, s[at1 + 4] * v0 + s[at1 + 5] * v1 + s[at1 + 6] * v2 + s[at1 + 7] * v3)
        store(s, to2, w0 * d0 + w1 * d1 + w2 * d2 + w3 * d3)
        return
    value = load(flat, start, rt)
    none = value - value
    slope1, slope2 = none, none
    if last:
        value, slope2 = _along(s, flat, start, R, at2, rt)
    elif first:
        value, slope1 = _along(s, flat, start, step1, at1, rt)
    store(s, to, value)
    store(s, to1, slope1)
    store(s, to2, slope2)


@njit(**_PART)
def _evaluate(s, place, flat, nodes, taps, kt, pt, rt):
    """Basis f and derivatives g at the coordinates in s from ``place`` on.

    ``flat`` holds the spline coefficients (K, n0, n1, n2, R), missing axes first with length 1, and ``nodes`` their (n0, n1,
    n2); component k starts at k n0 n1 n2 R. Coefficients that are the same along an axis are stored once, at index 0.
    """
    K, P, R = len(kt), len(pt), len(rt)
    at = _layout(kt, pt, rt)
    step1, step0 = nodes[2] * R, nodes[1] * nodes[2] * R
    for p in range(P):
        u = s[place + p]
        i = min(max(int(u), 1), nodes[3 - P + p] - 3)
        _weigh(s, at.weights + 8 * p, u - i)
    for k in range(K):
        start = k * nodes[0] * step0
        stride = R
        for p in range(P - 1, -1, -1):
            if taps[k, p] == 4:
                start += (min(max(int(s[place + p]), 1), nodes[3 - P + p] - 3) - 1) * stride
            stride *= nodes[3 - P + p]
        fk, gk = at.f + k * R, at.g + k * P * R
        if P == 1:
            if taps[k, 0] == 4:
                value, slope = _along(s, flat, start, R, at.weights, rt)
            else:
                value = load(flat, start, rt)
                slope = value - value
            store(s, fk, value)
            store(s, gk, slope)
        elif P == 2:
            _plane(
                s, flat, start, step1, taps[k, 0] == 4, taps[k, 1] == 4, at.weights, at.weights + 8, fk, gk, gk + R, rt
            )
        else:
            deep = taps[k, 0] == 4
            first, last = taps[k, 1] == 4, taps[k, 2] == 4
            _plane(s, flat, start, step1, first, last, at.weights + 8, at.weights + 16, fk, gk + R, gk + 2 * R, rt)
            value, slope1, slope2 = load(s, fk, rt), load(s, gk + R, rt), load(s, gk + 2 * R, rt)
            slope0 = value - value
            if deep:
                slope0 = s[at.weights + 4] * value
                value, slope1, slope2 = s[at.weights] * value, s[at.weights] * slope1, s[at.weights] * slope2
                for e in range(1, 4):
                    a, b, c = at.spare, at.spare + R, at.spare + 2 * R
                    _plane(s, flat, start + e * step0, step1, first, last, at.weights + 8, at.weights + 16, a, b, c, rt)
                    slope0 = slope0 + s[at.weights + 4 + e] * load(s, a, rt)
                    value = value + s[at.weights + e] * load(s, a, rt)
                    slope1 = slope1 + s[at.weights + e] * load(s, b, rt)
                    slope2 = slope2 + s[at.weights + e] * load(s, c, rt)
            store(s, fk, value)
            store(s, gk, slope0)
            store(s, gk + R, slope1)
            store(s, gk + 2 * R, slope2)


# --- small systems ----------------------------------------------------------------------------------------------------


@njit(**_PART)
def _factor(s, at, nt):
    """A = L D L' of the n x n block at ``at``, in place (unit L below, 1/D on the diagonal); False unless positive definite."""
    n = len(nt)
    for i in range(n):
        for j in range(i):
            a = s[at + i * n + j]
            for q in range(j):
                a -= s[at + i * n + q] * s[at + j * n + q]
            s[at + i * n + j] = a  # L times D for now
        a = s[at + i * n + i]
        for j in range(i):
            scaled = s[at + i * n + j] * s[at + j * n + j]
            a -= scaled * s[at + i * n + j]
            s[at + i * n + j] = scaled
        if not a > 0:
            return False
        s[at + i * n + i] = 1 / a
    return True


@njit(**_PART)
def _substitute(s, at, right, to, nt):
    """Solve with a factor made by `_factor`: the right-hand side lies at ``right``, the solution goes to ``to``."""
    n = len(nt)
    for i in range(n):
        a = s[right + i]
        for q in range(i):
            a -= s[at + i * n + q] * s[to + q]
        s[to + i] = a
    for i in range(n - 1, -1, -1):
        a = s[to + i] * s[at + i * n + i]
        for q in range(i + 1, n):
            a -= s[at + q * n + i] * s[to + q]
        s[to + i] = a


# --- least squares ----------------------------------------------------------------------------------------------------


@njit(**_PART)
def _amplitudes(s, nonnegative, kt, pt, rt):
    """Least-squares amplitudes c, non-negative where asked; fills f.y, f.f, its factor, which are on, and the residual; returns
    the sum of squared residuals."""
    K, R = len(kt), len(rt)
    at = _layout(kt, pt, rt)
    y = load(s, 0, rt)
    for k in range(K):
        fk = load(s, at.f + k * R, rt)
        s[at.fy + k] = dot(fk, y)
        s[at.on + k] = 1
        for j in range(k + 1):
            s[at.ff + k * K + j] = dot(fk, load(s, at.f + j * R, rt))
    while True:
        last = -1
        for k in range(K):
            in_play = s[at.on + k] > 0
            for j in range(k):
                s[at.factor + k * K + j] = s[at.ff + k * K + j] if in_play and s[at.on + j] > 0 else 0
            s[at.factor + k * K + k] = s[at.ff + k * K + k] * _RIDGE if in_play else 1
            s[at.right + k] = s[at.fy + k] if in_play else 0
            if in_play:
                last = k
        if not _factor(s, at.factor, kt):
            if last < 0:
                break
            s[at.on + last] = 0
            continue
        _substitute(s, at.factor, at.right, at.c, kt)
        worst, least = -1, s.dtype.type(0)
        for k in range(K):
            if nonnegative[k] and s[at.c + k] < least:
                worst, least = k, s[at.c + k]
        if worst < 0:
            break
        s[at.on + worst] = 0
    rest = y
    for k in range(K):
        rest = rest - s[at.c + k] * load(s, at.f + k * R, rt)
    store(s, at.residual, rest)
    return dot(rest, rest)


@njit(**_PART)
def _linearise(s, kt, pt, rt):
    """j, and Kaufman's normal equations in u: j.j and j.residual, j projected off the span of the basis in play."""
    K, P, R = len(kt), len(pt), len(rt)
    at = _layout(kt, pt, rt)
    for p in range(P):
        row = s[at.c] * load(s, at.g + p * R, rt)
        for k in range(1, K):
            row = row + s[at.c + k] * load(s, at.g + (k * P + p) * R, rt)
        store(s, at.j + p * R, row)
        s[at.slope + p] = dot(row, load(s, at.residual, rt))
        for k in range(K):
            s[at.jf + p * K + k] = dot(row, load(s, at.f + k * R, rt)) if s[at.on + k] > 0 else 0
        for q in range(p + 1):
            s[at.jj + p * P + q] = dot(row, load(s, at.j + q * R, rt))
    for p in range(P):
        for k in range(K):
            s[at.right + k] = s[at.jf + p * K + k]
        _substitute(s, at.factor, at.right, at.solved, kt)
        for q in range(p, P):
            a = s[at.jj + q * P + p]
            for k in range(K):
                a -= s[at.solved + k] * s[at.jf + q * K + k]
            s[at.jj + q * P + p] = a


@njit(**_PART)
def _propose(s, damping, ridge, low, high, kt, pt, rt):
    """Damped step from u into trial; returns its largest coordinate, or -1 where nothing can move or -2 where it fails."""
    P = len(pt)
    at = _layout(kt, pt, rt)
    movable = False
    for p in range(P):
        moves = s[at.free + p] > 0 and s[at.jj + p * P + p] > 0
        movable = movable or moves
        for q in range(p):
            both = moves and s[at.free + q] > 0 and s[at.jj + q * P + q] > 0
            s[at.damped + p * P + q] = s[at.jj + p * P + q] if both else 0
        s[at.damped + p * P + p] = s[at.jj + p * P + p] * (1 + damping) + ridge if moves else 1
        s[at.step + p] = s[at.slope + p] if moves else 0
        s[at.trial + p] = s[at.u + p]
    if not movable:
        return s.dtype.type(-1)
    if not _factor(s, at.damped, pt):
        return s.dtype.type(-2)
    _substitute(s, at.damped, at.step, at.step, pt)
    longest = s.dtype.type(0)
    for p in range(P):
        if s[at.free + p] > 0:
            s[at.trial + p] = min(max(s[at.u + p] + min(max(s[at.step + p], -4), 4), low[p]), high[p])
        longest = max(longest, abs(s[at.trial + p] - s[at.u + p]))
    return longest


@njit(**_PART)
def _refine(s, yy, low, high, flat, nodes, taps, nonnegative, kt, pt, rt, max_iterations, tolerance):
    """Damped Gauss-Newton on the free coordinates u with the amplitudes projected out. Returns (cost, converged).

    On return u, c, which amplitudes are on, f and g belong to the best point.
    """
    P = len(pt)
    at = _layout(kt, pt, rt)
    damping, cost = s.dtype.type(1e-3), s.dtype.type(0)
    for p in range(P):
        s[at.trial + p] = s[at.u + p]
    first, converged, fresh = True, False, False
    for _ in range(max_iterations):
        _evaluate(s, at.trial, flat, nodes, taps, kt, pt, rt)
        attempt = _amplitudes(s, nonnegative, kt, pt, rt)
        fresh = first or attempt <= cost
        if fresh:
            moved = s.dtype.type(0)
            for p in range(P):
                moved = max(moved, abs(s[at.trial + p] - s[at.u + p]))
                s[at.u + p] = s[at.trial + p]
            cost = attempt
            if not first:
                damping = max(s.dtype.type(damping * 0.2), s.dtype.type(1e-6))
                if moved < tolerance:
                    converged = True
                    break
            first = False
            _linearise(s, kt, pt, rt)
        else:
            damping *= 8
            if damping > _MAX_DAMPING:
                break
        longest = _propose(s, damping, s.dtype.type(1e-12 * yy), low, high, kt, pt, rt)
        if longest > -1.5 and longest < 0.1 * tolerance:
            converged = True
            break
        if longest < -1.5:
            damping *= 8
    if not fresh:
        _evaluate(s, at.u, flat, nodes, taps, kt, pt, rt)
        cost = _amplitudes(s, nonnegative, kt, pt, rt)
    return cost, converged


@njit(**_PART)
def _match(s, m0, m1, atoms, inverse_gram, inverse_diagonal, node_index, node_branch, nonnegative, kt, rt, score):
    """The coarse nodes m0..m1 that explain most of y, non-negativity respected: (node, power) of branch 0, then of branch 1.

    Many nodes at a time; a node is -1 where its branch has none.
    """
    K, R, W, M = len(kt), len(rt), len(_LANES), len(node_index)
    zero = spread(s.dtype.type(0), _LANES)
    half = spread(s.dtype.type(0.5), _LANES)
    nothing = spread(s.dtype.type(_INFEASIBLE), _LANES)
    end = spread(s.dtype.type(m1), _LANES)
    best0, best1, node0, node1 = nothing, nothing, zero, zero
    for i in range(m0, m1, W):
        power = zero
        for k in range(K):
            a = s[0] * load(atoms, k * R * M + i, _LANES)
            for r in range(1, R):
                a = a + s[r] * load(atoms, (k * R + r) * M + i, _LANES)
            store(score, k * W, a)
            if nonnegative[k]:
                a = choose(a, zero, zero, a)
            a = a * a * load(inverse_diagonal, k * M + i, _LANES)
            power = choose(power, a, a, power)
        if K > 1:  # the best single component, or all together where that is feasible
            together = zero
            for k in range(K):
                c = load(inverse_gram, k * K * M + i, _LANES) * load(score, 0, _LANES)
                for j in range(1, K):
                    c = c + load(inverse_gram, (k * K + j) * M + i, _LANES) * load(score, j * W, _LANES)
                a = c * load(score, k * W, _LANES)
                if nonnegative[k]:
                    a = choose(c, zero, nothing, a)
                together = together + a
            power = choose(power, together, together, power)
        index, side = load(node_index, i, _LANES), load(node_branch, i, _LANES)
        power = choose(index, end, power, nothing)
        here0, here1 = choose(side, half, power, nothing), choose(half, side, power, nothing)
        node0, best0 = choose(best0, here0, index, node0), choose(best0, here0, here0, best0)
        node1, best1 = choose(best1, here1, index, node1), choose(best1, here1, here1, best1)
    champion0, power0 = _best_lane(best0, node0, score)
    champion1, power1 = _best_lane(best1, node1, score)
    return champion0, power0, champion1, power1


@njit(**_PART)
def _best_lane(best, node, score):
    """The node of most power, the first of equals; -1 where there is none."""
    W = len(_LANES)
    store(score, 0, best)
    store(score, W, node)
    champion, power = -1, score.dtype.type(-1)
    for lane in range(W):
        a, index = score[lane], int(score[W + lane])
        if a > power or (a == power and index < champion):
            champion, power = index, a
    return champion, power


# --- all samples, double precision ------------------------------------------------------------------------------------


@njit(**_PART)
def _expand(s, V, kt, pt, rt, fe, ge):
    """Compressed basis -> all samples: fe (K n), ge (K P n)."""
    K, P, R = len(kt), len(pt), len(rt)
    n = V.shape[1]
    at = _layout(kt, pt, rt)
    for k in range(K):
        for i in range(n):
            a = 0.0
            for r in range(R):
                a += s[at.f + k * R + r] * V[r, i]
            fe[np.uintp(k * n + i)] = a
    for k in range(K * P):
        for i in range(n):
            a = 0.0
            for r in range(R):
                a += s[at.g + k * R + r] * V[r, i]
            ge[np.uintp(k * n + i)] = a


@njit(**_PART)
def _rice(snr, table, top):
    """Mean/sigma, its derivative, and variance/sigma^2 of a Rician magnitude at amplitude/sigma = snr."""
    if snr >= top:
        inverse = 1 / snr
        square = inverse * inverse
        return snr + 0.5 * inverse + 0.125 * inverse * square, 1 - 0.5 * square, 1 - 0.5 * square
    place = snr / top * (table.shape[0] - 1)
    i = int(place)
    t = place - i
    o = 1 - t
    j = np.uintp(i)
    k = np.uintp(i + 1)
    return o * table[j, 0] + t * table[k, 0], o * table[j, 1] + t * table[k, 1], o * table[j, 2] + t * table[k, 2]


@njit(**_PART)
def _magnitude(fe, c, sigma, table, top, kt, n, mean, slope, weight):
    """Expected magnitudes, their derivative by the amplitude, and sigma^2 over their variance."""
    K = len(kt)
    for i in range(n):
        a = 0.0
        for k in range(K):
            a += c[k] * fe[k * n + i]
        m, d, variance = _rice(abs(a) / sigma, table, top)
        mean[i] = m * sigma
        slope[i] = d if a >= 0 else -d
        weight[i] = 1.0 / variance


@njit(**_PART)
def _information(fe, ge, c, slope, weight, rest, on, kt, pt, dt, n, design, info, gradient, present):
    """Information (D, D) and score (D) of (u, c) for unit sigma; what is not free, or of an absent component, is not present."""
    K, P, D = len(kt), len(pt), len(dt)
    for q in range(D):
        present[q] = on[q]
        if not on[q]:
            continue
        total = 0.0
        for i in range(n):
            a = 0.0
            if q < P:
                for k in range(K):
                    a += c[k] * ge[np.uintp((k * P + q) * n + i)]
            else:
                a = fe[np.uintp((q - P) * n + i)]
            a *= slope[np.uintp(i)]
            design[np.uintp(q * n + i)] = a
            total += a * rest[np.uintp(i)] * weight[np.uintp(i)]
        gradient[q] = total
    for q in range(D):
        for j in range(q + 1):
            a = 0.0
            if present[q] and present[j]:
                for i in range(n):
                    a += design[np.uintp(q * n + i)] * design[np.uintp(j * n + i)] * weight[np.uintp(i)]
            info[q * D + j] = a
        if q < P and not info[q * D + q] > 0:
            present[q] = False


@njit(**_PART)
def _compressed_information(s, kt, pt, rt, dt, on, info, present):
    """The same for equal weights, where the compressed samples say it all, from j and f."""
    K, P, R, D = len(kt), len(pt), len(rt), len(dt)
    at = _layout(kt, pt, rt)
    for p in range(P):
        row = s[at.c] * load(s, at.g + p * R, rt)
        for k in range(1, K):
            row = row + s[at.c + k] * load(s, at.g + (k * P + p) * R, rt)
        store(s, at.j + p * R, row)
    for q in range(D):
        row = double(load(s, at.j + q * R if q < P else at.f + (q - P) * R, rt))
        for i in range(q + 1):
            info[q * D + i] = dot(row, double(load(s, at.j + i * R if i < P else at.f + (i - P) * R, rt)))
        present[q] = on[q] and (q >= P or info[q * D + q] > 0)


@njit(**_PART)
def _factor_present(info, present, damping, ridge, dt, system):
    """The damped information of what is present, factored, at the start of ``system``; False unless positive definite."""
    D = len(dt)
    for q in range(D):
        for j in range(q):
            system[q * D + j] = info[q * D + j] if present[q] and present[j] else 0.0
        system[q * D + q] = info[q * D + q] * (1 + damping) + ridge if present[q] else 1.0
    return _factor(system, 0, dt)


@njit(**_PART)
def _score_rice(s, Y, v, unit, sigma, table, top, V, flat, nodes, taps, nonnegative, low, high, kt, pt, rt, dt,
                max_iterations, tolerance, c, c_try, on, fe, ge, mean, slope, weight, spare, rest, design, info, system,
                gradient, present):  # fmt: skip
    """Quasi-likelihood scoring with the mean and variance of a Rician magnitude, amplitudes and u together.

    From u (in s), c and a fresh fe, ge; leaves all at the best point, with mean, slope and weight. Returns whether it settled.
    """
    K, P, D = len(kt), len(pt), len(dt)
    n = V.shape[1]
    at = _layout(kt, pt, rt)
    damping, tries, settled = 1e-3, 0, False
    move = D * D + D
    for k in range(K):  # a component at zero may come back
        on[P + k] = True
    _magnitude(fe, c, sigma, table, top, kt, n, mean, slope, weight)
    while tries < max_iterations:
        here = 0.0
        for i in range(n):
            rest[i] = Y[v, i] * unit - mean[i]
            here += rest[i] * rest[i] * weight[i]
        _information(fe, ge, c, slope, weight, rest, on, kt, pt, dt, n, design, info, gradient, present)
        # a component held at zero and pushed further down leaves the problem
        for k in range(K):
            if nonnegative[k] and on[P + k] and c[k] <= 0 and gradient[P + k] <= 0:
                on[P + k] = False
                present[P + k] = False
        accepted, level, far = False, False, 0.0
        while tries < max_iterations:
            tries += 1
            if not _factor_present(info, present, damping, 1e-12, dt, system):
                damping *= 8
                continue
            for q in range(D):
                system[D * D + q] = gradient[q] if present[q] else 0.0
            _substitute(system, 0, D * D, move, dt)
            far = 0.0
            for p in range(P):
                s[at.trial + p] = s[at.u + p]
                if present[p]:
                    s[at.trial + p] = min(max(s[at.u + p] + min(max(system[move + p], -2.0), 2.0), low[p]), high[p])
                    far = max(far, abs(s[at.trial + p] - s[at.u + p]))
            for k in range(K):
                c_try[k] = c[k] + system[move + P + k]
                if nonnegative[k] and c_try[k] < 0:
                    c_try[k] = 0.0
                far = max(far, abs(c_try[k] - c[k]) / _AMPLITUDE_NODE)
            _evaluate(s, at.trial, flat, nodes, taps, kt, pt, rt)
            _expand(s, V, kt, pt, rt, fe, ge)
            _magnitude(fe, c_try, sigma, table, top, kt, n, mean, slope, spare)
            there = 0.0
            for i in range(n):
                e = Y[v, i] * unit - mean[i]
                there += e * e * weight[i]
            if there <= here * (1 + 1e-9) + 1e-14:
                accepted = True
                level = damping < 0.1 and here - there < _NOTHING * sigma * sigma
                break
            if far < tolerance:
                break
            damping *= 8
            if damping > _MAX_DAMPING:
                break
        if accepted:
            for p in range(P):
                s[at.u + p] = s[at.trial + p]
            for k in range(K):
                c[k] = c_try[k]
            for i in range(n):
                weight[i] = spare[i]
            damping = max(damping * 0.2, 1e-6)
        else:  # back to where it stood
            _evaluate(s, at.u, flat, nodes, taps, kt, pt, rt)
            _expand(s, V, kt, pt, rt, fe, ge)
            _magnitude(fe, c, sigma, table, top, kt, n, mean, slope, weight)
        if far < tolerance or level:
            settled = True
            break
        if not accepted:
            break
    for k in range(K):
        if nonnegative[k] and c[k] <= 0:
            on[P + k] = False
    return settled


@njit(**_PART)
def _account(active_out, v, on, kt, pt):
    """Notes which amplitudes are in play and puts all in play for the curvature: an amplitude held at zero is no surer than
    its neighbours that are not, and what depends on it is no surer either."""
    for k in range(len(kt)):
        active_out[v, k] = on[len(pt) + k]
        on[len(pt) + k] = True


@njit(**_PART)
def _choose_branch(best_u, cost0, cost1, yy, n, dof0, prior, kt, pt):
    """The branch that fits better; of twins that fit equally well the lower side: else noise would pick one, voxel by voxel."""
    K, P = len(kt), len(pt)
    if not cost1 < cost0:
        return 0
    apart = 0
    for p in range(P):
        if abs(best_u[0, p] - best_u[1, p]) > _TWIN:
            apart += 1
    if apart > 1:
        return 1
    spare_dof = max(n - P - K, 1)
    spread = dof0 / (dof0 + spare_dof) if dof0 < np.inf else 1.0
    level = spread * prior * prior + (1 - spread) * cost1 / spare_dof
    return 1 if cost0 - cost1 > max(_EQUAL_FIT * level, _SINGLE * yy) else 0


# --- the loop ---------------------------------------------------------------------------------------------------------


@njit(**_JIT)
def fit_block(Y, known, use, V, Vt, flat, nodes, taps, nonnegative, low, high, free, atoms, inverse_gram, inverse_diagonal, node_u,
              node_index, node_branch, block_of_known, n_branches, law, sigma0, dof0, floor, rice_table, rice_top, max_iterations,
              tolerance, kt, pt, rt, dt, theta, amplitude, covariance, statistics, status, active_out):  # fmt: skip
    """Fit every voxel of a block.

    Y (m, n) samples; known (m, P) coordinates of the axes that are not free; use (m) bool. V (R, n) compression, Vt its
    transpose (n R), both double. Coarse nodes, the last axis slowest: node_u (M, P), and, M padded by `LANES`, atoms (K R M),
    inverse_gram (K K M), inverse_diagonal (K M), node_index (M) 0, 1, ..., node_branch (M) 0 or 1, all real numbers.
    kt, pt, rt, dt: tuples of lengths K, P, R, P + K. Outputs, NaN where nothing is to say: theta
    (m, P), amplitude (m, K), covariance (m, P+K, P+K), statistics (m, 3 + P) = residual sum of squares, sigma, chi-square
    distance of the rival branch, its coordinates; status (m).
    """
    K, P, R, D = len(kt), len(pt), len(rt), len(dt)
    m, n = Y.shape
    M = len(node_u)
    kind = flat.dtype
    at = _layout(kt, pt, rt)
    s = np.zeros(at.size, kind)
    best_u = np.empty((2, P), kind)
    score = np.empty(max(K, 2) * len(_LANES), kind)
    fe, ge = np.empty(K * n), np.empty(K * P * n)
    c, c_try = np.empty(K), np.empty(K)
    mean, slope, weight, spare, rest = np.empty(n), np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    design = np.empty(D * n)
    info, gradient = np.empty(D * D), np.empty(D)
    system = np.empty(D * D + 2 * D)  # a factor, a right-hand side, its solution
    on, present = np.empty(D, np.bool_), np.empty(D, np.bool_)
    unknown_axes = 0
    for p in range(P):
        s[at.free + p] = 1 if free[p] else 0
        unknown_axes += 1 if free[p] else 0
        on[p] = free[p]
    for v in range(m):
        if not use[v]:
            continue
        scale = 0.0
        for i in range(n):
            scale = max(scale, abs(Y[v, i]))
        if not scale > 0:
            status[v] = NO_SIGNAL
            continue
        unit = 1 / scale
        compressed = 0.0 * load(Vt, 0, rt)
        total = 0.0
        for i in range(n):
            sample = float(Y[v, i]) * unit
            total += sample * sample
            compressed = compressed + sample * load(Vt, i * R, rt)
        store(s, 0, like(compressed, s))
        yy = dot(compressed, compressed)

        # coarse match: explained power of every node, non-negativity respected
        m0, m1 = 0, M
        if not free[P - 1]:
            blocks = block_of_known.shape[0]
            nearest, gap = 0, 1e30
            for q in range(blocks):
                far = abs(block_of_known[q] - known[v, P - 1])
                if far < gap:
                    nearest, gap = q, far
            m0 = nearest * (M // blocks)
            m1 = m0 + M // blocks
        champion0, power0, champion1, power1 = _match(s, m0, m1, atoms, inverse_gram, inverse_diagonal, node_index, node_branch,
                                                      nonnegative, kt, rt, score)  # fmt: skip

        # the branch that looks better is refined in full, the other loosely unless it comes out as the one to keep
        two = n_branches > 1 and champion0 >= 0 and champion1 >= 0
        favourite = 1 if champion0 < 0 or power1 > power0 * 1.0001 else 0
        cost0, cost1, settled, chosen, now = s.dtype.type(0), s.dtype.type(0), False, favourite, favourite
        for turn in range(3):
            now = 1 - favourite if turn == 1 else chosen
            if turn < 2:
                a = champion0 if now == 0 else champion1
                for p in range(P):
                    s[at.u + p] = node_u[a, p] if free[p] else known[v, p]
            else:
                for p in range(P):
                    s[at.u + p] = best_u[now, p]
            cost, converged = _refine(s, yy, low, high, flat, nodes, taps, nonnegative, kt, pt, rt, max_iterations,
                                      tolerance * (_LOOSE if turn == 1 else 1.0))  # fmt: skip
            for p in range(P):
                best_u[now, p] = s[at.u + p]
            if now == 0:
                cost0 = cost
            else:
                cost1 = cost
            if turn != 1:
                settled = converged
            if turn == 1:
                chosen = _choose_branch(best_u, cost0, cost1, yy, n, dof0, sigma0 * unit, kt, pt)
            if turn == 2 or not two or (turn == 1 and chosen == favourite):
                break
        best_cost, rival_cost = (cost0, cost1) if chosen == 0 else (cost1, cost0)
        if now != chosen:
            for p in range(P):
                s[at.u + p] = best_u[chosen, p]
            _evaluate(s, at.u, flat, nodes, taps, kt, pt, rt)
            _amplitudes(s, nonnegative, kt, pt, rt)
        unknowns = unknown_axes
        for k in range(K):
            c[k] = s[at.c + k]
            on[P + k] = s[at.on + k] > 0
            unknowns += 1 if on[P + k] else 0

        # residual and this voxel's noise: its own residual weighed against what all voxels say
        remaining = compressed
        for k in range(K):
            remaining = remaining - c[k] * double(load(s, R + k * R, rt))
        rss = max(total - yy, 0.0) + dot(remaining, remaining)
        dof = float(n - unknowns)
        prior = sigma0 * unit
        effective = dof
        if law == 1:
            _expand(s, V, kt, pt, rt, fe, ge)
            if prior > 0:
                _magnitude(fe, c, prior, rice_table, rice_top, kt, n, mean, slope, weight)
                effective = -float(unknowns)
                for i in range(n):
                    effective += 1 / weight[i]
                effective = max(effective, 0.25 * dof)
        if dof0 == np.inf:
            sigma = prior
        elif dof > 0:
            sigma = math.sqrt((dof0 * prior * prior + rss) / (dof0 + effective))
        else:
            sigma = prior
        sigma = max(sigma, floor)

        # magnitude noise, and the curvature at the solution
        if law == 1 and sigma > 0:
            settled = _score_rice(s, Y, v, unit, sigma, rice_table, rice_top, V, flat, nodes, taps, nonnegative, low, high,
                                  kt, pt, rt, dt, max_iterations, tolerance, c, c_try, on, fe, ge, mean, slope, weight, spare,
                                  rest, design, info, system, gradient, present)  # fmt: skip
            rss = 0.0
            for i in range(n):
                rest[i] = Y[v, i] * unit - mean[i]
                rss += rest[i] * rest[i]
            _account(active_out, v, on, kt, pt)
            _information(fe, ge, c, slope, weight, rest, on, kt, pt, dt, n, design, info, gradient, present)
        else:
            _account(active_out, v, on, kt, pt)
            _compressed_information(s, kt, pt, rt, dt, on, info, present)
        if _factor_present(info, present, 0.0, 0.0, dt, system):
            for column in range(D):
                if not present[column]:
                    continue
                for q in range(D):
                    system[D * D + q] = 1.0 if q == column else 0.0
                _substitute(system, 0, D * D, D * D + D, dt)
                factor = sigma * sigma * (1.0 if column < P else scale)
                for q in range(D):
                    if present[q]:
                        covariance[v, q, column] = system[D * D + D + q] * factor * (1.0 if q < P else scale)
        for p in range(P):
            theta[v, p] = s[at.u + p]
        for k in range(K):
            amplitude[v, k] = c[k] * scale
        statistics[v, 0] = rss * scale * scale
        statistics[v, 1] = sigma * scale
        if two and sigma > 0:
            statistics[v, 2] = (rival_cost - best_cost) / (sigma * sigma)
            for p in range(P):
                statistics[v, 3 + p] = best_u[1 - chosen, p]
        status[v] = CONVERGED if settled else STUCK
