"""A phantom of vials in the scanner: known T1, T2 and fat fraction in round vials, in air or in a bath.

It offers what `acquire` asks of a `Scene` (slices, parts, truth), so that any biomarker's series can be made of it. Places follow
`neuromyo.quality.vialset`: x to the right of the screen, which is the patient's left, y upwards, which is anterior.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from neuromyo.core.grid import Grid
from neuromyo.phantom.fields import Fields
from neuromyo.phantom.pose import STILL, Pose
from neuromyo.phantom.render import Parts, Sampling, slice_centres
from neuromyo.phantom.scene import AMPLITUDES, FAT_TRUTH, FIBRE, FULL_SCALE, TENSOR
from neuromyo.phantom.sliced import Sliced

#: mean diffusivity of the liquids at room temperature, m2/s: Holz et al., Phys Chem Chem Phys 2000;2:4740 (recalled), of water
_WATER_MD = 2.0e-9


@dataclass(frozen=True, slots=True)
class Liquid:
    """What is in a vial or around them. Times in s, fat as a share; ``T2star`` follows from T2: R2* = 1/T2 + 8 /s."""

    T1: float = 1.2
    T2: float = 0.06
    FF: float = 0.0
    protons: float = 1.0

    @property
    def T2star(self) -> float:
        """In s."""
        return 1.0 / (1.0 / self.T2 + 8.0)


@dataclass(frozen=True, eq=False)
class VialBody:
    """Where which liquid is: code 0 for air and walls, 1 for the bath, 2 + i for vial i.

    places : (n, 2) in mm on the screen; half_length_mm : of the vials along z
    wall_mm : of glass without signal; bath_radius_mm : 0 for vials in air
    bubbles : vial -> share of its diameter that is air, at the top (towards anterior); missing : vials that are not there
    """

    places: np.ndarray
    radius_mm: float
    half_length_mm: float = 40.0
    wall_mm: float = 1.0
    bath_radius_mm: float = 0.0
    bubbles: Mapping[int, float] = field(default_factory=dict)
    missing: frozenset[int] = frozenset()

    def codes(self, xyz: np.ndarray) -> np.ndarray:
        """RAS+ mm (n, 3) of the unmoved phantom -> (n,) codes."""
        x, y, z = -xyz[:, 0], xyz[:, 1], xyz[:, 2]
        out = np.zeros(len(xyz), dtype=np.int64)
        within = np.abs(z) < self.half_length_mm
        out[within & (np.hypot(x, y) < self.bath_radius_mm)] = 1
        for i, (cx, cy) in enumerate(self.places):
            if i in self.missing:
                continue
            away = np.hypot(x - cx, y - cy)
            out[within & (away < self.radius_mm + self.wall_mm)] = 0
            top = self.radius_mm * (1.0 - 2.0 * self.bubbles.get(i, 0.0))
            out[within & (away < self.radius_mm) & (y - cy < top)] = 2 + i
        return out


@dataclass(frozen=True, eq=False)
class VialScene(Sliced):
    """Vials in the fields of one session, on a grid; stands where a `Scene` would. ``liquids`` are by code less one."""

    body: VialBody
    liquids: tuple[Liquid, ...]
    grid: Grid
    fields: Fields
    sampling: Sampling = field(default_factory=lambda: Sampling(4, 1))
    pose: Pose = STILL
    _seen: dict[int, Parts] = field(default_factory=dict, init=False, repr=False)

    def truth(self, k: int, parts: Parts) -> dict[str, np.ndarray]:
        """The truth of every part of slice ``k``, by the names that biomarkers ask for: name -> (m,)."""
        xyz = self.grid.to_world(slice_centres(self.grid, k)[parts.voxel])
        m = len(xyz)

        def of(name: str) -> np.ndarray:
            return np.array([getattr(one, name) for one in self.liquids])[parts.code - 1]

        truth = {name: of(name) for name in ("T1", "T2", "T2star", "FF")}
        truth |= {"R2star": 1.0 / truth["T2star"], "Protons": of("protons")}
        truth |= {name: np.zeros(m) for name in ("MTR", "MTsat", "FA")} | {"MD": np.full(m, _WATER_MD)}
        truth |= {name: np.full(m, _WATER_MD if name in TENSOR[:3] else 0.0) for name in TENSOR}
        truth |= dict(zip(FIBRE, (np.zeros(m), np.zeros(m), np.ones(m)), strict=True))
        truth |= {
            "B1": np.round(self.fields.b1(xyz) / 2e-3) * 2e-3,
            "B0": self.fields.b0(xyz),
            "phase": self.fields.phase(xyz),
        }
        truth |= {name: np.full(m, value) for name, value in FAT_TRUTH.items()}
        return truth | dict.fromkeys(AMPLITUDES, FULL_SCALE * truth["Protons"] * self.fields.sensitivity(xyz))
