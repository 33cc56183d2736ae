"""What drawings of studies share: rulers for numbers of any size, words that are wrapped, markers and legends of groups."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from neuromyo.report.svg import Axis, Plot, nice_ticks

#: a column and a page of a journal: drawing units, mm. 12 units are 7.2 pt in both
NARROW, WIDE = 400.0, 800.0
WIDTH_MM = {NARROW: 85, WIDE: 170}
#: sizes of letters, in drawing units, as the styles of page and files have them
TEXT, SMALL = 13.0, 12.0
#: a marker a group, drawn about (0, 0); those at odd places are open, so that groups differ in grey too
SHAPES = (
    "M-4 0A4 4 0 1 1 4 0A4 4 0 1 1 -4 0Z",
    "M0 -5L5 0L0 5L-5 0Z",
    "M-3.6 -3.6L3.6 -3.6L3.6 3.6L-3.6 3.6Z",
    "M0 -4.8L4.8 3.6L-4.8 3.6Z",
    "M-4 -1.4L-1.4 -1.4L-1.4 -4L1.4 -4L1.4 -1.4L4 -1.4L4 1.4L1.4 1.4L1.4 4L-1.4 4L-1.4 1.4L-4 1.4Z",
    "M0 4.8L4.8 -3.6L-4.8 -3.6Z",
)
#: where somebody's course ends, a sign a reason
ENDS = ("M-4 -4L4 4M-4 4L4 -4", "M-5 0L5 0M0 -5L0 5", "M0 -5L0 5", "M-5 0L5 0", "M-4 -4L4 4", "M-4 4L4 -4")
_NARROW_LETTERS, _WIDE_LETTERS = frozenset("iljtfrI.,:;'|!()[]/ -"), frozenset("mwMW@%&±−+=<>→")


def order_of(names: Iterable[str], known: Sequence[str] = ()) -> tuple[str, ...]:
    """Names once each, those ``known`` first: a group looks the same in all figures of a page."""
    here = tuple(dict.fromkeys(names))
    return (*known, *(n for n in here if n not in known))


def style(place: int) -> tuple[str, str]:
    """(marker, class) of the group at that place."""
    return SHAPES[place % len(SHAPES)], f"g{place % len(SHAPES)}"


def wide_of(text: str, size: float = TEXT) -> float:
    """About how wide a text is, in drawing units; rather too wide than too narrow."""
    em = sum(
        0.36 if c in _NARROW_LETTERS else 0.9 if c in _WIDE_LETTERS else 0.72 if c.isupper() else 0.6 for c in text
    )
    return em * size


def wrapped(text: str, room: float, size: float = TEXT, most: int = 4) -> list[str]:
    """Lines that fit into ``room``: broken at spaces, else behind ``/ . _ -``, else anywhere; more than ``most`` end in an ellipsis."""
    lines: list[str] = [""]
    for word in _pieces(text.split(), room, size):
        joined = lines[-1] + word
        if lines[-1] and wide_of(joined.rstrip(), size) > room:
            lines.append(word)
        else:
            lines[-1] = joined
    lines = [line.strip() for line in lines]
    return lines if len(lines) <= most else [*lines[: most - 1], lines[most - 1][:-1] + "…"]


def _pieces(words: Iterable[str], room: float, size: float) -> list[str]:
    """Words with their space, too long ones taken apart."""
    out: list[str] = []
    for word in words:
        piece = ""
        for letter in word:
            if piece and wide_of(piece + letter, size) > room - 1:
                cut = max(piece.rfind(c) for c in "/._-") + 1
                cut = cut if cut > len(piece) // 3 else len(piece)
                out.append(piece[:cut])
                piece = piece[cut:]
            piece += letter
        out.append(piece + " ")
    return out


@dataclass(frozen=True, slots=True)
class Ruler:
    """An axis whose numbers are counted in units of ``factor``, a power of ten, where they are very large or very small."""

    axis: Axis
    factor: float

    def __call__(self, value: float) -> float:
        """Place of a value, within the axis; NaN where there is none."""
        if math.isnan(value):
            return math.nan
        return self.axis(min(max(value / self.factor, self.axis.low), self.axis.high))

    def holds(self, value: float) -> bool:
        """Whether the value lies on the ruler."""
        return bool(math.isfinite(value) and self.axis.low <= value / self.factor <= self.axis.high)

    def ticks(self, about: int) -> list[tuple[float, str]]:
        """(place, number) of each tick."""
        values = nice_ticks(self.axis.low, self.axis.high, about)
        return [(self.axis(v), tick_words(v, values)) for v in values]

    def named(self, label: str) -> str:
        """The axis' label, with the power of ten that its numbers are counted in."""
        if self.factor == 1.0:
            return label
        power = str(round(math.log10(self.factor))).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
        name, bracket, unit = label.rpartition(" (")
        return f"{name} (10{power} {unit}" if bracket and unit.endswith(")") else f"{label} (10{power})"


def ruler(values: Iterable[float], start: float, end: float, share: float = 0.07) -> Ruler:
    """A ruler that holds the finite of the values with some room on both sides; never empty."""
    finite = [float(v) for v in values if math.isfinite(v)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    if max(abs(low), abs(high)) < 1e-290:  # nothing that a float can count in
        low = high = 0.0
    factor = _factor(low, high)
    low, high = low / factor, high / factor
    room = max((high - low) * share, abs(high) * 1e-6) or 1.0
    if high == low:
        room = abs(high) * share or 1.0
    return Ruler(Axis(low - room, high + room, start, end), factor)


def _factor(low: float, high: float) -> float:
    largest = max(abs(low), abs(high))
    if largest == 0.0 or 1e-3 <= largest < 1e5:
        return 1.0
    return 10.0 ** math.floor(math.log10(largest))


def tick_words(value: float, ticks: Sequence[float]) -> str:
    """A tick's number with the decimals that the step between ticks needs, and no more."""
    step = min((b - a for a, b in pairwise(ticks)), default=abs(value) or 1.0)
    decimals = next((d for d in range(10) if abs(round(step, d) - step) < 1e-6 * step), 10)
    text = f"{value:,.{decimals}f}"
    return text.replace("-", "−") if text.strip("-0.,") else "0"


def finite(values: Iterable[float]) -> list[float]:
    """The finite ones."""
    return [float(v) for v in values if math.isfinite(v)]


def across_axis(plot: Plot, along: Ruler, y: float, label: str, top: float, about: int = 5) -> float:
    """Ticks, numbers and label below ``y``, faint lines up to ``top``; where the label ends."""
    for at, said in along.ticks(about):
        plot.line(at, top, at, y, "grid")
        plot.text(at, y + 16, said, "middle", "tick")
    plot.line(along.axis.start, y, along.axis.end, y, "axis")
    return words(
        plot, (along.axis.start + along.axis.end) / 2, y + 33, label_lines(along.named(label), plot.width), "middle"
    )


def up_axis(plot: Plot, up: Ruler, x: float, label: str, right: float, about: int = 5) -> None:
    """Ticks and numbers left of ``x``, faint lines to ``right``; the label above, from the left edge on."""
    for at, said in up.ticks(about):
        plot.line(x, at, right, at, "grid")
        plot.text(x - 6, at + 4, said, "end", "tick")
    plot.line(x, up.axis.start, x, up.axis.end, "axis")
    if label:
        words(plot, 4, 15, label_lines(up.named(label), plot.width))


def words(
    plot: Plot, x: float, y: float, lines: Sequence[str], anchor: str = "start", kind: str = "axis-label"
) -> float:
    """Lines of text one below the other from ``y`` on; where the last one stands."""
    for i, line in enumerate(lines):
        plot.text(x, y + 15 * i, line, anchor, kind)
    return y + 15 * max(len(lines) - 1, 0)


def label_lines(label: str, width: float) -> list[str]:
    """An axis' label, on two lines where one is too short."""
    return wrapped(label, width - 24, TEXT, 2)


def head(label: str, width: float) -> float:
    """Where a plot begins below its label."""
    return 14 + 15 * len(label_lines(label + " (10⁻⁹)", width)) if label else 12


def key_rows(entries: Sequence[str], width: float) -> list[list[int]]:
    """Which entries of a legend stand in which row."""
    rows: list[list[int]] = [[]]
    taken = 0.0
    for i, entry in enumerate(entries):
        room = 34 + wide_of(_cut(entry, width), SMALL)
        if rows[-1] and taken + room > width - 8:
            rows.append([])
            taken = 0.0
        rows[-1].append(i)
        taken += room
    return rows


def legend(plot: Plot, entries: Sequence[tuple[str, str, str]], y: float) -> None:
    """(what is drawn, class, words) in rows below each other: a path about (0, 0), or ``line`` for a stroke of that class."""
    for row, members in enumerate(key_rows([e[2] for e in entries], plot.width)):
        x, at = 10.0, y + 18 * row
        for i in members:
            shape, kind, said = entries[i]
            if shape == "line":
                plot.line(x - 4, at - 4, x + 14, at - 4, kind)
            else:
                plot.mark(x + 5, at - 4, shape, kind)
            said = _cut(said, plot.width)
            plot.text(x + 18, at, said, "start", "tick")
            x += 34 + wide_of(said, SMALL)


def legend_height(entries: Sequence[str], width: float) -> float:
    """Room that the legend takes."""
    return 18.0 * len(key_rows(entries, width)) if entries else 0.0


def _cut(said: str, width: float) -> str:
    return shortened(said, width - 50, SMALL)


def shortened(text: str, room: float, size: float = TEXT) -> str:
    """The text on one line; of too long a one the beginning and, more so, the end, which tells names of variables apart."""
    if wide_of(text, size) <= room:
        return text
    kept = len(text)
    while kept > 2 and wide_of(text[: kept // 3] + "…" + text[len(text) - (kept - kept // 3) :], size) > room:
        kept -= 1
    return text[: kept // 3] + "…" + text[len(text) - (kept - kept // 3) :]


def frame(
    title: str,
    xs: Sequence[float],
    ys: Sequence[float],
    x_label: str,
    y_label: str,
    shown: Sequence[str],
    size: tuple[float, float, float],
) -> tuple[Plot, Ruler | None, Ruler | None]:
    """A plot as wide as a column with its two axes and room for a legend below; without axes where there is nothing to draw.

    size : left edge, right edge and height of what the axes enclose
    """
    left, right, high = size
    top = head(y_label, NARROW)
    label = 15 * (len(label_lines(x_label + " (10⁻⁹)", NARROW)) - 1)
    plot = Plot(NARROW, top + high + 44 + label + legend_height(shown, NARROW), title)
    if not len(xs) or not len(ys):
        return nothing(plot), None, None
    across, up = ruler(xs, left, right), ruler(ys, top + high, top)
    across_axis(plot, across, top + high, x_label, top)
    up_axis(plot, up, left, y_label, right)
    return plot, across, up


def nothing(plot: Plot) -> Plot:
    """The plot with words instead of marks."""
    plot.text(plot.width / 2, plot.height / 2, "no value to draw", "middle", "faint")
    return plot


def band(plot: Plot, x: Sequence[float], low: Sequence[float], high: Sequence[float], kind: str) -> None:
    """The area between two lines, given in drawing units; stretches without values are left out."""
    known = np.isfinite(np.sum([x, low, high], axis=0, dtype=float))
    for piece in stretches(known):
        there = list(zip(x[piece], high[piece], strict=True))
        plot.path([*there, *list(zip(x[piece], low[piece], strict=True))[::-1]], kind, closed=True)


def course(plot: Plot, x: Sequence[float], y: Sequence[float], kind: str) -> None:
    """A line through points in drawing units, interrupted where there is none."""
    known = np.isfinite(np.sum([x, y], axis=0, dtype=float))
    for piece in stretches(known):
        if piece.stop - piece.start > 1:
            plot.path(list(zip(x[piece], y[piece], strict=True)), kind)


def stretches(there: np.ndarray) -> list[slice]:
    """Unbroken stretches of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], there.astype(int), [0]])))
    return [slice(int(a), int(b)) for a, b in edges.reshape(-1, 2)]
