"""The table and the drawings of `correlate`."""

from __future__ import annotations

import numpy as np

from neuromyo.core.analysis import Cell, Column, Figure, Matrix, Scatter, Table, columns
from neuromyo.study.cells import cell, ends
from neuromyo.study.correlate_pairs import Pair, band, covered
from neuromyo.study.correlate_people import Chosen
from neuromyo.study.said import alpha_text, capital, r_number

#: scatter plots are drawn of the clearest pairs, no more than these
MOST_DRAWN = 12


def _columns(chosen: Chosen) -> tuple[Column, ...]:
    held = " and ".join(chosen.held_names)
    partial = (
        ("partial_n", "people in the partial correlation", "", "count"), ("partial_r", f"Pearson's r with {held} held"),
        ("partial_low", "lower end of its interval"), ("partial_high", "upper end of its interval"),
        ("partial_p", "its p", "", "p"), ("held", "what is held", "", "text"),
    ) if chosen.held_names else ()  # fmt: skip
    return columns(
        ("variable", "imaging value", "", "text"), ("against", "what it is put against", "", "text"),
        ("n", "people who have both", "", "count"), ("r", "Pearson's r"),
        ("r_low", "lower end of Fisher's interval of r"), ("r_high", "upper end of Fisher's interval of r"),
        ("p", "p of r by t", "", "p"), ("p_permutation", "p of r by orders of the people", "", "p"),
        ("p_adjusted", "p of the method asked for, adjusted over all pairs", "", "p"), ("rho", "Spearman's rho"),
        ("rho_low", "lower end of its interval"), ("rho_high", "upper end of its interval"), ("p_rho", "p of rho by orders", "", "p"),
        *partial,
        ("bootstrap_low", "lower end of the bootstrap interval of r"), ("bootstrap_high", "upper end of the bootstrap interval of r"),
        ("bootstrap_coverage", "how often such intervals held the truth in normal data of so many people", "%", "percent"),
        ("slope", "change of the one it is put against per unit of the imaging value"),
        ("slope_low", "lower end of its interval"), ("slope_high", "upper end of its interval"),
        ("slope_unit", "unit of the slope", "", "text"),
        ("r_least_without", "smallest r with one person left out"), ("r_most_without", "largest r with one person left out"),
        ("most_influential", "the person with the largest Cook's distance", "", "text"),
        ("t", "Student's t of r"), ("df", "its degrees of freedom", "", "count"),
    )  # fmt: skip


def table(pairs: tuple[Pair, ...], chosen: Chosen, note: str) -> Table:
    """One row a pair."""
    rows = tuple(_row(one, chosen) for one in pairs)
    return Table("correlations", f"Correlations in {chosen.whom}", _columns(chosen), rows, note)


def _row(one: Pair, chosen: Chosen) -> tuple[Cell, ...]:
    held: tuple[Cell, ...] = ()
    if chosen.held_names:
        h = one.held
        numbers = (h.n, cell(h.r), cell(h.low), cell(h.high), cell(h.p)) if h else (None,) * 5
        held = (*numbers, ", ".join(chosen.held_names))
    share = covered(one.n).share if one.resampled.known else float("nan")
    unit = f"{one.y.unit or 'points'} per {one.x.unit or 'point'}"
    df = int(one.r.df) if one.known else None
    return (one.x.name, one.y.name, one.n, cell(one.r.r), cell(one.r.low), cell(one.r.high), cell(one.r.p),
            cell(one.order.p), cell(one.adjusted), cell(one.rho.r), cell(one.rho.low), cell(one.rho.high),
            cell(one.rho.p), *held, *ends(one.resampled), cell(100 * share), cell(one.slope.value), *ends(one.slope), unit,
            *(cell(r) for r in one.without), one.who or None, cell(one.r.t), df)  # fmt: skip


def figures(pairs: tuple[Pair, ...], chosen: Chosen, level: float) -> tuple[Figure, ...]:
    """All pairs as one matrix, and the clearest as scatter plots."""
    known = sorted((one for one in pairs if one.known), key=lambda one: (-abs(one.r.r), one.x.name))
    drawn: list[Figure] = [matrix(pairs, chosen, level)] if len(pairs) > 1 else []
    return (*drawn, *(scatter(one, chosen, level, i) for i, one in enumerate(known[:MOST_DRAWN], 1)))


def matrix(pairs: tuple[Pair, ...], chosen: Chosen, level: float) -> Matrix:
    """r of every pair, marked where the adjusted p is small."""
    rows = tuple(dict.fromkeys(one.x.said for one in pairs))
    against = tuple(dict.fromkeys(one.y.said for one in pairs))
    values = np.full((len(rows), len(against)), np.nan)
    marks = [["" for _ in against] for _ in rows]
    for one in pairs:
        i, j = rows.index(one.x.said), against.index(one.y.said)
        values[i, j] = one.r.r
        marks[i][j] = "*" if one.adjusted < 1 - level else ""
    caption = f"Pearson's r in {chosen.whom}. * adjusted p < {alpha_text(level)}; empty: too few people, no spread, or other sides."
    return Matrix(
        "correlation-matrix",
        "All correlations",
        rows,
        against,
        values,
        tuple(tuple(m) for m in marks),
        "Pearson's r",
        caption,
    )


def scatter(one: Pair, chosen: Chosen, level: float, rank: int) -> Scatter:
    """A dot a person, the straight line and its band."""
    x, y = one.points.T
    group = tuple(chosen.cohort.people[p].group for p in one.people)
    caption = f"{one.n} people, r = {r_number(one.r.r)}; straight line by least squares with the band of {100 * level:g} % for its mean."
    return Scatter(f"scatter-{rank:02d}", capital(f"{one.y.said} against {one.x.said}"), x, y, one.x.axis, one.y.axis, group, one.people,
                   band(x, y, level), caption)  # fmt: skip
