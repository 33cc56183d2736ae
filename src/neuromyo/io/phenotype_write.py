"""Clinical values as BIDS has them: ``phenotype/<measure>[_ses-<visit>].tsv``, one row a participant, and what its columns mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from neuromyo.core.errors import DataError
from neuromyo.io import sidecar, store, table
from neuromyo.io.columns import Keys, column_name, interpretations
from neuromyo.io.dictionary import Measure
from neuromyo.io.files import printable
from neuromyo.io.names import natural
from neuromyo.io.phenotype import Entry

FOLDER = "phenotype"


def file_name(measure: Measure, session: str) -> str:
    """The table of one measure at one visit, relative to the dataset."""
    return f"{FOLDER}/{measure.name}{f'_ses-{session}' if session else ''}.tsv"


def write(root: Path, measure: Measure, entries: Sequence[Entry]) -> dict[str, str]:
    """Write all values of a measure; file name relative to ``root`` -> SHA-256. The same values give the same bytes.

    BIDS wants each participant once a table, so nerves, muscles and sides become columns and visits become files.
    """
    written = {}
    for session in sorted({e.session for e in entries}, key=lambda s: natural([s])):
        here = [e for e in entries if e.session == session]
        relative = file_name(measure, session)
        columns = _columns(here, measure, relative)
        header = ["participant_id", *(["session_id"] if session else []), *columns.values()]
        path = root / relative
        beside = path.with_suffix(".json")
        written[relative] = table.write_tsv(path, header, _rows(here, session, list(columns)))
        said = sidecar.read_json(beside, printable(beside.name)) if beside.is_file() else {}
        about_all = {**said, **_about(measure, session, columns)}  # what others wrote there stays
        written[str(beside.relative_to(root))] = store.write_json(beside, about_all)
    return written


def about(measure: Measure, keys: Keys, quantity: str) -> dict[str, Any]:
    """What a column of the written table means, in the words of BIDS."""
    value = measure.values[quantity]
    said = "; ".join([value.meaning, *(measure.keys[k].levels[level] for k, level in keys)])
    described: dict[str, Any] = {"Description": said}
    if value.unit:
        described["Units"] = value.unit
    if value.levels:
        described["Levels"] = dict(value.levels)
    return described


def _columns(entries: Sequence[Entry], measure: Measure, relative: str) -> dict[tuple[Keys, str], str]:
    """(keys, quantity) -> column, in the order of the dictionary; each name must lead back to where it came from."""
    wanted = sorted({(e.keys, e.quantity) for e in entries}, key=lambda c: _order(c, measure))
    columns = {}
    for keys, quantity in wanted:
        name = column_name(keys, quantity)
        if interpretations(name, measure) != {(quantity, keys)}:
            raise DataError("E-TABLE", where=f"{relative}: column {name}", needed="a name that can be read in one way",
                            found="several readings",
                            remedy="rename levels or values in the dictionary so that none is part of another")  # fmt: skip
        columns[keys, quantity] = name
    return columns


def _order(column: tuple[Keys, str], measure: Measure) -> tuple:
    keys, quantity = dict(column[0]), column[1]
    places = [list(levels.levels).index(keys[k]) if k in keys else -1 for k, levels in measure.keys.items()]
    return (*places, list(measure.values).index(quantity))


def _rows(entries: Sequence[Entry], session: str, columns: Sequence[tuple[Keys, str]]) -> Iterable[list[Any]]:
    people: dict[str, dict[tuple[Keys, str], float | str]] = {}
    for entry in entries:
        people.setdefault(entry.participant, {})[entry.keys, entry.quantity] = entry.value
    for person in sorted(people, key=lambda p: natural([p])):
        values = (people[person].get(c) for c in columns)
        yield [f"sub-{person}", *([f"ses-{session}"] if session else []), *values]


def _about(measure: Measure, session: str, columns: Mapping[tuple[Keys, str], str]) -> dict[str, Any]:
    tool: dict[str, Any] = {"Description": f"{measure.title}. {measure.about}"}
    if measure.doi:
        tool["TermURL"] = f"https://doi.org/{measure.doi}"
    described: dict[str, Any] = {"MeasurementToolMetadata": tool}
    described["participant_id"] = {"Description": "label of the participant"}
    if session:
        described["session_id"] = {"Description": "label of the visit"}
    return described | {name: about(measure, keys, quantity) for (keys, quantity), name in columns.items()}
