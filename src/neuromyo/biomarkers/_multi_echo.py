"""What the biomarkers of a multi-echo spin echo share: the series they need, their options, the noise they see."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from neuromyo.biomarkers._constants import WATER_T1
from neuromyo.core.acquisition import Acquisition
from neuromyo.core.biomarker import Assumable, Inputs, MapNeed, SeriesNeed
from neuromyo.core.errors import OptionError
from neuromyo.core.options import option
from neuromyo.core.quantity import Quantity
from neuromyo.core.reasons import Reason
from neuromyo.fit.separable import Law, NoiseLevel, SeparableFit, SeparableModel
from neuromyo.fit.uncertainty import pool_variance
from neuromyo.physics import epg, slice_profile
from neuromyo.physics.noise import rice_mean, rice_variance

#: chi-square (one degree of freedom, 95 %) within which two minima fit the data equally well
_EQUAL_FIT = 3.84
#: how finely pulse shapes follow B1
_SHAPES_PER_B1 = 100

_PULSE_WHY = "the same flip angle all through the slice; a B1 that is fitted then absorbs the real profile and is not the true B1"
_PULSE_REMEDY = "give the pulse's shape by --option ID.{}=SHAPE (fit: without ID.; `neuromyo show ID` names the shapes)"

#: two echoes determine a decay, though nothing then tells how well
MONO_NEED = SeriesNeed(kinds=("MESE",), min_volumes=2, required=("echo_times",))
TRAIN_NEED = SeriesNeed(
    kinds=("MESE",),
    min_volumes=4,
    required=("echo_times",),
    assumable=(
        Assumable(
            "refocusing_angle_deg",
            180.0,
            "refocusing pulses of 180 degrees, the usual nominal angle; B1 absorbs others",
        ),
        Assumable("excitation_pulse", "ideal", _PULSE_WHY, _PULSE_REMEDY.format("excitation_pulse")),
        Assumable("refocusing_pulse", "ideal", _PULSE_WHY, _PULSE_REMEDY.format("refocusing_pulse")),
        Assumable("repetition_time", float("inf"), "full recovery between trains; a short TR weighs fat above water"),
    ),
)
TYPICAL_TRAIN = Acquisition(
    echo_times=tuple(0.01 * k for k in range(1, 18)),
    repetition_time=3.0,
    refocusing_angle_deg=180.0,
    excitation_pulse="ideal",
    refocusing_pulse="ideal",
)
B1_NEED = MapNeed("B1", "%", plausible=(0.2, 2.0))

T2 = Quantity("T2", "EPG T2", "ms", (0.002, 3.0), "T2map", window=(0.0, 0.1))
B1 = Quantity("B1", "B1 (actual over nominal flip angle)", "%", (0.2, 2.0), "TB1map", window=(0.5, 1.5), datatype="fmap",
              summarised=True)  # fmt: skip
S0 = Quantity("S0", "signal at echo time zero", "a.u.", (0.0, float("inf")), "S0map", summarised=False)


@dataclass(frozen=True)
class MonoOptions:
    """Options of every multi-echo fit."""

    echoes: str = option("all", "echoes to use, counted from 1: all, even, odd, or a list such as 2-17 or 1,3,5")
    noise: str | float = option(
        "estimate", "noise per real channel in image units, or 'estimate' from the residuals of all voxels", low=0.0,
        choices=("estimate",),
    )  # fmt: skip


@dataclass(frozen=True)
class TrainOptions(MonoOptions):
    """Options of fits that model the refocusing train."""

    water_t1: float = option(WATER_T1.number, "T1 of muscle water", unit="s", low=0.1, high=5.0)
    excitation_pulse: str | tuple[float, ...] | None = option(
        None, "flip angles through the slice; taken as ideal where not given, and said so", choices=tuple(slice_profile.SHAPES),
        open_choice="relative angles through the slice",
    )  # fmt: skip
    refocusing_pulse: str | tuple[float, ...] | None = option(
        None, "refocusing angles through the slice; taken as ideal where not given, and said so", choices=tuple(slice_profile.SHAPES),
        open_choice="relative angles through the slice",
    )  # fmt: skip
    likelihood: str = option(
        "rician", "law of noise: magnitudes (rician) or plain least squares", choices=("rician", "least-squares")
    )


def selected(acquisition: Acquisition, echoes: str, most: int | None = None) -> np.ndarray:
    """Volume indices of the echoes to use, in ascending echo time. E-OPTION names what cannot be understood."""
    times = np.asarray(acquisition.echo_times)
    order = np.argsort(times, kind="stable")
    count = len(times)
    if echoes == "all":
        picked = list(range(count))
    elif echoes in ("even", "odd"):
        picked = list(range(1 if echoes == "even" else 0, count, 2))
    else:
        picked = _listed(echoes, count)
    return order[picked]


def _listed(echoes: str, count: int) -> list[int]:
    picked: set[int] = set()
    for part in echoes.replace(" ", "").split(","):
        ends = part.split("-")
        if not all(e.isdigit() for e in ends) or len(ends) > 2:
            raise OptionError("E-OPTION", where="option echoes", needed="all, even, odd, or numbers such as 2-17 or 1,3,5",
                              found=repr(echoes))  # fmt: skip
        first, last = int(ends[0]), int(ends[-1])
        if not 1 <= first <= last <= count:
            raise OptionError("E-OPTION", where="option echoes", needed=f"numbers from 1 to {count}", found=part)
        picked.update(range(first - 1, last))
    return sorted(picked)


def echo_train(
    acquisition: Acquisition,
    options: TrainOptions,
    T1: Any,
    T2: Any,
    B1: Any,
    *,
    all_echoes: bool = False,
    signed: bool = False,
) -> np.ndarray:
    """Signals (..., n) of the chosen echoes for unit magnetisation: the train behind the echo times, simulated whole.

    ``signed`` trains are for sums of tissues, whose magnitude is taken after."""
    times = np.sort(np.asarray(acquisition.echo_times))
    signal = _all_echoes(acquisition, options, times, T1, T2, B1)
    signal = signal if signed else np.abs(signal)
    if all_echoes:
        back = np.argsort(np.argsort(np.asarray(acquisition.echo_times), kind="stable"))
        return signal[..., back]
    chosen = selected(acquisition.with_(echo_times=tuple(times)), options.echoes)
    return signal[..., chosen]


def _all_echoes(
    acquisition: Acquisition, options: TrainOptions, times: np.ndarray, T1: Any, T2: Any, B1: Any
) -> np.ndarray:
    """(..., n) stored echoes. A named pulse is integrated at the B1 it really has, since off its nominal angle a profile
    changes shape and is not merely scaled; B1 within a hundredth of each other share a shape."""
    pulses = (
        options.excitation_pulse or acquisition.excitation_pulse or "ideal",
        options.refocusing_pulse or acquisition.refocusing_pulse or "ideal",
    )
    layout = epg.train(times.tolist())
    t1, t2, b1 = np.broadcast_arrays(*(np.asarray(v, dtype=np.float64) for v in (T1, T2, B1)))
    angle = acquisition.refocusing_angle_deg or 180.0

    def train(where: Any, shape_at: float) -> np.ndarray:
        excitation, refocusing = slice_profile.pair(*pulses, refocusing_angle_deg=angle, B1=shape_at)
        return epg.cpmg(
            layout.n_echoes, layout.spacing, t1[where], t2[where], b1[where], first_echo=layout.first_echo,
            excitation=excitation, refocusing=refocusing, refocusing_angle_deg=angle,
            repetition_time=acquisition.repetition_time or np.inf, signed=True,
        )[..., list(layout.kept)]  # fmt: skip

    named = set(pulses) & (set(slice_profile.SHAPES) - {"ideal"})
    if not named:
        return train(..., 1.0)
    with np.errstate(invalid="ignore"):
        shared = np.clip(np.round(b1 * _SHAPES_PER_B1), 1, None) / _SHAPES_PER_B1
    out = np.full((*b1.shape, len(times)), np.nan)
    for value in np.unique(shared[np.isfinite(shared)]):
        where = shared == value
        out[where] = train(where, float(value))
    return out


def noise_level(inputs: Inputs, options: Any) -> NoiseLevel:
    """What `estimate` should believe about the noise: the user's value, the calibrated level, or nothing."""
    if not isinstance(options.noise, str):
        return NoiseLevel.known(options.noise)
    return NoiseLevel(inputs.scalars.get("sigma", 0.0), inputs.scalars.get("sigma_dof", 0.0))


def pooled_noise(model: SeparableModel, fit: SeparableFit, unknowns: int) -> dict[str, float]:
    """Noise scalars from a least-squares fit of a sample of voxels: ``sigma`` and how many samples it weighs like.

    A magnitude lies about its amplitude with a mean square that depends on how near the floor it is: its scatter falls, but its
    mean is lifted, up to twice sigma^2 without signal. The residual's effective degrees of freedom are those mean squares
    at the fitted amplitudes, over sigma^2.
    """
    good = fit.fitted & fit.settled & ~fit.at_bound.any(axis=-1)
    if not good.any():
        return {}
    dof = float(model.n_samples - unknowns)
    if dof <= 0:
        return {}
    basis, _ = model.basis(fit.theta[good])
    amplitude = np.einsum("mk,mkn->mn", fit.amplitude[good], basis)
    rss = fit.rss[good]
    effective = np.full(len(rss), dof)
    for _ in range(3):
        sigma = float(np.sqrt(np.median(rss / effective)))
        if sigma <= 0:
            return {"sigma": 0.0, "sigma_dof": 0.0}
        effective = np.maximum(_mean_square(amplitude / sigma).sum(axis=1) - unknowns, 0.25 * dof)
    level = pool_variance(rss / effective, dof)
    return {"sigma": level.sigma, "sigma_dof": level.dof}


def _mean_square(snr: np.ndarray) -> np.ndarray:
    """Mean square of a Rician magnitude about its amplitude, over sigma^2: 2 without signal, 1 at high snr."""
    a = np.minimum(np.abs(snr), 1e3)
    return 2 + 2 * a * (a - rice_mean(a, 1.0))


def law_of(inputs: Inputs, likelihood: str) -> Law:
    """The law of noise to fit by. A region's mean signal keeps the floor that its voxels' magnitudes had, whatever the voxels
    themselves are fitted by."""
    return "rice" if inputs.averaged or likelihood == "rician" else "gauss"


def with_errors(
    fit: SeparableFit, inputs: Inputs, level: NoiseLevel, model: SeparableModel, law: Law, unknowns: int
) -> SeparableFit:
    """The fit with a covariance that rests on something.

    A region's mean signal: on what its fit leaves over, not on a single voxel's noise, which has averaged away. What remains
    is misfit, and that is what the mean is uncertain by. A voxel: none where as many unknowns as samples leave nothing
    over and nothing else is known of the noise.
    """
    if not inputs.averaged and level.dof > 0:
        return fit
    spare = float(model.n_samples - unknowns) if model.n_samples > unknowns else np.nan
    if not inputs.averaged:
        return fit if spare > 0 else replace(fit, covariance=np.full_like(fit.covariance, np.nan))
    # magnitudes near the floor scatter less than their channels
    left = np.maximum(spare - _still(model, fit), 0.25 * spare) if law == "rice" else spare
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = fit.rss / left / fit.sigma**2
    return replace(fit, covariance=fit.covariance * scale[..., None, None])


def _still(model: SeparableModel, fit: SeparableFit) -> np.ndarray:
    """By how many samples' worth the magnitudes scatter less than their channels do, (...): 0 at high signal-to-noise."""
    out = np.zeros(fit.fitted.shape)
    basis, _ = model.basis(fit.theta[fit.fitted])
    amplitude = np.einsum("mk,mkn->mn", fit.amplitude[fit.fitted], basis)
    sigma = fit.sigma[fit.fitted][:, None]
    out[fit.fitted] = (1 - rice_variance(amplitude, sigma) / sigma**2).sum(axis=-1)
    return out


def fit_train(
    model: SeparableModel, inputs: Inputs, options: TrainOptions, echoes: np.ndarray, law: Law, unknowns: int
) -> SeparableFit:
    """The chosen echoes fitted, with B1 where it is known and the noise as far as it is, and with errors to believe."""
    known = {"B1": inputs.known["B1"]} if "B1" in inputs.known else None
    level = noise_level(inputs, options)
    fit = model.fit(inputs.signals["mese"][..., echoes], known, noise=level, law=law)
    return with_errors(fit, inputs, level, model, law, unknowns)


def reasons(fit: SeparableFit, axis: int | None = None) -> np.ndarray:
    """The reason of each voxel (...) for the nonlinear parameter ``axis``; None for what concerns the voxel as a whole."""
    reason = np.full(fit.fitted.shape, Reason.OK, dtype=np.uint8)
    reason[~fit.settled] = Reason.NO_CONVERGENCE
    if axis is not None:
        reason[fit.at_bound[..., axis]] = Reason.AT_BOUND
    reason[~fit.fitted] = Reason.NO_SIGNAL
    return reason


def too_few(reason: np.ndarray, samples: int, unknowns: int) -> np.ndarray:
    """``reason`` with TOO_FEW_POINTS in every voxel where there are fewer samples than unknowns."""
    if samples < unknowns:
        reason[...] = Reason.TOO_FEW_POINTS
    return reason


def not_finite(reason: np.ndarray, signals: np.ndarray) -> np.ndarray:
    """``reason`` with NOT_FINITE where a sample is NaN or infinite."""
    reason[~np.isfinite(signals).all(axis=-1)] = Reason.NOT_FINITE
    return reason


def not_known(reason: np.ndarray, fit: SeparableFit, axis: int, known: np.ndarray) -> np.ndarray:
    """``reason`` with NOT_KNOWN where the map ``known`` (...) of the nonlinear parameter ``axis`` has no value, or one beyond
    the model's range: whatever was fitted beside it there is wrong."""
    reason[fit.at_bound[..., axis] | ~np.isfinite(known)] = Reason.NOT_KNOWN
    return reason


def mark_ambiguous(reason: np.ndarray, fit: SeparableFit, axis: int, sd: np.ndarray) -> np.ndarray:
    """AMBIGUOUS where the other branch fits as well and puts this parameter more than two sd away."""
    with np.errstate(invalid="ignore"):
        apart = np.abs(fit.rival[..., axis] - fit.theta[..., axis]) > 2 * sd
        equal = fit.rival_distance < _EQUAL_FIT
    reason[(reason == Reason.OK) & equal & apart] = Reason.AMBIGUOUS
    return reason


def relative_residual(fit: SeparableFit, signals: np.ndarray, echoes: np.ndarray) -> np.ndarray:
    """Root-mean-square residual over the first echo used (...), for the report."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.sqrt(fit.rss / len(echoes)) / np.abs(signals[..., echoes[0]])
