"""Cross-sections square to the nerve, against tubes of known shape cut by tilted slices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neuromyo.core.errors import DataError, OptionError
from neuromyo.core.grid import Grid
from neuromyo.core.measurements import Measurements
from neuromyo.course import centreline, shape
from neuromyo.course.polygon import measure
from tests.oracles import tubes
from tests.unit.course.nerve_tubes import scattered, trace_of

ELLIPSE = (4.0, 2.5)
AREA = np.pi * 10.0


def shapes_of(trace, **options):
    return shape.sections(trace, centreline.course(trace), **options)


def ellipse(a, b, turn=0.0, points=400):
    angle = 2 * np.pi * np.arange(points) / points
    x, y = a * np.cos(angle), b * np.sin(angle)
    return np.stack([np.cos(turn) * x - np.sin(turn) * y + 7, np.sin(turn) * x + np.cos(turn) * y - 3], axis=1)


def test_polygons_have_the_moments_of_what_they_draw():
    found = measure([ellipse(5, 2, 0.7)])
    assert (found.area, found.long, found.short) == pytest.approx((np.pi * 10, 10, 4), rel=1e-3)
    square = np.array([[0, 0], [0, 2], [2, 2], [2, 0.0]])
    found = measure([square])
    assert (found.area, found.perimeter) == (4, 8) and found.long == pytest.approx(4 * 2 / np.sqrt(12))
    halves = measure([square[:, ::-1] * [0.5, 1], square * [0.5, 1] + [1, 0]])
    assert (halves.area, halves.long, halves.short) == pytest.approx((4, found.long, found.short))


@pytest.mark.parametrize("tilt", [0.0, 10.0, 20.0, 30.0])
@pytest.mark.parametrize("turn", [0.0, 0.6])
def test_tilting_the_slices_does_not_change_the_corrected_area(tilt, turn):
    """Acceptance: within 3 % from 0 to 30 degrees, where the area in the slice is 15 % too large."""
    tube = tubes.straight([0, 0, -1.0], ELLIPSE, 400.0, turn=turn)
    found = shapes_of(
        trace_of(tube, tilt_deg=tilt, tilt_axis=(1, 0.3, 0), noise_mm=0.2, area_noise=0.05, seed=int(tilt))
    )
    csa = np.array([s.csa_mm2 for s in found])
    assert csa.mean() == pytest.approx(AREA, rel=0.03)
    clean = shapes_of(trace_of(tube, tilt_deg=tilt, tilt_axis=(1, 0.3, 0)))[5]
    assert clean.csa_in_plane_mm2 / AREA == pytest.approx(1 / np.cos(np.deg2rad(tilt)), rel=1e-3)
    assert clean.csa_mm2 == pytest.approx(AREA, rel=1e-3) and clean.flattening == pytest.approx(2.5 / 4, rel=1e-3)
    assert (clean.long_mm, clean.short_mm) == pytest.approx((8, 5), rel=1e-3)
    assert clean.angle_to_slice_deg == pytest.approx(tilt, abs=0.01)


def test_a_round_nerve_is_round_however_it_is_cut():
    found = shapes_of(trace_of(tubes.straight([0.5, 0, -1.0], (3, 3), 400.0)))[4]
    assert found.roundness == pytest.approx(1.0, abs=1e-3) and found.flattening == pytest.approx(1.0, abs=1e-3)
    assert found.perimeter_mm == pytest.approx(6 * np.pi, rel=1e-3)


def test_a_bent_nerve_is_corrected_level_by_level():
    found = shapes_of(trace_of(tubes.torus(120.0, (3, 3), 0.75), spacing=4.0))
    csa = np.array([s.csa_mm2 for s in found]) / (9 * np.pi)
    angle = np.array([s.angle_to_slice_deg for s in found])
    assert angle.max() > 38 and angle.min() < 2
    assert np.abs(csa - 1).max() < 0.01
    assert (np.diff([s.distance_mm for s in found]) > 0).all(), "proximal first"
    np.testing.assert_allclose(
        np.diff([s.distance_mm for s in found]).sum(), 120 * np.deg2rad(angle[0] + angle[-1]), rtol=5e-3
    )


def test_turning_the_header_changes_no_area():
    """The whole scan turned in the world: the same nerve, another angle to the field."""
    trace = trace_of(tubes.torus(120.0, ELLIPSE, 0.5), noise_mm=0.2, seed=1)
    before = shapes_of(trace)
    for axis, angle in (((1, 0, 0), 10.0), ((0, 1, 0.4), 25.0), ((1, 1, 1), 40.0)):
        affine = np.eye(4)
        affine[:3] = tubes.turned(trace.grid.affine[:3].T, axis, angle).T
        grid = Grid.of(trace.grid.shape, affine, 2)
        sections = tuple(
            replace(s, centre_mm=tubes.turned(s.centre_mm, axis, angle), outlines_mm=(tubes.turned(s.outlines_mm[0], axis, angle),))
            for s in trace.sections
        )  # fmt: skip
        after = shapes_of(replace(trace, grid=grid, sections=sections))
        np.testing.assert_allclose([s.csa_mm2 for s in after], [s.csa_mm2 for s in before], rtol=1e-6)
        np.testing.assert_allclose([s.flattening for s in after], [s.flattening for s in before], rtol=1e-6)
        assert abs(after[9].angle_to_b0_deg - before[9].angle_to_b0_deg) > 1


def test_the_angle_to_the_field_is_flagged_where_t2_is_known_to_rise():
    for angle, magic in ((40.0, False), (46.0, True), (55.0, True), (64.0, True), (66.0, False)):
        tilted = np.deg2rad(angle)
        tube = tubes.straight([np.sin(tilted), 0, -np.cos(tilted)], (6, 6), 400.0)
        trace = trace_of(tube, tilt_deg=-angle, spacing=2.0)
        found = shapes_of(trace)
        assert found[0].angle_to_b0_deg == pytest.approx(angle, abs=0.01) and found[0].angle_to_slice_deg < 0.01
        assert ("MAGIC" in found[3].flags) is magic
        assert (["W-MAGIC"] if magic else []) == [f.code for f in shape.findings(found, trace)]
    across = shapes_of(trace_of(tubes.straight([0, 0, -1.0], (3, 3))), b0=(1, 0, -1))
    assert across[0].angle_to_b0_deg == pytest.approx(45.0, abs=0.01), "the field's direction can be told"


def test_what_obliquity_does_is_said():
    trace = trace_of(tubes.straight([np.tan(np.deg2rad(30)), 0, -1.0], (3, 3), 400.0), spacing=12.0, shape=(9, 9, 14))
    codes = {f.code: f for f in shape.findings(shapes_of(trace), trace)}
    assert "30 degrees" in codes["N-ANGLE"].message and "15 % too large" in codes["N-ANGLE"].message
    assert "14 of 14 slices" in codes["W-COARSE"].message


def test_stated_uncertainties_are_those_of_repeated_measurements():
    clean = trace_of(tubes.straight([0.577, 0, -1.0], ELLIPSE, 400.0), spacing=6.0)
    draws = [shapes_of(scattered(clean, 0.2, 0.04, seed=s))[8] for s in range(60)]
    csa = np.array([d.csa_mm2 for d in draws])
    assert np.median([d.csa_se_mm2 for d in draws]) == pytest.approx(csa.std(ddof=1), rel=0.3)
    assert abs(csa.mean() / AREA - 1) < 0.02


def test_a_rough_outline_changes_flattening_as_much_as_stated():
    rng = np.random.default_rng(5)
    trace = trace_of(tubes.straight([0, 0, -1.0], (4, 2.5), 400.0), points=60)
    line = centreline.course(trace)
    ratio, said, area = [], [], []
    for _ in range(12):
        rough = []
        for s in trace.sections:
            outline = s.outlines_mm[0]
            away = outline - s.centre_mm
            moved = outline + away / np.linalg.norm(away, axis=1, keepdims=True) * rng.normal(0, 0.25, (60, 1))
            _, value = tubes.centroid(moved, trace.grid.slice_normal)
            rough.append(replace(s, outlines_mm=(moved,), area_mm2=value))
        area.append([r.area_mm2 for r in rough])
        se = 0.25 * 20.7 / np.sqrt(60)  # perimeter times sd over the root of the number of free corners
        found = shape.sections(replace(trace, sections=tuple(replace(r, se_mm2=se) for r in rough)), line)
        ratio += [s.flattening for s in found]
        said += [s.flattening_se for s in found]
    assert np.std(area) == pytest.approx(se, rel=0.2)
    assert np.median(said) == pytest.approx(np.std(ratio), rel=0.35)


def test_rows_carry_stored_slices_levels_and_the_segment():
    tube = tubes.straight([0.2, 0, -1.0], lambda u: np.stack([3 - u / 200, 3 - u / 200], axis=1), 400.0)
    trace = replace(trace_of(tube), proposed=True)
    flipped = Grid.of(trace.grid.shape, trace.grid.affine, 2, ((0, False), (1, False), (2, True)))
    found = shapes_of(replace(trace, grid=flipped))
    table = Measurements.of(shape.rows(found, replace(trace, grid=flipped), common={"subject": "01"}))
    csa = table.where(quantity="CSA", statistic="slice").rows()
    assert (
        csa[0]["slice"] == "0" and csa[0]["level"] == "0 mm" and csa[0]["unit"] == "mm2" and csa[0]["subject"] == "01"
    )
    assert (
        csa[0]["value"] > csa[-1]["value"]
        and csa[-1]["slice"] == "40"
        and csa[-1]["level"] == f"{found[-1].distance_mm:.0f} mm"
    )
    (largest,) = table.where(quantity="CSA", statistic="max").rows()
    (smallest,) = table.where(quantity="CSA", statistic="min").rows()
    (mean,) = table.where(quantity="CSA", statistic="mean").rows()
    assert largest["value"] == csa[0]["value"] and smallest["slice"] == "40" and mean["slice"] == ""
    assert mean["value"] == pytest.approx(np.mean([r["value"] for r in csa])) and mean["sd_between"] > 0
    assert "PROPOSED" in mean["flags"] and {r["biomarker"] for r in table.rows()} == {"nerve-morphometry"}
    assert set(table.columns["quantity"]) >= {
        "CSA",
        "CSA_in_plane",
        "roundness",
        "flattening",
        "angle_to_slice",
        "angle_to_B0",
    }


def test_a_nerve_in_two_parts_is_measured_as_one():
    trace = trace_of(tubes.straight([0, 0, -1.0], (2, 2), 400.0))
    parts = tuple(replace(s, outlines_mm=(s.outlines_mm[0] - [3, 0, 0], s.outlines_mm[0] + [3, 0, 0]), area_mm2=2 * s.area_mm2)
                  for s in trace.sections)  # fmt: skip
    found = shapes_of(replace(trace, sections=parts))[0]
    assert found.csa_mm2 == pytest.approx(8 * np.pi, rel=1e-3) and found.flattening < 0.4 and found.roundness < 0.55


def test_nothing_to_measure_is_said():
    trace = trace_of(tubes.straight([0, 0, -1.0], (3, 3)))
    bare = replace(trace, sections=tuple(replace(s, outlines_mm=()) for s in trace.sections))
    with pytest.raises(DataError, match="outlines to measure"):
        shapes_of(bare)
    with pytest.raises(OptionError, match="not all 0"):
        shapes_of(trace, b0=(0, 0, 0))
