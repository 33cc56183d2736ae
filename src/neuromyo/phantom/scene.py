"""One person in the scanner: the truth at every place, for whatever biomarker asks.

The truth of a voxel part is a number by name, SI: ``T1``, ``T2``, ``T2star``, ``R2star`` (of its water), ``FF``, ``MTR``,
``MTsat``, ``S0`` (also called ``M0`` and ``PD``), ``B1``, ``B0``, the receiver's ``phase``; its water's diffusion tensor
``Dxx`` to ``Dyz`` and what follows from it, ``FA``, ``MD`` and the fibres' direction ``V1x``, ``V1y``, ``V1z``, in the RAS+
world; the fat's own ``FatT1``, ``FatT2``, ``FatT2star``, ``FatR2star``; and ``Protons``, relative to muscle's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from neuromyo.core.grid import Grid
from neuromyo.phantom import fibres
from neuromyo.phantom.disease import HEALTHY, Disease
from neuromyo.phantom.fields import Fields, Texture
from neuromyo.phantom.geometry import Body
from neuromyo.phantom.pose import STILL, Pose
from neuromyo.phantom.regions import N_CODES, leaf_of
from neuromyo.phantom.render import Parts, Sampling, slice_centres
from neuromyo.phantom.sliced import Sliced
from neuromyo.phantom.susceptibility import Susceptibility
from neuromyo.phantom.tissue import FAT, TISSUES, Tissue

#: signal of a voxel full of muscle's protons, in the scanner's arbitrary units
FULL_SCALE = 1000.0
#: truth is kept in steps far below what can be measured, so that equal voxels need be simulated once
STEPS = {"T1": 1e-3, "T2": 1e-4, "T2star": 1e-4, "FF": 2e-3, "B1": 2e-3, "B0": 0.25}
#: names under which a biomarker may ask for the signal's amplitude
AMPLITUDES = ("S0", "M0", "PD")
TENSOR, FIBRE = ("Dxx", "Dyy", "Dzz", "Dxy", "Dxz", "Dyz"), ("V1x", "V1y", "V1z")
#: truths that hardly ever agree between two voxels: nothing is gained by looking for equal ones
CONTINUOUS = frozenset({"B0", "phase", *TENSOR, *FIBRE})
#: the fat of any tissue, by the names under which a biomarker may ask for it
FAT_TRUTH = {"FatT1": FAT.T1, "FatT2": FAT.T2, "FatT2star": FAT.T2star, "FatR2star": 1.0 / FAT.T2star}


@dataclass(frozen=True, eq=False)
class Scene(Sliced):
    """A body with its disease, in the fields of one session, on a grid.

    tissue_t2, tissue_fat : textures that say where in a muscle water T2 and fat are above their mean
    pose : how the body has moved since the first series; the fields stay with the scanner
    tissues : tissues of this person that are other than `TISSUES` has them, by name
    """

    body: Body
    grid: Grid
    fields: Fields
    tissue_t2: Texture
    tissue_fat: Texture
    disease: Disease = HEALTHY
    sampling: Sampling = field(default_factory=Sampling)
    pose: Pose = STILL
    tissues: Mapping[str, Tissue] = field(default_factory=dict)
    _seen: dict[int, Parts] = field(default_factory=dict, init=False, repr=False)

    def truth(self, k: int, parts: Parts) -> dict[str, np.ndarray]:
        """The truth of every part of slice ``k``: name -> (m,)."""
        xyz = self.grid.to_world(slice_centres(self.grid, k)[parts.voxel])
        columns = {name: column[parts.code] for name, column in self._columns.items()}
        truth = self._relaxation(columns, self.pose.to_body(xyz))
        truth.update({name: columns[name] for name in ("MTsat", "FA", "MD", "Protons")})
        truth["B1"], truth["B0"] = self.fields.b1(xyz), self.fields.b0(xyz, parts.code)
        truth = {name: _in_steps(value, STEPS.get(name)) for name, value in truth.items()}
        truth["R2star"] = 1.0 / truth["T2star"]
        truth["phase"] = self.fields.phase(xyz)
        truth.update({name: np.full(len(xyz), value) for name, value in FAT_TRUTH.items()})
        truth.update(self._diffusion(columns, parts.code, xyz))
        amplitude = FULL_SCALE * columns["Protons"] * self.fields.sensitivity(xyz)
        truth.update(dict.fromkeys(AMPLITUDES, amplitude))
        return truth

    def _relaxation(self, columns: Mapping[str, np.ndarray], xyz: np.ndarray) -> dict[str, np.ndarray]:
        """What disease and texture make of the tissues' times and fat, at points (m, 3) of the body."""
        patchy = self.disease.patchiness
        fat_mean, fat_rise = columns["FF"], columns["fat"]
        ill = fat_rise > fat_mean
        swing = np.where(ill, patchy * np.minimum(fat_rise, 1.0 - fat_rise), np.minimum(columns["spread_FF"], fat_mean))
        fat = np.where(ill, fat_rise, fat_mean) + swing * self.tissue_fat(xyz)
        wet = self.tissue_t2(xyz)
        return {
            "T1": columns["T1"],
            "T2": columns["T2"] + columns["spread_T2"] * wet + columns["oedema"] * (1.0 + patchy * wet),
            "T2star": columns["T2star"],
            "FF": fat,
            "MTR": columns["MTR"],
        }

    def _diffusion(
        self, columns: Mapping[str, np.ndarray], codes: np.ndarray, xyz: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Tensor and fibre direction by component, (m,) each."""
        along = self.pose.turned(fibres.directions(self.body, codes, self.pose.to_body(xyz)))
        tensor = fibres.tensors(np.stack([columns[f"D{i}"] for i in range(3)], axis=1), along)
        return dict(zip((*TENSOR, *FIBRE), (*tensor.T, *along.T), strict=True))

    @property
    def _columns(self) -> Mapping[str, np.ndarray]:
        """Tissue values and disease knobs by leaf code, (n_codes,) each."""
        names = tuple(tissue_columns(FAT))
        table = {name: np.zeros(N_CODES) for name in (*names, "oedema", "fat")}
        for code in range(1, N_CODES):
            leaf, side = leaf_of(code)
            for name, value in tissue_columns(self.tissues.get(leaf.tissue, TISSUES[leaf.tissue])).items():
                table[name][code] = value
            if leaf.tissue == "muscle":
                for knob in ("oedema", "fat"):
                    table[knob][code] = self.disease.of(knob, leaf.region, side)
        return table


def tissue_columns(tissue: Tissue) -> dict[str, float]:
    """A tissue's numbers by the names under which a scene looks them up."""
    plain = ("T1", "T2", "T2star", "FF", "MTR", "MTsat", "FA", "MD", "spread_T2", "spread_FF")
    diffusivities = {f"D{i}": d for i, d in enumerate(tissue.D)}
    return {name: getattr(tissue, name) for name in plain} | {"Protons": tissue.PD} | diffusivities


def tissue_truth(tissue: Tissue) -> dict[str, float]:
    """What a healthy tissue alone decides of the truth, by name, its fibres along z."""
    numbers = tissue_columns(tissue)
    up = np.array([[0.0, 0.0, 1.0]])
    tensor = fibres.tensors(np.array([tissue.D]), up)[0]
    kept = ("T1", "T2", "T2star", "FF", "MTR", "MTsat", "FA", "MD", "Protons")
    return {
        **{name: numbers[name] for name in kept},
        "R2star": 1.0 / tissue.T2star,
        **FAT_TRUTH,
        **dict(zip(TENSOR, map(float, tensor), strict=True)),
        **dict(zip(FIBRE, map(float, up[0]), strict=True)),
    }


def _in_steps(value: np.ndarray, step: float | None) -> np.ndarray:
    return value if step is None else np.round(value / step) * step


def scene(
    body: Body,
    grid: Grid,
    seed: int,
    *,
    disease: Disease = HEALTHY,
    tissues: Mapping[str, Tissue] | None = None,
    sampling: Sampling | None = None,
    spawn_key: tuple[int, ...] = (),
    texture_key: tuple[int, ...] | None = None,
    b1: tuple[float, float] = (0.7, 1.1),
    b0_hz: float = 60.0,
    receive: float = 0.0,
    receive_phase: float = 1.5,
    susceptibility: float = 0.0,
) -> Scene:
    """A scene whose fields are drawn from ``seed`` and ``spawn_key`` (which subject, which session), and whose tissue
    textures from ``seed`` and ``texture_key`` (which subject; ``spawn_key`` where not given).

    susceptibility : strength in T of the main field whose distortion by the body is added to B0; 0 for none
    """
    tissue_rng, field_rng = (
        np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(*key, which)))
        for key, which in ((spawn_key if texture_key is None else texture_key, 5), (spawn_key, 6))
    )
    fields = Fields.of(field_rng, b1=b1, b0_hz=b0_hz, receive=receive, receive_phase=receive_phase)
    textures = Texture.of(tissue_rng), Texture.of(tissue_rng)
    wasted = body.wasted(disease)
    if susceptibility > 0:
        fields = replace(fields, susceptibility=Susceptibility.of(wasted, grid, susceptibility))
    return Scene(wasted, grid, fields, *textures, disease, sampling or Sampling(), tissues=tissues or {})
