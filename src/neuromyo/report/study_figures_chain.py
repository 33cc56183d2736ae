"""Drawings of causes and effects: boxes in rows, arrows between them with their numbers beside."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from neuromyo.core.analysis import Chain
from neuromyo.report import study_axes as axes
from neuromyo.report.study_axes import NARROW, SMALL, WIDE
from neuromyo.report.svg import Plot

#: a box's height, the way between rows, how wide words beside an arrow may be
_BOX, _WAY, _LABEL = 46.0, 64.0, 150.0
_Arrow = tuple[str, str, str, float, bool]


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
    beside = [_arrow(plot, boxes, rows, arrow, n) for n, arrow in enumerate(arrows)]
    for name, box in boxes.items():
        plot.rect(box.x - box.wide / 2, box.y - _BOX / 2, box.wide, _BOX, "box")
        said = axes.wrapped(name, box.wide - 10, SMALL, 3)
        axes.words(plot, box.x, box.y + 4 - 7.5 * (len(said) - 1), said, "middle", "name")
    _written(plot, beside, width, _outside(boxes) if skipping else width)
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


@dataclass(frozen=True, slots=True)
class _Words:
    """What belongs beside an arrow's middle: to its right (``way`` 1) or left (-1), the further away the more the arrow leans."""

    x: float
    y: float
    said: str
    way: int
    lean: float


def _arrow(plot: Plot, boxes: dict[str, _Box], rows: list[list[str]], arrow: _Arrow, n: int) -> _Words:
    """Draws the n-th arrow; what belongs beside it."""
    a, b = boxes[arrow[0]], boxes[arrow[1]]
    strength = abs(arrow[3]) if math.isfinite(arrow[3]) else 0.0
    kind = f"arrow w{min(int(4 * strength), 3)}" + ("" if arrow[4] else " unsure")
    if _row(rows, arrow[1]) - _row(rows, arrow[0]) == 1:
        points = [a.edge(b.x - a.x, b.y - a.y), b.edge(a.x - b.x, a.y - b.y)]
        (x1, y1), (x2, y2) = points
        way = -1 if abs(x1 - x2) > 12 and x1 + x2 < 2 * _middle(boxes) else 1
        beside = _Words((x1 + x2) / 2, (y1 + y2) / 2, arrow[2], way, min(abs(x2 - x1) / max(abs(y2 - y1), 1.0), 2.5))
    else:
        points = _around(a, b, _outside(boxes) + 9 * (n % 5))
        beside = _Words(points[1][0], (a.y + b.y) / 2, arrow[2], 1, 0.0)
    plot.path(points, kind)
    _head(plot, points[-2], points[-1])
    return beside


def _around(a: _Box, b: _Box, out: float) -> list[tuple[float, float]]:
    """A way from box to box past all others."""
    down = 6 if b.y > a.y else -6
    from_a, to_b = (a.x + a.wide / 2 + 3, a.y + down), (b.x + b.wide / 2 + 3, b.y - down)
    return [from_a, (out, a.y + down), (out, b.y - down), to_b]


def _head(plot: Plot, start: tuple[float, float], end: tuple[float, float]) -> None:
    turn = math.atan2(end[1] - start[1], end[0] - start[0])
    wings = [(end[0] + 12 * math.cos(turn + s), end[1] + 12 * math.sin(turn + s)) for s in (2.72, -2.72)]
    plot.path([wings[0], end, wings[1]], "arrowhead", closed=True)


def _middle(boxes: dict[str, _Box]) -> float:
    return (min(b.x - b.wide / 2 for b in boxes.values()) + max(b.x + b.wide / 2 for b in boxes.values())) / 2


def _written(plot: Plot, all_words: Sequence[_Words], width: float, room: float) -> None:
    """Words beside their arrows, moved down where they would lie on each other.

    room : where arrows that pass rows by go down; words left of it end there
    """
    placed: list[tuple[float, float, float, float]] = []
    for one in all_words:
        if not one.said:
            continue
        free = (room - one.x if one.x < room else width - one.x) - 16 if one.way > 0 else one.x - 12
        lines = _interval_kept(one.said, max(min(_LABEL, free), 60.0))
        wide, high = max(axes.wide_of(line, SMALL) for line in lines) + 4, 15.0 * len(lines) + 2
        off = 8 + one.lean * (high / 2 - 4)
        left = min(max(one.x + off if one.way > 0 else one.x - off - wide, 2.0), width - wide - 2)
        above = one.y - high / 2
        while any(left < r and left + wide > q and above < d and above + high > u for q, u, r, d in placed):
            above += 4
        placed.append((left, above, left + wide, above + high))
        plot.rect(left, above, wide, high, "paper")
        axes.words(plot, left + wide / 2, above + 13, lines, "middle", "tick ink")
