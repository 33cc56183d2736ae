"""Scanning the phantom: any biomarker's signal through its own `simulate`, partial volume mixed, noise added.

A voxel's signal is the sum over the tissues in it, each simulated with its own truth and weighted by its share of the
voxel. A biomarker whose truth does not tell fat from water (mono-exponential T2) is simulated for the water and for the
fat of every tissue, and the two are added: it then sees of fatty muscle what a scanner would show.

Complex signals are added as complex numbers, turned by the receive coil's phase and by one phase a series. Echo-planar
images may be distorted: every part of a voxel is put where its off-resonance carries it.

*Breaks*: signals are added as the biomarker gives them; if those are magnitudes of signals of either sign (inversion
recovery near its null) or phase (echoes in which fat opposes water), voxels shared by unlike tissues come out too bright
there. A distorted part is spread over the two voxels next to its place, which blurs like a linear interpolation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from neuromyo.core.acquisition import Acquisition
from neuromyo.core.biomarker import Biomarker
from neuromyo.core.errors import OptionError, PluginError
from neuromyo.core.series import ArrayData, Series
from neuromyo.phantom.pose import Pose
from neuromyo.phantom.render import Parts, slice_index
from neuromyo.phantom.scene import AMPLITUDES, CONTINUOUS, FULL_SCALE, TENSOR, Scene, tissue_truth
from neuromyo.phantom.tissue import FAT, TISSUES
from neuromyo.physics.noise import rician

#: truth names in which a fat's values stand for a tissue's, where water and fat are simulated apart
FAT_VALUES = {name: tissue_truth(FAT)[name] for name in ("T1", "T2", "T2star", "R2star", "MTR", "MTsat", *TENSOR)}
#: voxel parts simulated at a time: what bounds the memory
CHUNK = 16_384


@dataclass(frozen=True, eq=False)
class Scan:
    """How a biomarker's series are made.

    acquisitions : role -> Acquisition; the biomarker's typical ones where not given
    options : the biomarker's options; its defaults where None
    snr : signal of healthy muscle's first sample at B1 = 1, over the noise of one real channel; inf for no noise
    constants : further truth by name, for biomarkers that ask for what the tissue table lacks
    fat_left : share of the fat's signal that fat suppression leaves over
    readout_s : total readout time of an echo-planar image in s; B0 moves a voxel by so many voxels a Hz, towards larger
        indices of ``phase_axis`` (a spatial axis) where it is positive. 0 for images without distortion.
    """

    biomarker: Biomarker
    acquisitions: Mapping[str, Acquisition]
    options: Any
    snr: float = float("inf")
    constants: Mapping[str, float] | None = None
    fat_left: float = 1.0
    readout_s: float = 0.0
    phase_axis: int = 1

    @staticmethod
    def of(
        biomarker: Biomarker,
        acquisitions: Mapping[str, Acquisition] | None = None,
        options: Any = None,
        *,
        snr: float = float("inf"),
        constants: Mapping[str, float] | None = None,
        fat_left: float = 1.0,
        readout_s: float = 0.0,
        phase_axis: int = 1,
    ) -> Scan:
        if not snr > 0:
            raise OptionError("E-OPTION", where="phantom snr", needed="a number above 0", found=f"{snr:g}")
        if not 0.0 <= fat_left <= 1.0:
            raise OptionError("E-OPTION", where="phantom fat_left", needed="0 to 1", found=f"{fat_left:g}")
        given = {**biomarker.typical, **(acquisitions or {})}
        chosen = biomarker.options() if options is None else options
        return Scan(biomarker, given, chosen, snr, constants, fat_left, readout_s, phase_axis)


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
    if scan.fat_left < 1.0:
        truth = _suppressed(truth, scan.fat_left)
    asked = asked_truth(scan, truth)
    if "FF" in asked or not set(FAT_VALUES) & set(asked):
        made = _simulate(scan, truth, asked, truth["S0"])
    else:
        fat = {**truth, **{name: np.full_like(truth["FF"], value) for name, value in FAT_VALUES.items()}}
        made = _simulate(scan, truth, asked, truth["S0"] * (1.0 - truth["FF"]))
        of_fat = _simulate(scan, fat, asked, truth["S0"] * truth["FF"])
        made = {role: made[role] + of_fat[role] for role in made}
    if "phase" in asked or "phase" not in truth:
        return made
    turn = np.exp(1j * truth["phase"])[:, None]
    return {role: signal * turn if np.iscomplexobj(signal) else signal for role, signal in made.items()}


def _suppressed(truth: Mapping[str, np.ndarray], left: float) -> dict[str, np.ndarray]:
    """The truth as a scan sees it that leaves only a share of the fat's signal."""
    fat = truth["FF"] * left
    seen = 1.0 - truth["FF"] + fat
    share = np.divide(fat, seen, out=np.zeros_like(seen), where=seen > 0)
    return {**truth, "FF": share, **{name: truth[name] * seen for name in AMPLITUDES}}


def _simulate(
    scan: Scan, truth: Mapping[str, np.ndarray], asked: Iterable[str], amplitude: np.ndarray
) -> dict[str, np.ndarray]:
    """The biomarker's `simulate` at amplitude 1, once for every distinct combination of what it asks for; where that
    varies from point to point, for all of them."""
    names = [name for name in asked if name not in AMPLITUDES]
    rows = np.stack([truth[name] for name in names], axis=1) if names else np.zeros((len(amplitude), 0))
    if CONTINUOUS & set(names):
        made = _in_chunks(scan, names, asked, rows)
        return {role: signal * amplitude[:, None] for role, signal in made.items()}
    distinct, where = np.unique(rows, axis=0, return_inverse=True)
    made = _in_chunks(scan, names, asked, distinct)
    return {role: signal[where.ravel()] * amplitude[:, None] for role, signal in made.items()}


def _in_chunks(scan: Scan, names: list[str], asked: Iterable[str], rows: np.ndarray) -> dict[str, np.ndarray]:
    """Signals (m, n) by role of truths (m, names)."""
    pieces: dict[str, list[np.ndarray]] = {role: [] for role in scan.acquisitions}
    for start in range(0, max(len(rows), 1), CHUNK):
        some = rows[start : start + CHUNK]
        arguments = {name: some[:, i] for i, name in enumerate(names)}
        arguments.update({name: np.ones(len(some)) for name in AMPLITUDES if name in asked})
        made = scan.biomarker.simulate(arguments, scan.acquisitions, scan.options)
        for role, kept in pieces.items():
            kept.append(_shaped(scan, role, made, len(some)))
    return {role: np.concatenate(kept) for role, kept in pieces.items()}


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
    """Standard deviation of one real channel, by role: |first sample of the first role| of healthy muscle at B1 = 1, over
    the SNR. It is the same in all of them, as between scans of one voxel size and bandwidth."""
    muscle = TISSUES["muscle"]
    fields = {"B1": 1.0, "B0": 0.0, "phase": 0.0}
    nominal = {**tissue_truth(muscle), **fields, **dict.fromkeys(AMPLITUDES, FULL_SCALE * muscle.PD)}
    made = signals(scan, {name: np.array([value]) for name, value in nominal.items()})
    first = float(np.abs(next(iter(made.values()))[0, 0]))
    return dict.fromkeys(made, first / scan.snr)


def mix(parts: Parts, values: np.ndarray, n_voxels: int) -> np.ndarray:
    """Sum over the parts of each voxel, weighted by their share: (m, n) -> (n_voxels, n)."""
    return _gather(parts.voxel, parts.fraction, values, n_voxels)


def mix_displaced(parts: Parts, values: np.ndarray, plane: tuple[int, int], axis: int, moved: np.ndarray) -> np.ndarray:
    """As `mix`, with every part carried ``moved`` (m,) voxels along an in-plane axis (0 or 1) and shared between the two
    voxels there; what leaves the plane is lost."""
    place = list(np.unravel_index(parts.voxel, plane))
    at = place[axis] + moved
    low = np.floor(at)
    out = np.zeros((plane[0] * plane[1], values.shape[1]), dtype=values.dtype)
    for index, share in ((low, 1.0 - (at - low)), (low + 1, at - low)):
        inside = (index >= 0) & (index < plane[axis])
        place[axis] = np.where(inside, index, 0).astype(np.int64)
        voxel = np.ravel_multi_index((place[0], place[1]), plane)
        out += _gather(voxel, parts.fraction * share * inside, values, len(out))
    return out


def _gather(voxel: np.ndarray, weight: np.ndarray, values: np.ndarray, n_voxels: int) -> np.ndarray:
    table = csr_matrix((weight, (voxel, np.arange(len(voxel)))), shape=(n_voxels, len(voxel)))
    return np.asarray(table @ values)


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
    poses: Mapping[str, Pose] | None = None,
    each_slice: Callable[[int, Parts, Mapping[str, np.ndarray]], None] | None = None,
) -> dict[str, Series]:
    """The biomarker's series of a scene, whole, float32 or complex64; memory is theirs plus that of one slice.

    Noise of a slice depends on ``seed``, ``spawn_key`` (subject, session, scan), the role and the slice alone, so that
    the same bits come out whatever else is made. ``poses`` say by role how the body had moved. ``each_slice`` is shown
    (slice, parts, truth) of the first role as they pass.
    """
    sigma = noise_sigma(scan)
    turns = _initial_phases(scan, seed, spawn_key)
    images: dict[str, np.ndarray] = {}
    places: dict[Pose, list[str]] = {}
    for role in scan.acquisitions:
        places.setdefault((poses or {}).get(role, scene.pose), []).append(role)
    for turn, (pose, roles) in enumerate(places.items()):
        here = scene.moved(pose)
        for k in range(here.n_slices):
            parts = here.parts(k)
            truth = here.truth(k, parts)
            made = signals(scan, truth)
            for role in roles:
                number = list(scan.acquisitions).index(role)
                whole = _mixed(scan, here, parts, made[role], truth) * turns.get(role, 1.0)
                rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(*spawn_key, 1, number, k)))
                noisy = add_noise(whole, sigma[role], scan.biomarker.noise, rng)
                _put(images, role, noisy, here, k)
            if each_slice is not None and turn == 0:
                each_slice(k, parts, truth)
    return {role: _series(scene, scan, role, images[role]) for role in scan.acquisitions}


def _initial_phases(scan: Scan, seed: int, spawn_key: tuple[int, ...]) -> dict[str, complex]:
    """The phase with which each complex series starts, drawn once a series."""
    if scan.biomarker.noise != "complex":
        return {}
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(*spawn_key, 7)))
    return {role: complex(np.exp(1j * rng.uniform(-np.pi, np.pi))) for role in scan.acquisitions}


def _mixed(scan: Scan, scene: Scene, parts: Parts, signal: np.ndarray, truth: Mapping[str, np.ndarray]) -> np.ndarray:
    """(voxels of the slice, n)."""
    a, b = (scene.grid.shape[axis] for axis in scene.grid.in_plane_axes)
    if scan.readout_s == 0.0:
        return mix(parts, signal, a * b)
    return mix_displaced(
        parts, signal, (a, b), scene.grid.in_plane_axes.index(scan.phase_axis), truth["B0"] * scan.readout_s
    )


def _put(images: dict[str, np.ndarray], role: str, slab: np.ndarray, scene: Scene, k: int) -> None:
    if role not in images:
        kind = np.complex64 if np.iscomplexobj(slab) else np.float32
        images[role] = np.zeros((*scene.grid.shape, slab.shape[-1]), dtype=kind)
    plane = tuple(scene.grid.shape[axis] for axis in scene.grid.in_plane_axes)
    images[role][slice_index(scene.grid, k)] = slab.reshape(*plane, -1)


def _series(scene: Scene, scan: Scan, role: str, image: np.ndarray) -> Series:
    need = scan.biomarker.series_need(role)
    part = need.part if np.iscomplexobj(image) or need.part != "complex" else "mag"
    return Series(ArrayData(image), scene.grid, scan.acquisitions[role], need.kinds[0], part, dict(need.entities))
