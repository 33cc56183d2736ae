"""Where uncompressed voxels are kept: in memory while the budget lasts, then in scratch files that vanish by themselves."""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from neuromyo.core.errors import DataError, Finding
from neuromyo.io.files import printable, size_of
from neuromyo.io.gz import EndsEarly, Inflater
from neuromyo.io.header import HEAD, Header, parse
from neuromyo.io.store import cannot_write

_GB = 1_000_000_000
#: beyond this compression no scan has been seen; with a promise over the permitted size it is refused
_RATIO = 200
_SLACK = 1024
_PROBE = 64 << 20
#: unpacked images may hold this share of the memory budget; the rest is for working on them
_SHARE = 0.25


class Room:
    """A memory budget shared by the images of one session, and the scratch folder for what does not fit it."""

    def __init__(self, scratch: Path, memory_mb: int) -> None:
        self.scratch = scratch
        self._left = int(memory_mb * 1_000_000 * _SHARE)

    def keep(self, pieces: Iterator[bytes], size: int) -> np.ndarray:
        """``size`` bytes, given in pieces, as a read-only uint8 array in memory or on a scratch file."""
        if size <= self._left:
            self._left -= size
            return _in_memory(pieces, size)
        return self._on_disk(pieces)

    def _on_disk(self, pieces: Iterator[bytes]) -> np.ndarray:
        try:
            self.scratch.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.scratch) as stream:
                # written, not mapped, so that a full disk is an error here and not a crash later
                for piece in pieces:
                    stream.write(piece)
                stream.flush()
                return np.frombuffer(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ), dtype=np.uint8)
        except OSError as error:
            raise cannot_write(f"scratch folder {printable(self.scratch.name)}", error) from error


def _in_memory(pieces: Iterator[bytes], size: int) -> np.ndarray:
    room, at = np.empty(size, dtype=np.uint8), 0
    for piece in pieces:
        room[at : at + len(piece)] = np.frombuffer(piece, dtype=np.uint8)
        at += len(piece)
    room.setflags(write=False)
    return room


def unpack(stream, name: str, room: Room, max_input_gb: float) -> tuple[Header, np.ndarray, str, tuple[Finding, ...]]:  # noqa: ANN001
    """The header, the voxels' bytes, the file's SHA-256 and what is to be said, of an open gzip file read to its end."""
    inflater = Inflater(stream, name)
    try:
        head = inflater.take(HEAD)
        if not head:
            raise DataError("E-EMPTY", where=name, needed="an image", found="nothing inside the gzip file",
                            remedy="convert it again")  # fmt: skip
        header = parse(head, name)
        _refuse_bomb(header, inflater, size_of(stream), name, max_input_gb)
        voxels = room.keep(_voxels(header, head, inflater, name), header.nbytes)
    except EndsEarly as early:
        raise _ends_early(stream, inflater, early.found, name) from early
    return header, voxels, inflater.sha256, (*_trailing(inflater, name), *excess(inflater.produced - header.promise, name))


def _voxels(header: Header, head: bytes, inflater: Inflater, name: str) -> Iterator[bytes]:
    """The bytes of the voxels; at the end of them the rest of the file has been read and found right."""
    head = _skip_to(header, head, inflater, name)
    left = header.nbytes
    if head:
        yield head[:left]
        left -= min(len(head), left)
    while left:
        piece = inflater.read(left)
        if not piece:
            raise empty(header, name) if left == header.nbytes else short(header, inflater.produced, name)
        left -= len(piece)
        yield piece
    _read_to_end(header, inflater, name)


def _skip_to(header: Header, head: bytes, inflater: Inflater, name: str) -> bytes:
    """What of ``head`` is voxels already, after passing over extensions (which are never looked into)."""
    left = header.offset - len(head)
    while left > 0:
        piece = inflater.read(left)
        if not piece:
            raise beyond_end(header, inflater.produced, name) if len(head) > 352 else empty(header, name)
        left -= len(piece)
    return head[header.offset :]


def _read_to_end(header: Header, inflater: Inflater, name: str) -> None:
    """Read on until the checksum has been seen; far beyond the promise it is a bomb."""
    while inflater.read():
        if inflater.produced > header.promise + _PROBE:
            raise _bomb(name, f"{header.promise} bytes, as the header promises", "compressed data that go on and on")


def _refuse_bomb(header: Header, inflater: Inflater, size: int, name: str, max_input_gb: float) -> None:
    """A promise over the permitted size out of a small file: find out, cheaply, which kind of lie it is."""
    if header.promise <= max_input_gb * _GB or header.promise <= _RATIO * size:
        return
    while inflater.produced < _PROBE and inflater.read():
        pass
    if inflater.produced < _PROBE:
        raise short(header, inflater.produced, name)
    raise _bomb(name, f"at most {max_input_gb:g} GB, or compression under {_RATIO}:1",
                f"{header.promise} bytes promised by {size} bytes ({header.promise // max(size, 1)}:1)")  # fmt: skip


def _bomb(name: str, needed: str, found: str) -> DataError:
    return DataError("E-BOMB", where=name, needed=needed, found=found,
                     remedy="if you trust this file, allow its size with --max-input-gb")  # fmt: skip


def _ends_early(stream, inflater: Inflater, found: int, name: str) -> DataError:  # noqa: ANN001
    """Truncated, unless the size that stands at the file's end is still there: then it is damaged inside."""
    promise = None
    if stream.seekable():
        stream.seek(-4, os.SEEK_END)
        said = int.from_bytes(stream.read(4), "little")
        stream.seek(0)
        promise = _promise(stream, name)
        if promise is not None and said == promise % (1 << 32):
            return inflater.damaged("the stream does not end")
    expected = f"{promise} bytes (uncompressed)" if promise else "a gzip stream with an end"
    return DataError("E-TRUNC", where=name, needed=expected, found=f"{found} bytes before the file ends",
                     remedy="copy the file again from its source")  # fmt: skip


def _promise(stream, name: str) -> int | None:  # noqa: ANN001
    try:
        return parse(Inflater(stream, name).take(HEAD), name).promise
    except (EndsEarly, DataError):
        return None


def short(header: Header, found: int, name: str) -> DataError:
    """Fewer bytes than promised: a file cut short, or dimensions that no such file can have."""
    if header.promise > 1 << 30 and header.promise > 100 * found:
        return DataError("E-DIMS", where=f"{name}: dim", needed=f"dimensions that fit a file of {found} bytes",
                         found=f"{' x '.join(map(str, header.shape))}, which is {header.promise} bytes",
                         remedy="convert the file again")  # fmt: skip
    return DataError("E-TRUNC", where=name, needed=f"{header.promise} bytes", found=f"{found} bytes",
                     remedy="copy the file again from its source")  # fmt: skip


def empty(header: Header, name: str) -> DataError:
    return DataError("E-EMPTY", where=name, needed=f"{header.nbytes} bytes of voxels after the header", found="none",
                     remedy="copy or convert the file again")  # fmt: skip


def beyond_end(header: Header, found: int, name: str) -> DataError:
    return DataError("E-HEADER", where=f"{name}: vox_offset", needed=f"a position within the file's {found} bytes",
                     found=str(header.offset), remedy="convert the file again")  # fmt: skip


def _trailing(inflater: Inflater, name: str) -> tuple[Finding, ...]:
    if not inflater.trailing:
        return ()
    said = f"{inflater.trailing} bytes after the compressed data"
    if inflater.trailing > _SLACK:
        raise DataError("E-FORMAT", where=name, needed=f"at most {_SLACK} stray bytes after the gzip stream", found=said,
                        remedy="copy the file again from its source")  # fmt: skip
    return (Finding("warn", "W-TRAILING", name, f"{said} were ignored", "copy the file again from its source"),)


def excess(bytes_over: int, name: str) -> tuple[Finding, ...]:
    """More bytes than the header promises: up to 1 kB is worth a warning, more means that the dimensions are wrong."""
    if bytes_over <= 0:
        return ()
    if bytes_over > _SLACK:
        raise DataError("E-DIMS", where=f"{name}: dim", needed="dimensions that use all the voxels in the file",
                        found=f"{bytes_over} bytes left over", remedy="convert the file again")  # fmt: skip
    said = f"{bytes_over} bytes after the voxels were ignored"
    return (Finding("warn", "W-TRAILING", name, said, "copy the file again from its source"),)
