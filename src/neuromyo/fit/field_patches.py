"""Whole patches of an image exchanged between their candidate fields, where that fits better; and how near a choice it was.

Messages can leave a patch in a minimum of its own: every voxel agrees with its neighbours, and none can change alone. A patch is a
set of voxels joined by edges along which the field does not jump. For each, all its voxels are moved together by the shift at which
most of them have another candidate; what lowers the energy is kept, the largest gains first and never two touching patches at once.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from neuromyo.fit.message_passing import Graph, _energy, _pair, polish

_JIT = {"cache": True, "nogil": True, "error_model": "numpy"}
#: an edge that costs more than this share of the ceiling is a jump
_JUMP = 0.25
_MOST_ROUNDS = 12


def exchange(
    g: Graph, value: np.ndarray, cost: np.ndarray, variance: np.ndarray, count: np.ndarray, label: np.ndarray, *,
    period: float, ceiling: float,
) -> tuple[np.ndarray, float]:  # fmt: skip
    """The labels (m,) after all exchanges of patches that lower the energy, and that energy's change is in the second value."""
    label = label.copy()
    fixed = (g.first, g.to, g.spread, g.back_first, g.back, g.origin, value, cost, variance, count, period, ceiling)
    energy = float(_energy(*fixed, label))
    for _ in range(_MOST_ROUNDS):
        before = energy
        for which in range(1, value.shape[1]):
            patch, patches = _patches(*fixed, label, _JUMP)
            trial = _moved(value, cost, count, label, patch, patches, which, period)
            gain = _gains(*fixed, label, trial, patch, patches)
            if not (gain > 1e-3).any():
                continue
            keep = _apart(g.first, g.to, patch, gain)
            label = np.where(keep[patch], trial, label)
        polish(g, value, cost, variance, count, label, period=period, ceiling=ceiling)
        energy = float(_energy(*fixed, label))
        if energy > before - 1e-3:
            break
    return label, energy


def margin(
    g: Graph, value: np.ndarray, cost: np.ndarray, variance: np.ndarray, count: np.ndarray, label: np.ndarray, *,
    period: float, ceiling: float,
) -> np.ndarray:  # fmt: skip
    """(m,) float32: the least that the energy rises when a voxel, or the patch it belongs to, takes another candidate."""
    fixed = (g.first, g.to, g.spread, g.back_first, g.back, g.origin, value, cost, variance, count, period, ceiling)
    alone = _alone(*fixed, label)
    patch, patches = _patches(*fixed, label, _JUMP)
    for which in range(1, value.shape[1]):
        trial = _moved(value, cost, count, label, patch, patches, which, period)
        loss = -_gains(*fixed, label, trial, patch, patches)
        # only voxels that move with their patch are in doubt by it: in a large one it may be a single voxel that has another field
        alone = np.where(trial != label, np.minimum(alone, loss[patch].astype(np.float32)), alone)
    return np.maximum(alone, 0).astype(np.float32)


@njit(**_JIT)
def _patches(first, to, spread, back_first, back, origin, value, cost, variance, count, period, ceiling, label, jump):
    """The patch (m,) of every node, numbered from 0, and their number: union-find over edges that do not jump."""
    nodes = len(value)
    parent = np.arange(nodes).astype(np.int32)
    period32, ceiling32 = np.float32(period), np.float32(ceiling)
    for i in range(nodes):
        for e in range(first[i], first[i + 1]):
            j = to[e]
            over = np.float32(0.5) / (spread[e] + variance[i] + variance[j])
            if _pair(value[i, label[i]], value[j, label[j]], over, period32, ceiling32) > jump * ceiling32:
                continue
            a, b = i, j
            while parent[a] != a:
                parent[a] = parent[parent[a]]
                a = parent[a]
            while parent[b] != b:
                parent[b] = parent[parent[b]]
                b = parent[b]
            if a < b:
                parent[b] = a
            else:
                parent[a] = b
    out, patches = np.empty(nodes, np.int32), 0
    for i in range(nodes):
        a = i
        while parent[a] != a:
            a = parent[a]
        if a == i:
            out[i] = patches
            patches += 1
        else:
            out[i] = out[a]
    return out, patches


@njit(**_JIT)
def _moved(value, cost, count, label, patch, patches, which, period):
    """Labels (m,) with every patch shifted by the mean offset of its voxels' ``which``-th other candidate, as far as that goes."""
    re, im = np.zeros(patches), np.zeros(patches)
    for i in range(len(value)):
        other = which - 1 if label[i] >= which else which
        if other >= count[i]:
            continue
        weight = math.exp(-0.1 * min(cost[i, other], 50.0))
        offset = value[i, other] - value[i, label[i]]
        if period > 0.0:  # a mean on the circle
            re[patch[i]] += weight * math.cos(2 * math.pi * offset / period)
            im[patch[i]] += weight * math.sin(2 * math.pi * offset / period)
        else:
            re[patch[i]] += weight * offset
            im[patch[i]] += weight
    for p in range(patches):
        if period > 0.0:
            re[p] = math.atan2(im[p], re[p]) * period / (2 * math.pi)
        elif im[p] > 0.0:
            re[p] /= im[p]
    out = np.empty(len(value), np.uint8)
    for i in range(len(value)):
        wanted, least = value[i, label[i]] + re[patch[i]], np.inf
        for a in range(int(count[i])):
            away = value[i, a] - wanted
            if period > 0.0:
                away -= period * math.floor(away / period + 0.5)
            if abs(away) < least:
                least = abs(away)
                out[i] = a
    return out


@njit(**_JIT)
def _gains(
    first,
    to,
    spread,
    back_first,
    back,
    origin,
    value,
    cost,
    variance,
    count,
    period,
    ceiling,
    label,
    trial,
    patch,
    patches,
):
    """(patches,) by how much the energy falls when one patch alone takes its trial labels."""
    period32, ceiling32 = np.float32(period), np.float32(ceiling)
    gain = np.zeros(patches)
    for i in range(len(value)):
        gain[patch[i]] += cost[i, label[i]] - cost[i, trial[i]]
        for e in range(first[i], first[i + 1]):
            j = to[e]
            over = np.float32(0.5) / (spread[e] + variance[i] + variance[j])
            now = _pair(value[i, label[i]], value[j, label[j]], over, period32, ceiling32)
            if patch[i] == patch[j]:
                gain[patch[i]] += now - _pair(value[i, trial[i]], value[j, trial[j]], over, period32, ceiling32)
            else:
                gain[patch[i]] += now - _pair(value[i, trial[i]], value[j, label[j]], over, period32, ceiling32)
                gain[patch[j]] += now - _pair(value[i, label[i]], value[j, trial[j]], over, period32, ceiling32)
    return gain


@njit(**_JIT)
def _apart(first, to, patch, gain):
    """(patches,) bool: those that gain, and more than any patch they touch."""
    keep = gain > 1e-3
    for i in range(len(patch)):
        for e in range(first[i], first[i + 1]):
            a, b = patch[i], patch[to[e]]
            if a != b and gain[a] > 1e-3 and gain[b] > 1e-3:
                if gain[a] > gain[b] or (gain[a] == gain[b] and a < b):
                    keep[b] = False
                else:
                    keep[a] = False
    return keep


@njit(**_JIT)
def _alone(first, to, spread, back_first, back, origin, value, cost, variance, count, period, ceiling, label):
    """(m,) by how much the energy rises when one voxel alone takes its next best candidate; inf where it has none."""
    period32, ceiling32 = np.float32(period), np.float32(ceiling)
    out = np.full(len(value), np.inf, np.float32)
    for i in range(len(value)):
        here, least = np.float32(0.0), np.float32(np.inf)
        for a in range(int(count[i])):
            total = cost[i, a]
            for e in range(first[i], first[i + 1]):
                j = to[e]
                over = np.float32(0.5) / (spread[e] + variance[i] + variance[j])
                total += _pair(value[i, a], value[j, label[j]], over, period32, ceiling32)
            for q in range(back_first[i], back_first[i + 1]):
                j = origin[back[q]]
                over = np.float32(0.5) / (spread[back[q]] + variance[i] + variance[j])
                total += _pair(value[i, a], value[j, label[j]], over, period32, ceiling32)
            if a == label[i]:
                here = total
            else:
                least = min(least, total)
        out[i] = least - here
    return out
