"""The program driven inside this process, and the tiny studies it is driven with."""

import contextlib
import io
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np

from neuromyo.cli.main import main
from tests.gauntlet.making import digests, gz, nii

#: two legs of 24 x 20 x 3 voxels of 8 x 8 x 10 mm; stored x runs to the patient's left
SHAPE = (24, 20, 3)
AFFINE = np.array([[-8.0, 0, 0, 92], [0, 8.0, 0, -76], [0, 0, 10.0, -10], [0, 0, 0, 1]])
TIMES = tuple(0.010 * k for k in range(1, 9))
#: ten times the seconds that a refusal may take: a guard against hanging, not a measure
GUARD_S = 100
WHO = {"bad": 1, "good": 2}


@dataclass(frozen=True)
class Said:
    """How one invocation ended."""

    status: int
    out: str
    err: str
    seconds: float

    @property
    def json(self):
        """The one JSON object on stdout."""
        assert self.out.count("\n") == 1, self.out
        return json.loads(self.out)


def neuromyo(*arguments) -> Said:
    """``neuromyo ARGUMENTS... --json``, in this process, as wide as needed; nobody ever sees a traceback."""
    out, err = io.StringIO(), io.StringIO()
    start = time.monotonic()
    wide = mock.patch.dict(os.environ, COLUMNS="200")  # xdist makes its workers 80 columns wide, and tables fold
    with wide, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main([*map(str, arguments), "--json"])
            status = 0
        except SystemExit as end:
            status = end.code
    said = Said(status, out.getvalue(), err.getvalue(), time.monotonic() - start)
    assert "Traceback" not in said.out + said.err, said.err
    assert said.seconds < GUARD_S
    return said


def legs():
    """(x, y, z) bool of the left and the right leg, as stored."""
    x, y, _ = np.indices(SHAPE)
    right, left = ((x - cx) ** 2 + (y - 10) ** 2 < 22 for cx in (6, 17))
    return left, right


def train(seed: int):
    """(x, y, z, n) int16 of both legs, as stored."""
    rng = np.random.default_rng(seed)
    left, right = legs()
    t2 = np.where(left, 0.032, 0.036)[..., None]
    signal = 1000.0 * np.exp(-np.array(TIMES) / t2) * (left | right)[..., None]
    noise = rng.normal(0, 4, (2, *signal.shape))
    return np.rint(np.hypot(signal + noise[0], noise[1])).astype(np.int16)


def write_subject(root: Path, subject: str, four_d: bool = False) -> Path:
    """One subject with a MESE, a file an echo or all in one; its ``anat`` folder."""
    anat = root / f"sub-{subject}" / "anat"
    anat.mkdir(parents=True)
    data = train(WHO[subject])
    if four_d:
        (anat / f"sub-{subject}_MESE.nii.gz").write_bytes(gz(nii(data, AFFINE), 1))
        (anat / f"sub-{subject}_MESE.json").write_text(json.dumps({"EchoTime": TIMES, "RepetitionTime": 3.0}))
        return anat
    for i, te in enumerate(TIMES):
        stem = f"sub-{subject}_echo-{i + 1}_MESE"
        (anat / f"{stem}.nii.gz").write_bytes(gz(nii(data[..., i], AFFINE), 1))
        (anat / f"{stem}.json").write_text(json.dumps({"EchoTime": te, "RepetitionTime": 3.0}))
    return anat


def write_study(root: Path, four_d: bool = False, subjects=("bad", "good")) -> Path:
    """A BIDS folder; only the bad subject comes in one 4D file where that is asked."""
    root.mkdir(parents=True)
    (root / "dataset_description.json").write_text(json.dumps({"Name": "Gauntlet", "BIDSVersion": "1.10.0"}))
    for subject in subjects:
        write_subject(root, subject, four_d and subject == "bad")
    return root


def results(out: Path, subject: str) -> dict[str, str]:
    """What is there of a subject under final names, outside the record: name -> SHA-256."""
    found = digests(out) if out.is_dir() else {}
    return {n: d for n, d in found.items() if f"sub-{subject}" in n and not n.startswith("record")}


def images(out: Path, subject: str) -> list[str]:
    return [n for n in results(out, subject) if n.endswith(".nii.gz")]


def rewrite(path: Path, **fields) -> None:
    """Other fields in a JSON sidecar; None takes one out."""
    said = json.loads(path.read_text()) | fields
    path.write_text(json.dumps({k: v for k, v in said.items() if v is not None}))
