r"""T2* from a multi-echo gradient echo, with fat and the field's slope through the slice where they are known.

.. math:: S(TE) = S_0\, e^{-TE/T_2^*}\; \left|(1 - FF) + FF\, c(TE)\right|\; \left|\mathrm{sinc}(\Delta\nu\, TE)\right|

with c the fat's phasor of several peaks and :math:`\Delta\nu` by how much a known field map (B0) changes across the voxel's
thickness, which the scanner's shim and the body's shape decide and not the tissue. Magnitudes are fitted by their own law of noise, so
that late echoes at the noise floor do not lengthen T2*. Complex signals, where there are any, are fitted as such with their field and
phase free: they have no floor.

*Assumes* one R2* for water and fat, a slope that is even over a slice of even profile, echoes of one polarity or equal gain.
*Breaks* with fat that is not modelled: water and fat beat, and T2* follows the choice of echo times; then a warning says by how
much. *Breaks* with in-plane slopes that shift the echo out of the readout.

*Cites* Fernandez-Seara and Wehrli, Magn Reson Med 2000;44:358,
doi:10.1002/1522-2594(200009)44:3<358::AID-MRM3>3.0.CO;2-I (the slope); Yu et al., J Magn Reson Imaging 2007;26:1153,
doi:10.1002/jmri.21090 (fat with one R2*).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from neuromyo.biomarkers import _gradient_echo as echo
from neuromyo.biomarkers import _multi_echo as shared
from neuromyo.biomarkers._constants import spectrum
from neuromyo.core.acquisition import Acquisition
from neuromyo.core.biomarker import Biomarker, Calibration, Domain, Estimate, Inputs, MapNeed, SeriesNeed
from neuromyo.core.errors import Finding
from neuromyo.core.grid import Grid
from neuromyo.core.quantity import Quantity
from neuromyo.core.reasons import Reason
from neuromyo.fit.separable import Law, NoiseLevel, SeparableFit, SeparableModel
from neuromyo.fit.uncertainty import pool_variance, propagate

Options = echo.Options

#: what findings are told for: shares of fat, and a slope in Hz across the voxel
_SHARES = (0.05, 0.2)
_SLOPE = 10.0
#: muscle at 3 T, where no voxel could be fitted
_USUAL = 0.025


def simulate(
    truth: Mapping[str, Any], acquisitions: Mapping[str, Acquisition], options: Options
) -> dict[str, np.ndarray]:
    """truth T2star (s), S0, optionally FF, gradient (Hz across the voxel), B0 (Hz), shape (...) -> (..., n) a role."""
    signals = {role: echo.signal(truth, one, options) for role, one in acquisitions.items()}
    return {role: s if role == "complex" else np.abs(s) for role, s in signals.items()}


def derive(
    known: Mapping[str, np.ndarray], acquisitions: Mapping[str, Acquisition], grid: Grid, options: Options
) -> dict[str, np.ndarray]:
    """The field's change across each voxel, in Hz, from its map."""
    if "B0" not in known:
        return {}
    slope = echo.through_slice(known["B0"], grid, acquisitions["megre"].slice_thickness_mm)
    return {} if slope is None else {"gradient": slope}


def _setup(inputs: Inputs, options: Options) -> echo.Setup:
    """Complex where there are complex signals of the same echoes. A region's mean is made of magnitudes: phases would cancel."""
    acquisition, other = inputs.acquisitions.get("megre"), inputs.acquisitions.get("complex")
    has_complex = other is not None and (acquisition is None or acquisition.echo_times == other.echo_times)
    has_complex &= "complex" in inputs.signals and not inputs.averaged
    chosen = other if has_complex or acquisition is None else acquisition
    assert chosen is not None
    return echo.setup(chosen, options, inputs.known, has_complex)


def _fit(
    inputs: Inputs, how: echo.Setup, level: NoiseLevel, law: Law
) -> tuple[SeparableFit, SeparableModel, np.ndarray]:
    model = echo.model(how)
    signals = inputs.signals["complex" if how.complex else "megre"][..., list(how.echoes)]
    known: dict[str, np.ndarray] = {"gradient": inputs.known["gradient"]} if how.gradient else {}
    if how.fat == "known":
        known["FF"] = inputs.known["FF"]
    return model.fit(signals, known, noise=level, law=law), model, signals


def calibrate(samples: Mapping[str, Inputs], options: Options) -> Calibration:
    """The noise level, from the residuals of a sample of voxels; and what fat and the field may do that are not known."""
    body = samples["body"]
    how = _setup(body, options)
    fit, model, _ = _fit(body, how, NoiseLevel(), "gauss")
    good = fit.fitted & fit.settled & ~fit.at_bound.any(axis=-1)
    t2star = float(np.median(fit.theta[good, 0])) if good.any() else _USUAL
    noise = _complex_noise(fit, how, good) if how.complex else shared.pooled_noise(model, fit, how.unknowns)
    return Calibration(noise, findings=_doubts(how, options, t2star))


def _complex_noise(fit: SeparableFit, how: echo.Setup, good: np.ndarray) -> dict[str, float]:
    dof = float(how.samples - how.unknowns)
    if dof <= 0 or not good.any():
        return {}
    level = pool_variance(fit.rss[good] / dof, dof)
    return {"sigma": level.sigma, "sigma_dof": level.dof}


def _doubts(how: echo.Setup, options: Options, t2star: float) -> tuple[Finding, ...]:
    """What T2* of the subject's median would be misread by fat and slopes that the fit does not hold."""
    said = []
    if how.left_phases:
        said.append(Finding(
            "note", "N-PHASE", "t2star", f"of the complex signals only the magnitudes are fitted: {how.left_phases}",
            "choose fat=none or fat=in-phase to have them fitted as complex",
            "the noise floor of magnitudes is in the model, and costs precision at late echoes",
        ))  # fmt: skip
    if how.fat == "none" and not echo.has_frequency(how.acquisition):
        said.append(Finding("warn", "W-FAT", "t2star", "fat is not modelled, and without a field strength its effect cannot be told",
                            "state MagneticFieldStrength in the sidecar", "T2* of fatty muscle may be biased"))  # fmt: skip
    elif (
        how.fat == "none"
        and options.fat != "in-phase"
        and not echo.is_in_phase(how.acquisition, options, how.times).all()
    ):
        errors = [_misread(how, options, t2star, FF=share) for share in _SHARES]
        numbers = " and ".join(
            f"{e:+.0f} % with {100 * share:.0f} % of fat" for e, share in zip(errors, _SHARES, strict=True)
        )
        said.append(Finding(
            "warn", "W-FAT", "t2star", f"fat is not modelled: a T2* of {1e3 * t2star:.0f} ms reads off by {numbers}",
            "give a map of the fat fraction (--known FF=MAP), or --option fat=fit or fat=in-phase",
            "T2* of fatty muscle depends on the choice of echo times",
        ))  # fmt: skip
    if not how.gradient:
        error = _misread(how, options, t2star, gradient=_SLOPE)
        said.append(Finding(
            "note", "N-GRADIENT", "t2star",
            f"no field map over several slices: where the field changes by {_SLOPE:g} Hz across a voxel's thickness, a T2* of "
            f"{1e3 * t2star:.0f} ms reads {error:+.0f} % off", "give a field map (--known B0=MAP)", "T2* is shortened near air and metal",
        ))  # fmt: skip
    return tuple(said)


def _misread(how: echo.Setup, options: Options, t2star: float, **truth: float) -> float:
    """Per cent by which the fit in force misreads T2* of noiseless magnitudes with what it does not know."""
    plain = echo.setup(how.acquisition, Options(echoes=options.echoes, fat="none"), {}, False)
    signal = echo.signal({"T2star": t2star, "S0": 1.0, **truth}, how.acquisition, options)
    found = echo.model(plain).fit(np.abs(signal)[None, list(plain.echoes)])
    return float(100 * (found.theta[0, 0] / t2star - 1))


def estimate(inputs: Inputs, options: Options) -> Estimate:
    """T2*, R2* and S0 of magnitudes or complex signals (..., n)."""
    how = _setup(inputs, options)
    level = shared.noise_level(inputs, options)
    law: Law = "gauss" if how.complex else shared.law_of(inputs, options.likelihood)
    fit, model, signals = _fit(inputs, how, level, law)
    fit = shared.with_errors(fit, inputs, level, model, law, how.unknowns)
    t2star, total = fit.theta[..., 0], fit.amplitude.sum(axis=-1)
    s0 = np.abs(total) if how.complex else total
    axes = len(model.axes)
    sd = propagate(fit.covariance, np.eye(fit.covariance.shape[-1])[0])
    with np.errstate(invalid="ignore", divide="ignore"):
        residual = np.sqrt(fit.rss / how.samples) / np.abs(signals[..., 0])
        rate, rate_sd = 1 / t2star, sd / t2star**2
        s0_sd = propagate(fit.covariance, _slope_of_s0(total, how, axes, fit.covariance.shape))
    return Estimate(
        values={"T2star": t2star, "R2star": rate, "S0": s0},
        sd={"T2star": sd, "R2star": rate_sd, "S0": s0_sd},
        reason=_reason(inputs, how, fit, model, signals, sd, s0),
        diagnostics={"residual": residual},
    )


def _slope_of_s0(total: np.ndarray, how: echo.Setup, axes: int, shape: tuple[int, ...]) -> np.ndarray:
    """d S0 / d(theta, real amplitudes), broadcast to (..., q): complex amplitudes count as pairs, and S0 is their size."""
    slope = np.zeros(shape[:-1])
    if not how.complex:
        slope[..., axes:] = 1.0
        return slope
    unit = total / np.abs(total)
    slope[..., axes::2], slope[..., axes + 1 :: 2] = np.real(unit)[..., None], np.imag(unit)[..., None]
    return slope


def _reason(
    inputs: Inputs,
    how: echo.Setup,
    fit: SeparableFit,
    model: SeparableModel,
    signals: np.ndarray,
    sd: np.ndarray,
    s0: np.ndarray,
) -> np.ndarray:
    reason = shared.reasons(fit, 0)
    for axis, one in enumerate(model.axes[1:], 1):
        if one.name == "gradient" or (how.fat == "known" and one.name == "FF"):
            reason = shared.not_known(reason, fit, axis, inputs.known[one.name])
        else:
            reason[(reason == Reason.OK) & fit.at_bound[..., axis]] = Reason.AT_BOUND
    reason = shared.too_few(shared.not_finite(reason, signals), how.samples, how.unknowns)
    reason[(reason == Reason.OK) & ~(s0 > 0)] = Reason.NOT_IDENTIFIABLE
    return shared.mark_ambiguous(reason, fit, 0, sd) if model.branch is not None else reason


BIOMARKER = Biomarker(
    id="t2star",
    title="T2* (multi-echo gradient echo)",
    doi=("10.1002/1522-2594(200009)44:3<358::AID-MRM3>3.0.CO;2-I", "10.1002/jmri.21090"),
    needs={
        "megre": SeriesNeed(kinds=("MEGRE",), min_volumes=3, required=("echo_times",)),
        "complex": SeriesNeed(kinds=("MEGRE",), part="complex", min_volumes=3, required=("echo_times",), optional=True),
        "B0": MapNeed("B0", "Hz", (-5000.0, 5000.0)),
        "FF": MapNeed("FF", "%", (-0.5, 1.5)),
    },
    gives=(
        Quantity("T2star", "T2*", "ms", (0.0005, 0.5), "T2starmap", window=(0.0, 0.06)),
        Quantity("R2star", "R2*", "1/s", (2.0, 2000.0), "R2starmap", window=(0.0, 150.0)),
        shared.S0,
    ),
    simulate=simulate,
    estimate=estimate,
    calibrate=calibrate,
    derive=derive,
    options=Options,
    typical={
        "megre": Acquisition(echo_times=tuple(round(0.0023 * k, 6) for k in range(1, 11)), repetition_time=0.03, field_strength=3.0)
    },
    example={"T2star": 0.025, "S0": 1000.0},
    domain=Domain({"T2star": (0.008, 0.05)}, snr=20.0, quantities=("T2star", "S0")),
    caption="Decay of gradient echoes, fitted with the law of noise of magnitudes. Fat and the field's slope through the slice are "
    "taken into account where their maps are known.",
    constants=spectrum(),
)  # fmt: skip
