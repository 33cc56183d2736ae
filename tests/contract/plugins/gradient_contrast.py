r"""Diffusivity along x, y and z from one image without and three with diffusion weighting: a vector a voxel.

.. math:: D_i = \ln(S_0 / S_i) / b, \qquad i = x, y, z

*Assumes* Gaussian diffusion and three orthogonal directions. *Breaks* at the noise floor.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from neuromyo.core.acquisition import Acquisition
from neuromyo.core.biomarker import Biomarker, Estimate, Inputs, SeriesNeed
from neuromyo.core.options import NoOptions
from neuromyo.core.quantity import Quantity
from neuromyo.core.reasons import Reason


def simulate(
    truth: Mapping[str, Any], acquisitions: Mapping[str, Acquisition], options: NoOptions
) -> dict[str, np.ndarray]:
    b, axes = np.asarray(acquisitions["dwi"].b_values), np.asarray(acquisitions["dwi"].b_vectors)
    along = np.stack(np.broadcast_arrays(*(np.asarray(truth[f"D{c}"], float) for c in "xyz")), axis=-1)
    return {"dwi": np.asarray(truth["S0"], float)[..., None] * np.exp(-b * (along @ (axes**2).T))}


def estimate(inputs: Inputs, options: NoOptions) -> Estimate:
    b, axes = np.asarray(inputs.acquisitions["dwi"].b_values), np.asarray(inputs.acquisitions["dwi"].b_vectors)
    signals = inputs.signals["dwi"].astype(np.float64)
    reason = np.full(signals.shape[:-1], Reason.OK, dtype=np.uint8)
    reason[~(signals > 0).all(axis=-1)] = Reason.NO_SIGNAL
    reason[~np.isfinite(signals).all(axis=-1)] = Reason.NOT_FINITE
    logs = np.log(np.where(np.isfinite(signals) & (signals > 0), signals, 1.0))
    without = logs[..., int(np.argmin(b))]
    order = [int(np.argmax(b * axes[:, i] ** 2)) for i in range(3)]
    weighted = np.stack([(without - logs[..., i]) / b[i] for i in order], axis=-1)
    return Estimate({"D": weighted, "S0": np.exp(without)}, reason)


BIOMARKER = Biomarker(
    id="gradient-contrast",
    title="diffusivity along three axes",
    doi=("10.1148/radiology.161.2.3763909",),
    needs={"dwi": SeriesNeed(kinds=("dwi",), min_volumes=4, required=("b_values", "b_vectors"))},
    gives=(
        Quantity(
            "D",
            "diffusivity along x, y, z",
            "10^-3 mm2/s",
            (0.0, 5e-9),
            "ADC",
            datatype="dwi",
            rank="vector",
            summarised=False,
        ),
        Quantity("S0", "signal without diffusion weighting", "a.u.", (0.0, float("inf")), "S0map", summarised=False),
    ),
    simulate=simulate,
    estimate=estimate,
    typical={
        "dwi": Acquisition(
            b_values=(0.0, 5e8, 5e8, 5e8),
            b_vectors=((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
        )
    },
    example={"Dx": 1.2e-9, "Dy": 1.4e-9, "Dz": 2.0e-9, "S0": 800.0},
    bias_table="log of magnitudes; biased below a signal-to-noise ratio of 10",
    caption="Diffusivity along the three gradient axes.",
)
