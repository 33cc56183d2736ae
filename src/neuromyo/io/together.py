"""Files that belong to each other, written all or not at all, and whether they could be written before the work is done."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from neuromyo.core.errors import OptionError

_waiting: ContextVar[list[tuple[Path, Path]] | None] = ContextVar("_waiting", default=None)


@contextmanager
def all_or_none() -> Iterator[None]:
    """What `neuromyo.io.store` writes within gets its name at the end, all at once: an interruption or a full disk half way through
    leaves what was there before. Labels without the table that names them would be worse than none."""
    if _waiting.get() is not None:  # within another: that one decides
        yield
        return
    held: list[tuple[Path, Path]] = []
    token = _waiting.set(held)
    try:
        yield
        _name(held)
    finally:
        _waiting.reset(token)
        for temporary, _ in held:
            with suppress(OSError):
                temporary.unlink()


def put_off(temporary: Path, path: Path) -> bool:
    """Whether the file waits for others; `store` names it at once where it does not."""
    held = _waiting.get()
    if held is None:
        return False
    held.append((temporary, path))
    return True


def _name(held: list[tuple[Path, Path]]) -> None:
    """Final names for all. An interruption that comes in between is kept until all have theirs."""
    from neuromyo.io.store import cannot_write, flush_folder

    stopped: BaseException | None = None
    while held:
        temporary, path = held[0]
        try:
            os.replace(temporary, path)
            flush_folder(path.parent)
        except OSError as error:
            raise cannot_write(path.name, error) from error
        except BaseException as error:  # Ctrl-C: go on, and stop then
            stopped = error
            if temporary.exists():
                continue
        held.pop(0)
    if stopped is not None:
        raise stopped


def refuse_unwritable(paths: Sequence[Path]) -> None:
    """E-OUTDIR where a result could not be written, said before the work rather than after it: no folder and none that can be made,
    no permission, a folder where a file should be, a name that is too long. Makes nothing."""
    for path in paths:
        found = _hindrance(path)
        if found:
            raise OptionError("E-OUTDIR", where=str(path), needed="a place that can be written to", found=found,
                              remedy="give another name or folder after -o")  # fmt: skip


def _hindrance(path: Path) -> str:
    try:
        there = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        there = None
    except OSError as error:
        return (
            "a name that is too long" if error.errno == errno.ENAMETOOLONG else (error.strerror or str(error)).lower()
        )
    if there is not None and stat.S_ISDIR(there.st_mode):
        return "a folder of that name"
    if there is not None and not stat.S_ISREG(there.st_mode) and not stat.S_ISLNK(there.st_mode):
        return "something of that name that is no file"
    folder = path.parent
    while not os.path.lexists(folder):
        folder = folder.parent
    if not folder.is_dir():
        return f"{folder.name}, which is no folder"
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"no permission to write in {folder}"
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        return f"{folder}, which is read-only"
    return ""
