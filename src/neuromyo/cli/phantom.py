"""``neuromyo phantom``: true data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neuromyo.cli.speak import speaker


def phantom(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A new folder for the BIDS study.")],
    set_: Annotated[
        str,
        typer.Option(
            "--set",
            metavar="NAME|FILE",
            help="A packaged set (demo, calf, thigh, nerve_3t, nerve_small, nerves, vials) or a TOML file.",
        ),
    ] = "demo",
    seed: Annotated[
        int | None, typer.Option("--seed", help="Another seed gives other people, fields and noise.")
    ] = None,
    snr: Annotated[
        float | None, typer.Option("--snr", help="First-echo signal of healthy muscle over the noise.")
    ] = None,
) -> None:
    """Make a phantom study as BIDS, with its truth (maps, regions, tables) under derivatives/truth."""
    from neuromyo.pipeline import recipes

    made = recipes.phantom(out, set_, seed=seed, snr=snr, say=speaker.note)
    speaker.answer({"bids": str(made), "truth": str(made / "derivatives" / "truth"), "set": set_, "exit": 0})
    speaker.out(str(made))
