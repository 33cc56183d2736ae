"""Rows of slices with a colour bar: what the templates lay out as one figure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from neuromyo.core.maps import Map
from neuromyo.core.reasons import Reason, count
from neuromyo.report import paint, wording
from neuromyo.report.colours import OUTLINES, Scale, css_gradient, scale_from_zero
from neuromyo.report.panels import PLANES, Frame, file_slice
from neuromyo.report.png import data_uri

SHOWN = 8  # slices laid open; the others stand behind a click


@dataclass(frozen=True, slots=True)
class Tile:
    """One slice: picture, what to read aloud for it, its number in the file, width and height in mm."""

    uri: str
    alt: str
    number: int
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """A colour bar: CSS gradient, ticks as (percent along, text), unit, and whether any voxel failed."""

    gradient: str
    ticks: tuple[tuple[float, str], ...]
    unit: str
    no_value: bool = False


@dataclass(frozen=True, slots=True)
class Montage:
    """A figure of slices. ``legend`` holds (colour, text) of categories."""

    title: str
    caption: str
    tiles: tuple[Tile, ...]
    rest: tuple[Tile, ...]
    letters: tuple[str, str, str, str]
    bar: Bar | None = None
    legend: tuple[tuple[str, str], ...] = ()
    smooth: bool = False


@dataclass(frozen=True, eq=False)
class Stage:
    """Where a biomarker's figures play: the frame, the slices laid open and the rest, the anatomy in grey levels.

    strides : every how many-th voxel is drawn, in the slices laid open and in the rest
    """

    frame: Frame
    shown: tuple[int, ...]
    rest: tuple[int, ...]
    grey: np.ndarray
    strides: tuple[int, int] = (1, 1)

    def cut(self, volume: np.ndarray, k: int) -> np.ndarray:
        """Slice ``k`` of (x, y, z) as it is drawn: (rows, columns)."""
        step = self.strides[0] if k in self.shown else self.strides[1]
        return self.frame.cut(volume, k)[::step, ::step]

    @property
    def plane(self) -> str:
        return PLANES[self.frame.grid.slice_axis]

    def tiles(
        self,
        slices: tuple[int, ...],
        draw: Callable[[int], np.ndarray],
        palette: np.ndarray,
        describe: Callable[[int], str],
    ) -> tuple[Tile, ...]:
        """A tile a slice: ``draw(k)`` gives palette entries (rows, columns), ``describe(k)`` the alternative text."""
        width, height = self.frame.size_mm
        return tuple(
            Tile(data_uri(draw(k), palette), describe(k), file_slice(self.frame.grid, k), width, height) for k in slices
        )

    def montage(
        self,
        title: str,
        caption: str,
        draw: Callable[[int], np.ndarray],
        palette: np.ndarray,
        describe: Callable[[int], str],
        **more,
    ) -> Montage:
        shown = self.tiles(self.shown, draw, palette, describe)
        rest = self.tiles(self.rest, draw, palette, describe)
        return Montage(title, caption, shown, rest, self.frame.letters, **more)


def bar_of(scale: Scale, no_value: bool) -> Bar:
    """The bar with ticks at its ends and at three points between."""
    at = np.linspace(0.0, 1.0, 5)
    values = scale.low + at * (scale.high - scale.low)
    decimals = next(
        (d for d in range(4) if np.allclose(values, np.round(values, d), rtol=0, atol=1e-3 * (scale.high - scale.low))),
        4,
    )
    ticks = tuple((float(100 * a), _tick(v, decimals)) for a, v in zip(at, values, strict=True))
    return Bar(css_gradient(scale.colours), ticks, wording.unit(scale.unit), no_value)


def values_montage(stage: Stage, map_: Map, scale: Scale, caption: str) -> Montage:
    """The map itself, in the display unit."""
    quantity = map_.quantity
    values, valid = quantity.to_display(map_.values), map_.valid
    failed = ~valid & (map_.reason != Reason.MASKED)
    return _scaled(stage, wording.capital(quantity.title), caption, values, valid, failed, scale)


def axes_montage(stage: Stage, map_: Map) -> Montage:
    """A map of axes (unit vectors in the RAS world), coloured by where they point."""
    valid = map_.valid
    title = wording.capital(map_.quantity.title)

    def draw(k: int) -> np.ndarray:
        cut = stage.cut
        parts = np.stack([cut(map_.values[..., i], k) for i in range(3)], axis=-1)
        return paint.paint_axes(parts, cut(valid, k), cut(stage.grey, k))

    def describe(k: int) -> str:
        inside = np.take(valid, k, axis=stage.frame.grid.slice_axis)
        return f"{title}, slice {file_slice(stage.frame.grid, k)}: {wording.plural(int(inside.sum()), 'voxel')} with an axis"

    legend = (("#ff0000", "Right to left"), ("#00ff00", "Front to back"), ("#0000ff", "Head to foot"))
    caption = "Coloured by direction; mixed colours lie between. Opposite directions look alike. Grey is anatomy, where no axis is known."
    return stage.montage(title, caption, draw, paint.axis_palette(), describe, legend=legend)


def sd_montage(stage: Stage, map_: Map, caption: str) -> Montage | None:
    """The predicted standard deviation of the map, in the display unit; None where the estimator gives none."""
    if map_.sd is None:
        return None
    quantity = map_.quantity
    sd = quantity.to_display(map_.sd)
    valid = map_.valid & np.isfinite(sd)
    scale = scale_from_zero(sd[valid], quantity.display)
    failed = map_.valid & ~valid
    return _scaled(stage, f"Standard deviation of {quantity.title}", caption, sd, valid, failed, scale)


def residual_montage(stage: Stage, residual: np.ndarray, caption: str) -> Montage:
    """The rms residual over the first signal (a fraction), in percent."""
    shown = 100 * residual
    valid = np.isfinite(shown)
    scale = scale_from_zero(shown[valid], "%", colours="inferno")
    return _scaled(stage, "Residual of the fit", caption, shown, valid, np.zeros_like(valid), scale)


def reason_montage(stage: Stage, titles: str, codes: np.ndarray) -> Montage | None:
    """Where voxels have no value or a doubtful one, and why; None where every voxel asked for is fine.

    codes : (x, y, z) of `Reason`; ``titles`` names the quantities they hold for
    """
    reasons = [r for r in count(codes) if r not in (Reason.OK, Reason.MASKED)]
    if not reasons:
        return None
    index = np.zeros(codes.shape, dtype=np.uint8)
    for i, reason in enumerate(reasons, start=1):
        index[codes == reason] = i
    colours = [OUTLINES[i % len(OUTLINES)] for i in range(len(reasons))]

    def draw(k: int) -> np.ndarray:
        return paint.paint_categories(stage.cut(index, k), stage.cut(stage.grey, k))

    def describe(k: int) -> str:
        hit = int(np.count_nonzero(np.take(index, k, axis=stage.frame.grid.slice_axis)))
        return (
            f"Slice {file_slice(stage.frame.grid, k)}: {wording.plural(hit, 'voxel')} with no value or a doubtful one"
        )

    legend = tuple((c, wording.sentence(r.sentence)) for c, r in zip(colours, reasons, strict=True))
    return stage.montage(f"Where and why: {titles}", "", draw, paint.category_palette(colours), describe, legend=legend)


def _scaled(
    stage: Stage, title: str, caption: str, values: np.ndarray, valid: np.ndarray, failed: np.ndarray, scale: Scale
) -> Montage:
    axis = stage.frame.grid.slice_axis

    def draw(k: int) -> np.ndarray:
        cut = stage.cut
        return paint.paint_values(cut(values, k), cut(valid, k), cut(failed, k), cut(stage.grey, k), scale)

    def describe(k: int) -> str:
        inside = np.take(values, k, axis=axis)[np.take(valid, k, axis=axis)]
        where = f"{title}, slice {file_slice(stage.frame.grid, k)}"
        if not inside.size:
            return f"{where}: no voxel with a value"
        said = wording.with_unit(float(np.median(inside)), scale.unit)
        return f"{where}: median {said} over {wording.plural(inside.size, 'voxel')}"

    beyond = scale.beyond(values[valid])
    if beyond > 0:
        caption = f"{caption} {wording.percent(beyond)} of the values lie beyond the ends of the colour bar."
    bar = bar_of(scale, bool(failed.any()))
    return stage.montage(title, caption.strip(), draw, paint.map_palette(scale), describe, bar=bar)


def _tick(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    return text.replace("-", "−") if text.strip("-0.") else "0"
