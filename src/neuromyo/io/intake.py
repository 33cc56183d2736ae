"""The first look at a series' voxels: is there signal, is it whole, and do the echo times run the way the data do?

Everything is read slab by slab, so that memory stays bounded whatever the size of the series.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from neuromyo.core.errors import DataError, Finding
from neuromyo.core.series import Block, Series
from neuromyo.io import echo_order, phase

_SLAB_BYTES = 32 << 20
_SATURATED_SHARE = 0.01
_SATURATED_LEAST = 10
_SIGNAL_SHARE = 0.05
#: an image of fewer grey values than this (a faint echo in whole numbers) shares its maximum without being clipped
_LEVELS = 32


def examine(
    series: Series, volume_files: tuple[str, ...], places: tuple[int, ...] | None = None
) -> tuple[Finding, ...]:
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
    findings = [*_not_finite(seen, series), *echo_order.check(series, slabs(series), volume_files, places)]
    if series.part == "mag":
        findings += [*_negative(seen, series), *_saturated(seen, series, volume_files)]
    return tuple(findings)


@dataclass
class _Seen:
    """Counts per volume, each (n,)."""

    voxels: int
    finite: np.ndarray
    negative: np.ndarray
    low: np.ndarray
    high: np.ndarray
    at_high: np.ndarray

    @staticmethod
    def of(series: Series) -> _Seen:
        n = series.n
        seen = _Seen(series.grid.n_voxels, np.zeros(n, np.int64), np.zeros(n, np.int64), np.full(n, np.inf),
                     np.full(n, -np.inf), np.zeros(n, np.int64))  # fmt: skip
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


def slabs(series: Series) -> Iterator[Block]:
    """Boxes that cover the series one after another, along the axis that was stored last, each of bounded size."""
    axis = series.grid.source_axes[2][0]
    length = series.grid.shape[axis]
    layer = 4 * series.grid.n_voxels // length * series.n
    thick = max(1, _SLAB_BYTES // max(layer, 1))
    for start in range(0, length, thick):
        box = [slice(None)] * 3
        box[axis] = slice(start, min(start + thick, length))
        yield box[0], box[1], box[2]


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
    """Clipped volumes: more than 1 % of the voxels with signal (over 5 % of the maximum) share the maximum exactly."""
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
    clipped = (share > _SATURATED_SHARE) & (levels >= _LEVELS)
    if clipped.any():
        worst = int(np.argmax(np.where(clipped, share, 0)))
        yield Finding(
            "warn",
            "W-SATURATED",
            f"{_named(clipped, volume_files)}: voxels",
            f"{100 * share[worst]:.1f} % of the voxels with signal stand at the maximum, {seen.high[worst]:g}",
            "lower the receiver gain or export more bits",
            "fits over clipped voxels are biased",
        )
