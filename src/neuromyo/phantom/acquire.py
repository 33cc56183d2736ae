"""Scanning the phantom: any biomarker's signal through its own `simulate`, partial volume mixed, noise added.

A voxel's signal is the sum over the tissues in it, each simulated with its own truth and weighted by its share of the
voxel. A biomarker whose truth does not tell fat from water (mono-exponential T2) is simulated for the water and for the
fat of every tissue, and the two are added: it then sees of fatty muscle what a scanner would show.

*Breaks*: signals are added as the biomarker gives them; if those are magnitudes of signals of either sign (inversion
recovery near its null), voxels shared by unlike tissues come out too bright there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from neuromyo.core.acquisition import Acquisition
from neuromyo.core.biomarker import Biomarker
from neuromyo.core.errors import OptionError, PluginError
from neuromyo.core.series import ArrayData, Series
from neuromyo.phantom.render import Parts, slice_index
from neuromyo.phantom.scene import AMPLITUDES, FULL_SCALE, Scene, tissue_truth
from neuromyo.phantom.tissue import FAT, TISSUES
from neuromyo.physics.noise import rician

#: truth names in which a fat's values stand for a tissue's, where water and fat are simulated apart
FAT_VALUES = {"T1": FAT.T1, "T2": FAT.T2, "T2star": FAT.T2star, "R2star": 1.0 / FAT.T2star, "MTR": FAT.MTR}


@dataclass(frozen=True, eq=False)
class Scan:
    """How a biomarker's series are made.

    acquisitions : role -> Acquisition; the biomarker's typical ones where not given
    options : the biomarker's options; its defaults where None
    snr : signal of healthy muscle's first sample at B1 = 1, over the noise of one real channel; inf for no noise
    constants : further truth by name, for biomarkers that ask for what the tissue table lacks
    """

    biomarker: Biomarker
    acquisitions: Mapping[str, Acquisition]
    options: Any
    snr: float = float("inf")
    constants: Mapping[str, float] | None = None

    @staticmethod
    def of(
        biomarker: Biomarker,
        acquisitions: Mapping[str, Acquisition] | None = None,
        options: Any = None,
        *,
        snr: float = float("inf"),
        constants: Mapping[str, float] | None = None,
    ) -> Scan:
        if not snr > 0:
            raise OptionError("E-OPTION", where="phantom snr", needed="a number above 0", found=f"{snr:g}")
        given = {**biomarker.typical, **(acquisitions or {})}
        return Scan(biomarker, given, biomarker.options() if options is None else options, snr, constants)


class _Truth(dict):
    """What one voxel is made of, that remembers what was asked of it."""

    def __init__(self, values: Mapping[str, Any], biomarker: str) -> None:
        super().__init__(values)
        self.biomarker, self.asked = biomarker, set()

    def __getitem__(self, name: str) -> Any:
        if name not in self:
            raise OptionError(
                "E-NEEDS",
                where=f"phantom data for {self.biomarker}",
                needed=f"the truth {name!r}",
                found=f"tissues that have {', '.join(self)}",
                remedy="give it as a constant",
            )
        self.asked.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        return default if name not in self else self[name]  # noqa: SIM401 - through __getitem__, so that it is noted


def asked_truth(scan: Scan, names: Iterable[str]) -> tuple[str, ...]:
    """Which of the phantom's truths, by name, the biomarker's `simulate` makes use of, found by running it once.

    E-NEEDS names a truth that it cannot do without and the phantom lacks.
    """
    example = {**dict.fromkeys(names, 1.0), **(scan.constants or {})}
    example.update({name: value for name, value in scan.biomarker.example.items() if name in example})
    probe = _Truth({name: np.array([value]) for name, value in example.items()}, scan.biomarker.id)
    scan.biomarker.simulate(probe, scan.acquisitions, scan.options)
    return tuple(sorted(probe.asked))


def signals(scan: Scan, truth: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Noise-free signal of tissues: truth name -> (m,), as `Scene.truth` gives; role -> (m, n)."""
    truth = {**truth, **{name: np.full_like(truth["S0"], v) for name, v in (scan.constants or {}).items()}}
    asked = asked_truth(scan, truth)
    if "FF" in asked or not set(FAT_VALUES) & set(asked):
        return _simulate(scan, truth, asked, truth["S0"])
    fat = {**truth, **{name: np.full_like(truth["FF"], value) for name, value in FAT_VALUES.items()}}
    water_signal = _simulate(scan, truth, asked, truth["S0"] * (1.0 - truth["FF"]))
    fat_signal = _simulate(scan, fat, asked, truth["S0"] * truth["FF"])
    return {role: water_signal[role] + fat_signal[role] for role in water_signal}


def _simulate(
    scan: Scan, truth: Mapping[str, np.ndarray], asked: Iterable[str], amplitude: np.ndarray
) -> dict[str, np.ndarray]:
    """One call of the biomarker's `simulate`, on every distinct combination of what it asks for, at amplitude 1."""
    names = [name for name in asked if name not in AMPLITUDES]
    rows = np.stack([truth[name] for name in names], axis=1) if names else np.zeros((len(amplitude), 0))
    distinct, where = np.unique(rows, axis=0, return_inverse=True)
    arguments = {name: distinct[:, i] for i, name in enumerate(names)}
    arguments.update({name: np.ones(len(distinct)) for name in AMPLITUDES if name in asked})
    made = scan.biomarker.simulate(arguments, scan.acquisitions, scan.options)
    return {
        role: _shaped(scan, role, made, len(distinct))[where.ravel()] * amplitude[:, None] for role in scan.acquisitions
    }


def _shaped(scan: Scan, role: str, made: Mapping[str, np.ndarray], m: int) -> np.ndarray:
    signal = np.asarray(made[role]) if role in made else np.zeros(0)
    if signal.ndim != 2 or len(signal) != m:
        raise PluginError(
            "E-PLUGIN",
            where=f"biomarker {scan.biomarker.id}",
            needed=f"a signal ({m}, n) for role {role!r}",
            found=f"shape {signal.shape}" if role in made else "none",
        )
    return signal


def noise_sigma(scan: Scan) -> dict[str, float]:
    """Standard deviation of one real channel, by role: |first sample| of healthy muscle at B1 = 1, over the SNR."""
    muscle = TISSUES["muscle"]
    nominal = {**tissue_truth(muscle), "B1": 1.0, "B0": 0.0, **dict.fromkeys(AMPLITUDES, FULL_SCALE * muscle.PD)}
    made = signals(scan, {name: np.array([value]) for name, value in nominal.items()})
    return {role: float(np.abs(signal[0, 0])) / scan.snr for role, signal in made.items()}


def mix(parts: Parts, values: np.ndarray, n_voxels: int) -> np.ndarray:
    """Sum over the parts of each voxel, weighted by their share: (m, n) -> (n_voxels, n)."""
    out = np.zeros((n_voxels, values.shape[1]), dtype=values.dtype)
    np.add.at(out, parts.voxel, values * parts.fraction[:, None])
    return out


def add_noise(signal: np.ndarray, sigma: float, kind: str, rng: np.random.Generator) -> np.ndarray:
    """Noise of standard deviation ``sigma`` per real channel; ``kind`` is rician (gives magnitudes), gaussian (real)
    or complex."""
    if sigma == 0.0:
        return np.abs(signal) if kind == "rician" else signal
    if kind == "rician":
        return rician(signal, sigma, rng)
    draws = rng.standard_normal((2, *signal.shape)) * sigma
    return (
        signal + draws[0] if kind == "gaussian" and not np.iscomplexobj(signal) else signal + (draws[0] + 1j * draws[1])
    )


def acquire(
    scene: Scene,
    scan: Scan,
    seed: int,
    spawn_key: tuple[int, ...] = (),
    *,
    each_slice: Callable[[int, Parts, Mapping[str, np.ndarray]], None] | None = None,
) -> dict[str, Series]:
    """The biomarker's series of a scene, whole, float32 or complex64; memory is theirs plus that of one slice.

    Noise of a slice depends on ``seed``, ``spawn_key`` (subject, session, scan), the role and the slice alone, so that
    the same bits come out whatever else is made. ``each_slice`` is shown (slice, parts, truth) as they pass.
    """
    sigma = noise_sigma(scan)
    images: dict[str, np.ndarray] = {}
    for k in range(scene.n_slices):
        parts = scene.parts(k)
        truth = scene.truth(k, parts)
        made = signals(scan, truth)
        for number, role in enumerate(scan.acquisitions):
            plane = tuple(scene.grid.shape[axis] for axis in scene.grid.in_plane_axes)
            whole = mix(parts, made[role], plane[0] * plane[1])
            rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(*spawn_key, 1, number, k)))
            noisy = add_noise(whole, sigma[role], scan.biomarker.noise, rng).reshape(*plane, -1)
            if role not in images:
                kind = np.complex64 if np.iscomplexobj(noisy) else np.float32
                images[role] = np.zeros((*scene.grid.shape, noisy.shape[-1]), dtype=kind)
            images[role][slice_index(scene.grid, k)] = noisy
        if each_slice is not None:
            each_slice(k, parts, truth)
    return {role: _series(scene, scan, role, image) for role, image in images.items()}


def _series(scene: Scene, scan: Scan, role: str, image: np.ndarray) -> Series:
    need = scan.biomarker.series_need(role)
    part = need.part if np.iscomplexobj(image) or need.part != "complex" else "mag"
    return Series(ArrayData(image), scene.grid, scan.acquisitions[role], need.kinds[0], part, dict(need.entities))
