"""G30: phase that is not in radians over one turn, and magnitude and phase exchanged, through ``run``, ``check`` and ``fit``."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import nibabel
import numpy as np
import pytest

from tests.gauntlet.driving import AFFINE, SHAPE, legs, neuromyo, results
from tests.gauntlet.making import digests, gz, nii

pytestmark = pytest.mark.gauntlet

TE = (0.0023, 0.0046, 0.0069)
ASK = ("--biomarkers", "b0", "--nprocs", 1)
FIELD_HZ = 60.0


def images(seed):
    """Magnitude in 12 bits and phase in radians, (x, y, z, n), of two legs in noise, off resonance by `FIELD_HZ`."""
    rng = np.random.default_rng(seed)
    left, right = legs()
    signal = (
        1000.0
        * (left | right)[..., None]
        * np.exp(1j * (0.4 + 2 * np.pi * FIELD_HZ * np.array(TE)) - np.array(TE) / 0.03)
    )
    signal = signal + rng.normal(0, 8, signal.shape) + 1j * rng.normal(0, 8, signal.shape)
    size = np.abs(signal)
    return np.rint(size / size.max() * 4095).astype(np.float32), np.angle(signal).astype(np.float32)


def bits(phase):
    """As 12 bits without sign; two voxels of air stand at the ends."""
    stored = np.floor((phase + np.pi) / (2 * np.pi) * 4096).clip(0, 4095).astype(np.float32)
    stored[0, 0, 0, 0], stored[0, 1, 0, 0] = 0, 4095
    return stored


def milli(phase):
    stored = np.rint(1000 * phase)
    stored[0, 0, 0, 0], stored[0, 1, 0, 0] = -3142, 3142
    return stored


@dataclass(frozen=True)
class Case:
    """What becomes of (magnitude, phase), what the sidecar calls the phase, which file is named, words of the remedy."""

    name: str
    change: Callable
    units: str | None = None
    where: str = "part-phase_MEGRE"
    remedy: str = "multiply by"
    also: str = ""


REFUSED = [
    Case("12-bits-unit-not-stated", lambda m, p: (m, bits(p)), None, remedy='"Units": "arbitrary"'),
    Case("12-bits-called-radians", lambda m, p: (m, bits(p)), "rad", remedy="0.00153398"),
    Case("thousandths-called-radians", lambda m, p: (m, milli(p)), "rad", remedy="0.001"),
    Case("12-bits-half-filled", lambda m, p: (m, np.rint(bits(p) / 2)), "arbitrary", remedy="multiply by 0.003"),
    Case("degrees", lambda m, p: (m, np.degrees(p)), "deg", remedy="multiply by 0.0174"),
    Case("turns", lambda m, p: (m, p / (2 * np.pi)), "rad", remedy="multiply by 6.28"),
    Case("six-percent-short", lambda m, p: (m, 0.94 * p), "rad", remedy="multiply by 1.06"),
    Case("six-percent-long", lambda m, p: (m, 1.06 * p), "rad", remedy="multiply by 0.94"),
    Case(
        "unwrapped", lambda m, p: (m, p + 2 * np.pi * (np.indices(m.shape)[0] > 12)), "rad", remedy="neither unwrapped"
    ),
    Case("masked-far", lambda m, p: (m, np.where(m > 1000, 0.1 * p, 0)), "rad", remedy="nor masked"),
    Case("exchanged-12-bits", lambda m, p: (bits(p), m), "arbitrary", remedy="exchange", also="part-mag"),
    Case("exchanged-radians", lambda m, p: (p, m), "rad", remedy="exchange", also="part-mag"),
    Case("phase-as-magnitude", lambda m, p: (p, p), "rad", "part-mag_MEGRE", "exchange"),
    Case("magnitude-as-phase", lambda m, p: (m, m), "arbitrary", remedy="exchange"),
]


def write_subject(root, subject, case=None):
    anat = root / f"sub-{subject}" / "anat"
    anat.mkdir(parents=True)
    (root / "dataset_description.json").write_text(json.dumps({"Name": "Gauntlet", "BIDSVersion": "1.10.0"}))
    size, phase = images(len(subject))
    units = "rad"
    if case is not None:
        (size, phase), units = case.change(size, phase), case.units
    for part, array in (("mag", size), ("phase", phase)):
        stem = anat / f"sub-{subject}_part-{part}_MEGRE"
        stem.with_name(stem.name + ".nii.gz").write_bytes(gz(nii(np.asarray(array, np.float32), AFFINE), 1))
        said = {"EchoTime": TE, "MagneticFieldStrength": 3.0} | ({"Units": units} if part == "phase" and units else {})
        stem.with_name(stem.name + ".json").write_text(json.dumps(said))
    return anat


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """What the good subject's files are in a run without the bad one."""
    folder = tmp_path_factory.mktemp("good")
    write_subject(folder / "bids", "good")
    ended = neuromyo("run", folder / "bids", folder / "out", "participant", *ASK)
    assert ended.status == 0, ended.err
    found = results(folder / "out", "good")
    assert any(name.endswith("fieldmap.nii.gz") for name in found), sorted(found)
    return found


def one_sentence(message, case):
    assert case.where in message and case.remedy in message.rpartition("found")[2], message
    assert "needed" in message and message.endswith("[E-PHASE]") and message.isprintable(), message


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_run_refuses_it_and_the_good_subject_is_none_the_worse(case, good, tmp_path):
    write_subject(tmp_path / "bids", "bad", case)
    write_subject(tmp_path / "bids", "good")
    before = digests(tmp_path / "bids")
    ended = neuromyo("run", tmp_path / "bids", tmp_path / "out", "participant", *ASK)
    assert ended.status == 2 == ended.json["exit"], ended.err
    failures = [f for f in ended.json["failures"] if f["code"] != "E-NEEDS"]
    assert {f["code"] for f in failures} == {"E-PHASE"} and {f["session"] for f in failures} == {"sub-bad"}
    assert len(failures) == 1 + bool(case.also)
    one_sentence(next(f["message"] for f in failures if case.where in f["message"]), case)
    assert failures[0] in json.loads((tmp_path / "out" / "record" / "run.json").read_text())["failures"]
    assert results(tmp_path / "out", "good") == good
    assert not [n for n in results(tmp_path / "out", "bad") if n.endswith(".nii.gz")]
    assert digests(tmp_path / "bids") == before


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_check_and_fit_say_the_same(case, tmp_path):
    anat = write_subject(tmp_path / "bids", "bad", case)
    before = digests(tmp_path)
    ended = neuromyo("check", tmp_path / "bids")
    assert ended.status == 2
    (session,) = ended.json["sessions"]
    stops = [f for f in session["findings"] if f["level"] == "stop"]
    assert {f["code"] for f in stops} == {"E-PHASE"} and any(case.where in f["where"] for f in stops)
    assert any(case.remedy in f["remedy"] for f in stops)
    files = [f"echoes={anat / f'sub-bad_part-{part}_MEGRE.nii.gz'}" for part in ("mag", "phase")]
    ended = neuromyo("fit", "b0", *files, "-o", tmp_path / "fitted")
    assert ended.status == 2 and ended.json["error"]["code"] == "E-PHASE", ended.err
    assert str(anat) in ended.json["error"]["message"] and "sub-x" not in ended.json["error"]["message"]
    assert digests(tmp_path) == before


def test_a_vendors_range_called_arbitrary_gives_the_same_field_with_a_warning(tmp_path):
    anat = write_subject(tmp_path / "bids", "bad", Case("12-bits", lambda m, p: (m, bits(p)), "arbitrary"))
    files = [f"echoes={anat / f'sub-bad_part-{part}_MEGRE.nii.gz'}" for part in ("mag", "phase")]
    ended = neuromyo("fit", "b0", *files, "-o", tmp_path / "fitted")
    assert ended.status == 0 and "W-PHASE" in ended.err and "0 to 4095" in ended.err, ended.err
    field = np.asarray(nibabel.load(tmp_path / "fitted_B0.nii.gz").dataobj)
    left, right = legs()
    assert field.shape == SHAPE and np.abs(np.median(field[left | right]) - FIELD_HZ) < 0.5
    assert np.isnan(field[~(left | right)]).mean() > 0.95


def test_fit_names_the_parts_by_word_and_asks_for_names_that_tell(tmp_path):
    anat = write_subject(tmp_path / "bids", "bad")
    names = {"mag": "leg_mag", "phase": "leg_phase"}
    for part, name in names.items():
        for ending in (".nii.gz", ".json"):
            (tmp_path / f"{name}{ending}").write_bytes((anat / f"sub-bad_part-{part}_MEGRE{ending}").read_bytes())
    given = [f"echoes={tmp_path / name}.nii.gz" for name in names.values()]
    assert neuromyo("fit", "b0", *given, "-o", tmp_path / "a").status == 0
    alone = neuromyo("fit", "b0", given[0], "-o", tmp_path / "b")
    assert alone.status == 2 and "part mag" in alone.json["error"]["found"]
    (tmp_path / "leg_phase.nii.gz").rename(tmp_path / "leg.nii.gz")
    nameless = neuromyo("fit", "b0", given[0], f"echoes={tmp_path / 'leg.nii.gz'}", "-o", tmp_path / "c")
    assert nameless.status == 2 and "part-mag" in nameless.json["error"]["remedy"]
