"""A sealed plan carried out: tables decoded, analyses run as planned, everything that differs from the plan listed."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from neuromyo.core import options as core_options
from neuromyo.core.cohort import Cohort
from neuromyo.core.errors import DataError, Finding, NeuromyoError, OptionError
from neuromyo.io.files import printable
from neuromyo.pipeline import (
    study_audit,
    study_blind,
    study_deviations,
    study_lock,
    study_names,
    study_out,
    study_plan,
    study_primary,
    study_run,
    studying,
)
from neuromyo.pipeline.study_lock import Lock
from neuromyo.pipeline.study_out import Results
from neuromyo.pipeline.study_plan import Item, Plan
from neuromyo.pipeline.study_run import Done


@dataclass(frozen=True)
class LockedRequest:
    """What a sealed plan is run on. ``tables``: the folder of blinded tables where a ``key`` is given, else as for the verbs.

    changes : ``NAME.option=value``, options other than planned; deviations : reasons, as they are to be told
    """

    lock: Path
    tables: tuple[Path, ...]
    out: Path | None
    key: Path | None = None
    people: Path | None = None
    clinical: tuple[Path, ...] = ()
    dataset: Path | None = None
    trail: Path | None = None
    changes: tuple[str, ...] = ()
    deviations: tuple[str, ...] = ()
    author: str = ""
    units: Mapping[str, str] = field(default_factory=dict)


def run(request: LockedRequest) -> Done:
    """Runs a sealed plan. E-PLAN where the lock, the plan or the trail was changed, where the tables are not those of the key, and where a
    variable that the plan names is not there. Deviations do not stop it: they are listed, W-DEVIATION."""
    lock = study_lock.load(request.lock)
    trail = request.trail or study_audit.beside(request.lock)
    study_lock.in_trail(lock, trail)
    if request.out is not None:
        study_out.check(request.out)
    beside: list[str] = []
    plan, changed = study_deviations.changed(lock.plan, request.changes)
    if lock.data and request.key is None:
        raise _refused(
            "--key", "the key of the blinded tables that the plan was sealed beside", "none", "give --key KEY.json"
        )
    with tempfile.TemporaryDirectory(prefix="neuromyo-unblind-") as scratch:
        reading = _request(plan, request)
        if request.key is not None:
            reading, key = _decoded(reading, request, Path(scratch), trail)
            _once_told(trail, lock, request)
            beside = list(study_deviations.beside(key, trail, request.people, request.clinical, request.dataset))
        cohort = studying.read(reading)
        inputs = study_run.hashes(reading) if request.key is None else study_lock.hashes(request.tables[0])
    _all_there(plan, cohort)
    found = study_deviations.detected(lock, plan, cohort, None if request.key is None else request.tables[0])
    told = [*(f"stated: {d}" for d in request.deviations), *changed, *beside, *found]
    done = _results(plan, lock, cohort, told, inputs, "" if request.deviations else "say why by --deviation")
    files = study_run.written(request.out, done)
    results = study_audit.digest(study_out.plain(study_out.numbers(done)))
    study_audit.add(
        trail, "run", author=request.author, said="; ".join(told), hashes={"seal": lock.seal, "results": results}
    )
    return Done(done, files)


def run_open(plan_file: Path, reading: studying.StudyRequest, out: Path | None) -> Done:
    """All analyses of a plan that nobody sealed: each is marked exploratory."""
    plan = study_plan.read(plan_file)
    request = replace(reading, **_reading(plan))
    if out is not None:
        study_out.check(out)
    cohort = studying.read(request)
    found = [_one(item, cohort) for item in plan.items]
    note = Finding(
        "warn",
        "W-EXPLORATORY",
        printable(plan_file.name),
        "the plan was not sealed: nothing shows that it was made before results were seen",
        "neuromyo study plan seal, before the next study",
    )
    analyses = tuple(replace(a, exploratory=True) for a, _ in found)
    base = study_run.assembled(plan.title, analyses, tuple(o for _, o in found), cohort, (note,), {"plan": plan.hash})
    results = replace(base, inputs=study_run.hashes(request))
    return Done(results, study_run.written(out, results))


def unblind(
    lock_file: Path, tables: Path, key_file: Path, out: Path, *, trail: Path | None = None, author: str = ""
) -> Path:
    """The blinded tables as they were, in a new folder. E-PLAN unless a plan was sealed, and the tables are those of the key."""
    lock = study_lock.load(lock_file)
    trail = trail or study_audit.beside(lock_file)
    study_lock.in_trail(lock, trail)
    if out.is_symlink() or (out.exists() and (not out.is_dir() or any(out.iterdir()))):
        raise OptionError(
            "E-OUTDIR",
            where=printable(out),
            needed="a new or empty folder",
            found="one that is in use",
            remedy="give another",
        )
    key = study_blind.load(key_file)
    study_blind.check(tables, key)
    study_deviations.refuse_other_key(key, trail)
    study_audit.add(trail, "unblinded", author=author, said="tables decoded", hashes=_unblinded(lock, tables))
    out.mkdir(parents=True, exist_ok=True)
    study_blind.decode(tables, key, out)
    return out


def _request(plan: Plan, request: LockedRequest) -> studying.StudyRequest:
    base = studying.StudyRequest(
        request.tables, request.people, request.clinical, dataset=request.dataset, units=request.units
    )
    return replace(base, **_reading(plan))


def _reading(plan: Plan) -> dict[str, Any]:
    """The plan's [reading], as a request has it."""
    said = dict(plan.reading)
    out: dict[str, Any] = {
        k: said[k] for k in ("sides", "between", "statistic", "group_column", "keep_doubtful") if k in said
    }
    for key in ("worse", "visits"):
        if key in said:
            out[key] = tuple(f"{name}={value}" for name, value in said[key].items())
    if "sessions" in said:
        out["sessions"] = tuple(said["sessions"])
    return out


def _decoded(
    reading: studying.StudyRequest, request: LockedRequest, scratch: Path, trail: Path
) -> tuple[studying.StudyRequest, study_blind.Key]:
    if len(request.tables) != 1 or not request.tables[0].is_dir():
        raise _refused(
            "TABLES",
            "the folder of blinded tables, alone",
            f"{len(request.tables)} names",
            "give the folder that `study blind` wrote",
        )
    assert request.key is not None
    key = study_blind.load(request.key)
    study_blind.check(request.tables[0], key)
    study_deviations.refuse_other_key(key, trail)
    study_blind.decode(request.tables[0], key, scratch)
    clinical = (scratch / "phenotype",) if (scratch / "phenotype").is_dir() else ()
    decoded = replace(reading, tables=(scratch / "measurements.tsv",), people=request.people or scratch / "participants.tsv",
                      clinical=(*clinical, *request.clinical), days=key.days)  # fmt: skip
    return decoded, key


def _once_told(trail: Path, lock: Lock, request: LockedRequest) -> None:
    """The trail says that somebody was unblinded, the first time that these tables are."""
    hashes = _unblinded(lock, request.tables[0])
    if study_audit.find(study_audit.verify(trail), "unblinded", **hashes) is None:
        study_audit.add(trail, "unblinded", author=request.author, said="tables decoded to run the plan", hashes=hashes)


def _unblinded(lock: Lock, tables: Path) -> dict[str, str]:
    return {"seal": lock.seal, "data": study_audit.digest(study_lock.hashes(tables))}


def _results(
    plan: Plan, lock: Lock, cohort: Cohort, told: Sequence[str], inputs: Mapping[str, str], remedy: str
) -> Results:
    found = [_one(item, cohort) for item in plan.items]
    analyses = tuple(a for a, _ in found)
    first = study_primary.outcomes(plan, analyses, lock.seal, len(told))
    findings = tuple(Finding("warn", "W-DEVIATION", "plan", said, remedy) for said in told)
    used = ({}, *(o for _, o in found))
    provenance = {"plan": lock.plan.hash, "seal": lock.seal, "deviations": list(told), "criteria": plan.criteria}
    results = study_run.assembled(plan.title, (first, *analyses), used, cohort, findings, provenance)
    return replace(results, inputs=inputs)


def _one(item: Item, cohort: Cohort) -> tuple[Any, dict[str, Any]]:
    """One analysis, called as the plan calls it."""
    kind = studying.module(item.kind).Options
    analysis, options = studying.analyse(item.kind, cohort, study_plan.typed(kind, item.options, item.name))
    title = f"{item.name} ({item.role})"
    made = replace(analysis, title=title, exploratory=analysis.exploratory or item.role == "exploratory")
    return made, core_options.as_dict(options)


def _all_there(plan: Plan, cohort: Cohort) -> None:
    """E-PLAN for a variable that the plan names and the tables lack."""
    try:
        for word in plan.variables:
            study_names.find([word], cohort.variables, "the plan's variable")
    except NeuromyoError as error:
        raise _refused(
            error.where,
            error.needed,
            error.found,
            f"{error.remedy} Measure it, or state what was done instead by --set and --deviation",
        ) from error


def _refused(where: str, needed: str, found: str, remedy: str) -> DataError:
    return DataError("E-PLAN", where=where, needed=needed, found=found, remedy=remedy)
