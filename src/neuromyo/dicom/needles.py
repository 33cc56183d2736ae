"""Looking for many words at once in any bytes, in all the spellings in which a word can hide.

Every word becomes byte patterns: plain, UTF-16, percent, hexadecimal, and base64 at its three phases. The first four bytes of
all patterns are marked in one table; one pass over the data finds the few places where a pattern may begin.
"""

from __future__ import annotations

import base64
import html
import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote

import numpy as np

#: a word must have this many letters to be looked for between the voxels, where any bytes may stand
LONG = 8
_DISTINCT = 4
_BITS = 22
_MULTIPLIER = np.uint32(2654435761)
_LEAST, _LEAST_HEX, _LEAST_BASE64 = 4, 10, 5
#: words up to this long must stand alone
LONGEST_ALONE = 5
_BLOCK = 1 << 20
_HEX = "0123456789abcdefABCDEF"
_HEXADECIMAL = frozenset(_HEX)
_DIGEST = 32


class Needles:
    """Words by kind, ready to be looked for: ``Needles({"a person's name": ["Smith"]})``.

    Assumes: the words are not words of the trade (`dicom.words` sees to that).
    Breaks: a word cut in two, in another alphabet, compressed in another way than gzip, or encrypted is not found.
    """

    def __init__(self, words: Mapping[str, Iterable[str]]) -> None:
        self.kinds = tuple(words)
        text = _Patterns()
        bulk = _Patterns()
        for number, kind in enumerate(self.kinds):
            for word in words[kind]:
                _spell(text, word, number)
                if _long(word):
                    _spell_plain(bulk, word, number)
        self._text, self._bulk = text.ready(), bulk.ready()
        self.overlap = max(self._text.longest, self._bulk.longest, 4) + 4

    def in_text(self, data: bytes) -> set[str]:
        """The kinds of words that stand in a text or a header."""
        return self._find(data, self._text)

    def in_bulk(self, data: bytes) -> set[str]:
        """The kinds of long words that stand between voxels, where short ones would be found by chance."""
        return self._find(data, self._bulk)

    def _find(self, data: bytes, patterns: _Ready) -> set[str]:
        found: set[int] = set()
        for start in range(0, max(len(data), 1), _BLOCK):
            found |= patterns.scan(data[start : start + _BLOCK + self.overlap])
        return {self.kinds[k] for k in found}


class _Patterns:
    """Patterns being gathered: bytes -> (kind, how it must stand alone); folded ones are lower case."""

    def __init__(self) -> None:
        self.folded: dict[bytes, tuple[int, str]] = {}
        self.exact: dict[bytes, tuple[int, str]] = {}

    def fold(self, pattern: bytes, kind: int, alone: str = "") -> None:
        if len(pattern) >= _LEAST:
            self.folded.setdefault(pattern.lower(), (kind, alone))

    def ready(self) -> _Ready:
        return _Ready(self)


class _Ready:
    def __init__(self, gathered: _Patterns) -> None:
        self._sets = (_Table(gathered.folded), _Table(gathered.exact))
        self.longest = max((t.longest for t in self._sets), default=0)

    def scan(self, data: bytes) -> set[int]:
        folded, exact = self._sets
        found = folded.scan(data.lower(), data) if folded.longest else set()
        return found | exact.scan(data, data) if exact.longest else found


class _Table:
    """Patterns by their first four bytes, then by length."""

    def __init__(self, patterns: Mapping[bytes, tuple[int, str]]) -> None:
        self.longest = max(map(len, patterns), default=0)
        self._by_start: dict[bytes, dict[int, dict[bytes, tuple[int, str]]]] = {}
        for pattern, told in patterns.items():
            self._by_start.setdefault(pattern[:4], {}).setdefault(len(pattern), {})[pattern] = told
        self._marked = np.zeros(1 << _BITS, bool)
        if patterns:
            self._marked[_hashes(np.frombuffer(b"".join(self._by_start), np.uint8).reshape(-1, 4).T)] = True

    def scan(self, data: bytes, original: bytes) -> set[int]:
        found: set[int] = set()
        if len(data) < 4 or not self._by_start:
            return found
        a = np.frombuffer(data, np.uint8)
        for at in np.flatnonzero(self._marked[_hashes((a[:-3], a[1:-2], a[2:-1], a[3:]))]).tolist():
            for length, group in self._by_start.get(data[at : at + 4], {}).items():
                told = group.get(data[at : at + length])
                if told is not None and told[0] not in found and _stands(original, at, at + length, told[1]):
                    found.add(told[0])
        return found


def _hashes(four: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
    code = four[3].astype(np.uint32)
    for part in (four[2], four[1], four[0]):
        code <<= np.uint32(8)
        code |= part
    code *= _MULTIPLIER
    code >>= np.uint32(32 - _BITS)
    return code


def _stands(data: bytes, start: int, end: int, alone: str) -> bool:
    """Whether the bytes from ``start`` to ``end`` stand alone: as a word (``w``), as a number (``n``), not in a checksum
    (``h``); 2 for UTF-16."""
    if not alone:
        return True
    step = 2 if "2" in alone else 1
    before, after = data[max(start - step, 0) : start].strip(b"\0"), data[end : end + step].strip(b"\0")
    if "h" in alone and _in_digest(data, start, end):
        return False
    if "n" in alone:
        return not (before[-1:].isdigit() or before[-1:] == b"." or after[:1].isdigit())
    if "w" not in alone:
        return True
    first, last = data[start : start + 2].strip(b"\0")[:1], data[end - step : end].strip(b"\0")[-1:]
    glued_before = before[-1:].isalpha() and not (before[-1:].islower() and first.isupper())
    glued_after = after[:1].isalpha() and not (last.islower() and after[:1].isupper())
    return not (glued_before or glued_after)


def _long(word: str) -> bool:
    return len(word) >= LONG and len({c for c in word.lower() if c.isalpha()}) >= _DISTINCT


def _how(word: str) -> str:
    if not any(c.isalpha() for c in word):
        return "" if "." in word and len(word) > 12 else "nh"
    hexadecimal = "h" if set(word.lower()) <= _HEXADECIMAL else ""
    return ("w" if len(word) <= LONGEST_ALONE else "") + hexadecimal


def _in_digest(data: bytes, start: int, end: int) -> bool:
    """Whether the bytes stand within a long hexadecimal number, as checksums are."""
    before, after = data[max(start - 64, 0) : start].decode("latin-1"), data[end : end + 64].decode("latin-1")
    left = len(before) - len(before.rstrip(_HEX))
    return left + (end - start) + len(after) - len(after.lstrip(_HEX)) >= _DIGEST


def _variants(word: str) -> set[str]:
    bare = "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))
    return {v for w in (word, bare) for v in (w, w.lower(), w.upper(), w.title(), unicodedata.normalize("NFD", w))}


def _spell_plain(into: _Patterns, word: str, kind: int) -> None:
    how = _how(word)
    for one in _variants(word):
        for raw in _encoded(one):
            into.fold(raw, kind, how)
        for code in ("utf-16-le", "utf-16-be"):
            into.fold(one.encode(code), kind, how + "2" if how else "")


def _spell(into: _Patterns, word: str, kind: int) -> None:
    _spell_plain(into, word, kind)
    if _how(word) == "" and not any(c.isalpha() for c in word):
        return  # an identifier of an image: there are thousands, and they are told by their plain form
    for one in _variants(word):
        for written in (
            quote(one, safe=""),
            html.escape(one),
            json.dumps(one)[1:-1],
            one.encode("ascii", "xmlcharrefreplace").decode(),
        ):
            if written != one:
                into.fold(written.encode(), kind)
        for raw in _encoded(one):
            into.fold("".join(f"%{b:02x}" for b in raw).encode(), kind)
            if 2 * len(raw) >= _LEAST_HEX:
                into.fold(raw.hex().encode(), kind)
            for pattern in base64_phases(raw):
                into.exact.setdefault(pattern, (kind, ""))


def _encoded(word: str) -> set[bytes]:
    out = {word.encode("utf-8")}
    if not word.isascii():
        out.add(word.encode("latin-1", "ignore"))
    return out


def base64_phases(raw: bytes) -> set[bytes]:
    """What of ``raw`` shows in base64 whatever stands before and after it, in both alphabets."""
    out = set()
    for phase in range(3):
        coded = base64.b64encode(b"\0" * phase + raw)
        first = -(-8 * phase // 6)
        last = (8 * (phase + len(raw))) // 6
        whole = coded[first:last]
        if len(whole) >= _LEAST_BASE64:
            out |= {whole, whole.replace(b"+", b"-").replace(b"/", b"_")}
    return out
