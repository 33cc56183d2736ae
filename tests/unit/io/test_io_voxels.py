"""What the first look at voxels finds beyond a single series: copies, clipping at a ceiling, planes in another order."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest

from neuromyo.io import bids

AFFINE = np.diag([2.0, 2.0, 6.0, 1.0])
RNG = np.random.default_rng(11)


def noise(shape=(16, 16, 5)) -> np.ndarray:
    return RNG.integers(200, 900, shape).astype(np.int16)


def write(root: Path, name: str, data: np.ndarray, slope: float | None = None, **said) -> None:
    folder = root / "sub-01" / "anat"
    folder.mkdir(parents=True, exist_ok=True)
    (root / "dataset_description.json").write_text(json.dumps({"Name": "x", "BIDSVersion": "1.10.0"}))
    image = nibabel.Nifti1Image(data, AFFINE)
    if slope is not None:
        image.header.set_slope_inter(slope, 0)
    image.to_filename(folder / f"sub-01_{name}.nii.gz")
    (folder / f"sub-01_{name}.json").write_text(json.dumps(said))


def opened(root: Path, scratch: Path):
    dataset = bids.index(root)
    scratch.mkdir(exist_ok=True)
    return bids.open_session(dataset, dataset.sessions[0], scratch=scratch)


def found(root: Path, scratch: Path, code: str):
    return [f for f in opened(root, scratch).findings if f.code == code]


# --- copies -----------------------------------------------------------------------------------------------------------


def test_two_flip_angles_with_the_same_voxels_stop(tmp_path):
    same = noise()
    for flip, (angle, data) in enumerate([(4, same), (8, noise()), (16, same)], 1):
        write(tmp_path / "b", f"flip-{flip}_VFA", data, FlipAngle=angle, RepetitionTime=0.02)
    (one,) = found(tmp_path / "b", tmp_path / "s", "E-IDENTICAL")
    assert one.level == "stop" and one.where.startswith("sub-01/anat/sub-01_flip-3_VFA.nii.gz")
    assert "flip-1_VFA" in one.message and "FlipAngle is 4 degrees there and 16 degrees here" in one.message


def test_two_series_that_share_voxels_are_both_named(tmp_path):
    same = noise()
    write(tmp_path / "b", "flip-1_mt-off_MPM", same, FlipAngle=6, RepetitionTime=0.025, MTState=False)
    write(tmp_path / "b", "flip-1_mt-on_MPM", same, FlipAngle=6, RepetitionTime=0.025, MTState=True)
    stops = found(tmp_path / "b", tmp_path / "s", "E-IDENTICAL")
    told = {f.where.split(":")[0].split("flip-1_")[1]: f.message for f in stops}
    assert set(told) == {"mt-off_MPM.nii.gz", "mt-on_MPM.nii.gz"}
    assert "MTState is false there and true here" in told["mt-on_MPM.nii.gz"]
    assert "MTState is true there and false here" in told["mt-off_MPM.nii.gz"]


def test_a_copy_under_another_name_is_a_warning(tmp_path):
    same = noise()
    for acq in ("a", "b"):
        write(tmp_path / "b", f"acq-{acq}_T2w", same, EchoTime=0.05, RepetitionTime=3)
    (one,) = found(tmp_path / "b", tmp_path / "s", "W-IDENTICAL")
    assert one.level == "warn" and "acq-b" in one.where and "acq-a" in one.message


def test_one_voxel_apart_is_another_image(tmp_path):
    one, other = noise(), None
    other = one.copy()
    other[3, 3, 3], other[4, 4, 4] = one[4, 4, 4] + 1, one[3, 3, 3] - 1  # the same sum
    for acq, data in (("a", one), ("b", other)):
        write(tmp_path / "b", f"acq-{acq}_T2w", data, EchoTime=0.05)
    assert not [f for f in opened(tmp_path / "b", tmp_path / "s").findings if "IDENTICAL" in f.code]


# --- clipped ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slope", [None, 0.25])
@pytest.mark.parametrize(("share", "named"), [(0.1, True), (0.003, True), (0.0002, False)])
def test_clipping_at_the_ceiling_of_twelve_bits_is_named_with_its_share(tmp_path, slope, share, named):
    data = RNG.integers(300, 4000, (40, 40, 32)).astype(np.int16)
    data.ravel()[: round(share * data.size)] = 4095
    write(tmp_path / "b", "T2w", data, slope, EchoTime=0.05)
    clipped = found(tmp_path / "b", tmp_path / "s", "W-SATURATED")
    assert bool(clipped) == named
    if named:
        assert f"{100 * share:.2g} %" in clipped[0].message and "12 bits" in clipped[0].message


def test_a_shared_maximum_that_is_no_ceiling_needs_a_hundredth(tmp_path):
    data = RNG.integers(300, 2900, (40, 40, 32)).astype(np.int16)
    data.ravel()[: round(0.003 * data.size)] = 3000
    write(tmp_path / "b", "T2w", data, EchoTime=0.05)
    assert not found(tmp_path / "b", tmp_path / "s", "W-SATURATED")


# --- planes in another order ------------------------------------------------------------------------------------------


def train(echoes: int, slices: int, decay: float = 0.25) -> np.ndarray:
    body = 1000 * (1 + 0.3 * np.sin(np.arange(slices))) * RNG.normal(1, 0.05, (12, 12, slices))
    return body[..., None] * np.exp(-decay * np.arange(echoes)) + RNG.normal(0, 2, (12, 12, slices, echoes))


def test_echoes_written_slice_by_slice_are_found(tmp_path):
    """The trap: a header of 13 echoes of 18 slices over planes that run through the echoes first."""
    right = train(13, 18)
    planes = right.reshape(12, 12, -1)  # plane number: slice x 13 + echo
    wrong = planes.reshape(12, 12, 13, 18).transpose(0, 1, 3, 2)  # read as volume x 18 + slice
    times = [round(0.01 * (k + 1), 3) for k in range(13)]
    write(tmp_path / "wrong", "MESE", wrong.astype(np.float32), EchoTime=times)
    write(tmp_path / "right", "MESE", right.astype(np.float32), EchoTime=times)
    (one,) = found(tmp_path / "wrong", tmp_path / "s1", "W-VOLUME-ORDER")
    assert "13 volumes of 18 slices" in one.message and "every 13 planes" in one.message
    assert not found(tmp_path / "right", tmp_path / "s2", "W-VOLUME-ORDER")


def test_a_coil_that_sees_less_at_its_ends_is_no_wrong_order(tmp_path):
    data = train(8, 12, decay=0.05) * np.exp(-(((np.arange(12) - 5.5) / 4) ** 2))[:, None]
    write(tmp_path / "b", "MEGRE", data.astype(np.float32), EchoTime=[0.002 * (k + 1) for k in range(8)])
    assert not found(tmp_path / "b", tmp_path / "s", "W-VOLUME-ORDER")


# --- what sidecars say of scale and side ------------------------------------------------------------------------------


def test_philips_slopes_reach_the_acquisition(tmp_path):
    write(tmp_path / "b", "T2w", noise(), PhilipsRescaleSlope=2.5, PhilipsScaleSlope=0.004, Laterality="L")
    (series,) = opened(tmp_path / "b", tmp_path / "s").series
    assert (series.acquisition.rescale_slopes, series.acquisition.scale_slopes) == ((2.5,), (0.004,))
    assert series.acquisition.laterality == "left"


def test_slopes_of_floats_do_not_count(tmp_path):
    said = {"PhilipsRescaleSlope": 2.5, "PhilipsScaleSlope": 0.004, "UsePhilipsFloatNotDisplayScaling": 1}
    write(tmp_path / "b", "T2w", noise(), **said)
    (series,) = opened(tmp_path / "b", tmp_path / "s").series
    assert (series.acquisition.rescale_slopes, series.acquisition.scale_slopes) == ((1.0,), (1.0,))


def test_floats_without_a_scale_slope_are_no_signal(tmp_path):
    """A converter states what it was asked for; without the scale slope it could not do it."""
    write(tmp_path / "b", "T2w", noise(), PhilipsRescaleSlope=2.5, UsePhilipsFloatNotDisplayScaling=1)
    (series,) = opened(tmp_path / "b", tmp_path / "s").series
    assert (series.acquisition.rescale_slopes, series.acquisition.scale_slopes) == ((2.5,), None)


def test_slopes_of_some_files_only_stay_theirs(tmp_path):
    write(tmp_path / "b", "flip-1_VFA", noise(), FlipAngle=4, PhilipsRescaleSlope=2.0, PhilipsScaleSlope=1.0)
    write(tmp_path / "b", "flip-2_VFA", noise(), FlipAngle=8)
    (series,) = opened(tmp_path / "b", tmp_path / "s").series
    assert series.acquisition.rescale_slopes == (2.0, None)


def test_slopes_that_a_converter_lists_or_leaves_empty(tmp_path):
    data = np.stack([3 * noise(), 2 * noise(), noise()], axis=-1)
    write(tmp_path / "b", "T2w", noise(), PhilipsRescaleSlope=None, PhilipsScaleSlope=None)
    write(
        tmp_path / "b",
        "acq-b_MESE",
        data,
        EchoTime=[0.01, 0.02, 0.03],
        PhilipsRescaleSlope=[1.5, 2.5],
        PhilipsScaleSlope=0.1,
    )
    series = {s.kind: s.acquisition for s in opened(tmp_path / "b", tmp_path / "s").series}
    both = (1.5, 2.5)  # which volume has which cannot be told
    assert series["MESE"].rescale_slopes == (both,) and series["MESE"].scale_slopes == (0.1,)
    assert series["T2w"].rescale_slopes is None


def test_slopes_of_every_slice(tmp_path):
    data = np.stack([2 * noise(), noise()], axis=-1)
    slices = data.shape[2]
    listed = [1.0] * slices + [1.0] * (slices - 1) + [3.0]
    write(tmp_path / "b", "MESE", data, EchoTime=[0.01, 0.02], PhilipsRescaleSlope=listed, PhilipsScaleSlope=0.1)
    (series,) = opened(tmp_path / "b", tmp_path / "s").series
    assert series.acquisition.rescale_slopes == (1.0, tuple(listed[slices:]))
