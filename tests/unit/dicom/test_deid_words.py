import base64
import gzip
import json
import re
import struct
from urllib.parse import quote

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from neuromyo.core.errors import NeuromyoError
from neuromyo.dicom import hazards, leaks, sweep, words
from neuromyo.dicom.needles import Needles, base64_phases
from neuromyo.dicom.words import Words
from tests.gauntlet import canaries
from tests.gauntlet.making import gz, leg, nii

NAME = words.NAME


def header(**fields):
    ds = Dataset()
    for name, value in fields.items():
        setattr(ds, name, value)
    return ds


def collected(**fields):
    gathered = Words()
    gathered.add_header(header(**fields))
    return {kind: set(found) for kind, found in gathered.to_find().items()}


def test_names_are_taken_apart_and_together():
    found = collected(PatientName="van der Quill-Feather^Otto J")[NAME]
    assert {"Quill", "Feather", "Otto"} <= found and "van" not in found
    assert collected(PatientName="Li^Bo")[NAME] >= {"LiBo", "BoLi"}


def test_birth_dates_are_known_in_the_ways_people_write_them():
    found = collected(PatientBirthDate="19430807")[words.BIRTH]
    assert {"19430807", "1943-08-07", "07.08.1943", "08/07/1943", "7.8.1943", "07aug1943", "07 aug 1943"} <= found


@pytest.mark.parametrize(("keyword", "value", "kind", "word"), [
    ("PatientID", "PX-7719043", words.NUMBER, "PX-7719043"), ("PatientID", "PX-7719043", words.NUMBER, "7719043"),
    ("AccessionNumber", "A1234567", words.ORDER, "A1234567"), ("InstitutionName", "Bergwaldklinikum Nord", words.PLACE, "Bergwaldklinikum"),
    ("DeviceSerialNumber", "0044771902", words.DEVICE, "0044771902"),
    ("PatientTelephoneNumbers", "+31 612345987", words.ADDRESS, "612345987"),
    ("StudyDescription", "Mondscheinstudie", words.FREE, "Mondscheinstudie"),
    ("StudyInstanceUID", "1.2.276.77.1", words.UID, "1.2.276.77.1"),
    ("StudyDate", "20190317", words.VISIT, "2019-03-17"), ("ImageComments", "moved: Drosselmeyer", words.FREE, "Drosselmeyer"),
])  # fmt: skip
def test_each_kind_of_word_is_told(keyword, value, kind, word):
    assert word in collected(**{keyword: value})[kind]


@pytest.mark.parametrize("fields", [
    {"PatientName": "Phantom^Knee"}, {"PatientName": "ANONYMOUS"}, {"StudyDescription": "MRI of the left calf muscle, T2 dixon"},
    {"SeriesDescription": "t2_mese_dualecho"}, {"Manufacturer": "SIEMENS", "ReceiveCoilName": "HeadNeck_64"},
    {"StudyInstanceUID": "1.2.840.10008.1.2"}, {"PatientID": "12"}, {"ImageComments": "routine protocol 100000"},
])  # fmt: skip
def test_words_of_the_trade_and_of_everyday_are_not_looked_for(fields):
    assert collected(**fields) == {}


def test_technical_words_are_no_sign_of_a_person_in_a_comment_but_in_a_name():
    assert collected(ReceiveCoilName="Quillcoil", ImageComments="with the Quillcoil") == {}
    assert collected(ReceiveCoilName="Quillcoil", PatientName="Quillcoil") == {NAME: {"Quillcoil"}}


def test_what_is_too_short_to_be_looked_for_is_said():
    gathered = Words()
    gathered.add_header(header(PatientName="Wu^Xi", PatientID="17"))
    assert gathered.unsought >= {words.NUMBER}


@pytest.mark.filterwarnings("ignore:The value length")
def test_a_hostile_comment_costs_little():
    gathered = Words()
    gathered.add_header(header(ImageComments=" ".join(f"wxyz{n}qu" for n in range(400_000))))
    assert 1000 < sum(map(len, gathered.to_find().values())) < 5000


def test_words_are_found_at_every_depth_and_in_private_text():
    gathered = Words()
    gathered.add_header(canaries.image(0, 0, 10.0, 1))
    found = {w for some in gathered.to_find().values() for w in some}
    assert {
        "Nestlingsname",
        "Vorherigername",
        "Unterholzfund",
        "Traumfabrikwort",
        "Geheimnotizgems",
        "Zahlendreherin",
    } <= found


def spellings(word):
    raw = word.encode()
    yield from (
        raw,
        word.upper().encode(),
        word.lower().encode(),
        word.encode("utf-16-le"),
        word.encode("utf-16-be"),
        raw.hex().encode(),
        raw.hex().upper().encode(),
    )
    yield "".join(f"%{b:02X}" for b in raw).encode()
    yield from (base64.b64encode(b"\xff" * n + raw + b"\xff" * m) for n in range(3) for m in range(3))
    yield from (base64.urlsafe_b64encode(b"\xff" * n + word.upper().encode()) for n in range(3))
    yield json.dumps(word).encode()
    yield quote(word).encode()


@pytest.mark.parametrize("word", ["Smyth", "Quillfeather", "Müßigbrod", "Ørsted", "O'Quillan", "PX7719043"])
def test_a_word_is_found_in_every_spelling(word):
    needles = Needles({NAME: [word]})
    for spelled in spellings(word):
        for padding in (b"", b" ", b"<<", b"\0" * 5000):
            assert needles.in_text(padding + spelled + padding) == {NAME}, spelled


@given(
    st.text("abcdefghijklmnopqrstuvwxyzABCDE", min_size=6, max_size=14), st.binary(max_size=40), st.binary(max_size=40)
)
def test_base64_of_a_word_shows_whatever_stands_around_it(word, before, after):
    coded = base64.b64encode(before + word.encode() + after)
    assert any(p in coded for p in base64_phases(word.encode()))


@given(
    st.lists(st.text("abcdefghij", min_size=6, max_size=9), min_size=1, max_size=6, unique=True),
    st.binary(max_size=300),
)
def test_the_quick_search_says_what_a_plain_search_says(some, data):
    text = data + some[0].encode() + data
    for part in (data, text):
        expected = {w for w in some if w.encode() in part.lower()}
        assert Needles({w: [w] for w in some}).in_text(part) >= expected
        plain = Needles({w: [w] for w in some}).in_bulk(part)
        assert plain <= {w for w in some if w.encode() in part.lower().replace(b"\0", b"")}


def test_a_word_across_two_blocks_is_found():
    needles = Needles({NAME: ["Quillfeather"]})
    for at in range((1 << 20) - 14, (1 << 20) + 2):
        assert needles.in_text(b"." * at + b"Quillfeather") == {NAME}


ALONE = {
    "language": False,
    "Lang": True,
    "see Lang.": True,
    "Lang_01": True,
    "dataLangEcho": True,
    "slang": False,
    "LANGUAGE": False,
}


@pytest.mark.parametrize(("text", "alone"), ALONE.items())
def test_short_words_must_stand_alone(text, alone):
    assert bool(Needles({NAME: ["Lang"]}).in_text(text.encode())) == alone
    assert bool(Needles({NAME: ["Lang"]}).in_text(text.encode("utf-16-le"))) == alone


@pytest.mark.parametrize(
    ("text", "alone"),
    [("id 771904.", True), ("id 771904", True), ("0.771904", False), ("17719045", False), ("x771904y", True)],
)
def test_numbers_must_stand_alone(text, alone):
    assert bool(Needles({words.NUMBER: ["771904"]}).in_text(text.encode())) == alone


def test_letters_and_digits_of_a_checksum_are_no_name():
    needles = Needles({NAME: ["Abad", "Decade"], words.NUMBER: ["771904"]})
    digest = "77190e4" + "0" * 30
    for within in ("7abad7", "decade", "f771904f"):
        assert needles.in_text(f'"sha256": "{digest}{within}{digest}"'.encode()) == set()
        assert needles.in_text(f'"who": "{within}"'.encode())


def test_voxels_are_searched_for_long_words_and_headers_for_all(tmp_path):
    looked_for = {NAME: ["Quillfeather", "Smyth"]}
    voxels = leg()
    plain = nii(voxels)
    raw = voxels.astype("<i2").tobytes(order="F")

    def with_bytes(word):
        return plain[:352] + raw[:100] + word + raw[100:]

    for n, (data, found) in enumerate([
        (plain, False), (nii(voxels, descrip=b"Smyth"), True), (with_bytes(b"Quillfeather"), True), (with_bytes(b"Smyth"), False),
    ]):  # fmt: skip
        for end, pack in (("nii", bytes), ("nii.gz", lambda d: gz(d, 1))):
            folder = tmp_path / f"{n}{end}"
            folder.mkdir()
            (folder / f"sub-01_T2w.{end}").write_bytes(pack(data))
            assert bool(leaks.find(looked_for, folder)) == found, (n, end)


def test_the_name_that_gzip_remembers_is_searched(tmp_path):
    with (
        (tmp_path / "a.nii.gz").open("wb") as stream,
        gzip.GzipFile("Quillfeather.nii", "wb", fileobj=stream) as packed,
    ):
        packed.write(nii(leg()))
    assert [h.kind for h in leaks.find({NAME: ["Quillfeather"]}, tmp_path)] == [NAME]


def test_chance_finds_nothing_in_noise_and_in_numbers(tmp_path):
    """Common surnames, short ones too, in voxels of noise, in compressed bytes and in a table of numbers."""
    surnames = [
        "Smith",
        "Jones",
        "Brown",
        "Wilson",
        "Khan",
        "Singh",
        "Wang",
        "Chen",
        "Meyer",
        "Wagner",
        "Lang",
        "Berg",
        "Roth",
    ]
    rng = np.random.default_rng(3)
    (tmp_path / "a.nii").write_bytes(nii(rng.integers(0, 255, (64, 64, 64)).astype(np.uint8)))
    (tmp_path / "b.nii").write_bytes(nii(rng.integers(32, 122, (64, 64, 64)).astype(np.uint8)))
    (tmp_path / "c.tsv").write_text("\n".join(re.sub(r"[\[\]\n]", "", str(rng.normal(size=50))) for _ in range(500)))
    (tmp_path / "d.json").write_text(
        json.dumps({"Hash": rng.bytes(4000).hex(), "B": base64.b64encode(rng.bytes(4000)).decode()})
    )
    assert leaks.find({NAME: surnames, words.NUMBER: ["1234567", "77190437"]}, tmp_path) == []


@pytest.mark.parametrize(("change", "kinds"), [
    ({}, ("overlay", "icon", "curve")), ({"BurnedInAnnotation": "YES"}, ("burned-in",)), ({"BurnedInAnnotation": "NO"}, ()),
    ({"RecognizableVisualFeatures": "YES"}, ("face",)), ({"ConversionType": "WSD"}, ("capture",)),
    ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7.2"}, ("capture",)), ({"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}, ("capture",)),
    ({"ImageType": ["DERIVED", "SECONDARY", "ADC"]}, ()),
])  # fmt: skip
def test_what_may_show_the_person_is_told(change, kinds):
    image = canaries.image(0, 0, 10.0, 1)
    for name, value in change.items():
        setattr(image, name, value)
    told = hazards.of(image)
    assert set(kinds) <= set(told) and {"overlay", "icon", "curve"} <= set(told)
    stops = set(told) & set(hazards.STOPS)
    assert (hazards.refusal(told, "series 7") is not None) == bool(stops) == bool(set(kinds) & set(hazards.STOPS))


def test_a_search_that_did_not_end_is_no_clean_search():
    good = {"swept": {"words": 3, "unsought": [], "whole": True}}
    assert sweep.swept([{"at": 1}, good]).leaks == ()
    for messages in ([], [{"at": 1}], [{"swept": {**good["swept"], "whole": False}}]):
        with pytest.raises(NeuromyoError) as error:
            sweep.swept(messages)
        assert error.value.code == "E-PHI" and error.value.exit_status == 4


def test_a_damaged_header_among_the_outputs_is_searched_whole(tmp_path):
    (tmp_path / "a.dcm").write_bytes(
        bytes(128) + b"DICM" + struct.pack("<HH2sH", 2, 0x10, b"UI", 60000) + b"Quillfeather"
    )
    assert leaks.find({NAME: ["Quillfeather"]}, tmp_path)


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["knee_mese_dicom", "leg_dualecho_dicom", "dti_uih_dicom"])
def test_words_of_one_real_scan_are_not_found_in_another(realdata, name, tmp_path):
    """No false alarm: copies of one scan, searched for the words of the other two."""
    from neuromyo.dicom import copies

    def listed(folder):
        paths = sorted(
            p for p in folder.rglob("*") if p.is_file() and p.stat().st_size > 20_000 and ".nii" not in p.name
        )
        return [[n, str(p.relative_to(folder))] for n, p in enumerate(paths[:40])]

    own = {"root": str(realdata / name), "files": listed(realdata / name), "out": str(tmp_path)}
    said = list(copies.answer({**own, "key": "00" * 32, "subject": "01"}))
    assert sum("copy" in m for m in said) == len(own["files"])
    assert sweep.swept(leaks.answer(own)).leaks == ()
    for other in {"knee_mese_dicom", "leg_dualecho_dicom", "dti_uih_dicom"} - {name}:
        asked = {**own, "root": str(realdata / other), "files": listed(realdata / other)}
        found = sweep.swept(leaks.answer(asked))
        assert found.leaks == () and found.n_words > 20
