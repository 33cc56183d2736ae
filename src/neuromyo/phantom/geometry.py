"""Two legs as functions of position: which tissue of which region lies at any point.

Muscles share the space inside the deep fascia: each claims the points where its ellipse's level is lowest, up to a
narrow gap of fat towards its neighbour. Bones, vessels, nerves and tendons are laid over them. Every outline is smooth
along the leg, so any grid, slanted or not, samples the same body.

*Atrophy* shrinks a muscle's cross-section about its middle: a point belongs to the wasted muscle if the point it came
from, farther out by 1/sqrt(1 - atrophy), belonged to the healthy one. The area lost is then exactly the share asked for
wherever the muscle's outline can be seen from its middle.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from neuromyo.phantom import layout
from neuromyo.phantom.disease import HEALTHY, Disease
from neuromyo.phantom.regions import LEAVES, PLACE, LegSide
from neuromyo.phantom.shapes import Course, Structure, polar_radius

SKIN_MM, FASCIA_MM, SHEATH_MM, MEMBRANE_MM = 1.2, 0.7, 1.0, 0.9
#: width of the fat between muscles, and how far a muscle grows beyond its ellipse, in mm
GAP_MM, GROWTH_MM = 0.6, 9.0
#: direction in which subcutaneous fat is thickest: backwards and inwards, in rad from lateral
THICKEST = np.deg2rad(235.0)
#: direction of the shin's inner face, and how wide it is
SHIN, SHIN_WIDTH = np.deg2rad(138.0), 0.3

_SKIN, _FAT = Course(layout.SKIN), Course(layout.SUBCUTANEOUS)
_BONES = tuple(Structure(t) for t in layout.BONES)
_MUSCLES = tuple(Structure(t) for t in layout.MUSCLES)
_TENDONS = tuple(Structure(t) for t in layout.TENDONS)
_VESSELS = tuple(Structure(t) for t in layout.VESSELS)
_NERVES = tuple(Structure(t) for t in layout.NERVES)
_JOINT = Structure(layout.JOINT)
_TIBIA, _FIBULA = (next(b for b in _BONES if b.name == name) for name in ("tibia", "fibula"))

_FIRST_MUSCLE = PLACE[(layout.MUSCLES[0].name, "muscle")]
_SUBCUTANEOUS, _IMF = PLACE[("subcutaneous-fat", "subcutaneous-fat")], PLACE[("intermuscular-fat", "intermuscular-fat")]
_SKIN_LEAF, _FASCIA = PLACE[("skin", "skin")], PLACE[("fascia", "fascia")]
OUTSIDE = -1


@dataclass(frozen=True)
class Leg:
    """One leg of one person.

    middle_mm : x and y of the leg's axis at the knee
    lean : mm towards lateral per mm upwards (legs part towards the hips)
    turn_deg : outward rotation of the foot
    length, girth : size relative to the reference leg, along it and across it
    fat : thickness of subcutaneous fat relative to the reference
    atrophy : (n_muscles,) share of cross-section lost
    """

    side: LegSide
    middle_mm: tuple[float, float]
    lean: float = 0.0
    turn_deg: float = 0.0
    length: float = 1.0
    girth: float = 1.0
    fat: float = 1.0
    atrophy: tuple[float, ...] = field(default=(0.0,) * len(layout.MUSCLES))

    def to_leg(self, xyz: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """RAS+ mm (n, 3) -> (u, v, s) of the reference leg; lateral is +x on the right and -x on the left."""
        outward = 1.0 if self.side == "right" else -1.0
        u = outward * (xyz[:, 0] - self.middle_mm[0]) - self.lean * xyz[:, 2]
        v = xyz[:, 1] - self.middle_mm[1]
        angle = np.deg2rad(self.turn_deg)
        turned_u, turned_v = u * np.cos(angle) - v * np.sin(angle), v * np.cos(angle) + u * np.sin(angle)
        return turned_u / self.girth, turned_v / self.girth, xyz[:, 2] / self.length

    def leaves(self, xyz: np.ndarray) -> np.ndarray:
        """RAS+ mm (n, 3) -> (n,) place in `regions.LEAVES`, `OUTSIDE` in air."""
        u, v, s = self.to_leg(xyz)
        if s.size and np.ptp(s) < 1e-9:
            s = s[0]  # an axial slice: the courses are looked up once
        found = np.full(u.shape, OUTSIDE)
        within = skin_depth(u, v, s, self.fat) > 0.0
        u, v, s = u[within], v[within], s[within] if np.ndim(s) else s
        found[within] = self._wasted(partition(u, v, s, self.fat), u, v, s)
        return found

    def _wasted(self, leaf: np.ndarray, u: np.ndarray, v: np.ndarray, s: np.ndarray) -> np.ndarray:
        lost = np.array(self.atrophy)
        muscle = leaf - _FIRST_MUSCLE
        hit = (muscle >= 0) & (muscle < len(lost))
        hit[hit] = lost[muscle[hit]] > 0.0
        if not hit.any():
            return leaf
        s_hit = s[hit] if np.ndim(s) else s
        centres = np.array([np.broadcast_to(m.centre(s_hit), (2, *np.shape(s_hit))) for m in _MUSCLES])
        own = muscle[hit]
        cu, cv = (centres[own, i] if centres.ndim == 2 else centres[own, i, np.arange(own.size)] for i in (0, 1))
        grow = 1.0 / np.sqrt(1.0 - lost[own])
        came_u, came_v = cu + (u[hit] - cu) * grow, cv + (v[hit] - cv) * grow
        stays = partition(came_u, came_v, s_hit, self.fat) == leaf[hit]
        leaf = leaf.copy()
        leaf[np.flatnonzero(hit)[~stays]] = _IMF
        return leaf


@dataclass(frozen=True)
class Body:
    """Both legs; +x is the subject's right, so the right leg stands at larger x. Only those of ``sides`` are there."""

    right: Leg
    left: Leg
    sides: tuple[LegSide, ...] = ("right", "left")

    def codes(self, xyz: np.ndarray) -> np.ndarray:
        """RAS+ mm (n, 3) -> (n,) leaf codes (see `regions.LEAVES`), 0 in air."""
        middle = 0.5 * (self.right.middle_mm[0] + self.left.middle_mm[0])
        is_right = xyz[:, 0] >= middle
        codes = np.zeros(len(xyz), dtype=np.int64)
        if "right" in self.sides:
            codes[is_right] = self.right.leaves(xyz[is_right]) + 1
        if "left" in self.sides:
            left = self.left.leaves(xyz[~is_right])
            codes[~is_right] = np.where(left == OUTSIDE, 0, left + 1 + len(LEAVES))
        return codes

    def wasted(self, disease: Disease) -> Body:
        """The same body with the atrophy of a disease."""
        right, left = (
            replace(leg, atrophy=tuple(disease.along("atrophy", leg.side))) for leg in (self.right, self.left)
        )
        return replace(self, right=right, left=left)


def reference_body(disease: Disease = HEALTHY) -> Body:
    """Two mirror-image reference legs, 190 mm apart at the knee."""
    return Body(Leg("right", (95.0, 0.0)), Leg("left", (-95.0, 0.0))).wasted(disease)


def skin_depth(u: np.ndarray, v: np.ndarray, s: np.ndarray, fat: float) -> np.ndarray:
    """How far under the skin's surface a point lies, in mm along the ray from the leg's axis."""
    muscle_wall, thickness = _walls(u, v, s)
    return muscle_wall + fat * thickness


def _walls(u: np.ndarray, v: np.ndarray, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(depth under the deep fascia, thickness of subcutaneous fat there)."""
    cu, cv, a, b, flat = _SKIN.at(s)
    x, y = u - cu, v - cv
    rho = np.hypot(x, y)
    base, uneven = _FAT.at(s)
    towards = (x * np.cos(THICKEST) + y * np.sin(THICKEST)) / np.maximum(rho, 1e-9)
    shin = (x * np.cos(SHIN) + y * np.sin(SHIN)) / np.maximum(rho, 1e-9)
    flatness = flat * np.exp((shin - 1.0) / SHIN_WIDTH)
    thickness = base * (1.0 + uneven * towards) * (1.0 - 3.0 * flatness)
    return polar_radius(x, y, a, b) * (1.0 - flatness) - thickness - rho, thickness


def partition(u: np.ndarray, v: np.ndarray, s: np.ndarray, fat: float) -> np.ndarray:
    """Points (n,) of the healthy leg -> (n,) place in `regions.LEAVES`; every point is taken to be inside the skin."""
    wall, thickness = _walls(u, v, s)
    leaf = np.full(u.shape, _SUBCUTANEOUS)
    leaf[wall + fat * thickness < SKIN_MM] = _SKIN_LEAF
    inside = wall > 0.0
    at = (u[inside], v[inside], s[inside] if np.ndim(s) else s)
    leaf[inside] = _contents(*at, wall[inside])
    _lay_bones(leaf, u, v, s)
    return leaf


def _contents(u: np.ndarray, v: np.ndarray, s: np.ndarray, wall: np.ndarray) -> np.ndarray:
    """What lies under the deep fascia, bones aside."""
    leaf = _muscle_at(u, v, s)
    leaf[wall < FASCIA_MM] = _FASCIA
    leaf[_on_membrane(u, v, s)] = _FASCIA
    for nerve in _NERVES:
        depth = nerve.depth(u, v, s)
        leaf[depth > -SHEATH_MM] = _IMF
        within = np.where(
            nerve.in_fascicle(u, v, s), PLACE[(nerve.name, "fascicle")], PLACE[(nerve.name, "epineurium")]
        )
        leaf = np.where(depth > 0.0, within, leaf)
    depths = [vessel.depth(u, v, s) for vessel in _VESSELS]
    nerves = leaf >= PLACE[(_NERVES[0].name, "fascicle")]
    for depth in depths:
        leaf[(depth > -SHEATH_MM) & ~nerves] = _IMF
    for vessel, depth in zip(_VESSELS, depths, strict=True):
        leaf[depth > 0.0] = PLACE[(vessel.name, vessel.parent)]
    for tendon in _TENDONS:
        leaf[tendon.depth(u, v, s) > 0.0] = PLACE[(tendon.name, "tendon")]
    leaf[_JOINT.depth(u, v, s) > 0.0] = PLACE[("knee-joint", "cartilage")]
    return leaf


def _muscle_at(u: np.ndarray, v: np.ndarray, s: np.ndarray) -> np.ndarray:
    best = np.full(u.shape, np.inf)
    second = np.full(u.shape, np.inf)
    slope = np.zeros((2, *u.shape))
    rival = np.zeros((2, *u.shape))
    owner = np.full(u.shape, OUTSIDE)
    for i, muscle in enumerate(_MUSCLES):
        if not np.any(muscle.course.reaches(s)):
            continue
        level, gu, gv = muscle.level(u, v, s)
        wins, places = level < best, level < second
        later = places & ~wins
        rival = np.where(wins, slope, np.where(later, (gu, gv), rival))
        second = np.where(wins, best, np.where(later, level, second))
        slope = np.where(wins, (gu, gv), slope)
        best = np.where(wins, level, best)
        owner = np.where(wins & (level < muscle.reach(s, GROWTH_MM)), i, np.where(wins, OUTSIDE, owner))
    apart = np.maximum(np.hypot(*(slope - rival)), 0.2)
    with np.errstate(invalid="ignore"):
        crowded = np.isfinite(second) & ((second - best) / apart < 0.5 * GAP_MM)
    return np.where((owner == OUTSIDE) | crowded, _IMF, owner + _FIRST_MUSCLE)


def _on_membrane(u: np.ndarray, v: np.ndarray, s: np.ndarray) -> np.ndarray:
    """The interosseous membrane: a sheet from tibia to fibula, below the knee."""
    (tu, tv), (fu, fv) = _TIBIA.centre(s), _FIBULA.centre(s)
    du, dv = fu - tu, fv - tv
    span = np.hypot(du, dv)
    along = ((u - tu) * du + (v - tv) * dv) / span**2
    across = np.abs((u - tu) * dv - (v - tv) * du) / span
    return (across < 0.5 * MEMBRANE_MM) & (along > 0.0) & (along < 1.0) & (s < -45.0)


def _lay_bones(leaf: np.ndarray, u: np.ndarray, v: np.ndarray, s: np.ndarray) -> None:
    for bone in _BONES:
        if np.any(bone.course.reaches(s)):
            depth = bone.depth(u, v, s)
            leaf[depth > 0.0] = PLACE[(f"{bone.name}-cortex", "cortex")]
            leaf[depth > bone.cortex(s)] = PLACE[(f"{bone.name}-marrow", "marrow")]
