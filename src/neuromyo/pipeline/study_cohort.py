"""A study's tables, put together: one row a person and visit, a column a variable."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import inf

import numpy as np

from neuromyo.core.cohort import Cohort, Participant, Variable
from neuromyo.core.errors import DataError, Finding, first_few
from neuromyo.io.sheet import number
from neuromyo.pipeline import study_names, study_time
from neuromyo.pipeline.study_clinical import Clinical
from neuromyo.pipeline.study_measured import Frame
from neuromyo.pipeline.study_names import Thing

Key = tuple[str, str]
Row = tuple[str, str, Thing, float, str]


def build(
    frame: Frame | None,
    clinical: Clinical,
    people: Mapping[str, Participant],
    calendar: study_time.Calendar,
    timed: bool = True,
) -> Cohort:
    """The cohort of imaging rows (columns ``subject session thing value table row``) and clinical values.

    E-REPEATS where a person has a variable twice at one visit. Visits that only one of the two kinds of table has are joined where each
    has a single one, which is told; else they stay apart.

    People, visits and variables have an order of their own: what comes out does not depend on that of the tables' rows.

    timed : whether visits follow each other in time; readers and scanners do not
    """
    imaging = list(_imaging(frame)) if frame is not None else []
    words, findings = _visits(imaging, clinical)
    others = [
        (who, words.get(v, v), Thing(variable, variable.keys), x, where)
        for who, v, variable, x, where in clinical.values
    ]
    rows = imaging + others
    if not rows:
        raise DataError(
            "E-NODATA",
            where="the study",
            needed="at least one value",
            found="none",
            remedy="check which tables were named",
        )
    names = study_names.names(sorted({r[2] for r in rows}, key=_place))
    keys: dict[Key, int] = {}
    for who, visit, *_ in rows:
        keys.setdefault((who, visit), len(keys))
    values = _columns(rows, names, keys)
    person = np.array([k[0] for k in keys], dtype=object)
    visit = np.array([k[1] for k in keys], dtype=object)
    days, more, visits, told = np.full(len(keys), np.nan), (), tuple(sorted(set(visit))), ()
    if timed:
        days, more = study_time.days(person, visit, calendar)
        visits, told = study_time.order(visit, visit, days, calendar)
    place = {v: i for i, v in enumerate(visits)}
    sort = np.array(sorted(range(len(keys)), key=lambda i: (person[i], place[visit[i]])), dtype=int)
    roster = dict(sorted(people.items()))
    return Cohort(
        person[sort], visit[sort], days[sort], _variables(names), {n: x[sort] for n, x in values.items()}, visits, roster,
        (*findings, *calendar.findings), (*more, *told),
    )  # fmt: skip


def _place(thing: Thing) -> tuple[bool, str, str, str, float, str, tuple[tuple[str, str], ...]]:
    """Where a variable stands among others: images first, then by quantity, structure, side, and along the nerve."""
    v = thing.variable
    along = number(v.level)
    return (
        v.source == "clinical",
        thing.head,
        v.structure,
        v.side,
        inf if along is None else along,
        v.level,
        thing.extra,
    )


def _imaging(frame: Frame) -> Iterator[Row]:
    where = frame["table"] + ", row " + frame["row"].astype(str)
    yield from zip(frame["subject"], frame["session"], frame["thing"], frame["value"], where, strict=True)


def _visits(imaging: Sequence[Row], clinical: Clinical) -> tuple[dict[str, str], list[Finding]]:
    """Clinical visits -> those of the images, where a label is missing on one side and only one can be meant."""
    ours, theirs = {r[1] for r in imaging}, {v for _, v, *_ in clinical.values}
    if not ours or not theirs or "" not in ours | theirs or ours == theirs:
        return {}, []
    if len(ours) == 1 and len(theirs) == 1:
        (mine,), (other,) = ours, theirs
        said = f"clinical values {_visit(other)} are taken to be of the visit {_visit(mine)} of the images: there is only one each"
        return {other: mine}, [Finding("note", "N-STUDY", "visits", said)]
    nameless = "clinical tables" if "" in theirs else "tables of measurements"
    labels = first_few(sorted(v for v in ours | theirs if v))
    raise DataError("E-STUDY", where=nameless, needed=f"the visit of every row (there are {labels})", found="rows without one",
                    remedy="add a column session_id (clinical) or session (measurements)")  # fmt: skip


def _visit(label: str) -> str:
    return label or "without a label"


def _columns(rows: Iterable[Row], names: Mapping[Thing, str], keys: Mapping[Key, int]) -> dict[str, np.ndarray]:
    values = {name: np.full(len(keys), np.nan) for name in names.values()}
    seen: dict[tuple[str, int], tuple[float, str]] = {}
    for who, visit, thing, x, where in rows:
        name, at = names[thing], keys[who, visit]
        if (name, at) in seen:
            _refuse_twice(who, visit, thing, name, seen[name, at], (x, where))
        seen[name, at] = (x, where)
        values[name][at] = x
    return values


def _refuse_twice(
    who: str, visit: str, thing: Thing, name: str, one: tuple[float, str], other: tuple[float, str]
) -> None:
    unit = f" {thing.variable.unit}" if thing.variable.unit else ""
    remedy = (
        "give each table once"
        if one[0] == other[0]
        else "keep the one that counts, or tell them apart (--between acquisition)"
    )
    raise DataError(
        "E-REPEATS",
        where=f"sub-{who}" + (f", ses-{visit}" if visit else "") + f": {name}",
        needed="one value at one visit",
        found=f"{one[0]:g}{unit} ({one[1]}) and {other[0]:g}{unit} ({other[1]})",
        remedy=f"{remedy}; they are not averaged",
    )


def _variables(names: Mapping[Thing, str]) -> tuple[Variable, ...]:
    return tuple(replace(thing.variable, name=name) for thing, name in names.items())
