r"""T2 and B1 of one tissue from a multi-echo spin echo, stimulated echoes included.

.. math:: S_n = S_0\, \left| \mathrm{EPG}_n(T_2, B_1; T_1, \text{pulses}) \right|

with the extended phase graph of the train (`neuromyo.physics.epg`), summed over the slice profile. B1 is fitted, or taken from
a map. With ideal pulses a train is the same at B1 and 2 - B1: such twins are reported as the lower one and marked ambiguous,
unless a slice profile or a B1 map tells them apart. T2 is not touched by this.

*Assumes* one tissue of known T1. *Breaks* with fat (see `t2-water`) and where T2 is long against the train.

*Cites* Lebel & Wilman, Magn Reson Med 2010;64:1005, doi:10.1002/mrm.22487.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from neuromyo.biomarkers import _multi_echo as multi_echo
from neuromyo.biomarkers._constants import WATER_T1
from neuromyo.core.acquisition import Acquisition
from neuromyo.core.biomarker import Biomarker, Calibration, Domain, Estimate, Inputs
from neuromyo.core.reasons import Reason
from neuromyo.fit.separable import Axis, Law, SeparableModel
from neuromyo.fit.uncertainty import propagate

Options = multi_echo.TrainOptions

_T2 = Axis("T2", 0.005, 1.0, 64, "log", coarse=20)
_B1 = Axis("B1", 0.4, 1.6, 61, "linear", coarse=20)


def simulate(
    truth: Mapping[str, Any], acquisitions: Mapping[str, Acquisition], options: Options
) -> dict[str, np.ndarray]:
    """truth T2 (s), B1 (1 is nominal), S0, optionally T1 (s), shape (...) -> signal (..., n)."""
    t1 = truth.get("T1", options.water_t1)
    train = multi_echo.echo_train(acquisitions["mese"], options, t1, truth["T2"], truth.get("B1", 1.0), all_echoes=True)
    return {"mese": np.asarray(truth["S0"], float)[..., None] * train}


@lru_cache(maxsize=8)
def _model(acquisition: Acquisition, options: Options) -> SeparableModel:
    table = multi_echo.echo_train(acquisition, options, options.water_t1, _T2.nodes[:, None], _B1.nodes[None, :])
    return SeparableModel([_T2, _B1], [table], nonnegative=True, branch=("B1", 1.0))


def _unknowns(inputs: Inputs) -> int:
    return 3 - ("B1" in inputs.known)


def calibrate(samples: Mapping[str, Inputs], options: Options) -> Calibration:
    """The noise level, from the residuals of a sample of voxels."""
    body = samples["body"]
    fit, model, _ = _fit(body, options, law="gauss")
    return Calibration(multi_echo.pooled_noise(model, fit, _unknowns(body)))


def _fit(inputs: Inputs, options: Options, law: Law):
    acquisition = inputs.acquisitions["mese"]
    echoes = multi_echo.selected(acquisition, options.echoes)
    model = _model(acquisition, options)
    return multi_echo.fit_train(model, inputs, options, echoes, law, _unknowns(inputs)), model, echoes


def estimate(inputs: Inputs, options: Options) -> Estimate:
    """T2, B1 and S0 of signals (..., n)."""
    fit, _, echoes = _fit(inputs, options, multi_echo.law_of(inputs, options.likelihood))
    signals = inputs.signals["mese"][..., echoes]
    size = fit.covariance.shape[-1]
    sd = {name: propagate(fit.covariance, np.eye(size)[i]) for i, name in enumerate(("T2", "B1", "S0"))}
    common = multi_echo.reasons(fit, 0)
    if "B1" in inputs.known:
        common = multi_echo.not_known(common, fit, 1, inputs.known["B1"])
    common = multi_echo.too_few(multi_echo.not_finite(common, signals), len(echoes), _unknowns(inputs))
    common[(common == Reason.OK) & ~fit.active[..., 0]] = Reason.NOT_IDENTIFIABLE
    b1_reason = np.where(fit.at_bound[..., 1] & (common == Reason.OK), Reason.AT_BOUND, common).astype(np.uint8)
    if "B1" not in inputs.known:
        common = multi_echo.mark_ambiguous(common, fit, 0, sd["T2"])
        b1_reason = multi_echo.mark_ambiguous(b1_reason, fit, 1, sd["B1"])
    return Estimate(
        values={"T2": fit.theta[..., 0], "B1": fit.theta[..., 1], "S0": fit.amplitude[..., 0]},
        sd=sd,
        reason={"T2": common, "B1": b1_reason, "S0": common},
        diagnostics={"residual": multi_echo.relative_residual(fit, inputs.signals["mese"], echoes)},
    )


BIOMARKER = Biomarker(
    id="t2-epg",
    title="T2 and B1 with stimulated echoes (EPG)",
    doi=("10.1002/mrm.22487",),
    needs={"mese": multi_echo.TRAIN_NEED, "B1": multi_echo.B1_NEED},
    gives=(multi_echo.T2, multi_echo.B1, multi_echo.S0),
    simulate=simulate,
    estimate=estimate,
    calibrate=calibrate,
    options=Options,
    typical={"mese": multi_echo.TYPICAL_TRAIN},
    example={"T2": 0.035, "B1": 0.85, "S0": 1000.0},
    # nearer to B1 = 1 the train hardly depends on B1: the bound with B1 free has no meaning there, and fits do better than it
    domain=Domain({"T2": (0.025, 0.06), "B1": (0.7, 0.88)}, snr=200.0, quantities=("T2", "S0")),
    constants=(WATER_T1,),
    caption="T2 and B1 fitted together to the whole echo train with the extended phase graph, so that imperfect refocusing "
    "does not pass for a longer T2.",
)
