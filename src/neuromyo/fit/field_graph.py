"""Which voxels of an image are neighbours, across gaps too, and a field made whole along them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import njit

from neuromyo.fit.message_passing import Graph, graph

#: widest gap that parts are joined across, mm
_REACH_MM = 60.0
#: parts below this many voxels are joined to others, but others not to them
_FEW = 8
#: most parts that edges are sought for one by one
_MOST_PARTS = 200


def of_mask(mask: np.ndarray, spacing_mm: Sequence[float], steepness: float) -> tuple[Graph, int]:
    """The graph of the voxels in ``mask`` (x, y, z), numbered in array order, and how many parts touch nowhere.

    Neighbours at distance d mm may differ by (steepness d)^2 Hz^2.
    """
    count = int(mask.sum())
    index = np.full(mask.shape, -1, np.int32)
    index[mask] = np.arange(count, dtype=np.int32)
    ends, spreads = [], []
    for axis in range(3):
        near = np.take(index, np.arange(mask.shape[axis] - 1), axis=axis)
        far = np.take(index, np.arange(1, mask.shape[axis]), axis=axis)
        both = (near >= 0) & (far >= 0)
        ends.append(np.stack([near[both], far[both]]))
        spreads.append(np.full(int(both.sum()), (steepness * spacing_mm[axis]) ** 2, np.float32))
    bridges, lengths, parts = _bridges(mask, index, spacing_mm)
    ends.append(bridges)
    spreads.append(((steepness * lengths) ** 2).astype(np.float32))
    joined = np.concatenate(ends, axis=1)
    return graph(count, joined[0], joined[1], np.concatenate(spreads)), parts


def _bridges(mask: np.ndarray, index: np.ndarray, spacing_mm: Sequence[float]) -> tuple[np.ndarray, np.ndarray, int]:
    """From each voxel on a part's surface to the nearest voxel of another part: (2, e) numbers, (e,) mm."""
    from scipy import ndimage
    from scipy.spatial import KDTree

    labelled: Any = ndimage.label(mask)
    part, parts = labelled
    none = np.zeros((2, 0), np.int32), np.zeros(0), int(parts)
    if parts < 2:
        return none
    surface = mask & ~np.asarray(ndimage.binary_erosion(mask), bool)
    place = np.argwhere(surface)
    owner = part[surface]
    number = index[surface]
    where = place * np.asarray(spacing_mm)
    size = np.bincount(part.ravel(), minlength=parts + 1)
    largest = np.argsort(-size[1:], kind="stable")[:_MOST_PARTS] + 1
    found, lengths = [], []
    for p in largest:
        others = (owner != p) & ((size[owner] >= _FEW) | (size[p] < _FEW))
        mine = owner == p
        if not others.any():
            continue
        distance, nearest = KDTree(where[others]).query(where[mine], distance_upper_bound=_REACH_MM)
        near = np.isfinite(distance)
        found.append(np.stack([number[mine][near], number[others][np.asarray(nearest)[near]]]))
        lengths.append(distance[near])
    if not found:
        return none
    return np.concatenate(found, axis=1).astype(np.int32), np.concatenate(lengths), int(parts)


def unwrapped(g: Graph, field: np.ndarray, period: float) -> np.ndarray:
    """``field`` (m,) Hz plus whole periods, so that it changes little along edges; each part's median is nearest to zero."""
    out = field.astype(np.float64)
    part = _unwrap(g.first, g.to, g.back_first, g.back, g.origin, out, period)
    for p in range(int(part.max()) + 1):
        here = part == p
        out[here] -= period * np.round(np.median(out[here]) / period)
    return out.astype(np.float32)


@njit(cache=True, nogil=True)
def _unwrap(first, to, back_first, back, origin, field, period):
    """Flood fill along the smallest differences first (in eight steps of size); returns the part of every node."""
    nodes, levels = len(field), 8
    part = np.full(nodes, -1, np.int32)
    room = 2 * len(to) + 1  # a part's own queues: every edge is put in at most once from each end
    queue, source, after = np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room, np.int32)
    parts = 0
    for seed in range(nodes):
        if part[seed] >= 0:
            continue
        head, tail = np.full(levels, -1, np.int32), np.full(levels, -1, np.int32)
        queue[0], source[0], after[0], used = seed, seed, -1, 1
        head[0] = tail[0] = 0
        while True:
            level = 0
            while level < levels and head[level] < 0:
                level += 1
            if level == levels:
                break
            here = head[level]
            i, s = queue[here], source[here]
            head[level] = after[here]
            if part[i] >= 0:
                continue
            part[i] = parts
            field[i] -= period * np.floor((field[i] - field[s]) / period + 0.5)
            forward = first[i + 1] - first[i]
            for q in range(forward + back_first[i + 1] - back_first[i]):
                j = to[first[i] + q] if q < forward else origin[back[back_first[i] + q - forward]]
                if part[j] < 0:
                    d = (field[j] - field[i]) / period
                    d = abs(d - np.floor(d + 0.5))
                    k = min(int(2 * levels * d), levels - 1)
                    queue[used], source[used], after[used] = j, i, -1
                    if head[k] < 0:
                        head[k] = used
                    else:
                        after[tail[k]] = used
                    tail[k] = used
                    used += 1
        parts += 1
    return part
