"""The signal of a multi-echo gradient echo with one R2*: fat, and the field's slope through the slice; its tables to fit by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import Any

import numpy as np

from neuromyo.biomarkers import _multi_echo as multi_echo
from neuromyo.core.acquisition import Acquisition
from neuromyo.core.errors import ProtocolError
from neuromyo.core.grid import Grid
from neuromyo.core.options import option
from neuromyo.fit.separable import Axis, SeparableModel
from neuromyo.physics.fat import DEFAULT_SPECTRUM, SPECTRA, Spectrum, phasor

#: turns that the field's slope may make through the voxel by the last echo: beyond, nulls have passed through the train
_MOST_TURNS = 1.5
#: the field's range in the fit of complex signals, in turns between echoes: a little over half to each side
_HALF_BAND = 0.55
_FEWEST_IN_PHASE = 3


@dataclass(frozen=True)
class Options(multi_echo.MonoOptions):
    """What can be chosen, besides what every multi-echo fit has."""

    likelihood: str = option(
        "rician", "law of noise: magnitudes (rician) or plain least squares", choices=("rician", "least-squares")
    )
    fat: str = option(
        "auto", "fat in the voxel: none; known (from a map of the fat fraction); fit (one more unknown); in-phase (only echoes at "
        "which fat and water are in phase); auto is known where there is a map, else none",
        choices=("auto", "none", "known", "fit", "in-phase"),
    )  # fmt: skip
    fat_spectrum: str | tuple[float, ...] = option(
        DEFAULT_SPECTRUM, "the fat's spectrum", choices=tuple(SPECTRA),
        open_choice="shift in 1e-6 and share of each peak, one after the other, or a JSON file of them",
    )  # fmt: skip
    in_phase_deg: float = option(
        40.0, "how far from in phase an echo counted as in phase may be", unit="degrees", low=1.0, high=90.0
    )


@dataclass(frozen=True)
class Setup:
    """What a fit is made of: ``fat`` is none, known or fit; ``echoes`` index the volumes used, by rising echo time;
    ``left_phases`` says why complex signals that are there are not fitted as such."""

    acquisition: Acquisition
    options: Options
    echoes: tuple[int, ...]
    fat: str
    gradient: bool
    complex: bool
    left_phases: str = ""

    @property
    def times(self) -> np.ndarray:
        """(n,) s."""
        return np.asarray(self.acquisition.echo_times)[list(self.echoes)]

    @property
    def samples(self) -> int:
        return len(self.echoes) * (2 if self.complex else 1)

    @property
    def unknowns(self) -> int:
        """T2* and S0, the fat beside them; a field and a phase more where signals are complex."""
        tissues = 2 if self.fat == "fit" else 1
        return 2 + 2 * tissues if self.complex else 1 + tissues


def setup(acquisition: Acquisition, options: Options, known: Mapping[str, Any], is_complex: bool) -> Setup:
    """How to fit, given the options and the maps known (``FF``, ``gradient``)."""
    mode = {"auto": "known" if "FF" in known and has_frequency(acquisition) else "none"}.get(options.fat, options.fat)
    if mode == "known" and "FF" not in known:
        raise ProtocolError("E-NEEDS", where="t2star, option fat", needed="a map of the fat fraction", found="none",
                            remedy="give --known FF=MAP, or choose another fat")  # fmt: skip
    echoes = multi_echo.selected(acquisition, options.echoes)
    if mode == "in-phase":
        echoes, mode = _in_phase(acquisition, options, echoes), "none"
    # fat turns against water in a sense that only a stated sign tells; magnitudes need none. And three axes are the most
    turned = mode != "none" and acquisition.precession_sign is None
    crowded = mode == "known" and "gradient" in known
    as_complex = is_complex and not turned and not crowded
    left = ""
    if is_complex and turned:
        left = "the sense in which phases turn is not stated, without which fat cannot be told from water in them"
    elif is_complex and crowded:
        left = "fat and the field's slope are both known, and fit magnitudes alone"
    return Setup(acquisition, options, tuple(int(e) for e in echoes), mode, "gradient" in known, as_complex, left)


def has_frequency(acquisition: Acquisition) -> bool:
    """Whether the shift of fat in Hz can be told."""
    return acquisition.field_strength is not None or acquisition.imaging_frequency_hz is not None


def fat_phasor(acquisition: Acquisition, options: Options, times: np.ndarray) -> np.ndarray:
    """(n,) complex signal of fat over that of water."""
    peaks = options.fat_spectrum
    spectrum = peaks if isinstance(peaks, str) else Spectrum("given by the user", peaks[0::2], peaks[1::2])
    return phasor(
        spectrum, times, field_strength=acquisition.field_strength,
        imaging_frequency_hz=acquisition.imaging_frequency_hz, precession_sign=acquisition.precession_sign or 1,
    )  # fmt: skip


def is_in_phase(acquisition: Acquisition, options: Options, times: np.ndarray) -> np.ndarray:
    """(n,) bool."""
    return np.abs(np.rad2deg(np.angle(fat_phasor(acquisition, options, times)))) <= options.in_phase_deg


def _in_phase(acquisition: Acquisition, options: Options, echoes: np.ndarray) -> np.ndarray:
    kept = echoes[is_in_phase(acquisition, options, np.asarray(acquisition.echo_times)[echoes])]
    if len(kept) < _FEWEST_IN_PHASE:
        raise ProtocolError(
            "E-PROTOCOL", where="t2star, option fat", needed=f"{_FEWEST_IN_PHASE} echoes with fat in phase", found=str(len(kept)),
            remedy="choose fat=known with a map of the fat fraction, fat=fit, or a larger in_phase_deg",
        )  # fmt: skip
    return kept


# --- forward ----------------------------------------------------------------------------------------------------------


def signal(truth: Mapping[str, Any], acquisition: Acquisition, options: Options) -> np.ndarray:
    """Complex signal (..., n): T2star (s) or R2star (1/s), S0, and, where they are there, FF, gradient (Hz across the voxel), B0
    (Hz)."""
    times = np.asarray(acquisition.echo_times)

    def of(name: str, default: float) -> np.ndarray:
        return np.asarray(truth.get(name, default), float)[..., None]

    rate = 1 / of("T2star", np.inf) if "T2star" in truth else of("R2star", 0.0)
    out = of("S0", 1.0) * np.exp(-times * rate) * np.sinc(of("gradient", 0.0) * times)
    out = out * np.exp(2j * np.pi * of("B0", 0.0) * times)
    if "FF" in truth and has_frequency(acquisition):
        share = of("FF", 0.0)
        out = out * (1 - share + share * fat_phasor(acquisition, options, times))
    return out


# --- what needs neighbours --------------------------------------------------------------------------------------------


def through_slice(field_hz: np.ndarray, grid: Grid, thickness_mm: float | None) -> np.ndarray | None:
    """By how many Hz the field changes across each voxel's thickness, (x, y, z) float32, not negative; None for one slice.

    Central differences; one-sided at edges and beside voxels without a field, NaN where no neighbour has one.
    """
    axis = grid.slice_axis
    if grid.shape[axis] < 2:
        return None
    field = np.moveaxis(np.asarray(field_hz, np.float64), axis, 0)
    steps = np.full((field.shape[0] + 1, *field.shape[1:]), np.nan)
    steps[1:-1] = np.diff(field, axis=0)
    pair = np.stack([steps[:-1], steps[1:]])
    found = np.isfinite(pair)
    count = found.sum(axis=0)
    mean = np.where(found, pair, 0.0).sum(axis=0) / np.where(count > 0, count, 1)
    slope = np.where((count > 0) & np.isfinite(field), np.abs(mean), np.nan)
    share = 1.0 if thickness_mm is None else thickness_mm / grid.spacing_mm[axis]
    return np.moveaxis(slope * share, 0, axis).astype(np.float32)


# --- tables -----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=8)
def model(how: Setup) -> SeparableModel:
    """Axes T2star, then what is fitted beside it (FF or B0), then what is known (gradient, FF)."""
    times = how.times
    t2star = Axis("T2star", 0.0005, 0.5, 56 if how.complex else 84, "log", coarse=24)
    factors = [(t2star, np.exp(-times / t2star.nodes[:, None]))]
    fatty = fat_phasor(how.acquisition, how.options, times) if how.fat != "none" else np.ones(len(times))
    share = Axis("FF", -0.25, 1.25, 76, coarse=16)
    mixed = 1 - share.nodes[:, None] + share.nodes[:, None] * fatty
    if how.complex:
        factors.append(_field(times))
    elif how.fat == "fit":
        factors.append((share, np.abs(mixed)))
    if how.gradient:
        slope = Axis("gradient", 0.0, _MOST_TURNS / float(times.max()), 28 if how.complex else 61, coarse=12)
        factors.append((slope, np.abs(np.sinc(slope.nodes[:, None] * times))))
    if how.fat == "known":
        factors.append((share, mixed if how.complex else np.abs(mixed)))
    table = _outer([values for _, values in factors])
    tables = [table, table * fatty] if how.complex and how.fat == "fit" else [table]
    branch = ("FF", 0.5) if how.fat == "fit" and not how.complex else None
    rank = None if len(factors) == 1 else how.samples
    return SeparableModel([axis for axis, _ in factors], tables, branch=branch, rank=rank)


def _field(times: np.ndarray) -> tuple[Axis, np.ndarray]:
    """The field's axis over the band that echoes tell apart, fine enough for the phase at the last of them."""
    spacing = float(np.diff(times).min())
    turns = 2 * _HALF_BAND * float(times[-1] - times[0]) / spacing
    limit = _HALF_BAND / spacing
    axis = Axis("B0", -limit, limit, max(24, round(8 * turns)), coarse=max(12, round(4 * turns)))
    return axis, np.exp(2j * np.pi * axis.nodes[:, None] * (times - times.mean()))


def _outer(factors: list[np.ndarray]) -> np.ndarray:
    """Tables (nodes, n), one an axis, multiplied sample by sample: (nodes, nodes, ..., n)."""
    many = len(factors)
    shaped = [v.reshape(*[1] * i, v.shape[0], *[1] * (many - 1 - i), v.shape[1]) for i, v in enumerate(factors)]
    return reduce(np.multiply, shaped)
