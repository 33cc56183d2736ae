"""Ctrl-C and SIGTERM: promptly, with the right status, and nothing half-written under a final name."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

_PATIENCE_S = 3.0


class Interrupted(BaseException):
    """The user or the system asked the program to stop. ``status`` is 130 or 143."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """Turns both signals into `Interrupted`; a program still there soon after is ended; a second one at once.

    Every file is written under another name and renamed, so that an end at any moment leaves whole files only.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    asked = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        status = 128 + number
        if asked.is_set():
            _end_now(status)
        asked.set()
        _stop_children()
        watchdog = threading.Timer(_PATIENCE_S, _end_now, (status,))
        watchdog.daemon = True
        watchdog.start()
        raise Interrupted(status)

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop_children() -> None:
    import multiprocessing

    for child in multiprocessing.active_children():
        child.kill()


def _end_now(status: int) -> None:
    print(
        "\nneuromyo: interrupted; nothing is half-written, and the same command can be given again",
        file=sys.stderr,
        flush=True,
    )
    os._exit(status)
