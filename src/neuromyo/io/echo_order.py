"""Do the echo times run the way the data do? A train of echoes whose times are exchanged gives maps that look well."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from neuromyo.core.errors import DataError, Finding
from neuromyo.core.series import Block, Series

#: voxels looked at; a median needs no more
_ENOUGH = 4_000_000
#: brighter than this share of the bright voxels is tissue
_FOREGROUND = 0.1
#: rises below this share of the brightest echo are noise
_NOISE = 0.01
#: an echo this much brighter than the one two before it is no stimulated echo any more
_RISE = 1.1


def check(
    series: Series, blocks: Iterable[Block], volume_files: tuple[str, ...], places: tuple[int, ...] | None = None
) -> tuple[Finding, ...]:
    """E-ECHO-ORDER where the data contradict the echo times, a warning where they only look odd.

    blocks : boxes that cover the series
    places : each volume's place in the order of file names and of volumes in a file

    A bright second echo is normal (stimulated echoes); the last third of the echoes brighter than the first is not.
    Where file names (or the volumes of one file) are in another order than the echo times, the order in which the
    signal falls is the true one.
    """
    times, n = series.acquisition.echo_times, series.n
    if series.kind not in ("MESE", "MEGRE") or series.part != "mag" or times is None or len(times) != n or n < 3:
        return ()
    values = _sampled(series, blocks)
    if not values.size:
        return ()
    third = n // 3
    first, last = (np.median(values[:, part].mean(axis=1)) for part in (slice(third), slice(-third, None)))
    if last > first:
        found = f"the last {third} echoes brighter (median {last:.4g}) than the first (median {first:.4g})"
        raise _against(f"{series.name}: EchoTime", found)
    levels = np.median(values, axis=0)
    if places is not None:
        _refuse_exchanged(levels, np.asarray(times), volume_files, np.asarray(places))
    return _odd(series, levels, np.asarray(times))


def _sampled(series: Series, blocks: Iterable[Block]) -> np.ndarray:
    """(voxels, n) of tissue, finite, thinned in-plane."""
    step = max(1, int(np.ceil((series.grid.n_voxels * series.n / _ENOUGH) ** 0.5)))
    axis, pieces = series.grid.source_axes[2][0], []
    for block in blocks:
        thin = tuple(slice(None) if a == axis else slice(None, None, step) for a in range(3))
        values = series.read(block)[thin].reshape(-1, series.n)
        pieces.append(values[np.isfinite(values).all(axis=1)])
    values = np.concatenate(pieces)
    if not values.size:
        return values
    mean = values.mean(axis=1)
    return values[mean > _FOREGROUND * np.percentile(mean, 99)]


def _refuse_exchanged(levels: np.ndarray, times: np.ndarray, files: tuple[str, ...], places: np.ndarray) -> None:
    """Echo times in another order than the names, while the signal falls in the order of the names."""
    if (np.diff(places) > 0).all():
        return
    by_name = np.argsort(places, kind="stable")
    if _rise(levels) <= _rise(levels[by_name]) + _NOISE * levels.max():
        return
    worst = int(np.argmax(np.diff(levels)))
    rise = (
        f"a rise from {times[worst]:g} s to {times[worst + 1]:g} s "
        f"(median {levels[worst]:.4g} to {levels[worst + 1]:.4g})"
    )
    one_file = len(set(files)) == 1
    order = "in the order of the volumes it falls" if one_file else "in the order of the echo numbers it falls"
    raise _against(f"{files[worst + 1]}: EchoTime", f"{rise}, while {order}")


def _rise(levels: np.ndarray) -> float:
    """By how much the signal rises along the train, all rises together."""
    return float(np.clip(np.diff(levels), 0, None).sum())


def _against(where: str, found: str) -> DataError:
    return DataError("E-ECHO-ORDER", where=where, needed="signal that falls as echo time grows", found=found,
                     remedy="check the order of EchoTime against the volumes")  # fmt: skip


def _odd(series: Series, levels: np.ndarray, times: np.ndarray) -> tuple[Finding, ...]:
    """A warning where a late echo of a spin-echo train is brighter than the one two before it."""
    if series.kind != "MESE":
        return ()
    rising = np.flatnonzero((levels[3:] > _RISE * levels[1:-2]) & (levels[3:] - levels[1:-2] > _NOISE * levels.max()))
    if not rising.size:
        return ()
    k = int(rising[0]) + 3
    said = (
        f"the echo at {times[k]:g} s is brighter than the one at {times[k - 2]:g} s "
        f"(median {levels[k]:.4g} against {levels[k - 2]:.4g})"
    )
    return (Finding("warn", "W-ECHO-ORDER", f"{series.name}: EchoTime", said,
                    "check the order of EchoTime against the volumes", "T2 is wrong if volumes are exchanged"),)  # fmt: skip
