"""A copy says the same as its original, in every dialect; but for what Siemens tells in its CSA header alone."""

import warnings

import pydicom
import pytest

from neuromyo.core.errors import NeuromyoError
from neuromyo.dicom import copies
from neuromyo.dicom import describe as dialects
from neuromyo.dicom.deidentify import Who
from tests.dialects import cases

CSA_ONLY = {"EffectiveEchoSpacing", "PhaseEncodingDirection", "TotalReadoutTime"}


def differences(one, other):
    found = {k for k in {*one.facts, *other.facts} if one.facts.get(k) != other.facts.get(k)}
    for a, b in zip(one.frames, other.frames, strict=True):
        x, y = a.as_dict(), b.as_dict()
        found |= {k for k in {*x, *y} - {"series"} if x.get(k) != y.get(k)}
    return found


@pytest.mark.parametrize("name", cases.CASES)
@pytest.mark.filterwarnings("ignore")
def test_a_copy_is_described_as_its_original(name, tmp_path):
    (tmp_path / "in").mkdir()
    cases.CASES[name](tmp_path / "in")
    files = sorted(p for p in (tmp_path / "in").rglob("*") if p.is_file())
    for path in {files[0], files[-1]}:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            maker = str(pydicom.dcmread(path, stop_before_pixels=True, force=True).get("Manufacturer", "")).upper()
            copied = tmp_path / "copy.dcm"
            copied.write_bytes(copies.copy(path.read_bytes(), Who(bytes(32), "01")).data)
            if "mosaic" in name:
                with pytest.raises(NeuromyoError, match="place of every slice of a mosaic"):
                    dialects.describe(copied, 0)
                continue
            found = differences(dialects.describe(path, 0), dialects.describe(copied, 0))
        assert found <= (CSA_ONLY if "SIEMENS" in maker else set()), name
