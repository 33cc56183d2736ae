"""``neuromyo measure``: a table from regions and maps."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neuromyo.cli import types as t
from neuromyo.cli.speak import speaker


def measure(
    labels: Annotated[
        list[Path],
        typer.Argument(
            metavar="LABELS...", help="Regions: NIfTI with a .tsv beside it, 3D Slicer (.nrrd), or DICOM SEG."
        ),
    ],
    table: Annotated[Path, typer.Option("-o", "--out", metavar="TABLE.tsv", help="The table to write.")],
    maps: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="[NAME=]FILE", help="A map to summarise in the regions; repeat it."),
    ] = None,
    fat: Annotated[
        str, typer.Option("--fat", metavar="FILE", help="Fat fraction, for what of a muscle can contract.")
    ] = "",
    subject: Annotated[str, typer.Option("--subject", help="The participant's label, for the table.")] = "",
    session: Annotated[str, typer.Option("--session", help="The session's label, for the table.")] = "",
    flip_labels: Annotated[
        str, typer.Option("--flip-labels", help="left-right mirrors the label images; none leaves them.")
    ] = "none",
    geometry: t.Geometry = "strict",
    mem_mb: t.Memory = 4000,
) -> int:
    """Measure regions: volumes, cross-sections by slice, asymmetry, and maps within them."""
    from neuromyo.pipeline import measuring

    request = measuring.MeasureRequest(
        tuple(labels), table, tuple(maps or ()), fat, subject.removeprefix("sub-"), session.removeprefix("ses-"), flip_labels,
        mem_mb, geometry,
    )  # fmt: skip
    result = measuring.measure_files(request)
    speaker.note(*(str(f) for f in result.findings))
    rows = result.measurements.rows()
    speaker.answer(
        {"rows": rows, "files": list(result.files), "findings": [f.as_dict() for f in result.findings], "exit": 0}
    )
    whole = [r for r in rows if not r["slice"] or r["statistic"] == "max"]
    shown = [
        (r["region"], r["side"], r["quantity"], r["statistic"], f"{r['value']:.4g}", r["unit"], r["flags"])
        for r in whole
    ]
    speaker.table("Regions", ("region", "side", "quantity", "statistic", "value", "unit", "flags"), shown)
    speaker.out(*result.files)
    return 0
