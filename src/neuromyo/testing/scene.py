"""True signals of a biomarker, laid out as images that its own runner can work on."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from neuromyo.core.biomarker import Biomarker, Inputs, MapNeed, SeriesNeed
from neuromyo.core.grid import Grid
from neuromyo.core.maps import Maps
from neuromyo.core.quantity import Quantity
from neuromyo.core.series import ArrayData, Series
from neuromyo.fit import runner
from neuromyo.physics.noise import rician

#: truth names of the components of a vector or tensor quantity: its name and these
COMPONENTS = {"vector": ("x", "y", "z"), "tensor": ("xx", "yy", "zz", "xy", "xz", "yz")}
_PLANE = (20, 20)

Truth = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Case:
    """A biomarker under test, and what its declaration does not say.

    options : those to test with
    regions : region role -> what is true there, over the example (``{"fat": {"FF": 1.0}}``); without an entry an
        optional region is not given. Names that the example lacks (``FatT2``) are the subject's, true everywhere.
    expected : quantity -> its truth as a function of the other truths, where it is not a truth itself (R1 = 1 / T1)
    maps : whether optional known maps are given too, at their true values
    """

    biomarker: Biomarker
    options: Any
    regions: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    expected: Mapping[str, Callable[[Mapping[str, Any]], Any]] = field(default_factory=dict)
    maps: bool = False

    def with_(self, **changes: Any) -> Case:
        return replace(self, **changes)

    def rng(self, salt: str) -> np.random.Generator:
        """Random numbers that are the same every time, and others for each check."""
        return np.random.default_rng(zlib.crc32(f"{self.biomarker.id} {salt}".encode()))

    @property
    def is_complex(self) -> bool:
        return self.biomarker.noise == "complex"

    @property
    def roles(self) -> tuple[str, ...]:
        return tuple(self.biomarker.typical)

    def truth(self, points: Mapping[str, Any], count: int) -> dict[str, np.ndarray]:
        """The example with ``points`` in its place, every entry (count,)."""
        example = self.biomarker.example
        subject = {n: v for there in self.regions.values() for n, v in there.items() if n not in example}
        both = {**subject, **example, **points}
        return {name: np.broadcast_to(np.asarray(value, float), (count,)).copy() for name, value in both.items()}

    def clean(self, truth: Truth) -> dict[str, np.ndarray]:
        """Noise-free samples, role -> (..., n) double or complex double."""
        return {
            r: np.asarray(v) for r, v in self.biomarker.simulate(truth, self.biomarker.typical, self.options).items()
        }

    def noisy(self, signals: Mapping[str, np.ndarray], sigma: Any, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Samples under the declared law of noise; sigma per real channel, broadcast to (...)."""
        sigma = np.asarray(sigma, float)[..., None]
        out = {}
        for role, s in signals.items():
            if self.biomarker.noise == "rician":
                out[role] = rician(s, sigma, rng)
            else:
                out[role] = s + sigma * rng.standard_normal(s.shape)
                if self.is_complex:
                    out[role] = out[role] + 1j * sigma * rng.standard_normal(s.shape)
        return out

    def known(self, truth: Truth) -> dict[str, np.ndarray]:
        """The known maps (...), of truths named like their role or their quantity."""
        given = {}
        for role in self.biomarker.map_roles:
            need = self.biomarker.needs[role]
            assert isinstance(need, MapNeed)
            name = role if role in truth else need.quantity
            if name in truth and (self.maps or not need.optional):
                given[role] = np.asarray(truth[name], float)
        return given

    def true_value(self, quantity: Quantity, truth: Mapping[str, Any]) -> np.ndarray | None:
        """(...) or (..., components); None where nothing says what it should be."""
        if quantity.name in self.expected:
            return np.asarray(self.expected[quantity.name](truth), float)
        if quantity.rank == "scalar":
            return np.asarray(truth[quantity.name], float) if quantity.name in truth else None
        names = [quantity.name + c for c in COMPONENTS[quantity.rank]]
        return np.stack([np.asarray(truth[n], float) for n in names], axis=-1) if set(names) <= set(truth) else None

    def first_sample(self, truth: Truth) -> np.ndarray:
        """Size (...) of the noise-free first sample, which signal-to-noise ratios refer to."""
        return np.abs(self.clean(truth)[self.roles[0]][..., 0])


@dataclass(frozen=True, eq=False)
class Scene:
    """Images of m voxels under test, followed by slices of each calibration region."""

    case: Case
    count: int
    slices: int
    series: Mapping[str, Series]
    known: Mapping[str, np.ndarray]
    regions: Mapping[str, np.ndarray]
    mask: np.ndarray

    def run(self, **settings: Any) -> Maps:
        given: dict[str, Any] = {"mask": self.mask} | settings
        maps, _ = runner.run(
            self.case.biomarker, self.series, self.case.options, known=self.known, regions=self.regions, **given
        )
        return maps

    def voxels(self, image: np.ndarray) -> np.ndarray:
        """An image (x, y, z, ...) -> the voxels under test (m, ...), in their order."""
        flat = np.moveaxis(image[:, :, : self.slices], 2, 0)
        return flat.reshape(-1, *image.shape[3:])[: self.count]

    def arrays(self, maps: Maps) -> dict[str, np.ndarray]:
        """Everything a voxel has in maps, name -> (m, ...), for comparisons bit by bit."""
        out = {}
        for name, m in maps.maps.items():
            out |= {f"{name} value": m.values, f"{name} reason": m.reason}
            out |= {} if m.sd is None else {f"{name} sd": m.sd}
        out |= {f"diagnostic {n}": v for n, v in maps.diagnostics.items()}
        return {n: self.voxels(v) for n, v in out.items()}

    def calibration(self) -> dict[str, float]:
        """The scalars that `calibrate` finds here, as the runner would."""
        if self.case.biomarker.calibrate is None:
            return {}
        places = {"body": self.mask, **self.regions}
        acquisitions, _ = runner.prepare_acquisitions(
            self.case.biomarker, {r: s.acquisition for r, s in self.series.items()}
        )
        samples = {
            name: Inputs(
                {r: s.read()[where] for r, s in self.series.items()},
                acquisitions,
                known={r: m[where] for r, m in self.known.items()},
            )
            for name, where in places.items()
        }
        return dict(self.case.biomarker.calibrate(samples, self.case.options).scalars)


def scene(
    case: Case,
    signals: Mapping[str, np.ndarray],
    truth: Truth,
    sigma: float = 0.0,
    *,
    plane: tuple[int, int] = _PLANE,
    salt: str = "regions",
) -> Scene:
    """Samples role -> (m, n) of voxels of that truth, as series on one grid, slice after slice of ``plane``;
    calibration regions fill slices of their own, with noise sigma."""
    count = len(next(iter(signals.values())))
    size = plane[0] * plane[1]
    slices = -(-count // size)
    blocks: dict[str, list[np.ndarray]] = {r: [_fill(s, slices * size)] for r, s in signals.items()}
    maps = {r: [_fill(m, slices * size)] for r, m in case.known(truth).items()}
    rng, roles = case.rng(salt), tuple(case.regions)
    for role in roles:
        there = case.truth(case.regions[role], size)
        for name, s in case.noisy(case.clean(there), sigma, rng).items():
            blocks[name].append(s)
        for name, m in case.known(there).items():
            maps[name].append(m)
    shape = (*plane, slices + len(roles))
    grid = Grid.of(shape, np.diag([1.0, 1.0, 5.0, 1.0]))
    series = {r: _series(case, r, _image(np.concatenate(b), shape), grid) for r, b in blocks.items()}
    inside = np.arange(grid.n_voxels) < count
    inside[slices * size :] = True
    regions = {}
    for i, role in enumerate(roles):
        regions[role] = np.zeros(shape, dtype=bool)
        regions[role][:, :, slices + i] = True
    known = {r: _image(np.concatenate(m), shape) for r, m in maps.items()}
    return Scene(case, count, slices, series, known, regions, _image(inside, shape))


def _fill(values: np.ndarray, size: int) -> np.ndarray:
    """Lengthen (m, ...) by repeating the last voxel, so that images have no edge that the truth has not."""
    return values[np.minimum(np.arange(size), len(values) - 1)]


def _image(flat: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(voxels, ...) slice by slice -> (x, y, z, ...)."""
    x, y, z = shape
    return np.ascontiguousarray(np.moveaxis(flat.reshape(z, x, y, *flat.shape[1:]), 0, 2))


def _series(case: Case, role: str, image: np.ndarray, grid: Grid) -> Series:
    need = case.biomarker.needs[role]
    assert isinstance(need, SeriesNeed)
    stored = ArrayData(image.astype(np.complex64 if np.iscomplexobj(image) else np.float32))
    return Series(stored, grid, case.biomarker.typical[role], need.kinds[0], need.part, dict(need.entities))
