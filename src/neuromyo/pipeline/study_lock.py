"""A sealed plan: the lock file, and what is held against it later.

The lock holds the plan's canonical content and hash, the hashes of the blinded tables it was sealed beside, the version of the software
that wrote its options out, and the end of the audit trail before it. Its own hash, the seal, covers all of that and stands in the trail.

*Assumes* that the trail, or the seal (which `study plan seal` prints), is also held by somebody else.
*Breaks* against somebody who rewrites plan, lock and trail together before anyone else has seen the seal: register it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import neuromyo
from neuromyo.core.errors import DataError, OptionError
from neuromyo.io import store
from neuromyo.io.files import printable, read_small
from neuromyo.io.together import refuse_unwritable
from neuromyo.pipeline import study_audit, study_plan
from neuromyo.pipeline.study_audit import START, Line
from neuromyo.pipeline.study_plan import Plan

_KEYS = {"schema", "plan", "plan_hash", "plan_file", "data", "version", "trail", "seal"}


@dataclass(frozen=True)
class Lock:
    """A sealed plan. ``data``: blinded file -> SHA-256 when it was sealed; ``trail``: the trail's last hash before it; ``file``: the plan's
    name."""

    plan: Plan
    seal: str
    data: Mapping[str, str]
    version: str
    trail: str
    file: str


def seal(plan_file: Path, out: Path, *, data: Path | None = None, trail: Path | None = None, author: str = "") -> Lock:
    """Writes the lock of a plan and adds a line to the trail.

    E-PLAN where the plan is not sound, where a plan was sealed in this trail already, or where something was unblinded in it.
    data : the folder of blinded tables, whose hashes are sealed too
    """
    trail = trail or study_audit.beside(out)
    lines = study_audit.verify(trail)
    plan = study_plan.read(plan_file)
    _refuse_late(lines, trail)
    if out.exists():
        raise OptionError(
            "E-PLAN",
            where=printable(out.name),
            needed="a new file: a sealed plan is not written again",
            found="a file of that name",
            remedy="run that plan; what has to differ is stated by --deviation",
        )
    refuse_unwritable([out, trail])
    held: dict[str, Any] = {
        "schema": 1,
        "plan": plan.as_dict(),
        "plan_hash": plan.hash,
        "plan_file": printable(plan_file.name),
        "version": neuromyo.__version__,
        "data": hashes(data) if data else {},
        "trail": lines[-1].hash if lines else START,
    }
    held["seal"] = study_audit.digest(held)
    store.write_json(out, held)
    said = f"plan sealed: {plan.title}"
    try:
        study_audit.add(
            trail,
            "sealed",
            author=author,
            said=said,
            hashes={"seal": held["seal"], "plan": plan.hash, **_data(held["data"])},
        )
    except BaseException:
        out.unlink(missing_ok=True)  # a lock that no trail knows could never be run
        raise
    return _of(held)


def load(path: Path) -> Lock:
    """A lock whose seal holds; E-PLAN where it was edited, or where the plan's file beside it is no longer the one that was sealed."""
    name = printable(path.name)
    raw = read_small(path, name, "E-PLAN")
    try:
        held = json.loads(raw)
    except (ValueError, RecursionError):
        held = None
    if not isinstance(held, dict) or set(held) != _KEYS:
        raise _refused(
            name,
            "a lock file that `study plan seal` wrote",
            "something else",
            "seal the plan first: neuromyo study plan seal PLAN.toml -o PLAN.lock.json",
        )
    content = {k: v for k, v in held.items() if k != "seal"}
    if study_audit.digest(content) != held["seal"] or study_audit.digest(held["plan"]) != held["plan_hash"]:
        raise _refused(
            name,
            "the plan as it was sealed",
            "a lock file that was edited afterwards",
            "restore it from a copy; changes are deviations, not edits",
        )
    lock = _of(held)
    _same_file(path, lock)
    return lock


def in_trail(lock: Lock, trail: Path) -> tuple[tuple[Line, ...], Line]:
    """The trail's lines and the one of this seal. E-PLAN where the trail is broken or cut, does not know this seal, or shows that another
    plan was sealed or something unblinded before it."""
    lines = study_audit.verify(trail, lock.trail)
    mine = study_audit.find(lines, "sealed", seal=lock.seal)
    name = f"audit trail {printable(trail.name)}"
    if mine is None:
        raise _refused(name, f"a line that this plan was sealed ({lock.seal[:12]}...)", f"none in {len(lines)} lines",
                       "give the trail of this plan by --trail; without it nobody can tell that it was sealed first")  # fmt: skip
    if mine.previous != lock.trail:
        raise _refused(
            f"{name}, line {mine.n}",
            "the line of the seal right after the lines that were there when it was sealed",
            "another line before it",
            "a line was added before the seal; restore the trail from a copy",
        )
    for line in lines[: mine.n - 1]:
        if line.action in ("sealed", "unblinded"):
            raise _refused(f"{name}, line {line.n}", "nothing sealed or unblinded before this plan", f"{line.action} earlier",
                           "a plan that was made after results could be seen is no locked plan")  # fmt: skip
    return lines, mine


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every table in a folder of blinded tables, or of one table, by name relative to it."""
    if folder.is_file():
        return {printable(folder.name): store.sha256(folder)}
    if not folder.is_dir():
        raise DataError("E-NOTFOUND", where=printable(folder), needed="a table, or a folder of tables", found="nothing of that name",
                        remedy="check the name")  # fmt: skip
    return {p.relative_to(folder).as_posix(): store.sha256(p) for p in sorted(folder.rglob("*.tsv"))}


def _refuse_late(lines: Sequence[Line], trail: Path) -> None:
    name = f"audit trail {printable(trail.name)}"
    for line in lines:
        if line.action == "sealed":
            raise _refused(f"{name}, line {line.n}", "one plan", f"one sealed already ({line.hashes.get('seal', '')[:12]}...)",
                           "run that one and state what differs by --deviation; another study needs another folder or --trail")  # fmt: skip
        if line.action == "unblinded":
            raise _refused(f"{name}, line {line.n}", "a plan that is sealed before anybody is unblinded", "an unblinding",
                           "results could be seen already: run the analyses as exploratory ones, without a lock")  # fmt: skip


def _same_file(lock_path: Path, lock: Lock) -> None:
    """The TOML beside the lock, if it is still there, must be the plan that was sealed."""
    beside = lock_path.with_name(lock.file)
    if beside.is_file() and beside != lock_path and study_plan.read(beside).hash != lock.plan.hash:
        raise _refused(printable(lock.file), "the plan as it was sealed", "a plan that was changed afterwards",
                       "restore it, or move it away: the lock file alone is run; state what differs by --deviation")  # fmt: skip


def _data(data: Mapping[str, str]) -> dict[str, str]:
    return {"data": study_audit.digest(dict(data))} if data else {}


def _of(held: Mapping[str, Any]) -> Lock:
    return Lock(
        study_plan.of_dict(held["plan"]), held["seal"], held["data"], held["version"], held["trail"], held["plan_file"]
    )


def _refused(where: str, needed: str, found: str, remedy: str) -> DataError:
    return DataError("E-PLAN", where=where, needed=needed, found=found, remedy=remedy)
