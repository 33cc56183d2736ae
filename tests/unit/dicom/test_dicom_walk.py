"""The walk and the door against pydicom: the same values, and the same place of the pixels, in every way of writing a file."""

import io
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from neuromyo.core.errors import NeuromyoError
from neuromyo.dicom import begin, door, walk
from neuromyo.dicom.window import WINDOW, FileBytes, MemoryBytes
from tests.gauntlet import dicom_making as made

SYNTAXES = [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
ROWS, INSTANCE, SERIES = 0x00280010, 0x00200013, 0x0020000E


def written(syntax, deep=3, undefined=False, big=0):
    """The bytes that pydicom writes of an image with sequences and private elements."""
    one = Dataset()
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = syntax
    one.SOPClassUID, one.SOPInstanceUID, one.SeriesInstanceUID = made.MR, "1.2.3", "1.2.4"
    one.InstanceNumber, one.Rows, one.Columns = "17", 8, 8
    one.SamplesPerPixel, one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 1, 16, 12, 11, 0
    one.PhotometricInterpretation = "MONOCHROME2"
    inner = Dataset()
    inner.CodeValue = "deepest"
    for _ in range(deep):
        outer = Dataset()
        outer.ReferencedImageSequence = Sequence([inner, Dataset()])
        outer["ReferencedImageSequence"].is_undefined_length = undefined
        inner.is_undefined_length_sequence_item = undefined
        inner = outer
    one.RequestAttributesSequence = Sequence([inner])
    block = one.private_block(0x0019, "MADE", create=True)
    block.add_new(1, "OB", bytes(range(256)) * big)
    block.add_new(2, "SQ", Sequence([inner]))
    one.PixelData = made.PIXELS.astype(">u2" if syntax == ExplicitVRBigEndian else "<u2").tobytes()
    one["PixelData"].VR = "OW"
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        one.save_as(out, enforce_file_format=True)
    return out.getvalue()


@pytest.mark.parametrize("undefined", [False, True])
@pytest.mark.parametrize("big", [0, 300])
@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.name)
def test_every_way_of_writing(syntax, undefined, big, tmp_path):
    data = written(syntax, undefined=undefined, big=big)
    path = tmp_path / "IM1"
    path.write_bytes(data)
    assert (len(data) > WINDOW) == bool(big) or syntax == DeflatedExplicitVRLittleEndian
    for deep in (False, True):
        with path.open("rb") as stream:
            start = begin.begin(FileBytes(stream.fileno(), len(data)))
            assert start is not None
            assert start.syntax == syntax
            found = walk.walk(start.source, start.at, start.encoding, {INSTANCE, ROWS, SERIES, walk.PIXELS}, deep=deep)
            assert found.values[INSTANCE].strip() == b"17"
            assert found.values[SERIES].strip(b"\0") == b"1.2.4"
            order = "<" if start.encoding.little else ">"
            assert np.frombuffer(found.values[ROWS], order + "u2") == 8
            pixels = start.source.read(found.pixels.start, found.pixels.length)
            np.testing.assert_array_equal(np.frombuffer(pixels, order + "u2"), made.PIXELS)
    checked = door.check(path)
    assert (checked.rows, checked.columns, checked.frames, checked.findings) == (8, 8, 1, ())
    assert door.check(data) == checked
    read, _ = door.dataset(path, pixels=True)
    np.testing.assert_array_equal(read.pixel_array.ravel(), made.PIXELS)
    assert "PixelData" not in door.dataset(path)[0]


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.name)
@pytest.mark.parametrize("undefined", [False, True])
def test_32_levels_pass_and_33_do_not(syntax, undefined):
    # two of the levels are RequestAttributesSequence and the private sequence, side by side
    assert door.check(written(syntax, deep=31, undefined=undefined)).has_pixels
    with pytest.raises(NeuromyoError, match="E-DEPTH"):
        door.check(written(syntax, deep=32, undefined=undefined))


def test_a_value_that_looks_like_a_sequence_is_a_value():
    """UN and implicit VR: bytes that begin like an item, but are none, are skipped, as pydicom does."""
    odd = bytes.fromhex("feff00e0 20000000") + b"no elements here" * 4
    for syntax, explicit in ((made.EXPLICIT, True), (made.IMPLICIT, False)):
        extra = made.element(0x00291020, "UN", odd, explicit=explicit)
        data = made.image(syntax, extra=extra)
        assert door.check(data).has_pixels
        assert pydicom.dcmread(io.BytesIO(data))[0x00291020].value[:8] == odd[:8]


def test_no_preamble_and_no_meta():
    for syntax in (made.EXPLICIT, made.IMPLICIT, made.BIG):
        checked = door.check(made.image(syntax, with_meta=False))
        assert (checked.syntax, checked.rows) == (syntax, 8)
    data = made.image()
    assert door.check(data[128:]).rows == 8
    assert door.check(data[132:]).rows == 8
    assert begin.begin(MemoryBytes(b"Dear reader, this is a letter." * 20)) is None
    assert begin.begin(MemoryBytes(b"")) is None


def test_implicit_though_explicit_was_said_and_the_other_way_round():
    body = made.image(made.IMPLICIT, with_meta=False)
    assert door.check(bytes(128) + b"DICM" + made.meta(made.EXPLICIT) + body).rows == 8
    body = made.image(with_meta=False)
    assert door.check(bytes(128) + b"DICM" + made.meta(made.IMPLICIT) + body).rows == 8


def test_padding_after_the_image_is_told():
    found = door.check(made.image(tail=bytes(100))).findings
    assert [(f.code, f.message) for f in found] == [("W-TRAILING", "100 bytes after the last element were ignored")]
    over = door.check(made.image(pixels=made.element(0x7FE00010, "OW", bytes(140)))).findings
    assert [(f.code, f.message) for f in over] == [("W-TRAILING", "12 bytes after the pixels were ignored")]


def test_compressed_images_pass_when_they_say_the_same_size():
    for syntax, head in ((made.J2K, made.j2k(8, 8)), (made.JPEG, made.jpeg(8, 8))):
        checked = door.check(made.image(syntax, pixels=made.fragments(head)))
        assert checked.compressed
    rle = np.array([2, 64, 70] + [0] * 13, "<u4").tobytes() + bytes(20)
    assert door.check(made.image(made.RLE, pixels=made.fragments(rle))).compressed


def test_multi_frame_and_floats():
    frames = made.element(0x7FE00010, "OW", bytes(128 * 5))
    assert door.check(made.image(changed={0x00280008: ("IS", "5")}, pixels=frames)).frames == 5
    bare = {0x00280100: None, 0x00280101: None, 0x00280102: None}
    assert door.check(made.image(changed=bare, pixels=made.element(0x7FE00008, "OF", bytes(256)))).rows == 8


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (made.image(extra=made.element(0x00291010, "OB", b"", length=0xFFFFFFF0)), None),
        (made.image()[:-1], 0x7FE00010),
    ],
)
def test_the_byte_that_is_named_is_where_the_element_begins(data, place):
    tag = place or 0x00291010
    head = bytes((tag >> 16 & 255, tag >> 24, tag & 255, tag >> 8 & 255))
    with pytest.raises(NeuromyoError) as caught:
        door.check(data)
    assert caught.value.where.endswith(f"at byte {data.rfind(head)}")


# --- other people's files ---------------------------------------------------------------------

#: refused, though pydicom reads on: their pixels or last elements are cut, or their header does not say what the pixels are
CUT = {"MR_truncated.dcm", "rtplan_truncated.dcm", "DICOMDIR-nooffset", "badVR.dcm", "meta_missing_tsyntax.dcm",
       "nested_priv_SQ.dcm", "JPEG2000-embedded-sequence-delimiter.dcm", "no_meta_group_length.dcm"}  # fmt: skip


def pydicoms_own() -> list[Path]:
    """The files that pydicom brings for its own tests (none is fetched)."""
    folder = Path(pydicom.__file__).parent / "data" / "test_files"
    return sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix in ("", ".dcm"))


def test_files_that_pydicom_reads_pass_with_the_same_values():
    seen = 0
    for path in pydicoms_own():
        if path.name in CUT:
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                his = pydicom.dcmread(path)
                sop, rows = his.get("SOPInstanceUID", ""), his.get("Rows", 0)
        except Exception:  # not one he reads: nothing to compare with
            continue
        mine = door.check(path)
        assert mine.rows in (rows, 0), path.name
        assert mine.has_pixels == any(name in his for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData"))
        start = begin.begin(MemoryBytes(path.read_bytes()))
        found = walk.walk(start.source, start.at, start.encoding, {0x00080018}, deep=False)
        assert begin.text(found.values.get(0x00080018, b"")) == sop, path.name
        seen += 1
    assert seen > 50


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("folder", "count", "syntax"),
    [
        ("knee_mese_dicom", 192, made.BIG),
        ("leg_dualecho_dicom", 256, made.EXPLICIT),
        ("dti_uih_dicom", 17, made.EXPLICIT),
    ],
)
def test_real_scans_pass(realdata, folder, count, syntax):
    passed = 0
    for path in sorted(p for p in (realdata / folder).rglob("*") if p.is_file()):
        with path.open("rb") as stream:
            if begin.begin(FileBytes(stream.fileno(), path.stat().st_size)) is None:
                continue
        checked = door.check(path)
        assert checked.has_pixels
        assert checked.syntax == syntax
        assert checked.findings == ()
        passed += 1
    assert passed == count
