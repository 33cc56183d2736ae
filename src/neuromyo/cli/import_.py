"""``neuromyo import``: what came off the scanner becomes a BIDS dataset, without the patient."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neuromyo.cli import telling
from neuromyo.cli import types as t
from neuromyo.cli.speak import speaker

if TYPE_CHECKING:
    from neuromyo.dicom.preview import Preview
    from neuromyo.pipeline.intake import Imported


def import_(
    source: Annotated[
        Path, typer.Argument(metavar="DICOM_DIR", help="A folder of scanner files, one file, or a zip or tar of them.")
    ],
    bids_dir: Annotated[Path, typer.Argument(metavar="BIDS_DIR", help="A BIDS dataset to add to, or a new folder.")],
    subject: Annotated[str, typer.Option("--subject", help="Whose scan it is: the label in the dataset.")],
    session: Annotated[
        str,
        typer.Option(
            "--session", help="Which visit; several, comma-separated in order of date, where the folder holds several."
        ),
    ] = "",
    protocol: t.Protocol = "",
    series: Annotated[
        list[str] | None,
        typer.Option(
            "--series",
            metavar="N=KIND[,entity-label...]",
            help="What series N is, where its headers do not tell; N=none leaves it out; repeat it.",
        ),
    ] = None,
    body_part: Annotated[
        str, typer.Option("--body-part", help="Where the header is silent or wrong: thigh, calf ...")
    ] = "",
    side: Annotated[str, typer.Option("--side", help="left, right or both, where the header does not say.")] = "",
    keep: Annotated[
        str,
        typer.Option(
            "--keep", help="Of the person, keep: age,sex,height,weight (comma-separated); nothing if not given."
        ),
    ] = "",
    key: Annotated[
        Path | None,
        typer.Option("--key", metavar="FILE", help="The secret by which dates are shifted; your own one if not given."),
    ] = None,
    keep_dicom: Annotated[
        bool, typer.Option("--keep-dicom", help="Also keep de-identified DICOM, in sourcedata.")
    ] = False,
    preview: Annotated[
        bool,
        typer.Option("--preview", help="Only show what would be taken out and what would be kept; nothing is written."),
    ] = False,
    show_names: Annotated[
        bool, typer.Option("--show-names", help="Messages show whole file names, which may hold patient data.")
    ] = False,
    mem_mb: t.Memory = 2000,
    trust_subject: Annotated[
        bool, typer.Option("--trust-subject", help="All is one person's, though names, numbers or birth dates differ.")
    ] = False,
    seconds: Annotated[float, typer.Option("--seconds", help="Longest time that reading one file may take.")] = 60.0,
) -> int:
    """Turn DICOM files into BIDS: sorted by what their headers really say, checked, and without the patient's data."""
    from neuromyo.cli.asking import import_options
    from neuromyo.cli.progress import shown
    from neuromyo.pipeline import intake

    options = import_options(
        subject=subject, session=session, protocol=protocol, series=series, body_part=body_part, side=side, keep=keep,
        key=key, keep_dicom=keep_dicom, show_names=show_names, trust_subject=trust_subject, mem_mb=mem_mb, seconds=seconds,
    )  # fmt: skip
    with shown() as tell:
        done = (
            intake.preview(source, options, tell) if preview else intake.import_dicom(source, bids_dir, options, tell)
        )
    return _show_preview(done) if isinstance(done, intake.Preview) else _show(done, bids_dir, protocol)


def _show_preview(seen: Preview) -> int:
    speaker.answer({"files": seen.n_files, "attributes": seen.rows(), "exit": 0})
    speaker.out(seen.text())
    return 0


def _show(imported: Imported, bids_dir: Path, protocol: str) -> int:
    speaker.answer(imported.as_dict())
    speaker.note(*imported.notes)
    for one in imported.visits:
        rows = [(r.series, r.what, r.size, "\n".join(_short(r.files)) or r.why) for r in one.rows]
        if rows:
            speaker.table(one.session, ("series", "what", "size", "goes to"), rows)
        speaker.out(f"{one.session}: {one.n_new:,} of {one.n_images:,} images are new; {len(one.files):,} files added")
    if imported.all_findings:
        speaker.out("Noticed", *(line for f in imported.all_findings for line in telling.finding(f, f.where)))
    errors = [(e.code, e.where, f"needed {e.needed}, found {e.found}" if e.needed else e.found, e.remedy)
              for e in imported.all_errors]  # fmt: skip
    if errors:
        speaker.table("What was not imported, and why", ("code", "where", "why", "remedy"), errors, result=False)
    if imported.files:
        chosen = f" --protocol {protocol}" if protocol else ""
        speaker.out(
            "",
            "Next:",
            f"  neuromyo check {bids_dir}{chosen}",
            f"  neuromyo run {bids_dir} OUT_DIR participant{chosen}",
        )
    return imported.exit_status


def _short(files: tuple[str, ...]) -> list[str]:
    """Images alone, and of many the first and the last."""
    images = [f for f in files if f.endswith(".nii.gz")]
    return images if len(images) <= 3 else [images[0], f"... {len(images) - 2} more", images[-1]]
