r"""Magnetisation transfer ratio: how much a saturation pulse on bound protons takes from the signal.

.. math:: MTR = (S_{off} - S_{on}) / S_{off}

from two acquisitions that differ in the MT pulse alone.

*Fat* has no bound pool: it keeps its signal and dilutes the ratio. Where a fat fraction map is given, the ratio is that of water. With
:math:`\rho = FF\, g / ((1 - FF) f)` the signal of fat over that of water without the pulse (g, f: their spoiled steady states),
:math:`\varphi` the phase of fat at the echo time and :math:`r = S_{on}/S_{off}`,

.. math:: MTR_w = 1 + \rho\, \mathrm{Re}\,\varphi - \sqrt{|1 + \rho\varphi|^2 r^2 - \rho^2 (\mathrm{Im}\,\varphi)^2}

which in phase is :math:`MTR\,(1 + \rho)`. Without such a map, what 5, 10 and 20 % of fat would take away is computed and told.

*Assumes* the two images are registered and scaled alike. *Breaks* with B1 (MTR rises with it) and with T1; see `mtsat` for a measure
with less of these. With fat known, above 90 % of it.

*Cites* Wolff & Balaban, Magn Reson Med 1989;10:135, doi:10.1002/mrm.1910100113.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from neuromyo.biomarkers._constants import FAT_T1, WATER_T1, spectrum
from neuromyo.core.acquisition import Acquisition, Assumption
from neuromyo.core.biomarker import Biomarker, Calibration, Domain, Estimate, Inputs, MapNeed, SeriesNeed
from neuromyo.core.errors import Finding, ProtocolError
from neuromyo.core.options import option
from neuromyo.core.quantity import Quantity
from neuromyo.core.reasons import Reason
from neuromyo.physics import fat
from neuromyo.physics.relaxation import spoiled_gradient_echo

#: share of fat above which there is too little water to speak of
_MOST_FAT = 0.9


@dataclass(frozen=True)
class Options:
    """What can be chosen."""

    noise: float | None = option(None, "noise per real channel in image units; gives each voxel its sd", low=0.0)
    water_t1: float = option(WATER_T1.value, "T1 of water, for its share of the signal", unit="s", low=0.1, high=5.0)
    fat_t1: float = option(FAT_T1.value, "T1 of fat, for its share of the signal", unit="s", low=0.05, high=2.0)
    fat_spectrum: str = option(fat.DEFAULT_SPECTRUM, "peaks of fat", choices=tuple(fat.SPECTRA))


def simulate(
    truth: Mapping[str, Any], acquisitions: Mapping[str, Acquisition], options: Options
) -> dict[str, np.ndarray]:
    """truth MTR (of water, fraction), S0 (signal of pure water without the pulse), optionally FF, shape (...) -> (..., n) in the
    order of ``mt_on``."""
    a = acquisitions["mt"]
    on = np.asarray(a.mt_on, dtype=float)
    share, mtr = np.asarray(truth.get("FF", 0.0), float)[..., None], np.asarray(truth["MTR"], float)[..., None]
    weight, phase = _fat_signal(a, options)
    mixed = (1 - share) * (1 - on * mtr) + share * weight * phase
    return {"mt": np.asarray(truth["S0"], float)[..., None] * np.abs(mixed)}


def _fat_signal(a: Acquisition, options: Options) -> tuple[float, complex]:
    """Steady state of fat over that of water, and the phase of fat; 1 where the sequence is not stated."""
    weight, phase = 1.0, 1.0 + 0.0j
    if a.repetition_time is not None and a.flip_angles_deg:
        water, lipid = (
            float(spoiled_gradient_echo(a.flip_angles_deg[:1], t1, a.repetition_time)[0])
            for t1 in (options.water_t1, options.fat_t1)
        )
        weight = lipid / water
    if a.echo_times and (a.field_strength is not None or a.imaging_frequency_hz is not None):
        phase = fat.phasor(options.fat_spectrum, a.echo_times[:1], field_strength=a.field_strength,
                           imaging_frequency_hz=a.imaging_frequency_hz)[0]  # fmt: skip
    return weight, complex(phase)


def calibrate(samples: Mapping[str, Inputs], options: Options) -> Calibration:
    """What fat would do where its share is not known; what is assumed of its signal where it is."""
    body = samples["body"]
    a = body.acquisitions["mt"]
    if "FF" in body.known:
        stated = a.repetition_time is not None and bool(a.flip_angles_deg)
        timed = bool(a.echo_times) and (a.field_strength is not None or a.imaging_frequency_hz is not None)
        assumed = []
        if not stated:
            assumed.append(
                Assumption("fat weighting", "that of water", "repetition time or flip angle are not stated", "FF")
            )
        if not timed:
            assumed.append(Assumption("fat phase", "in phase", "field strength or echo time are not stated", "FF"))
        return Calibration(assumptions=tuple(assumed))
    pair = a.with_(mt_on=(False, True))
    lost = []
    for share in (0.05, 0.1, 0.2):
        off, on = simulate({"MTR": 0.35, "S0": 1.0, "FF": share}, {"mt": pair}, options)["mt"]
        lost.append(f"{100 * ((off - on) / off - 0.35):+.1f}")
    finding = Finding(
        "note", "N-FAT", "mtr: FF", f"no fat fraction map: 5, 10, 20 % of fat change an MTR of 35 % by {', '.join(lost)} points here",
        "give a fat fraction map, or read MTR where there is little fat", "MTR is not that of water alone",
    )  # fmt: skip
    return Calibration(findings=(finding,))


def estimate(inputs: Inputs, options: Options) -> Estimate:
    """MTR of signals (..., n); several images of one state are averaged."""
    states = np.asarray(inputs.acquisitions["mt"].mt_on, dtype=bool)
    if states.all() or not states.any():
        raise ProtocolError("E-NEEDS", where="mtr", needed="images with and without the MT pulse",
                            found="only one state", remedy="check MTState in the sidecars")  # fmt: skip
    signals = inputs.signals["mt"].astype(np.float64)
    on, off = signals[..., states].mean(axis=-1), signals[..., ~states].mean(axis=-1)
    reason = np.full(off.shape, Reason.OK, dtype=np.uint8)
    slope = 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        value = (off - on) / off
        if "FF" in inputs.known:
            share = np.asarray(inputs.known["FF"], float)
            value, slope = _of_water(on / off, share, inputs.acquisitions["mt"], options)
            reason[~(share < _MOST_FAT) | ~np.isfinite(value)] = Reason.NOT_IDENTIFIABLE
            reason[~np.isfinite(share)] = Reason.NOT_KNOWN
        sd = {}
        if options.noise is not None and not inputs.averaged:  # a voxel's noise is not that of a mean over many
            each = 1 / states.sum() + (on / off) ** 2 / (~states).sum()
            sd["MTR"] = options.noise * np.sqrt(each) / off * slope
    reason[~(off > 0)] = Reason.NO_SIGNAL
    reason[~np.isfinite(signals).all(axis=-1)] = Reason.NOT_FINITE
    return Estimate({"MTR": value}, reason, sd)


def _of_water(ratio: np.ndarray, share: np.ndarray, a: Acquisition, options: Options) -> tuple[np.ndarray, np.ndarray]:
    """MTR (...) of the water beside that share of fat, and how steeply it falls with the ratio of signals."""
    weight, phase = _fat_signal(a, options)
    beside = share / (1 - share) * weight
    whole = np.abs(1 + beside * phase) ** 2
    left = np.sqrt(whole * ratio**2 - (beside * phase.imag) ** 2)
    return 1 + beside * phase.real - left, whole * ratio / left


BIOMARKER = Biomarker(
    id="mtr",
    title="magnetisation transfer ratio",
    doi=("10.1002/mrm.1910100113",),
    needs={
        "mt": SeriesNeed(kinds=("MTR",), min_volumes=2, required=("mt_on",)),
        "FF": MapNeed("FF", "%", (-0.5, 1.5)),
    },
    gives=(Quantity("MTR", "magnetisation transfer ratio", "%", (-0.5, 1.0), "MTRmap", window=(0.0, 0.6)),),
    simulate=simulate,
    estimate=estimate,
    calibrate=calibrate,
    options=Options,
    typical={"mt": Acquisition(mt_on=(False, True), repetition_time=0.03, flip_angles_deg=(9.0,))},
    example={"MTR": 0.35, "S0": 1000.0},
    domain=Domain({"MTR": (0.2, 0.5)}, snr=50.0, quantities=("MTR",)),
    caption="Share of the signal that an off-resonance saturation pulse takes away; of water alone where a fat fraction map was given.",
    constants=(WATER_T1, FAT_T1, *spectrum()),
)
