"""A plan of analysis in TOML: what is asked of whom, by which analyses with which options, said before anybody sees results.

    title, missing, multiplicity, alpha     missing: a sentence on missing data; multiplicity: none, holm or bonferroni, over primaries
    [people]      groups = { patient = 11, control = 8 }, criteria = "a sentence"
    [reading]     sides, worse, visits = { m0 = 0, m4 = 4 }, between, sessions, statistic: as the flags of the same names
    [[analysis]]  name, role (primary, secondary or exploratory), kind, [analysis.options]; of a primary one also outcome = "TABLE.COLUMN"
                  of p values and where = { group = "patient" }, the rows that count; without it, every row of its first table of p values

Its hash is that of the canonical form (`study_audit.canonical`) with all options written out: comments, order and spaces do not count, and
a default that a later version changes is seen.
"""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neuromyo.core import options as core_options
from neuromyo.core.errors import DataError, NeuromyoError, OptionError
from neuromyo.io.files import printable, read_small
from neuromyo.pipeline import study_names, study_sides, study_time, studying
from neuromyo.pipeline.study_audit import digest

ROLES = ("primary", "secondary", "exploratory")
MULTIPLICITY = ("none", "holm", "bonferroni")
_TOP = {
    "title": str,
    "missing": str,
    "multiplicity": str,
    "alpha": float,
    "people": dict,
    "reading": dict,
    "analysis": list,
}
_READING = {"sides": str, "worse": dict, "visits": dict, "between": str, "sessions": list, "statistic": str, "group_column": str,
            "keep_doubtful": bool}  # fmt: skip
_PEOPLE = {"groups": dict, "criteria": str}
_ANALYSIS = {"name": str, "role": str, "kind": str, "options": dict, "outcome": str, "where": dict}
_LIMIT = 1 << 20


@dataclass(frozen=True)
class Item:
    """One analysis of a plan, with all of its options written out. ``outcome``: table and column of its p values, ``where``: column -> word
    of the rows that count."""

    name: str
    role: str
    kind: str
    options: Mapping[str, Any]
    outcome: str = ""
    where: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """A plan that was read and is sound. ``groups``: planned number of people by group; ``reading``: as in the file."""

    title: str
    missing: str
    multiplicity: str
    alpha: float
    items: tuple[Item, ...]
    groups: Mapping[str, int] = field(default_factory=dict)
    criteria: str = ""
    reading: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The plan's canonical content."""
        return {"title": self.title, "missing": self.missing, "multiplicity": self.multiplicity, "alpha": self.alpha,
                "groups": dict(self.groups), "criteria": self.criteria, "reading": dict(self.reading),
                "analyses": [{"name": i.name, "role": i.role, "kind": i.kind, "options": dict(i.options), "outcome": i.outcome,
                              "where": dict(i.where)} for i in self.items]}  # fmt: skip

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical content."""
        return digest(self.as_dict())

    @property
    def variables(self) -> tuple[str, ...]:
        """All variables, or patterns of them, that options name."""
        named = [i.options.get(f) for i in self.items for f in studying.NAMING]
        return tuple(dict.fromkeys(w for v in named if v for w in ([v] if isinstance(v, str) else v)))


def read(path: Path) -> Plan:
    """The plan in a TOML file; E-PLAN names the key that is wrong, and what it should be."""
    name = printable(path.name)
    raw = read_small(path, name, "E-PLAN", _LIMIT)
    try:
        return parse(tomllib.loads(raw.decode("utf-8-sig")), name)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _wrong(name, "a TOML file", str(error), "mend that line") from error


def parse(held: Mapping[str, Any], name: str) -> Plan:
    """The plan that a file's content is."""
    _shape(held, _TOP, name)
    for key in ("title", "missing", "analysis"):
        if not held.get(key):
            raise _wrong(name, f"{key}", "none", "say it before results are seen: docs/study.md shows a plan")
    reading, people = held.get("reading", {}), held.get("people", {})
    _shape(reading, _READING, f"{name}: [reading]")
    _read_as(reading, f"{name}: [reading]")
    _shape(people, _PEOPLE, f"{name}: [people]")
    for group, n in people.get("groups", {}).items():
        if type(n) is not int or n < 0:
            raise _wrong(
                f"{name}: [people] groups", f"a number of people for {printable(group)}", repr(n), "write patient = 11"
            )
    items = tuple(_item(one, f"{name}: analysis {i}") for i, one in enumerate(held["analysis"], start=1))
    _roles(items, held.get("multiplicity", "none"), name)
    alpha = float(held.get("alpha", 0.05))
    if not 0 < alpha < 0.5:
        raise _wrong(f"{name}: alpha", "a share between 0 and 0.5", f"{alpha:g}", "0.05 is usual")
    return Plan(held["title"], held["missing"], held.get("multiplicity", "none"), alpha, items, dict(people.get("groups", {})),
                people.get("criteria", ""), dict(reading))  # fmt: skip


def _read_as(reading: Mapping[str, Any], where: str) -> None:
    """E-PLAN where a value of [reading] is none that the flag of its name would take."""
    pairs = {k: [f"{name}={value}" for name, value in reading.get(k, {}).items()] for k in ("worse", "visits")}
    try:
        study_sides.refuse_other(reading.get("sides", "each"))
        study_sides.directions(pairs["worse"])
        study_time.stated(pairs["visits"])
    except NeuromyoError as error:
        raise _wrong(f"{where}, {error.where.removeprefix('--')}", error.needed, error.found, error.remedy) from error


def of_dict(held: Mapping[str, Any]) -> Plan:
    """The plan whose `Plan.as_dict` this is, as a lock file keeps it."""
    items = tuple(
        Item(i["name"], i["role"], i["kind"], i["options"], i["outcome"], i["where"]) for i in held["analyses"]
    )
    return Plan(
        held["title"],
        held["missing"],
        held["multiplicity"],
        held["alpha"],
        items,
        held["groups"],
        held["criteria"],
        held["reading"],
    )


def _item(held: Any, where: str) -> Item:
    if not isinstance(held, dict):
        raise _wrong(where, "a table [[analysis]]", repr(held), "write [[analysis]] and its keys below")
    _shape(held, _ANALYSIS, where)
    for key in ("name", "kind", "role"):
        if not held.get(key):
            raise _wrong(where, key, "none", f"add it: {key} = ...")
    if held["role"] not in ROLES:
        raise _wrong(f"{where}, role", f"one of {', '.join(ROLES)}", repr(held["role"]), "correct it")
    try:
        kind = studying.module(held["kind"]).Options
        chosen = core_options.check(
            kind(**typed(kind, held.get("options", {}), f"{where} ({printable(held['name'])})"))
        )
    except NeuromyoError as error:
        if error.code == "E-PLAN":
            raise
        raise _wrong(f"{where}, {error.where}", error.needed, error.found, error.remedy) from error
    outcome = held.get("outcome", "")
    for column, word in held.get("where", {}).items():
        if not isinstance(word, str):
            raise _wrong(
                f"{where}, where", f"a word of the column {printable(column)}", repr(word), "write one word, in quotes"
            )
    if outcome and not all(outcome.partition(".")):
        raise _wrong(
            f"{where}, outcome",
            "TABLE.COLUMN, such as tests.p",
            repr(outcome),
            "tables and columns are named in OUT/tables",
        )
    return Item(held["name"], held["role"], held["kind"], _written_out(chosen), outcome, dict(held.get("where", {})))


def typed(kind: type, given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Options as the dataclass ``kind`` wants them, from TOML's types; E-PLAN for a name or a type that is not its own."""
    hints = typing.get_type_hints(kind)
    fields = [f.name for f in dataclasses.fields(kind)]
    out = {}
    for name, value in given.items():
        if name not in fields:
            raise _wrong(
                where, f"an option of this analysis ({', '.join(fields)})", printable(name), _near(name, fields)
            )
        out[name] = _as(hints[name], value, f"{where}, option {name}")
    return out


def from_text(hint: Any, text: str | Sequence[str], where: str) -> Any:
    """A value as it is typed on a command line -> the type of its option; lists are divided by commas or given as several texts.
    E-OPTION for a word where a number belongs."""
    kind = next(k for k in _kinds(hint) if k is not type(None))
    if typing.get_origin(kind) is tuple:
        inner = typing.get_args(kind)[0]
        texts = [text] if isinstance(text, str) else text
        return tuple(from_text(inner, word, where) for one in texts for word in study_names.words(one))
    if not isinstance(text, str) or kind not in (int, float, bool):
        return text
    try:
        return {"true": True, "yes": True, "false": False, "no": False}[text.casefold()] if kind is bool else kind(text)
    except (KeyError, ValueError):
        what = {int: "a whole number", float: "a number, with a decimal point", bool: "yes or no"}[kind]
        raise OptionError("E-OPTION", where=where, needed=what, found=repr(text), remedy="correct it") from None


def _kinds(hint: Any) -> tuple[Any, ...]:
    """The types that a hint permits."""
    union = isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union
    return typing.get_args(hint) if union else (hint,)


def _as(hint: Any, value: Any, where: str) -> Any:
    kinds = _kinds(hint)
    for kind in kinds:
        if typing.get_origin(kind) is tuple:
            inner = typing.get_args(kind)[0]
            if isinstance(value, (list, tuple)):
                return tuple(_as(inner, v, where) for v in value)
        elif kind is float and type(value) in (int, float):
            return float(value)
        elif kind is type(value):
            return value
    wanted = " or ".join("a list" if typing.get_origin(k) is tuple else getattr(k, "__name__", str(k)) for k in kinds)
    raise _wrong(where, f"a value of type {wanted}", repr(value), "correct it")


def _written_out(options: Any) -> dict[str, Any]:
    return {k: list(v) if isinstance(v, tuple) else v for k, v in core_options.as_dict(options).items()}


def _roles(items: Sequence[Item], multiplicity: str, name: str) -> None:
    names = [i.name for i in items]
    twice = next((n for n in names if names.count(n) > 1), "")
    if twice:
        raise _wrong(name, "analyses with different names", f"{printable(twice)} twice", "rename one")
    if multiplicity not in MULTIPLICITY:
        raise _wrong(f"{name}: multiplicity", f"one of {', '.join(MULTIPLICITY)}", repr(multiplicity), "correct it")
    primary = [i.name for i in items if i.role == "primary"]
    if not primary:
        raise _wrong(name, "at least one primary analysis", "none", 'write role = "primary" in the one that decides')
    if len(primary) > 1 and multiplicity == "none":
        raise _wrong(f"{name}: multiplicity", f"a correction over the {len(primary)} primary analyses", "none",
                     'write multiplicity = "holm", or keep one primary')  # fmt: skip


def _shape(held: Mapping[str, Any], wanted: Mapping[str, type], where: str) -> None:
    for key, value in held.items():
        if key not in wanted:
            raise _wrong(where, f"one of the keys {', '.join(wanted)}", printable(key), _near(key, list(wanted)))
        fits = (
            isinstance(value, (int, float)) and not isinstance(value, bool)
            if wanted[key] is float
            else isinstance(value, wanted[key])
        )
        if not fits:
            raise _wrong(
                f"{where}, {key}",
                {str: "text", dict: "a table", list: "a list", bool: "true or false"}.get(wanted[key], "a number"),
                type(value).__name__,
                "correct it",
            )


def _near(word: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, known, 1, 0.6)
    return f"did you mean {near[0]}?" if near else "remove it"


def _wrong(where: str, needed: str, found: str, remedy: str) -> DataError:
    return DataError("E-PLAN", where=where, needed=needed, found=found, remedy=remedy)
