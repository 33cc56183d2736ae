"""Diffusion tables that are wrong, through ``run``, ``check`` and ``fit``: rows G31 and G32."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from neuromyo.core.errors import CODES
from tests.gauntlet.driving import AFFINE, legs, neuromyo, results
from tests.gauntlet.making import digests, gz, nii
from tests.oracles.leg_fibres import directions

pytestmark = pytest.mark.gauntlet

ASK = ("--biomarkers", "dti", "--nprocs", 1)
B = np.array([0.0, 500, 500, 500, 500, 500, 0, 500, 500, 500, 500, 500])
G = np.where((B > 0)[:, None], directions(len(B)), 0.0)


def write_subject(root, subject, b=B, g=G, **text):
    """One subject with a diffusion series; ``bval`` and ``bvec`` replace the text of those files."""
    dwi = root / f"sub-{subject}" / "dwi"
    dwi.mkdir(parents=True)
    left, right = legs()
    tensor = np.diag([1.3e-3, 1.4e-3, 2.0e-3])
    signal = 1000 * np.exp(-B * np.einsum("ni,ij,nj->n", G, tensor, G)) * (left | right)[..., None]
    noise = np.random.default_rng(len(subject)).normal(0, 15, (2, *signal.shape))
    stem = f"sub-{subject}_dwi"
    (dwi / f"{stem}.nii.gz").write_bytes(
        gz(nii(np.rint(np.hypot(signal + noise[0], noise[1])).astype(np.int16), AFFINE), 1)
    )
    (dwi / f"{stem}.json").write_text(json.dumps({"EchoTime": 0.055, "RepetitionTime": 4.0}))
    (dwi / f"{stem}.bval").write_text(text.get("bval", " ".join(f"{v:g}" for v in b) + "\n"))
    (dwi / f"{stem}.bvec").write_text(text.get("bvec", rows(g.T)))
    return dwi


def rows(table):
    return "".join(" ".join(f"{v:.6f}" for v in row) + "\n" for row in table)


def write_study(root, subjects=("bad", "good"), **bad):
    root.mkdir(parents=True)
    (root / "dataset_description.json").write_text(json.dumps({"Name": "Gauntlet", "BIDSVersion": "1.10.0"}))
    for subject in subjects:
        write_subject(root, subject, **(bad if subject == "bad" else {}))
    return root


def changed(index, value) -> np.ndarray:
    g = G.copy()
    g[index] = value
    return g


@dataclass(frozen=True)
class Case:
    name: str
    bad: dict
    code: str
    where: str
    remedy: str
    words: str = ""


NAN = float("nan")
REFUSED = [
    Case("G31-a-value-short", {"b": B[:-1]}, "E-GRAD", "sub-bad_dwi.bval", "convert", "12 b-values"),
    Case("G31-a-direction-short", {"g": G[:-1]}, "E-GRAD", "sub-bad_dwi.bvec", "convert", "3 x 11"),
    Case("G31-a-direction-long", {"g": np.vstack([G, G[1]])}, "E-GRAD", "sub-bad_dwi.bvec", "convert", "3 x 13"),
    Case("G31-not-unit", {"g": changed(3, 0.7 * G[3])}, "E-GRAD", "sub-bad_dwi.bvec", "length 1", "column 4"),
    Case("G31-long", {"g": 1.05 * G}, "E-GRAD", "sub-bad_dwi.bvec", "length 1", "1.05"),
    Case("G31-no-direction", {"g": changed(4, 0.0)}, "E-GRAD", "sub-bad_dwi.bvec", "averages", "column 5"),
    Case("G31-nan", {"g": changed(4, NAN)}, "E-GRAD", "sub-bad_dwi.bvec", "averages", "column 5"),
    Case("G31-infinite", {"g": changed((4, 1), np.inf)}, "E-GRAD", "sub-bad_dwi.bvec", "averages", "column 5"),
    Case("G31-no-b0", {"b": np.full(12, 500.0), "g": directions(12)}, "E-GRAD", "sub-bad_dwi.bval", "b = 0", "b = 500"),
    Case("G31-empty", {"bvec": ""}, "E-GRAD", "sub-bad_dwi.bvec", "convert"),
    Case("G31-words", {"bvec": "x y z\n"}, "E-GRAD", "sub-bad_dwi.bvec", "convert"),
    Case("G31-ragged", {"bvec": rows(G.T)[:-30] + "\n"}, "E-GRAD", "sub-bad_dwi.bvec", "convert"),
    Case("G31-nan-b", {"b": np.where(np.arange(12) == 2, NAN, B)}, "E-UNITS", "sub-bad_dwi.bval", "convert"),
    Case("G31-negative-b", {"b": -B}, "E-UNITS", "sub-bad_dwi.bval", "convert"),
    Case("G32-si", {"b": 1e6 * B}, "E-UNITS", "sub-bad_dwi.bval", "divide by 1e6", "s/mm2"),
]


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """What the good subject's files are in a run without the bad one."""
    folder = tmp_path_factory.mktemp("good")
    study = write_study(folder / "bids", ("good",))
    ended = neuromyo("run", study, folder / "out", "participant", *ASK)
    assert ended.status == 0, ended.err
    found = results(folder / "out", "good")
    assert {n.rpartition("_")[2] for n in found if n.endswith(".nii.gz")} == {
        f"{s}.nii.gz" for s in ("FA", "MD", "AD", "RD", "tensor", "V1", "S0map", "dseg")
    }
    return found


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_a_wrong_table_is_refused_and_the_good_subject_is_none_the_worse(case, good, tmp_path):
    study, out = write_study(tmp_path / "bids", **case.bad), tmp_path / "out"
    before = digests(study)
    ended = neuromyo("run", study, out, "participant", *ASK)
    assert ended.status == CODES[case.code][0] == ended.json["exit"], ended.err
    (failure,) = [f for f in ended.json["failures"] if f["code"] != "E-NEEDS"]
    assert failure["session"] == "sub-bad"
    one_sentence(failure, case)
    assert results(out, "good") == good and not results(out, "bad")
    assert digests(study) == before and case.code in (out / "cohort.html").read_text()


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_check_and_fit_say_the_same(case, tmp_path):
    study = write_study(tmp_path / "bids", ("bad",), **case.bad)
    before = digests(tmp_path)
    ended = neuromyo("check", study)
    assert ended.status == CODES[case.code][0]
    (finding,) = [f for s in ended.json["sessions"] for f in s["findings"] if f["level"] == "stop"]
    assert finding["code"] == case.code and case.where in finding["where"] and case.remedy in finding["remedy"]
    image = study / "sub-bad" / "dwi" / "sub-bad_dwi.nii.gz"
    ended = neuromyo("fit", "dti", image, "-o", tmp_path / "fitted")
    assert ended.status == CODES[case.code][0], ended.err
    one_sentence(ended.json["error"], case)
    assert digests(tmp_path) == before


def one_sentence(failure: dict, case: Case) -> None:
    message = failure["message"]
    assert failure["code"] == case.code and message.endswith(f"[{case.code}]") and message.isprintable(), message
    assert case.where in message and case.words in message and case.remedy in message.rpartition("; ")[2], message


MENDED: list[tuple[str, Callable[[], dict], str]] = [
    ("transposed", lambda: {"bvec": rows(G)}, "W-GRAD"),
    ("nan-at-b0", lambda: {"g": changed(0, NAN)}, ""),
    ("anything-at-b0", lambda: {"g": changed(0, [0.3, 0.4, 0.0])}, ""),
    ("opposite-directions", lambda: {"g": changed(5, -G[5])}, ""),
    ("a-column-of-values", lambda: {"bval": "\n".join(f"{v:g}" for v in B)}, ""),
    ("commas", lambda: {"bval": ",".join(f"{v:g}" for v in B)}, ""),
]


@pytest.mark.parametrize(("name", "bad", "code"), MENDED, ids=lambda v: v if isinstance(v, str) else "")
def test_what_looks_odd_gives_the_same_bits(name, bad, code, tmp_path):
    images = []
    for said, folder in (({}, "plain"), (bad(), "odd")):
        study = write_study(tmp_path / folder, ("bad",), **said)
        ended = neuromyo("run", study, tmp_path / f"{folder}-out", "participant", *ASK)
        assert ended.status == 0, ended.err
        images.append({n: d for n, d in results(tmp_path / f"{folder}-out", "bad").items() if n.endswith(".nii.gz")})
        record = (tmp_path / f"{folder}-out" / "record" / "run.json").read_text()
    assert images[0] == images[1] and images[0]
    assert not code or code in record
