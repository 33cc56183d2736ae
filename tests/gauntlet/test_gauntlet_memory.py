"""Files that promise more than they hold, each in a process of its own whose memory is looked at: G07, G08, G09."""

import os
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import PROJECT
from tests.gauntlet.driving import AFFINE, results, write_study
from tests.gauntlet.making import digests, gz, nii
from tests.gauntlet.spoiling import image, put

pytestmark = [
    pytest.mark.gauntlet,
    pytest.mark.skipif(not hasattr(os, "wait4"), reason="memory of a child process is told by POSIX systems only"),
]
#: kB: what the run may take above one of a good study, and above it where nothing may be allocated at all
GIGABYTE, NOTHING = 1_000_000, 50_000
GUARD_S = 100


def run(study: Path, out: Path) -> tuple[int, str, int]:
    """Exit status, everything printed, and the most memory (kB) of a run."""
    command = [sys.executable, "-m", "neuromyo", "run", str(study), str(out), "participant", "--biomarkers", "t2-mono"]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT / "src"), "PYTHONWARNINGS": "error", "COLUMNS": "300"}
    printed = out.parent / "printed"
    start = time.monotonic()
    with printed.open("w") as stream:
        child = subprocess.Popen([*command, "--nprocs", "1"], env=environment, stdout=stream, stderr=stream)
        _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert time.monotonic() - start < GUARD_S
    kilobytes = used.ru_maxrss // (1024 if sys.platform == "darwin" else 1)
    return child.returncode, printed.read_text(), kilobytes


@pytest.fixture(scope="module")
def baseline(tmp_path_factory):
    """The memory of a run over the good study."""
    folder = tmp_path_factory.mktemp("baseline")
    status, said, kilobytes = run(write_study(folder / "bids"), folder / "out")
    assert status == 0, said
    return kilobytes


def huge() -> bytes:
    return nii(np.zeros((2, 2, 2), np.int16), AFFINE, dim1=32767, dim2=32767, dim3=32767) + bytes(65_000)


def bomb(promised: bool) -> bytes:
    """4 MB of gzip that grow to 4 GB; the header promises 20 GB, or no more than a few bytes."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
    dims = {"dim1": 2000, "dim2": 2000, "dim3": 2500} if promised else {}
    head = squeeze.compress(nii(np.zeros((2, 2, 2), np.int16), AFFINE, **dims)[:352]) + squeeze.flush(zlib.Z_FULL_FLUSH)
    piece = squeeze.compress(bytes(1 << 20)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    piece = squeeze.compress(bytes(1 << 20)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    return head + piece * 4096


@pytest.mark.parametrize(
    ("data", "plain", "code", "status", "room"),
    [
        (huge(), True, "E-DIMS", 2, NOTHING),
        (gz(huge()), False, "E-DIMS", 2, NOTHING),
        (bomb(True), False, "E-BOMB", 4, GIGABYTE),
        (bomb(False), False, "E-BOMB", 4, GIGABYTE),
    ],
    ids=["G07", "G08", "G09", "G09-unpromised"],
)
def test_a_lie_about_size_costs_no_memory(data, plain, code, status, room, baseline, tmp_path):
    study, out = write_study(tmp_path / "bids"), tmp_path / "out"
    put(study / "sub-bad" / "anat", data, plain=plain)
    before = digests(study)
    ended, said, kilobytes = run(study, out)
    assert ended == status and code in said and "echo-3_MESE" in said, said
    assert "Traceback" not in said
    assert kilobytes - baseline < room
    assert not results(out, "bad") and results(out, "good")
    assert digests(study) == before
    assert plain or image(study / "sub-bad" / "anat").stat().st_size < 8 << 20
