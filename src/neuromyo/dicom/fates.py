"""The fate of every attribute of a header, line by line: what `neuromyo.dicom.preview` makes its table of. Runs in the child."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom import Dataset
from pydicom.datadict import keyword_for_tag
from pydicom.sequence import Sequence

from neuromyo.dicom import door, hazards, profile
from neuromyo.dicom.deidentify import Fate, Who, fates, text_of

_LONGEST = 40
_PIXEL_GROUP = 0x7FE0
_ALIKE = 48  # so many headers of one outline are looked through; of the others only pictures are looked for
_FREE_TEXT = ("LO", "SH", "ST", "LT", "UT", "UC", "PN")


@dataclass(frozen=True, slots=True)
class Line:
    """One attribute of one file. ``value`` only where it is technical and kept."""

    tag: str
    keyword: str
    fate: str
    why: str
    free_text: bool = False
    nested: bool = False
    value: str = ""

    @property
    def shape(self) -> tuple[str, str, str, str, bool, bool]:
        return self.tag, self.keyword, self.fate, self.why, self.free_text, self.nested


def lines(header: Dataset, who: Who, depth: int = 0) -> Iterator[Line]:
    """What becomes of each attribute of a header, at every depth; private blocks that go are one line each."""
    blocks: dict[tuple[str, str], int] = {}
    for fate in fates(header, who, depth):
        if fate.tag.group == _PIXEL_GROUP or fate.tag.element == 0 or fate.tag.is_private_creator:
            continue
        if fate.tag.is_private and fate.element is None:
            name = fate.creator if profile.known_creator(fate.tag.group, fate.creator) else "of a vendor"
            block = f"{fate.tag.group:04X}", name
            blocks[block] = blocks.get(block, 0) + 1
            continue
        yield _told(header, fate, depth)
        if fate.element is not None and fate.element.VR == "SQ":
            value = header[fate.tag].value
            for item in value if isinstance(value, Sequence) else ():
                yield from lines(item, who, depth + 1)
    for (group, name), n in blocks.items():
        yield Line(
            f"{group},----", f"private block {name} ({n} elements)", "removed", "vendor's own", True, bool(depth)
        )


def of_file(header: Dataset, who: Who) -> Iterator[dict[str, Any]]:
    """The child's answers about one header: its shape, then its values."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        told = list(lines(header, who))
    rows = sorted({line.shape for line in told})
    shape = hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]
    yield {"shape": shape, "rows": [list(r) for r in rows]}
    values = {f"{line.tag} {line.nested:d}": line.value for line in told if line.value}
    yield {"shape": shape, "values": values, "hazards": list(hazards.of(header))}


def answer(request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Child job. request: root, files (as every job), subject, keep; no key: a preview makes no pseudonym.

    Yields ``{"at"}``, and per file what `Preview.add` takes.
    """
    who = Who(bytes(32), request.get("subject", ""), frozenset(request.get("keep", ())))
    said: set[str] = set()
    alike: dict[int, list[str]] = {}
    for number, name in request["files"]:
        yield {"at": number}
        header = door.header(Path(request["root"]) / name)
        if header is None:
            continue
        known = alike.setdefault(_outline(header), [])
        if len(known) >= _ALIKE:
            yield {"file": number, "shape": known[-1], "values": {}, "hazards": list(hazards.of(header))}
            continue
        shape, values = of_file(header, who)
        known.append(shape["shape"])
        if shape["shape"] not in said:
            said.add(shape["shape"])
            yield shape
        yield {"file": number, **values}


def _outline(header: Dataset) -> int:
    """The same for headers of the same attributes and sequences of the same length."""
    items = (header.get_item(tag) for tag in header.keys())  # noqa: SIM118
    raw = [(int(i.tag), str(i.VR), len(i.value) if i.VR == "SQ" and i.value else 0) for i in items if i is not None]
    return hash(tuple(raw))


def _told(header: Dataset, fate: Fate, depth: int) -> Line:
    keyword = (fate.rule.keyword if fate.rule else keyword_for_tag(fate.tag)) or "an attribute of no known name"
    what = profile.ACTIONS[fate.action]
    why = fate.rule.why if fate.rule and fate.element is not None else _why_not(fate)
    item = header.get_item(fate.tag)
    free = fate.rule is None and item is not None and _may_be_text(keyword, str(item.VR))
    tag = f"{fate.tag.group:04X},{fate.tag.element:04X}"
    return Line(tag, keyword, what, why, free, bool(depth), _value(header, fate))


def _why_not(fate: Fate) -> str:
    if fate.rule is None:
        return "not needed for the measurement"
    if fate.rule.action == "P":
        return f"kept only with --keep {fate.rule.asked}"
    return "its value is not of the kind it should be"


def _may_be_text(keyword: str, vr: str) -> bool:
    return vr in _FREE_TEXT or (vr in ("None", "UN") and any(w in keyword for w in ("Comment", "Description", "Name")))


def _value(header: Dataset, fate: Fate) -> str:
    if fate.action != "K" or fate.element is None or fate.element.VR in ("SQ", "OB", "OW", "UN"):
        return ""
    said = text_of(header, fate.tag) if fate.element.VR in ("CS", "DS", "IS", "LO", "SH") else _numbers(header, fate)
    return said if len(said) <= _LONGEST else said[: _LONGEST - 3] + "..."


def _numbers(header: Dataset, fate: Fate) -> str:
    try:
        return str(header[fate.tag].value)
    except (ValueError, TypeError, AttributeError, NotImplementedError, LookupError):
        return ""
