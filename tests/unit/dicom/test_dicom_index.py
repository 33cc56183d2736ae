"""The index: what it says of each file, beside pydicom, and what it leaves out."""

import pydicom
import pytest

from neuromyo.core.errors import NeuromyoError
from neuromyo.dicom.index import index
from tests.gauntlet import dicom_making as made


def put(folder, **images):
    folder.mkdir(exist_ok=True)
    for name, data in images.items():
        (folder / name).write_bytes(data)
    return folder


def test_entries(tmp_path):
    folder = put(tmp_path / "in", a=made.image(instance=2), b=made.image(made.BIG, instance=1), c=b"a letter", d=b"",
                 e=made.image(changed={0x00280008: ("IS", "5")}, instance=3))  # fmt: skip
    told = []
    found = index(folder, scratch=tmp_path, tell=lambda done, of: told.append((done, of)))
    assert told == [(n, 5) for n in range(1, 6)]
    first = found.entries[0]
    assert (first.file, first.sop, first.series, first.study) == (0, "1.2.826.1.2", "1.2.826.1", "1.2.826.9")
    assert (first.date, first.clock, first.modality, first.sop_class) == ("2025-03-01", 36900.25, "MR", made.MR)
    assert (first.number, first.instance, first.rows, first.columns, first.frames) == (3, 2, 8, 8, 1)
    assert (first.syntax, first.size) == (made.EXPLICIT, (folder / "a").stat().st_size)
    assert [(e.file, e.instance, e.rows, e.frames) for e in found.entries] == [(0, 2, 8, 1), (1, 1, 8, 1), (4, 3, 8, 5)]
    assert found.n_other == 2
    assert [str(f) for f in found.findings] == [
        "the DICOM folder or file: 2 files left out: 1 empty, 1 not DICOM [N-OTHERFILES]"
    ]


def person(tmp_path, **changes):
    tags = {
        "name": (0x00100010, "PN"),
        "number": (0x00100020, "LO"),
        "birth": (0x00100030, "DA"),
    }
    changed = {tags[name][0]: (tags[name][1], value) for name, value in changes.items()}
    folder = put(tmp_path / "in", a=made.image(), b=made.image(changed=changed))
    one, other = index(folder, scratch=tmp_path).entries
    return one.person == other.person


@pytest.mark.parametrize("change", [{"name": "Other^Anna"}, {"number": "ID-8"}, {"birth": "19700102"}])
def test_persons_differ(tmp_path, change):
    assert not person(tmp_path, **change)


@pytest.mark.parametrize("change", [{}, {"name": "CANARY^ANNA"}, {"name": "Canary^Anna^^^"}, {"number": " ID-7 "}])
def test_one_person_spelt_otherwise(tmp_path, change):
    assert person(tmp_path, **change)


def test_the_key_of_a_person_says_nothing(tmp_path):
    folder = put(tmp_path / "in", a=made.image())
    keys = {index(folder, scratch=tmp_path).entries[0].person for _ in range(2)}
    assert len(keys) == 2
    assert "Canary" not in str(index(folder, scratch=tmp_path))


def test_a_single_file(tmp_path):
    folder = put(tmp_path / "in", a=made.image(), b=made.image())
    found = index(folder / "a", scratch=tmp_path)
    assert len(found.entries) == 1
    assert found.listing.path(0) == folder / "a"


def test_nothing_there(tmp_path):
    for folder in (put(tmp_path / "empty"), put(tmp_path / "other", a=b"x")):
        with pytest.raises(NeuromyoError, match="needed DICOM images") as caught:
            index(folder, scratch=tmp_path)
        assert caught.value.code == "E-DICOM"
    with pytest.raises(NeuromyoError) as caught:
        index(tmp_path / "absent", scratch=tmp_path)
    assert caught.value.code == "E-NOTFOUND"


def test_images_without_identifiers_are_errors(tmp_path):
    folder = put(tmp_path / "in", a=made.image(), b=made.image(changed={0x0020000E: None}), c=made.image()[:500])
    found = index(folder, scratch=tmp_path)
    assert [e.file for e in found.entries] == [0]
    assert sorted(found.errors) == [1, 2]
    assert str(found.errors[1]).startswith("file 2 of 3 (~): SeriesInstanceUID (0020,000E): needed an identifier")
    assert "element (" in str(found.errors[2])


def test_the_sop_of_the_meta_information_stands_in(tmp_path):
    folder = put(tmp_path / "in", a=made.image(changed={0x00080018: None}))
    assert index(folder, scratch=tmp_path).entries[0].sop == "1.2.3.4"


def test_dates_and_times_that_are_none(tmp_path):
    changed = {
        0x00080020: ("DA", "99999999"),
        0x00080021: ("DA", "2024.02.29"),
        0x00080032: ("TM", "noon"),
        0x00080030: ("TM", "0130"),
    }
    entry = index(put(tmp_path / "in", a=made.image(changed=changed)), scratch=tmp_path).entries[0]
    assert (entry.date, entry.clock) == ("2024-02-29", 5400.0)


def test_an_archive_within_a_folder_is_told(tmp_path):
    found = index(put(tmp_path / "in", a=made.image(), b=made.zipped(("IM1", made.IMAGE))), scratch=tmp_path)
    assert "1 an archive" in found.findings[0].message
    assert "unpack" in found.findings[0].remedy


@pytest.mark.realdata
@pytest.mark.parametrize("folder", ["knee_mese_dicom", "leg_dualecho_dicom", "dti_uih_dicom"])
def test_the_same_as_pydicom_on_real_scans(realdata, folder, tmp_path):
    found = index(realdata / folder, scratch=tmp_path)
    assert not found.errors
    for entry in found.entries[::16]:
        his = pydicom.dcmread(found.listing.path(entry.file), stop_before_pixels=True)
        assert (entry.sop, entry.series, entry.study) == (
            his.SOPInstanceUID,
            his.SeriesInstanceUID,
            his.StudyInstanceUID,
        )
        assert (entry.rows, entry.columns, entry.modality) == (his.Rows, his.Columns, his.Modality)
        assert (entry.number, entry.instance) == (his.SeriesNumber, his.InstanceNumber)
        assert entry.syntax == his.file_meta.TransferSyntaxUID
    assert len({entry.person for entry in found.entries}) == 1
