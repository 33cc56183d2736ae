"""Drawings without an axis: a matrix of correlations, a chain of causes, the flow of people."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from neuromyo.core.analysis import Chain, Flow, Matrix
from neuromyo.report import study_axes as axes
from neuromyo.report.study_axes import NARROW, SMALL, WIDE
from neuromyo.report.svg import Plot

#: matrix: the narrowest cell whose number can be read, the highest cell, most columns drawn
_LEAST_CELL, _CELL, _MOST_COLUMNS = 40.0, 26.0, 45
#: chain: a box's height, the way between rows, how wide words beside an arrow may be
_BOX, _WAY, _LABEL = 46.0, 64.0, 150.0


def matrix(figure: Matrix, groups: Sequence[str] = ()) -> Plot:
    """Cells with their numbers, shaded by size, in one colour above and another below zero."""
    columns = figure.columns[:_MOST_COLUMNS]
    values = np.asarray(figure.values, dtype=float).reshape(len(figure.rows), len(figure.columns))[:, : len(columns)]
    width = NARROW if len(columns) <= 5 else WIDE
    names = [axes.wrapped(r, width * 0.34, SMALL, 2) for r in figure.rows]
    left = 12 + max((axes.wide_of(line, SMALL) for n in names for line in n), default=0.0)
    heads = [axes.shortened(c, 200, SMALL) for c in columns]
    longest = max((axes.wide_of(h, SMALL) for h in heads), default=0.0)
    cell = min((width - left - 12) / max(len(columns), 1), 70.0)
    level = cell >= 60 and all(len(axes.wrapped(h, cell - 4, SMALL, 3)) <= 2 for h in heads)
    cell = cell if level else min((width - left - 0.6 * longest) / max(len(columns), 1), 70.0)
    top = 40.0 if level else 16 + 0.86 * longest
    high = _CELL if any(len(n) > 1 for n in names) or cell >= _LEAST_CELL else max(min(cell, _CELL), 16.0)
    high = 30.0 if any(len(n) > 1 for n in names) else high
    plot = Plot(width, top + high * len(names) + 34, figure.title)
    for j, said in enumerate(heads):
        x = left + cell * (j + 0.5)
        if level:
            lines = axes.wrapped(said, cell - 4, SMALL, 2)
            axes.words(plot, x, top - 8 - 15 * (len(lines) - 1), lines, "middle", "tick")
        else:
            plot.text(x + 4, top - 6, said, "start", "tick", -55)
    for i, lines in enumerate(names):
        y = top + high * i
        axes.words(plot, left - 8, y + high / 2 + 4 - 7.5 * (len(lines) - 1), lines, "end", "tick")
        for j in range(len(columns)):
            mark = figure.marks[i][j] if i < len(figure.marks) and j < len(figure.marks[i]) else ""
            tip = f"{figure.rows[i]}, {columns[j]}: {_signed(values[i, j])} {mark}".strip()
            _cell(plot, (left + cell * j, y, cell, high), values[i, j], mark, tip)
    said = figure.axis + (
        f"; {len(figure.columns) - len(columns)} more columns stand in the table"
        if len(columns) < len(figure.columns)
        else ""
    )
    plot.text(left, top + high * len(names) + 20, axes.shortened(said, width - left, SMALL), "start", "tick")
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
    if not math.isfinite(value):
        return "–"
    return f"{value:.2f}".replace("-", "−") if f"{value:.2f}".strip("-0.") else "0.00"


# --- chain ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Box:
    x: float
    y: float
    wide: float

    def edge(self, dx: float, dy: float) -> tuple[float, float]:
        """Where a line from the middle in a direction leaves the box."""
        across = (self.wide / 2 + 3) / abs(dx) if dx else math.inf
        down = (_BOX / 2 + 3) / abs(dy) if dy else math.inf
        k = min(across, down)
        return self.x + k * dx, self.y + k * dy


def chain(figure: Chain, groups: Sequence[str] = ()) -> Plot:
    """Causes above, effects below; arrows as thick as the relation is strong, dashed where it is not sure."""
    arrows = [a for a in figure.arrows if a[0] in figure.nodes and a[1] in figure.nodes and a[0] != a[1]]
    rows = ranks(figure.nodes, [(a[0], a[1]) for a in arrows])
    most = max((len(r) for r in rows), default=1)
    skipping = any(_row(rows, a[1]) - _row(rows, a[0]) != 1 for a in arrows)
    width = NARROW if most <= 1 else WIDE
    lines = max((len(_interval_kept(a[2], _LABEL)) for a in arrows), default=1)
    step = _BOX + max(_WAY, 15.0 * lines + 28)
    plot = Plot(width, max(16 + len(rows) * step - (step - _BOX) + 36, 60.0), figure.title)
    if not figure.nodes:
        return axes.nothing(plot)
    boxes = _boxes(rows, width, skipping, step)
    labels: list[tuple[float, float, str, str]] = []
    for n, arrow in enumerate(arrows):
        labels.append(_arrow(plot, boxes, rows, arrow, n, width))
    for name, box in boxes.items():
        plot.rect(box.x - box.wide / 2, box.y - _BOX / 2, box.wide, _BOX, "box")
        lines = axes.wrapped(name, box.wide - 10, SMALL, 3)
        axes.words(plot, box.x, box.y + 4 - 7.5 * (len(lines) - 1), lines, "middle", "name")
    _labels(plot, labels, width, _outside(boxes) - 6 if skipping else width)
    plot.text(10, plot.height - 6, "solid: clear; dashed: not clear; thicker: stronger", "start", "tick")
    return plot


def ranks(nodes: Sequence[str], arrows: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Nodes in rows: each below all that lead to it; arrows that run against the order of the nodes do not count."""
    place = {n: i for i, n in enumerate(nodes)}
    onward = [(a, b) for a, b in arrows if place[a] < place[b]]
    rank = dict.fromkeys(nodes, 0)
    for node in nodes:
        rank[node] = max((rank[a] + 1 for a, b in onward if b == node), default=0)
    return [[n for n in nodes if rank[n] == k] for k in range(max(rank.values(), default=-1) + 1)]


def _outside(boxes: dict[str, _Box]) -> float:
    """Right of all boxes, where arrows that pass rows by go down."""
    return max(b.x + b.wide / 2 for b in boxes.values()) + 14


def _interval_kept(said: str, room: float) -> list[str]:
    """Lines that fit, broken before a bracket rather than within it."""
    parts = (
        [said] if axes.wide_of(said, SMALL) <= room else said.replace(" (", "\n(").replace("), ", "),\n").split("\n")
    )
    return [line for part in parts for line in axes.wrapped(part, room, SMALL, 3)]


def _row(rows: list[list[str]], node: str) -> int:
    return next(i for i, r in enumerate(rows) if node in r)


def _boxes(rows: list[list[str]], width: float, skipping: bool, step: float) -> dict[str, _Box]:
    """Where boxes stand; room is kept at the right for arrows that pass rows by."""
    usable = width - (130 if skipping else 0)
    out = {}
    for i, row in enumerate(rows):
        share = usable / len(row)
        for j, name in enumerate(row):
            out[name] = _Box(share * (j + 0.5), 16 + _BOX / 2 + i * step, min(share - 16, 230.0))
    return out


def _arrow(
    plot: Plot,
    boxes: dict[str, _Box],
    rows: list[list[str]],
    arrow: tuple[str, str, str, float, bool],
    n: int,
    width: float,
) -> tuple[float, float, str, str]:
    """One arrow; where its words belong: (x, y, words, whether they begin there or have their middle there)."""
    a, b = boxes[arrow[0]], boxes[arrow[1]]
    strength = abs(arrow[3]) if math.isfinite(arrow[3]) else 0.0
    kind = f"arrow w{min(int(4 * strength), 3)}" + ("" if arrow[4] else " unsure")
    if _row(rows, arrow[1]) - _row(rows, arrow[0]) == 1:
        start, end = a.edge(b.x - a.x, b.y - a.y), b.edge(a.x - b.x, a.y - b.y)
        points = [start, end]
        upright = abs(start[0] - end[0]) < 12
        middle = ((start[0] + end[0]) / 2 + (9 if upright else 0), (start[1] + end[1]) / 2)
        anchor = "start" if upright else "middle"
    else:  # around the others, each further out than the one before
        out = _outside(boxes) + 9 * (n % 5)
        down = 6 if b.y > a.y else -6
        points = [
            (a.x + a.wide / 2 + 3, a.y + down),
            (out, a.y + down),
            (out, b.y - down),
            (b.x + b.wide / 2 + 3, b.y - down),
        ]
        end, start = points[-1], points[-2]
        middle, anchor = (out + 7, (a.y + b.y) / 2), "start"
    plot.path(points, kind)
    turn = math.atan2(end[1] - start[1], end[0] - start[0])
    wings = [(end[0] + 9 * math.cos(turn + s), end[1] + 9 * math.sin(turn + s)) for s in (2.7, -2.7)]
    plot.path([wings[0], end, wings[1]], "arrowhead", closed=True)
    return (*middle, arrow[2], anchor)


def _labels(plot: Plot, labels: Sequence[tuple[float, float, str, str]], width: float, room: float) -> None:
    """Words on paper of their own beside their arrows, moved down where they would lie on each other."""
    placed: list[tuple[float, float, float, float]] = []
    for x, y, said, anchor in labels:
        if not said:
            continue
        lines = _interval_kept(
            said,
            max(min(_LABEL, width - x - 8, room - x if x < room else _LABEL), 60.0) if anchor == "start" else _LABEL,
        )
        wide, high = max(axes.wide_of(line, SMALL) for line in lines) + 6, 15.0 * len(lines) + 2
        left = min(max(x if anchor == "start" else x - wide / 2, 2.0), width - wide - 2)
        above = y - high / 2
        while any(left < r and left + wide > q and above < d and above + high > u for q, u, r, d in placed):
            above += 4
        placed.append((left, above, left + wide, above + high))
        plot.rect(left, above, wide, high, "paper")
        axes.words(plot, left + wide / 2, above + 13, lines, "middle", "tick ink")


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
