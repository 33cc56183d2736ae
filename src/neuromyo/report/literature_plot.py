"""Published values of one quantity as a forest plot: a band for each method, so that a reader sees at once that methods do not mix."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

from neuromyo.core.errors import OptionError
from neuromyo.norms.literature import Entry, is_unstated
from neuromyo.report import wording

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

#: colours of methods, apart for colour-blind eyes too, dark enough on white
_METHODS = ("#0072b2", "#d55e00", "#007a5a", "#a3478a", "#7a5c00", "#3d5a80", "#8f2d2d", "#4f7a1e")
#: group of people -> marker, whether filled, what the legend says
_PEOPLE = {
    "healthy": ("o", True, "healthy"),
    "healthy men": ("o", True, "healthy"),
    "healthy children": ("s", True, "healthy children"),
    "carriers": ("^", False, "carriers without symptoms"),
    "patients": ("D", False, "patients"),
    "ex vivo": ("x", False, "nerve outside of the body"),
}
_ORDER = {group: i for i, group in enumerate(_PEOPLE)}
#: inches: a row; left of the axis, the axis, right of it; where the studies' names begin right of it
_ROW_IN, _LEFT_IN, _AXIS_IN, _RIGHT_IN, _STUDY_IN = 0.205, 4.6, 4.0, 6.0, 2.75
_WIDE_IN = _LEFT_IN + _AXIS_IN + _RIGHT_IN
_FONT = 8.5
_WARNING = (
    "Do not compare across bands: another method gives another number for the same tissue. Within a band only rows of the same "
    "place compare. Bars: mean ± SD, only where it is known to be an SD."
)


@dataclass(frozen=True, slots=True)
class Shown:
    """``rows`` are drawn, in this order; ``left_out`` says in words what of the entries is not."""

    rows: tuple[Entry, ...]
    left_out: tuple[str, ...]


def shown(entries: Sequence[Entry], quantity: str) -> Shown:
    """What of the entries can be drawn: plain values; E-UNKNOWN where there is none."""
    values = [e for e in entries if e.kind == "value"]
    drawn = [e for e in values if e.mean is not None]
    if not drawn:
        raise OptionError("E-UNKNOWN", where=f"plot of {quantity}", needed="a published value to draw", found="none",
                          remedy=f"see neuromyo norms list --quantity {quantity}")  # fmt: skip
    left = (
        (len(values) - len(drawn), "without a value"),
        (len(entries) - len(values), "with a change, difference or ratio"),
    )
    rows = sorted(drawn, key=_order)
    return Shown(tuple(rows), tuple(f"{wording.plural(n, 'row')} {what}" for n, what in left if n))


def svg(found: Shown, quantity: str) -> str:
    """The plot as SVG, its text as text; equal entries are equal bytes."""
    from matplotlib import rc_context

    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "neuromyo"}):
        out = io.StringIO()
        _figure(found, quantity).savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()


def png(found: Shown, quantity: str) -> bytes:
    """The plot as PNG, 150 dots an inch."""
    out = io.BytesIO()
    _figure(found, quantity).savefig(out, format="png", dpi=150, metadata={"Software": None})
    return out.getvalue()


def _figure(found: Shown, quantity: str) -> Figure:
    """Rows from above; text left and right of the axis stands in inches, so that it never meets the bars."""
    from matplotlib.figure import Figure

    bands = [(key, list(rows)) for key, rows in groupby(found.rows, key=lambda e: (e.method, e.unit))]
    lines = len(found.rows) + 1.6 * len(bands)
    high = lines * _ROW_IN + 1.75
    figure = Figure(figsize=(_WIDE_IN, high), facecolor="white")
    axes = figure.add_axes((_LEFT_IN / _WIDE_IN, 0.8 / high, _AXIS_IN / _WIDE_IN, lines * _ROW_IN / high))
    axes.set_ylim(lines, 0)
    _limits(axes, found.rows)
    at = 0.0
    for i, ((method, _), rows) in enumerate(bands):
        _band(axes, method, rows, at, _METHODS[i % len(_METHODS)])
        at += len(rows) + 1.6
    _words_around(figure, axes, found, quantity, high)
    return figure


def _band(axes: Axes, method: str, rows: Sequence[Entry], at: float, colour: str) -> None:
    """One method: its name on a strip, then its rows."""
    left = axes.get_yaxis_transform()
    edge, reach = (0.15 - _LEFT_IN) / _AXIS_IN, 1 + (_RIGHT_IN - 0.15) / _AXIS_IN
    strip = {"color": colour, "alpha": 0.09, "lw": 0, "clip_on": False, "zorder": 0}
    axes.fill_between([edge, reach], at, at + len(rows) + 1.45, transform=left, **strip)
    write = partial(axes.text, transform=left, fontsize=_FONT, va="center")
    write(edge + 0.012, at + 0.7, _title(method), color=colour, weight="bold", fontsize=_FONT + 0.5)
    for y, e in enumerate(rows):
        y += at + 1.6
        _row(axes, e, y, colour)
        ink = "#111111" if e.healthy else "#555555"
        words = (n_text(e), e.study, field(e))
        write(edge + 0.03, y, place(e) + ("" if e.group == "healthy" else f" · {e.population}"), color=ink)
        write(1.02, y, value(e), color=ink)
        write(1 + _STUDY_IN / _AXIS_IN, y, " · ".join(w for w in words if w), color=ink)


def _row(axes: Axes, e: Entry, y: float, colour: str) -> None:
    assert e.mean is not None
    if e.sd is not None:
        ends = [e.mean - e.sd, e.mean + e.sd]
        axes.plot(ends, [y, y], color=colour, lw=1.6 if e.healthy else 1.0, solid_capstyle="butt", zorder=2)
        axes.plot(ends, [y, y], color=colour, ls="", marker="|", ms=6.5, mew=1.2, zorder=4)
    marker, filled, _ = _PEOPLE.get(e.group, ("D", False, ""))
    face: dict[str, Any] = {} if marker == "x" else {"mfc": colour if filled else "white"}
    axes.plot([e.mean], [y], marker=marker, ms=4.4, mec=colour, mew=1.2, ls="", zorder=3, color=colour, **face)


def _limits(axes: Axes, rows: Sequence[Entry]) -> None:
    ends = [(e.mean or 0.0) + sign * (e.sd or 0.0) for e in rows for sign in (-1, 1)]
    low, high = min(ends), max(ends)
    pad = 0.05 * ((high - low) or abs(high) or 1.0)
    axes.set_xlim(min(low - pad, 0.0) if low < 0.35 * high and low >= 0 else low - pad, high + pad)
    axes.grid(axis="x", color="#00000018", lw=0.6)
    axes.set_yticks([])
    axes.tick_params(labelsize=_FONT)
    for name in ("top", "left", "right"):
        axes.spines[name].set_visible(False)


def _words_around(figure: Figure, axes: Axes, found: Shown, quantity: str, high: float) -> None:
    """Title, warning, legend and what is not drawn; at inches from above or below."""
    units = sorted({wording.unit(e.unit) for e in found.rows} - {""})
    axes.set_xlabel(f"{quantity} ({', '.join(units)})" if units else quantity, fontsize=_FONT + 1)
    left = 0.15 / _WIDE_IN
    write = partial(figure.text, left, va="center", fontsize=_FONT)
    write(1 - 0.28 / high, f"Published {quantity}: each shaded band is one method", fontsize=12, weight="bold")
    write(1 - 0.52 / high, _WARNING)
    if found.left_out:
        write(0.16 / high, f"Not drawn: {', '.join(found.left_out)}.", color="#444444")
    groups = sorted({e.group for e in found.rows}, key=lambda g: _ORDER.get(g, 9))
    keys = dict.fromkeys(_PEOPLE.get(g, ("D", False, g)) for g in groups)
    place_it = {"loc": "center left", "bbox_to_anchor": (left, 1 - 0.76 / high), "ncols": len(keys)}
    space = {"borderpad": 0, "borderaxespad": 0, "handletextpad": 0.3, "columnspacing": 1.4}
    figure.legend(handles=[_key(*key) for key in keys], fontsize=_FONT, frameon=False, **place_it, **space)


def _key(marker: str, filled: bool, said: str) -> Line2D:
    from matplotlib.lines import Line2D

    ink = "#222222"
    return Line2D([], [], marker=marker, ls="", ms=5.2, mec=ink, mfc=ink if filled else "white", color=ink, label=said)


def _order(e: Entry) -> tuple:
    """Methods by name, numbers in them by size; then by place, study, and the healthy first."""
    method = re.sub(r"\d+", lambda m: m[0].zfill(4), e.method)
    return method, e.unit, e.structure, e.level, e.study, _ORDER.get(e.group, 9), e.population, e.side


def _title(method: str) -> str:
    return f"{method}: these rows need not be of one method" if is_unstated(method) else method


def place(e: Entry) -> str:
    """``L4 root, proximal to foramen, left``."""
    words = ", ".join(wording.region(w).replace("+", " + ") for w in (e.structure, e.level, e.side) if w)
    return re.sub(r"\b[a-z]\d+(?= root)", lambda m: m[0].upper(), words)


def value(e: Entry) -> str:
    """The number as it is typeset."""
    return e.value_text.replace(e.unit, wording.unit(e.unit)) if len(e.unit) > 1 else e.value_text


def field(e: Entry) -> str:
    """``3 T (recalled)``."""
    return (
        ""
        if e.field_T is None
        else f"{e.field_T:g} T" + ("" if e.field_evidence == "read" else f" ({e.field_evidence})")
    )


def n_text(e: Entry) -> str:
    """``n = 25``."""
    return f"n = {e.n}" + ("" if e.n_evidence == "read" else f" ({e.n_evidence})") if e.n else "n not read"
