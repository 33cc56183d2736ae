"""One person in the scanner: the truth at every place, for whatever biomarker asks.

The truth of a voxel part is a number by name, SI: ``T1``, ``T2`` (of its water), ``T2star``, ``R2star``, ``FF``,
``MTR``, ``PD``, ``S0`` (also called ``M0``), ``B1``, ``B0``, and the fat's own ``FatT1`` and ``FatT2``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from neuromyo.core.grid import Grid
from neuromyo.phantom.disease import HEALTHY, Disease
from neuromyo.phantom.fields import Fields, Texture
from neuromyo.phantom.geometry import Body
from neuromyo.phantom.regions import N_CODES, leaf_of
from neuromyo.phantom.render import Parts, Sampling, render_slice, slice_centres
from neuromyo.phantom.tissue import FAT, TISSUES, Tissue

#: signal of a voxel full of muscle's protons, in the scanner's arbitrary units
FULL_SCALE = 1000.0
#: truth is kept in steps far below what can be measured, so that equal voxels need be simulated once
STEPS = {"T1": 1e-3, "T2": 1e-4, "T2star": 1e-4, "FF": 2e-3, "B1": 2e-3, "B0": 0.25}
#: names under which a biomarker may ask for the signal's amplitude
AMPLITUDES = ("S0", "M0", "PD")


@dataclass(frozen=True, eq=False)
class Scene:
    """A body with its disease, in the fields of one session, on a grid.

    tissue_t2, tissue_fat : textures that say where in a muscle water T2 and fat are above their mean
    """

    body: Body
    grid: Grid
    fields: Fields
    tissue_t2: Texture
    tissue_fat: Texture
    disease: Disease = HEALTHY
    sampling: Sampling = field(default_factory=Sampling)

    @property
    def n_slices(self) -> int:
        return self.grid.shape[self.grid.slice_axis]

    def parts(self, k: int) -> Parts:
        return render_slice(self.body, self.grid, k, self.sampling)

    def truth(self, k: int, parts: Parts) -> dict[str, np.ndarray]:
        """The truth of every part of slice ``k``: name -> (m,)."""
        xyz = self.grid.to_world(slice_centres(self.grid, k)[parts.voxel])
        columns = {name: column[parts.code] for name, column in self._columns.items()}
        patchy = self.disease.patchiness
        fat_mean, fat_rise = columns["FF"], columns["fat"]
        ill = fat_rise > fat_mean
        swing = np.where(ill, patchy * np.minimum(fat_rise, 1.0 - fat_rise), np.minimum(columns["spread_FF"], fat_mean))
        fat = np.where(ill, fat_rise, fat_mean) + swing * self.tissue_fat(xyz)
        wet = self.tissue_t2(xyz)
        truth = {
            "T1": columns["T1"],
            "T2": columns["T2"] + columns["spread_T2"] * wet + columns["oedema"] * (1.0 + patchy * wet),
            "T2star": columns["T2star"],
            "FF": fat,
            "MTR": columns["MTR"],
            "B1": self.fields.b1(xyz),
            "B0": self.fields.b0(xyz),
        }
        truth = {name: _in_steps(value, STEPS.get(name)) for name, value in truth.items()}
        truth["R2star"] = 1.0 / truth["T2star"]
        truth["FatT1"], truth["FatT2"] = np.full_like(fat, FAT.T1), np.full_like(fat, FAT.T2)
        amplitude = FULL_SCALE * columns["PD"] * self.fields.sensitivity(xyz)
        truth.update(dict.fromkeys(AMPLITUDES, amplitude))
        return truth

    @property
    def _columns(self) -> Mapping[str, np.ndarray]:
        """Tissue values and disease knobs by leaf code, (n_codes,) each."""
        names = ("T1", "T2", "T2star", "PD", "FF", "MTR", "spread_T2", "spread_FF")
        table = {name: np.zeros(N_CODES) for name in (*names, "oedema", "fat")}
        for code in range(1, N_CODES):
            leaf, side = leaf_of(code)
            for name in names:
                table[name][code] = getattr(TISSUES[leaf.tissue], name)
            if leaf.tissue == "muscle":
                for knob in ("oedema", "fat"):
                    table[knob][code] = self.disease.of(knob, leaf.region, side)
        return table


def tissue_truth(tissue: Tissue) -> dict[str, float]:
    """What a healthy tissue alone decides of the truth, by name."""
    return {
        "T1": tissue.T1,
        "T2": tissue.T2,
        "T2star": tissue.T2star,
        "R2star": 1.0 / tissue.T2star,
        "FF": tissue.FF,
        "MTR": tissue.MTR,
        "FatT1": FAT.T1,
        "FatT2": FAT.T2,
    }


def _in_steps(value: np.ndarray, step: float | None) -> np.ndarray:
    return value if step is None else np.round(value / step) * step


def scene(
    body: Body,
    grid: Grid,
    seed: int,
    *,
    disease: Disease = HEALTHY,
    sampling: Sampling | None = None,
    spawn_key: tuple[int, ...] = (),
    texture_key: tuple[int, ...] | None = None,
    b1: tuple[float, float] = (0.7, 1.1),
    b0_hz: float = 60.0,
    receive: float = 0.0,
) -> Scene:
    """A scene whose fields are drawn from ``seed`` and ``spawn_key`` (which subject, which session), and whose tissue
    textures from ``seed`` and ``texture_key`` (which subject; ``spawn_key`` where not given)."""
    tissue_rng, field_rng = (
        np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(*key, which)))
        for key, which in ((spawn_key if texture_key is None else texture_key, 5), (spawn_key, 6))
    )
    fields = Fields.of(field_rng, b1=b1, b0_hz=b0_hz, receive=receive)
    textures = Texture.of(tissue_rng), Texture.of(tissue_rng)
    return Scene(body.wasted(disease), grid, fields, *textures, disease, sampling or Sampling())
