r"""Offset of the main field, B0, from the phases of gradient echoes.

.. math:: \varphi(TE) = \varphi_0 + 2\pi\, \Delta B_0\, TE

by weighted least squares over the echoes, a sample's phase having the variance :math:`\sigma^2/|S|^2`; the initial phase
:math:`\varphi_0` is free. Phases are unwrapped in three steps: the difference of the two closest echoes in space (scikit-image's sorting by
reliability, each connected piece of the body by itself; whole turns of each part, as of two legs, are chosen to bring its median
nearest zero); then each other echo in time, from the prediction of those before.

Fat turns against water. Of all evenly spaced sets of echoes, those are taken at which fat of the declared spectrum, at any
fraction, shifts B0 by 20 Hz or less (in-phase echoes), and of them the set that determines B0 best; where there are none, all echoes
are used, and W-FATSHIFT says by how much fat is off.

*Assumes* that phase grows where spins precess faster, unless told (``precession_sign``): files rarely say. *Assumes* a phase that
runs evenly in time and smoothly in space, readouts in one direction. *Breaks* with bipolar readouts (odd and even
echoes differ), in pieces of the body that are far off resonance (over half a turn between the closest echoes: a whole turn is then
missed), and in voxels of half fat where echoes are out of phase.

*Cites* Herraez et al., Appl Opt 2002;41:7437, doi:10.1364/AO.41.007437; Reeder et al. for the spectrum's part, Magn Reson Med
2005;54:636, doi:10.1002/mrm.20624.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from neuromyo.biomarkers import _fields
from neuromyo.biomarkers._constants import spectrum
from neuromyo.core.acquisition import Acquisition, Assumption
from neuromyo.core.biomarker import Biomarker, Domain, Estimate, Inputs, SeriesNeed
from neuromyo.core.errors import Finding, OptionError, ProtocolError
from neuromyo.core.grid import Grid
from neuromyo.core.options import option
from neuromyo.core.quantity import Quantity
from neuromyo.core.reasons import Reason
from neuromyo.physics import fat

_TURN = 2 * np.pi
_UNSTATED = "the files do not state it; in the other sense B0 has the opposite sign (pdff tells it from fat)"
#: echoes at which fat would shift B0 by no more than this are preferred, Hz
_SHIFT = 20.0
#: half the width of a bridge that joins two parts of the body without making them one, mm
_BRIDGE_MM = 8.0
#: pieces of the body of fewer voxels have no reliable whole turns
_PIECE = 30


@dataclass(frozen=True)
class Options:
    """What can be chosen."""

    smoothing: float = option(
        0.0, "full width at half maximum of smoothing inside the body; 0 for none", unit="mm", low=0.0, high=50.0
    )
    fat_spectrum: str = option(fat.DEFAULT_SPECTRUM, "fat spectrum, for choosing echoes", choices=tuple(fat.SPECTRA))
    precession_sign: int | None = option(
        None, "+1 or -1: sense in which phase turns with frequency; +1 where files do not state it", low=-1, high=1
    )
    noise: str | float = option(
        "estimate", "noise per real channel in image units, or 'estimate' from the fit's residuals, or the air", low=0.0,
        choices=("estimate",),
    )  # fmt: skip


def simulate(
    truth: Mapping[str, Any], acquisitions: Mapping[str, Acquisition], options: Options
) -> dict[str, np.ndarray]:
    """truth B0 (Hz), S0, optionally R2star (1/s), phase (rad, at time 0) and FF, shape (...) -> complex (..., n)."""
    times = np.asarray(acquisitions["echoes"].echo_times)

    def of(name: str, default: float) -> np.ndarray:
        return np.asarray(truth.get(name, default), float)[..., None]

    sign = options.precession_sign or acquisitions["echoes"].precession_sign or 1
    turned = np.exp(sign * 1j * _TURN * of("B0", 0.0) * times + 1j * of("phase", 0.0) - of("R2star", 0.0) * times)
    ff = of("FF", 0.0)
    mixed = 1 - ff + ff * _fat(acquisitions["echoes"], options) if np.any(ff != 0) else 1.0
    return {"echoes": of("S0", 1.0) * turned * mixed}


def _fat(acquisition: Acquisition, options: Options) -> np.ndarray:
    return fat.phasor(options.fat_spectrum, np.asarray(acquisition.echo_times), field_strength=acquisition.field_strength,
                      imaging_frequency_hz=acquisition.imaging_frequency_hz,
                      precession_sign=options.precession_sign or acquisition.precession_sign or 1)  # fmt: skip


def estimate(inputs: Inputs, options: Options) -> Estimate:
    """B0 of complex signals (x, y, z, n)."""
    acquisition = inputs.acquisitions["echoes"]
    if options.precession_sign == 0:
        raise OptionError(
            "E-OPTION", where="option precession_sign", needed="+1 or -1", found="0", remedy="give one of them"
        )
    chosen, findings = choose_echoes(acquisition, options)
    times = np.asarray(acquisition.echo_times)[chosen]
    signals = inputs.signals["echoes"][..., chosen]
    size = np.abs(signals)
    air = _fields.noise_of(options.noise, size)
    inside = _fields.body(size.mean(axis=-1), inputs.mask, air)
    reason = _fields.outside(size.sum(axis=-1), inside)
    if not inside.any():
        return Estimate({"B0": np.full(inside.shape, np.nan)}, reason, findings=findings)
    phases, unsure = _unwrapped(signals, times, inside, inputs.grid)
    reason[unsure] = Reason.AMBIGUOUS
    given = options.precession_sign or acquisition.precession_sign
    assumed = () if given else (Assumption("precession_sign", "+1", _UNSTATED, "echoes"),)
    sign = given or 1
    slope, information, rss = _line(phases[inside], size[inside].astype(np.float64), times)
    sigma = _noise(options, air, rss, len(times))
    b0, sd = _smoothed(sign * slope / _TURN, information, inside, inputs, options.smoothing)
    with np.errstate(divide="ignore", invalid="ignore"):
        residual = _whole(np.sqrt(rss / len(times)) / size[inside].max(axis=-1), inside)
    sds = {"B0": sd * sigma / _TURN} if np.isfinite(sigma) else {}
    return Estimate({"B0": b0}, reason, sds, {"residual": residual}, findings=findings, assumptions=assumed)


# --- which echoes -----------------------------------------------------------------------------------------------------


def choose_echoes(acquisition: Acquisition, options: Options) -> tuple[list[int], tuple[Finding, ...]]:
    """The volumes to use by rising echo time: the best set that fat hardly shifts, else all, with a warning."""
    times = np.asarray(acquisition.echo_times)
    order = [int(i) for i in np.argsort(times, kind="stable")]
    if len(order) < 2 or np.min(np.diff(times[order])) <= 0:
        raise ProtocolError("E-PROTOCOL", where="b0: EchoTime", needed="two different echo times or more",
                            found=", ".join(f"{t:g}" for t in times), remedy="check EchoTime in the sidecars")  # fmt: skip
    if acquisition.field_strength is None and acquisition.imaging_frequency_hz is None:
        return order, (Finding("warn", "W-FATSHIFT", "b0: MagneticFieldStrength", "not stated", "state it in the sidecar",
                               "echoes cannot be chosen by the phase of fat: B0 in fat may be off"),)  # fmt: skip
    shift = _fat(acquisition, options)
    off = {tuple(s): _fat_shift(times[s], shift[s]) for s in _even_sets(order)}
    best = max((s for s in off if off[s] <= _SHIFT), key=lambda s: float(np.var(times[list(s)])) * len(s), default=None)
    if best is not None:
        return list(best), ()
    least = _fat_shift(times[order], shift[order])
    return order, (Finding("warn", "W-FATSHIFT", "b0: EchoTime", "no two echoes at which fat and water are alike in phase",
                           "acquire in-phase echoes, or use the field map of pdff",
                           f"B0 is off by up to {least:.0f} Hz where there is fat"),)  # fmt: skip


def _even_sets(order: list[int]) -> list[list[int]]:
    """Sets of echoes that lie evenly: every second, every third... from each start, two or more of them."""
    n = len(order)
    return [order[start:stop:step] for start in range(n) for step in range(1, n - start)
            for stop in range(start + step + 1, n + 1, step)]  # fmt: skip


def _fat_shift(times: np.ndarray, shift: np.ndarray) -> float:
    """The largest error of B0 (Hz) by fat, over fat fractions to 1, of a line through the phases at these echoes."""
    ff = np.linspace(0.0, 1.0, 21)[:, None]
    phase = np.unwrap(np.unwrap(np.angle(1 - ff + ff * shift), axis=0), axis=1)
    t = times - times.mean()
    return float(np.abs(phase @ t / (t @ t)).max() / _TURN)


def _wrap(angle: Any) -> Any:
    return (angle + np.pi) % _TURN - np.pi


# --- unwrapping -------------------------------------------------------------------------------------------------------


def _unwrapped(
    signals: np.ndarray, times: np.ndarray, inside: np.ndarray, grid: Grid | None
) -> tuple[np.ndarray, np.ndarray]:
    """Phases (x, y, z, n) that run straight in time, that of the first echo being 0; and where whole turns are unsure."""
    gaps = np.diff(times)
    near = int(np.argmin(gaps))
    step = np.angle(signals[..., near + 1] * signals[..., near].conj())
    difference, unsure = _in_space(np.where(inside, step, 0.0), inside)
    difference = _parts_near_zero(difference, inside, (1.0, 1.0, 1.0) if grid is None else grid.spacing_mm)
    rate = difference / gaps[near]
    phases = np.zeros(signals.shape, dtype=np.float64)
    for i in range(1, len(times)):
        measured = np.angle(signals[..., i] * signals[..., 0].conj())
        predicted = rate * (times[i] - times[0])
        phases[..., i] = np.where(inside, predicted + _wrap(measured - predicted), 0.0)
        if times[i] - times[0] > gaps[near]:  # a longer lever than the one before
            rate = phases[..., i] / (times[i] - times[0])
    return phases, unsure


def _in_space(phase: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The phase (x, y, z) unwrapped over each connected piece of the body, near zero in the median of each."""
    from skimage.restoration import unwrap_phase

    pieces, count = _fields.pieces(inside)
    out, unsure = np.zeros(phase.shape), np.zeros(phase.shape, dtype=bool)
    for number, box in enumerate(ndimage.find_objects(pieces, max_label=count), 1):
        here = pieces[box] == number
        values = np.where(here, phase[box], 0.0)
        if here.sum() < _PIECE:
            unsure[box] |= here
        elif min(n for n in values.shape if n > 1) > 1:
            flat = np.ma.masked_array(np.squeeze(values), mask=~np.squeeze(here))
            turned = unwrap_phase(flat, rng=0) if flat.ndim > 1 else np.unwrap(flat)
            values = np.where(here, np.ma.filled(turned, 0.0).reshape(here.shape), 0.0)
        values = values - _TURN * np.round(np.median(values[here]) / _TURN)
        out[box] = np.where(here, values, out[box])
    return out, unsure


def _parts_near_zero(phase: np.ndarray, inside: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """Whole turns taken off each part of the body by itself, so that its median is nearest zero.

    Parts are what hangs together by more than a bridge of twice `_BRIDGE_MM`, without a jump of half a turn between neighbours: two
    legs that touch, or touch one pad, are two where the phase jumps between them, having lost a turn on its way. A voxel belongs to the
    nearest part.
    """
    even = inside & ~_jumps(phase, inside)
    parts, count = _fields.pieces(_fields.depth(even, spacing) > _BRIDGE_MM)
    if count < 2:
        return phase
    territory = _fields.spread_out(parts, spacing)
    middle = np.array([np.median(phase[inside & (territory == k)]) if k else 0.0 for k in range(count + 1)])
    turns = np.round(middle / _TURN)
    return np.where(inside, phase - _TURN * turns[territory], phase)


def _jumps(phase: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Voxels of the body that differ from a neighbour in it by half a turn or more."""
    found = np.zeros(inside.shape, dtype=bool)
    for axis in range(3):
        a, b = (tuple(s if i == axis else slice(None) for i in range(3)) for s in (slice(None, -1), slice(1, None)))
        far = inside[a] & inside[b] & (np.abs(phase[a] - phase[b]) >= np.pi)
        found[a] |= far
        found[b] |= far
    return found


# --- the line ---------------------------------------------------------------------------------------------------------


def _line(phases: np.ndarray, size: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Slopes (m,) in rad/s, their information over 1/sigma^2, and the weighted sums of squared residuals, of (m, n)."""
    weight = size * size
    total = weight.sum(axis=-1, keepdims=True)
    t = times - (weight * times).sum(axis=-1, keepdims=True) / total
    y = phases - (weight * phases).sum(axis=-1, keepdims=True) / total
    information = (weight * t * t).sum(axis=-1)
    lever = (weight * t * y).sum(axis=-1)
    slope = np.divide(lever, information, out=np.zeros_like(lever), where=information > 0)
    return slope, information, (weight * (y - slope[:, None] * t) ** 2).sum(axis=-1)


def _noise(options: Options, air: float, rss: np.ndarray, n: int) -> float:
    """Noise per real channel: the option, else pooled over the body's residuals, else the air's; NaN where nothing says."""
    if not isinstance(options.noise, str) or n < 3:
        return air
    return float(np.sqrt(rss.mean() / (n - 2)))


def _smoothed(
    values: np.ndarray, information: np.ndarray, inside: np.ndarray, inputs: Inputs, fwhm_mm: float
) -> tuple[np.ndarray, np.ndarray]:
    """Values (m,) and the square roots of their inverse information as images, as they are or smoothed inside the body."""
    if fwhm_mm == 0:
        with np.errstate(divide="ignore"):  # a voxel with signal at one echo only tells nothing
            spread = np.where(information > 0, 1 / np.sqrt(information), np.nan)
        return _whole(np.where(information > 0, values, np.nan), inside), _whole(spread, inside)
    smoother = _fields.Smoother(inputs.grid, fwhm_mm)
    weight = _whole(information, inside, 0.0)
    total = smoother.sum(weight)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = smoother.sum(_whole(values * information, inside, 0.0)) / total
        spread = np.sqrt(smoother.sum_of_squares(weight)) / total
    return np.where(inside, mean, np.nan), np.where(inside, spread, np.nan)


def _whole(values: np.ndarray, inside: np.ndarray, rest: float = np.nan) -> np.ndarray:
    """Values (m,) put where the body is."""
    out = np.full(inside.shape, rest)
    out[inside] = values
    return out


BIOMARKER = Biomarker(
    id="b0",
    title="B0 offset",
    doi=("10.1364/AO.41.007437", "10.1002/mrm.20624"),
    needs={
        "echoes": SeriesNeed(
            kinds=("MEGRE", "phase1", "phasediff"), part="complex", min_volumes=2, required=("echo_times",)
        )
    },
    gives=(
        Quantity("B0", "field offset", "Hz", (-2000.0, 2000.0), "fieldmap", window=(-200.0, 200.0), datatype="fmap"),
    ),
    simulate=simulate,
    estimate=estimate,
    options=Options,
    scope="image",
    noise="complex",
    typical={"echoes": Acquisition(echo_times=(0.0023, 0.0046, 0.0069), field_strength=3.0)},
    example={"B0": 40.0, "S0": 1000.0, "phase": 0.5},
    domain=Domain({"B0": (-150.0, 150.0)}, snr=30.0, quantities=("B0",)),
    provides=("B0",),
    caption="Offset of the main field, from how the phase of gradient echoes grows.",
    constants=spectrum(),
)
