"""The audit trail of a study: a line of JSON for everything that was done, each holding the hash of the one before it.

    hash_n = SHA-256 of line n without its own hash,      previous_n = hash_(n-1),      previous_1 = 64 zeros

Lines are only ever added. What is edited, removed or moved breaks the chain at that place, which `verify` names.

*Assumes* that somebody else holds the hash of a late line (`head`): in a lock file, a registry, an e-mail.
*Breaks* where lines are cut off at the end, or all of the trail is written anew: from the trail alone that cannot be seen. A plan that was
sealed knows the line before its own and its own line, so that neither can go.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from neuromyo.core.errors import DataError
from neuromyo.io import store
from neuromyo.io.files import printable, read_small

#: what the first line holds for the hash of the one before it
START = "0" * 64
#: the trail's name, beside the lock file or the folder of blinded tables
NAME = "study-audit.jsonl"
_KEYS = {"n", "previous", "action", "author", "time", "said", "hashes", "hash"}


@dataclass(frozen=True)
class Line:
    """One thing that was done. ``hashes``: what it concerned, by name; ``said``: a sentence, or the reason for a deviation."""

    n: int
    previous: str
    action: str
    author: str
    time: str
    said: str = ""
    hashes: Mapping[str, str] = field(default_factory=dict)

    @property
    def hash(self) -> str:
        """SHA-256 of everything else in the line."""
        return digest({k: v for k, v in self._held().items() if k != "hash"})

    def written(self) -> bytes:
        """The line as it stands in the file."""
        return canonical({**self._held(), "hash": self.hash}) + b"\n"

    def _held(self) -> dict[str, Any]:
        return {"n": self.n, "previous": self.previous, "action": self.action, "author": self.author, "time": self.time,
                "said": self.said, "hashes": dict(self.hashes)}  # fmt: skip


def canonical(value: Any) -> bytes:
    """A value as JSON in one form: keys sorted, no spaces, UTF-8, no NaN. Equal values give equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode("utf-8")


def digest(value: Any) -> str:
    """SHA-256 (hex) of the canonical form."""
    return hashlib.sha256(canonical(value)).hexdigest()


def beside(path: Path) -> Path:
    """Where the trail of a lock file or of blinded tables lies, unless it is said otherwise."""
    return path.absolute().with_name(NAME)


def verify(path: Path, head: str = "") -> tuple[Line, ...]:
    """All lines, if the chain holds; E-PLAN names the first line that does not. None where there is no trail yet.

    head : the hash of a line that must be there, as it was noted elsewhere
    """
    if not path.exists():
        lines: tuple[Line, ...] = ()
    else:
        text = read_small(path, printable(path.name), "E-PLAN")
        lines = tuple(_chain(path, text))
    if head and head not in (START, *(line.hash for line in lines)):
        raise _broken(
            path,
            f"a line with the hash {head[:12]}...",
            f"{len(lines)} lines, none with it",
            "lines were cut off at the end, or all was written anew",
        )
    return lines


def add(path: Path, action: str, *, author: str = "", said: str = "", hashes: Mapping[str, str] | None = None) -> Line:
    """Adds a line to a trail whose chain holds, and returns it. The time (UTC) stands here and nowhere else in a study's files."""
    lines = verify(path)
    previous = lines[-1].hash if lines else START
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    line = Line(len(lines) + 1, previous, action, printable(author) or "not stated", now, said, dict(hashes or {}))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        with os.fdopen(descriptor, "ab") as stream:
            stream.write(line.written())
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise store.cannot_write(printable(path.name), error) from error
    return line


def find(lines: Sequence[Line], action: str, **hashes: str) -> Line | None:
    """The first line of that action whose hashes are these."""
    return next((x for x in lines if x.action == action and all(x.hashes.get(k) == v for k, v in hashes.items())), None)


def _chain(path: Path, text: bytes) -> list[Line]:
    lines: list[Line] = []
    if text and not text.endswith(b"\n"):
        raise _broken(
            path,
            "whole lines",
            f"a last line {text.count(bytes([10])) + 1} that breaks off",
            "writing was interrupted, or the end was cut",
        )
    for n, raw in enumerate(text.splitlines(), start=1):
        where = f"line {n}"
        try:
            held = json.loads(raw)
        except (ValueError, RecursionError):
            held = None
        if not isinstance(held, dict) or set(held) != _KEYS or not _typed(held):
            raise _broken(path, f"{where} as it was written", "something else", "it was edited")
        line = Line(
            held["n"], held["previous"], held["action"], held["author"], held["time"], held["said"], held["hashes"]
        )
        if held["hash"] != line.hash or raw + b"\n" != line.written():
            raise _broken(path, f"{where} as it was written", "other content than its hash says", "it was edited")
        if line.previous != (lines[-1].hash if lines else START) or line.n != n:
            raise _broken(path, f"{where} to follow line {n - 1}" if n > 1 else "line 1 to be the first", f"line {line.n} of another place",
                          "a line before it was removed, added, moved or edited")  # fmt: skip
        lines.append(line)
    return lines


def _typed(held: Mapping[str, Any]) -> bool:
    words = all(isinstance(held[k], str) for k in _KEYS - {"n", "hashes"})
    hashes = isinstance(held["hashes"], dict) and all(isinstance(v, str) for v in held["hashes"].values())
    return words and hashes and type(held["n"]) is int


def _broken(path: Path, needed: str, found: str, why: str) -> DataError:
    return DataError("E-PLAN", where=f"audit trail {printable(path.name)}", needed=needed, found=found,
                     remedy=f"{why}; restore the trail from a copy")  # fmt: skip
