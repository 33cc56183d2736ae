"""One examination on its way into the dataset."""

from __future__ import annotations

import datetime
import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from neuromyo.core.errors import DataError, Finding, NeuromyoError
from neuromyo.dicom import child, classify, dates, key, sort, sweep
from neuromyo.dicom.entry import Entry
from neuromyo.dicom.frames import Frame
from neuromyo.dicom.listing import Listing
from neuromyo.io import names, raw_bids
from neuromyo.pipeline import intake_ledger as ledger
from neuromyo.pipeline.intake_options import IntakeOptions
from neuromyo.pipeline.intake_seen import OF_ONE_RUN, Seen
from neuromyo.pipeline.outcome import Event, Tell
from neuromyo.protocol import protocol as protocols

_TITLE = "Scanner images"
#: endings of what may lie in the dataset under the name of an image
_ENDINGS = ("nii.gz", "nii", "json", "bval", "bvec")


@dataclass(frozen=True)
class Row:
    """What became of one stack of images: the files made of it, or why there are none."""

    series: str
    what: str
    size: str
    files: tuple[str, ...] = ()
    why: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {"series": self.series, "what": self.what, "size": self.size, "files": list(self.files), "why": self.why}


@dataclass(frozen=True)
class Visit:
    """What became of one examination. ``n_images`` were there, ``n_new`` of them had not been imported before."""

    session: str
    n_images: int
    n_new: int
    rows: tuple[Row, ...] = ()
    files: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    errors: tuple[NeuromyoError, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {
            "session": self.session,
            "images": self.n_images,
            "new": self.n_new,
            "series": [row.as_dict() for row in self.rows],
            "findings": [f.as_dict() for f in self.findings],
            "errors": [e.as_dict() for e in self.errors],
        }


@dataclass(frozen=True)
class Task:
    """What an examination's import needs to know. ``images`` and ``series`` map file numbers to keyed hashes; ``source`` is the
    name of what the user named, which may hold patient data: it is searched for, never shown."""

    bids: Path
    options: IntakeOptions
    key: bytes
    listing: Listing
    session: str
    person: str
    images: Mapping[int, str]
    series: Mapping[int, str]
    source: str = ""

    @property
    def label(self) -> str:
        return f"sub-{self.options.subject}" + (f"_ses-{self.session}" if self.session else "")

    @property
    def limits(self) -> child.Limits:
        return child.Limits(memory_mb=self.options.mem_mb, seconds=self.options.seconds)

    def request(self, files: Iterable[int], **more: Any) -> dict[str, Any]:
        numbers = sorted(files)
        return {
            "root": str(self.listing.root.absolute()),
            "files": [[n, self.listing.files[n]] for n in numbers],
            **more,
        }

    def ask(self, job: str, files: Iterable[int], tell: Any = None, **more: Any) -> Iterator[dict[str, Any]]:
        return child.run(job, self.request(files, **more), limits=self.limits, listing=self.listing, tell=tell)


@dataclass
class _Heard:
    """What the child said of the headers."""

    frames: list[Frame] = field(default_factory=list)
    facts: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    errors: list[NeuromyoError] = field(default_factory=list)
    alike: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def take(self, message: Mapping[str, Any]) -> None:
        self.findings += [Finding(**one) for one in message.get("findings", ())]
        if "error" in message:
            self._add(child.as_error(message["error"]))
        if "frames" in message:
            self.frames += [Frame.from_dict(said) for said in message["frames"]]
            self.facts[message["file"]] = message["facts"]

    def _add(self, error: NeuromyoError) -> None:
        """What is wrong in the same way with many files is told of the first of them."""
        kind = error.code, error.found, error.remedy
        if not self.alike[kind]:
            self.errors.append(error)
        self.alike[kind] += 1

    def told(self) -> list[NeuromyoError]:
        """The errors, each with how many files more it holds for."""
        return [_of_many(error, self.alike[error.code, error.found, error.remedy] - 1) for error in self.errors]


def _of_many(error: NeuromyoError, more: int) -> NeuromyoError:
    if more < 1:
        return error
    found = f"{error.found} (and so in {more:,} more file{'s' * (more > 1)})"
    return type(error)(error.code, where=error.where, needed=error.needed, found=found, remedy=error.remedy)


def run(task: Task, seen: Seen, n_images: int, tell: Tell) -> Visit:
    """Imports the images of one examination that are to be read.

    Raises E-PHI where patient data would get into the dataset: then nothing of this examination is moved into place.
    """
    entries = seen.entries
    if not entries:
        return Visit(task.label, n_images, 0, findings=seen.findings, errors=seen.errors)
    heard = _Heard(findings=list(seen.findings), errors=list(seen.errors))
    for message in task.ask("describe", (e.file for e in entries), share(tell, task.label, "reading headers")):
        heard.take(message)
    sorted_ = sort.stacks(heard.frames, heard.facts, task.listing, sops=task.images)
    named, findings = classify.named(
        sorted_.stacks, subject=task.options.subject, session=task.session, protocol=protocol_of(task.options),
        overrides=task.options.series, body_part=task.options.body_part, side=task.options.side,
    )  # fmt: skip
    named = beside_what_is_there(task.bids, named)
    heard.findings += [*sorted_.findings, *findings]
    heard.errors += sorted_.errors
    written, lost = _write_images(task, named, tell)
    heard.errors += lost
    kept = [one for one in named if one.stem in written]
    heard.findings += _write_tables(task, entries, kept)
    if task.options.keep_dicom:
        heard.findings += _write_copies(task, kept, tell)
    heard.findings += _search(task, entries, kept, tell)
    files = tuple(_staged(ledger.staging(task.bids)))
    ledger.commit(task.bids, files, _account(task, entries, kept, heard))
    return Visit(task.label, n_images, seen.n_new, tuple(_rows(sorted_.stacks, named, written)), files,
                 tuple(dict.fromkeys(heard.findings)), tuple(heard.told()))  # fmt: skip


def share(tell: Tell, session: str, what: str) -> Callable[[int, int], None]:
    """Tells of (done, total) files as a step and its share, not more often than a person can read."""
    tell(Event("step", session, what))

    def told(done: int, total: int) -> None:
        every = max(1, total // 20)
        if done % every == 0 or done == total:
            tell(Event("share", session, f"{what}: {done:,} of {total:,} files", share=done / max(1, total)))

    return told


def beside_what_is_there(bids: Path, named: Sequence[classify.Named]) -> tuple[classify.Named, ...]:
    """The same files, numbered as a further run where the dataset has files of their names already."""
    groups: dict[tuple[Any, ...], list[classify.Named]] = {}
    for one in named:
        shared = tuple((k, v) for k, v in one.entities.items() if k not in OF_ONE_RUN)
        groups.setdefault((one.derivative, one.folder, one.kind, shared), []).append(one)
    free: dict[str, classify.Named] = {}
    for group in groups.values():
        first = int(group[0].entities.get("run", "1"))
        wanted = (group if n == first else [_as_run(one, n) for one in group] for n in itertools.count(first))
        chosen = next(g for g in wanted if not any(_is_taken(bids, one) for one in g))
        free |= {one.stem: new for one, new in zip(group, chosen, strict=True)}
    return tuple(free[one.stem] for one in named)


def _is_taken(bids: Path, one: classify.Named) -> bool:
    return any(os.path.lexists(bids / f"{one.stem}.{ending}") for ending in _ENDINGS)


def _as_run(one: classify.Named, number: int) -> classify.Named:
    entities = names.ordered({**one.entities, "run": str(number)})
    return replace(one, entities=entities, name=names.join(entities, one.kind))


def protocol_of(options: IntakeOptions) -> Any:
    """The protocol that was named, None where none was; E-PROTOCOL where there is none of that name."""
    return protocols.load(options.protocol) if options.protocol else None


# --- writing ----------------------------------------------------------------------------------------------------------


def _write_images(
    task: Task, named: Sequence[classify.Named], tell: Tell
) -> tuple[dict[str, tuple[str, ...]], list[NeuromyoError]]:
    """Stem -> files of every image that could be written, and why others could not."""
    into, raw = ledger.staging(task.bids), ledger.scratch(task.bids) / "voxels"
    written: dict[str, tuple[str, ...]] = {}
    errors: list[NeuromyoError] = []
    stacks = list({id(one.stack): one.stack for one in named}.values())
    for stack in stacks:
        wrong = _fill(task, stack, raw, share(tell, task.label, f"{stack.call}: reading voxels"))
        if wrong:
            errors += wrong
            continue
        for one in (n for n in named if n.stack is stack):
            written[one.stem] = tuple(raw_bids.write_image(into, one.image(raw)))
        raw.unlink()
    return written, errors


def _fill(task: Task, stack: sort.Stack, raw: Path, tell: Any) -> list[NeuromyoError]:
    """The voxels of a stack in the file ``raw``, or why not."""
    columns, rows, slices, volumes = stack.shape
    raw.unlink(missing_ok=True)
    asked = {"out": str(raw), "dtype": stack.dtype(), "shape": [rows, columns], "planes": stack.requests()}
    errors = [child.as_error(m["error"]) for m in task.ask("pixels", stack.files(), tell, **asked) if "error" in m]
    size = columns * rows * slices * volumes * np.dtype(stack.dtype()).itemsize
    if not errors and (not raw.is_file() or raw.stat().st_size != size):
        found = raw.stat().st_size if raw.is_file() else 0
        errors.append(DataError("E-DICOM", where=stack.call, needed=f"{size:,} bytes of voxels", found=f"{found:,}",
                                remedy="export the series again"))  # fmt: skip
    return errors


def _write_tables(task: Task, entries: Sequence[Entry], kept: Sequence[classify.Named]) -> list[Finding]:
    """The dataset's own files and tables, those that are there already added to."""
    if not kept:
        return []
    root, into, subject = task.bids, ledger.staging(task.bids), task.options.subject
    maps = [one for one in kept if one.derivative]
    raw_bids.write_heads(root, into, title=_TITLE, maps=bool(maps))
    raw_bids.ignore(root, into, [f"{ledger.FOLDER}/"])
    if patterns := classify.ignored(maps):
        raw_bids.ignore(root, into, patterns, inside=raw_bids.SCANNER)
    about, notes = _characteristics(task, entries)
    raw_bids.add_participant(root, into, subject, about)
    day = dates.parse_date(entries[0].date)
    shift = dates.Shift(task.key, subject)
    if task.session:
        moved = shift.day(day) if day else None
        raw_bids.add_session(root, into, subject, task.session, moved.isoformat() if moved else None)
    scans = {f"{one.stem}.nii.gz": _moment(one, day, shift) for one in kept if not one.derivative}
    raw_bids.add_scans(root, into, subject, task.session, scans)
    return [Finding("note", "N-PERSON", task.label, note) for note in notes]


def _moment(one: classify.Named, day: datetime.date | None, shift: dates.Shift) -> str | None:
    moved = shift.day(day) if day else None
    return raw_bids.moment(moved, one.stack.clock) if moved else None


def _characteristics(task: Task, entries: Sequence[Entry]) -> tuple[dict[str, Any], list[str]]:
    if not task.options.keep:
        return {}, []
    about: dict[str, Any] = {}
    notes: dict[str, None] = {}
    for message in task.ask("person", [entries[0].file], keep=list(task.options.keep)):
        about |= message.get("about", {})
        notes |= dict.fromkeys(message.get("notes", ()))
    absent = [one for one in task.options.keep if one not in about]
    if absent:
        notes[f"{', '.join(absent)}: not stated in the headers"] = None
    return about, list(notes)


def _write_copies(task: Task, kept: Sequence[classify.Named], tell: Tell) -> list[Finding]:
    """De-identified DICOM of what was imported, in sourcedata."""
    files = {n for one in kept for n in one.stack.files()}
    session = [f"ses-{task.session}"] if task.session else []
    out = ledger.staging(task.bids).joinpath("sourcedata", f"sub-{task.options.subject}", *session, "dicom")
    asked = {"out": str(out), "key": task.key.hex(), "subject": task.options.subject, "keep": list(task.options.keep)}
    findings: list[Finding] = []
    for message in task.ask("copies", files, share(tell, task.label, "de-identified copies"), **asked):
        findings += [Finding(**one) for one in message.get("findings", ())]
        if "error" in message:
            error = child.as_error(message["error"])
            findings.append(Finding("warn", "W-COPY", error.where, error.found, error.remedy, "no copy of it is kept"))
    return findings


def _search(task: Task, entries: Sequence[Entry], kept: Sequence[classify.Named], tell: Tell) -> list[Finding]:
    """The last search, over all that is staged: E-PHI for the first leak, or where pixels that are kept may name the person."""
    files = [e.file for e in entries]
    asked = {"out": str(ledger.staging(task.bids)), "expected": len(files), "source": task.source}
    found = sweep.swept(task.ask("sweep", files, share(tell, task.label, "searching for patient data"), **asked))
    used = {n for one in kept for n in one.stack.files()}
    wrong = [*found.leaks, *(error for number, error in found.refused.items() if number in used)]
    if wrong:
        raise wrong[0]
    if not found.unsought:
        return []
    return [Finding("note", "N-SHORT", task.label, f"too short to be searched for in what was written: {', '.join(found.unsought)}",
                    "look at the tables and sidecars yourself if that matters")]  # fmt: skip


def _staged(staging: Path) -> Iterator[str]:
    """What is to be moved, tables and descriptions last: an import that is killed leaves no row without its image."""
    files = [p.relative_to(staging) for p in staging.rglob("*") if p.is_file()]
    yield from (
        p.as_posix() for p in sorted(files, key=lambda p: (len(p.parts) == 1 or p.suffix == ".tsv", p.as_posix()))
    )


def _account(task: Task, entries: Sequence[Entry], kept: Sequence[classify.Named], heard: _Heard) -> ledger.Account:
    """What is remembered, of series that failed too: the same import can be tried again."""
    place = {f.file: one.stem for one in reversed(kept) for v in one.volumes for f in one.stack.planes[v]}
    failed = {f.file for f in heard.frames} - set(place) if heard.errors else set()
    images = {
        task.images[e.file]: place.get(e.file, ledger.FAILED if e.file in failed else ledger.LEFT_OUT) for e in entries
    }
    series = {task.series[e.file]: place[e.file] for e in reversed(entries) if e.file in place}
    before = ledger.accounts(task.bids).get(task.label)
    account = before or ledger.Account(task.label, task.person, mark(task.key))
    return account.with_images(images, series)


def mark(secret: bytes) -> str:
    """By which one key is told from another."""
    return key.label(secret, "mark", "")


def _rows(
    stacks: Sequence[sort.Stack], named: Sequence[classify.Named], written: Mapping[str, tuple[str, ...]]
) -> Iterator[Row]:
    for stack in stacks:
        files = tuple(f for one in named if one.stack is stack for f in written.get(one.stem, ()))
        kinds = ", ".join(dict.fromkeys(one.kind for one in named if one.stack is stack))
        part = "" if stack.part == "mag" else f" ({stack.part})"
        size = " x ".join(map(str, stack.shape[:3])) + (f", {stack.n} volumes" if stack.n > 1 else "")
        yield Row(stack.call, f"{kinds or stack.made or 'not told'}{part}", size, files, "" if files else "left out")
