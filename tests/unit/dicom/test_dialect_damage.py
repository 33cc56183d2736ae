"""Whatever stands in a header, the answer is a description or one sentence that quotes none of it."""

import json

import numpy as np
import pytest

from neuromyo.core.errors import NeuromyoError
from neuromyo.dicom import describe
from tests.unit.dicom.dialect_files import enhanced, header, item, items, private, saved, with_pixels

PERSON = "Zzyzxname"


def classic():
    ds = header(
        Manufacturer="SIEMENS",
        PatientName=PERSON,
        PatientComments=PERSON,
        ImageType=["ORIGINAL", "PRIMARY", "M", "MOSAIC"],
    )
    private(ds, 0x19, "SIEMENS MR HEADER", x0A=("US", 4), x0C=("IS", "700"), x0E=("FD", [1.0, 0.0, 0.0]))
    return with_pixels(private(ds, 0x29, "SIEMENS CSA HEADER", x10=("OB", b"SV10" + b"\1\2\0\0" * 40)), np.ones((8, 8)))


def philips():
    shared = {
        "PlaneOrientationSequence": item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0]),
        "PixelMeasuresSequence": item(PixelSpacing=[1, 1]),
    }
    frames = [
        {
            "PlanePositionSequence": item(ImagePositionPatient=[0, 0, n]),
            "MRDiffusionSequence": item(DiffusionBValue=700.0),
        }
        for n in range(2)
    ]
    ds = enhanced(shared, frames, Manufacturer="Philips", PatientName=PERSON)
    nested = private(item(), 0x2005, "Philips MR Imaging DD 001", x0E=("FL", 0.5))
    private(ds, 0x2005, "Philips MR Imaging DD 005", x0F=("SQ", items(nested)))
    return with_pixels(ds, np.ones((2, 4, 6)))


@pytest.mark.parametrize("make", [classic, philips])
def test_bytes_changed_anywhere(tmp_path, capfd, make):
    path = saved(make(), tmp_path)
    whole = np.frombuffer(path.read_bytes(), np.uint8)
    rng = np.random.default_rng(7)
    outcomes = set()
    for _ in range(150):
        spoiled = whole.copy()
        for at in rng.integers(132, len(whole), rng.integers(1, 6)):
            spoiled[at] = rng.integers(0, 256)
        path.write_bytes(spoiled.tobytes())
        answers = list(describe.answer({"root": str(tmp_path), "files": [[0, "a.dcm"]]}))
        told = json.dumps(answers, allow_nan=False)
        assert PERSON not in told
        outcomes.add(answers[1].get("error", {}).get("code", "described"))
    assert "described" in outcomes or make is classic
    assert outcomes <= {"described", "E-DICOM", "E-GEOM", "E-DIMS"}, outcomes
    out, err = capfd.readouterr()
    assert out == err == ""


def test_cut_off_anywhere(tmp_path):
    path = saved(philips(), tmp_path)
    whole = path.read_bytes()
    for end in range(0, len(whole), 61):
        path.write_bytes(whole[:end])
        _, said, *_ = describe.answer({"root": str(tmp_path), "files": [[0, "a.dcm"]]})
        assert "frames" in said or said["error"]["code"] in ("E-DICOM", "E-GEOM", "E-DIMS")
        assert PERSON not in json.dumps(said)


def test_no_dicom_at_all(tmp_path):
    (tmp_path / "Zzyzxname.txt").write_text("Zzyzxname was here " * 50)
    with pytest.raises(NeuromyoError, match="E-DICOM") as caught:
        describe.describe(tmp_path / "Zzyzxname.txt", 4)
    assert PERSON not in str(caught.value)
