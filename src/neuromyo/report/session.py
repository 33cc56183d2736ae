"""The page of one session: what was checked, the values, the maps, how well the fits went, how it was done."""

from __future__ import annotations

from neuromyo.report import captions, nerves, norms, wording
from neuromyo.report.html import render
from neuromyo.report.methods_text import gather_assumptions, methods
from neuromyo.report.sections import parts
from neuromyo.report.tables import value_tables
from neuromyo.report.view import Anatomy, SampleFit, SeriesLine, SessionView, by_prominence

__all__ = ["Anatomy", "SampleFit", "SeriesLine", "SessionView", "page"]

LEVELS = (("stop", "Stopped"), ("warn", "Warning"), ("note", "Note"))


def page(view: SessionView) -> str:
    """The self-contained HTML page of a session. A pure function of the view: no time, host, path or duration."""
    order = {level: i for i, (level, _) in enumerate(LEVELS)}
    view = by_prominence(view)
    tables = value_tables(view.measurements, view.biomarkers)
    return render(
        "session.html.j2",
        view=view,
        title=view.label,
        summary=captions.summary(view),
        findings=sorted(view.findings, key=lambda f: order.get(f.level, len(order))),
        level_names=dict(LEVELS),
        tables=tables,
        aids=wording.listing(list(dict.fromkeys(wording.short(t.title) for t in tables if t.aid))),
        columns={heading: meaning for t in tables for heading, meaning in t.columns},
        parts=parts(view),
        norms_=norms.part(view.measurements, view.biomarkers, view.envelopes, view.norm_notes),
        nerves=[nerves.part(one, i) for i, one in enumerate(view.nerves, 1)],
        assumptions=gather_assumptions(view.maps),
        methods=methods(view.biomarkers, view.maps),
        steps=_steps(view),
    )


def _steps(view: SessionView) -> list[tuple[str, str, str, str]]:
    """Name, what became of it, key and error. A step taken over from an earlier run counts as done: its result is the
    same, and so must the page be."""
    rows = []
    for step in view.record.steps:
        status = "done" if step.status == "reused" else step.status
        rows.append((step.name, status, step.key, str((step.error or {}).get("message", ""))))
    return rows
