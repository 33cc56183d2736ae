"""``neuromyo export``: data in other people's layouts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neuromyo.cli import types as t
from neuromyo.cli.speak import speaker


def export(
    bids_dir: t.BidsDir,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A new folder, or one of an earlier export.")],
    to: Annotated[str, typer.Option("--to", metavar="FORM", help="ormir-mids: raw series, times in milliseconds.")],
    participant_label: t.Participants = None,
    session_label: t.Sessions = None,
    max_input_gb: t.MaxInput = 16.0,
    geometry: t.Geometry = "strict",
    mem_mb: t.Memory = 4000,
) -> int:
    """Write a dataset in another layout. Voxels and geometry stay as they are; what cannot be written is told."""
    from neuromyo.cli.asking import run_options
    from neuromyo.pipeline import export as pipeline

    options = run_options(participants=participant_label, sessions=session_label, max_input_gb=max_input_gb, geometry=geometry,
                          mem_mb=mem_mb)  # fmt: skip
    done = pipeline.export(bids_dir, out, to, options)
    speaker.answer(done.as_dict())
    speaker.note(*(str(f) for f in done.findings))
    if done.failures:
        rows = [(f.session, f.what, f.code, f.message) for f in done.failures]
        speaker.table("What could not be written, and why", ("session", "what", "code", "why"), rows, result=False)
    images = sum(name.endswith(".nii.gz") for name in done.files)
    speaker.out(f"{images} series in {done.out}")
    return done.exit_status
