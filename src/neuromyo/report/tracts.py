"""The page of lines along a nerve: where they run, seen from the front and from the side, and the maps along them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from neuromyo.core.errors import Finding
from neuromyo.core.grid import Grid
from neuromyo.report import wording
from neuromyo.report.html import render
from neuromyo.report.svg import Axis, Plot, labelled, nice_ticks, padded, tick_text, x_axis, y_axis

#: lines that are drawn, and points of each; more would be a black patch
SHOWN, POINTS = 250, 60
#: size of one view in drawing units, and the room around it
_LONGEST, _ROOM = 420.0, 46.0


@dataclass(frozen=True, eq=False)
class AlongLine:
    """A map along the lines: ``spread`` is its sd, over voxels or lines."""

    title: str
    unit: str
    distance_mm: np.ndarray
    value: np.ndarray
    spread: np.ndarray


@dataclass(frozen=True, eq=False)
class TractView:
    """What the page shows.

    streamlines : (k, 3) RAS+ mm; nerve : (x, y, z) share within the nerve on ``grid``, or None
    zero : what lies at distance 0, in words; rows : of the tidy table, the whole of the lines
    stops, dropped : reason -> how often
    """

    title: str
    streamlines: Sequence[np.ndarray]
    grid: Grid
    zero: str
    lines: Sequence[AlongLine]
    rows: Sequence[Mapping[str, Any]]
    stops: Mapping[str, int]
    dropped: Mapping[str, int]
    nerve: np.ndarray | None = None
    findings: Sequence[Finding] = ()


def page(view: TractView) -> str:
    """The self-contained page. A pure function of the view."""
    return render(
        "tracts.html.j2",
        title=view.title,
        said=_said(view),
        findings=[f for f in view.findings if f.level == "warn"],
        views=[(title, projection(view, axis)) for title, axis in (("From the front", 1), ("From the side", 0))],
        outlined=view.nerve is not None,
        plots=[along(view.title, line, view.zero) for line in view.lines],
        numbers=numbers(view.rows),
        stops=list(view.stops.items()),
        dropped=list(view.dropped.items()),
    )


def numbers(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """What was measured of the whole: quantity, value, spread."""
    found = []
    for row in rows:
        name = _HEADINGS.get((row["quantity"], row["statistic"]), row["quantity"])
        value, unit, sd = float(row["value"]), row["unit"], row.get("sd_between")
        if row["quantity"].startswith("coverage"):
            said = wording.percent(value)
        else:
            said = wording.count(value) if row["statistic"] == "count" else wording.with_unit(value, unit)
        spread = "" if sd is None or not np.isfinite(float(sd)) else wording.number(float(sd), value)
        found.append((name, said, spread))
    return found


_HEADINGS = {
    ("tract_count", "count"): "lines (not a count of fibres)", ("tract_length", "mean"): "mean length",
    ("tract_length", "max"): "longest", ("coverage_section", "mean"): "share of the cross-section that lines pass",
    ("coverage_length", "mean"): "share of the nerve's slices that lines pass",
}  # fmt: skip


def projection(view: TractView, axis: int) -> Markup:
    """Lines (and the nerve's voxels behind them) seen along a world axis: 1 from the front, 0 from the patient's left side."""
    across, up = (0, 2) if axis == 1 else (1, 2)
    letters = ("R", "L") if axis == 1 else ("A", "P")
    corners = np.concatenate([*view.streamlines, *_voxels(view)])[:, [across, up]]
    low, high = corners.min(axis=0) - 2.0, corners.max(axis=0) + 2.0
    scale = _LONGEST / max(float((high - low).max()), 1.0)
    width, height = np.maximum((high - low) * scale, 60.0)
    plot = Plot(
        width + 2 * _ROOM, height + 2 * _ROOM, f"{view.title}, {'from the front' if axis == 1 else 'from the side'}"
    )
    # right and anterior are on the viewer's left
    x = Axis(float(high[0]), float(low[0]), _ROOM, _ROOM + float(width))
    y = Axis(float(high[1]), float(low[1]), _ROOM, _ROOM + float(height))
    ticks = nice_ticks(float(low[1]), float(high[1]), 5)
    for tick in ticks:
        plot.line(_ROOM, y(tick), _ROOM + width, y(tick), "grid")
        plot.text(_ROOM - 6, y(tick) + 4, tick_text(tick, ticks), "end", "tick")
    for path in _voxels(view):
        plot.path([(x(p[across]), y(p[up])) for p in path], "area both", closed=True)
    for line in view.streamlines[:: max(1, -(-len(view.streamlines) // SHOWN))]:
        thin = line[np.unique(np.linspace(0, len(line) - 1, POINTS).astype(int))]
        plot.path([(x(p[across]), y(p[up])) for p in thin], "trace")
    plot.text(_ROOM + 2, _ROOM - 10, letters[0], "start", "axis-label")
    plot.text(_ROOM + width - 2, _ROOM - 10, letters[1], "end", "axis-label")
    plot.text(_ROOM + width / 2, _ROOM - 10, "S", "middle", "axis-label")
    plot.text(_ROOM + width / 2, _ROOM + height + 18, "I", "middle", "axis-label")
    plot.text(4, 14, "mm", "start", "tick")
    return plot.markup()


def along(name: str, line: AlongLine, zero: str) -> Markup:
    """A map along the lines, proximal end on the left."""
    plot = Plot(580, 236, f"{line.title} along {name}")
    spread = np.nan_to_num(line.spread)
    reach = np.concatenate([line.value - spread, line.value + spread])
    up, across = Axis(*padded(reach.tolist()), 180, 28), Axis(*padded(line.distance_mm.tolist(), 0.03), 56, 564)
    y_axis(plot, up, 56, labelled(line.title, line.unit), 564)
    x_axis(plot, across, 180, f"distance from {wording.region(zero)} (mm), towards the foot")
    points = [(across(d), up(v)) for d, v in zip(line.distance_mm, line.value, strict=True)]
    if len(points) > 1:
        plot.path(points, "model")
    for d, v, s in zip(line.distance_mm, line.value, spread, strict=True):
        plot.line(across(d), up(v - s), across(d), up(v + s), "thin both")
        plot.dot(across(d), up(v), "dot both", 3.2, f"{d:.0f} mm: {wording.with_unit(float(v), line.unit)}")
    return plot.markup()


def _said(view: TractView) -> list[str]:
    n = len(view.streamlines)
    drawn = f"; {min(n, SHOWN)} of them are drawn" if n > SHOWN else ""
    lines = [f"{wording.plural(n, 'line')} along which water moves most freely{drawn}."]
    begin = f"Distances begin at {wording.region(view.zero)} and grow towards the foot."
    return [*lines, begin] if view.lines else lines


def _voxels(view: TractView) -> list[np.ndarray]:
    """Outlines (4, 3) mm of the nerve's extent in each slice, for a faint body behind the lines."""
    if view.nerve is None:
        return []
    axis = view.grid.slice_axis
    a, b = view.grid.in_plane_axes
    found = []
    for k in np.flatnonzero((view.nerve >= 0.5).any(axis=(a, b))):
        there = np.argwhere(np.take(view.nerve, k, axis=axis) >= 0.5)
        low, high = there.min(axis=0) - 0.5, there.max(axis=0) + 0.5
        index = np.zeros((8, 3))
        index[:, axis] = np.repeat([k - 0.5, k + 0.5], 4)
        index[:, a], index[:, b] = np.tile([low[0], high[0]], 4), np.tile(np.repeat([low[1], high[1]], 2), 2)
        found.append(_hull(view.grid.to_world(index)))
    return found


def _hull(corners: np.ndarray) -> np.ndarray:
    """(4, 3) the rectangle in the world around corners (8, 3); both views see their own side of it."""
    low, high = corners.min(axis=0), corners.max(axis=0)
    return np.array([low, [high[0], high[1], low[2]], high, [low[0], low[1], high[2]]])
