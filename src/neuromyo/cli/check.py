"""``neuromyo check``: what was acquired against what was declared, and what it means for which biomarker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neuromyo.cli import telling
from neuromyo.cli import types as t
from neuromyo.cli.speak import speaker

if TYPE_CHECKING:
    from neuromyo.pipeline.check import Checked


def check(
    bids_dir: t.BidsDir,
    participant_label: t.Participants = None,
    session_label: t.Sessions = None,
    biomarkers: t.Biomarkers = "",
    protocol: t.Protocol = "",
    option: t.Assignments = None,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write it all as a page, too.")] = None,
    max_input_gb: t.MaxInput = 16.0,
    geometry: t.Geometry = "strict",
    mem_mb: t.Memory = 4000,
) -> int:
    """Check a BIDS dataset before anything is computed: what each biomarker can expect, and why. Every finding names file,
    field and remedy."""
    import tempfile

    from neuromyo.cli.asking import run_options
    from neuromyo.core.errors import worst_exit
    from neuromyo.pipeline import check as checking

    options = run_options(
        participants=participant_label, sessions=session_label, biomarkers=biomarkers, protocol=protocol, option=option,
        max_input_gb=max_input_gb, geometry=geometry, mem_mb=mem_mb,
    )  # fmt: skip
    if html is not None:
        checking.refuse_page(html, bids_dir)
    with tempfile.TemporaryDirectory(prefix="neuromyo-") as scratch:
        found = checking.findings(bids_dir, options, Path(scratch))
    status = worst_exit([one.exit_status for one in found])
    page = {} if html is None else {"page": str(checking.write_page(html, found, options))}
    speaker.answer({"sessions": [o.as_dict() for o in found], **page, "exit": status})
    for one in found:
        speaker.out(*_lines(one))
    if html is not None:
        speaker.out(f"The page: {html}")
    return status


def _lines(one: Checked) -> Iterator[str]:
    """One session as text: what can be computed, then what was found, series by series."""
    from neuromyo.report.check import by_series, field_of, summary

    yield ""
    yield one.session + (f": {summary(one.verdicts)}" if one.verdicts else "")
    if one.others:
        said = f"({len(one.others)} others need series that are not here: {', '.join(one.others)})"
        yield from telling.wrapped("  ", said)
    yield from _verdicts(one)
    for sheet in one.sheets:
        if sheet.state != "there":
            from neuromyo.protocol.sheet import STATES

            yield f"  {sheet.sequence}: {STATES[sheet.state]} ({sheet.title})"
    if not one.findings:
        yield "  nothing to remark"
    for name, found in by_series(one.findings, one.files):
        yield ""
        yield f"  {name}"
        for finding in found:
            yield from telling.finding(finding, field_of(finding, name))


def _verdicts(one: Checked) -> Iterator[str]:
    from neuromyo.protocol.verdict import WORDS

    wide = max((len(v.biomarker) for v in one.verdicts), default=0)
    grade = max(map(len, WORDS.values()))
    for v in one.verdicts:
        head = f"    {v.biomarker:<{wide}}  {WORDS[v.grade]:<{grade}}  "
        yield from telling.wrapped(head, v.reasons[0] if v.reasons else "")
        for more in v.reasons[1:]:
            yield from telling.wrapped(" " * len(head), more)
