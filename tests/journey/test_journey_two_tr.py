"""Two repetition times and two echo times, from the scanner's files: import by the protocol, check, run; T1 and T2 are those put in."""

import nibabel
import numpy as np
import pytest

from tests.dialects import philips, siemens
from tests.dialects.exam import Examination
from tests.dialects.scan import Scan
from tests.journey import kit
from tests.oracles.two_tr import spin_echoes

SHAPE = (40, 36, 11)
#: voxels of 1.5 x 1.5 x 8 mm, in the world to the right, front and top
AFFINE = np.array([[-1.5, 0, 0, 30], [0, -1.5, 0, 28], [0, 0, 8.0, -40], [0, 0, 0, 1]])
T1, T2 = (1.2, 0.9), (0.035, 0.05)
TRS = {3: (0.5, (0.02,)), 4: (2.0, (0.02, 0.08))}


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return kit.install(tmp_path_factory.mktemp("two-tr") / "plugins")


def quarters():
    """T1, T2 (s) and the disc of tissue, (x, y, z): T1 differs between left and right, T2 between front and back."""
    x, y, _ = np.meshgrid(*(np.arange(n) - (n - 1) / 2 for n in SHAPE), indexing="ij")
    return np.where(x < 0, *T1), np.where(y < 0, *T2), x**2 + y**2 < 16**2


def scan(tr, echo_times, rng):
    t1, t2, disc = quarters()
    signal = np.zeros((*SHAPE, len(echo_times)))
    for a in T1:
        for b in T2:
            signal[(t1 == a) & (t2 == b) & disc] = 3500 * spin_echoes(tr, echo_times, a, b)
    noisy = np.hypot(signal + rng.normal(0, 8, signal.shape), rng.normal(0, 8, signal.shape))
    return Scan(
        np.rint(noisy).astype(np.uint16),
        AFFINE,
        sequence="SE",
        flip_deg=(90.0,),
        echo_times=echo_times,
        repetition_time=tr,
    )


def world_median(path, truth, value):
    """The median of a map over the inner part of the quarters where ``truth`` (in the scan's own order of voxels) is ``value``."""
    image = nibabel.load(path)
    back = np.linalg.inv(image.affine) @ AFFINE
    index = np.rint(np.einsum("ab,bxyz->axyz", back[:3, :3], np.indices(SHAPE)) + back[:3, 3, None, None, None]).astype(
        int
    )
    values = np.asarray(image.dataobj)[tuple(index)]
    x, y, _ = np.meshgrid(*(np.arange(n) - (n - 1) / 2 for n in SHAPE), indexing="ij")
    inner = (np.abs(x) > 2) & (np.abs(y) > 2) & (x**2 + y**2 < 13**2)
    return float(np.nanmedian(values[inner & (truth == value)]))


@pytest.mark.parametrize("vendor", [siemens, philips], ids=["siemens", "philips"])
def test_from_the_scanner_to_t1_and_t2(program, tmp_path, vendor):
    rng, exam = np.random.default_rng(1), Examination()
    for number, (tr, echo_times) in TRS.items():
        vendor.write(scan(tr, echo_times, rng), exam.series(number, f"se {round(1e3 * tr)}"), tmp_path / "in")
    bids, out = tmp_path / "bids", tmp_path / "out"
    taken = program("import", tmp_path / "in", bids, "--subject", "01", "--protocol", "als_1998", "--json")
    assert taken.status == 0, taken.err
    names = sorted(p.name for p in bids.rglob("*.nii.gz"))
    assert names == [f"sub-01_acq-{a}_MESE.nii.gz" for a in ("tr1_echo-1", "tr2_echo-1", "tr2_echo-2")]

    checked = program("check", bids, "--protocol", "als_1998", "--json")
    (session,) = checked.json["sessions"]
    grades = {v["biomarker"]: v["verdict"] for v in session["biomarkers"]}
    assert grades["t1-two-tr"] == "caveat" and grades["t2-mono"] == "fine"
    (no_b1,) = [f for f in session["findings"] if f["level"] == "warn"]
    assert (no_b1["code"], no_b1["where"]) == ("W-NOMAP", "t1-two-tr: B1") and "T1 biased by up to 58 %" in no_b1[
        "message"
    ]

    ran = program(
        "run", bids, out, "participant", "--protocol", "als_1998", "--biomarkers", "t1-two-tr,t2-mono", "--json"
    )
    assert ran.status == 0, ran.err
    (t1_map,) = out.rglob("*desc-t1twotr_T1map.nii.gz")
    (t2_map,) = out.rglob("*desc-t2mono_T2map.nii.gz")
    t1, t2, _ = quarters()
    for value in T1:
        assert world_median(t1_map, t1, value) == pytest.approx(value, rel=0.01)
    for value in T2:
        assert world_median(t2_map, t2, value) == pytest.approx(value, rel=0.01)
