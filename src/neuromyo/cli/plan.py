"""``neuromyo plan``: what `run` would do, and nothing else."""

from __future__ import annotations

from neuromyo.cli import types as t
from neuromyo.cli.speak import speaker


def plan(
    bids_dir: t.BidsDir,
    participant_label: t.Participants = None,
    session_label: t.Sessions = None,
    biomarkers: t.Biomarkers = "",
    protocol: t.Protocol = "",
    option: t.Assignments = None,
    max_input_gb: t.MaxInput = 16.0,
    geometry: t.Geometry = "strict",
    mem_mb: t.Memory = 4000,
) -> int:
    """Print what would run, on which series, why, and what would be assumed."""
    import tempfile
    from pathlib import Path

    from neuromyo.cli.asking import run_options
    from neuromyo.core.errors import worst_exit
    from neuromyo.pipeline.outcome import Failure
    from neuromyo.pipeline.run import plans

    options = run_options(
        participants=participant_label, sessions=session_label, biomarkers=biomarkers, protocol=protocol, option=option,
        max_input_gb=max_input_gb, geometry=geometry, mem_mb=mem_mb,
    )  # fmt: skip
    said, failures = [], []
    with tempfile.TemporaryDirectory(prefix="neuromyo-") as scratch:
        for label, found in plans(bids_dir, options, Path(scratch)):
            lost = (found,) if isinstance(found, Failure) else found.failures
            failures += lost
            tasks = {} if isinstance(found, Failure) else found.plan.as_dict()
            said.append({"session": label, **tasks, "failures": [f.as_dict() for f in lost]})
            speaker.out(label, *([] if isinstance(found, Failure) else found.plan.lines()))
            speaker.note(*(f"{label}: {f.message}" for f in lost))
    status = worst_exit([f.exit_status for f in failures])
    speaker.answer({"sessions": said, "exit": status})
    return status
