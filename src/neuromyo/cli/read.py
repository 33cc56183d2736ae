"""``neuromyo read``: blinded visual reading. ``make`` forms for readers, ``score`` what they answered."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neuromyo.cli.speak import speaker

read = typer.Typer(
    help="Have images graded by people, blinded: make forms, score answers.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@read.command("make", short_help="Make a form for each reader, and the key.")
def make(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="A BIDS dataset, or the output of a run.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Folder for the forms: new or empty.")],
    muscles: Annotated[str, typer.Option("--muscles", help="What is graded in each image, comma-separated.")],
    readers: Annotated[str, typer.Option("--readers", help="Who reads, comma-separated: A,B.")],
    scale: Annotated[
        str, typer.Option("--scale", help="mercuri, mercuri-4, goutallier, stir or abnormal.")
    ] = "mercuri",
    seed: Annotated[
        int | None, typer.Option("--seed", help="Number behind codes and orders; drawn if not given.")
    ] = None,
    repeat: Annotated[float, typer.Option("--repeat", help="Share of the images shown twice, up to 0.5.")] = 0.0,
    sides: Annotated[str, typer.Option("--sides", help="left,right; or none for images of one side.")] = "left,right",
    image: Annotated[
        str, typer.Option("--image", metavar="NAME", help="Which image: parts of its name, as acq-stir_T2w.")
    ] = "T1w",
    slices: Annotated[int, typer.Option("--slices", help="How many slices of each, evenly through the stack.")] = 5,
    volume: Annotated[int, typer.Option("--volume", help="Which volume of an image with several, from 1.")] = 1,
    window: Annotated[
        str, typer.Option("--window", help="Grey levels: standard, wide, narrow, or LOW,HIGH.")
    ] = "standard",
    key: Annotated[Path | None, typer.Option("--key", metavar="FILE", help="Where the key goes; beside DIR.")] = None,
) -> int:
    """Make one self-contained page for each reader: coded images in random order, the scale beside them.

    Hand out the pages, keep the key: it alone says who is who. It lies beside the folder, readable by you alone.
    """
    import secrets

    from neuromyo.pipeline import reading

    made = reading.make(
        reading.ReadingRequest(
            source, out, scale, _words(muscles), _words(readers), secrets.randbelow(1 << 31) if seed is None else seed,
            _words(sides), repeat, image, slices, volume, window, key,
        )
    )  # fmt: skip
    speaker.answer({"forms": made.forms, "key": made.key, "cases": made.n_cases, "twice": made.n_twice,
                    "findings": [f.as_dict() for f in made.findings], "exit": 0})  # fmt: skip
    speaker.note(*(str(f) for f in made.findings))
    speaker.out(f"{made.n_cases} images, {made.n_twice} of them twice; a form for each reader:",
                *(f"  {path}" for path in made.forms.values()), f"The key, which no reader should have: {made.key}")  # fmt: skip
    return 0


@read.command("score", short_help="Tables of what readers answered, and how they agree.")
def score(
    forms: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the forms.")],
    answers: Annotated[list[Path], typer.Argument(metavar="ANSWERS...", help="What the readers saved, JSON or CSV.")],
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="TABLE", help="Table of grades; agreement goes beside it.")
    ],
    key: Annotated[Path | None, typer.Option("--key", metavar="FILE", help="The key, where it was moved.")] = None,
    incomplete: Annotated[
        bool, typer.Option("--incomplete", help="Take what there is where grades are missing.")
    ] = False,
) -> int:
    """Un-blind answers: TABLE.tsv with one row a grade, TABLE_agreement.tsv and TABLE.html with kappa and intervals."""
    from neuromyo.pipeline import reading_score
    from neuromyo.report.reading import interval_text, percent_text
    from neuromyo.study.grades import ALL

    found = reading_score.score(forms, answers, out, key=key, incomplete=incomplete)
    speaker.answer({"files": found.files, "gradings": len(found.readings), "findings": [f.as_dict() for f in found.findings],
                    "agreement": [{"kind": line.kind, "readers": list(line.readers), "region": line.region, "people": line.n_people,
                                   "gradings": line.kappa.n, "kappa": line.kappa.kappa.value, "low": line.kappa.kappa.low,
                                   "high": line.kappa.kappa.high} for line in found.lines], "exit": 0})  # fmt: skip
    speaker.note(*(str(f) for f in found.findings))
    rows = [(line.kind, " and ".join(line.readers), str(line.n_people), str(line.kappa.n), interval_text(line.kappa.kappa),
             percent_text(line.kappa.agreement), line.kappa.why) for line in found.lines if line.region == ALL]  # fmt: skip
    speaker.table("", ("agreement", "readers", "people", "gradings", "kappa", "equal grades", "to know"), rows)
    speaker.out(*(str(out.parent / name) for name in found.files))
    return 0


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())
