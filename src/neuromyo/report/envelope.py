"""A profile along a nerve on the envelope of healthy people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from markupsafe import Markup

from neuromyo.core.norm import Envelope
from neuromyo.report import nerve_words, wording
from neuromyo.report.svg import Axis, Plot, labelled, padded, x_axis, y_axis


def title(one: Envelope) -> str:
    """``Cross-section of the left sciatic nerve``."""
    side = f"{one.side} " if one.side in ("left", "right") else ""
    return f"{wording.capital(nerve_words.words(one.key.quantity))} of the {side}{wording.region(one.key.region)}"


def origin(one: Envelope) -> str:
    """What distances count from, in words."""
    return f"the {wording.region(one.zero)}" if one.zero else "the upper end"


def said(one: Envelope) -> str:
    """The verdict in a sentence, with where it is unusual."""
    if one.refused:
        return f"{title(one)} along its course was not compared: {one.refused}."
    n = f"{one.n_controls} healthy people"
    if not one.unusual.any():
        known = int(np.isfinite(one.value).sum())
        return (
            f"{title(one)} lies within the band of {n} at all {known} levels."
            if known > 1
            else f"{title(one)} lies within the band of {n}."
        )
    where = wording.listing([_stretch(one, a, b) for a, b in _runs(one)])
    chance = (
        f"; {wording.percent(one.p_anywhere)} of healthy people reach as far out somewhere"
        if np.isfinite(one.p_anywhere)
        else ""
    )
    return f"{title(one)} is unusual at {where}{chance}."


def told(envelopes: Sequence[Envelope]) -> Iterator[str]:
    """What is unusual along nerves, a sentence each; the rest counted, and what was not compared by its reason."""
    compared = [e for e in envelopes if not e.refused]
    yield from (said(e) for e in compared if e.unusual.any())
    within = [e for e in compared if not e.unusual.any()]
    if len(within) == 1:
        yield said(within[0])
    elif within:
        names = wording.listing(list(dict.fromkeys(title(e) for e in within)))
        yield f"{names} lie within the band of healthy people all along."
    for why in dict.fromkeys(e.refused for e in envelopes if e.refused):
        names = wording.listing([title(e) for e in envelopes if e.refused == why])
        yield f"{names} {'was' if sum(e.refused == why for e in envelopes) == 1 else 'were'} not compared along the nerve: {why}."


def along(one: Envelope) -> Markup:
    """Value by distance: the simultaneous band pale, the pointwise band darker, what lies outside of the former marked."""
    plot = Plot(580, 246, f"{title(one)} along the nerve against healthy people")
    up = Axis(*padded(np.concatenate([one.value, one.low_all, one.high_all]).tolist()), 180, 28)
    across = Axis(*padded(one.positions_mm.tolist(), 0.03), 56, 564)
    y_axis(plot, up, 56, labelled(title(one), one.key.unit), 564)
    x_axis(plot, across, 180, f"mm from {origin(one)}, towards the foot")
    for low, high, kind in ((one.low_all, one.high_all, "band all"), (one.low, one.high, "band")):
        for piece in _pieces(np.isfinite(low) & np.isfinite(high)):
            there = [(across(d), up(v)) for d, v in zip(one.positions_mm[piece], high[piece], strict=True)]
            back = [(across(d), up(v)) for d, v in zip(one.positions_mm[piece], low[piece], strict=True)]
            plot.path([*there, *back[::-1]], kind, closed=True)
    for piece in _pieces(np.isfinite(one.median)):
        plot.path(
            [(across(d), up(v)) for d, v in zip(one.positions_mm[piece], one.median[piece], strict=True)], "middle"
        )
    for piece in _pieces(np.isfinite(one.value)):
        plot.path(
            [(across(d), up(v)) for d, v in zip(one.positions_mm[piece], one.value[piece], strict=True)], "person"
        )
    for d, v, z, out in zip(one.positions_mm, one.value, one.z, one.unusual, strict=True):
        if np.isfinite(v):
            tip = f"{d:.0f} mm: {wording.with_unit(float(v), one.key.unit)}, z {z:+.1f}".replace("-", "−")
            plot.dot(across(d), up(v), "place sure" if out else "place usual", 5 if out else 3, tip)
    return plot.markup()


def _pieces(there: np.ndarray) -> list[slice]:
    """Unbroken stretches of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], there.astype(int), [0]])))
    return [slice(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _runs(one: Envelope) -> list[tuple[int, int]]:
    return [(s.start, s.stop - 1) for s in _pieces(one.unusual)]


def _stretch(one: Envelope, first: int, last: int) -> str:
    a, b = one.positions_mm[first], one.positions_mm[last]
    way = "high" if one.value[first] > one.median[first] else "low"
    return f"{a:.0f} mm ({way})" if first == last else f"{a:.0f} to {b:.0f} mm ({way})"
