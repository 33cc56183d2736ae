"""Programmes of others, run beside us: no shell, a time limit, a process group that ends with us, and no way to the network.

The fence is of environment variables (proxies that lead nowhere, the offline switches of the usual libraries): it stops downloads and
reports home by programmes that mean well. It is no sandbox: a programme runs with the user's rights.
"""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import site
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from neuromyo.core.errors import DataError, OptionError
from neuromyo.io.files import printable

#: what a programme needs of our environment to find its libraries and the accelerator
_KEPT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "CONDA_PREFIX", "VIRTUAL_ENV", "CUDA_VISIBLE_DEVICES",
         "CUDA_HOME", "HIP_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "LANG", "TZ")  # fmt: skip
#: nobody listens at the discard port of this machine
_NOWHERE = "http://127.0.0.1:9"
_PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy")
_OFFLINE = {
    "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "WANDB_MODE": "disabled",
    "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "UV_OFFLINE": "1", "NO_PROXY": "", "no_proxy": "",
    "DO_NOT_TRACK": "1", "HF_HUB_DISABLE_TELEMETRY": "1",
}  # fmt: skip
_TAIL = 64 << 10
_GRACE_S = 3.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a programme ended: its exit status, and the last 64 KiB of what it said (both streams)."""

    status: int
    said: str


def find_program(name: str, python: str | Path | None, executable: str | Path | None, install: str) -> Path:
    """The file to start: the one given, else ``name`` beside the Python given, else on the PATH; E-EXTRA where there is none."""
    if executable is not None:
        found = shutil.which(executable)
    elif name == "python":
        found = shutil.which(python) if python is not None else None
    elif python is not None:
        found = shutil.which(name, path=str(Path(python).absolute().parent))
    else:
        found = shutil.which(name)
    if found is None:
        asked = printable(os.fspath(executable or (python if python is not None else name)))
        raise OptionError("E-EXTRA", where=name, needed="the programme of the network, which is not part of neuromyo",
                          found=f"nothing that can be started as {asked}",
                          remedy=f"install it: {install}; then name it, or the Python of its environment")  # fmt: skip
    return Path(found).absolute()


def environment(home: Path, threads: int, more: Mapping[str, str]) -> dict[str, str]:
    """The variables a programme gets: what it needs to start, a home of its own in scratch, and the fence."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    if site.ENABLE_USER_SITE and Path(site.getuserbase()).is_dir():
        kept["PYTHONUSERBASE"] = site.getuserbase()  # its home moves, what the user installed there stays to be found
    fence = {spelt: _NOWHERE for name in _PROXIES for spelt in (name, name.upper())}
    own = {"HOME": str(home), "USERPROFILE": str(home), "TMPDIR": str(home), "TEMP": str(home), "MPLCONFIGDIR": str(home),
           "OMP_NUM_THREADS": str(threads), "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"}  # fmt: skip
    return {**kept, **own, **fence, **_OFFLINE, **more}


def run(command: Sequence[str], *, folder: Path, env: Mapping[str, str], timeout_s: float, name: str) -> Ended:
    """Start ``command`` in ``folder`` and wait for its end. E-EXTRA if it cannot be started, E-NETWORK after ``timeout_s``.

    What it starts itself ends with it, and all of it ends when we are interrupted.
    """
    try:
        process = subprocess.Popen(
            list(command), cwd=folder, env=dict(env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise OptionError("E-EXTRA", where=name, needed="a programme that can be started", found=error.strerror or str(error),
                          remedy="check that the file may be executed and is made for this machine") from error  # fmt: skip
    tail = bytearray()
    try:
        status = _listen(process, tail, time.monotonic() + timeout_s)
        if status is None:
            raise DataError("E-NETWORK", where=name, needed=f"an answer within {timeout_s:g} s",
                            found=f"none; it said last: {_last_line(_text(tail))}",
                            remedy="permit more time, use the GPU, or crop the image")  # fmt: skip
    finally:
        _end(process)
    return Ended(status, _text(tail))


def _listen(process: subprocess.Popen[bytes], tail: bytearray, until: float) -> int | None:
    """Its exit status, None where time is over; ``tail`` holds the last it said."""
    stream = process.stdout
    assert stream is not None
    with selectors.DefaultSelector() as waiting:
        waiting.register(stream, selectors.EVENT_READ)
        heard = True
        while time.monotonic() < until:
            ready = waiting.select(timeout=min(0.2, max(0.0, until - time.monotonic()))) if heard else []
            piece = os.read(stream.fileno(), 1 << 16) if ready else b""
            if ready and not piece:
                heard = False
                waiting.unregister(stream)
            tail += piece
            del tail[:-_TAIL]
            if not piece and (status := process.poll()) is not None:
                return status
            if not heard:
                with suppress(subprocess.TimeoutExpired):
                    return process.wait(timeout=min(0.2, max(0.0, until - time.monotonic())))
    return process.poll()


def _end(process: subprocess.Popen[bytes]) -> None:
    """It and its children: asked first where it still runs, then killed."""
    if process.poll() is None:
        _signal(process, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=_GRACE_S)
    _signal(process, getattr(signal, "SIGKILL", signal.SIGTERM))
    process.wait()
    if process.stdout:
        process.stdout.close()


def _signal(process: subprocess.Popen[bytes], which: int) -> None:
    with suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, which)
        else:
            process.send_signal(which)


def _text(said: bytearray) -> str:
    return bytes(said).decode("utf-8", "replace")


def _last_line(said: str) -> str:
    """The last line with something on it, as it may be shown."""
    lines = [line.strip() for line in said.replace("\r", "\n").split("\n") if line.strip()]
    return printable(lines[-1][-300:]) if lines else "nothing"


def last_line(ended: Ended) -> str:
    """What it said last."""
    return _last_line(ended.said)
