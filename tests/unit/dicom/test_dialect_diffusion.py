import numpy as np
import pytest

from neuromyo.dicom.diffusion import along, of_matrix, unit
from tests.unit.dicom.dialect_files import header, item, items, private, read

EPI = {"ScanningSequence": ["EP", "SE"], "InPlanePhaseEncodingDirection": "COL"}
G = np.array([0.6, -0.48, 0.64])
TILTED = {"ImageOrientationPatient": [0.8, 0.6, 0, 0, 0, -1]}
ROW, COLUMN, NORMAL = np.array([0.8, 0.6, 0]), np.array([0, 0, -1.0]), np.array([-0.6, 0.8, 0])


def weighting(ds, folder):
    (frame,), _, findings = read(ds, folder)
    return frame, [f["code"] for f in findings]


def test_the_standard_attributes_come_first(tmp_path):
    ds = header(**EPI, DiffusionBValue=700.0, DiffusionGradientOrientation=list(G))
    private(ds, 0x19, "SIEMENS MR HEADER", x0C=("IS", "5"), x0E=("FD", [0.0, 0.0, 1.0]))
    ds.Manufacturer = "SIEMENS"
    frame, _ = weighting(ds, tmp_path)
    assert frame.b_value == pytest.approx(700e6)
    np.testing.assert_allclose(frame.b_vector, G)


def test_siemens_in_the_patients_frame_whatever_the_image(tmp_path):
    ds = header(**EPI, **TILTED, Manufacturer="SIEMENS")
    private(ds, 0x19, "SIEMENS MR HEADER", x0C=("IS", "1000"), x0E=("FD", list(G)))
    frame, _ = weighting(ds, tmp_path)
    assert frame.b_value == 1e9
    np.testing.assert_allclose(frame.b_vector, G)


def test_siemens_by_its_b_matrix(tmp_path):
    xx, xy, xz, yy, yz, zz = (1000 * G[i] * G[j] for i, j in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)))
    ds = private(
        header(**EPI, Manufacturer="SIEMENS"),
        0x19,
        "SIEMENS MR HEADER",
        x0C=("IS", "1000"),
        x27=("FD", [xx, xy, xz, yy, yz, zz]),
    )
    frame, _ = weighting(ds, tmp_path)
    assert abs(np.dot(frame.b_vector, G)) == pytest.approx(1)


def ge(b=1000, played=(0.6, -0.48, 0.64), **said):
    ds = header(**(EPI | {"Manufacturer": "GE MEDICAL SYSTEMS"} | said))
    private(ds, 0x43, "GEMS_PARM_01", x39=("IS", [b, 8, 0, 0]))
    return private(
        ds,
        0x19,
        "GEMS_ACQU_01",
        **{f"x{e}": ("DS", f"{v:.6f}") for e, v in zip(("BB", "BC", "BD"), played, strict=True)},
    )


@pytest.mark.parametrize("b", [1000, 1_000_001_000])
def test_ge_along_frequency_phase_and_slice(tmp_path, b):
    frame, codes = weighting(ge(b), tmp_path)
    assert frame.b_value == 1e9 and "W-GRAD" not in codes
    np.testing.assert_allclose(frame.b_vector, [0.6, -0.48, -0.64], atol=1e-6)  # axial: row x, column y


def test_ge_with_phase_along_rows_is_warned_of(tmp_path):
    frame, codes = weighting(ge(InPlanePhaseEncodingDirection="ROW"), tmp_path)
    assert "W-GRAD" in codes
    np.testing.assert_allclose(frame.b_vector, [-0.48, -0.6, -0.64], atol=1e-6)


def test_ge_without_a_phase_direction_gives_none(tmp_path):
    frame, codes = weighting(ge(InPlanePhaseEncodingDirection=None), tmp_path)
    assert frame.b_vector is None and frame.b_value == 1e9 and "W-GRAD" in codes


def test_a_b_value_of_zero_in_every_header_makes_no_diffusion(tmp_path):
    gre = ge(0, (0, 0, 0), ScanningSequence="GR", ProtocolName="Thigh DTI")
    assert weighting(gre, tmp_path)[0].b_value is None
    assert weighting(ge(0, (0, 0, 0)), tmp_path)[0].b_value == 0


def test_philips_and_the_average_it_appends(tmp_path):
    def one(b, vector, **more):
        ds = private(
            header(**EPI, Manufacturer="Philips", **TILTED), 0x2001, "Philips Imaging DD 001", x03=("FL", b), **more
        )
        return private(
            ds, 0x2005, "Philips MR Imaging DD 001", **{f"xB{n}": ("FL", float(v)) for n, v in enumerate(vector)}
        )

    frame, _ = weighting(one(800.0, G), tmp_path)
    assert frame.made == "" and frame.b_value == 800e6
    np.testing.assert_allclose(frame.b_vector, G, atol=1e-6)
    for average in (one(800.0, (0, 0, 0)), one(800.0, G, x04=("CS", "I"))):
        frame, _ = weighting(average, tmp_path)
        assert frame.made == "trace" and frame.b_vector is None
    frame, _ = weighting(one(0.0, (0, 0, 0)), tmp_path)
    assert frame.made == "" and frame.b_value == 0


def test_the_standard_word_for_an_average(tmp_path):
    ds = header(**EPI, DiffusionBValue=800.0, DiffusionDirectionality="ISOTROPIC", DiffusionGradientOrientation=list(G))
    frame, _ = weighting(ds, tmp_path)
    assert frame.made == "trace"


def test_united_imaging_along_the_axes_of_the_image(tmp_path):
    ds = private(
        header(**EPI, **TILTED, Manufacturer="UIH"),
        0x65,
        "Image Private Header",
        x09=("FD", 928.25),
        x37=("FD", list(G)),
    )
    frame, _ = weighting(ds, tmp_path)
    assert frame.b_value == pytest.approx(928.25e6)
    np.testing.assert_allclose(frame.b_vector, G @ np.array([ROW, COLUMN, NORMAL]), atol=1e-12)


def test_vectors_that_are_none():
    assert unit((0, 0, 0)) is None and unit((1, 0)) is None and unit((np.nan, 0, 1)) is None
    assert along((0, 0, 2), (1, 0, 0), (0, 1, 0)) == (0, 0, 1)
    assert of_matrix([1, 0, 0, 1, 0, 1]) is None, "an average over directions has no direction"
    assert of_matrix([0] * 6) is None and of_matrix([1.0, 2.0]) is None


def test_enhanced_diffusion_stands_two_levels_deep(tmp_path):
    from tests.unit.dicom.dialect_files import enhanced

    shared = {
        "PlaneOrientationSequence": item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0]),
        "PixelMeasuresSequence": item(PixelSpacing=[1, 1]),
    }
    inner = item(DiffusionBValue=1000.0, DiffusionDirectionality="DIRECTIONAL")
    inner.DiffusionGradientDirectionSequence = items(item(DiffusionGradientOrientation=list(G)))
    frames = [
        {"PlanePositionSequence": item(ImagePositionPatient=[0, 0, 0]), "MRDiffusionSequence": d}
        for d in (inner, item(DiffusionBValue=0.0))
    ]
    ds = enhanced(shared, frames, EchoPlanarPulseSequence="YES")
    found, _, _ = read(ds, tmp_path)
    assert [f.b_value for f in found] == [1e9, 0.0] and found[1].b_vector is None
    np.testing.assert_allclose(found[0].b_vector, G)
