"""``neuromyo trace``: one nerve followed through a stack of slices."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neuromyo.cli import types as t
from neuromyo.cli.speak import speaker

if TYPE_CHECKING:
    from neuromyo.pipeline.tracing import TraceResult

_PLACE = "X,Y,Z in millimetres, right, anterior and superior positive, as a viewer's cursor shows them"


def trace(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="[WEIGHTING=]FILE...",
            help="Images of one place in several contrasts; outlines are drawn on the first. "
            "WEIGHTING: T2w, T2w-fs (fat suppressed), T1w, PDw, MTw, GRE or FA, where the name does not say it.",
        ),
    ],
    prefix: Annotated[
        Path, typer.Option("-o", "--out", metavar="PREFIX", help="Results are PREFIX_dseg.nii.gz and so on.")
    ],
    nerve: Annotated[
        str, typer.Option("--nerve", help="Which nerve: sciatic-nerve, tibial-nerve, fibular-nerve ...")
    ] = "sciatic-nerve",
    side: Annotated[str, typer.Option("--side", help="left or right.")] = "none",
    start: Annotated[str, typer.Option("--start", metavar="X,Y,Z", help=f"A place in the nerve: {_PLACE}.")] = "",
    propose: Annotated[
        bool, typer.Option("--propose", help="Follow what looks most like it, where no start is given.")
    ] = False,
    restart: Annotated[
        list[str] | None, typer.Option("--restart", metavar="X,Y,Z", help="The nerve is here too; repeat it.")
    ] = None,
    split: Annotated[
        list[str] | None, typer.Option("--split", metavar="X,Y,Z", help="The nerve divides here; repeat it.")
    ] = None,
    end: Annotated[
        list[str] | None, typer.Option("--end", metavar="X,Y,Z", help="Do not follow it beyond this level; repeat it.")
    ] = None,
    zero: Annotated[
        str,
        typer.Option(
            "--zero", metavar="NAME=X,Y,Z", help="The bony place at which distances begin (fibular-head=...)."
        ),
    ] = "",
    landmarks: Annotated[
        Path | None,
        typer.Option("--landmarks", metavar="FILE.tsv", help="Places in a table: kind, name, side, x, y, z."),
    ] = None,
    maps: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="[NAME=]FILE", help="A map whose profile along the nerve is wanted; repeat it."),
    ] = None,
    regions: Annotated[
        Path | None, typer.Option("--regions", metavar="FILE", help="Label image of muscle, for ratios and proposals.")
    ] = None,
    subject: Annotated[
        str, typer.Option("--subject", help="The participant's label; else the sub- of the first image's name.")
    ] = "",
    session: Annotated[
        str, typer.Option("--session", help="The session's label; else the ses- of the first image's name.")
    ] = "",
    geometry: t.Geometry = "strict",
    mem_mb: t.Memory = 4000,
) -> int:
    """Follow a nerve through a stack of slices; write its outlines, its numbers and a page that shows both."""
    from neuromyo.pipeline.tracing import TraceRequest, trace_files

    request = TraceRequest(
        tuple(files), prefix, nerve, side, start, tuple(restart or ()), tuple(end or ()), tuple(split or ()),
        zero, landmarks, propose, tuple(maps or ()), regions, subject.removeprefix("sub-"), session.removeprefix("ses-"),
        mem_mb, geometry,
    )  # fmt: skip
    result = trace_files(request)
    speaker.note(*(str(f) for f in result.findings))
    speaker.answer(_answer(result))
    _show(result)
    return 0


def _answer(result: TraceResult) -> dict:
    return {
        "nerves": [
            {"name": one.name, "side": one.side, "slices": len(one.sections), "score": one.score, "proposed": one.proposed,
             "sections": [{"slice": s.slice, "centre_mm": list(map(float, s.centre_mm)), "area_mm2": s.area_mm2,
                           "confidence": s.confidence, "flags": list(s.flags)} for s in one.sections]}
            for one in result.examined.trace.all
        ],
        "measurements": [
            {k: row[k] for k in ("region", "side", "quantity", "unit", "value", "se", "statistic", "flags")}
            for row in result.measurements.rows()
            if not row["slice"]
        ],
        "files": list(result.files),
        "findings": [f.as_dict() for f in result.findings],
        "exit": 0,
    }  # fmt: skip


def _show(result: TraceResult) -> None:
    from neuromyo.report.nerves import numbers_table

    headings, rows = numbers_table(result.examined.view())
    speaker.table("What was measured", headings, rows)
    speaker.out(*result.files)
