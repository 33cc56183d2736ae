"""What looks odd and is right gives the same bits; what goes on with a warning shows it on the page."""

import gzip
import json
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import nibabel
import numpy as np
import pytest

from tests.gauntlet.driving import AFFINE, SHAPE, TIMES, legs, neuromyo, results, rewrite, train, write_study
from tests.gauntlet.making import digests, gz, nii
from tests.gauntlet.spoiling import ASK, BAD, NAN, QFORM, beside, header, image, put, voxels

pytestmark = pytest.mark.gauntlet

T2 = "sub-bad/anat/sub-bad_desc-t2mono_T2map.nii.gz"


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The plain study's results, both subjects good."""
    folder = tmp_path_factory.mktemp("plain")
    write_study(folder / "bids")
    assert neuromyo("run", folder / "bids", folder / "out", "participant", *ASK).status == 0
    return folder / "out"


def maps(out: Path) -> dict[str, str]:
    return {n: d for n, d in results(out, "bad").items() if n.endswith(".nii.gz")}


def renumber(order):
    """The echo numbers in the names in another order; images and sidecars stay together."""

    def apply(anat: Path) -> None:
        kept = {e: (image(anat, e).read_bytes(), beside(anat, e).read_bytes()) for e in order}
        for new, old in enumerate(order, 1):
            image(anat, new).write_bytes(kept[old][0])
            beside(anat, new).write_bytes(kept[old][1])

    return apply


def volumes_in_order(order):
    """One 4D file whose volumes and times stand in another order."""

    def apply(anat: Path) -> None:
        put(anat, gz(nii(BAD[..., [o - 1 for o in order]], AFFINE), 1), None)
        rewrite(beside(anat, None), EchoTime=[TIMES[o - 1] for o in order])

    return apply


def two(anat: Path) -> None:
    """Echo 3 as NIfTI-2, big-endian."""
    made = nibabel.Nifti2Image(BAD[..., 2], AFFINE, header=nibabel.Nifti2Header(endianness=">"))
    made.header.set_xyzt_units("mm")
    nibabel.save(made, image(anat))


def scaled(slope: float, intercept: float):
    """Echo 3 stored as other numbers with the scaling that brings them back."""
    stored = np.rint((BAD[..., 2] - intercept) / slope).astype(np.int16)
    assert np.array_equal(stored * slope + intercept, BAD[..., 2])
    return lambda anat: put(anat, gz(nii(stored, AFFINE, scl_slope=slope, scl_inter=intercept), 1))


def metres(anat: Path) -> None:
    affine = AFFINE.copy()
    affine[:3] /= 1000
    for echo in range(1, 9):
        put(anat, gz(nii(BAD[..., echo - 1], affine, xyzt_units=1), 1), echo)


def inherited(anat: Path) -> None:
    """Times stay beside the images; the repetition time and a wrong one farther away come from above."""
    for echo in range(1, 9):
        rewrite(beside(anat, echo), RepetitionTime=None)
    (anat.parents[1] / "MESE.json").write_text(json.dumps({"RepetitionTime": 9.0, "EchoTime": 0.5}))
    (anat.parent / "sub-bad_MESE.json").write_text(json.dumps({"RepetitionTime": 3.0}))


SAME = {
    "G17-big-endian": lambda a: put(a, gz(nii(BAD[..., 2], AFFINE, order=">"), 1)),
    "G17-nifti-2": two,
    "G18-metres": metres,
    "G26-echoes-renumbered": renumber((4, 1, 6, 2, 5, 8, 3, 7)),
    "G26-two-echoes-renumbered": renumber((2, 1, 3, 4, 5, 6, 7, 8)),
    "G26-last-echoes-renumbered": renumber((1, 2, 3, 4, 5, 6, 8, 7)),
    "members-one-after-another": lambda a: put(
        a, gz(nii(BAD[..., 2], AFFINE)[:1000]) + gz(nii(BAD[..., 2], AFFINE)[1000:])
    ),
    "zero-padding-after-gzip": lambda a: put(a, image(a).read_bytes() + bytes(4096)),
    "scaling-of-one-echo": scaled(0.5, 0.0),
    "scaling-and-offset-of-one-echo": scaled(0.25, 100.0),
    "one-echo-stored-mirrored": voxels(lambda v: v[::-1], affine=AFFINE * [[-1], [1], [1], [1]]),
    "one-echo-stored-in-other-axes": lambda a: put(
        a, gz(nii(np.moveaxis(BAD[..., 2], 2, 0), AFFINE[:, [2, 0, 1, 3]]), 1)
    ),
    "floats": voxels(lambda v: v.astype(np.float64)),
    "inherited-fields": inherited,
    "bom-in-a-sidecar": lambda a: beside(a).write_bytes(b"\xef\xbb\xbf" + beside(a).read_bytes()),
    "qform-that-agrees": header(**QFORM),
}


@pytest.mark.parametrize("name", SAME)
def test_the_same_bits_however_it_is_stored(name, plain, tmp_path):
    study = write_study(tmp_path / "bids")
    SAME[name](study / "sub-bad" / "anat")
    before = digests(study)
    ended = neuromyo("run", study, tmp_path / "out", "participant", *ASK)
    assert ended.status == 0, ended.err
    assert maps(tmp_path / "out") == maps(plain)
    assert digests(study) == before


@pytest.mark.parametrize("order", [(1, 2, 3, 4, 5, 6, 7, 8), (4, 1, 6, 2, 5, 8, 3, 7), (8, 7, 6, 5, 4, 3, 2, 1)])
def test_g26_volumes_of_one_file_in_any_order_with_their_times(order, plain, tmp_path):
    study = write_study(tmp_path / "bids", four_d=True)
    volumes_in_order(order)(study / "sub-bad" / "anat")
    ended = neuromyo("run", study, tmp_path / "out", "participant", *ASK)
    assert ended.status == 0, ended.err
    assert maps(tmp_path / "out") == maps(plain)


# --- warnings ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Warned:
    """What goes on with a warning; ``same`` where the numbers do not suffer."""

    name: str
    spoil: Callable[[Path], object]
    code: str
    words: str
    where: str = "echo-3"
    same: bool = True
    four_d: bool = False


def some(value: float, n: int = 3):
    def change(v: np.ndarray) -> np.ndarray:
        out = v.astype(np.float32)
        out[np.nonzero(legs()[0])[0][:n], np.nonzero(legs()[0])[1][:n], np.nonzero(legs()[0])[2][:n]] = value
        return out

    return change


def clipped(v: np.ndarray) -> np.ndarray:
    """Brighter towards one side, as near a coil, and cut off."""
    return np.minimum(v * np.linspace(1, 3, SHAPE[0])[:, None, None], 1500).astype(np.int16)


def exchanged(v: np.ndarray) -> np.ndarray:
    """Two late volumes exchanged, with a list of times that hides it."""
    return v[..., [0, 1, 2, 3, 7, 5, 6, 4]]


WARNED = [
    Warned("G04-1-kB-behind", lambda a: put(a, image(a).read_bytes() + b"\x07" * 1000), "W-TRAILING", "1000 bytes"),
    Warned("G14-slope-0", header(scl_slope=0.0, scl_inter=NAN), "W-SCALE", "slope of 0"),
    Warned("G18-unit-unknown", header(xyzt_units=0), "W-UNITS", "unit of length is not stated"),
    Warned("G20-some-nan", voxels(some(NAN)), "W-NOTFINITE", "3 samples", "echo-1", same=False),
    Warned("G20-some-inf", voxels(some(np.inf)), "W-NOTFINITE", "3 samples", "echo-1", same=False),
    Warned("G21-negative", voxels(some(-5)), "W-NEGATIVE", "3 samples", "echo-1", same=False),
    Warned("G23-clipped", voxels(clipped, 1), "W-SATURATED", "stand at the maximum", "echo-1",
           same=False),
    Warned("G27-late-volumes-exchanged", voxels(exchanged, None), "W-ECHO-ORDER", "is brighter than the one at",
           "sub-bad_MESE", same=False, four_d=True),
]  # fmt: skip


@pytest.mark.parametrize("case", WARNED, ids=lambda case: case.name)
def test_a_warning_stands_in_findings_record_and_page(case, plain, tmp_path):
    study, out = write_study(tmp_path / "bids", case.four_d), tmp_path / "out"
    case.spoil(study / "sub-bad" / "anat")
    before = digests(study)
    ended = neuromyo("run", study, out, "participant", *ASK)
    assert ended.status == 0, ended.err
    assert (maps(out) == maps(plain)) is case.same
    record = json.loads((out / "record" / "run.json").read_text())
    for sessions in (ended.json["sessions"], record["sessions"]):
        found = {s["session"]: [f for f in s["findings"] if f["code"] == case.code] for s in sessions}
        assert found["sub-good"] == []
        (finding,) = found["sub-bad"]
        assert case.words in finding["message"] and case.where in finding["where"] and finding["level"] == "warn"
    page = unescape(re.sub(r"<[^>]+>", "", (out / "sub-bad.html").read_text()))
    assert case.code in page and case.words in page
    assert case.code not in (out / "sub-good.html").read_text()
    checked = neuromyo("check", study)
    assert checked.status == 0 and case.code in checked.err
    anat = study / "sub-bad" / "anat"
    fitted = neuromyo("fit", "t2-mono", *sorted(anat.glob("*.nii*")), "-o", tmp_path / "fitted")
    assert fitted.status == 0 and case.code in fitted.err
    assert case.code in [f["code"] for f in fitted.json["findings"]]
    assert digests(study) == before


def test_g20_a_voxel_without_a_number_has_none_and_a_reason(tmp_path):
    study = write_study(tmp_path / "bids")
    voxels(some(NAN))(study / "sub-bad" / "anat")
    assert neuromyo("run", study, tmp_path / "out", "participant", *ASK).status == 0
    values = np.asarray(nibabel.load(tmp_path / "out" / T2).dataobj)
    reasons = np.asarray(nibabel.load(tmp_path / "out" / T2.replace("mono_T2map", "monoReason_dseg")).dataobj)
    lost = tuple(axis[:3] for axis in np.nonzero(legs()[0]))
    assert np.isnan(values[lost]).all() and (reasons[lost] == 2).all()
    others = legs()[0].copy()
    others[lost] = False
    assert np.isfinite(values[others]).all()


def test_g27_a_bright_second_echo_is_normal(tmp_path):
    study = write_study(tmp_path / "bids")
    voxels(lambda v: (BAD[..., 0] * 1.1).astype(np.int16), 2)(study / "sub-bad" / "anat")
    ended = neuromyo("check", study)
    assert ended.status == 0 and "ECHO-ORDER" not in ended.err


def test_g13_the_geometry_option_chooses(tmp_path):
    study = write_study(tmp_path / "bids")
    for echo in range(1, 9):
        header(echo, **QFORM | {"qoffset0": 84.0})(study / "sub-bad" / "anat")
    places = {}
    for choice in ("sform", "qform"):
        out = tmp_path / choice
        ended = neuromyo("run", study, out, "participant", *ASK, "--geometry", choice)
        assert ended.status == 0, ended.err
        made = nibabel.load(out / T2)
        places[choice] = made.affine[0, 3]
        assert np.isfinite(np.asarray(made.dataobj)[legs()[0]]).all()
    assert places == {"sform": pytest.approx(92.0), "qform": pytest.approx(84.0)}


def test_g19_nothing_of_the_patient_reaches_an_output(tmp_path):
    canary = b"CANARY^NAME"
    study, out = write_study(tmp_path / "bids"), tmp_path / "out"
    anat = study / "sub-bad" / "anat"
    for echo in range(1, 9):
        raw = bytearray(nii(BAD[..., echo - 1], AFFINE, descrip=canary, aux_file=canary, db_name=canary,
                            intent_name=canary, vox_offset=384.0))  # fmt: skip
        raw[348] = 1
        raw[352:352] = struct.pack("<2i", 32, 6) + canary.ljust(24)
        put(anat, gz(bytes(raw), 1), echo)
        rewrite(beside(anat, echo), PatientName=canary.decode(), PatientComments=canary.decode())
    ended = neuromyo("run", study, out, "participant", *ASK)
    assert ended.status == 0, ended.err
    assert "CANARY" not in ended.out + ended.err
    for path in out.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            data = gzip.decompress(data) if path.suffix == ".gz" else data
            assert b"CANARY" not in data and "CANARY".encode("utf-16-le") not in data, path


def test_the_map_is_the_truth_and_the_neighbours_differ(plain):
    """The comparisons above would mean nothing on empty maps."""
    left, right = legs()
    values = np.asarray(nibabel.load(plain / T2).dataobj)
    assert np.median(values[left]) == pytest.approx(0.032, abs=3e-4)
    assert np.median(values[right]) == pytest.approx(0.036, abs=3e-4)
    assert values.shape == SHAPE and not np.array_equal(BAD, train(2))
