"""A piece of a limb around a nerve, painted slice by slice: muscles, septa, bone, skin, vessels, nodes and the nerve. NumPy only.

Muscles and bone change slowly along the stack and are painted once a slice; what runs obliquely (nerve, vessels) is painted in
several layers within the thickness of each slice, so that it blurs as it does in a scanner.
"""

from dataclasses import dataclass

import numpy as np

from .nerve_shapes import Course, Nerve, Tube, ramp


@dataclass(frozen=True)
class Fork:
    """The course of one of two parts that lie against each other down to level ``level`` and then part, ``rate`` mm per mm."""

    trunk: Course
    direction_deg: float
    contact_mm: float
    level: float
    rate: float

    def centre(self, w):
        a = np.deg2rad(self.direction_deg)
        return self.trunk.centre(w) + self._off(w) * np.array([np.cos(a), np.sin(a)])

    def slope(self, w):
        return (self.centre(w + 0.01) - self.centre(w - 0.01)) / 0.02

    def angle_deg(self, w):
        return float(np.rad2deg(np.arctan(np.hypot(*self.slope(w)))))

    def _off(self, w):
        beyond = w - self.level
        return 0.5 * self.contact_mm + 0.5 * self.rate * (beyond + np.hypot(beyond, 2.0))


def joined(a, b, k):
    """Signed distance of two shapes under one sheath: a union whose notches are filled over ``k`` mm."""
    if k <= 0:
        return np.minimum(a, b)
    h = np.maximum(k - np.abs(a - b), 0) / k
    return np.minimum(a, b) - h * h * k / 4


@dataclass(frozen=True)
class Muscles:
    """Bellies as cells around ``seeds`` (n, 2) that move along with ``follows``; between them septa of ``septum_mm`` of fat."""

    seeds: np.ndarray
    girths: np.ndarray  # (n,) mm2, how far a belly pushes its neighbours away
    follows: Course
    septum_mm: float
    fascia_mm: float
    fat: float  # share of fat in every fibre bundle
    streaks: float  # share of the belly that is streaks of fat
    textures: np.ndarray  # (2, n, n): bundles, streaks; sampled every 0.125 mm
    grain: float = 0.09

    def border(self, u, v, w):
        """(distance to the nearest septum's middle, which belly)."""
        cu, cv = (0.8 * self.follows.centre(w)).tolist()
        x = u - cu + 1.3 * np.sin((v - cv) / 7.0)
        y = v - cv + 1.1 * np.sin((u - cu) / 8.0)
        best, second = np.full(u.shape, np.inf), np.full(u.shape, np.inf)
        mine, other = np.zeros(u.shape, int), np.zeros(u.shape, int)
        for n, (a, b) in enumerate(self.seeds.tolist()):
            power = (x - a) ** 2 + (y - b) ** 2 - float(self.girths[n])
            first, near = power < best, power < second
            other = np.where(first, mine, np.where(near, n, other))
            second = np.where(first, best, np.where(near, power, second))
            mine, best = np.where(first, n, mine), np.where(first, power, best)
        apart = np.hypot(*np.moveaxis(self.seeds[mine] - self.seeds[other], -1, 0))
        return (second - best) / (2 * np.maximum(apart, 1e-6)), mine

    def sample(self, which, u, v, w, turn=0.0):
        field = self.textures[which]
        c, s = np.cos(turn), np.sin(turn)
        i = np.rint((c * u + s * v + 0.25 * w) / 0.125).astype(int) % len(field)
        j = np.rint((-s * u + c * v - 0.15 * w) / 0.125).astype(int) % len(field)
        return field[i, j]


def texture(rng, long_mm, short_mm, n=512, spacing=0.125):
    """A periodic Gaussian field of unit sd, correlated over the given lengths."""
    k = np.fft.fftfreq(n, spacing) * 2 * np.pi
    spectrum = np.fft.fft2(rng.standard_normal((n, n)))
    spectrum *= np.exp(-0.25 * ((k[:, None] * long_mm) ** 2 + (k * short_mm) ** 2))
    field = np.fft.ifft2(spectrum).real
    return (field - field.mean()) / field.std()


@dataclass(frozen=True)
class Scene:
    """All there is. ``nerves``: name -> Nerve; where ``fork`` is given, two parts that above it are one nerve ``trunk_name``."""

    muscles: Muscles
    nerves: dict[str, Nerve]
    tubes: tuple[Tube, ...] = ()
    bone: tuple[float, float, float, float] | None = None  # u, v, radius, cortex
    skin: tuple[float, float, float] | None = (
        None  # direction in degrees, distance to the skin, thickness of fat beneath
    )
    trunk_name: str = ""
    fork_level: float = np.inf
    shine: float = 1.0  # of the fascicles, disease

    def nerve_distances(self, u, v, w, step):
        """name -> signed distance (mm) at level w; a divided nerve has its trunk's name down to the fork."""
        return self._named({name: nerve.away(u, v, w, step) for name, nerve in self.nerves.items()}, w)

    def _named(self, parts, w):
        if self.trunk_name and w < self.fork_level:
            a, b = parts.values()
            return {self.trunk_name: joined(a, b, min(1.5, 0.3 * (self.fork_level - w)))}
        return parts

    def angle_deg(self, name, w):
        nerve = self.nerves.get(name) or next(iter(self.nerves.values()))
        course = nerve.course.trunk if name == self.trunk_name and isinstance(nerve.course, Fork) else nerve.course
        return course.angle_deg(w)

    def ground(self, u, v, w, tone, step):
        """What is painted once a slice: fat, muscle, share of muscle, fascia, and what lies over all (colour, share)."""
        m = self.muscles
        lobules = m.sample(0, 0.6 * u, 0.6 * v, w)
        fat = tone["fat"] * (1 + 0.05 * lobules)
        edge, belly = m.border(u, v, w)
        turn = 1.1 * belly
        bundles = 1 + m.grain * m.sample(0, u, v, w, turn)
        streak = m.sample(1, u, v, 0.5 * w, turn)
        level = _normal_quantile(1 - m.streaks) if m.streaks else 9.0
        fatty = np.clip(m.fat + 0.75 / (1 + np.exp(np.clip(-6 * (streak - level), -30, 30))), 0, 0.95)
        muscle = tone["muscle"] * bundles * (1 - fatty) + tone["fat"] * fatty
        uneven = 1 + 0.7 * np.sin(u / 6.3 + 1.3 * belly) * np.sin(v / 5.1 - 0.7 * belly)
        share = ramp(0.5 * m.septum_mm * uneven - edge, step)
        fascia = ramp(edge - 0.5 * m.fascia_mm, step) * 0.8
        over, cover = self._bone_and_skin(u, v, tone, step, lobules)
        return fat, muscle, share, fascia, over, cover

    def _bone_and_skin(self, u, v, tone, step, lobules):
        colour, cover = np.zeros(u.shape), np.zeros(u.shape)

        def lay(share, value):
            nonlocal colour, cover
            colour, cover = colour * (1 - share) + value * share, cover * (1 - share) + share

        if self.bone:
            bu, bv, radius, cortex = self.bone
            phi = np.arctan2(v - bv, u - bu)
            away = np.hypot(u - bu, v - bv) - radius * (1 + 0.08 * np.cos(2 * phi + 1) + 0.05 * np.cos(3 * phi))
            lay(ramp(away, step), tone["dark"])
            lay(ramp(away + cortex, step), tone["marrow"] * (1 + 0.06 * lobules))
        if self.skin:
            direction, reach, depth = self.skin
            a = np.deg2rad(direction)
            out = np.cos(a) * u + np.sin(a) * v - reach + 0.004 * (np.cos(a) * v - np.sin(a) * u) ** 2
            lay(ramp(-depth - out, step), tone["fat"] * (1 + 0.07 * lobules))
            lay(ramp(np.abs(out + 0.62 * depth) - 0.12, step) * 0.5, tone["epineurium"])
            lay(ramp(-out - 1.6, step), tone["skin"])
            lay(ramp(-out, step), tone["air"])
        return colour, cover

    def painted(self, u, v, w, tone, step, ground):
        """One infinitely thin layer at level w over the ``ground``, with nerve and vessels."""
        fat, muscle, share, fascia, over, cover = ground
        own = {name: nerve.away(u, v, w, step) for name, nerve in self.nerves.items()}
        near = np.full(u.shape, np.inf)
        for name, nerve in self.nerves.items():
            near = np.minimum(near, own[name])
            share = share * (1 - ramp(own[name] - nerve.sheath_mm(u, v, w), step))
        fascia = fascia * (1 - ramp(near - 0.7, step))
        share = share.copy()
        tubes = []
        for tube in self.tubes:
            box = around(u, v, tube.course.centre(w), tube.reach + 0.5)
            if tube.grows(w) > 0 and u[box].size > 8:
                gap = tube.away(u[box], v[box], w, step)
                tubes.append((tube, box, gap))
                share[box] *= 1 - ramp(gap - tube.sheath_mm, step)
                fascia[box] *= 1 - ramp(gap - 0.5 * tube.sheath_mm, step)
        image = flat(fat, muscle, share, fascia, over, cover, tone)
        for tube, box, gap in tubes:
            away = np.maximum(gap, 0.25 - near[box])
            image[box] = self._tube(image[box], tube, away, u[box], v[box], w, tone, step)
        for name, gap in self._named(own, w).items():
            image = self._nerve(image, name, gap, own, u, v, w, tone, step)
        return image

    def _tube(self, image, tube, gap, u, v, w, tone, step):
        def lay(away, value):
            nonlocal image
            image = image + (value - image) * ramp(away, step)

        if tube.kind == "gap":
            return image
        wall, colour, wall_tone = {
            "artery": (0.45, tone["artery"], tone["muscle"]),
            "vein": (0.2, tone["vein"], tone["epineurium"]),
            "node": (0.2, tone["node"], tone["dark"]),
            "tendon": (0.0, tone["dark"], tone["dark"]),
            "sac": (0.35, tone["water"], tone["dark"]),
        }[tube.kind]
        lay(gap, wall_tone)
        lay(gap + wall, colour * (1 + 0.04 * self.muscles.sample(0, u, v, w)))
        p, q = tube.local(u, v, w)
        grown = tube.grows(w)
        for a, b, radius in tube.parts:
            inner = tone["fat"] if tube.kind == "node" else tone["fascicle"]
            lay(np.maximum(np.hypot(p - a * grown, q - b * grown) - radius * grown, gap + wall), inner)
        return image

    def _nerve(self, image, name, gap, own, u, v, w, tone, step):
        parts = self.nerves if name == self.trunk_name else {name: self.nerves[name]}
        first = next(iter(parts.values()))
        loose = tone["epineurium"] * (1 - first.fat) + tone["fat"] * first.fat
        image = image + (tone["dark"] - image) * ramp(gap, step)
        image = image + (loose - image) * ramp(gap + first.rim_mm, step)
        for part, nerve in parts.items():
            within = own[part] < 0
            outline = nerve.outline_at(w)
            x, y = outline.unbent(*nerve.across(u[within], v[within], w))
            inside, shine = nerve.fascicles.at(w, x, y, outline.radius)
            margin = own[part][within] + nerve.rim_mm + 0.4 * nerve.fascicles.gap_mm
            bundle = ramp(np.maximum(-inside, margin), step)
            image[within] += (tone["fascicle"] * self.shine * shine - image[within]) * bundle
        return image


def flat(fat, muscle, share, fascia, over, cover, tone):
    """Fat, muscle in it, fascia over both, and bone, skin and air over all."""
    image = fat + (muscle - fat) * share
    image = image + (tone["dark"] - image) * fascia
    return image * (1 - cover) + over


def around(u, v, centre, reach):
    """The part (slices) of a plane within ``reach`` mm of a place."""
    inside = (np.abs(u - centre[0]) < reach) & (np.abs(v - centre[1]) < reach)
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    if not len(rows):
        return slice(0, 0), slice(0, 0)
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _normal_quantile(p):
    """Standard normal quantile from a tabulated density; rough (1e-3) is enough for a texture."""
    grid = np.linspace(-4, 4, 2001)
    density = np.exp(-0.5 * grid**2)
    return float(np.interp(p, np.cumsum(density) / density.sum(), grid))
