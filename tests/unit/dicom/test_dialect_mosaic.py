import struct
import warnings

import numpy as np
import pytest

from neuromyo.core.errors import DataError
from neuromyo.dicom import csa, describe
from tests.unit.dicom.dialect_files import header, item, items, private, read, saved, values, with_pixels

ROWS, COLUMNS, SLICES = 4, 6, 5


def csa_bytes(**tags):
    """A CSA header as Siemens' V software lays it out."""
    raw = b"SV10\x04\x03\x02\x01" + struct.pack("<II", len(tags), 77)
    for name, texts in tags.items():
        raw += struct.pack("<64si4s3i", name.encode(), len(texts), b"FD\0\0", 4, 6, 77)
        for n in range(6):
            word = (texts[n].encode() + b"\0") if n < len(texts) else b""
            raw += struct.pack("<4i", len(word), len(word), 77, len(word)) + word + b"\0" * (-len(word) % 4)
    return raw


def test_the_csa_header_as_nibabel_reads_it():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from nibabel.nicom import csareader
    raw = csa_bytes(
        NumberOfImagesInMosaic=["20"],
        SliceNormalVector=["0.6", "-0.8", "0.0"],
        B_value=["1000"],
        DiffusionGradientDirection=[],
    )
    theirs, ours = csareader.read(raw)["tags"], csa.parse(raw)
    for name in ("NumberOfImagesInMosaic", "SliceNormalVector", "B_value", "DiffusionGradientDirection"):
        assert ours.numbers(name) == pytest.approx(tuple(theirs[name]["items"]))


def test_a_damaged_csa_header_ends_where_it_is_damaged():
    raw = csa_bytes(B_value=["1000"], SliceNormalVector=["0.6", "-0.8", "0.0"])
    for cut in range(0, len(raw), 7):
        csa.parse(raw[:cut])
    assert (
        csa.parse(raw[:300]).numbers("B_value") == (1000,) and csa.parse(raw[:300]).numbers("SliceNormalVector") == ()
    )
    lies = bytearray(raw)
    struct.pack_into("<i", lies, 8, 2**31 - 1)
    assert csa.parse(bytes(lies)).numbers("B_value") == (1000,)
    assert csa.parse(b"") == csa.parse(b"something else") == csa.Header({})


def tiles_of(volume):
    """(slices, rows, columns) -> one image, row by row from the top left."""
    side = int(np.ceil(np.sqrt(len(volume))))
    down = np.zeros((side * ROWS, side * COLUMNS), int)
    for n, one in enumerate(volume):
        r, c = divmod(n, side)
        down[r * ROWS : (r + 1) * ROWS, c * COLUMNS : (c + 1) * COLUMNS] = one
    return down


VOLUME = np.arange(SLICES * ROWS * COLUMNS).reshape(SLICES, ROWS, COLUMNS) + 7


def siemens_mosaic(normal, count=True):
    ds = header(Manufacturer="SIEMENS", ImageType=["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"], SpacingBetweenSlices=5)
    tags = {"SliceNormalVector": [str(v) for v in normal]} if normal else {}
    if count:
        tags["NumberOfImagesInMosaic"] = [str(SLICES)]
    private(ds, 0x29, "SIEMENS CSA HEADER", x10=("OB", csa_bytes(**tags)))
    return with_pixels(ds, tiles_of(VOLUME))


@pytest.mark.parametrize("sign", [1, -1])
def test_places_and_pixels_of_a_siemens_mosaic(tmp_path, sign):
    frames, _, _ = read(siemens_mosaic((0, 0, sign)), tmp_path)
    assert len(frames) == SLICES and [f.tile for f in frames] == list(range(SLICES))
    # the mosaic's corner is that of a plane of 3 x 3 tiles about the slice's centre; spacing 1.5 between rows, 1.25 between columns
    assert frames[0].position == pytest.approx((-10 + 1.25 * COLUMNS, -20 + 1.5 * ROWS, 30))
    assert frames[3].position == pytest.approx((-10 + 1.25 * COLUMNS, -20 + 1.5 * ROWS, 30 + sign * 15))
    np.testing.assert_array_equal(values(frames, tmp_path, "int16"), VOLUME)
    np.testing.assert_array_equal(values(frames[::-1], tmp_path, "int16"), VOLUME[::-1])


def test_a_siemens_mosaic_that_does_not_place_its_tiles_is_refused(tmp_path):
    for ds in (siemens_mosaic(None), siemens_mosaic((0, 0, 1), count=False)):
        with pytest.raises(
            DataError, match=r"^series 8: Image Type: needed the place of every slice.*E-GEOM"
        ) as caught:
            describe.describe(saved(ds, tmp_path), 0)
        assert "a.dcm" not in caught.value.where


def uih_mosaic(places, count=SLICES):
    ds = header(Manufacturer="UIH", ImageType=["ORIGINAL", "PRIMARY", "M", "VFRAME"], ImagePositionPatient=None)
    sequence = items(*(item(ImagePositionPatient=list(p)) for p in places))
    private(ds, 0x65, "Image Private Header", x50=("DS", str(count)), x51=("SQ", sequence))
    image = tiles_of(VOLUME)[: 2 * ROWS]  # five tiles stand in three columns and two rows
    return with_pixels(ds, image)


def test_places_and_pixels_of_a_united_imaging_mosaic(tmp_path):
    places = [(1.0, 2.0, 3.0 * n) for n in range(SLICES)]
    frames, _, _ = read(uih_mosaic(places), tmp_path)
    assert [f.position for f in frames] == places and frames[0].shape == (ROWS, COLUMNS)
    np.testing.assert_array_equal(values(frames, tmp_path, "int16"), VOLUME)


def test_a_united_imaging_mosaic_whose_numbers_contradict_is_refused(tmp_path):
    with pytest.raises(DataError, match="E-GEOM"):
        describe.describe(saved(uih_mosaic([(0, 0, 1)] * 4), tmp_path), 0)
