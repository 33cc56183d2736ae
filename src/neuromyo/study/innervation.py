"""Which nerve supplies which muscle, and which muscle makes which movement: what joins the links of a chain.

Muscles with their nerves are those of the vocabulary of names (the tables of ``anatomy/names``); the movements of clinical tables and
the muscles that do most of their work stand in ``study/innervation/movements.tsv``.

Assumes: the common pattern, recalled from textbooks of anatomy (column ``evidence``); people vary (Martin-Gruber, accessory fibular
nerve), and no strength test is of one muscle alone.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from neuromyo.core import resources

Kind = Literal["nerve", "muscle", "movement"]
_TABLES = ("lower_limb", "upper_limb", "trunk", "nerves")
#: kinds of the vocabulary that are muscle here: a head and a group have nerves and movements, too
_MUSCLE = ("muscle", "part", "group")


@dataclass(frozen=True, slots=True)
class Structure:
    """A nerve or a muscle. ``nerves``: what supplies the muscle, or what the nerve comes from; ``parent``: the group it is of."""

    name: str
    kind: Literal["nerve", "muscle"]
    parent: str
    nerves: tuple[str, ...]
    words: tuple[str, ...]
    evidence: str


@dataclass(frozen=True, slots=True)
class Movement:
    """A movement whose strength is tested, and the muscles that do most of its work."""

    name: str
    muscles: tuple[str, ...]
    evidence: str
    source: str


@cache
def structures() -> Mapping[str, Structure]:
    """Nerves and muscles of the vocabulary by name."""
    found: dict[str, Structure] = {}
    for table in _TABLES:
        for row in _rows("anatomy", f"names/{table}.tsv"):
            kind = "nerve" if row["kind"] == "nerve" else "muscle" if row["kind"] in _MUSCLE else None
            if kind is not None:
                found[row["name"]] = Structure(row["name"], kind, row["parent"], _several(row["nerve"]),
                                               _several(row["synonyms"]), row["evidence"])  # fmt: skip
    return found


@cache
def movements() -> Mapping[str, Movement]:
    """Movements by name, as clinical tables call them."""
    rows = _rows("study", "innervation/movements.tsv")
    return {r["movement"]: Movement(r["movement"], _several(r["muscles"]), r["evidence"], r["source"]) for r in rows}


def find(word: str, kind: Kind) -> str | None:
    """The nerve, muscle or movement that a word stands for, as tables and people write it (``edb``, ``peroneal``, ``dorsiflexion``);
    None where it stands for none."""
    known = _index(kind)
    bare = _plain(word)
    return known.get(bare) or (known.get(f"{bare} nerve") if kind == "nerve" else None)


def nerves_of(muscle: str) -> tuple[str, ...]:
    """The nerves that supply a muscle, each followed by what it comes from, up to its plexus: deep fibular, fibular, sciatic ..."""
    found: list[str] = []
    waiting = list(structures()[muscle].nerves) if muscle in structures() else []
    while waiting:
        one = waiting.pop(0)
        if one not in found:
            found.append(one)
            waiting += structures()[one].nerves if one in structures() else ()
    return tuple(found)


def supplies(nerve: str, muscle: str) -> bool:
    """Whether fibres of the nerve reach the muscle, through a branch of it or straight."""
    return nerve in nerves_of(muscle)


def share_a_nerve(one: str, other: str) -> bool:
    """Whether two muscles are supplied by the same nerve, or one by a branch of the other's; a plexus in common does not count."""
    mine, theirs = structures()[one].nerves, structures()[other].nerves
    return any(a == b or a in _above(b) or b in _above(a) for a in mine for b in theirs)


def moves(muscle: str, movement: str) -> bool:
    """Whether a muscle, one of its heads, or the group it is of does most of the work of a movement. A group without a nerve of its
    own (all of the calf) does too much to count."""
    if muscle not in structures() or movement not in movements():
        return False
    movers = movements()[movement].muscles
    if muscle in movers or any(g in movers for g in groups_of(muscle)):
        return True
    return bool(structures()[muscle].nerves) and any(muscle in groups_of(mover) for mover in movers)


def same(one: str, other: str) -> bool:
    """Whether two names are the same muscle, or one is a head of the other, or one is the other's group with a nerve of its own."""
    if one == other:
        return True
    within = (one, other) if other in groups_of(one) else (other, one) if one in groups_of(other) else None
    return within is not None and bool(structures()[within[1]].nerves)


def groups_of(name: str) -> tuple[str, ...]:
    """The groups that a muscle belongs to, nearest first."""
    found: list[str] = []
    step = structures()[name].parent if name in structures() else ""
    while step in structures() and step not in found:
        found.append(step)
        step = structures()[step].parent
    return tuple(found)


def _above(nerve: str) -> tuple[str, ...]:
    """The nerves that one comes from, plexus and cords left out."""
    found = [n for parent in structures()[nerve].nerves for n in (parent, *_above(parent)) if parent in structures()]
    return tuple(n for n in found if n.endswith("-nerve"))


def _rows(room: str, name: str) -> list[dict[str, str]]:
    head, *lines = resources.text(room, name).splitlines()
    return [dict(zip(head.split("\t"), line.split("\t"), strict=True)) for line in lines]


def _several(cell: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in cell.split(";") if part.strip())


@cache
def _index(kind: Kind) -> Mapping[str, str]:
    """Every word for one kind of thing, as `_plain` writes it -> its name."""
    if kind == "movement":
        aliases = tomllib.loads(resources.text("io", "words/movements.toml"))["aliases"]
        return {_plain(m): m for m in movements()} | {_plain(a): m for a, m in aliases.items() if m in movements()}
    own = [one for one in structures().values() if one.kind == kind]
    return {_plain(word): one.name for one in own for word in one.words} | {_plain(one.name): one.name for one in own}


def _plain(word: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", word.lower()))
