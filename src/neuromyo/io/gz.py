"""Reading gzip to its end, so that its checksums count: members one after another, damage, and what trails behind."""

from __future__ import annotations

import hashlib
from typing import Any, BinaryIO

from isal import igzip_lib

from neuromyo.core.errors import DataError
from neuromyo.io.files import cannot_read

_PIECE = 1 << 20
_MAGIC = b"\x1f\x8b"


class EndsEarly(Exception):
    """The compressed bytes stopped in the middle of a member, after ``found`` bytes of output."""

    def __init__(self, found: int) -> None:
        super().__init__(found)
        self.found = found


class Inflater:
    """Uncompressed bytes out of an open gzip file, a bounded piece at a time.

    ``produced`` counts bytes given out; ``trailing`` bytes after the last member that are no gzip and not zero padding;
    ``sha256`` is the digest of the compressed bytes, complete once `read` has returned nothing.
    """

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._stream, self._name = stream, name
        self._digest = hashlib.sha256()
        self._member: Any = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
        self._feed = b""
        self._ended = False
        self.produced = 0
        self.trailing = 0

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def take(self, n: int) -> bytes:
        """``n`` bytes, fewer only at the end."""
        pieces, left = [], n
        while left and (piece := self.read(left)):
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)

    def read(self, most: int = _PIECE) -> bytes:
        """Up to ``most`` bytes; nothing only at the end. E-CRC where a checksum fails."""
        while not self._ended:
            if self._member.eof:
                self._next_member()
                continue
            if self._member.needs_input and not self._feed:
                self._feed = self._more()
                if not self._feed:
                    raise EndsEarly(self.produced)
            feed, self._feed = self._feed, b""
            try:
                piece = self._member.decompress(feed, min(most, _PIECE))
            except (igzip_lib.IsalError, EOFError) as error:
                raise self.damaged(str(error)) from error
            if piece:
                self.produced += len(piece)
                return piece
        return b""

    def damaged(self, found: str) -> DataError:
        return DataError("E-CRC", where=self._name, needed="compressed data that pass their checksum",
                         found=f"damage ({found}) after {self.produced} bytes",
                         remedy="copy the file again from its source")  # fmt: skip

    def _more(self) -> bytes:
        try:
            piece = self._stream.read(_PIECE)
        except OSError as error:
            raise cannot_read(self._name, error) from error
        self._digest.update(piece)
        return piece

    def _next_member(self) -> None:
        rest = self._member.unused_data
        while len(rest) < 2 and (more := self._more()):
            rest += more
        if rest.startswith(_MAGIC):
            self._member = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
            self._feed = rest
            return
        padding = True
        while rest:
            padding = padding and not rest.strip(b"\x00")
            self.trailing += len(rest)
            rest = self._more()
        self.trailing = 0 if padding else self.trailing
        self._ended = True
