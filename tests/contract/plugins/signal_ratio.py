r"""Signal over that of a reference region, calibrated once a subject.

.. math:: \rho = S / \bar S_{ref}

*Assumes* the same receive sensitivity in voxel and reference. *Breaks* across coil elements.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from neuromyo.core.acquisition import Acquisition
from neuromyo.core.biomarker import Biomarker, Calibration, Domain, Estimate, Inputs, RegionNeed, SeriesNeed
from neuromyo.core.maps import Scalar
from neuromyo.core.options import NoOptions
from neuromyo.core.quantity import Quantity
from neuromyo.core.reasons import Reason

REFERENCE = Quantity(
    "Reference",
    "signal of the reference region",
    "a.u.",
    (0.0, float("inf")),
    "S0map",
    level="subject",
    summarised=False,
)


def simulate(
    truth: Mapping[str, Any], acquisitions: Mapping[str, Acquisition], options: NoOptions
) -> dict[str, np.ndarray]:
    return {"image": (np.asarray(truth["Ratio"], float) * np.asarray(truth.get("Reference", 400.0), float))[..., None]}


def calibrate(samples: Mapping[str, Inputs], options: NoOptions) -> Calibration:
    values = samples["reference"].signals["image"][:, 0].astype(np.float64)
    values = values[np.isfinite(values)]
    mean = float(values.mean())
    error = float(values.std(ddof=1) / np.sqrt(len(values)))
    return Calibration({"reference": mean}, (Scalar(REFERENCE, mean, error, f"mean of {len(values)} voxels"),))


def estimate(inputs: Inputs, options: NoOptions) -> Estimate:
    ratio = inputs.signals["image"][..., 0] / inputs.scalars["reference"]
    reason = np.where(ratio > 0, Reason.OK, Reason.NO_SIGNAL).astype(np.uint8)
    reason[~np.isfinite(ratio)] = Reason.NOT_FINITE
    return Estimate({"Ratio": ratio}, reason)


BIOMARKER = Biomarker(
    id="signal-ratio",
    title="signal over a reference region",
    doi=("10.1212/WNL.51.1.110",),
    needs={"image": SeriesNeed(kinds=("T2w",)), "reference": RegionNeed("bone-marrow", min_voxels=50, optional=False)},
    gives=(Quantity("Ratio", "signal ratio", "1", (0.0, 20.0), "Ratiomap"), REFERENCE),
    simulate=simulate,
    estimate=estimate,
    calibrate=calibrate,
    typical={"image": Acquisition(echo_times=(0.06,))},
    example={"Ratio": 1.5},
    domain=Domain({"Ratio": (0.5, 3.0)}, snr=40.0, quantities=("Ratio",)),
    caption="Signal relative to bone marrow.",
)
