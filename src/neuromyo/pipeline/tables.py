"""Clinical tables into a dataset: read, checked against dictionary and images, and written only if nothing is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neuromyo.core.errors import DataError, Finding, NeuromyoError, OptionError, worst_exit
from neuromyo.io import columns, dictionary, people, phenotype, phenotype_write, sheet
from neuromyo.io.dictionary import Measure
from neuromyo.io.files import printable


@dataclass(frozen=True)
class Taken:
    """How it went: ``files`` written, relative to the dataset; ``values`` per measure, of participants."""

    findings: tuple[Finding, ...]
    files: tuple[str, ...] = ()
    values: dict[str, int] = field(default_factory=dict)
    participants: dict[str, int] = field(default_factory=dict)

    @property
    def stops(self) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.level == "stop")

    @property
    def exit_status(self) -> int:
        return worst_exit([f.exit_status for f in self.findings])

    def as_dict(self) -> dict[str, Any]:
        return {"findings": [f.as_dict() for f in self.findings], "files": list(self.files), "values": self.values,
                "participants": self.participants, "exit": self.exit_status}  # fmt: skip


def take(
    root: Path,
    tables: Sequence[Path],
    *,
    measure: str = "",
    own: Path | None = None,
    units: Sequence[str] = (),
    skipped: Sequence[str] = (),
    check_only: bool = False,
) -> Taken:
    """Reads every table, tells all that is wrong with all of them, and writes ``phenotype/`` if that is nothing.

    measure : which one the tables hold; without it, what each file's name says, or the only one that its columns fit
    own : a measure of the user's, as a TOML file
    """
    _require_dataset(root)
    stated = phenotype.units_of(units)
    declared = dictionary.read(own) if own is not None else None
    if declared is not None and measure and measure != declared.name:
        raise OptionError("E-OPTION", where="--measure", needed=f"{declared.name}, which --dictionary declares", found=measure,
                          remedy="leave one of them out")  # fmt: skip
    asked = declared or (dictionary.load(measure) if measure else None)
    readings: dict[str, list[phenotype.Reading]] = {}
    findings: list[Finding] = []
    for path in tables:
        try:
            which = asked or _measure_of(path, skipped)
            reading = phenotype.read_table(path, which, units=stated, skipped=skipped)
            findings += reading.findings
            if not any(f.code == "E-PHI" for f in reading.findings):
                findings += _labels(path, root)
            readings.setdefault(which.name, []).append(reading)
        except NeuromyoError as error:
            findings.append(Finding.from_error(error))
    findings += _idle(stated, [r for those in readings.values() for r in those])
    return _written(root, readings, findings, check_only)


def _written(
    root: Path, readings: dict[str, list[phenotype.Reading]], findings: list[Finding], check_only: bool
) -> Taken:
    whole: dict[str, tuple[Measure, tuple[phenotype.Entry, ...]]] = {}
    for name, those in readings.items():
        measure = those[0].measure
        new = {e.session for r in those for e in r.entries}
        earlier = [_earlier(root, measure, session) for session in sorted(new)]
        before = [r for r in earlier if r is not None]
        findings += [f for r in before for f in r.findings if f.level == "stop"]
        entries, clashes = phenotype.merged([*before, *those])
        findings += clashes
        whole[name] = (measure, tuple(e for e in entries if e.session in new))
    taken = Taken(
        tuple(dict.fromkeys(findings)),
        values={n: len(entries) for n, (_, entries) in whole.items()},
        participants={n: len({e.participant for e in entries}) for n, (_, entries) in whole.items()},
    )
    if taken.stops or check_only:
        return taken
    files = [f for measure, entries in whole.values() for f in phenotype_write.write(root, measure, entries)]
    return Taken(taken.findings, tuple(files), taken.values, taken.participants)


def _idle(stated: Mapping[str, str], readings: Sequence[phenotype.Reading]) -> list[Finding]:
    """A unit stated for a column that no table has is a slip of the pen."""
    lost = [c for c in stated if readings and all(c in r.idle for r in readings)]
    return [sheet.stop("E-UNITS", f"--unit {printable(c)}={printable(stated[c])}", "needed a column of the tables, found none of that name",
                       "correct the name") for c in lost]  # fmt: skip


def _require_dataset(root: Path) -> None:
    if not (root / "dataset_description.json").is_file():
        raise DataError("E-BIDS", where=printable(root), needed="a BIDS dataset with dataset_description.json", found="none",
                        remedy="name the folder that holds it")  # fmt: skip
    if (root / phenotype_write.FOLDER).is_symlink():
        raise OptionError("E-OUTDIR", where=f"{printable(root)}/{phenotype_write.FOLDER}", needed="a folder of the dataset",
                          found="a symbolic link", remedy="replace the link by a folder")  # fmt: skip


def _measure_of(path: Path, skipped: Sequence[str]) -> Measure:
    """The measure that a file is called after, or the only one that all its columns fit."""
    stem = dictionary.plain(path.stem).partition("_ses_")[0]
    for name in dictionary.names():
        if stem in (name, f"{name}s") or stem.replace("_", "") == name:
            return dictionary.load(name)
    table = sheet.read(path)
    fitting = [n for n in dictionary.names() if not columns.understand(table, dictionary.load(n), skipped).findings]
    if len(fitting) == 1:
        return dictionary.load(fitting[0])
    found = f"a name that says none, and columns that fit {', '.join(fitting) or 'none'}"
    raise OptionError("E-OPTION", where=printable(path.name), needed="to know which measure it holds", found=found,
                      remedy=f"give --measure with one of {', '.join(dictionary.names())}")  # fmt: skip


def _labels(path: Path, root: Path) -> list[Finding]:
    """Participants and visits against the images."""
    table = sheet.read(path)
    who, when = people.who_and_when(table)
    folders = people.folders(root)
    return list(people.labels(table, who, when, folders)) if who and folders else []


def _earlier(root: Path, measure: Measure, session: str) -> phenotype.Reading | None:
    """What the dataset holds of this measure and visit already."""
    relative = phenotype_write.file_name(measure, session)
    path = root / relative
    return phenotype.read_table(path, measure, name=relative) if path.is_file() else None
