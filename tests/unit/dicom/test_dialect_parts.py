import pytest

from neuromyo.dicom import describe
from neuromyo.dicom.frames import MADE
from neuromyo.dicom.kinds import _MADE, made_of_words, part_of_words
from tests.unit.dicom.dialect_files import ENHANCED, enhanced, header, item, private, read

GE = {"Manufacturer": "GE MEDICAL SYSTEMS", "ImageType": ["ORIGINAL", "PRIMARY", "OTHER"]}


def one(ds, folder):
    (frame,), _, findings = read(ds, folder)
    return frame, findings


@pytest.mark.parametrize(("kind", "part"), [(0, "mag"), (1, "phase"), (2, "real"), (3, "imag")])
def test_ge_says_it_in_its_private_image_kind(tmp_path, kind, part):
    frame, _ = one(private(header(**GE), 0x43, "GEMS_PARM_01", x2F=("SS", kind)), tmp_path)
    assert frame.part == part and frame.made == ""


def test_ge_private_kind_wins_over_the_image_type_and_it_is_said(tmp_path):
    ds = header(**(GE | {"ImageType": ["ORIGINAL", "PRIMARY", "M"]}))
    frame, findings = one(private(ds, 0x43, "GEMS_PARM_01", x2F=("SS", 2)), tmp_path)
    assert frame.part == "real"
    (said,) = [f for f in findings if f["code"] == "W-PART"]
    assert (
        said["where"].startswith("series 8")
        and "private element says real" in said["message"]
        and "mag" in said["message"]
    )


def test_a_private_number_under_another_creator_says_nothing(tmp_path):
    ds = private(header(**GE), 0x43, "SOMEBODY ELSE", x2F=("SS", 1))
    assert one(ds, tmp_path)[0].part == "mag"
    moved = private(private(header(**GE), 0x43, "SOMEBODY ELSE", x2F=("SS", 1)), 0x43, "GEMS_PARM_01", x2F=("SS", 3))
    assert one(moved, tmp_path)[0].part == "imag"


@pytest.mark.parametrize(
    ("maker", "kind", "part"),
    [
        ("SIEMENS", ["ORIGINAL", "PRIMARY", "M", "ND"], "mag"), ("SIEMENS", ["ORIGINAL", "PRIMARY", "P", "ND"], "phase"),
        ("SIEMENS", ["ORIGINAL", "PRIMARY", "R", "ND"], "real"), ("SIEMENS", ["ORIGINAL", "PRIMARY", "I", "ND"], "imag"),
        ("Siemens Healthineers", ["ORIGINAL", "PRIMARY", "PHASE", "NONE"], "phase"),
        ("Philips Healthcare", ["ORIGINAL", "PRIMARY", "M_FFE", "M", "FFE"], "mag"),
        ("Philips Healthcare", ["ORIGINAL", "PRIMARY", "PHASE MAP", "P", "FFE"], "phase"),
        ("Philips Medical Systems", ["ORIGINAL", "PRIMARY", "R_FFE", "R", "FFE"], "real"),
        ("Philips Medical Systems", ["ORIGINAL", "PRIMARY", "I_SE", "I", "SE"], "imag"),
    ],
)  # fmt: skip
def test_parts_in_image_types(tmp_path, maker, kind, part):
    frame, findings = one(header(Manufacturer=maker, ImageType=kind), tmp_path)
    assert frame.part == part and frame.made == ""
    assert not [f for f in findings if f["code"] == "W-PART"]


def test_philips_says_it_in_a_private_element_too(tmp_path):
    ds = header(Manufacturer="Philips", ImageType=["ORIGINAL", "PRIMARY", "OTHER"])
    assert one(private(ds, 0x2005, "Philips MR Imaging DD 001", x11=("CS", "P")), tmp_path)[0].part == "phase"


def test_the_standard_component_and_its_contradiction(tmp_path):
    frame, _ = one(header(ImageType=["ORIGINAL", "PRIMARY", "OTHER"], ComplexImageComponent="REAL"), tmp_path)
    assert frame.part == "real"
    frame, findings = one(header(ImageType=["ORIGINAL", "PRIMARY", "P"], ComplexImageComponent="MAGNITUDE"), tmp_path)
    assert frame.part == "phase" and [f["code"] for f in findings if f["code"] == "W-PART"]


def test_each_plane_of_an_enhanced_file_has_its_own_part(tmp_path):
    places = {
        "PlaneOrientationSequence": item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0]),
        "PixelMeasuresSequence": item(PixelSpacing=[1, 1]),
    }
    parts = ("MAGNITUDE", "PHASE", "REAL", "IMAGINARY")
    kind = ["ORIGINAL", "PRIMARY", "NONE", "NONE"]
    frames = [{"PlanePositionSequence": item(ImagePositionPatient=[0, 0, 0]),
               "MRImageFrameTypeSequence": item(FrameType=kind, ComplexImageComponent=p)} for p in parts]  # fmt: skip
    ds = enhanced(
        places,
        frames,
        ImageType=["ORIGINAL", "PRIMARY", "MIXED", "NONE"],
        ComplexImageComponent="MIXED",
        RescaleIntercept=-5,
    )
    found, _, _ = read(ds, tmp_path)
    assert [f.part for f in found] == ["mag", "phase", "real", "imag"]


@pytest.mark.parametrize(
    ("kind", "made"),
    [
        (["DERIVED", "PRIMARY", "T2 MAP", "NONE"], "T2map"), (["DERIVED", "PRIMARY", "T2_STAR_MAP"], "T2starmap"),
        (["DERIVED", "PRIMARY", "T1 MAP"], "T1map"), (["DERIVED", "PRIMARY", "DIFFUSION", "ADC", "ND"], "ADC"),
        (["DERIVED", "PRIMARY", "DIFFUSION", "FA"], "FA"), (["DERIVED", "PRIMARY", "DIFFUSION", "TRACEW"], "trace"),
        (["DERIVED", "PRIMARY", "DIXON", "WATER"], "water"), (["DERIVED", "PRIMARY", "DIXON", "FAT_FRACTION"], "PDFF"),
        (["ORIGINAL", "PRIMARY", "DIXON", "IN_PHASE"], "inphase"), (["ORIGINAL", "PRIMARY", "DIXON", "OPP_PHASE"], "outphase"),
        (["DERIVED", "SECONDARY", "MPR", "CSA MPR"], "projection"), (["DERIVED", "SECONDARY", "PROJECTION IMAGE"], "projection"),
        (["ORIGINAL", "PRIMARY", "LOCALIZER"], "localiser"), (["DERIVED", "SECONDARY", "SUBTRACTION"], "subtraction"),
        (["DERIVED", "SECONDARY", "COMBINED"], "other"), (["DERIVED", "PRIMARY", "M", "ND", "DIS2D"], ""),
        (["DERIVED", "SECONDARY", "M", "ND", "NORM"], ""), (["ORIGINAL", "PRIMARY", "T2_STAR", "NONE"], ""),
    ],
)  # fmt: skip
def test_what_scanners_make(tmp_path, kind, made):
    assert one(header(Manufacturer="SIEMENS", ImageType=kind), tmp_path)[0].made == made


@pytest.mark.parametrize(
    ("kind", "made"),
    [
        (["ORIGINAL", "PRIMARY", "W", "W", "DERIVED"], "water"), (["ORIGINAL", "PRIMARY", "F_FFE", "F", "FFE"], "fat"),
        (["ORIGINAL", "PRIMARY", "IP", "IP"], "inphase"), (["ORIGINAL", "PRIMARY", "OP", "OP"], "outphase"),
        (["ORIGINAL", "PRIMARY", "FF", "FF"], "PDFF"),
        (["ORIGINAL", "PRIMARY", "T2 MAP", "T2"], "T2map"), (["ORIGINAL", "PRIMARY", "T2_STAR_UNSPECIF", "T2_STAR"], "T2starmap"),
        (["ORIGINAL", "PRIMARY", "B0 MAP", "B0"], "B0map"), (["DERIVED", "PRIMARY", "ADC_UNSPECIFIED", "ADC"], "ADC"),
        (["ORIGINAL", "PRIMARY", "T2", "NONE"], ""), (["ORIGINAL", "PRIMARY", "M_SE", "M", "SE"], ""),
    ],
)  # fmt: skip
def test_what_philips_makes(tmp_path, kind, made):
    assert one(header(Manufacturer="Philips", ImageType=kind), tmp_path)[0].made == made


def test_ge_localisers_and_unknown_kinds(tmp_path):
    ds = private(private(header(**GE), 0x43, "GEMS_PARM_01", x2F=("SS", 0)), 0x19, "GEMS_ACQU_01", x17=("SS", 32))
    assert one(ds, tmp_path)[0].made == "localiser"
    assert one(private(header(**GE), 0x43, "GEMS_PARM_01", x2F=("SS", 17)), tmp_path)[0].made == "other"


def test_every_word_for_what_is_made_is_one_of_the_nouns():
    assert set(_MADE.values()) <= set(MADE)
    assert made_of_words(["M", "SE"]) == "" and part_of_words(["WATER", "OPP_PHASE"]) is None


@pytest.mark.parametrize(
    "said",
    [
        {"sop_class": "1.2.840.10008.5.1.4.1.1.7"}, {"sop_class": "1.2.840.10008.5.1.4.1.1.7.2"},
        {"sop_class": "1.2.840.10008.5.1.4.1.1.88.33"},
        {"sop_class": "1.2.840.10008.5.1.4.1.1.4.2"}, {"sop_class": "1.3.46.670589.11.0.0.12.1"}, {"PhotometricInterpretation": "RGB"},
        {"PhotometricInterpretation": "PALETTE COLOR"}, {"Modality": "CT"}, {"Rows": None}, {"sop_class": "1.2.840.10008.5.1.4.1.1.66.4"},
    ],
)  # fmt: skip
def test_what_holds_no_image_is_left_out_with_a_note(tmp_path, said):
    frames, facts, findings = read(header(**said), tmp_path)
    assert frames == [] and facts == {}
    (found,) = findings
    assert found["level"] == "note" and found["code"] == "N-NOIMAGE" and "left out" in found["message"]


def test_a_file_of_many_images_must_place_each(tmp_path):
    path = tmp_path / "a.dcm"
    header(NumberOfFrames=4).save_as(path, enforce_file_format=True)
    with pytest.raises(Exception, match="functional groups that place each.*E-GEOM"):
        describe.describe(path, 0)
    ds = enhanced({}, [{}, {}])
    ds.NumberOfFrames = 3
    ds.save_as(path, enforce_file_format=True)
    with pytest.raises(Exception, match="functional groups for 3 images, found 2.*E-DIMS"):
        describe.describe(path, 0)
    assert ds.SOPClassUID == ENHANCED
