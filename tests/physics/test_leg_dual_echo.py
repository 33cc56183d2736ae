"""A real leg in two echoes, as magnitude, phase, real and imaginary parts: what of it agrees, and what is refused.

The scanner's magnitude is that of its real and imaginary parts but for some filtering at edges. Its phase image is not
their angle: it was scaled by 1.37 thousandths a radian and filtered after it had been wrapped, so that it passes three
turns and is wrong wherever it wraps. It must be refused; the complex data are the real and imaginary parts.
"""

import json

import numpy as np
import pydicom
import pytest

from neuromyo.biomarkers import b0, pdff_two_point
from neuromyo.core.errors import ProtocolError
from neuromyo.fit import runner
from neuromyo.io import bids
from tests.gauntlet.making import gz, nii

pytestmark = pytest.mark.realdata

PARTS = ("mag", "phase", "real", "imag")
AFFINE = np.diag([1.8359, 1.8359, 5.0, 1.0])


@pytest.fixture(scope="module")
def leg(realdata):
    """part -> (x, y, z, 2) float32, and the two echo times in s."""
    slices: dict = {}
    for path in sorted((realdata / "leg_dualecho_dicom").glob("IM*")):
        one = pydicom.dcmread(path)
        part = PARTS[int(one[0x0043, 0x102F].value)]
        slices[part, float(one.EchoTime), float(one.SliceLocation)] = one.pixel_array.T.astype(np.float32)
    times, places = (sorted({k[i] for k in slices}) for i in (1, 2))
    images = {
        p: np.stack([np.stack([slices[p, t, z] for z in places], axis=-1) for t in times], axis=-1) for p in PARTS
    }
    return images, tuple(t / 1000 for t in times)


def opened(folder, times, **parts):
    anat = folder / "bids" / "sub-1" / "anat"
    anat.mkdir(parents=True)
    (folder / "bids" / "dataset_description.json").write_text(json.dumps({"Name": "leg", "BIDSVersion": "1.10.0"}))
    for part, array in parts.items():
        (anat / f"sub-1_part-{part}_MEGRE.nii.gz").write_bytes(gz(nii(array.astype(np.float32), AFFINE), 1))
        said = {"EchoTime": times, "MagneticFieldStrength": 3.0, "ImagingFrequency": 127.733949}
        (anat / f"sub-1_part-{part}_MEGRE.json").write_text(
            json.dumps(said | {"Units": "rad"} if part == "phase" else said)
        )
    dataset = bids.index(folder / "bids")
    return bids.open_session(dataset, dataset.sessions[0], scratch=folder / "scratch")


def complex_of(session):
    (one,) = [s for s in session.series if s.part == "complex"]
    return one


def test_magnitude_and_phase_equal_real_and_imaginary(leg, tmp_path):
    images, times = leg
    signal = images["real"] + 1j * images["imag"]
    cartesian = complex_of(opened(tmp_path / "a", times, real=images["real"], imag=images["imag"]))
    polar = complex_of(opened(tmp_path / "b", times, mag=np.abs(signal), phase=np.angle(signal)))
    one, other = cartesian.read(), polar.read()
    assert np.abs(one - other).max() < 1e-6 * np.abs(one).max()
    fields = [runner.run(b0.BIOMARKER, {"echoes": s}, b0.Options())[0]["B0"].values for s in (cartesian, polar)]
    there = [np.isfinite(f) for f in fields]
    assert there[0].mean() > 0.05 and (there[0] != there[1]).mean() < 1e-4, "rounding decides at the threshold alone"
    both = np.abs(fields[0] - fields[1])[there[0] & there[1]]
    assert np.percentile(both, 99.5) < 0.01
    x = np.nonzero(there[0])[0]
    for leg_side in (slice(0, int(np.percentile(x, 30))), slice(int(np.percentile(x, 70)), None)):
        assert abs(np.nanmedian(fields[0][leg_side])) < 150, (
            "a leg that touches the pads between the two is not a turn (417 Hz) off"
        )


def test_the_scanners_magnitude_is_that_of_its_real_and_imaginary_parts(leg):
    images, _ = leg
    size = np.hypot(images["real"], images["imag"])
    tissue = size > 0.2 * np.percentile(size, 99)
    off = np.abs(images["mag"] - size)[tissue]
    assert np.median(off) < 2 and np.percentile(off / size[tissue], 90) < 0.05
    assert np.corrcoef(images["mag"][tissue], size[tissue])[0, 1] > 0.99


def test_the_scanners_phase_is_refused_and_its_scale_is_odd(leg, tmp_path):
    images, times = leg
    session = opened(tmp_path, times, mag=images["mag"], phase=images["phase"])
    (error,) = [e for _, e in session.errors]
    assert error.code == "E-PHASE" and "-9574 to 9681" in error.found
    size, angle = np.hypot(images["real"], images["imag"]), np.arctan2(images["imag"], images["real"])
    calm = (size > 400) & (np.abs(angle) < 1) & (np.abs(angle) > 0.2)
    slope = np.median(images["phase"][calm] / angle[calm])
    assert slope == pytest.approx(1367, rel=0.01)
    assert np.median(np.abs(images["phase"][calm] / 1367 - angle[calm])) < 0.03


def test_two_points_refuse_these_echoes(leg, tmp_path):
    images, times = leg
    given = complex_of(opened(tmp_path, times, real=images["real"], imag=images["imag"]))
    with pytest.raises(ProtocolError) as caught:
        runner.run(pdff_two_point.BIOMARKER, {"gre": given}, pdff_two_point.Options())
    assert "3.9, 6.3 ms" in caught.value.found
