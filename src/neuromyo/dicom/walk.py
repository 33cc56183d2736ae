"""From element to element through a DICOM data set, without recursion and without believing a length.

Nothing is interpreted that was not asked for: values of top-level tags, and where the pixels lie. Every length is held against
the container it stands in; sequences may nest `DEEPEST` levels. The same walk is the fast index (stopping early, jumping over
sequences of stated length) and the door that other readers stand behind (``deep``).

Sequences that do not say that they are one (implicit VR, or VR ``UN``, of stated length) are known by the item they begin with;
where their content then makes no sense they are a value like any other, as they are to other readers.
"""

from __future__ import annotations

import struct
from collections.abc import Collection
from dataclasses import dataclass, field

from neuromyo.core.errors import DataError
from neuromyo.dicom.window import AHEAD, Source

DEEPEST = 32
UNDEFINED = 0xFFFFFFFF
PIXELS, FLOATS, DOUBLES = 0x7FE00010, 0x7FE00008, 0x7FE00009
_NAMES = {PIXELS: "PixelData", FLOATS: "FloatPixelData", DOUBLES: "DoubleFloatPixelData"}
_PIXEL_TAGS = (PIXELS, FLOATS, DOUBLES)
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_MOST_VALUE = 4096
_MOST_FRAGMENTS = 4_000_000
_PADDING = 1 << 16

#: explicit VR -> 0: two bytes of length; 1: four; 2: four, and may hold items
_SHORT, _LONG = "AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US", "OB OD OF OL OV OW SV UC UR UT UV"
_VRS = dict.fromkeys(_SHORT.encode().split(), 0) | dict.fromkeys(_LONG.encode().split(), 1) | {b"SQ": 2, b"UN": 2}
_FRAGMENTED = (b"OB", b"OW", b"OF", b"OD", b"OL", b"OV")


@dataclass(frozen=True, slots=True)
class Encoding:
    """How elements are written."""

    explicit: bool = True
    little: bool = True

    @property
    def order(self) -> str:
        return "<" if self.little else ">"


@dataclass(slots=True)
class Pixels:
    """Where the pixels lie: one run of ``length`` bytes, or ``fragments`` (start, length) of compressed data."""

    tag: int
    start: int
    length: int
    fragments: list[tuple[int, int]] | None = None


@dataclass(slots=True)
class Found:
    """What the walk was asked for.

    values : top-level tag -> its bytes (the first `_MOST_VALUE` of them), padding included; the last one where it comes twice
    at : the byte after the last element read
    padding : zero bytes after the last element
    """

    values: dict[int, bytes] = field(default_factory=dict)
    pixels: Pixels | None = None
    at: int = 0
    padding: int = 0


@dataclass(slots=True)
class _Level:
    """A data set (elements) or a sequence (items) that the walk is in."""

    end: int
    explicit: bool
    items: bool = False
    open: bool = False
    guess_from: int = -1


def walk(
    source: Source,
    at: int,
    encoding: Encoding,
    asked: Collection[int],
    *,
    last: int = UNDEFINED,
    deep: bool = True,
) -> Found:
    """Walk the data set that begins at byte ``at``.

    asked : top-level tags whose values are wanted, at best a frozenset
    last : the walk ends before the first top-level tag beyond this one
    deep : also enter sequences of stated length
    E-DICOM (naming tag and byte) where a length cannot be; E-DEPTH
    """
    return _Walk(source, at, encoding, asked, last, deep).run()


def damaged(tag: int | None, at: int, needed: str, found: str) -> DataError:
    """E-DICOM at an element; the file's name is put before it by who knows it."""
    element = f"{_NAMES.get(tag or 0, 'element')} {named(tag)} at " if tag is not None else ""
    return DataError("E-DICOM", where=f"{element}byte {at}", needed=needed, found=found,
                     remedy="export or copy the file again from its source")  # fmt: skip


def named(tag: int) -> str:
    """``(0028,0010)``"""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


class _Walk:
    def __init__(
        self, source: Source, at: int, encoding: Encoding, asked: Collection[int], last: int, deep: bool
    ) -> None:
        self.source, self.at, self.asked, self.last, self.deep = source, at, asked, last, deep
        order = encoding.order
        self.explicit_head = struct.Struct(order + "HH2sH").unpack_from
        self.implicit_head = struct.Struct(order + "HHL").unpack_from
        self.long = struct.Struct(order + "L").unpack_from
        self.item_bytes = struct.pack(order + "HH", _ITEM >> 16, _ITEM & 0xFFFF)
        self.levels = [_Level(source.size, encoding.explicit)]
        self.depth = 0
        self.found = Found()

    def run(self) -> Found:
        while self.levels:
            level = self.levels[-1]
            try:
                if level.items:
                    self._next_item(level)
                elif level.explicit:
                    self._explicit(level)
                else:
                    self._implicit(level)
            except DataError as error:
                if error.code != "E-DICOM" or not self._was_no_sequence():
                    raise
        self.found.at = self.at
        return self.found

    # --- plain elements: the two loops that take the time -----------------------------------------

    def _explicit(self, level: _Level) -> None:
        asked = self.asked if len(self.levels) == 1 else ()
        last = self.last if len(self.levels) == 1 else UNDEFINED
        values = self.found.values
        head, long, vrs, deep = self.explicit_head, self.long, _VRS, self.deep
        data, base = self.source.near(self.at)
        at, end, safe = self.at - base, level.end - base, len(data) - AHEAD
        while at < end:
            if at > safe:
                at += base
                data, base = self.source.near(at)
                at, end, safe = at - base, level.end - base, len(data) - AHEAD
            group, element, vr, length = head(data, at)
            tag = group << 16 | element
            if tag > last:
                self.at = at + base
                self.levels.clear()
                return
            kind = vrs.get(vr)
            if kind == 0:
                start = at + 8
            elif kind is None:
                self.at = at + base
                self._odd(level, tag, f"VR bytes {vr.hex()}")
                return
            else:
                length, start = long(data, at + 8)[0], at + 12
                if length == UNDEFINED or (kind == 2 and deep and length):
                    self.at = at + base
                    if self._entered(level, tag, vr, start + base, length, data[start : start + 4]):
                        return
            stop = start + length
            if stop > end:
                raise self._overrun(tag, at + base, length, end - start)
            if tag in asked:
                if stop <= len(data) and length <= _MOST_VALUE and tag not in _PIXEL_TAGS:
                    values[tag] = data[start:stop]
                else:
                    self._keep(tag, start + base, length)
            at = stop
        self.at = at + base
        self._ended(level)

    def _implicit(self, level: _Level) -> None:
        asked = self.asked if len(self.levels) == 1 else ()
        last = self.last if len(self.levels) == 1 else UNDEFINED
        values = self.found.values
        head, item, deep = self.implicit_head, self.item_bytes, self.deep
        data, base = self.source.near(self.at)
        at, end, safe = self.at - base, level.end - base, len(data) - AHEAD
        while at < end:
            if at > safe:
                at += base
                data, base = self.source.near(at)
                at, end, safe = at - base, level.end - base, len(data) - AHEAD
            group, element, length = head(data, at)
            tag = group << 16 | element
            if tag > last or group == 0xFFFE or tag == 0:
                self.at = at + base
                if tag > last:
                    self.levels.clear()
                    return
                self._odd(level, tag, f"length {length}")
                return
            start = at + 8
            if length == UNDEFINED or (deep and length >= 8 and data[start : start + 4] == item):
                self.at = at + base
                vr = b"OW" if tag in _PIXEL_TAGS else b"UN"
                if self._entered(level, tag, vr, start + base, length, data[start : start + 4]):
                    return
            stop = start + length
            if stop > end:
                raise self._overrun(tag, at + base, length, end - start)
            if tag in asked:
                if stop <= len(data) and length <= _MOST_VALUE and tag not in _PIXEL_TAGS:
                    values[tag] = data[start:stop]
                else:
                    self._keep(tag, start + base, length)
            at = stop
        self.at = at + base
        self._ended(level)

    # --- what is not plain ---------------------------------------------------------------------

    def _keep(self, tag: int, start: int, length: int) -> None:
        if tag in _PIXEL_TAGS:
            self.found.pixels = Pixels(tag, start, length)
        else:
            self.found.values[tag] = self.source.read(start, min(length, _MOST_VALUE))

    def _entered(self, level: _Level, tag: int, vr: bytes, start: int, length: int, first: bytes) -> bool:
        """True where the element at ``self.at`` holds items, which come next; false where it is a value after all."""
        if length == UNDEFINED:
            if vr in _FRAGMENTED:
                self._fragments(tag, start, level.end)
                return True
            if vr not in (b"SQ", b"UN"):
                raise damaged(
                    tag, self.at, "a stated length", "an undefined one, which only sequences and pixels may have"
                )
            self._push(_Level(level.end, level.explicit, items=True, open=True), start)
            return True
        if start + length > level.end:
            raise self._overrun(tag, self.at, length, level.end - start)
        if vr == b"SQ":
            self._push(_Level(start + length, level.explicit, items=True), start)
            return True
        if first != self.item_bytes or tag in _PIXEL_TAGS:
            return False
        self._push(_Level(start + length, level.explicit, items=True, guess_from=self.at), start)
        return True

    def _push(self, level: _Level, start: int) -> None:
        self.depth += 1
        if self.depth > DEEPEST:
            raise DataError("E-DEPTH", where=f"byte {self.at}", needed=f"at most {DEEPEST} sequences within each other",
                            found="more", remedy="do not trust this file; export the series again")  # fmt: skip
        self.levels.append(level)
        self.at = start

    def _next_item(self, level: _Level) -> None:
        at = self.at
        if at >= level.end:
            if level.open:
                raise damaged(_SEQUENCE_END, at, "the end of a sequence", "the end of what holds it")
            self._pop()
            return
        data, base = self.source.near(at)
        group, element, length = self.implicit_head(data, at - base)
        tag, start = group << 16 | element, at + 8
        if start > level.end:
            raise damaged(None, at, "an item of a sequence", f"{level.end - at} bytes")
        if tag == _ITEM:
            self.at = start
            unstated = length == UNDEFINED
            if not unstated and start + length > level.end:
                raise self._overrun(tag, at, length, level.end - start)
            end = level.end if unstated else start + length
            explicit = level.explicit and _letters(data[start - base + 4 : start - base + 6])
            self.levels.append(_Level(end, explicit, open=unstated))
        elif tag == _SEQUENCE_END and level.open:
            self.at = start
            self._pop()
        elif tag == _ITEM_END and length == 0:
            self.at = start
        else:
            raise damaged(tag, at, "an item of a sequence", "something else")

    def _odd(self, level: _Level, tag: int, found: str) -> None:
        """An element that is none: the end of an item, padding, or damage."""
        at = self.at
        if tag == _ITEM_END and len(self.levels) > 1 and (level.open or at + 8 >= level.end):
            if at + 8 > level.end:
                raise self._overrun(tag, at, 8, level.end - at)
            self.at = at + 8
            self.levels.pop()
        elif tag == 0 and len(self.levels) == 1 and self._only_zeros(at, level.end):
            self.found.padding = level.end - at
            self.levels.clear()
        else:
            raise damaged(tag, at, "the head of an element", found)

    def _only_zeros(self, at: int, end: int) -> bool:
        return end - at <= _PADDING and not any(self.source.read(at, end - at))

    def _ended(self, level: _Level) -> None:
        if level.open:
            raise damaged(_ITEM_END, self.at, "the end of an item", "the end of what holds it")
        self.levels.pop()

    def _pop(self) -> None:
        self.levels.pop()
        self.depth -= 1

    def _was_no_sequence(self) -> bool:
        """Back to the innermost value that was only thought to be a sequence, and past it; false where there is none."""
        for place in range(len(self.levels) - 1, 0, -1):
            level = self.levels[place]
            if level.guess_from >= 0:
                self.depth -= sum(one.items for one in self.levels[place:])
                del self.levels[place:]
                self.at = level.end
                return True
        return False

    def _fragments(self, tag: int, at: int, end: int) -> None:
        """Over the fragments of compressed pixels (or of any value sent in pieces), to the byte after their end."""
        found: list[tuple[int, int]] = []
        begin = at
        while True:
            if at + 8 > end:
                raise damaged(tag, at, "the end of the fragments", "the end of the file")
            data, base = self.source.near(at)
            group, element, length = self.implicit_head(data, at - base)
            item = group << 16 | element
            if item == _SEQUENCE_END:
                break
            if item != _ITEM or length == UNDEFINED:
                raise damaged(tag, at, "a fragment of stated length", "something else")
            if at + 8 + length > end:
                raise self._overrun(tag, at, length, end - at - 8)
            found.append((at + 8, length))
            if len(found) > _MOST_FRAGMENTS:
                raise damaged(tag, at, f"at most {_MOST_FRAGMENTS} fragments", "more")
            at += 8 + length
        if tag in self.asked and len(self.levels) == 1:
            self.found.pixels = Pixels(tag, begin, at - begin, found)
        self.at = at + 8

    def _overrun(self, tag: int, at: int, length: int, left: int) -> DataError:
        said = "of the file" if len(self.levels) == 1 else "of what it stands in"
        return damaged(
            tag, at, f"{length} bytes, as it says", f"{max(left, 0)} bytes to the end {said}: truncated or damaged"
        )


def _letters(two: bytes) -> bool:
    """Whether two bytes can be a VR: capital letters."""
    return len(two) == 2 and 0x40 < two[0] < 0x5B and 0x40 < two[1] < 0x5B
