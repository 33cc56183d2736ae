"""One run at a time in one output folder.

The operating system's lock on ``record/lock`` ends with its process, so that a killed run leaves nothing stale.
Where a file system has no such lock, the holder's name in the file decides: a dead process of this machine is stale.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from neuromyo.core.errors import ResourceError

_NO_LOCKS_HERE = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


@contextlib.contextmanager
def held(out: Path) -> Iterator[None]:
    """Holds the folder for this run; E-LOCKED where another run does."""
    path = out / "record" / "lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _take(handle, path)
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode(), 0)
        yield
        os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def _take(handle: int, path: Path) -> None:
    holder = _holder(handle)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _NO_LOCKS_HERE and not _alive(holder):
            return
        raise ResourceError(
            "E-LOCKED",
            where=str(path.parent.parent),
            needed="a folder that nobody else writes to",
            found=f"a run is writing there (process {holder.get('pid', 'unknown')} on {holder.get('host', 'unknown')})",
            remedy="wait for it to end, or give another output folder",
        ) from error


def _holder(handle: int) -> dict:
    try:
        found = json.loads(os.pread(handle, 4096, 0))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _alive(holder: dict) -> bool:
    """Whether the named holder may still run: one on another machine may, one here is asked for."""
    if not holder:
        return False
    if holder.get("host") != socket.gethostname():
        return True
    try:
        os.kill(int(holder.get("pid", 0)), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, ValueError, TypeError):
        return True
    return int(holder["pid"]) != os.getpid()
