"""How it went: for one session, and for a whole run."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from neuromyo.core.errors import CODES, DataError, Finding, NeuromyoError, ResourceError, worst_exit
from neuromyo.core.record import Step


@dataclass(frozen=True, slots=True)
class Event:
    """Something a face may show while a run goes on.

    kind : ``plan`` (``lines``), ``step`` (``text`` begins), ``share`` (``share`` of the step, 0 to 1) or ``end``
    """

    kind: str
    session: str
    text: str = ""
    lines: tuple[str, ...] = ()
    share: float = 0.0


Tell = Callable[[Event], None]


def quiet(event: Event) -> None:
    """For whoever wants to hear nothing."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What did not work, where, and what to do. ``trace`` is for the developer, never for the table."""

    session: str
    what: str
    code: str
    message: str
    trace: str = ""

    @staticmethod
    def of(session: str, what: str, error: BaseException) -> Failure:
        known = as_known(error)
        trace = "" if known is error else _trace(error)
        return Failure(session, what, known.code, str(known), trace)

    @property
    def exit_status(self) -> int:
        return CODES[self.code][0]

    def as_dict(self) -> dict[str, str]:
        return {"session": self.session, "what": self.what, "code": self.code, "message": self.message}


@dataclass(frozen=True, slots=True)
class Outcome:
    """One session's end. ``page`` and ``table`` are relative to the output folder, empty where not made."""

    session: str
    steps: tuple[Step, ...] = ()
    failures: tuple[Failure, ...] = ()
    findings: tuple[Finding, ...] = ()
    plan: tuple[str, ...] = ()
    page: str = ""
    table: str = ""
    retired: tuple[str, ...] = ()

    @property
    def status(self) -> str:
        """``done``; ``partial`` where something failed but there are results; ``failed`` where there are none."""
        if not self.failures:
            return "done"
        return "partial" if any(s.status in ("done", "reused") for s in self.steps) else "failed"

    @property
    def idle(self) -> bool:
        """Whether every step had been done before."""
        return bool(self.steps) and all(s.status == "reused" for s in self.steps)

    @property
    def exit_status(self) -> int:
        return worst_exit([f.exit_status for f in self.failures])

    def as_dict(self) -> dict[str, Any]:
        return {
            "session": self.session,
            "status": self.status,
            "steps": [{"name": s.name, "status": s.status, "seconds": round(s.seconds, 3)} for s in self.steps],
            "failures": [f.as_dict() for f in self.failures],
            "findings": [f.as_dict() for f in self.findings],
            "page": self.page,
            "table": self.table,
            "retired": list(self.retired),
        }


@dataclass(frozen=True, slots=True)
class RunResult:
    """The end of a run; ``files`` are those made for the whole study, relative to ``out``."""

    out: str
    outcomes: tuple[Outcome, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()
    joined_before: bool = False
    findings: tuple[Finding, ...] = ()

    @property
    def all_failures(self) -> tuple[Failure, ...]:
        return (*self.failures, *(f for o in self.outcomes for f in o.failures))

    @property
    def idle(self) -> bool:
        """Whether everything had been done before."""
        return self.joined_before and all(o.idle for o in self.outcomes if o.steps)

    @property
    def exit_status(self) -> int:
        return worst_exit([f.exit_status for f in self.all_failures])

    def as_dict(self) -> dict[str, Any]:
        return {
            "out": self.out,
            "sessions": [o.as_dict() for o in self.outcomes],
            "pages": [o.page for o in self.outcomes if o.page],
            "files": dict(self.files),
            "failures": [f.as_dict() for f in self.all_failures],
            "findings": [f.as_dict() for f in self.findings],
            "did_nothing": self.idle,
            "exit": self.exit_status,
        }


def as_known(error: BaseException) -> NeuromyoError:
    """Any exception as one of ours, with a code and so an exit status."""
    if isinstance(error, NeuromyoError):
        return error
    if isinstance(error, MemoryError):
        return ResourceError("E-MEMORY", where="this machine", needed="more memory", found="none left",
                             remedy="give fewer processes (--nprocs) or a smaller --mem-mb")  # fmt: skip
    if isinstance(error, OSError):
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        return ResourceError("E-DISK" if full else "E-IO", where=str(error.filename or "the file system"),
                             needed="room on the disk" if full else "files that can be read and written",
                             found=error.strerror or str(error),
                             remedy="check the disk and the permissions, then run again: finished work is kept")  # fmt: skip
    return DataError("E-INTERNAL", where="neuromyo", found=f"{type(error).__name__}: {error}",
                     remedy="run again with --debug and send us what it says")  # fmt: skip


def _trace(error: BaseException) -> str:
    import traceback

    return "".join(traceback.format_exception(error))
