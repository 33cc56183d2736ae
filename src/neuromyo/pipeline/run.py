"""The main job: a BIDS folder in, maps, tables and pages out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from neuromyo.core.errors import DataError, Finding, OptionError
from neuromyo.pipeline import cohort, lock, outdir, prepare, workers
from neuromyo.pipeline.options import RunOptions
from neuromyo.pipeline.outcome import Failure, Outcome, RunResult, Tell, as_known, quiet
from neuromyo.pipeline.session import Job

LEVELS = ("participant", "group")


def run_dataset(
    root: Path, out: Path, level: str = "participant", options: RunOptions | None = None, tell: Tell = quiet
) -> RunResult:
    """Runs everything asked on every session asked, then joins all sessions there are.

    root : a BIDS folder, which is only read; out : where results go
    level : ``participant`` works on sessions and joins them, ``group`` only joins

    Raises for what concerns the whole run (options, folders, the lock); what goes wrong in a session is in the result.
    A run that was interrupted, started again, goes on where it was; a finished one does nothing.
    """
    options = (options or RunOptions()).checked()
    if level not in LEVELS:
        raise OptionError("E-OPTION", where="level", needed=" or ".join(LEVELS), found=level,
                          remedy="give one of them as the third argument")  # fmt: skip
    dataset = open_dataset(root, options)
    out = outdir.prepare(out, root)
    with lock.held(out):
        outdir.mark(out)
        outdir.sweep(out)
        outcomes: list[Outcome] = []
        if level == "participant":
            outcomes = list(workers.run(_jobs(dataset, out, options), options.nprocs, tell))
            outcomes.sort(key=lambda o: [f.label for f in dataset.sessions].index(o.session))
        result = _finish(dataset, out, outcomes)
        _account(out, result)
    return result


def open_dataset(root: Path, options: RunOptions) -> Any:
    """The index of a BIDS folder, of the participants and sessions asked, with what is to be said of people and visits among
    its findings; E-NOTFOUND where there are none of them."""
    from neuromyo.io import bids

    dataset = bids.index(root, subjects=options.participants or None, sessions=options.sessions or None)
    if not dataset.sessions:
        asked = ", ".join([*options.participants, *options.sessions]) or "any session"
        raise DataError("E-NOTFOUND", where=str(root), needed=asked, found="no session of that label",
                        remedy="check --participant-label and --session-label")  # fmt: skip
    return replace(dataset, findings=(*dataset.findings, *_of_people(root, dataset), *_of_landmarks(dataset, options)))


def _of_landmarks(dataset: Any, options: RunOptions) -> tuple[Finding, ...]:
    """That a table of landmarks has rows, and none of anybody who is here: labels that differ by a zero would go unseen."""
    from neuromyo.pipeline import pointing

    path = options.landmarks
    if path is None or not pointing.of_file(path):
        return ()
    if any(pointing.of_file(path, one.subject, one.session or "") for one in dataset.sessions):
        return ()
    here = ", ".join(one.label for one in dataset.sessions[:3]) + " ..." * (len(dataset.sessions) > 3)
    return (Finding("warn", "W-NERVE", path.name, f"no row is of a session that is measured ({here})",
                    "compare participant_id and session_id with the dataset's labels", "no nerve is followed from it"),)  # fmt: skip


def _of_people(root: Path, dataset: Any) -> tuple[Finding, ...]:
    """What is wrong in the tables of people; a table that nobody can read must not stop the images of the others."""
    from neuromyo.io import people

    try:
        return people.examine(root, dataset)
    except Exception as error:
        return (Finding.from_error(as_known(error)),)


def plans(root: Path, options: RunOptions, scratch: Path) -> list[tuple[str, prepare.Ready | Failure]]:
    """What would run, session by session; a session that cannot be opened is a failure."""
    options = options.checked()
    found: list[tuple[str, prepare.Ready | Failure]] = []
    dataset = open_dataset(root, options)
    for files in dataset.sessions:
        try:
            ready = prepare.session(dataset, files, options, scratch, options.mem_mb)
            found.append((files.label, ready))
        except Exception as error:  # the next session is none the worse
            found.append((files.label, Failure.of(files.label, "session", error)))
    return found


def _jobs(dataset: Any, out: Path, options: RunOptions) -> list[Job]:
    """A session alone gets all cores as threads; of several, each process gets its share of cores and memory."""
    many = len(dataset.sessions)
    at_once = max(1, min(options.nprocs, many))
    threads = options.nprocs if many == 1 else max(1, options.nprocs // at_once)
    memory = max(200, options.mem_mb // at_once)
    return [Job(dataset, files, out, options, threads, memory) for files in dataset.sessions]


def _finish(dataset: Any, out: Path, outcomes: Sequence[Outcome]) -> RunResult:
    entry, reused, failures = cohort.write(out, dataset.description)
    files = {Path(name).name: name for name in entry.outputs}
    absent = tuple(_absent(f) for f in dataset.findings if f.code == "W-NOTFOUND")
    people = tuple(Failure("dataset", "tables", f.code, str(f)) for f in dataset.findings if f.level == "stop")
    remarks = tuple(f for f in dataset.findings if f.level != "stop" and f.code != "W-NOTFOUND")
    return RunResult(str(out), tuple(outcomes), files, (*absent, *people, *failures), reused, remarks)


def _absent(finding: Finding) -> Failure:
    """A participant or session that was asked for by name and is not there: the others are done, and this is told."""
    error = DataError("E-NOTFOUND", where=finding.where, needed="a label of the dataset", found="none of that name",
                      remedy="check --participant-label and --session-label")  # fmt: skip
    return Failure.of(finding.where, "dataset", error)


def _account(out: Path, result: RunResult) -> None:
    """``record/run.json``: how the last run went, for machines."""
    from neuromyo.io import store

    said: Mapping[str, Any] = result.as_dict()
    store.write_json(out / "record" / "run.json", {**said, "out": "."})
