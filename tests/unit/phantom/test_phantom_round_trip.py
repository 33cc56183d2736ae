"""Every kind of series that the phantom writes is read back as the acquisition it was made with, and BIDS accepts it."""

import json
from pathlib import Path

import numpy as np
import pytest

from neuromyo.core.errors import OptionError
from neuromyo.core.series import Series
from neuromyo.io import bids, nifti
from neuromyo.phantom import sets
from neuromyo.phantom.acquire import acquire, noise_sigma
from neuromyo.phantom.pose import Pose
from neuromyo.phantom.render import Sampling
from neuromyo.phantom.write import _scan, make_scene, poses, write
from tests.unit.phantom.toys import TOYS

SERIES = """
[[series]]
biomarker = "toy-mpm"
acq = "nerve"
[[series]]
biomarker = "toy-dwi"
entities = { dir = "AP" }
b_value_s_mm2 = 800.0
directions = 7
unweighted = 2
fat_left = 0.1
readout_s = 0.02
phase_encoding = "j-"
[[series]]
biomarker = "toy-dwi"
kind = "epi"
entities = { dir = "PA" }
b_value_s_mm2 = 0.0
unweighted = 1
readout_s = 0.02
[[series]]
biomarker = "toy-afi"
[[series]]
biomarker = "toy-dam"
[[series]]
biomarker = "toy-vfa"
[[series]]
biomarker = "toy-mtr"
[[series]]
biomarker = "toy-b0"
[[series]]
biomarker = "toy-ir"
[[series]]
biomarker = "toy-mese"
"""
HEAD = """
title = "tiny"
seed = 4
snr = 50
legs = "right"
[grid]
matrix = [24, 20]
spacing_mm = [8.0, 9.0]
slices = 3
slice_spacing_mm = 10.0
slice_thickness_mm = 10.0
centre_z_mm = 100.0
centre_x_mm = 90.0
tilt_deg = 6.0
[fields]
b0_hz = 200.0
receive = 0.3
[motion]
turn_deg = 3.0
shift_mm = 4.0
[[subject]]
label = "A1"
"""
STUDY = sets.parse(HEAD + SERIES, "tiny")
#: what a sidecar states beside what the toys do
SAID = {"field_strength": 3.0, "manufacturer": "neuromyo phantom", "body_part": "LEG", "slice_thickness_mm": 10.0}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    return write(tmp_path_factory.mktemp("made") / "study", STUDY, TOYS, sampling=Sampling(2))


@pytest.fixture(scope="module")
def read(made, tmp_path_factory) -> list[Series]:
    dataset = bids.index(made)
    session = bids.open_session(dataset, dataset.sessions[0], scratch=tmp_path_factory.mktemp("s"), memory_mb=200)
    assert not session.errors
    return list(session.series)


def expected() -> dict[tuple[int, str], Series]:
    """Series by number in the study and role, made in memory."""
    here = make_scene(STUDY, STUDY.people[0], STUDY.people[0].visits[0], (0, 0), Sampling(2))
    scans = [_scan(plan, TOYS, STUDY.snr) for plan in STUDY.series]
    moved = poses(STUDY, scans, here.grid, (0, 0))
    return {
        (n, role): series
        for n, scan in enumerate(scans)
        for role, series in acquire(here, scan, STUDY.seed, (0, 0, n), poses=moved[n]).items()
    }


def test_every_series_reads_back_as_it_was_made(read):
    wanted = expected()
    for (number, role), series in wanted.items():
        plan = STUDY.series[number]
        kind = plan.kind or series.kind
        labels = {**plan.entities, **({"acq": plan.acq} if plan.acq else {}), **series.entities}
        same = [s for s in read if s.kind == kind and all(s.entities.get(k) == v for k, v in labels.items())]
        assert same, (kind, role)
        for one in same:
            _same_acquisition(one, series)
            assert one.grid.same_as(series.grid)
            image = series.read()
            if np.iscomplexobj(image) and one.part in ("mag", "phase"):
                image = np.abs(image) if one.part == "mag" else np.angle(image)
            np.testing.assert_allclose(one.read(), image, rtol=1e-5, atol=1e-4)


def _same_acquisition(found: Series, wanted: Series) -> None:
    stated = wanted.acquisition.as_dict()
    if found.kind == "epi":
        stated = {name: value for name, value in stated.items() if not name.startswith("b_v")}
    for name, value in {**stated, **{n: v for n, v in SAID.items() if n not in stated}}.items():
        there = getattr(found.acquisition, name)
        if name == "b_vectors":
            np.testing.assert_allclose(there, value, atol=1e-6)
        else:
            assert there == pytest.approx(value) if isinstance(value, tuple | float) else there == value, name


def test_complex_series_come_in_two_parts_and_phases_in_rad(made):
    folder = made / "sub-A1" / "anat"
    for flip, mt in (("1", "off"), ("1", "on"), ("2", "off")):
        for echo in (1, 2, 3):
            stem = f"sub-A1_acq-nerve_echo-{echo}_flip-{flip}_mt-{mt}"
            about = json.loads((folder / f"{stem}_part-phase_MPM.json").read_text())
            assert about["Units"] == "rad" and about["MTState"] is (mt == "on") and about["EchoTime"] > 0
            assert (folder / f"{stem}_part-mag_MPM.nii.gz").is_file()
    assert (folder / "sub-A1_echo-1_part-phase_MEGRE.nii.gz").is_file()
    assert (folder / "sub-A1_echo-2_flip-1_VFA.nii.gz").is_file()


def test_phases_span_a_whole_turn(read):
    phases = [s.read() for s in read if s.part == "phase"] or [np.angle(s.read()) for s in read if s.part == "complex"]
    assert phases and all(np.ptp(p) > 0.95 * 2 * np.pi and np.abs(p).max() <= np.pi + 1e-5 for p in phases)


def test_echo_planar_images_say_how_they_are_distorted(made):
    ap = json.loads((made / "sub-A1" / "dwi" / "sub-A1_dir-AP_dwi.json").read_text())
    pa = json.loads((made / "sub-A1" / "fmap" / "sub-A1_dir-PA_epi.json").read_text())
    assert (ap["PhaseEncodingDirection"], pa["PhaseEncodingDirection"]) == ("j-", "j")
    assert ap["TotalReadoutTime"] == pa["TotalReadoutTime"] == 0.02


@pytest.mark.parametrize("where", [".", "derivatives/truth"])
def test_the_validator_finds_no_error(made, where, validator):
    assert [(e["code"], e.get("location"), e.get("issueMessage")) for e in validator(made / where)] == []


def test_the_truth_of_diffusion_and_motion_lies_beside_it(made, tmp_path):
    folder = made / "derivatives" / "truth"
    from neuromyo.io.unpack import Room

    room = Room(tmp_path, 200)
    stem = folder / "sub-A1" / "dwi" / "sub-A1_acq-nerve_desc-truth"
    images = {
        name: nifti.load(Path(f"{stem}_{name}.nii.gz"), room, name=name, max_input_gb=1, geometry="strict").data.read()
        for name in ("tensor", "FA", "V1")
    }
    assert images["tensor"].shape[-1] == 6 and images["V1"].shape[-1] == 3
    tissue = np.isfinite(images["FA"][..., 0])
    assert 0.2 < np.median(images["FA"][tissue]) < 0.4 or images["FA"][tissue].max() > 0.2
    along = images["V1"][tissue]
    np.testing.assert_allclose(np.linalg.norm(along, axis=1), 1.0, atol=1e-5)
    about = json.loads((folder / "sub-A1_acq-nerve_desc-truth_regions.json").read_text())
    moved = about["Moved"]
    assert len(moved) == sum(len(TOYS[p.biomarker].typical) for p in STUDY.series)
    np.testing.assert_allclose(moved[0]["BodyToScanner"], np.eye(4))
    assert all(not np.allclose(m["BodyToScanner"], np.eye(4)) for m in moved[1:])


def test_all_scans_of_a_biomarker_have_the_same_noise():
    scan = _scan(STUDY.series[0], TOYS, 50.0)
    assert len(set(noise_sigma(scan).values())) == 1


def test_nobody_moves_unless_asked():
    study = sets.parse((HEAD + SERIES).replace("turn_deg = 3.0", "").replace("shift_mm = 4.0", ""), "tiny")
    scans = [_scan(plan, TOYS, 50.0) for plan in study.series]
    assert {pose for one in poses(study, scans, study.stack.grid(), (0, 0)) for pose in one.values()} == {Pose()}


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (('phase_encoding = "j-"', 'phase_encoding = "up"'), "phase_encoding"),
        (("readout_s = 0.02\n[[series]]\nbiomarker = \"toy-afi\"", "[[series]]\nbiomarker = \"toy-afi\""), "readout_s"),
        (('biomarker = "toy-mese"', 'biomarker = "toy-mese"\nchanges = { mese = { echo_tims = [1.0] } }'), "echo_tims"),
        (('legs = "right"', 'legs = "middle"'), "middle"),
        (("b0_hz = 200.0", "b0 = 200.0"), "b0"),
        (('title = "tiny"', 'like = "arm"'), "arm"),
    ],
)  # fmt: skip
def test_a_mistyped_series_is_refused_by_name(change, match):
    with pytest.raises(OptionError, match=match):
        sets.parse((HEAD + SERIES).replace(*change), "tiny")


def test_a_role_that_a_biomarker_lacks_is_refused():
    study = sets.parse(HEAD + SERIES.replace('biomarker = "toy-mese"', 'biomarker = "toy-mese"\nroles = ["gre"]'), "t")
    with pytest.raises(OptionError, match="roles out of mese"):
        _scan(study.series[-1], TOYS, 50.0)


def test_a_set_like_another_differs_only_in_what_it_says():
    small, full = sets.load("nerve_small"), sets.load("nerve_3t")
    assert small.series == full.series and small.fields == full.fields and small.people == full.people
    assert small.stack.matrix == (64, 64) and small.stack.centre_x_mm == full.stack.centre_x_mm
    assert full.stack.grid().shape == (192, 192, 40) and full.legs == ("right",)
