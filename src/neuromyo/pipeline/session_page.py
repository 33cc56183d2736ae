"""What the page of a session is made of, and the page as a step of the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from neuromyo.core.biomarker import Biomarker
from neuromyo.core.errors import Finding
from neuromyo.core.labels import Labels
from neuromyo.core.maps import Maps
from neuromyo.core.measurements import Measurements
from neuromyo.core.norm import Envelope
from neuromyo.core.record import Record, Step
from neuromyo.core.series import Series
from neuromyo.pipeline import code_version, ledger, measure
from neuromyo.pipeline.outcome import Failure
from neuromyo.pipeline.prepare import Ready


def key(done: Mapping[str, str], findings: Sequence[Finding], failures: Sequence[Failure], lines: Sequence[str]) -> str:
    """The page's key: everything it shows is in the keys of the steps before it, the findings or the plan."""
    return ledger.key(
        step="page",
        code=code_version.of_rooms("report", "pipeline"),
        versions=code_version.versions(),
        done=dict(done),
        findings=[f.as_dict() for f in findings],
        failures=[f.as_dict() for f in failures],
        plan=list(lines),
    )


def write(
    out: Path,
    ready: Ready,
    steps: Sequence[Step],
    findings: Sequence[Finding],
    failures: Sequence[Failure],
    maps: Mapping[str, Maps],
    labels: Sequence[Labels],
    table: Measurements,
    samples: Sequence[Any],
    nerves: Sequence[Any] = (),
    norm_notes: Sequence[str] = (),
    envelopes: Sequence[Envelope] = (),
) -> dict[str, str]:
    """Writes ``OUT/sub-X[_ses-Y].html``."""
    from neuromyo.io import store
    from neuromyo.report import session as report
    from neuromyo.report.view import SeriesLine, SessionView

    lost = [Finding("stop", f.code, f.what, f.message) for f in failures]
    known = {f.message for f in lost}
    view = SessionView(
        subject=ready.subject,
        session=ready.session,
        record=_record(ready, steps, maps),
        findings=tuple(dict.fromkeys([*(f for f in findings if str(f) not in known), *lost])),
        series=tuple(SeriesLine.of(s) for s in ready.series),
        plan_lines=ready.plan.lines(),
        maps=tuple(maps.values()),
        biomarkers={t.id: t.declaration for t in ready.plan.tasks if isinstance(t.declaration, Biomarker)},
        labels=tuple(labels),
        measurements=table,
        anatomy=tuple(_anatomy([t.main for t in ready.plan.tasks if t.name in maps] or list(ready.usable[:1]))),
        samples=tuple(samples),
        nerves=tuple(nerves),
        norm_notes=tuple(norm_notes),
        envelopes=tuple(envelopes),
    )
    name = f"{ready.label}.html"
    return {name: store.write_text(out / name, report.page(view))}


def _record(ready: Ready, steps: Sequence[Step], maps: Mapping[str, Maps]) -> Record:
    """The record without what differs between two runs of the same thing: durations, and done against reused."""
    plain = tuple(replace(s, seconds=0.0, status="done" if s.status == "reused" else s.status) for s in steps)
    options = {name: dict(one.options) for name, one in maps.items()}
    return Record(ready.subject, ready.session, code_version.versions(), dict(ready.inputs), options, plain)


def _anatomy(mains: Sequence[Series]) -> list[Any]:
    """The first volume of one series a grid, to lay maps beside."""
    from neuromyo.report.view import Anatomy

    return [
        Anatomy(measure.first_volume(series), series.grid, f"{series.kind}, first volume")
        for series in measure.distinct_grids(mains)
    ]
