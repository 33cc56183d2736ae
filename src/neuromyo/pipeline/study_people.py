"""The people of a study: who was enrolled, in which group, with which covariates, and whose observation ended early."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from math import nan
from pathlib import Path

from neuromyo.core.cohort import MONTH_DAYS, Participant
from neuromyo.core.errors import DataError, Finding, first_few
from neuromyo.io import people as tables
from neuromyo.io.sheet import number
from neuromyo.io.who import Known
from neuromyo.pipeline import persons

#: columns that `Participant` has fields for; all others are further covariates
_OWN = ("participant_id", "age", "sex", "site", "height", "weight", "bmi", "group", "height_m", "height_cm", "weight_kg",
        "weight_lb", "end", "end_days", "end_months")  # fmt: skip


def file_of(path: Path) -> Path:
    """``participants.tsv`` of a dataset, or the table itself."""
    return path / tables.TABLE if path.is_dir() else path


def dataset_of(path: Path | None) -> Path | None:
    """The dataset that a table of participants lies in, if it has folders of people beside it, with dates of visits."""
    if path is None:
        return None
    root = file_of(path).resolve().parent
    return root if any(p.is_dir() for p in root.glob("sub-*")) else None


def read(path: Path, group_column: str = "group") -> tuple[dict[str, Participant], tuple[Finding, ...]]:
    """Everybody in a table of participants, and what was noticed. Columns ``end`` (died, withdrew, lost ...) and ``end_days`` or
    ``end_months`` tell whose observation ended; columns that are not known are further covariates.

    E-TABLE and the like where the table cannot be read; E-ID where somebody has two rows; E-STUDY where ``end_days`` is no number, or one
    group is written in two ways.
    """
    roster = persons.read(file_of(path), group_column=group_column)
    census = tables.census(file_of(path))
    unclear = next((f for f in census.findings if f.code == "E-ID"), None)
    if unclear is not None:  # who counts once cannot be guessed
        raise DataError(unclear.code, where=unclear.where, found=unclear.message, remedy=unclear.remedy)
    made = {
        who: _person(who, roster, cells, group_column) for who, cells in census.cells.items() if who in roster.bodies
    }
    _refuse_spellings(made, roster.table, group_column)
    return made, roster.findings


def _refuse_spellings(known: Mapping[str, Participant], table: str, column: str) -> None:
    """E-STUDY for one group that is written in two ways (`Control`, `control`): it would be compared with itself."""
    by: dict[str, dict[str, list[str]]] = {}
    for who, p in sorted(known.items()):
        by.setdefault(_letters(p.group), {}).setdefault(p.group, []).append(who)
    for spellings in by.values():
        if len(spellings) > 1:
            told = [
                f"{g} ({len(who)}: {first_few(f'sub-{w}' for w in who)})"
                for g, who in sorted(spellings.items(), key=lambda s: -len(s[1]))
            ]
            raise DataError("E-STUDY", where=f"{table}, column {column}", needed="one spelling of each group", found=" and ".join(told),
                            remedy="write the group alike in all rows")  # fmt: skip


def _letters(group: str) -> str:
    """What is left of a group's name without capitals, spaces and signs."""
    return re.sub(r"[\W_]+", "", group.casefold()) or group


def unlisted(labels: Iterable[str]) -> tuple[dict[str, Participant], tuple[Finding, ...]]:
    """People of whom nothing is known, where there is no table of them."""
    made = {who: Participant(who) for who in sorted(set(labels))}
    said = "no table of people was given: no groups, ages or sexes are known"
    return made, (Finding("note", "N-STUDY", "people", said, "give participants.tsv after --people"),)


def refuse_strangers(labels: Iterable[str], known: Mapping[str, Participant], where: str) -> None:
    """E-STUDY for people who are in a table of numbers and not in the table of people, with the label that probably is meant."""
    strangers = sorted(set(labels) - set(known))
    if not strangers:
        return
    likely = Known(known).likely(strangers[0])
    remedy = (
        f"probably sub-{likely} is meant: write the same label in both"
        if likely
        else "add a row, or leave their rows out"
    )
    raise DataError("E-STUDY", where=f"{where}: {first_few(f'sub-{s}' for s in strangers)}", needed="a row in the table of people",
                    found="none", remedy=remedy)  # fmt: skip


def with_traits(
    known: Mapping[str, Participant], traits: Mapping[str, Mapping[str, float | str]]
) -> dict[str, Participant]:
    """The same people with what clinical tables say of them once (onset, diagnosis); a group only where the table of people has none."""
    from dataclasses import replace

    out = dict(known)
    for who, said in traits.items():
        if who in out:
            p = out[who]
            more = {k: v for k, v in said.items() if k != "group"}
            out[who] = replace(p, group=p.group or str(said.get("group", "")), more={**more, **p.more})
    return out


def groups_told(known: Mapping[str, Participant], measured: Iterable[str]) -> tuple[Finding, ...]:
    """Who of those measured is in no group, where others are; who was enrolled and never measured."""
    here = set(measured)
    lost = sorted(w for w in here if not known[w].group)
    absent = sorted(set(known) - here)
    found = []
    if lost and len(lost) < len(here):
        found.append(Finding("warn", "W-ABSENT", first_few(f"sub-{w}" for w in lost), "in no group, so in no comparison of groups",
                             "fill in the column group of the table of people"))  # fmt: skip
    if absent:
        said = f"{len(absent)} enrolled without any measurement; counted in the flow of people"
        found.append(Finding("note", "W-ABSENT", first_few(f"sub-{w}" for w in absent), said))
    return tuple(found)


def _person(who: str, roster: persons.Roster, cells: Mapping[str, str], group_column: str) -> Participant:
    body, low = roster.bodies[who], {c.casefold(): cell for c, cell in cells.items()}
    end = low.get("end", "").strip().casefold()
    when = _end_days(who, low, roster.table)
    own = (*_OWN, group_column.casefold())
    more = {c: _value(cell) for c, cell in cells.items() if c.casefold() not in own and cell}
    return Participant(
        who, roster.groups.get(who, ""), _known(body.age), body.sex or "", body.site or "", _known(body.height_m), _known(body.weight_kg),
        "" if end in ("no", "none", "completed", "complete") else end or ("ended" if when == when else ""), when, more,
    )  # fmt: skip


def _end_days(who: str, cells: Mapping[str, str], table: str) -> float:
    for column, unit in (("end_days", 1.0), ("end_months", MONTH_DAYS)):
        cell = cells.get(column, "")
        if not cell:
            continue
        value = number(cell)
        if value is None or value < 0:
            raise DataError("E-STUDY", where=f"{table}: sub-{who}, column {column}", needed="a number of at least 0, since the first visit",
                            found=repr(cell), remedy="mend that cell; n/a where it is not known")  # fmt: skip
        return value * unit
    return nan


def _known(value: float | None) -> float:
    return nan if value is None else float(value)


def _value(cell: str) -> float | str:
    told = number(cell)
    return cell if told is None else told
