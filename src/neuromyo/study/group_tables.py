"""The tables of a comparison of groups: who, what was measured, what was tested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from neuromyo.core.analysis import Cell, Table, columns
from neuromyo.study.cells import cell, with_ends
from neuromyo.study.group_cells import PAIR, corrected, pair
from neuromyo.study.group_covariates import TITLES, known, titled
from neuromyo.study.group_tables_adjusted import adjusted, adjusted_means
from neuromyo.study.group_tables_profiles import levels, profiles
from neuromyo.study.group_tests import Comparison

if TYPE_CHECKING:
    from neuromyo.study.group import Compared


def tables(found: Compared) -> tuple[Table, ...]:
    """All that have a row."""
    made = (
        people(found),
        tests(found),
        adjusted(found),
        profiles(found),
        omnibus(found),
        ranks(found),
        adjusted_means(found),
        levels(found),
        descriptives(found),
        details(found),
    )
    return tuple(_reference_last(t) for t in made if t.rows)


def _reference_last(table: Table) -> Table:
    """It is the same in every row, and need not be seen first."""
    names = [c.name for c in table.columns]
    if "reference" not in names:
        return table
    order = [i for i, n in enumerate(names) if n != "reference"] + [names.index("reference")]
    moved = tuple(tuple(row[i] for i in order) for row in table.rows)
    return replace(table, columns=tuple(table.columns[i] for i in order), rows=moved)


def people(found: Compared) -> Table:
    """Who was compared: covariates by group."""
    rows, there = found.setting.rows, known(found.setting.rows)
    numbers = [n for n in there if n not in ("sex", "site") and np.isfinite(rows.covariate(n)).any()]
    head = [("group", "group", "", "text"), ("n", "people with measurements", "", "count")]
    for n in numbers:
        name, unit = TITLES.get(n, (n.replace("_", " "), ""))
        key = name.replace(" ", "_")
        head += [(f"{key}_mean", f"mean {name}", unit), (f"{key}_sd", f"standard deviation of {name}", unit)]
    head += [("female", "women", "", "count"), ("male", "men", "", "count")] * ("sex" in there)
    head += [("sites", "sites, with how many people", "", "text")] * ("site" in there)
    return Table(
        "people",
        "Who was compared",
        columns(*head),
        tuple(_person_row(found, g, numbers, there) for g in found.setting.groups),
    )


def _person_row(found: Compared, group: str, numbers: Sequence[str], there: Sequence[str]) -> tuple[Cell, ...]:
    rows, keep = found.setting.rows, found.setting.member(group)
    out: list[Cell] = [group, int(keep.sum())]
    for name in numbers:
        x = rows.covariate(name)[keep]
        x = x[np.isfinite(x)]
        out += [cell(x.mean()) if x.size else None, cell(x.std(ddof=1)) if x.size > 1 else None]
    if "sex" in there:
        words = rows.words("sex")[keep]
        out += [int((words == "F").sum()), int((words == "M").sum())]
    if "site" in there:
        words = [str(w) for w in rows.words("site")[keep] if w]
        out.append(", ".join(f"{w} {words.count(w)}" for w in sorted(set(words))) or None)
    return tuple(out)


def descriptives(found: Compared) -> Table:
    """Every variable by group, those along profiles included."""
    of = (
        PAIR[0],
        PAIR[1],
        *columns(
            ("group", "group", "", "text"),
            ("n", "people with a value", "", "count"),
            ("missing", "people of the group at this visit without one", "", "count"),
            ("mean", "mean"),
            ("sd", "standard deviation between people"),
            ("median", "median"),
            ("q25", "lower quartile"),
            ("q75", "upper quartile"),
            ("smallest", "smallest value"),
            ("largest", "largest value"),
        ),
    )
    every = dict.fromkeys([c.variable for c in found.comparisons] + [v for p in found.profiles for v in p.variables])
    rows = []
    for v in every:
        for g in found.setting.groups:
            x = found.setting.values(v, g)
            five = np.quantile(x, [0.5, 0.25, 0.75, 0.0, 1.0]) if x.size else np.full(5, np.nan)
            rows.append(
                (
                    v.name,
                    v.unit,
                    g,
                    int(x.size),
                    found.setting.size(g) - int(x.size),
                    cell(x.mean()) if x.size else None,
                    cell(x.std(ddof=1)) if x.size > 1 else None,
                    *(cell(q) for q in five),
                )
            )
    return Table("descriptives", "Measurements by group", of, tuple(rows))


def tests(found: Compared) -> Table:
    """Means compared."""
    of = (
        *PAIR,
        *columns(
            ("n_compared", "people of the compared group", "", "count"),
            ("n_reference", "people of the reference", "", "count"),
            ("difference", "difference of means, compared less reference"),
            ("low", "lower end of its interval"),
            ("high", "upper end of its interval"),
            ("g", "Hedges g: the difference in standard deviations"),
            ("g_low", "lower end of its interval"),
            ("g_high", "upper end of its interval"),
            ("p", "p of Welch's t", "", "p"),
            ("p_permutation", "p by exchanging people between groups", "", "p"),
            ("p_corrected", "p of Welch's t over all tests; empty where covariates are held", "", "p"),
            ("p_ranks", "p of Mann and Whitney", "", "p"),
        ),
    )
    said = f"p corrected: {corrected(found)}."
    if found.covariates.columns:
        held = ", ".join(titled(found.covariates.names))
        said = f"The test that counts is that at the same {held}, in a table of its own; p here are not corrected."
    note = f"Intervals hold {100 * found.options.level:g} %. {said}"
    return Table("tests", "Differences between groups", of, tuple(_test_row(c) for c in found.comparisons), note)


def _test_row(c: Comparison) -> tuple[Cell, ...]:
    corrected_p = None if c.with_covariates else cell(c.p_corrected)
    p = (cell(c.welch.p), cell(c.permutation.p), corrected_p, cell(c.ranks.p))
    return (*pair(c), int(c.a.size), int(c.b.size), *with_ends(c.welch.difference), *with_ends(c.effect.g), *p)


def details(found: Compared) -> Table:
    """What a statistician asks for next."""
    of = (
        *PAIR,
        *columns(
            ("t", "Welch's t"),
            ("df", "its degrees of freedom"),
            ("arrangements", "how many arrangements of people were tried", "", "count"),
            ("exact", "whether these were all there are", "", "text"),
            ("glass_delta", "the difference in standard deviations of the reference"),
            ("glass_delta_low", "lower end of its interval, which is approximate"),
            ("glass_delta_high", "upper end of its interval"),
            ("not_tested", "why nothing was tested", "", "text"),
        ),
    )
    return Table("test-details", "How these were tested", of, tuple(_detail_row(c) for c in found.comparisons))


def _detail_row(c: Comparison) -> tuple[Cell, ...]:
    tried = (None, None) if c.why else (c.permutation.repeats, "yes" if c.permutation.exact else "no")
    return (*pair(c), cell(c.welch.t), cell(c.welch.df), *tried, *with_ends(c.glass), c.why or None)


def ranks(found: Compared) -> Table:
    """Tests by ranks."""
    of = (
        *PAIR,
        *columns(
            ("u", "U of Mann and Whitney"),
            ("p", "p of Mann and Whitney", "", "p"),
            ("exact", "whether p is exact", "", "text"),
            ("shift", "Hodges-Lehmann shift, compared less reference"),
            ("low", "lower end of its interval"),
            ("high", "upper end of its interval"),
            ("superiority", "share of pairs in which the compared group's value is the larger", "%", "percent"),
            ("superiority_low", "lower end of its interval", "%", "percent"),
            ("superiority_high", "upper end of its interval", "%", "percent"),
            ("p_brunner_munzel", "p of Brunner and Munzel: that share is 50 %", "", "p"),
            ("tied", "share of people whose value another has, too", "%", "percent"),
        ),
    )
    rows = tuple(
        (
            *pair(c),
            cell(c.ranks.u),
            cell(c.ranks.p),
            "yes" if c.ranks.exact else "no",
            *with_ends(c.ranks.shift),
            *with_ends(c.ranks.superiority.scaled(100.0)),
            cell(c.brunner_munzel.p),
            cell(100 * c.ranks.tied),
        )
        for c in found.comparisons
        if not c.why
    )
    return Table(
        "ranks",
        "The same by ranks",
        of,
        rows,
        "A shift without an interval: too few people for one of this level. "
        "Brunner and Munzel without p: the groups do not overlap at all.",
    )


def omnibus(found: Compared) -> Table:
    """Whether any of several groups differ."""
    of = (
        PAIR[0],
        *columns(
            ("groups", "how many groups", "", "count"),
            ("f", "F of Welch's analysis of variance"),
            ("df_groups", "degrees of freedom of groups"),
            ("df_error", "degrees of freedom of error"),
            ("p", "p that all means are the same", "", "p"),
        ),
    )
    rows = tuple(
        (v.name, len(found.setting.groups), cell(t.f), cell(t.df[0]), cell(t.df[1]), cell(t.p))
        for v, t in found.omnibus
    )
    return Table("omnibus", "Do any of the groups differ?", of, rows)
