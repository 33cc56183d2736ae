"""The list of what may stay against the standard's own table, transcribed beside this file."""

from pathlib import Path

import pytest
from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword

from neuromyo.core import resources
from neuromyo.dicom import profile

TABLE = [
    line.split("\t") for line in (Path(__file__).parent / "table_e_1_1.tsv").read_text().splitlines() if line[0] != "#"
]
BASIC = {row[0]: dict(zip(TABLE[0][1:], row[1:], strict=True)) for row in TABLE[1:]}
KEPT = [line.split("\t") for line in resources.text("dicom", "profile/kept.tsv").splitlines()[1:]]
#: the private elements that Table E.3.10-1 names safe, of those we keep
SAFE = {("GEMS_ACQU_01", "0019xx9E"), ("GEMS_PARM_01", "0043xx39"), ("GEMS_PARM_01", "0043xx6F"), ("GEMS_SERS_01", "0025xx07"),
        ("Philips Imaging DD 001", "2001xx03"), ("Philips Imaging DD 001", "2001xx04"), ("SIEMENS MR HEADER", "0019xx0C"),
        ("SIEMENS MR HEADER", "0019xx0D"), ("SIEMENS MR HEADER", "0019xx0E"), ("SIEMENS MR HEADER", "0019xx27")}  # fmt: skip


def allowed(row, action):
    """Whether the profile, with the options we name, permits what we do."""
    basic, said = row["basic"].split("/"), action.split()[0]
    if said in ("Z", "L", "D"):  # emptied, or a dummy in its place
        return bool({"Z", "D"} & set(basic))
    if said in ("S", "T"):
        return row["dates"] == "C"
    if said == "P":  # only if asked for; else as the profile says
        return row["patient"] == "K"
    if said == "W":
        return row["descriptors"] == "C"
    if said in ("U", "Q"):
        return bool({"U", "U*"} & set(basic))
    return False


def test_the_transcription_is_whole():
    assert len(BASIC) == 655
    for keyword in (
        "PatientName",
        "PatientID",
        "InstitutionName",
        "StudyInstanceUID",
        "AcquisitionDateTime",
        "ImageComments",
    ):
        tag = f"{tag_for_keyword(keyword):08X}"
        assert BASIC[tag]["keyword"] == keyword
    for tag, row in BASIC.items():
        if "x" not in tag and row["keyword"] != "-":
            assert keyword_for_tag(int(tag, 16)) == row["keyword"]


@pytest.mark.parametrize("tag", sorted({k[0] for k in KEPT} & BASIC.keys()))
def test_what_stays_of_the_profiles_table_is_what_the_profile_permits(tag):
    action = next(k[2] for k in KEPT if k[0] == tag)
    assert allowed(BASIC[tag], action), (tag, BASIC[tag], action)


def test_the_judge_of_the_last_test_can_say_no():
    for keyword, action in (("PatientName", "K"), ("StudyDate", "K"), ("StudyInstanceUID", "K"), ("InstitutionName", "W"),
                            ("PatientComments", "Q"), ("PatientAge", "L"), ("PatientAddress", "Z")):  # fmt: skip
        assert not allowed(BASIC[f"{tag_for_keyword(keyword):08X}"], action), keyword


def test_no_identity_of_device_or_institution_and_no_uid_is_retained():
    kept = {k[0]: k[2] for k in KEPT}
    for tag, row in BASIC.items():
        if row["device"] == "K" or row["institution"] == "K":
            assert kept.get(tag, "X") in ("X", "D", "Z"), row
        if row["uids"] == "K" and tag in kept:
            assert kept[tag] in ("U", "Q"), row


def test_every_line_is_of_the_dictionary_and_gives_a_reason():
    for tag, keyword, action, vr, creator, why in KEPT:
        assert action.split()[0] in profile.ACTIONS and why
        if not creator:
            assert (keyword_for_tag(int(tag, 16)), dictionary_VR(int(tag, 16))) == (keyword, vr)
    assert len({(k[0], k[4]) for k in KEPT}) == len(KEPT)


def test_vrs_that_hold_prose_are_never_kept_as_they_are():
    for tag, _, action, vr, *_ in KEPT:
        if action == "K":
            assert not set(vr.split(" or ")) & {"PN", "ST", "LT", "UT", "UC", "UR", "AE", "UN", "DA", "DT", "UI"}, tag
            assert "OB" not in vr or tag == "7FE00010"


def test_private_elements_are_numbers_or_named_safe_by_the_standard():
    numbers = {"SS", "US", "SL", "UL", "FL", "FD", "DS", "IS"}
    for tag, keyword, action, vr, creator, _ in KEPT:
        if creator:
            shape = vr in numbers or (creator, tag) in SAFE or action == "Q" or keyword in ("ImageKind", "CoilElements")
            assert shape, (creator, tag)
    assert {(k[4], k[0]) for k in KEPT} >= SAFE


@pytest.mark.parametrize(("group", "creator", "element"), [
    (0x0029, "SIEMENS CSA HEADER", 0x10), (0x0029, "SIEMENS CSA HEADER", 0x20), (0x0021, "SIEMENS MR SDS 01", 0x19),
    (0x0025, "GEMS_SERS_01", 0x1B), (0x0009, "GEMS_IDEN_01", 0x02),
])  # fmt: skip
def test_headers_within_headers_never_stay(group, creator, element):
    assert profile.rule(group << 16 | 0x1000 | element, creator) is None


def test_private_elements_are_known_by_their_creator_only():
    assert profile.rule(0x0043102F, "GEMS_PARM_01") is not None
    assert profile.rule(0x0043992F, "GEMS_PARM_01") is not None
    assert profile.rule(0x0043102F, "SOMEBODY") is None
    assert profile.rule(0x0043102F) is None
    assert profile.rule(0x0043002F, "GEMS_PARM_01") is None


def test_descriptions_keep_words_of_the_trade_only():
    assert profile.words_of_the_trade("T2_MESE_calf-left Dr. Quillfeather 19430807") == "t2_mese_calf_left"
    assert profile.words_of_the_trade("Quillfeather") == ""


def test_the_words_that_dialects_let_through_are_words_of_the_trade():
    vocabulary = pytest.importorskip("neuromyo.dicom.vocabulary", reason="comes with the dialects")
    words = vocabulary.WORDS | vocabulary.PLACES | {w.lower() for w in vocabulary.BODY_PARTS}
    assert words <= profile.vocabulary()
