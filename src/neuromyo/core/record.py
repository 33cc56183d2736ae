"""What was done: the account that stands beside every result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from neuromyo.core.errors import Finding


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a plan as it went. ``key`` is the hash of inputs, options and code version; ``status`` is
    ``done``, ``reused``, ``failed`` or ``skipped``; ``outputs`` map file names to their SHA-256."""

    name: str
    key: str
    status: str
    seconds: float = 0.0
    outputs: Mapping[str, str] = field(default_factory=dict)
    error: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """Versions, input hashes, options, steps and findings of one session's run."""

    subject: str
    session: str
    versions: Mapping[str, str]
    inputs: Mapping[str, str]
    options: Mapping[str, Any]
    steps: tuple[Step, ...] = ()
    findings: tuple[Finding, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {
            "subject": self.subject,
            "session": self.session,
            "versions": dict(self.versions),
            "inputs": dict(self.inputs),
            "options": dict(self.options),
            "steps": [asdict(s) for s in self.steps],
            "findings": [f.as_dict() for f in self.findings],
        }
