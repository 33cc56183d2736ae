"""One section of a traced nerve, cut out of its images and measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from neuromyo.core.grid import Grid
from neuromyo.core.nerve import Section, Trace
from neuromyo.fascicles import fascicle_bright, fascicle_fit, fascicle_muscle, fascicle_sheet, fascicle_split
from neuromyo.fascicles.fascicle_fit import Mixture
from neuromyo.fascicles.fascicle_muscle import Ratio
from neuromyo.fascicles.fascicle_split import Pieces

#: voxels around the outline that are looked at
MARGIN = 6
#: sections to either side from which the nerve's slope against the slices is taken
_NEIGHBOURS = 2


@dataclass(frozen=True, eq=False)
class Window:
    """Where a section lies in the grid: slices of the two in-plane axes, and outlines in voxel indices within them."""

    at: tuple[slice, slice]
    polygons: tuple[np.ndarray, ...]
    smear_mm: tuple[float, float]


class Model(NamedTuple):
    """What sections of a nerve share: blur besides the voxel's box, thickness of the sheath, and what is too thin for a fascicle."""

    psf_mm: float
    sheath_mm: float
    thin_mm: float


@dataclass(frozen=True, eq=False)
class FascicleSection:
    """What was found in one slice.

    mixture : None where no fascicles were looked for, since the resolution supports no number about them
    fraction : fascicle over nerve, NaN without a mixture
    nerve_mm2 : area within the outline, in the plane of the slice
    areas_mm2, centres_mm, signals : (n,), (n, 3), (n,) of the single fascicles; signals of the image named first
    muscle : nerve over muscle, where asked for
    contrast : difference of the classes over the noise; misfit : root mean square residual over the noise
    """

    slice: int
    window: Window
    mixture: Mixture | None
    pieces: Pieces
    nerve_mm2: float
    centres_mm: np.ndarray
    signals: np.ndarray
    muscle: Ratio

    @property
    def fraction(self) -> float:
        return float("nan") if self.mixture is None else self.mixture.fraction

    @property
    def noise_se(self) -> float:
        """Standard uncertainty of the fraction by noise in the voxels."""
        return float("nan") if self.mixture is None else self.mixture.noise_se

    @property
    def areas_mm2(self) -> np.ndarray:
        return self.pieces.areas_mm2

    @property
    def contrast(self) -> float:
        return float("nan") if self.mixture is None else self.mixture.contrast

    @property
    def misfit(self) -> float:
        return float("nan") if self.mixture is None else self.mixture.misfit


def window(trace: Trace, section: Section) -> Window:
    """The voxels around a section's outlines."""
    grid = trace.grid
    axes = list(grid.in_plane_axes)
    polygons = [grid.to_index(outline)[:, axes] for outline in section.outlines_mm]
    every = np.concatenate(polygons)
    low = np.maximum(np.floor(every.min(axis=0)).astype(int) - MARGIN, 0)
    high = np.minimum(np.ceil(every.max(axis=0)).astype(int) + MARGIN + 1, [grid.shape[a] for a in axes])
    at = slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1]))
    return Window(at, tuple(p - low for p in polygons), _smear(trace, section))


def measure(
    mixture: Mixture, where: Window, section: Section, grid: Grid, muscle: Ratio = fascicle_muscle.NONE
) -> FascicleSection:
    """What a section's mixture says."""
    pieces = fascicle_split.split(mixture)
    index = np.zeros((pieces.count, 3))
    a, b = grid.in_plane_axes
    index[:, a], index[:, b] = pieces.places[:, 0] + where.at[0].start, pieces.places[:, 1] + where.at[1].start
    index[:, grid.slice_axis] = section.slice
    area = float(mixture.sheet.inside.sum()) * mixture.sheet.part_mm2
    return FascicleSection(section.slice, where, mixture, pieces, area, grid.to_world(index),
                           fascicle_bright.signals(mixture, pieces), muscle)  # fmt: skip


def bare(section: Section, where: Window, muscle: Ratio) -> FascicleSection:
    """A section in which no fascicles are looked for."""
    none = Pieces(np.zeros((0, 0), int), np.zeros(0), np.zeros((0, 2)))
    return FascicleSection(section.slice, where, None, none, section.area_mm2, np.zeros((0, 3)), np.zeros(0), muscle)


def fit(
    planes: np.ndarray, where: Window, grid: Grid, *, sigma: Sequence[float], brighter: Sequence[bool], model: Model
) -> Mixture:
    """The mixture within a window of whole slices (n, a, b)."""
    cut = planes[:, where.at[0], where.at[1]]
    a, b = grid.in_plane_axes
    pixel = grid.spacing_mm[a], grid.spacing_mm[b]
    inside = fascicle_sheet.draw(where.polygons, (cut.shape[1], cut.shape[2]), fascicle_sheet.division(pixel))
    sheet = fascicle_sheet.make(inside, pixel, model.psf_mm, where.smear_mm, model.sheath_mm)
    return fascicle_fit.fit(sheet, cut, sigma, brighter, model.thin_mm)


def share_map(mixture: Mixture) -> tuple[np.ndarray, np.ndarray]:
    """(a, b) share of fascicle in the nerve's part of each voxel as its signals say, not forced into 0 to 1, and its standard
    deviation by noise; NaN where a quarter of the voxel's signal or less comes from the nerve."""
    first = tuple(n // 2 for n in mixture.sheet.fine)
    own = mixture.own[:, first[0] :: mixture.sheet.fine[0], first[1] :: mixture.sheet.fine[1]]
    step = (mixture.fascicle - mixture.epineurium)[:, None, None] * own * mixture.gain * mixture.covered
    rest = mixture.seen - mixture.gain * mixture.epineurium[:, None, None] * mixture.covered
    weight = (step / mixture.sigma[:, None, None]) ** 2
    known = (mixture.covered > 0.25) & (weight.sum(axis=0) > 0.0)
    safe = np.where(step == 0.0, 1.0, step)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = (weight * rest / safe).sum(axis=0) / weight.sum(axis=0)
        sd = weight.sum(axis=0) ** -0.5
    return np.where(known, value, np.nan), np.where(known, sd, np.nan)


def noise(plane: np.ndarray) -> float:
    """Noise per channel of a slice, from what differs between neighbours along both axes at once (edges along either cancel)."""
    cross = 0.5 * (plane[1:, 1:] - plane[1:, :-1] - plane[:-1, 1:] + plane[:-1, :-1])
    cross = cross[np.isfinite(cross) & (ndimage.uniform_filter(np.nan_to_num(plane), 2)[1:, 1:] > 0.0)]
    return 1.4826 * float(np.median(np.abs(cross))) if cross.size else 0.0


def _smear(trace: Trace, section: Section) -> tuple[float, float]:
    """By how many mm the nerve moves along the in-plane axes from one face of the slice to the other."""
    near = [s for s in trace.sections if abs(s.slice - section.slice) <= _NEIGHBOURS]
    if len(near) < 3:
        return 0.0, 0.0
    at = np.array([s.slice for s in near], float)
    index = trace.grid.to_index(np.array([s.centre_mm for s in near]))
    a, b = trace.grid.in_plane_axes
    slope = np.polyfit(at - at.mean(), index[:, [a, b]], 1)[0]
    return float(slope[0] * trace.grid.spacing_mm[a]), float(slope[1] * trace.grid.spacing_mm[b])
