"""Who is in a dataset: participants.tsv, the tables of visits and scans, and clinical tables, against the images.

What is an error and what a note: a label that differs from one of the images by case, zero padding or a prefix alone, and a
label given to two rows, are E-ID; a participant without images, or images without a row, are notes: studies have both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from neuromyo.core.errors import DataError, Finding, NeuromyoError
from neuromyo.io import bids, bodies, identifying, sheet, sidecar, visits
from neuromyo.io.dataset import Dataset
from neuromyo.io.files import printable
from neuromyo.io.sheet import Sheet, shown, stop
from neuromyo.io.who import Known, core, label

TABLE = "participants.tsv"


@dataclass(frozen=True, slots=True)
class Person:
    """One participant at one visit. What the tables do not state, or state wrongly, is None.

    age in years, height_m in metres, weight_kg in kilograms; ``date`` as in the tables (shifted, where it was)
    """

    subject: str
    session: str = ""
    age: float | None = None
    sex: str | None = None
    height_m: float | None = None
    weight_kg: float | None = None
    group: str | None = None
    date: datetime | None = None


@dataclass(frozen=True)
class Census:
    """What a table of participants says, and what is wrong with it. ``rows`` by subject; ``cells`` are their rows as written, by
    column; both lack rows that cannot be trusted."""

    rows: Mapping[str, bodies.Body] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    cells: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def people(root: Path, dataset: Dataset | None = None) -> tuple[Person, ...]:
    """Every participant and visit of the images, with what the tables say. For statistics: call `examine` first.

    dataset : the index of ``root``, where it is at hand already
    """
    dataset = dataset or bids.index(root)
    rows = _participants(root).rows
    dates = {s: visits.of_subject(root, s).dates for s in {f.subject for f in dataset.sessions}}
    found = []
    for files in dataset.sessions:
        body = rows.get(files.subject, bodies.Body())
        found.append(Person(files.subject, files.session, body.age, body.sex, body.height_m, body.weight_kg, body.group,
                            dates[files.subject].get(files.session)))  # fmt: skip
    return tuple(found)


def examine(root: Path, dataset: Dataset) -> tuple[Finding, ...]:
    """All that is wrong or remarkable with people and visits. Only of those participants that ``dataset`` holds."""
    there = folders(root)
    asked = {f.subject for f in dataset.sessions}
    whole = asked >= set(there)
    findings: list[Finding] = []
    census = _participants(root, None if whole else asked)
    findings += census.findings
    for subject in sorted(asked & set(there)):
        findings += visits.of_subject(root, subject).findings
    findings += _against_images(census.rows, there, asked, whole, root)
    findings += _clinical(root, there, whole)
    return tuple(dict.fromkeys(findings))


def matched(given: str, known: Known, where: str, what: str = "sub-") -> Finding | None:
    """E-ID where a label is that of nobody but nearly that of one; None where it is known, or like none."""
    if given in known:
        return None
    near = known.likely(given)
    if not near:
        return None
    found = f"needed a label of the images, found {what}{given}, which they do not have; probably {what}{near}"
    return stop("E-ID", where, found, f"write {what}{near} if that is who is meant")


def folders(root: Path) -> dict[str, tuple[str, ...]]:
    """Subject -> visits, as there are folders."""
    found = {}
    for entry in sorted(root.iterdir()):
        if entry.name.startswith("sub-") and entry.is_dir():
            subject = entry.name.removeprefix("sub-")
            found[subject] = tuple(sorted(v.name.removeprefix("ses-") for v in entry.glob("ses-*") if v.is_dir()))
    return found


def _participants(root: Path, asked: Collection[str] | None = None) -> Census:
    """participants.tsv by subject; rows that cannot be trusted are told (of those ``asked``), the others go on."""
    return census(root / TABLE, asked) if (root / TABLE).exists() else Census()


def census(path: Path, asked: Collection[str] | None = None) -> Census:
    """A table of participants, wherever it lies, by subject; what is wrong with it (with the rows ``asked``) is told."""
    name = printable(path.name)
    try:
        table = sheet.read(path, name, "\t")
        about = _about(path)
    except NeuromyoError as error:
        return Census(findings=(Finding.from_error(error),))
    personal = identifying.already_in(table.header, name)
    if table.header[0] != "participant_id":
        divided = len(table.header) == 1 and any(sign in table.header[0] for sign in ",;")
        remedy = "save it with tabs between the cells, not commas" if divided else "rename or move it"
        error = DataError("E-TABLE", where=f"{name}: row 1", needed="participant_id as the first column",
                          found=shown(table.header[0]), remedy=remedy)  # fmt: skip
        return Census(findings=(*table.findings, *personal, Finding.from_error(error)))
    rows: dict[str, bodies.Body] = {}
    findings = [*table.findings, *personal, *bodies.units(table, about)]
    first: dict[str, int] = {}
    for row, cells in table.records():
        who = label(cells["participant_id"], "sub-")
        where = table.where(row, "participant_id")
        if who is None or not cells["participant_id"].startswith("sub-"):
            said = "something else" if cells["participant_id"] else "an empty cell"  # not quoted: it may be a name
            findings.append(
                stop("E-ID", where, f"needed sub-<label> of letters and digits, found {said}", "mend that cell")
            )
            continue
        if who in first:
            said = f"needed one row a participant, found sub-{who} here and in row {first[who]}"
            findings.append(
                stop("E-ID", where, said, "give two people two labels; remove a row that stands there twice")
            )
            rows[who] = bodies.Body()  # which of the two rows is right nobody knows
            continue
        first[who] = row
        rows[who], remarks = bodies.read(table, row, cells, about)
        findings += remarks if asked is None or who in asked else []
    findings += _nearly_alike(first, name)
    written = dict(table.records())
    return Census(rows, tuple(findings), {who: written[row] for who, row in first.items()})


def _nearly_alike(rows: Mapping[str, int], table: str) -> Iterator[Finding]:
    """Two rows whose labels only differ by case or zeros are one person, or a slip of the pen."""
    first: dict[str, str] = {}
    for who, row in rows.items():
        near = first.setdefault(core(who), who)
        if near != who:
            yield stop("E-ID", f"{table}: row {row}, column participant_id",
                       f"needed labels that cannot be taken for each other, found sub-{who} and sub-{near} (row {rows[near]})",
                       "rename one, or remove it if both are the same person")  # fmt: skip


def _against_images(
    rows: Mapping[str, Any], folders: Mapping[str, Sequence[str]], asked: Collection[str], whole: bool, root: Path
) -> Iterator[Finding]:
    if not (root / TABLE).exists():
        return
    unlisted, absent = Known(f for f in folders if f not in rows), Known(r for r in rows if r not in folders)
    told = {who: matched(who, unlisted, f"{TABLE}: sub-{who}") for who in absent}
    yield from (finding for finding in told.values() if finding)
    if whole:
        yield from _without_images([who for who, finding in told.items() if not finding], TABLE)
    for who in unlisted:
        if rows and who in asked and not absent.likely(who):
            yield Finding("warn", "W-NOROW", f"{TABLE}: sub-{who}", "images without a row in the table",
                          "add a row; age and sex are needed to compare with others")  # fmt: skip


def _clinical(root: Path, folders: Mapping[str, Sequence[str]], whole: bool) -> Iterator[Finding]:
    """The labels in clinical tables against the images; of tables that are ours, every cell."""
    if not (root / "phenotype").is_dir():
        return
    for path in sorted((root / "phenotype").glob("*.tsv")):
        name = f"phenotype/{path.name}"
        try:
            yield from clinical_table(path, name, folders, whole)
        except NeuromyoError as error:
            yield Finding.from_error(error)


def clinical_table(path: Path, name: str, folders: Mapping[str, Sequence[str]], whole: bool) -> Iterator[Finding]:
    """One clinical table: labels, and every cell where the dictionary knows the measure."""
    from neuromyo.io import dictionary, phenotype

    measure = path.stem.partition("_")[0]
    if measure in dictionary.names():
        reading = phenotype.read_table(path, dictionary.load(measure), name=name)
        yield from reading.findings
    table = sheet.read(path, name)
    who_column, when_column = who_and_when(table)
    if who_column:
        yield from labels(table, who_column, when_column, folders, whole)
        yield from _once(table, who_column, when_column, measure in dictionary.names())


def who_and_when(table: Sheet) -> tuple[str, str]:
    """The columns of participants and of visits, empty where there is none."""
    from neuromyo.io.dictionary import WHEN, WHO, plain

    who, when = (next((c for c in table.header if plain(c) in words), "") for words in (WHO, WHEN))
    return who, when


def _once(table: Sheet, who_column: str, when_column: str, ours: bool) -> Iterator[Finding]:
    """BIDS wants each participant once a table. Twice at one visit is E-ID, but in a table of ours, whose values were looked at."""
    seen: dict[tuple[str, str], int] = {}
    people: set[str] = set()
    several = ""
    for row, cells in table.records():
        who, when = cells[who_column], cells[when_column] if when_column else ""
        earlier = seen.setdefault((who, when), row)
        if earlier != row and not ours and label(who, "sub-"):
            said = f"needed each participant once, found {who} here and in row {earlier}"
            yield stop("E-ID", table.where(row, who_column), said, "remove one of the rows")
        several = several or (who if who in people else "")
        people.add(who)
    if several and (ours or len(seen) == len(table.rows)):
        yield Finding("warn", "W-BIDS", table.name, "a participant has several rows, where BIDS wants one a table",
                      "neuromyo phenotype writes such tables one row a person, a file a visit")  # fmt: skip


def labels(
    table: Sheet, who_column: str, when_column: str, folders: Mapping[str, Sequence[str]], whole: bool = True
) -> Iterator[Finding]:
    """Participants and visits that a table names, against the folders of the images."""
    known = Known(folders)
    absent: dict[str, int] = {}
    for row, cells in table.records():
        who = label(cells[who_column], "sub-")
        if who is None:
            continue
        near = matched(who, known, table.where(row, who_column))
        if near:
            yield near
        elif who not in folders:
            absent.setdefault(who, row)
        elif when_column and (when := label(cells[when_column], "ses-")) and folders[who]:
            near = matched(when, Known(folders[who]), table.where(row, when_column), "ses-")
            if near:
                yield near
    if whole:
        yield from _without_images(list(absent), table.name)


def _without_images(people: Sequence[str], table: str) -> Iterator[Finding]:
    if people:
        said = ", ".join(f"sub-{w}" for w in people[:10]) + f" and {len(people) - 10} more" * (len(people) > 10)
        yield Finding("note", "N-NOIMAGES", table, f"participants without images: {said}", "")


def _about(path: Path) -> dict[str, Any]:
    beside = path.with_suffix(".json")
    return sidecar.read_json(beside, beside.name) if beside.is_file() else {}
