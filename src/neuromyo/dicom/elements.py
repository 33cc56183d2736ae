"""Reading elements of a header that may be wrong: a value is there in the form asked for, or it is not there.

A `View` is what a header says of one image plane. In a classic file that is the whole header; in an enhanced one it is the
plane's own functional groups, then those shared by all planes, then the header. Private elements are found by the name of
their creator, never by their number alone, since each file may lay its private blocks out anew.
"""

from __future__ import annotations

import logging
import math
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pydicom import config
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

#: how the bytes of a private element are read where the file does not say it (implicit files, "UN")
_BINARY = {"FD": "d", "FL": "f", "US": "H", "SS": "h", "UL": "I", "SL": "i"}
_MOST = 4096


@contextmanager
def quietly() -> Iterator[None]:
    """pydicom neither warns nor logs in here (its messages quote values, which may be the patient's), and bears odd values."""
    log, mode = logging.getLogger("pydicom"), config.settings.reading_validation_mode
    sink, passed_on = logging.NullHandler(), log.propagate
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        log.addHandler(sink)
        log.propagate, config.settings.reading_validation_mode = False, config.IGNORE
        try:
            yield
        finally:
            log.propagate, config.settings.reading_validation_mode = passed_on, mode
            log.removeHandler(sink)


class Part:
    """One dataset of a header, with what was once asked of it kept: parts are shared by the planes of a file."""

    __slots__ = ("_blocks", "_known", "_tags", "dataset")

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self._tags = {int(tag) for tag in dataset.keys()}  # noqa: SIM118 (a Dataset iterates over elements)
        self._known: dict[int, Any] = {}
        self._blocks: dict[tuple[int, str], int] | None = None

    def value(self, tag: int) -> Any:
        """The value of an element; None where it is absent, empty or unreadable."""
        if tag not in self._tags:
            return None
        if tag not in self._known:
            self._known[tag] = _value(self.dataset, tag)
        return self._known[tag]

    def private(self, group: int, creator: str, element: int, vr: str) -> Any:
        """A private element of the block that ``creator`` reserved in ``group``; None where he reserved none."""
        if self._blocks is None:
            self._blocks = self._reserved()
        block = self._blocks.get((group, creator.upper()))
        if block is None:
            return None
        found = self.value(group << 16 | block << 8 | element)
        return _unpacked(found, vr, _little(self.dataset)) if isinstance(found, bytes) else found

    def _reserved(self) -> dict[tuple[int, str], int]:
        found: dict[tuple[int, str], int] = {}
        for tag in sorted(self._tags):
            group, block = tag >> 16, tag & 0xFFFF
            if group % 2 and 0x10 <= block <= 0xFF:
                found.setdefault((group, " ".join(words_of(self.value(tag))).upper()), block)
        return found


@dataclass(frozen=True)
class View:
    """What a header says of one plane.

    top : the header; parts : where to look, nearest first (the header itself is the last)
    """

    top: Dataset
    parts: tuple[Part, ...]

    @staticmethod
    def of(dataset: Dataset) -> View:
        """The view of a classic file, of one plane."""
        return View(dataset, (Part(dataset),))

    def value(self, keyword: str) -> Any:
        """The nearest value that is not empty, as pydicom gives it; None where there is none, or it cannot be read."""
        tag = tag_for_keyword(keyword)
        for part in self.parts:
            found = part.value(tag) if tag is not None else None
            if found is not None:
                return found
        return None

    def number(self, keyword: str) -> float | None:
        return first(numbers_of(self.value(keyword)))

    def whole(self, keyword: str) -> int | None:
        """A number that must be whole."""
        found = self.number(keyword)
        return int(found) if found is not None and found == int(found) else None

    def numbers(self, keyword: str, count: int | None = None) -> tuple[float, ...]:
        """The numbers of an element, none where there are not ``count`` of them."""
        found = numbers_of(self.value(keyword))
        return found if count is None or len(found) == count else ()

    def text(self, keyword: str) -> str:
        return " ".join(words_of(self.value(keyword)))

    def words(self, keyword: str) -> tuple[str, ...]:
        """The values of an element of text, in capitals."""
        return tuple(w.upper() for w in words_of(self.value(keyword)))

    def items(self, keyword: str) -> tuple[Dataset, ...]:
        """The items of a sequence."""
        found = self.value(keyword)
        return tuple(found) if isinstance(found, Sequence) else ()

    def private(self, group: int, creator: str, element: int, vr: str) -> Any:
        """A private element: ``element`` is the last two digits of its number, ``vr`` its type where the file does not say it."""
        for part in self.parts:
            found = part.private(group, creator, element, vr)
            if found is not None:
                return found
        return None

    def private_numbers(self, group: int, creator: str, element: int, vr: str) -> tuple[float, ...]:
        return numbers_of(self.private(group, creator, element, vr))

    def private_number(self, group: int, creator: str, element: int, vr: str) -> float | None:
        return first(self.private_numbers(group, creator, element, vr))

    def private_text(self, group: int, creator: str, element: int, vr: str = "LO") -> str:
        return " ".join(words_of(self.private(group, creator, element, vr)))


def first(numbers: tuple[float, ...]) -> float | None:
    """The first of some numbers, None where there is none."""
    return numbers[0] if numbers else None


def numbers_of(value: Any) -> tuple[float, ...]:
    """Finite numbers, all of them or none."""
    if value is None or isinstance(value, (bytes, Sequence, Dataset)):
        return ()
    many = [value] if isinstance(value, str) or not hasattr(value, "__iter__") else list(value)[:_MOST]
    try:
        found = tuple(float(v) for v in many)
    except (TypeError, ValueError, OverflowError):
        return ()
    return found if all(math.isfinite(v) for v in found) else ()


def words_of(value: Any) -> tuple[str, ...]:
    """Text, one entry a value, without padding."""
    if value is None or isinstance(value, (bytes, Sequence, Dataset)):
        return ()
    many = [value] if isinstance(value, str) or not hasattr(value, "__iter__") else list(value)[:_MOST]
    return tuple(str(v).strip(" \0\t\r\n") for v in many)


def _value(dataset: Dataset, tag: int) -> Any:
    try:
        found = dataset[tag].value
    except Exception:  # whatever a damaged element provokes in pydicom: it is not there
        return None
    if found is None or (hasattr(found, "__len__") and len(found) == 0):
        return None
    return found


def _little(dataset: Dataset) -> bool:
    _, little = dataset.original_encoding
    return little is not False


def _unpacked(raw: bytes, vr: str, little: bool) -> Any:
    if vr in _BINARY:
        kind = _BINARY[vr]
        count = min(len(raw) // struct.calcsize("=" + kind), _MOST)
        return list(struct.unpack_from(("<" if little else ">") + kind * count, raw)) or None
    if vr in ("OB", "UN"):
        return raw
    words = raw[: 1 << 16].decode("latin-1").strip(" \0").split("\\")
    return words if any(words) else None
