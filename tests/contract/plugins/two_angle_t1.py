r"""T1 from two spoiled gradient echoes of different flip angle, in two series, with B1 known voxel by voxel.

.. math:: S = S_0 \sin\alpha \frac{1 - E_1}{1 - E_1 \cos\alpha}, \qquad E_1 = e^{-TR/T_1}, \; \alpha = B_1
\alpha_{nominal}

Written as S / sin a = E1 S / tan a + S0 (1 - E1), two points give a line. Three maps: T1, its rate R1, and S0.

*Assumes* perfect spoiling. *Breaks* without a good B1 map: the error of T1 is twice that of B1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from neuromyo.core.acquisition import Acquisition
from neuromyo.core.biomarker import Biomarker, Domain, Estimate, Inputs, MapNeed, SeriesNeed
from neuromyo.core.options import option
from neuromyo.core.quantity import Quantity
from neuromyo.core.reasons import Reason

ROLES = ("low", "high")


@dataclass(frozen=True)
class Options:
    noise: float | None = option(None, "noise per real channel in image units; gives each voxel its sd", low=0.0)


def simulate(
    truth: Mapping[str, Any], acquisitions: Mapping[str, Acquisition], options: Options
) -> dict[str, np.ndarray]:
    t1, s0, b1 = (np.asarray(truth[n], float)[..., None] for n in ("T1", "S0", "B1"))
    out = {}
    for role in ROLES:
        a = acquisitions[role]
        angle, e1 = b1 * np.deg2rad(a.flip_angles_deg), np.exp(-a.repetition_time / t1)
        out[role] = s0 * np.sin(angle) * (1 - e1) / (1 - e1 * np.cos(angle))
    return out


def _solve(low: Any, high: Any, angles: list[Any], tr: float) -> tuple[Any, Any, Any]:
    """E1, T1 and S0 of two signals at two true angles."""
    y1, y2, x1, x2 = (
        low / np.sin(angles[0]),
        high / np.sin(angles[1]),
        low / np.tan(angles[0]),
        high / np.tan(angles[1]),
    )
    e1 = (y2 - y1) / (x2 - x1)
    return e1, -tr / np.log(e1), (y1 - e1 * x1) / (1 - e1)


def estimate(inputs: Inputs, options: Options) -> Estimate:
    low, high = (inputs.signals[r][..., 0].astype(np.float64) for r in ROLES)
    angles = [inputs.known["B1"] * np.deg2rad(inputs.acquisitions[r].flip_angles_deg[0]) for r in ROLES]
    tr = float(inputs.acquisitions["low"].repetition_time)
    with np.errstate(all="ignore"):
        e1, t1, s0 = _solve(low, high, angles, tr)
        slopes = []
        for step in ((1e-4, 0.0), (0.0, 1e-4)):
            up = _solve(low * (1 + step[0]), high * (1 + step[1]), angles, tr)
            down = _solve(low * (1 - step[0]), high * (1 - step[1]), angles, tr)
            slopes.append([(u - d) / (2e-4 * (low if step[0] else high)) for u, d in zip(up, down, strict=True)])
        spread = [np.sqrt(a**2 + b**2) for a, b in zip(*slopes, strict=True)]
        values = {"T1": t1, "R1": 1 / t1, "S0": s0}
        sd = {}
        if options.noise is not None:
            sd = {
                "T1": options.noise * spread[1],
                "R1": options.noise * spread[1] / t1**2,
                "S0": options.noise * spread[2],
            }
        reason = np.where((e1 > 0) & (e1 < 1) & (s0 > 0), Reason.OK, Reason.NOT_IDENTIFIABLE).astype(np.uint8)
    reason[~(np.isfinite(low) & np.isfinite(high))] = Reason.NOT_FINITE
    return Estimate(values, reason, sd)


_NEED = {"min_volumes": 1, "required": ("flip_angles_deg", "repetition_time")}

BIOMARKER = Biomarker(
    id="two-angle-t1",
    title="T1 from two flip angles",
    doi=("10.1002/mrm.10407",),
    needs={
        "low": SeriesNeed(kinds=("VFA",), entities=(("flip", "1"),), **_NEED),
        "high": SeriesNeed(kinds=("VFA",), entities=(("flip", "2"),), **_NEED),
        "B1": MapNeed("B1", "%", (0.2, 2.0), optional=False),
    },
    gives=(
        Quantity("T1", "T1", "ms", (0.05, 6.0), "T1map", window=(0.0, 2.5)),
        Quantity("R1", "R1", "1/s", (0.1, 20.0), "R1map"),
        Quantity("S0", "equilibrium signal", "a.u.", (0.0, float("inf")), "S0map", summarised=False),
    ),
    simulate=simulate,
    estimate=estimate,
    options=Options,
    typical={
        "low": Acquisition(flip_angles_deg=(4.0,), repetition_time=0.02),
        "high": Acquisition(flip_angles_deg=(22.0,), repetition_time=0.02),
    },
    example={"T1": 1.2, "S0": 9000.0, "B1": 0.95},
    domain=Domain({"T1": (0.8, 1.6), "B1": (0.8, 1.1)}, snr=150.0, quantities=("T1", "R1", "S0")),
    caption="T1 from two spoiled gradient echoes and a B1 map.",
)
