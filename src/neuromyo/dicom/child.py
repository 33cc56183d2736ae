"""Untrusted bytes are parsed in a child process: limited in memory, time and words, and nobody is hurt when it dies.

The file that the child was at is blamed, and another child goes on with those that follow.
"""

from __future__ import annotations

import json
import os
import re
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from neuromyo.core.errors import CODES, DataError, NeuromyoError, ResourceError
from neuromyo.dicom.inside import following
from neuromyo.dicom.jobs import JOBS
from neuromyo.dicom.listing import Listing

Tell = Callable[[int, int], None]
_KEPT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")
_NAP = 0.004
_BLAME = "leave this file out, or permit more memory or time"


@dataclass(frozen=True)
class Limits:
    """What a child may use.

    memory_mb : address space, libraries included (MiB)
    seconds : CPU time, and time on the clock, for each file
    write_mb : size of any file it writes (MiB)
    line_mb : length of one answer (MiB)
    deaths : after so many files that ended their reader, no more is tried
    """

    memory_mb: int = 2048
    seconds: float = 60.0
    write_mb: int = 1 << 16
    line_mb: int = 64
    deaths: int = 20


def run(
    job: str,
    request: Mapping[str, Any],
    *,
    limits: Limits | None = None,
    listing: Listing | None = None,
    tell: Tell | None = None,
    _jobs: Mapping[str, str] = JOBS,
    _path: tuple[Path, ...] = (),
) -> Iterator[dict[str, Any]]:
    """What the job says, message by message, in the order of ``request["files"]``.

    request : goes to the job as it is; ``files`` is a list of [number, name]
    listing : names the files in errors and findings, which the job places within the file
    tell : called with how many files are begun, and of how many
    A file whose reader died or gave up is told as ``{"file": number, "error": {...}}``, after what may have been said of it
    before. An error that concerns no file raises
    """
    limits = limits or Limits()
    files = list(request.get("files", ()))
    total, deaths = len(files), 0
    with tempfile.TemporaryDirectory(prefix="neuromyo-child-") as home:
        while True:
            one = _Child(_jobs[job], {**request, "files": files}, limits, (Path(home), *_path))
            try:
                for message in one.messages():
                    if "at" in message:
                        if tell and message["at"] in one.places:
                            tell(total - len(files) + one.places[message["at"]] + 1, total)
                    elif "error" in message and "file" not in message:
                        raise as_error(message["error"])
                    else:
                        yield _named(message, listing)
            finally:
                reason = one.end()
            if reason is None:
                return
            if one.at is None:
                raise DataError("E-LIMIT", where=f"reading scanner files ({job})", found=reason,
                                    remedy="permit more memory or time")  # fmt: skip
            yield _named({"file": one.at, "error": _blame(reason)}, listing)
            deaths += 1
            files = following(files, one.at)
            if deaths >= limits.deaths and files:
                raise DataError("E-LIMIT", where=f"reading scanner files ({job})",
                                    needed=f"fewer than {limits.deaths} files that end their reader",
                                    found=f"{deaths}, with {len(files)} files not looked at",
                                    remedy="do not trust this folder; export it again")  # fmt: skip
            if not files:
                return


class _Child:
    """One process, from its start to its end."""

    def __init__(self, answer: str, request: dict[str, Any], limits: Limits, path: tuple[Path, ...]) -> None:
        self.limits = limits
        self.at: int | None = None
        self.places = {number: place for place, (number, _) in enumerate(request["files"])}
        self._said_all, self._reason = False, ""
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "neuromyo.dicom.inside"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                env=_environment(path), cwd=path[0], start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise _cannot_start(error) from error
        told = {"answer": answer, "request": request, "limits": asdict(limits)}
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(told).encode("ascii"))
        with suppress(BrokenPipeError):  # what was not written is tried again
            self._process.stdin.close()

    def messages(self) -> Iterator[dict[str, Any]]:
        """Until it has said all, or broken a rule."""
        held = bytearray()
        for piece in self._pieces():
            start = 0
            held += piece
            while (stop := held.find(b"\n", start)) >= 0:
                message = self._understood(bytes(held[start:stop]))
                start = stop + 1
                if message is None:
                    return
                yield message
                self._resumed = time.monotonic()
            del held[:start]
            if len(held) > self.limits.line_mb << 20:
                self._reason = f"it answered more than {self.limits.line_mb} MiB at once"
                return

    def end(self) -> str | None:
        """Kill what is left of it; why it ended before its time, None where it said all."""
        status = self._process.poll() if not self._said_all and not self._reason else None
        if status is None and not self._reason and not self._said_all:
            with suppress(subprocess.TimeoutExpired):
                status = self._process.wait(timeout=0.5)
        _kill(self._process)
        if self._said_all:
            return None
        return self._reason or _meaning(status)

    def _pieces(self) -> Iterator[bytes]:
        """Bytes as they come, while the time for the file lasts (the time we take ourselves is not counted)."""
        stream = self._process.stdout
        assert stream is not None
        self._left, self._resumed = self._time(), time.monotonic()
        with selectors.DefaultSelector() as waiting:
            waiting.register(stream, selectors.EVENT_READ)
            while True:
                ready = waiting.select(timeout=max(0.0, self._left))
                now = time.monotonic()
                self._left -= now - self._resumed
                self._resumed = now
                if self._left <= 0:
                    self._reason = f"reading it took more than {self.limits.seconds:g} s"
                    return
                piece = os.read(stream.fileno(), 1 << 18) if ready else b""
                if ready and not piece:
                    return
                yield piece
                # a child that is told of by many short lines is not listened to one by one: waking up is what costs
                time.sleep(_NAP)

    def _time(self) -> float:
        return self.limits.seconds + (5.0 if self.at is None else 0.0)

    def _understood(self, line: bytes) -> dict[str, Any] | None:
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            self._reason = "its reader answered in a way that is not understood"
            return None
        if message.get("end") is True:
            self._said_all = True
            return None
        if message.get("at") in self.places:
            self.at, self._left = message["at"], self._time()
        return message


def _environment(path: tuple[Path, ...]) -> dict[str, str]:
    """Next to nothing: where our code is, a home that will be removed, one thread."""
    home = str(path[0])
    package = str(Path(__file__).resolve().parents[2])
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {**kept, "HOME": home, "TMPDIR": home, "PATH": os.defpath, "LC_ALL": "C.UTF-8", "PYTHONUTF8": "1",
            "PYTHONPATH": os.pathsep.join([package, *map(str, path[1:])]), "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}  # fmt: skip


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()
    if process.stdout:
        process.stdout.close()


def _meaning(status: int | None) -> str:
    if status is None:
        return "its reader stopped answering"
    if status >= 0:
        return "its reader ended before its time"
    if -status == getattr(signal, "SIGXCPU", None):
        return "reading it took more CPU time than is permitted"
    if -status == getattr(signal, "SIGKILL", None):
        return "the system ended its reader, as it does when memory is short"
    return f"its reader crashed (signal {-status})"


def _blame(reason: str) -> dict[str, str]:
    return {"code": "E-LIMIT", "where": "", "needed": "", "found": reason, "remedy": _BLAME}


def _named(message: dict[str, Any], listing: Listing | None) -> dict[str, Any]:
    """Errors and findings with the file's name before the place within it."""
    number = message.get("file")
    if "error" not in message and not message.get("findings"):
        return message
    if listing is None or not isinstance(number, int) or not 0 <= number < len(listing.files):
        return message
    name = listing.call(number)
    if "error" in message:
        error = {**message["error"], "where": _joined(name, number, message["error"].get("where"))}
        message = {**message, "error": {**error, "message": str(as_error(error))}}
    if "findings" in message:
        said = [{**finding, "where": _joined(name, number, finding.get("where"))} for finding in message["findings"]]
        message = {**message, "findings": said}
    return message


def _joined(name: str, number: int, place: object) -> str:
    """The file, then the place within it; what the job called the file by itself gives way."""
    own = re.sub(rf"^file {number + 1}( of \d+)?( \([^)]*\))?(: )?", "", str(place or ""))
    return f"{name}: {own}" if own else name


def as_error(error: Mapping[str, Any]) -> NeuromyoError:
    """The error that was told, believed in its code only where that is one of ours."""
    code = error.get("code") if error.get("code") in CODES else "E-INTERNAL"
    where, needed, found, remedy = (str(error.get(k, "")) for k in ("where", "needed", "found", "remedy"))
    return DataError(str(code), where=where or "reading scanner files", needed=needed, found=found, remedy=remedy)


def _cannot_start(error: OSError) -> ResourceError:
    return ResourceError("E-IO", where="the process that reads scanner files", needed="to be started",
                         found=error.strerror or type(error).__name__, remedy="free some memory, then run again")  # fmt: skip
