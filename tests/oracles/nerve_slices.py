"""Second, independent generator of nerve images: stacks of slices around a nerve, or around what only looks like one. NumPy only.

Written from anatomy and MR physics by someone who had read neither the tracer nor the package's own phantom, to judge the tracer.

    for name in CASES:
        case = make(name)

Truth is the outer edge of the epineurium, so that the dark rim belongs to the nerve; ``rim_mm2`` is the area of that rim alone, for
whoever draws within it. SNR is the noise-free signal of a healthy fascicle over sigma per real channel (`nerve_scanner`).
"""

from dataclasses import dataclass

import numpy as np

from .nerve_building import build
from .nerve_cases import RECIPES, Recipe, Scan
from .nerve_scanner import (
    View,
    box_mean,
    ghosted,
    restless,
    rician,
    sensitivity,
    signals,
    through_k_space,
)
from .nerve_scene import Scene, flat
from .nerve_shapes import Tube, ramp

CASES: tuple[str, ...] = tuple(RECIPES)


@dataclass(frozen=True)
class Case:
    """Images as a scanner stores them, and what is true.

    images : (array (i, j, k), affine (4, 4) index -> RAS+ mm, weighting); the first decides the grid of the truth
    slice_axis : the stored axis across slices
    start : RAS+ mm, a person's click: within 0.3 radii of the nerve's centre (without a nerve: on what is mistaken for one)
    truth : nerve's name -> share of each voxel of the first image that lies within the nerve; empty without a nerve
    csa_perpendicular_mm2, obliquity_deg : name -> per slice (stored order), NaN where that nerve is not; rim_mm2 in the slice's plane
    spoilt : slices (stored order) in which no image shows the nerve
    """

    name: str
    images: tuple[tuple[np.ndarray, np.ndarray, str], ...]
    slice_axis: int
    nerve: str
    side: str
    start: tuple[float, float, float]
    truth: dict[str, np.ndarray]
    csa_perpendicular_mm2: dict[str, np.ndarray]
    rim_mm2: dict[str, np.ndarray]
    obliquity_deg: dict[str, np.ndarray]
    snr: float
    in_plane_mm: float
    has_nerve: bool
    spoilt: tuple[int, ...]
    tags: tuple[str, ...]


def make(name: str) -> Case:
    """The case of that name; the same numbers each time."""
    return made(name, RECIPES[name])


def made(name: str, recipe: Recipe) -> Case:
    """The case of a recipe."""
    rng = np.random.default_rng(9000 + recipe.seed)
    scene = build(recipe, rng)
    rendered = [acquire(scene, one, rng) for one in recipe.scans]
    view = view_of(recipe.scans[0])
    coverage, areas, rims = true_regions(scene, view)
    start = click(recipe, scene, view, coverage, rng)
    turn, origin = world(recipe, rng)
    images = tuple(
        (
            stored(array, recipe),
            (turn_affine(turn, origin) @ view_of(one).affine()) @ storing(array.shape, recipe),
            one.weighting,
        )
        for array, one in zip(rendered, recipe.scans, strict=True)
    )
    backwards = "w" in recipe.storage[1]
    order = slice(None, None, -1 if backwards else 1)
    angles = {
        name: np.array(
            [scene.angle_deg(name, w) if np.isfinite(a) else np.nan for w, a in zip(view.levels, area, strict=True)]
        )
        for name, area in areas.items()
    }
    across = {n: area * np.cos(np.deg2rad(angles[n])) for n, area in areas.items()}
    lost = recipe.scans[0].lost if len(recipe.scans) == 1 else ()
    return Case(
        name=name,
        images=images,
        slice_axis=recipe.storage[0].index("w"),
        nerve=recipe.nerve,
        side=recipe.side,
        start=tuple(float(x) for x in turn @ start + origin),
        truth={n: stored(values, recipe) for n, values in coverage.items()},
        csa_perpendicular_mm2={n: area[order] for n, area in across.items()},
        rim_mm2={n: area[order] for n, area in rims.items()},
        obliquity_deg={n: a[order] for n, a in angles.items()},
        snr=recipe.scans[0].snr,
        in_plane_mm=max(recipe.scans[0].pixel),
        has_nerve=recipe.area is not None,
        spoilt=tuple(sorted(view.slices - 1 - k if backwards else k for k in lost)),
        tags=recipe.tags,
    )


def view_of(scan: Scan) -> View:
    return View(scan.pixel, scan.extent, scan.thickness, scan.spacing, scan.slices, scan.shift, scan.turn_deg)


def acquire(scene: Scene, scan: Scan, rng) -> np.ndarray:
    """One stack (i, j, k), magnitude."""
    view, margin = view_of(scan), int(np.ceil(2.0 / min(scan.pixel)))
    tone = signals(scan.weighting)
    sigma = tone["fascicle"] / scan.snr
    u, v = view.mesh(margin)
    coarse_u, coarse_v = box_mean(u, view.fine), box_mean(v, view.fine)
    u, v = u - np.float32(scan.moved[0]), v - np.float32(scan.moved[1])
    shading = sensitivity(coarse_u, coarse_v, scan.shading, rng.uniform(0, 360))
    keep = (slice(margin, -margin), slice(margin, -margin))
    planes = []
    for k, w in enumerate(view.levels):
        plane = paint_slice(scene, u, v, w, view, tone)
        image = through_k_space(plane, view.fine, scan.window, scan.share) * shading
        image = ghosted(image, scan.ghost * rng.uniform(0.3, 1.0)) if scan.ghost else image
        image = restless(image, rng, 2.2 if k in scan.lost else scan.restless)
        planes.append(rician(image[keep], sigma, rng))
    stack = np.stack(planes, axis=2) * (1.0 if scan.weighting == "FA" else 2000.0)
    return np.clip(stack, 0, 1) if scan.weighting == "FA" else stack


def layers(scene: Scene, w: float, view: View) -> np.ndarray:
    """Levels within one slice, close enough for what runs obliquely not to fall apart (0.35 mm sideways at most)."""
    courses = [n.course for n in scene.nerves.values()] + [t.course for t in scene.tubes]
    steep = max((np.tan(np.deg2rad(c.angle_deg(w))) for c in courses), default=0.0)
    count = int(np.clip(np.ceil(view.thickness * steep / 0.35), 3 if view.thickness > 1 else 1, 9))
    return w + ((np.arange(count) + 0.5) / count - 0.5) * view.thickness


def moving_part(scene: Scene, u, v, levels):
    """The part of the plane that nerve and vessels cross within the slice."""
    inside = np.zeros(u.shape, bool)
    things = [(n, n.outline.reach + n.sheath[1]) for n in scene.nerves.values()] + [(t, t.reach) for t in scene.tubes]
    for thing, reach in things:
        for w in (levels[0], levels[-1]):
            cu, cv = thing.course.centre(w)
            inside |= (np.abs(u - cu) < reach + 1) & (np.abs(v - cv) < reach + 1)
    if not inside.any():
        return (slice(0, 3), slice(0, 3))
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def paint_slice(scene: Scene, u, v, w, view: View, tone) -> np.ndarray:
    """A slice of finite thickness, finely sampled in its plane."""
    levels = layers(scene, w, view)
    ground = scene.ground(u, v, w, tone, view.step)
    plane = flat(*ground, tone)
    box = moving_part(scene, u, v, levels)
    part = tuple(one[box] for one in ground)
    plane[box] = np.mean([scene.painted(u[box], v[box], x, tone, view.step, part) for x in levels], axis=0)
    return plane


def true_regions(scene: Scene, view: View):
    """name -> coverage (i, j, k), area in the plane at the middle of each slice, and area of its rim."""
    coverage: dict[str, np.ndarray] = {}
    areas: dict[str, np.ndarray] = {}
    rims: dict[str, np.ndarray] = {}
    mesh = view.mesh()
    cell = view.step[0] * view.step[1]
    rim = next(iter(scene.nerves.values())).rim_mm if scene.nerves else 0.0
    empty = np.full(view.slices, np.nan)
    for k, w in enumerate(view.levels):
        levels = layers(scene, w, view)
        coarse, part = whole_pixels(moving_part(scene, *mesh, levels), view.fine)
        u, v = mesh[0][part], mesh[1][part]
        for x in levels:
            for name, away in scene.nerve_distances(u, v, x, view.step).items():
                share = box_mean(ramp(away, view.step), view.fine) / len(levels)
                coverage.setdefault(name, np.zeros((*view.shape, view.slices)))[(*coarse, k)] += share
        for name, away in scene.nerve_distances(u, v, w, view.step).items():
            whole = ramp(away, view.step).sum() * cell
            areas.setdefault(name, empty.copy())[k] = whole
            rims.setdefault(name, empty.copy())[k] = whole - ramp(away + rim, view.step).sum() * cell
    return coverage, areas, rims


def whole_pixels(box, fine):
    """A box of fine points widened to whole pixels: (slices of pixels, slices of fine points)."""
    ends = [(one.start // f, -(-one.stop // f)) for one, f in zip(box, fine, strict=True)]
    return tuple(slice(a, b) for a, b in ends), tuple(slice(a * f, b * f) for (a, b), f in zip(ends, fine, strict=True))


def click(recipe: Recipe, scene: Scene, view: View, coverage, rng) -> np.ndarray:
    """(u, v, w) of a person's click, in the middle of a slice."""
    k = round(recipe.start_slice * (view.slices - 1))
    w = view.levels[k]
    if coverage:
        name = recipe.nerve
        share = coverage[name][..., k]
        i, j = np.indices(share.shape)
        index = np.array([(share * i).sum(), (share * j).sum(), k * share.sum()]) / share.sum()
        place = (view.affine() @ [*index, 1])[:3]
        off, turn = (
            0.25 * np.sqrt(share.sum() * view.pixel[0] * view.pixel[1] / np.pi) * rng.random(),
            rng.uniform(0, 6.3),
        )
        return place + np.array([off * np.cos(turn), off * np.sin(turn), 0.0])
    u, v = view.mesh()
    if recipe.start_on == "septum":
        edge, _ = scene.muscles.border(u, v, w)
        best = np.where(np.hypot(u - 7, v) < 6, edge, np.inf)
    elif recipe.start_on == "muscle":
        edge, _ = scene.muscles.border(u, v, w)
        best = np.where(np.hypot(u, v) < 10, -edge, np.inf)
    else:
        target = _target(recipe, scene, w)
        best = np.hypot(u - target[0], v - target[1])
    i = np.unravel_index(np.argmin(best), best.shape)
    return np.array([u[i], v[i], w])


def _target(recipe: Recipe, scene: Scene, w: float):
    if recipe.start_on == "bone":
        return np.array(recipe.bone[:2])
    if recipe.start_on in ("skin-fat", "air"):
        direction, reach, depth = recipe.skin
        a = np.deg2rad(direction)
        out = reach + 6.0 if recipe.start_on == "air" else reach - 0.35 * depth
        return out * np.array([np.cos(a), np.sin(a)])
    tube = next(t for t in scene.tubes if t.kind == recipe.start_on)
    return tube.course.centre(w) + off_centre(tube)


def off_centre(tube: Tube):
    """Beside a node's fatty hilum, on its cortex; elsewhere a little off the centre."""
    t = np.deg2rad(tube.turn_deg)
    p = (-0.35 if tube.kind == "node" else 0.15) * tube.radius
    return np.array([np.cos(t), np.sin(t)]) * p


def world(recipe: Recipe, rng):
    """(3, 3) columns: u, v, w in RAS+ mm, w towards the foot; and the origin, somewhere off the isocentre."""
    x, y, z = np.deg2rad(recipe.euler)
    about_x = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_z = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    side = -1 if recipe.side == "left" else 1
    origin = np.array([90.0 * side, -40.0, -20.0]) + rng.uniform(-30, 30, 3)
    return about_z @ about_y @ about_x @ np.diag([1.0, 1.0, -1.0]), origin


def turn_affine(turn, origin):
    out = np.eye(4)
    out[:3, :3], out[:3, 3] = turn, origin
    return out


def stored(array: np.ndarray, recipe: Recipe) -> np.ndarray:
    """(u, v, w) -> the order and direction in which the axes are stored."""
    order, flips = recipe.storage
    out = array.transpose(["uvw".index(axis) for axis in order])
    return np.ascontiguousarray(np.flip(out, [order.index(axis) for axis in flips]))


def storing(shape, recipe: Recipe) -> np.ndarray:
    """(4, 4) stored index -> index along (u, v, w)."""
    order, flips = recipe.storage
    out = np.zeros((4, 4))
    out[3, 3] = 1
    for place, axis in enumerate(order):
        n = "uvw".index(axis)
        out[n, place] = -1 if axis in flips else 1
        out[n, 3] = shape[n] - 1 if axis in flips else 0
    return out
