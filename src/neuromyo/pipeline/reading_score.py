"""Answers of readers back to who was read: checked against the key, un-blinded, told as a table with how readers agreed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuromyo.core.errors import DataError, Finding
from neuromyo.core.labels import Side
from neuromyo.io import sheet, store
from neuromyo.io.files import printable, read_small
from neuromyo.io.table import write_tsv
from neuromyo.io.together import all_or_none
from neuromyo.pipeline import typed
from neuromyo.pipeline.reading import key_beside
from neuromyo.report import reading as page
from neuromyo.stats.intervals import Interval
from neuromyo.study import grades
from neuromyo.study.grades import Graded, Line
from neuromyo.study.scales import NOT_JUDGED, Scale, scale

_LIMIT = 64 << 20
_COLUMNS = ("subject", "session", "region", "side", "scale", "reader", "reading", "grade", "rank", "image")
_AGREEMENT = ("kind", "readers", "region", "n_people", "n_gradings", "weights", "kappa", "kappa_low", "kappa_high", "agreement",
              "agreement_low", "agreement_high", "to_know")  # fmt: skip
_TOLD = 6


@dataclass(frozen=True, slots=True)
class _Answer:
    """One grade as it came back: under a code, at a place in a file."""

    where: str
    case: str
    region: str
    side: str
    grade: str


@dataclass(frozen=True)
class _Answers:
    """One file of answers."""

    name: str
    form: str
    given: tuple[_Answer, ...]


@dataclass(frozen=True)
class Scored:
    """What was found: readings with their image, agreement, files written, warnings."""

    scale: Scale
    readings: tuple[tuple[Graded, str], ...]
    lines: tuple[Line, ...]
    alpha: Interval
    files: dict[str, str]
    findings: tuple[Finding, ...]


def score(
    forms: Path, answers: Sequence[Path], table: Path, *, key: Path | None = None, incomplete: bool = False
) -> Scored:
    """Write ``table`` (one row a grade), ``<table>_agreement.tsv`` and ``<table>.html``.

    forms : the folder of forms; its key is looked for beside it, or at ``key``
    incomplete : take what there is where grades are missing, and say how many

    E-READING: not a form's answers, codes or values unknown, a reader twice, grades missing.
    """
    key = key or key_beside(forms)
    typed.refuse_overwriting(_results(table), [*answers, key])
    held = _key(key)
    kind = scale(str(held["scale"]))
    if not answers:
        raise _wrong("answers", "the files that readers saved", "none", "name them behind the folder of forms")
    readings: list[tuple[Graded, str]] = []
    findings: list[Finding] = []
    seen: dict[str, str] = {}
    for path in answers:
        found = _load(path)
        form = held["forms"].get(found.form)
        if form is None:
            raise _wrong(f"{found.name}: form", "answers to one of these forms", "another form's",
                         "give the folder of the forms that were read")  # fmt: skip
        reader = str(form["reader"])
        if reader in seen:
            raise _wrong(
                found.name, f"one file of reader {reader}", f"a second one, after {seen[reader]}", "give one of the two"
            )
        seen[reader] = found.name
        made, missing = _unblinded(found, form, held["fields"], kind)
        if missing:
            findings.append(_missing(found, reader, missing, incomplete))
        readings += made
    return _written(kind, readings, table, findings)


# --- reading what came back -------------------------------------------------------------------------------------------


def _key(path: Path) -> dict[str, Any]:
    name = printable(path.name)
    if not path.exists():
        raise _wrong(f"the key {name}", "the key that was written with the forms", "no file of that name",
                     "name the folder of the forms first, or give --key FILE if the key was moved")  # fmt: skip
    try:
        held = json.loads(read_small(path, f"the key {name}", "E-READING", _LIMIT))
        fine = held["schema"] == 1 and isinstance(held["forms"], dict) and isinstance(held["fields"], list)
    except (ValueError, KeyError, TypeError, RecursionError):
        fine, held = False, {}
    if not fine:
        raise _wrong(
            f"the key {name}", "the key that was written with the forms", "something else", "give it with --key"
        )
    return held


def _load(path: Path) -> _Answers:
    """Answers as the form saves them, JSON or CSV, told by what is inside."""
    name = printable(path.name)
    raw = read_small(path, name, "E-READING", _LIMIT)
    if raw.lstrip()[:1] != b"{":
        return _from_table(path, name)
    try:
        said = json.loads(raw)
        rows = [(f"{name}: answer {n}", row) for n, row in enumerate(said["answers"], start=1)]
        return _Answers(name, str(said["form"]), tuple(_answer(where, row) for where, row in rows))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _wrong(name, "answers as the form saves them", "another file, or one that is cut short",
                     "save the answers again from the form") from error  # fmt: skip


def _from_table(path: Path, name: str) -> _Answers:
    read = sheet.read(path, name)
    if not {"form", "case", "region", "side", "grade"} <= set(read.header):
        raise _wrong(f"{name}: row 1", "the columns form, case, region, side, grade", ", ".join(read.header[:8]),
                     "save the answers again from the form")  # fmt: skip
    rows = list(read.records())
    forms = {row["form"] for _, row in rows}
    if len(forms) != 1:
        raise _wrong(f"{name}: column form", "the answers to one form", f"{len(forms)} forms", "give one file a reader")
    return _Answers(name, forms.pop(), tuple(_answer(f"{name}: row {n}", row) for n, row in rows))


def _answer(where: str, row: Mapping[str, Any]) -> _Answer:
    grade = str(row["grade"]).strip() or NOT_JUDGED.value
    return _Answer(where, str(row["case"]), str(row["region"]), str(row["side"]) or "none", grade)


def _unblinded(
    found: _Answers, form: Mapping[str, Any], fields: Sequence[Mapping[str, str]], kind: Scale
) -> tuple[list[tuple[Graded, str]], list[str]]:
    """Grades of whom they are, and the codes of cases that lack some."""
    asked: dict[tuple[str, str], Side] = {(f["region"], f["side"]): f["side"] for f in fields}  # type: ignore[misc]
    given: dict[tuple[str, str, str], Graded] = {}
    images: list[tuple[Graded, str]] = []
    for one in found.given:
        case = form["cases"].get(one.case)
        place = one.case, one.region, one.side
        if case is None:
            raise _wrong(
                one.where, "the code of a case of this form", printable(one.case)[:40], "give the answers unchanged"
            )
        if (one.region, one.side) not in asked:
            raise _wrong(one.where, "a muscle that was asked for", printable(f"{one.region}, {one.side}")[:60],
                         "give the answers unchanged")  # fmt: skip
        if place in given:
            raise _wrong(
                one.where, f"one grade for {one.region}, {one.side} of case {one.case}", "a second one", "remove one"
            )
        if one.grade not in (*kind.values, NOT_JUDGED.value):
            raise _wrong(one.where, f"a grade of {kind.id}: {', '.join(kind.values)} or n/a", printable(one.grade)[:20],
                         "mend that grade")  # fmt: skip
        grade = None if one.grade == NOT_JUDGED.value else one.grade
        given[place] = Graded(case["subject"], case["session"], one.region, asked[one.region, one.side], str(form["reader"]),
                              int(case["reading"]), grade)  # fmt: skip
        images.append((given[place], str(case["image"])))
    missing = [c for c in form["cases"] if any((c, region, side) not in given for region, side in asked)]
    return images, missing


def _missing(found: _Answers, reader: str, missing: Sequence[str], incomplete: bool) -> Finding:
    codes = ", ".join(missing[:_TOLD]) + (f" and {len(missing) - _TOLD} more" if len(missing) > _TOLD else "")
    said = f"{len(missing)} case{'s' * (len(missing) != 1)} of reader {reader} without all grades ({codes})"
    if not incomplete:
        raise _wrong(
            found.name, "grades of all cases", said, "have the form finished, or take what there is with --incomplete"
        )
    return Finding("warn", "W-READERS", found.name, said, "have the form finished", "agreement rests on the others")


def _wrong(where: str, needed: str, found: str, remedy: str) -> DataError:
    return DataError("E-READING", where=where, needed=needed, found=found or "nothing", remedy=remedy)


# --- what is written --------------------------------------------------------------------------------------------------


def _written(kind: Scale, readings: list[tuple[Graded, str]], table: Path, findings: list[Finding]) -> Scored:
    given = [g for g, _ in readings]
    lines, alpha = grades.lines(given, kind), grades.all_readers(given, kind)
    people = len({g.subject for g in given})
    fewest = min((line.n_people for line in lines), default=people)
    if any(line.few for line in lines):
        findings.append(Finding("warn", "W-READERS", "agreement", f"some of it rests on {fewest} people", "have ten or more read, and "
                                "more of them twice", "kappa of so few says little"))  # fmt: skip
    main, *beside = _results(table)
    order = sorted(
        readings, key=lambda r: (r[0].subject, r[0].session, r[0].region, r[0].side, r[0].reader, r[0].reading)
    )
    view = page.Agreement(kind, tuple(sorted({g.reader for g in given})), len({(g.subject, g.session) for g in given}), people,
                          lines, alpha, tuple(findings))  # fmt: skip
    with all_or_none():
        files = {
            main.name: write_tsv(main, _COLUMNS, [_row(g, image, kind) for g, image in order]),
            beside[0].name: write_tsv(beside[0], _AGREEMENT, [_line(line) for line in lines]),
            beside[1].name: store.write_text(beside[1], page.agreement_page(view)),
        }
    return Scored(kind, tuple(order), lines, alpha, files, tuple(findings))


def _results(table: Path) -> list[Path]:
    """Table of grades, table of agreement and page, by the name that was given for the first."""
    stem = table.with_suffix("") if table.suffix.lower() == ".tsv" else table
    return [stem.with_name(stem.name + end) for end in (".tsv", "_agreement.tsv", ".html")]


def _row(one: Graded, image: str, kind: Scale) -> list[Any]:
    rank = None if one.grade is None else kind.values.index(one.grade)
    return [one.subject, one.session, one.region, one.side, kind.id, one.reader, one.reading, one.grade, rank, image]


def _line(line: Line) -> list[Any]:
    found, agreed = line.kappa.kappa, line.kappa.agreement
    return [line.kind, " ".join(line.readers), line.region, line.n_people, line.kappa.n, line.kappa.weights, found.value, found.low,
            found.high, agreed.value, agreed.low, agreed.high, line.kappa.why or ("few people" if line.few else "")]  # fmt: skip
