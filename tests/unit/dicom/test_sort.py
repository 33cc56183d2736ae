"""Frames become stacks whatever their order, every voxel stays where its header put it, and what is not whole is named."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuromyo.dicom.frames import Scale
from neuromyo.dicom.sort import stacks
from neuromyo.dicom.stack import call
from tests.unit.dicom.frames_made import CORONAL, SAGITTAL, TRANSVERSE, Examination, codes, echoes, turned


def world_of(frame, column: int, row: int) -> np.ndarray:
    """DICOM PS3.3 C.7.6.2.1.1: the LPS place of a pixel, then RAS."""
    x, y, z = (
        frame.position[a] + frame.row[a] * frame.spacing_mm[1] * column + frame.column[a] * frame.spacing_mm[0] * row
        for a in range(3)
    )
    return np.array([-x, -y, z])


def assert_in_place(stack) -> None:
    columns, rows, slices, volumes = stack.shape
    for v in range(volumes):
        for k in range(slices):
            for i, j in ((0, 0), (columns - 1, 0), (2, rows - 1)):
                found = stack.affine @ [i, j, k, 1]
                np.testing.assert_allclose(found[:3], world_of(stack.planes[v][k], i, rows - 1 - j), atol=1e-6)


angles = st.tuples(*[st.floats(-180, 180, allow_nan=False)] * 3)


@settings(max_examples=40)
@given(angles=angles, seed=st.integers(0, 10_000), slices=st.integers(2, 6), apart=st.floats(0.5, 12))
def test_any_order_gives_the_same_stacks_and_every_voxel_stays(angles, seed, slices, apart) -> None:
    examination = Examination().add(3, echoes(3), slices=slices, apart=apart, plane=turned(angles))
    examination.add(4, [{"part": "phase", "echo_time": 0.01}], slices=slices, apart=apart, plane=turned(angles))
    shuffled = examination.frames.copy()
    random.Random(seed).shuffle(shuffled)
    straight, mixed = examination.sorted(), examination.sorted(shuffled)
    assert not straight.errors
    assert [s.planes for s in mixed.stacks] == [s.planes for s in straight.stacks]
    assert [s.shape for s in straight.stacks] == [(8, 6, slices, 3), (8, 6, slices, 1)]
    for stack in mixed.stacks:
        assert_in_place(stack)
        assert np.linalg.det(stack.affine[:3, :3]) < 0


@pytest.mark.parametrize("plane", [TRANSVERSE, SAGITTAL, CORONAL])
@pytest.mark.parametrize("slice_order", [(0, 2, 1, 3), (3, 2, 1, 0)], ids=["interleaved", "reversed"])
def test_slices_are_ordered_by_place_not_by_number(plane, slice_order) -> None:
    examination = Examination().add(2, plane=plane)
    renumbered = [replace(f, instance=slice_order[n] + 1) for n, f in enumerate(examination.frames)]
    (stack,) = examination.sorted(renumbered).stacks
    across = np.cross(*plane)
    places = [np.dot(f.position, across) for f in stack.planes[0]]
    assert places == sorted(places)
    assert_in_place(stack)


def test_echoes_without_numbers_are_told_by_their_times() -> None:
    examination = Examination().add(8, [{"echo_time": t} for t in (0.03, 0.01, 0.0200004, 0.04)])
    jittered = [replace(f, echo_time=(f.echo_time or 0) + 1e-6 * (n % 3)) for n, f in enumerate(examination.frames)]
    (stack,) = examination.sorted(jittered).stacks
    np.testing.assert_allclose(stack.echo_times, (0.01, 0.02, 0.03, 0.04), atol=5e-6)


def test_a_series_is_parted_by_what_does_not_belong_together() -> None:
    examination = Examination()
    for changed in (
        {},
        {"part": "phase"},
        {"flip_angle_deg": 20.0},
        {"repetition_time": 0.05},
        {"inversion_time": 0.5},
        {"mt_on": True},
        {"coil": "L"},
        {"made": "T2map"},
    ):
        examination.add(5, **changed)
    examination.add(5, plane=SAGITTAL).add(5, shape=(8, 8)).add(5, spacing_mm=(1.0, 1.0))
    done = examination.sorted()
    assert not done.errors
    assert len(done.stacks) == 11
    assert {s.orientations for s in done.stacks} == {2}


def test_copies_of_an_image_are_left_out_with_a_word() -> None:
    examination = Examination().add(7, echoes(2)).add(7, echoes(2))
    sops = {f.file: f"1.2.{f.file % 8}" for f in examination.frames}
    done = examination.sorted(sops=sops)
    assert [s.shape for s in done.stacks] == [(8, 6, 4, 2)]
    assert not done.errors
    assert codes(done.findings) == ["W-DUPLICATE"]
    assert "series 7: 8 copies" in str(done.findings[0])


def test_two_images_at_one_place_that_nothing_tells_apart() -> None:
    examination = Examination().add(7, echoes(2)).add(9)
    extra = replace(examination.frames[5], file=99, instance=99)
    done = examination.sorted([*examination.frames, extra])
    (error,) = done.errors
    assert error.code == "E-SERIES"
    assert "series 7, echo at 20 ms" in str(error)
    assert "2 images at slice 2 of 4 (z = -25.0 mm)" in str(error)
    assert [s.numbers for s in done.stacks] == [(9,)], "the other series goes on"


def test_a_missing_slice_is_named() -> None:
    examination = Examination().add(8, echoes(3)).add(9)
    done = examination.sorted([f for n, f in enumerate(examination.frames) if n != 6])
    (error,) = done.errors
    assert error.code == "E-SERIES"
    assert "series 8, echo at 20 ms" in error.where
    assert "none at slice 3 (z = -20.0 mm)" in error.found
    assert [s.numbers for s in done.stacks] == [(9,)]


@pytest.mark.parametrize(
    ("moved", "said"),
    [(5.0, "10 mm between slice 4 (z = -15.0 mm) and slice 5 (z = -5.0 mm), 5 mm elsewhere: 1 slice missing there"),
     (0.2, "5.2 mm between slice 4")],
)  # fmt: skip
def test_uneven_gaps_are_named(moved, said) -> None:
    examination = Examination().add(8, slices=7)
    frames = [
        replace(f, position=(f.position[0], f.position[1], f.position[2] + moved)) if n > 3 else f
        for n, f in enumerate(examination.frames)
    ]
    (error,) = examination.sorted(frames).errors
    assert error.code == "E-SERIES"
    assert error.where == "series 8"
    assert said in error.found


def test_rounding_in_positions_does_no_harm() -> None:
    examination = Examination().add(8, slices=9, apart=3.3333333, plane=turned((10, 20, 5)))
    frames = [replace(f, position=tuple(round(p, 2) for p in f.position)) for f in examination.frames]
    done = examination.sorted(frames)
    assert not done.errors
    assert len(done.stacks) == 1


def test_sheared_stacks_are_refused() -> None:
    examination = Examination().add(8)
    tilted = [
        replace(f, position=(f.position[0], f.position[1] + n * 0.5, f.position[2]))
        for n, f in enumerate(examination.frames)
    ]
    (error,) = examination.sorted(tilted).errors
    assert error.code == "E-SERIES"
    assert "1.5 mm" in error.found
    assert "5.7 degrees" in error.found  # atan(0.5 / 5)


@pytest.mark.parametrize("numbered", [True, False], ids=["echo numbers", "none"])
def test_many_echoes_with_one_time_are_not_guessed_at(numbered) -> None:
    echo = [{"echo_time": 0.0063, **({"echo_number": e + 1} if numbered else {})} for e in range(8)]
    (error,) = Examination().add(8, echo).sorted().errors
    assert error.code == "E-ECHO-COUNT"
    assert "8 echoes, one echo time (6.3 ms)" in error.found


def test_repeats_are_runs_of_their_own() -> None:
    twice = [{**e, "acquisition": a} for a in (1, 2) for e in echoes(3)]
    done = Examination().add(8, twice).sorted()
    assert not done.errors
    assert [s.shape for s in done.stacks] == [(8, 6, 4, 3)] * 2
    assert [{f.acquisition for v in s.planes for f in v} for s in done.stacks] == [{1}, {2}]


def test_acquisition_numbers_of_interleaved_packages_do_not_part_a_volume() -> None:
    examination = Examination().add(8, echoes(2))
    frames = [replace(f, acquisition=n % 2 + 1) for n, f in enumerate(examination.frames)]
    (stack,) = examination.sorted(frames).stacks
    assert stack.shape == (8, 6, 4, 2)


def test_diffusion_volumes_stay_in_the_order_of_acquisition() -> None:
    weighted = [(0, None), (8e8, (1.0, 0, 0)), (8e8, (0, 1.0, 0)), (0, None), (8e8, (0, 0, 1.0)), (0, None)]
    examination = Examination().add(12, [{"b_value": b, "b_vector": v, "echo_time": 0.06} for b, v in weighted])
    frames = [replace(f, repetition_time=5.0 + 0.1 * (n // 4)) for n, f in enumerate(examination.frames)]
    (stack,) = examination.sorted(frames[::-1]).stacks
    assert stack.b_values == (0, 8e8, 8e8, 0, 8e8, 0)
    assert [v[0].b_vector for v in stack.planes] == [v for _, v in weighted]


def test_images_averaged_over_directions_are_kept_apart() -> None:
    weighted = [(1.25e6, None), (8e8, (1.0, 0, 0)), (8e8, (0, 1.0, 0)), (8e8, None)]
    done = Examination().add(12, [{"b_value": b, "b_vector": v} for b, v in weighted]).sorted()
    assert sorted(s.n for s in done.stacks) == [1, 3]


def test_a_single_slice_needs_its_thickness() -> None:
    (stack,) = Examination().add(1, slices=1, apart_mm=None).sorted().stacks
    assert stack.spacing_mm == pytest.approx((1.25, 1.5, 4.0))
    (error,) = Examination().add(1, slices=1, apart_mm=None, thickness_mm=None).sorted().errors
    assert error.code == "E-SERIES"


def test_a_plane_without_a_place_is_refused_by_file_without_its_name() -> None:
    examination = Examination().add(4).add(5)
    broken = [replace(f, position=(float("nan"),) * 3) if n == 1 else f for n, f in enumerate(examination.frames)]
    done = examination.sorted(broken)
    assert "series 4, file 2 of 8" in str(done.errors[0])
    assert [s.numbers for s in done.stacks] == [(5,)]


def test_echoes_that_came_as_series_of_their_own_are_joined() -> None:
    examination = Examination()
    for e in range(4):
        examination.add(8 + e, echo_time=0.01 * (e + 1), echo_number=e + 1, repetition_time=2.0)
    examination.add(12, echo_time=0.08, echo_number=1, repetition_time=2.0)
    done = examination.sorted()
    assert [(s.numbers, s.n) for s in done.stacks] == [((8, 9, 10, 11), 4), ((12,), 1)]
    assert done.stacks[0].call == "series 8 to 11"


def test_spin_echoes_measured_one_after_the_other_stay_apart() -> None:
    examination = Examination()
    for e in range(3):
        examination.add(8 + e, echo_time=0.02 * (e + 1), clock=300.0 * e, repetition_time=2.0)
    assert len(examination.sorted().stacks) == 3


def test_joined_by_a_name_that_says_so() -> None:
    examination = Examination()
    for e in range(3):
        examination.add(
            8 + e, echo_time=0.02 * (e + 1), clock=300.0 * e, echo_number=1, facts={"SequenceWords": ["mese", "t2"]}
        )
    assert [s.numbers for s in examination.sorted().stacks] == [(8, 9, 10)]


def test_joined_by_the_moment_they_were_acquired() -> None:
    examination = Examination()
    for e in range(2):
        examination.add(8 + e, echo_time=0.02 * (e + 1), clock=300.5 + 0.02 * e)
    assert [s.numbers for s in examination.sorted().stacks] == [(8, 9)]


def test_a_stack_has_the_facts_that_its_own_files_agree_on() -> None:
    examination = Examination().add(5, mt_on=True).add(5, mt_on=False)
    of_files = {
        f.file: {
            "ImagingFrequency": 123.2 + 1e-3 * (f.file % 2),
            "NumberOfAverages": f.file,
            **({"MTOffsetFrequency": 1500.0} if f.mt_on else {}),
        }
        for f in examination.frames
    }
    on, off = stacks(examination.frames, of_files, examination.listing).stacks
    assert on.facts == {"ImagingFrequency": 123.2, "MTOffsetFrequency": 1500.0}
    assert off.facts == {"ImagingFrequency": 123.2}


def test_every_second_slice_left_out_is_doubted() -> None:
    done = Examination().add(3, apart=10.0, apart_mm=5.0).sorted()
    assert codes(done.findings) == ["W-SPACING"]


def test_volumes_scaled_for_the_screen_with_different_slopes_are_named() -> None:
    volumes = [{"echo_time": 0.01 * (e + 1), "scale": Scale(2.0 + e, 0, "display", 2.0 + e)} for e in range(3)]
    done = Examination().add(6, volumes).sorted()
    assert codes(done.findings) == ["W-SCALE"]
    assert "series 6" in done.findings[0].where
    assert "2 to 4" in done.findings[0].message


def test_whole_numbers_stay_whole_where_nothing_scales_them() -> None:
    plain = {"BitsStored": 12, "PixelRepresentation": 0}
    done = Examination().add(1, facts=plain).add(2, facts=plain, scale=Scale(2.0)).add(3).sorted()
    assert [s.dtype() for s in done.stacks] == ["<i2", "<f4", "<f4"]
    assert done.stacks[0].requests()[1] == [1, 0, None, 1, 1.0, 0.0]


@pytest.mark.parametrize(("numbers", "said"), [((8,), "series 8"), ((), "a series without number"),
                                               ((3, 4, 5), "series 3 to 5"), ((3, 7), "series 3, 7")])  # fmt: skip
def test_series_are_called_by_number(numbers, said) -> None:
    assert call(numbers) == said
