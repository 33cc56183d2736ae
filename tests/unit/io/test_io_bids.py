"""The index and the opening of sessions: inheritance, grouping, order, and what happens to one bad file."""

import json
import time

import numpy as np
import pytest

from neuromyo.core.errors import NeuromyoError
from neuromyo.core.grid import Grid
from neuromyo.io import bids, gradients, names, sidecar
from tests.gauntlet.making import AFFINE, digests, gz, leg, nii, study


def put(root, relative, array=None, **fields):
    path = root / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gz(nii(leg(1)[..., 0] if array is None else array)))
    if fields:
        path.with_name(path.name.removesuffix(".nii.gz") + ".json").write_text(json.dumps(fields))


def opened(root, tmp_path, n=0, **options):
    dataset = bids.index(root)
    return bids.open_session(dataset, dataset.sessions[n], scratch=tmp_path / "scratch", **options)


def test_sessions_and_labels(tmp_path):
    for where in (
        "sub-2/ses-m0/anat/sub-2_ses-m0_T1w",
        "sub-10/ses-m1/anat/sub-10_ses-m1_T1w",
        "sub-10/anat/sub-10_T1w",
        "derivatives/x/sub-9/anat/sub-9_T1w",
        "sourcedata/sub-8/anat/sub-8_T1w",
    ):
        put(tmp_path, f"{where}.nii.gz")
    dataset = bids.index(tmp_path)
    assert [s.label for s in dataset.sessions] == ["sub-2_ses-m0", "sub-10_ses-m1", "sub-10"]
    assert [f.code for f in dataset.findings] == ["W-BIDS"]
    assert [s.label for s in bids.index(tmp_path, subjects=["sub-10"], sessions=["m1"]).sessions] == ["sub-10_ses-m1"]
    missing = bids.index(tmp_path, subjects=["10", "77"])
    assert "W-NOTFOUND" in [f.code for f in missing.findings]


@pytest.mark.parametrize("name", ["nothing", "empty", "file"])
def test_no_bids_folder(tmp_path, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    with pytest.raises(NeuromyoError) as caught:
        bids.index(tmp_path / name)
    assert caught.value.code in ("E-BIDS", "E-NOTFOUND") and caught.value.exit_status == 2


def test_the_closest_sidecar_wins_field_by_field(tmp_path):
    put(tmp_path, "sub-1/anat/sub-1_echo-1_MESE.nii.gz", EchoTime=0.01)
    put(tmp_path, "sub-1/anat/sub-1_echo-2_MESE.nii.gz", leg(2)[..., 1], EchoTime=0.02, RepetitionTime=3)
    (tmp_path / "MESE.json").write_text(json.dumps({"RepetitionTime": 9, "FlipAngle": 90, "EchoTime": 0.5}))
    (tmp_path / "VFA.json").write_text(json.dumps({"MagneticFieldStrength": 7}))
    (tmp_path / "sub-1" / "sub-1_MESE.json").write_text(json.dumps({"RepetitionTime": 3}))
    (tmp_path / "sub-1" / "sub-2_MESE.json").write_text(json.dumps({"RepetitionTime": 4}))
    session = opened(tmp_path, tmp_path)
    (series,) = session.series
    assert series.acquisition.as_dict() == {
        "repetition_time": 3.0,
        "echo_times": (0.01, 0.02),
        "flip_angles_deg": (90.0,),
    }
    assert set(session.inputs) == {"MESE.json", "sub-1/sub-1_MESE.json"} | {
        f"sub-1/anat/sub-1_echo-{n}_MESE{e}" for n in (1, 2) for e in (".json", ".nii.gz")
    }
    assert session.inputs.items() <= digests(tmp_path).items()


def test_each_flip_angle_and_mt_state_of_a_protocol_is_a_series_with_its_own_echoes(tmp_path):
    stem = "sub-1/anat/sub-1_echo-{}_flip-{}_mt-{}_MPM.nii.gz"
    for echo in (1, 2):
        for flip, mt in ((1, "on"), (1, "off"), (2, "off")):
            put(tmp_path, stem.format(echo, flip, mt), leg(1, seed=10 * echo + flip + (mt == "on"))[..., 0],
                EchoTime=echo / 400, FlipAngle=6.0 * flip, RepetitionTimeExcitation=0.03 / flip)  # fmt: skip
    opened_series = {(s.entities["flip"], s.entities["mt"]): s for s in opened(tmp_path, tmp_path).series}
    assert set(opened_series) == {("1", "on"), ("1", "off"), ("2", "off")}
    assert all(s.n == 2 and s.acquisition.echo_times == (0.0025, 0.005) for s in opened_series.values())
    assert opened_series["1", "on"].acquisition.mt_on == (True,)
    assert opened_series["2", "off"].acquisition.repetition_time == 0.015
    assert np.array_equal(opened_series["2", "off"].read()[::-1][..., 1], leg(1, seed=22)[..., 0])


def test_parts_are_series_of_their_own(tmp_path):
    turn = np.random.default_rng(0).uniform(-np.pi, np.pi, leg(1).shape[:3])
    for part in ("mag", "phase"):
        for n in (1, 2):
            put(
                tmp_path,
                f"sub-1/anat/sub-1_run-1_echo-{n}_part-{part}_MEGRE.nii.gz",
                leg(2)[..., n - 1] if part == "mag" else turn.astype(np.float32),
                EchoTime=n / 1000,
            )
    assert [(s.part, s.n, s.entities["run"]) for s in opened(tmp_path, tmp_path).series] == [
        ("mag", 2, "1"),
        ("phase", 2, "1"),
        ("complex", 2, "1"),
    ]


def test_echo_files_on_other_grids_are_refused(tmp_path):
    root = study(tmp_path / "s", ("1",))
    moved = AFFINE.copy()
    moved[1, 3] += 1
    (root / "sub-1/anat/sub-1_echo-4_MESE.nii.gz").write_bytes(gz(nii(leg()[..., 3], moved)))
    ((_, error),) = opened(root, tmp_path).errors
    assert error.code == "E-GRID" and "echo-4" in error.where and "0.5 voxels" in error.found


@pytest.mark.parametrize("text", ["{", "[1]", '{"EchoTime": 1, "EchoTime": 2}', "[" * 100_000, "\ufeff{'a'}"])
def test_broken_sidecars(tmp_path, text):
    root = study(tmp_path / "s", ("1",))
    path = root / "sub-1/anat/sub-1_echo-2_MESE.json"
    path.write_text(text)
    ((_, error),) = opened(root, tmp_path).errors
    assert error.code == "E-SIDECAR" and "sub-1_echo-2_MESE.json" in error.where


def test_fields_in_si():
    meta = {"ImagingFrequency": 123.2, "MagneticFieldStrength": 3, "SliceThickness": 5, "Manufacturer": " Siemens ",
            "SpoilingRFPhaseIncrement": 50, "MTOffsetFrequency": -1500, "MRAcquisitionType": "3D", "InversionTime": 0.5,
            "RepetitionTimePreparation": 5, "RepetitionTimeExcitation": 0.01, "BodyPart": "LEG"}  # fmt: skip
    fields = sidecar.fields_of(meta, "x", "IRT1")
    assert fields.single == {
        "imaging_frequency_hz": 123.2e6, "field_strength": 3.0, "slice_thickness_mm": 5.0, "manufacturer": "Siemens",
        "rf_spoiling_increment_deg": 50.0, "mt_offset_hz": -1500.0, "slice_order_3d": True, "repetition_time": 5.0,
        "body_part": "LEG",
    }  # fmt: skip
    assert fields.inversion_times == (0.5,)
    assert sidecar.fields_of(meta, "x", "VFA").single["repetition_time"] == 0.01


@pytest.mark.parametrize(
    "meta",
    [{"FlipAngle": 0}, {"FlipAngle": 400}, {"FlipAngle": [90, "x"]}, {"RepetitionTime": -1}, {"InversionTime": 500},
     {"MagneticFieldStrength": 30000}, {"ImagingFrequency": 123e6}, {"SliceThickness": 0}],
)  # fmt: skip
def test_fields_out_of_their_unit(meta):
    with pytest.raises(NeuromyoError) as caught:
        sidecar.fields_of(meta, "x.nii", "MESE")
    assert caught.value.code == "E-UNITS" and next(iter(meta)) in caught.value.where and caught.value.remedy


def test_names():
    name = names.split("sub-01_run-2_acq-a_echo-03_MESE.nii.gz")
    assert name and list(name.entities) == ["sub", "acq", "run", "echo"] and name.ending == ".nii.gz"
    assert names.join(name.entities, "T2map", ".json") == "sub-01_acq-a_run-2_echo-03_T2map.json"
    for bad in ("sub-01_sub-02_T1w.nii", "sub-_T1w.nii", "T1w", "sub-1_T 1.nii", "-x_T1w.nii"):
        assert names.split(bad) is None


def test_gradients(tmp_path):
    grid = Grid.of((2, 2, 2), np.diag([2.0, 2, 2, 1]))
    (tmp_path / "a.bval").write_text("0 1000 1000 700\n")
    assert gradients.read_bvals(tmp_path / "a.bval", "a.bval", 4) == (0.0, 1e9, 1e9, 7e8)
    rows = np.array([[np.nan, 1, 0, 0], [np.nan, 0, 1, 0], [np.nan, 0, 0, 1]])
    np.savetxt(tmp_path / "a.bvec", rows)
    np.savetxt(tmp_path / "b.bvec", rows.T)
    vectors, findings = gradients.read_bvecs(tmp_path / "a.bvec", "a.bvec", 4, grid)
    assert vectors == ((0, 0, 0), (-1, 0, 0), (0, 1, 0), (0, 0, 1)) and not findings
    turned, findings = gradients.read_bvecs(tmp_path / "b.bvec", "b.bvec", 4, grid)
    assert turned == vectors and [f.code for f in findings] == ["W-GRAD"]
    left = Grid.of((2, 2, 2), np.diag([2.0, 2, 2, 1]), source_axes=((0, True), (1, False), (2, False)))
    assert gradients.read_bvecs(tmp_path / "a.bvec", "a.bvec", 4, left)[0][1] == (-1, 0, 0)
    for text, n, code in (
        ("0 1000", 3, "E-GRAD"),
        ("0 1e9", 2, "E-UNITS"),
        ("0 -5", 2, "E-UNITS"),
        ("0 x", 2, "E-GRAD"),
    ):
        (tmp_path / "c.bval").write_text(text)
        with pytest.raises(NeuromyoError) as caught:
            gradients.read_bvals(tmp_path / "c.bval", "c.bval", n)
        assert caught.value.code == code


def test_a_large_dataset_is_indexed_without_opening_a_file(tmp_path):
    for s in range(50):
        folder = tmp_path / f"sub-{s}" / "anat"
        folder.mkdir(parents=True)
        for e in range(20):
            (folder / f"sub-{s}_echo-{e}_MESE.nii.gz").touch()
            (folder / f"sub-{s}_echo-{e}_MESE.json").touch()
    start = time.monotonic()
    dataset = bids.index(tmp_path)
    assert len(dataset.sessions) == 50 and all(len(s.groups[0].images) == 20 for s in dataset.sessions)
    assert time.monotonic() - start < 10


@pytest.mark.realdata
def test_the_real_calf(realdata, tmp_path):
    session = opened(realdata / "calf_bids", tmp_path)
    (series,) = session.series
    assert (series.kind, series.n, series.grid.shape) == ("MESE", 17, (160, 160, 13)) and not session.errors
    assert np.allclose(np.diff(series.acquisition.echo_times), 0.0076)
    assert not {"repetition_time", "flip_angles_deg", "field_strength"} & set(series.acquisition.as_dict())
    assert [f.code for f in session.findings] == ["W-NEGATIVE"]
