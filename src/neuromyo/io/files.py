"""Opening what a user named: plain files only, never one that blocks, never one that is not what it seems."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from neuromyo.core.errors import DataError, NeuromyoError, ResourceError

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


def printable(name: str | os.PathLike[str]) -> str:
    """A name as it may be shown: line breaks, direction marks and undecodable bytes are escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in os.fspath(name))


def open_regular(path: Path, name: str) -> BinaryIO:
    """``path`` opened for reading if it is, or links to, a plain file; looked at before and after opening."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        _refuse_special(os.stat(path).st_mode, name)
        descriptor = os.open(path, flags)
    except (OSError, ValueError) as error:
        raise _cannot_open(path, name, error) from error
    stream = os.fdopen(descriptor, "rb")
    try:
        _refuse_special(os.fstat(descriptor).st_mode, name)
    except NeuromyoError:
        stream.close()
        raise
    return stream


def size_of(stream: BinaryIO) -> int:
    """Bytes in an open file."""
    return os.fstat(stream.fileno()).st_size


def read_small(path: Path, name: str, code: str, limit: int = 16 << 20) -> bytes:
    """The whole of a small file (a sidecar, a table); one larger than ``limit`` bytes is refused with ``code``."""
    with open_regular(path, name) as stream:
        size = size_of(stream)
        if size > limit:
            raise DataError(code, where=name, needed=f"at most {limit} bytes of text", found=f"{size} bytes",
                            remedy="check what this file is")  # fmt: skip
        try:
            return stream.read(limit + 1)
        except OSError as error:
            raise cannot_read(name, error) from error


def cannot_read(name: str, error: OSError) -> ResourceError:
    """E-IO for a file that opened but cannot be read."""
    return ResourceError("E-IO", where=name, needed="a file that can be read",
                         found=f"reading failed ({error.strerror or error})",
                         remedy="check the disk and the permissions, then run again")  # fmt: skip


def _refuse_special(mode: int, name: str) -> None:
    if stat.S_ISREG(mode):
        return
    kind = next((words for test, words in _KINDS if test(mode)), "a special file")
    raise DataError("E-NOTREGULAR", where=name, needed="a plain file", found=kind,
                    remedy="replace it by the file itself, or remove it")  # fmt: skip


def _cannot_open(path: Path, name: str, error: OSError | ValueError) -> NeuromyoError:
    number = getattr(error, "errno", None)
    if number == errno.ELOOP:
        return DataError("E-NOTREGULAR", where=name, needed="a plain file", found="links that lead to each other",
                         remedy="replace the link by the file itself")  # fmt: skip
    if number in (errno.ENXIO, errno.ENODEV):
        return DataError("E-NOTREGULAR", where=name, needed="a plain file", found="a socket or device",
                         remedy="remove it")  # fmt: skip
    if number in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG) or isinstance(error, ValueError):
        found = "a link to nothing" if os.path.islink(path) else "nothing of that name"
        return DataError("E-NOTFOUND", where=name, needed="a file", found=found, remedy="check the name")
    assert isinstance(error, OSError)
    return cannot_read(name, error)
