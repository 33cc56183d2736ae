"""From a recipe to a scene: what the recipe leaves open is drawn by the case's own random numbers. NumPy only."""

import numpy as np

from .nerve_cases import Recipe
from .nerve_scene import Fork, Muscles, Scene, texture
from .nerve_shapes import Course, Fascicles, Nerve, Outline, Tube


def build(recipe: Recipe, rng) -> Scene:
    """The scene of a recipe: what it leaves open is drawn by ``rng``."""
    course = Course((0.0, 0.0), recipe.tilt, rng.uniform(0, 360), recipe.curve * rng.choice([-1, 1]), recipe.wave)
    nerves = build_nerves(recipe, course, rng)
    edge = max((n.outline.reach for n in nerves.values()), default=0.0) if recipe.fork is None else 7.0
    tubes = tuple(build_tube(one, course, edge, nerves, rng) for one in recipe.companions)
    around = np.linspace(0, 2 * np.pi, recipe.muscles, endpoint=False) + rng.uniform(0, 6.3)
    near = 12.0 * np.stack([np.cos(around), np.sin(around)], axis=1) if recipe.muscles > 1 else np.zeros((1, 2))
    turn = np.arange(8) * 2 * np.pi / 8 + rng.uniform(0, 6.3) + rng.uniform(-0.35, 0.35, 8)
    far = rng.uniform(24, 38, 8)[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    girths = np.concatenate([np.zeros(len(near)), rng.uniform(-200, 260, 8)])
    textures = np.stack([texture(rng, 1.8, 0.7), texture(rng, 2.6, 0.5)])
    muscles = Muscles(
        np.concatenate([near, far]), girths, course, recipe.septum, 0.22, recipe.muscle_fat, recipe.streaks, textures
    )
    trunk, level = (recipe.nerve, recipe.fork[0]) if recipe.fork else ("", np.inf)
    return Scene(muscles, nerves, tubes, recipe.bone, recipe.skin, trunk, level, recipe.shine)


def build_nerves(recipe: Recipe, course: Course, rng) -> dict[str, Nerve]:
    if recipe.area is None:
        return {}
    thin = rng.uniform(0, 360)

    def one(path, area, count, turn):
        lobes = tuple((n, a, rng.uniform(0, 6.3)) for n, a in recipe.lobes)
        outline = Outline(area, lobes, recipe.flat, recipe.bend, turn)
        bundles = Fascicles.grown(rng, count, outline, recipe.gap, bright=recipe.bright)
        swell, twist = rng.uniform(-0.004, 0.004), rng.uniform(-0.6, 0.6)
        return Nerve(path, outline, bundles, recipe.rim, swell, twist if recipe.fork is None else 0.0, recipe.fat,
                     (*recipe.sheath, thin))  # fmt: skip

    if recipe.fork is None:
        return {recipe.nerve: one(course, recipe.area, recipe.count, rng.uniform(0, 180))}
    level, rate = recipe.fork
    towards = rng.uniform(0, 360)
    tibial, fibular = 0.62 * recipe.area, 0.38 * recipe.area
    contact = (np.sqrt(tibial / np.pi) + np.sqrt(fibular / np.pi)) / np.sqrt(recipe.flat)
    return {
        "tibial-nerve": one(Fork(course, towards, contact, level, rate), tibial, recipe.count, towards + 90),
        "fibular-nerve": one(
            Fork(course, towards + 180, contact, level, rate), fibular, recipe.count - 4, towards + 90
        ),
    }


def build_tube(companion, course: Course, edge: float, nerves, rng) -> Tube:
    """A companion runs along the nerve, ``gap`` mm beyond its outline in the direction given, and drifts a little."""
    kind, gap, direction, radius, more = companion
    flat = more.get("flat", 1.0)
    turn = direction + 90 if gap or nerves else rng.uniform(0, 180)
    a = np.deg2rad(direction)
    if nerves and len(nerves) == 1:
        edge = _edge_towards(next(iter(nerves.values())), a)
    away = gap + edge + radius / np.sqrt(flat) if (gap or nerves) else 0.0
    at = away * np.array([np.cos(a), np.sin(a)])
    if "crosses" in more:  # passes the nerve at right angles to the line between them
        path = Course(tuple(at), more["crosses"], direction + 90)
    elif more.get("stays"):
        path = Course(tuple(at), 2.0, direction)
    else:
        path = Course(tuple(at), course.tilt_deg + rng.uniform(-2, 2), course.azimuth_deg, course.bend, course.wave)
    length = more.get("length", np.inf)
    parts = _hilum(radius) if kind == "node" else _rootlets(radius, rng) if kind == "sac" else ()
    sheath = {"gap": 0.8, "node": 2.0, "tendon": 0.8, "sac": 2.5}.get(kind, 0.8)
    return Tube(
        kind, path, radius, flat, turn, sheath, length, rng.uniform(-2, 2) if np.isfinite(length) else 0.0, parts
    )


def _edge_towards(nerve, direction):
    away = np.linspace(0, nerve.outline.reach * 1.2, 200)
    level = nerve.outline.level(away * np.cos(direction), away * np.sin(direction))
    return float(away[level < 1].max())


def _hilum(radius):
    return ((0.55 * radius, 0.1 * radius, 0.42 * radius),)


def _rootlets(radius, rng):
    angle = np.linspace(0.2, 2.9, 9)
    ring = radius * rng.uniform(0.6, 0.75, 9)
    return tuple((r * np.cos(t), -r * np.sin(t), 0.55) for r, t in zip(ring, angle, strict=True))
