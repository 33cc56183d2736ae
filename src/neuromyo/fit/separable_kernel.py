"""The voxel loop of `neuromyo.fit.separable`, compiled.

Everything works on one voxel at a time, so results do not depend on how voxels are grouped, chunked or threaded.
Numbers of amplitudes (K), nonlinear parameters (P) and compressed samples (R) come in as tuples whose *lengths* count:
lengths belong to the type, so the compiler unrolls the small loops, and every combination is cached on disk by itself.

Notation: u, parameter coordinates in units of table nodes; f[k, r], compressed basis; g[k, p, r], its derivatives in u;
c[k], amplitudes; ``flat``, cubic B-spline coefficients (see `_evaluate`) with ``taps[k, p]`` = 4 along axes on which component k
depends, 1 along others.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

# reassociation lets the short dot products use vector registers; NaN and Inf keep their meaning
_FAST = {"reassoc", "contract", "arcp", "nsz"}
_JIT = {"cache": True, "nogil": True, "fastmath": _FAST, "error_model": "numpy"}

CONVERGED, STUCK, NO_SIGNAL = 0, 1, 2
_MAX_DAMPING = 1e8
#: a change of an amplitude (in units of the largest sample) that counts like one table node of a parameter
_AMPLITUDE_NODE = 0.05
#: chi-square (one degree of freedom, 95 %) within which two minima fit equally well
_EQUAL_FIT = 3.84
#: two minima that differ by more than this many table nodes on one axis alone are twins
_TWIN = 0.3
#: differences of squared residuals below this share of the squared signal are beyond single precision
_SINGLE = 1e-6


@njit(**_JIT)
def _weights(t, p, w, d):
    """Cubic B-spline weights and derivatives, rows p of w and d, at offset t in [0, 1] past the second of four nodes."""
    o = 1 - t
    w[p, 0], w[p, 3] = o * o * o / 6, t * t * t / 6
    w[p, 1] = (4 - 6 * t * t + 3 * t * t * t) / 6
    w[p, 2] = (4 - 6 * o * o + 3 * o * o * o) / 6
    d[p, 0], d[p, 3] = -o * o / 2, t * t / 2
    d[p, 1] = (3 * t * t - 4 * t) / 2
    d[p, 2] = (4 * o - 3 * o * o) / 2


@njit(**_JIT)
def _evaluate(u, flat, nodes, taps, kt, pt, rt, f, g, w, d, base, v, s):
    """Basis f (K, R) and derivatives g (K, P, R) at coordinates u (P).

    ``flat`` holds the spline coefficients (K, n0, n1, n2, R), missing axes first with length 1, and ``nodes`` their (n0, n1,
    n2); component k starts at k n0 n1 n2 R. Coefficients that are the same along an axis are stored once, at index 0. The last
    axis is worked off first, row by row into v and s (4, R), then the ones before it.
    """
    K, P, R = len(kt), len(pt), len(rt)
    zero, one = w.dtype.type(0), w.dtype.type(1)
    for p in range(P):
        i = min(max(int(math.floor(u[p])), 1), nodes[3 - P + p] - 3)
        base[p] = i - 1
        _weights(u[p] - i, p, w, d)
    step1, step0 = nodes[2] * R, nodes[1] * nodes[2] * R
    last = P - 1
    for k in range(K):
        start = k * nodes[0] * step0
        if taps[k, last] == 4:
            start += base[last] * R
        across = 1
        if P > 1:
            across = taps[k, P - 2]
            if across == 4:
                start += base[P - 2] * step1
        deep = 1
        if P > 2:
            deep = taps[k, 0]
            if deep == 4:
                start += base[0] * step0
        if P > 2:
            for r in range(R):
                f[k, r] = zero
                for p in range(P):
                    g[k, p, r] = zero
        for e in range(deep):
            for a in range(across):
                o = start + e * step0 + a * step1
                if taps[k, last] == 4:
                    w0, w1, w2, w3 = w[last, 0], w[last, 1], w[last, 2], w[last, 3]
                    d0, d1, d2, d3 = d[last, 0], d[last, 1], d[last, 2], d[last, 3]
                    for r in range(R):  # an unsigned index needs no test for negative ones, so this becomes vector code
                        b0, b1 = flat[np.uintp(o + r)], flat[np.uintp(o + R + r)]
                        b2, b3 = flat[np.uintp(o + 2 * R + r)], flat[np.uintp(o + 3 * R + r)]
                        v[a, r] = w0 * b0 + w1 * b1 + w2 * b2 + w3 * b3
                        s[a, r] = d0 * b0 + d1 * b1 + d2 * b2 + d3 * b3
                else:
                    for r in range(R):
                        v[a, r] = flat[np.uintp(o + r)]
                        s[a, r] = zero
            if P == 1:
                for r in range(R):
                    f[k, r] = v[0, r]
                    g[k, 0, r] = s[0, r]
                continue
            q = P - 2
            if across == 4:
                w0, w1, w2, w3 = w[q, 0], w[q, 1], w[q, 2], w[q, 3]
                d0, d1, d2, d3 = d[q, 0], d[q, 1], d[q, 2], d[q, 3]
            else:
                w0, w1, w2, w3 = one, zero, zero, zero
                d0, d1, d2, d3 = zero, zero, zero, zero
                for r in range(R):
                    v[1, r], v[2, r], v[3, r] = zero, zero, zero
                    s[1, r], s[2, r], s[3, r] = zero, zero, zero
            if P == 2:
                for r in range(R):
                    f[k, r] = w0 * v[0, r] + w1 * v[1, r] + w2 * v[2, r] + w3 * v[3, r]
                    g[k, 0, r] = d0 * v[0, r] + d1 * v[1, r] + d2 * v[2, r] + d3 * v[3, r]
                    g[k, 1, r] = w0 * s[0, r] + w1 * s[1, r] + w2 * s[2, r] + w3 * s[3, r]
            else:
                we = w[0, e] if deep == 4 else one
                de = d[0, e] if deep == 4 else zero
                for r in range(R):
                    middle = w0 * v[0, r] + w1 * v[1, r] + w2 * v[2, r] + w3 * v[3, r]
                    f[k, r] += we * middle
                    g[k, 0, r] += de * middle
                    g[k, 1, r] += we * (d0 * v[0, r] + d1 * v[1, r] + d2 * v[2, r] + d3 * v[3, r])
                    g[k, P - 1, r] += we * (w0 * s[0, r] + w1 * s[1, r] + w2 * s[2, r] + w3 * s[3, r])


@njit(**_JIT)
def _factor(A, n):
    """A = L D L' of the leading n x n block, in place (unit L below, 1/D on the diagonal); False unless positive definite."""
    for i in range(n):
        for j in range(i):
            s = A[i, j]
            for q in range(j):
                s -= A[i, q] * A[j, q]
            A[i, j] = s  # L times D for now
        s = A[i, i]
        for j in range(i):
            scaled = A[i, j] * A[j, j]
            s -= scaled * A[i, j]
            A[i, j] = scaled
        if not s > 0:
            return False
        A[i, i] = 1 / s
    return True


@njit(**_JIT)
def _substitute(A, b, n, x):
    """Solve with a factor made by `_factor`."""
    for i in range(n):
        s = b[i]
        for q in range(i):
            s -= A[i, q] * x[q]
        x[i] = s
    for ii in range(n):
        i = n - 1 - ii
        s = x[i] * A[i, i]
        for q in range(i + 1, n):
            s -= A[q, i] * x[q]
        x[i] = s


@njit(**_JIT)
def _cholesky_solve(A, b, n, x):
    """Solve A x = b for the leading n x n positive-definite block, A overwritten; False if it is not."""
    if not _factor(A, n):
        return False
    _substitute(A, b, n, x)
    return True


@njit(**_JIT)
def _match(y, m0, m1, atoms, inverse_gram, inverse_diagonal, nonnegative, kt, rt, score, power, single, coefficient):
    """Power of y explained at each coarse node m0..m1, into ``power``: passes over contiguous nodes, each of which becomes
    vector code because an unsigned index needs no test for negative ones."""
    K, R = len(kt), len(rt)
    zero, infeasible = y.dtype.type(0), y.dtype.type(-1e30)
    for i in range(m0, m1):
        a = np.uintp(i)
        power[a] = zero
        single[a] = zero
    for k in range(K):
        for i in range(m0, m1):
            score[k, np.uintp(i)] = zero
        for r in range(R):
            s = y[r]
            for i in range(m0, m1):
                a = np.uintp(i)
                score[k, a] += s * atoms[k, r, a]
        floor = zero if nonnegative[k] else infeasible
        for i in range(m0, m1):
            a = np.uintp(i)
            s = max(score[k, a], floor)
            single[a] = max(single[a], s * s * inverse_diagonal[k, a])
    for k in range(K):
        for i in range(m0, m1):
            coefficient[np.uintp(i)] = zero
        for j in range(K):
            for i in range(m0, m1):
                a = np.uintp(i)
                coefficient[a] += inverse_gram[k, j, a] * score[j, a]
        least = zero if nonnegative[k] else infeasible
        for i in range(m0, m1):
            a = np.uintp(i)
            c = coefficient[a]
            power[a] += infeasible if c < least else c * score[k, a]
    for i in range(m0, m1):
        a = np.uintp(i)
        power[a] = max(power[a], single[a])


@njit(**_JIT)
def _amplitudes(y, f, nonnegative, kt, rt, gram, by, c, active, A, b, x, order):
    """Least-squares amplitudes c (K), non-negative where asked; fills gram and by; returns the explained power."""
    K, R = len(kt), len(rt)
    for k in range(K):
        s = y.dtype.type(0)
        for r in range(R):
            s += f[k, r] * y[r]
        by[k] = s
        active[k] = True
        for j in range(k + 1):
            s = y.dtype.type(0)
            for r in range(R):
                s += f[k, r] * f[j, r]
            gram[k, j] = s
            gram[j, k] = s
    for _ in range(K + 1):
        n = 0
        for k in range(K):
            c[k] = 0
            if active[k]:
                order[n] = k
                n += 1
        if n == 0:
            break
        for i in range(n):
            b[i] = by[order[i]]
            for j in range(i + 1):
                A[i, j] = gram[order[i], order[j]]
            A[i, i] *= 1 + 1e-6  # components that are momentarily parallel share the amplitude
        if not _cholesky_solve(A, b, n, x):
            active[order[n - 1]] = False
            continue
        worst, least = -1, y.dtype.type(0)
        for i in range(n):
            c[order[i]] = x[i]
            if nonnegative[order[i]] and x[i] < least:
                worst, least = order[i], x[i]
        if worst < 0:
            break
        active[worst] = False
    explained = y.dtype.type(0)
    for k in range(K):
        explained += c[k] * by[k]
    return explained


@njit(**_JIT)
def _refine(y, yy, u, free, low, high, flat, nodes, taps, nonnegative, kt, pt, rt, max_iterations, tolerance,
            f, g, w, d, base, rows, slopes, gram, by, c, active, A, b, x, order, jac, res, H, grad, trial,
            jf):  # fmt: skip
    """Damped Gauss-Newton on the free coordinates u with the amplitudes projected out. Returns (cost, converged).

    On return u, c, active, f and g belong to the best point. Kaufman's form of variable projection: the Jacobian is
    sum_k c_k df_k/du, projected off the span of the active basis.
    """
    K, P, R = len(kt), len(pt), len(rt)
    damping = y.dtype.type(1e-3)
    cost = y.dtype.type(0)
    for p in range(P):
        trial[p] = u[p]
    first, converged = True, False
    for _ in range(max_iterations):
        _evaluate(trial, flat, nodes, taps, kt, pt, rt, f, g, w, d, base, rows, slopes)
        attempt = yy - _amplitudes(y, f, nonnegative, kt, rt, gram, by, c, active, A, b, x, order)
        if first or attempt <= cost:
            moved = y.dtype.type(0)
            for p in range(P):
                moved = max(moved, abs(trial[p] - u[p]))
                u[p] = trial[p]
            if not first:
                damping = max(damping * 0.2, 1e-6)
            cost = attempt
            if not first and moved < tolerance:
                converged = True
                break
            first = False
            for r in range(R):
                s = y[r]
                for k in range(K):
                    s -= c[k] * f[k, r]
                res[r] = s
            n = 0
            for k in range(K):
                if active[k]:
                    order[n] = k
                    n += 1
            for p in range(P):
                for r in range(R):
                    s = y.dtype.type(0)
                    for k in range(K):
                        s += c[k] * g[k, p, r]
                    jac[p, r] = s
                for i in range(n):
                    s = y.dtype.type(0)
                    for r in range(R):
                        s += jac[p, r] * f[order[i], r]
                    jf[p, i] = s
            for p in range(P):
                s = y.dtype.type(0)
                for r in range(R):
                    s += jac[p, r] * res[r]
                grad[p] = s
                for i in range(n):
                    b[i] = jf[p, i]
                    for j in range(i + 1):
                        A[i, j] = gram[order[i], order[j]]
                    A[i, i] *= 1 + 1e-6
                ok = _cholesky_solve(A, b, n, x) if n > 0 else False
                for q in range(P):
                    s = y.dtype.type(0)
                    for r in range(R):
                        s += jac[p, r] * jac[q, r]
                    if ok:
                        for i in range(n):
                            s -= x[i] * jf[q, i]
                    H[p, q] = s
        else:
            damping *= 8
            if damping > _MAX_DAMPING:
                break
        n = 0
        for p in range(P):
            if free[p] and H[p, p] > 0:
                order[n] = p
                n += 1
        if n == 0:
            converged = True
            break
        for i in range(n):
            b[i] = grad[order[i]]
            for j in range(i + 1):
                A[i, j] = H[order[i], order[j]]
            A[i, i] = A[i, i] * (1 + damping) + 1e-12 * yy
        if not _cholesky_solve(A, b, n, x):
            damping *= 8
            for i in range(n):
                x[i] = 0
        longest = y.dtype.type(0)
        for p in range(P):
            trial[p] = u[p]
        for i in range(n):
            p = order[i]
            trial[p] = min(max(u[p] + min(max(x[i], -4), 4), low[p]), high[p])
            longest = max(longest, abs(trial[p] - u[p]))
        if longest < 0.1 * tolerance:
            converged = True
            break
    _evaluate(u, flat, nodes, taps, kt, pt, rt, f, g, w, d, base, rows, slopes)
    cost = yy - _amplitudes(y, f, nonnegative, kt, rt, gram, by, c, active, A, b, x, order)
    return cost, converged


@njit(**_JIT)
def _rice(snr, table, top, out):
    """Mean/sigma, its derivative, and variance/sigma^2 of a Rician magnitude at amplitude/sigma = snr."""
    if snr >= top:
        inverse = 1 / snr
        out[0] = snr + 0.5 * inverse + 0.125 * inverse * inverse * inverse
        out[1] = 1 - 0.5 * inverse * inverse
        out[2] = 1 - 0.5 * inverse * inverse
    else:
        place = snr / top * (table.shape[0] - 1)
        i = int(place)
        t = place - i
        for q in range(3):
            out[q] = (1 - t) * table[i, q] + t * table[i + 1, q]


@njit(**_JIT)
def _expand(V, f, g, kt, pt, rt, fe, ge):
    """Compressed basis -> all samples: fe (K, n), ge (K, P, n)."""
    K, P, R = len(kt), len(pt), len(rt)
    n = V.shape[1]
    for k in range(K):
        for i in range(n):
            fe[k, i] = 0
        for r in range(R):
            s = f[k, r]
            for i in range(n):
                fe[k, i] += s * V[r, i]
        for p in range(P):
            for i in range(n):
                ge[k, p, i] = 0
            for r in range(R):
                s = g[k, p, r]
                for i in range(n):
                    ge[k, p, i] += s * V[r, i]


@njit(**_JIT)
def _law(fe, c, sigma, law, table, top, kt, n, model, mean, slope, weight, out):
    """Expected sample and sigma^2 over its variance: a Gaussian about the model (law 0), or a Rician magnitude (law 1)."""
    K = len(kt)
    for i in range(n):
        s = 0.0
        for k in range(K):
            s += c[k] * fe[k, i]
        model[i] = s
        if law == 0:
            mean[i], slope[i], weight[i] = s, 1.0, 1.0
        else:
            _rice(abs(s) / sigma, table, top, out)
            mean[i] = out[0] * sigma
            slope[i] = out[1] if s >= 0 else -out[1]
            weight[i] = 1.0 / out[2]


@njit(**_JIT)
def _information(fe, ge, c, slope, weight, free, active, kt, pt, n, design, info, place):
    """Design matrix and information of (free u, active c) for unit sigma; returns its size."""
    K, P = len(kt), len(pt)
    size = 0
    for p in range(P):
        if free[p]:
            largest = 0.0
            for i in range(n):
                s = 0.0
                for k in range(K):
                    s += c[k] * ge[k, p, i]
                design[size, i] = s * slope[i]
                largest = max(largest, abs(design[size, i]))
            if largest > 0:  # a parameter of an absent component says nothing
                place[size] = p
                size += 1
    for k in range(K):
        if active[k]:
            for i in range(n):
                design[size, i] = fe[k, i] * slope[i]
            place[size] = P + k
            size += 1
    for a in range(size):
        for b in range(a + 1):
            s = 0.0
            for i in range(n):
                s += design[a, i] * design[b, i] * weight[i]
            info[a, b] = s
            info[b, a] = s
    return size


@njit(**_JIT)
def fit_block(Y, known, use, V, Vt, flat, nodes, taps, nonnegative, low, high, free, atoms, inverse_gram, inverse_diagonal, node_u,
              node_branch, block_of_known, n_branches, law, sigma0, dof0, floor, rice_table, rice_top, max_iterations,
              tolerance, kt, pt, rt, theta, amplitude, covariance, statistics, status, active_out):  # fmt: skip
    """Fit every voxel of a block.

    Y (m, n) samples; known (m, P) coordinates of the axes that are not free; use (m) bool. V (R, n) compression, Vt (n, R) its transpose.
    atoms (K, R, M), inverse_gram (K, K, M), inverse_diagonal (K, M), node_u (M, P), node_branch (M): coarse nodes, the
    last axis slowest. Outputs: theta (m, P), amplitude (m, K), covariance (m, P+K, P+K), statistics (m, 3 + P) =
    residual sum of squares, sigma, chi-square distance of the rival branch, its coordinates; status (m).
    """
    K, P, R = len(kt), len(pt), len(rt)
    m, n = Y.shape
    M = atoms.shape[2]
    D = P + K
    kind = flat.dtype
    y = np.empty(R, kind)
    u = np.empty(P, kind)
    trial = np.empty(P, kind)
    best_u = np.empty((2, P), kind)
    f = np.empty((K, R), kind)
    g = np.empty((K, P, R), kind)
    w = np.empty((3, 4), kind)
    d = np.empty((3, 4), kind)
    rows, slopes = np.empty((4, R), kind), np.empty((4, R), kind)
    base = np.zeros(3, np.int64)
    gram = np.empty((K, K), kind)
    by = np.empty(K, kind)
    c = np.empty(K, kind)
    active = np.empty(K, np.bool_)
    size = max(K, P)
    A = np.empty((size, size), kind)
    b = np.empty(size, kind)
    x = np.empty(size, kind)
    order = np.empty(size, np.int64)
    jac = np.empty((P, R), kind)
    jf = np.empty((P, K), kind)
    res = np.empty(R, kind)
    H = np.empty((P, P), kind)
    grad = np.empty(P, kind)
    score = np.empty((K, M), kind)
    power, single, coefficient = np.empty(M, kind), np.empty(M, kind), np.empty(M, kind)
    fe = np.empty((K, n))
    ge = np.empty((K, P, n))
    cc = np.empty(K)
    c_try = np.empty(K)
    model, mean, slope, weight, spare = np.empty(n), np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    design = np.empty((D, n))
    info = np.empty((D, D))
    damped = np.empty((D, D))
    gradient, move, place = np.empty(D), np.empty(D), np.empty(D, np.int64)
    out = np.empty(3)
    uc = np.empty(P, kind)
    for v in range(m):
        if not use[v]:
            continue
        scale = 0.0
        for i in range(n):
            scale = max(scale, abs(Y[v, i]))
        if not scale > 0:
            status[v] = NO_SIGNAL
            continue
        inverse_scale = 1 / scale
        for r in range(R):
            y[r] = 0
        for i in range(n):
            sample = y.dtype.type(Y[v, i] * inverse_scale)
            for r in range(R):
                y[r] += sample * Vt[i, r]
        yy = y.dtype.type(0)
        for r in range(R):
            yy += y[r] * y[r]

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
        _match(y, m0, m1, atoms, inverse_gram, inverse_diagonal, nonnegative, kt, rt, score, power, single, coefficient)
        champion0, champion1 = -1, -1
        power0, power1 = y.dtype.type(-1), y.dtype.type(-1)
        for a in range(m0, m1):
            if node_branch[a] == 0:
                if power[a] > power0:
                    power0, champion0 = power[a], a
            elif power[a] > power1:
                power1, champion1 = power[a], a

        cost0, cost1, settled0, settled1 = y.dtype.type(0), y.dtype.type(0), False, False
        for branch in range(n_branches):
            a = champion0 if branch == 0 else champion1
            if a < 0:
                continue
            for p in range(P):
                u[p] = node_u[a, p] if free[p] else known[v, p]
            cost, converged = _refine(y, yy, u, free, low, high, flat, nodes, taps, nonnegative, kt, pt, rt, max_iterations,
                                      tolerance, f, g, w, d, base, rows, slopes, gram, by, c, active, A,
                                      b, x, order, jac, res, H, grad, trial, jf)  # fmt: skip
            for p in range(P):
                best_u[branch, p] = u[p]
            if branch == 0:
                cost0, settled0 = cost, converged
            else:
                cost1, settled1 = cost, converged
        two = n_branches > 1 and champion0 >= 0 and champion1 >= 0
        chosen = 0 if champion0 >= 0 else 1
        apart = 0
        for p in range(P):
            if two and abs(best_u[0, p] - best_u[1, p]) > _TWIN:
                apart += 1
        if two and cost1 < cost0 and apart > 1:
            chosen = 1
        elif two and cost1 < cost0:
            # of twins that fit equally well the lower side is kept: else noise would pick one, voxel by voxel
            spare_dof = max(n - P - K, 1)
            spread = dof0 / (dof0 + spare_dof) if dof0 < np.inf else 1.0
            level = spread * (sigma0 * inverse_scale) ** 2 + (1 - spread) * max(cost1, 0) / spare_dof
            if cost0 - cost1 > max(_EQUAL_FIT * level, _SINGLE * yy):
                chosen = 1
        best_cost, rival_cost = (cost0, cost1) if chosen == 0 else (cost1, cost0)
        settled = settled0 if chosen == 0 else settled1
        for p in range(P):
            u[p] = best_u[chosen, p]
        _evaluate(u, flat, nodes, taps, kt, pt, rt, f, g, w, d, base, rows, slopes)
        _amplitudes(y, f, nonnegative, kt, rt, gram, by, c, active, A, b, x, order)
        _expand(V, f, g, kt, pt, rt, fe, ge)
        for k in range(K):
            cc[k] = c[k]

        # residual and this voxel's noise: its own residual weighed against what all voxels say
        _law(fe, cc, 1.0, 0, rice_table, rice_top, kt, n, model, mean, slope, weight, out)
        rss = 0.0
        for i in range(n):
            e = Y[v, i] * inverse_scale - model[i]
            rss += e * e
        unknowns = 0
        for p in range(P):
            unknowns += 1 if free[p] else 0
        for k in range(K):
            unknowns += 1 if active[k] else 0
        dof = float(n - unknowns)
        prior = sigma0 * inverse_scale
        effective = dof
        if law == 1 and prior > 0:
            effective = -float(unknowns)
            for i in range(n):
                _rice(abs(model[i]) / prior, rice_table, rice_top, out)
                effective += out[2]
            effective = max(effective, 0.25 * dof)
        if dof0 == np.inf:
            sigma = prior
        elif dof > 0:
            sigma = math.sqrt((dof0 * prior * prior + rss) / (dof0 + effective))
        else:
            sigma = prior
        sigma = max(sigma, floor)

        # magnitude noise: quasi-likelihood scoring with the Rician mean and variance, amplitudes and u together
        if law == 1 and sigma > 0:
            damping, tries = 1e-3, 0
            for k in range(K):  # a component at zero may come back
                active[k] = True
            _law(fe, cc, sigma, 1, rice_table, rice_top, kt, n, model, mean, slope, weight, out)
            settled = False
            while tries < max_iterations:
                here = 0.0
                for i in range(n):
                    e = Y[v, i] * inverse_scale - mean[i]
                    here += e * e * weight[i]
                size_now = _information(fe, ge, cc, slope, weight, free, active, kt, pt, n, design, info, place)
                for q in range(size_now):
                    s = 0.0
                    for i in range(n):
                        s += design[q, i] * (Y[v, i] * inverse_scale - mean[i]) * weight[i]
                    gradient[q] = s
                # a component held at zero and pushed further down leaves the problem
                dropped = False
                for k in range(K):
                    if nonnegative[k] and active[k] and cc[k] <= 0:
                        for q in range(size_now):
                            if place[q] == P + k and gradient[q] <= 0:
                                active[k] = False
                                dropped = True
                if dropped:
                    continue
                accepted = False
                far = 0.0
                while tries < max_iterations:
                    tries += 1
                    for q in range(size_now):
                        for j in range(size_now):
                            damped[q, j] = info[q, j]
                        damped[q, q] = info[q, q] * (1 + damping) + 1e-12
                    if not _cholesky_solve(damped, gradient, size_now, move):
                        damping *= 8
                        continue
                    far = 0.0
                    for p in range(P):
                        uc[p] = u[p]
                    for k in range(K):
                        c_try[k] = cc[k]
                    for q in range(size_now):
                        if place[q] < P:
                            p = place[q]
                            uc[p] = min(max(u[p] + min(max(move[q], -2.0), 2.0), low[p]), high[p])
                            far = max(far, abs(uc[p] - u[p]))
                        else:
                            k = place[q] - P
                            c_try[k] = cc[k] + move[q]
                            if nonnegative[k] and c_try[k] < 0:
                                c_try[k] = 0.0
                            far = max(far, abs(c_try[k] - cc[k]) / _AMPLITUDE_NODE)
                    _evaluate(uc, flat, nodes, taps, kt, pt, rt, f, g, w, d, base, rows, slopes)
                    _expand(V, f, g, kt, pt, rt, fe, ge)
                    _law(fe, c_try, sigma, 1, rice_table, rice_top, kt, n, model, mean, slope, spare, out)
                    there = 0.0
                    for i in range(n):
                        e = Y[v, i] * inverse_scale - mean[i]
                        there += e * e * weight[i]
                    if there <= here * (1 + 1e-9) + 1e-14:
                        accepted = True
                        break
                    if far < tolerance:
                        break
                    damping *= 8
                    if damping > _MAX_DAMPING:
                        break
                if accepted:
                    for p in range(P):
                        u[p] = uc[p]
                    for k in range(K):
                        cc[k] = c_try[k]
                    damping = max(damping * 0.2, 1e-6)
                else:  # back to where it stood
                    _evaluate(u, flat, nodes, taps, kt, pt, rt, f, g, w, d, base, rows, slopes)
                    _expand(V, f, g, kt, pt, rt, fe, ge)
                _law(fe, cc, sigma, 1, rice_table, rice_top, kt, n, model, mean, slope, weight, out)
                if far < tolerance:
                    settled = True
                    break
                if not accepted:
                    break
            for k in range(K):
                if nonnegative[k] and cc[k] <= 0:
                    active[k] = False
            _law(fe, cc, sigma, 1, rice_table, rice_top, kt, n, model, mean, slope, weight, out)
            rss = 0.0
            for i in range(n):
                e = Y[v, i] * inverse_scale - mean[i]
                rss += e * e

        # covariance of (u, c) from the curvature
        size_now = _information(fe, ge, cc, slope, weight, free, active, kt, pt, n, design, info, place)
        for a in range(D):
            for q in range(D):
                covariance[v, a, q] = np.nan
        for q in range(size_now):
            for j in range(q + 1):
                damped[q, j] = info[q, j]
        if _factor(damped, size_now):
            for column in range(size_now):
                for q in range(size_now):
                    gradient[q] = 1.0 if q == column else 0.0
                _substitute(damped, gradient, size_now, move)
                unit_c = sigma * sigma * (1.0 if place[column] < P else scale)
                for q in range(size_now):
                    covariance[v, place[q], place[column]] = move[q] * unit_c * (1.0 if place[q] < P else scale)
        for p in range(P):
            theta[v, p] = u[p]
        for k in range(K):
            amplitude[v, k] = cc[k] * scale
            active_out[v, k] = active[k]
        statistics[v, 0] = rss * scale * scale
        statistics[v, 1] = sigma * scale
        if two and sigma > 0:
            statistics[v, 2] = (rival_cost - best_cost) / (sigma * sigma)
            for p in range(P):
                statistics[v, 3 + p] = best_u[1 - chosen, p]
        status[v] = CONVERGED if settled else STUCK
