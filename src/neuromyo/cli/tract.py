"""``neuromyo tract``: lines along a nerve, from diffusion images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neuromyo.cli import types as t
from neuromyo.cli.speak import speaker


def tract(
    dwi: Annotated[
        Path,
        typer.Argument(metavar="DWI", help="Diffusion-weighted NIfTI image, its .bval, .bvec and .json beside it."),
    ],
    prefix: Annotated[
        Path,
        typer.Option("-o", "--out", metavar="PREFIX", help="Results are PREFIX.trk, PREFIX_profile.tsv and so on."),
    ],
    nerve: Annotated[
        Path | None,
        typer.Option(
            "--nerve", metavar="LABELS", help="Label image in which the nerve is drawn, on any grid (`neuromyo trace`)."
        ),
    ] = None,
    name: Annotated[str, typer.Option("--name", help="Which of its labels: tibial-nerve ...")] = "",
    side: Annotated[str, typer.Option("--side", help="left or right.")] = "none",
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option", metavar="key=value", help="least_fa, least_length_mm ... or an option of dti; repeat it."
        ),
    ] = None,
    format_: Annotated[str, typer.Option("--format", help="trk or trx.")] = "trk",
    tracts: Annotated[
        Path | None,
        typer.Option("--tracts", metavar="FILE.trk", help="Measure along these lines instead of following new ones."),
    ] = None,
    zero: Annotated[
        str,
        typer.Option(
            "--zero", metavar="NAME=X,Y,Z", help="The bony place at which distances begin (fibular-head=...)."
        ),
    ] = "",
    max_input_gb: t.MaxInput = 16.0,
    geometry: t.Geometry = "strict",
    motion: t.Motion = "correct",
    nprocs: t.Nprocs = 0,
    mem_mb: t.Memory = 4000,
) -> int:
    """Follow a nerve by diffusion; write the lines, FA and diffusivities along them, and a page that shows both."""
    from neuromyo.cli.progress import shown
    from neuromyo.pipeline.options import usable_cores
    from neuromyo.pipeline.tracting import TractRequest
    from neuromyo.pipeline.tracting import tract as follow

    request = TractRequest(
        dwi, prefix, nerve, name.strip().lower(), side, option or (), format_.strip().lower(), tracts, zero, nprocs or usable_cores(),
        mem_mb, max_input_gb, geometry, motion,
    )  # fmt: skip
    with shown() as tell:
        result = follow(request, tell)
    whole = [r for r in result.measurements.rows() if not r["slice"] and not r["level"]]
    speaker.note(*(str(f) for f in result.findings))
    speaker.answer(
        {
            "nerve": result.tracts.name,
            "side": result.tracts.side,
            "lines": len(result.tracts.streamlines),
            "seeds": result.tracts.n_seeds,
            "stops": dict(result.tracts.stops),
            "dropped": dict(result.tracts.dropped),
            "zero": result.zero,
            "measurements": [
                {k: row[k] for k in ("region", "side", "quantity", "unit", "value", "se", "statistic", "flags")}
                for row in whole
            ],
            "files": list(result.files),
            "findings": [f.as_dict() for f in result.findings],
            "exit": 0,
        }
    )
    _show(whole)
    speaker.out(*result.files)
    return 0


def _show(whole: list[dict]) -> None:
    from neuromyo.report.tracts import numbers

    speaker.table("What was measured", ("", "value", "spread"), numbers(whole))
