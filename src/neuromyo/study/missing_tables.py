"""Tables of who was not measured, and of what that does to results."""

from __future__ import annotations

from collections.abc import Sequence

from neuromyo.core.analysis import Column, Table
from neuromyo.study.cells import cell
from neuromyo.study.change_columns import (
    GROUP,
    TO_VISIT,
    VARIABLE,
    count,
    estimate_cells,
    interval_columns,
    p_of,
    word,
)
from neuromyo.study.change_found import Found
from neuromyo.study.missing_visits import leavers


def seen_table(all_found: Sequence[Found]) -> Table:
    """Who was measured at which visit."""
    heads = (
        word("variable", "what was measured"),
        GROUP,
        word("visit", "visit"),
        count("enrolled", "people of the group"),
        count("measured", "people with a value"),
        count("missing", "people without one"),
        word("reasons", "why"),
    )
    rows = tuple(
        (
            f.course.variable.name,
            s.group,
            s.visit,
            s.enrolled,
            s.measured,
            s.enrolled - s.measured,
            ", ".join(f"{word}: {n}" for word, n in s.reasons),
        )
        for f in all_found
        for s in f.seen
    )
    return Table("change-who-was-measured", "Who was measured at which visit", heads, rows)


def left_table(all_found: Sequence[Found]) -> Table | None:
    """Who did not come to the last visit; of the variable that was measured longest."""
    longest = max((f.course for f in all_found), key=lambda c: len(c.visits))
    heads = (
        word("participant", "person"),
        GROUP,
        word("last_visit", "last visit"),
        Column("last_day", "days since the first visit then", "days"),
        word("reason", "why no later visit"),
        Column("end_day", "when observation ended", "days"),
    )
    rows = tuple((w.label, w.group, w.last, cell(w.last_days), w.reason, cell(w.end_days)) for w in leavers(longest))
    return Table("change-who-left", "Who did not come to the last visit", heads, rows) if rows else None


def start_table(all_found: Sequence[Found]) -> Table | None:
    """Whether those who left had begun otherwise."""
    heads = (
        *VARIABLE,
        GROUP,
        count("n_stayed", "people with a value at the last visit"),
        count("n_left", "people without"),
        Column("stayed_mean", "baseline of the former, mean"),
        Column("left_mean", "baseline of the latter, mean"),
        *interval_columns("difference", "latter less former (Welch's t)"),
        p_of("p", "p of no difference"),
    )
    rows = tuple(
        (
            f.course.variable.name,
            f.course.variable.unit,
            s.group,
            s.n_stayed,
            s.n_left,
            cell(s.stayed),
            cell(s.left),
            *estimate_cells(s.difference),
        )
        for f in all_found
        for s in f.starts
    )
    note = "No difference at the start does not show that people left at random: they may have got worse since."
    return (
        Table("change-start-of-leavers", "Baseline of those who left and those who stayed", heads, rows, note)
        if rows
        else None
    )


def sensitivity_table(all_found: Sequence[Found]) -> Table | None:
    """How far the missing would have to lie from the model's expectation."""
    heads = (
        *VARIABLE,
        word("group", "group whose missing people are shifted"),
        word("reference", "compared with"),
        word("visit", "visit"),
        count("missing", "people missing then"),
        count("n", "people in the model"),
        *interval_columns("result", "mixed model, missing at random"),
        p_of("p", "its p"),
        Column("tipping_delta", "shift of each missing person at which the interval touches 0"),
        Column("delta", "shift asked for"),
        *interval_columns("shifted", "the result then"),
        p_of("p_shifted", "its p"),
    )
    rows = []
    for f in all_found:
        for s in f.sensitivity:
            near = cell(s.points[0]) if s.points else None
            rows.append(
                (
                    f.course.variable.name,
                    f.course.variable.unit,
                    s.group,
                    s.reference,
                    s.visit,
                    s.missing,
                    s.n,
                    *estimate_cells(s.found),
                    near,
                    cell(s.delta),
                    *estimate_cells(s.shifted),
                )
            )
    note = "No shift is given where none turns the result. Shifts are in the variable's unit, beyond what people who began alike did."
    return (
        Table("change-sensitivity", "What missing values would have to be", heads, tuple(rows), note) if rows else None
    )


def model_table(all_found: Sequence[Found]) -> Table | None:
    """Changes of groups by the mixed model, of variables that somebody is missing in."""
    heads = (
        *VARIABLE,
        GROUP,
        TO_VISIT,
        count("n", "people with both values"),
        *interval_columns("change", "their mean change (paired t)"),
        *interval_columns("model_change", "mean change by the mixed model, people with a missing visit included"),
        p_of("p", "p of no change, by the model"),
    )
    rows = tuple(
        (
            f.course.variable.name,
            f.course.variable.unit,
            w.group,
            w.visit,
            w.n,
            *estimate_cells(w.change)[:3],
            *estimate_cells(w.model),
        )
        for f in all_found
        if any(s.measured < s.enrolled for s in f.seen)
        for w in f.within
        if w.model.known
    )
    note = "The model takes people who are missing to have gone on as people who were alike before."
    return (
        Table("change-with-the-missing", "Change with people who have a missing visit", heads, rows, note)
        if rows
        else None
    )
