"""The first look at a series' voxels: is there signal, is it whole, and do the echo times run the way the data do?

Everything is read slab by slab, so that memory stays bounded whatever the size of the series.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from neuromyo.core.errors import DataError, Finding
from neuromyo.core.series import Block, Series

_SLAB_BYTES = 32 << 20
_SATURATED_SHARE = 0.01
_SATURATED_LEAST = 10
_SIGNAL_SHARE = 0.05
#: voxels looked at for the order of the echoes; a median needs no more
_ENOUGH = 4_000_000


def examine(series: Series, volume_files: tuple[str, ...]) -> tuple[Finding, ...]:
    """Warnings about the voxels; E-NODATA, E-NOSIGNAL and E-ECHO-ORDER stop. ``volume_files`` names each volume's file."""
    seen = _Seen.of(series)
    _refuse_no_data(seen, volume_files)
    _refuse_no_signal(seen, volume_files)
    _refuse_reversed_echoes(series)
    findings = [*_not_finite(seen, series)]
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
        for v in range(values.shape[3]):
            volume = values[..., v]
            volume = volume[np.isfinite(volume)]
            if not volume.size:
                continue
            self.finite[v] += volume.size
            self.negative[v] += np.count_nonzero(volume < 0)
            self.low[v] = min(self.low[v], volume.min())
            high = volume.max()
            count = np.count_nonzero(volume == high)
            self.at_high[v] = count + (self.at_high[v] if high == self.high[v] else 0) if high >= self.high[v] else self.at_high[v]
            self.high[v] = max(self.high[v], high)


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
        raise DataError("E-NODATA", where=f"{_named(bad, volume_files)}: voxels", needed="finite numbers",
                        found="NaN or infinity in every voxel", remedy="convert or export the series again")  # fmt: skip


def _refuse_no_signal(seen: _Seen, volume_files: tuple[str, ...]) -> None:
    bad = seen.low == seen.high
    if bad.any() and seen.voxels > 1:
        value = seen.low[bad][0]
        raise DataError("E-NOSIGNAL", where=f"{_named(bad, volume_files)}: voxels", needed="an image",
                        found=f"{value:g} in every voxel", remedy="export the series again, or leave it out")  # fmt: skip


def _refuse_reversed_echoes(series: Series) -> None:
    """The last third of the echoes cannot be brighter than the first; a bright second echo is normal."""
    times, n = series.acquisition.echo_times, series.n
    if series.kind not in ("MESE", "MEGRE") or series.part != "mag" or times is None or len(times) != n or n < 3:
        return
    third = n // 3
    step = max(1, round((series.grid.n_voxels / _ENOUGH) ** 0.5))
    means, firsts, lasts = [], [], []
    for block in slabs(series):
        axis = series.grid.source_axes[2][0]
        thin = tuple(slice(None) if a == axis else slice(None, None, step) for a in range(3))
        values = series.read(block)[thin].reshape(-1, n)
        values = values[np.isfinite(values).all(axis=1)]
        means.append(values.mean(axis=1))
        firsts.append(values[:, :third].mean(axis=1))
        lasts.append(values[:, -third:].mean(axis=1))
    mean, first, last = (np.concatenate(v) for v in (means, firsts, lasts))
    if not mean.size:
        return
    foreground = mean > 0.1 * np.percentile(mean, 99)
    if foreground.any() and np.median(last[foreground]) > np.median(first[foreground]):
        raise DataError("E-ECHO-ORDER", where=f"{series.name}: EchoTime", needed="signal that falls as echo time grows",
                        found=f"the last {third} echoes brighter (median {np.median(last[foreground]):.4g}) than the first "
                              f"(median {np.median(first[foreground]):.4g})",
                        remedy="check the order of EchoTime against the volumes")  # fmt: skip


def _not_finite(seen: _Seen, series: Series) -> Iterator[Finding]:
    lost = int((seen.voxels - seen.finite).sum())
    if lost:
        yield Finding("warn", "W-NOTFINITE", f"{series.name}: voxels", f"{lost} samples are NaN or infinite",
                      "export the series again if they lie in tissue", "those voxels are left out")  # fmt: skip


def _negative(seen: _Seen, series: Series) -> Iterator[Finding]:
    count = int(seen.negative.sum())
    if count:
        yield Finding("warn", "W-NEGATIVE", f"{series.name}: voxels", f"{count} samples of a magnitude image are negative",
                      "check the scaling of the export", "fits take magnitudes to be 0 or more")  # fmt: skip


def _saturated(seen: _Seen, series: Series, volume_files: tuple[str, ...]) -> Iterator[Finding]:
    """Clipped volumes: more than 1 % of the voxels with signal (over 5 % of the maximum) share the maximum exactly."""
    suspects = np.flatnonzero((seen.at_high >= _SATURATED_LEAST) & (seen.high > 0))
    if not suspects.size:
        return
    signal = np.zeros(series.n, np.int64)
    for block in slabs(series):
        values = series.read(block)
        for v in suspects:
            signal[v] += np.count_nonzero(values[..., v] > _SIGNAL_SHARE * seen.high[v])
    share = np.divide(seen.at_high, signal, out=np.zeros(series.n), where=signal > 0)
    clipped = (share > _SATURATED_SHARE) & np.isin(np.arange(series.n), suspects)
    # an image of a handful of grey values (a mask, a phantom without noise) has its maximum everywhere and is not clipped
    if clipped.any():
        worst = int(np.argmax(np.where(clipped, share, 0)))
        yield Finding("warn", "W-SATURATED", f"{_named(clipped, volume_files)}: voxels",
                      f"{100 * share[worst]:.1f} % of the voxels with signal stand at the maximum, {seen.high[worst]:g}",
                      "lower the receiver gain or export more bits", "fits over clipped voxels are biased")  # fmt: skip
