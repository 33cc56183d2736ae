"""``neuromyo import`` of a large examination: it says where it is, and needs little memory however many files there are.

A few thousand files each time; before a release NEUROMYO_TEST_FILES=20000.
"""

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import nibabel
import numpy as np
import pytest

from tests.dialects import many
from tests.journey.kit import ROOT

pytestmark = [
    pytest.mark.journey,
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc, which is not here"),
]

FILES = int(os.environ.get("NEUROMYO_TEST_FILES", "1200"))
LIMIT_MB = 1000
PAGE = 4096


def resident(pid: int) -> int:
    """Bytes of a process and all below it."""
    below: dict[int, list[int]] = {}
    size: dict[int, int] = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((place / "stat").read_text().rsplit(")", 1)[1].split()[1])
            size[int(place.name)] = int((place / "statm").read_text().split()[1]) * PAGE
        except (OSError, IndexError):
            continue  # it has ended meanwhile
        below.setdefault(parent, []).append(int(place.name))
    waiting, total = [pid], 0
    while waiting:
        one = waiting.pop()
        total += size.get(one, 0)
        waiting += below.get(one, [])
    return total


def watched(*arguments, home: Path) -> tuple[int, str, float]:
    """Exit status, what it told while it worked, and the most memory that the program and its children held (MB)."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "HOME": str(home), "COLUMNS": "200"}
    process = subprocess.Popen([sys.executable, "-m", "neuromyo", *map(str, arguments)], env=environment,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # fmt: skip
    said: list[str] = []
    reader = threading.Thread(target=lambda: said.extend(process.stdout))
    reader.start()
    peak = 0
    while process.poll() is None:
        peak = max(peak, resident(process.pid))
        reader.join(0.3)
    reader.join()
    process.stdout.close()
    return process.returncode, "".join(said), peak / 1e6


def test_many_files_little_memory_and_a_second_import_adds_nothing(tmp_path):
    slices, echoes = 30, 8
    many.write(tmp_path / "in", FILES, slices, echoes)
    ask = ("import", tmp_path / "in", tmp_path / "bids", "--subject", "01")
    status, said, peak = watched(*ask, home=tmp_path)
    assert status == 0, said[-2000:]
    assert peak < LIMIT_MB, f"{peak:.0f} MB"
    series = FILES // (slices * echoes)
    assert len(re.findall("reading voxels", said)) >= series, said[-2000:]
    assert f"{FILES:,} of {FILES:,} images are new" in said
    made = sorted((tmp_path / "bids").rglob("*.nii.gz"))
    assert len(made) == -(-FILES // slices)
    _look(tmp_path / "bids", series, slices, echoes)
    status, said, _ = watched(*ask, home=tmp_path)
    assert status == 0
    assert f"0 of {FILES:,} images are new" in said
    assert sorted((tmp_path / "bids").rglob("*.nii.gz")) == made


def _look(bids, series, slices, echoes):
    """The first voxels of each echo of the last whole series."""
    for echo in range(echoes):
        (path,) = bids.rglob(f"sub-01_run-{series}_echo-{echo + 1}_MESE.nii.gz")
        image = nibabel.load(path)
        number = (series - 1) * slices * echoes + echo * slices
        for k in (0, slices - 1):
            z = -300 + k * many.SPACING_MM
            at = np.rint(np.linalg.inv(image.affine) @ [-10.0, -12.0, z, 1])[:3].astype(int)
            plane = np.asarray(image.dataobj[..., at[2]])
            assert sorted(plane.ravel()) == sorted(many.plane(number + k).ravel())
            assert plane[at[0], at[1]] == many.plane(number + k)[0, 0]
