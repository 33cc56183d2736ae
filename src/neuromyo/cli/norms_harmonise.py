"""``neuromyo norms harmonise``: tables of several scanners or centres brought into line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neuromyo.cli.speak import speaker


def add_to(app: typer.Typer) -> None:
    """Registers the verb on ``neuromyo norms``."""
    app.command("harmonise", short_help="Bring values of several scanners into line.")(harmonise)


def harmonise(
    tables: Annotated[
        list[Path],
        typer.Argument(metavar="TABLES...", help="Tables of measurements, or folders of runs, of all sites."),
    ],
    people: Annotated[
        Path, typer.Option("--people", metavar="TSV", help="participants.tsv: age, sex, group and site of everybody.")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="OUT.tsv", help="The table of harmonised values.")],
    model: Annotated[
        Path | None, typer.Option("--model", metavar="FILE.json", help="Where the model goes, to be applied later.")
    ] = None,
    apply: Annotated[
        Path | None,
        typer.Option(
            "--apply", metavar="FILE.json", help="A model made before; sites it lacks are added from their controls."
        ),
    ] = None,
    site_column: Annotated[
        str, typer.Option("--site-column", help="Column of --people with scanner or centre.")
    ] = "site",
    person_column: Annotated[
        str,
        typer.Option(
            "--person-column", help="Column that is the same for one person under several labels (travelling subjects)."
        ),
    ] = "",
    group_column: Annotated[str, typer.Option("--group-column", help="Column that says who is a control.")] = "group",
    control: Annotated[
        str, typer.Option("--control", help="Words of that column that mean healthy, comma-separated.")
    ] = "",
    everyone: Annotated[bool, typer.Option("--everyone", help="All people of the tables are healthy.")] = False,
    covariates: Annotated[
        str,
        typer.Option("--covariates", help="Whose effect is kept: age, sex, height, weight, bmi; age,sex where known."),
    ] = "",
    reference: Annotated[
        str, typer.Option("--reference", help="Site that the others follow; all together where not given.")
    ] = "",
    method: Annotated[str, typer.Option("--method", help="levels, or combat for the published equations.")] = "levels",
    level_only: Annotated[bool, typer.Option("--level-only", help="Sites differ in level, not in spread.")] = False,
) -> int:
    """Bring values of several scanners into line.

    Sites are learnt from controls alone and taken out of everybody's values. What age and sex explain is kept. OUT_sites.tsv beside
    OUT says how far sites were apart, and how much may be left.
    """
    from neuromyo.norms.harmonise import Options
    from neuromyo.norms.site_report import summary
    from neuromyo.pipeline import harmonising

    request = harmonising.Request(
        tuple(tables), people, out, model, apply, site_column, person_column, group_column, _words(control), everyone,
        _words(covariates), Options(method, not level_only, reference),
    )  # fmt: skip
    found = harmonising.run(request)
    speaker.answer({"files": dict(found.files), "harmonised": found.harmonised, "left_out": found.left_out,
                    "sites": [{"feature": line.feature, "site": line.site, "controls": line.people, "worth": line.worth,
                               "before": line.before.value, "after": line.after.value, "after_low": line.after.low,
                               "after_high": line.after.high, "se": line.se} for line in found.lines],
                    "findings": [f.as_dict() for f in found.findings], "exit": 0})  # fmt: skip
    speaker.note(*(str(f) for f in found.findings))
    speaker.out(f"{found.harmonised} values in line, {found.left_out} left out", *(f"  {said}" for said in summary(found.lines)),
                *(str(out.parent / name) for name in found.files if name.endswith(".tsv")))  # fmt: skip
    return 0


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())
