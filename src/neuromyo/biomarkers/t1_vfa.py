r"""T1 from spoiled gradient echoes at several flip angles, by the exact signal equation.

.. math:: S(\alpha) = S_0\, \frac{\sin(B_1 \alpha)\,(1 - E_1)}{1 - E_1 \cos(B_1 \alpha)}\; [e^{-TE/T_2^*}], \qquad E_1 = e^{-TR/T_1}

fitted by nonlinear least squares or the law of magnitudes, never linearised. B1 is a known map; without one, angles are taken as
nominal and the size of the error is said. Where volumes differ in their echo time, T2* is fitted along and S0 holds at echo time
zero. Where the increment of RF spoiling is known, Ernst's equation gives way to the settled phase graph at an assumed T2
(`physics/spoiling`); where it is not, the range of the bias over the usual increments is simulated and said. The same with the
pulse's profile: known, a 2D slice is summed over it and each slice of a 3D slab gets its own angle; else the bias is said.

*Assumes* a steady state, one T1 a voxel, one T2 for the spoiling correction. *Breaks* with B1 errors (T1 goes with the square of
B1), with fat in the voxel, and with preparation pulses: fat saturation and MT pulses shorten the apparent T1.

*Cites* Fram et al., Magn Reson Imaging 1987;5:201, doi:10.1016/0730-725X(87)90021-X; Deoni, Rutt and Peters, Magn Reson Med
2003;49:515, doi:10.1002/mrm.10407; Preibisch and Deichmann, Magn Reson Med 2009;61:125, doi:10.1002/mrm.21776.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from neuromyo.biomarkers import _multi_echo as shared
from neuromyo.biomarkers import _variable_flip as flip
from neuromyo.biomarkers import _variable_flip_doubts as doubts
from neuromyo.core.acquisition import Acquisition
from neuromyo.core.biomarker import Biomarker, Calibration, Domain, Estimate, Inputs, SeriesNeed
from neuromyo.core.constant import Constant
from neuromyo.core.grid import Grid
from neuromyo.core.quantity import Quantity
from neuromyo.core.reasons import Reason
from neuromyo.fit.separable import Axis, Law, NoiseLevel, SeparableFit, SeparableModel
from neuromyo.fit.uncertainty import propagate
from neuromyo.physics.fat import TISSUE
from neuromyo.physics.spoiling import USUAL_INCREMENTS_DEG

Options = flip.Options

_T1 = Axis("T1", 0.008, 12.0, 116, "log", coarse=28)
_T2STAR = Axis("T2star", 0.001, 0.5, 48, "log", coarse=12)
#: actual over nominal angle, the slab's profile included
_B1 = Axis("B1", 0.1, 2.2, 71, "linear", coarse=24)
#: what findings are told for where no voxel could be fitted
_USUAL_T1 = TISSUE["muscle"].T1


def simulate(
    truth: Mapping[str, Any], acquisitions: Mapping[str, Acquisition], options: Options
) -> dict[str, np.ndarray]:
    """truth T1 (s), S0, optionally B1, T2 and T2star (s), slab (flip angle over nominal), shape (...) -> (..., n)."""
    acquisition = acquisitions["vfa"]
    b1 = np.asarray(truth.get("B1", 1.0), float) * np.asarray(truth.get("slab", 1.0), float)
    increment = flip.increment_of(acquisition, options)
    echo = flip.signal(acquisition, options, truth["T1"], b1, T2=truth.get("T2"), increment_deg=increment)
    times = flip.echo_times(acquisition)
    if times is not None and "T2star" in truth:
        echo = echo * np.exp(-times / np.asarray(truth["T2star"], float)[..., None])
    return {"vfa": np.abs(np.asarray(truth["S0"], float)[..., None] * echo)}


@lru_cache(maxsize=8)
def _model(acquisition: Acquisition, options: Options, with_b1: bool) -> SeparableModel:
    """Axes T1, T2* where echo times differ, B1 where it is known, in this order: a known axis comes last."""
    b1 = _B1.nodes if with_b1 else np.ones(1)
    increment = flip.increment_of(acquisition, options)
    table = np.abs(flip.signal(acquisition, options, _T1.nodes[:, None], b1, increment_deg=increment))
    axes, times = [_T1], flip.echo_times(acquisition)
    if times is not None:
        axes.append(_T2STAR)
        table = table[:, None] * np.exp(-times / _T2STAR.nodes[:, None])[:, None]
    if with_b1:
        axes.append(_B1)
    else:
        table = table[..., 0, :]
    # signals of long T1 are small beside those of short ones: no direction may be cut off by its share of the whole table
    return SeparableModel(axes, [table], rank=table.shape[-1])


def _unknowns(acquisition: Acquisition) -> int:
    return 2 if flip.echo_times(acquisition) is None else 3


def _angle_over_nominal(inputs: Inputs) -> np.ndarray | None:
    """(...) B1 times the slab's profile, as far as they are known."""
    maps = [np.asarray(inputs.known[role], float) for role in ("B1", "slab") if role in inputs.known]
    return np.prod(maps, axis=0) if maps else None


def _ordered(inputs: Inputs) -> tuple[Acquisition, np.ndarray]:
    """Acquisition and signals (..., n) by rising echo time and angle, so that the order of volumes changes no bit."""
    acquisition = inputs.acquisitions["vfa"]
    tips, times = flip.angles(acquisition), flip.echo_times(acquisition)
    order = np.lexsort((tips, np.zeros_like(tips) if times is None else times))
    return acquisition.select(tuple(int(i) for i in order)), inputs.signals["vfa"][..., order]


def _fit(inputs: Inputs, options: Options, level: NoiseLevel, law: Law) -> tuple[SeparableFit, SeparableModel]:
    b1 = _angle_over_nominal(inputs)
    acquisition, signals = _ordered(inputs)
    model = _model(acquisition, options, b1 is not None)
    return model.fit(signals, None if b1 is None else {"B1": b1}, noise=level, law=law), model


def derive(
    known: Mapping[str, np.ndarray], acquisitions: Mapping[str, Acquisition], grid: Grid, options: Options
) -> dict[str, np.ndarray]:
    """The flip angle over nominal in each slice of a slab whose pulse is known."""
    slab = flip.slab_map(acquisitions["vfa"], grid, options)
    return {} if slab is None else {"slab": slab}


def calibrate(samples: Mapping[str, Inputs], options: Options) -> Calibration:
    """The noise level, from the residuals of a sample of voxels; and what the acquisition leaves in doubt, in numbers."""
    body = samples["body"]
    acquisition = body.acquisitions["vfa"]
    fit, model = _fit(body, options, NoiseLevel(), "gauss")
    good = fit.fitted & fit.settled & ~fit.at_bound.any(axis=-1)
    t1 = float(np.median(fit.theta[good, 0])) if good.any() else _USUAL_T1
    return Calibration(
        shared.pooled_noise(model, fit, _unknowns(acquisition)),
        assumptions=doubts.assumptions(acquisition, options, body.known),
        findings=doubts.findings(acquisition, options, body.known, t1),
    )


def estimate(inputs: Inputs, options: Options) -> Estimate:
    """T1 and S0 of magnitudes (..., n); S0 at echo time zero where echo times differ, else at the echo."""
    acquisition, signals = _ordered(inputs)
    level, unknowns = shared.noise_level(inputs, options), _unknowns(acquisition)
    law = shared.law_of(inputs, options.likelihood)
    fit, model = _fit(inputs, options, level, law)
    fit = shared.with_errors(fit, inputs, level, model, law, unknowns)
    n, many = model.n_samples, len(model.axes)
    b1 = _angle_over_nominal(inputs)
    reason = shared.reasons(fit, 0)
    if b1 is not None:
        reason = shared.not_known(reason, fit, many - 1, b1)
    reason = shared.too_few(shared.not_finite(reason, signals), n, unknowns)
    reason[(reason == Reason.OK) & ~(fit.amplitude[..., 0] > 0)] = Reason.NO_SIGNAL
    unit = np.eye(many + 1)
    told = n > unknowns or (
        level.dof > 0 and not inputs.averaged
    )  # as many angles as unknowns tell nothing of the noise
    sd = {"T1": propagate(fit.covariance, unit[0]), "S0": propagate(fit.covariance, unit[many])} if told else {}
    with np.errstate(invalid="ignore", divide="ignore"):
        residual = np.sqrt(fit.rss / n) / np.abs(signals).max(axis=-1)
    return Estimate({"T1": fit.theta[..., 0], "S0": fit.amplitude[..., 0]}, reason, sd, {"residual": residual})


CONSTANTS = (
    Constant(
        "T2 of tissue, for incomplete spoiling", TISSUE["muscle"].T2, "s", TISSUE["muscle"].source,
        TISSUE["muscle"].evidence, "t2", TISSUE["muscle"].doi, TISSUE["muscle"].field_strength, TISSUE["muscle"].sequence,
    ),
    Constant(
        "usual RF spoiling increments (for the warning's range only)", USUAL_INCREMENTS_DEG, "degrees",
        "Leupold, Weigel and Baer, PLoS One 2025;20:e0324455: 50, 115.4, 117 and 150 in clinical use, 169 for T1 mapping",
        "read", "rf_spoiling_increment_deg", "10.1371/journal.pone.0324455", None, "RF-spoiled gradient echo",
    ),
)  # fmt: skip

BIOMARKER = Biomarker(
    id="t1-vfa",
    title="T1 (variable flip angle)",
    doi=("10.1016/0730-725X(87)90021-X", "10.1002/mrm.10407", "10.1002/mrm.21776"),
    needs={
        "vfa": SeriesNeed(kinds=("VFA",), min_volumes=2, required=("flip_angles_deg", "repetition_time")),
        "B1": shared.B1_NEED,
    },
    gives=(
        Quantity("T1", "T1", "ms", (0.01, 10.0), "T1map", window=(0.0, 2.5)),
        Quantity("S0", "signal of full magnetisation", "a.u.", (0.0, float("inf")), "S0map", summarised=False),
    ),
    simulate=simulate,
    estimate=estimate,
    calibrate=calibrate,
    derive=derive,
    options=Options,
    typical={"vfa": Acquisition(flip_angles_deg=(3.0, 6.0, 10.0, 15.0, 20.0), repetition_time=0.015, slice_order_3d=True)},
    example={"T1": 1.3, "S0": 10000.0},
    domain=Domain({"T1": (0.6, 2.0)}, snr=30.0, quantities=("T1", "S0")),
    caption="T1 from spoiled gradient echoes at several flip angles by the exact signal equation, with B1 from its map. Without a B1 "
    "map it is no more than an index: T1 goes with the square of B1.",
    constants=CONSTANTS,
)  # fmt: skip
