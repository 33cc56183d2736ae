"""The first look at a series' voxels: is there signal, is it whole, and do the echo times run the way the data do?

Everything is read slab by slab, so that memory stays bounded whatever the size of the series.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from neuromyo.core.errors import DataError, Finding
from neuromyo.core.series import Data, Series
from neuromyo.io import echo_order, phase, volume_order
from neuromyo.io.nifti import StackedData, StoredData
from neuromyo.io.slabs import slabs

_SATURATED_SHARE = 0.01
#: where the maximum is the largest number of so many bits, fewer voxels there are enough
_CEILING_SHARE, _CEILING_BITS = 0.001, range(8, 17)
_SATURATED_LEAST = 10
_SIGNAL_SHARE = 0.05
#: an image of fewer grey values than this (a faint echo in whole numbers) shares its maximum without being clipped
_LEVELS = 32


class Looked(NamedTuple):
    """Warnings about the voxels, and of each volume a few numbers that another acquisition can hardly share."""

    findings: tuple[Finding, ...]
    marks: tuple[tuple[float, ...], ...]


def examine(series: Series, volume_files: tuple[str, ...], places: tuple[int, ...] | None = None) -> Looked:
    """Warnings about the voxels; E-NODATA, E-NOSIGNAL, E-ECHO-ORDER, and E-PHASE where a magnitude is phase, stop.

    volume_files : each volume's file
    places : each volume's place in the order of file names, where that may differ from the order by echo time
    """
    seen = _Seen.of(series)
    _refuse_no_data(seen, volume_files)
    _refuse_no_signal(seen, volume_files)
    if series.part == "mag":
        negative = float(seen.negative.sum() / max(1, seen.finite.sum()))
        phase.refuse_phase(series, float(seen.low.min()), float(seen.high.max()), negative, slabs(series))
    findings = [*_not_finite(seen, series), *volume_order.check(series)]
    findings += echo_order.check(series, slabs(series), volume_files, places)
    if series.part == "mag":
        findings += [*_negative(seen, series), *_saturated(seen, series, volume_files)]
    return Looked(tuple(findings), seen.marks())


@dataclass
class _Seen:
    """Counts per volume, each (n,)."""

    voxels: int
    finite: np.ndarray
    negative: np.ndarray
    low: np.ndarray
    high: np.ndarray
    at_high: np.ndarray
    total: np.ndarray

    @staticmethod
    def of(series: Series) -> _Seen:
        n = series.n
        seen = _Seen(series.grid.n_voxels, np.zeros(n, np.int64), np.zeros(n, np.int64), np.full(n, np.inf),
                     np.full(n, -np.inf), np.zeros(n, np.int64), np.zeros(n))  # fmt: skip
        for block in slabs(series):
            seen._add(series.read(block))
        return seen

    def _add(self, values: np.ndarray) -> None:
        flat = values.reshape(-1, values.shape[3])
        finite = np.isfinite(flat)
        high, low = flat, flat
        if not finite.all():
            high, low = np.where(finite, flat, -np.inf), np.where(finite, flat, np.inf)
        top = high.max(axis=0)
        count = np.where(np.isfinite(top), np.count_nonzero(flat == top, axis=0), 0)
        self.at_high = np.where(top > self.high, count, self.at_high + np.where(top == self.high, count, 0))
        self.high = np.maximum(self.high, top)
        self.low = np.minimum(self.low, low.min(axis=0))
        self.finite += np.count_nonzero(finite, axis=0)
        self.negative += np.count_nonzero(low < 0, axis=0)
        self.total += (flat if finite.all() else np.where(finite, flat, 0)).sum(axis=0, dtype=np.float64)

    def marks(self) -> tuple[tuple[float, ...], ...]:
        columns = (self.low, self.high, self.at_high, self.finite, self.negative, self.total)
        return tuple(tuple(float(v) for v in row) for row in zip(*columns, strict=True))


def _named(bad: np.ndarray, volume_files: tuple[str, ...]) -> str:
    """The files of the volumes that are bad, the first one and how many more."""
    files = list(dict.fromkeys(volume_files[i] for i in np.flatnonzero(bad)))
    return files[0] + (f" and {len(files) - 1} more" if len(files) > 1 else "")


def _refuse_no_data(seen: _Seen, volume_files: tuple[str, ...]) -> None:
    bad = seen.finite == 0
    if bad.any():
        raise DataError(
            "E-NODATA",
            where=f"{_named(bad, volume_files)}: voxels",
            needed="finite numbers",
            found="NaN or infinity in every voxel",
            remedy="convert or export the series again",
        )


def _refuse_no_signal(seen: _Seen, volume_files: tuple[str, ...]) -> None:
    bad = seen.low == seen.high
    if bad.any() and seen.voxels > 1:
        value = seen.low[bad][0]
        raise DataError(
            "E-NOSIGNAL",
            where=f"{_named(bad, volume_files)}: voxels",
            needed="an image",
            found=f"{value:g} in every voxel",
            remedy="export the series again, or leave it out",
        )


def _not_finite(seen: _Seen, series: Series) -> Iterator[Finding]:
    lost = int((seen.voxels - seen.finite).sum())
    if lost:
        yield Finding("warn", "W-NOTFINITE", f"{series.name}: voxels", f"{lost} samples are NaN or infinite",
                      "export the series again if they lie in tissue", "those voxels are left out")  # fmt: skip


def _negative(seen: _Seen, series: Series) -> Iterator[Finding]:
    count = int(seen.negative.sum())
    if count:
        yield Finding(
            "warn",
            "W-NEGATIVE",
            f"{series.name}: voxels",
            f"{count:,} samples of a magnitude image are negative, the lowest {seen.low.min():g}",
            "check the scaling of the export",
            "fits take magnitudes to be 0 or more",
        )


def _saturated(seen: _Seen, series: Series, volume_files: tuple[str, ...]) -> Iterator[Finding]:
    """Clipped volumes: more than 1 % of the voxels with signal (over 5 % of the maximum) share the maximum exactly, or more than
    0.1 % where the maximum is the largest number that 8 to 16 bits hold."""
    suspects = np.flatnonzero((seen.at_high >= _SATURATED_LEAST) & (seen.high > 0))
    if not suspects.size:
        return
    signal, levels = np.zeros(series.n, np.int64), np.zeros(series.n, np.int64)
    for block in slabs(series):
        values = series.read(block)
        for v in suspects:
            volume = values[..., v]
            bright = volume[volume > _SIGNAL_SHARE * seen.high[v]]
            signal[v] += bright.size
            if levels[v] < _LEVELS:
                levels[v] = max(levels[v], np.unique(bright).size)
    share = np.divide(seen.at_high, signal, out=np.zeros(series.n), where=signal > 0)
    bits = [_ceiling(series.data, v, float(seen.high[v])) for v in range(series.n)]
    enough = np.where([b > 0 for b in bits], _CEILING_SHARE, _SATURATED_SHARE)
    clipped = (share > enough) & (levels >= _LEVELS)
    if clipped.any():
        worst = int(np.argmax(np.where(clipped, share, 0)))
        yield Finding(
            "warn",
            "W-SATURATED",
            f"{_named(clipped, volume_files)}: voxels",
            f"{100 * share[worst]:.2g} % of the voxels with signal stand at the maximum, {seen.high[worst]:g}"
            + (f", the largest number that {bits[worst]} bits hold" if bits[worst] else ""),
            "lower the receiver gain or export more bits",
            "fits over clipped voxels are biased",
        )


def _ceiling(data: Data, volume: int, value: float) -> int:
    """How many bits are full where a voxel of that value is stored: 12 for 4095; 0 where none of the usual numbers is."""
    if isinstance(data, StackedData):
        data, volume = data.volumes[volume]
    stored = (value - data.intercept) / data.slope if isinstance(data, StoredData) else value
    return next((b for b in _CEILING_BITS if abs(stored - (2**b - 1)) < 1e-3), 0)
