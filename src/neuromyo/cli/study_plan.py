"""``neuromyo study plan``: a plan of analysis sealed before results are seen, checked, run; its audit trail. And ``study report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neuromyo.cli.speak import speaker

plan = typer.Typer(
    help="A plan of analysis that is locked before anybody sees results.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
PlanFile = Annotated[Path, typer.Argument(metavar="PLAN.toml", help="The plan: docs/study.md shows one.")]
LockFile = Annotated[Path, typer.Argument(metavar="PLAN.lock.json", help="The sealed plan.")]
TablesArgument = Annotated[
    list[Path], typer.Argument(metavar="TABLES...", help="The folder of blinded tables; without a key, tables or runs.")
]
Trail = Annotated[
    Path | None, typer.Option("--trail", metavar="FILE", help="Audit trail; study-audit.jsonl beside the lock.")
]
Author = Annotated[str, typer.Option("--author", help="Who does this, as the audit trail shall say it.")]
KeyFile = Annotated[Path | None, typer.Option("--key", metavar="KEY.json", help="The key that `study blind` wrote.")]
Out = Annotated[Path | None, typer.Option("-o", "--out", metavar="DIR", help="Where page, tables and figures go.")]
People = Annotated[Path | None, typer.Option("--people", metavar="TSV|BIDS", help="participants.tsv, or the dataset.")]
Clinical = Annotated[
    list[Path] | None, typer.Option("--clinical", metavar="PATH", help="Clinical tables, or a folder of them.")
]
Dataset = Annotated[Path | None, typer.Option("--bids", metavar="BIDS", help="Dataset that tells the dates of visits.")]


@plan.command("seal", short_help="Lock a plan: write its hash before results are seen.")
def seal(
    plan_file: PlanFile,
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="PLAN.lock.json", help="The lock file to write; never written twice.")
    ],
    data: Annotated[
        Path | None, typer.Option("--data", metavar="BLINDED", help="Blinded tables, whose hashes are sealed too.")
    ] = None,
    trail: Trail = None,
    author: Author = "",
) -> int:
    """Lock a plan. Send the seal that is printed to somebody else (a registry, the sponsor): it proves the plan later."""
    from neuromyo.pipeline import study_audit, study_lock

    lock = study_lock.seal(plan_file, out, data=data, trail=trail, author=author)
    path = trail or study_audit.beside(out)
    head = study_audit.verify(path)[-1].hash
    speaker.answer({"lock": out, "plan": lock.plan.hash, "seal": lock.seal, "trail": path, "head": head, "exit": 0})
    speaker.out(f"Sealed: {lock.plan.title}", f"seal  {lock.seal}", f"trail {head}",
                "Send both lines to somebody else now: who holds them can tell whether anything was changed later.",
                str(out), str(path))  # fmt: skip
    return 0


@plan.command("check", short_help="Say whether a plan or a lock is sound; write nothing.")
def check(
    file: Annotated[Path, typer.Argument(metavar="PLAN.toml|PLAN.lock.json", help="A plan, or a sealed one.")],
    trail: Trail = None,
) -> int:
    """Check a plan before it is sealed, or a lock against its plan and its audit trail."""
    from neuromyo.pipeline import study_audit, study_lock, study_plan

    if file.suffix == ".toml":
        found = study_plan.read(file)
        speaker.answer({"plan": found.as_dict(), "hash": found.hash, "sealed": False, "exit": 0})
        _show(found)
        speaker.out(f"The plan is sound and not sealed; its hash would be {found.hash}.")
        return 0
    lock = study_lock.load(file)
    lines, mine = study_lock.in_trail(lock, trail or study_audit.beside(file))
    speaker.answer({"plan": lock.plan.as_dict(), "hash": lock.plan.hash, "sealed": True, "seal": lock.seal, "line": mine.n,
                    "time": mine.time, "author": mine.author, "lines": len(lines), "exit": 0})  # fmt: skip
    _show(lock.plan)
    speaker.out(
        f"Sealed at {mine.time} by {mine.author} (line {mine.n} of {len(lines)} of the audit trail); nothing was changed since."
    )
    return 0


@plan.command("show", short_help="Print a plan or a lock in words.")
def show(
    file: Annotated[Path, typer.Argument(metavar="PLAN.toml|PLAN.lock.json", help="A plan, or a sealed one.")],
) -> int:
    """Print what a plan says: analyses, roles, options, people, missing data."""
    from neuromyo.pipeline import study_lock, study_plan

    found = study_plan.read(file) if file.suffix == ".toml" else study_lock.load(file).plan
    speaker.answer({"plan": found.as_dict(), "hash": found.hash, "exit": 0})
    _show(found)
    return 0


@plan.command("run", short_help="Unblind and run a sealed plan; list what deviates.")
def run(
    lock: LockFile,
    tables: TablesArgument,
    out: Out = None,
    key: KeyFile = None,
    people: People = None,
    clinical: Clinical = None,
    dataset: Dataset = None,
    deviation: Annotated[
        list[str] | None,
        typer.Option("--deviation", metavar="REASON", help="What differs from the plan, and why; repeat it."),
    ] = None,
    change: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME.option=value", help="Another option than planned; listed as a deviation."),
    ] = None,
    clinical_unit: Annotated[
        list[str] | None,
        typer.Option("--clinical-unit", metavar="COLUMN=UNIT", help="Of a clinical column that does not state it."),
    ] = None,
    trail: Trail = None,
    author: Author = "",
) -> int:
    """Run a sealed plan. Refused if plan, lock or trail were changed; deviations are listed in the results and in the trail."""
    from neuromyo.cli.study_told import tell
    from neuromyo.io.phenotype import units_of
    from neuromyo.pipeline import study_locked

    done = study_locked.run(
        study_locked.LockedRequest(
            lock, tuple(tables), out, key, people, tuple(clinical or ()), dataset, trail, tuple(change or ()), tuple(deviation or ()),
            author, units_of(clinical_unit or []),
        )
    )  # fmt: skip
    tell(done)
    return 0


@plan.command("audit", short_help="Verify an audit trail, line by line.")
def audit(
    trail: Annotated[Path, typer.Argument(metavar="study-audit.jsonl", help="The audit trail.")],
    head: Annotated[
        str, typer.Option("--head", metavar="HASH", help="Hash of a line that must be there, as noted earlier.")
    ] = "",
) -> int:
    """Verify that no line was edited, removed, added or moved; the first broken one is named.

    Lines cut off at the end cannot be seen from the trail alone: give the last hash that you noted with --head.
    """
    from neuromyo.core.errors import DataError
    from neuromyo.io.files import printable
    from neuromyo.pipeline import study_audit

    if not trail.exists():
        raise DataError(
            "E-NOTFOUND",
            where=printable(trail.name),
            needed="an audit trail",
            found="nothing of that name",
            remedy="check the name",
        )
    lines = study_audit.verify(trail, head)
    last = lines[-1].hash if lines else study_audit.START
    speaker.answer({"lines": [{"n": x.n, "action": x.action, "author": x.author, "time": x.time, "said": x.said, "hashes": dict(x.hashes),
                               "hash": x.hash} for x in lines], "head": last, "exit": 0})  # fmt: skip
    speaker.table(
        "", ("line", "time", "who", "what", "told"), [(str(x.n), x.time, x.author, x.action, x.said) for x in lines]
    )
    speaker.out(f"{len(lines)} lines, whole up to {last}.")
    if not head:
        speaker.out(
            "Whether later lines were cut off cannot be told from the trail: compare this hash with one noted elsewhere (--head)."
        )
    return 0


def report(
    plan_file: PlanFile,
    tables: TablesArgument,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Where page, tables and figures go.")],
    people: People = None,
    clinical: Clinical = None,
    dataset: Dataset = None,
) -> int:
    """Run all analyses of a plan that was not sealed, on one page; all of it is exploratory."""
    from neuromyo.cli.study_told import tell
    from neuromyo.pipeline import study_locked, studying

    request = studying.StudyRequest(tuple(tables), people, tuple(clinical or ()), dataset=dataset)
    tell(study_locked.run_open(plan_file, request, out))
    return 0


def _show(found: object) -> None:
    from neuromyo.pipeline.study_plan import Plan

    assert isinstance(found, Plan)
    speaker.out(
        found.title,
        f"missing data: {found.missing}",
        f"over primary outcomes: {found.multiplicity}, alpha {found.alpha:g}",
    )
    rows = [
        (
            i.name,
            i.role,
            i.kind,
            ", ".join(f"{k} = {_word(v)}" for k, v in i.options.items() if v not in (None, [], "")),
        )
        for i in found.items
    ]
    speaker.table("", ("analysis", "role", "kind", "options"), rows)


def _word(value: object) -> str:
    return ",".join(str(v) for v in value) if isinstance(value, (list, tuple)) else str(value)
