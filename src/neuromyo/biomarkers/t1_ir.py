r"""T1 from inversion recovery magnitudes.

.. math:: S(TI) = \left| a + b\, e^{-TI/T_1} \right|

with a and b free: imperfect inversion and a finite repetition time change b alone, so that T1 needs neither. Signs lost in the
magnitude are restored by trying the recovery's null on both sides of the smallest sample and keeping the better fit.

*Assumes* mono-exponential recovery and the same readout at every TI. *Breaks* at low signal-to-noise near the null, where
magnitudes are lifted by their noise floor.

*Cites* Barral et al., Magn Reson Med 2010;64:1057, doi:10.1002/mrm.22497.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from neuromyo.biomarkers import _multi_echo as shared
from neuromyo.core.acquisition import Acquisition
from neuromyo.core.biomarker import Biomarker, Calibration, Domain, Estimate, Inputs, SeriesNeed
from neuromyo.core.options import option
from neuromyo.core.quantity import Quantity
from neuromyo.fit.separable import Axis, NoiseLevel, SeparableFit, SeparableModel
from neuromyo.fit.uncertainty import propagate

_AXIS = Axis("T1", 0.02, 8.0, 96, "log", coarse=24)


@dataclass(frozen=True)
class Options:
    """What can be chosen."""

    noise: str | float = option(
        "estimate", "noise per real channel in image units, or 'estimate' from the residuals of all voxels", low=0.0,
        choices=("estimate",),
    )  # fmt: skip


def simulate(
    truth: Mapping[str, Any], acquisitions: Mapping[str, Acquisition], options: Options
) -> dict[str, np.ndarray]:
    """truth T1 (s), S0, optionally inversion (2 is perfect), shape (...) -> magnitudes (..., n)."""
    times = np.asarray(acquisitions["ir"].inversion_times)
    tr = acquisitions["ir"].repetition_time or np.inf
    t1, s0 = np.asarray(truth["T1"], float)[..., None], np.asarray(truth["S0"], float)[..., None]
    depth = np.asarray(truth.get("inversion", 2.0), float)[..., None]
    return {"ir": np.abs(s0 * (1 - depth * np.exp(-times / t1) + (depth - 1) * np.exp(-tr / t1)))}


@lru_cache(maxsize=8)
def _model(times: tuple[float, ...]) -> SeparableModel:
    decay = np.exp(-np.asarray(times) / _AXIS.nodes[:, None])
    return SeparableModel([_AXIS], [np.ones((1, len(times))), decay])


def calibrate(samples: Mapping[str, Inputs], options: Options) -> Calibration:
    """The noise level, from the residuals of a sample of voxels: nine samples less three unknowns say little alone."""
    fit, model, _ = _fit(samples["body"], NoiseLevel())
    return Calibration(shared.pooled_noise(model, fit, 3))


def _fit(inputs: Inputs, level: NoiseLevel) -> tuple[SeparableFit, SeparableModel, np.ndarray]:
    """The better of the two ways of restoring signs, voxel by voxel; its model; the magnitudes by rising TI."""
    times = np.asarray(inputs.acquisitions["ir"].inversion_times)
    order = np.argsort(times, kind="stable")
    signals = np.abs(inputs.signals["ir"][..., order])
    model = _model(tuple(float(t) for t in times[order]))
    smallest = np.argmin(np.where(np.isfinite(signals), signals, np.inf), axis=-1)[..., None]
    place = np.arange(len(times))
    tries = [model.fit(np.where(place < smallest + side, -signals, signals), noise=level) for side in (0, 1)]
    first = (tries[0].rss <= tries[1].rss) | ~np.isfinite(tries[1].rss)
    return shared.with_errors(_choose(first, *tries), inputs, level, model, "gauss", 3), model, signals


def estimate(inputs: Inputs, options: Options) -> Estimate:
    """T1 and S0 (signal at full recovery) of magnitudes (..., n)."""
    fit, _, signals = _fit(inputs, shared.noise_level(inputs, options))
    n = signals.shape[-1]
    reason = shared.too_few(shared.not_finite(shared.reasons(fit, 0), signals), n, 3)
    with np.errstate(invalid="ignore", divide="ignore"):
        residual = np.sqrt(fit.rss / n) / signals.max(axis=-1)
    unit = np.eye(3)
    return Estimate(
        values={"T1": fit.theta[..., 0], "S0": fit.amplitude[..., 0]},
        sd={"T1": propagate(fit.covariance, unit[0]), "S0": propagate(fit.covariance, unit[1])},
        reason=reason,
        diagnostics={"residual": residual},
    )


def _choose(first: np.ndarray, a: SeparableFit, b: SeparableFit) -> SeparableFit:
    """Voxel by voxel, ``a`` where ``first``, else ``b``."""

    def pick(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.where(first.reshape(first.shape + (1,) * (x.ndim - first.ndim)), x, y)

    return SeparableFit(**{name: pick(getattr(a, name), getattr(b, name)) for name in a.__dataclass_fields__})


BIOMARKER = Biomarker(
    id="t1-ir",
    title="T1 (inversion recovery)",
    doi=("10.1002/mrm.22497",),
    needs={"ir": SeriesNeed(kinds=("IRT1",), min_volumes=4, required=("inversion_times",))},
    gives=(
        Quantity("T1", "T1", "ms", (0.05, 6.0), "T1map", window=(0.0, 2.5)),
        Quantity("S0", "signal at full recovery", "a.u.", (0.0, float("inf")), "S0map", summarised=False),
    ),
    simulate=simulate,
    estimate=estimate,
    calibrate=calibrate,
    options=Options,
    typical={"ir": Acquisition(inversion_times=(0.05, 0.1, 0.2, 0.4, 0.7, 1.1, 1.6, 2.2, 3.0), repetition_time=6.0)},
    example={"T1": 1.2, "S0": 1000.0, "inversion": 1.9},
    domain=Domain({"T1": (0.8, 1.6)}, snr=100.0, quantities=("T1",)),
    caption="T1 from the recovery of magnitudes after inversion, inversion efficiency free.",
)
