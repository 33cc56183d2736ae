"""A nerve in its surroundings as the scanner sees it: pictures of any weighting on any grid, and the truth beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from neuromyo.core.grid import Grid
from neuromyo.core.image import Image, Weighting
from neuromyo.core.labels import Side
from neuromyo.phantom.nerve_body import NerveBody, sampled
from neuromyo.phantom.nerve_contrast import anisotropies, matter, signals
from neuromyo.phantom.nerve_lookalikes import Node, Vessel
from neuromyo.phantom.nerve_sampling import GROUND_MM, NERVE_MM, Sheets, lay
from neuromyo.phantom.nerve_surroundings import Surroundings
from neuromyo.phantom.nerve_truth import NerveTruth, truth

#: sd of FA where muscle's signal over noise is 1; with some thirty directions at b = 800 s/mm2. Assumed
FA_NOISE = 1.4


@dataclass(frozen=True)
class NerveScene:
    """What lies in the picture; all lengths in mm, all places in the RAS+ world.

    nerve : None for a place without one
    epineurial_fat : share of fat in what lies between fascicles
    fascicle_t2_s : T2 of the fascicles' water
    bias : relative half range of the coil's sensitivity over 60 mm, bias_angle_rad its direction in x, y
    blur_mm : standard deviation of a Gaussian in the plane on top of the voxel's box (0: none)
    """

    ground: Surroundings
    nerve: NerveBody | None = None
    vessels: tuple[Vessel, ...] = ()
    nodes: tuple[Node, ...] = ()
    epineurial_fat: float = 0.5
    fascicle_t2_s: float = 0.050
    bias: float = 0.15
    bias_angle_rad: float = 0.8
    blur_mm: float = 0.0
    side: Side = "right"

    def images(
        self,
        grid: Grid,
        weightings: Sequence[Weighting],
        snr: float,
        seed: int,
        thickness_mm: float | None = None,
    ) -> tuple[Image, ...]:
        """Magnitude images with Rician noise, one a weighting; healthy muscle has signal 1 before the coil.

        snr : signal of muscle over the noise's standard deviation in each channel; ``inf`` for none
        thickness_mm : of a slice; the spacing of the slices where it is not given
        """
        sheets = self.sheets(grid, thickness_mm)
        tissues = matter(self.fascicle_t2_s, self.epineurial_fat)
        shares = self.shares(sheets)
        coil = self._coil(grid)
        found = []
        for i, weighting in enumerate(weightings):
            rng = np.random.default_rng([seed, i, 19])
            brightness = signals(weighting, tissues)
            signal = np.tensordot(brightness, shares, 1)
            if weighting == "FA":
                values = _fa(np.tensordot(brightness * anisotropies(tissues), shares, 1), signal * coil, snr, rng)
            else:
                values = _rician(self._blurred(signal, grid) * coil, snr, rng)
            found.append(Image(values.astype(np.float32), grid, weighting, f"{weighting} phantom"))
        return tuple(found)

    def truth(self, grid: Grid, thickness_mm: float | None = None) -> NerveTruth:
        """What is there, sampled to the grid; without a nerve, its coverage is empty and it has no start."""
        return truth(self.nerve, self.sheets(grid, thickness_mm), self.side)

    def sheets(self, grid: Grid, thickness_mm: float | None = None) -> Sheets:
        """How this scene's slices are to be sampled on a grid."""
        thickness = grid.spacing_mm[grid.slice_axis] if thickness_mm is None else thickness_mm
        bare = Sheets(grid, thickness, 0.0)
        lines = [self.ground.anchor, *(p.line for p in (self.nerve.parts if self.nerve else ()))]
        levels = bare.levels()
        cosines = np.concatenate([np.abs(line.tangents(levels) @ bare.normal) for line in lines])
        return Sheets(grid, thickness, float(np.tan(np.arccos(np.clip(cosines.min(), 0.3, 1.0)))))

    def shares(self, sheets: Sheets) -> np.ndarray:
        """(tissue, x, y, z) share of each tissue of `MATTER` in each voxel; of muscle, times its relative brightness."""
        names = list(matter())
        axis = sheets.grid.slice_axis
        whole = np.zeros((len(names), *sheets.plane, sheets.n_slices), np.float32)
        levels = sheets.levels()
        for k in range(sheets.n_slices):
            here = whole[..., k]
            self._paint_ground(here, sheets, k, names)
            for body in (*self.nodes, *self.vessels):
                own = replace(sheets, least=7) if isinstance(body, Node) else sheets
                _overlay(here, own, k, names, body.spine(levels), body.reach_mm, body.layers)
            self._overlay_nerve(here, sheets, k, names)
        return np.moveaxis(whole, 3, axis + 1)

    def _paint_ground(self, here: np.ndarray, sheets: Sheets, k: int, names: list[str]) -> None:
        n, width = sheets.finer(GROUND_MM)
        box = (slice(0, sheets.plane[0]), slice(0, sheets.plane[1]))
        shares, gain = self.ground.paint(sheets.samples(k, box, n), width)
        shares["muscle"] = shares["muscle"] * gain
        for name, share in shares.items():
            here[names.index(name)] = sheets.mean(share, box, n)

    def _overlay_nerve(self, here: np.ndarray, sheets: Sheets, k: int, names: list[str]) -> None:
        at = sampled(self.nerve, sheets, k) if self.nerve else None
        if at is None or self.nerve is None:
            return
        within = at.depth - self.nerve.parts[0].sheath_mm
        layers = (("fat", at.fat), ("sheath", at.depth), ("epineurium", within),
                  ("fascicle", np.minimum(at.fascicle, within)))  # fmt: skip
        _blend(here, sheets, at.box, names, layers, at.n, at.width_mm)

    def _coil(self, grid: Grid) -> np.ndarray:
        """(x, y, z) relative sensitivity, 1 at the world's origin."""
        index = np.stack(np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij"), axis=-1)
        world = grid.to_world(index)
        along = world[..., 0] * np.cos(self.bias_angle_rad) + world[..., 1] * np.sin(self.bias_angle_rad)
        return np.exp(self.bias * along / 30.0 - 0.3 * self.bias * (along / 30.0) ** 2)

    def _blurred(self, signal: np.ndarray, grid: Grid) -> np.ndarray:
        if self.blur_mm <= 0.0:
            return signal
        sigma = [self.blur_mm / s for s in grid.spacing_mm]
        sigma[grid.slice_axis] = 0.0
        return ndimage.gaussian_filter(signal, sigma, mode="nearest")


def _overlay(
    here: np.ndarray, sheets: Sheets, k: int, names: list[str], spine: np.ndarray, reach_mm: float, layers
) -> None:
    """Lay a body over what is there in slice k: (tissue, na, nb) shares, changed in place."""
    box = sheets.window(k, spine, reach_mm)
    if box is None:
        return
    n, width = sheets.finer(NERVE_MM)
    _blend(here, sheets, box, names, layers(sheets.samples(k, box, n)), n, width)


def _blend(
    here: np.ndarray, sheets: Sheets, box: tuple[slice, slice], names: list[str], layers, n: int, width_mm: float
) -> None:
    shares, through = lay(layers, width_mm)
    part = here[:, box[0], box[1]]
    part *= sheets.mean(through, box, n)
    for name, share in shares.items():
        part[names.index(name)] += sheets.mean(share, box, n)


def _rician(signal: np.ndarray, snr: float, rng: np.random.Generator) -> np.ndarray:
    sigma = 1.0 / snr
    return np.hypot(signal + sigma * rng.standard_normal(signal.shape), sigma * rng.standard_normal(signal.shape))


def _fa(weighted: np.ndarray, signal: np.ndarray, snr: float, rng: np.random.Generator) -> np.ndarray:
    """FA with the scatter, and the rise above the truth, that noise gives it: worst where there is little signal."""
    clean = weighted / np.maximum(signal, 1e-6)
    scatter = np.minimum(FA_NOISE / (snr * np.maximum(signal, 1e-3)), 0.35)
    noisy = np.hypot(clean + scatter * rng.standard_normal(signal.shape), scatter * rng.standard_normal(signal.shape))
    return np.clip(noisy, 0.0, 1.0)
