"""One session, from its files to its page. Every step is recorded when it is done, and not done twice."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from neuromyo.core.biomarker import Biomarker, Segmenter
from neuromyo.core.errors import EXIT_INPUT, Finding, NeuromyoError
from neuromyo.core.labels import Labels
from neuromyo.core.maps import Maps
from neuromyo.core.measurements import Measurements
from neuromyo.core.record import Step
from neuromyo.core.series import Series
from neuromyo.pipeline import cache, cohort, inputs, keys, measure, moving, outputs, prepare, session_page
from neuromyo.pipeline.foreground import worth_fitting
from neuromyo.pipeline.ledger import Entry, Ledger
from neuromyo.pipeline.nerve_work import NerveWork
from neuromyo.pipeline.options import RunOptions
from neuromyo.pipeline.outcome import Event, Failure, Outcome, Tell
from neuromyo.pipeline.plan import Task
from neuromyo.pipeline.results import Results
from neuromyo.pipeline.run_norms import SessionNorms
from neuromyo.protocol.scaling import flags as flags_of

Made = tuple[dict[str, str], dict[str, Any]]


@dataclass(frozen=True)
class Job:
    """What a worker is told: a dataset, one of its sessions, where results go, and its share of the machine."""

    dataset: Any
    files: Any
    out: Path
    options: RunOptions
    threads: int
    memory_mb: int

    @property
    def label(self) -> str:
        return self.files.label

    @property
    def scratch(self) -> Path:
        return self.out / "record" / "scratch" / self.folder

    @property
    def folder(self) -> str:
        """The session's folder in the record."""
        return outputs.folder_of(self.label)


def run(job: Job, tell: Tell) -> Outcome:
    """Does the session's plan. Whatever goes wrong becomes a `Failure` of this session and harms no other."""
    work = _Work(job, tell)
    try:
        work.go()
    except Exception as error:  # one bad subject never stops the others, whatever it does
        work.failures.append(Failure.of(job.label, "session", error))
    finally:
        shutil.rmtree(job.scratch, ignore_errors=True)
    outcome = work.outcome()
    cohort.remember(job.out, job.files, outcome)
    tell(Event("end", job.label, outcome.status))
    return outcome


@dataclass
class _Work:
    """What has been done so far in one session."""

    job: Job
    tell: Tell
    failures: list[Failure] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    plan_lines: tuple[str, ...] = ()
    maps: Results[Maps] = field(default_factory=Results)
    labels: Results[Labels] = field(default_factory=Results)
    tables: Results[Any] = field(default_factory=Results)
    given: list[Labels] = field(default_factory=list)
    refused: list[Labels] = field(default_factory=list)
    motion: dict[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    norm_notes: tuple[str, ...] = ()
    norms: SessionNorms | None = None
    page: str = ""
    retired: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.job.out, self.job.folder)
        self.nerves = NerveWork(self)

    def go(self) -> None:
        job = self.job
        self.ready = prepare.session(job.dataset, job.files, job.options, job.scratch, job.memory_mb)
        self.findings += self.ready.findings
        self.failures += self.ready.failures
        self.plan_lines = self.ready.plan.lines()
        self.tell(Event("plan", job.label, lines=self.plan_lines))
        tasks = self.ready.plan.tasks
        for task in [t for t in tasks if t.segments]:
            self.attempt(task.name, lambda task=task: self.draw(task))
        for labels in self.ready.labels:
            for series in measure.distinct_grids([t.main for t in tasks if not t.segments]):
                self.attempt(f"place {labels.source}", lambda labels=labels, series=series: self.place(labels, series))
        if job.options.follows_nerves:
            self.nerves.follow()
        for task in [t for t in tasks if not t.segments]:
            self.attempt(task.name, lambda task=task: self.do_task(task))
        self.nerves.examine()
        if len(self.maps) or len(self.nerves.examined):
            self.attempt("measure", self.do_measure)
        if "measure" in self.tables:
            self.attempt("table", self.do_table)
        if self.ready.series:
            self.attempt("page", self.do_page)
        if not self.failures:
            self.retired += outputs.retire(self.ledger, job.folder, {s.name for s in self.steps}, self.outputs)

    # --- bookkeeping ---

    def attempt(self, name: str, do: Callable[[], None]) -> None:
        """Runs one step; a failure is noted under its name, and what does not need it goes on."""
        self.tell(Event("step", self.job.label, name))
        try:
            do()
        except Exception as error:  # see above: a step's failure, of whatever kind, is a line in the final table
            self.failures.append(Failure.of(self.job.label, name, error))
            self.steps.append(Step(name, "", "failed", error={"code": self.failures[-1].code,
                                                              "message": self.failures[-1].message}))  # fmt: skip

    def once(self, name: str, key: str, make: Callable[[], Made], recall: Callable[[Entry], None]) -> None:
        """Makes a step's results, or recalls them where the ledger holds them under the same key, unchanged."""
        start = time.monotonic()
        entry = self.ledger.find(name, key)
        status = "done" if entry is None else "reused"
        if entry is None:
            before = self.ledger.last(name)
            made, notes = make()
            left = {n: d for n, d in (before.outputs if before else {}).items() if n not in made}
            self.retired += tuple(outputs.put_aside(self.ledger, self.job.folder, left))
            entry = self.ledger.keep(name, key, made, notes)
        else:
            recall(entry)
        self.steps.append(Step(name, key, status, time.monotonic() - start, dict(entry.outputs)))

    @property
    def keys(self) -> dict[str, str]:
        return {s.name: s.key for s in self.steps if s.key}

    @property
    def outputs(self) -> dict[str, str]:
        return {path: digest for s in self.steps for path, digest in s.outputs.items()}

    def outcome(self) -> Outcome:
        table = next((p for p in self.outputs if p.endswith("_measurements.tsv")), "")
        return Outcome(self.job.label, tuple(self.steps), tuple(self.failures), tuple(self.findings), self.plan_lines,
                       self.page, table, self.retired)  # fmt: skip

    # --- steps ---

    def options_of(self, task: Task) -> Any:
        return self.job.options.of(task.id, task.declaration.options)

    def do_task(self, task: Task) -> None:
        options = self.options_of(task)
        deciding = {**self.job.options.deciding(), **moving.deciding(task, self.job.options.motion)}
        key = keys.of_task(task, options, self.ready.inputs, self.keys, deciding)
        self.once(task.name, key, lambda: self.make(task, options, key), lambda entry: self.recall(task, entry))

    def draw(self, task: Task) -> None:
        """A segmentation; one that fails on these images is a warning, since measuring goes on without it."""
        try:
            self.do_task(task)
        except NeuromyoError as error:
            if error.exit_status != EXIT_INPUT:
                raise
            said = Finding.from_error(error)
            self.findings.append(replace(said, level="warn", code="W-NOREGIONS", where=f"{task.name}: {said.where}",
                                         consequence="no region of it is measured"))  # fmt: skip

    def make(self, task: Task, options: Any, key: str) -> Made:
        from neuromyo.io import store

        archive = f"record/{self.job.folder}/cache/{key}.npz"
        if isinstance(task.declaration, Segmenter):
            made, packed, notes = self.segment(task, task.declaration, options)
        else:
            made, packed, notes = self.fit(task, task.declaration, options)
        made[archive] = store.write_bytes(self.job.out / archive, packed)
        self.findings += [Finding(**f) for f in notes["findings"]]
        return made, {**notes, "cache": archive}

    def segment(self, task: Task, segmenter: Segmenter, options: Any) -> tuple[dict[str, str], bytes, dict[str, Any]]:
        drawn = segmenter.segment(dict(task.series), options)
        drawn = replace(drawn, source=drawn.source or segmenter.id)
        made = outputs.write_labels(self.job.out, task, drawn, self.ready)
        self.labels.put(task.name, drawn)
        return made, cache.pack_labels(drawn), {"findings": []}

    def fit(self, task: Task, biomarker: Biomarker, options: Any) -> tuple[dict[str, str], bytes, dict[str, Any]]:
        from neuromyo.fit import runner

        known, regions, without = inputs.gather(task, self.maps, self.labels, self.job.dataset.root, self.refused)
        series, motion, moved = moving.undone(biomarker, task.series, self.job.options.motion, self.job.scratch)
        self.motion[task.name] = motion
        maps, found = runner.run(
            biomarker,
            series,
            options,
            known=known,
            regions=regions,
            mask=worth_fitting(*series.values()),
            threads=self.job.threads,
            memory_mb=self.job.memory_mb,
            progress=lambda share: self.tell(Event("share", self.job.label, task.name, share=share)),
        )
        maps = replace(maps, flags=(*maps.flags, *flags_of(task.id, task.series)))
        made = outputs.write_maps(self.job.out, task, maps, self.ready, motion)
        self.maps.put(task.name, maps)
        notes = {
            "findings": [f.as_dict() for f in (*without, *moved, *found)],
            "biomarker": biomarker.id,
            "options": maps.options,
            "assumptions": [a.as_dict() for a in maps.assumptions],
            "motion": list(motion),
        }
        return made, cache.pack_maps(maps), notes

    def recall(self, task: Task, entry: Entry) -> None:
        def packed() -> bytes:
            return (self.job.out / entry.notes["cache"]).read_bytes()

        declaration = task.declaration
        if isinstance(declaration, Segmenter):
            self.labels.later(task.name, lambda: cache.unpack_labels(packed()))
        else:
            self.maps.later(task.name, lambda: cache.unpack_maps(packed(), declaration))
            self.motion[task.name] = entry.notes.get("motion", ())
        self.findings += [Finding(**f) for f in entry.notes["findings"]]

    def place(self, labels: Labels, series: Series) -> None:
        """The user's labels, checked against an image they are to be measured in."""
        where = self.ready.label_files.get(labels.source, labels.source)
        self.refused.append(labels)
        placed, found = measure.place_given(labels, series, self.labels, where)
        self.refused.pop()
        self.given.append(placed)
        self.findings += found

    def do_measure(self) -> None:
        key = measure.key(self.keys, self.given)
        self.once("measure", key, lambda: self.make_table(key), self.recall_table)

    def make_table(self, key: str) -> Made:
        done = [
            moving.of_task(t, self.motion.get(t.name, ()), self.job.scratch)
            for t in self.ready.plan.tasks
            if t.name in self.maps
        ]
        fitted = [
            measure.fitted(
                t, self.options_of(t), self.maps, self.labels, self.given, self.job.dataset.root, self.refused
            )
            for t in done
        ]
        subject, session = self.ready.subject, self.ready.session
        found = measure.table(fitted, subject, session, tuple(self.nerves.rows(subject, session)))
        self.tables.put("measure", found)
        return self.keep_table(key, found), {"cache": self.archive(key)}

    def do_table(self) -> None:
        """The table as people get it, beside healthy people where a norm was given."""
        options, ready = self.job.options, self.ready
        norms = self.norms = SessionNorms(
            options.norms, options.site, self.job.dataset.root, ready.subject, ready.series
        )
        key = norms.key(self.keys["measure"])

        def make() -> Made:
            table, samples = self.tables["measure"]
            table, told, self.norm_notes = norms.compared(table)
            self.tables.put("table", (table, samples))
            self.findings += told
            made = outputs.write_table(self.job.out, self.job.files, table)
            return {**made, **self.keep_table(key, (table, samples))}, {
                "cache": self.archive(key),
                "findings": [f.as_dict() for f in told],
                "norm_notes": list(self.norm_notes),
            }

        def recall(entry: Entry) -> None:
            self.recall_table(entry, "table")
            self.norm_notes = tuple(entry.notes["norm_notes"])
            self.findings += [Finding(**f) for f in entry.notes["findings"]]

        self.once("table", key, make, recall)

    def archive(self, key: str) -> str:
        return f"record/{self.job.folder}/cache/{key}.json"

    def keep_table(self, key: str, found: Any) -> dict[str, str]:
        from neuromyo.io import store

        return {self.archive(key): store.write_bytes(self.job.out / self.archive(key), cache.pack_table(*found))}

    def recall_table(self, entry: Entry, name: str = "measure") -> None:
        from neuromyo.report.view import SampleFit

        path = self.job.out / entry.notes["cache"]
        self.tables.later(name, lambda: cache.unpack_table(path.read_bytes(), SampleFit))

    def do_page(self) -> None:
        key = session_page.key(self.keys, self.findings, self.failures, self.plan_lines)
        self.once("page", key, self.make_page, lambda entry: None)
        self.page = f"{self.job.label}.html"

    def make_page(self) -> Made:
        table, samples = self.tables["table"] if "table" in self.tables else (Measurements.of(()), ())
        labels = measure.all_labels(self.labels, self.given)
        envelopes = self.norms.envelopes(table) if self.norms is not None else ()
        return session_page.write(self.job.out, self.ready, self.steps, self.findings, self.failures, self.maps, labels,
                                  table, samples, self.nerves.views(), self.norm_notes, envelopes), {}  # fmt: skip
