"""``neuromyo study als-1998``: the analysis of Bryan et al. 1998, on tables or on a simulated cohort."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from neuromyo.cli import study_flags
from neuromyo.cli.speak import speaker
from neuromyo.study import bryan

_SIMULATION = "Simulation"
Tables = Annotated[
    list[Path] | None,
    typer.Argument(metavar="TABLES...", help="Tables of measurements, or output folders of run."),
]
Out = Annotated[Path | None, typer.Option("-o", "--out", metavar="DIR", help="Where results go; needed by --simulate.")]
People = Annotated[Path | None, typer.Option("--people", metavar="TSV|BIDS", help="participants.tsv, or the dataset.")]
Clinical = Annotated[
    list[Path] | None,
    typer.Option("--clinical", metavar="PATH", help="Tables of CMAP and strength, or their folder (phenotype/)."),
]
Sides = Annotated[str, typer.Option("--sides", help="each, mean (of both), left, right.")]
Visits = Annotated[list[str] | None, typer.Option("--visits", metavar="LABEL=MONTHS", help="When visits were; repeat.")]
KeepDoubtful = Annotated[
    bool, typer.Option("--keep-doubtful", help="Keep values in doubt; T2 of two echoes always is, its noise unknown.")
]
Simulate = Annotated[
    bool,
    typer.Option("--simulate", help="Make the cohort: paint, scan, draw, measure.", rich_help_panel=_SIMULATION),
]
TablesOnly = Annotated[
    bool, typer.Option("--tables-only", help="Its table only, without images.", rich_help_panel=_SIMULATION)
]
Only = Annotated[
    int | None, typer.Option("--only", metavar="N", help="About N of its 19 people.", rich_help_panel=_SIMULATION)
]
Snr = Annotated[
    float | None,
    typer.Option(
        "--snr", help="Healthy muscle over noise in the first image. Default: 40.", rich_help_panel=_SIMULATION
    ),
]
Nprocs = Annotated[int, typer.Option("--nprocs", metavar="N", help="Processes; 0 for all cores.")]


def _analysis(
    tables: Tables = None,
    out: Out = None,
    people: People = None,
    clinical: Clinical = None,
    sides: Sides = "each",
    visits: Visits = None,
    keep_doubtful: KeepDoubtful = False,
    simulate: Simulate = False,
    tables_only: TablesOnly = False,
    only: Only = None,
    snr: Snr = None,
    nprocs: Nprocs = 0,
    options: dict[str, Any] | None = None,
) -> int:
    from neuromyo.cli.progress import shown
    from neuromyo.cli.study_told import tell as said
    from neuromyo.pipeline import als_1998 as job
    from neuromyo.pipeline import studying
    from neuromyo.pipeline.options import usable_cores

    given = study_flags.given(bryan.Options, options or {})
    if not simulate:
        _not_simulated(tables, clinical, {"--tables-only": tables_only, "--only": only, "--snr": snr})
        asked = studying.StudyRequest(
            tuple(tables or ()),
            people,
            tuple(clinical or ()),
            sides,
            visits=tuple(visits or ()),
            keep_doubtful=keep_doubtful,
        )
        said(job.on_tables(asked, given, out))
        return 0
    place = _place(out, [*(tables or ()), *(clinical or ()), *([people] if people else [])])
    request = job.Request(
        place, int(given.get("seed", job.made_up.CHOSEN_SEED)), only, tables_only, job.SNR if snr is None else snr,
        nprocs or usable_cores(),
    )  # fmt: skip
    speaker.note(
        f"simulating the cohort of 1998 in {place}"
        + ("" if tables_only else "; some minutes, and it can be interrupted")
    )
    with shown() as tell:
        done = job.simulate(request, given, tell)
    said(done)
    return 0


def _not_simulated(tables: list[Path] | None, clinical: list[Path] | None, flags: dict[str, Any]) -> None:
    """E-NEEDS where neither tables nor --simulate were given, or flags of the simulation without it."""
    from neuromyo.core.errors import OptionError

    stray = [name for name, value in flags.items() if value not in (None, False)]
    if stray:
        raise OptionError(
            "E-NEEDS",
            where=", ".join(stray),
            needed="--simulate",
            found="none",
            remedy="add --simulate, or leave it out",
        )
    if not (tables or clinical):
        raise OptionError("E-NEEDS", where="study als-1998", needed="tables of measurements, or --simulate", found="neither",
                          remedy="name measurements.tsv with --people and --clinical, or add --simulate -o DIR")  # fmt: skip


def _place(out: Path | None, stray: list[Path]) -> Path:
    """The folder of a simulation; E-NEEDS without one, E-OPTION where tables were named as well."""
    from neuromyo.core.errors import OptionError

    if stray:
        raise OptionError("E-OPTION", where="study als-1998 --simulate", needed="no tables", found=str(stray[0]),
                          remedy="leave out the tables, or --simulate")  # fmt: skip
    if out is None:
        raise OptionError("E-NEEDS", where="study als-1998 --simulate", needed="a folder for images and results", found="none",
                          remedy="add -o DIR")  # fmt: skip
    return out


#: the verb, as `neuromyo study` takes it
als_1998 = study_flags.function(
    _analysis,
    study_flags.parameters(bryan.Options),
    f"{bryan.TITLE}.\n\nOn tables of measurements and clinical values (CMAP, strength), or with --simulate on a made-up cohort, from "
    "images on. The numbers that Bryan et al. printed stand beside those found.",
)
