"""Agreement on grades of a scale (weighted kappa, alpha), and the summary of Dice coefficients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Protocol

import numpy as np

from neuromyo.core.analysis import Dots, Figure, Forest, Mean, Table, columns
from neuromyo.core.errors import DataError, Finding
from neuromyo.stats.alpha import counts, krippendorff
from neuromyo.stats.coverage import coverage
from neuromyo.stats.intervals import Interval, mean_interval
from neuromyo.stats.kappa import WEIGHTS, Kappa, Weights, cohen
from neuromyo.study.agree_methods import dice_methods, grades_methods
from neuromyo.study.agree_readings import Readings
from neuromyo.study.agree_tables import PAIR, three
from neuromyo.study.cells import cell, with_ends
from neuromyo.study.said import capital, estimate, number, people, percent, shortened

#: under so many people bootstrap intervals suggest, and do not confirm
EXPLORATORY = 20
Judged = tuple[tuple[str, ...], tuple[Table, ...], tuple[Figure, ...], tuple[str, ...], tuple[Finding, ...]]


class Asked(Protocol):
    """The options that count here."""

    @property
    def kind(self) -> str: ...
    @property
    def scale(self) -> tuple[float, ...]: ...
    @property
    def weights(self) -> str: ...
    @property
    def level(self) -> float: ...


def judge(read: Sequence[Readings], options: Asked, word: str) -> Judged:
    """Summary, tables, figures, methods and findings of all variables."""
    return _dice(read, options, word) if options.kind == "dice" else _grades(read, options, word)


def _grades(read: Sequence[Readings], options: Asked, word: str) -> Judged:
    weights: Weights = next(w for w in WEIGHTS if w == options.weights)
    summary, rows, crossed, lines, findings = [], [], [], [], []
    for r in read:
        grades = _scale(r, options.scale)
        for i, j in combinations(range(len(r.readers)), 2):
            found = cohen(r.values[:, i].tolist(), r.values[:, j].tolist(), grades, weights, r.people, options.level)
            a, b = r.readers[i], r.readers[j]
            summary.append(_sentence(r, a, b, found, options))
            rows.append(
                (r.variable.name, a, b, found.n, *with_ends(found.kappa), *with_ends(found.agreement), found.why)
            )
            crossed += [
                (r.variable.name, a, b, grades[x], grades[y], int(found.table[x, y]))
                for x in range(len(grades))
                for y in range(len(grades))
            ]
            lines.append(Mean(found.kappa.value, found.kappa.low, found.kappa.high, f"{r.variable.said}: {a}, {b}"))
            findings += [Finding("warn", "N-STUDY", f"{r.variable.name}, {a} and {b}", found.why)] * bool(found.why)
        if len(r.readers) > 2:
            together, remark, care = _together(r, grades)
            findings += care
            summary.append(
                f"{capital(r.variable.said)}: all {len(r.readers)} {word}s together, Krippendorff's alpha {estimate(together)}."
            )
            rows.append(
                (
                    r.variable.name,
                    "all",
                    "all",
                    r.n,
                    *with_ends(together),
                    None,
                    None,
                    None,
                    remark,
                )
            )
    told = columns(
        *PAIR,
        ("n", "people graded by both", "", "count"),
        *three("kappa", f"kappa, {weights} weights"),
        *three("equal", "share of equal grades"),
        ("remark", "what to know", "", "text"),
    )
    cross = columns(
        *PAIR,
        ("first_grade", "grade by the first"),
        ("second_grade", "grade by the second"),
        ("n", "people", "", "count"),
    )
    forest = Forest(
        "kappa",
        "Kappa of each two",
        tuple(lines),
        f"kappa ({weights} weights)",
        caption=f"n = {', '.join(str(r.n) for r in read)} people; bars: {percent(options.level)} confidence intervals.",
    )
    tables = (
        Table("kappa", "Agreement on grades", told, tuple(rows)),
        Table("grades", "Grades of both, crossed", cross, tuple(crossed)),
    )
    return (
        shortened(summary),
        tables,
        (forest,),
        grades_methods(weights, len(read[0].readers), word, min(r.n for r in read)),
        tuple(findings),
    )


def _together(r: Readings, grades: Sequence[float]) -> tuple[Interval, str, list[Finding]]:
    """Alpha of all readers, what to know of its interval, and a warning of few people. No interval where its coverage is not known."""
    found = krippendorff(counts(r.values.tolist(), grades), "ordinal")
    known = coverage("percentile", r.n, "alpha")
    if not known.datasets:
        found = replace(found, low=float("nan"), high=float("nan"))
    remark = f"Krippendorff's ordinal alpha, 95 % bootstrap interval, {known}"
    few = Finding(
        "warn",
        "W-EXPLORATORY",
        f"{r.variable.name}, Krippendorff's alpha",
        f"{r.n} people: {known}",
        "have at least 20 people read",
        "the interval suggests, it does not confirm",
    )
    return found, remark, [few] * (r.n < EXPLORATORY)


def _sentence(r: Readings, a: str, b: str, found: Kappa, options: Asked) -> str:
    share = found.agreement.scaled(100.0)
    same = int(np.trace(found.table))
    equal = f"{a} and {b} gave the same grade to {same} of {people(found.n)}, {estimate(share, '%', options.level)}"
    return (
        f"{capital(r.variable.said)}: {equal}; kappa ({options.weights} weights) {estimate(found.kappa, '', options.level)}"
        + (f": {found.why}." if found.why else ".")
    )


def _scale(r: Readings, given: tuple[float, ...]) -> tuple[float, ...]:
    """The grades in order. Not given: those found, and the whole numbers between them where all are whole."""
    seen = np.unique(r.values)
    if given:
        stray = sorted(set(seen.tolist()) - set(given))
        if stray:
            raise DataError(
                "E-STUDY",
                where=r.variable.name,
                needed=f"grades of the scale {', '.join(f'{g:g}' for g in given)}",
                found=", ".join(f"{g:g}" for g in stray),
                remedy="correct the grades, or name the whole scale",
            )
        return tuple(dict.fromkeys(given))
    if len(seen) > 20:
        raise DataError(
            "E-STUDY",
            where=r.variable.name,
            needed="grades of a scale",
            found=f"{len(seen)} different values",
            remedy="judge it as numbers (kind continuous), or name the scale",
        )
    whole = bool((seen == np.rint(seen)).all()) and np.ptp(seen) <= 20
    return tuple(float(g) for g in (np.arange(seen[0], seen[-1] + 1) if whole else seen))


def _dice(read: Sequence[Readings], options: Asked, word: str) -> Judged:
    """Each column holds the Dice coefficients of one pair of drawings (``study.readers.of_masks`` computes them from masks)."""
    summary, rows, figures = [], [], []
    for r in read:
        if (r.values < 0).any() or (r.values > 1).any():
            raise DataError(
                "E-UNITS",
                where=r.variable.name,
                needed="Dice coefficients of 0 to 1",
                found=f"{number(float(r.values.min()))} to {number(float(r.values.max()))}",
                remedy="give shares, not percent",
            )
        means = {}
        for reader, x in zip(r.readers, r.values.T, strict=True):
            mean, worst = mean_interval(x, level=options.level), int(np.argmin(x))
            mean = Interval(mean.value, max(mean.low, 0.0), min(mean.high, 1.0), mean.df)
            summary.append(
                f"{capital(r.variable.said)}, {reader}: mean Dice {estimate(mean, '', options.level)} of {people(r.n)}; "
                f"the least is {x[worst]:.3f} (sub-{r.people[worst]})."
            )
            rows.append(
                (
                    r.variable.name,
                    reader,
                    r.n,
                    *with_ends(mean),
                    cell(float(x.std(ddof=1))),
                    float(np.median(x)),
                    float(x[worst]),
                    r.people[worst],
                )
            )
            means[reader] = Mean(mean.value, mean.low, mean.high, reader)
        figures.append(
            Dots(
                f"dice-{len(figures) + 1}",
                f"{capital(r.variable.said)}: Dice coefficients",
                {k: r.values[:, i] for i, k in enumerate(r.readers)},
                means,
                "Dice coefficient",
                f"n = {r.n} people, a dot each; mean with {percent(options.level)} confidence interval.",
            )
        )
    told = columns(
        ("variable", "region", "", "text"),
        (word, word, "", "text"),
        ("n", "people", "", "count"),
        *three("dice", "mean Dice coefficient"),
        ("sd", "standard deviation"),
        ("median", "median"),
        ("least", "least"),
        ("least_person", "whose is the least", "", "text"),
    )
    return (
        shortened(summary),
        (Table("dice", "Overlap of drawings", told, tuple(rows)),),
        tuple(figures),
        dice_methods(word),
        (),
    )
