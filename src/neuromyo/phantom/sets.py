"""Studies that can be made: who is scanned, where, with what. Read from TOML, packaged (``demo``) or one's own."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from neuromyo.core import resources
from neuromyo.core.errors import OptionError
from neuromyo.core.grid import Grid
from neuromyo.phantom.cohort import Person, Visit, cohort
from neuromyo.phantom.disease import Disease
from neuromyo.phantom.regions import LegSide
from neuromyo.phantom.series import SeriesPlan


@dataclass(frozen=True)
class Stack:
    """A stack of slices across both legs.

    matrix, spacing_mm : voxels and their size, right to left and back to front
    centre_z_mm : height of the middle slice above the knee joint line (negative for the calf)
    centre_x_mm : where its middle lies from right to left, 0 between the legs, positive towards the right leg
    tilt_deg : by how much slices are tilted, front edge up
    """

    matrix: tuple[int, int] = (192, 112)
    spacing_mm: tuple[float, float] = (1.6, 1.6)
    slices: int = 10
    slice_spacing_mm: float = 12.0
    slice_thickness_mm: float = 6.0
    centre_z_mm: float = -110.0
    tilt_deg: float = 0.0
    centre_x_mm: float = 0.0

    def grid(self) -> Grid:
        """The stack as a grid in scanner space."""
        angle = np.deg2rad(self.tilt_deg)
        turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
        shape = (*self.matrix, self.slices)
        affine = np.eye(4)
        affine[:3, :3] = turn * np.array([*self.spacing_mm, self.slice_spacing_mm])
        affine[:3, 3] = np.array([self.centre_x_mm, 0.0, self.centre_z_mm]) - affine[:3, :3] @ (
            (np.array(shape) - 1) / 2
        )
        return Grid.of(shape, affine, slice_axis=2)


@dataclass(frozen=True)
class FieldsPlan:
    """The scanner's imperfections: ends of the relative transmit field, size of the smooth off-resonance in Hz, depth of
    the receive shading (0 to 1), size of the receive phase in rad, and the strength in T of the main field that the body
    distorts by its susceptibility (0 for no distortion)."""

    b1: tuple[float, float] = (0.7, 1.1)
    b0_hz: float = 60.0
    receive: float = 0.0
    receive_phase: float = 1.5
    susceptibility: float = 0.0


@dataclass(frozen=True)
class Motion:
    """How far the body may move between two series, on each axis: turns in degrees, shifts in mm."""

    turn_deg: float = 0.0
    shift_mm: float = 0.0

    @property
    def any(self) -> bool:
        return self.turn_deg > 0 or self.shift_mm > 0


@dataclass(frozen=True)
class Study:
    """A study to be made: who, where in the leg, with which series, at which signal-to-noise ratio; ``legs`` in view."""

    title: str
    seed: int
    region: str
    snr: float
    stack: Stack
    series: tuple[SeriesPlan, ...]
    people: tuple[Person, ...]
    fields: FieldsPlan = FieldsPlan()
    motion: Motion = Motion()
    legs: tuple[LegSide, ...] = ("right", "left")


def names() -> tuple[str, ...]:
    """The packaged studies."""
    return resources.names("phantom", "sets", ".toml")


def load(name: str | Path) -> Study:
    """A packaged study of people by name, or one from a TOML file (phantoms of vials: `vial_study`)."""
    return parse(text(name), Path(name).name)


def text(name: str | Path) -> str:
    """The TOML text of a packaged study by name, or of a file."""
    if str(name) in names():
        return resources.text("phantom", f"sets/{name}.toml")
    path = Path(name)
    if path.suffix == ".toml" and path.is_file():
        return path.read_text(encoding="utf-8")
    raise OptionError(
        "E-UNKNOWN", where=f"phantom set {name}", needed=f"one of {', '.join(names())}, or a TOML file", found="neither"
    )


_KEYS = {
    "title", "seed", "region", "snr", "receive", "grid", "series", "subject", "cohort", "fields", "motion", "legs",
}  # fmt: skip
_LEGS: dict[str, tuple[LegSide, ...]] = {"both": ("right", "left"), "right": ("right",), "left": ("left",)}


def parse(written: str, where: str) -> Study:
    """A study from TOML text; ``where`` is its name in messages."""
    try:
        raw = tomllib.loads(written)
    except tomllib.TOMLDecodeError as error:
        raise OptionError("E-OPTION", where=where, needed="a TOML file", found=str(error)) from error
    raw = _known(_inherited(raw, where), _KEYS, where)
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
    if raw.get("legs", "both") not in _LEGS:
        raise OptionError("E-OPTION", where=f"{where} legs", needed="both, right or left", found=repr(raw["legs"]))
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
        _made(FieldsPlan, {"receive": float(raw.get("receive", 0.0)), **raw.get("fields", {})}, f"{where} [fields]"),
        _made(Motion, raw.get("motion", {}), f"{where} [motion]"),
        _LEGS[raw.get("legs", "both")],
    )


def _inherited(raw: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """With ``like = "nerve_3t"``: that packaged set, with what is said here in place of its own; tables key by key."""
    if "like" not in raw:
        return raw
    if raw["like"] not in names():
        raise OptionError(
            "E-UNKNOWN", where=f"{where} like", needed=f"one of {', '.join(names())}", found=repr(raw["like"])
        )
    base = tomllib.loads(resources.text("phantom", f"sets/{raw['like']}.toml"))
    own = {key: value for key, value in raw.items() if key != "like"}
    tables = {k: {**base[k], **v} for k, v in own.items() if isinstance(v, dict) and isinstance(base.get(k), dict)}
    return {**base, **own, **tables}


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
