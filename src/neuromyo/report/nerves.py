"""Nerves on the page: their outlines on the slices they were followed through, their numbers, and how these run along them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from scipy import ndimage

from neuromyo.core.errors import Finding
from neuromyo.core.grid import Grid
from neuromyo.core.nerve import Section, Trace
from neuromyo.report import paint, wording
from neuromyo.report.colours import OUTLINES
from neuromyo.report.html import render
from neuromyo.report.montage import SHOWN, Montage, Stage
from neuromyo.report.nerve_words import HEADINGS
from neuromyo.report.panels import Frame, evenly, file_slice, radiological
from neuromyo.report.svg import Axis, Plot, labelled, padded, x_axis, y_axis
from neuromyo.report.view import Line, NerveView

#: how far around the nerve a slice is shown (mm), and how many picture elements across at least
MARGIN_MM, ACROSS = 14.0, 260
#: an outline less sure than this is drawn in the colour of doubt
DOUBTFUL = 0.5
DOUBT = "#ff5252"


@dataclass(frozen=True, eq=False)
class NervePart:
    """What the template shows of a nerve."""

    id: str
    title: str
    said: tuple[str, ...]
    remarks: tuple[Finding, ...]
    montage: Montage
    numbers: tuple[tuple[str, ...], ...]
    columns: tuple[str, ...]
    plots: tuple[Markup, ...]


def part(view: NerveView, number: int = 1) -> NervePart:
    """A nerve's figures and tables, ready for the template."""
    traces = view.trace.all
    columns, numbers = numbers_table(view)
    return NervePart(
        id=f"nerve-{number}",
        title=title(view.trace),
        said=tuple(_said(view)),
        remarks=view.findings,
        montage=_montage(view),
        columns=columns,
        numbers=tuple(numbers),
        plots=tuple(
            along(title(one), line, _landmark(view, one)) for one in traces for line in view.lines.get(one.name, ())
        ),
    )


def page(views: Sequence[NerveView], name: str) -> str:
    """The self-contained page of nerves that were followed on loose files. A pure function of the views."""
    return render("trace.html.j2", title=name, nerves=[part(view, i) for i, view in enumerate(views, 1)])


def numbers_table(view: NerveView) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Headings and rows of a nerve's numbers, as the page gives them."""
    traces = view.trace.all
    return ("", *(title(one) for one in traces)), _numbers(view.rows, traces)


def title(trace: Trace) -> str:
    """``Sciatic nerve, right``."""
    name = wording.capital(wording.region(trace.name))
    return f"{name}, {trace.side}" if trace.side in ("left", "right") else name


def _said(view: NerveView) -> list[str]:
    trace = view.trace
    how = (
        "proposed by the software: nobody pointed at it"
        if trace.proposed
        else "followed from a place that a person pointed at"
    )
    slices = wording.plural(len(trace.sections), "slice")
    lines = [
        f"{wording.capital(how)}; likeness to a nerve {wording.percent(trace.score)}, over {slices} of {view.image.name}."
    ]
    for one, course in zip(trace.all, view.courses, strict=False):
        zero = (
            f", counted from {wording.region(course.landmark)}" if course.landmark else ", counted from its upper end"
        )
        lines.append(f"{title(one)}: followed over {course.arc_mm[-1]:.0f} mm{zero}.")
    return lines


def _landmark(view: NerveView, trace: Trace) -> str:
    return next((c.landmark for c in view.courses if c.name == trace.name), "")


# --- outlines ---------------------------------------------------------------------------------------------------------


def _montage(view: NerveView) -> Montage:
    trace = view.trace
    grid = trace.grid
    frame = _frame(trace)
    slices = tuple(sorted({s.slice for one in trace.all for s in one.sections}, reverse=True))
    shown = evenly(slices, SHOWN)
    stage = Stage(
        frame, shown, tuple(k for k in slices if k not in shown), paint.grey_levels(_bright(view.image.values, frame))
    )
    factor = max(1, round(ACROSS / max(s.stop - s.start for s in frame.box)))
    colours = [OUTLINES[i % len(OUTLINES)] for i in range(len(trace.all))]

    def draw(k: int) -> np.ndarray:
        plane = np.take(stage.grey, k, axis=grid.slice_axis)[frame.box]
        finer = np.asarray(ndimage.zoom(plane.astype(np.float32), factor, order=1, grid_mode=True, mode="nearest"))
        grey = np.clip(np.rint(finer), 0, paint.GREYS - 1)
        index = np.zeros(grey.shape, np.uint8)
        for i, one in enumerate(trace.all, 1):
            for section in (s for s in one.sections if s.slice == k):
                _outline(index, section, grid, frame, factor, i if section.confidence >= DOUBTFUL else len(colours) + 1)
        return radiological(paint.paint_categories(index, grey.astype(np.uint8)))

    def describe(k: int) -> str:
        there = [title(one) for one in trace.all if any(s.slice == k for s in one.sections)]
        return f"{stage.plane} slice {file_slice(grid, k)}: {wording.listing(there)} outlined"

    doubt = any(s.confidence < DOUBTFUL for one in trace.all for s in one.sections)
    legend = [(c, title(one)) for c, one in zip(colours, trace.all, strict=True)]
    legend += [(DOUBT, f"confidence under {100 * DOUBTFUL:.0f} %")] if doubt else []
    return stage.montage(
        "Outlines", f"On {view.image.name}.", draw, paint.category_palette([*colours, DOUBT]), describe,
        legend=tuple(legend), smooth=True,
    )  # fmt: skip


def _frame(trace: Trace) -> Frame:
    """The box around all outlines, with a margin."""
    grid = trace.grid
    corners = np.concatenate([o for one in trace.all for s in one.sections for o in s.outlines_mm])
    index = grid.to_index(corners)
    box = []
    for axis in grid.in_plane_axes:
        reach = MARGIN_MM / grid.spacing_mm[axis]
        low, high = index[:, axis].min() - reach, index[:, axis].max() + reach
        box.append(slice(max(0, int(np.floor(low))), min(grid.shape[axis], int(np.ceil(high)) + 1)))
    return Frame(grid, (box[0], box[1]))


def _bright(values: np.ndarray, frame: Frame) -> np.ndarray:
    """The image with its scale set by what is near the nerve, not by the skin's fat elsewhere."""
    moved = np.moveaxis(values, frame.grid.slice_axis, 2)[frame.box]
    finite = moved[np.isfinite(moved)]
    low, high = np.percentile(finite, (1, 99.5)) if finite.size else (0.0, 1.0)
    return np.clip(np.nan_to_num(values, nan=low) - low, 0.0, max(high - low, 1e-12))


def _outline(index: np.ndarray, section: Section, grid: Grid, frame: Frame, factor: int, colour: int) -> None:
    from skimage.draw import polygon_perimeter

    axes = grid.in_plane_axes
    for outline in section.outlines_mm:
        at = grid.to_index(outline)[:, axes] - np.array([s.start for s in frame.box])
        pixels = np.rint((at + 0.5) * factor - 0.5).astype(int)
        rows, columns = polygon_perimeter(pixels[:, 0], pixels[:, 1], shape=index.shape, clip=True)
        index[rows, columns] = colour


# --- numbers ----------------------------------------------------------------------------------------------------------


def _numbers(rows: Sequence[Mapping[str, Any]], traces: Sequence[Trace]) -> list[tuple[str, ...]]:
    """A line a quantity, a column a nerve: the value of the whole segment with its uncertainty, or why there is none."""
    whole = [r for r in rows if r.get("slice") in (None, "") and r.get("statistic") in ("mean", "sum", "count")]
    lines = []
    for quantity in dict.fromkeys([*HEADINGS, *(r["quantity"] for r in whole)]):
        cells = [_cell([r for r in whole if r["quantity"] == quantity and r["region"] == one.name]) for one in traces]
        if any(cells):
            lines.append((HEADINGS.get(quantity, wording.region(quantity)), *(cell or "–" for cell in cells)))
    return lines


def _cell(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    row = rows[0]
    value, se = float(row.get("value") or np.nan), row.get("se")
    flags = row.get("flags") or ()
    if not np.isfinite(value):
        coarse = any("COARSE" in str(flag) for flag in ([flags] if isinstance(flags, str) else flags))
        return "not supported at this resolution" if coarse else "no value"
    said = wording.with_unit(value, row.get("unit", "1"))
    return f"{said} ± {wording.number(float(se), value, 1)}" if se is not None and np.isfinite(float(se)) else said


def along(name: str, line: Line, landmark: str = "") -> Markup:
    """A quantity along a nerve, upper end on the left: a dot a slice with its spread, joined by a line."""
    plot = Plot(580, 236, f"{line.title} along the {name[:1].lower()}{name[1:]}")
    finite = np.isfinite(line.value)
    reach = np.concatenate([line.value[finite] + s * np.nan_to_num(line.spread[finite]) for s in (-1, 1)])
    up = Axis(*padded(reach.tolist()), 180, 28)
    across = Axis(*padded(line.distance_mm.tolist(), 0.03), 56, 564)
    y_axis(plot, up, 56, labelled(f"{name}: {line.title}", line.unit), 564)
    origin = wording.region(landmark) if landmark else "the upper end"
    x_axis(plot, across, 180, f"distance along the nerve from {origin} (mm), towards the foot")
    points = list(zip(line.distance_mm, line.value, np.nan_to_num(line.spread), strict=True))
    drawn = [(across(d), up(v)) for d, v, _ in points if np.isfinite(v)]
    if len(drawn) > 1:
        plot.path(drawn, "model")
    for d, v, spread in points:
        if np.isfinite(v):
            plot.line(across(d), up(v - spread), across(d), up(v + spread), "thin both")
            plot.dot(across(d), up(v), "dot both", 3.2, f"{d:.0f} mm: {wording.with_unit(float(v), line.unit)}")
    return plot.markup()
