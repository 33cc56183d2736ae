"""The writers against pydicom alone: rich headers, the same bytes every time, the same voxels in every transfer syntax."""

import hashlib
import math

import numpy as np
import pydicom
import pytest

from tests.dialects import enhanced, ge, geometry, many, philips, siemens, uih
from tests.dialects.encode import SYNTAXES
from tests.dialects.exam import Examination, Person
from tests.dialects.geometry import affine, directions, onto, pattern
from tests.dialects.scan import Scan, in_order

SCAN = Scan(pattern((12, 14, 3, 2)), affine(turn=(12, -7, 20)), echo_times=(0.01, 0.02))
DWI = Scan(pattern((12, 14, 3, 4)), affine(), sequence="EP", b_values=(0, 800, 800, 800), b_vectors=directions(4))

WRITERS = {
    "siemens": lambda series, folder: siemens.write(SCAN, series, folder),
    "siemens mosaic": lambda series, folder: siemens.write_mosaic(DWI, series, folder),
    "siemens xa classic": lambda series, folder: siemens.write(SCAN, series, folder, xa=True),
    "siemens xa": lambda series, folder: enhanced.write(SCAN, series, folder, vendor="siemens", files="volumes"),
    "ge": lambda series, folder: ge.write(SCAN, series, folder),
    "philips": lambda series, folder: philips.write(SCAN, series, folder),
    "philips enhanced": lambda series, folder: enhanced.write(SCAN, series, folder, vendor="philips"),
    "uih": lambda series, folder: uih.write(SCAN, series, folder),
    "uih grid": lambda series, folder: uih.write_grid(DWI, series, folder),
}


def count(said):
    """Elements, those of items of sequences included."""
    return sum(1 + (sum(map(count, element.value)) if element.VR == "SQ" else 0) for element in said)


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_headers_are_rich_and_the_same_every_time(tmp_path, write):
    hashes = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        paths = write(Examination().series(3, "mese calf"), folder)
        hashes.append([(p.name, hashlib.sha256(p.read_bytes()).hexdigest()) for p in paths])
    assert hashes[0] == hashes[1]
    for path in paths:
        said = pydicom.dcmread(path)
        assert count(said) >= 100
        assert any(element.tag.is_private for element in said.iterall())
    assert len({pydicom.dcmread(p).SOPInstanceUID for p in paths}) == len(paths)


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_canaries_sit_everywhere(tmp_path, write):
    person = Person.of_canaries()
    paths = write(Examination(person).series(3, "mese calf"), tmp_path / person.folder_name)
    data = b"".join(p.read_bytes() + str(p).encode() for p in paths)
    words = person.words()
    assert len(words) >= 40
    silent = {field for field, word in words.items() if word[:16].encode() not in data}
    assert len(silent) <= 2, silent  # each vendor has its own places for private text
    assert silent <= {"private_text", "private_nested", "protocol_text"}


@pytest.mark.parametrize(
    ("syntax", "signed"),  # Pillow, which encodes JPEG 2000 here, knows no sign
    [(syntax, signed) for syntax in SYNTAXES for signed in (False, True) if not (signed and syntax == "jpeg2000")],
)
def test_every_syntax_holds_the_same_voxels(tmp_path, syntax, signed):
    low, high, kind = (-32768, 32767, np.int16) if signed else (0, 65535, np.uint16)
    scan = Scan(pattern((13, 14, 2, 1), low=low, high=high, dtype=kind), affine())
    scan.stored[:2, :2] = high
    scan.stored[2:4, :2] = low
    paths = ge.write(scan, Examination().series(3, "t2"), tmp_path, syntax=syntax)
    for (k, n), path in zip(in_order(scan, "slices"), paths, strict=True):
        said = pydicom.dcmread(path)
        assert said.file_meta.TransferSyntaxUID == SYNTAXES[syntax]
        np.testing.assert_array_equal(said.pixel_array, scan.plane(k, n))


def test_frames_state_their_own_places_and_echoes(tmp_path):
    for vendor in ("siemens", "philips"):
        (path,) = enhanced.write(
            SCAN, Examination().series(3, "t2"), tmp_path / vendor, vendor=vendor, order="shuffled"
        )
        said = pydicom.dcmread(path)
        for frame, about in zip(said.pixel_array, said.PerFrameFunctionalGroupsSequence, strict=True):
            k = about.FrameContentSequence[0].InStackPositionNumber - 1
            n = SCAN.echo_times.index(about.MREchoSequence[0].EffectiveEchoTime / 1e3)
            np.testing.assert_array_equal(frame, SCAN.plane(k, n))
            assert about.PlanePositionSequence[0].ImagePositionPatient == pytest.approx(SCAN.corner(k))


def test_world_coordinates_are_compared():
    values, where = SCAN.stored, SCAN.affine
    turned = np.flip(values.transpose(1, 0, 2, 3), 2)
    other = where[:, [1, 0, 2, 3]].copy()
    other[:3, 3] += other[:3, 2] * 2
    other[:3, 2] *= -1
    np.testing.assert_array_equal(onto(turned, other, where), values)
    shifted = other.copy()
    shifted[:3, 3] += 0.05
    with pytest.raises(AssertionError, match="voxels apart"):
        onto(turned, shifted, where)


def test_scalings_of_philips_mean_what_they_say():
    scale = philips.Scaling(1.8312576, 0.0, 0.0123457)
    assert scale.measured(np.array([100])) == pytest.approx(100 / 0.0123457, rel=1e-6)
    assert philips.radians(np.array([0, 4095])) == pytest.approx([-3.142, 3.142])
    assert siemens.radians(np.array([4095])) == pytest.approx(math.pi * (1 - 1 / 2048))
    assert ge.radians(ge.milliradians(np.array([-math.pi, 1.5]))) == pytest.approx([-math.pi, 1.5], abs=6e-4)


def test_directions_in_voxel_axes_and_back():
    for where in (SCAN.affine, SCAN.affine @ np.diag([-1, 1, 1, 1.0])):
        for direction in directions(5)[1:]:
            bvec = geometry.along_voxel_axes(direction, where)
            np.testing.assert_allclose(geometry.world_of_bvec(bvec, where), direction, atol=1e-12)


def test_many_files_are_read_as_what_they_are(tmp_path):
    made = many.write(tmp_path, files=530, slices=20, per_series=10)
    assert len(made) == 530
    first, last = pydicom.dcmread(made[0]), pydicom.dcmread(made[-1])
    assert first.SOPInstanceUID != last.SOPInstanceUID
    assert first.file_meta.MediaStorageSOPInstanceUID == first.SOPInstanceUID
    assert (first.SeriesNumber, last.SeriesNumber) == (1, 3)
    assert last.InstanceNumber == 530 - 2 * 200
    said = [pydicom.dcmread(p, stop_before_pixels=True) for p in made[:200]]
    assert len({s.SOPInstanceUID for s in said}) == 200
    assert len({(s.ImagePositionPatient[2], s.EchoTime) for s in said}) == 200
    for number in (0, 199, 529):
        np.testing.assert_array_equal(pydicom.dcmread(made[number]).pixel_array, many.plane(number))
