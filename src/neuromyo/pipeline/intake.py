"""Importing scanner files: index, describe, sort, name, write, sweep, and only then move into place.

Whatever is parsed is parsed in a child process (`neuromyo.dicom.child`). All files are made ready in a staging folder of the
dataset, and nothing is moved into place before all of it was searched for patient data. An import never changes a file
of another subject, and the same files imported again add nothing.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neuromyo.core.errors import DataError, Finding, NeuromyoError, OptionError, worst_exit
from neuromyo.dicom import asked, child, index, key
from neuromyo.dicom.child import Limits
from neuromyo.dicom.entry import Entry
from neuromyo.dicom.preview import Preview
from neuromyo.io import store
from neuromyo.pipeline import intake_ledger as ledger
from neuromyo.pipeline import intake_seen as seen
from neuromyo.pipeline import intake_visit as visit
from neuromyo.pipeline import lock
from neuromyo.pipeline.intake_options import IntakeOptions
from neuromyo.pipeline.outcome import Tell, quiet


@dataclass(frozen=True)
class Imported:
    """The end of an import.

    visits : what became of every examination, in order of date
    findings : what concerns the folder as a whole; errors : files that could not be read, by what they are called
    notes : sentences for the user (a key was made)
    """

    bids: str
    visits: tuple[visit.Visit, ...]
    findings: tuple[Finding, ...] = ()
    errors: tuple[NeuromyoError, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """What was added, relative to the dataset."""
        return tuple(name for one in self.visits for name in one.files)

    @property
    def all_findings(self) -> tuple[Finding, ...]:
        return (*self.findings, *(f for one in self.visits for f in one.findings))

    @property
    def all_errors(self) -> tuple[NeuromyoError, ...]:
        return (*self.errors, *(e for one in self.visits for e in one.errors))

    @property
    def exit_status(self) -> int:
        return worst_exit([e.exit_status for e in self.all_errors])

    def as_dict(self) -> dict[str, Any]:
        return {
            "bids": self.bids,
            "sessions": [one.as_dict() for one in self.visits],
            "files": list(self.files),
            "findings": [f.as_dict() for f in self.findings],
            "errors": [e.as_dict() for e in self.all_errors],
            "notes": list(self.notes),
            "exit": self.exit_status,
        }


@dataclass
class _Notes:
    said: list[str] = field(default_factory=list)

    def add(self, sentence: str) -> None:
        self.said.append(sentence)


def import_dicom(source: Path, bids: Path, options: IntakeOptions, tell: Tell = quiet) -> Imported:
    """Add the scanner files of ``source`` (folder, file or archive) to the BIDS dataset ``bids`` as one person's visits.

    Raises for what concerns the whole (options, folders, two people in one folder, patient data in what would be written); what goes
    wrong with a file or a series is in the result, and the others go on.
    """
    options = options.checked()
    asked.check(options.series, options.side)
    visit.protocol_of(options)
    _require_safe(source, bids)
    source, bids = source.absolute(), bids.absolute()  # the child works elsewhere
    notes = _Notes()
    secret = key.load(options.key, outside=bids, tell=notes.add)
    fresh = not bids.exists()
    own = ledger.own_folder(bids)
    try:
        own.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise store.cannot_write(str(bids), error) from error
    try:
        with lock.held(own):
            ledger.recover(bids)
            ledger.clear(bids)
            ledger.scratch(bids).mkdir(parents=True)
            try:
                result = _imported(source, bids, options, secret, tell)
            finally:
                ledger.clear(bids)
    finally:
        if fresh:
            _leave_no_shell(bids)
    return Imported(str(bids), *result, tuple(notes.said))


def limits(options: IntakeOptions) -> Limits:
    """What the child may use."""
    return Limits(memory_mb=options.mem_mb, seconds=options.seconds)


def opened(source: Path, options: IntakeOptions, scratch: Path, salt: bytes, tell: Tell) -> index.Index:
    """The index of the source; E-ID where it holds more than one person."""
    found = index.index(source, scratch=scratch, limits=limits(options), tell=visit.share(tell, "import", "looking at files"),
                        open_names=options.show_names, salt=salt)  # fmt: skip
    people = {entry.person for entry in found.entries}
    if len(people) > 1 and not options.trust_subject:
        sizes = ", ".join(f"{sum(e.person == p for e in found.entries):,}" for p in sorted(people))
        raise DataError("E-ID", where="the folder of scanner files", needed="images of one person",
                        found=f"images of {len(people)} people, by number, name or birth date ({sizes} images)",
                        remedy="import each person from a folder of their own, under a label of their own; if it is one person, "
                               "say --trust-subject")  # fmt: skip
    return found


def _imported(
    source: Path, bids: Path, options: IntakeOptions, secret: bytes, tell: Tell
) -> tuple[tuple[visit.Visit, ...], tuple[Finding, ...], tuple[NeuromyoError, ...]]:
    salt = key.digest(secret, "person", "")[:16]
    found = opened(source, options, ledger.scratch(bids), salt, tell)
    accounts = ledger.accounts(bids)
    _require_same_key(accounts, secret)
    person = found.entries[0].person if found.entries else ""
    findings = [*found.findings, *_people(accounts, options, person)]
    done = []
    for label, entries in sessions(found.entries, options):
        names = {e.file: key.label(secret, "image", e.sop, 24) for e in entries}
        series = {e.file: key.label(secret, "series", e.series, 24) for e in entries}
        task = visit.Task(bids, options, secret, found.listing, label, person, names, series, source.name)
        findings += _elsewhere(accounts, task.label, names)
        chosen = seen.sorted_out(bids, accounts, task.label, entries, names, series)
        findings += [*seen.of_no_use(entries, chosen.entries, options.series), *_too_late(options, chosen)]
        done.append(visit.run(task, chosen, len(entries), tell))
    return tuple(done), tuple(findings), tuple(found.errors.values())


def sessions(entries: tuple[Entry, ...], options: IntakeOptions) -> list[tuple[str, list[Entry]]]:
    """The examinations in order of date, each with the label of its session; examinations of one day are one visit."""
    days: dict[str, list[Entry]] = {}
    for entry in entries:
        days.setdefault(entry.date or entry.study, []).append(entry)
    ordered = [days[day] for day in sorted(days)]
    labels = options.sessions or ("",)
    if len(ordered) != len(labels):
        held = ", ".join(f"{len(one):,}" for one in ordered)
        raise OptionError("E-OPTION", where="--session",
                          needed="one label for each examination, comma-separated in order of date",
                          found=f"{_counted(len(options.sessions), 'label')} for examinations of {_counted(len(ordered), 'day')} "
                                f"({held} images)",
                          remedy="say for instance --session "
                                 + ",".join(f"v{n + 1}" for n in range(len(ordered))))  # fmt: skip
    return list(zip(labels, ordered, strict=True))


def _elsewhere(accounts: dict[str, ledger.Account], label: str, names: dict[int, str]) -> list[Finding]:
    """A note where images of this examination are in the dataset under another label."""
    said = []
    for account in accounts.values():
        there = sum(
            account.images.get(image, ledger.FAILED) not in (ledger.LEFT_OUT, ledger.FAILED) for image in names.values()
        )
        if there and account.label != label:
            said.append(Finding("warn", "W-ID", label, f"{there:,} of its images are in the dataset already, as {account.label}",
                                "check --subject and --session", "they are not imported a second time"))  # fmt: skip
    return said


def _too_late(options: IntakeOptions, chosen: seen.Seen) -> list[Finding]:
    """A note where options ask for more of images that were all imported before."""
    asked_for = [name for name, given in (("--keep", options.keep), ("--keep-dicom", options.keep_dicom)) if given]
    if chosen.entries or not asked_for:
        return []
    return [Finding("note", "N-KEPT", ", ".join(asked_for), "nothing is new, so nothing more is kept of what was imported before",
                    "import into a new folder with it")]  # fmt: skip


def _require_same_key(accounts: dict[str, ledger.Account], secret: bytes) -> None:
    """E-OPTION where the dataset was begun with another key: persons and dates would not fit together."""
    others = [a.label for a in accounts.values() if a.key != visit.mark(secret)]
    if others:
        raise OptionError("E-OPTION", where="--key", needed=f"the key that {others[0]} was imported with",
                          found="another one, with which dates would be shifted otherwise and persons not be known again",
                          remedy="name that key by --key, or import into a new folder")  # fmt: skip


def _counted(n: int, thing: str) -> str:
    return f"{n or 'no'} {thing}{'s' * (n != 1)}"


def _people(accounts: dict[str, ledger.Account], options: IntakeOptions, person: str) -> list[Finding]:
    """A label that stood for somebody else is refused; a person under two labels is warned of."""
    said = []
    for account in accounts.values():
        label = account.label.partition("_")[0]
        own = label == f"sub-{options.subject}"
        if own and account.person != person and not options.trust_subject:
            raise DataError("E-ID", where=f"--subject {options.subject}",
                            needed="the person that this label stands for in the dataset",
                            found="another one (number, name or birth date differ)",
                            remedy="give this person a label of their own; if it is the same one, say --trust-subject")  # fmt: skip
        if not own and account.person == person:
            said.append(Finding("warn", "W-ID", f"--subject {options.subject}", f"this person seems to be {label} already",
                                "check the label, unless all your images carry one made-up name"))  # fmt: skip
    return list(dict.fromkeys(said))


def _require_safe(source: Path, bids: Path) -> None:
    """E-OUTDIR where writing there is not safe."""
    if not os.path.lexists(source):
        raise DataError("E-NOTFOUND", where="the folder of scanner files", needed="a folder, a file or an archive",
                        found="nothing of that name", remedy="check the name")  # fmt: skip
    found = ""
    if bids.is_symlink():
        found = "a symbolic link"
    elif bids.exists() and not bids.is_dir():
        found = "a file"
    elif source.is_dir() and bids.resolve().is_relative_to(source.resolve()):
        found = "one inside the folder of scanner files"
    elif bids.is_dir() and not os.access(bids, os.W_OK):
        found = "one that may not be written to"
    elif bids.is_dir() and any(bids.iterdir()) and not _is_dataset(bids):
        found = "one with other people's files and no dataset_description.json"
    elif any(path.is_symlink() for path in ledger.folders(bids)):
        found = f"one whose {ledger.FOLDER} is, or holds, a symbolic link"
    if found:
        raise OptionError("E-OUTDIR", where=str(bids), needed="a BIDS dataset or a new folder", found=found,
                          remedy="name another folder to import into")  # fmt: skip


def _is_dataset(bids: Path) -> bool:
    """Whether a folder is a dataset, or one that an import was killed at before it could say so."""
    begun = (ledger.own_folder(bids) / "pending.json").is_file()
    return begun or (bids / "dataset_description.json").is_file() or {p.name for p in bids.iterdir()} <= {ledger.FOLDER}


def _leave_no_shell(bids: Path) -> None:
    """An import that added nothing leaves no folder where there was none."""
    if (
        bids.is_dir()
        and {p.name for p in bids.iterdir()} <= {ledger.FOLDER}
        and not (ledger.own_folder(bids) / "import").exists()
    ):
        aside = bids.with_name(f".{bids.name}-{secrets.token_hex(4)}")
        bids.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)


def preview(source: Path, options: IntakeOptions, tell: Tell = quiet) -> Preview:
    """What would become of every attribute of the headers; nothing is written."""
    options = options.checked()
    with tempfile.TemporaryDirectory(prefix="neuromyo-") as scratch:
        found = opened(source, options, Path(scratch), bytes(16), tell)
        seen = Preview()
        request = {"root": str(found.listing.root.absolute()), "subject": options.subject, "keep": list(options.keep),
                   "files": [[e.file, found.listing.files[e.file]] for e in found.entries]}  # fmt: skip
        told = visit.share(tell, "preview", "reading headers")
        for message in child.run("preview", request, limits=limits(options), listing=found.listing, tell=told):
            seen.add(message)
    return seen
