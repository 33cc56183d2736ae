"""Options that several verbs share, said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

BidsDir = Annotated[Path, typer.Argument(metavar="BIDS_DIR", help="A BIDS dataset; it is only read.")]
OutDir = Annotated[
    Path, typer.Argument(metavar="OUT_DIR", help="Where results go: a new folder, or one of an earlier run.")
]
Participants = Annotated[
    list[str] | None,
    typer.Option("--participant-label", help="Only these participants (with or without sub-); repeat it."),
]
Sessions = Annotated[
    list[str] | None, typer.Option("--session-label", help="Only these sessions (with or without ses-); repeat it.")
]
Biomarkers = Annotated[
    str, typer.Option("--biomarkers", help="Ids, comma-separated; all that can be made where not given.")
]
Protocol = Annotated[
    str, typer.Option("--protocol", metavar="NAME|FILE", help="What was to be acquired: a name, or a TOML file.")
]
Geometry = Annotated[
    str,
    typer.Option("--geometry", help="strict, or which to believe where the two in the header differ: sform, qform."),
]
MaxInput = Annotated[float, typer.Option("--max-input-gb", help="Largest unpacked image in gigabytes.")]
Assignments = Annotated[
    list[str] | None, typer.Option("--option", metavar="ID.key=value", help="An option of one biomarker; repeat it.")
]
Motion = Annotated[
    str,
    typer.Option("--motion", help="Motion between scans: correct it where it is seen, measure it only, or off."),
]
Nprocs = Annotated[int, typer.Option("--nprocs", help="Processes (threads for a single session); 0 for all cores.")]
Memory = Annotated[int, typer.Option("--mem-mb", help="Memory budget in megabytes.")]
