"""One vocabulary: what muscles, nerves, bones and tissues are called here, and what others call them.

The tables lie in ``anatomy/names/*.tsv``. A name is in lower case with hyphens and carries no side. Each has the region of the
body, the group it belongs to (``parent``), the nerve that supplies it (of a nerve: what it comes from) with its roots, a SNOMED CT
code where one was read in a published list, and the words that atlases, networks and people use for it.

*Assumes* the common pattern of innervation, recalled from textbooks of anatomy (column ``evidence``); people vary.
*Breaks* for abbreviations with two meanings: ``GM`` is the medial gastrocnemius, as Dafne has it, never a gluteus.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal, cast

from neuromyo.core import resources
from neuromyo.core.errors import OptionError
from neuromyo.core.labels import Side

Kind = Literal["muscle", "part", "group", "nerve", "bone", "tendon", "vessel", "tissue"]

#: one word each for what several tongues say
_SAME = {
    "medialis": "medial", "mediale": "medial", "lateralis": "lateral", "laterale": "lateral", "fibularis": "peroneus",
    "caput": "head", "longum": "long", "breve": "short", "femorus": "femoris", "nervus": "nerve",
}  # fmt: skip
#: words that may be left out where nothing is called so with them
_IDLE = {"muscle", "muscles", "musculus", "musculi", "m", "mm", "the", "of", "structure"}
_SIDES: dict[str, Side] = {"left": "left", "right": "right", "l": "left", "r": "right", "lt": "left", "rt": "right"}


@dataclass(frozen=True, slots=True)
class Name:
    """One entry of the vocabulary.

    kind : ``muscle``, its ``part`` (a head), a ``group`` of muscles, ``nerve``, ``bone``, ``tendon``, ``vessel``, ``tissue``
    parent : what it belongs to, a name, or "" at the top
    nerves : of a muscle: by which nerves it is supplied; of a nerve: where it comes from
    roots : spinal roots, such as ``L2-L4``
    evidence : how nerves and roots are known: ``recalled``, or "" where none are given
    code : ``SCT:<number>`` (SNOMED CT) or ""; ``code_source`` says where it was read
    """

    name: str
    kind: Kind
    region: str
    parent: str
    nerves: tuple[str, ...]
    roots: str
    evidence: str
    code: str
    code_source: str
    synonyms: tuple[str, ...]


@cache
def names() -> Mapping[str, Name]:
    """The whole vocabulary by name, parents before their parts where a table lists them so."""
    found: dict[str, Name] = {}
    for table in resources.names("anatomy", "names", ".tsv"):
        head, *lines = resources.text("anatomy", f"names/{table}.tsv").splitlines()
        columns = head.split("\t")
        for line in lines:
            one = _name(dict(zip(columns, line.split("\t"), strict=True)))
            if one.name in found:
                raise ValueError(f"{table}.tsv: {one.name} stands twice")
            found[one.name] = one
    for one in tuple(found.values()):
        found |= {derived.name: derived for derived in _derived(one)}
    return found


def of(name: str) -> Name:
    """The entry of that very name; E-UNKNOWN, with what is probably meant, where there is none."""
    if name in names():
        return names()[name]
    near = find(name)
    likely = [near.name] if near else likely_names(name)
    raise OptionError("E-UNKNOWN", where="name of a region", needed="a name of the vocabulary", found=repr(name),
                      remedy=f"did you mean {' or '.join(likely)}?" if likely else "see docs/names.md")  # fmt: skip


def find(word: str) -> Name | None:
    """What a word of anybody's stands for: any case, spaces, underscores or hyphens, synonyms, with or without a side."""
    return parse(word)[0]


def parse(word: str) -> tuple[Name | None, Side]:
    """What a word stands for, and the side it says: ``Left_vastus lateralis``, ``VL_L``, ``r soleus``, ``SoleusRight``.

    A lone small ``l`` at the end is no side where it may mean the lateral head: ``gastrocnemius l`` says none.
    """
    tokens = _tokens(word)
    whole = _look_up(tokens)
    if whole is not None:
        return whole, "none"
    for at in sorted({0, len(tokens) - 1}) if len(tokens) > 1 else ():
        side = _SIDES.get(tokens[at])
        rest = tokens[:at] + tokens[at + 1 :]
        if side is None or not (found := _look_up(rest)):
            continue
        if tokens[at] == "l" and at and not word.strip().endswith("L") and _look_up((*rest, "lateral")):
            return found, "none"
        return found, side
    for at, token in enumerate(tokens):
        if token in ("left", "right") and (found := _look_up(tokens[:at] + tokens[at + 1 :])):
            return found, _SIDES[token]
    return None, "none"


def likely_names(word: str, most: int = 3) -> list[str]:
    """Names that are spelt nearly so."""
    bare = "-".join(t for t in _tokens(word) if t not in ("left", "right"))
    return difflib.get_close_matches(bare, names(), n=most, cutoff=0.75)


def ancestors(name: str) -> tuple[str, ...]:
    """The groups that a name belongs to, nearest first; none for a name that is not in the vocabulary."""
    chain: list[str] = []
    step = names()[name].parent if name in names() else ""
    while step and step not in chain:
        chain.append(step)
        step = names()[step].parent if step in names() else ""
    return tuple(chain)


def members(name: str) -> tuple[str, ...]:
    """What belongs to a group directly."""
    return tuple(one.name for one in names().values() if one.parent == name)


def _name(row: Mapping[str, str]) -> Name:
    return Name(
        row["name"], cast(Kind, row["kind"]), row["region"], row["parent"], _several(row["nerve"]), row["roots"],
        row["evidence"], row["code"], row["code_source"], _several(row["synonyms"]),
    )  # fmt: skip


def _several(cell: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in cell.split(";") if part.strip())


def _derived(one: Name) -> tuple[Name, ...]:
    """The parts that every nerve and every bone has."""
    if one.kind == "nerve" and one.parent:
        parents = {"fascicles": one.name, "epineurium": one.name}
    elif one.kind == "bone":
        parents = {"cortex": "bone-cortex", "marrow": "bone-marrow"}
    else:
        return ()
    return tuple(
        Name(f"{one.name}-{part}", "part" if one.kind == "nerve" else "tissue", one.region, parent, (), "", "", "", "", ())
        for part, parent in parents.items()
    )  # fmt: skip


@cache
def _index() -> Mapping[tuple[str, ...], str]:
    """Sorted words -> name, for names and synonyms; then the same without idle words, where that is not taken."""
    found: dict[tuple[str, ...], str] = {}
    spoken = [(word, one.name) for one in names().values() for word in (one.name, *one.synonyms)]
    for word, name in spoken:
        if found.setdefault(_key(_tokens(word)), name) != name:
            raise ValueError(f"{word!r} means both {found[_key(_tokens(word))]} and {name}")
    for word, name in spoken:
        found.setdefault(_key(_without_idle(_tokens(word))), name)
    return found


def _look_up(tokens: tuple[str, ...]) -> Name | None:
    if not tokens:
        return None
    name = _index().get(_key(tokens)) or _index().get(_key(_without_idle(tokens)))
    return names()[name] if name else None


def _tokens(word: str) -> tuple[str, ...]:
    """Words in lower case, divided at anything but letters and digits, and where small letters meet a capital."""
    divided = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", word)
    return tuple(_SAME.get(part, part) for part in re.split(r"[^a-z0-9]+", divided.lower()) if part)


def _without_idle(tokens: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(t for t in tokens if t not in _IDLE)


def _key(tokens: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(tokens))
