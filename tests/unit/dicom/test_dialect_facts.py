import json

import pytest

from neuromyo.dicom import describe
from neuromyo.dicom.facts import sequence_words
from neuromyo.dicom.frames import Frame
from neuromyo.dicom.vocabulary import PLACES, WORDS
from tests.unit.dicom.dialect_files import header, private, read, saved

#: every element of text that a header can hold, with a word of its own
TEXTS = ("PatientName", "PatientID", "PatientComments", "InstitutionName", "InstitutionAddress", "StationName", "ReferringPhysicianName",
         "OperatorsName", "ProtocolName", "SeriesDescription", "StudyDescription", "ImageComments", "BodyPartExamined", "Laterality",
         "DeviceSerialNumber", "AccessionNumber", "AdditionalPatientHistory", "RequestedProcedureDescription", "MRAcquisitionType",
         "PatientPosition", "InPlanePhaseEncodingDirection", "RescaleType", "OtherPatientIDs",
         "PerformedProcedureStepDescription")  # fmt: skip


def test_no_word_of_the_person_gets_out(tmp_path):
    said = {name: f"CANARY{n}" for n, name in enumerate(TEXTS)}
    said["ProtocolName"] = "Canary8^mese_calf LEFT Smith"
    ds = header(**said, Manufacturer="SIEMENS", PatientBirthDate="19340917", PatientSex="O", PatientAge="089Y")
    private(ds, 0x19, "SIEMENS MR HEADER", x08=("LO", "CANARY90"), x0D=("CS", "CANARY91"))
    private(ds, 0x29, "SIEMENS CSA HEADER", x10=("OB", b"SV10CANARY92" * 20))
    path = saved(ds, tmp_path, "CANARY99_Smith.dcm")
    answers = list(describe.answer({"root": str(tmp_path), "files": [[0, path.name]]}))
    told = json.dumps(answers)
    assert (
        "canary" not in told.lower() and "smith" not in told.lower() and "19340917" not in told and "089Y" not in told
    )
    assert answers[1]["facts"]["SequenceWords"] == ["mese", "calf", "left"]
    for key in ("BodyPartExamined", "Laterality", "PatientPosition", "MRAcquisitionType"):
        assert key not in answers[1]["facts"]


def test_damage_is_told_without_quoting_it(tmp_path, capfd, caplog):
    path = saved(header(ImageOrientationPatient=list("100010")), tmp_path, "CANARY_Smith.dcm")
    whole = path.read_bytes()
    assert whole.count(b"1\\0\\0\\0\\1\\0 ") == 1
    path.write_bytes(whole.replace(b"1\\0\\0\\0\\1\\0 ", b"CANARYCANARY"))
    _, said = describe.answer({"root": str(tmp_path), "files": [[0, path.name]]})
    assert said["error"]["code"] == "E-GEOM" and "CANARY" not in json.dumps(said)
    out, err = capfd.readouterr()
    assert out == err == "" and not caplog.records


def test_words_of_the_trade_alone():
    assert sequence_words("T2_mese-TRA calf*R Mueller 1971 mton") == ["t2", "mese", "tra", "calf", "mton"]
    assert sequence_words("Leg^leg") == ["leg"]
    assert PLACES <= WORDS and all(w == w.lower() and w.isalnum() for w in WORDS)


def test_the_protocol_of_ge_is_that_of_the_examination(tmp_path):
    _, facts, _ = read(
        header(Manufacturer="GE MEDICAL SYSTEMS", ProtocolName="Thigh DTI", SeriesDescription="ideal"), tmp_path
    )
    assert facts["SequenceWords"] == ["thigh", "ideal"]


def test_facts_in_the_units_of_bids(tmp_path):
    ds = header(Manufacturer="SIEMENS", BodyPartExamined="LOWER LEG", Laterality="R", EchoTrainLength=8, ScanOptions=["FS", "PFP"],
               SequenceVariant=["SK", "MTC"], InversionTime=150, EchoNumbers=2, SoftwareVersions="syngo MR E11",
                ReceiveCoilName="Body_18")  # fmt: skip
    frames, facts, findings = read(ds, tmp_path)
    wanted = {"Manufacturer": "Siemens", "MagneticFieldStrength": 3.0, "ImagingFrequency": 123.2, "BodyPartExamined": "LOWERLEG",
              "Laterality": "R", "EchoTrainLength": 8, "ScanOptions": "FS\\PFP", "SequenceVariant": "SK\\MTC", "PatientPosition": "HFS",
              "SoftwareVersions": "syngo MR E11", "ReceiveCoilName": "Body_18", "SeriesNumber": 8, "MRAcquisitionType": "2D"}  # fmt: skip
    assert wanted.items() <= facts.items() and not findings
    (frame,) = frames
    assert (frame.echo_time, frame.repetition_time, frame.inversion_time) == (0.0095, 3.0, 0.15)
    assert frame.clock == 10 * 3600 + 11 * 60 + 12.5
    assert (frame.echo_number, frame.flip_angle_deg, frame.mt_on) == (2, 90.0, True)
    assert frame == Frame.from_dict(json.loads(json.dumps(frame.as_dict())))


@pytest.mark.parametrize(
    ("said", "on"),
    [
        ({"SequenceVariant": ["SK", "MTC"]}, True), ({"ScanOptions": ["MT_GEMS", "FAST_GEMS"]}, True), ({}, None),
        ({"MagnetizationTransfer": "NONE"}, False),
        ({"MagnetizationTransfer": "OFF_RESONANCE"}, True), ({"Manufacturer": "SIEMENS"}, False),
        ({"Manufacturer": "SIEMENS", "SequenceVariant": None}, None),
    ],
)  # fmt: skip
def test_magnetisation_transfer(tmp_path, said, on):
    (frame,), _, _ = read(header(**said), tmp_path)
    assert frame.mt_on is on


def test_frequencies_in_another_unit_are_taken_only_when_confirmed(tmp_path):
    _, facts, findings = read(header(ImagingFrequency=127731000), tmp_path)
    assert facts["ImagingFrequency"] == pytest.approx(127.731) and [f["code"] for f in findings] == ["N-UNITS"]
    _, facts, findings = read(header(ImagingFrequency=127731), tmp_path)
    assert "ImagingFrequency" not in facts and [f["code"] for f in findings] == ["W-UNITS"]
    _, facts, findings = read(header(MagneticFieldStrength=15000, ImagingFrequency=63.87), tmp_path)
    assert facts["MagneticFieldStrength"] == pytest.approx(1.5) and [f["code"] for f in findings] == ["N-UNITS"]
    _, facts, findings = read(header(MagneticFieldStrength=300, ImagingFrequency=None), tmp_path)
    assert "MagneticFieldStrength" not in facts and [f["code"] for f in findings] == ["W-UNITS"]


def test_times_that_are_zero_or_absent_are_not_stated(tmp_path):
    (frame,), _, _ = read(
        header(EchoTime=0, InversionTime=0, RepetitionTime=None, FlipAngle=0, EchoNumbers=""), tmp_path
    )
    assert (
        frame.echo_time
        is frame.inversion_time
        is frame.repetition_time
        is frame.flip_angle_deg
        is frame.echo_number
        is None
    )


def test_phase_encoding_and_readout(tmp_path):
    ds = header(Manufacturer="SIEMENS", InPlanePhaseEncodingDirection="COL", Rows=100, Columns=80)
    private(ds, 0x21, "SIEMENS MR SDI 02", x1C=("IS", "0"))
    private(ds, 0x19, "SIEMENS MR HEADER", x28=("FD", 20.0))
    _, facts, _ = read(ds, tmp_path)
    assert facts["PhaseEncodingDirection"] == "col-" and facts["InPlanePhaseEncodingDirectionDICOM"] == "COL"
    assert facts["EffectiveEchoSpacing"] == pytest.approx(0.0005) and facts["TotalReadoutTime"] == pytest.approx(
        99 * 0.0005
    )
    ge = header(Manufacturer="GE MEDICAL SYSTEMS", InPlanePhaseEncodingDirection="COL", AcquisitionMatrix=[128, 0, 0, 128],
                ScanOptions=["EPI_GEMS", "PFF"], RectilinearPhaseEncodeReordering="LINEAR")  # fmt: skip
    private(ge, 0x43, "GEMS_PARM_01", x2C=("SS", 636), x83=("DS", [0.666667, 1]))
    _, facts, _ = read(ge, tmp_path)
    assert facts["TotalReadoutTime"] == pytest.approx(0.055332) and facts["PhaseEncodingDirection"] == "col-"


def test_a_finding_is_told_once(tmp_path):
    for n in range(3):
        saved(header(ImagingFrequency=127731), tmp_path, f"{n}.dcm")
    answers = list(describe.answer({"root": str(tmp_path), "files": [[n, f"{n}.dcm"] for n in range(3)]}))
    assert sum(len(a.get("findings", ())) for a in answers) == 1


@pytest.mark.parametrize(
    ("said", "code", "field"),
    [
        ({"ImagePositionPatient": None}, "E-GEOM", "ImagePositionPatient"),
        ({"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, "E-GEOM", "ImageOrientationPatient"),
        ({"PixelSpacing": [0, 1]}, "E-GEOM", "PixelSpacing"),
        ({"ImageOrientationPatient": [1, 0, 0, 0, 2, 0]}, "E-GEOM", "ImageOrientationPatient"),
        ({"PixelSpacing": None}, "E-GEOM", "PixelSpacing"),
        ({"Columns": None}, "E-DIMS", "Rows, Columns"),
        ({"Columns": 0}, "E-DIMS", "Rows, Columns"),
    ],
)  # fmt: skip
def test_planes_without_a_place_are_refused(tmp_path, said, code, field):
    saved(header(**said), tmp_path)
    _, answer = describe.answer({"root": str(tmp_path), "files": [[0, "a.dcm"]]})
    assert answer["error"]["code"] == code and answer["error"]["where"] == field


def test_rounded_directions_become_exact(tmp_path):
    (frame,), _, _ = read(header(ImageOrientationPatient=[0.707, 0.707, 0.001, 0, 0, -1]), tmp_path)
    row, column = frame.row, frame.column
    assert sum(v * v for v in row) == pytest.approx(1, abs=1e-12) and sum(
        a * b for a, b in zip(row, column, strict=True)
    ) == pytest.approx(0, abs=1e-12)
