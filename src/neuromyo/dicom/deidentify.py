"""A header without the person: what is on the list stays, at every depth; everything else goes.

    out = { what(e) : e in header, its rule in `profile` }

A value stays only if it also looks like what its rule says: a number is numeric, a code is a code, a UID of a kind of object is
the standard's. So a name typed into a technical field goes with that field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydicom import Dataset
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.uid import UID

from neuromyo.core.errors import DataError
from neuromyo.dicom import dates, profile
from neuromyo.dicom import key as keys
from neuromyo.dicom.profile import Rule

MAX_DEPTH = 32
REMOVED = "REMOVED"
_PIXELS = frozenset({0x7FE00001, 0x7FE00002, 0x7FE00008, 0x7FE00009, 0x7FE00010})
_BINARY = {"US": 2, "SS": 2, "UL": 4, "SL": 4, "FL": 4, "FD": 8, "AT": 4, "SV": 8, "UV": 8}
_NUMERIC = frozenset({"DS", "IS", *_BINARY})
_LONGEST_NUMBERS = 4096  # bytes; a longer list of numbers may hold anything
_SHAPES = {
    "DS": re.compile(r"[-+0-9.eE \\]*"),
    "IS": re.compile(r"[-+0-9 \\]*"),
    "CS": re.compile(r"[A-Za-z0-9_ .+*/:-]{0,16}(\\[A-Za-z0-9_ .+*/:-]{0,16}){0,63}"),
    "LO": re.compile(r"[ -\[\]-~]{0,64}(\\[ -\[\]-~]{0,64}){0,15}"),
    "SH": re.compile(r"[ -\[\]-~]{0,16}(\\[ -\[\]-~]{0,16}){0,15}"),
}
_TIGHTER = {
    "CodeValue": re.compile(r"[A-Za-z0-9\[\]{}/^.*%_+-]{1,16}"),
    "CoilElements": re.compile(
        r"[CT]:[A-Z]{1,3}[0-9]{0,2}(?:[,;-][A-Z]{0,3}[0-9]{1,2})*|[A-Z]{1,3}[0-9]{1,2}(?:[,;-][A-Z]{0,3}[0-9]{1,2})*"
    ),
}
#: schemes of codes whose meaning is public: SNOMED, DICOM, UCUM ...
_SCHEMES = frozenset({"SCT", "SRT", "SNM3", "DCM", "UCUM", "RADLEX", "UMLS", "FMA", "LN", "QIBA", "NCIt"})
uid = keys.uid


@dataclass(frozen=True)
class Who:
    """Whose header it is going to be.

    subject : the label the study gave the person; it becomes name and number
    keep : characteristics asked for: age, sex, height, weight
    notes : what a reader of the result should know (an age cut off at 90)
    """

    key: bytes = field(repr=False)
    subject: str
    keep: frozenset[str] = frozenset()
    notes: set[str] = field(default_factory=set)

    @property
    def shift(self) -> dates.Shift:
        return dates.Shift(self.key, self.subject)


@dataclass(frozen=True, slots=True)
class Fate:
    """What happens to one attribute. ``action`` is a key of `profile.ACTIONS`, ``element`` what is left of it."""

    tag: BaseTag
    creator: str
    action: str
    rule: Rule | None
    element: DataElement | RawDataElement | None


def dataset(source: Dataset, who: Who) -> Dataset:
    """A new dataset with what may stay of ``source``; ``source`` is left as it was but for pydicom's own parsing."""
    return _cleaned(source, who, 0)


def _cleaned(source: Dataset, who: Who, depth: int) -> Dataset:
    out = Dataset()
    for fate in fates(source, who, depth):
        if fate.element is None:
            continue
        if fate.creator:
            block = BaseTag((fate.tag.group << 16) | (fate.tag.element >> 8))
            out[block] = DataElement(block, "LO", fate.creator)
        out[fate.tag] = fate.element
    return out


def fates(source: Dataset, who: Who, depth: int = 0) -> Iterator[Fate]:
    """What happens to each attribute of one level; items of sequences are cleaned with their sequence."""
    if depth > MAX_DEPTH:
        raise DataError("E-DEPTH", where="the header", needed=f"at most {MAX_DEPTH} levels of nesting", found="more",
                        remedy="leave this file out")  # fmt: skip
    creators = private_creators(source)
    for tag in sorted(source.keys()):
        creator = creators.get((tag.group, tag.element >> 8), "") if tag.is_private else ""
        found = profile.rule(int(tag), creator)
        if found is None or (found.action == "P" and found.asked not in who.keep):
            empty = found is not None and "sex" in found.asked  # type 2: present, and empty
            yield Fate(tag, creator, "Z" if empty else "X", found, _emptied(tag, found) if empty and found else None)
            continue
        try:
            element = _DO[found.action](source, tag, found, who, depth)
        except (ValueError, TypeError, AttributeError, OverflowError, NotImplementedError, LookupError):
            element = None  # what cannot be read cannot be trusted to be harmless
        yield Fate(tag, creator, found.action if element is not None else "X", found, element)


def private_creators(source: Dataset) -> Mapping[tuple[int, int], str]:
    """(group, block) -> the creator's name, of one level."""
    found = {}
    for tag in source.keys():  # noqa: SIM118 - a Dataset iterates over its elements, parsing each
        if tag.is_private_creator:
            found[tag.group, tag.element] = text_of(source, tag).strip()
    return found


def text_of(source: Dataset, tag: BaseTag) -> str:
    """The value of an element as text, components divided by backslashes, without padding."""
    item = source.get_item(tag)
    value = item.value if item is not None else None
    if isinstance(value, bytes):
        return value.decode("latin-1").rstrip("\0 ")
    if value is None:
        return ""
    many = value if isinstance(value, (list, tuple)) or type(value).__name__ == "MultiValue" else [value]
    return "\\".join(str(v) for v in many).rstrip("\0 ")


def _vr(item: DataElement | RawDataElement, rule: Rule) -> str:
    vr = item.VR
    if vr in (None, "UN"):
        vr = rule.vr[0] if rule.creator or item.tag.is_private else dictionary_VR(item.tag).split(" or ")[0]
    return str(vr).split(" or ")[0]


def _kept(source: Dataset, tag: BaseTag, rule: Rule, who: Who, depth: int) -> DataElement | RawDataElement | None:
    """The element as it is, if its value has the shape its rule promises."""
    item = source.get_item(tag)
    if item is None:
        return None
    vr = _vr(item, rule)
    if int(tag) in _PIXELS:
        return item
    if vr not in rule.vr and not (vr in _NUMERIC and rule.vr[0] in _NUMERIC):
        return None
    raw = item.value
    if vr in _BINARY:
        if isinstance(raw, bytes):
            fits = len(raw) <= _LONGEST_NUMBERS and len(raw) % _BINARY[vr] == 0
            return item._replace(VR=vr) if fits and isinstance(item, RawDataElement) else None
        return item
    said = text_of(source, tag)
    if not looks_right(rule, said):
        return None
    return item._replace(VR=vr) if isinstance(item, RawDataElement) else item


def looks_right(rule: Rule, said: str) -> bool:
    """Whether a value, as text, has the shape that its rule promises: a number is numeric, a code is a code."""
    shape = _SHAPES.get(rule.vr[0])
    if shape is not None and not shape.fullmatch(said):
        return False
    if rule.keyword in _TIGHTER:
        return bool(_TIGHTER[rule.keyword].fullmatch(said))
    return said in _SCHEMES if rule.keyword == "CodingSchemeDesignator" else True


def _standard_uid(source: Dataset, tag: BaseTag, rule: Rule, who: Who, depth: int) -> DataElement | None:
    said = text_of(source, tag)
    return DataElement(tag, "UI", said) if UID(said).name != said else None  # it has a name: it is the standard's


def _sequence(source: Dataset, tag: BaseTag, rule: Rule, who: Who, depth: int) -> DataElement | None:
    value = source[tag].value
    if not isinstance(value, Sequence):
        return None
    return DataElement(tag, "SQ", Sequence([_cleaned(item, who, depth + 1) for item in value]))


def _new_uid(source: Dataset, tag: BaseTag, rule: Rule, who: Who, depth: int) -> DataElement | None:
    said = [u for u in text_of(source, tag).split("\\") if u]
    return DataElement(tag, "UI", [uid(who.key, u) for u in said] if len(said) != 1 else uid(who.key, said[0]))


def _shifted(source: Dataset, tag: BaseTag, rule: Rule, who: Who, depth: int) -> DataElement | None:
    vr, said = rule.vr[0], text_of(source, tag)
    moved = who.shift.date(said) if vr == "DA" else who.shift.datetime(said)
    return DataElement(tag, vr, moved or "")


def _time(source: Dataset, tag: BaseTag, rule: Rule, who: Who, depth: int) -> DataElement | None:
    return DataElement(tag, "TM", dates.time_of_day(text_of(source, tag)) or "")


def _words(source: Dataset, tag: BaseTag, rule: Rule, who: Who, depth: int) -> DataElement | None:
    left = _as_fits(profile.words_of_the_trade(text_of(source, tag)), 64 if rule.vr[0] == "LO" else 16)
    return DataElement(tag, rule.vr[0], left) if left else None


def _meaning(source: Dataset, tag: BaseTag, rule: Rule, who: Who, depth: int) -> DataElement | None:
    return _words(source, tag, rule, who, depth) or DataElement(tag, rule.vr[0], REMOVED)


def _number(source: Dataset, tag: BaseTag, rule: Rule, who: Who, depth: int) -> DataElement | None:
    said = text_of(source, tag).strip()
    plain = said.isascii() and said.isdigit() and len(said) <= 4
    return DataElement(tag, rule.vr[0], said if plain else keys.label(who.key, rule.keyword, said, 8))


def _label(source: Dataset, tag: BaseTag, rule: Rule, who: Who, depth: int) -> DataElement | None:
    return DataElement(tag, rule.vr[0], who.subject)


def _dummy(source: Dataset, tag: BaseTag, rule: Rule, who: Who, depth: int) -> DataElement | None:
    return DataElement(tag, rule.vr[0], REMOVED)


def _empty(source: Dataset, tag: BaseTag, rule: Rule, who: Who, depth: int) -> DataElement | None:
    return _emptied(tag, rule)


def _characteristic(source: Dataset, tag: BaseTag, rule: Rule, who: Who, depth: int) -> DataElement | None:
    said = text_of(source, tag)
    if rule.asked == "age":
        kept = dates.age(said)
        if kept is None:
            return None
        if kept[1]:
            who.notes.add(kept[1])
        return DataElement(tag, "AS", kept[0])
    if rule.asked == "sex":
        return DataElement(tag, "CS", said if said in ("F", "M", "O") else "")
    number = float(said)
    return DataElement(tag, "DS", f"{number:.10g}") if 0 < number < 1000 else None


def _emptied(tag: BaseTag, rule: Rule) -> DataElement:
    return DataElement(tag, "SQ", Sequence()) if rule.vr[0] == "SQ" else DataElement(tag, rule.vr[0], "")


def _as_fits(words: str, room: int) -> str:
    return words if len(words) <= room else words[: room + 1].rpartition("_")[0]


_DO: Mapping[str, Callable[[Dataset, BaseTag, Rule, Who, int], Any]] = {
    "K": _kept, "C": _standard_uid, "Q": _sequence, "W": _words, "M": _meaning, "N": _number, "U": _new_uid, "L": _label,
    "D": _dummy, "S": _shifted, "T": _time, "P": _characteristic, "Z": _empty,
}  # fmt: skip
