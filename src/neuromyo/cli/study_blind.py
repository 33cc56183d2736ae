"""``neuromyo study blind`` and ``unblind``: tables whose people, groups and visits are coded, and back once a plan is sealed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neuromyo.cli.speak import speaker


def blind(
    tables: Annotated[
        list[Path], typer.Argument(metavar="TABLES...", help="Tables of measurements, or output folders of run.")
    ],
    people: Annotated[Path, typer.Option("--people", metavar="TSV|BIDS", help="participants.tsv, or the dataset.")],
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="BLINDED", help="Folder for the coded tables: new or empty.")
    ],
    clinical: Annotated[
        list[Path] | None, typer.Option("--clinical", metavar="PATH", help="Clinical tables, or a folder of them.")
    ] = None,
    visits: Annotated[
        list[str] | None,
        typer.Option("--visits", metavar="VISIT=MONTHS", help="When visits were, where no dates are known."),
    ] = None,
    dataset: Annotated[
        Path | None, typer.Option("--bids", metavar="BIDS", help="Dataset that tells the dates of visits.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Number behind the codes; drawn if not given, which is safer.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="Where the key goes; beside BLINDED.")
    ] = None,
    trail: Annotated[
        Path | None, typer.Option("--trail", metavar="FILE", help="Audit trail; study-audit.jsonl beside BLINDED.")
    ] = None,
    author: Annotated[str, typer.Option("--author", help="Who does this, as the audit trail shall say it.")] = "",
) -> int:
    """Code people, groups and the order of visits. Hand out the folder, keep the key: it alone says who is who, readable by you alone."""
    import secrets

    from neuromyo.pipeline import study_audit, study_blind, study_lock

    path = trail or study_audit.beside(out)
    study_audit.verify(path)
    drawn = secrets.randbelow(1 << 62) if seed is None else seed
    done = study_blind.blind(tables, people, tuple(clinical or ()), out, drawn, key, tuple(visits or ()), dataset)
    study_audit.add(
        path,
        "blinded",
        author=author,
        said=f"{done.people} people coded",
        hashes={"data": study_audit.digest(study_lock.hashes(out)), "key": done.hash},
    )
    speaker.answer({"folder": out, "key": done.key, "people": done.people, "files": dict(done.files), "trail": path,
                    "findings": [f.as_dict() for f in done.findings], "exit": 0})  # fmt: skip
    speaker.note(*(str(f) for f in done.findings))
    speaker.out(f"{done.people} people coded:", *(f"  {out / name}" for name in done.files),
                f"The key, which nobody should have before the plan is sealed: {done.key}")  # fmt: skip
    return 0


def unblind(
    lock: Annotated[
        Path, typer.Argument(metavar="PLAN.lock.json", help="The sealed plan; without one nothing is unblinded.")
    ],
    tables: Annotated[Path, typer.Argument(metavar="BLINDED", help="The folder that `study blind` wrote.")],
    key: Annotated[Path, typer.Option("--key", metavar="KEY.json", help="Its key.")],
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="DIR", help="Folder for the tables as they were: new or empty.")
    ],
    trail: Annotated[
        Path | None, typer.Option("--trail", metavar="FILE", help="Audit trail; study-audit.jsonl beside the lock.")
    ] = None,
    author: Annotated[str, typer.Option("--author", help="Who does this, as the audit trail shall say it.")] = "",
) -> int:
    """Write the tables as they were before coding. Only after a plan was sealed, and the audit trail says that it was done."""
    from neuromyo.pipeline import study_locked

    done = study_locked.unblind(lock, tables, key, out, trail=trail, author=author)
    speaker.answer({"folder": done, "exit": 0})
    speaker.out(str(done))
    return 0
