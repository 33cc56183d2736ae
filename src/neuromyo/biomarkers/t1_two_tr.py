r"""T1 from spin echoes at two repetition times.

A spin echo leaves no magnetisation along the field; each refocusing pulse turns over what has come back until then. Before the next
excitation there is, for one refocusing pulse at :math:`TE/2`,

.. math:: S = S_0\, \left(1 - 2 e^{-(TR - TE/2)/T_1} + e^{-TR/T_1}\right)

and for any number of pulses the fixed point of them all: a pulse multiplies the magnetisation along the field by the cosine of its angle, a
pause of t takes m to :math:`1 + (m - 1) e^{-t/T_1}`. Angles are multiplied by B1 where a map is given. :math:`S_0 = M_0 e^{-TE/T_2}` is the
same at both repetition times, so that the ratio of the two images depends on T1 alone, and falls as T1 grows: T1 is its one root, found by
halving.

*Series* ``acq-tr1`` (the shorter TR) and ``acq-tr2`` (the longer), each a `MESE` of one echo or more, as BIDS names the two of actual
flip-angle imaging: ``sub-01_acq-tr1_echo-1_MESE.nii.gz``. The first echo time that both have is used.

*Noise* two images and two unknowns leave nothing over: a voxel has an sd only where the option ``noise`` gives the noise,
:math:`\sigma_{T_1} = \sigma\sqrt{1 + r^2} / (S_2\, |dr/dT_1|)` with :math:`r = S_1/S_2`.

*Assumes* both images scaled alike and registered, pulses of 90 and 180 degrees times B1, slices excited one at a time. *Breaks* without a
B1 map where B1 is off: an excitation that is too weak leaves magnetisation behind, and at TR of 0.5 and 2 s a T1 of 1.2 s comes out
38 % long at B1 = 0.9 and 25 % short at 1.1. With fat in the voxel (its T1 is a third of muscle's), and where both TR are long against
T1: the ratio is then 1, whatever T1. At low signal: with S0 over the noise of 50, 30 and 20 the mean of T1 of 1.2 s is 2, 7 and 16 % long
(the median 1 to 2 % short), since the ratio flattens towards long T1 (4,000 draws, TR 0.5 and 2 s): take the median, or the region's mean
signal.

*Cites* Bryan et al., Neurology 1998;51:110, doi:10.1212/WNL.51.1.110 (T1 of muscle in motor neurone disease).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from neuromyo.core.acquisition import Acquisition, Assumption
from neuromyo.core.biomarker import Biomarker, Calibration, Domain, Estimate, Inputs, MapNeed, SeriesNeed
from neuromyo.core.errors import ProtocolError
from neuromyo.core.options import option
from neuromyo.core.quantity import Quantity
from neuromyo.core.reasons import Reason

SHORT, LONG = "tr1", "tr2"
#: T1 (s) between which a root is looked for, and how many steps of the table to start from
_T1, _STEPS = (0.03, 8.0), 400
#: enough for twelve figures
_HALVINGS = 42
_EXCITATION = np.pi / 2
#: echo times that differ by less (s) are one
_SAME_ECHO = 5e-5
#: by how much stated angles (excitation, refocusing; degrees) may differ from 90 and 180
_ANGLES_OFF = (15.0, 30.0)


@dataclass(frozen=True)
class Options:
    """What can be chosen."""

    noise: float | None = option(None, "noise per real channel in image units; gives each voxel its sd", low=0.0)


@dataclass(frozen=True)
class Pair:
    """Times (s) of both images: repetition, refocusing pulses; and where the shared echo stands in each series."""

    repetition_times: tuple[float, float]
    refocusing: tuple[tuple[float, ...], tuple[float, ...]]
    echo: tuple[int, int]


def simulate(
    truth: Mapping[str, Any], acquisitions: Mapping[str, Acquisition], options: Options
) -> dict[str, np.ndarray]:
    """truth T1 (s), S0 (at the shared echo), optionally B1 (1 is nominal) and T2 (s; 0.04), shape (...) -> magnitudes (..., n) a role."""
    pair = layout(acquisitions)
    t1, s0, b1 = (np.asarray(v, float) for v in (truth["T1"], truth["S0"], truth.get("B1", 1.0)))
    t2 = np.asarray(truth.get("T2", 0.04), float)[..., None]
    out = {}
    for i, role in enumerate((SHORT, LONG)):
        times = np.asarray(acquisitions[role].echo_times)
        decay = np.exp(-(times - times[pair.echo[i]]) / t2)
        size = s0 * np.sin(_EXCITATION * b1) * recovered(t1, pair.repetition_times[i], pair.refocusing[i], b1)
        out[role] = np.abs(size[..., None] * decay)
    return out


def recovered(t1: np.ndarray, tr: float, refocusing: tuple[float, ...], b1: Any = 1.0) -> np.ndarray:
    """Magnetisation (...) along the field before the excitation, over its equilibrium, in the steady state."""
    slope, gain = np.cos(_EXCITATION * np.asarray(b1, float)), 0.0
    turned = np.cos(2 * _EXCITATION * np.asarray(b1, float))
    now = 0.0
    for pulse in (*refocusing, tr):
        left = np.exp(-(pulse - now) / t1)
        slope, gain = slope * left, 1 + (gain - 1) * left
        if pulse != tr:
            slope, gain = slope * turned, gain * turned
        now = pulse
    return gain / (1 - slope)


def layout(acquisitions: Mapping[str, Acquisition]) -> Pair:
    """How both series were acquired; E-PROTOCOL where they share no echo time or are not in order."""
    for role in (SHORT, LONG):
        _right_angles(role, acquisitions[role])
    trs = tuple(float(acquisitions[role].repetition_time or 0.0) for role in (SHORT, LONG))
    times = [tuple(float(t) for t in acquisitions[role].echo_times or ()) for role in (SHORT, LONG)]
    shared = [(i, j) for i, a in enumerate(times[0]) for j, b in enumerate(times[1]) if abs(a - b) < _SAME_ECHO]
    if not shared or not max(map(max, times)) < trs[0] < trs[1]:
        found = " and ".join(
            f"TR {tr:g} s with TE {', '.join(f'{t:g}' for t in te) or 'none'} s"
            for tr, te in zip(trs, times, strict=True)
        )
        raise ProtocolError(
            "E-PROTOCOL", where="t1-two-tr: RepetitionTime and EchoTime",
            needed="a TR of acq-tr1 below that of acq-tr2, and an echo time that both have", found=found,
            remedy="check the sidecars of both series",
        )  # fmt: skip
    echo = min(shared, key=lambda ij: times[0][ij[0]])
    return Pair((trs[0], trs[1]), (_pulses(times[0]), _pulses(times[1])), echo)


def _right_angles(role: str, acquired: Acquisition) -> None:
    """E-PROTOCOL where the files state angles that the equation does not hold for."""
    flip, turned = (acquired.flip_angles_deg or (90.0,))[0], acquired.refocusing_angle_deg or 180.0
    if abs(flip - 90.0) > _ANGLES_OFF[0] or abs(turned - 180.0) > _ANGLES_OFF[1]:
        raise ProtocolError(
            "E-PROTOCOL", where=f"t1-two-tr: {role}: FlipAngle and RefocusingFlipAngle", needed="pulses of about 90 and 180 degrees",
            found=f"{flip:g} and {turned:g} degrees", remedy="check the sidecar; other angles need another equation",
        )  # fmt: skip


def _pulses(echo_times: tuple[float, ...]) -> tuple[float, ...]:
    """When the refocusing pulses are played: half-way to the first echo, and between echoes."""
    times = sorted(echo_times)
    return tuple((a + b) / 2 for a, b in zip([0.0, *times], times, strict=False))


def _ratio(t1: np.ndarray, pair: Pair, b1: Any) -> np.ndarray:
    """Signal at the shorter TR over that at the longer."""
    short, long = (
        recovered(t1, tr, pulses, b1) for tr, pulses in zip(pair.repetition_times, pair.refocusing, strict=True)
    )
    return short / long


@lru_cache(maxsize=8)
def _falling(pair: Pair) -> tuple[float, float]:
    """The T1 (s) between which the ratio falls, at nominal B1: below, both images have recovered."""
    t1 = np.geomspace(*_T1, _STEPS)
    falls = np.diff(_ratio(t1, pair, 1.0)) < -1e-9
    start = int(np.argmax(falls))
    stop = start + (len(falls[start:]) if falls[start:].all() else int(np.argmin(falls[start:])))
    return float(t1[start]), float(t1[stop])


def _root(ratio: np.ndarray, pair: Pair, b1: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """T1 (...) of a ratio by halving the range of its logarithm, and where there is one."""
    ends = [np.full(ratio.shape, np.log(t)) for t in _falling(pair)]
    inside = (ratio < _ratio(np.exp(ends[0]), pair, b1)) & (ratio > _ratio(np.exp(ends[1]), pair, b1))
    low, high = ends
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        longer = ratio < _ratio(np.exp(middle), pair, b1)
        low, high = np.where(longer, middle, low), np.where(longer, high, middle)
    return np.exp((low + high) / 2), inside


def calibrate(samples: Mapping[str, Inputs], options: Options) -> Calibration:
    """What B1 is taken to be."""
    if "B1" in samples["body"].known:
        return Calibration()
    why = "no B1 map was given; T1 errs by about four times what B1 errs by"
    return Calibration(assumptions=(Assumption("B1", "1", why, "B1"),))


def estimate(inputs: Inputs, options: Options) -> Estimate:
    """T1 and S0 of magnitudes (..., n) a role."""
    pair = layout(inputs.acquisitions)
    short, long = (
        np.abs(inputs.signals[role][..., at]).astype(np.float64)
        for role, at in zip((SHORT, LONG), pair.echo, strict=True)
    )
    b1 = np.broadcast_to(np.asarray(inputs.known.get("B1", 1.0), float), short.shape)
    known = np.isfinite(b1) & (b1 > 0) & (b1 < 2)
    b1 = np.where(known, b1, 1.0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = short / long
        t1, inside = _root(ratio, pair, b1)
        values = {"T1": t1, "S0": long / _size(t1, pair, b1)}
    reason = np.full(ratio.shape, Reason.OK, dtype=np.uint8)
    reason[~inside] = Reason.AT_BOUND
    reason[~known] = Reason.NOT_KNOWN
    reason[~((short > 0) & (long > 0))] = Reason.NO_SIGNAL
    reason[~np.isfinite(short + long)] = Reason.NOT_FINITE
    told = options.noise is not None and not inputs.averaged  # a voxel's noise is not that of a mean over many
    return Estimate(values, reason, _spread(t1, ratio, long, pair, b1, options.noise or 0.0) if told else {})


def _size(t1: np.ndarray, pair: Pair, b1: np.ndarray) -> np.ndarray:
    """Signal at the longer TR over S0."""
    return np.sin(_EXCITATION * b1) * recovered(t1, pair.repetition_times[1], pair.refocusing[1], b1)


def _spread(
    t1: np.ndarray, ratio: np.ndarray, long: np.ndarray, pair: Pair, b1: np.ndarray, noise: float
) -> dict[str, np.ndarray]:
    """sd of T1 and S0: both signals carry the noise, and T1 and S0 both depend on both."""
    h = 1e-5 * t1
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        slope = (_ratio(t1 + h, pair, b1) - _ratio(t1 - h, pair, b1)) / (2 * h)
        share, by_t1 = _size(t1, pair, b1), (_size(t1 + h, pair, b1) - _size(t1 - h, pair, b1)) / (2 * h)
        from_short, from_long = 1 / (slope * long), -ratio / (slope * long)
        rate = -long * by_t1 / share**2
        s0 = np.hypot(rate * from_short, rate * from_long + 1 / share)
        return {"T1": noise * np.hypot(from_short, from_long), "S0": noise * s0}


def _need(role: str) -> SeriesNeed:
    return SeriesNeed(
        kinds=("MESE",), required=("repetition_time", "echo_times"), entities=(("acq", role),), separate=True
    )


BIOMARKER = Biomarker(
    id="t1-two-tr",
    title="T1 (spin echoes at two repetition times)",
    doi=("10.1212/WNL.51.1.110",),
    needs={SHORT: _need(SHORT), LONG: _need(LONG), "B1": MapNeed("B1", "%", (0.2, 2.0))},
    gives=(
        Quantity("T1", "T1", "ms", (0.05, 6.0), "T1map", window=(0.0, 2.5)),
        Quantity("S0", "signal at full recovery, at the echo time measured", "a.u.", (0.0, float("inf")), "S0map",
                 summarised=False),
    ),
    simulate=simulate,
    estimate=estimate,
    calibrate=calibrate,
    options=Options,
    typical={
        SHORT: Acquisition(echo_times=(0.02,), repetition_time=0.5),
        LONG: Acquisition(echo_times=(0.02, 0.08), repetition_time=2.0),
    },
    example={"T1": 1.2, "S0": 1000.0},
    domain=Domain({"T1": (0.6, 1.6)}, snr=100.0, quantities=("T1", "S0")),
    caption="T1 from the ratio of spin echoes at two repetition times, the refocusing pulses' share in the recovery included.",
)  # fmt: skip
