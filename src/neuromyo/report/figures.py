"""The page's plots: values by region and side, distributions, sample fits, the cohort's spread. All as inline SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from neuromyo.report import wording
from neuromyo.report.svg import Axis, Plot, labelled, padded, x_axis, y_axis
from neuromyo.report.view import SampleFit

NAMES = 172.0  # room for region names left of a plot
WIDE = 580.0
SIDE_SHIFT = {"left": -5.0, "right": 5.0}


@dataclass(frozen=True, slots=True)
class Dot:
    """One value of one region and side with its spread and its standard uncertainty, all in one unit."""

    region: str
    side: str
    value: float
    spread: float
    se: float


def dot_plot(dots: Sequence[Dot], label: str, unit: str) -> Markup:
    """Values by region: left and right dots on one line, thin bars for the spread over voxels, thick ones for 2 se.
    Regions without a value have no line."""
    rows = list(dict.fromkeys(d.region for d in dots if np.isfinite(d.value)))
    plot = Plot(WIDE, 44 + 30 * len(rows) + 20, f"{label} by region and side")
    widths = [(d.value, max(_or_zero(d.spread), 2 * _or_zero(d.se))) for d in dots]
    reach = [v for value, width in widths for v in (value - width, value + width)]
    axis = Axis(*padded(reach), NAMES, WIDE - 16)
    bottom = 18 + 30 * len(rows)
    x_axis(plot, axis, bottom, labelled(label, unit), grid_from=8, about=7)
    for i, name in enumerate(rows):
        y = 24 + 30 * i
        plot.text(NAMES - 12, y + 4, wording.region(name), "end", "name")
        for dot in (d for d in dots if d.region == name and np.isfinite(d.value)):
            _draw_dot(plot, axis, dot, y + SIDE_SHIFT.get(dot.side, 0.0), unit)
    return plot.markup()


def _draw_dot(plot: Plot, axis: Axis, dot: Dot, y: float, unit: str) -> None:
    side = dot.side if dot.side in SIDE_SHIFT else "both"
    for width, kind in ((_or_zero(dot.spread), "thin"), (2 * _or_zero(dot.se), "thick")):
        if width > 0:
            ends = [min(max(axis(v), axis.start), axis.end) for v in (dot.value - width, dot.value + width)]
            plot.line(ends[0], y, ends[1], y, f"{kind} {side}")
    tip = f"{wording.region(dot.region)}, {dot.side}: {wording.with_unit(dot.value, unit)}"
    plot.dot(axis(dot.value), y, f"dot {side}", 4.5, tip)


def distributions(
    values: Mapping[str, Mapping[str, np.ndarray]], low: float, high: float, label: str, unit: str
) -> Markup:
    """Histograms by region, one row each: filled for the left or only side, a line for the right.

    values : region -> side -> voxel values in the display unit. Each histogram is scaled to its own peak
    between the ends; the first and last bin also hold what lies beyond.
    """
    rows = list(values)
    step = 44
    plot = Plot(WIDE, 40 + step * len(rows) + 24, f"Distribution of {label} by region")
    axis = Axis(low, high, NAMES, WIDE - 16)
    bottom = 14 + step * len(rows)
    x_axis(plot, axis, bottom, labelled(label, unit), grid_from=8, about=7)
    edges = np.linspace(low, high, 61)
    for i, name in enumerate(rows):
        base = 14 + step * (i + 1) - 4
        plot.text(NAMES - 12, base - 8, wording.region(name), "end", "name")
        for side, voxels in values[name].items():
            numbers, _ = np.histogram(np.clip(voxels, low, high), edges)
            heights = np.minimum(numbers / max(numbers[1:-1].max(), 1), 1.0)
            points = _steps(axis, edges, heights, base, step - 10)
            plot.path(points, f"area {side if side in SIDE_SHIFT else 'both'}", closed=side != "right")
        plot.line(NAMES, base, WIDE - 16, base, "grid")
    return plot.markup()


def _steps(axis: Axis, edges: np.ndarray, heights: np.ndarray, base: float, tall: float) -> list[tuple[float, float]]:
    """The outline of a histogram, from the base line up and back."""
    points = [(axis(edges[0]), base)]
    for left, right, h in zip(edges, edges[1:], heights, strict=False):
        points += [(axis(left), base - tall * h), (axis(right), base - tall * h)]
    return [*points, (axis(edges[-1]), base)]


def sample_plot(sample: SampleFit) -> Markup:
    """One voxel: measured samples as dots, the model as a line, and below what is left over, on the same x.

    The signal axis is logarithmic where the samples are positive and span more than a factor of four.
    """
    x = np.array(sample.x, dtype=float)
    measured, model = (np.array(sample.measured, dtype=float), np.array(sample.model, dtype=float))
    order = np.argsort(x, kind="stable")
    x, measured, model = x[order], measured[order], model[order]
    title = f"Sample fit in {wording.region(sample.region)}: {sample.text}"
    plot = Plot(360, 300, title)
    across = Axis(*_span(x), 52, 348)
    up = _signal_axis(np.concatenate([measured, model]))
    y_axis(plot, up, 52, "signal (a.u., logarithmic)" if up.log else "signal (a.u.)", 348)
    drawn = [(across(a), up(b)) for a, b in zip(x, model, strict=True) if _drawable(b, up)]
    if len(drawn) > 1:
        plot.path(drawn, "model")
    for a, b in zip(x, measured, strict=True):
        if _drawable(b, up):
            plot.dot(across(a), up(b), "measured", 3.4, f"{a:g} {sample.x_unit}: {wording.number(float(b))}")
    _residuals(plot, across, x, measured - model, sample)
    return plot.markup()


def _residuals(plot: Plot, across: Axis, x: np.ndarray, left_over: np.ndarray, sample: SampleFit) -> None:
    finite = np.abs(left_over[np.isfinite(left_over)])
    reach = float(finite.max()) if finite.size and finite.max() > 0 else 1.0
    around = Axis(-1.15 * reach, 1.15 * reach, 256, 212)
    plot.text(46, 226, f"+{wording.number(reach)}", "end", "tick")
    plot.text(46, 256, f"−{wording.number(reach)}", "end", "tick")
    plot.text(348, 208, "measured minus model", "end", "tick")
    for a, r in zip(x, left_over, strict=True):
        if np.isfinite(r):
            plot.line(across(a), around(0.0), across(a), around(float(r)), "stem")
    x_axis(plot, across, 258, labelled(sample.x_label, sample.x_unit))
    plot.line(52, around(0.0), 348, around(0.0), "grid")


def _signal_axis(signals: np.ndarray) -> Axis:
    finite = signals[np.isfinite(signals)]
    if finite.size and finite.min() > 0 and finite.max() > 4 * finite.min():
        return Axis(float(finite.min()) / 1.15, float(finite.max()) * 1.15, 196, 26, log=True)
    low, high = padded([0.0, *finite.tolist()] if finite.size and finite.min() >= 0 else finite.tolist())
    return Axis(low if finite.size and finite.min() < 0 else 0.0, high, 196, 26)


def strip_plot(values: Mapping[str, Mapping[str, Sequence[float]]], label: str, unit: str) -> Markup:
    """The cohort: a row a region, a dot a session, left above right, and a bar at each side's median."""
    rows = list(values)
    plot = Plot(WIDE, 44 + 38 * len(rows) + 20, f"{label} by region across sessions")
    axis = Axis(*padded([v for sides in values.values() for vs in sides.values() for v in vs]), NAMES, WIDE - 16)
    bottom = 18 + 38 * len(rows)
    x_axis(plot, axis, bottom, labelled(label, unit), grid_from=8, about=7)
    for i, name in enumerate(rows):
        y = 27 + 38 * i
        plot.text(NAMES - 12, y + 4, wording.region(name), "end", "name")
        for side, numbers in values[name].items():
            level = y + 1.6 * SIDE_SHIFT.get(side, 0.0)
            kind = side if side in SIDE_SHIFT else "both"
            finite = [v for v in numbers if np.isfinite(v)]
            for v in finite:
                plot.dot(axis(v), level, f"dot {kind} many", 4.0, wording.with_unit(v, unit))
            if len(finite) > 2:
                middle = axis(float(np.median(finite)))
                plot.line(middle, level - 8, middle, level + 8, f"thick {kind}")
    return plot.markup()


def _span(x: np.ndarray) -> tuple[float, float]:
    low, high = padded(x.tolist(), 0.04)
    return (0.0 if x.min() >= 0 and x.min() < 0.3 * x.max() else low), high


def _drawable(value: float, axis: Axis) -> bool:
    return bool(np.isfinite(value) and (value > 0 or not axis.log))


def _or_zero(value: float) -> float:
    return value if np.isfinite(value) else 0.0
