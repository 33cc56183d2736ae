"""From frames to a dataset and back: valid BIDS, the same voxels at the same places, the same numbers of acquisition."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import nibabel
import numpy as np
import pytest

from neuromyo.core.errors import DataError
from neuromyo.dicom.classify import Named, ignored, named
from neuromyo.dicom.frames import Scale
from neuromyo.dicom.stack import Stack
from neuromyo.io import bids, raw_bids, table
from tests.unit.dicom.frames_made import CORONAL, SAGITTAL, TRANSVERSE, Examination, echoes, turned

SPIN, GRADIENT = {"ScanningSequence": "SE"}, {"ScanningSequence": "GR"}
WHOLE = {"BitsStored": 12, "PixelRepresentation": 0}


def value_at(world: np.ndarray, volume: int, part: str = "mag") -> np.ndarray:
    """A picture that depends on the place in the world alone (and on the volume)."""
    x, y, z = np.moveaxis(world, -1, 0)
    if part == "phase":
        return np.angle(np.exp(1j * (0.3 * x + 0.2 * y + 0.41 * z + 0.7 * volume)))
    return np.round(1500 + 5 * x - 3 * y + 2 * z - 100 * volume)


def write_raw(path: Path, stack: Stack) -> None:
    """What the job ``pixels`` does: every plane to its place, last row first, by the frame's own geometry."""
    rows, columns = stack.first.shape
    raw = np.zeros((stack.n * len(stack.planes[0]), rows, columns), stack.dtype())
    j, i = np.mgrid[:rows, :columns]
    for v, volume in enumerate(stack.planes):
        for k, frame in enumerate(volume):
            lps = np.array(frame.position) + i[..., None] * np.array(frame.row) * frame.spacing_mm[1]
            lps = lps + j[..., None] * np.array(frame.column) * frame.spacing_mm[0]
            raw[v * len(volume) + k] = value_at(lps * (-1, -1, 1), v, stack.part)
    raw[:, ::-1].tofile(path)


def import_all(examination: Examination, root: Path, scratch: Path, **more) -> tuple[Named, ...]:
    scratch.mkdir(exist_ok=True)
    files, _ = named(examination.sorted().stacks, **{"subject": "01", **more})
    raws: dict[int, Path] = {}
    for file in files:
        raw = raws.setdefault(id(file.stack), scratch / f"{len(raws)}.raw")
        if not raw.exists():
            write_raw(raw, file.stack)
        raw_bids.write_image(root, file.image(raw))
    raw_bids.write_heads(root, root, title="Test", maps=any(f.derivative for f in files))
    raw_bids.ignore(root, root, ignored(files), inside=raw_bids.SCANNER)
    raw_bids.add_participant(root, root, "01", {"sex": "F", "age": 41.0})
    return files


def everything() -> Examination:
    """One of each kind there is."""
    e = Examination()
    e.add(2, echoes(3), facts={**SPIN, **WHOLE}, repetition_time=2.4, flip_angle_deg=90.0, plane=SAGITTAL)
    for part, scale in (("mag", Scale()), ("phase", Scale(0.001, 0, "rad"))):
        e.add(
            3, echoes(3, 0.002, 0.002), part=part, scale=scale, facts=GRADIENT, repetition_time=0.7, flip_angle_deg=50.0
        )
    for n, ti in enumerate((0.05, 0.4, 1.6, 3.0)):
        e.add(4 + n, inversion_time=ti, echo_time=0.012, facts={"ScanningSequence": "SE\\IR"}, repetition_time=5.0)
    common = {"facts": GRADIENT, "repetition_time": 0.03, "plane": CORONAL, "echo_time": 0.004}
    for number, mt in ((10, True), (11, False)):
        e.add(number, mt_on=mt, flip_angle_deg=10.0, **common)
    for number, flip, mt in ((15, 6.0, False), (16, 6.0, True), (17, 24.0, False)):
        e.add(
            number,
            echoes(2, 0.002, 0.002),
            mt_on=mt,
            repetition_time=0.025,
            flip_angle_deg=flip,
            facts=GRADIENT,
            shape=(8, 8),
        )
    for number, flip in ((20, 15.0), (21, 3.0)):
        e.add(number, echo_time=0.002, repetition_time=0.01, flip_angle_deg=flip, facts=GRADIENT, shape=(10, 8))
    for number, flip in ((25, 60.0), (26, 120.0)):
        e.add(number, echo_time=0.01, repetition_time=5.0, flip_angle_deg=flip, facts=GRADIENT, shape=(6, 6))
    for tr in (0.1, 0.02):
        e.add(27, echo_time=0.002, repetition_time=tr, flip_angle_deg=60.0, facts=GRADIENT, shape=(4, 6))
    weighted = [{"b_value": b, "b_vector": v, "echo_time": 0.06} for b, v in
                ((0.0, None), (8e8, (1.0, 0.0, 0.0)), (8e8, (0.0, 0.6, 0.8)), (8e8, (0.6, 0.0, -0.8)))]  # fmt: skip
    facts = {"ScanningSequence": "EP\\SE", "TotalReadoutTime": 0.05}
    e.add(30, weighted, facts=facts | {"PhaseEncodingDirection": "col"}, plane=turned((15, -10, 30)))
    e.add(31, weighted[:1], facts=facts | {"PhaseEncodingDirection": "col-"}, plane=turned((15, -10, 30)))
    e.add(32, weighted[:1], facts=facts | {"PhaseEncodingDirection": "col"}, plane=turned((15, -10, 30)))
    e.add(33, [{"echo_time": 0.06}], facts=facts | {"PhaseEncodingDirection": "col-"}, plane=turned((15, -10, 30)))
    named_so = {"facts": {**GRADIENT, "SequenceWords": ["fieldmap"]}, "shape": (12, 8)}
    e.add(35, echoes(2, 0.00492, 0.00246), **named_so)
    e.add(36, echo_time=0.00738, part="phase", scale=Scale(0.001, 0, "rad"), **named_so)
    for made in ("water", "fat"):
        e.add(40, made=made, echo_time=0.0012, repetition_time=0.004, flip_angle_deg=9.0, facts=GRADIENT)
    e.add(41, echo_time=0.08, repetition_time=3.0, facts=SPIN).add(
        42, echo_time=0.02, repetition_time=0.5, facts=GRADIENT
    )
    for n, made in enumerate(("T2map", "PDFF", "B0map", "B1map", "ADC", "FA")):
        e.add(50 + n, made=made, scale=Scale(1.0, 0.0, "ms"))
    return e


def test_all_kinds_are_valid_bids(tmp_path, validator) -> None:
    files = import_all(everything(), tmp_path / "ds", tmp_path / "raw", session="m0", side="left", body_part="calf")
    root = tmp_path / "ds"
    raw_bids.add_session(root, root, "01", "m0", "2001-05-03T00:00:00")
    scans = {f"{f.stem}.nii.gz": "2001-05-03T09:30:00" for f in files if not f.derivative}
    assert raw_bids.add_scans(root, root, "01", "m0", scans)
    assert {f.kind for f in files} >= {"MESE", "MEGRE", "IRT1", "MTR", "MPM", "VFA", "TB1DAM", "TB1AFI", "dwi", "sbref", "epi",
                                       "T1w", "T2w", "T2starw", "T2map", "phasediff"}  # fmt: skip
    assert not validator(root)
    assert not validator(root / raw_bids.SCANNER)


@pytest.mark.parametrize("plane", [TRANSVERSE, SAGITTAL, CORONAL, turned((20, 5, -40)), turned((170, 80, 3))])
def test_voxels_come_back_at_their_places(plane, tmp_path) -> None:
    facts = {**SPIN, **WHOLE}
    examination = Examination().add(2, echoes(3), facts=facts, repetition_time=2.4, flip_angle_deg=90.0, plane=plane)
    import_all(examination, tmp_path / "ds", tmp_path / "raw")
    dataset = bids.index(tmp_path / "ds")
    session = bids.open_session(dataset, dataset.sessions[0], scratch=tmp_path)
    assert not session.errors
    (series,) = session.series
    assert series.acquisition.echo_times == (0.01, 0.02, 0.03)
    assert series.acquisition.repetition_time == 2.4
    index = np.stack(np.meshgrid(*(np.arange(n) for n in series.grid.shape), indexing="ij"), axis=-1)
    world = series.grid.to_world(index)
    for v in range(3):
        expected = value_at(world, v)
        off = np.abs(series.read()[..., v] - expected)
        assert (off <= 1).all()  # a half rounded the other way
        assert (off == 0).mean() > 0.95
    image = nibabel.load(next((tmp_path / "ds").rglob("*echo-1*.nii.gz")))
    assert image.get_data_dtype() == np.int16
    np.testing.assert_allclose(image.get_qform(), image.get_sform(), atol=1e-3)
    assert int(image.header["qform_code"]) == int(image.header["sform_code"]) == 1


def test_directions_of_diffusion_come_back_in_the_world(tmp_path) -> None:
    plane = turned((15, -10, 30))
    vectors = [
        (1.0, 0.0, 0.0),
        (0.0, 0.6, 0.8),
        (0.6, 0.0, -0.8),
        (0.0, 1.0, 0.0),
        (0.36, 0.48, 0.8),
        (-0.48, 0.6, 0.64),
        (0, 0, 1.0),
    ]
    volumes = [{"b_value": 0.0}, *({"b_value": 5e8, "b_vector": v} for v in vectors)]
    import_all(
        Examination().add(9, volumes, plane=plane, facts={"ScanningSequence": "EP"}), tmp_path / "ds", tmp_path / "raw"
    )
    dataset = bids.index(tmp_path / "ds")
    (series,) = bids.open_session(dataset, dataset.sessions[0], scratch=tmp_path).series
    assert series.acquisition.b_values == pytest.approx([0.0] + [5e8] * 7)
    np.testing.assert_allclose(series.acquisition.b_vectors[1:], np.array(vectors) * (-1, -1, 1), atol=1e-6)


def test_phase_comes_back_in_radians_and_makes_a_complex_series(tmp_path) -> None:
    examination = Examination()
    for part, scale in (("mag", Scale()), ("phase", Scale(0.001, 0, "rad"))):
        examination.add(3, echoes(3, 0.002, 0.002), part=part, scale=scale, facts=GRADIENT, slices=12, shape=(24, 24))
    import_all(examination, tmp_path / "ds", tmp_path / "raw")
    dataset = bids.index(tmp_path / "ds")
    session = bids.open_session(dataset, dataset.sessions[0], scratch=tmp_path)
    assert not session.errors
    assert not session.findings
    assert sorted(s.part for s in session.series) == ["complex", "mag", "phase"]


def test_the_same_bytes_every_time_and_little_memory(tmp_path) -> None:
    """64 MB of voxels pass through a buffer of one."""
    import tracemalloc

    raw = tmp_path / "voxels"
    shape = (256, 256, 64, 8)
    with raw.open("wb") as stream:
        stream.truncate(int(np.prod(shape)) * 2)
    image = raw_bids.RawImage("sub-01/anat/sub-01_T2w", raw, shape, "<i2", np.eye(4), {})
    tracemalloc.start()
    first = raw_bids.write_image(tmp_path / "a", image)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20
    assert first == raw_bids.write_image(tmp_path / "b", image)


def test_a_raw_file_that_ends_early(tmp_path) -> None:
    raw = tmp_path / "voxels"
    raw.write_bytes(bytes(100))
    with pytest.raises(DataError, match="E-TRUNC"):
        raw_bids.write_image(
            tmp_path, raw_bids.RawImage("sub-01/anat/sub-01_T2w", raw, (5, 5, 5), "<i2", np.eye(4), {})
        )
    assert not list(tmp_path.rglob("*.nii.gz"))


# --- tables -----------------------------------------------------------------------------------------------------------

THEIRS = "participant_id\tage\tcomment\r\nsub-09\t33\t=not touched \r\nsub-10\tn/a\t\r\n"


def test_rows_of_others_stay_to_the_letter(tmp_path) -> None:
    (tmp_path / "participants.tsv").write_text(THEIRS, newline="")
    assert raw_bids.add_participant(tmp_path, tmp_path, "01", {"sex": "F", "age": 41.0})
    text = (tmp_path / "participants.tsv").read_text()
    assert text == (
        "participant_id\tage\tcomment\tsex\nsub-09\t33\t=not touched \tn/a\nsub-10\tn/a\t\tn/a\nsub-01\t41\tn/a\tF\n"
    )
    assert not raw_bids.add_participant(tmp_path, tmp_path, "01", {"sex": "F", "age": 42.0}), "what is there stays"
    assert (tmp_path / "participants.tsv").read_text() == text


def test_missing_cells_of_the_subject_are_filled(tmp_path) -> None:
    (tmp_path / "participants.tsv").write_text(THEIRS, newline="")
    assert raw_bids.add_participant(tmp_path, tmp_path, "10", {"age": 50.0})
    assert table.read_tsv(tmp_path / "participants.tsv")["age"] == ["33", "50"]


def test_another_sex_is_another_person(tmp_path) -> None:
    raw_bids.add_participant(tmp_path, tmp_path, "01", {"sex": "F"})
    with pytest.raises(DataError, match=r"sub-01, sex: .*F there, M in the images.*E-ID"):
        raw_bids.add_participant(tmp_path, tmp_path, "01", {"sex": "M"})


def test_importing_again_adds_nothing(tmp_path) -> None:
    root, again = tmp_path / "ds", tmp_path / "again"
    raw_bids.write_heads(root, root, title="T", maps=True)
    raw_bids.add_participant(root, root, "01", {"sex": "F"})
    raw_bids.add_session(root, root, "01", "m0", None)
    raw_bids.add_scans(root, root, "01", "m0", {"sub-01/ses-m0/anat/sub-01_ses-m0_T2w.nii.gz": None})
    raw_bids.ignore(root, root, ["*_PDFF.*"])
    raw_bids.write_heads(root, again, title="Other", maps=True)
    assert not raw_bids.add_participant(root, again, "01", {"sex": "F"})
    assert not raw_bids.add_session(root, again, "01", "m0", None)
    assert not raw_bids.add_scans(root, again, "01", "m0", {"sub-01/ses-m0/anat/sub-01_ses-m0_T2w.nii.gz": None})
    raw_bids.ignore(root, again, ["*_PDFF.*"])
    assert not again.exists()
    assert (root / "sub-01/ses-m0/sub-01_ses-m0_scans.tsv").read_text() == (
        "filename\tacq_time\nanat/sub-01_ses-m0_T2w.nii.gz\tn/a\n"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [("subject\tage\nsub-01\t3\n", "row 1: needed participant_id"), ("participant_id\tage\nsub-01\n", "row 2"),
     ("participant_id\nsub-01\nsub-01\n", "sub-01 twice")],
)  # fmt: skip
def test_a_table_that_cannot_be_added_to(text, said, tmp_path) -> None:
    (tmp_path / "participants.tsv").write_text(text)
    with pytest.raises(DataError, match=said):
        raw_bids.add_participant(tmp_path, tmp_path, "02")


def test_moments_are_shifted_by_days() -> None:
    assert raw_bids.moment(date(2020, 2, 28), 34205.9, lambda d: d + timedelta(days=2)) == "2020-03-01T09:30:05"
    assert raw_bids.moment(date(2020, 2, 28), None, lambda d: d) == "2020-02-28T00:00:00"
