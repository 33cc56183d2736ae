"""All sessions together: the joined table, the cohort's page, the methods, and the derivative's own description."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuromyo.core.acquisition import Assumption
from neuromyo.core.biomarker import Biomarker
from neuromyo.core.errors import DataError, NeuromyoError
from neuromyo.core.measurements import Measurements
from neuromyo.pipeline import code_version, registries
from neuromyo.pipeline.ledger import Entry, Ledger
from neuromyo.pipeline.ledger import key as make_key
from neuromyo.pipeline.outcome import Failure, Outcome
from neuromyo.pipeline.outputs import folder_of


@dataclass(frozen=True, slots=True)
class Remembered:
    """How a session stood when it was last worked on."""

    label: str
    subject: str
    session: str
    status: str
    why: str
    page: str
    warnings: int


def remember(out: Path, files: Any, outcome: Outcome) -> None:
    """Keeps a session's state for the cohort."""
    from neuromyo.io import store

    first = outcome.failures[0].message if outcome.failures else ""
    said = {
        "label": files.label,
        "subject": files.subject,
        "session": files.session,
        "status": "failed" if outcome.status == "failed" else "done",
        "why": first,
        "page": outcome.page,
        "warnings": sum(f.level == "warn" for f in outcome.findings),
    }
    store.write_json(out / "record" / folder_of(files.label) / "session.json", said)


def recall(out: Path) -> tuple[Remembered, ...]:
    """Every session that was ever worked on here, by label."""
    found = []
    for path in sorted((out / "record").glob("*/session.json")):
        try:
            found.append(Remembered(**json.loads(path.read_bytes())))
        except (OSError, ValueError, TypeError):
            continue
    return tuple(sorted(found, key=lambda s: (s.subject, s.session)))


def write(out: Path, description: Mapping[str, object]) -> tuple[Entry, bool, tuple[Failure, ...]]:
    """The study's files, made unless nothing has changed since they were.

    Returns the ledger's entry, whether it was there already, and the sessions whose tables can no longer be trusted.
    """
    sessions = recall(out)
    tables: dict[str, Entry] = {}
    fits: list[Entry] = []
    failures = []
    for one in sessions:
        ledger = Ledger(out, folder_of(one.label))
        fits += [e for e in ledger.entries() if "biomarker" in e.notes]
        try:
            tables |= _table(ledger, one)
        except NeuromyoError as error:
            failures.append(Failure.of(one.label, "measurements", error))
    study = Ledger(out, "study")
    key = make_key(
        step="study",
        code=code_version.of_rooms("io", "report", "pipeline"),
        versions=code_version.versions(),
        sessions=[*sessions],
        tables={label: entry.outputs for label, entry in tables.items()},
        fits=[e.key for e in fits],
        description=dict(description),
    )
    entry = study.find("study", key)
    if entry is not None:
        return entry, True, tuple(failures)
    outputs = _make(out, sessions, tables, fits, description)
    return study.keep("study", key, outputs), False, tuple(failures)


def _table(ledger: Ledger, one: Remembered) -> dict[str, Entry]:
    """The entry of a session's measurements, if they are as the run wrote them."""
    for entry in ledger.entries():
        if entry.name == "table":
            if not ledger.intact(entry):
                raise DataError("E-TABLE", where=one.label, needed="its table as the run wrote it", found="another one",
                                remedy="run the participant level again")  # fmt: skip
            return {one.label: entry}
    return {}


def _make(
    out: Path,
    sessions: Sequence[Remembered],
    tables: Mapping[str, Entry],
    fits: Sequence[Entry],
    description: Mapping[str, object],
) -> dict[str, str]:
    from neuromyo.io import derivatives, store, table
    from neuromyo.pipeline import cache
    from neuromyo.report import cohort as report
    from neuromyo.report.methods_text import methods_md
    from neuromyo.report.view import CohortView, SampleFit, SessionLine

    packed = [(out / e.notes["cache"]).read_bytes() for e in tables.values()]
    joined = Measurements.join([cache.unpack_table(p, SampleFit)[0] for p in packed])
    used = {e.notes["biomarker"]: e.notes["options"] for e in fits}
    declared: dict[str, Biomarker] = {id_: registries.biomarkers().get(id_) for id_ in sorted(used)}
    lines = [SessionLine(s.subject, s.session, s.status, s.why, page=s.page, warnings=s.warnings) for s in sessions]
    view = CohortView(tuple(lines), joined, biomarkers=declared, versions=code_version.versions())
    methods = methods_md(declared, used, _assumptions(fits), code_version.versions())
    source = str(description.get("Name", "")).strip()
    outputs = derivatives.dataset_files(out, name=f"neuromyo results of {source}" if source else "neuromyo results")
    outputs |= table.write_measurements(out / "measurements.tsv", joined)
    outputs["cohort.html"] = store.write_text(out / "cohort.html", report.page(view))
    outputs["methods.md"] = store.write_text(out / "methods.md", methods)
    return outputs


def _assumptions(fits: Sequence[Entry]) -> list[tuple[Assumption, list[str]]]:
    """Every assumption once, with the biomarkers that made it."""
    made: dict[Assumption, list[str]] = {}
    for entry in fits:
        for said in entry.notes.get("assumptions", ()):
            users = made.setdefault(Assumption(**said), [])
            if entry.notes["biomarker"] not in users:
                users.append(entry.notes["biomarker"])
    return sorted(((a, sorted(users)) for a, users in made.items()), key=lambda pair: (pair[0].role, pair[0].field))
