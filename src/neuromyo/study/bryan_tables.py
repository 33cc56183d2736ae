"""Tables of the analysis of 1998."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neuromyo.core.analysis import Cell, Table, columns
from neuromyo.study import bryan_paper

if TYPE_CHECKING:
    from neuromyo.study.bryan_said import Told

_ENDS = (("low", "lower end of its interval"), ("high", "upper end of its interval"))


def tables(told: Told) -> tuple[Table, ...]:
    """Those that have rows, the comparison with the paper first."""
    paper, then = bryan_paper.tables(dict(told.groups), told.readings, told.pair, told.level)
    made = (
        paper,
        _groups(told),
        _readings(told),
        _pairs(told),
        _changes(told),
        _rivals(told),
        _explained(told),
        then,
        _people(told),
    )
    return tuple(t for t in made if t is not None and t.rows)


def _groups(told: Told) -> Table:
    rows = [
        (told.title(g.key), told.unit(g.key), g.welch.n[0], g.means[0].value, g.sds[0], g.welch.n[1], g.means[1].value, g.sds[1],
         g.welch.difference.value, g.welch.difference.low, g.welch.difference.high, g.welch.p, g.student.p, g.g.value, g.g.low, g.g.high)
        for g in told.groups.values()
    ]  # fmt: skip
    cols = columns(
        ("variable", "what was measured", "", "text"), ("unit", "unit of means, sd and difference", "", "text"),
        ("n_patients", "patients", "", "count"), ("mean_patients", "their mean"), ("sd_patients", "their standard deviation"),
        ("n_controls", "controls", "", "count"), ("mean_controls", "their mean"), ("sd_controls", "their standard deviation"),
        ("difference", "patients less controls"), *_ENDS, ("p_welch", "p by Welch's t test", "", "p"),
        ("p_student", "p by Student's t test", "", "p"), ("g", "Hedges g"), ("g_low", "lower end of its exact interval"),
        ("g_high", "upper end of its exact interval"),
    )  # fmt: skip
    return Table("groups", "Patients against controls at the first visit", cols, tuple(rows))


def _readings(told: Told) -> Table | None:
    one = told.readings
    if one is None:
        return None
    rows = [
        (who, *counts, 100 * share.value, 100 * share.low, 100 * share.high, one.p if who == "patients" else None)
        for who, counts, share in (
            ("patients", one.patients, one.share_patients),
            ("controls", one.controls, one.share_controls),
        )
        if counts[1]
    ]
    cols = columns(
        ("group", "who was read", "", "text"), ("abnormal", "read as abnormal", "", "count"), ("n", "read", "", "count"),
        ("share", "share read as abnormal", "%"), ("low", "lower end of its exact interval", "%"),
        ("high", "upper end of its exact interval", "%"), ("p", "patients against controls, Fisher's exact test", "", "p"),
    )  # fmt: skip
    return Table("readings", "Scans read as abnormal at the first visit", cols, tuple(rows))


def _pairs(told: Told) -> Table:
    rows = [
        (told.title(p.x), told.title(p.y), "change" if p.changes else "first visit", p.r.n, p.r.r, p.r.low, p.r.high, p.r.p, p.ranks.r,
         p.ranks.p, *p.without)
        for p in told.pairs
    ]  # fmt: skip
    cols = columns(
        ("x", "marker", "", "text"), ("y", "what it is held against", "", "text"),
        ("of", "values of the first visit, or changes", "", "text"),
        ("n", "patients with both", "", "count"), ("r", "Pearson's correlation"), *_ENDS, ("p", "its p", "", "p"),
        ("rho", "Spearman's rank correlation"), ("p_rho", "its p, by orders of the people", "", "p"),
        ("least_without_one", "smallest r with one person left out"), ("most_without_one", "largest r with one person left out"),
    )  # fmt: skip
    return Table("correlations", "Markers against CMAP and strength, in the patients", cols, tuple(rows))


def _changes(told: Told) -> Table:
    rows = [
        (
            told.title(c.key),
            told.unit(c.key),
            "patients" if c.ill else "controls",
            c.n,
            c.mean.value,
            c.mean.low,
            c.mean.high,
            c.srm,
        )
        for c in told.changes
        if c.n > 1
    ]
    cols = columns(
        ("variable", "what was measured", "", "text"), ("unit", "unit of the change", "", "text"), ("group", "in whom", "", "text"),
        ("n", "people with both visits", "", "count"), ("change", "mean change, later less first"), *_ENDS,
        ("srm", "standardised response mean: mean change over its sd"),
    )  # fmt: skip
    return Table("changes", "Change between the visits", cols, tuple(rows))


def _rivals(told: Told) -> Table:
    rows = [
        (told.title(r.y), told.title(r.better), r.sizes[0], told.title(r.worse), r.sizes[1], r.comparison.difference.value,
         r.comparison.difference.low, r.comparison.difference.high, r.comparison.statistic, r.comparison.p, r.n)
        for r in told.rivals
    ]  # fmt: skip
    cols = columns(
        ("y", "what is followed", "", "text"), ("closer", "the marker that follows it more closely", "", "text"),
        ("r_closer", "its correlation, in size"), ("other", "the other marker", "", "text"), ("r_other", "its correlation, in size"),
        ("difference", "difference of both"), *_ENDS, ("t", "Williams' t"), ("p", "its p", "", "p"),
        ("n", "patients with all three", "", "count"),
    )  # fmt: skip
    return Table("markers", "Which marker follows CMAP and strength most closely", cols, tuple(rows))


def _explained(told: Told) -> Table:
    rows = [
        ("change" if e.changes else "first visit", e.who, e.n, *(100 * s for s in (*e.share, 1 - e.r_squared, *e.alone)),
         *(x for s in e.slopes for x in (s.value, s.low, s.high)))
        for e in told.explained
    ]  # fmt: skip
    cols = columns(
        ("of", "values of the first visit, or changes", "", "text"), ("who", "in whom", "", "text"), ("n", "people", "", "count"),
        ("water_share", "share of the variance of global T2 that is water T2", "%"), ("fat_share", "share that is fat", "%"),
        ("neither_share", "share that is neither", "%"), ("water_alone", "what water T2 alone explains", "%"),
        ("fat_alone", "what fat alone explains", "%"), ("water_slope", "rise of global T2 with water T2", "ms/ms"),
        ("water_low", "lower end of its interval", "ms/ms"), ("water_high", "upper end of its interval", "ms/ms"),
        ("fat_slope", "rise of global T2 with fat", "ms/%"), ("fat_low", "lower end of its interval", "ms/%"),
        ("fat_high", "upper end of its interval", "ms/%"),
    )  # fmt: skip
    return Table("explained", "What 1998 could not show: global T2 explained by water T2 and fat", cols, tuple(rows))


def _people(told: Told) -> Table:
    keys = list(told.found.of)
    v = told.values
    rows: list[tuple[Cell, ...]] = []
    for i, label in enumerate(v.labels):
        cells = [float(v.of[k][i, visit]) for visit in (0, 1) for k in keys]
        rows.append(
            (
                label,
                "patient" if v.ill[i] else "control",
                told.found.reading.get(label),
                *(c if c == c else None for c in cells),
            )
        )
    named = [(f"{k}_{when}", f"{told.title(k)} at the {word} visit", told.unit(k))
             for when, word in (("first", "first"), ("later", "later")) for k in keys]  # fmt: skip
    cols = columns(("person", "label of the person", "", "text"), ("group", "patient or control", "", "text"),
                   ("abnormal", "read as abnormal", "", "text"), *named)  # fmt: skip
    return Table("people", "Everybody's values", cols, tuple(rows))
