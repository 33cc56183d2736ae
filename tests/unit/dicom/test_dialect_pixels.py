import numpy as np
import pydicom
import pytest
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    RLELossless,
)

from neuromyo.core.errors import NeuromyoError
from neuromyo.dicom import pixels, stored
from tests.unit.dicom.dialect_files import enhanced, header, item, read, saved, values, with_pixels

RNG = np.random.default_rng(3)


def back(ds, folder):
    frames, _, _ = read(ds, folder)
    return values(frames, folder)


@pytest.mark.parametrize(("bits", "signed"), [(8, 0), (8, 1), (16, 0), (16, 1), (32, 0), (32, 1)])
def test_widths_and_signs(tmp_path, bits, signed):
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    stored = RNG.integers(low, high, (4, 6), endpoint=True)
    stored[0, :2] = low, high
    ds = header(BitsAllocated=bits, BitsStored=bits, HighBit=bits - 1, PixelRepresentation=signed)
    np.testing.assert_array_equal(back(with_pixels(ds, stored), tmp_path)[0], stored)


@pytest.mark.parametrize("signed", [0, 1])
def test_rubbish_above_the_stored_bits_is_cut_off(tmp_path, signed):
    stored = np.array([[0, 1, 2047, -2048 if signed else 4095, -5 if signed else 77, 3]])
    ds = with_pixels(header(BitsStored=12, HighBit=11, PixelRepresentation=signed), stored)
    raw = np.frombuffer(ds.PixelData, "<u2").copy()
    ds.PixelData = ((raw & 0xFFF) | np.uint16(0xA000)).tobytes()
    np.testing.assert_array_equal(back(ds, tmp_path)[0], stored)


def test_stored_bits_that_do_not_begin_at_the_lowest(tmp_path):
    stored = np.array([[0, 5, 1023, 512]])
    ds = with_pixels(header(BitsStored=10, HighBit=13), stored << 4 | 9)
    np.testing.assert_array_equal(back(ds, tmp_path)[0], stored)


@pytest.mark.parametrize("syntax", [ExplicitVRBigEndian, ImplicitVRLittleEndian, ExplicitVRLittleEndian])
@pytest.mark.parametrize("bits", [8, 16, 32])
def test_byte_orders(tmp_path, syntax, bits):
    stored = RNG.integers(0, 2**bits - 1, (5, 6))
    ds = with_pixels(header(syntax=syntax, BitsAllocated=bits, BitsStored=bits, HighBit=bits - 1), stored)
    if syntax == ExplicitVRBigEndian:
        ds.PixelData = stored.astype(f">u{bits // 8}").tobytes()
    np.testing.assert_array_equal(back(ds, tmp_path)[0], stored)


def test_bytes_in_words_of_a_big_endian_file_are_swapped_in_pairs(tmp_path):
    stored = np.arange(24).reshape(4, 6)
    ds = header(syntax=ExplicitVRBigEndian, BitsAllocated=8, BitsStored=8, HighBit=7, Rows=4, Columns=6)
    ds.PixelData = stored.astype("u1").reshape(-1, 2)[:, ::-1].tobytes()
    ds["PixelData"].VR = "OW"
    np.testing.assert_array_equal(back(ds, tmp_path)[0], stored)


@pytest.mark.parametrize(("name", "kind"), [("FloatPixelData", "<f4"), ("DoubleFloatPixelData", "<f8")])
def test_float_pixels(tmp_path, name, kind):
    stored = RNG.normal(size=(4, 6)).astype(kind)
    ds = header(BitsAllocated=32 if kind == "<f4" else 64, BitsStored=None, HighBit=None, PixelRepresentation=None)
    setattr(ds, name, stored.tobytes())
    np.testing.assert_array_equal(back(ds, tmp_path)[0], stored.astype(float))


def test_pixels_that_stand_for_nothing_are_zero_whatever_the_scale(tmp_path):
    ds = header(
        PixelRepresentation=1,
        BitsStored=16,
        HighBit=15,
        PixelPaddingValue=-2000,
        PixelPaddingRangeLimit=-1990,
        RescaleSlope=2,
        RescaleIntercept=10,
    )
    found = back(with_pixels(ds, [[-2000, -1995, -1989, 0, 5, 6]]), tmp_path)
    np.testing.assert_array_equal(found[0, 0], [0, 0, -3968, 10, 20, 22])


@pytest.mark.parametrize("signed", [0, 1])
def test_rle_as_pydicom_wrote_it_with_rubbish_above_the_stored_bits(tmp_path, signed):
    stored = RNG.integers(-2000 if signed else 0, 2000, (8, 9))
    ds = with_pixels(header(PixelRepresentation=signed), stored)
    ds.PixelData = ((np.frombuffer(ds.PixelData, "<u2") & 0xFFF) | np.uint16(0xA000)).tobytes()
    ds.compress(RLELossless)
    np.testing.assert_array_equal(back(ds, tmp_path)[0], stored)


def places(count):
    shared = {
        "PlaneOrientationSequence": item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0]),
        "PixelMeasuresSequence": item(PixelSpacing=[1, 1]),
    }
    return shared, [{"PlanePositionSequence": item(ImagePositionPatient=[0, 0, n])} for n in range(count)]


@pytest.mark.parametrize("compressed", [False, True])
def test_frames_are_taken_each_for_itself(tmp_path, compressed):
    stored = RNG.integers(0, 4000, (3, 4, 6))
    ds = with_pixels(enhanced(*places(3)), stored)
    if compressed:
        ds.compress(RLELossless)
    frames, _, _ = read(ds, tmp_path)
    np.testing.assert_array_equal(values([frames[2], frames[0]], tmp_path, "int16"), stored[[2, 0]])


def refusal(ds, folder, **more):
    path = saved(ds, folder)
    wanted = [pixels.Wanted(0, more.get("frame", 0), None, 0, *more.get("scale", (1.0, 0.0)))]
    with pytest.raises(NeuromyoError) as caught:
        list(pixels.read(path, wanted, more.get("shape", (4, 6)), np.dtype(more.get("dtype", "float32"))))
    assert "a.dcm" not in str(caught.value)
    return caught.value.code


def test_what_cannot_be_pixels_is_refused(tmp_path):
    whole = with_pixels(header(), np.ones((4, 6)))
    assert refusal(whole, tmp_path, shape=(4, 7)) == "E-DIMS"
    assert refusal(whole, tmp_path, frame=1) == "E-DIMS"
    assert refusal(whole, tmp_path, dtype="int16", scale=(1e6, 0.0)) == "E-DTYPE"
    assert refusal(header(), tmp_path) == "E-DICOM"
    short = with_pixels(header(), np.ones((4, 6)))
    short.PixelData = short.PixelData[:-4]
    assert refusal(short, tmp_path) == "E-DICOM"
    with pytest.raises(NeuromyoError, match="E-TRUNC"):
        stored.plane(short, 0)
    odd = with_pixels(header(), np.ones((4, 6)))
    for said in ({"BitsAllocated": 1}, {"HighBit": 20}, {"BitsStored": 17}, {"SamplesPerPixel": 3}):
        for name, value in (
            {"BitsAllocated": 16, "BitsStored": 12, "HighBit": 11, "SamplesPerPixel": 1} | said
        ).items():
            setattr(odd, name, value)
        with pytest.raises(NeuromyoError, match="E-DTYPE"):
            stored.plane(odd, 0)


def test_damaged_compression_is_one_sentence(tmp_path, caplog):
    ds = with_pixels(header(BitsAllocated=8, BitsStored=8, HighBit=7), np.ones((4, 6)))
    ds.PixelData = pydicom.encaps.encapsulate([b"\xff\xd8 no jpeg at all \xff\xd9"])
    ds["PixelData"].is_undefined_length = True
    ds["PixelData"].VR = "OB"
    ds.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    assert refusal(ds, tmp_path) in ("E-DICOM", "E-EXTRA", "E-DIMS")
    assert not caplog.records


def test_a_broken_job_goes_on_with_the_files_left(tmp_path):
    for n in range(3):
        saved(with_pixels(header(), np.full((4, 6), n + 1)), tmp_path, f"{n}.dcm")
    request = {"root": str(tmp_path), "out": str(tmp_path / "raw"), "dtype": "int16", "shape": [4, 6],
               "planes": [[n, 0, None, n, 1.0, 0.0] for n in range(3)], "files": [[0, "0.dcm"]]}  # fmt: skip
    assert [next(iter(a)) for a in pixels.answer(request)] == ["at", "share"]
    (tmp_path / "2.dcm").write_bytes(b"no DICOM")
    answers = list(pixels.answer(request | {"files": [[1, "1.dcm"], [2, "2.dcm"]]}))
    assert [a["error"]["code"] for a in answers if "error" in a] == ["E-DICOM"]
    assert [a["share"] for a in answers if "share" in a] == [0.5, 1.0]
    np.testing.assert_array_equal(np.fromfile(tmp_path / "raw", "int16").reshape(3, 24)[:, 0], [1, 2, 0])
