"""Lines in fields whose fibres have closed-form courses, beside dipy on the same field, in noise, and where they must not go."""

import numpy as np
import pytest

from neuromyo.core.errors import DataError, OptionError
from neuromyo.core.grid import Grid
from neuromyo.core.nerve import Course
from neuromyo.course.tract_walk import Stop
from neuromyo.course.tracts import TractOptions, tracts
from tests.oracles import tract_fields as fields

FEW = TractOptions(seeds_per_voxel=1, random_seed=2)
WIDE = 3.6
#: half a nerve, a pixel of margin, and the corner of that pixel
REACH = WIDE + 1.3 + 1.0


def affine_of(shape, spacing=(1.3, 1.3, 4.0), turn_deg=0.0):
    a = np.deg2rad(turn_deg)
    turn = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag(spacing)
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return affine


def scene(bundle, start, reach, *, shape=(18, 18, 26), turn_deg=0.0, **more):
    """(tensor, share of the nerve, grid, course, bundle); the course proximal (upper) end first."""
    affine = affine_of(shape, turn_deg=turn_deg)
    tensor, share = fields.field(shape, affine, bundle, WIDE, fine=2, **more)
    course = Course("tibial-nerve", "right", fields.centre_line(bundle, start, -reach, reach)[::-1].copy())
    return tensor, share, Grid.of(shape, affine, 2), course


BUNDLES = {
    "straight": (fields.Straight(axis=(0.15, -0.1, 1.0)), (0, 0, 0), 55, 0.0),
    "in turned slices": (fields.Straight(axis=(0.0, 0.0, 1.0)), (0, 0, 0), 55, 20.0),
    "arc": (fields.Arc(140.0, (-140.0, 0, 0)), (0, 0, 0), 55, 0.0),
    "helix": (fields.Helix(5.0, 140.0), (5.0, 0, 0), 55, 0.0),
}


@pytest.mark.parametrize("name", BUNDLES)
def test_lines_run_where_fibres_do(name):
    bundle, start, reach, turn = BUNDLES[name]
    tensor, share, grid, course = scene(bundle, start, reach, turn_deg=turn)
    found = tracts(tensor, grid, nerve=share, course=course, options=FEW)
    assert len(found.streamlines) > 0.8 * found.n_seeds
    off = np.array([fields.miss(line, bundle).max() for line in found.streamlines[::60]])
    assert np.median(off) < 0.65 and off.max() < 2.0  # half a pixel; one and a half at the rim
    assert max(bundle.off(line).max() for line in found.streamlines) < REACH
    extent = np.array([np.ptp(line @ grid.slice_normal) for line in found.streamlines])
    assert extent.max() > 60.0 and np.mean(extent > 0.9 * extent.max()) > 0.4
    through = [line for line, mm in zip(found.streamlines, extent, strict=True) if mm > 0.9 * extent.max()]
    for line in through[::60]:
        middle, ends = line[len(line) // 2], line[[0, -1]] @ grid.slice_normal
        true = bundle.through(middle, np.linspace(-90, 90, 18001))
        height = true @ grid.slice_normal
        between = (height >= ends.min()) & (height <= ends.max())
        length = np.linalg.norm(np.diff(true[between], axis=0), axis=1).sum()
        assert np.linalg.norm(np.diff(line, axis=0), axis=1).sum() == pytest.approx(length, rel=0.02)
    assert all(line[0, 2] > line[-1, 2] for line in found.streamlines)  # proximal first
    assert found.length_share == 1.0 and found.section_share > 0.95


def test_the_same_lines_twice_and_others_by_another_number():
    tensor, share, grid, course = scene(fields.Straight(), (0, 0, 0), 40, shape=(10, 10, 16))
    one, same = (tracts(tensor, grid, nerve=share, course=course, options=FEW) for _ in range(2))
    other = tracts(tensor, grid, nerve=share, course=course, options=TractOptions(seeds_per_voxel=1, random_seed=3))
    assert all(np.array_equal(a, b) for a, b in zip(one.streamlines, same.streamlines, strict=True))
    assert not np.array_equal(one.streamlines[0], other.streamlines[0])
    assert one.stops == same.stops and sum(one.stops.values()) == 2 * len(one.streamlines)
    assert len(one.streamlines) + sum(one.dropped.values()) == one.n_seeds


def test_muscle_beside_does_not_enter():
    """Muscle fibres slanted by 55 degrees all around: nothing outside the margin, and lines that run 50 degrees off the nerve's
    course are none."""
    tensor, share, grid, course = scene(fields.Straight(), (0, 0, 0), 50, beside=(1.0, 0.0, 0.7))
    found = tracts(tensor, grid, nerve=share, course=course, options=FEW)
    radius = max(np.hypot(line[:, 0], line[:, 1]).max() for line in found.streamlines)
    assert radius < REACH
    angles = [
        abs(np.diff(line, axis=0) @ (0, 0, 1)) / np.linalg.norm(np.diff(line, axis=0), axis=1)
        for line in found.streamlines
    ]
    assert np.concatenate(angles).min() > np.cos(np.deg2rad(45.0)) - 1e-6
    everywhere = tracts(tensor, grid, options=TractOptions(seeds_per_voxel=1, most_seeds=500))
    assert max(np.hypot(line[:, 0], line[:, 1]).max() for line in everywhere.streamlines) > 2 * radius


def test_a_gap_of_low_anisotropy_ends_lines_and_is_told():
    tensor, share, grid, course = scene(fields.Straight(), (0, 0, 0), 50, gap_mm=(-10.0, 10.0))
    found = tracts(tensor, grid, nerve=share, course=course, options=FEW)
    assert not any(line[0, 2] > 10 and line[-1, 2] < -10 for line in found.streamlines)
    assert found.stops[Stop.LOW_FA.words] >= 0.4 * sum(found.stops.values())
    assert 0.7 < found.length_share < 0.9
    assert any(f.code == "W-NERVE" and "slices" in f.message for f in found.findings)


def test_nothing_but_water_gives_no_line_in_words():
    tensor, share, grid, course = scene(fields.Straight(), (0, 0, 0), 40, shape=(10, 10, 16), gap_mm=(-99, 99))
    found = tracts(tensor, grid, nerve=share, course=course, options=FEW)
    assert found.streamlines == () and found.dropped[Stop.LOW_FA.words] == found.n_seeds
    assert "no line of 2" in str(found.findings[0]) or "no line of 30" in str(found.findings[0])


def test_a_nerve_under_two_pixels_is_refused():
    shape = (10, 10, 16)
    affine = affine_of(shape, (3.0, 3.0, 5.0))
    tensor, share = fields.field(shape, affine, fields.Straight(), 2.5, fine=4)
    course = Course("n", "none", fields.centre_line(fields.Straight(), (0, 0, 0), -35, 35)[::-1])
    with pytest.raises(
        DataError, match="needed pixels of at most 2.4 mm.*found pixels of 3.0 mm and a nerve 4.8 mm wide"
    ) as caught:
        tracts(tensor, Grid.of(shape, affine, 2), nerve=share, course=course, name="sural-nerve")
    assert caught.value.code == "E-RESOLUTION"
    wide = fields.field(shape, affine, fields.Straight(), 5.0, fine=4)
    found = tracts(wide[0], Grid.of(shape, affine, 2), nerve=wide[1], course=course, options=FEW)
    assert [f.code for f in found.findings] == ["W-COARSE"]


def test_voxels_that_are_no_numbers_are_kept_out():
    tensor, share, grid, course = scene(fields.Straight(), (0, 0, 0), 50)
    tensor[..., 13:, :] = np.nan
    found = tracts(tensor, grid, nerve=share, course=course, options=FEW)
    assert (
        found.streamlines
        and max(line[:, 2].max() for line in found.streamlines) <= grid.to_world(np.array([0, 0, 12.5]))[2]
    )
    assert Stop.NO_DATA.words in found.stops
    with pytest.raises(DataError) as caught:
        tracts(np.full_like(tensor, np.nan), grid, nerve=share, course=course)
    assert caught.value.code == "E-EMPTYROI"


def test_a_nerve_outside_of_the_image_and_impossible_options_are_refused():
    tensor, share, grid, course = scene(fields.Straight(), (0, 0, 0), 40, shape=(8, 8, 12))
    with pytest.raises(DataError) as caught:
        tracts(tensor, grid, nerve=np.zeros_like(share), course=course)
    assert caught.value.code == "E-EMPTYROI"
    with pytest.raises(OptionError):
        tracts(tensor, grid, nerve=share, course=course, options=TractOptions(step_voxels=0.0))


@pytest.mark.parametrize("snr", [20, 40])
def test_in_noise_lines_stay_with_the_nerve(snr):
    """Fitted by our own biomarker from 30 directions at b = 800 s/mm2 under Rician noise."""
    from neuromyo.biomarkers.dti import BIOMARKER, _directions
    from neuromyo.core.acquisition import Acquisition
    from neuromyo.core.biomarker import Inputs

    bundle, start = fields.Arc(90.0, (-90.0, 0, 0)), (0, 0, 0)
    tensor, share, grid, course = scene(bundle, start, 55, shape=(14, 12, 24), beside=(0.5, 0.0, 1.0))
    b, g = np.r_[np.zeros(4), np.full(30, 8e8)], np.r_[np.zeros((4, 3)), np.array(_directions(30))]
    signal = fields.magnitudes(tensor, b, g, snr=snr, seed=snr)
    acquisition = Acquisition(b_values=tuple(b), b_vectors=tuple(map(tuple, g)))
    fit = BIOMARKER.estimate(Inputs({"dwi": signal}, {"dwi": acquisition}), BIOMARKER.options())
    found = tracts(fit.values["D"], grid, nerve=share, course=course, options=FEW)
    assert found.length_share == 1.0 and found.section_share > 0.9
    lengths = found.lengths_mm
    assert np.percentile(lengths, 75) > 0.8 * 23 * 4.0
    ends = np.array([bundle.off(line[[0, -1]]).max() for line in found.streamlines])
    assert ends.max() < REACH
    drift = np.array(
        [
            abs(np.hypot(line[:, 0] + 90, line[:, 2]) - np.hypot(line[0, 0] + 90, line[0, 2])).max()
            for line in found.streamlines
        ]
    )
    assert np.median(drift) < (3.0 if snr == 20 else 2.0)


def test_dipy_finds_the_same_lines():
    """Their deterministic follower by peaks on the same helix, from the same seeds: ends within a voxel of ours."""
    from dipy.core.sphere import Sphere
    from dipy.data import default_sphere
    from dipy.direction.peaks import PeaksAndMetrics
    from dipy.tracking.stopping_criterion import ThresholdStoppingCriterion
    from dipy.tracking.tracker import eudx_tracking

    from neuromyo.course.tract_walk import principal

    bundle = fields.Helix(5.0, 140.0)
    tensor, share, grid, course = scene(bundle, (5.0, 0, 0), 55)
    ours = tracts(tensor, grid, nerve=share, course=course, options=FEW)
    axis, fa = principal(tensor.reshape(-1, 6))
    peaks = PeaksAndMetrics()
    peaks.sphere = Sphere(xyz=default_sphere.vertices)
    peaks.peak_dirs = axis.reshape(*grid.shape, 1, 3)
    peaks.peak_values = fa.reshape(*grid.shape, 1)
    peaks.peak_indices = np.array([[np.argmax(np.abs(default_sphere.vertices @ v))] for v in axis]).reshape(
        *grid.shape, 1
    )
    peaks.qa = peaks.peak_values
    stop = ThresholdStoppingCriterion(np.where(share > 0, fa.reshape(grid.shape), 0.0), 0.2)
    through = [line for line in ours.streamlines if np.ptp(line[:, 2]) > 90][::40]
    seeds = np.array([line[len(line) // 2] for line in through])
    made = eudx_tracking(
        seeds, stop, grid.affine, pam=peaks, step_size=0.65, max_angle=45, random_seed=1, nbr_threads=1
    )
    theirs = [np.asarray(s) for s in getattr(made, "streamlines", made)]
    near = [min(np.linalg.norm(t - seed, axis=1).min() for t in theirs) for seed in seeds]
    assert max(near) < 0.7
    away = [
        min(max(np.linalg.norm(t - p, axis=1).min() for p in line[::20]) for t in theirs if len(t) > 50)
        for line in through
    ]
    assert np.median(away) < 1.0 and max(away) < 2.6
    long = [t for t in theirs if len(t) > 50]
    off_ours = np.median([fields.miss(line[::4], bundle).max() for line in through])
    off_theirs = np.median([fields.miss(line[::4], bundle).max() for line in long])
    assert off_ours < 1.2 * off_theirs and off_theirs < 1.3
