"""Studies that can be made: who is scanned, where, with what. Read from TOML, packaged (``demo``) or one's own."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from neuromyo.core import resources
from neuromyo.core.acquisition import Acquisition
from neuromyo.core.errors import OptionError
from neuromyo.core.grid import Grid
from neuromyo.phantom.cohort import Person, Visit, cohort
from neuromyo.phantom.disease import Disease


@dataclass(frozen=True)
class Stack:
    """A stack of slices across both legs.

    matrix, spacing_mm : voxels and their size, right to left and back to front
    centre_z_mm : height of the middle slice above the knee joint line (negative for the calf)
    tilt_deg : by how much slices are tilted, front edge up
    """

    matrix: tuple[int, int] = (192, 112)
    spacing_mm: tuple[float, float] = (1.6, 1.6)
    slices: int = 10
    slice_spacing_mm: float = 12.0
    slice_thickness_mm: float = 6.0
    centre_z_mm: float = -110.0
    tilt_deg: float = 0.0

    def grid(self) -> Grid:
        """The stack as a grid in scanner space, centred between the legs."""
        angle = np.deg2rad(self.tilt_deg)
        turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
        shape = (*self.matrix, self.slices)
        affine = np.eye(4)
        affine[:3, :3] = turn * np.array([*self.spacing_mm, self.slice_spacing_mm])
        affine[:3, 3] = np.array([0.0, 0.0, self.centre_z_mm]) - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
        return Grid.of(shape, affine, slice_axis=2)


@dataclass(frozen=True)
class SeriesPlan:
    """One series to be made: the biomarker whose physics makes it, its ``acq`` label, and what differs from its typical
    acquisition: a number of echoes at a spacing (s), a repetition time (s), a nominal refocusing angle."""

    biomarker: str
    acq: str = ""
    echoes: int | None = None
    echo_spacing: float | None = None
    repetition_time: float | None = None
    refocusing_angle_deg: float | None = None

    def acquisition(self, typical: Acquisition) -> Acquisition:
        changes: dict[str, Any] = {}
        if self.echoes is not None and self.echo_spacing is not None:
            changes["echo_times"] = tuple(round(self.echo_spacing * (k + 1), 9) for k in range(self.echoes))
        for name in ("repetition_time", "refocusing_angle_deg"):
            if getattr(self, name) is not None:
                changes[name] = getattr(self, name)
        return typical.with_(**changes)


@dataclass(frozen=True)
class Study:
    """A study to be made: who, where in the leg, with which series, at which signal-to-noise ratio."""

    title: str
    seed: int
    region: str
    snr: float
    stack: Stack
    series: tuple[SeriesPlan, ...]
    people: tuple[Person, ...]
    receive: float = 0.0


def names() -> tuple[str, ...]:
    """The packaged studies."""
    return resources.names("phantom", "sets", ".toml")


def load(name: str | Path) -> Study:
    """A packaged study by name, or one from a TOML file."""
    if str(name) in names():
        return parse(resources.text("phantom", f"sets/{name}.toml"), str(name))
    path = Path(name)
    if path.suffix == ".toml" and path.is_file():
        return parse(path.read_text(encoding="utf-8"), path.name)
    raise OptionError(
        "E-UNKNOWN", where=f"phantom set {name}", needed=f"one of {', '.join(names())}, or a TOML file", found="neither"
    )


def parse(text: str, where: str) -> Study:
    """A study from TOML text; ``where`` is its name in messages."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise OptionError("E-OPTION", where=where, needed="a TOML file", found=str(error)) from error
    raw = _known(raw, {"title", "seed", "region", "snr", "receive", "grid", "series", "subject", "cohort"}, where)
    people = [_person(entry, where) for entry in raw.get("subject", [])]
    if "cohort" in raw:
        asked = _known(raw["cohort"], {"controls", "patients", "sessions"}, f"{where} [cohort]")
        people += cohort(
            asked.get("controls", 0), asked.get("patients", 0), raw.get("seed", 0), sessions=asked.get("sessions", True)
        )
    if len({p.label for p in people}) != len(people) or not people:
        raise OptionError(
            "E-OPTION", where=where, needed="subjects of different labels", found=f"{len(people)} subjects"
        )
    series = tuple(_made(SeriesPlan, entry, f"{where} [[series]]") for entry in raw.get("series", []))
    if not series:
        raise OptionError("E-OPTION", where=where, needed="at least one [[series]]", found="none")
    return Study(
        raw.get("title", where),
        raw.get("seed", 0),
        raw.get("region", "leg"),
        float(raw.get("snr", 100.0)),
        _made(Stack, raw.get("grid", {}), f"{where} [grid]"),
        series,
        tuple(people),
        float(raw.get("receive", 0.0)),
    )


def _person(entry: Mapping[str, Any], where: str) -> Person:
    entry = dict(entry)
    place = f"{where} [[subject]] {entry.get('label', '')}".strip()
    if "disease" in entry and "visits" in entry:
        raise OptionError("E-OPTION", where=place, needed="disease, or visits with a disease each", found="both")
    visits = entry.pop("visits", [{"disease": entry.pop("disease", {})}])
    made = tuple(Visit(v.get("label", ""), _made(Disease, v.get("disease", {}), place)) for v in visits)
    return _made(Person, {**entry, "visits": made}, place)


def _made(kind: type, entry: Mapping[str, Any], where: str) -> Any:
    entry = _known(entry, {f.name for f in fields(kind)}, where)
    try:
        return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()})
    except TypeError as error:
        raise OptionError("E-OPTION", where=where, found=str(error)) from error


def _known(entry: Mapping[str, Any], keys: set[str], where: str) -> Mapping[str, Any]:
    unknown = sorted(set(entry) - keys)
    if unknown:
        raise OptionError(
            "E-UNKNOWN", where=where, needed=f"one of {', '.join(sorted(keys))}", found=", ".join(unknown)
        )
    return entry
