"""Inside the child process: take limits upon oneself, do one job, answer in lines of JSON.

Started as ``python -m neuromyo.dicom.inside`` by `neuromyo.dicom.child`, which sends one JSON object. What a library prints goes
nowhere. Exceptions are answers too, told by their type and place in the code only: their words may hold what a file holds.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import import_module
from typing import Any

from neuromyo.core.errors import NeuromyoError

Answer = Callable[[dict[str, Any]], Iterator[dict[str, Any]]]
_HELD = 1 << 16
_ENCODE = json.JSONEncoder(separators=(",", ":")).encode


class _Line:
    """Answers on their way out. A file's answer waits for the next file's announcement, to be written with it."""

    def __init__(self) -> None:
        self._descriptor = os.dup(1)
        self._held = bytearray()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)

    def send(self, message: dict[str, Any]) -> None:
        self._held += _ENCODE(message).encode("ascii") + b"\n"
        if "file" not in message or len(self._held) > _HELD:
            self.flush()

    def flush(self) -> None:
        view = memoryview(bytes(self._held))
        self._held.clear()
        while view:
            view = view[os.write(self._descriptor, view) :]


class _Clock:
    """CPU seconds for each file, as a limit that the system enforces; pushed on at every file."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._pushed = seconds, -1e9
        self.push()

    def push(self) -> None:
        now = time.process_time()
        if now - self._pushed < 1:
            return
        self._pushed = now
        _limit("RLIMIT_CPU", int(now + self._seconds) + 2, soft_only=True)


def main() -> None:
    """Read the request, answer it, say that this was all."""
    told = json.loads(sys.stdin.buffer.read())
    line = _Line()
    _take_limits(told["limits"])
    clock = _Clock(told["limits"]["seconds"])
    module, _, name = told["answer"].partition(":")
    try:
        answer = getattr(import_module(module), name)
    except Exception as error:
        line.send({"error": _as_dict(error)})
        os._exit(1)
    _serve(answer, told["request"], line, clock)
    line.send({"end": True})
    # no tidying up: nothing here outlives the process
    os._exit(0)


def _serve(answer: Answer, request: dict[str, Any], line: _Line, clock: _Clock) -> None:
    while True:
        at = None
        try:
            for message in answer(request):
                if "at" in message:
                    at = message["at"]
                    clock.push()
                line.send(message)
            return line.flush()
        except Exception as error:
            if at is None:
                line.send({"error": _as_dict(error)})
                os._exit(1)
            line.send({"file": at, "error": _as_dict(error)})
            request = {**request, "files": following(request["files"], at)}
            if not request["files"]:
                return line.flush()


def following(files: list[list[Any]], at: int) -> list[list[Any]]:
    """The files after number ``at``; none where it is not among them."""
    numbers = [number for number, _ in files]
    return files[numbers.index(at) + 1 :] if at in numbers else []


def _as_dict(error: Exception) -> dict[str, str]:
    if isinstance(error, NeuromyoError):
        return error.as_dict()
    if isinstance(error, MemoryError):
        code, found = "E-LIMIT", "reading it took more memory than is permitted"
    elif isinstance(error, RecursionError):
        code, found = "E-DEPTH", "parts nested too deeply"
    elif isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        code, found = "E-DISK", "none left for the voxels on their way"
    elif isinstance(error, OSError):
        code, found = "E-IO", f"reading failed ({error.strerror or type(error).__name__})"
    else:
        code, found = "E-DICOM", f"the reader gave up ({type(error).__name__}{_place(error)})"
    return {"code": code, "where": "", "needed": "", "found": found, "remedy": _REMEDIES[code]}


_REMEDIES = {
    "E-LIMIT": "leave this file out, or permit more memory or time",
    "E-DEPTH": "do not trust this file; export the series again",
    "E-DISK": "free some space or write elsewhere, then import again",
    "E-IO": "check the disk and the permissions, then run again",
    "E-DICOM": "export or copy the file again from its source",
}


def _place(error: Exception) -> str:
    """Where in our own code: a module and a line say nothing about a patient."""
    trace, place = error.__traceback__, ""
    while trace:
        module = trace.tb_frame.f_globals.get("__name__", "")
        if module.startswith("neuromyo.") and module != __name__:
            place = f" in {module.removeprefix('neuromyo.')}, line {trace.tb_lineno}"
        trace = trace.tb_next
    return place


def _take_limits(limits: dict[str, Any]) -> None:
    _limit("RLIMIT_AS", int(limits["memory_mb"]) << 20)
    _limit("RLIMIT_FSIZE", int(limits["write_mb"]) << 20)
    _limit("RLIMIT_NOFILE", 128)
    _limit("RLIMIT_CORE", 0)


def _limit(name: str, value: int, soft_only: bool = False) -> None:
    """As far as this system knows the limit and lets us."""
    with suppress(ImportError, AttributeError, ValueError, OSError):
        import resource

        which = getattr(resource, name)
        hard = resource.getrlimit(which)[1]
        if hard != resource.RLIM_INFINITY:
            value = min(value, hard)
        resource.setrlimit(which, (value, hard if soft_only else value))


if __name__ == "__main__":
    main()
