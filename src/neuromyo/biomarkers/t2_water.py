r"""Water T2, fat fraction and B1 from a multi-echo spin echo: two tissues, one train.

.. math:: S_n = \left|w\,\mathrm{EPG}_n(T_{2w}, B_1; T_{1w}) + f\,\mathrm{EPG}_n(T_{2f}, B_1; T_{1f})\right|, \quad FF = f/(w + f)

with w, f >= 0 (equilibrium magnetisations, since saturation at finite TR is part of the train), T2w and B1 free, and the
apparent fat T2 calibrated once on the subject's subcutaneous fat. Water T2 then answers to oedema and denervation, and the fat
fraction to replacement, which a single T2 mixes up.

*Assumes* that all fat has the T2 of the subcutaneous fat, that both tissues are refocused alike, and known T1s. *Breaks* where
there is nearly no water (T2 not identifiable), and near a fat fraction of zero, where non-negativity biases the mean of many
voxels by about half a point of fat and -0.5 ms of water T2 (``amplitudes = free`` does not; regions are fitted that way).

*Cites* Marty et al., NMR Biomed 2016;29:431, doi:10.1002/nbm.3459; Keene et al., J Magn Reson Imaging 2020;51:1487,
doi:10.1002/jmri.26919; Lebel & Wilman, Magn Reson Med 2010;64:1005, doi:10.1002/mrm.22487.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from neuromyo.biomarkers import _multi_echo as multi_echo
from neuromyo.biomarkers._constants import FAT_T1, WATER_T1
from neuromyo.core.acquisition import Acquisition, Assumption
from neuromyo.core.biomarker import Biomarker, Calibration, Domain, Estimate, Inputs, RegionNeed
from neuromyo.core.constant import Constant
from neuromyo.core.errors import Finding
from neuromyo.core.maps import Scalar
from neuromyo.core.options import option
from neuromyo.core.quantity import Quantity
from neuromyo.core.reasons import Reason
from neuromyo.fit.separable import Axis, Law, SeparableFit, SeparableModel
from neuromyo.fit.uncertainty import propagate

# water ends well below fat: were it to reach fat's T2, a voxel of fat could be read as slow water
_T2 = Axis("T2", 0.008, 0.1, 44, "log", coarse=16)
_B1 = Axis("B1", 0.4, 1.6, 61, "linear", coarse=16)
_FAT_T2 = Axis("T2", 0.03, 0.5, 48, "log", coarse=16)

FAT_T2 = Quantity("FatT2", "apparent T2 of subcutaneous fat", "ms", (0.03, 0.5), "T2map", level="subject")
#: T2 of the water in the ring of fat: what the fat's T2 comes to depends on it little (about 1 ms for 5 ms)
_RING_WATER_T2 = Constant(
    "T2 of the water in subcutaneous fat", 0.035, "s", "near that of muscle water, for want of a measurement", "assumed",
    "ring_water_t2", field_strength=3.0, sequence="multi-echo spin echo; 1 ms of fat T2 for 5 ms of it",
)  # fmt: skip
#: shares of fat from which a voxel of the ring may speak for fat, the first for which there are enough voxels
_PURITY = (0.9, 0.7)
_FEWEST = 20
#: used where there is no fat to calibrate on: mid-range of what trains of about 10 ms spacing show at 3 T
_USUAL_FAT_T2 = Constant(
    "apparent T2 of fat, where it cannot be calibrated", 0.15, "s", "mid-range of what is seen in subcutaneous fat",
    "recalled", "fat_t2", field_strength=3.0, sequence="multi-echo spin echo with about 10 ms between echoes",
)  # fmt: skip
#: sd of a median over that of a mean
_MEDIAN = float(np.sqrt(np.pi / 2))


@dataclass(frozen=True)
class Options(multi_echo.TrainOptions):
    """What can be chosen, besides what every fit of a train has."""

    fat_t1: float = option(FAT_T1.number, "T1 of fat", unit="s", low=0.05, high=2.0)
    fat_t2: float | None = option(
        None, "apparent T2 of fat; calibrated on subcutaneous fat where not given", unit="s", low=0.02, high=0.5
    )
    ring_water_t2: float = option(
        _RING_WATER_T2.number, "T2 of the water among the fat it is calibrated on", unit="s", low=0.005, high=0.2
    )
    amplitudes: str = option(
        "non-negative", "whether water and fat may be negative: free amplitudes leave the mean of many voxels unbiased",
        choices=("non-negative", "free"),
    )  # fmt: skip


def simulate(
    truth: Mapping[str, Any], acquisitions: Mapping[str, Acquisition], options: Options
) -> dict[str, np.ndarray]:
    """truth T2 (water, s), FF, B1, S0, optionally T1, FatT2, FatT1 (s), shape (...) -> signal (..., n)."""
    acquisition, b1 = acquisitions["mese"], truth.get("B1", 1.0)
    fat_t2 = truth.get("FatT2", options.fat_t2 or _USUAL_FAT_T2.number)
    water = multi_echo.echo_train(
        acquisition, options, truth.get("T1", options.water_t1), truth["T2"], b1, all_echoes=True, signed=True
    )
    fat = multi_echo.echo_train(
        acquisition, options, truth.get("FatT1", options.fat_t1), fat_t2, b1, all_echoes=True, signed=True
    )
    share, s0 = np.asarray(truth["FF"], float)[..., None], np.asarray(truth["S0"], float)[..., None]
    return {"mese": np.abs(s0 * ((1 - share) * water + share * fat))}


@lru_cache(maxsize=8)
def _model(acquisition: Acquisition, options: Options, fat_t2: float, free: bool) -> SeparableModel:
    water = multi_echo.echo_train(
        acquisition, options, options.water_t1, _T2.nodes[:, None], _B1.nodes[None, :], signed=True
    )
    fat = multi_echo.echo_train(acquisition, options, options.fat_t1, fat_t2, _B1.nodes[None, :], signed=True)
    return SeparableModel([_T2, _B1], [water, fat], nonnegative=not free, branch=("B1", 1.0))


@lru_cache(maxsize=8)
def _fat_model(acquisition: Acquisition, options: Options) -> SeparableModel:
    """Fat of unknown T2 beside the water that adipose tissue and the borders of its ring hold, at muscle's usual T2."""
    fat = multi_echo.echo_train(
        acquisition, options, options.fat_t1, _FAT_T2.nodes[:, None], _B1.nodes[None, :], signed=True
    )
    water = multi_echo.echo_train(
        acquisition, options, options.water_t1, options.ring_water_t2, _B1.nodes[None, :], signed=True
    )
    # water may come out below zero: held at zero it would, in pure fat, be too much on average and the fat's T2 too long
    return SeparableModel([_FAT_T2, _B1], [fat, water], nonnegative=[True, False], branch=("B1", 1.0))


def _unknowns(inputs: Inputs) -> int:
    return 4 - ("B1" in inputs.known)


def calibrate(samples: Mapping[str, Inputs], options: Options) -> Calibration:
    """Fat T2 on the subcutaneous fat (unless given), then the noise level on a sample of all voxels."""
    body = samples["body"]
    fat_t2, reported, assumptions, findings = _calibrate_fat(samples.get("fat"), options)
    inputs = Inputs(body.signals, body.acquisitions, known=body.known, scalars={"fat_t2": fat_t2})
    fit, model, _ = _fit(inputs, options, "gauss")
    noise = multi_echo.pooled_noise(model, fit, _unknowns(body))
    return Calibration({"fat_t2": fat_t2, **noise}, reported, assumptions, findings)


def _calibrate_fat(
    fat: Inputs | None, options: Options
) -> tuple[float, tuple[Scalar, ...], tuple[Assumption, ...], tuple[Finding, ...]]:
    if options.fat_t2 is not None:
        return options.fat_t2, (Scalar(FAT_T2, options.fat_t2, None, "given by the user"),), (), ()
    if fat is not None and len(fat.signals["mese"]) >= BIOMARKER.needs["fat"].min_voxels:  # type: ignore[union-attr]
        acquisition = fat.acquisitions["mese"]
        echoes = multi_echo.selected(acquisition, options.echoes)
        known = {"B1": fat.known["B1"]} if "B1" in fat.known else None
        fit = _fat_model(acquisition, options).fit(fat.signals["mese"][..., echoes], known)
        good = fit.fitted & fit.settled & ~fit.at_bound.any(axis=-1)
        with np.errstate(invalid="ignore", divide="ignore"):
            share = fit.amplitude[..., 0] / fit.amplitude.sum(axis=-1)
        for purest in _PURITY:
            chosen = good & (share >= purest)
            if chosen.sum() >= _FEWEST:
                values = fit.theta[chosen, 0]
                value = float(np.median(values))
                spread = 1.4826 * float(np.median(np.abs(values - value)))
                said = f"median of {int(chosen.sum())} voxels of subcutaneous fat, at least {100 * purest:.0f} % fat"
                sd = _MEDIAN * spread / float(np.sqrt(chosen.sum()))
                return value, (Scalar(FAT_T2, value, sd, said),), (), _doubts(value, spread)
    why = "not enough fat to calibrate on in the region given, or no region; usual value at 3 T with about 10 ms between echoes"
    warning = Finding(
        "warn", "W-FAT-T2", "t2-water", f"the apparent T2 of fat was not measured; {1e3 * _USUAL_FAT_T2.number:.0f} ms is used",
        "give --region fat=MASK or --option fat_t2=SECONDS",
        "water T2 and fat fraction of fatty muscle are biased if this subject's fat differs",
    )  # fmt: skip
    return (
        _USUAL_FAT_T2.number,
        (Scalar(FAT_T2, _USUAL_FAT_T2.number, None, "assumed"),),
        (Assumption("fat_t2", f"{_USUAL_FAT_T2.number:g} s", why, "fat"),),
        (warning,),
    )


def _doubts(fat_t2: float, spread: float) -> tuple[Finding, ...]:
    """A warning where what was taken for fat decays as fast as water may."""
    if fat_t2 > _T2.high:
        return ()
    return (
        Finding(
            "warn", "W-FAT-T2", "t2-water",
            f"the region given as fat has a T2 of {1e3 * fat_t2:.0f} ms (voxels vary by {1e3 * spread:.0f} ms), as water may have",
            "look at where that region lies, or give --option fat_t2=SECONDS",
            "water and fat cannot be told apart by their decay: water T2 and fat fraction are not to be trusted",
        ),
    )  # fmt: skip


def _fit(inputs: Inputs, options: Options, law: Law) -> tuple[SeparableFit, SeparableModel, np.ndarray]:
    acquisition = inputs.acquisitions["mese"]
    echoes = multi_echo.selected(acquisition, options.echoes)
    fat_t2 = inputs.scalars.get("fat_t2", options.fat_t2 or _USUAL_FAT_T2.number)
    model = _model(acquisition, options, float(fat_t2), inputs.averaged or options.amplitudes == "free")
    return multi_echo.fit_train(model, inputs, options, echoes, law, _unknowns(inputs)), model, echoes


def estimate(inputs: Inputs, options: Options) -> Estimate:
    """Water T2, fat fraction, B1 and S0 of signals (..., n)."""
    fit, _, echoes = _fit(inputs, options, multi_echo.law_of(inputs, options.likelihood))
    signals = inputs.signals["mese"][..., echoes]
    water, fat = fit.amplitude[..., 0], fit.amplitude[..., 1]
    total = water + fat
    with np.errstate(invalid="ignore", divide="ignore"):
        share = fat / total
        slope = np.stack([np.zeros_like(share), np.zeros_like(share), -fat / total**2, water / total**2], axis=-1)
    unit = np.eye(4)
    sd = {
        "T2": propagate(fit.covariance, unit[0]),
        "FF": propagate(fit.covariance, slope),
        "B1": propagate(fit.covariance, unit[1]),
        "S0": propagate(fit.covariance, unit[2] + unit[3]),
    }
    settled = multi_echo.reasons(fit)  # a water T2 at its bound says nothing against the fat fraction
    if "B1" in inputs.known:
        settled = multi_echo.not_known(settled, fit, 1, inputs.known["B1"])
    settled = multi_echo.too_few(multi_echo.not_finite(settled, signals), len(echoes), _unknowns(inputs))
    settled[(settled == Reason.OK) & ~(total > 0)] = Reason.NO_SIGNAL
    t2_reason = np.where((settled == Reason.OK) & fit.at_bound[..., 0], Reason.AT_BOUND, settled).astype(np.uint8)
    t2_reason[(settled == Reason.OK) & ~(water > 0)] = Reason.NOT_IDENTIFIABLE
    # a voxel that is mostly "water" at the edge of the range is not described by the model: its fat fraction is no better
    settled[(t2_reason == Reason.AT_BOUND) & (share < 0.5)] = Reason.AT_BOUND
    b1_reason = np.where((settled == Reason.OK) & fit.at_bound[..., 1], Reason.AT_BOUND, settled).astype(np.uint8)
    if "B1" not in inputs.known:
        t2_reason = multi_echo.mark_ambiguous(t2_reason, fit, 0, sd["T2"])
        b1_reason = multi_echo.mark_ambiguous(b1_reason, fit, 1, sd["B1"])
    return Estimate(
        values={"T2": fit.theta[..., 0], "FF": share, "B1": fit.theta[..., 1], "S0": total},
        sd=sd,
        reason={"T2": t2_reason, "FF": settled, "B1": b1_reason, "S0": settled},
        diagnostics={"residual": multi_echo.relative_residual(fit, inputs.signals["mese"], echoes)},
    )


BIOMARKER = Biomarker(
    id="t2-water",
    title="water T2 and fat fraction (two-component EPG)",
    doi=("10.1002/nbm.3459", "10.1002/jmri.26919", "10.1002/mrm.22487"),
    needs={
        "mese": multi_echo.TRAIN_NEED,
        "B1": multi_echo.B1_NEED,
        "fat": RegionNeed("subcutaneous-fat", min_voxels=50),
    },
    gives=(
        Quantity("T2", "water T2", "ms", (0.005, 0.3), "T2map", window=(0.02, 0.06)),
        Quantity("FF", "fat fraction", "%", (-0.15, 1.15), "PDFF", window=(0.0, 1.0)),
        multi_echo.B1,
        multi_echo.S0,
        FAT_T2,
    ),
    simulate=simulate,
    estimate=estimate,
    calibrate=calibrate,
    options=Options,
    typical={"mese": multi_echo.TYPICAL_TRAIN},
    example={"T2": 0.035, "FF": 0.2, "B1": 0.85, "S0": 1000.0},
    # nearer to B1 = 1 the train hardly depends on B1: the bound with B1 free has no meaning there, and fits do better than it
    domain=Domain({"T2": (0.03, 0.045), "FF": (0.15, 0.45), "B1": (0.7, 0.88)}, snr=200.0, quantities=("T2", "FF")),
    caption="Water and fat fitted together to the whole echo train with the extended phase graph: water T2 answers to oedema "
    "and denervation, the fat fraction to replacement by fat.",
    constants=(WATER_T1, FAT_T1, _USUAL_FAT_T2, _RING_WATER_T2),
    exclude=("FF", 0.5),
    prominence=20,
)
