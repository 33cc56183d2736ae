"""Profiles between groups as tables: each as a whole, and level by level."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from neuromyo.core.analysis import Cell, Column, Table, columns
from neuromyo.study.cells import cell, with_ends
from neuromyo.study.group_cells import PAIR
from neuromyo.study.group_profiles import Profile

if TYPE_CHECKING:
    from neuromyo.study.group import Compared


def profiles(found: Compared) -> Table:
    """Each profile as a whole."""
    of = (
        Column("profile", "what was measured along it", kind="text"),
        *PAIR[1:],
        *columns(
            ("n_compared", "people of the compared group in the test", "", "count"),
            ("n_reference", "people of the reference in the test", "", "count"),
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
        return (*head, *p.n_tested, 0, None, None, None, None, None, None, None, p.why)
    top = int(np.nanargmax(np.abs(p.result.t)))
    where = said_stretches(p, level)
    return (
        *head,
        *p.n_tested,
        int(np.isfinite(p.result.t).sum()),
        *with_ends(p.differences[top]),
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


def levels(found: Compared) -> Table:
    """Each level of each profile."""
    of = (
        Column("profile", "what was measured along it", kind="text"),
        *PAIR[1:],
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
            *with_ends(p.differences[j]),
            cell(p.level_p[j]),
            over,
            "n/a" if over is None else "yes" if marked[j] else "no",
        )
