"""``neuromyo run``: the main job, as a BIDS-App."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neuromyo.cli import types as t
from neuromyo.cli.speak import speaker

if TYPE_CHECKING:
    from neuromyo.pipeline.outcome import RunResult


def run(
    bids_dir: t.BidsDir,
    out_dir: t.OutDir,
    level: Annotated[str, typer.Argument(metavar="LEVEL", help="participant (work, then join) or group (only join).")],
    participant_label: t.Participants = None,
    session_label: t.Sessions = None,
    biomarkers: t.Biomarkers = "",
    protocol: t.Protocol = "",
    regions: Annotated[
        Path | None,
        typer.Option(
            "--regions",
            metavar="DIR",
            help="Label maps in a tree like the dataset's: *_dseg.nii.gz with its .tsv, *_dseg.seg.nrrd, *_dseg.dcm.",
        ),
    ] = None,
    flip_labels: Annotated[
        str, typer.Option("--flip-labels", help="left-right mirrors the label maps of --regions; none leaves them.")
    ] = "none",
    landmarks: Annotated[
        Path | None,
        typer.Option(
            "--landmarks",
            metavar="FILE.tsv",
            help="Where people pointed at nerves: participant_id, session_id, kind, name, side, x, y, z (mm).",
        ),
    ] = None,
    nerves: Annotated[
        str,
        typer.Option(
            "--nerves",
            metavar="NAME,...",
            help="Follow these (sciatic-nerve, ...) from a proposal where nobody pointed; NAME/right for one side.",
        ),
    ] = "",
    norms: Annotated[
        Path | None,
        typer.Option(
            "--norms", metavar="NAME.norm.json", help="Compare with healthy people: a file of `neuromyo norms build`."
        ),
    ] = None,
    site: Annotated[
        str, typer.Option("--site", help="Scanner or centre as the norm names it, where participants.tsv has none.")
    ] = "",
    option: t.Assignments = None,
    max_input_gb: t.MaxInput = 16.0,
    geometry: t.Geometry = "strict",
    motion: t.Motion = "correct",
    nprocs: t.Nprocs = 0,
    mem_mb: t.Memory = 4000,
) -> int:
    """Measure a BIDS dataset: maps, region tables and a report page a session. Run again, it goes on where it was."""
    from neuromyo.cli.asking import run_options
    from neuromyo.cli.progress import shown
    from neuromyo.pipeline.run import run_dataset

    options = run_options(
        participants=participant_label,
        sessions=session_label,
        biomarkers=biomarkers,
        protocol=protocol,
        regions=regions,
        flip_labels=flip_labels,
        landmarks=landmarks,
        nerves=nerves,
        option=option,
        max_input_gb=max_input_gb,
        geometry=geometry,
        nprocs=nprocs,
        mem_mb=mem_mb,
        motion=motion,
        norms=norms,
        site=site,
    )
    with shown() as tell:
        result = run_dataset(bids_dir, out_dir, level, options, tell)
    report(result)
    return result.exit_status


def report(result: RunResult) -> None:
    """The end of a run: what failed and why, what is there to read, or that nothing was left to do."""
    speaker.answer(result.as_dict())
    speaker.note(*(str(f) for f in result.findings))
    for outcome in result.outcomes:
        speaker.note(*(f"{outcome.session}: {f}" for f in outcome.findings if f.code in ("W-NERVE", "W-PROPOSED")))
        for name in outcome.retired:
            speaker.note(
                f"{outcome.session}: {name} is of an earlier run with other inputs or options; moved to record/"
            )
    failed(result)
    idle(result)
    for outcome in result.outcomes:
        if outcome.page:
            speaker.out(str(Path(result.out) / outcome.page))
    speaker.out(*(str(Path(result.out) / n) for n in ("measurements.tsv", "cohort.html") if n in result.files))


def failed(result: RunResult) -> None:
    """The table of what failed and why, on stderr."""
    lost = result.all_failures
    if lost:
        rows = [(f.session, f.what, f.code, f.message) for f in lost]
        speaker.table("What failed, and why", ("session", "what", "code", "why"), rows, result=False)
    if speaker.debug:
        speaker.note(*(f.trace for f in lost if f.trace))


def idle(result: RunResult) -> None:
    """Says so if everything had been done before."""
    if result.idle:
        many = len(result.outcomes)
        what = f"{many} session{'s' * (many != 1)}" if many else "the joined files"
        speaker.out(f"Nothing to do: {what} finished before, inputs and results unchanged.")
