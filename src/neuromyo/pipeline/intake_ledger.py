"""What an import remembers: which images it has seen, whose they were (as keyed hashes), and moves not yet finished.

All of it lies in ``BIDS_DIR/.neuromyo``. New files are made ready in a staging folder there; when all are ready, a list of moves is
written, then carried out. An import that is killed before the list leaves the dataset as it was; one killed after it is finished by
the next import.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from neuromyo.core.errors import DataError
from neuromyo.io import store
from neuromyo.io.sidecar import read_json

FOLDER = ".neuromyo"
_SCHEMA = 1
#: what is remembered of an image that went into no file: it was not wanted, or its series could not be made up
LEFT_OUT, FAILED = "left out", "failed"
_LABEL = re.compile(r"sub-[A-Za-z0-9]+(_ses-[A-Za-z0-9]+)?")


@dataclass(frozen=True)
class Account:
    """One session's imports. ``person`` and ``key`` tell, without naming them, who was scanned and which key made the pseudonyms;
    ``images`` maps the keyed hash of an image's identifier to the file that it went into, or to `LEFT_OUT` or `FAILED`; ``series``
    that of a series to one of its files."""

    label: str
    person: str
    key: str
    images: Mapping[str, str] = field(default_factory=dict)
    series: Mapping[str, str] = field(default_factory=dict)

    def with_images(self, images: Mapping[str, str], series: Mapping[str, str]) -> Account:
        return Account(self.label, self.person, self.key, {**self.images, **images}, {**self.series, **series})


def own_folder(bids: Path) -> Path:
    """Where an import keeps what is its own."""
    return bids / FOLDER


def staging(bids: Path) -> Path:
    """Where new files are made ready; empty at the start of an import."""
    return own_folder(bids) / "staging"


def scratch(bids: Path) -> Path:
    """Where voxels lie on their way; emptied at the start and at the end."""
    return own_folder(bids) / "scratch"


def folders(bids: Path) -> tuple[Path, ...]:
    """What an import writes to beside the dataset itself."""
    own = own_folder(bids)
    return own, staging(bids), scratch(bids), own / "import", own / "record"


def accounts(bids: Path) -> dict[str, Account]:
    """Every session imported so far, by its label (``sub-01_ses-m0``)."""
    kept = own_folder(bids) / "import"
    if not kept.is_dir():
        return {}
    found = (_read(path) for path in sorted(kept.glob("sub-*.json")))
    return {account.label: account for account in found}


def commit(bids: Path, moves: Sequence[str], account: Account) -> None:
    """Moves the staged files (names relative to both the staging folder and the dataset) into place, then remembers."""
    store.write_json(own_folder(bids) / "pending.json", {"moves": list(moves), "account": _said(account)})
    recover(bids)


def recover(bids: Path) -> bool:
    """Finishes the moves of an import that had been killed; whether there were any."""
    pending = own_folder(bids) / "pending.json"
    if not pending.exists():
        return False
    moves, account = _pending(pending)
    for name in moves:
        staged, final = staging(bids) / name, bids / name
        if staged.exists():
            final.parent.mkdir(parents=True, exist_ok=True)
            os.replace(staged, final)
    store.write_json(own_folder(bids) / "import" / f"{account['label']}.json", account)
    pending.unlink()
    return True


def _pending(path: Path) -> tuple[list[str], dict[str, Any]]:
    """The moves that are left and the account to be kept; E-BIDS where they lead out of the dataset or are none."""
    name = f"{FOLDER}/{path.name}"
    said = read_json(path, name)
    moves, account = said.get("moves"), said.get("account")
    if isinstance(moves, list) and isinstance(account, dict):
        within = all(isinstance(one, str) and _is_within(one) for one in moves)
        if within and _LABEL.fullmatch(str(account.get("label"))):
            return moves, account
    raise DataError("E-BIDS", where=name, needed="the moves that an import left to be done", found="another content",
                    remedy=f"delete {name} if you trust the dataset, then import again")  # fmt: skip


def _is_within(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and FOLDER not in path.parts


def clear(bids: Path) -> None:
    """Removes what is only of use while an import goes on."""
    for folder in (staging(bids), scratch(bids)):
        shutil.rmtree(folder, ignore_errors=True)


def _said(account: Account) -> dict[str, Any]:
    return {"schema": _SCHEMA, "label": account.label, "person": account.person, "key": account.key,
            "images": dict(account.images), "series": dict(account.series)}  # fmt: skip


def _read(path: Path) -> Account:
    name = f"{FOLDER}/import/{path.name}"
    said = read_json(path, name)
    try:
        return Account(
            str(said["label"]),
            str(said["person"]),
            str(said["key"]),
            dict(said["images"]),
            dict(said.get("series", {})),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError("E-BIDS", where=name, needed="the account of an import", found="another content",
                        remedy="restore that file, or import into a new folder") from error  # fmt: skip
