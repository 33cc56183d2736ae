"""``neuromyo check``: what was acquired against what was declared, and what it means for which biomarker."""

from __future__ import annotations

from neuromyo.cli import types as t
from neuromyo.cli.speak import speaker


def check(
    bids_dir: t.BidsDir,
    participant_label: t.Participants = None,
    session_label: t.Sessions = None,
    biomarkers: t.Biomarkers = "",
    protocol: t.Protocol = "",
    max_input_gb: t.MaxInput = 16.0,
    geometry: t.Geometry = "strict",
    mem_mb: t.Memory = 4000,
) -> int:
    """Check a BIDS dataset before anything is computed. Every finding names file, field and remedy."""
    import tempfile
    from pathlib import Path

    from neuromyo.cli.asking import run_options
    from neuromyo.core.errors import EXIT_INPUT, worst_exit
    from neuromyo.pipeline.check import findings

    options = run_options(
        participants=participant_label, sessions=session_label, biomarkers=biomarkers, protocol=protocol,
        max_input_gb=max_input_gb, geometry=geometry, mem_mb=mem_mb,
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="neuromyo-") as scratch:
        found = findings(bids_dir, options, Path(scratch))
    statuses = [s for one in found for s in one.statuses]
    status = worst_exit([*statuses, *(EXIT_INPUT for one in found for f in one.findings if f.level == "stop")])
    speaker.answer(
        {
            "sessions": [{"session": o.session, "findings": [f.as_dict() for f in o.findings]} for o in found],
            "exit": status,
        }
    )
    for one in found:
        rows = [(f.level, f.code, f.where, f.message, f.remedy, f.consequence) for f in one.findings]
        if rows:
            speaker.table(one.session, ("level", "code", "where", "what", "remedy", "means"), rows)
        else:
            speaker.out(f"{one.session}: nothing to remark")
    return status
