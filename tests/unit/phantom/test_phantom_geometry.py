"""Is the made leg a leg: right sides, right sizes, smooth, and does disease change what it says it changes?"""

import numpy as np
import pytest

from neuromyo.core.errors import OptionError
from neuromyo.core.grid import Grid
from neuromyo.phantom import layout
from neuromyo.phantom.disease import Disease
from neuromyo.phantom.geometry import Body, Leg, reference_body
from neuromyo.phantom.regions import LEAVES, MUSCLES, REGIONS, leaf_of
from neuromyo.phantom.render import Sampling, render_slice
from neuromyo.phantom.shapes import Course, Structure

STEP = 0.5


def section(body: Body, z: float, side: str = "right") -> tuple[np.ndarray, np.ndarray]:
    """(leaf names, points) of one cross-section of one leg."""
    middle = 95.0 if side == "right" else -95.0
    x, y = np.meshgrid(np.arange(-92, 92, STEP) + middle, np.arange(-92, 92, STEP), indexing="ij")
    points = np.stack([x.ravel(), y.ravel(), np.full(x.size, z)], axis=1)
    codes = body.codes(points)
    names = np.array(["air", *(leaf_of(c)[0].region for c in range(1, 2 * len(LEAVES) + 1))])
    sides = {leaf_of(int(c))[1] for c in np.unique(codes) if c}
    assert sides == {side}
    return names[codes], points


def middle_of(region: str, z: float, body: Body | None = None, side: str = "right") -> np.ndarray:
    names, points = section(body or reference_body(), z, side)
    return points[names == region].mean(axis=0)


def area(names: np.ndarray, *regions: str) -> float:
    return float(np.isin(names, regions).sum()) * STEP**2


@pytest.mark.parametrize(("z", "low", "high"), [(200.0, 140.0, 165.0), (-110.0, 98.0, 118.0), (-370.0, 60.0, 85.0)])
def test_a_leg_is_as_thick_as_a_leg(z, low, high):
    names, points = section(reference_body(), z)
    extent = np.ptp(points[names != "air"], axis=0)
    assert low < extent[0] < high and low < extent[1] < high + 10


def test_skin_area_is_the_ellipse():
    names, _ = section(reference_body(), 200.0)
    a, b = Course(layout.SKIN).at(np.array(200.0))[2:4]
    assert area(names[names != "air"], *set(names)) == pytest.approx(np.pi * a * b, rel=2e-3)


def test_bone_area_is_the_ellipse_and_marrow_is_what_the_cortex_leaves():
    names, _ = section(reference_body(), 150.0)
    a, b, _, cortex, _ = Structure(layout.BONES[0]).course.at(np.array(150.0))[2:]
    assert area(names, "femur-cortex", "femur-marrow") == pytest.approx(np.pi * a * b, rel=1e-2)
    assert area(names, "femur-marrow") == pytest.approx(np.pi * (a - cortex) * (b - cortex), rel=2e-2)


@pytest.mark.parametrize("side", ["right", "left"])
def test_structures_lie_where_anatomy_puts_them(side):
    body, lateral = reference_body(), 1.0 if side == "right" else -1.0
    at = {
        name: middle_of(name, -110.0, body, side)
        for name in (
            "gastrocnemius-medialis",
            "gastrocnemius-lateralis",
            "soleus",
            "tibialis-anterior",
            "peroneus-longus",
            "tibia-marrow",
            "fibula-marrow",
        )
    }
    assert lateral * at["gastrocnemius-lateralis"][0] > lateral * at["gastrocnemius-medialis"][0]
    assert lateral * at["fibula-marrow"][0] > lateral * at["tibia-marrow"][0]
    assert at["tibialis-anterior"][1] > at["fibula-marrow"][1] > at["soleus"][1] > at["gastrocnemius-medialis"][1]
    assert lateral * at["peroneus-longus"][0] > lateral * at["tibialis-anterior"][0]
    thigh = {
        name: middle_of(name, 200.0, body, side)
        for name in (
            "vastus-lateralis",
            "vastus-medialis",
            "gracilis",
            "biceps-femoris",
            "semimembranosus",
            "rectus-femoris",
            "sciatic-nerve",
            "femur-marrow",
        )
    }
    assert lateral * thigh["vastus-lateralis"][0] > lateral * thigh["femur-marrow"][0]
    assert lateral * thigh["gracilis"][0] < lateral * thigh["vastus-medialis"][0] < lateral * thigh["femur-marrow"][0]
    assert lateral * thigh["biceps-femoris"][0] > lateral * thigh["semimembranosus"][0]
    assert thigh["rectus-femoris"][1] > thigh["femur-marrow"][1] > thigh["sciatic-nerve"][1]


def test_the_right_leg_stands_at_larger_x_and_the_left_mirrors_it():
    body = reference_body()
    rng = np.random.default_rng(0)
    points = rng.uniform((3, -90, -390), (190, 90, 270), (20_000, 3))
    right, left = body.codes(points), body.codes(points * (-1, 1, 1))
    assert set(right[right > 0]) and right.max() <= len(LEAVES)
    assert np.array_equal(np.where(right > 0, right + len(LEAVES), 0), left)


def test_every_muscle_named_in_the_layout_is_met_between_mid_thigh_and_ankle():
    body, seen = reference_body(), set()
    for z in (*np.arange(-380, 265, 30.0), 0.0, 10.0, -30.0):
        seen |= set(np.unique(section(body, float(z))[0]))
    wanted = {r.name for r in REGIONS}
    assert wanted - seen == set()


def test_the_sciatic_nerve_splits_above_the_knee():
    above, below = (set(section(reference_body(), z)[0]) for z in (120.0, 60.0))
    assert "sciatic-nerve" in above and not above & {"tibial-nerve", "fibular-nerve"}
    assert {"tibial-nerve", "fibular-nerve"} <= below and "sciatic-nerve" not in below
    apart = middle_of("fibular-nerve", 20.0) - middle_of("tibial-nerve", 20.0)
    assert apart[0] > 10.0


def test_outlines_are_smooth_along_the_leg():
    body = reference_body()
    areas = np.array([area(section(body, z)[0], "soleus") for z in np.arange(-150.0, -100.0, 5.0)])
    assert np.all(np.abs(np.diff(areas, 2)) < 0.02 * areas.mean())


def test_partial_volume_is_the_share_of_finer_voxels():
    body = reference_body()
    affine = np.diag([4.0, 4.0, 10.0, 1.0])
    affine[:3, 3] = (20.0, -80.0, -110.0)
    grid = Grid.of((40, 40, 1), affine, slice_axis=2)
    coarse = render_slice(body, grid, 0, Sampling(4))
    total = np.bincount(coarse.voxel, coarse.fraction, 1600)
    assert total.max() == pytest.approx(1.0) and np.all((total >= 0) & (total <= 1 + 1e-12))
    assert np.sum(total == 1.0) > 300 and np.sum((total > 0) & (total < 1)) > 40
    names, _ = section(body, -110.0)
    soleus = [c for c in np.unique(coarse.code) if leaf_of(int(c))[0].region == "soleus"]
    measured = coarse.fraction[np.isin(coarse.code, soleus)].sum() * 16.0
    assert measured == pytest.approx(area(names, "soleus"), rel=0.02)


def test_a_tilted_stack_samples_the_same_body():
    body, angle = reference_body(), np.deg2rad(20.0)
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    affine = np.eye(4)
    affine[:3, :3] = turn * (3.0, 3.0, 6.0)
    affine[:3, 3] = (30.0, -80.0, -140.0)
    grid = Grid.of((40, 50, 2), affine, slice_axis=2)
    parts = render_slice(body, grid, 1, Sampling(1))
    centres = grid.to_world(np.stack(np.unravel_index(parts.voxel, (40, 50)), axis=1) @ np.eye(2, 3) + (0, 0, 1))
    assert np.array_equal(body.codes(centres), parts.code) and np.all(parts.fraction == 1.0)


@pytest.mark.parametrize("muscle", ["soleus", "tibialis-anterior", "gastrocnemius-medialis"])
def test_atrophy_takes_the_share_it_says_and_fat_fills_it(muscle):
    healthy, _ = section(reference_body(), -110.0)
    wasted, _ = section(reference_body(Disease(atrophy={muscle: 0.4})), -110.0)
    assert area(wasted, muscle) == pytest.approx(0.6 * area(healthy, muscle), rel=0.03)
    assert set(wasted[wasted != healthy]) == {"intermuscular-fat"}
    one_side = reference_body(Disease(atrophy={f"left/{muscle}": 0.4}))
    assert np.array_equal(section(one_side, -110.0)[0], healthy)


def test_the_closest_selector_holds():
    ill = Disease(fat={"all": 0.1, "left": 0.2, "triceps-surae": 0.3, "left/triceps-surae": 0.4, "right/soleus": 0.5})
    said = {(m, s): ill.of("fat", m, s) for m in ("soleus", "gracilis") for s in ("left", "right")}
    assert said == {
        ("soleus", "left"): 0.4,
        ("soleus", "right"): 0.5,
        ("gracilis", "left"): 0.2,
        ("gracilis", "right"): 0.1,
    }
    assert Disease().of("fat", "soleus", "left") == 0.0
    assert Disease(oedema={"thigh-muscles": 0.01}).along("oedema", "left")[MUSCLES.index("gracilis")] == 0.01


@pytest.mark.parametrize(
    "knob",
    [
        {"fat": {"sole": 0.1}},
        {"fat": {"all": 1.2}},
        {"oedema": {"up/soleus": 0.01}},
        {"atrophy": {"all": -0.1}},
        {"patchiness": 2.0},
    ],
)
def test_impossible_knobs_are_refused(knob):
    with pytest.raises(OptionError):
        Disease(**knob)


def test_girth_length_and_fat_scale_the_leg():
    plain = Leg("right", (95.0, 0.0))
    big = Leg("right", (95.0, 0.0), girth=1.1)
    fat = Leg("right", (95.0, 0.0), fat=2.0)
    bodies = [Body(leg, Leg("left", (-95.0, 0.0))) for leg in (plain, big, fat)]
    a, b, c = (section(body, 150.0)[0] for body in bodies)
    assert area(b, "rectus-femoris") == pytest.approx(1.21 * area(a, "rectus-femoris"), rel=0.02)
    assert area(c, "rectus-femoris") == area(a, "rectus-femoris")
    assert area(c, "subcutaneous-fat") > 1.8 * area(a, "subcutaneous-fat")
