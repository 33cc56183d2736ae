r"""Off-resonance from two complex echoes, smoothed over the whole image.

.. math:: \Delta f = \arg\bigl(G * (S_2 S_1^*)\bigr) / (2\pi\,\Delta TE)

with a Gaussian G of one voxel, so that a voxel's value depends on its neighbours: image scope, complex samples.

*Assumes* that the phase between the echoes stays within half a turn. *Breaks* at edges of tissues of other frequency.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from neuromyo.core.acquisition import Acquisition
from neuromyo.core.biomarker import Biomarker, Estimate, Inputs, SeriesNeed
from neuromyo.core.options import NoOptions
from neuromyo.core.quantity import Quantity
from neuromyo.core.reasons import Reason


def simulate(
    truth: Mapping[str, Any], acquisitions: Mapping[str, Acquisition], options: NoOptions
) -> dict[str, np.ndarray]:
    times = np.asarray(acquisitions["gre"].echo_times)
    turns = np.asarray(truth["B0"], float)[..., None] * times
    return {"gre": np.asarray(truth["S0"], float)[..., None] * np.exp(2j * np.pi * turns)}


def estimate(inputs: Inputs, options: NoOptions) -> Estimate:
    early, late = np.argsort(inputs.acquisitions["gre"].echo_times)[:2]
    times = inputs.acquisitions["gre"].echo_times
    signals = inputs.signals["gre"]
    finite = np.isfinite(signals).all(axis=-1)
    product = np.where(finite, signals[..., late] * signals[..., early].conj(), 0).astype(np.complex64)
    smooth = gaussian_filter(product.real, 1.0) + 1j * gaussian_filter(product.imag, 1.0)
    reason = np.where(np.abs(smooth) > 0, Reason.OK, Reason.NO_SIGNAL).astype(np.uint8)
    reason[~finite] = Reason.NOT_FINITE
    return Estimate({"B0": np.angle(smooth) / (2 * np.pi * (times[late] - times[early]))}, reason)


BIOMARKER = Biomarker(
    id="phase-b0",
    title="off-resonance from two complex echoes",
    doi=("10.1002/mrm.1910030217",),
    needs={"gre": SeriesNeed(kinds=("MEGRE",), part="complex", min_volumes=2, required=("echo_times",))},
    gives=(Quantity("B0", "off-resonance", "Hz", (-300.0, 300.0), "B0map", datatype="fmap"),),
    simulate=simulate,
    estimate=estimate,
    typical={"gre": Acquisition(echo_times=(0.004, 0.006))},
    example={"B0": 40.0, "S0": 500.0},
    scope="image",
    noise="complex",
    bias_table="smoothing over one voxel; no single-voxel bound applies",
    provides=("B0",),
    caption="Frequency from the phase between two echoes, smoothed.",
)
