"""What may stay in a header: a list of what is kept. Whatever is not on it goes, wherever it stands.

The list follows the Basic Application Level Confidentiality Profile with the options Retain Longitudinal Temporal Information
(Modified Dates), Clean Descriptors and Retain Safe Private, and is narrower than they are: the profile lists what has to go and
lets the rest stay.

Cites: DICOM PS3.15 Annex E, Table E.1-1 and Table E.3.10-1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from neuromyo.core import resources

#: what is done to an attribute, and how a person is told
ACTIONS: Mapping[str, str] = {
    "K": "kept",
    "C": "kept",  # a UID out of the standard's own lists; any other goes
    "Q": "kept",  # a sequence, whose items are looked through by the same rules
    "W": "kept in part",  # words of the trade only
    "M": "kept in part",  # the same, but never left empty
    "N": "kept",  # a number; anything else is replaced
    "U": "replaced",
    "L": "replaced",
    "D": "replaced",
    "S": "shifted",
    "T": "kept",  # a time of day, to the second
    "P": "kept",  # a characteristic of the person that was asked for
    "Z": "emptied",
    "X": "removed",
}
_WORD = re.compile(r"[0-9A-Za-z]+")
_ELEMENT = 0xFF


@dataclass(frozen=True, slots=True)
class Rule:
    """What is done with one attribute.

    action : a key of `ACTIONS`
    asked : the characteristic that has to be asked for (``P``)
    vr : the value representations it may have, as in the standard's dictionary
    creator : for private elements, whose block it must stand in
    why : why it may stay, in a few words
    """

    keyword: str
    action: str
    asked: str
    vr: tuple[str, ...]
    creator: str
    why: str


def rule(tag: int, creator: str = "") -> Rule | None:
    """The rule for an attribute, or None where it goes. ``creator`` names the private block it stands in."""
    if tag >> 16 & 1:
        return _private().get((creator, tag >> 16, tag & _ELEMENT)) if creator and tag & 0xFFFF > _ELEMENT else None
    return _public().get(tag)


def known_creator(group: int, creator: str) -> bool:
    """Whether anything is kept of this private block, so that its name may be said."""
    return any(c == creator and g == group for c, g, _ in _private())


@cache
def vocabulary() -> frozenset[str]:
    """The words of the trade, lower case."""
    return words_in("vocabulary")


def words_in(name: str) -> frozenset[str]:
    """The words of a packaged list."""
    lines = resources.text("dicom", f"profile/{name}.txt").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


def words_of_the_trade(text: str) -> str:
    """What is left of a description: its words that are in the vocabulary, joined by ``_``; no numbers, no names."""
    return "_".join(w.lower() for w in _WORD.findall(text) if w.lower() in vocabulary())


@cache
def _rows() -> tuple[tuple[str, Rule], ...]:
    rows = []
    for line in resources.text("dicom", "profile/kept.tsv").splitlines()[1:]:
        tag, keyword, action, vr, creator, why = line.split("\t")
        code, _, asked = action.partition(" ")
        rows.append((tag, Rule(keyword, code, asked, tuple(vr.split(" or ")), creator, why)))
    return tuple(rows)


@cache
def _public() -> dict[int, Rule]:
    return {int(tag, 16): r for tag, r in _rows() if not r.creator}


@cache
def _private() -> dict[tuple[str, int, int], Rule]:
    return {(r.creator, int(tag[:4], 16), int(tag[-2:], 16)): r for tag, r in _rows() if r.creator}
