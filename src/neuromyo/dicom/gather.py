"""What lies in a folder: plain files by name, nothing opened, no link followed, nothing that could block."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from neuromyo.core.errors import DataError, Finding
from neuromyo.io.files import open_regular

_MOST_FILES = 2_000_000
#: what the source is called in messages: its own name may be a patient's
SOURCE = "the DICOM folder or file"


@dataclass
class Gathered:
    """Plain files under ``root``, relative and sorted; how many links, special files and unreadable folders were left out."""

    root: Path
    files: list[str] = field(default_factory=list)
    links: int = 0
    special: int = 0
    unreadable: int = 0

    def findings(self) -> list[Finding]:
        said = []
        if self.links:
            said.append(Finding("note", "N-LINKS", SOURCE, f"{counted(self.links, 'link')} not followed",
                                "where an image is missing, replace its link by the file itself"))  # fmt: skip
        if self.special:
            said.append(Finding("warn", "W-NOTREGULAR", SOURCE,
                                f"{counted(self.special, 'pipe, socket or device', 'pipes, sockets or devices')} left out",
                                "find out how it came there"))  # fmt: skip
        if self.unreadable:
            said.append(Finding("warn", "W-UNREADABLE", SOURCE,
                                f"{counted(self.unreadable, 'folder')} that may not be read left out",
                                "check the permissions, then import again"))  # fmt: skip
        return said


def gather(source: Path) -> Gathered:
    """The plain files of a folder, or the one file named; E-NOTFOUND, E-NOTREGULAR."""
    try:
        mode = os.lstat(source).st_mode
        folder = stat.S_ISDIR(os.stat(source).st_mode)
    except (OSError, ValueError):
        folder, mode = False, 0
    if folder:
        return _walked(source)
    if stat.S_ISLNK(mode):
        raise DataError("E-NOTREGULAR", where=SOURCE, needed="a folder or a plain file",
                        found="a link to a file, to nothing, or to itself", remedy="name the file itself")  # fmt: skip
    open_regular(source, SOURCE).close()
    return Gathered(source.parent, [source.name])


def _walked(root: Path) -> Gathered:
    found = Gathered(root)
    folders = [""]
    while folders:
        inner = folders.pop()
        try:
            with os.scandir(os.path.join(root, inner)) as listed:
                for one in listed:
                    _sort(one, os.path.join(inner, one.name), found, folders)
        except OSError as error:
            if not inner:
                open_regular(root, SOURCE)
                raise DataError("E-NOTREGULAR", where=SOURCE, needed="a folder that can be read",
                                found=error.strerror or "none", remedy="check the permissions") from error  # fmt: skip
            found.unreadable += 1
        if len(found.files) > _MOST_FILES:
            raise DataError("E-LIMIT", where=SOURCE, needed=f"at most {_MOST_FILES} files", found="more",
                            remedy="import it in parts")  # fmt: skip
    found.files.sort()
    return found


def _sort(one: os.DirEntry[str], name: str, found: Gathered, folders: list[str]) -> None:
    if one.is_symlink():
        found.links += 1
    elif one.is_file(follow_symlinks=False):
        found.files.append(name)
    elif one.is_dir(follow_symlinks=False):
        folders.append(name)
    else:
        found.special += 1


def counted(number: int, one: str, many: str = "") -> str:
    """``1 link``, ``2,000 links``"""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
