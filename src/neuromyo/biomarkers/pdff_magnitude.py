r"""Fat fraction and R2* from magnitudes of multi-echo gradient echoes alone.

.. math:: \langle M_n\rangle = \sigma\, m\!\left(|W + F c_n|\, e^{-R_2^* t_n} / \sigma\right), \qquad
    FF = \frac{F/k_f}{W/k_w + F/k_f}

m is the mean of Rice's law, c the signal of fat's several peaks, k the T1 weights that make FF a share of protons. Every voxel is
fitted from a start of mostly water and one of mostly fat, and the likelier end is taken; only the several peaks of fat tell them
apart. Where both are as likely and differ, the voxel is AMBIGUOUS. Amplitudes are free of sign, so that FF near 0 is not pushed up.

*Assumes* a known spectrum, one R2* for water and fat, and noise that is Rician: one receive channel, or coils combined so that it stays so.
*Breaks* around half fat and at low signal-to-noise, where water and fat are exchanged in a share of voxels (the bias table says how
many), and where phase is available: `pdff` is then better everywhere.

*Cites* Bydder et al., Magn Reson Imaging 2008;26:347, doi:10.1016/j.mri.2007.08.012; Triay Bagur et al., Magn Reson Med 2019;82:460,
doi:10.1002/mrm.27728.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from neuromyo.biomarkers import _fat_weight
from neuromyo.core.acquisition import Acquisition
from neuromyo.core.biomarker import Biomarker, Calibration, Estimate, Inputs, SeriesNeed
from neuromyo.core.errors import Finding
from neuromyo.core.options import option
from neuromyo.core.quantity import Quantity
from neuromyo.core.reasons import Reason
from neuromyo.fit import magnitude_water_fat as engine

#: log likelihood by which one end must be likelier than the other (95 % for one degree of freedom)
_LIKELIER = 1.92
#: ends whose fat fractions are closer than this are one
_ONE = 0.1
#: noise is never taken to be less than this share of the signal: images are stored in whole numbers
_LEAST_NOISE = 1e-4
#: brighter than this many sigma at its best echo is signal
_SEEN = 3.0
_ROUNDS = 3
#: voxels that tell the noise
_SAMPLE = 500


@dataclass(frozen=True)
class Options:
    """What can be chosen."""

    fat_spectrum: str = _fat_weight.spectrum_option()
    t1_weighting: str = _fat_weight.weighting_option()
    water_t1: float = _fat_weight.water_t1_option()
    fat_t1: float = _fat_weight.fat_t1_option()
    noise: str | float = option(
        "estimate", "noise per real channel in image units, or 'estimate' from the residuals of all voxels", low=0.0,
        choices=("estimate",),
    )  # fmt: skip


def simulate(
    truth: Mapping[str, Any], acquisitions: Mapping[str, Acquisition], options: Options
) -> dict[str, np.ndarray]:
    """truth FF (of protons), R2star (1/s), S0, optionally T1, FatT1 (s), shape (...) -> magnitudes (..., n)."""
    acquisition = acquisitions["gre"]
    times = np.asarray(acquisition.echo_times)

    def of(name: str, default: float) -> np.ndarray:
        return np.asarray(truth.get(name, default), float)[..., None]

    fat = _fat_weight.fat_phasor(acquisition, options, times)
    water, lipid = (
        _fat_weight.weight(acquisition, of(n, d)) for n, d in (("T1", options.water_t1), ("FatT1", options.fat_t1))
    )
    ff = of("FF", 0.0)
    return {"gre": of("S0", 1.0) * np.abs((1 - ff) * water + ff * lipid * fat) * np.exp(-of("R2star", 0.0) * times)}


def calibrate(samples: Mapping[str, Inputs], options: Options) -> Calibration:
    """The noise: of a sample of voxels the median squared residual, over that of its law. Four echoes or more."""
    inputs = samples["body"]
    signals, times, fat, _ = _sorted(inputs, options)
    _, _, findings = _fat_weight.weights(inputs.acquisitions["gre"], options, "pdff-magnitude")
    if not isinstance(options.noise, str):
        return Calibration({"noise": float(options.noise)}, findings=findings)
    from scipy.stats import chi2  # slow to import, and nothing but this needs it

    flat = signals.reshape(-1, len(times))
    flat = flat[np.isfinite(flat).all(axis=1) & (flat.max(axis=1, initial=0) > 0)]
    flat = flat[flat.mean(axis=1) > 0.05 * np.percentile(flat.mean(axis=1), 99)] if len(flat) else flat
    flat = flat[:: max(1, len(flat) // _SAMPLE)]
    freedom = len(times) - 3
    if not len(flat) or freedom < 1:
        said = Finding("warn", "W-NOISE", "pdff-magnitude: noise", "three echoes cannot tell it", "give the option noise",
                       "2 % of the brightest signal is taken")  # fmt: skip
        return Calibration({"noise": 0.02 * float(np.max(flat, initial=1.0))}, findings=(*findings, said))
    sigma = 0.02 * float(np.median(flat.max(axis=1)))
    for _ in range(_ROUNDS):
        rss = engine.fit(flat, times, fat, sigma).rss
        sigma = max(
            float(np.sqrt(np.median(rss) / chi2.median(freedom))), _LEAST_NOISE * float(np.median(flat.max(axis=1)))
        )
    return Calibration({"noise": sigma}, findings=findings)


def _sorted(inputs: Inputs, options: Options) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Magnitudes (..., n), times and fat's phasors by rising echo time; where all samples are finite."""
    acquisition = inputs.acquisitions["gre"]
    times = np.asarray(acquisition.echo_times)
    order = np.argsort(times, kind="stable")
    signals = np.abs(inputs.signals["gre"][..., order]).astype(np.float64)
    return (
        signals,
        times[order],
        _fat_weight.fat_phasor(acquisition, options, times[order]),
        np.asarray(np.isfinite(signals).all(axis=-1)),
    )


def estimate(inputs: Inputs, options: Options) -> Estimate:
    """FF and R2* of magnitudes (..., n)."""
    signals, times, fat, finite = _sorted(inputs, options)
    lead = signals.shape[:-1]
    sigma = _noise(inputs, options, signals)
    flat = np.where(finite[..., None], signals, 1.0).reshape(-1, len(times))
    found = engine.fit(flat, times, fat, sigma)
    kw, kf, _ = _fat_weight.weights(inputs.acquisitions["gre"], options, "pdff-magnitude")
    ff, sd = _fraction(found, kw, kf)
    reason = np.where(found.settled, Reason.OK, Reason.NO_CONVERGENCE).astype(np.uint8)
    apart = np.abs(found.other - found.fat / np.where(found.water + found.fat == 0, 1, found.water + found.fat)) > _ONE
    reason[(reason == Reason.OK) & apart & (found.log_ratio < _LIKELIER)] = Reason.AMBIGUOUS
    low, high = engine.R2STAR
    reason[(found.r2star <= low) | (found.r2star >= high)] = Reason.AT_BOUND
    reason[flat.max(axis=1) <= _SEEN * sigma] = Reason.NO_SIGNAL
    reason[~finite.ravel()] = Reason.NOT_FINITE
    return Estimate(
        values={"FF": ff.reshape(lead), "R2star": found.r2star.reshape(lead)},
        sd={"FF": sd.reshape(lead), "R2star": np.sqrt(found.covariance[:, 2, 2]).reshape(lead)},
        reason=reason.reshape(lead),
        diagnostics={"residual": (np.sqrt(found.rss / len(times)) / np.maximum(flat.max(axis=1), 1e-30)).reshape(lead)},
    )


def _noise(inputs: Inputs, options: Options, signals: np.ndarray) -> float:
    given = inputs.scalars.get("noise", 0.0) if isinstance(options.noise, str) else options.noise
    sigma = float(given)
    bright = float(np.max(signals, initial=0.0, where=np.isfinite(signals)))
    return sigma if sigma > 0 else max(_LEAST_NOISE * bright, 1e-30)


def _fraction(found: engine.MagnitudeFit, kw: float, kf: float) -> tuple[np.ndarray, np.ndarray]:
    """FF of protons and its sd by first-order propagation."""
    water, fat = found.water / kw, found.fat / kf
    total = water + fat
    with np.errstate(divide="ignore", invalid="ignore"):
        ff = fat / total
        slope = np.stack([-fat / kw, water / kf, np.zeros_like(fat)], axis=1) / (total**2)[:, None]
        return ff, np.sqrt(np.einsum("mi,mij,mj->m", slope, found.covariance, slope))


BIOMARKER = Biomarker(
    id="pdff-magnitude",
    title="fat fraction (magnitudes)",
    doi=("10.1016/j.mri.2007.08.012", "10.1002/mrm.27728"),
    needs={"gre": SeriesNeed(kinds=("MEGRE",), min_volumes=4, required=("echo_times", "field_strength"))},
    gives=(
        Quantity("FF", "fat fraction", "%", (-0.5, 1.5), "PDFF", window=(0.0, 1.0)),
        Quantity("R2star", "R2*", "1/s", (-20.0, 1000.0), "R2starmap", window=(0.0, 150.0)),
    ),
    simulate=simulate,
    estimate=estimate,
    calibrate=calibrate,
    options=Options,
    typical={
        "gre": Acquisition(
            echo_times=tuple(0.00115 + 0.00098 * k for k in range(6)),
            repetition_time=0.01,
            flip_angles_deg=(3.0,),
            field_strength=3.0,
        )
    },
    example={"FF": 0.15, "R2star": 40.0, "S0": 1000.0},
    bias_table="docs/accuracy/pdff_magnitude.md",
    caption="Share of fat among the protons from magnitudes alone, with R2* and Rician noise in the model.",
    constants=_fat_weight.CONSTANTS,
)
