"""The plots of the letter: measured against reference, what is off by how much, day after day, people's repeats. Inline SVG."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from markupsafe import Markup

from neuromyo.quality.limits import Limit
from neuromyo.quality.qualify import SiteFigures
from neuromyo.report import wording
from neuromyo.report.svg import Axis, Plot, labelled, padded, x_axis, y_axis

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 440, 300, 52, 424, 28, 252


def measured(f: SiteFigures) -> Markup:
    """Each vial's mean against its reference, with the line of equality."""
    name = f.table.quantity
    plot = Plot(_WIDTH, _HEIGHT, f"{name}: measured against reference")
    seen = [v for v in f.vials if np.isfinite(v.measured)]
    low, high = padded([*(v.reference for v in seen), *(v.measured for v in seen)])
    log = f.table.relative and low > 0 and high > 12 * max(low, 1e-9)
    low, high = (
        (0.85 * min(v.reference for v in seen), 1.18 * max(v.reference for v in seen))
        if log
        else (min(low, 0.0) if not f.table.relative else low, high)
    )
    across, up = Axis(low, high, _LEFT, _RIGHT, log), Axis(low, high, _BOTTOM, _TOP, log)
    unit = wording.unit(f.table.unit)
    x_axis(plot, across, _BOTTOM, labelled("reference", unit), grid_from=_TOP)
    y_axis(plot, up, _LEFT, labelled("measured", unit), _RIGHT)
    plot.line(across(low), up(low), across(high), up(high), "limit")
    for v in seen:
        half = (
            v.reference * v.bias.high / 100 - v.reference * v.bias.value / 100
            if f.table.relative
            else v.bias.high - v.bias.value
        )
        if v.bias.known:
            ends = [
                min(max(up(max(v.measured + s * half, low * 1.0001 if log else low)), _TOP), _BOTTOM) for s in (-1, 1)
            ]
            plot.line(across(v.reference), ends[0], across(v.reference), ends[1], "thin left")
        plot.dot(
            across(v.reference),
            up(v.measured),
            "dot left",
            4.0,
            f"vial {v.vial}: {wording.with_unit(v.measured, f.table.unit)}",
        )
    return plot.markup()


def deviations(f: SiteFigures, limit: Limit | None) -> Markup:
    """Deviation against reference: every scan, every mean with its interval, the limits of bias."""
    plot = Plot(_WIDTH, _HEIGHT, f"{f.table.quantity}: deviation from reference")
    off = f.table.deviation
    refs = [v.reference for v in f.vials]
    ends = [e for v in f.vials if v.bias.known for e in (v.bias.low, v.bias.high)]
    bound = [limit.low, limit.high] if limit else []
    reach = float(np.nanpercentile(np.abs(off), 99)) if np.isfinite(off).any() else 1.0
    ends = [float(np.clip(e, -3 * reach, 3 * reach)) for e in ends]
    low_x, high_x = padded(refs)
    log = f.table.relative and min(refs) > 0 and max(refs) > 12 * min(refs)
    across = (
        Axis(0.85 * min(refs), 1.18 * max(refs), _LEFT, _RIGHT, True) if log else Axis(low_x, high_x, _LEFT, _RIGHT)
    )
    up = Axis(*padded([*off[np.isfinite(off)].tolist(), *ends, *bound, 0.0]), _BOTTOM, _TOP)
    x_axis(plot, across, _BOTTOM, labelled("reference", f.table.unit), grid_from=_TOP)
    y_axis(plot, up, _LEFT, f"measured − reference ({f.table.deviation_unit})", _RIGHT)
    plot.line(_LEFT, up(0.0), _RIGHT, up(0.0), "axis")
    for value in bound:
        low, high = limit.reference_range if limit else (-np.inf, np.inf)
        left, right = max(low, across.low), min(high, across.high)
        if left < right:
            plot.line(across(left), up(value), across(right), up(value), "limit")
    for j, v in enumerate(f.vials):
        for value in off[:, j][np.isfinite(off[:, j])]:
            plot.dot(
                across(v.reference) + 4,
                up(float(value)),
                "dot both many",
                2.0,
                f"vial {v.vial}: {wording.number(float(value))}",
            )
        if v.bias.known:
            a, b = (min(max(up(e), _TOP), _BOTTOM) for e in (v.bias.low, v.bias.high))
            plot.line(across(v.reference), a, across(v.reference), b, "thin left")
        if np.isfinite(v.bias.value):
            plot.dot(
                across(v.reference), up(v.bias.value), "dot left", 3.8, f"vial {v.vial}: {wording.number(v.bias.value)}"
            )
    return plot.markup()


def chart(f: SiteFigures, upgrade: datetime.date | None) -> Markup:
    """Mean deviation day by day, control limits, sessions out of control, the day of the upgrade."""
    c = f.chart
    assert c is not None
    plot = Plot(_WIDTH, _HEIGHT, f"{f.table.quantity}: mean deviation over time")
    bands = [c.centre + k * c.sigma for k in (-3, 3)] if c.n_baseline else []
    across = Axis(*padded([*c.days.tolist(), 0.0]), _LEFT, _RIGHT)
    room = 0.5 if not c.n_baseline else 0.0  # a unit of percent or points: days that agree should look as if they did
    up = Axis(
        *padded([*c.values.tolist(), *bands, float(c.values.mean()) - room, float(c.values.mean()) + room]),
        _BOTTOM,
        _TOP,
    )
    first = min(s.day for s in f.all_scans if s.day is not None)
    x_axis(plot, across, _BOTTOM, f"days since {first.isoformat()}", grid_from=_TOP)
    y_axis(plot, up, _LEFT, f"mean deviation ({f.table.deviation_unit})", _RIGHT)
    if c.n_baseline:
        plot.line(_LEFT, up(c.centre), _RIGHT, up(c.centre), "axis")
        for value in bands:
            plot.line(_LEFT, up(value), _RIGHT, up(value), "limit")
            plot.text(_RIGHT, up(value) - 4, "3σ" if value > c.centre else "−3σ", "end", "tick")
    if upgrade is not None:
        at = across(float((upgrade - first).days))
        if _LEFT <= at <= _RIGHT:
            plot.line(at, _TOP, at, _BOTTOM, "limit")
            plot.text(at + 4, _TOP + 10, "upgrade", "start", "tick")
    points = [(across(float(d)), up(float(v))) for d, v in zip(c.days, c.values, strict=True)]
    plot.path(points, "trace")
    broken = {a.place: a.rule for a in c.alarms}
    for i, (x, y) in enumerate(points):
        kind = "dot right" if i in broken else "dot left"
        plot.dot(
            x,
            y,
            kind,
            4.2,
            f"day {c.days[i]:.0f}: {wording.number(float(c.values[i]))}" + (f", {broken[i]}" if i in broken else ""),
        )
    return plot.markup()


def repeats(groups: Sequence[np.ndarray], name: str, unit: str, wsd: float) -> Markup:
    """Bland and Altman's plot: each repeat less the one before, against their mean; dashed: the repeatability coefficient."""
    plot = Plot(_WIDTH, _HEIGHT, f"{name}: repeats of people")
    points = [(float(a + b) / 2, float(b - a)) for g in groups for a, b in pairwise(g)]
    reach = 1.96 * np.sqrt(2.0) * wsd
    across = Axis(*padded([mean for mean, _ in points]), _LEFT, _RIGHT)
    up = Axis(*padded([*(off for _, off in points), reach, -reach]), _BOTTOM, _TOP)
    x_axis(plot, across, _BOTTOM, labelled("mean of the two", unit), grid_from=_TOP)
    y_axis(plot, up, _LEFT, labelled("repeat − scan before", unit), _RIGHT)
    plot.line(_LEFT, up(0.0), _RIGHT, up(0.0), "axis")
    for value in (reach, -reach):
        plot.line(_LEFT, up(value), _RIGHT, up(value), "limit")
    for mean, off in points:
        plot.dot(across(mean), up(off), "dot left many", 3.5, wording.with_unit(off, unit))
    return plot.markup()
