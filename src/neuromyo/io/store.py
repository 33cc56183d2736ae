"""Writing so that a file is there whole or not at all: a temporary name beside it, flushed, then renamed."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from neuromyo.core.errors import ResourceError
from neuromyo.io.files import cannot_read, open_regular, printable
from neuromyo.io.together import put_off

_PREFIX, _SUFFIX = ".neuromyo-", ".tmp"
_FULL = (errno.ENOSPC, errno.EDQUOT)


def write_stream(path: Path, pieces: Iterable[bytes], *, mode: int = 0o666) -> str:
    """Write ``pieces`` one after the other; the SHA-256 (hex) of what stands in the file. ``mode``: 0o600 for the owner alone."""
    digest = hashlib.sha256()
    temporary = path.parent / f"{_PREFIX}{secrets.token_hex(8)}{_SUFFIX}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            _fill(temporary, pieces, digest, mode)
            if not put_off(temporary, path):
                os.replace(temporary, path)
                flush_folder(path.parent)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
    except OSError as error:
        raise cannot_write(printable(path.name), error) from error
    return digest.hexdigest()


def write_bytes(path: Path, data: bytes) -> str:
    """Write ``data``; its SHA-256 (hex)."""
    return write_stream(path, (data,))


def write_text(path: Path, text: str) -> str:
    """Write ``text`` as UTF-8 with line feeds; its SHA-256 (hex)."""
    return write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> str:
    """Write ``value`` as JSON, keys sorted, no NaN; the SHA-256 (hex) of the file."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return write_text(path, text + "\n")


def sha256(path: Path, name: str | None = None) -> str:
    """The SHA-256 (hex) of a file's bytes."""
    name = name or printable(path.name)
    digest = hashlib.sha256()
    with open_regular(path, name) as stream:
        try:
            while piece := stream.read(1 << 20):
                digest.update(piece)
        except OSError as error:
            raise cannot_read(name, error) from error
    return digest.hexdigest()


def sweep(folder: Path) -> int:
    """Remove the temporary files that a killed run left anywhere under ``folder``; how many there were."""
    left = [p for p in folder.rglob(f"{_PREFIX}*{_SUFFIX}") if p.is_file() and not p.is_symlink()]
    for path in left:
        path.unlink(missing_ok=True)
    return len(left)


def cannot_write(name: str, error: OSError) -> ResourceError:
    """E-DISK where the disk or the quota is full, else E-IO."""
    if error.errno in _FULL:
        return ResourceError(
            "E-DISK",
            where=name,
            needed="room on the disk",
            found=error.strerror or "none left",
            remedy="free some space or write elsewhere, then run again: finished work is kept",
        )
    return ResourceError("E-IO", where=name, needed="a place that can be written to",
                         found=f"writing failed ({error.strerror or error})",
                         remedy="check the disk and the permissions, then run again")  # fmt: skip


def _fill(temporary: Path, pieces: Iterable[bytes], digest: Any, mode: int) -> None:
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), mode)
    with os.fdopen(descriptor, "wb") as stream:
        for piece in pieces:
            stream.write(piece)
            digest.update(piece)
        stream.flush()
        os.fsync(stream.fileno())


def flush_folder(folder: Path) -> None:
    """Make a rename last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
