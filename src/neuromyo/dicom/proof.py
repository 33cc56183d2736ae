"""Reading a de-identified copy back by another way than it was written: element by element, from its bytes.

Knows nothing of pydicom: a fault in how the copy was made is not repeated in how it is proved.

Cites: DICOM PS3.5 section 7 (data elements), PS3.10 section 7.1 (file meta).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from neuromyo.core.errors import DataError, NeuromyoError
from neuromyo.dicom import profile

_IMPLICIT, _BIG, _DEFLATED = "1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"
_LONG_FORM = (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END, _PIXELS = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD, 0x7FE00010
_META_ALLOWED = frozenset({0x00020000, 0x00020001, 0x00020002, 0x00020003, 0x00020010, 0x00020012, 0x00020013})
#: what the copy itself says about how it was made
ADDED = frozenset({0x00120062, 0x00120063, 0x00120064, 0x00280303})
_NEEDED = frozenset({0x00080018, 0x00120062, 0x00120063, 0x00280303})


@dataclass(frozen=True, slots=True)
class Seen:
    """One element of a file: tag, private creator, value (empty for sequences and pixels), depth."""

    tag: int
    creator: str
    value: bytes
    depth: int


def prove(data: bytes, where: str) -> None:
    """Raises E-PHI where the copy ``data`` holds anything that is not on the list of what may stay."""
    if any(data[:128]):
        raise _refused(where, "a preamble that is not empty")
    top: set[int] = set()
    for seen in elements(data):
        if seen.tag >> 16 == 2:
            if seen.tag not in _META_ALLOWED:
                raise _refused(where, f"{_called(seen.tag)} in the file meta information")
            continue
        if not seen.depth:
            top.add(seen.tag)
        own_code = seen.depth == 1 and seen.tag in (0x00080100, 0x00080102, 0x00080104)
        if (seen.tag in ADDED and not seen.depth) or own_code or _creator(seen):
            continue
        if profile.rule(seen.tag, seen.creator) is None:
            raise _refused(where, f"{_called(seen.tag)}, which is not on the list of what may stay")
    if missing := _NEEDED - top:
        raise _refused(where, f"no {_called(min(missing))}")


def elements(data: bytes) -> Iterator[Seen]:
    """Every element of a DICOM file in its order, those of sequences' items too."""
    if data[128:132] != b"DICM":
        raise DataError("E-DICOM", where="a copy", needed="a DICOM file", found="another", remedy="report this")
    syntax, at = "", 132
    while at + 8 <= len(data) and data[at : at + 2] == b"\2\0":
        tag, _, length, start = _explicit(data, at, "<")
        value = data[start : start + length]
        if tag == 0x00020010:
            syntax = value.rstrip(b"\0 ").decode("ascii")
        yield Seen(tag, "", value, 0)
        at = start + length
    body = zlib.decompressobj(-15).decompress(data[at:]) if syntax == _DEFLATED else data[at:]
    yield from _walk(body, ">" if syntax == _BIG else "<", syntax == _IMPLICIT)


def _walk(data: bytes, order: str, implicit: bool) -> Iterator[Seen]:
    ends: list[int] = []  # where each open sequence or item ends; -1: at its delimiter
    creators: list[dict[int, str]] = [{}]
    at = 0
    while at < len(data):
        while ends and ends[-1] >= 0 and at >= ends[-1]:
            ends.pop()
            creators.pop()
        if at + 8 > len(data):
            break
        tag, vr, length, start = _next(data, at, order, implicit)
        if tag in (_ITEM_END, _SEQUENCE_END):
            if ends:
                ends.pop()
                creators.pop()
            at = start
        elif tag == _ITEM:
            ends.append(-1 if length == _UNDEFINED else start + length)
            creators.append({})
            at = start
        elif _is_sequence(tag, vr, creators[-1]):
            yield Seen(tag, _block(tag, creators[-1]), b"", len(ends) // 2)
            ends.append(-1 if length == _UNDEFINED else start + length)
            creators.append({})
            at = start
        else:
            seen = Seen(
                tag, _block(tag, creators[-1]), b"" if tag == _PIXELS else data[start : start + length], len(ends) // 2
            )
            if _creator(seen):
                creators[-1][tag] = seen.value.rstrip(b"\0 ").decode("latin-1")
            yield seen
            at = _after_fragments(data, start, order) if length == _UNDEFINED else start + length


def _next(data: bytes, at: int, order: str, implicit: bool) -> tuple[int, bytes, int, int]:
    group, element = struct.unpack_from(order + "HH", data, at)
    if implicit or group == 0xFFFE:
        return group << 16 | element, b"", struct.unpack_from(order + "I", data, at + 4)[0], at + 8
    return _explicit(data, at, order)


def _explicit(data: bytes, at: int, order: str) -> tuple[int, bytes, int, int]:
    group, element = struct.unpack_from(order + "HH", data, at)
    vr = data[at + 4 : at + 6]
    if vr in _LONG_FORM:
        return group << 16 | element, vr, struct.unpack_from(order + "I", data, at + 8)[0], at + 12
    return group << 16 | element, vr, struct.unpack_from(order + "H", data, at + 6)[0], at + 8


def _after_fragments(data: bytes, at: int, order: str) -> int:
    while at + 8 <= len(data):
        tag, _, length, at = _next(data, at, order, True)
        if tag == _SEQUENCE_END:
            break
        at += length
    return at


def _is_sequence(tag: int, vr: bytes, creators: dict[int, str]) -> bool:
    if vr:
        return vr == b"SQ"
    found = profile.rule(tag, _block(tag, creators))
    return tag == 0x00120064 or (found is not None and found.vr[0] == "SQ")


def _block(tag: int, creators: dict[int, str]) -> str:
    return creators.get(tag & 0xFFFF0000 | (tag >> 8 & 0xFF), "") if tag >> 16 & 1 else ""


def _creator(seen: Seen) -> bool:
    """A private creator, whose name must be one of those on the list."""
    private = bool(seen.tag >> 16 & 1) and 0x10 <= seen.tag & 0xFFFF <= 0xFF
    return private and profile.known_creator(seen.tag >> 16, seen.value.rstrip(b"\0 ").decode("latin-1"))


def _called(tag: int) -> str:
    return f"the attribute ({tag >> 16:04X},{tag & 0xFFFF:04X})"


def _refused(where: str, found: str) -> NeuromyoError:
    return DataError("E-PHI", where=where, needed="a copy that holds only what may stay", found=found,
                     remedy="no copy was kept; report this, it is our fault")  # fmt: skip
