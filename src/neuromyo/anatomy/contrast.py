"""What a multi-echo spin echo tells about tissue at a glance: brightness early in the train, and how fast it decays.

Everything here works slice by slice, so that memory holds one slice of the train and two numbers a voxel.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from neuromyo.anatomy.shapes import of_size
from neuromyo.core.errors import DataError
from neuromyo.core.grid import Grid
from neuromyo.core.series import Series

#: echoes later than this (s) are noise in muscle and say little more about fat
_LATEST = 0.1
#: in-plane smoothing (mm), which matters for fine pixels only
_SMOOTH_MM = 0.8
#: a slice component smaller than this (mm2) is no leg
SMALLEST_LEG_MM2 = 400.0


@dataclass(frozen=True, eq=False)
class Contrast:
    """Two images with the slice axis last, (a, b, z) float32, and the tissue mask.

    early : root mean square of the first echoes, noise power removed (image units)
    t2 : the mono-exponential T2 (s) that has the observed ratio of late to early signal; 0 outside the body
    body : tissue as against air, holes filled
    spacing_mm : in-plane pixel (a, b)
    """

    early: np.ndarray
    t2: np.ndarray
    body: np.ndarray
    spacing_mm: tuple[float, float]


def slices_back(array: np.ndarray, grid: Grid) -> np.ndarray:
    """(a, b, slice) -> (x, y, z), a view."""
    return np.moveaxis(array, 2, grid.slice_axis)


def body_mask(series: Series, margin_voxels: int = 1) -> np.ndarray:
    """(x, y, z) bool: tissue grown by ``margin_voxels`` in-plane, the voxels worth fitting; E-NOSIGNAL without any."""
    body = measure(series).body
    if margin_voxels > 0:
        body = ndimage.binary_dilation(body, np.ones((3, 3, 1), bool), iterations=margin_voxels)
    return np.ascontiguousarray(slices_back(body, series.grid))


def measure(series: Series) -> Contrast:
    """Early brightness, apparent T2 and body of a magnitude train.

    Raises E-ECHO-COUNT where echo times and volumes do not match or do not differ, E-NOSIGNAL where there is no body.
    """
    first, last = _windows(series)
    a, b = series.grid.in_plane_axes
    spacing = (series.grid.spacing_mm[a], series.grid.spacing_mm[b])
    early_power, late_power = _powers(series, first, last, spacing)
    body = _body(np.sqrt(early_power), spacing, series.name)
    noise = _noise_power(late_power, body)
    early_power = np.maximum(early_power - noise, 0)
    ratio = np.sqrt(np.maximum(late_power - noise, 0) / np.maximum(early_power, np.finfo(np.float32).tiny))
    if np.median(ratio[body]) > 0.93:
        raise _no_signal(series.name, "an image that does not decay from echo to echo")
    times = np.asarray(series.acquisition.echo_times, float)
    t2 = np.where(body, _t2_of_ratio(ratio, times[first], times[last]), 0).astype(np.float32)
    return Contrast(np.sqrt(early_power), t2, body, spacing)


def _windows(series: Series) -> tuple[np.ndarray, np.ndarray]:
    """Masks (n,) of the early and the late echoes."""
    stated = series.acquisition.echo_times
    times = np.asarray(stated if stated is not None else (), float)
    if len(times) != series.n or len(times) < 2 or not np.isfinite(times).all() or np.ptp(times) <= 0:
        raise DataError("E-ECHO-COUNT", where=series.name, needed="one echo time for each volume, and different ones",
                        found=f"{len(times)} echo times for {series.n} volumes")  # fmt: skip
    start = times.min()
    end = max(_LATEST, np.sort(times)[min(2, len(times) - 1)])
    end = times[times <= end].max()
    first = times <= start + 0.35 * (end - start)
    last = (times >= start + 0.55 * (end - start)) & (times <= end)
    return first, last


def _slices(series: Series) -> Iterator[tuple[int, np.ndarray]]:
    """The train slice by slice, (a, b, n) float32, finite and not negative."""
    axis = series.grid.slice_axis
    for k in range(series.grid.shape[axis]):
        block = [slice(None)] * 3
        block[axis] = slice(k, k + 1)
        voxels = series.read((block[0], block[1], block[2])).squeeze(axis)
        yield k, np.maximum(np.nan_to_num(np.abs(voxels) if np.iscomplexobj(voxels) else voxels,
                                          nan=0.0, posinf=0.0, neginf=0.0), 0)  # fmt: skip


def _powers(
    series: Series, first: np.ndarray, last: np.ndarray, spacing: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Mean squares over the early and the late echoes, (a, b, z), scaled so that the largest early one is 1."""
    a, b = series.grid.in_plane_axes
    shape = (series.grid.shape[a], series.grid.shape[b], series.grid.shape[series.grid.slice_axis])
    early, late = np.empty(shape, np.float64), np.empty(shape, np.float64)
    sigma = tuple(_SMOOTH_MM / s for s in spacing)
    for k, train in _slices(series):
        for window, power in ((first, early), (last, late)):
            square = np.mean(np.square(train[..., window], dtype=np.float64), -1)
            power[..., k] = ndimage.gaussian_filter(square, sigma, mode="nearest")
    top = early.max(initial=0.0)
    if not top > 0 or np.ptp(early) <= 1e-6 * top:
        raise _no_signal(series.name, "a constant or empty image")
    return (early / top).astype(np.float32), (late / top).astype(np.float32)


def _body(early: np.ndarray, spacing: tuple[float, float], name: str) -> np.ndarray:
    """Tissue: brighter than air, closed, holes filled, in pieces of a leg's size."""
    bright = float(np.percentile(early, 99))
    dim = early[early < 0.2 * bright]
    threshold = 0.08 * bright
    if dim.size > 0.01 * early.size:
        middle = float(np.median(dim))
        threshold = max(threshold, middle + 8 * 1.4826 * float(np.median(np.abs(dim - middle))))
    threshold = min(threshold, 0.35 * bright)
    body = np.zeros(early.shape, bool)
    for k in range(early.shape[2]):
        body[..., k] = _solid(early[..., k] > threshold, spacing)
    if not body.any():
        raise _no_signal(name, "no tissue as large as a leg")
    return body


def _solid(bright: np.ndarray, spacing: tuple[float, float]) -> np.ndarray:
    """Gaps of about 2 mm closed, holes filled, whiskers and crumbs removed."""
    steps = max(1, round(2.0 / max(spacing)))
    padded = np.pad(bright, steps + 1, mode="edge")
    closed = ndimage.binary_closing(padded, iterations=steps)[steps + 1 : -steps - 1, steps + 1 : -steps - 1] | bright
    filled = np.asarray(ndimage.binary_fill_holes(closed))
    opened = filled & ndimage.binary_propagation(
        ndimage.binary_erosion(filled, iterations=steps, border_value=1), mask=filled
    )
    return of_size(opened, SMALLEST_LEG_MM2, spacing)


def _noise_power(late_power: np.ndarray, body: np.ndarray) -> float:
    """Mean square of noise in air; 0 where air was masked out or cannot be seen."""
    air = ~np.asarray(ndimage.binary_dilation(body, np.ones((3, 3, 1), bool), iterations=3), bool)
    values = late_power[air]
    values = values[values > 0]
    return float(np.median(values)) if values.size > 100 and values.size > 0.2 * air.sum() else 0.0


def _t2_of_ratio(ratio: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """The T2 (s, 5 ms to 1 s) of a mono-exponential with that ratio of late to early root mean squares."""
    grid = np.geomspace(0.005, 1.0, 200)
    rms = [np.sqrt(np.mean(np.exp(-2 * (times - first.min()) / grid[:, None]), -1)) for times in (first, last)]
    return np.interp(ratio, rms[1] / rms[0], grid)


def _no_signal(name: str, found: str) -> DataError:
    return DataError("E-NOSIGNAL", where=name, needed="a leg in air", found=found,
                     remedy="see whether this is a multi-echo spin echo of a limb")  # fmt: skip
