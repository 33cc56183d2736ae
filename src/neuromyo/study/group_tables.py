"""The tables of a comparison of groups: who, what was measured, what was tested."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from neuromyo.core.analysis import Cell, Column, Table, columns
from neuromyo.stats.intervals import Interval
from neuromyo.study.group_covariates import TITLES, known, titled
from neuromyo.study.group_profiles import Profile
from neuromyo.study.group_tests import Comparison

if TYPE_CHECKING:
    from neuromyo.study.group import Findings

_PAIR = (
    Column("variable", "what was measured", kind="text"),
    Column("unit", "its unit", kind="text"),
    Column("compared", "group that is compared", kind="text"),
    Column("reference", "group it is compared with", kind="text"),
)
_CORRECTIONS = {"bh": "Benjamini-Hochberg (false discovery rate)", "holm": "Holm (any false finding)"}


def tables(found: Findings) -> tuple[Table, ...]:
    """All that have a row."""
    made = (
        people(found),
        descriptives(found),
        tests(found),
        ranks(found),
        adjusted(found),
        omnibus(found),
        profiles(found),
        levels(found),
    )
    return tuple(t for t in made if t.rows)


def cell(value: float) -> float | None:
    """A number, or None where there is none."""
    return float(value) if np.isfinite(value) else None


def _ends(one: Interval) -> tuple[Cell, Cell, Cell]:
    return cell(one.value), cell(one.low), cell(one.high)


def _pair(one: Comparison) -> tuple[Cell, ...]:
    return one.variable.name, one.variable.unit, one.compared, one.reference


def people(found: Findings) -> Table:
    """Who was compared: covariates by group."""
    rows, there = found.setting.rows, known(found.setting.rows)
    numbers = [n for n in there if n not in ("sex", "site") and np.isfinite(rows.covariate(n)).any()]
    head = [("group", "group", "", "text"), ("n", "people with measurements", "", "count")]
    for n in numbers:
        name, unit = TITLES.get(n, (n.replace("_", " "), ""))
        head += [(f"{n}_mean", f"mean {name}", unit), (f"{n}_sd", f"standard deviation of {name}", unit)]
    head += [("female", "women", "", "count"), ("male", "men", "", "count")] * ("sex" in there)
    head += [("sites", "sites, with how many people", "", "text")] * ("site" in there)
    return Table(
        "people",
        "Who was compared",
        columns(*head),
        tuple(_person_row(found, g, numbers, there) for g in found.setting.groups),
    )


def _person_row(found: Findings, group: str, numbers: Sequence[str], there: Sequence[str]) -> tuple[Cell, ...]:
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


def descriptives(found: Findings) -> Table:
    """Every variable by group, those along profiles included."""
    of = (
        _PAIR[0],
        _PAIR[1],
        *columns(
            ("group", "group", "", "text"),
            ("n", "people with a value", "", "count"),
            ("missing", "people of the group at this visit without one", "", "count"),
            ("mean", "mean"),
            ("sd", "standard deviation between people"),
            ("median", "median"),
            ("q25", "lower quartile"),
            ("q75", "upper quartile"),
            ("low", "smallest value"),
            ("high", "largest value"),
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


def tests(found: Findings) -> Table:
    """Means compared."""
    of = (
        *_PAIR,
        *columns(
            ("n_compared", "people of the compared group", "", "count"),
            ("n_reference", "people of the reference", "", "count"),
            ("difference", "difference of means, compared less reference"),
            ("low", "lower end of its interval"),
            ("high", "upper end of its interval"),
            ("t", "Welch's t"),
            ("df", "its degrees of freedom"),
            ("p", "p of Welch's t", "", "p"),
            ("p_permutation", "p by exchanging people between groups", "", "p"),
            ("arrangements", "how many arrangements were tried", "", "count"),
            ("exact", "whether these were all there are", "", "text"),
            ("p_corrected", "p of the test that counts, over all tests", "", "p"),
            ("g", "Hedges g: the difference in standard deviations", "SD"),
            ("g_low", "lower end of its interval", "SD"),
            ("g_high", "upper end of its interval", "SD"),
            ("glass_delta", "the difference in standard deviations of the reference", "SD"),
            ("p_ranks", "p of Mann and Whitney", "", "p"),
            ("superiority", "share of pairs in which the compared group's value is the larger", "%"),
            ("not_tested", "why nothing was tested", "", "text"),
        ),
    )
    counts = "the difference at the same covariates" if found.covariates.columns else "Welch's t"
    note = (
        f"Intervals hold {100 * found.options.level:g} %. The test that counts is {counts}; its p is "
        + corrected(found)
        + "."
    )
    return Table("tests", "Differences between groups", of, tuple(_test_row(c) for c in found.comparisons), note)


def corrected(found: Findings) -> str:
    """How p are corrected."""
    if found.options.correction == "none" or found.family < 2:
        return "not corrected" + f", though {found.family} tests were made" * (found.family > 1)
    return f"corrected over {found.family} tests by {_CORRECTIONS[found.options.correction]}"


def _test_row(c: Comparison) -> tuple[Cell, ...]:
    made = not c.why
    return (
        *_pair(c),
        int(c.a.size),
        int(c.b.size),
        *_ends(c.welch.difference),
        cell(c.welch.t),
        cell(c.welch.df),
        cell(c.welch.p),
        cell(c.permutation.p),
        c.permutation.repeats if made else None,
        ("yes" if c.permutation.exact else "no") if made else None,
        cell(c.p_corrected),
        *_ends(c.effect.g),
        cell(c.glass.value),
        cell(c.ranks.p),
        cell(100 * c.ranks.superiority.value),
        c.why or None,
    )


def ranks(found: Findings) -> Table:
    """Tests by ranks."""
    of = (
        *_PAIR,
        *columns(
            ("u", "U of Mann and Whitney"),
            ("p", "p of Mann and Whitney", "", "p"),
            ("exact", "whether p is exact", "", "text"),
            ("shift", "Hodges-Lehmann shift, compared less reference"),
            ("low", "lower end of its interval"),
            ("high", "upper end of its interval"),
            ("superiority", "share of pairs in which the compared group's value is the larger", "%"),
            ("superiority_low", "lower end of its interval", "%"),
            ("superiority_high", "upper end of its interval", "%"),
            ("p_brunner_munzel", "p of Brunner and Munzel: that share is 50 %", "", "p"),
            ("tied", "share of people whose value another has, too", "%"),
        ),
    )
    rows = tuple(
        (
            *_pair(c),
            cell(c.ranks.u),
            cell(c.ranks.p),
            "yes" if c.ranks.exact else "no",
            *_ends(c.ranks.shift),
            *_ends(c.ranks.superiority.scaled(100.0)),
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


def adjusted(found: Findings) -> Table:
    """Differences at the same covariates."""
    of = (
        *_PAIR,
        *columns(
            ("n_compared", "people of the compared group with known covariates", "", "count"),
            ("n_reference", "people of the reference with known covariates", "", "count"),
            ("difference", "difference at the same covariates"),
            ("low", "lower end of its interval"),
            ("high", "upper end of its interval"),
            ("t", "its t"),
            ("df", "its degrees of freedom"),
            ("p", "p of the ANCOVA", "", "p"),
            ("p_permutation", "p by permuted residuals (Freedman and Lane)", "", "p"),
            ("p_robust", "p without one spread for all (HC3)", "", "p"),
            ("p_corrected", "p of the ANCOVA, over all tests", "", "p"),
            ("mean_compared", "mean of the compared group at the mean covariates"),
            ("mean_compared_low", "lower end of its interval"),
            ("mean_compared_high", "upper end of its interval"),
            ("mean_reference", "mean of the reference at the mean covariates"),
            ("mean_reference_low", "lower end of its interval"),
            ("mean_reference_high", "upper end of its interval"),
            ("not_tested", "why there is none", "", "text"),
        ),
    )
    rows = tuple(_adjusted_row(c) for c in found.comparisons if c.with_covariates)
    return Table("adjusted", f"At the same {', '.join(titled(found.covariates.names))}", of, rows)


def _adjusted_row(c: Comparison) -> tuple[Cell, ...]:
    if c.adjusted is None:
        return (*_pair(c), *[None] * 17, c.why or c.why_not)
    a = c.adjusted
    test = a.model.difference
    return (
        *_pair(c),
        *a.n,
        *_ends(test.estimate),
        cell(test.t),
        cell(test.df),
        cell(test.p),
        cell(a.permutation),
        cell(a.robust.p),
        cell(c.p_corrected),
        *_ends(a.model.mean_a),
        *_ends(a.model.mean_b),
        None,
    )


def omnibus(found: Findings) -> Table:
    """Whether any of several groups differ."""
    of = (
        _PAIR[0],
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


def profiles(found: Findings) -> Table:
    """Each profile as a whole."""
    of = (
        Column("profile", "what was measured along it", kind="text"),
        *_PAIR[1:],
        *columns(
            ("levels", "levels tested", "", "count"),
            ("largest", "largest difference that was found, by its t"),
            ("low", "lower end of its interval, of that level alone"),
            ("high", "upper end of its interval, of that level alone"),
            ("at", "level of it", "", "text"),
            ("p_anywhere", "p that the groups differ at any level (max-T)", "", "p"),
            ("p_corrected", "the same over all tests", "", "p"),
            ("stretches", "levels at which they differ", "", "text"),
            ("not_tested", "why nothing was tested", "", "text"),
        ),
    )
    return Table(
        "profiles", "Profiles along nerves", of, tuple(_profile_row(p, found.options.level) for p in found.profiles)
    )


def _profile_row(p: Profile, level: float) -> tuple[Cell, ...]:
    head = (p.name, p.unit, p.compared, p.reference)
    if p.result is None:
        return (*head, 0, None, None, None, None, None, None, None, p.why)
    top = int(np.nanargmax(np.abs(p.result.t)))
    where = said_stretches(p, level)
    return (
        *head,
        int(np.isfinite(p.result.t).sum()),
        *_ends(p.differences[top]),
        p.variables[top].level,
        cell(p.p),
        cell(p.p_corrected),
        where or "none",
        None,
    )


def said_stretches(p: Profile, level: float) -> str:
    """``40 mm to 60 mm, 90 mm``."""
    return ", ".join(
        p.variables[i].level + (f" to {p.variables[j].level}" if j > i else "") for i, j in p.stretches(level)
    )


def levels(found: Findings) -> Table:
    """Each level of each profile."""
    of = (
        Column("profile", "what was measured along it", kind="text"),
        *_PAIR[1:],
        *columns(
            ("level", "level", "", "text"),
            ("n_compared", "people of the compared group", "", "count"),
            ("n_reference", "people of the reference", "", "count"),
            ("difference", "difference of means, compared less reference"),
            ("low", "lower end of its interval, of this level alone"),
            ("high", "upper end of its interval, of this level alone"),
            ("p", "p of this level alone", "", "p"),
            ("p_max_t", "p over all levels of the profile (max-T)", "", "p"),
            ("differs", "whether the groups differ here", "", "text"),
        ),
    )
    return Table(
        "profile-levels",
        "Profiles, level by level",
        of,
        tuple(row for p in found.profiles for row in _level_rows(p, found.options.level)),
    )


def _level_rows(p: Profile, level: float) -> Iterable[tuple[Cell, ...]]:
    n_a, n_b = p.counts()
    marked = p.significant(level)
    for j, v in enumerate(p.variables):
        over = cell(p.result.adjusted[j]) if p.result else None
        yield (
            p.name,
            p.unit,
            p.compared,
            p.reference,
            v.level,
            int(n_a[j]),
            int(n_b[j]),
            *_ends(p.differences[j]),
            cell(p.welch_p[j]),
            over,
            "n/a" if over is None else "yes" if marked[j] else "no",
        )
