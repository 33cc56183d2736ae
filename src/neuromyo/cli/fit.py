"""``neuromyo fit``: one biomarker on NIfTI files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neuromyo.cli import types as t
from neuromyo.cli.speak import speaker


def fit(
    id_: Annotated[str, typer.Argument(metavar="ID", help="Which biomarker; `neuromyo list` names them.")],
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="[ROLE=]FILE...",
            help="One 4D image, or one image a volume, with JSON sidecars; of complex series magnitude and phase, or real and "
            "imaginary files, told by a word in their names (mag, phase, real, imag).",
        ),
    ],
    prefix: Annotated[
        Path, typer.Option("-o", "--out", metavar="PREFIX", help="Results are PREFIX_<quantity>.nii.gz.")
    ],
    known: Annotated[
        list[str] | None,
        typer.Option("--known", metavar="NAME=MAP", help="A map known voxel by voxel (B1=...); repeat it."),
    ] = None,
    region: Annotated[
        list[str] | None,
        typer.Option("--region", metavar="ROLE=MASK", help="A region to calibrate on (fat=...); repeat it."),
    ] = None,
    mask: Annotated[Path | None, typer.Option("--mask", help="Fit only here; on the images' grid.")] = None,
    option: Annotated[
        list[str] | None,
        typer.Option("--option", metavar="key=value", help="`neuromyo show ID` lists them; repeat it."),
    ] = None,
    max_input_gb: t.MaxInput = 16.0,
    geometry: t.Geometry = "strict",
    motion: t.Motion = "correct",
    nprocs: t.Nprocs = 0,
    mem_mb: t.Memory = 4000,
) -> int:
    """Fit one biomarker to NIfTI files; write its maps, their standard deviations and the reasons of failed voxels."""
    from neuromyo.cli.progress import shown
    from neuromyo.pipeline.options import usable_cores
    from neuromyo.pipeline.single import FitRequest
    from neuromyo.pipeline.single import fit as fit_files

    request = FitRequest(
        id_, files, prefix, known or (), region or (), mask, option or (), nprocs or usable_cores(), mem_mb,
        max_input_gb, geometry, motion,
    )  # fmt: skip
    with shown() as tell:
        result = fit_files(request, tell)
    speaker.note(*(str(f) for f in result.findings))
    speaker.note(*(f"assumed {a.field} = {a.value}: {a.why}" for a in result.maps.assumptions))
    images = [name for name in result.files if name.endswith(".nii.gz")]
    speaker.answer(
        {
            "biomarker": id_,
            "files": list(result.files),
            "findings": [f.as_dict() for f in result.findings],
            "assumptions": [a.as_dict() for a in result.maps.assumptions],
            "exit": 0,
        }
    )
    speaker.out(*images)
    return 0
