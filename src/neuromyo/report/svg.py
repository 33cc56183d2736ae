"""Plots as inline SVG, written by hand: text stays text, colours follow the page, equal data are equal bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from markupsafe import Markup

from neuromyo.report import wording


@dataclass(slots=True)
class Plot:
    """A drawing of ``width`` x ``height`` units to which elements are added; text is always escaped."""

    width: float
    height: float
    title: str
    parts: list[Markup] = field(default_factory=list)

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str) -> None:
        self._add('<line x1="{}" y1="{}" x2="{}" y2="{}" class="{}"/>', _n(x1), _n(y1), _n(x2), _n(y2), kind)

    def path(self, points: Sequence[tuple[float, float]], kind: str, closed: bool = False) -> None:
        d = "M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in points) + ("Z" if closed else "")
        self._add('<path d="{}" class="{}"/>', d, kind)

    def dot(self, x: float, y: float, kind: str, radius: float = 4.0, tip: str = "") -> None:
        self._add(
            '<circle cx="{}" cy="{}" r="{}" class="{}"><title>{}</title></circle>', _n(x), _n(y), _n(radius), kind, tip
        )

    def mark(self, x: float, y: float, shape: str, kind: str, tip: str = "") -> None:
        """A path drawn about (0, 0), carried to (x, y)."""
        template = '<path transform="translate({} {})" d="{}" class="{}"><title>{}</title></path>'
        self._add(template, _n(x), _n(y), shape, kind, tip)

    def rect(
        self, x: float, y: float, wide: float, high: float, kind: str, opacity: float = 1.0, tip: str = ""
    ) -> None:
        template = '<rect x="{}" y="{}" width="{}" height="{}" class="{}" fill-opacity="{}"><title>{}</title></rect>'
        self._add(template, _n(x), _n(y), _n(wide), _n(high), kind, _n(opacity), tip)

    def text(self, x: float, y: float, said: str, anchor: str = "start", kind: str = "", turn: float = 0.0) -> None:
        turned = Markup(' transform="rotate({} {} {})"').format(_n(turn), _n(x), _n(y)) if turn else ""
        template = '<text x="{}" y="{}" text-anchor="{}" class="{}"{}>{}</text>'
        self._add(template, _n(x), _n(y), anchor, kind, turned, said)

    def markup(self) -> Markup:
        head = Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}" style="max-width:{}px"><title>{}</title>')
        opened = head.format(_n(self.width), _n(self.height), self.title, _n(self.width), self.title)
        return opened + Markup("").join(self.parts) + Markup("</svg>")

    def _add(self, template: str, *values: object) -> None:
        self.parts.append(Markup(template).format(*values))


@dataclass(frozen=True, slots=True)
class Axis:
    """Values from ``low`` to ``high`` -> drawing units from ``start`` to ``end``, linear or logarithmic."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high, v = np.log10((self.low, self.high, value)) if self.log else (self.low, self.high, value)
        return float(self.start + (v - low) / (high - low) * (self.end - self.start))

    def ticks(self, about: int = 5) -> list[float]:
        return _log_ticks(self.low, self.high) if self.log else nice_ticks(self.low, self.high, about)


def nice_ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers from low to high, about so many."""
    rough = (high - low) / max(about, 1)
    power = 10.0 ** np.floor(np.log10(rough))
    step = power * next(m for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999)
    first = np.ceil(low / step - 1e-9)
    return [float(round(i * step, 12)) for i in np.arange(first, np.floor(high / step + 1e-9) + 1)]


def padded(values: Sequence[float], share: float = 0.06) -> tuple[float, float]:
    """The range of the finite values with some room on both sides; never empty."""
    finite = [v for v in values if np.isfinite(v)]
    if not finite:
        return 0.0, 1.0
    low, high = min(finite), max(finite)
    room = (high - low) * share or abs(high) * share or 1.0
    return low - room, high + room


def tick_text(value: float, ticks: Sequence[float]) -> str:
    """A tick's number with as many decimals as the step between ticks needs."""
    step = min((b - a for a, b in pairwise(ticks)), default=abs(value) or 1.0)
    decimals = max(0, int(np.ceil(-np.log10(step) - 1e-9))) if step < 1 else 0
    if step >= 1 and abs(step - round(step)) > 1e-9:
        decimals = 1
    text = f"{value:,.{decimals}f}"
    return text.replace("-", "−") if text.strip("-0.,") else "0"


def x_axis(plot: Plot, axis: Axis, y: float, label: str, grid_from: float | None = None, about: int = 5) -> None:
    """Ticks, numbers and label below ``y``; faint lines up to ``grid_from``."""
    ticks = axis.ticks(about)
    for tick in ticks:
        if grid_from is not None:
            plot.line(axis(tick), grid_from, axis(tick), y, "grid")
        plot.text(axis(tick), y + 15, tick_text(tick, ticks), "middle", "tick")
    plot.line(axis.start, y, axis.end, y, "axis")
    plot.text((axis.start + axis.end) / 2, y + 31, label, "middle", "axis-label")


def y_axis(plot: Plot, axis: Axis, x: float, label: str, grid_to: float, about: int = 4) -> None:
    """Ticks and numbers left of ``x``, faint lines to ``grid_to``, the label above."""
    ticks = axis.ticks(about)
    for tick in ticks:
        plot.line(x, axis(tick), grid_to, axis(tick), "grid")
        plot.text(x - 6, axis(tick) + 4, f"{tick:,g}" if axis.log else tick_text(tick, ticks), "end", "tick")
    plot.line(x, axis.start, x, axis.end, "axis")
    plot.text(x - 6, min(axis.start, axis.end) - 8, label, "start", "axis-label")


def labelled(what: str, unit_text: str) -> str:
    """An axis label: ``T2 (ms)``, or just the name of a plain number."""
    shown = wording.unit(unit_text)
    return f"{what} ({shown})" if shown else what


def _log_ticks(low: float, high: float) -> list[float]:
    ticks = [
        m * 10.0**p for p in range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1) for m in (1, 2, 5)
    ]
    inside = [t for t in ticks if low <= t <= high]
    return inside if len(inside) <= 5 else [t for t in inside if f"{t:e}"[0] == "1"] if len(inside) > 9 else inside[::2]


def _n(value: float) -> str:
    """A coordinate with two decimals at most, so that the last bits of a float do not matter."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if np.isfinite(value) else "0"
