"""The course of a nerve against curves whose length and direction are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neuromyo.core.errors import DataError, OptionError
from neuromyo.core.landmark import Landmark
from neuromyo.course import centreline, continuity
from tests.oracles import tubes
from tests.unit.course.nerve_tubes import scattered, trace_of

SQUARE = (3.0, 3.0)


def straight(lean_deg: float = 0.0, **options):
    direction = (np.sin(np.deg2rad(lean_deg)), 0, -np.cos(np.deg2rad(lean_deg)))
    return trace_of(tubes.straight(direction, SQUARE, 400.0), **options)


def centred_helix(radius=12.0, rise=160.0, turns=1.0):
    tube = tubes.helix(radius, rise, SQUARE, turns)
    return tubes.Tube(lambda u: tube.curve(u) + np.array([0, 0, rise * turns / 2]), tube.frame, SQUARE, tube.span)


def moved(trace, slices, by):
    sections = tuple(
        replace(s, centre_mm=s.centre_mm + by, outlines_mm=tuple(o + by for o in s.outlines_mm)) if s.slice in slices else s
        for s in trace.sections
    )  # fmt: skip
    return replace(trace, sections=sections)


def test_a_helix_has_its_length_and_direction():
    trace = trace_of(centred_helix(), spacing=4.0)
    line = centreline.course(trace, step_mm=0.5)
    height = line.points_mm[0, 2] - line.points_mm[-1, 2]
    assert line.arc_mm[-1] == pytest.approx(height * np.hypot(2 * np.pi * 12, 160) / 160, rel=2e-3)
    angle = np.rad2deg(np.arccos(-line.tangents[:, 2]))
    np.testing.assert_allclose(angle[5:-5], np.rad2deg(np.arctan(2 * np.pi * 12 / 160)), atol=0.4)
    steps = np.linalg.norm(np.diff(line.points_mm, axis=0), axis=1)
    assert np.ptp(steps) < 1e-3 * steps.mean() * 2 and steps.max() <= 0.5


def test_proximal_is_superior_however_the_slices_are_stored():
    up = straight(20.0)
    line = centreline.course(up)
    assert line.points_mm[0, 2] > line.points_mm[-1, 2] and line.arc_mm[0] == 0 and line.percent[-1] == 100
    below = centreline.course(up, proximal="inferior")
    np.testing.assert_allclose(below.points_mm, line.points_mm[::-1], atol=1e-9)
    leftmost = centreline.course(up, proximal="left")
    assert leftmost.points_mm[0, 0] < leftmost.points_mm[-1, 0]


@pytest.mark.parametrize("noise", [0.1, 0.3])
def test_scattered_centres_leave_the_direction_right(noise):
    """A jagged line through centres off by 0.3 mm every 5 mm would be wrong by 5 degrees; curvature radius 150 mm."""
    bow = trace_of(tubes.torus(150.0, SQUARE, 0.55), spacing=5.0)
    errors, said = [], []
    for seed in range(12):
        line = centreline.course(scattered(bow, noise, seed=seed))
        angle = np.arctan2(-line.points_mm[:, 2], 150 - line.points_mm[:, 0])
        truth = np.stack([np.sin(angle), 0 * angle, -np.cos(angle)], axis=1)
        errors.append(np.rad2deg(np.arccos(np.clip(np.sum(truth * line.tangents, axis=1), -1, 1))))
        said.append(line.details["scatter_mm"])
    assert np.sqrt(np.mean(np.concatenate(errors) ** 2)) < (0.4 if noise == 0.1 else 0.9)
    assert np.median(said) == pytest.approx(noise, rel=0.15), "the scatter of the centres is measured"


def test_the_stated_error_of_direction_is_that_of_repeated_traces():
    clean = trace_of(centred_helix(), spacing=4.0)
    lines = [centreline.course(scattered(clean, 0.2, seed=s)) for s in range(40)]
    count = min(len(line.points_mm) for line in lines)
    tangents = np.array([line.tangents[:count] for line in lines])
    scatter = np.rad2deg(np.sqrt(tangents.var(axis=0, ddof=1).sum(axis=1) / 2))
    said = np.median([line.tangent_sd_deg[:count] for line in lines], axis=0)
    assert 0.6 < np.median(said / scatter) < 1.5


def test_doubtful_sections_pull_less():
    trace = straight(noise_mm=0.05, seed=3)
    bad = trace.sections[20].slice
    off = moved(trace, {bad}, np.array([1.5, 0, 0]))
    line = centreline.course(off)
    assert np.abs(line.points_mm[:, 0]).max() < 0.15
    assert any(f.code == "W-NERVE" and f"slice {bad}" in f.message for f in line.findings)


def test_a_gap_is_bridged_and_said():
    whole, holed = straight(15.0, noise_mm=0.05), straight(15.0, noise_mm=0.05, missing=(11, 12, 13))
    line = centreline.course(holed)
    assert [f.message for f in line.findings] == ["not seen in slices 11 to 13; the course is bridged there"]
    assert np.abs(line.points_mm - centreline.course(whole).points_mm).max() < 0.15


def test_what_was_filled_in_between_sections_is_not_taken_for_seen():
    trace = straight(noise_mm=0.05)
    filled = tuple(
        replace(s, centre_mm=s.centre_mm + 9.0, flags=("interpolated",)) if s.slice in (12, 13) else s
        for s in trace.sections
    )  # fmt: skip
    line = centreline.course(replace(trace, sections=filled))
    assert np.abs(line.points_mm[:, 0]).max() < 0.2 and "slices 12 to 13" in line.findings[0].message


def test_a_trace_that_steps_to_another_structure_is_refused_not_straightened():
    """Spinal Cord Toolbox, issue 4085: a discontinuous mask wrecks straightening."""
    trace = moved(straight(noise_mm=0.1), set(range(22, 41)), np.array([8.0, 3.0, 0]))
    with pytest.raises(DataError, match="between slices 21 and 22 it steps aside by [78].* mm") as raised:
        centreline.course(trace)
    assert raised.value.code == "E-COURSE" and "restart" in str(raised.value)
    first, second = continuity.pieces(trace)
    assert (first.sections[-1].slice, second.sections[0].slice) == (21, 22)
    assert abs(centreline.course(second).points_mm[:, 0].mean() - 8) < 0.2


@pytest.mark.parametrize("spacing", [3.0, 5.0, 10.0])
def test_bends_scatter_gaps_and_single_errors_are_no_breaks(spacing):
    shape = (9, 9, int(200 / spacing))
    for tube in (centred_helix(), tubes.torus(60.0, SQUARE, 1.0), tubes.straight([0.6, 0, -1], SQUARE, 400.0)):
        clean = trace_of(tube, spacing=spacing, shape=shape, missing=(9, 10) if spacing < 10 else (5,))
        for seed in range(8):
            trace = scattered(clean, 0.4, seed=seed)
            assert not continuity.breaks(trace)
            outlier = trace.sections[len(trace.sections) // 2].slice
            assert not continuity.breaks(moved(trace, {outlier}, np.array([12.0, 0, 0])))


@pytest.mark.parametrize("at", [2, 3, 20, 38, 39])
def test_steps_are_found_wherever_they_are(at):
    clean = straight(20.0, spacing=3.0)
    for seed in range(10):
        found = continuity.breaks(moved(scattered(clean, 0.3, seed=seed), set(range(at, 41)), np.array([0, 12.0, 0])))
        assert [(b.before, b.after) for b in found] == [(at - 1, at)]


def test_zero_is_where_the_plane_across_the_nerve_meets_the_bone():
    line = centreline.course(straight(20.0), landmarks=[Landmark("bone", (30.0, 5.0, 0.0), "fibular-head")])
    middle = line.arc_mm[-1] / 2
    assert line.landmark == "fibular-head"
    assert line.zero_mm == pytest.approx(middle + 30 * np.sin(np.deg2rad(20)), abs=0.1)
    assert line.distance_mm[0] == pytest.approx(-line.zero_mm)
    limb = centreline.course(
        straight(20.0), level="limb", landmarks=[Landmark("bone", (30.0, 5.0, 0.0), "fibular-head")]
    )
    assert limb.zero_mm == pytest.approx(middle, abs=0.1)


def test_zero_does_not_hang_on_how_the_slices_lay():
    bone = [Landmark("bone", (35.0, 0.0, 10.0), "ischial-tuberosity")]
    levels = []
    for tilt in (0.0, 15.0, 30.0):
        line = centreline.course(straight(10.0, tilt_deg=tilt), landmarks=bone)
        levels.append(line.points_mm[0] + line.zero_mm * line.tangents[0])
    assert np.ptp(levels, axis=0).max() < 0.1


def test_a_landmark_a_little_beyond_is_reached_straight_on():
    line = centreline.course(straight(), landmarks=[Landmark("bone", (0.0, 20.0, -130.0), "knee")])
    assert line.zero_mm == pytest.approx(230.0, abs=0.1)
    assert "30 mm beyond the distal end" in line.findings[-1].message
    above = centreline.course(straight(), landmarks=[Landmark("bone", (0.0, 20.0, 140.0), "hip")], level="limb")
    assert above.zero_mm == pytest.approx(-40.0, abs=0.1)


@pytest.mark.parametrize(
    ("xyz", "said"),
    [((0, 0, -350), "250 mm beyond"), ((200, 0, 0), "200 mm to the side")],
)
def test_a_landmark_that_cannot_be_zero_is_refused(xyz, said):
    with pytest.raises(DataError, match=said) as raised:
        centreline.course(straight(), landmarks=[Landmark("bone", xyz, "knee")])
    assert raised.value.code == "E-COURSE" and "knee" in str(raised.value)


def test_only_bones_of_that_side_count():
    marks = [Landmark("start", (0, 0, 50)), Landmark("bone", (0, 0, 40), "a", "left"), Landmark("bone", (0, 0, 30), "b", "right"),
             Landmark("bone", (0, 0, 10), "c")]  # fmt: skip
    line = centreline.course(straight(), landmarks=marks)
    assert line.landmark == "b" and line.zero_mm == pytest.approx(70, abs=0.1)
    assert "not from c" in line.findings[-1].message


def test_what_cannot_be_drawn_is_refused():
    trace = straight()
    with pytest.raises(DataError, match="at least 3 slices, found 2"):
        centreline.course(replace(trace, sections=trace.sections[:2]))
    with pytest.raises(OptionError, match="above 0 mm"):
        centreline.course(trace, step_mm=0.0)
    with pytest.raises(OptionError, match="superior"):
        centreline.course(trace, proximal="up")  # type: ignore[arg-type]


def test_three_sections_are_enough_for_a_line():
    trace = straight(25.0)
    line = centreline.course(replace(trace, sections=trace.sections[:3]))
    assert np.rad2deg(np.arccos(-line.tangents[0, 2])) == pytest.approx(25.0, abs=1e-3)
