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
SMOOTH_MM = 0.8
#: a slice component smaller than this (mm2) is no leg
SMALLEST_LEG_MM2 = 400.0


@dataclass(frozen=True)
class Scale:
    """How a contrast's fatness is read.

    boundary : where what divides muscle from fat may lie
    range : beyond it, values say no more
    pure : share of the level of fat under the skin above which a voxel is nothing but fat
    fluid : times that level above which it is fluid
    muscle_to_fat : brightness of muscle over that of fat, for where there is hardly any muscle
    ratios : values are compared by ratio (T2), not by difference
    """

    boundary: tuple[float, float]
    range: tuple[float, float]
    pure: float
    fluid: float
    muscle_to_fat: float
    ratios: bool = False

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Values within the range, evenly spaced in what they say."""
        clipped = np.clip(values, *self.range)
        return np.log(clipped) if self.ratios else clipped

    def back(self, spread: float) -> float:
        """The value of a `spread` one."""
        return float(np.exp(spread)) if self.ratios else spread

    def middle(self, a: float, b: float) -> float:
        """Half way between two values."""
        return float(np.sqrt(a * b)) if self.ratios else (a + b) / 2

    def bounded(self, value: float) -> float:
        """The value, or the end of `boundary` that it is beyond."""
        return float(np.clip(value, *self.boundary))


#: of the apparent T2 (s) in a train of spin echoes
T2_SCALE = Scale((0.045, 0.085), (0.015, 0.3), pure=0.75, fluid=2.2, muscle_to_fat=0.6, ratios=True)


@dataclass(frozen=True, eq=False)
class Contrast:
    """Two images with the slice axis last, (a, b, z) float32, and the tissue mask.

    bright : how much signal there is before it decays, noise power removed (image units)
    fatness : what is larger in fat than in muscle: the mono-exponential T2 (s) that has the observed ratio of late to early
        signal, or the fat fraction; 0 outside the body
    body : tissue as against air, holes filled
    spacing_mm : in-plane pixel (a, b)
    scale : how fatness is read
    """

    bright: np.ndarray
    fatness: np.ndarray
    body: np.ndarray
    spacing_mm: tuple[float, float]
    scale: Scale


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
    body = tissue(np.sqrt(early_power), spacing, series.name)
    noise = _noise_power(late_power, body)
    early_power = np.maximum(early_power - noise, 0)
    ratio = np.sqrt(np.maximum(late_power - noise, 0) / np.maximum(early_power, np.finfo(np.float32).tiny))
    if np.median(ratio[body]) > 0.93:
        raise no_signal(series.name, "an image that does not decay from echo to echo")
    times = np.asarray(series.acquisition.echo_times, float)
    t2 = np.where(body, _t2_of_ratio(ratio, times[first], times[last]), 0).astype(np.float32)
    return Contrast(np.sqrt(early_power), t2, body, spacing, T2_SCALE)


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


def slices(series: Series) -> Iterator[tuple[int, np.ndarray]]:
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
    sigma = tuple(SMOOTH_MM / s for s in spacing)
    for k, train in slices(series):
        for window, power in ((first, early), (last, late)):
            square = np.mean(np.square(train[..., window], dtype=np.float64), -1)
            power[..., k] = ndimage.gaussian_filter(square, sigma, mode="nearest")
    top = early.max(initial=0.0)
    if not top > 0 or np.ptp(early) <= 1e-6 * top:
        raise no_signal(series.name, "a constant or empty image")
    return (early / top).astype(np.float32), (late / top).astype(np.float32)


def tissue(early: np.ndarray, spacing: tuple[float, float], name: str) -> np.ndarray:
    """(a, b, z) bool: brighter than air, closed, holes filled, in pieces of a leg's size."""
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
        raise no_signal(name, "no tissue as large as a leg")
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


def no_signal(name: str, found: str) -> DataError:
    """E-NOSIGNAL: there is no leg to draw in."""
    return DataError("E-NOSIGNAL", where=name, needed="a leg in air", found=found,
                     remedy="see whether these are echoes of a limb, and its own sidecars")  # fmt: skip
