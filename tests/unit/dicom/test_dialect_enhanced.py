"""Enhanced multi-frame headers: what holds for one plane wins over what is shared, wherever vendors put it."""

import pytest

from tests.unit.dicom.dialect_files import enhanced, item, items, private, read

SHARED = {
    "PlaneOrientationSequence": item(ImageOrientationPatient=[0, 1, 0, 0, 0, -1]),
    "PixelMeasuresSequence": item(PixelSpacing=[1.5, 1.25], SliceThickness=4, SpacingBetweenSlices=5),
    "MRTimingAndRelatedParametersSequence": item(RepetitionTime=3000.0, FlipAngle=90.0, EchoTrainLength=8),
    "MREchoSequence": item(EffectiveEchoTime=9.5),
    "MRImagingModifierSequence": item(MagnetizationTransfer="OFF_RESONANCE", PixelBandwidth=250.0, TransmitterFrequency=123.2),
    "MRFOVGeometrySequence": item(InPlanePhaseEncodingDirection="COLUMN"),
    "FrameAnatomySequence": item(FrameLaterality="R"),
    "MRReceiveCoilSequence": item(ReceiveCoilName="Knee 15"),
}  # fmt: skip


def at(z, **macros):
    return {"PlanePositionSequence": item(ImagePositionPatient=[0, 0, z])} | macros


def made(frames, **said):
    return enhanced(
        SHARED,
        frames,
        **({"Manufacturer": "SIEMENS", "PixelBandwidth": None, "InPlanePhaseEncodingDirection": None} | said),
    )


def test_shared_and_own_values(tmp_path):
    frames = [
        at(0),
        at(
            5, MREchoSequence=item(EffectiveEchoTime=19.0), MRImagingModifierSequence=item(MagnetizationTransfer="NONE")
        ),
    ]
    found, facts, findings = read(made(frames, ImagingFrequency=None), tmp_path)
    assert [f.echo_time for f in found] == [0.0095, 0.019] and [f.mt_on for f in found] == [True, False]
    assert [f.frame for f in found] == [0, 1] and [f.position[2] for f in found] == [0, 5]
    for f in found:
        assert (f.repetition_time, f.flip_angle_deg, f.thickness_mm, f.apart_mm, f.echo_number) == (
            3.0,
            90.0,
            4.0,
            5.0,
            None,
        )
        assert f.row == (0, 1, 0) and f.column == (0, 0, -1) and f.spacing_mm == (1.5, 1.25)
    wanted = {"PixelBandwidth": 250.0, "EchoTrainLength": 8, "Laterality": "R", "ReceiveCoilName": "Knee 15", "ImagingFrequency": 123.2,
              "InPlanePhaseEncodingDirectionDICOM": "COL"}  # fmt: skip
    assert wanted.items() <= facts.items() and not findings


def test_inversion_and_time_of_a_plane(tmp_path):
    content = item(FrameAcquisitionDateTime="20200102101112.250000", TemporalPositionIndex=4, FrameAcquisitionNumber=2)
    modifier = item(InversionRecovery="YES", InversionTimes=[150.0, 900.0])
    (found,), _, _ = read(made([at(0, FrameContentSequence=content, MRModifierSequence=modifier)]), tmp_path)
    assert found.clock == 10 * 3600 + 11 * 60 + 12.25 and found.temporal == 4 and found.acquisition == 2
    assert found.inversion_time == 0.15


def test_each_plane_has_its_scale(tmp_path):
    frames = []
    for n, rs in enumerate((2.0, 4.0)):
        group = at(n, PixelValueTransformationSequence=item(RescaleSlope=rs, RescaleIntercept=0))
        frames.append(group)
    ds = made(frames, Manufacturer="Philips", ImageType=["ORIGINAL", "PRIMARY", "M_SE", "M"])
    for group, ss in zip(ds.PerFrameFunctionalGroupsSequence, (0.5, 0.25), strict=True):
        nested = private(item(), 0x2005, "Philips MR Imaging DD 001", x0E=("FL", ss))
        private(group, 0x2005, "Philips MR Imaging DD 005", x0F=("SQ", items(nested)))
    found, _, _ = read(ds, tmp_path)
    assert [f.scale.slope for f in found] == [2.0, 4.0] and [f.scale.display_slope for f in found] == [2.0, 4.0]
    assert {f.scale.meaning for f in found} == {"signal"}


def test_private_sequences_of_siemens_in_a_plane_s_groups(tmp_path):
    ds = made([at(0)])
    inner = private(item(), 0x21, "SIEMENS MR SDI 02", x1C=("IS", "1"), x53=("FD", 20.0))
    private(ds.PerFrameFunctionalGroupsSequence[0], 0x21, "SIEMENS MR SDI 02", xFE=("SQ", items(inner)))
    _, facts, _ = read(ds, tmp_path)
    assert facts["PhaseEncodingDirection"] == "col" and facts["TotalReadoutTime"] == pytest.approx(3 / (20 * 4))


def test_a_classic_file_turned_into_an_enhanced_one(tmp_path):
    ds = made([at(0)])
    converted = item(EchoNumbers="3")
    ds.PerFrameFunctionalGroupsSequence[0].UnassignedPerFrameConvertedAttributesSequence = items(converted)
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.4.4"
    (found,), _, _ = read(ds, tmp_path)
    assert found.echo_number == 3
