"""``neuromyo norms build``, ``merge`` and ``card``: norm files from one's own controls."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neuromyo.cli.speak import speaker

if TYPE_CHECKING:
    from neuromyo.norms.levels import Axis
    from neuromyo.pipeline.norm_build import Built

_OUT = Annotated[Path, typer.Option("-o", "--out", metavar="NAME.norm.json", help="The norm file to write.")]


def add_to(app: typer.Typer) -> None:
    """Registers the verbs on ``neuromyo norms``."""
    app.command("build", short_help="Make a norm file from tables of controls.")(build)
    app.command("merge", short_help="Pool the norm files of several centres, without raw data.")(merge)
    app.command("card", short_help="Say what a norm file is of, and what it is not for.")(card)


def build(
    tables: Annotated[
        list[Path], typer.Argument(metavar="CONTROLS.tsv...", help="Tables of measurements, or folders of runs.")
    ],
    out: _OUT,
    people: Annotated[
        Path, typer.Option("--people", metavar="TSV", help="participants.tsv: age, sex, height, weight, group, site.")
    ],
    site: Annotated[str, typer.Option("--site", help="Scanner or centre, where --people has no column for it.")] = "",
    site_column: Annotated[str, typer.Option("--site-column", help="Column of --people that names it.")] = "site",
    group_column: Annotated[str, typer.Option("--group-column", help="Column that says who is a control.")] = "group",
    control: Annotated[
        str, typer.Option("--control", help="Words of that column that mean healthy, comma-separated.")
    ] = "",
    everyone: Annotated[bool, typer.Option("--everyone", help="All people of the tables are healthy.")] = False,
    covariates: Annotated[
        str,
        typer.Option(
            "--covariates",
            help="age, sex, height, weight, bmi, side, comma-separated; not given: age, sex, height, BMI as far as known, side.",
        ),
    ] = "",
    literature: Annotated[
        bool, typer.Option("--literature", help="Use published values where the method agrees.")
    ] = False,
    field_t: Annotated[float | None, typer.Option("--field", help="Field strength of the scans, in tesla.")] = None,
    study: Annotated[str, typer.Option("--study", help="For --literature: whose protocol was run to the letter.")] = "",
    directions: Annotated[
        int | None, typer.Option("--directions", help="For --literature: diffusion directions.")
    ] = None,
    echoes: Annotated[int | None, typer.Option("--echoes", help="For --literature: echoes of the Dixon scan.")] = None,
    level: Annotated[
        str,
        typer.Option(
            "--level", help="For --literature: where regions were measured, such as thigh, if rows do not say."
        ),
    ] = "",
    like: Annotated[
        list[str] | None,
        typer.Option(
            "--like", metavar="ID", help="A published value that you vouch was measured as yours were; repeat it."
        ),
    ] = None,
    step: Annotated[
        float, typer.Option("--step", help="Millimetres between levels of norms along nerves.", min=1)
    ] = 10.0,
    protocol: Annotated[str, typer.Option("--protocol", help="Name of the protocol, for the card.")] = "",
    scanner: Annotated[str, typer.Option("--scanner", help="Scanner, for the card.")] = "",
    name: Annotated[str, typer.Option("--name", help="Of the norm; the file's name where not given.")] = "",
) -> int:
    """Make a norm file, without anything of a single person in it, and a card that says what it is of."""
    from neuromyo.pipeline import norm_build

    request = norm_build.BuildRequest(
        tuple(tables), people, out, site, site_column, group_column, _words(control), everyone, _words(covariates), literature,
        field_t, study, directions, echoes, level, tuple(like or ()), step, protocol, scanner, name,
    )  # fmt: skip
    _say(norm_build.build(request))
    return 0


def merge(
    files: Annotated[list[Path], typer.Argument(metavar="A.norm.json B.norm.json...", help="Norm files to pool.")],
    out: _OUT,
    name: Annotated[str, typer.Option("--name", help="Of the norm; the file's name where not given.")] = "",
) -> int:
    """Pool norm files of several centres: the result is that of all their controls together."""
    from neuromyo.pipeline import norm_build

    _say(norm_build.merge(files, out, name))
    return 0


def card(
    file: Annotated[Path, typer.Argument(metavar="NAME.norm.json", help="A norm file.")],
) -> int:
    """Print the card of a norm file."""
    from neuromyo.norms import card as cards
    from neuromyo.pipeline import norm_held

    held = norm_held.read(file)
    speaker.answer({"name": held.name, "sha256": held.sha256, "card": cards.text(held), "exit": 0})
    speaker.out(cards.text(held))
    return 0


def _say(result: Built) -> None:
    held = result.file
    sites = [{site.site: site.n for site in e.sites} for e in held.entries]
    lines = [{"key": str(e.key), "people": e.n, "sites": s, "covariates": list(e.covariates), "published": [p.label for p in e.published]}
             for e, s in zip(held.entries, sites, strict=True)]  # fmt: skip
    lines += [{"key": str(p.key), "people": p.n_people, "sites": {s.sums.site: s.sums.n_people for s in p.sites}, "published": [],
               "covariates": list(p.options.norm.covariates.names), "levels": list(p.options.axis.levels), "zero": p.options.axis.zero}
              for p in held.profiles]  # fmt: skip
    speaker.answer({"name": held.name, "sha256": held.sha256, "norms": lines, "files": list(result.files),
                    "findings": [f.as_dict() for f in result.findings], "exit": 0})  # fmt: skip
    speaker.note(*(str(f) for f in result.findings))
    rows = [
        (e.key.quantity, e.key.region, e.key.level or "-", e.key.statistic, e.key.unit, str(e.n),
         ", ".join(f"{name} ({n})" for name, n in sorted(s.items())), ", ".join(e.covariates) or "nothing",
         ", ".join(p.label for p in e.published) or "none")
        for e, s in zip(held.entries, sites, strict=True)
    ]  # fmt: skip
    rows += [
        (p.key.quantity, p.key.region, _levels(p.options.axis), p.key.statistic, p.key.unit, str(p.n_people),
         ", ".join(f"{s.sums.site} ({s.sums.n_people})" for s in p.sites), ", ".join(p.options.norm.covariates.names) or "nothing", "none")
        for p in held.profiles
    ]  # fmt: skip
    columns = (
        "quantity",
        "region",
        "level",
        "statistic",
        "unit",
        "people",
        "sites",
        "adjusted for",
        "published values",
    )
    speaker.table("", columns, rows)
    speaker.out(*result.files)


def _levels(axis: Axis) -> str:
    return f"{axis.levels[0]:g} to {axis.levels[-1]:g} {axis}"


def _words(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
