"""A made nerve: areas, coverage, fascicles and noise against closed forms; truth stays when the grid turns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neuromyo.core.errors import OptionError
from neuromyo.core.grid import Grid
from neuromyo.phantom.nerve_body import Nerve, NerveBody
from neuromyo.phantom.nerve_cases import cases
from neuromyo.phantom.nerve_contrast import matter, signals
from neuromyo.phantom.nerve_course import Line
from neuromyo.phantom.nerve_fascicles import DRIFT_MM
from neuromyo.phantom.nerve_outline import Outline, superellipse_area
from neuromyo.phantom.nerve_places import place
from neuromyo.phantom.nerve_scene import NerveScene
from neuromyo.phantom.nerve_surroundings import Surroundings

STRAIGHT = Line(wavelength_mm=(100.0, 100.0))
CIRCLE = Outline(np.pi * 9.0, 1.0, 2.0)
WAVY = Outline(40.0, 0.6, 2.4, ((3, 0.05, 0.4), (4, 0.03, 1.0)), 0.08, 0.1, 20.0, 8.0, 100.0, 0.6)


def _scene(nerve: NerveBody | None) -> NerveScene:
    ground = Surroundings(STRAIGHT, ((0.0, 0.0), (200.0, 0.0)), muscle_fat=0.0)
    return NerveScene(ground, nerve, bias=0.0)


def _grid(pixel: float, thickness: float, n: int = 40, slices: int = 5, turn_deg: float = 0.0) -> Grid:
    angle = np.deg2rad(turn_deg)
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([pixel, pixel, thickness])
    affine[:3, 3] = -affine[:3, :3] @ ((np.array([n, n, slices]) - 1) / 2)
    return Grid.of((n, n, slices), affine, 2)


@pytest.mark.parametrize("exponent", [2.0, 2.6, 4.0])
def test_the_area_of_a_superellipse_is_its_closed_form(exponent: float) -> None:
    outline = Outline(30.0, 0.5, exponent)
    a, b = (float(v) for v in outline.axes(np.zeros(())))
    assert superellipse_area(a, b, exponent) == pytest.approx(30.0, rel=1e-4)
    assert b / a == pytest.approx(0.5)


@pytest.mark.parametrize("z", [0.0, 17.0, -30.0])
def test_area_and_flattening_hold_whatever_the_waves(z: float) -> None:
    side = np.arange(-9, 9, 0.02)
    u, v = (m.ravel() for m in np.meshgrid(side, side))
    level = np.full(u.shape, z)
    counted = np.count_nonzero(WAVY.depth(u, v, level) > 0) * 0.02**2
    assert counted == pytest.approx(float(WAVY.area(np.array(z))), rel=1e-3)
    assert counted == pytest.approx(40.0, rel=0.081)


@pytest.mark.parametrize("angle", [0.0, 15.0, 30.0])
def test_coverage_of_a_slanted_cylinder_is_its_section(angle: float) -> None:
    """A cylinder's section by a plane is pi r^2 / cos; the middle voxels are full, far ones empty."""
    nerve = Nerve("sciatic-nerve", replace(STRAIGHT, slope=(float(np.tan(np.deg2rad(angle))), 0.0)), CIRCLE)
    grid = _grid(0.5, 2.0)
    truth = _scene(NerveBody((nerve,))).truth(grid)
    areas = truth.coverage["sciatic-nerve"].sum(axis=(0, 1)) * 0.25
    np.testing.assert_allclose(areas, np.pi * 9.0 / np.cos(np.deg2rad(angle)), rtol=2e-3)
    np.testing.assert_allclose(truth.csa_mm2, np.pi * 9.0, rtol=1e-9)
    assert list(truth.main.angle_deg.values()) == pytest.approx([angle] * 5, abs=1e-6)
    assert truth.whole[20, 20, 2] == pytest.approx(1.0)


def test_the_edge_of_a_slanted_cylinder_is_spread_over_the_slice() -> None:
    """Along the slant the edge is a ramp of width thickness x tan(angle), half full at r / cos from the middle."""
    nerve = Nerve("n", replace(STRAIGHT, slope=(np.tan(np.deg2rad(30.0)), 0.0)), CIRCLE)
    grid = _grid(0.25, 4.0, n=60, slices=3)
    line = _scene(NerveBody((nerve,))).truth(grid).whole[:, 30, 1]
    x = grid.to_world(np.stack([np.arange(60), np.full(60, 30), np.ones(60)], axis=1))[:, 0]
    expected = np.clip(0.5 + (3.0 / np.cos(np.deg2rad(30.0)) - np.abs(x)) / (4.0 * np.tan(np.deg2rad(30.0))), 0, 1)
    assert np.abs(line - expected).max() < 0.05


def test_turning_the_grid_leaves_the_truth_of_the_world() -> None:
    body = NerveBody((Nerve("sciatic-nerve", replace(STRAIGHT, swing_mm=(1.5, 1.0)), WAVY, seed=3),))
    flat, turned = (_scene(body).truth(_grid(0.4, 2.0, turn_deg=a)) for a in (0.0, 25.0))
    for truth, grid in ((flat, _grid(0.4, 2.0)), (turned, _grid(0.4, 2.0, turn_deg=25.0))):
        for k, centre in truth.centres_mm.items():
            area = truth.coverage["sciatic-nerve"][..., k].sum() * 0.16 * np.cos(np.deg2rad(truth.main.angle_deg[k]))
            assert area == pytest.approx(float(WAVY.area(centre[2])), rel=0.01)
            assert grid.to_index(centre)[2] == pytest.approx(k, abs=1e-2)
    assert np.allclose(body.points(turned.course_mm[:, 2]), turned.course_mm)
    assert max(turned.main.angle_deg.values()) > 20


def test_a_header_that_is_moved_moves_nothing_in_the_world() -> None:
    body = NerveBody((Nerve("n", STRAIGHT, WAVY, seed=1),))
    grid = _grid(0.4, 2.0, slices=3)
    flipped = Grid.of(
        grid.shape, grid.affine @ np.array([[-1.0, 0, 0, 39], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]), 2
    )
    one, other = (_scene(body).truth(g).whole for g in (grid, flipped))
    np.testing.assert_allclose(one, other[::-1], atol=1e-6)


def test_fascicles_have_the_share_asked_for_and_never_touch() -> None:
    nerve = Nerve("n", STRAIGHT, WAVY, fascicle_share=0.45, fascicle_mm=0.6, seed=5)
    for z in (-25.0, 0.0, 40.0):
        places, areas = nerve.fascicles_at(z)
        assert areas.sum() / float(WAVY.area(np.array(z))) == pytest.approx(0.45, rel=1e-6)
        depth, fascicle, _ = nerve.depths(places)
        assert (depth > nerve.sheath_mm).all()
        np.testing.assert_allclose(fascicle, nerve.bundle.radius_mm, atol=1e-6)
    bundle = nerve.bundle
    apart = np.linalg.norm(bundle.centres_mm[:, None] - bundle.centres_mm[None], axis=-1)
    room = apart - bundle.radius_mm[:, None] - bundle.radius_mm
    assert room[~np.eye(len(room), dtype=bool)].min() > 2 * DRIFT_MM - 2e-3
    assert 0.25 < 2 * bundle.radius_mm.min() < 2 * bundle.radius_mm.max() < 1.3
    truth = _scene(NerveBody((nerve,))).truth(_grid(0.3, 2.0, n=50, slices=3))
    assert truth.fascicle_coverage.sum() / truth.whole.sum() == pytest.approx(0.45, rel=0.02)


def test_more_than_fits_is_not_packed() -> None:
    with pytest.raises(ValueError, match="cannot be packed"):
        _ = Nerve("n", STRAIGHT, Outline(1.5, 0.8), fascicle_share=0.9).bundle


def test_noise_is_rician_and_of_the_size_asked_for() -> None:
    scene, grid = _scene(None), _grid(1.0, 4.0, n=48, slices=4)
    clean = scene.images(grid, ("T2w",), np.inf, 1)[0].values
    for snr in (15.0, 60.0):
        noisy = scene.images(grid, ("T2w",), snr, 1)[0].values
        assert np.std(noisy - clean) * snr == pytest.approx(1.0, abs=0.03)
    again = scene.images(grid, ("T2w",), 15.0, 1)[0].values
    assert np.array_equal(again, scene.images(grid, ("T2w",), 15.0, 1)[0].values)
    assert not np.array_equal(again, scene.images(grid, ("T2w",), 15.0, 2)[0].values)
    air = replace(scene, ground=replace(scene.ground, skin_mm=-100.0, air_mm=-90.0))
    dark = air.images(grid, ("T2w",), 20.0, 1)[0].values
    assert dark.mean() * 20.0 == pytest.approx(np.sqrt(np.pi / 2), abs=0.03)


def test_tissues_are_as_bright_as_they_should_be() -> None:
    """Muscle is 1. Fat is bright without fat suppression, dark with it; an artery is dark; fascicles outshine muscle on T2w."""
    names = list(matter())
    bright = {w: dict(zip(names, signals(w, matter()), strict=True)) for w in ("T2w", "T2w-fs", "T1w", "MTw")}
    assert bright["T2w"]["fat"] > 2.5 > 2.0 > bright["T2w"]["fascicle"] > 1.2
    assert bright["T2w-fs"]["fat"] < 0.5 < bright["T2w-fs"]["fascicle"]
    assert bright["T1w"]["fat"] > 2.0 and bright["T1w"]["artery"] < 0.3
    assert bright["MTw"]["fascicle"] > 1.0
    muscle, fascicle = matter()["muscle"], matter()["fascicle"]
    by_hand = fascicle.PD * (1 - np.exp(-4.0 / fascicle.T1)) * np.exp(-0.065 / fascicle.T2)
    by_hand /= muscle.PD * (1 - np.exp(-4.0 / muscle.T1)) * np.exp(-0.065 / muscle.T2)
    assert bright["T2w"]["fascicle"] == pytest.approx(by_hand)
    with pytest.raises(OptionError, match="E-OPTION"):
        signals("other", matter())


def test_shares_of_tissues_fill_each_voxel() -> None:
    scene = replace(cases()[4].scene, ground=replace(cases()[4].scene.ground, bones=()))
    grid = _grid(0.8, 3.0, n=40, slices=3)
    names = list(matter())
    shares = scene.shares(scene.sheets(grid))
    others = np.delete(shares, names.index("muscle"), axis=0).sum(axis=0)
    gain = shares[names.index("muscle")] / np.maximum(1.0 - others, 1e-3)
    assert others.max() < 1.0 + 1e-4
    assert np.all(np.abs(gain[others < 0.8] - 1.0) < 0.13)


def test_the_cases_are_what_was_asked_for() -> None:
    table = cases()
    assert len(table) >= 36 and len({c.name for c in table}) == len(table) == len({c.seed for c in table})
    with_nerve = [c for c in table if c.has_nerve]
    assert len(table) - len(with_nerve) >= 6
    assert {c.in_plane_mm for c in with_nerve} == {0.2, 0.3, 0.4, 0.6, 0.8, 1.0}
    assert {c.kind for c in table} == {"healthy", "hypertrophic", "atrophic", "fatty", "split"}
    assert all(12 <= c.slices <= 24 and 2 <= c.thickness_mm <= 5 and 15 <= c.snr <= 60 for c in table)
    assert {"femoral-nerve", "l5-root", "tibial-nerve"} <= {c.nerve for c in table}
    assert all(c.scene.vessels for c in table) and all(c.scene.nodes for c in with_nerve)
    with pytest.raises(OptionError, match="E-UNKNOWN"):
        place("optic-nerve", "healthy", 0.0, 1, "left")


@pytest.mark.parametrize("place_in_table", [11, 24, 35, 43])
def test_a_case_holds_together(place_in_table: int) -> None:
    case = cases()[place_in_table]
    made = case.make()
    assert made.has_nerve == bool(made.truth.nerves) == (made.truth.whole.max() > 0.9)
    assert [i.weighting for i in made.images] == list(case.weightings)
    at = np.rint(made.images[0].grid.to_index(np.array(made.start.xyz_mm))).astype(int)
    assert (at >= 0).all() and (at < made.images[0].grid.shape).all()
    assert all(np.isfinite(i.values).all() and i.values.min() >= 0 for i in made.images)
    if made.has_nerve:
        assert made.truth.whole[tuple(at)] > 0.5
        assert 20.0 <= made.truth.csa_mm2.mean() <= 60.0


def test_a_nerve_that_divides_bears_each_name_where_it_should() -> None:
    case = cases()[24]
    truth = case.scene.truth(case.grid)
    assert list(truth.nerves) == ["sciatic-nerve", "tibial-nerve", "fibular-nerve"]
    whole, tibial, fibular = truth.nerves.values()
    assert whole.course_mm[:, 2].min() > tibial.course_mm[:, 2].max() - 1.01
    assert np.allclose(truth.whole, sum(truth.coverage.values()))
    last = min(whole.centres_mm)
    counted = truth.coverage["sciatic-nerve"][..., last + 1].sum() * case.in_plane_mm**2
    true = whole.csa_by_slice_mm2[last + 1] / np.cos(np.deg2rad(whole.angle_deg[last + 1]))
    assert counted == pytest.approx(true, rel=0.01)
    outward = fibular.course_mm[-1, 0] - tibial.course_mm[-1, 0]
    assert outward > 5.0 if case.side == "right" else outward < -5.0
