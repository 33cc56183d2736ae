"""What a user asks of a run, checked before anything is opened."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neuromyo.core import options as core_options
from neuromyo.core.errors import DataError, OptionError
from neuromyo.pipeline import moving, pointing, registries

GEOMETRIES = ("strict", "sform", "qform")


def usable_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class RunOptions:
    """The options of `neuromyo run`. Labels without ``sub-`` and ``ses-``; memory in megabytes, sizes in gigabytes.

    landmarks : table of where people pointed at nerves; nerves : those to follow from a proposal where nobody did
    norms : norm file that values are compared with; site : the scanner or centre, as the norm names it, where participants.tsv does not say
    """

    participants: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    biomarkers: tuple[str, ...] = ()
    protocol: str = ""
    regions: Path | None = None
    flip_labels: bool = False
    landmarks: Path | None = None
    nerves: tuple[str, ...] = ()
    option: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    max_input_gb: float = 16.0
    geometry: str = "strict"
    nprocs: int = 1
    mem_mb: int = 4000
    motion: str = "correct"
    norms: Path | None = None
    site: str = ""

    def checked(self) -> RunOptions:
        """Itself, if every name is known and every number possible; E-UNKNOWN or E-OPTION otherwise."""
        for id_ in self.biomarkers:
            registries.biomarkers().get(id_)
        for id_, given in self.option.items():
            parsed(registries.declaration(id_).options, given)
        if self.protocol:
            from neuromyo.protocol import protocol

            protocol.load(self.protocol)
        if self.geometry not in GEOMETRIES:
            raise OptionError(
                "E-OPTION",
                where="--geometry",
                needed=f"one of {', '.join(GEOMETRIES)}",
                found=self.geometry,
                remedy="leave it out unless a message told you to choose",
            )
        moving.checked(self.motion)
        if self.nprocs < 1:
            raise OptionError("E-OPTION", where="--nprocs", needed="a number from 1", found=str(self.nprocs),
                              remedy="give a number, or 0 for all cores")  # fmt: skip
        if self.mem_mb < 200:
            raise OptionError("E-OPTION", where="--mem-mb", needed="at least 200 megabytes", found=str(self.mem_mb),
                              remedy="give more, or leave it out for 4000")  # fmt: skip
        if not self.max_input_gb > 0:
            raise OptionError(
                "E-OPTION",
                where="--max-input-gb",
                needed="a number above 0",
                found=str(self.max_input_gb),
                remedy="give gigabytes, or leave it out for 16",
            )
        if self.regions is not None and not self.regions.is_dir():
            raise DataError(
                "E-NOTFOUND",
                where=str(self.regions),
                needed="a folder of label maps",
                found="no such folder",
                remedy="check the name given to --regions",
            )
        if self.landmarks is not None:
            from neuromyo.io.landmarks import read_landmarks

            read_landmarks(self.landmarks)
        if self.norms is not None:
            from neuromyo.pipeline import norm_held

            norm_held.read(self.norms)
        for text in self.nerves:
            pointing.nerve_asked(text)
        return self

    @property
    def follows_nerves(self) -> bool:
        return self.landmarks is not None or bool(self.nerves)

    def of(self, id_: str, kind: type) -> Any:
        """The options of one biomarker or segmenter, as given for it, else its defaults."""
        return parsed(kind, self.option.get(id_, {}))

    def deciding(self) -> dict[str, Any]:
        """Those that can change a result, for step keys; not how many processes or how much memory."""
        return {"geometry": self.geometry, "flip_labels": self.flip_labels}


def parsed(kind: type, given: Mapping[str, Any]) -> Any:
    """An instance of the options class ``kind``; where an option takes numbers besides its words, a JSON file stands for
    the numbers in it."""
    open_ended = {row["name"] for row in core_options.describe(kind) if row["open_choice"]}
    values = dict(given)
    for name, value in given.items():
        if name.replace("-", "_") in open_ended and isinstance(value, str) and value.lower().endswith(".json"):
            from neuromyo.io.numbers import read_numbers

            values[name] = read_numbers(Path(value))
    return core_options.parse(kind, values)


def split_assignments(given: Iterable[str], flag: str = "--option") -> dict[str, dict[str, str]]:
    """``["t2-water.fat_t2=0.15", ...]`` -> {id: {key: value}}."""
    found: dict[str, dict[str, str]] = {}
    for text in given:
        left, equals, value = text.partition("=")
        id_, dot, name = left.rpartition(".")
        if not (equals and dot and id_ and name):
            raise OptionError("E-OPTION", where=flag, needed="ID.key=value", found=repr(text),
                              remedy="begin with the biomarker, such as t2-water.fat_t2=0.15")  # fmt: skip
        found.setdefault(id_, {})[name] = value
    return found
