"""The layout of ORMIR-MIDS: read as its converter writes it, and a round trip that changes nothing."""

import json
from pathlib import Path

import numpy as np
import pytest

from neuromyo.io import bids, ormir, ormir_names, sidecar
from neuromyo.pipeline.export import export
from tests.gauntlet.making import AFFINE, gz, leg, nii


def opened(root, scratch, number=0):
    dataset = bids.index(root)
    return bids.open_session(dataset, dataset.sessions[number], scratch=scratch)


def put(folder: Path, stem: str, array, **said):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{stem}.nii.gz").write_bytes(gz(nii(array), 1))
    (folder / f"{stem}.json").write_text(json.dumps(said))


#: what the converter (0.1.11) writes beside a GE multi-echo spin echo, down to its order
GE = {
    "EchoTime": [6.312, 12.624, 18.936, 25.248],
    "RepetitionTime": 2450.0, "FlipAngle": 90.0, "ScanningSequence": "SE", "SequenceVariant": "SK",
    "ScanOptions": "FAST_GEMS/ACC_GEMS", "MRAcquisitionType": "2D", "PixelBandwidth": 488.281, "Manufacturer": "GE MEDICAL SYSTEMS",
    "ImagingFrequency": 127.77967,
    "MagneticFieldStrength": 3.0, "ImageTypeSiemens": "ORIGINAL/PRIMARY/OTHER", "PhaseEncodingDirection": "j",
    "Modality": "MR", "FourthDimension": "EchoTime", "PulseSequenceType": "Multi-echo Spin Echo", "RefocusingFlipAngle": 180.0,
}  # fmt: skip


def test_a_folder_as_the_converter_leaves_it(tmp_path):
    folder = tmp_path / "in" / "sub-anon" / "ses-m0" / "mr-anat"
    put(folder, "sub-anon_MESE", leg(4), **GE)  # the visit is in the folder only
    put(folder, "sub-anon_t1w", leg(1)[..., 0], EchoTime=12.0, RepetitionTime=600.0)
    put(folder, "sub-anon_DESS-FID", leg(1)[..., 0], EchoTime=6.0)
    put(folder, "sub-anon_MEGRE_RECO", leg(1)[..., 0], EchoTime=6.0)
    put(folder.parent / "mr-quant", "sub-anon_T2", leg(1)[..., 0])
    for ending in ("patient", "extra"):  # hold the person's name and the whole header: never opened
        (folder / f"sub-anon_MESE_{ending}.json").write_text("not json")
    session = opened(tmp_path / "in", tmp_path)
    assert session.errors == ()
    mese, t1w = session.series
    assert (mese.kind, mese.entities, mese.data.shape[3]) == ("MESE", {"sub": "anon", "ses": "m0"}, 4)
    a = mese.acquisition
    assert a.echo_times == (0.006312, 0.012624, 0.018936, 0.025248) and a.repetition_time == 2.45
    assert (a.refocusing_angle_deg, a.flip_angles_deg, a.field_strength) == (180.0, (90.0,), 3.0)
    assert a.imaging_frequency_hz == pytest.approx(127779670.0) and a.sequence_name is None
    assert t1w.kind == "T1w" and t1w.acquisition.echo_times == (0.012,)
    assert sorted(f.where.rpartition("/")[2] for f in session.findings if f.code == "N-IGNORED") == [
        "sub-anon_DESS-FID.nii.gz", "sub-anon_MEGRE_RECO.nii.gz"]  # fmt: skip


def test_series_numbers_become_runs(tmp_path):
    folder = tmp_path / "in" / "sub-1" / "mr-anat"
    for number, te in (("003", 8.0), ("012", 9.0)):
        put(folder, f"{number}_sub-1_mese", leg(3), EchoTime=[te, 2 * te, 3 * te])
    session = opened(tmp_path / "in", tmp_path)
    assert session.errors == ()
    assert [(s.entities["run"], s.acquisition.echo_times[0]) for s in session.series] == [
        ("003", 0.008),
        ("012", 0.009),
    ]
    assert ormir_names.split("03_sub-1_mese.nii.gz") is None


def test_words_of_magnetisation_transfer(tmp_path):
    folder = tmp_path / "in" / "sub-1" / "mr-anat"
    put(folder, "sub-1_acq-off_T1w", leg(1)[..., 0], EchoTime=4.0, MTState="NONE")
    put(folder, "sub-1_acq-on_T1w", leg(1)[..., 0], EchoTime=4.0, MTState="OFF_RESONANCE")
    session = opened(tmp_path / "in", tmp_path)
    assert {s.entities["acq"]: s.acquisition.mt_on for s in session.series} == {"off": (False,), "on": (True,)}


def test_milliseconds_and_back():
    rng = np.random.default_rng(0)
    for seconds in [
        float(f"{v:.{d}g}") for v, d in zip(rng.uniform(1e-4, 5, 600), rng.integers(1, 16, 600), strict=True)
    ]:
        assert sidecar.seconds_of(ormir.milliseconds(seconds)) == seconds
    for seconds in rng.uniform(1e-4, 5, 200):  # more digits than a double holds in both units: the neighbour at most
        assert abs(sidecar.seconds_of(ormir.milliseconds(float(seconds))) - seconds) <= np.spacing(seconds)
    assert [ormir.milliseconds(s) for s in (0.0532, 0.1064, 0.044184)] == [53.2, 106.4, 44.184]


@pytest.fixture
def study(tmp_path):
    """Two visits with everything that a series can have varied, on an oblique, flipped grid."""
    root = tmp_path / "bids"
    root.mkdir()
    (root / "dataset_description.json").write_text(json.dumps({"Name": "made", "BIDSVersion": "1.10.0"}))
    turn = AFFINE.copy()
    turn[:3, :3] = turn[:3, :3] @ np.array([[0.96, -0.28, 0], [0.28, 0.96, 0], [0, 0, 1]])
    rng = np.random.default_rng(3)
    phase = rng.uniform(-np.pi, np.pi, (12, 10, 4, 3)).astype(np.float32)
    phase.flat[:2] = -np.pi, np.pi
    common = {"RepetitionTime": 3.1, "MagneticFieldStrength": 3, "ImagingFrequency": 123.2377, "Manufacturer": "Siemens",
              "BodyPartExamined": "CALF",
              "PixelBandwidth": 450.5, "SequenceName": "tse2d", "SliceThickness": 5, "MRAcquisitionType": "2D"}  # fmt: skip
    for session in ("m0", "m4"):
        anat, dwi = (root / "sub-01" / f"ses-{session}" / kind for kind in ("anat", "dwi"))
        anat.mkdir(parents=True)
        dwi.mkdir()
        for i in range(6):
            stem = anat / f"sub-01_ses-{session}_acq-calf_echo-{i + 1}_MESE"
            stem.with_suffix(".nii.gz").write_bytes(gz(nii(leg(6)[..., i], turn, scl_slope=0.37), 1))
            stem.with_suffix(".json").write_text(
                json.dumps({**common, "EchoTime": 0.0076 * (i + 1), "RefocusingFlipAngle": 178.5})
            )
        for part, array in (("mag", leg(3)), ("phase", phase)):
            stem = anat / f"sub-01_ses-{session}_part-{part}_MEGRE"
            stem.with_suffix(".nii.gz").write_bytes(gz(nii(array, turn), 1))
            units = {"Units": "rad"} if part == "phase" else {}
            stem.with_suffix(".json").write_text(
                json.dumps({**common, "EchoTime": [0.00123, 0.00246, 0.00369], "FlipAngle": 3, **units})
            )
        for flip, tr in ((1, 0.02), (2, 0.02), (3, 0.05)):
            stem = anat / f"sub-01_ses-{session}_flip-{flip}_VFA"
            stem.with_suffix(".nii.gz").write_bytes(gz(nii(leg(3)[..., flip - 1], turn), 1))
            stem.with_suffix(".json").write_text(
                json.dumps({**common, "EchoTime": 0.002, "FlipAngle": 4 * flip, "RepetitionTime": tr})
            )
        stem = dwi / f"sub-01_ses-{session}_dwi"
        stem.with_suffix(".nii.gz").write_bytes(gz(nii(np.repeat(leg(1), 7, axis=3), turn), 1))
        stem.with_suffix(".json").write_text(json.dumps({**common, "EchoTime": 0.05}))
        directions = np.vstack([np.zeros(3), np.eye(3), np.array([[0.6, 0.8, 0], [0, 0.6, -0.8], [0.8, 0, 0.6]])])
        stem.with_suffix(".bval").write_text(" ".join(["0", *["400"] * 6]))
        stem.with_suffix(".bvec").write_text("\n".join(" ".join(map(str, row)) for row in directions.T))
    return root


def test_a_round_trip_changes_nothing(study, tmp_path):
    done = export(study, tmp_path / "out", "ormir-mids")
    assert done.failures == () and done.exit_status == 0
    assert "sub-01/ses-m4/mr-anat/sub-01_ses-m4_acq-calf_MESE.nii.gz" in done.files
    for number in (0, 1):
        before, after = opened(study, tmp_path / "a", number), opened(tmp_path / "out", tmp_path / "b", number)
        assert after.errors == ()
        key = lambda s: (s.kind, s.part, s.acquisition.repetition_time or 0)  # noqa: E731
        ours, theirs = (sorted(s.series, key=key) for s in (before, after))
        assert [key(s) for s in ours] == [key(s) for s in theirs] and len(ours) == 7
        for a, b in zip(ours, theirs, strict=True):
            assert np.array_equal(a.read(), b.read()), a.kind
            assert a.grid.same_as(b.grid, 1e-5) and a.grid.source_axes == b.grid.source_axes
            assert a.acquisition.with_(b_vectors=None) == b.acquisition.with_(b_vectors=None)
            if a.kind == "dwi":
                assert np.allclose(a.acquisition.b_vectors, b.acquisition.b_vectors, atol=1e-9)


def test_the_sidecar_says_its_units(study, tmp_path):
    export(study, tmp_path / "out", "ormir-mids")
    said = json.loads((tmp_path / "out/sub-01/ses-m0/mr-anat/sub-01_ses-m0_acq-calf_MESE.json").read_text())
    assert said["EchoTime"] == [7.6, 15.2, 22.8, 30.4, 38.0, 45.6] and said["RepetitionTime"] == 3100.0
    assert said["RefocusingFlipAngle"] == 178.5 and said["FourthDimension"] == "EchoTime"
    assert "milliseconds" in said["UnitsNote"] and said["PulseSequenceType"] == "Multi-echo Spin Echo"
    gre = json.loads((tmp_path / "out/sub-01/ses-m0/mr-anat/sub-01_ses-m0_part-phase_MEGRE.json").read_text())
    assert gre["Units"] == "rad" and gre["WaterFatShift"] == pytest.approx(3.35 * 123.2377 / 450.5)


def test_series_of_two_repetition_times_get_two_names(study, tmp_path):
    files = export(study, tmp_path / "out", "ormir-mids").files
    assert [f.rpartition("/")[2] for f in files if "ses-m0" in f and f.endswith("VFA.nii.gz")] == [
        "sub-01_ses-m0_acq-tr20_VFA.nii.gz", "sub-01_ses-m0_acq-tr50_VFA.nii.gz"]  # fmt: skip


def test_one_bad_series_is_told_and_the_others_go(study, tmp_path):
    bad = study / "sub-01/ses-m0/anat/sub-01_ses-m0_acq-calf_echo-3_MESE.nii.gz"
    bad.write_bytes(bad.read_bytes()[:200])
    done = export(study, tmp_path / "out", "ormir-mids")
    assert [(f.session, f.code) for f in done.failures] == [("sub-01_ses-m0", "E-TRUNC")] and done.exit_status == 2
    assert "sub-01/ses-m4/mr-anat/sub-01_ses-m4_acq-calf_MESE.nii.gz" in done.files
    assert not any("ses-m0" in f and "MESE" in f for f in done.files)


def test_twice_gives_the_same_bytes(study, tmp_path):
    from tests.gauntlet.making import digests

    one, other = (export(study, tmp_path / n, "ormir-mids") for n in ("x", "y"))
    a, b = digests(tmp_path / "x"), digests(tmp_path / "y")
    assert one.files == other.files and a == b and export(study, tmp_path / "x", "ormir-mids").files == one.files
    assert digests(tmp_path / "x") == a


@pytest.mark.realdata
def test_a_real_calf_there_and_back(realdata, tmp_path):
    done = export(realdata / "calf_bids", tmp_path / "out", "ormir-mids")
    assert done.failures == ()
    (before,), (after,) = (
        opened(root, tmp_path / name).series for root, name in ((realdata / "calf_bids", "a"), (tmp_path / "out", "b"))
    )
    assert before.acquisition == after.acquisition and before.grid.same_as(after.grid, 1e-6)
    assert np.array_equal(before.read(), after.read())
