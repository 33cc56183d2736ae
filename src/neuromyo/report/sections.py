"""One biomarker's part of the page: its figures, its quality, its failures, ready for the template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from neuromyo.core.grid import Grid
from neuromyo.core.maps import Map, Maps
from neuromyo.report import captions, paint, tables, wording
from neuromyo.report.colours import scale_of
from neuromyo.report.figures import distributions, sample_plot
from neuromyo.report.montage import (
    SHOWN,
    Montage,
    Stage,
    axes_montage,
    reason_montage,
    residual_montage,
    sd_montage,
    values_montage,
)
from neuromyo.report.panels import Frame, evenly, frame_around, slices_with
from neuromyo.report.regions import RegionVoxels, anatomy_montage, by_name, leaves
from neuromyo.report.view import Anatomy, SampleFit, SessionView

PIXEL_BUDGET = 6_600_000  # picture elements on one page; about 0.7 bytes each once packed
MOST_ROWS = 14  # regions in a plot of distributions


@dataclass(frozen=True, eq=False)
class Part:
    """What the template shows of one set of maps."""

    id: str
    title: str
    biomarker: str
    series: str
    caption: str
    scalars: tuple[str, ...]
    anatomy: Montage | None
    values: tuple[Montage, ...]
    spreads: tuple[Montage, ...]
    residual: Montage | None
    not_drawn: tuple[str, ...]
    histograms: tuple[tuple[str, Markup], ...]
    quality: tables.Grid2D | None
    samples: tuple[tuple[SampleFit, Markup], ...]
    reasons: tables.Grid2D
    reasons_by_region: tuple[tuple[str, tables.Grid2D], ...]
    reason_maps: tuple[Montage, ...]
    strides: tuple[int, int]


def parts(view: SessionView) -> tuple[Part, ...]:
    """A part for each set of maps, all within one budget of picture elements."""
    frames = [_frame(view, maps) for maps in view.maps]
    strides = _strides([(_layers(m) * f.pixels, len(_slices(m))) for m, f in zip(view.maps, frames, strict=True)])
    pairs = zip(view.maps, frames, strict=True)
    return tuple(_part(view, maps, frame, strides, i) for i, (maps, frame) in enumerate(pairs))


def _strides(loads: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Every how many-th voxel to draw in the slices laid open and in the rest, to keep within the budget.

    loads : (picture elements a slice, slices) of each set of maps; the rest is thinned first, to a third at most
    """
    opened = sum(pixels * min(n, SHOWN) for pixels, n in loads)
    folded = sum(pixels * max(n - SHOWN, 0) for pixels, n in loads)
    fine = coarse = 1
    while opened / fine**2 + folded / coarse**2 > PIXEL_BUDGET:
        if folded and coarse < 3 * fine:
            coarse += 1
        else:
            fine += 1
    return fine, max(fine, coarse)


def drawn(maps: Maps) -> tuple[Map, ...]:
    """The maps worth a picture: a number per voxel, and not a mere scale factor."""
    return tuple(m for m in maps.maps.values() if m.quantity.rank == "scalar" and _worth(m))


def _worth(map_: Map) -> bool:
    return map_.quantity.unit != "a.u." or map_.quantity.summarised


def _is_axis(map_: Map) -> bool:
    """A direction, which a picture can show by colour."""
    return map_.quantity.rank == "vector" and map_.quantity.unit == "1"


def _part(view: SessionView, maps: Maps, frame: Frame, strides: tuple[int, int], i: int) -> Part:
    biomarker = view.biomarkers.get(maps.biomarker)
    shown = drawn(maps)
    regions = leaves(view.labels, maps.grid)
    anatomy = _anatomy_for(view.anatomy, maps.grid)
    stage = _stage(maps, frame, strides, anatomy)
    residual = maps.diagnostics.get("residual")
    title = biomarker.title if biomarker else maps.biomarker
    return Part(
        id=f"part-{i + 1}",
        title=wording.capital(title),
        biomarker=maps.biomarker,
        series=captions.series_of(maps) if len({captions.series_of(m) for m in view.maps}) > 1 else "",
        caption=biomarker.caption if biomarker else "",
        scalars=tuple(captions.scalar_line(s) for s in maps.scalars.values()),
        anatomy=anatomy_montage(stage, regions, anatomy.title) if anatomy and _first_on_grid(view, maps) else None,
        values=tuple(
            values_montage(stage, m, scale_of(m.quantity, _valid_values(m)), captions.map_caption(m)) for m in shown
        )
        + tuple(axes_montage(stage, m) for m in maps.maps.values() if _is_axis(m)),
        spreads=tuple(
            made for m in shown if (made := sd_montage(stage, m, "As predicted by the fit, voxel by voxel."))
        ),
        residual=residual_montage(
            stage, residual, "Root mean square of what the model leaves over, relative to the first signal."
        )
        if residual is not None
        else None,
        not_drawn=tuple(m.quantity.title for m in maps.maps.values() if m not in shown and not _is_axis(m)),
        histograms=tuple(h for m in shown if (h := _histogram(m, regions)) is not None),
        quality=tables.quality_table(maps, shown, regions),
        samples=tuple(
            (s, sample_plot(s)) for s in view.samples if s.biomarker == maps.biomarker and _first_of_kind(view, maps)
        ),
        reasons=tables.reasons_table(shown),
        reasons_by_region=tuple(
            (titles, made)
            for titles, m in _by_reason(shown)
            if (made := tables.reasons_by_region(m.reason, m.valid, regions)) is not None
        ),
        reason_maps=tuple(made for titles, m in _by_reason(shown) if (made := reason_montage(stage, titles, m.reason))),
        strides=strides,
    )


def _by_reason(shown: Sequence[Map]) -> list[tuple[str, Map]]:
    """Quantities that failed in the same voxels for the same reasons, told together: (their titles, one of them)."""
    groups: list[list[Map]] = []
    for m in shown:
        alike = next((g for g in groups if np.array_equal(g[0].reason, m.reason)), None)
        if alike is None:
            groups.append([m])
        else:
            alike.append(m)
    return [(wording.listing([m.quantity.title for m in g]), g[0]) for g in groups]


def _stage(maps: Maps, frame: Frame, strides: tuple[int, int], anatomy: Anatomy | None) -> Stage:
    slices = _slices(maps)
    shown = evenly(slices, SHOWN)
    rest = tuple(k for k in slices if k not in shown)
    grey = paint.grey_levels(anatomy.image) if anatomy else np.zeros(maps.grid.shape, dtype=np.uint8)
    return Stage(frame, shown, rest, grey, strides)


def _histogram(map_: Map, regions: Sequence[RegionVoxels]) -> tuple[str, Markup] | None:
    """The distributions in the largest regions; None without regions or values."""
    valid = map_.valid
    values = {
        name: {side.side: map_.quantity.to_display(map_.values[side.mask & valid]) for side in sides}
        for name, sides in by_name(regions).items()
    }
    size = {name: sum(v.size for v in sides.values()) for name, sides in values.items()}
    largest = set(sorted((n for n in size if size[n]), key=lambda n: -size[n])[:MOST_ROWS])
    kept = {n: {s: v for s, v in sides.items() if v.size} for n, sides in values.items() if n in largest}
    if not kept:
        return None
    scale = scale_of(map_.quantity, _valid_values(map_))
    title = map_.quantity.title
    return title, distributions(kept, scale.low, scale.high, title, map_.quantity.display)


def _valid_values(map_: Map) -> np.ndarray:
    return map_.quantity.to_display(map_.values[map_.valid])


def _anatomy_for(images: Sequence[Anatomy], grid: Grid) -> Anatomy | None:
    return next((a for a in images if a.grid.same_as(grid)), None)


def _asked(maps: Maps) -> np.ndarray:
    """Voxels that any map of the set gives a value for."""
    wanted = np.zeros(maps.grid.shape, dtype=bool)
    for m in maps.maps.values():
        wanted |= m.valid
    return wanted


def _slices(maps: Maps) -> tuple[int, ...]:
    return slices_with(_asked(maps), maps.grid.slice_axis)


def _frame(view: SessionView, maps: Maps) -> Frame:
    wanted = _asked(maps)
    for labels in view.labels:
        if labels.grid.same_as(maps.grid):
            wanted = wanted | (labels.volume > 0)
    return frame_around(maps.grid, wanted)


def _layers(maps: Maps) -> int:
    """Pictures a slice."""
    per_map = sum(2 + (m.sd is not None) for m in drawn(maps))
    per_map += sum(_is_axis(m) for m in maps.maps.values())
    return per_map + 2 + ("residual" in maps.diagnostics)


def _first_on_grid(view: SessionView, maps: Maps) -> bool:
    return next(m for m in view.maps if m.grid.same_as(maps.grid)) is maps


def _first_of_kind(view: SessionView, maps: Maps) -> bool:
    return next(m for m in view.maps if m.biomarker == maps.biomarker) is maps
