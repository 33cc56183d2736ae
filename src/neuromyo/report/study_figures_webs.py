"""Drawings without an axis: a matrix of correlations, the flow of people."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from neuromyo.core.analysis import Flow, Matrix
from neuromyo.report import study_axes as axes
from neuromyo.report.study_axes import NARROW, SMALL, WIDE
from neuromyo.report.svg import Plot
from neuromyo.study import said

#: matrix: the narrowest cell whose number can be read, the highest cell, most columns drawn
_LEAST_CELL, _CELL, _MOST_COLUMNS = 40.0, 26.0, 45
#: a column's name that is longer than this takes a wide drawing
_LONG = 130.0


def matrix(figure: Matrix, groups: Sequence[str] = ()) -> Plot:
    """Cells with their numbers, shaded by size, in one colour above and another below zero."""
    columns = figure.columns[:_MOST_COLUMNS]
    values = np.asarray(figure.values, dtype=float).reshape(len(figure.rows), len(figure.columns))[:, : len(columns)]
    long = len(columns) > 2 and any(axes.wide_of(c, SMALL) > _LONG for c in columns)
    width = WIDE if long or len(columns) > 5 else NARROW
    names = [axes.wrapped(r, width * 0.34, SMALL, 2) for r in figure.rows]
    left = 12 + max((axes.wide_of(line, SMALL) for n in names for line in n), default=0.0)
    heads = [axes.shortened(c, 300 if long else 200, SMALL) for c in columns]
    longest = max((axes.wide_of(h, SMALL) for h in heads), default=0.0)
    cell = min((width - left - 12) / max(len(columns), 1), 70.0)
    level = cell >= 60 and all(len(axes.wrapped(h, cell - 4, SMALL, 3)) <= 2 for h in heads)
    cell = cell if level else min((width - left - 0.6 * longest) / max(len(columns), 1), 70.0)
    top = 40.0 if level else 16 + 0.86 * longest
    high = _CELL if any(len(n) > 1 for n in names) or cell >= _LEAST_CELL else max(min(cell, _CELL), 16.0)
    high = 30.0 if any(len(n) > 1 for n in names) else high
    plot = Plot(width, top + high * len(names) + 34, figure.title)
    for j, head in enumerate(heads):
        x = left + cell * (j + 0.5)
        if level:
            lines = axes.wrapped(head, cell - 4, SMALL, 2)
            axes.words(plot, x, top - 8 - 15 * (len(lines) - 1), lines, "middle", "tick")
        else:
            plot.text(x + 4, top - 6, head, "start", "tick", -55)
    for i, lines in enumerate(names):
        y = top + high * i
        axes.words(plot, left - 8, y + high / 2 + 4 - 7.5 * (len(lines) - 1), lines, "end", "tick")
        for j in range(len(columns)):
            mark = figure.marks[i][j] if i < len(figure.marks) and j < len(figure.marks[i]) else ""
            tip = f"{figure.rows[i]}, {columns[j]}: {_signed(values[i, j])} {mark}".strip()
            _cell(plot, (left + cell * j, y, cell, high), values[i, j], mark, tip)
    below = figure.axis + (
        f"; {len(figure.columns) - len(columns)} more columns stand in the table"
        if len(columns) < len(figure.columns)
        else ""
    )
    plot.text(left, top + high * len(names) + 20, axes.shortened(below, width - left, SMALL), "start", "tick")
    return plot


def _cell(plot: Plot, box: tuple[float, float, float, float], value: float, mark: str, tip: str) -> None:
    x, y, wide, high = box
    kind = "cell none" if not math.isfinite(value) else "cell above" if value >= 0 else "cell below"
    shade = 1.0 if not math.isfinite(value) else 0.06 + 0.5 * min(abs(value), 1.0)
    plot.rect(x + 0.5, y + 0.5, wide - 1, high - 1, kind, shade, tip)
    if wide >= _LEAST_CELL:
        plot.text(x + wide / 2, y + high / 2 + 4, _signed(value) + mark, "middle", "tick ink")
    elif wide >= 14 and math.isfinite(value):  # too narrow for the number: its sign, and the mark
        plot.text(x + wide / 2, y + high / 2 + 4, mark or ("+" if value >= 0 else "−"), "middle", "tick ink")


def _signed(value: float) -> str:
    return said.r_number(value) if math.isfinite(value) else "–"


# --- flow -------------------------------------------------------------------------------------------------------------


def flow(figure: Flow, groups: Sequence[str] = ()) -> Plot:
    """A column an arm: boxes from enrolled to analysed, at their right those who left and why."""
    arms = list(figure.arms)
    columns = min(max(len(arms), 1), 3)
    width = NARROW if columns == 1 else WIDE
    room = width / columns
    bands = [arms[i : i + columns] for i in range(0, len(arms), columns)]
    heights = [_flow_heights([figure.arms[a] for a in members], room) for members in bands]
    total = sum(30 + sum(h) for h in heights)
    plot = Plot(width, max(total, 60.0), figure.title)
    if not arms:
        return axes.nothing(plot)
    y = 0.0
    for members, high in zip(bands, heights, strict=True):
        for k, name in enumerate(members):
            plot.text(room * k + 6, y + 18, axes.shortened(name or "all", room - 20), "start", "name strong")
            _arm(plot, figure.arms[name], room * k + 6, y + 28, room, high)
        y += 30 + sum(high)
    return plot


def _flow_lines(step: tuple[str, int, tuple[tuple[str, int], ...]], room: float) -> tuple[list[str], list[str]]:
    """Words of a box, and of those who left after it."""
    text, n, left = step
    box = [*axes.wrapped(text, room * 0.52 - 16, SMALL, 4), f"n = {n}"]
    gone = [line for why, m in left for line in axes.wrapped(f"{m} {why}", room * 0.42 - 10, SMALL, 3)]
    return box, gone


def _flow_heights(arms: Sequence[tuple[tuple[str, int, tuple[tuple[str, int], ...]], ...]], room: float) -> list[float]:
    """The height of each step, the same in all arms: the box, and room below for those who left."""
    out = []
    for k in range(max((len(a) for a in arms), default=0)):
        parts = [_flow_lines(a[k], room) for a in arms if k < len(a)]
        out.append(max(15.0 * len(b) + 12 for b, _ in parts) + max(max(15.0 * len(g) for _, g in parts) + 14, 24.0))
    return out


def _arm(
    plot: Plot,
    steps: Sequence[tuple[str, int, tuple[tuple[str, int], ...]]],
    x: float,
    y: float,
    room: float,
    heights: Sequence[float],
) -> None:
    wide = room * 0.52
    for k, (step, high) in enumerate(zip(steps, heights, strict=False)):
        box, gone = _flow_lines(step, room)
        tall = 15.0 * len(box) + 8
        plot.rect(x, y, wide, tall, "box", 1.0, f"{step[0]}: {step[1]}")
        axes.words(plot, x + wide / 2, y + 16, box, "middle", "tick ink")
        last = k == len(steps) - 1
        if not last:
            plot.path([(x + wide / 2, y + tall), (x + wide / 2, y + high - 2)], "arrow w0")
            plot.path(
                [(x + wide / 2 - 4, y + high - 9), (x + wide / 2, y + high - 1), (x + wide / 2 + 4, y + high - 9)],
                "arrowhead",
                closed=True,
            )
        if gone:
            at = y + tall + 12
            plot.line(x + wide / 2, y + tall, x + wide / 2, at, "axis")
            plot.line(x + wide / 2, at, x + wide * 0.72, at, "axis")
            axes.words(plot, x + wide * 0.74, at + 4, gone, "start", "tick")
        y += high
