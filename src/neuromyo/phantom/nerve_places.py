"""Places at which nerves are looked for: what lies about the sciatic, tibial, fibular and femoral nerve and a root."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from neuromyo.core.errors import OptionError
from neuromyo.core.labels import Side
from neuromyo.phantom.nerve_body import Nerve, NerveBody
from neuromyo.phantom.nerve_course import Line
from neuromyo.phantom.nerve_lookalikes import Node, Vessel
from neuromyo.phantom.nerve_outline import Outline
from neuromyo.phantom.nerve_scene import NerveScene
from neuromyo.phantom.nerve_surroundings import Bone, Surroundings

KINDS = ("healthy", "hypertrophic", "atrophic", "fatty", "split")
ABSENCES = ("artery", "vein", "node", "septum", "fat", "muscle", "noise", "tendon")


@dataclass(frozen=True)
class _Habit:
    """Sizes by which a nerve is recognised: range of area (mm2) and flattening, typical fascicle (mm), thickness of the fat
    around it (mm), radius of the fat-filled space it runs in (mm), artery and vein beside it (radius, mm; 0: none)."""

    area_mm2: tuple[float, float]
    flattening: tuple[float, float]
    fascicle_mm: float
    fat_mm: float
    space_mm: float
    artery_mm: float
    vein_mm: float


HABITS: dict[str, _Habit] = {
    "sciatic-nerve": _Habit((26.0, 52.0), (0.45, 0.75), 0.75, 1.4, 0.0, 1.0, 1.3),
    "tibial-nerve": _Habit((8.5, 12.0), (0.6, 0.9), 0.6, 1.2, 6.5, 2.2, 2.8),
    "fibular-nerve": _Habit((6.0, 9.0), (0.5, 0.8), 0.5, 1.0, 3.0, 0.0, 1.0),
    "femoral-nerve": _Habit((14.0, 22.0), (0.35, 0.5), 0.6, 0.9, 0.0, 4.2, 4.8),
    "l5-root": _Habit((16.0, 24.0), (0.65, 0.85), 0.55, 1.8, 5.5, 0.0, 1.2),
}


@dataclass(frozen=True)
class Place:
    """A scene, and where a person would click in it."""

    scene: NerveScene
    start_mm: tuple[float, float, float]


def place(nerve: str, kind: str, slant_deg: float, seed: int, side: Side, absent: str = "") -> Place:
    """The place of a nerve in a person made by ``seed``, or (``absent``) such a place where no nerve runs.

    slant_deg : between the nerve and the z axis
    """
    if nerve not in HABITS:
        raise OptionError("E-UNKNOWN", where="nerve", needed=f"one of {', '.join(HABITS)}", found=nerve)
    rng = np.random.default_rng([seed, 11])
    lateral = 1.0 if side == "right" else -1.0
    line = _course(rng, slant_deg)
    body = _body(rng, nerve, kind, line, seed, lateral)
    scene = NerveScene(
        _ground(rng, nerve, kind, line, seed, lateral),
        body,
        _vessels(rng, nerve, line, body, lateral),
        _nodes(rng, nerve, line, body, lateral),
        epineurial_fat={"fatty": 0.85, "atrophic": 0.7}.get(kind, 0.55),
        fascicle_t2_s={"hypertrophic": 0.066, "healthy": 0.050}.get(kind, 0.054),
        bias=float(rng.uniform(0.08, 0.25)),
        bias_angle_rad=float(rng.uniform(0, 2 * np.pi)),
        side=side,
    )
    return _without(scene, absent, rng) if absent else Place(scene, (0.0, 0.0, 0.0))


def _course(rng: np.random.Generator, slant_deg: float) -> Line:
    towards = rng.uniform(0, 2 * np.pi)
    slope = np.tan(np.deg2rad(slant_deg))
    swing_x, swing_y = rng.uniform(0.4, 1.6, 2)
    phase_x, phase_y = rng.uniform(0, 2 * np.pi, 2)
    return Line((float(-swing_x * np.sin(phase_x)), float(-swing_y * np.sin(phase_y))),
                (float(slope * np.cos(towards)), float(slope * np.sin(towards))), (float(swing_x), float(swing_y)),
                (float(rng.uniform(90, 140)), float(rng.uniform(90, 140))), (float(phase_x), float(phase_y)))  # fmt: skip


def _body(rng: np.random.Generator, nerve: str, kind: str, line: Line, seed: int, lateral: float) -> NerveBody:
    habit = HABITS[nerve]
    area = rng.uniform(*habit.area_mm2) * {"hypertrophic": 2.0, "atrophic": 0.6}.get(kind, 1.0)
    if nerve == "sciatic-nerve":
        area = float(np.clip(area, 20.0, 100.0))
    share = {"hypertrophic": 0.47, "atrophic": 0.33, "fatty": 0.3}.get(kind, float(rng.uniform(0.4, 0.5)))
    fat_mm = habit.fat_mm * float(rng.uniform(0.4, 1.2))
    if kind != "split":
        one = Nerve(nerve, line, _outline(rng, area, habit), share, habit.fascicle_mm, 0.15, fat_mm, seed)
        return NerveBody((one,))
    tibial = replace(_outline(rng, 0.62 * area, habit), flattening=0.75, turn_swing_deg=0.0)
    fibular = replace(_outline(rng, 0.38 * area, habit), flattening=0.7, turn_swing_deg=0.0)
    apart = 0.9 * (tibial.axes(np.zeros(()))[0] + fibular.axes(np.zeros(()))[0])
    splits = float(rng.uniform(-6.0, 4.0))
    parts = tuple(
        Nerve(name, _beside(line, lateral * sign * float(apart) * weight, sign * lateral * rate, splits),
              replace(outline, turn_deg=0.0), share, habit.fascicle_mm, 0.15, fat_mm, seed + i)
        for i, (name, outline, sign, weight, rate) in enumerate(
            (("tibial-nerve", tibial, -1.0, 0.38, 0.08), ("fibular-nerve", fibular, 1.0, 0.62, 0.26)))
    )  # fmt: skip
    return NerveBody(parts, nerve, splits - 3.0)


def _beside(line: Line, by_mm: float, parting: float, parts_below: float) -> Line:
    x, y = line.at_zero_mm
    return replace(
        line, at_zero_mm=(x + by_mm, y), parting_mm=(parting, 0.1 * abs(parting)), parts_below_mm=parts_below
    )


def _outline(rng: np.random.Generator, area: float, habit: _Habit) -> Outline:
    waves = tuple(
        (k, float(rng.uniform(0.0, w)), float(rng.uniform(0, 2 * np.pi)))
        for k, w in ((2, 0.05), (3, 0.06), (4, 0.04), (5, 0.02))
    )
    return Outline(float(area), float(rng.uniform(*habit.flattening)), float(rng.uniform(1.9, 2.8)), waves,
                   float(rng.uniform(0.02, 0.10)), float(rng.uniform(0.03, 0.12)), float(rng.uniform(-60, 60)),
                   float(rng.uniform(3, 12)), float(rng.uniform(90, 150)), float(rng.uniform(0, 2 * np.pi)))  # fmt: skip


def _ground(rng: np.random.Generator, nerve: str, kind: str, line: Line, seed: int, lateral: float) -> Surroundings:
    near = rng.uniform(0, 2 * np.pi) + np.array([0.0, 2.1, 4.2]) + rng.uniform(-0.3, 0.3, 3)
    radius = rng.uniform(13.0, 17.0)
    far = near[0] + 1.0 + 2 * np.pi * np.arange(6) / 6 + rng.uniform(-0.25, 0.25, 6)
    seeds = [(float(radius * np.cos(t)), float(radius * np.sin(t))) for t in near]
    seeds += [(float(r * np.cos(t)), float(r * np.sin(t))) for t, r in zip(far, rng.uniform(33, 40, 6), strict=True)]
    # muscles follow the nerve's course, a little more slowly, so that it lies now nearer to one and now to another
    anchor = replace(
        line,
        slope=(0.92 * line.slope[0], 0.92 * line.slope[1]),
        swing_mm=(0.3 * line.swing_mm[0], 0.3 * line.swing_mm[1]),
    )
    fatty = kind == "fatty"
    return Surroundings(anchor, tuple(seeds), _bones(nerve, lateral), float(rng.uniform(0.6, 1.3)) * (1.8 if fatty else 1.0),
                        float(rng.uniform(0.2, 0.45)), muscle_fat=0.30 if fatty else float(rng.uniform(0.02, 0.05)),
                        skin_angle_rad=float(rng.uniform(-2.4, -0.7)), skin_mm=float(rng.uniform(18, 30)),
                        fat_radius_mm=HABITS[nerve].space_mm, seed=seed)  # fmt: skip


def _bones(nerve: str, lateral: float) -> tuple[Bone, ...]:
    if nerve == "l5-root":  # body in front and medial, facet behind
        return (Bone((-lateral * 19.0, 14.0), (18.0, 13.0), 0.9), Bone((-lateral * 4.0, -17.0), (9.0, 8.0), 2.0))
    if nerve == "femoral-nerve":
        return (Bone((lateral * 8.0, -26.0), (16.0, 14.0), 2.0),)
    return (Bone((lateral * 9.0, 27.0), (13.0, 13.0), 4.0),)


def _vessels(rng: np.random.Generator, nerve: str, line: Line, body: NerveBody, lateral: float) -> tuple[Vessel, ...]:
    habit = HABITS[nerve]
    extent = max(abs(p.line.at_zero_mm[0] - line.at_zero_mm[0]) + p.reach_mm for p in body.parts)
    found: list[Vessel] = []
    angle = float(rng.uniform(0, 2 * np.pi)) if nerve != "femoral-nerve" else (np.pi if lateral > 0 else 0.0)
    away = extent + 1.0
    for radius, flow, turn in ((habit.artery_mm, "artery", 0.0), (habit.vein_mm, "vein", 0.75)):
        if radius > 0:
            at = angle + (turn if nerve != "femoral-nerve" else 0.0)
            away_here = away + radius + (2.2 * habit.artery_mm if nerve == "femoral-nerve" and flow == "vein" else 0.0)
            x, y = line.at_zero_mm
            swing = (0.7 * line.swing_mm[0], 0.7 * line.swing_mm[1])
            beside = replace(line, at_zero_mm=(x + away_here * np.cos(at), y + away_here * np.sin(at)), swing_mm=swing)
            found.append(Vessel(beside, radius, "artery" if flow == "artery" else "vein"))
    x, y = line.at_zero_mm
    far = angle + np.pi
    apart = Line((x + 13.0 * np.cos(far), y + 13.0 * np.sin(far)), (0.5 * line.slope[0] + 0.06, 0.5 * line.slope[1]))
    return (*found, Vessel(apart, float(rng.uniform(1.5, 2.2)), "vein" if rng.random() < 0.5 else "artery"))


def _nodes(rng: np.random.Generator, nerve: str, line: Line, body: NerveBody, lateral: float) -> tuple[Node, ...]:
    extent = max(abs(p.line.at_zero_mm[0] - line.at_zero_mm[0]) + p.reach_mm for p in body.parts)
    found = []
    wanted = 3 if nerve == "femoral-nerve" else 2
    for _ in range(40):
        half = float(rng.uniform(2.5, 6.0))  # 5 to 12 mm long
        thick = float(rng.uniform(0.45, 0.7)) * half
        turn, level = float(rng.uniform(0, 2 * np.pi)), float(rng.uniform(-18, 18))
        away = extent + 3.5 + half
        cx, cy = (float(line.xy(np.array(level), axis)) for axis in (0, 1))
        beside = (away * np.cos(turn), away * np.sin(turn))
        if len(found) == wanted or any(_near(beside, bone, half) for bone in _bones(nerve, lateral)):
            continue
        axis = rng.normal(size=3) + np.array([0.0, 0.0, 1.5])
        found.append(Node((cx + away * float(np.cos(turn)), cy + away * float(np.sin(turn)), level),
                          (half, thick, 0.9 * thick), (float(axis[0]), float(axis[1]), float(axis[2]))))  # fmt: skip
    return tuple(found)


def _near(place_mm: tuple[float, float], bone: Bone, margin_mm: float) -> bool:
    """True where a place (relative to the nerve) lies in a bone or within the margin of it."""
    return (
        sum(((p - c) / (a + margin_mm)) ** 2 for p, c, a in zip(place_mm, bone.centre_mm, bone.axes_mm, strict=True))
        < 1.0
    )


def _without(scene: NerveScene, absent: str, rng: np.random.Generator) -> Place:
    """The scene without its nerve, and something else at the middle."""
    line = scene.ground.anchor
    middle = (float(line.xy(np.array(0.0), 0)), float(line.xy(np.array(0.0), 1)), 0.0)
    bare, ground = replace(scene, nerve=None), scene.ground
    if absent in ("artery", "vein"):
        vessel = Vessel(line, float(rng.uniform(1.8, 2.8)), "artery" if absent == "artery" else "vein")
        return Place(replace(bare, vessels=(*scene.vessels, vessel)), middle)
    if absent == "node":
        half = float(rng.uniform(4.5, 7.5))
        node = Node(middle, (half, 0.6 * half, 0.5 * half), (0.15, 0.1, 1.0))
        return Place(
            replace(bare, nodes=(*scene.nodes, node), ground=replace(ground, fat_radius_mm=0.8 * half)), middle
        )
    if absent == "septum":
        between = 0.5 * (np.array(ground.seeds_mm[0]) + np.array(ground.seeds_mm[1]))
        wide = replace(ground, septum_mm=1.1, fat_gap_mm=2.2, waves_mm=0.4)
        return Place(replace(bare, ground=wide), (middle[0] + float(between[0]), middle[1] + float(between[1]), 0.0))
    if absent == "fat":
        return Place(replace(bare, ground=replace(ground, fat_radius_mm=8.0)), middle)
    if absent == "tendon":
        cord = Vessel(line, float(rng.uniform(1.6, 2.4)), "wall")
        return Place(replace(bare, vessels=(*scene.vessels, cord)), middle)
    if absent == "muscle":
        x, y = ground.seeds_mm[0]
        return Place(bare, (middle[0] + x, middle[1] + y, 0.0))
    # noise: in the air beside the leg
    beside = replace(ground, skin_mm=2.0, air_mm=7.0)
    turn = ground.skin_angle_rad
    x, y = 14.0 * float(np.cos(turn)), 14.0 * float(np.sin(turn))
    return Place(replace(bare, ground=beside, nodes=()), (middle[0] + x, middle[1] + y, 0.0))
