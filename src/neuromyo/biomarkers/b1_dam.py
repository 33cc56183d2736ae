r"""Transmit field B1 by the double-angle method.

Two images, the second with twice the flip angle of the first, of a spoiled gradient echo (steady state, :math:`E =
e^{-TR/T_1}`):

.. math:: \rho = \frac{S_{2\alpha}}{2 S_\alpha} = \frac{c\,(1 - E c)}{1 + E - 2 E c^2}, \qquad c = \cos\alpha

which is solved exactly,

.. math:: c = \frac{2\rho\,(1 + E)}{1 + \sqrt{1 - 4E(1 + E)\,\rho\,(1 - 2\rho)}}, \qquad B_1 = \arccos(c)/\alpha_{nominal}

and is the well-known :math:`c = \rho` when everything recovers between excitations (E = 0), as is taken where no T1 is given.
:math:`\rho` is the least-squares ratio over the voxel's surroundings in the body (`_fields.ratio`).

*Assumes* perfect spoiling, one T1, angles that scale alike, magnitudes. *Breaks* where the true larger angle passes 180
degrees (the magnitude has lost the sign: B1 over 90 degrees / nominal, AT_BOUND), in slices whose profile differs between the angles,
and with incomplete recovery (TR under five T1) where T1 is not given, of which W-B1 tells the size.

*Cites* Insko & Bolinger, J Magn Reson A 1993;103:82, doi:10.1006/jmra.1993.1133.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from neuromyo.biomarkers import _fields
from neuromyo.biomarkers._constants import WATER_T1
from neuromyo.core.acquisition import Acquisition
from neuromyo.core.biomarker import Assumable, Biomarker, Estimate, Inputs, SeriesNeed
from neuromyo.core.errors import Finding, ProtocolError
from neuromyo.core.options import option
from neuromyo.core.quantity import Quantity

#: the second angle is twice the first to this share
_TWICE = 1e-3
#: a bias of B1 in muscle over this is told
_TELL = 0.01


@dataclass(frozen=True)
class Options:
    """What can be chosen."""

    smoothing: float = option(
        8.0, "full width at half maximum of smoothing inside the body; 0 for none", unit="mm", low=0.0, high=50.0
    )
    t1: float | None = option(None, "T1 of the tissue, for incomplete recovery; without it recovery is taken to be full", unit="s",
                              low=0.05, high=10.0)  # fmt: skip
    noise: str | float = option(
        "estimate", "noise per real channel in image units, or 'estimate' from the air around the body", low=0.0,
        choices=("estimate",),
    )  # fmt: skip


def _recovery(t1: float | None, tr: float) -> float:
    return 0.0 if t1 is None or not np.isfinite(tr) else float(np.exp(-tr / t1))


def simulate(
    truth: Mapping[str, Any], acquisitions: Mapping[str, Acquisition], options: Options
) -> dict[str, np.ndarray]:
    """truth B1 (fraction), S0, shape (...) -> magnitudes (..., 2); incomplete recovery by the option ``t1``, or the truth T1."""
    angles = np.deg2rad(np.asarray(acquisitions["dam"].flip_angles_deg))
    tr = acquisitions["dam"].repetition_time or np.inf
    b1, s0 = np.asarray(truth["B1"], float)[..., None], np.asarray(truth["S0"], float)[..., None]
    t1 = truth.get("T1", options.t1)
    e = np.zeros(1) if t1 is None else np.exp(-tr / np.asarray(t1, float))[..., None]
    alpha = b1 * angles
    return {"dam": np.abs(s0 * np.sin(alpha) * (1 - e) / (1 - e * np.cos(alpha)))}


def cosine(rho: np.ndarray, e: float) -> tuple[np.ndarray, np.ndarray]:
    """cos(alpha) of rho = S(2 alpha) / (2 S(alpha)), and its derivative; NaN where no angle up to 90 degrees gives it."""
    with np.errstate(invalid="ignore", divide="ignore"):
        root = np.sqrt(1 - 4 * e * (1 + e) * rho * (1 - 2 * rho))
        c = 2 * rho * (1 + e) / (1 + root)
        below = 1 + e - 2 * e * c * c
        slope = ((1 - 2 * e * c) * below + 4 * e * c * c * (1 - e * c)) / below**2
        return np.where((rho >= 0) & (c <= 1), c, np.nan), 1 / slope


def estimate(inputs: Inputs, options: Options) -> Estimate:
    """B1 of magnitudes (x, y, z, 2)."""
    acquisition = inputs.acquisitions["dam"]
    order, nominal = _angles(acquisition)
    signals = np.abs(inputs.signals["dam"][..., order])
    sigma = _fields.noise_of(options.noise, signals)
    inside = _fields.body(signals[..., 0] + 0 * signals[..., 1], inputs.mask, sigma)
    reason = _fields.outside(signals.sum(axis=-1), inside)
    smoother = _fields.Smoother(inputs.grid, options.smoothing)
    r, r_sd = _fields.ratio(signals[..., 0], signals[..., 1], inside, smoother, sigma)
    tr = acquisition.repetition_time or np.inf
    c, slope = cosine(0.5 * r, _recovery(options.t1, tr))
    b1, sd = _fields.of_angle(c, 0.5 * slope, r_sd, nominal)
    reason = _fields.graded(b1, reason, (0.0, 0.5 * np.pi / nominal))
    findings = () if options.t1 is not None else _incomplete(tr, nominal)
    return Estimate({"B1": b1}, reason, {} if sd is None else {"B1": sd}, findings=findings)


def _angles(acquisition: Acquisition) -> tuple[list[int], float]:
    """Which volume has the smaller angle, then the other; the smaller angle in rad."""
    angles = np.asarray(acquisition.flip_angles_deg)
    order = [int(i) for i in np.argsort(angles, kind="stable")]
    if len(angles) != 2 or abs(angles[order[1]] / (2 * angles[order[0]]) - 1) > _TWICE or angles[order[0]] >= 90:
        raise ProtocolError("E-PROTOCOL", where="b1-dam: FlipAngle", needed="two flip angles, the second twice the first, below 180",
                            found=", ".join(f"{a:g}" for a in angles), remedy="check FlipAngle in the sidecars")  # fmt: skip
    return order, float(np.deg2rad(angles[order[0]]))


def _incomplete(tr: float, nominal: float) -> tuple[Finding, ...]:
    """How wrong B1 of muscle comes out for want of its T1, at the nominal angle."""
    e = _recovery(WATER_T1.number, tr)
    c = np.cos(nominal)
    rho = np.asarray(c * (1 - e * c) / (1 + e - 2 * e * c * c))
    bias = float(np.arccos(np.clip(cosine(rho, 0.0)[0], -1, 1)) / nominal - 1)
    if not abs(bias) > _TELL:
        return ()
    return (Finding("warn", "W-B1", "b1-dam: RepetitionTime", f"{tr:g} s does not let muscle (T1 {WATER_T1.number:g} s) recover",
                    "give the option t1", f"B1 in muscle is off by {100 * bias:+.0f} %"),)  # fmt: skip


BIOMARKER = Biomarker(
    id="b1-dam",
    title="B1 (double angle)",
    doi=("10.1006/jmra.1993.1133",),
    needs={
        "dam": SeriesNeed(
            kinds=("TB1DAM",),
            min_volumes=2,
            required=("flip_angles_deg",),
            assumable=(Assumable("repetition_time", float("inf"), "double-angle scans wait for full recovery"),),
        )
    },
    gives=(Quantity("B1", "transmit field B1", "%", (0.2, 2.0), "TB1map", window=(0.6, 1.4), datatype="fmap"),),
    simulate=simulate,
    estimate=estimate,
    options=Options,
    scope="image",
    typical={"dam": Acquisition(flip_angles_deg=(60.0, 120.0), repetition_time=10.0)},
    example={"B1": 0.9, "S0": 1000.0},
    bias_table="docs/accuracy/b1.md",
    provides=("B1",),
    caption="Transmit field relative to nominal, from images at one and two times a flip angle, smoothed inside the body.",
    constants=(replace(WATER_T1, override="t1"),),
)
