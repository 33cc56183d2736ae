"""Which DICOM files there are: a folder, a file or an archive, read in the child, each file known by its number from then on."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuromyo.core.errors import DataError, Finding, NeuromyoError
from neuromyo.dicom import archive, child
from neuromyo.dicom.child import Limits, Tell
from neuromyo.dicom.entry import Entry
from neuromyo.dicom.gather import SOURCE, counted, gather
from neuromyo.dicom.listing import Listing

_OTHERS = {
    "foreign": "not DICOM",
    "empty": "empty",
    "directory": "a list of contents (DICOMDIR)",
    "archive": "an archive",
}


@dataclass(frozen=True)
class Index:
    """The DICOM files of a source.

    entries : in the order of their numbers
    n_other : files that are no DICOM image (told in a note)
    errors : file number -> why it cannot be read
    """

    listing: Listing
    entries: tuple[Entry, ...]
    n_other: int
    findings: tuple[Finding, ...]
    errors: Mapping[int, NeuromyoError]


def index(
    source: Path,
    *,
    scratch: Path,
    limits: Limits | None = None,
    tell: Tell | None = None,
    open_names: bool = False,
    salt: bytes | None = None,
) -> Index:
    """Every DICOM file under ``source``, by reading the beginnings of all files.

    scratch : an existing folder of our own; an archive is unpacked into ``scratch/unpacked``, which stays
    tell : called with (files looked at, files there are)
    salt : with the same one, the same person has the same key in two indices
    E-NOTFOUND, E-NOTREGULAR, E-ARCHIVE; E-DICOM where there is nothing DICOM at all. One bad file is no error of the whole
    """
    limits = limits or Limits()
    gathered = gather(source)
    listing = Listing(gathered.root, gathered.files, open_names)
    if not source.is_dir() and archive.is_archive(source):
        listing = archive.unpack(source, scratch / "unpacked", limits=limits, open_names=open_names)
    told = _Told()
    request = {
        "root": str(listing.root.absolute()),
        "salt": (salt or secrets.token_bytes(16)).hex(),
        "files": _offered(listing, told),
    }
    for message in child.run("index", request, limits=limits, listing=listing, tell=tell):
        told.take(message)
    if not told.entries and not told.errors:
        raise DataError("E-DICOM", where=SOURCE, needed="DICOM images",
                        found=f"none among {counted(len(listing.files), 'file')}",
                        remedy="name the folder that the scanner or archive exported")  # fmt: skip
    findings = (*gathered.findings(), *told.notes(), *told.findings)
    return Index(listing, tuple(told.entries), told.others.total(), findings, told.errors)


def _offered(listing: Listing, told: _Told) -> list[list[Any]]:
    """All files but lists of contents: what they point to is found without them, or is none of our business."""
    offered = []
    for number, name in enumerate(listing.files):
        called = listing.called[number] if listing.called else name
        if Path(called).name.casefold() == "dicomdir":
            told.others["directory"] += 1
        else:
            offered.append([number, name])
    return offered


class _Told:
    """What the child said so far."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.errors: dict[int, NeuromyoError] = {}
        self.findings: list[Finding] = []
        self.others: Counter[str] = Counter()

    def take(self, message: dict[str, Any]) -> None:
        number = message["file"]
        if "error" in message:
            self.errors[number] = child.as_error(message["error"])
            self.entries = self.entries[:-1] if self.entries and self.entries[-1].file == number else self.entries
        elif "other" in message:
            self.others[message["other"]] += 1
        else:
            self.entries.append(Entry.from_dict({"file": number, **message["entry"]}))
        self.findings += [Finding(**one) for one in message.get("findings", ())]

    def notes(self) -> list[Finding]:
        said = [f"{count:,} {_OTHERS[kind]}" for kind, count in sorted(self.others.items()) if kind in _OTHERS]
        if not said:
            return []
        what = f"{counted(self.others.total(), 'file')} left out: {', '.join(said)}"
        remedy = "unpack archives, or import each by itself" if self.others["archive"] else ""
        return [Finding("note", "N-OTHERFILES", SOURCE, what, remedy)]
