"""Archives, unpacked by number and never by name; the first thing that is not right ends it all.

Names of members are looked at to judge them, and kept to call the files by; no path is ever made of one. Sizes are those of
the bytes that came out, held against limits and against what the archive said. It happens in the child process.
"""

from __future__ import annotations

import bz2
import errno
import gzip
import lzma
import os
import re
import shutil
import stat
import struct
import tarfile
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from neuromyo.core.errors import DataError, NeuromyoError
from neuromyo.dicom import child
from neuromyo.dicom.begin import looks_packed
from neuromyo.dicom.child import Limits
from neuromyo.dicom.gather import SOURCE, gather
from neuromyo.dicom.listing import Listing, discreet
from neuromyo.io.files import cannot_read, open_regular, size_of
from neuromyo.io.store import cannot_write

_PIECE, _HEAD = 1 << 18, 264
_STEP = 64 << 20
_REMEDY = "do not trust this archive; if you do, unpack it yourself and import the folder"
_TURNS = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029"
#: what the readers of archives raise on damage
_DAMAGE = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, gzip.BadGzipFile, ValueError,
           struct.error, NotImplementedError, RuntimeError)  # fmt: skip


@dataclass(frozen=True)
class Caps:
    """What an archive may grow to.

    members : files in it; total : bytes, all files together
    quickly, ratio : beyond ``quickly`` bytes, no more than ``ratio`` times those of the archive
    """

    members: int = 200_000
    total: int = 64 << 30
    quickly: int = 64 << 20
    ratio: int = 100


def is_archive(path: Path) -> bool:
    """Whether a plain file is packed, by its first bytes."""
    with open_regular(path, SOURCE) as stream:
        return looks_packed(stream.read(_HEAD))


def unpack(
    source: Path, scratch: Path, *, limits: Limits | None = None, caps: Caps | None = None, open_names: bool = False
) -> Listing:
    """The files of an archive, under numbers in a new folder within ``scratch``, called by their names in the archive.

    E-ARCHIVE, and nothing left behind, for whatever should not be in an archive of images
    """
    scratch.mkdir(parents=True, exist_ok=True)
    into = Path(tempfile.mkdtemp(prefix="unpacked-", dir=scratch))
    request = {"root": str(source.parent.absolute()), "files": [[0, source.name]], "into": str(into.absolute()),
               "caps": asdict(caps or Caps())}  # fmt: skip
    names: list[str] = []
    try:
        for message in child.run("unpack", request, limits=limits):
            if "error" in message:
                raise _of_archive(message["error"])
            names += message.get("names", ())
        files = gather(into).files
        if files != [_numbered(number) for number in range(len(names))]:
            raise _refused("", "other files than those it listed")
    except BaseException:
        shutil.rmtree(into, ignore_errors=True)
        raise
    return Listing(into, files, open_names, names)


def answer(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The job ``unpack``: ``{"file", "names": [...]}`` for what was written as ``into/000000`` and so on."""
    ((number, name),) = request["files"]
    yield {"at": number}
    with open_regular(Path(request["root"], name), "") as stream:
        unpacking = _Unpacking(Path(request["into"]), Caps(**request["caps"]), size_of(stream))
        try:
            for written in _members(stream, unpacking):
                if written is not None:
                    yield {"file": number, "names": [written]}
                yield {"at": number}
        except (*_DAMAGE, RecursionError) as error:
            raise _refused("", f"damage, or lies about what it holds ({type(error).__name__})") from error
        except OSError as error:
            if error.errno in (None, errno.EINVAL):
                raise _refused("", "damage") from error
            raise cannot_read("", error) from error


def _members(stream: BinaryIO, unpacking: _Unpacking) -> Iterator[str | None]:
    """The names of members as they are written; None while a large one is."""
    head = stream.read(_HEAD)
    stream.seek(0)
    if head.startswith(b"PK"):
        yield from _zip(stream, unpacking)
    elif head.startswith(b"\x1f\x8b"):
        with gzip.GzipFile(fileobj=stream) as inflated:
            yield from _tar(inflated, unpacking)
    elif head.startswith(b"BZh"):
        with bz2.BZ2File(stream) as inflated:
            yield from _tar(inflated, unpacking)
    elif head.startswith(b"\xfd7zXZ\x00"):
        with lzma.LZMAFile(stream) as inflated:
            yield from _tar(inflated, unpacking)
    elif head[257:262] == b"ustar":
        yield from _tar(stream, unpacking)
    else:
        raise DataError("E-ARCHIVE", where="", needed="a zip archive, or tar (plain, gz, bz2, xz)", found="another kind",
                        remedy="unpack it yourself and import the folder")  # fmt: skip


def _zip(stream: BinaryIO, unpacking: _Unpacking) -> Iterator[str | None]:
    with zipfile.ZipFile(stream) as packed:
        files = []
        for info in packed.infolist():
            name, where = info.orig_filename, unpacking.judge(info.orig_filename, info.is_dir())
            mode = info.external_attr >> 16
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _refused(where, "a link or device")
            if info.flag_bits & 0x2041:
                raise _refused(where, "an encrypted member", "decrypt it yourself and import the folder")
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise _refused(where, "a compression that scanners and archives do not use")
            if info.is_dir() and info.file_size:
                raise _refused(where, "a folder with content of its own")
            if not info.is_dir():
                files.append((info, name, where))
        unpacking.promised(sum(info.file_size for info, _, _ in files))
        for info, name, where in files:
            with packed.open(info) as member:
                yield from unpacking.write(member, info.file_size, where)
            yield name


def _tar(stream: Any, unpacking: _Unpacking) -> Iterator[str | None]:
    counted = _Counted(stream, unpacking)
    with tarfile.open(fileobj=counted, mode="r|") as packed:  # type: ignore[call-overload]
        for info in packed:
            where = unpacking.judge(info.name, info.isdir())
            if info.issparse() or not (info.isdir() or info.isreg()):
                raise _refused(where, "a link, device, pipe or sparse file")
            if info.isdir():
                continue
            unpacking.promised(info.size)
            member = packed.extractfile(info)
            assert member is not None
            yield from unpacking.write(member, info.size, where)
            yield info.name
        counted.read_to_end()
        # at a header that is none the reader stops as at the end; and at the end there is a block of zeros
        if counted.last >= packed.offset or counted.read_so_far < packed.offset + tarfile.BLOCKSIZE:
            raise _refused("", "damage: it ends before its end mark")


class _Unpacking:
    """What has been written so far, and what may still be."""

    def __init__(self, into: Path, caps: Caps, size: int) -> None:
        self._into, self._caps, self._size = into, caps, size
        self._most = min(caps.total, max(caps.quickly, caps.ratio * size))
        self._seen: set[str] = set()
        self._members = self._written = self._grown = 0

    def judge(self, name: str, folder: bool) -> str:
        """What to call a member; E-ARCHIVE where its name is not one that images have."""
        self._members += 1
        where = f"member {self._members} ({discreet(name.rpartition('/')[2])})"
        if self._members > self._caps.members:
            raise _refused(where, f"more than {self._caps.members:,} members")
        if said := _objection(name):
            raise _refused(where, said)
        key = "/".join(part for part in _folded(name).split("/") if part not in ("", "."))
        if not folder and key in self._seen:
            raise _refused(where, "a second member of the same name")
        if not folder:
            self._seen.add(key)
        return where

    def promised(self, size: int) -> None:
        """Refuse what says itself that it is too large."""
        self.refuse_large(self._grown + size, "it says that it holds")

    def grown(self, size: int) -> None:
        """So many bytes have been inflated, whatever they were."""
        self._grown += size
        self.refuse_large(self._grown, "it grew to")

    def write(self, member: Any, size: int, where: str) -> Iterator[None]:
        """One file, under the next number."""
        done = 0
        path = self._into / _numbered(self._written)
        with _new(path) as out:
            while piece := member.read(_PIECE):
                if not done and looks_packed(piece[:_HEAD]):
                    raise _refused(where, "an archive within the archive", "unpack it yourself and import the folder")
                done += len(piece)
                self.grown(len(piece))
                _write(out, piece)
                if done % _STEP < _PIECE:
                    yield None
        if done != size:
            raise _refused(where, f"{done} bytes where it says {size}")
        self._written += 1

    def refuse_large(self, size: int, how: str) -> None:
        if size > self._most:
            raise _refused("", f"{how} {size} bytes out of {self._size}, or more", needed=f"at most {self._most} bytes")


class _Counted:
    """A stream to read from; what comes out beside the members' own bytes counts too.

    read_so_far : bytes; last : the place of the last one that is not zero
    """

    def __init__(self, stream: Any, unpacking: _Unpacking) -> None:
        self._stream, self._unpacking = stream, unpacking
        self.read_so_far, self.last = 0, -1

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        if some := len(data.rstrip(b"\0")):
            self.last = self.read_so_far + some - 1
        self.read_so_far += len(data)
        # members are counted as they are written; twice the limit is reached by what is read around them
        self._unpacking.refuse_large(self.read_so_far // 2, "it grew to")
        return data

    def read_to_end(self) -> None:
        """As far as the checksum that compressed data end with."""
        while self.read(_PIECE):
            pass


def _new(path: Path) -> BinaryIO:
    try:
        return os.fdopen(
            os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600), "wb"
        )
    except OSError as error:
        raise cannot_write("the scratch folder", error) from error


def _write(out: BinaryIO, piece: bytes) -> None:
    try:
        out.write(piece)
        out.flush()
    except OSError as error:
        raise cannot_write("the scratch folder", error) from error


def _objection(name: str) -> str:
    parts = name.split("/")
    if "\\" in name or re.match(r"[A-Za-z]:", name):
        return "a name with a drive or backslashes"
    if name.startswith("/") or ".." in parts:
        return "a name that leads out of the archive's folder"
    if not name or any(unicodedata.category(c) == "Cc" or c in _TURNS for c in name):
        return "a name with control characters"
    if len(os.fsencode(name)) > 4096 or any(len(os.fsencode(part)) > 255 for part in parts):
        return "a name too long for any disk"
    return ""


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _numbered(number: int) -> str:
    return f"{number:06d}"


def _refused(where: str, found: str, remedy: str = _REMEDY, needed: str = "") -> DataError:
    return DataError(
        "E-ARCHIVE", where=where, needed=needed or "plain files under plain names", found=found, remedy=remedy
    )


def _of_archive(said: dict[str, Any]) -> NeuromyoError:
    """Errors placed within the archive, placed from outside; for E-LIMIT, an archive that takes too much is one to refuse."""
    where = "the archive" + (f", {said['where']}" if said.get("where") else "")
    code = "E-ARCHIVE" if said.get("code") in ("E-LIMIT", "E-DICOM", "E-DEPTH") else said.get("code")
    return child.as_error({**said, "code": code, "where": where})
