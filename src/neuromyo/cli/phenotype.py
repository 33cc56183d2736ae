"""``neuromyo phenotype``: clinical tables into a dataset, every cell checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neuromyo.cli.speak import speaker

_SHOWN = 50


def phenotype(
    bids_dir: Annotated[Path, typer.Argument(metavar="BIDS_DIR", help="The dataset; phenotype/ is written there.")],
    tables: Annotated[list[Path], typer.Argument(metavar="TABLE...", help="CSV or TSV files, in UTF-8.")],
    measure: Annotated[
        str,
        typer.Option(
            "--measure", metavar="NAME", help="What they hold (cmap, mvic ...), if their names do not say it."
        ),
    ] = "",
    dictionary: Annotated[
        Path | None,
        typer.Option("--dictionary", metavar="FILE", help="A measure of your own: a TOML file (docs/tables.md)."),
    ] = None,
    unit: Annotated[
        list[str] | None, typer.Option("--unit", metavar="COLUMN=UNIT", help="The unit that a column is in; repeat it.")
    ] = None,
    skip: Annotated[
        list[str] | None, typer.Option("--skip", metavar="COLUMN", help="Leave this column out; repeat it.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Say what is wrong and write nothing.")] = False,
) -> int:
    """Take clinical tables (CMAP, NCV, strength, scores ...) into a dataset. Nothing is written while anything is wrong."""
    from neuromyo.pipeline.tables import take

    taken = take(
        bids_dir, tables, measure=measure, own=dictionary, units=unit or (), skipped=skip or (), check_only=check
    )
    speaker.answer(taken.as_dict())
    worst = sorted(taken.findings, key=lambda f: (("stop", "warn", "note").index(f.level), _place(f.where)))
    if worst:
        rows = [(f.code, f.where, f.message, f.remedy) for f in worst[:_SHOWN]]
        speaker.table("", ("code", "where", "what", "remedy"), rows, result=False)
    if len(worst) > _SHOWN:
        speaker.note(f"... and {len(worst) - _SHOWN} more ({len(worst)} in all); --json lists every one")
    counted = ", ".join(
        f"{name}: {n} value{'s' * (n != 1)}, participants: {taken.participants[name]}"
        for name, n in taken.values.items()
    )
    if taken.stops:
        speaker.note(f"{len(taken.stops)} to mend; nothing was written")
    else:
        speaker.out(*([counted] if counted else []), *taken.files)
    return taken.exit_status


def _place(where: str) -> tuple[str, int]:
    """By table and row, as one goes through them."""
    import re

    found = re.match(r"(.*?): row (\d+)", where)
    return (found[1], int(found[2])) if found else (where, 0)
