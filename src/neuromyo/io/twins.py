"""Volumes that are the same to the last bit: two flip angles exported twice from one scan, a file copied under another name.

Noise alone keeps two acquisitions apart, so that equal voxels are one acquisition. Volumes are first compared by numbers that the first
look at them counted anyway; only those that agree in all of them are read again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from neuromyo.core.errors import Finding
from neuromyo.core.series import Block, Series
from neuromyo.io.slabs import slabs

#: what tells two acquisitions apart: field of `Acquisition`, BIDS key, unit
_VARIED = (
    ("echo_times", "EchoTime", "s"),
    ("flip_angles_deg", "FlipAngle", "degrees"),
    ("inversion_times", "InversionTime", "s"),
    ("mt_on", "MTState", ""),
    ("repetition_time", "RepetitionTime", "s"),
    ("b_values", "b-value", "s/m2"),
    ("b_vectors", "direction", ""),
)


@dataclass(frozen=True, eq=False)
class Marked:
    """A series with what the first look counted in each volume, and the file of each."""

    series: Series
    files: tuple[str, ...]
    marks: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, eq=False)
class _Volume:
    of: Marked
    index: int

    @property
    def name(self) -> str:
        file = self.of.files[self.index]
        return (
            file if self.of.files.count(file) == 1 else f"{file} (volume {self.of.files[: self.index + 1].count(file)})"
        )

    def stated(self, field: str) -> object:
        value = getattr(self.of.series.acquisition, field)
        if not isinstance(value, tuple) or not value:
            return value
        return value[self.index] if self.index < len(value) else value[0]


def find(looked: Sequence[Marked]) -> tuple[Finding, ...]:
    """E-IDENTICAL (a stop) where volumes hold the same voxels but are stated to be acquired differently, W-IDENTICAL where nothing
    stated tells them apart; one finding for each file after the first."""
    suspects: dict[tuple, list[_Volume]] = {}
    for one in looked:
        if one.series.kind.startswith("magnitude"):  # of a field map, where a copy of one magnitude serves as well
            continue
        for i, mark in enumerate(one.marks):
            suspects.setdefault((one.series.grid.shape, mark), []).append(_Volume(one, i))
    found: list[Finding] = []
    for group in (g for g in suspects.values() if len(g) > 1):
        for alike in _same(group):
            found += _told(alike)
    return tuple(found)


def _same(group: Sequence[_Volume]) -> Iterator[list[_Volume]]:
    """Those of a group whose voxels are the same."""
    by_voxels: dict[bytes, list[_Volume]] = {}
    for volume in group:
        by_voxels.setdefault(_digest(volume), []).append(volume)
    yield from (alike for alike in by_voxels.values() if len(alike) > 1)


def _digest(volume: _Volume) -> bytes:
    series = volume.of.series
    made = hashlib.blake2b(digest_size=16)
    for block in slabs(series):
        made.update(_read(series, block, volume.index))
    return made.digest()


def _read(series: Series, block: Block, index: int) -> bytes:
    return np.ascontiguousarray(series.read(block)[..., index]).tobytes()


def _told(alike: Sequence[_Volume]) -> Iterator[Finding]:
    first, *others = alike
    for other in others:
        if not _apart(first, other):
            yield Finding(
                "warn", "W-IDENTICAL", f"{other.name}: voxels", _same_as(first),
                "leave one of them out, unless the copy is meant",
                "two of one acquisition count as two, and every sd comes out too small",
            )  # fmt: skip
            continue
        for one, twin in ((other, first), (first, other))[: 1 if other.of is first.of else 2]:
            yield Finding(
                "stop", "E-IDENTICAL", f"{one.name}: voxels", f"{_same_as(twin)}, though {_apart(twin, one)}",
                "export both series from the scanner again: one was written twice, or one over the other",
                "nothing is computed from them",
            )  # fmt: skip


def _same_as(twin: _Volume) -> str:
    return f"the same voxels, to the last bit, as {twin.name}"


def _apart(one: _Volume, other: _Volume) -> str:
    """What is stated to differ; empty where nothing is."""
    for field, key, unit in _VARIED:
        a, b = one.stated(field), other.stated(field)
        if a is not None and b is not None and a != b:
            return f"{key} is {_said(a, unit)} there and {_said(b, unit)} here"
    return ""


def _said(value: object, unit: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "(" + ", ".join(f"{v:.3g}" for v in value) + ")"
    return f"{value:g} {unit}".strip()
