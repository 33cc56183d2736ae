"""The data dictionary of clinical measures: what a column is called, means, is counted in and can be. One TOML a measure.

    title, about, source, evidence, doi     the instrument or test, and where its limits are from
    [keys.NAME]      what tells the rows of one person and visit apart (side, nerve, muscle ...): meaning, levels, aliases,
                     optional
    [values.NAME]    what was measured: meaning and one of
                       unit, also, possible, plausible, whole      a number; ``also`` = other units with their factor
                       levels, aliases                            a grade
                       text = true                                a word or two
                     absent = "0" or "n/a": what to write of a response that was looked for and is not there
                     names = other names of the column
    [[sums]]         total, of: values that must add up where all are there

``levels`` is a table (level = "meaning") or the name of one of the shared lists in `words`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from neuromyo.core import resources
from neuromyo.core.errors import DataError, OptionError
from neuromyo.io.files import printable, read_small

Evidence = Literal["read", "recalled", "derived", "convention", "assumed"]
#: names that stand for who and when; no key or value may be called so
WHO = ("participant_id", "participant", "subject", "subject_id", "sub")
WHEN = ("session_id", "session", "visit", "timepoint", "ses")
NO_UNIT = "1"
_SPELLED = {"nm": "N.m", "n*m": "N.m", "n m": "N.m", "newton": "N", "percent": "%", "pct": "%", "metre": "m", "meter": "m",
            "metres": "m", "meters": "m", "msec": "ms", "year": "years", "yr": "years", "yrs": "years", "month": "months",
            "kg": "kg", "mps": "m/s", "kgf.m": "kgf.m", "lbs": "lb", "feet": "ft"}  # fmt: skip
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Level(_Frozen):
    """A column that holds one of a closed list of words."""

    meaning: str
    levels: dict[str, str] = Field(min_length=1)
    aliases: dict[str, str] = {}
    optional: bool = False

    @model_validator(mode="before")
    @classmethod
    def _shared(cls, raw: Any) -> Any:
        return _with_words(raw)

    @model_validator(mode="after")
    def _aliases_known(self) -> Level:
        lost = sorted(set(self.aliases.values()) - set(self.levels))
        if lost:
            raise ValueError(f"an alias stands for {lost[0]!r}, which is no level")
        return self

    def find(self, cell: str) -> str | None:
        """The level that a cell names, case, spaces and hyphens aside."""
        return self.words.get(plain(cell))

    @property
    def words(self) -> Mapping[str, str]:
        """Every word for a level -> the level."""
        return _lookup(tuple(self.levels), tuple(self.aliases.items()))


class Value(_Frozen):
    """A column that holds what was measured."""

    meaning: str
    names: tuple[str, ...] = ()
    unit: str = ""
    also: dict[str, float] = {}
    possible: tuple[float, float] | None = None
    plausible: tuple[float, float] | None = None
    whole: bool = False
    levels: dict[str, str] = {}
    aliases: dict[str, str] = {}
    text: bool = False
    absent: Literal["", "0", "n/a"] = ""

    @model_validator(mode="before")
    @classmethod
    def _shared(cls, raw: Any) -> Any:
        return _with_words(raw)

    @model_validator(mode="after")
    def _one_kind(self) -> Value:
        if sum((bool(self.unit), bool(self.levels), self.text)) != 1:
            raise ValueError('a value has either a unit (unit = "1" for a score), or levels, or text = true')
        if self.unit and self.possible is None:
            raise ValueError("a number needs its possible range: possible = [low, high]")
        for low, high in (r for r in (self.possible, self.plausible) if r is not None):
            if not low < high:
                raise ValueError("a range runs from low to high")
        if any(not factor > 0 for factor in self.also.values()):
            raise ValueError("a factor to the unit is over 0")
        return self

    @property
    def needs_unit(self) -> bool:
        """Whether tables must state the unit: it is a number with one."""
        return bool(self.unit) and self.unit != NO_UNIT

    def factor(self, unit: str) -> float | None:
        """What takes a number in ``unit`` to the unit of the dictionary; None for a unit that is not accepted."""
        unit = spelled(unit)
        return 1.0 if unit == self.unit else self.also.get(unit)

    @property
    def units(self) -> tuple[str, ...]:
        return (self.unit, *self.also)

    def grade(self, cell: str) -> str | None:
        """The level that a cell names."""
        return self.words.get(plain(cell))

    @property
    def words(self) -> Mapping[str, str]:
        """Every word for a level -> the level."""
        return _lookup(tuple(self.levels), tuple(self.aliases.items()))


class Sum(_Frozen):
    """Values that must add up."""

    total: str
    of: tuple[str, ...] = Field(min_length=2)


class Measure(_Frozen):
    """One clinical measure."""

    name: str
    title: str
    about: str
    source: str
    evidence: Evidence
    doi: str = ""
    keys: dict[str, Level] = {}
    values: dict[str, Value] = Field(min_length=1)
    sums: tuple[Sum, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Measure:
        if not re.fullmatch(r"[a-z][0-9a-z]*", self.name):
            raise ValueError("a measure is called with small letters and digits, since its files are called after it")
        taken: set[str] = {*WHO, *WHEN}
        for name in (*self.keys, *self.values):
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name of a column: small letters, digits and underscores")
        for name in (*self.keys, *self.values, *(plain(n) for value in self.values.values() for n in value.names)):
            if name in taken:
                raise ValueError(f"two columns are called {name!r}")
            taken.add(name)
        lost = [n for s in self.sums for n in (s.total, *s.of) if n not in self.values or not self.values[n].unit]
        if lost:
            raise ValueError(f"a sum names {lost[0]!r}, which is no number of this measure")
        return self


def plain(text: str) -> str:
    """A word as it is compared: small letters, with underscores for spaces, hyphens and dots between letters or digits."""
    return re.sub(r"(?<=[^\W_])[\s\-_./]+(?=[^\W_])", "_", text.strip().casefold())


def spelled(unit: str) -> str:
    """A unit as the dictionary spells it."""
    unit = unit.strip().replace("µ", "u").replace("μ", "u").replace("·", ".").replace("⋅", ".")
    return _SPELLED.get(unit.casefold(), unit)


def names() -> tuple[str, ...]:
    """The measures that travel with the package."""
    return resources.names("io", "dictionary", ".toml")


@cache
def load(name: str) -> Measure:
    """A packaged measure by name; E-UNKNOWN for a name there is none of."""
    if name not in names():
        raise OptionError("E-UNKNOWN", where=f"measure {printable(name)}", needed=f"one of {', '.join(names())}",
                          found="another name",
                          remedy="give --measure NAME, or a dictionary of your own with --dictionary FILE.toml")  # fmt: skip
    return parse(resources.text("io", f"dictionary/{name}.toml"), f"{name}.toml", name)


def read(path: Path) -> Measure:
    """A measure that a user declared; E-TABLE names key and complaint. Its name is that of the file."""
    file = printable(path.name)
    raw = read_small(path, file, "E-TABLE", 1 << 20)
    return parse(raw.decode("utf-8-sig", "replace"), file, re.sub(r"[^0-9a-z]", "", path.stem.casefold()))


def parse(text: str, file: str, name: str) -> Measure:
    """The measure in the text of a TOML file."""
    try:
        return Measure.model_validate({"name": name, **tomllib.loads(text)})
    except tomllib.TOMLDecodeError as error:
        raise _wrong(file, str(error), "a TOML file") from error
    except ValidationError as error:
        first, *more = error.errors(include_url=False)
        place = ".".join(str(part) for part in first["loc"])
        said = str(first["msg"]).removeprefix("Value error, ") + (f" (and {len(more)} more)" if more else "")
        raise _wrong(f"{file}: {place}" if place else file, said, "a measure as docs/tables.md describes it") from error


def _wrong(where: str, found: str, needed: str) -> DataError:
    return DataError("E-TABLE", where=where, needed=needed, found=found, remedy="correct the dictionary's file")


def _with_words(raw: Any) -> Any:
    """The same declaration with a shared list of levels in place of its name; own aliases are added to its aliases."""
    if not isinstance(raw, dict) or not isinstance(raw.get("levels"), str):
        return raw
    listed = resources.names("io", "words", ".toml")
    if raw["levels"] not in listed:
        raise ValueError(f"levels = {raw['levels']!r} is none of the shared lists ({', '.join(listed)})")
    words = tomllib.loads(resources.text("io", f"words/{raw['levels']}.toml"))
    return {**raw, "levels": words["levels"], "aliases": {**words.get("aliases", {}), **raw.get("aliases", {})}}


@cache
def _lookup(levels: tuple[str, ...], aliases: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return {plain(level): level for level in levels} | {plain(alias): level for alias, level in aliases}
