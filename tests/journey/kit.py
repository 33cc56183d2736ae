"""A tiny study, a stranger's biomarker, and the program as a person starts it."""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
TIMES = [0.01, 0.02, 0.03, 0.045, 0.06]

#: a stranger's package: one file with one biomarker, announced by an entry point
TOY = '''
"""Toy T2 by a straight line through logarithms: ln S = ln S0 - TE / T2."""

import numpy as np

from neuromyo.core.acquisition import Acquisition
from neuromyo.core.biomarker import Biomarker, Estimate, SeriesNeed
from neuromyo.core.quantity import Quantity
from neuromyo.core.reasons import Reason


def simulate(truth, acquisitions, options):
    te = np.array(acquisitions["train"].echo_times)
    return {"train": np.asarray(truth["S0"])[..., None] * np.exp(-te / np.asarray(truth["T2"])[..., None])}


def estimate(inputs, options):
    te = np.array(inputs.acquisitions["train"].echo_times)
    signal = inputs.signals["train"].astype(np.float64)
    fine = (signal > 0).all(axis=-1)
    logs = np.log(np.where(signal > 0, signal, 1.0))
    slope = ((te - te.mean()) * (logs - logs.mean(axis=-1, keepdims=True))).sum(axis=-1) / ((te - te.mean()) ** 2).sum()
    fine &= slope < 0
    t2 = np.where(fine, -1.0 / np.where(slope < 0, slope, -1.0), np.nan)
    reason = np.where(fine, Reason.OK, Reason.NO_CONVERGENCE).astype(np.uint8)
    return Estimate({"T2": t2}, reason, {"T2": np.full(t2.shape, 1e-4)})


BIOMARKER = Biomarker(
    id="toy-t2",
    title="toy T2",
    doi=("10.1000/toy",),
    needs={"train": SeriesNeed(("MESE",), min_volumes=3, required=("echo_times",))},
    gives=(Quantity("T2", "toy T2", "ms", (0.001, 1.0), "T2map"),),
    simulate=simulate,
    estimate=estimate,
    typical={"train": Acquisition(echo_times=(0.01, 0.02, 0.03))},
    example={"T2": 0.035, "S0": 1000.0},
    caption="A straight line through the logarithms of the echoes.",
)
'''

#: in every Python started with this folder on its path: dies without a word at the n-th rename, counted over its life
KILLER = """
import os, signal
_at = int(os.environ.get("NEUROMYO_TEST_KILL_AT", "0"))
_real, _count = os.replace, 0
def _replace(*a, **k):
    global _count
    _count += 1
    if _count == _at:
        os.kill(os.getpid(), signal.SIGKILL)
    return _real(*a, **k)
if _at:
    os.replace = _replace
"""


@dataclass(frozen=True)
class Program:
    """The command line with the stranger's package installed. Times are only a guard against hanging."""

    plugins: Path

    def environment(self, **more):
        path = os.pathsep.join([str(self.plugins), str(ROOT / "src")])
        return {**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": "error", "COLUMNS": "200", **more}

    def start(self, *arguments, **environment):
        return subprocess.Popen(
            [sys.executable, "-m", "neuromyo", *map(str, arguments)],
            env=self.environment(**environment), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __call__(self, *arguments, **environment):
        process = self.start(*arguments, **environment)
        out, err = process.communicate(timeout=240)
        assert "Traceback" not in err + out, err
        return Ended(process.returncode, out, err)


@dataclass(frozen=True)
class Ended:
    status: int
    out: str
    err: str

    @property
    def json(self):
        """The one JSON object on stdout."""
        assert self.out.count("\n") == 1, self.out
        return json.loads(self.out)


def install(folder: Path) -> Program:
    """The stranger's package, as pip would leave it."""
    folder.mkdir()
    (folder / "stranger_toy.py").write_text(TOY)
    (folder / "sitecustomize.py").write_text(KILLER)
    about = folder / "stranger_toy-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger-toy\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[neuromyo.biomarkers]\ntoy-t2 = stranger_toy\n")
    return Program(folder)


def two_legs(seed: int):
    """Two discs of tissue (x, y, z) with a T2 of their own, in noise: the echoes (x, y, z, n)."""
    rng = np.random.default_rng(seed)
    x, y, _ = np.indices((24, 14, 3))
    left, right = ((x - cx) ** 2 + (y - 7) ** 2 < 22 for cx in (6, 17))
    t2 = np.where(left, 0.032, 0.036)[..., None]
    signal = 1000.0 * np.exp(-np.array(TIMES) / t2) * (left | right)[..., None]
    noise = rng.normal(0, 4, (2, *signal.shape))
    return np.hypot(signal + noise[0], noise[1]).astype(np.float32), left, right


AFFINE = np.diag([3.0, 3.0, 10.0, 1.0])


def write_study(root: Path, subjects=("01", "02")) -> Path:
    root.mkdir()
    (root / "dataset_description.json").write_text(json.dumps({"Name": "Two legs", "BIDSVersion": "1.10.0"}))
    for number, subject in enumerate(subjects):
        folder = root / f"sub-{subject}" / "anat"
        folder.mkdir(parents=True)
        data, _, _ = two_legs(number)
        for echo in range(len(TIMES)):
            stem = f"sub-{subject}_echo-{echo + 1}_MESE"
            nibabel.Nifti1Image(data[..., echo], AFFINE).to_filename(folder / f"{stem}.nii.gz")
            (folder / f"{stem}.json").write_text(json.dumps({"EchoTime": TIMES[echo], "RepetitionTime": 3.0}))
    return root


def write_regions(root: Path, subjects=("01", "02"), swapped=False) -> Path:
    """Label maps of both legs on a finer grid of their own."""
    _, left, right = two_legs(0)
    volume = np.kron(left * 1 + right * 2, np.ones((2, 2, 1))).astype(np.uint8)
    affine = np.diag([1.5, 1.5, 10.0, 1.0])
    affine[:2, 3] = -0.75
    for subject in subjects:
        folder = root / f"sub-{subject}" / "anat"
        folder.mkdir(parents=True)
        nibabel.Nifti1Image(volume, affine).to_filename(folder / f"sub-{subject}_desc-hand_dseg.nii.gz")
        sides = ("right", "left") if swapped else ("left", "right")
        rows = [f"{i}\tcalf\t{side}\tleg\tn/a" for i, side in enumerate(sides, 1)]
        text = "\n".join(["index\tname\tside\tparent\tcode", *rows]) + "\n"
        (folder / f"sub-{subject}_desc-hand_dseg.tsv").write_text(text)
    return root


def tree(root: Path, record: bool = False) -> dict[str, str]:
    """Every file -> SHA-256; the record, which holds durations, only if asked."""
    return {
        p.relative_to(root).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(root.rglob("*"))
        if p.is_file() and (record or p.relative_to(root).parts[0] != "record")
    }


def rows(path: Path) -> list[dict[str, str]]:
    header, *lines = path.read_text().splitlines()
    return [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines]
