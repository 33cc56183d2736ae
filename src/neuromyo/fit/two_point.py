r"""Water and fat from two complex echoes: two candidates a voxel, chosen by how smoothly the field's phasor runs.

With fat's phasors c1, c2 and real water and fat, the magnitudes alone leave a quadratic for the fat fraction x,

.. math:: \frac{|1 - x + c_1 x|^2}{|1 - x + c_2 x|^2} = \frac{|S_1|^2}{|S_2|^2},

whose roots give a phasor of the field each, :math:`p = S_2 S_1^* / [(1 - x + c_2 x)(1 - x + c_1 x)^*]` over its size. The
right one of the two varies slowly in space.

*Assumes* R2* that changes little between the echoes. *Breaks* where neighbours' fields differ by a good part of the angle between
the candidates.

*Cites* Eggers et al., Magn Reson Med 2011;65:96, doi:10.1002/mrm.22578; Berglund et al., Magn Reson Med 2010;63:1659,
doi:10.1002/mrm.22385 (region growing on such candidates).
"""

from __future__ import annotations

import heapq

import numpy as np
from numba import njit

#: roots a little outside 0 to 1 are noise, farther out they are no fat fractions
_BEYOND = 0.3
_TINY = 1e-30


def candidates(signals: np.ndarray, fat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(m, 2) fat fractions, the smaller first, and (m, 2) field phasors, of signals (m, 2) complex; fat (2,) complex.

    Where noise leaves no real root, both are the nearest point of the parabola; a root far outside 0 to 1 is replaced by the other.
    """
    a, b = (np.abs(signals[:, i].astype(np.complex128)) ** 2 for i in (0, 1))
    # |1 - x + c x|^2 = 1 - 2 g x + h x^2 with g = 1 - Re c, h = |c - 1|^2
    g, h = 1 - np.real(fat), np.abs(fat - 1) ** 2
    scale = np.maximum(a + b, _TINY)
    qa = (b * h[0] - a * h[1]) / scale
    qb = -2 * (b * g[0] - a * g[1]) / scale
    qc = (b - a) / scale
    root = np.sqrt(np.maximum(qb * qb - 4 * qa * qc, 0.0))
    q = -0.5 * (qb + np.where(qb < 0, -1.0, 1.0) * root)
    with np.errstate(divide="ignore", invalid="ignore"):
        x = np.stack([q / qa, np.where(q == 0, 0.0, qc / q)], axis=1)
    x = np.where(np.isfinite(x), x, np.inf)
    bad = np.abs(x - 0.5) > 0.5 + _BEYOND
    both = bad[:, 0] & bad[:, 1]
    x = np.where(bad & ~both[:, None], x[:, ::-1], x)
    x[both] = np.clip(np.nan_to_num(x[both], posinf=1.0, neginf=0.0), 0.0, 1.0)
    x = np.sort(x, axis=1)
    model = 1 - x[..., None] + x[..., None] * fat  # (m, 2 candidates, 2 echoes)
    turn = (signals[:, 1] * signals[:, 0].conj())[:, None] * (model[..., 1] * model[..., 0].conj()).conj()
    return x, turn / np.maximum(np.abs(turn), _TINY)


@njit(cache=True)
def grow(
    phasors: np.ndarray, weight: np.ndarray, inside: np.ndarray, near: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Which candidate each voxel takes, grown from the heaviest voxel of each piece outward, surest first.

    phasors : (x, y, z, 2) complex128; weight : (x, y, z), heavier voxels are decided first and count more; near : (3,)
    weight of neighbours along each axis. Returns the choice (x, y, z) uint8, 255 outside, and the piece (x, y, z) int32 from 1.
    The seed of a piece takes its first candidate: whether the whole piece is exchanged is not decided here.
    """
    nx, ny, nz = inside.shape
    choice = np.full((nx, ny, nz), 255, np.uint8)
    piece = np.zeros((nx, ny, nz), np.int32)
    order = np.argsort(-weight.ravel(), kind="mergesort")
    count = 0
    for seed in order:
        sx, rest = seed // (ny * nz), seed % (ny * nz)
        sy, sz = rest // nz, rest % nz
        if not inside[sx, sy, sz] or piece[sx, sy, sz] != 0:
            continue
        count += 1
        heap = [(0.0, seed)]
        while len(heap) > 0:
            _, place = heapq.heappop(heap)
            x, rest = place // (ny * nz), place % (ny * nz)
            y, z = rest // nz, rest % nz
            if piece[x, y, z] != 0:
                continue
            mean = 0j
            for d in range(6):
                i, j, k = x + (d == 0) - (d == 1), y + (d == 2) - (d == 3), z + (d == 4) - (d == 5)
                if 0 <= i < nx and 0 <= j < ny and 0 <= k < nz and piece[i, j, k] != 0:
                    mean += near[d // 2] * weight[i, j, k] * phasors[i, j, k, choice[i, j, k]]
            first = (phasors[x, y, z, 0] * mean.conjugate()).real
            second = (phasors[x, y, z, 1] * mean.conjugate()).real
            choice[x, y, z] = 0 if first >= second else 1
            piece[x, y, z] = count
            own = phasors[x, y, z, choice[x, y, z]]
            for d in range(6):
                i, j, k = x + (d == 0) - (d == 1), y + (d == 2) - (d == 3), z + (d == 4) - (d == 5)
                if 0 <= i < nx and 0 <= j < ny and 0 <= k < nz and inside[i, j, k] and piece[i, j, k] == 0:
                    a = (phasors[i, j, k, 0] * own.conjugate()).real
                    b = (phasors[i, j, k, 1] * own.conjugate()).real
                    sure = (abs(a - b) + max(a, b)) * min(weight[i, j, k], weight[x, y, z]) * near[d // 2]
                    heapq.heappush(heap, (-sure, (i * ny + j) * nz + k))
    return choice, piece


def solve(signals: np.ndarray, fat: np.ndarray, phasor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Complex water and fat (m,) of signals (m, 2), once the field's phasor (m,) is taken off the second echo."""
    first, second = signals[:, 0], signals[:, 1] * phasor.conj()
    found = (second - first) / (fat[1] - fat[0])
    return first - fat[0] * found, found
