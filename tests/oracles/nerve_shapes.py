"""Outlines, fascicles and courses of nerves, and the tubes that run beside them, in millimetres. NumPy only.

Everything lives in the frame of the stack: u and v in the plane of the slices, w across them, w growing distally. An outline is
given in the plane across the nerve and laid into the slices by the local direction of its course.
"""

from dataclasses import dataclass, field

import numpy as np


def distance(level, step):
    """Signed distance (mm, negative inside) near the line ``level`` = 1 of a field sampled with ``step`` = (du, dv)."""
    gu, gv = np.gradient(level, *step)
    return (level - 1.0) / np.maximum(np.hypot(gu, gv), 1e-3)


def ramp(away, step):
    """Share of a sampling cell that lies inside (``away`` < 0)."""
    return np.clip(0.5 - away / (0.5 * (step[0] + step[1])), 0.0, 1.0)


@dataclass(frozen=True)
class Course:
    """(u, v) of a centre line at level w: at ``at`` for w = 0, leaning by ``tilt_deg`` towards ``azimuth_deg``, and bending.

    ``bend`` (1/mm) curves it at right angles to the lean, ``wave`` = (amplitude mm, wavelength mm) lets it undulate.
    """

    at: tuple[float, float] = (0.0, 0.0)
    tilt_deg: float = 0.0
    azimuth_deg: float = 0.0
    bend: float = 0.0
    wave: tuple[float, float] = (0.0, 40.0)

    def centre(self, w):
        along, across = self._axes()
        k = 2 * np.pi / self.wave[1]
        lean = np.tan(np.deg2rad(self.tilt_deg)) * w
        side = 0.5 * self.bend * w**2 + self.wave[0] * np.sin(k * w)
        return np.asarray(self.at) + lean * along + side * across

    def slope(self, w):
        along, across = self._axes()
        k = 2 * np.pi / self.wave[1]
        return np.tan(np.deg2rad(self.tilt_deg)) * along + (self.bend * w + self.wave[0] * k * np.cos(k * w)) * across

    def angle_deg(self, w):
        """Between the course and the normal of the slices."""
        return float(np.rad2deg(np.arctan(np.hypot(*self.slope(w)))))

    def _axes(self):
        a = np.deg2rad(self.azimuth_deg)
        return np.array([np.cos(a), np.sin(a)]), np.array([-np.sin(a), np.cos(a)])


@dataclass(frozen=True)
class Outline:
    """A lobed, flattened and bent disc whose area is known in closed form.

    In polar coordinates r = r0 (1 + sum a cos(n phi + c)), area pi r0^2 (1 + sum a^2 / 2); stretching by sqrt(flat) and
    its inverse, and the shear q -> q + bend p^2, both keep the area.
    """

    area_mm2: float
    lobes: tuple[tuple[int, float, float], ...] = ()
    flat: float = 1.0
    bend: float = 0.0
    turn_deg: float = 0.0

    @property
    def radius(self):
        return np.sqrt(self.area_mm2 / (np.pi * (1 + sum(a * a for _, a, _ in self.lobes) / 2)))

    @property
    def reach(self):
        """No point of the outline is farther from its centre than this."""
        long = self.radius * np.sqrt(self.flat) * (1 + sum(abs(a) for _, a, _ in self.lobes))
        return long + abs(self.bend) * long**2

    def unbent(self, p, q):
        """Plane across the nerve -> the plane in which the outline is a lobed disc (coordinates in units of r0)."""
        t = np.deg2rad(self.turn_deg)
        x, y = np.cos(t) * p + np.sin(t) * q, -np.sin(t) * p + np.cos(t) * q
        wide = self.radius * np.sqrt(self.flat)
        y = y - self.bend * (x * x - wide**2 / 4)
        return x / wide, y * wide / self.radius**2

    def level(self, p, q):
        """1 on the outline, less inside."""
        x, y = self.unbent(p, q)
        phi = np.arctan2(y, x)
        edge = 1 + sum(a * np.cos(n * phi + c) for n, a, c in self.lobes)
        return np.hypot(x, y) / edge


@dataclass(frozen=True)
class Fascicles:
    """Bundles that fill an outline: cells of a power diagram, shrunk, that wander slowly along the nerve."""

    seeds: np.ndarray  # (n, 2), in units of r0
    sizes: np.ndarray  # (n,), units of r0 squared
    shine: np.ndarray  # (n,), signal relative to the mean
    gap_mm: float  # of epineurium between two
    wander: float = 0.08

    @staticmethod
    def grown(rng, count, outline, gap_mm, variety=0.3, bright=0.0):
        """``count`` bundles spread evenly over the outline; ``variety`` of sizes; a share ``bright`` shines (disease)."""
        points = rng.uniform(-1.6, 1.6, (6000, 2))
        phi = np.arctan2(points[:, 1], points[:, 0])
        edge = 1 + sum(a * np.cos(n * phi + c) for n, a, c in outline.lobes)
        points = points[np.hypot(*points.T) < edge]
        seeds = points[:count].copy()
        sizes = variety / count * rng.uniform(-1.0, 1.0, count)
        for _ in range(12):
            nearest = np.argmin(((points[:, None] - seeds) ** 2).sum(-1) - sizes, axis=1)
            for i in range(count):
                if (nearest == i).any():
                    seeds[i] = points[nearest == i].mean(0)
        shine = 1 + 0.07 * rng.standard_normal(count)
        shine[rng.random(count) < bright] *= 1.35
        return Fascicles(seeds, sizes, shine, gap_mm)

    def at(self, w, x, y, scale):
        """(distance to the nearest border in mm, positive inside a bundle; signal of that bundle) at level w."""
        n = np.arange(len(self.seeds))
        drift = self.wander * np.stack([np.sin(w / 9 + 2.4 * n), np.cos(w / 11 + 1.7 * n)], axis=1)
        seeds = self.seeds + drift
        power = (x[..., None] - seeds[:, 0]) ** 2 + (y[..., None] - seeds[:, 1]) ** 2 - self.sizes
        if len(seeds) == 1:
            return np.full(x.shape, np.inf), np.full(x.shape, self.shine[0])
        order = np.argpartition(power, 1, axis=-1)[..., :2]
        first, second = np.take_along_axis(power, order, -1)[..., 0], np.take_along_axis(power, order, -1)[..., 1]
        mine = np.where(first <= second, order[..., 0], order[..., 1])
        between = np.hypot(*np.moveaxis(seeds[order[..., 0]] - seeds[order[..., 1]], -1, 0))
        border = np.abs(second - first) / (2 * np.maximum(between, 1e-3))
        return border * scale - 0.5 * self.gap_mm, self.shine[mine]


@dataclass(frozen=True)
class Nerve:
    """One nerve (or one part of a nerve that divides) with its sheath.

    The outline includes the epineurium, so the dark rim of ``rim_mm`` lies within it. ``swell`` is the relative change of area
    per mm along the nerve, ``twist`` the turn of the section in degrees per mm. ``fat`` is the share of fat in the epineurium.
    ``sheath`` = (least, most, direction in degrees of the least): thickness of the fat around it in mm.
    """

    course: Course
    outline: Outline
    fascicles: Fascicles
    rim_mm: float = 0.2
    swell: float = 0.0
    twist: float = 0.0
    fat: float = 0.5
    sheath: tuple[float, float, float] = (0.6, 3.0, 0.0)

    def outline_at(self, w):
        o = self.outline
        return Outline(o.area_mm2 * (1 + self.swell * w), o.lobes, o.flat, o.bend, o.turn_deg + self.twist * w)

    def across(self, u, v, w):
        """Place in the slice -> place in the plane across the nerve (the lean foreshortens it along its own direction)."""
        cu, cv = self.course.centre(w)
        su, sv = self.course.slope(w)
        steep = np.hypot(su, sv)
        du, dv = u - cu, v - cv
        if steep < 1e-6:
            return du, dv
        au, av = su / steep, sv / steep
        along = du * au + dv * av
        shorter = along * (1 / np.hypot(1, steep) - 1)
        return du + shorter * au, dv + shorter * av

    def away(self, u, v, w, step):
        """Signed distance in the plane of the slice from the outline, mm."""
        return distance(self.outline_at(w).level(*self.across(u, v, w)), step)

    def sheath_mm(self, u, v, w):
        """How far fat reaches beyond the outline, by direction."""
        cu, cv = self.course.centre(w)
        least, most, direction = self.sheath
        turn = np.arctan2(v - cv, u - cu) - np.deg2rad(direction)
        return least + (most - least) * (0.5 - 0.5 * np.cos(turn)) ** 1.5


@dataclass(frozen=True)
class Tube:
    """A vessel, a tendon, the thecal sac, a rope of fat: elliptical, along its own course.

    ``length_mm`` (lymph nodes): it begins and ends, as an ellipsoid of that length around level ``middle``.
    """

    kind: str
    course: Course
    radius: float
    flat: float = 1.0
    turn_deg: float = 0.0
    sheath_mm: float = 1.0
    length_mm: float = np.inf
    middle: float = 0.0
    parts: tuple[tuple[float, float, float], ...] = field(default=())  # discs within: (p, q, radius), in mm

    def grows(self, w):
        """Relative radius at level w; 0 beyond its ends."""
        return np.sqrt(max(0.0, 1 - (2 * (w - self.middle) / self.length_mm) ** 2))

    def local(self, u, v, w):
        cu, cv = self.course.centre(w)
        t = np.deg2rad(self.turn_deg)
        return np.cos(t) * (u - cu) + np.sin(t) * (v - cv), -np.sin(t) * (u - cu) + np.cos(t) * (v - cv)

    def away(self, u, v, w, step):
        p, q = self.local(u, v, w)
        size = max(self.radius * self.grows(w), 1e-2)
        return distance(np.hypot(p / np.sqrt(self.flat), q * np.sqrt(self.flat)) / size, step)

    @property
    def reach(self):
        return self.radius * np.sqrt(max(self.flat, 1 / self.flat)) + self.sheath_mm
