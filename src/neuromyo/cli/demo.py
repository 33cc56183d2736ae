"""``neuromyo demo``: everything once, on made-up people, without a network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neuromyo.cli import types as t
from neuromyo.cli.speak import speaker


def demo(
    out: Annotated[Path, typer.Argument(metavar="[OUT]", help="Where the demonstration goes.")] = Path("neuromyo-demo"),
    nprocs: t.Nprocs = 0,
) -> int:
    """Make a small phantom study, measure it, and say which page to open. About a minute."""
    from neuromyo.cli.progress import shown
    from neuromyo.cli.run import failed, idle
    from neuromyo.pipeline import recipes

    speaker.note(f"making the phantom study in {out / 'bids'} and measuring it into {out / 'results'}")
    with shown() as tell:
        made = recipes.demo(out, nprocs=nprocs, tell=tell, say=speaker.note)
    result = made.result
    pages = [str(Path(result.out) / o.page) for o in result.outcomes if o.page]
    rest = [str(Path(result.out) / n) for n in ("cohort.html", "measurements.tsv", "methods.md") if n in result.files]
    said = {"bids": str(made.bids), "reports": pages, "also": rest, "look_at": list(recipes.LOOK_AT)}
    speaker.answer({**said, **result.as_dict()})
    failed(result)
    idle(result)
    speaker.out("Open first:", *pages, "", "Then:", *rest, "", "What to look at:", *recipes.LOOK_AT)
    return result.exit_status
