"""Where results may be written, and where not."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from neuromyo.core.errors import DataError, OptionError, ResourceError

_MARK = "made_by_neuromyo.json"


def prepare(out: Path, dataset: Path | None = None) -> Path:
    """Makes ``out`` if it is not there and returns it, absolute; E-OUTDIR where writing there is not safe."""
    if dataset is not None and not dataset.is_dir():
        raise DataError("E-NOTFOUND", where=str(dataset), needed="a BIDS folder", found="no folder of that name",
                        remedy="check the name")  # fmt: skip
    absolute = _checked(out, dataset)
    try:
        (absolute / "record").mkdir(parents=True, exist_ok=True)
    except PermissionError as error:
        raise _unsafe(out, "a folder that may be written to", "permission refused") from error
    except OSError as error:
        raise ResourceError("E-IO", where=str(out), needed="a folder that can be made",
                            found=error.strerror or str(error),
                            remedy="give another output folder") from error  # fmt: skip
    if not os.access(absolute, os.W_OK) or not os.access(absolute / "record", os.W_OK):
        raise _unsafe(out, "a folder that may be written to", "a read-only folder")
    return absolute


def mark(out: Path) -> None:
    """Says, in the record, that the folder is ours; called once it is locked."""
    from neuromyo.io import store

    path = out / "record" / _MARK
    if not path.exists():
        store.write_json(path, {"schema": 1})


def sweep(out: Path) -> None:
    """Removes what a killed run left half-done: scratch data and temporary files. Only under the lock."""
    from neuromyo.io import store

    shutil.rmtree(out / "record" / "scratch", ignore_errors=True)
    store.sweep(out)


def _checked(out: Path, dataset: Path | None) -> Path:
    if out.is_symlink():
        raise _unsafe(out, "a folder", "a symbolic link")
    if out.exists() and not out.is_dir():
        raise _unsafe(out, "a folder", "a file")
    absolute = out.resolve()
    if dataset is not None:
        source = dataset.resolve()
        if absolute == source or source in absolute.parents:
            raise _unsafe(out, "a folder outside the dataset", "one inside it")
        if absolute in source.parents:
            raise _unsafe(out, "a folder beside the dataset", "one that contains it")
    if absolute.is_dir():
        _refuse_foreign(out, absolute)
    return absolute


def _refuse_foreign(out: Path, absolute: Path) -> None:
    entries = list(absolute.iterdir())
    linked = [p.name for p in entries if p.is_symlink()]
    if linked:
        raise _unsafe(out, "a folder without symbolic links", f"the link {linked[0]}")
    record = absolute / "record"
    if not entries or (record / _MARK).is_file():
        return
    just_begun = entries == [record] and all(p.name == "lock" or p.name.startswith(".") for p in record.iterdir())
    if not just_begun:
        raise _unsafe(out, "an empty folder or one with results of neuromyo", "other people's files")


def _unsafe(out: Path, needed: str, found: str) -> OptionError:
    return OptionError("E-OUTDIR", where=str(out), needed=needed, found=found, remedy="give another output folder")
