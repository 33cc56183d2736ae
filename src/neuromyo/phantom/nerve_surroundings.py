"""Where a nerve lies: muscles with their texture, fat and septa between them, a bone, subcutaneous fat.

Muscles are the cells around seed points, with wavy borders. Everything is a smooth function of the place in the world.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuromyo.phantom.nerve_course import Line

#: relative brightness of neighbouring muscles, so that borders show where no fat lies
MUSCLE_GAIN = 0.06


@dataclass(frozen=True)
class Bone:
    """An oval shaft: centre relative to the anchor line, semi-axes, thickness of its cortex, all mm."""

    centre_mm: tuple[float, float]
    axes_mm: tuple[float, float] = (12.0, 12.0)
    cortex_mm: float = 3.0


@dataclass(frozen=True)
class Surroundings:
    """The ground on which nerve, vessels and nodes are laid.

    anchor : the line that muscles follow along the limb
    seeds_mm : middles of the muscles relative to it; the point at which three meet is where a nerve is at home
    fat_gap_mm, septum_mm : fat between muscles, and the dark sheet in its middle
    waves_mm : half range of the borders' waviness
    muscle_fat : mean share of fat in muscle, in streaks and patches
    skin_angle_rad, skin_mm : direction and distance of the subcutaneous fat
    air_mm : beyond that distance, in the same direction, is nothing
    fat_radius_mm : around the anchor all is fat within it (a nerve that runs in a fat-filled space)
    """

    anchor: Line
    seeds_mm: tuple[tuple[float, float], ...]
    bones: tuple[Bone, ...] = ()
    fat_gap_mm: float = 1.0
    septum_mm: float = 0.35
    waves_mm: float = 1.3
    muscle_fat: float = 0.03
    skin_angle_rad: float = 0.0
    skin_mm: float = 200.0
    air_mm: float = 1000.0
    fat_radius_mm: float = 0.0
    seed: int = 0

    def paint(self, xyz: np.ndarray, width_mm: float) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Points (n, 3) -> shares (n,) of each tissue, adding up to 1 (less in air), and the muscles' relative brightness (n,).

        width_mm : distance between the points; borders are as soft as that
        """
        x = (xyz[:, 0] - self.anchor.xy(xyz[:, 2], 0)).astype(np.float32)
        y = (xyz[:, 1] - self.anchor.xy(xyz[:, 2], 1)).astype(np.float32)
        z = xyz[:, 2].astype(np.float32)
        border, owner = self._border(*self._waved(x, y, z))
        soft = _Soft(width_mm)
        fat = soft(0.5 * self._gap(x, y, z) - border)
        septum = soft(0.5 * self.septum_mm - border)
        if self.fat_radius_mm > 0.0:
            wavy = self.fat_radius_mm * (1.0 + 0.15 * np.sin(3.0 * np.arctan2(y, x)))
            space = soft(wavy - np.hypot(x, y))
            fat, septum = np.maximum(fat, space), septum * (1.0 - space)
        beyond = x * np.cos(self.skin_angle_rad) + y * np.sin(self.skin_angle_rad) - self.skin_mm
        fat = np.maximum(fat, soft(beyond))
        septum = septum * soft(-beyond)
        streaks = self._streaks(x, y, z, owner)
        shares = {"septum": septum, "fat": np.maximum(fat - septum, 0.0)}
        muscle = np.maximum(1.0 - shares["fat"] - septum, 0.0)
        shares["muscle"], shares["fat"] = muscle * (1.0 - streaks), shares["fat"] + muscle * streaks
        for bone in self.bones:
            _lay(shares, bone, x, y, soft)
        body = soft(self.air_mm - self.skin_mm - beyond)
        return {name: share * body for name, share in shares.items()}, self._gain(x, y, z, owner)

    def _waved(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Places pushed about, so that borders between muscles are not straight; not at the anchor itself."""
        phase = np.random.default_rng([self.seed, 3]).uniform(0, 2 * np.pi, 4)
        size = self.waves_mm * np.clip(np.hypot(x, y) / 8.0, 0.0, 1.0)
        shift_x = np.sin(y / 4.3 + z / 40.0 + phase[0]) + 0.6 * np.sin(x / 7.1 + y / 9.0 + phase[1])
        shift_y = np.sin(x / 4.9 - z / 35.0 + phase[2]) + 0.6 * np.sin(y / 6.7 - x / 8.0 + phase[3])
        return x + size * shift_x, y + size * shift_y

    def _border(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distance (mm) from the border to the next muscle, and which muscle's cell a place lies in."""
        seeds = np.array(self.seeds_mm, np.float32)
        square = (x - seeds[:, :1]) ** 2 + (y - seeds[:, 1:]) ** 2
        owner = np.argmin(square, axis=0)
        nearest = np.take_along_axis(square, owner[None], 0)[0]
        apart = np.linalg.norm(seeds[:, None] - seeds[None], axis=-1).astype(np.float32)
        gap = (square - nearest) / (2.0 * np.maximum(apart[owner].T, 1e-3))
        np.put_along_axis(gap, owner[None], np.inf, 0)
        return gap.min(axis=0), owner

    def _gap(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Fat between muscles, mm: it comes and goes."""
        return self.fat_gap_mm * (0.9 + 0.5 * np.sin(x / 6.0 + 1.3 * np.sin(y / 7.0) + z / 60.0 + self.seed))

    def _streaks(self, x: np.ndarray, y: np.ndarray, z: np.ndarray, owner: np.ndarray) -> np.ndarray:
        """Share of fat in muscle: thin streaks that run along a direction of each muscle, thicker in patches."""
        angle = np.random.default_rng([self.seed, 5]).uniform(0, np.pi, len(self.seeds_mm)).astype(np.float32)[owner]
        across = x * np.cos(angle) + y * np.sin(angle)
        along = y * np.cos(angle) - x * np.sin(angle)
        wavy = across / 0.45 + 1.7 * np.sin(along / 2.9 + z / 25.0) + 1.1 * np.sin(across / 3.7 + z / 31.0)
        ridge = np.maximum(np.sin(wavy) * np.sin(along / 3.3 + 2.0 * np.sin(across / 2.1)) - 0.35, 0.0) / 0.65
        patch = 0.5 + 0.5 * np.sin(x / 5.2 + 1.1 * np.sin(y / 4.4) + z / 45.0) * np.sin(y / 6.1 + self.seed)
        if self.muscle_fat <= 0.06:
            return np.minimum(self.muscle_fat * 9.0 * ridge, 0.5)  # the ridges average to about a ninth
        base = np.clip(self.muscle_fat * (0.4 + 1.2 * patch), 0.0, 0.9)
        return np.clip(base * (0.7 + 2.5 * ridge), 0.0, 0.95)

    def _gain(self, x: np.ndarray, y: np.ndarray, z: np.ndarray, owner: np.ndarray) -> np.ndarray:
        level = np.random.default_rng([self.seed, 7]).uniform(-1, 1, len(self.seeds_mm)).astype(np.float32)[owner]
        grain = np.sin(x / 0.9 + 2.0 * np.sin(y / 2.3)) * np.sin(y / 1.1 + 2.0 * np.sin(x / 2.7) + z / 20.0)
        return 1.0 + MUSCLE_GAIN * (level + 0.8 * grain)


@dataclass(frozen=True)
class _Soft:
    """Depth (mm) -> share of the space about a point, for points ``width_mm`` apart."""

    width_mm: float

    def __call__(self, depth: np.ndarray) -> np.ndarray:
        return np.clip(0.5 + depth / self.width_mm, 0.0, 1.0)


def _lay(shares: dict[str, np.ndarray], bone: Bone, x: np.ndarray, y: np.ndarray, soft: _Soft) -> None:
    (cx, cy), (a, b) = bone.centre_mm, bone.axes_mm
    u, v = (x - cx) / a, (y - cy) / b
    q = np.maximum(np.hypot(u, v), 1e-6)
    depth = (1.0 - q) / np.maximum(np.hypot(u / a, v / b) / q, 1e-6)
    outer, inner = soft(depth), soft(depth - bone.cortex_mm)
    for name in shares:
        shares[name] = shares[name] * (1.0 - outer)
    shares["cortex"] = shares.get("cortex", 0.0) * (1.0 - outer) + outer - inner
    shares["marrow"] = shares.get("marrow", 0.0) * (1.0 - outer) + inner
