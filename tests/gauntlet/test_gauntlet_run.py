"""One bad subject among the good, through ``run``, ``check`` and ``fit``: refused, and nobody else suffers.

`REFUSED` holds the rows of GAUNTLET whose answer is an error, `WARNED` those that go on with a warning.
"""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from neuromyo.core.errors import CODES
from tests.gauntlet.driving import AFFINE, SHAPE, TIMES, neuromyo, results, write_study
from tests.gauntlet.making import digests, gz, nii
from tests.gauntlet.spoiling import (
    ASK,
    BAD,
    INF,
    NAN,
    QFORM,
    beside,
    both,
    damage,
    flipped,
    header,
    moved,
    put,
    raw_sidecar,
    rename_with_acq,
    said,
    special,
    swapped,
    times,
    unzip,
    voxels,
)

pytestmark = pytest.mark.gauntlet


@dataclass(frozen=True)
class Case:
    """A bad subject and what the program must say: code, words of ``where`` and of the remedy."""

    name: str
    spoil: Callable[[Path], object]
    code: str
    where: str = "echo-3_MESE"
    remedy: str = ""
    four_d: bool = False
    in_fit: bool = True


HUGE = {"dim1": 32767, "dim2": 32767, "dim3": 32767}
REVERSED = tuple(reversed(TIMES))

REFUSED = [
    Case("G01-plain-half", unzip, "E-TRUNC", "echo-3_MESE.nii", "copy the file again"),
    Case("G02-half", damage(lambda d: d[: len(d) // 2]), "E-TRUNC", remedy="copy the file again"),
    Case("G02-one-byte", damage(lambda d: d[:-1]), "E-TRUNC", remedy="copy the file again"),
    Case("G02-half-4d", damage(lambda d: d[: len(d) // 2], None), "E-TRUNC", "sub-bad_MESE", "copy", four_d=True),
    Case("G02-inner", damage(lambda d: gz(nii(BAD[..., 2], AFFINE)[:-100])), "E-TRUNC", remedy="copy the file again"),
    Case("G03-middle", damage(flipped), "E-CRC", remedy="copy the file again"),
    Case("G03-late", damage(lambda d: flipped(d, 0.9)), "E-CRC", remedy="copy the file again"),
    Case("G03-checksum", damage(lambda d: flipped(d, (len(d) - 6) / len(d))), "E-CRC", remedy="copy the file again"),
    Case("G03-4d", damage(flipped, None), "E-CRC", "sub-bad_MESE", "copy the file again", four_d=True),
    Case("G03-second-member", damage(lambda d: gz(nii(BAD[..., 2], AFFINE)[:900])
                                     + flipped(gz(nii(BAD[..., 2], AFFINE)[900:]))), "E-CRC"),
    Case("G04-2-kB", damage(lambda d: d + b"\x07" * 2000), "E-FORMAT", remedy="copy the file again"),
    Case("G05-plain-as-gz", damage(lambda d: nii(BAD[..., 2], AFFINE)), "E-FORMAT",
         remedy="rename it"),
    Case("G05-gz-as-plain", lambda a: put(a, gz(nii(BAD[..., 2], AFFINE)), plain=True), "E-FORMAT", "echo-3_MESE.nii",
         "rename it"),
    Case("G05-dicom", damage(lambda d: bytes(128) + b"DICM" + bytes(400)), "E-FORMAT", remedy="rename"),
    Case("G06-empty", damage(lambda d: b""), "E-EMPTY", remedy="copy"),
    Case("G06-empty-gz", damage(lambda d: gz(b"")), "E-EMPTY", remedy="convert"),
    Case("G06-header-only", damage(lambda d: gz(nii(BAD[..., 2], AFFINE)[:352])), "E-EMPTY", remedy="copy or convert"),
    Case("G07-huge", header(plain=True, **HUGE), "E-DIMS", "dim", "convert"),
    Case("G08-huge-gz", header(**HUGE), "E-DIMS", "dim", "convert"),
    Case("G10-negative", header(dim1=-4), "E-DIMS", "dim[1]", "convert"),
    Case("G10-zero", header(dim2=0), "E-DIMS", "dim[2]", "convert"),
    Case("G10-rank", header(dim0=99), "E-DIMS", "dim[0]", "convert"),
    *[Case(f"G11-{v}", header(pixdim2=v), "E-GEOM", "pixdim[2]", "convert") for v in (NAN, 0.0, -2.0, INF)],
    Case("G11-4d", header(None, pixdim3=NAN), "E-GEOM", "pixdim[3]", "convert", four_d=True),
    Case("G12-nan", header(srow5=NAN), "E-GEOM", "sform", "convert"),
    Case("G12-singular", header(srow0=0.0), "E-GEOM", "sform", "convert"),
    Case("G12-zero", header(**{f"srow{i}": 0.0 for i in range(12)}), "E-GEOM", "sform", "convert"),
    Case("G12-none", header(sform_code=0), "E-GEOM", "sform_code and qform_code", "convert"),
    Case("G13-apart", header(**QFORM | {"qoffset0": 90.0}), "E-GEOM", "sform and qform", "geometry option"),
    Case("G13-pixdim", header(pixdim1=8.5), "E-GEOM", "pixdim and sform", "geometry option"),
    *[Case(f"G14-{f}-{v}", header(**{f: v}), "E-SCALE", f, "scl_slope 1")
      for f, v in (("scl_slope", NAN), ("scl_slope", INF), ("scl_inter", NAN), ("scl_inter", -INF))],
    *[Case(f"G15-{code}", header(datatype=code), "E-DTYPE", "datatype", words)
      for code, words in ((32, "magnitude and phase"), (128, "real numbers"), (77, "real numbers"))],
    *[Case(f"G16-{v}", header(vox_offset=v), "E-HEADER", "vox_offset", "convert") for v in (NAN, 1e14, 100.0)],
    Case("G16-behind-the-end", header(vox_offset=1e9), "E-HEADER", "vox_offset", "convert"),
    Case("G20-nan", voxels(lambda v: np.full(SHAPE, NAN, np.float32)), "E-NODATA", "voxels", "export"),
    Case("G20-inf", voxels(lambda v: np.full(SHAPE, INF, np.float32)), "E-NODATA", "voxels", "export"),
    Case("G22-zero", voxels(lambda v: v * 0), "E-NOSIGNAL", "voxels", "export"),
    Case("G22-constant", voxels(lambda v: v * 0 + 7), "E-NOSIGNAL", "voxels", "export"),
    Case("G24-ms", times([1000 * t for t in TIMES]), "E-UNITS", "echo-1_MESE.nii.gz: EchoTime", "divide by 1000: 0.01"),
    Case("G24-ms-4d", times([1000 * t for t in TIMES], True), "E-UNITS", "sub-bad_MESE.nii.gz: EchoTime", "0.01",
         four_d=True),
    Case("G24-ms-in-one", said(EchoTime=30.0), "E-UNITS", "EchoTime", "divide by 1000: 0.03"),
    Case("G24-ms-in-one-4d", times([*TIMES[:7], 80.0], True), "E-UNITS", "EchoTime", "divide by 1000: 0.08",
         four_d=True),
    Case("G24-repetition", said(RepetitionTime=3000), "E-UNITS", "RepetitionTime", "divide by 1000: 3"),
    Case("G25-us", times([1e6 * t for t in TIMES]), "E-UNITS", "EchoTime", "divide by 1000000: 0.01"),
    Case("G26-two-swapped-in-the-sidecars", times(swapped(2, 5)), "E-ECHO-ORDER", "EchoTime", "order of EchoTime"),
    Case("G26-neighbours-swapped-in-the-sidecars", times(swapped(6, 7)), "E-ECHO-ORDER", "EchoTime", "EchoTime"),
    Case("G26-two-swapped-in-the-list", times(swapped(2, 5), True), "E-ECHO-ORDER", "EchoTime", "EchoTime",
         four_d=True),
    Case("G27-reversed", times(REVERSED), "E-ECHO-ORDER", "EchoTime", "order of EchoTime"),
    Case("G27-reversed-4d", times(REVERSED, True), "E-ECHO-ORDER", "EchoTime", "order of EchoTime", four_d=True),
    Case("G27-data-reversed-4d", voxels(lambda v: v[..., ::-1], None), "E-ECHO-ORDER", "EchoTime", "EchoTime",
         four_d=True),
    Case("G28-twice", said(EchoTime=TIMES[1]), "E-ECHO-COUNT", "EchoTime", "correct the echo times"),
    Case("G28-twice-4d", times([*TIMES[:7], TIMES[6]], True), "E-ECHO-COUNT", "EchoTime", "correct", four_d=True),
    Case("G28-too-few", times(TIMES[:5], True), "E-ECHO-COUNT", "EchoTime", "one EchoTime for each", four_d=True),
    Case("G28-one-for-all", said(None, EchoTime=0.01), "E-ECHO-COUNT", "EchoTime", "one EchoTime", four_d=True),
    Case("G28-none", said(EchoTime=None), "E-ECHO-COUNT", "EchoTime", "sidecar"),
    Case("G28-no-sidecar", lambda a: beside(a).unlink(), "E-ECHO-COUNT", "EchoTime", "sidecar"),
    Case("G28-list-beside-one-echo", said(EchoTime=list(TIMES)), "E-ECHO-COUNT", "EchoTime", "one EchoTime"),
    *[Case(f"G29-{str(v)[:6]}", said(EchoTime=v), "E-UNITS", "EchoTime", "mend the sidecar")
      for v in (0, -0.01, NAN, INF, "0.03", True, [], {"s": 0.03})],
    Case("G29-null", raw_sidecar('{"EchoTime": null}'), "E-UNITS", "EchoTime", "mend the sidecar"),
    Case("sidecar-no-object", raw_sidecar("[0.03]"), "E-SIDECAR", "echo-3_MESE.json", "mend or regenerate"),
    Case("sidecar-broken", raw_sidecar('{"EchoTime": 0.03'), "E-SIDECAR", "echo-3_MESE.json", "mend or regenerate"),
    Case("sidecar-empty", raw_sidecar(""), "E-SIDECAR", "echo-3_MESE.json", "mend or regenerate"),
    Case("sidecar-binary", raw_sidecar(b"\xff\xfe\x00\x01"), "E-SIDECAR", "echo-3_MESE.json", "mend or regenerate"),
    Case("sidecar-nested", raw_sidecar("[" * 100_000), "E-SIDECAR", "echo-3_MESE.json", "mend or regenerate"),
    Case("sidecar-twice", raw_sidecar('{"EchoTime": 0.03, "EchoTime": 0.04}'), "E-SIDECAR", "echo-3_MESE.json", "mend"),
    Case("sidecar-a-folder", both(lambda a: beside(a).unlink(), lambda a: beside(a).mkdir()), "E-NOTREGULAR",
         "echo-3_MESE.json", "replace it"),
    Case("sidecars-that-rival", both(rename_with_acq,
                                     lambda a: (a / "sub-bad_acq-a_MESE.json").write_text('{"RepetitionTime": 2.0}')),
         "E-SIDECAR", "RepetitionTime", "one of the two sidecars", in_fit=False),
    Case("sidecars-of-two-repetition-times", said(RepetitionTime=2.0), "E-SIDECAR", "RepetitionTime", "sidecar"),
    Case("grids-shape", voxels(lambda v: v[:-1]), "E-GRID", "shape and affine", "resample"),
    Case("grids-one-voxel", voxels(lambda v: v, affine=moved(8.0)), "E-GRID", "shape and affine", "resample"),
    Case("grids-a-hundredth", voxels(lambda v: v, affine=moved(0.08, 1)), "E-GRID", "shape and affine", "resample"),
    Case("G47-fifo", special(os.mkfifo), "E-NOTREGULAR", remedy="replace it"),
    Case("G47-folder", special(os.mkdir), "E-NOTREGULAR", remedy="replace it"),
    Case("G47-device", special(lambda p: p.symlink_to("/dev/zero")), "E-NOTREGULAR", remedy="replace it"),
    Case("G47-loop", special(lambda p: p.symlink_to(p)), "E-NOTREGULAR", remedy="replace the link"),
    Case("G47-to-a-secret", special(lambda p: p.symlink_to("/etc/passwd")), "E-FORMAT", remedy="rename"),
    Case("G47-to-nothing", special(lambda p: p.symlink_to("/nowhere")), "E-NOTFOUND", remedy="check"),
]  # fmt: skip


# --- what must hold whatever is wrong ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """What the good subject's files are in a run without the bad one."""
    folder = tmp_path_factory.mktemp("good")
    study = write_study(folder / "bids", subjects=("good",))
    ended = neuromyo("run", study, folder / "out", "participant", *ASK)
    assert ended.status == 0, ended.err
    found = results(folder / "out", "good")
    assert sum(name.endswith(".nii.gz") for name in found) >= 5
    return found


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A study whose two subjects were both good, and its results."""
    folder = tmp_path_factory.mktemp("finished")
    write_study(folder / "bids")
    assert neuromyo("run", folder / "bids", folder / "out", "participant", *ASK).status == 0
    return folder


def one_sentence(failure: dict, case: Case) -> None:
    """Where, what was found, what to do, and the code: nothing else, on one line."""
    message = failure["message"]
    assert failure["code"] == case.code, message
    assert case.where in message and "sub-bad" in message, message
    assert case.remedy in message.rpartition("; ")[2], message
    assert message.endswith(f"[{case.code}]") and message.isprintable(), message
    assert "needed" in message and "found" in message, message


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_a_bad_subject_is_refused_and_the_good_one_is_none_the_worse(case, good, tmp_path):
    study, out = write_study(tmp_path / "bids", case.four_d), tmp_path / "out"
    case.spoil(study / "sub-bad" / "anat")
    before = digests(study)
    ended = neuromyo("run", study, out, "participant", *ASK)
    status = CODES[case.code][0]
    assert ended.status == status == ended.json["exit"], ended.err
    sessions = {s["session"]: s for s in ended.json["sessions"]}
    assert (sessions["sub-good"]["status"], sessions["sub-bad"]["status"]) == ("done", "failed")
    failures = [f for f in ended.json["failures"] if f["code"] != "E-NEEDS"]
    assert len(failures) == 1 and failures[0]["session"] == "sub-bad", failures
    one_sentence(failures[0], case)
    assert case.code in ended.err
    record = json.loads((out / "record" / "run.json").read_text())
    assert failures[0] in record["failures"] and record["exit"] == status
    assert results(out, "good") == good
    assert not results(out, "bad")
    assert case.code in (out / "cohort.html").read_text()
    assert digests(study) == before
    assert not list(out.rglob(".neuromyo-*"))


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_check_says_the_same_without_running(case, tmp_path):
    study = write_study(tmp_path / "bids", case.four_d)
    case.spoil(study / "sub-bad" / "anat")
    before = digests(tmp_path)
    ended = neuromyo("check", study)
    assert ended.status == CODES[case.code][0]
    stops = {s["session"]: [f for f in s["findings"] if f["level"] == "stop"] for s in ended.json["sessions"]}
    assert stops["sub-good"] == [] and [f["code"] for f in stops["sub-bad"]] == [case.code]
    (finding,) = stops["sub-bad"]
    assert case.where in finding["where"] and case.remedy in finding["remedy"] and case.code in ended.err
    assert digests(tmp_path) == before


@pytest.mark.parametrize("case", [c for c in REFUSED if c.in_fit], ids=lambda case: case.name)
def test_fit_refuses_the_same_files_by_the_names_they_were_given(case, tmp_path):
    study = write_study(tmp_path / "bids", case.four_d, ("bad",))
    anat = study / "sub-bad" / "anat"
    case.spoil(anat)
    before = digests(tmp_path)
    ended = neuromyo("fit", "t2-mono", *sorted(anat.glob("*.nii*")), "-o", tmp_path / "fitted")
    assert ended.status == CODES[case.code][0] == ended.json["exit"], ended.err
    error = ended.json["error"]
    one_sentence(error, case)
    assert str(anat) in error["message"] and "sub-x" not in error["message"], error
    assert case.code in ended.err
    assert digests(tmp_path) == before


EARLIER = [c for c in REFUSED if c.name in {"G02-half", "G03-middle", "G10-zero", "G24-ms", "G27-reversed", "G28-twice",
                                            "sidecar-broken", "grids-one-voxel"}]  # fmt: skip


@pytest.mark.parametrize("case", EARLIER, ids=lambda case: case.name)
def test_results_of_an_earlier_run_stay_when_the_files_go_bad(case, finished, tmp_path):
    shutil.copytree(finished, tmp_path / "study")
    study, out = tmp_path / "study" / "bids", tmp_path / "study" / "out"
    before = {**results(out, "bad"), **results(out, "good")}
    case.spoil(study / "sub-bad" / "anat")
    ended = neuromyo("run", study, out, "participant", *ASK)
    assert ended.status == CODES[case.code][0]
    assert {**results(out, "bad"), **results(out, "good")} == before
    assert case.code in (out / "cohort.html").read_text()
