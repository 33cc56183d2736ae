"""What the walk of a BIDS folder finds: datasets, sessions, and the files of one acquisition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from neuromyo.core.errors import Finding, NeuromyoError
from neuromyo.io import names


@dataclass(frozen=True, slots=True)
class Found:
    """A file that the walk met: its path relative to the dataset, and its name taken apart."""

    relative: str
    name: names.Name


@dataclass(frozen=True, slots=True)
class SeriesFiles:
    """The images of one acquisition: one suffix, and entities that differ in those of `names.merged` only."""

    kind: str
    part: str
    datatype: str
    entities: Mapping[str, str]
    images: tuple[Found, ...]

    @property
    def name(self) -> str:
        return self.images[0].relative


@dataclass(frozen=True, slots=True)
class SessionFiles:
    """What one session holds. ``metadata`` are the JSON, bval and bvec files that can hold for its images, those of the
    levels above included. ``problem`` is why it cannot be opened at all."""

    subject: str
    session: str
    groups: tuple[SeriesFiles, ...] = ()
    metadata: tuple[Found, ...] = ()
    others: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    problem: NeuromyoError | None = None

    @property
    def label(self) -> str:
        return f"sub-{self.subject}" + (f"_ses-{self.session}" if self.session else "")


@dataclass(frozen=True, slots=True)
class Dataset:
    """A BIDS folder: ``description`` is its dataset_description.json, empty where that is absent or unreadable."""

    root: Path
    description: Mapping[str, object]
    sessions: tuple[SessionFiles, ...]
    findings: tuple[Finding, ...] = field(default=())


def constant_entities(images: Sequence[Found]) -> dict[str, str]:
    """The entities that all images share, in BIDS order."""
    first = images[0].name.entities
    return {k: v for k, v in first.items() if all(i.name.entities.get(k) == v for i in images)}
