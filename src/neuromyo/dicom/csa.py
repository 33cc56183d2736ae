"""Siemens' CSA header: a list of named values in a private element, read with every length checked.

Of the layout marked ``SV10``, which every scanner since about 2005 writes. A damaged header ends the list where it is damaged.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from neuromyo.dicom.elements import numbers_of

_TAG, _ITEM = struct.Struct("<64si4s3i"), struct.Struct("<4i")
_MOST_TAGS, _MOST_ITEMS, _KEPT = 1024, 4096, 64


@dataclass(frozen=True)
class Header:
    """Values by name, as text."""

    values: Mapping[str, tuple[str, ...]]

    def numbers(self, name: str) -> tuple[float, ...]:
        return numbers_of(self.values.get(name, ()))

    def text(self, name: str) -> str:
        return " ".join(self.values.get(name, ()))


def parse(raw: bytes) -> Header:
    """The named values of a CSA header; none where it is none."""
    values: dict[str, tuple[str, ...]] = {}
    if raw[:4] != b"SV10":
        return Header(values)
    at = 8
    try:
        (count,) = struct.unpack_from("<i", raw, at)
        at += 8
        for _ in range(max(0, min(count, _MOST_TAGS))):
            name, found, at = _tag(raw, at)
            values[name] = found
    except (struct.error, ValueError):
        pass
    return Header(values)


def _tag(raw: bytes, at: int) -> tuple[str, tuple[str, ...], int]:
    name, _, _, _, count, _ = _TAG.unpack_from(raw, at)
    at += _TAG.size
    if not 0 <= count <= _MOST_ITEMS:
        raise ValueError
    said: list[str] = []
    for _ in range(count):
        _, length, _, _ = _ITEM.unpack_from(raw, at)
        at += _ITEM.size
        if not 0 <= length <= len(raw) - at:
            raise ValueError
        word = _text(raw[at : at + length])
        if word and len(said) < _KEPT:
            said.append(word)
        at += (length + 3) // 4 * 4
    return _text(name), tuple(said), at


def _text(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode("latin-1").strip()
