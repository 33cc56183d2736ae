"""Bone marrow: fat inside a dark ring of cortical bone.

From a voxel of marrow, every way out of the fat meets cortical bone, which has no signal; from any other fat, muscle or
air is met. So each fatty voxel sends out rays, and is marrow where most of them end in the dark.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from neuromyo.anatomy.shapes import islands, of_size

_DIRECTIONS = 24
_REACH_MM = 32.0
_ENCLOSED = 0.6
_SMALLEST_MM2 = 15.0
#: bones in one leg
_BONES = 2


def enclosed(fat: np.ndarray, dark: np.ndarray, spacing: tuple[float, float]) -> np.ndarray:
    """(a, b) share of directions (0 to 1) in which a fatty voxel's way out of the fat ends in a dark one, one slice."""
    start = np.argwhere(fat & ~dark)
    state = np.where(dark, 1, np.where(fat, 0, 2)).astype(np.uint8)
    padded = np.pad(state, 1, constant_values=2)
    hits = np.zeros(len(start), np.float32)
    step = max(0.6, 0.5 * min(spacing))
    for angle in 2 * np.pi * np.arange(_DIRECTIONS) / _DIRECTIONS:
        move = step * np.array([np.cos(angle) / spacing[0], np.sin(angle) / spacing[1]])
        hits += _meets_dark(start, move, padded, int(_REACH_MM / step))
    score = np.zeros(fat.shape, np.float32)
    score[tuple(start.T)] = hits / _DIRECTIONS
    return score


def _meets_dark(start: np.ndarray, move: np.ndarray, padded: np.ndarray, steps: int) -> np.ndarray:
    """For each start (m, 2), whether the first voxel that is not fat along the ray is dark."""
    met = np.zeros(len(start), bool)
    alive = np.arange(len(start))
    limit = np.array(padded.shape) - 1
    for n in range(1, steps + 1):
        at = np.clip(np.rint(start[alive] + n * move).astype(np.intp) + 1, 0, limit)
        state = padded[at[:, 0], at[:, 1]]
        met[alive[state == 1]] = True
        alive = alive[state == 0]
        if not alive.size:
            break
    return met


def marrow(score: np.ndarray, fat: np.ndarray, spacing: tuple[float, float]) -> np.ndarray:
    """(a, b, z) bool from the scores of all slices of one leg: at most two columns, through much of the stack."""
    seed = np.zeros(fat.shape, bool)
    for k in range(fat.shape[2]):
        seed[..., k] = _islands(score[..., k] >= _ENCLOSED, spacing)
    seed = _columns(seed, spacing)
    for k in np.flatnonzero(seed.any((0, 1))):
        grown = ndimage.binary_dilation(seed[..., k], iterations=max(1, round(1.0 / max(spacing))))
        seed[..., k] = ndimage.binary_fill_holes(seed[..., k] | (grown & fat[..., k] & (score[..., k] >= 0.4)))
    return seed


def _islands(inside: np.ndarray, spacing: tuple[float, float]) -> np.ndarray:
    return of_size(inside, min(_SMALLEST_MM2, 2 * spacing[0] * spacing[1]), spacing)


def _columns(seed: np.ndarray, spacing: tuple[float, float]) -> np.ndarray:
    """The largest islands that continue from slice to slice, two at most, shifted by some 4 mm between slices."""
    slices = seed.shape[2]
    steps = max(1, round(4.0 / max(spacing)))
    near = ndimage.binary_dilation(seed, ndimage.generate_binary_structure(3, 1)[:, :, 1:2], iterations=steps)
    label, n = islands(near)
    label = np.where(seed, label, 0)
    found = []
    for i in range(1, n + 1):
        column = label == i
        spans = int(column.any((0, 1)).sum())
        if spans >= (0.4 * slices if slices >= 3 else 1):
            found.append((-int(column.sum()), i))
    keep = [i for _, i in sorted(found)[:_BONES]]
    return np.isin(label, keep) & seed
