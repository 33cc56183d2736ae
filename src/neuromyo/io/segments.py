"""Segments that may lie on each other (3D Slicer, DICOM SEG) to labels, which hold one index a voxel.

Where one segment lies wholly within another (fascicles in their nerve, a muscle in its compartment) nothing is lost: the inner one
becomes a part of the outer one, which then holds the rest, and is pooled with its parts wherever it is measured. Segments that overlap
otherwise are refused by number: a voxel cannot be both, and choosing would change what somebody drew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from neuromyo.core.errors import DataError
from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels, Region
from neuromyo.io.labels import named

#: no more segments than this are told of in one message
_TOLD = 4


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment as a file describes it: what somebody typed as its name, and a code such as ``SCT:122464006``."""

    text: str = ""
    code: str = ""


@dataclass(frozen=True)
class _Shares:
    """Voxels of each segment, and of each two that lie on each other (lower number first)."""

    sizes: Mapping[int, int]
    common: Mapping[tuple[int, int], int]

    def within(self, inner: int, outer: int) -> bool:
        shared = self.common.get((min(inner, outer), max(inner, outer)), 0)
        return shared == self.sizes[inner] and self.sizes[inner] < self.sizes[outer]


def assembled(
    layers: Sequence[np.ndarray], segments: Mapping[int, Segment], grid: Grid, where: str, source: str = ""
) -> Labels:
    """Labels of layers (x, y, z) int on ``grid``: a voxel belongs to each segment whose number one of the layers holds there.

    segments : by number; those that are not described are called ``segment-<number>``
    E-EMPTYROI where nothing was drawn, E-LABELS where segments overlap without one being a part of the other.
    """
    shares = _counted(layers)
    if not shares.sizes:
        raise DataError("E-EMPTYROI", where=where, needed="at least one segment with voxels", found="none",
                        remedy="check how the segments were drawn and saved")  # fmt: skip
    _refuse_overlap(shares, where)
    parents = {s: _parent(s, shares) for s in shares.sizes}
    regions = _regions(segments, shares, parents)
    volume = _innermost(layers, shares)
    present = set(np.unique(volume).tolist())
    return Labels(volume, grid, tuple(r for r in regions if r.index in present), source or where)


def _counted(layers: Sequence[np.ndarray]) -> _Shares:
    sizes: dict[int, int] = {}
    common: dict[tuple[int, int], int] = {}
    for layer in layers:
        for number, count in zip(*np.unique(layer, return_counts=True), strict=True):
            if number:
                sizes[int(number)] = sizes.get(int(number), 0) + int(count)
    for a, b in combinations(layers, 2):
        both = (a > 0) & (b > 0)
        pairs = np.sort(np.stack([a[both], b[both]]), axis=0)
        for (low, high), count in zip(*np.unique(pairs.T, axis=0, return_counts=True), strict=True):
            common[int(low), int(high)] = common.get((int(low), int(high)), 0) + int(count)
    return _Shares(sizes, common)


def _refuse_overlap(shares: _Shares, where: str) -> None:
    across = [(n, a, b) for (a, b), n in shares.common.items() if not (shares.within(a, b) or shares.within(b, a))]
    if not across:
        return
    said = "; ".join(f"segments {a} and {b} share {n} voxels" for n, a, b in sorted(across, reverse=True)[:_TOLD])
    more = f" (and {len(across) - _TOLD} pairs more)" if len(across) > _TOLD else ""
    raise DataError("E-LABELS", where=where, needed="segments apart from each other, or one wholly within the other",
                    found=said + more, remedy="erase the overlap in one of them, or save them in files of their own")  # fmt: skip


def _parent(inner: int, shares: _Shares) -> int | None:
    """The smallest segment around one."""
    around = [s for s in shares.sizes if s != inner and shares.within(inner, s)]
    return min(around, key=lambda s: shares.sizes[s], default=None)


def _regions(segments: Mapping[int, Segment], shares: _Shares, parents: Mapping[int, int | None]) -> tuple[Region, ...]:
    """Names cleaned and told apart (``-2`` behind the second of a name and side), sides taken from what is around."""
    made: dict[int, Region] = {}
    taken: set[tuple[str, str]] = set()
    for number in sorted(shares.sizes, key=lambda s: (-shares.sizes[s], s)):  # what is around comes first
        segment, outer = segments.get(number, Segment()), parents[number]
        name, side = named(segment.text)
        around = made[outer] if outer is not None else None
        if side == "none" and around is not None:
            side = around.side
        base, again = name or f"segment-{number}", 2
        name = base
        while (name, side) in taken:
            name, again = f"{base}-{again}", again + 1
        taken.add((name, side))
        made[number] = Region(number, name, side, around.name if around else "", segment.code)
    return tuple(made[number] for number in sorted(made))


def _innermost(layers: Sequence[np.ndarray], shares: _Shares) -> np.ndarray:
    """(x, y, z) int32: at each voxel the smallest of the segments there."""
    volume = np.array(layers[0], dtype=np.int32)
    if len(layers) == 1:
        return volume
    size = np.full(max(shares.sizes) + 1, np.iinfo(np.int64).max, dtype=np.int64)
    for number, count in shares.sizes.items():
        size[number] = count
    for layer in layers[1:]:
        better = (layer > 0) & ((volume == 0) | (size[layer] < size[volume]))
        volume[better] = layer[better]
    return volume
