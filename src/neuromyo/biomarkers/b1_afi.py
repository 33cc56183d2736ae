r"""Transmit field B1 by actual flip angle imaging: one angle, two alternating repetition times.

In the steady state of ideal spoiling, with :math:`E_i = e^{-TR_i/T_1}`,

.. math:: r = \frac{S_2}{S_1} = \frac{1 - E_1 + (1 - E_2) E_1 c}{1 - E_2 + (1 - E_1) E_2 c}, \qquad c = \cos\alpha

so that, exactly,

.. math:: c = \frac{1 - E_1 - r (1 - E_2)}{r (1 - E_1) E_2 - (1 - E_2) E_1}
    \;\approx\; \frac{r n - 1}{n - r}, \qquad n = TR_2/TR_1,

the approximation holding for :math:`TR_2 \ll T_1`; it is what is used where no T1 is given. r is the least-squares ratio over the
voxel's surroundings in the body (`_fields.ratio`).

*Assumes* perfect spoiling: with small gradients or an unsuited RF phase increment the angle is off by several percent, which nothing in
the images shows. *Breaks* where the signal ratio tells little, at small angles (below about 20 degrees), and beyond the angle at
which the second signal passes zero (:math:`\cos\alpha = -1/n` and short TR, 102 degrees for n = 5): magnitudes have lost its sign, and B1
comes out as far below as it is above; W-B1 tells where that angle is within a B1 of 1.5.

*Cites* Yarnykh, Magn Reson Med 2007;57:192, doi:10.1002/mrm.21120.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from neuromyo.biomarkers import _fields
from neuromyo.biomarkers._constants import FAT_T1, WATER_T1
from neuromyo.core.acquisition import Acquisition
from neuromyo.core.biomarker import Biomarker, Estimate, Inputs, SeriesNeed
from neuromyo.core.errors import Finding, ProtocolError
from neuromyo.core.options import option
from neuromyo.core.quantity import Quantity

#: tissues of a leg between whose T1 the error of the approximation is told
_T1S = (FAT_T1, WATER_T1)
_TELL = 0.01
#: B1 that bodies reach at 3 T
_STRONGEST = 1.5


@dataclass(frozen=True)
class Options:
    """What can be chosen."""

    smoothing: float = option(
        8.0, "full width at half maximum of smoothing inside the body; 0 for none", unit="mm", low=0.0, high=50.0
    )
    t1: float | None = option(None, "T1 of the tissue, for the exact equation; without it both TR are taken to be short beside T1",
                              unit="s", low=0.05, high=10.0)  # fmt: skip
    noise: str | float = option(
        "estimate", "noise per real channel in image units, or 'estimate' from the air around the body", low=0.0,
        choices=("estimate",),
    )  # fmt: skip


def simulate(
    truth: Mapping[str, Any], acquisitions: Mapping[str, Acquisition], options: Options
) -> dict[str, np.ndarray]:
    """truth B1 (fraction), S0, shape (...) -> magnitudes, (..., 1) a role. T1 is the truth's, else the option's; without either
    both repetition times are short beside it."""
    angle, tr1, tr2 = _sequence(acquisitions)
    b1, s0 = np.asarray(truth["B1"], float), np.asarray(truth["S0"], float)
    t1 = truth.get("T1", options.t1)
    first, second = _steady(np.cos(b1 * angle), tr1, tr2, t1)
    scale = s0 * np.sin(b1 * angle)
    return {"tr1": np.abs(scale * first)[..., None], "tr2": np.abs(scale * second)[..., None]}


def _steady(c: Any, tr1: float, tr2: float, t1: Any) -> tuple[Any, Any]:
    """Longitudinal magnetisation before the first and the second pulse over its equilibrium."""
    if t1 is None:  # the limit of long T1
        below = (tr1 + tr2) * (1 + c)
        return (tr2 + tr1 * c) / below, (tr1 + tr2 * c) / below
    e1, e2 = np.exp(-tr1 / np.asarray(t1, float)), np.exp(-tr2 / np.asarray(t1, float))
    below = 1 - e1 * e2 * c**2
    return (1 - e2 + (1 - e1) * e2 * c) / below, (1 - e1 + (1 - e2) * e1 * c) / below


def cosine(r: np.ndarray, tr1: float, tr2: float, t1: float | None) -> tuple[np.ndarray, np.ndarray]:
    """cos(alpha) of the signal ratio r = S2 / S1, and its derivative."""
    with np.errstate(invalid="ignore", divide="ignore"):
        if t1 is None:
            n = tr2 / tr1
            return (r * n - 1) / (n - r), (n * n - 1) / (n - r) ** 2
        e1, e2 = np.exp(-tr1 / t1), np.exp(-tr2 / t1)
        above, below = 1 - e1 - r * (1 - e2), r * (1 - e1) * e2 - (1 - e2) * e1
        return above / below, (-(1 - e2) * below - above * (1 - e1) * e2) / below**2


def estimate(inputs: Inputs, options: Options) -> Estimate:
    """B1 of magnitudes (x, y, z, 1) at each repetition time."""
    angle, tr1, tr2 = _sequence(inputs.acquisitions)
    first, second = (np.abs(inputs.signals[role][..., 0]) for role in ("tr1", "tr2"))
    sigma = _fields.noise_of(options.noise, np.stack([first, second]))
    inside = _fields.body(first + 0 * second, inputs.mask, sigma)
    reason = _fields.outside(first + second, inside)
    smoother = _fields.Smoother(inputs.grid, options.smoothing)
    r, r_sd = _fields.ratio(first, second, inside, smoother, sigma)
    c, slope = cosine(r, tr1, tr2, options.t1)
    b1, sd = _fields.of_angle(c, slope, r_sd, angle)
    reason = _fields.graded(b1, reason, (0.0, np.pi / angle))
    findings = _folded(angle, tr1, tr2, options.t1) + (() if options.t1 is not None else _approximate(angle, tr1, tr2))
    return Estimate({"B1": b1}, reason, {} if sd is None else {"B1": sd}, findings=findings)


def _sequence(acquisitions: Mapping[str, Acquisition]) -> tuple[float, float, float]:
    """The angle (rad) and the shorter and the longer repetition time (s)."""
    one, two = acquisitions["tr1"], acquisitions["tr2"]
    angles = {*(one.flip_angles_deg or ()), *(two.flip_angles_deg or ())}
    tr1, tr2 = one.repetition_time or 0.0, two.repetition_time or 0.0
    if len(angles) != 1 or not 0 < tr1 < tr2:
        raise ProtocolError(
            "E-PROTOCOL", where="b1-afi: FlipAngle and RepetitionTime", needed="one flip angle, and TR of tr1 below that of tr2",
            found=f"{', '.join(f'{a:g}' for a in sorted(angles))} degrees, TR {tr1:g} and {tr2:g} s",
            remedy="check the sidecars of both series",
        )  # fmt: skip
    return float(np.deg2rad(angles.pop())), tr1, tr2


def _folded(angle: float, tr1: float, tr2: float, t1: float | None) -> tuple[Finding, ...]:
    """From which B1 on magnitudes mislead, where fields go as far."""
    most = float(np.arccos(cosine(np.zeros(()), tr1, tr2, t1)[0]) / angle)
    if most >= _STRONGEST:
        return ()
    return (Finding("warn", "W-B1", "b1-afi: FlipAngle", f"{np.rad2deg(angle):g} degrees are many for TR of {tr1:g} and {tr2:g} s",
                    "measure with a smaller angle, 50 to 60 degrees",
                    f"where B1 is above {100 * most:.0f} % it comes out too low, without a sign of it"),)  # fmt: skip


def _approximate(angle: float, tr1: float, tr2: float) -> tuple[Finding, ...]:
    """By how much B1 of fat and of muscle comes out wrong for want of their T1, at the nominal angle."""
    off = []
    for tissue in _T1S:
        first, second = _steady(np.cos(angle), tr1, tr2, tissue.number)
        off.append(float(np.arccos(np.clip(cosine(np.asarray(second / first), tr1, tr2, None)[0], -1, 1)) / angle - 1))
    if not max(map(abs, off)) > _TELL:
        return ()
    said = " and ".join(f"{100 * o:+.1f} % at a {t.name} of {t.number:g} s" for o, t in zip(off, _T1S, strict=True))
    return (Finding("warn", "W-B1", "b1-afi: RepetitionTime", f"TR of {tr1:g} and {tr2:g} s are not short beside T1",
                    "give the option t1", f"B1 is off by {said}"),)  # fmt: skip


BIOMARKER = Biomarker(
    id="b1-afi",
    title="B1 (actual flip angle)",
    doi=("10.1002/mrm.21120",),
    needs={
        role: SeriesNeed(kinds=("TB1AFI",), required=("flip_angles_deg", "repetition_time"), entities=(("acq", role),))
        for role in ("tr1", "tr2")
    },
    gives=(Quantity("B1", "transmit field B1", "%", (0.2, 2.0), "TB1map", window=(0.6, 1.4), datatype="fmap"),),
    simulate=simulate,
    estimate=estimate,
    options=Options,
    scope="image",
    typical={
        "tr1": Acquisition(flip_angles_deg=(60.0,), repetition_time=0.02),
        "tr2": Acquisition(flip_angles_deg=(60.0,), repetition_time=0.10),
    },
    example={"B1": 0.9, "S0": 1000.0},
    bias_table="docs/accuracy/b1.md",
    provides=("B1",),
    caption="Transmit field relative to nominal, from one flip angle at two alternating repetition times, smoothed inside the body.",
    constants=tuple(replace(t1, override="t1") for t1 in _T1S),
)
