"""``neuromyo segment``: regions on loose files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neuromyo.cli import types as t
from neuromyo.cli.speak import speaker


def segment(
    method: Annotated[
        str,
        typer.Argument(
            metavar="METHOD", help="A segmenter (`neuromyo list` names them), transfer, or a network of your own."
        ),
    ],
    files: Annotated[list[str], typer.Argument(metavar="[ROLE=]FILE...", help="The images to draw on.")],
    prefix: Annotated[
        Path, typer.Option("-o", "--out", metavar="PREFIX", help="Results are PREFIX_dseg.nii.gz and so on.")
    ],
    atlases: Annotated[
        list[str] | None,
        typer.Option(
            "--from", metavar="IMAGE,LABELS", help="For transfer: an image in which the regions are drawn; repeat it."
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights", metavar="PATH", help="For a network: its weights, which you have. Nothing is downloaded."
        ),
    ] = None,
    sha256: Annotated[
        str, typer.Option("--sha256", help="The weights' checksum, if you know it; others are refused.")
    ] = "",
    licence: Annotated[str, typer.Option("--licence", help="The weights' licence in your words, for the record.")] = "",
    executable: Annotated[
        str, typer.Option("--executable", metavar="PATH", help="The network's programme, where it is not on the PATH.")
    ] = "",
    option: Annotated[
        list[str] | None, typer.Option("--option", metavar="key=value", help="An option of the method; repeat it.")
    ] = None,
    geometry: t.Geometry = "strict",
    mem_mb: t.Memory = 4000,
) -> int:
    """Draw regions on images; write them as labels with their table, and a page that shows them."""
    from neuromyo.cli.progress import shown
    from neuromyo.pipeline import segmenting

    request = segmenting.SegmentRequest(
        method, tuple(files), prefix, tuple(atlases or ()), tuple(option or ()), weights, sha256, licence, executable, mem_mb,
        geometry,
    )  # fmt: skip
    with shown() as tell:
        result = segmenting.segment(request, tell)
    speaker.note(*(str(f) for f in result.findings))
    sure = result.confidence
    regions = [
        {"index": r.index, "name": r.name, "side": r.side, "confidence": sure.get(r.index),
         "voxels": int((result.labels.volume == r.index).sum())}
        for r in result.labels.regions
    ]  # fmt: skip
    speaker.answer({"method": method, "regions": regions, "about": dict(result.about), "files": list(result.files),
                    "findings": [f.as_dict() for f in result.findings], "exit": 0})  # fmt: skip
    rows = [
        (
            str(r["index"]),
            r["name"],
            r["side"],
            str(r["voxels"]),
            "" if r["confidence"] is None else f"{r['confidence']:.2f}",
        )
        for r in regions
    ]
    speaker.table("Regions", ("index", "name", "side", "voxels", "confidence"), rows)
    speaker.out(*result.files)
    return 0
