"""One examination on its way into the dataset."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neuromyo.core.errors import DataError, Finding, NeuromyoError
from neuromyo.dicom import child, classify, dates, sort
from neuromyo.dicom.entry import Entry
from neuromyo.dicom.frames import Frame
from neuromyo.dicom.listing import Listing
from neuromyo.io import raw_bids, store
from neuromyo.pipeline import intake_ledger as ledger
from neuromyo.pipeline.intake_options import SKIP, IntakeOptions
from neuromyo.pipeline.outcome import Event, Tell
from neuromyo.protocol import protocol as protocols


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
    """What an examination's import needs to know. ``images`` maps file numbers to keyed hashes of their images."""

    bids: Path
    options: IntakeOptions
    key: bytes
    listing: Listing
    session: str
    person: str
    images: Mapping[int, str]

    @property
    def label(self) -> str:
        return f"sub-{self.options.subject}" + (f"_ses-{self.session}" if self.session else "")

    @property
    def limits(self) -> child.Limits:
        return child.Limits(memory_mb=self.options.mem_mb, seconds=self.options.seconds)

    def request(self, files: Iterable[int], **more: Any) -> dict[str, Any]:
        numbers = sorted(files)
        return {"root": str(self.listing.root), "files": [[n, self.listing.files[n]] for n in numbers], **more}

    def ask(self, job: str, files: Iterable[int], tell: Any = None, **more: Any) -> Iterator[dict[str, Any]]:
        return child.run(job, self.request(files, **more), limits=self.limits, listing=self.listing, tell=tell)


@dataclass
class _Heard:
    """What the child said of the headers."""

    frames: list[Frame] = field(default_factory=list)
    facts: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    errors: list[NeuromyoError] = field(default_factory=list)
    lost: set[int] = field(default_factory=set)
