"""Which imaging variable goes with a clinical one most closely, and whether these people can tell."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import isfinite

import numpy as np

from neuromyo.core.analysis import Cell, Table, columns
from neuromyo.core.cohort import Variable
from neuromyo.stats import bootstrap
from neuromyo.stats.best import Best, best
from neuromyo.stats.coverage import coverage, method_for
from neuromyo.stats.dependent import steiger_overlapping, williams
from neuromyo.stats.intervals import UNKNOWN, Interval
from neuromyo.stats.multiplicity import holm
from neuromyo.study.cells import cell, ends
from neuromyo.study.correlate_people import Chosen
from neuromyo.study.said import capital, p_text, percent, r_ends, r_number, some

#: markers are compared in no fewer people, and no more markers
FEWEST, MOST = 6, 12
METHODS = (
    "Correlations of several markers with one clinical value were compared by their size in people who had all of them: "
    "Williams' t (Williams 1959; Steiger 1980, doi:10.1037/0033-2909.87.2.245), intervals by Zou (2007, "
    "doi:10.1037/1082-989X.12.4.399). A marker was called the best where it differed from every other; "
    "pairwise p were corrected by Holm's method."
)


@dataclass(frozen=True, eq=False)
class Ranking:
    """Markers against one clinical variable, in people who have them all; ``data`` (n, 1 + m): the clinical value, then the markers."""

    against: Variable
    markers: tuple[Variable, ...]
    found: Best
    data: np.ndarray


def rank(chosen: Chosen, repeats: int, seed: int, level: float) -> tuple[Ranking, ...]:
    """One ranking for each clinical variable with two to `MOST` markers that vary."""
    out = []
    for name in dict.fromkeys(y.name for _, y in chosen.pairs):
        against = chosen.cohort.variable(name)
        markers = tuple(x for x, y in chosen.pairs if y.name == name)
        if not 2 <= len(markers) <= MOST:
            continue
        data = np.column_stack([chosen.values(v) for v in (against, *markers)])
        data = data[np.isfinite(data).all(axis=1)]
        if len(data) < FEWEST or (np.ptp(data, axis=0) <= 1e-12 * np.abs(data).max(axis=0)).any():
            continue
        out.append(Ranking(against, markers, best(data[:, 0], data[:, 1:], repeats, seed, level), data))
    return tuple(out)


def sentence(one: Ranking, level: float) -> str:
    """The best, the second, and honestly whether they can be told apart."""
    first, second = one.found.rivals[:2]
    name, next_ = one.markers[first.index].said, one.markers[second.index].said
    behind = second.behind
    gap = behind.difference if behind else UNKNOWN
    interval = (
        f" ({percent(level)} CI {r_ends(gap.low, gap.high)}; Williams {p_text(behind.p)})"
        if behind and gap.known
        else ""
    )
    lead = (f"With {one.against.said}, {name} goes most closely (r = {r_number(first.correlation.r)}), then {next_} "
            f"(r = {r_number(second.correlation.r)}): a difference in size of {r_number(gap.value)}{interval}. ")  # fmt: skip
    n = f"these {one.found.n} people"
    if one.found.p < 1 - level:
        return lead + f"It differs from every other marker: {n} tell it as the best."
    alike = [one.markers[r.index].said for r in one.found.rivals[1:] if r.behind and not r.behind.p < 1 - level]
    return (
        lead
        + f"{capital(n)} cannot tell it from {some(alike, 3)}; in {100 * first.first:.0f} % of samples drawn from them it came first."
    )


def tables(rankings: tuple[Ranking, ...], repeats: int, seed: int, level: float) -> list[Table]:
    """The rankings, and every two markers against each other."""
    return [_ranked(rankings), _compared(rankings, repeats, seed, level)]


def _ranked(rankings: tuple[Ranking, ...]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for one in rankings:
        for place, rival in enumerate(one.found.rivals, 1):
            gap = rival.behind.difference if rival.behind else UNKNOWN
            rows.append((one.against.name, place, one.markers[rival.index].name, one.found.n, cell(rival.correlation.r),
                         cell(rival.correlation.low), cell(rival.correlation.high), cell(gap.value), *ends(gap),
                         cell(rival.behind.p) if rival.behind else None, 100 * rival.first))  # fmt: skip
    head = columns(
        ("against", "what the markers are put against", "", "text"), ("place", "1 is the strongest", "", "count"),
        ("marker", "imaging value", "", "text"), ("n", "people who have all markers", "", "count"), ("r", "Pearson's r"),
        ("r_low", "lower end of its interval"), ("r_high", "upper end of its interval"),
        ("behind", "how much smaller in size than the strongest"), ("behind_low", "lower end of its interval (Zou)"),
        ("behind_high", "upper end of its interval (Zou)"), ("p", "p of that difference (Williams)", "", "p"),
        ("first", "share of samples drawn in which it came first", "%", "percent"),
    )  # fmt: skip
    note = "Sizes of correlations, whatever their sign. A marker is the best if every p below it in its list is small."
    return Table("best-marker", "Which marker goes most closely with each clinical value", head, tuple(rows), note)


def _compared(rankings: tuple[Ranking, ...], repeats: int, seed: int, level: float) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for one in rankings:
        pairs = list(combinations(one.found.rivals, 2))
        between = np.corrcoef(one.data[:, 1:].T)
        found = []
        for a, b in pairs:
            r_a, r_b, turn = a.correlation.r, b.correlation.r, np.sign(a.correlation.r * b.correlation.r) or 1.0
            r_ab = float(turn * between[a.index, b.index])
            found.append((williams(abs(r_a), abs(r_b), r_ab, one.found.n, level),
                          steiger_overlapping(abs(r_a), abs(r_b), r_ab, one.found.n, level), r_ab))  # fmt: skip
        adjusted = holm([w.p for w, _, _ in found])
        for (a, b), (w, z, r_ab), p in zip(pairs, found, adjusted, strict=True):
            rows.append((one.against.name, one.markers[a.index].name, one.markers[b.index].name, one.found.n, abs(a.correlation.r),
                         abs(b.correlation.r), r_ab, cell(w.difference.value), *ends(w.difference), cell(w.statistic),
                         cell(w.df), cell(w.p), cell(float(p)), cell(z.statistic), cell(z.p),
                         *ends(_drawn(one, a.index, b.index, repeats, seed, level))))  # fmt: skip
    head = columns(
        ("against", "what the markers are put against", "", "text"),
        ("marker", "the stronger one", "", "text"),
        ("other", "the weaker one", "", "text"),
        ("n", "people who have all markers", "", "count"),
        ("size", "size of the stronger one's r"),
        ("other_size", "size of the weaker one's r"),
        ("between", "r of the two markers, turned so that both rise together with the clinical value"),
        ("difference", "difference in size"),
        ("low", "lower end of its interval (Zou)"),
        ("high", "upper end of its interval (Zou)"),
        ("t", "Williams' t"),
        ("df", "degrees of freedom", "", "count"),
        ("p", "p by Williams' t", "", "p"),
        ("p_adjusted", "the same by Holm", "", "p"),
        ("z", "Steiger's z"),
        ("p_steiger", "p by Steiger's z", "", "p"),
        ("bootstrap_low", "lower end of the bootstrap interval"),
        ("bootstrap_high", "upper end of the bootstrap interval"),
    )
    return Table("compared", "Markers compared with each other", head, tuple(rows), _note(rankings))


def _note(rankings: tuple[Ranking, ...]) -> str:
    told = coverage(method_for("difference"), min(one.found.n for one in rankings), "difference")
    return f"Bootstrap intervals: {told}." if told.datasets else f"Bootstrap intervals are withheld: {told}."


def _drawn(one: Ranking, a: int, b: int, repeats: int, seed: int, level: float) -> Interval:
    """The bootstrap's interval of the difference in size, where its coverage is known."""
    if not coverage(method_for("difference"), one.found.n, "difference").datasets:
        return UNKNOWN
    sign = {r.index: -1.0 if r.correlation.r < 0 else 1.0 for r in one.found.rivals if isfinite(r.correlation.r)}
    columns_ = np.column_stack([one.data[:, 0], sign[a] * one.data[:, 1 + a], sign[b] * one.data[:, 1 + b]])
    return bootstrap.interval("difference", columns_, repeats, seed, level)[0]
