"""The tracer on scenes drawn by `nerve_scene`: outline and area, following, what is refused, what is told by a person."""

from dataclasses import replace

import numpy as np
import pytest

from neuromyo.core.errors import DataError, OptionError
from neuromyo.core.grid import Grid
from neuromyo.core.image import Image
from neuromyo.core.landmark import Landmark
from neuromyo.core.nerve import Trace
from neuromyo.nerve.contour import ANGLES, Outline, best_path
from neuromyo.nerve.cover import coverage
from neuromyo.nerve.resolution import supports_outline
from neuromyo.nerve.rim import SHEATH_MM, shift
from neuromyo.nerve.trace import TraceOptions, trace
from neuromyo.nerve.trace_stack import Flat, Stack
from tests.unit.nerve.nerve_scene import Scene

NAME = "sciatic-nerve"


def grid_of(scene: Scene, shape: tuple[int, ...], flip: bool = False) -> Grid:
    """A grid turned in the world; with ``flip`` its slices run downwards."""
    turn = np.deg2rad(25.0)
    axes = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, -1.0 if flip else 1.0]])
    affine = np.eye(4)
    affine[:3, :3] = axes * np.array([scene.pixel_mm, scene.pixel_mm, scene.slice_mm])
    affine[:3, 3] = (-40.0, 12.0, 300.0)
    return Grid.of(shape, affine, 2)


def follow(scene: Scene, at: int | None = None, flip: bool = False, **more) -> tuple[Trace, dict[str, np.ndarray]]:
    """The trace from a click in the middle slice (or ``at``), and the truth."""
    values, truth, centres = scene.make()
    grid = grid_of(scene, values.shape, flip)
    k = scene.n_slices // 2 if at is None else at
    x, y, z = grid.to_world(np.array([*(centres[k] / scene.pixel_mm), k]))
    found = trace([Image(values, grid, scene.weighting, "leg")], Landmark("start", (x, y, z)), name=NAME, **more)
    return found, truth


def dice(coverage_: np.ndarray, truth: np.ndarray) -> float:
    a, b = coverage_ >= 0.5, truth >= 0.5
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def bias(found: Trace, truth: np.ndarray, pixel_mm: float) -> float:
    areas = truth.sum((0, 1)) * pixel_mm**2
    return float(np.median([s.area_mm2 / areas[s.slice] - 1 for s in found.sections]))


@pytest.mark.parametrize(
    ("weighting", "pixel", "rim", "most"),
    [("T2w", 0.4, 0.15, 0.06), ("T2w-fs", 0.4, 0.0, 0.1), ("T1w", 0.4, 0.15, 0.06), ("FA", 0.8, 0.0, 0.1),
     ("T2w", 0.4, 0.0, 0.1)],
)  # fmt: skip
def test_a_nerve_is_outlined(weighting, pixel, rim, most):
    """Where fat is bright a dark sheath is expected; a nerve without one does no worse for that."""
    scene = Scene(pixel_mm=pixel, weighting=weighting, n_slices=5, slice_mm=6.0, seed=3, tilt_deg=8, rim_mm=rim)
    found, truth = follow(scene)
    assert [s.slice for s in found.sections] == list(range(5))
    assert dice(found.coverage, truth["nerve"]) > (0.92 if pixel < 0.5 else 0.85)
    assert abs(bias(found, truth["nerve"], pixel)) < most
    assert min(s.confidence for s in found.sections) > 0.6
    assert not found.proposed


@pytest.mark.whole
@pytest.mark.parametrize("seed", range(6))
def test_many_slanted_nerves_are_outlined(seed):
    scene = Scene(
        pixel_mm=(0.3, 0.4, 0.8)[seed % 3], weighting=("T2w", "T2w-fs")[seed % 2], n_slices=13, seed=seed, tilt_deg=20
    )
    found, truth = follow(scene)
    assert len(found.sections) == 13
    assert dice(found.coverage, truth["nerve"]) > 0.88


def test_a_spoilt_slice_is_bridged_and_said():
    found, truth = follow(Scene(pixel_mm=0.6, n_slices=7, slice_mm=5.0, seed=3, spoilt=(5,)))
    gap = next(s for s in found.sections if s.slice == 5)
    assert {"gap", "interpolated"} <= set(gap.flags)
    assert gap.confidence <= 0.5 < min(s.confidence for s in found.sections if s.slice != 5)
    assert any(f.code == "W-NERVE" and "slice 5" in f.where for f in found.findings)
    assert dice(found.coverage[..., 5], truth["nerve"][..., 5]) > 0.8


def test_a_nerve_that_stops_is_not_followed_beyond():
    found, _ = follow(Scene(pixel_mm=0.6, n_slices=9, slice_mm=5.0, seed=3, nerve=(0, 7)))
    assert found.sections[-1].slice == 6
    assert any("slice 7" in f.where and "lost" in f.message for f in found.findings)


@pytest.mark.parametrize("what", ["artery", "vein", "nothing"])
def test_what_is_no_nerve_is_refused(what):
    with pytest.raises(DataError, match="no nerve") as error:
        follow(
            Scene(
                pixel_mm=0.4,
                weighting="T2w-fs" if what == "vein" else "T2w",
                n_slices=7,
                slice_mm=5.0,
                seed=4,
                what=what,
            )
        )
    assert error.value.code == "E-NERVE"


def test_a_node_is_refused_for_being_short():
    with pytest.raises(DataError, match="lymph node"):
        follow(Scene(pixel_mm=0.5, n_slices=11, slice_mm=4.0, seed=4, what="node", nerve=(4, 7), weighting="T2w"))


def test_a_nerve_that_divides_has_branches():
    scene = Scene(pixel_mm=0.4, n_slices=13, seed=4, split_at=7)
    found, truth = follow(scene, at=3, flip=True)
    assert [b.name for b in found.branches] == ["tibial-nerve", "fibular-nerve"]
    assert 6 <= found.sections[-1].slice <= 9
    assert found.branches[0].sections[-1].slice == 12
    lower = slice(9, None)
    for branch, name in zip(found.branches, ("branch-1", "branch-2"), strict=True):
        assert dice(branch.coverage[..., lower], truth[name][..., lower]) > 0.75
    labels = found.labels()
    assert [r.name for r in labels.regions] == [NAME, "tibial-nerve", "fibular-nerve"]


def test_an_end_is_not_gone_beyond():
    scene = Scene(pixel_mm=0.6, n_slices=9, slice_mm=5.0, seed=3)
    grid = grid_of(scene, (60, 60, 9))
    x, y, z = grid.to_world(np.array([30.0, 30.0, 6.0]))
    found, _ = follow(scene, landmarks=[Landmark("end", (x, y, z))])
    assert found.sections[-1].slice == 6
    assert all("cannot be told" in f.message for f in found.findings)


def test_a_restart_goes_on_behind_a_long_loss():
    scene = Scene(pixel_mm=0.6, n_slices=11, slice_mm=5.0, seed=3, spoilt=(6, 7))
    _, _, centres = scene.make()
    grid = grid_of(scene, (60, 60, 11))
    x, y, z = grid.to_world(np.array([*(centres[8] / 0.6), 8]))
    options = TraceOptions(gap_slices=0)
    found, truth = follow(scene, at=4, options=options, landmarks=[Landmark("restart", (x, y, z))])
    assert [s.slice for s in found.sections] == [0, 1, 2, 3, 4, 5, 8, 9, 10]
    assert "restart" in found.sections[6].flags
    assert dice(found.coverage[..., 8:], truth["nerve"][..., 8:]) > 0.85


def test_another_image_on_its_own_grid_helps():
    scene = Scene(pixel_mm=0.4, weighting="T1w", n_slices=5, slice_mm=6.0, seed=5)
    values, truth, centres = scene.make()
    second, _, _ = replace(scene, pixel_mm=0.6, weighting="T2w-fs").make()
    grid = grid_of(scene, values.shape)
    affine = np.array(grid.affine)
    affine[:3, :2] *= 0.6 / 0.4
    affine[:3, 3] += grid.affine[:3, :2] @ np.full(2, 0.25)
    images = [Image(values, grid, "T1w"), Image(second, Grid.of(second.shape, affine, 2), "T2w-fs")]
    x, y, z = grid.to_world(np.array([*(centres[2] / 0.4), 2]))
    found = trace(images, Landmark("start", (x, y, z)), name=NAME)
    assert found.grid is grid
    assert dice(found.coverage, truth["nerve"]) > 0.92


def test_any_slice_axis_gives_the_same():
    scene = Scene(pixel_mm=0.5, n_slices=4, slice_mm=7.0, seed=3)
    values, _, centres = scene.make()
    grid = grid_of(scene, values.shape)
    x, y, z = grid.to_world(np.array([*(centres[2] / 0.5), 2]))
    turned = Grid.of((4, *values.shape[:2]), grid.affine[:, [2, 0, 1, 3]], 0)
    one = trace([Image(values, grid, "T2w-fs")], Landmark("start", (x, y, z)), name=NAME)
    other = trace([Image(np.moveaxis(values, 2, 0), turned, "T2w-fs")], Landmark("start", (x, y, z)), name=NAME)
    np.testing.assert_allclose([s.area_mm2 for s in other.sections], [s.area_mm2 for s in one.sections], rtol=1e-6)
    np.testing.assert_allclose(np.moveaxis(other.coverage, 0, 2), one.coverage, atol=1e-6)


def test_unknown_voxels_are_no_obstacle():
    scene = Scene(pixel_mm=0.5, n_slices=5, slice_mm=6.0, seed=3)
    values, truth, centres = scene.make()
    values[:20] = np.nan
    values[36, 36, 2] = np.inf
    grid = grid_of(scene, values.shape)
    x, y, z = grid.to_world(np.array([*(centres[2] / 0.5), 2]))
    found = trace([Image(values, grid, "T2w-fs")], Landmark("start", (x, y, z)), name=NAME)
    assert dice(found.coverage, truth["nerve"]) > 0.9


def test_nobody_pointed_at_it():
    with pytest.raises(OptionError, match="propose"):
        trace([Image(np.ones((20, 20, 5)), Grid.of((20, 20, 5), np.eye(4), 2))], None, name=NAME)


def test_a_start_outside_is_named():
    image = Image(np.ones((20, 20, 5)), Grid.of((20, 20, 5), np.eye(4), 2), "T2w", "thigh")
    with pytest.raises(DataError, match="thigh.*beyond") as error:
        trace([image], Landmark("start", (10.0, 10.0, 90.0)), name=NAME)
    assert error.value.code == "E-NERVE"


@pytest.mark.realdata
def test_the_real_calf_is_too_coarse(realdata):
    import nibabel as nib

    path = next(iter(sorted((realdata / "calf_bids").rglob("*echo-0*1_MESE.nii.gz"))))
    volume = nib.load(path)
    grid = Grid.of(volume.shape[:3], volume.affine)
    image = Image(np.asarray(volume.dataobj, dtype=float), grid, "PDw", path.name)
    x, y, z = grid.to_world(np.array([80, 80, 6]))
    with pytest.raises(DataError, match="not supported") as error:
        trace([image], Landmark("start", (x, y, z)), name=NAME)
    assert error.value.code == "E-RESOLUTION"
    assert "3 x 3 x 12 mm" in str(error.value)


def test_resolution_by_nerve():
    def grid(mm: float, thick: float = 3.0) -> Grid:
        return Grid.of((64, 64, 20), np.diag([mm, mm, thick, 1.0]), 2)

    assert supports_outline(grid(1.0), NAME).ok
    assert supports_outline(grid(1.0), "tibial-nerve").ok
    assert not supports_outline(grid(1.6), "tibial-nerve").ok
    far = supports_outline(grid(0.5, 12.0), NAME)
    assert not far.ok
    assert "12.0 mm apart" in far.why


def test_an_ellipse_has_its_area_middle_and_axes():
    a, b = 4.0, 2.0
    radius = a * b / np.hypot(b * np.cos(ANGLES), a * np.sin(ANGLES))
    outline = Outline(np.array([3.0, -2.0]), radius)
    assert outline.area == pytest.approx(np.pi * a * b, rel=0.005)
    np.testing.assert_allclose(outline.middle, [3.0, -2.0], atol=1e-9)
    np.testing.assert_allclose(outline.extent, (2 * a, 2 * b), rtol=0.01)
    shifted = Outline(np.array([3.5, -2.0]), outline.radius)
    np.testing.assert_allclose(shifted.recentred.middle, shifted.middle, atol=0.02)


def test_coverage_adds_up_to_the_area():
    flat = Flat(Grid.of((40, 30, 2), np.diag([0.5, 0.7, 3.0, 1.0]), 2))
    outline = Outline.circle(np.array([9.0, 10.0]), 4.0)
    found = coverage(flat, [(1, outline)])
    assert found[..., 0].max() == 0
    assert found.sum() * 0.35 == pytest.approx(outline.area, rel=0.01)


def test_the_best_path_closes_on_itself():
    gain = np.zeros((64, 21))
    wanted = 10 + np.rint(6 * np.sin(2 * ANGLES)).astype(int)
    gain[np.arange(64), wanted] = 5.0
    np.testing.assert_array_equal(best_path(gain, stiffness=0.1), wanted)


@pytest.mark.parametrize("sheath", [0.0, 0.8])
def test_the_rim_is_found_below_the_visible_edge(sheath):
    fine = np.arange(-3.0, 3.0, 0.005) + 0.0025
    truth = -0.1
    profile = np.where(fine < truth, 1.0, 2.0)
    profile[(fine > truth - SHEATH_MM) & (fine < truth)] -= sheath
    kernel = np.exp(-0.5 * (np.arange(-1, 1.001, 0.005) / 0.15) ** 2)
    blurred = np.convolve(profile, kernel / kernel.sum(), mode="same")
    offsets = np.arange(-1.0, 1.001, 0.05)
    assert shift(offsets, np.interp(offsets, fine, blurred), 0.35) == pytest.approx(truth, abs=0.03)


def test_a_stack_keeps_places():
    scene = Scene(pixel_mm=0.6, n_slices=3)
    values, _, _ = scene.make()
    grid = grid_of(scene, values.shape)
    stack = Stack.of([Image(values, grid, "T2w")])
    world = grid.to_world(np.array([20.0, 31.0, 2.0]))
    place, k = stack.flat.flat(world)
    assert k == pytest.approx(2.0)
    np.testing.assert_allclose(stack.flat.world(place, 2), world, atol=1e-9)
    piece = stack.piece(2, place, 6.0)
    assert piece is not None
    assert piece.at(place[None])[0, 0] == pytest.approx(values[20, 31, 2])
