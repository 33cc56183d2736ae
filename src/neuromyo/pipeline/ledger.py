"""The ledger: what has been done, under which key, with which results; so that a rerun is a resume.

One JSON file a step, written whole or not at all, with a checksum of its own: an entry that was cut or changed is not
believed, and its step is done again. An entry is used only if its key is the one wanted now (the hash of inputs,
options and code version) and every output still has the content it had.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from neuromyo.core.errors import OptionError

SCHEMA = 1


def key(**parts: Any) -> str:
    """SHA-256 of everything that determines a step's results; independent of the order in which it is named."""
    return hashlib.sha256(_canonical(parts)).hexdigest()


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=_plain, ensure_ascii=True).encode()


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if isinstance(value, np.ndarray):
        return [str(value.dtype), list(value.shape), hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()]
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Path):
        return value.as_posix()
    raise TypeError(f"{type(value).__name__} cannot enter a step's key")


@dataclass(frozen=True, slots=True)
class Entry:
    """A finished step: its name and key, its files (relative to the output folder -> SHA-256), and what to remember."""

    name: str
    key: str
    outputs: Mapping[str, str]
    notes: Mapping[str, Any] = field(default_factory=dict)


class Ledger:
    """The finished steps of one session, under ``OUT/record/<session>/steps``."""

    def __init__(self, out: Path, label: str) -> None:
        self.out, self.folder = out, out / "record" / label / "steps"

    def last(self, name: str) -> Entry | None:
        """What that step made last, under whatever key."""
        return self._read(self._path(name))

    def find(self, name: str, key_wanted: str) -> Entry | None:
        """The entry of that step, if it was made under that key and all its outputs are unchanged."""
        entry = self._read(self._path(name))
        if entry is None or entry.name != name or entry.key != key_wanted:
            return None
        return entry if self.intact(entry) else None

    def intact(self, entry: Entry) -> bool:
        """Whether every output of an entry is there with the content it had."""
        from neuromyo.io import store

        for relative, digest in entry.outputs.items():
            path = self.out / relative
            if not path.is_file() or path.is_symlink() or store.sha256(path) != digest:
                return False
        return True

    def keep(
        self, name: str, key_used: str, outputs: Mapping[str, str], notes: Mapping[str, Any] | None = None
    ) -> Entry:
        """Records a finished step, after its outputs are safely on disk."""
        from neuromyo.io import store

        entry = Entry(name, key_used, dict(sorted(outputs.items())), dict(notes or {}))
        body = {"schema": SCHEMA, "name": name, "key": key_used, "outputs": entry.outputs, "notes": entry.notes}
        self.folder.mkdir(parents=True, exist_ok=True)
        store.write_json(self._path(name), {**body, "checksum": _checksum(body)})
        return entry

    def entries(self) -> Iterator[Entry]:
        """All entries that can be believed, by file name."""
        for path in sorted(self.folder.glob("*.json")):
            entry = self._read(path)
            if entry is not None:
                yield entry

    def forget(self, name: str) -> None:
        self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        safe = re.sub(r"[^A-Za-z0-9_.-]", "-", name)[:80]
        return self.folder / f"{safe}-{hashlib.sha256(name.encode()).hexdigest()[:8]}.json"

    def _read(self, path: Path) -> Entry | None:
        try:
            body = json.loads(path.read_bytes())
            said = body.pop("checksum")
            if said != _checksum(body):
                return None
            schema = body["schema"]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        if schema > SCHEMA:
            raise OptionError(
                "E-OUTDIR",
                where=str(path),
                needed=f"a ledger of schema {SCHEMA} or older",
                found=f"schema {schema}, of a newer neuromyo",
                remedy="use that version, or another output folder",
            )
        return Entry(body["name"], body["key"], body["outputs"], body["notes"])


def _checksum(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(_canonical(body)).hexdigest()
