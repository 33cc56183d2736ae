"""Drawings with a mark a person: values by group, one value against another, courses over time, Bland and Altman's plot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from neuromyo.core.analysis import Agreement, Courses, Dots, Mean, Scatter
from neuromyo.report import study_axes as axes
from neuromyo.report import study_numbers as numbers
from neuromyo.report import wording
from neuromyo.report.study_axes import NARROW, WIDE
from neuromyo.report.svg import Plot

#: drawing units: left edge of the plot, its height, a dot's width
_LEFT, _HIGH, _DOT = 62.0, 240.0, 9.0
#: more dots than these in one column are strewn, not put beside each other
_MOST = 400
#: panels of courses beside each other
_PANELS = 2


def dots(figure: Dots, groups: Sequence[str] = ()) -> Plot:
    """A column a group: dots that stand side by side where they would overlap, right of them mean and interval."""
    names = list(figure.groups)
    width = NARROW if len(names) <= 4 else WIDE
    room = (width - _LEFT - 12) / max(len(names), 1)
    below = [axes.wrapped(n, room - 6, axes.SMALL, 3) for n in names]
    top = axes.head(figure.axis, width)
    plot = Plot(width, top + _HIGH + 40 + 15 * max((len(b) for b in below), default=1), figure.title)
    values = [axes.finite(v) for v in figure.groups.values()]
    ends = [e for m in figure.means.values() for e in (m.value, m.low, m.high)]
    if not any(values):
        return axes.nothing(plot)
    up = axes.ruler([*(v for vs in values for v in vs), *ends], top + _HIGH, top)
    axes.up_axis(plot, up, _LEFT, figure.axis, width - 12)
    order = axes.order_of(names, groups)
    for i, name in enumerate(names):
        middle = _LEFT + room * (i + 0.5)
        shape, kind = axes.style(order.index(name))
        half = min(room * 0.32, 70.0)
        heights = [up(v) for v in values[i]]
        for v, y, dx in zip(values[i], heights, swarm(heights, half), strict=True):
            plot.mark(middle - 10 + dx, y, shape, f"mark {kind}", f"{name}: {wording.number(v)}")
        if name in figure.means:
            _estimate(plot, up, figure.means[name], min(middle + half + 8, middle + room / 2 - 6), name)
        axes.words(plot, middle, top + _HIGH + 20, [*below[i], f"n = {len(values[i])}"], "middle", "tick")
    return plot


def _estimate(plot: Plot, up: axes.Ruler, mean: Mean, x: float, name: str) -> None:
    if math.isfinite(mean.low) and math.isfinite(mean.high):
        plot.line(x, up(mean.low), x, up(mean.high), "estimate")
        for end in (mean.low, mean.high):
            plot.line(x - 4, up(end), x + 4, up(end), "estimate")
    if math.isfinite(mean.value):
        plot.rect(
            x - 5,
            up(mean.value) - 1.5,
            10,
            3,
            "centre",
            1.0,
            f"{name}, {mean.label or 'mean'}: {wording.number(mean.value)}",
        )


def swarm(heights: Sequence[float], half: float, dot: float = _DOT) -> list[float]:
    """Shifts to the sides, at most ``half``, so that dots at these heights do not overlap; the nearest free place each. More than
    `_MOST` are strewn over the column."""
    if len(heights) > _MOST:
        return [half * math.sin(2.4 * i) for i in range(len(heights))]
    shifts = [0.0] * len(heights)
    placed: list[int] = []
    for i in sorted(range(len(heights)), key=lambda j: (heights[j], j)):
        near = [j for j in placed if abs(heights[j] - heights[i]) < dot]
        tries = sorted(
            {0.0, *(shifts[j] + s * _aside(heights[j] - heights[i], dot) for j in near for s in (-1, 1))}, key=abs
        )
        free = (
            t
            for t in tries
            if abs(t) <= half and all(_apart(t - shifts[j], heights[i] - heights[j], dot) for j in near)
        )
        shifts[i] = next(free, half * math.sin(2.4 * i))  # full: spread over the column without a pattern
        placed.append(i)
    return shifts


def _aside(dy: float, dot: float) -> float:
    return math.sqrt(max(dot * dot - dy * dy, 0.0)) + 0.01


def _apart(dx: float, dy: float, dot: float) -> bool:
    return dx * dx + dy * dy >= dot * dot * 0.998


def scatter(figure: Scatter, groups: Sequence[str] = ()) -> Plot:
    """y against x, marker and colour by group, the line with its band behind."""
    x, y = np.asarray(figure.x, dtype=float), np.asarray(figure.y, dtype=float)
    known = np.isfinite(x) & np.isfinite(y)
    group = figure.group or ("",) * len(x)
    names = list(dict.fromkeys(g for g, k in zip(group, known, strict=True) if k))
    shown = names if len(names) > 1 else []
    plot, across, up = _frame(figure.title, _with(x[known], figure.line, (0,)), _with(y[known], figure.line, (1, 2, 3)),
                              figure.x_axis, figure.y_axis, shown)  # fmt: skip
    if across is None or up is None:
        return plot
    if figure.line is not None:
        at, middle, low, high = (np.asarray(a, dtype=float) for a in figure.line)
        xs = [across(v) for v in at]
        axes.band(plot, xs, [up(v) for v in low], [up(v) for v in high], "spread")
        axes.course(plot, xs, [up(v) for v in middle], "fitted")
    order = axes.order_of(names, groups)
    for i in np.flatnonzero(known):
        shape, kind = axes.style(order.index(group[i]))
        who = figure.labels[i] + ": " if figure.labels else ""
        plot.mark(across(x[i]), up(y[i]), shape, f"mark {kind}", f"{who}{wording.number(x[i])}, {wording.number(y[i])}")
    axes.legend(
        plot,
        [(*_marked(order.index(n)), n or "no group") for n in shown],
        plot.height - axes.legend_height(shown, NARROW) + 8,
    )
    return plot


def _with(values: np.ndarray, line: tuple[np.ndarray, ...] | None, which: tuple[int, ...]) -> list[float]:
    """The values and, where some are there, the line; a band far wider than they reach is cut."""
    points = axes.finite(values)
    if line is None or not points:
        return points
    reach = (max(points) - min(points)) or abs(points[0]) or 1.0
    ends = axes.finite(float(v) for k in which for v in np.asarray(line[k]))
    return [*points, *(min(max(e, min(points) - reach), max(points) + reach) for e in ends)]


def _marked(place: int) -> tuple[str, str]:
    shape, kind = axes.style(place)
    return shape, f"mark {kind}"


def _frame(
    title: str,
    xs: Sequence[float],
    ys: Sequence[float],
    x_label: str,
    y_label: str,
    shown: Sequence[str],
    right: float = NARROW - 14,
) -> tuple[Plot, axes.Ruler | None, axes.Ruler | None]:
    return axes.frame(title, xs, ys, x_label, y_label, shown, (_LEFT, right, _HIGH))


def agreement(figure: Agreement, groups: Sequence[str] = ()) -> Plot:
    """Differences against means; bias and limits as lines with their intervals as bands, named at the right."""
    mean, off = np.asarray(figure.mean, dtype=float), np.asarray(figure.difference, dtype=float)
    known = np.isfinite(mean) & np.isfinite(off)
    lines = [(figure.upper, figure.upper.label or "upper limit"), (figure.bias, figure.bias.label or "bias"),
             (figure.lower, figure.lower.label or "lower limit")]  # fmt: skip
    ends = axes.finite(v for m, _ in lines for v in (m.value, m.low, m.high))
    ys = [*off[known], *ends, 0.0] if known.any() else []
    plot, across, up = _frame(
        figure.title, mean[known].tolist(), ys, figure.axis, figure.difference_axis, (), NARROW - 96
    )
    if across is None or up is None:
        return plot
    left, right = across.axis.start, across.axis.end
    plot.line(left, up(0.0), right, up(0.0), "axis")
    said: list[tuple[float, str]] = []
    for one, name in lines:
        if not math.isfinite(one.value):
            continue
        if math.isfinite(one.low) and math.isfinite(one.high):
            plot.rect(left, up(one.high), right - left, up(one.low) - up(one.high), "spread", 1.0, f"{name}: interval")
        plot.line(left, up(one.value), right, up(one.value), "fitted" if one is figure.bias else "limit")
        said += [(up(one.value), line) for line in axes.wrapped(f"{name} {_level(one)}", 90, axes.SMALL, 3)]
    for y, line in zip(spread([y for y, _ in said], 14.0), [line for _, line in said], strict=True):
        plot.text(right + 6, y + 4, line, "start", "tick")
    if figure.slope is not None:
        axes.course(plot, [across(v) for v in figure.slope[0]], [up(v) for v in figure.slope[1]], "slope")
    shape, kind = axes.style(0)
    for i in np.flatnonzero(known):
        who = figure.labels[i] + ": " if figure.labels else ""
        plot.mark(across(mean[i]), up(off[i]), shape, f"mark {kind}", f"{who}difference {wording.number(off[i])}")
    return plot


def _level(one: Mean) -> str:
    """A line's number, to the digit that its interval bears."""
    known = math.isfinite(one.low) and math.isfinite(one.high) and one.high > one.low
    return numbers.fixed(one.value, numbers.decimals_of(one.low, one.high)) if known else wording.number(one.value)


def spread(places: Sequence[float], least: float) -> list[float]:
    """The places, in their order from above, moved apart so that neighbours keep ``least``; their middle stays."""
    out: list[float] = []
    for p in places:
        out.append(p if not out else max(p, out[-1] + least))
    shift = sum(p - q for p, q in zip(places, out, strict=True)) / max(len(out), 1)
    return [q + shift for q in out] if all(b - a < 1.5 * least for a, b in pairwise(out)) else out


def courses(figure: Courses, groups: Sequence[str] = ()) -> Plot:
    """A panel a group, all on the same axes: each person's line, the model's mean with its band, a sign where somebody left."""
    times, values = np.asarray(figure.times, dtype=float), np.asarray(figure.values, dtype=float)
    names = list(dict.fromkeys([*figure.group, *figure.means]))
    columns = min(max(len(names), 1), _PANELS)
    width = NARROW * columns
    rows = math.ceil(max(len(names), 1) / columns)
    top = axes.head(figure.axis, width) + (18 if len(names) > 1 else 0)
    step = top + _HIGH + 50
    keys = _ends(figure)
    entries = [e[2] for e in keys]
    plot = Plot(width, step * rows + axes.legend_height(entries, width), figure.title)
    known = np.isfinite(times) & np.isfinite(values)
    bands = list(figure.means.values())
    everything = [*values[known], *(v for m in bands for a in m[1:] for v in axes.finite(a))]
    if not everything:
        return axes.nothing(plot)
    moments = [*times[known], *(v for m in bands for v in axes.finite(m[0]))]
    order = axes.order_of(names, groups)
    for k, name in enumerate(names):
        left, down = NARROW * (k % columns), step * (k // columns)
        across = axes.ruler(moments, left + _LEFT, left + NARROW - 14, 0.04)
        up = axes.ruler(everything, down + top + _HIGH, down + top)
        _panel(plot, figure, name, across, up, k, order.index(name), len(names) > 1)
    if keys:
        axes.legend(plot, keys, plot.height - axes.legend_height(entries, width) + 10)
    return plot


def _panel(
    plot: Plot, figure: Courses, name: str, across: axes.Ruler, up: axes.Ruler, k: int, place: int, named: bool
) -> None:
    left, right, bottom, top = across.axis.start, across.axis.end, up.axis.start, up.axis.end
    axes.across_axis(plot, across, bottom, figure.time_axis, top)
    axes.up_axis(plot, up, left, "", right)
    if k % _PANELS == 0:
        axes.words(plot, 4, top - axes.head(figure.axis, plot.width) - (18 if named else 0) + 15,
                   axes.label_lines(up.named(figure.axis), plot.width))  # fmt: skip
    members = [i for i, g in enumerate(figure.group) if g == name]
    if named:
        plot.text(
            left, top - 8, axes.shortened(f"{name or 'no group'} (n = {len(members)})", NARROW - 80), "start", "name"
        )
    shape, kind = axes.style(place)
    for i in members:
        _person(plot, figure, i, across, up, kind, shape)
    if name in figure.means:
        at, middle, low, high = (np.asarray(a, dtype=float) for a in figure.means[name])
        xs = [across(v) for v in at]
        axes.band(plot, xs, [up(v) for v in low], [up(v) for v in high], f"zone {kind}")
        axes.course(plot, xs, [up(v) for v in middle], f"mean {kind}")


def _person(plot: Plot, figure: Courses, i: int, across: axes.Ruler, up: axes.Ruler, kind: str, shape: str) -> None:
    known = np.isfinite(figure.times[i]) & np.isfinite(figure.values[i])
    points = [(across(t), up(v)) for t, v in zip(figure.times[i][known], figure.values[i][known], strict=True)]
    if len(points) > 1:
        plot.path(points, f"life {kind}")
    many = len(figure.group) > 60
    label = figure.labels[i] if i < len(figure.labels) else ""
    for (x, y), v in zip(points, figure.values[i][known], strict=True):
        if not many or len(points) == 1:
            plot.mark(x, y, shape, f"mark small {kind}", f"{label}: {wording.number(float(v))}".removeprefix(": "))
    if points and figure.ends.get(i):
        words = list(dict.fromkeys(figure.ends.values()))
        plot.mark(points[-1][0] + 9, points[-1][1], axes.ENDS[words.index(figure.ends[i]) % len(axes.ENDS)], "end",
                  f"{label}: {figure.ends[i]}".removeprefix(": "))  # fmt: skip


def _ends(figure: Courses) -> list[tuple[str, str, str]]:
    """What the signs mean, with how many they are."""
    said = list(figure.ends.values())
    words = list(dict.fromkeys(said))
    return [(axes.ENDS[i % len(axes.ENDS)], "end", f"{w}: {said.count(w)}") for i, w in enumerate(words) if w]
