"""Do fibres run where anatomy says, are the legs mirror images in them, and does the body move as a body?"""

import numpy as np
import pytest

from neuromyo.core.grid import Grid
from neuromyo.phantom import fibres, layout
from neuromyo.phantom.fields import Texture
from neuromyo.phantom.geometry import Body, Leg, reference_body
from neuromyo.phantom.pose import Pose
from neuromyo.phantom.regions import LEAVES, MUSCLES, PLACE
from neuromyo.phantom.render import Sampling
from neuromyo.phantom.scene import scene
from neuromyo.phantom.sets import Stack
from neuromyo.phantom.susceptibility import WATER_PPM, Susceptibility
from neuromyo.phantom.tissue import FAT, TISSUES
from neuromyo.phantom.truth import of_tensor
from neuromyo.physics.fat import GAMMA_BAR

BODY = Body(
    Leg("right", (90.0, 2.0), lean=0.05, turn_deg=8.0, length=1.04, girth=0.95),
    Leg("left", (-90.0, 2.0), lean=0.05, turn_deg=8.0, length=1.04, girth=0.95),
)


def found(body: Body, z: float, side: str = "right") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(leaf codes, points, fibres) of a cross-section."""
    x, y = np.meshgrid(np.arange(-90, 90, 0.6), np.arange(-90, 90, 0.6), indexing="ij")
    middle = body.right.middle_mm[0] if side == "right" else body.left.middle_mm[0]
    points = np.stack([x.ravel() + middle, y.ravel(), np.full(x.size, z)], axis=1)
    codes = body.codes(points)
    solid = codes > 0
    return codes[solid], points[solid], fibres.directions(body, codes[solid], points[solid])


def angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    cosine = np.abs((a * b).sum(axis=-1)) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
    return np.rad2deg(np.arccos(np.clip(cosine, 0, 1)))


@pytest.mark.parametrize("z", [200.0, 120.0, -100.0, -250.0])
def test_directions_are_unit_vectors_upwards_and_mirror_images(z):
    codes, points, right = found(BODY, z)
    left = fibres.directions(BODY, codes + len(LEAVES), points * (-1, 1, 1))
    np.testing.assert_allclose(np.linalg.norm(right, axis=1), 1.0)
    assert (right[:, 2] >= 0).all()
    np.testing.assert_allclose(left, right * (-1, 1, 1), atol=1e-12)


@pytest.mark.parametrize(("nerve", "z"), [("sciatic-nerve", 180.0), ("tibial-nerve", 40.0), ("tibial-nerve", -200.0)])
def test_a_nerves_fibres_follow_where_the_nerve_is_seen(nerve, z):
    codes, _, made = found(BODY, z)
    inside = codes == 1 + PLACE[(nerve, "fascicle")]
    outline = [1 + PLACE[(nerve, tissue)] for tissue in ("fascicle", "epineurium")]
    middles = []
    for level in (z - 4, z + 4):
        at, points, _ = found(BODY, level)
        middles.append(points[np.isin(at, outline)].mean(axis=0))
    assert inside.sum() > 5
    assert angle(made[inside], middles[1] - middles[0]).max() < 3.0


def test_every_muscle_has_its_pennation_and_they_vary():
    assert set(fibres.PENNATION) == set(MUSCLES)
    seen = {}
    for tube in layout.MUSCLES:
        z = float(np.mean([row[0] for row in tube.rows[1:-1]])) * BODY.right.length
        codes, _, made = found(BODY, z)
        inside = codes == 1 + PLACE[(tube.name, "muscle")]
        assert inside.any(), tube.name
        plain = dict(fibres.PENNATION)
        course = fibres._COURSES[PLACE[(tube.name, "muscle")]][0]
        s = np.array([z / BODY.right.length])
        du, dv = (course.at(s + 0.5) - course.at(s - 0.5))[:2, 0]
        to_world = np.linalg.inv(np.stack([np.array(BODY.right.to_leg(np.eye(3)))[:, i] for i in range(3)], axis=1)
                                 - np.array(BODY.right.to_leg(np.zeros((1, 3)))))  # fmt: skip
        seen[tube.name] = float(angle(made[inside], to_world @ np.array([du, dv, 1.0])).mean())
        assert seen[tube.name] == pytest.approx(plain[tube.name][0], abs=0.12 * plain[tube.name][0] + 0.5)
    assert seen["soleus"] > 20 > seen["gracilis"] > seen["sartorius"]


def test_tensors_have_the_diffusivities_and_the_direction_they_were_made_of():
    rng = np.random.default_rng(1)
    along = rng.normal(size=(50, 3))
    along[0] = (0.0, 0.0, 1.0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    sizes = np.tile(TISSUES["muscle"].D, (50, 1))
    made = fibres.tensors(sizes, along)
    xx, yy, zz, xy, xz, yz = made.T
    matrices = np.stack([xx, xy, xz, xy, yy, yz, xz, yz, zz], axis=1).reshape(-1, 3, 3)
    value, vector = np.linalg.eigh(matrices)
    np.testing.assert_allclose(value[:, ::-1], sizes, rtol=1e-9)
    assert angle(vector[:, :, 2], along).max() < 1e-4
    maps = of_tensor(made)
    np.testing.assert_allclose(maps["FA"], TISSUES["muscle"].FA, rtol=1e-6)
    np.testing.assert_allclose(maps["MD"], TISSUES["muscle"].MD, rtol=1e-6)


def test_tissues_diffuse_as_published():
    nerve, muscle = TISSUES["fascicle"], TISSUES["muscle"]
    assert 0.5 <= nerve.FA <= 0.65 and 0.2 <= muscle.FA <= 0.4
    for size, (low, high) in zip(muscle.D, ((1.88, 2.14), (1.39, 1.48), (0.91, 1.27)), strict=True):
        assert low <= size * 1e9 <= high
    assert 1.48e-9 <= muscle.MD <= 1.55e-9 and FAT.MD < 0.05e-9 and pytest.approx(0.0, abs=1e-9) == FAT.FA


@pytest.mark.parametrize("name", [name for name in TISSUES if TISSUES[name].T2 > 0.001])
def test_mtsat_makes_the_mtr_of_its_tissue(name):
    """Pulse by pulse until nothing changes, in an ideally spoiled gradient echo of TR 25 ms and 6 degrees."""
    tissue, turn = TISSUES[name], np.deg2rad(6.0)
    signal = []
    for saturated in (0.0, tissue.MTsat):
        along = 1.0
        for _ in range(2000):
            along *= 1.0 - saturated
            seen, along = along * np.sin(turn), along * np.cos(turn)
            along = 1.0 + (along - 1.0) * np.exp(-0.025 / tissue.T1)
        signal.append(seen)
    assert (signal[0] - signal[1]) / signal[0] == pytest.approx(tissue.MTR, abs=0.012)


def test_a_pose_turns_and_shifts_about_its_point():
    pose = Pose((3.0, -2.0, 5.0), (1.0, 2.0, -3.0), (80.0, 0.0, 110.0))
    points = np.random.default_rng(0).uniform(-100, 100, (20, 3))
    there = points @ pose.matrix[:3, :3].T + pose.matrix[:3, 3]
    np.testing.assert_allclose(pose.to_body(there), points, atol=1e-9)
    np.testing.assert_allclose(pose.to_body(np.array([[81.0, 2.0, 107.0]])), [[80.0, 0.0, 110.0]], atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(there[0] - there[1]), np.linalg.norm(points[0] - points[1]))
    assert Pose().still and not pose.still


def test_a_moved_body_takes_its_tissue_and_its_fibres_along_but_not_the_fields():
    here = scene(reference_body(), Stack((64, 40), (5.0, 4.0), 2, 20.0, 8.0, -110.0).grid(), 7, sampling=Sampling(2))
    shifted = here.moved(Pose(shift_mm=(10.0, -8.0, 0.0)))
    before, after = here.parts(0), shifted.parts(0)
    plane = np.zeros((2, 64, 40))
    for image, parts in zip(plane, (before, after), strict=True):
        np.add.at(image.reshape(-1), parts.voxel, parts.fraction * parts.code)
    np.testing.assert_allclose(np.roll(plane[0], (2, -2), (0, 1)), plane[1], atol=1e-9)
    turned = here.moved(Pose((20.0, 0.0, 0.0)))
    truth = turned.truth(0, turned.parts(0))
    along = np.stack([truth[f"V1{c}"] for c in "xyz"], axis=1)
    muscle = truth["MTR"] == TISSUES["muscle"].MTR
    tensor = of_tensor(np.stack([truth[f"D{c}"] for c in ("xx", "yy", "zz", "xy", "xz", "yz")], axis=1))
    assert angle(tensor["V1"][muscle], along[muscle]).max() < 0.1
    xyz = np.array([[90.0, 0.0, -110.0]])
    assert turned.fields is here.fields and turned.fields.b1(xyz) == here.fields.b1(xyz)


class Bar:
    """A long round bar of muscle's water along x or z."""

    def __init__(self, along: int, radius: float = 24.0) -> None:
        self.across, self.radius = [a for a in range(3) if a != along], radius

    def codes(self, xyz: np.ndarray) -> np.ndarray:
        near = np.hypot(*(xyz[:, a] for a in self.across)) < self.radius
        return np.where(near, 1 + PLACE[("soleus", "muscle")], 0)


def unshimmed(bar: Bar, monkeypatch) -> Susceptibility:
    monkeypatch.setattr("neuromyo.phantom.susceptibility._shim", lambda points, inside, hertz: np.zeros(len(points)))
    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    affine[:3, 3] = -100.0
    return Susceptibility.of(bar, Grid.of((51, 51, 51), affine), 3.0)


def test_susceptibility_of_a_bar_along_and_across_the_field(monkeypatch):
    """Closed forms with Lorentz's sphere: chi/3 inside a bar along the field, -chi/6 across it, and outside the latter
    chi/2 (a/r)^2 cos 2 phi."""
    unit = 1e-6 * GAMMA_BAR * 3.0 * WATER_PPM
    code = np.full(3, 1 + PLACE[("soleus", "muscle")])
    inside = np.array([[0.0, 0.0, 0.0], [5.0, 8.0, 0.0], [-6.0, 0.0, 9.0]])
    np.testing.assert_allclose(unshimmed(Bar(2), monkeypatch)(inside, code), unit / 3, rtol=0.02)
    across = unshimmed(Bar(0), monkeypatch)
    np.testing.assert_allclose(across(inside, code), -unit / 6, rtol=0.12)
    r = 48.0
    outside = np.array([[0.0, 0.0, r], [0.0, r, 0.0]])
    expected = unit / 2 * (24.0 / r) ** 2 * np.array([1.0, -1.0])
    np.testing.assert_allclose(across(outside, np.zeros(2, dtype=int)), expected, rtol=0.15)


def test_a_shimmed_leg_keeps_only_what_a_shim_cannot_take():
    stack = Stack((48, 48), (4.0, 4.0), 20, 8.0, 8.0, 60.0, centre_x_mm=95.0)
    field = Susceptibility.of(reference_body(), stack.grid())
    x = np.array([[95.0, 0.0, z] for z in np.arange(0.0, 120.0, 10.0)])
    codes = reference_body().codes(x)
    hertz = field(x, codes)[codes > 0]
    assert 20 < np.ptp(hertz) < 500 and abs(np.median(hertz)) < 150


def test_textures_differ_by_what_they_are_drawn_from():
    a, b = (Texture.of(np.random.default_rng(seed)) for seed in (1, 2))
    x = np.random.default_rng(0).uniform(-50, 50, (100, 3))
    assert np.abs(a(x) - b(x)).max() > 0.1 and np.abs(a(x)).max() <= 1.0
