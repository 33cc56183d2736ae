"""``neuromyo qa``: is a site fit for a trial? From vial phantoms, and from repeat scans of volunteers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neuromyo.cli import types as t
from neuromyo.cli.speak import speaker


def qa(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="[PHANTOM] OUT_DIR",
            help="PHANTOM: scans of a phantom as BIDS (sites as subjects, scans as sessions), or the output of a run on them; "
            "with --volunteers OUT_DIR alone. OUT_DIR: where letter and tables go.",
        ),
    ],
    vials: Annotated[
        str,
        typer.Option(
            "--vials", metavar="NAME|FILE", help="What stands where in the phantom: a packaged set, or a TOML file."
        ),
    ] = "",
    temperature: Annotated[
        float | None,
        typer.Option("--temperature", help="Of the phantom in degrees C, for scans without one of their own."),
    ] = None,
    scans: Annotated[
        Path | None,
        typer.Option("--scans", metavar="TSV", help="Table of scans: subject, session, date, site, temperature."),
    ] = None,
    limits: Annotated[
        str, typer.Option("--limits", metavar="NAME|FILE", help="Acceptance limits: proposed, or a TOML file.")
    ] = "proposed",
    upgrade: Annotated[
        str,
        typer.Option("--upgrade", metavar="DATE", help="First day after an upgrade: before and after are compared."),
    ] = "",
    regions: Annotated[
        Path | None,
        typer.Option("--regions", metavar="DIR", help="Label images of the vials (*_dseg), instead of finding them."),
    ] = None,
    volunteers: Annotated[
        Path | None,
        typer.Option(
            "--volunteers", metavar="TSV|DIR", help="Repeat scans of people: measurements.tsv, or a run's output."
        ),
    ] = None,
    site: Annotated[str, typer.Option("--site", help="Whom the letter is to; the sites' labels where not given.")] = "",
    biomarkers: Annotated[
        str,
        typer.Option("--biomarkers", help="Ids to judge, comma-separated; the best of each quantity where not given."),
    ] = "",
    nprocs: t.Nprocs = 0,
    mem_mb: t.Memory = 4000,
) -> int:
    """Qualify a site: bias, linearity, repeatability, drift against declared limits; a letter with the verdict."""
    from neuromyo.core.errors import OptionError

    needed = 1 if volunteers is not None else 2
    if len(folders) != needed:
        raise OptionError(
            "E-OPTION",
            where="neuromyo qa",
            needed="OUT_DIR alone with --volunteers" if needed == 1 else "PHANTOM and OUT_DIR",
            found=f"{len(folders)} folder{'s' * (len(folders) != 1)}",
            remedy="neuromyo qa --help shows the order",
        )
    if volunteers is not None:
        return _volunteers(folders[0], volunteers, scans, limits, site)
    if not vials:
        from neuromyo.quality import vialset

        raise OptionError(
            "E-OPTION",
            where="--vials",
            needed=f"one of {', '.join(vialset.names())}, or a TOML file",
            found="nothing",
            remedy="say which phantom it is",
        )
    return _phantom(folders, vials, temperature, scans, limits, upgrade, regions, site, biomarkers, nprocs, mem_mb)


def _phantom(
    folders: list[Path], vials: str, temperature: float | None, scans: Path | None, limits: str, upgrade: str, regions: Path | None,
    site: str, biomarkers: str, nprocs: int, mem_mb: int,
) -> int:  # fmt: skip
    import datetime

    from neuromyo.cli.asking import run_options
    from neuromyo.cli.progress import shown
    from neuromyo.core.errors import OptionError
    from neuromyo.pipeline.qa import QaRequest, run

    try:
        day = datetime.date.fromisoformat(upgrade) if upgrade else None
    except ValueError as error:
        raise OptionError("E-OPTION", where="--upgrade", needed="a date such as 2024-03-18", found=repr(upgrade),
                          remedy="write year, month, day") from error  # fmt: skip
    ids = tuple(dict.fromkeys(part.strip() for part in biomarkers.split(",") if part.strip()))
    request = QaRequest(folders[0], folders[1], vials, limits, temperature, scans, day, regions, site, ids,
                        run_options(nprocs=nprocs, mem_mb=mem_mb))  # fmt: skip
    with shown() as tell:  # how each map is made is the run's business: its plan is in OUT/maps
        result = run(request, lambda event: tell(event) if event.kind != "plan" else None)
    speaker.answer({"verdict": result.verdict, "sites": {s: result.qualification.verdict(s) for s in result.qualification.sites},
                    "files": dict(result.files), "findings": [f.as_dict() for f in result.findings],
                    "lost": [{"scan": label, **e.as_dict()} for label, e in result.lost], "exit": result.exit_status})  # fmt: skip
    speaker.note(*(str(f) for f in result.findings if f.level == "warn"))
    speaker.note(*(f"{label}: {error}" for label, error in result.lost))
    rows = [(j.verdict, j.quantity, j.statistic, j.site, j.what, j.why) for j in result.qualification.judgements]
    speaker.table("", ("outcome", "quantity", "criterion", "site", "of", "why"), rows)
    speaker.out(f"Verdict: {result.verdict}", str(folders[1] / "qa.html"))
    return result.exit_status


def _volunteers(out: Path, source: Path, scans: Path | None, limits: str, site: str) -> int:
    from neuromyo.pipeline import qa_people
    from neuromyo.pipeline.qa import limits_of

    result = qa_people.run(out, source, scans, limits_of(limits), site)
    speaker.answer(
        {
            "files": dict(result.files),
            "regions": len(result.lines),
            "findings": [f.as_dict() for f in result.findings],
            "exit": 0,
        }
    )
    speaker.note(*(str(f) for f in result.findings))
    speaker.out(str(out / "qa.html"))
    return 0
