"""The readings of a variable as a complete table, people by readers: what is missing or not finite is refused with all names at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from neuromyo.core.cohort import Cohort, Variable
from neuromyo.core.errors import DataError, Finding
from neuromyo.study.said import listed, people, subjects


@dataclass(frozen=True, eq=False)
class Readings:
    """values (people, readers), all finite; ``absent``: people left out, each with why."""

    variable: Variable
    people: tuple[str, ...]
    readers: tuple[str, ...]
    values: np.ndarray
    absent: Mapping[str, str]

    @property
    def n(self) -> int:
        return len(self.people)


def readers_of(cohort: Cohort, asked: tuple[str, ...], word: str) -> tuple[str, ...]:
    """The readers asked for, or all; E-UNKNOWN, or E-STUDY of fewer than two."""
    for one in asked:
        if one not in cohort.visits:
            raise DataError(
                "E-UNKNOWN",
                where=f"{word} {one}",
                needed=f"one of {', '.join(cohort.visits) or 'none'}",
                found="another name",
                remedy=f"name each {word} as the table does",
            )
    found = tuple(dict.fromkeys(asked)) or cohort.visits
    if len(found) < 2:
        raise DataError(
            "E-STUDY",
            where="agreement",
            needed=f"at least two {word}s of the same people",
            found=f"{len(found)} ({listed(found)})" if found else "none",
            remedy="give both sets of readings, and say with --between what tells them apart (reader, session ...)",
        )
    return found


def gather(
    cohort: Cohort, name: str, readers: tuple[str, ...], leave_out: bool, word: str
) -> tuple[Readings, tuple[Finding, ...]]:
    """The complete table of one variable, and who is not in it.

    E-REPEATS where a reading is missing or not finite, naming every person and reader, unless ``leave_out``: then such people are
    left out whole, and told. Nothing is averaged.
    """
    variable = cohort.variable(name)
    labels, wide = cohort.wide(name)
    values = wide[:, [cohort.visits.index(r) for r in readers]]
    finite = np.isfinite(values)
    if not finite.any():
        raise DataError(
            "E-REPEATS",
            where=name,
            needed=f"readings by {listed(readers)}",
            found="none that is a number",
            remedy="check the column's name and what tells readings apart (--between)",
        )
    if not finite.all() and not leave_out:
        raise _refusal(name, labels, readers, values, word)
    keep = np.asarray(finite.all(axis=1))
    absent = {p: _why(row, readers) for p, row in zip(labels, values, strict=True) if not np.isfinite(row).all()}
    kept = tuple(p for p, k in zip(labels, keep.tolist(), strict=True) if k)
    return Readings(variable, kept, readers, values[keep], absent), _told(cohort, name, labels, absent, len(kept))


def _refusal(name: str, labels: tuple[str, ...], readers: tuple[str, ...], values: np.ndarray, word: str) -> DataError:
    """Who lacks what, reader by reader."""
    said = []
    for j, reader in enumerate(readers):
        missing = [p for p, x in zip(labels, values[:, j], strict=True) if np.isnan(x)]
        endless = [p for p, x in zip(labels, values[:, j], strict=True) if np.isinf(x)]
        said += [f"{word} {reader} has none of {subjects(missing)}"] * bool(missing)
        said += [f"{word} {reader} has a number that is not finite of {subjects(endless)}"] * bool(endless)
    return DataError(
        "E-REPEATS",
        where=name,
        needed=f"one finite reading of each of {people(len(labels))} by each {word}",
        found="; ".join(said),
        remedy="complete or correct the table, or leave these people out with --incomplete leave-out; nothing is averaged or filled in",
    )


def _why(row: np.ndarray, readers: tuple[str, ...]) -> str:
    lacks = [r for r, x in zip(readers, row, strict=True) if np.isnan(x)]
    endless = [r for r, x in zip(readers, row, strict=True) if np.isinf(x)]
    return "; ".join(
        [f"no reading by {listed(lacks)}"] * bool(lacks) + [f"not finite by {listed(endless)}"] * bool(endless)
    )


def _told(
    cohort: Cohort, name: str, labels: tuple[str, ...], absent: Mapping[str, str], kept: int
) -> tuple[Finding, ...]:
    found = []
    if absent:
        each = ", ".join(f"sub-{p} ({why})" for p, why in absent.items())
        found.append(
            Finding(
                "warn",
                "W-ABSENT",
                name,
                f"{len(absent)} of {len(labels)} people left out: {each}",
                consequence=f"agreement is that of the other {kept}; if hard cases are the ones missing it looks too good",
            )
        )
    never = [p for p in cohort.people if p not in set(labels)]
    if never:
        found.append(
            Finding(
                "note",
                "N-STUDY",
                name,
                f"{people(len(never))} of the study without any reading: {subjects(never)}",
            )
        )
    return tuple(found)
