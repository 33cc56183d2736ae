r"""Choosing one of a few values at every node of a graph so that neighbours agree: sequential tree-reweighted messages.

Minimises

.. math:: E(x) = \sum_i u_i(x_i) + \sum_{(i,j)} \min\!\left(\frac{\Delta_{ij}^2}{2 (s_{ij} + v_i + v_j)},\; T\right)

with :math:`\Delta` the difference of the two values chosen, modulo a period where there is one; s, how far neighbours may differ
(variance); v, how uncertain a node's value is. Messages go forth and back over the nodes in their order. Each round also gives a
lower bound on E, so that one knows how far from the best the choice can be; it stops when it is
there, or when several rounds have hardly gained anything (``settled``, a share of the bound).

The order is fixed and the sweep sequential: the same bits each time.

*Cites* Kolmogorov, IEEE Trans Pattern Anal Mach Intell 2006;28:1568, doi:10.1109/TPAMI.2006.200.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numba import njit

_JIT = {"cache": True, "nogil": True, "error_model": "numpy"}
_PART = {"nogil": True, "error_model": "numpy", "inline": "always"}
#: rounds between two looks at what the messages say
_LOOK = 4


@dataclass(frozen=True, eq=False)
class Graph:
    """Edges (i, j), i < j, sorted by i. ``first`` (m + 1,): where each node's edges to later nodes begin; ``to`` (e,): the later
    node; ``spread`` (e,): variance allowed; ``back_first`` (m + 1,), ``back`` (e,): edges from earlier nodes; ``origin`` (e,)."""

    first: np.ndarray
    to: np.ndarray
    spread: np.ndarray
    back_first: np.ndarray
    back: np.ndarray
    origin: np.ndarray


@dataclass(frozen=True, eq=False)
class Choice:
    """Which value each node takes (m,) uint8; the energy, and a bound below which no choice can come."""

    label: np.ndarray
    energy: float
    bound: float
    rounds: int


def graph(nodes: int, a: np.ndarray, b: np.ndarray, spread: np.ndarray) -> Graph:
    """A graph of edges between a and b (e,) in any order."""
    low, high = np.minimum(a, b).astype(np.int32), np.maximum(a, b).astype(np.int32)
    order = np.argsort(low, kind="stable")
    low, high, spread = low[order], high[order], spread[order].astype(np.float32)
    back = np.argsort(high, kind="stable").astype(np.int32)
    return Graph(_starts(low, nodes), high, spread, _starts(high[back], nodes), back, low)


def _starts(sorted_nodes: np.ndarray, nodes: int) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(np.bincount(sorted_nodes, minlength=nodes))]).astype(np.int32)


def choose(
    g: Graph,
    value: np.ndarray,
    cost: np.ndarray,
    variance: np.ndarray,
    count: np.ndarray,
    *,
    period: float = 0.0,
    ceiling: float = 10.0,
    most_rounds: int = 60,
    settled: float = 1e-3,
    progress: Callable[[float], None] | None = None,
) -> Choice:
    """The best found choice among ``value`` (m, l) with costs (m, l), of which node i has count[i] >= 1."""
    message = np.zeros((len(g.to), value.shape[1]), np.float32)
    fixed = (g.first, g.to, g.spread, g.back_first, g.back, g.origin, value, cost, variance, count, period, ceiling)
    label, trial = np.zeros(len(value), np.uint8), np.zeros(len(value), np.uint8)
    energy, bound, rounds = np.inf, -np.inf, 0
    for rounds in range(1, most_rounds + 1):
        _sweep(*fixed, message, True)
        bound = max(bound, _sweep(*fixed, message, False))
        if rounds % _LOOK == 0 or rounds == most_rounds:
            _decode(*fixed, message, trial)
            total, before = _energy(*fixed, trial), energy
            if total < energy:
                energy, label = total, trial.copy()
            enough = settled * max(abs(bound), 1.0)
            if energy - bound <= 0.1 * enough or before - energy <= enough:
                break
        if progress is not None:
            progress(rounds / most_rounds)
    polish(g, value, cost, variance, count, label, period=period, ceiling=ceiling)
    return Choice(label, float(_energy(*fixed, label)), float(bound), rounds)


def polish(
    g: Graph, value: np.ndarray, cost: np.ndarray, variance: np.ndarray, count: np.ndarray, label: np.ndarray, *,
    period: float, ceiling: float, sweeps: int = 10,
) -> None:  # fmt: skip
    """Single nodes changed, in place, as long as that lowers the energy."""
    for _ in range(sweeps):
        if not _improve(g.first, g.to, g.spread, g.back_first, g.back, g.origin, value, cost, variance, count, period,
                        ceiling, label):  # fmt: skip
            break


@njit(**_PART)
def _pair(x, y, over, period, ceiling):
    """Cost of neighbours at x and y; ``over`` is 1 / (2 variance)."""
    d = x - y
    if period > 0.0:
        d -= period * _whole(d / period)
    return min(d * d * over, ceiling)


@njit(**_PART)
def _whole(x):
    """Nearest whole number."""
    return np.floor(x + np.float32(0.5))


@njit(**_JIT)
def _sweep(first, to, spread, back_first, back, origin, value, cost, variance, count, period, ceiling, message, forth):
    """One pass over all nodes; returns the lower bound where it goes back."""
    nodes, most = value.shape
    period, ceiling = np.float32(period), np.float32(ceiling)
    total, reduced = np.empty(most, np.float32), np.empty(most, np.float32)
    bound = 0.0
    for step in range(nodes):
        i = step if forth else nodes - 1 - step
        n = int(count[i])
        for a in range(n):
            total[a] = cost[i, a]
        for e in range(first[i], first[i + 1]):
            for a in range(n):
                total[a] += message[e, a]
        for q in range(back_first[i], back_first[i + 1]):
            for a in range(n):
                total[a] += message[back[q], a]
        onward, behind = first[i + 1] - first[i], back_first[i + 1] - back_first[i]
        if not forth:
            low = total[0]
            for a in range(1, n):
                low = min(low, total[a])
            bound += low
            for a in range(n):
                total[a] -= low
        share = np.float32(1.0) / np.float32(max(onward, behind, 1))
        for q in range(onward if forth else behind):
            e = first[i] + q if forth else back[back_first[i] + q]
            j = to[e] if forth else origin[e]
            over = np.float32(0.5) / (spread[e] + variance[i] + variance[j])
            floor = np.float32(np.inf)
            for a in range(n):
                reduced[a] = share * total[a] - message[e, a]
                floor = min(floor, reduced[a])
            lowest = np.float32(np.inf)
            for b in range(int(count[j])):
                least = floor + ceiling
                for a in range(n):
                    least = min(least, reduced[a] + _pair(value[i, a], value[j, b], over, period, ceiling))
                message[e, b] = least
                lowest = min(lowest, least)
            for b in range(int(count[j])):
                message[e, b] -= lowest
            if not forth:
                bound += lowest
    return bound


@njit(**_JIT)
def _decode(first, to, spread, back_first, back, origin, value, cost, variance, count, period, ceiling, message, label):
    """Labels in order of the nodes: earlier neighbours as chosen, later ones by their messages."""
    period, ceiling = np.float32(period), np.float32(ceiling)
    for i in range(len(value)):
        best = np.float32(np.inf)
        for a in range(int(count[i])):
            total = cost[i, a]
            for e in range(first[i], first[i + 1]):
                total += message[e, a]
            for q in range(back_first[i], back_first[i + 1]):
                e = back[q]
                j = origin[e]
                over = np.float32(0.5) / (spread[e] + variance[i] + variance[j])
                total += _pair(value[i, a], value[j, label[j]], over, period, ceiling)
            if total < best:
                best = total
                label[i] = a


@njit(**_JIT)
def _energy(first, to, spread, back_first, back, origin, value, cost, variance, count, period, ceiling, label):
    period, ceiling = np.float32(period), np.float32(ceiling)
    total = 0.0
    for i in range(len(value)):
        total += cost[i, label[i]]
        for e in range(first[i], first[i + 1]):
            j = to[e]
            over = np.float32(0.5) / (spread[e] + variance[i] + variance[j])
            total += _pair(value[i, label[i]], value[j, label[j]], over, period, ceiling)
    return total


@njit(**_JIT)
def _improve(first, to, spread, back_first, back, origin, value, cost, variance, count, period, ceiling, label):
    """One sweep of single changes; how many were made."""
    period, ceiling = np.float32(period), np.float32(ceiling)
    changed = 0
    for i in range(len(value)):
        n = int(count[i])
        if n < 2:
            continue
        best, chosen = np.float32(np.inf), label[i]
        for a in range(n):
            total = cost[i, a]
            for e in range(first[i], first[i + 1]):
                over = np.float32(0.5) / (spread[e] + variance[i] + variance[to[e]])
                total += _pair(value[i, a], value[to[e], label[to[e]]], over, period, ceiling)
            for q in range(back_first[i], back_first[i + 1]):
                j = origin[back[q]]
                over = np.float32(0.5) / (spread[back[q]] + variance[i] + variance[j])
                total += _pair(value[i, a], value[j, label[j]], over, period, ceiling)
            if total < best - np.float32(1e-4) or (total < best and a == label[i]):
                best, chosen = total, a
        if chosen != label[i]:
            label[i] = chosen
            changed += 1
    return changed
