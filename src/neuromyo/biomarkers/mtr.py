r"""Magnetisation transfer ratio: how much a saturation pulse on bound protons takes from the signal.

.. math:: MTR = (S_{off} - S_{on}) / S_{off}

from two acquisitions that differ in the MT pulse alone.

*Assumes* the two images are registered and scaled alike. *Breaks* with B1 (MTR rises with it), with T1, and with fat, which has no
MT effect and dilutes it; see `mtsat` for a measure with less of these.

*Cites* Wolff & Balaban, Magn Reson Med 1989;10:135, doi:10.1002/mrm.1910100113.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from neuromyo.core.acquisition import Acquisition
from neuromyo.core.biomarker import Biomarker, Domain, Estimate, Inputs, SeriesNeed
from neuromyo.core.errors import ProtocolError
from neuromyo.core.options import option
from neuromyo.core.quantity import Quantity
from neuromyo.core.reasons import Reason


@dataclass(frozen=True)
class Options:
    """What can be chosen."""

    noise: float | None = option(None, "noise per real channel in image units; gives each voxel its sd", low=0.0)


def simulate(
    truth: Mapping[str, Any], acquisitions: Mapping[str, Acquisition], options: Options
) -> dict[str, np.ndarray]:
    """truth MTR (fraction), S0 (signal without the MT pulse), shape (...) -> (..., 2) in the order of ``mt_on``."""
    on = np.asarray(acquisitions["mt"].mt_on, dtype=float)
    return {"mt": np.asarray(truth["S0"], float)[..., None] * (1 - on * np.asarray(truth["MTR"], float)[..., None])}


def estimate(inputs: Inputs, options: Options) -> Estimate:
    """MTR of signals (..., n); several images of one state are averaged."""
    states = np.asarray(inputs.acquisitions["mt"].mt_on, dtype=bool)
    if states.all() or not states.any():
        raise ProtocolError("E-NEEDS", where="mtr", needed="images with and without the MT pulse",
                            found="only one state", remedy="check MTState in the sidecars")  # fmt: skip
    signals = inputs.signals["mt"].astype(np.float64)
    on, off = signals[..., states].mean(axis=-1), signals[..., ~states].mean(axis=-1)
    reason = np.full(off.shape, Reason.OK, dtype=np.uint8)
    reason[~(off > 0)] = Reason.NO_SIGNAL
    reason[~np.isfinite(signals).all(axis=-1)] = Reason.NOT_FINITE
    with np.errstate(divide="ignore", invalid="ignore"):
        value = (off - on) / off
        sd = {}
        if options.noise is not None and not inputs.averaged:  # a voxel's noise is not that of a mean over many
            share = 1 / states.sum() + (on / off) ** 2 / (~states).sum()
            sd["MTR"] = options.noise * np.sqrt(share) / off
    return Estimate({"MTR": value}, reason, sd)


BIOMARKER = Biomarker(
    id="mtr",
    title="magnetisation transfer ratio",
    doi=("10.1002/mrm.1910100113",),
    needs={"mt": SeriesNeed(kinds=("MTR",), min_volumes=2, required=("mt_on",))},
    gives=(Quantity("MTR", "magnetisation transfer ratio", "%", (-0.5, 1.0), "MTRmap", window=(0.0, 0.6)),),
    simulate=simulate,
    estimate=estimate,
    options=Options,
    typical={"mt": Acquisition(mt_on=(False, True), repetition_time=0.03, flip_angles_deg=(9.0,))},
    example={"MTR": 0.35, "S0": 1000.0},
    domain=Domain({"MTR": (0.2, 0.5)}, snr=50.0, quantities=("MTR",)),
    caption="Share of the signal that an off-resonance saturation pulse takes away.",
)
