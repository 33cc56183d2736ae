"""Drawings of estimates: forests, curves over a number, profiles along a nerve."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from neuromyo.core.analysis import Along, Curves, Forest, Mean
from neuromyo.report import study_axes as axes
from neuromyo.report import wording
from neuromyo.report.study_axes import NARROW, WIDE
from neuromyo.report.study_numbers import common_decimals, interval
from neuromyo.report.svg import Plot

_LEFT, _HIGH = 62.0, 230.0
#: forest: where the axis begins and ends; a line's height
_FROM, _TO, _ROW = 300.0, 600.0, 16.0
#: an interval that reaches so many times further than most is cut, with an arrow
_FAR = 4.0


def forest(figure: Forest, groups: Sequence[str] = ()) -> Plot:
    """A line an estimate: its name, its place on the axis with its interval, its numbers."""
    names = [axes.wrapped(m.label or f"line {i}", _FROM - 24, axes.TEXT, 3) for i, m in enumerate(figure.lines, 1)]
    heights = [max(_ROW * len(n), 20.0) + 6 for n in names]
    bottom = 12 + sum(heights)
    plot = Plot(WIDE, bottom + 40 + 15 * (len(axes.label_lines(figure.axis, _TO - _FROM)) - 1), figure.title)
    known = [m for m in figure.lines if math.isfinite(m.value)]
    if not known:
        return axes.nothing(plot)
    across = axes.ruler([figure.zero, *_reached(known, figure.zero)], _FROM, _TO, 0.05)
    _forest_axis(plot, across, bottom, figure)
    decimals = common_decimals((m.low, m.high) for m in known)
    y = 12.0
    for one, lines, high in zip(figure.lines, names, heights, strict=True):
        middle = y + high / 2
        axes.words(plot, _FROM - 16, middle + 4 - _ROW / 2 * (len(lines) - 1), lines, "end", "name")
        if math.isfinite(one.value):
            _estimate(plot, across, one, middle)
        plot.text(_TO + 14, middle + 4, interval(one.value, one.low, one.high, decimals), "start", "tick")
        y += high
    return plot


def _reached(known: Sequence[Mean], zero: float) -> list[float]:
    """What the axis has to hold: all estimates, and intervals as far as they are not many times wider than most."""
    values = [m.value for m in known]
    widths = [e - m.value for m in known for e in (m.low, m.high) if math.isfinite(e)]
    typical = float(np.median(np.abs(widths))) if widths else 0.0
    most = _FAR * max(typical, (max([*values, zero]) - min([*values, zero])) / 2)
    return [
        *values,
        *(m.value + max(-most, min(e - m.value, most)) for m in known for e in (m.low, m.high) if math.isfinite(e)),
    ]


def _forest_axis(plot: Plot, across: axes.Ruler, bottom: float, figure: Forest) -> None:
    for at, said in across.ticks(5):
        plot.line(at, 6, at, bottom, "grid")
        plot.text(at, bottom + 16, said, "middle", "tick")
    plot.line(_FROM, bottom, _TO, bottom, "axis")
    plot.line(across(figure.zero), 6, across(figure.zero), bottom, "zero")
    axes.words(
        plot,
        (_FROM + _TO) / 2,
        bottom + 33,
        axes.label_lines(across.named(figure.axis), WIDE - 2 * (WIDE - _TO)),
        "middle",
    )


def _estimate(plot: Plot, across: axes.Ruler, one: Mean, y: float) -> None:
    x = across(one.value)
    if math.isfinite(one.low) and math.isfinite(one.high):
        plot.line(across(one.low), y, across(one.high), y, "estimate")
        for end, way in ((one.low, -1), (one.high, 1)):
            at = across(end)
            if across.holds(end):
                plot.line(at, y - 4, at, y + 4, "estimate")
            else:  # goes on beyond the axis
                plot.path([(at - 6 * way, y - 5), (at, y), (at - 6 * way, y + 5)], "estimate open")
    plot.mark(x, y, axes.SHAPES[2], "mark g0", f"{one.label}: {interval(one.value, one.low, one.high)}")


def curves(figure: Curves, groups: Sequence[str] = ()) -> Plot:
    """A line a name, each with its own dashes, and the levels to mark. Bands of more than three lines are paler."""
    lines = {name: np.asarray(values, dtype=float) for name, values in figure.lines.items()}
    shown = [n + ("" if axes.finite(v) else " (no value)") for n, v in lines.items()] if list(lines) != [""] else []
    ys = [v for values in lines.values() for v in axes.finite(values)]
    bands = [v for pair in figure.bands.values() for a in pair for v in axes.finite(np.asarray(a, dtype=float))]
    marks_x = axes.finite([] if figure.mark_x is None else [figure.mark_x])
    marks_y = axes.finite([] if figure.mark_y is None else [figure.mark_y])
    x = np.asarray(figure.x, dtype=float)
    plot, across, up = _frame(figure.title, [*axes.finite(x), *marks_x] if ys else [], [*ys, *bands, *marks_y],
                              figure.x_axis, figure.axis, shown)  # fmt: skip
    if across is None or up is None:
        return plot
    xs = [across(v) for v in x]
    for i, name in enumerate(lines):
        if name in figure.bands:
            low, high = (np.asarray(a, dtype=float) for a in figure.bands[name])
            kind = f"zone {axes.style(i)[1]}" + (" pale" if len(lines) > 3 else "")
            axes.band(plot, xs, [up(v) for v in low], [up(v) for v in high], kind)
    for i, (name, values) in enumerate(lines.items()):
        _line(plot, xs, up, values, axes.style(i), name if len(xs) <= 12 else None)
    drawn = [(a, up(v)) for values in lines.values() for a, v in zip(xs, values, strict=True)]
    _marks(plot, across, up, marks_x, marks_y, drawn)
    _keys(plot, [("line", f"mean {axes.style(i)[1]}", n) for i, n in enumerate(shown)])
    return plot


def _line(
    plot: Plot,
    xs: Sequence[float],
    up: axes.Ruler,
    values: np.ndarray,
    style: tuple[str, str],
    name: str | None,
    small: str = "",
) -> None:
    """A line, with a marker a point where it has a ``name`` to say there."""
    shape, kind = style
    heights = [up(v) for v in values]
    axes.course(plot, xs, heights, f"mean {kind}")
    for a, b, v in zip(xs, heights, values, strict=True) if name is not None else ():
        if math.isfinite(a) and math.isfinite(b):
            plot.mark(a, b, shape, f"mark {small}{kind}", f"{name}: {wording.number(float(v))}".removeprefix(": "))


def _marks(
    plot: Plot,
    across: axes.Ruler,
    up: axes.Ruler,
    xs: Sequence[float],
    ys: Sequence[float],
    drawn: Sequence[tuple[float, float]],
) -> None:
    """Dashed lines at the levels to mark, with their numbers at the edge that the curves keep further away from."""
    left, right = across.axis.start, across.axis.end
    for v in ys:
        plot.line(left, up(v), right, up(v), "limit")
        near = [
            min((math.hypot(a - x, b - up(v) + 9) for a, b in drawn if math.isfinite(a + b)), default=0.0)
            for x in (left + 15, right - 15)
        ]
        first = near[0] > near[1]
        plot.text(left + 4 if first else right - 3, up(v) - 5, _short(v), "start" if first else "end", "tick")
    for v in xs:
        plot.line(across(v), up.axis.end, across(v), up.axis.start, "limit")
        right = across(v) > across.axis.end - 60
        plot.text(across(v) + (-5 if right else 5), up.axis.start - 6, _short(v), "end" if right else "start", "tick")


def along(figure: Along, groups: Sequence[str] = ()) -> Plot:
    """Each group's mean with its band over the levels; a bar along the bottom where the difference is significant."""
    levels = np.asarray(figure.levels, dtype=float)
    names = list(figure.means)
    sure = np.asarray(figure.significant, dtype=bool)
    difference = "difference significant" if sure.any() else ""
    shown = [*names, *([difference] if difference else [])]
    ys = [v for m in figure.means.values() for a in m for v in axes.finite(np.asarray(a, dtype=float))]
    plot, across, up = _frame(
        figure.title, axes.finite(levels) if ys else [], ys, figure.level_axis, figure.axis, shown
    )
    if across is None or up is None:
        return plot
    order = axes.order_of(names, groups)
    xs = [across(v) for v in levels]
    for name in names:
        kind = axes.style(order.index(name))[1]
        _, low, high = (np.asarray(a, dtype=float) for a in figure.means[name])
        axes.band(plot, xs, [up(v) for v in low], [up(v) for v in high], f"zone {kind}")
    for name in names:
        values = np.asarray(figure.means[name][0], dtype=float)
        _line(plot, xs, up, values, axes.style(order.index(name)), name if len(xs) <= 30 else None, "small ")
    gap = float(np.nanmedian(np.diff(xs))) if len(xs) > 1 else 10.0
    for piece in axes.stretches(sure & np.isfinite(levels)):
        a, b = xs[piece.start] - gap / 3, xs[piece.stop - 1] + gap / 3
        plot.line(max(a, across.axis.start), up.axis.start - 3, min(b, across.axis.end), up.axis.start - 3, "sure")
    _keys(
        plot,
        [
            *(("line", f"mean {axes.style(order.index(n))[1]}", n) for n in names),
            *([("line", "sure", difference)] if difference else []),
        ],
    )
    return plot


def _keys(plot: Plot, entries: Sequence[tuple[str, str, str]]) -> None:
    if entries:
        axes.legend(plot, entries, plot.height - axes.legend_height([e[2] for e in entries], plot.width) + 8)


def _frame(
    title: str, xs: Sequence[float], ys: Sequence[float], x_label: str, y_label: str, shown: Sequence[str]
) -> tuple[Plot, axes.Ruler | None, axes.Ruler | None]:
    return axes.frame(title, xs, ys, x_label, y_label, shown, (_LEFT, NARROW - 14, _HIGH))


def _short(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")
