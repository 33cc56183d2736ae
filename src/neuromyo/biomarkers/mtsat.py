r"""Magnetisation transfer saturation: what share of the magnetisation the MT pulse takes each time, free of T1 and of B1.

Three spoiled gradient echoes: at a small angle without (pd) and with (mt) the MT pulse, at a larger angle without (t1). A pulse that
takes the share :math:`\delta` just before each readout leaves the steady state

.. math:: S_{mt} = A \sin\alpha\, \frac{(1-\delta)(1 - E_1)}{1 - (1-\delta) E_1 \cos\alpha}, \qquad E_1 = e^{-TR\, R_1}

and, as the other two, which give :math:`R_1` and A with :math:`\delta = 0`, it is solved as it stands: no small angles, TR and angle
of each series its own, :math:`\alpha` multiplied by B1 where a map is given. (For small angles it is Helms'
:math:`\delta = (A\alpha/S - 1) R_1 TR - \alpha^2/2`; the exact value is smaller by a few per cent of itself.) Several echoes are fitted
together with one R2*, so that A is at echo time 0. All samples count, by least squares; with one echo each the solution is exact.

*B1 in the pulse.* What the pulse takes grows as B1 squared until the bound pool is emptied. It is brought to nominal B1 by

.. math:: \delta_{nom} = \frac{\delta}{B_1^2}\, \frac{1 - C}{1 - C B_1}

(``residual``), by the square alone (``square``), or not at all (``none``). C = 0.4 is usual in the brain. It depends on tissue and
pulse: two-pool simulation (`neuromyo.physics.exchange`) gives 0.42 for white matter but 0.29 for muscle under one common pulse, and
0.17 to 0.32 in muscle from weak to strong pulses; 0.29 is the default here. What remains in muscle is under 1.5 % for B1 of 0.7 to
1.3; nerve, if it is like white matter, comes out 8 % high at B1 = 0.8 and 7 % low at 1.2.

*Fat* has no bound pool and a short T1: it dilutes MTsat and shortens T1. Where a fat fraction map is given, fat is part of the
model (its spectrum's phase at each echo included), and T1 and MTsat are those of water; else the bias that 5, 10 and 20 % of it
would make at this protocol is computed and told.

*MTR* is the share that the pulse takes from the water's signal of the mt series itself, from the fitted values: unlike MTsat it
depends on T1 and B1.

*Assumes* registered series of one scale, perfect spoiling, pools that equilibrate within a repetition: in the two-pool simulation
of muscle and nerve MTsat is 2 to 5 % more than the share of all magnetisation that the pulse takes, since the readout sees the free
pool alone (T1 comes out shorter by the bound pool's share, for the same reason). *Breaks* where the last echo of the mt series is
near the noise (least squares of magnitudes: MTsat 1 % low at a signal-to-noise ratio of 5 there, 2 % at 3), and above 90 % of fat.

*Cites* Helms et al., Magn Reson Med 2008;60:1396, doi:10.1002/mrm.21732; Helms, Proc ISMRM 2015;23:3360 (B1); Weiskopf et al., Front
Neurosci 2014;8:278, doi:10.3389/fnins.2014.00278 (echoes together).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from neuromyo.biomarkers import _mt_model as mt_model
from neuromyo.biomarkers._constants import FAT_T1, spectrum
from neuromyo.core.acquisition import Acquisition, Assumption
from neuromyo.core.biomarker import Biomarker, Calibration, Domain, Estimate, Inputs, MapNeed, SeriesNeed
from neuromyo.core.errors import Finding
from neuromyo.core.options import option
from neuromyo.core.quantity import Quantity
from neuromyo.core.reasons import Reason
from neuromyo.fit.saturation_kernel import Fitted
from neuromyo.fit.separable import NoiseLevel
from neuromyo.fit.uncertainty import pool_variance
from neuromyo.physics import fat, mt_saturation

#: T1 (s) that a voxel may have; beyond, the three signals fit nothing real
_T1 = (0.05, 6.0)
#: share of fat above which there is too little water to speak of
_MOST_FAT = 0.9


@dataclass(frozen=True)
class Options(mt_model.PulseOptions):
    """What can be chosen."""

    echoes: str = option(
        "extrapolate", "all echoes together, A at echo time 0, or the first of each series",
        choices=("extrapolate", "first"),
    )  # fmt: skip
    fat_t1: float = option(FAT_T1.value, "T1 of fat", unit="s", low=0.05, high=2.0)
    fat_spectrum: str = option(fat.DEFAULT_SPECTRUM, "peaks of fat", choices=tuple(fat.SPECTRA))
    noise: str | float = option(
        "estimate", "noise per real channel in image units, or 'estimate' from the residuals of all voxels", low=0.0,
        choices=("estimate",),
    )  # fmt: skip


def simulate(
    truth: Mapping[str, Any], acquisitions: Mapping[str, Acquisition], options: Options
) -> dict[str, np.ndarray]:
    """truth T1 (s, of water), M0, MTsat (fraction, at nominal B1), optionally B1, FF, FatT1 (s), R2star (1/s) or T2star (s),
    shape (...) -> magnitudes (..., n) of each series."""
    lay = mt_model.layout(acquisitions, options)
    decay = truth["R2star"] if "R2star" in truth else 1.0 / np.asarray(truth.get("T2star", np.inf), float)
    given = (truth["M0"], truth["T1"], truth["MTsat"], decay, truth.get("B1", 1.0), truth.get("FF", 0.0),
             truth.get("FatT1", options.fat_t1))  # fmt: skip
    shape = np.broadcast_shapes(*(np.shape(v) for v in given))
    m0, t1, nominal, decay, b1, ff, fat_t1 = (np.broadcast_to(np.asarray(v, float), shape).ravel() for v in given)
    taken = nominal / mt_model.to_nominal(b1, options)
    theta = np.stack([np.zeros_like(t1), -np.log(t1), taken, decay][: lay.unknowns], axis=1)
    signals = m0[:, None] * mt_model.predict(lay, theta, b1, ff, 1 / fat_t1)[0]
    if not lay.decays:
        signals = signals * np.exp(-decay[:, None] * np.concatenate([c.times for c in lay.contrasts]))
    out, place = {}, 0
    for c in lay.contrasts:
        n = max(len(acquisitions[c.role].echo_times or ()), 1)
        sorted_samples = np.zeros((len(t1), n))
        sorted_samples[:, c.order] = signals[:, place : place + len(c.times)]
        out[c.role] = sorted_samples.reshape(*shape, n)
        place += len(c.times)
    return out


# --- once a subject ---------------------------------------------------------------------------------------------------


def calibrate(samples: Mapping[str, Inputs], options: Options) -> Calibration:
    """The noise level, where echoes leave residuals; what B1 is taken to be; what fat would do where its share is not known."""
    body = samples["body"]
    lay = mt_model.layout(body.acquisitions, options)
    assumed, told = [], []
    if "B1" not in body.known:
        assumed.append(Assumption("B1", "1", "no B1 map was given; T1 then errs by about twice, and MTsat by as much as, "
                                  "what B1 errs by", "B1"))  # fmt: skip
    if "FF" not in body.known:
        told.append(_fat_finding(body.acquisitions, options))
    elif not lay.fat_phase_known:
        assumed.append(Assumption("fat phase", "in phase", "field strength or echo times are not stated", "FF"))
    scalars = {}
    if lay.samples > lay.unknowns:
        voxels = _Voxels.of(body, lay, options)
        good = voxels.solution.converged & (voxels.reason == Reason.OK)
        spare = float(lay.samples - lay.unknowns)
        level = pool_variance(voxels.solution.rss[good] / spare, spare)
        scalars = {"sigma": level.sigma, "sigma_dof": level.dof}
    return Calibration(scalars, assumptions=tuple(assumed), findings=tuple(told))


def _fat_finding(acquisitions: Mapping[str, Acquisition], options: Options) -> Finding:
    """What 5, 10 and 20 % of fat would do to muscle at this protocol."""
    shares = np.array([0.0, 0.05, 0.1, 0.2])
    true = {"T1": 1.4, "MTsat": 0.02, "M0": 1.0, "R2star": 30.0, "FF": shares}
    found = estimate(Inputs(simulate(true, acquisitions, options), acquisitions), options).values
    said = [
        f"{name} {', '.join(f'{100 * (v / found[name][0] - 1):+.0f}' for v in found[name][1:])} %"
        for name in ("MTsat", "T1")
    ]
    return Finding(
        "note", "N-FAT", "mtsat: FF", f"no fat fraction map: 5, 10, 20 % of fat in muscle change {' and '.join(said)} here",
        "give a fat fraction map, or read MTsat where there is little fat", "MTsat and T1 are not those of water alone",
    )  # fmt: skip


# --- every voxel ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Voxels:
    """A flat list of voxels, fitted: B1, reason (m,), the solution."""

    b1: np.ndarray
    reason: np.ndarray
    solution: Fitted
    strength: np.ndarray

    @staticmethod
    def of(inputs: Inputs, lay: mt_model.Layout, options: Options) -> _Voxels:
        data = lay.gather(inputs.signals)
        shape = data.shape[:-1]
        data = data.reshape(-1, data.shape[-1])
        b1 = np.broadcast_to(np.asarray(inputs.known.get("B1", 1.0), float), shape).ravel()
        ff = np.broadcast_to(np.asarray(inputs.known.get("FF", 0.0), float), shape).ravel()
        reason = np.full(len(data), Reason.OK, dtype=np.uint8)
        reason[~(ff < _MOST_FAT)] = Reason.NOT_IDENTIFIABLE
        reason[~(np.isfinite(b1) & (b1 > 0) & np.isfinite(ff) & np.isfinite(mt_model.to_nominal(b1, options)))] = (
            Reason.NOT_KNOWN
        )
        reason[~(_weakest(lay, data) > 0)] = Reason.NO_SIGNAL
        reason[~np.isfinite(data).all(axis=1)] = Reason.NOT_FINITE
        bad = reason != Reason.OK
        safe = np.where(bad[:, None], np.nan, data)
        # in units of the voxel's largest sample: signal scales differ by many powers of ten between scanners
        strength = np.where(bad, 1.0, np.abs(safe).max(axis=1, initial=0.0))
        fitted = mt_model.fit(
            lay,
            safe / strength[:, None],
            np.where(bad, 1.0, b1),
            np.where(bad, 0.0, ff),
            np.full(len(b1), 1 / options.fat_t1),
        )
        fitted.theta[:, 0] += np.log(strength)
        fitted = Fitted(
            fitted.theta,
            fitted.inverse / strength[:, None, None] ** 2,
            fitted.rss * strength**2,
            fitted.converged,
        )
        reason[~bad & ~fitted.converged] = Reason.NO_CONVERGENCE
        with np.errstate(over="ignore", invalid="ignore"):
            t1 = np.exp(-fitted.theta[:, 1])
        reason[~bad & fitted.converged & ~((t1 >= _T1[0]) & (t1 <= _T1[1]))] = Reason.IMPLAUSIBLE
        return _Voxels(b1, reason, fitted, strength)


def _weakest(lay: mt_model.Layout, data: np.ndarray) -> np.ndarray:
    """The smallest of the three series' first echoes (m,)."""
    place = np.cumsum([0] + [len(c.times) for c in lay.contrasts])[:-1]
    with np.errstate(invalid="ignore"):
        return data[:, place].min(axis=1)


def estimate(inputs: Inputs, options: Options) -> Estimate:
    """MTsat, T1, M0 and MTR of signals (..., n) a role."""
    lay = mt_model.layout(inputs.acquisitions, options)
    shape = inputs.signals[mt_model.PD].shape[:-1]
    voxels = _Voxels.of(inputs, lay, options)
    theta, mt = voxels.solution.theta, lay.contrasts[-1]
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        factor = mt_model.to_nominal(voxels.b1, options)
        rate = np.exp(theta[:, 1])
        on = mt_saturation.steady(mt.tip * voxels.b1, mt.repetition_time, rate, theta[:, 2], mt.gap)
        off = mt_saturation.steady(mt.tip * voxels.b1, mt.repetition_time, rate, 0.0, mt.gap)
        kept = on.signal / off.signal
        values = {"MTsat": factor * theta[:, 2], "T1": 1 / rate, "M0": np.exp(theta[:, 0]), "MTR": 1 - kept}
        spread = _spread(voxels, lay, inputs, options)
        sd = {}
        if spread is not None:
            variance = np.einsum("mpp->mp", spread)
            slope = (on.by_log_rate - kept * off.by_log_rate) / off.signal, on.by_saturation / off.signal
            mtr = (
                slope[0] ** 2 * variance[:, 1]
                + slope[1] ** 2 * variance[:, 2]
                + 2 * slope[0] * slope[1] * spread[:, 1, 2]
            )
            sd = {"MTsat": factor * np.sqrt(variance[:, 2]), "T1": values["T1"] * np.sqrt(variance[:, 1]),
                  "M0": values["M0"] * np.sqrt(variance[:, 0]), "MTR": np.sqrt(np.maximum(mtr, 0.0))}  # fmt: skip
        residual = np.sqrt(voxels.solution.rss / lay.samples) / voxels.strength
    return Estimate(
        {n: v.reshape(shape) for n, v in values.items()},
        voxels.reason.reshape(shape),
        {n: v.reshape(shape) for n, v in sd.items()},
        {"residual": residual.reshape(shape)} if lay.samples > lay.unknowns else {},
    )


def _spread(voxels: _Voxels, lay: mt_model.Layout, inputs: Inputs, options: Options) -> np.ndarray | None:
    """Covariance (m, P, P), or None where nothing tells the noise. A region's mean: from what its own fit leaves over."""
    spare = lay.samples - lay.unknowns
    level = NoiseLevel(inputs.scalars.get("sigma", 0.0), inputs.scalars.get("sigma_dof", 0.0))
    if not isinstance(options.noise, str):
        level = NoiseLevel.known(options.noise)
    if inputs.averaged:
        level = NoiseLevel()
    if spare <= 0 and not level.dof > 0:
        return None
    rss = voxels.solution.rss
    known = np.isinf(level.dof)
    variance = 0 * rss + level.sigma**2 if known else (level.dof * level.sigma**2 + rss) / (level.dof + spare)
    return voxels.solution.inverse * variance[:, None, None]


# --- the declaration --------------------------------------------------------------------------------------------------


def _need(flip: str, mt: str) -> SeriesNeed:
    return SeriesNeed(kinds=("MPM", "MTS"), required=("flip_angles_deg", "repetition_time"),
                      entities=(("flip", flip), ("mt", mt)))  # fmt: skip


def _typical(flip_deg: float, **more: Any) -> Acquisition:
    return Acquisition(echo_times=(0.0023, 0.0046, 0.0069, 0.0092), repetition_time=0.03, flip_angles_deg=(flip_deg,),
                       field_strength=3.0, **more)  # fmt: skip


BIOMARKER = Biomarker(
    id="mtsat",
    title="magnetisation transfer saturation, T1 and M0",
    doi=("10.1002/mrm.21732", "10.3389/fnins.2014.00278"),
    needs={
        "pd": _need("1", "off"),
        "t1": _need("2", "off"),
        "mt": _need("1", "on"),
        "B1": MapNeed("B1", "%", (0.2, 2.0)),
        "FF": MapNeed("FF", "%", (-0.5, 1.5)),
    },
    gives=(
        Quantity("MTsat", "magnetisation transfer saturation", "%", (-0.05, 0.25), "MTsat", window=(0.0, 0.05)),
        Quantity("T1", "T1", "ms", _T1, "T1map", window=(0.0, 2.5)),
        Quantity(
            "M0",
            "equilibrium signal, receive field not corrected",
            "a.u.",
            (0.0, float("inf")),
            "M0map",
            summarised=False,
        ),
        Quantity("MTR", "magnetisation transfer ratio of water", "%", (-0.5, 1.0), "MTRmap", window=(0.0, 0.6)),
    ),
    simulate=simulate,
    estimate=estimate,
    calibrate=calibrate,
    options=Options,
    typical={
        "pd": _typical(6.0, mt_on=(False,)),
        "t1": _typical(21.0, mt_on=(False,)),
        "mt": _typical(6.0, mt_on=(True,), mt_offset_hz=1200.0, mt_flip_angle_deg=500.0),
    },
    example={"T1": 1.4, "M0": 1000.0, "MTsat": 0.02, "R2star": 35.0},
    domain=Domain(
        {"T1": (0.8, 1.8), "MTsat": (0.008, 0.04), "R2star": (20.0, 50.0)}, snr=30.0, quantities=("MTsat", "T1", "M0")
    ),
    provides=("M0",),
    caption="Share of the magnetisation that each off-resonance pulse takes, from the exact steady state, with B1 in all angles "
    "and in the pulse where a B1 map was given.",
    constants=(mt_model.B1_RESIDUAL, FAT_T1, *spectrum()),
)
