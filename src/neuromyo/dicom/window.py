"""Bytes by their place, few at a time: of an open file, or of a piece of memory."""

from __future__ import annotations

import os
from typing import Protocol

#: what is read at once: the whole header of most images
WINDOW = 16 << 10
#: bytes that can always be looked at from a place within the window; where the data end, zeros stand in
AHEAD = 16
_TAIL = bytes(AHEAD)


class Source(Protocol):
    """``size`` bytes."""

    size: int

    def near(self, at: int) -> tuple[bytes, int]:
        """Bytes that begin at or before ``at`` and reach at least `AHEAD` beyond it, and the place where they begin."""
        ...

    def read(self, at: int, length: int) -> bytes:
        """``length`` bytes, fewer where the data end."""
        ...


class FileBytes:
    """The bytes of an open file; the window last read is kept."""

    __slots__ = ("_base", "_data", "_descriptor", "size")

    def __init__(self, descriptor: int, size: int) -> None:
        self.size, self._descriptor, self._base = size, descriptor, 0
        self._data = self._fetch(0)

    def near(self, at: int) -> tuple[bytes, int]:
        if not 0 <= at - self._base <= len(self._data) - AHEAD:
            self._data, self._base = self._fetch(at), at
        return self._data, self._base

    def read(self, at: int, length: int) -> bytes:
        length = min(length, max(0, self.size - at))
        inside = at - self._base
        if inside >= 0 and inside + length <= len(self._data):
            return self._data[inside : inside + length]
        return _read(self._descriptor, length, at)

    def _fetch(self, at: int) -> bytes:
        data = _read(self._descriptor, WINDOW, at)
        return data if len(data) == WINDOW else data + _TAIL


class MemoryBytes:
    """Bytes in memory."""

    __slots__ = ("_data", "size")

    def __init__(self, data: bytes | bytearray) -> None:
        self.size = len(data)
        self._data = bytes(data) + _TAIL

    def near(self, at: int) -> tuple[bytes, int]:
        return (self._data, 0) if at <= self.size else (_TAIL, at)

    def read(self, at: int, length: int) -> bytes:
        return self._data[at : min(at + length, self.size)]


def _read(descriptor: int, length: int, at: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(descriptor, length, at)
    os.lseek(descriptor, at, os.SEEK_SET)
    return os.read(descriptor, length)
