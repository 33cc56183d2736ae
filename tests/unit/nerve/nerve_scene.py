"""A small scene of a nerve among muscle, fat and vessels, drawn finely and then averaged over voxels; NumPy and SciPy only.

Written for the tracer's own tests: a straight oval nerve, fascicles in fatty epineurium, a layer of fat, two muscles and their
septum, an artery (dark) and a vein beside it. Truth is the share of each voxel within the oval.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

#: relative brightness of muscle, fat, fascicle, epineurium, septum, artery, vein
LOOKS = {
    "T2w": (0.25, 1.0, 0.6, 0.75, 0.15, 0.03, 0.9),
    "T2w-fs": (0.3, 0.12, 0.85, 0.35, 0.15, 0.03, 1.1),
    "T1w": (0.4, 1.0, 0.4, 0.7, 0.25, 0.05, 0.35),
    "MTw": (0.3, 0.8, 0.5, 0.55, 0.2, 0.9, 0.8),
    "FA": (0.25, 0.08, 0.6, 0.35, 0.2, 0.1, 0.1),
}


@dataclass(frozen=True)
class Scene:
    pixel_mm: float = 0.4
    slice_mm: float = 3.0
    n_slices: int = 15
    weighting: str = "T2w-fs"
    snr: float = 30.0
    area_mm2: float = 40.0
    flat: float = 1.5
    tilt_deg: float = 0.0
    seed: int = 0
    nerve: tuple[int, int] = (0, 10**6)  #: slices that hold a nerve; beyond there is muscle
    what: str = "nerve"  #: or vein, artery, node, septum, nothing
    spoilt: tuple[int, ...] = ()
    split_at: int | None = None
    fat_mm: float = 1.5
    field_mm: float = 36.0
    fine_mm: float = 0.1
    rim_mm: float = 0.0  #: of dark sheath just within the outline

    def make(self) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
        """(image (x, y, z), {name: share (x, y, z)}, centres (z, 2) in mm from the middle of the first voxel)."""
        rng = np.random.default_rng(self.seed)
        n = int(self.field_mm / self.pixel_mm)
        per = max(2, round(self.pixel_mm / self.fine_mm))
        fine = self.pixel_mm / per
        at = (np.arange(n * per) + 0.5) * fine
        x, y = np.meshgrid(at, at, indexing="ij")
        spots, sizes = self._fascicles(rng)
        turn = rng.uniform(0, np.pi)
        bend = rng.normal(0, 1, 8)
        image = np.zeros((n, n, self.n_slices))
        truth = {k: np.zeros(image.shape) for k in ("nerve", "branch-1", "branch-2")}
        centres = np.zeros((self.n_slices, 2))
        middle = self.n_slices // 2
        subs = 3 if self.tilt_deg else 1
        for k in range(self.n_slices):
            for s in range(subs):
                z = (k - middle + ((s + 0.5) / subs - 0.5)) * self.slice_mm
                c = self.field_mm / 2 + np.array([np.cos(turn), np.sin(turn)]) * np.tan(np.radians(self.tilt_deg)) * z
                drawn, parts = self._slice(x, y, c, spots, sizes, turn, bend, k)
                image[..., k] += _pool(drawn, per) / subs
                for name, part in parts.items():
                    truth[name][..., k] += _pool(part.astype(float), per) / subs
            centres[k] = (
                self.field_mm / 2
                + np.array([np.cos(turn), np.sin(turn)])
                * np.tan(np.radians(self.tilt_deg))
                * (k - middle)
                * self.slice_mm
            )
        image = ndimage.gaussian_filter(image, (0.35, 0.35, 0))
        noise = LOOKS[self.weighting][2] / self.snr
        image = np.hypot(image + rng.normal(0, noise, image.shape), rng.normal(0, noise, image.shape))
        for k in self.spoilt:
            image[..., k] = rng.uniform(0, 1, image.shape[:2])
        return image * 700.0, truth, centres - self.pixel_mm / 2

    def _axes(self) -> tuple[float, float]:
        short = np.sqrt(self.area_mm2 / np.pi / self.flat)
        return short * self.flat, short

    def _fascicles(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        a, b = self._axes()
        spots, sizes = [], []
        for _ in range(3000):
            r = rng.uniform(0.2, 0.55)
            p = rng.uniform(-1, 1, 2) * (a, b)
            inside = (p[0] / (a - r - 0.15)) ** 2 + (p[1] / (b - r - 0.15)) ** 2 < 1
            if inside and all(np.hypot(*(p - q)) > r + s + 0.08 for q, s in zip(spots, sizes, strict=True)):
                spots.append(p)
                sizes.append(r)
        return np.array(spots), np.array(sizes)

    def _slice(self, x, y, c, spots, sizes, turn, bend, k):
        muscle, fat, fascicle, epineurium, septum, artery, vein = LOOKS[self.weighting]
        u = (x - c[0]) * np.cos(turn) + (y - c[1]) * np.sin(turn)
        v = -(x - c[0]) * np.sin(turn) + (y - c[1]) * np.cos(turn)
        a, b = self._axes()
        angle = np.arctan2(v, u)
        wave = 1 + 0.04 * bend[0] * np.cos(2 * angle + bend[1]) + 0.03 * bend[2] * np.cos(3 * angle + bend[3])
        drawn = np.full(x.shape, muscle) * (1 + 0.08 * np.sin(x / 1.3 + bend[6]) * np.sin(y / 0.9 + bend[7]))
        drawn[np.abs(v + 0.15 * u + 2) < 0.3] = septum
        layer = self.fat_mm * (1 + 0.5 * np.sin(2 * angle + bend[4]))
        present = self.nerve[0] <= k < self.nerve[1]
        drawn[(u / (a * wave + layer)) ** 2 + (v / (b * wave + layer)) ** 2 < 1] = fat
        parts = {}
        if self.what == "nerve" and present:
            apart = 0.0
            if self.split_at is not None and k >= self.split_at:
                apart = 0.45 * b + 0.25 * (k - self.split_at) * self.slice_mm
            if apart:
                drawn[(u / (a * 1.2 + apart)) ** 2 + (v / (b + 1.5)) ** 2 < 1] = fat
                for name, sign, share in (("branch-1", 1, 0.75), ("branch-2", -1, 0.6)):
                    du = u - sign * (a * 0.45 + apart)
                    oval = (du / (0.62 * a * share)) ** 2 + (v / (b * share)) ** 2 < 1
                    parts[name] = oval
                    _fill(drawn, oval, du, v, spots * 0.6 * share, sizes * 0.7, fascicle, epineurium)
            else:
                oval = (u / (a * wave)) ** 2 + (v / (b * wave)) ** 2 < 1
                parts["nerve"] = oval
                _fill(drawn, oval, u, v, spots, sizes, fascicle, epineurium)
                if self.rim_mm > 0:
                    within = (u / (a * wave - self.rim_mm)) ** 2 + (v / (b * wave - self.rim_mm)) ** 2 < 1
                    drawn[oval & ~within] = septum
        elif self.what in ("vein", "artery"):
            drawn[(u / a) ** 2 + (v / b) ** 2 < 1] = vein if self.what == "vein" else artery
        elif self.what == "node" and present:
            drawn[(u / a) ** 2 + (v / b) ** 2 < 1] = 0.5 * (fascicle + vein)
        elif self.what == "septum":
            drawn[...] = muscle
            drawn[np.abs(v + 0.1 * u * bend[0]) < 1.0] = fascicle
        drawn[(u - 0.3 * a) ** 2 + (v - b - 2.6) ** 2 < 1.5**2] = artery
        drawn[(u + 0.3 * a) ** 2 + (v - b - 2.8) ** 2 < 1.4**2] = vein
        return drawn, parts


def _fill(drawn, oval, u, v, spots, sizes, fascicle, epineurium):
    drawn[oval] = epineurium
    for (p, q), r in zip(spots, sizes, strict=True):
        drawn[((u - p) ** 2 + (v - q) ** 2 < r * r) & oval] = fascicle


def _pool(values: np.ndarray, per: int) -> np.ndarray:
    n = values.shape[0] // per
    return values.reshape(n, per, n, per).mean((1, 3))
