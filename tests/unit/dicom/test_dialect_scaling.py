import math

import numpy as np
import pytest

from tests.unit.dicom.dialect_files import header, item, items, private, read, values, with_pixels

PHASE = {"Manufacturer": "SIEMENS", "ImageType": ["ORIGINAL", "PRIMARY", "P", "ND"]}
FULL = np.array([[0, 1024, 2048, 4095]])


def scale_of(ds, folder):
    (frame,), _, findings = read(ds, folder)
    return frame.scale, [f["code"] for f in findings]


@pytest.mark.parametrize(
    "said",
    [
        {}, {"RescaleSlope": 2, "RescaleIntercept": -4096}, {"RescaleSlope": 1, "RescaleIntercept": -2048},
        {"RescaleSlope": 2, "RescaleIntercept": -4096, "BitsStored": 16, "HighBit": 15},
        {"RescaleSlope": 2 * math.pi / 4096, "RescaleIntercept": -math.pi}, {"RescaleSlope": 360 / 4096, "RescaleIntercept": -180},
        {"RescaleSlope": 6283.1853 / 4096, "RescaleIntercept": -3141.5927},
        {"RescaleSlope": 360 / 4096, "RescaleIntercept": -180, "RescaleType": "degrees", "BitsStored": 14, "HighBit": 13},
        {"RescaleSlope": 6283.1853 / 4096, "RescaleIntercept": -3141.5927, "RescaleType": "mrad", "BitsStored": 16, "HighBit": 15},
    ],
)  # fmt: skip
def test_one_turn_of_phase_is_two_pi(tmp_path, said):
    said = {k: f"{v:.10g}" if isinstance(v, float) else v for k, v in said.items()}
    ds = with_pixels(header(**(PHASE | said)), FULL)
    (frame,), _, findings = read(ds, tmp_path)
    assert frame.scale.meaning == "rad" and not findings
    np.testing.assert_allclose(values([frame], tmp_path)[0], (FULL - 2048) * math.pi / 2048, atol=1e-6)


def test_philips_phase_in_thousandths_of_a_radian(tmp_path):
    ds = header(Manufacturer="Philips", ImageType=["ORIGINAL", "PRIMARY", "PHASE MAP", "P"], RescaleSlope="1.53455433455433",
                RescaleIntercept="-3142")  # fmt: skip
    scale, codes = scale_of(ds, tmp_path)
    assert scale.meaning == "rad" and not codes
    assert scale.intercept == pytest.approx(
        -math.pi, rel=1e-3
    ) and 4095 * scale.slope + scale.intercept == pytest.approx(math.pi, rel=1e-3)


@pytest.mark.parametrize("said", [{"BitsStored": 16, "HighBit": 15}, {"RescaleSlope": 3, "RescaleIntercept": -100}])
def test_phase_whose_turn_is_not_told_stays_as_it_is(tmp_path, said):
    scale, codes = scale_of(header(**(PHASE | said)), tmp_path)
    assert scale.meaning == "signal" and codes == ["W-PHASE"]
    assert (scale.slope, scale.intercept) == (said.get("RescaleSlope", 1), said.get("RescaleIntercept", 0))


def test_phase_of_ge_is_never_false_radians(tmp_path):
    ds = private(header(Manufacturer="GE MEDICAL SYSTEMS", PixelRepresentation=1), 0x43, "GEMS_PARM_01", x2F=("SS", 1))
    scale, codes = scale_of(ds, tmp_path)
    assert scale.identity and scale.meaning == "signal" and "W-PHASE" in codes


def philips(ss=None, **said):
    ds = header(**({"Manufacturer": "Philips", "ImageType": ["ORIGINAL", "PRIMARY", "M_FFE", "M"]} | said))
    return ds if ss is None else private(ds, 0x2005, "Philips MR Imaging DD 001", x0D=("FL", 0.0), x0E=("FL", ss))


def test_two_series_of_philips_displayed_differently_hold_the_same_signal(tmp_path):
    truth = np.array([[104.0, 248.0, 4000.0]])
    found = []
    for rs, ri, ss in ((2.0, 0.0, 0.5), (0.5, 0.0, 0.125)):
        stored = np.rint(truth * ss).astype(int)
        (frame,), _, _ = read(with_pixels(philips(ss, RescaleSlope=rs, RescaleIntercept=ri), stored), tmp_path)
        assert frame.scale.meaning == "signal" and frame.scale.display_slope == rs
        found.append(values([frame], tmp_path)[0])
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], truth)


def test_the_formula_of_philips_with_an_intercept(tmp_path):
    (frame,), _, _ = read(
        with_pixels(philips(0.25, RescaleSlope=4, RescaleIntercept=-8190), [[0, 2047, 4095]]), tmp_path
    )
    np.testing.assert_allclose(values([frame], tmp_path)[0, 0], [(4 * s - 8190) / (4 * 0.25) for s in (0, 2047, 4095)])


def test_philips_without_its_scale_slope_is_for_display_only(tmp_path):
    scale, _ = scale_of(philips(RescaleSlope=1.8, RescaleIntercept=0), tmp_path)
    assert scale.meaning == "display" and scale.display_slope == 1.8
    foreign = private(philips(RescaleSlope=1.8, RescaleIntercept=0), 0x2005, "SOMEBODY", x0E=("FL", 0.5))
    assert scale_of(foreign, tmp_path)[0].meaning == "display"


def test_the_scale_slope_in_the_nested_private_header(tmp_path):
    nested = private(item(), 0x2005, "Philips MR Imaging DD 001", x0E=("FL", 0.5))
    ds = private(
        philips(RescaleSlope=2, RescaleIntercept=0), 0x2005, "Philips MR Imaging DD 005", x0F=("SQ", items(nested))
    )
    scale, _ = scale_of(ds, tmp_path)
    assert scale.meaning == "signal" and scale.slope == 2.0


def test_real_world_values_where_there_is_no_rescale(tmp_path):
    unit = item(CodeValue="ms", CodingSchemeDesignator="UCUM", CodeMeaning="ms")
    real = item(RealWorldValueSlope=0.5, RealWorldValueIntercept=-1.0, MeasurementUnitsCodeSequence=items(unit))
    ds = header(ImageType=["DERIVED", "PRIMARY", "T2 MAP"], RealWorldValueMappingSequence=items(real))
    scale, _ = scale_of(ds, tmp_path)
    assert (scale.slope, scale.intercept, scale.meaning) == (0.5e-3, -1.0e-3, "s"), "on disk, times are in seconds"
    ds.RescaleSlope, ds.RescaleIntercept = 3, 0
    scale, _ = scale_of(ds, tmp_path)
    assert (scale.slope, scale.meaning) == (3.0, "display"), "the rescale comes first, and has no unit of its own here"


def test_a_unit_is_one_of_a_closed_list(tmp_path):
    scale, _ = scale_of(
        header(ImageType=["DERIVED", "PRIMARY", "T1 MAP"], RescaleSlope=1, RescaleIntercept=0, RescaleType="Canary"),
        tmp_path,
    )
    assert scale.meaning == "display"


def test_real_images_without_a_zero_are_warned_of(tmp_path):
    scale, codes = scale_of(header(Manufacturer="SIEMENS", ImageType=["ORIGINAL", "PRIMARY", "R"]), tmp_path)
    assert codes == ["W-SCALE"] and scale.identity
    _, codes = scale_of(header(ImageType=["ORIGINAL", "PRIMARY", "R"], PixelRepresentation=1), tmp_path)
    assert codes == []
