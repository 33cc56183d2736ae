r"""Diffusion tensor: how freely water moves, and along what.

.. math:: S_i = S_0\, e^{-b_i\, g_i^T D g_i}

D from magnitudes under gradients g_i (RAS world frame) and b-values b_i; from it mean diffusivity MD, axial AD (along the
fibres), radial RD (across them), fractional anisotropy FA and the axis V1. ``wls`` is the two-step weighted fit of the
logarithms, ``nlls`` the fit of the magnitudes, ``robust`` the latter without outlying samples (pulsation, dropped slices).
``likelihood = rician`` puts the noise floor into the latter two. Standard deviations are first-order propagation.

All b-values are used unless told otherwise. Muscle is commonly scanned with one shell of 400 to 600 s/mm2 and b = 0: leaving
out b = 0 would leave nothing to compare with. Where there are more shells, ``b_min = 200`` keeps perfusion out of D, and
``b_max`` keeps out what lies at the noise floor.

*Assumes* one tensor a voxel, fat suppressed, volumes registered. *Breaks* where perfusion lifts MD (b below 200 s/mm2), where fat
is left (give a fat fraction map: voxels over ``fat_fraction_limit`` are left out), at low signal (FA rises with noise), and for
the sd of FA and V1 where FA is near 0. A table of gradients turned against the image changes V1 alone; it is looked for
afterwards, in how fibres run on.

*Cites* Basser, Mattiello and LeBihan, J Magn Reson B 1994;103:247, doi:10.1006/jmrb.1994.1037; Salvador et al., Hum Brain Mapp
2005;24:144, doi:10.1002/hbm.20076; Chang, Jones and Pierpaoli, Magn Reson Med 2005;53:1088, doi:10.1002/mrm.20426; Oudeman et
al., J Magn Reson Imaging 2016;43:773, doi:10.1002/jmri.25016 (muscle).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from neuromyo.biomarkers._gradient_check import review
from neuromyo.core.acquisition import Acquisition
from neuromyo.core.biomarker import (
    Biomarker,
    Calibration,
    Domain,
    Estimate,
    Inputs,
    MapNeed,
    RegionNeed,
    SeriesNeed,
)
from neuromyo.core.constant import Constant
from neuromyo.core.errors import OptionError, ProtocolError
from neuromyo.core.options import option
from neuromyo.core.quantity import Quantity
from neuromyo.core.reasons import Reason
from neuromyo.fit import tensor_kernel
from neuromyo.fit.separable import NoiseLevel
from neuromyo.fit.tensor import METHODS, TensorFit, TensorModel
from neuromyo.fit.tensor_numbers import numbers_of
from neuromyo.fit.uncertainty import pool_variance
from neuromyo.physics.diffusion import COMPONENTS, tensor_signal

_PER_MM2 = 1e6
_SCALARS = ("FA", "MD", "AD", "RD")
#: an eigenvalue has to attenuate the strongest weighting by more than this share to count as positive
_POSITIVE = 1e-6
#: ln S0 beyond what an image can hold
_LARGEST_LOG = 80.0
#: voxels darker than this share of bright tissue do not tell the noise
_DARK = 0.1
_REASONS = {tensor_kernel.NOT_POSITIVE: Reason.NO_SIGNAL, tensor_kernel.SINGULAR: Reason.NOT_IDENTIFIABLE,
            tensor_kernel.UNSETTLED: Reason.NO_CONVERGENCE, tensor_kernel.FEW: Reason.TOO_FEW_POINTS}  # fmt: skip
FAT_LIMIT, OUTLIER_LIMIT = 0.5, 3.0


@dataclass(frozen=True)
class Options:
    """What can be chosen."""

    method: str = option("wls", "weighted least squares of logarithms, nonlinear least squares of magnitudes, or the latter "
                         "without outliers", choices=METHODS)  # fmt: skip
    likelihood: str = option("least-squares", "plain least squares, or magnitudes with their noise floor (rician; nlls and "
                             "robust)", choices=("least-squares", "rician"))  # fmt: skip
    b_min: float = option(0.0, "leave out volumes of lower b (perfusion)", unit="s/mm2", low=0.0, high=1e5)
    b_max: float | None = option(None, "leave out volumes of higher b", unit="s/mm2", low=0.0, high=1e5)
    outlier_limit: float = option(OUTLIER_LIMIT, "robust: leave out samples further off than this many sigma", low=1.0)
    fat_fraction_limit: float = option(
        FAT_LIMIT, "no value where a known fat fraction is above this", low=0.0, high=1.0
    )
    noise: str | float = option(
        "estimate", "noise per real channel in image units, or 'estimate' from the residuals of all voxels", low=0.0,
        choices=("estimate",),
    )  # fmt: skip


def simulate(
    truth: Mapping[str, Any], acquisitions: Mapping[str, Acquisition], options: Options
) -> dict[str, np.ndarray]:
    """truth Dxx, Dyy, Dzz, Dxy, Dxz, Dyz (m2/s, RAS world frame) and S0, shape (...) -> magnitudes (..., n)."""
    a = acquisitions["dwi"]
    assert a.b_values is not None and a.b_vectors is not None
    parts = [np.asarray(truth["D" + c], dtype=np.float64) for c in COMPONENTS]
    tensor = np.stack(np.broadcast_arrays(*parts), axis=-1)
    return {"dwi": tensor_signal(truth["S0"], tensor, a.b_values, a.b_vectors)}


@lru_cache(maxsize=16)
def _model(acquisition: Acquisition, b_min: float, b_max: float | None) -> tuple[np.ndarray, TensorModel]:
    """Indices of the volumes used, in an order of their own, and what they measure."""
    b, g = np.asarray(acquisition.b_values), np.asarray(acquisition.b_vectors)
    order = np.lexsort((g[:, 2], g[:, 1], g[:, 0], b))
    shells = np.round(b[order] / _PER_MM2, 6)
    chosen = order[(shells >= b_min) & (shells <= (np.inf if b_max is None else b_max))]
    model = TensorModel(tuple(b[chosen].tolist()), tuple((float(x), float(y), float(z)) for x, y, z in g[chosen]))
    if not len(chosen) or not model.determined:
        found = f"{len(chosen)} volumes that leave some of them open"
        raise ProtocolError("E-GRAD", where="dti", needed="volumes that determine six components and S0: two b-values (one may "
                            "be 0) and six directions that are not all on one cone", found=found,
                            remedy="check the bval and bvec files, and the options b_min and b_max")  # fmt: skip
    return chosen, model


def _fit(inputs: Inputs, options: Options, level: NoiseLevel) -> tuple[TensorFit, TensorModel, np.ndarray]:
    """The fit, the model, and the samples used (..., n). A region's mean signal keeps the floor of its voxels."""
    if options.method == "wls" and options.likelihood == "rician":
        raise OptionError("E-OPTION", where="option likelihood", needed="method nlls or robust beside rician", found="wls",
                          remedy="logarithms have no noise floor; choose another method")  # fmt: skip
    chosen, model = _model(inputs.acquisitions["dwi"], options.b_min, options.b_max)
    signals = np.take(inputs.signals["dwi"], chosen, axis=-1)
    method, floored = options.method, options.likelihood == "rician"
    if inputs.averaged:
        method, floored = ("nlls" if level.sigma > 0 else method), True
    floor = level.sigma if floored and method != "wls" else 0.0
    judge = 0.0 if inputs.averaged else level.sigma
    return model.fit(signals, method, floor=floor, sigma=judge, limit=options.outlier_limit), model, signals


def calibrate(samples: Mapping[str, Inputs], options: Options) -> Calibration:
    """The noise level, from the residuals of a sample of voxels; the dark ones say nothing of it."""
    if not isinstance(options.noise, str):
        return Calibration()
    fit, model, _ = _fit(samples["body"], options, NoiseLevel())
    dof = float(len(model.b_values) - tensor_kernel.UNKNOWNS)
    good = np.isfinite(fit.variance) & np.isfinite(fit.log_S0)
    if dof <= 0 or not good.any():
        return Calibration()
    bright = fit.log_S0 > np.quantile(fit.log_S0[good], 0.98) + np.log(_DARK)
    level = pool_variance(fit.variance[good & bright], dof)
    return Calibration({"sigma": level.sigma, "sigma_dof": level.dof})


def _level(inputs: Inputs, options: Options) -> NoiseLevel:
    if not isinstance(options.noise, str):
        return NoiseLevel.known(options.noise)
    return NoiseLevel(inputs.scalars.get("sigma", 0.0), inputs.scalars.get("sigma_dof", 0.0))


def _variance(fit: TensorFit, level: NoiseLevel, averaged: bool) -> np.ndarray:
    """(...) squared noise that the sd rest on: known, pooled with the voxel's own, or the residual of a region's mean."""
    if averaged or level.dof <= 0:
        return fit.variance
    if np.isinf(level.dof):
        return np.full(fit.rss.shape, level.sigma**2)
    spare = np.maximum(fit.used - tensor_kernel.UNKNOWNS, 0)
    return (np.where(spare > 0, fit.rss, 0.0) + level.dof * level.sigma**2) / (spare + level.dof)


def estimate(inputs: Inputs, options: Options) -> Estimate:
    """FA, MD, AD, RD, D, V1 and S0 of magnitudes (..., n)."""
    level = _level(inputs, options)
    fit, model, signals = _fit(inputs, options, level)
    lead = fit.state.shape
    variance = _variance(fit, level, inputs.averaged)
    numbers = numbers_of(fit.tensor.reshape(-1, 6), fit.inverse.reshape(-1, *fit.inverse.shape[-2:]), variance.ravel())
    believable = (numbers.smallest * model.scale > _POSITIVE).reshape(lead) & (fit.log_S0 < _LARGEST_LOG)
    reason = _reasons(fit, believable, signals, inputs.known.get("FF"), options)
    with np.errstate(invalid="ignore", over="ignore"):
        s0 = np.exp(fit.log_S0)
        s0_sd = s0 * np.sqrt(variance * fit.inverse[..., 6, 6])
        residual = np.sqrt(fit.rss / fit.used) / s0
    kept = reason == Reason.OK
    if not kept.all():
        for part in (numbers.values, numbers.sd, numbers.V1):
            part[~kept.ravel()] = np.nan
        fit.tensor[~kept] = np.nan
        s0, s0_sd, residual = (np.where(kept, v, np.nan) for v in (s0, s0_sd, residual))
    values = {name: numbers.values[:, i].reshape(lead) for i, name in enumerate(_SCALARS)}
    sd = {name: numbers.sd[:, i].reshape(lead) for i, name in enumerate(_SCALARS)}
    values |= {"S0": s0, "D": fit.tensor, "V1": numbers.V1.reshape(*lead, 3)}
    left_out = np.where(kept, 1.0 - fit.used / len(model.b_values), np.nan)
    return Estimate(values, reason, sd | {"S0": s0_sd}, {"residual": residual, "left out": left_out})


def _reasons(
    fit: TensorFit, believable: np.ndarray, signals: np.ndarray, fat: np.ndarray | None, options: Options
) -> np.ndarray:
    """(...) one reason for all quantities."""
    reason = np.full(fit.state.shape, Reason.OK, dtype=np.uint8)
    reason[~believable] = Reason.IMPLAUSIBLE
    for state, why in _REASONS.items():
        reason[fit.state == state] = why
    if fat is not None:
        reason[~(fat <= options.fat_fraction_limit)] = Reason.NOT_KNOWN
    odd = fit.state == tensor_kernel.NOT_POSITIVE
    reason[odd] = np.where(np.isfinite(signals[odd]).all(axis=-1), reason[odd], Reason.NOT_FINITE)
    return reason


def _directions(n: int) -> tuple[tuple[float, float, float], ...]:
    """``n`` axes spread evenly over half a sphere, on a spiral."""
    z = (np.arange(n) + 0.5) / n
    turn = np.pi * (3 - np.sqrt(5)) * np.arange(n)
    rim = np.sqrt(1 - z * z)
    return tuple(
        (float(a), float(b), float(c)) for a, b, c in zip(rim * np.cos(turn), rim * np.sin(turn), z, strict=True)
    )


def _diffusivity(name: str, title: str, window: tuple[float, float]) -> Quantity:
    return Quantity(name, title, "10^-3 mm2/s", (0.0, 6e-9), name, window=window, datatype="dwi")


BIOMARKER = Biomarker(
    id="dti",
    title="diffusion tensor",
    doi=("10.1006/jmrb.1994.1037", "10.1002/hbm.20076", "10.1002/mrm.20426", "10.1002/jmri.25016"),
    needs={
        "dwi": SeriesNeed(kinds=("dwi",), min_volumes=7, required=("b_values", "b_vectors")),
        "FF": MapNeed("FF", "%", (-0.5, 1.5)),
        "muscle": RegionNeed("muscle"),
        "nerve": RegionNeed("nerve"),
    },
    gives=(
        Quantity("FA", "fractional anisotropy", "1", (0.0, 1.0), "FA", window=(0.0, 0.6), datatype="dwi"),
        _diffusivity("MD", "mean diffusivity", (0.0, 3e-9)),
        _diffusivity("AD", "axial diffusivity", (0.0, 3e-9)),
        _diffusivity("RD", "radial diffusivity", (0.0, 3e-9)),
        Quantity("D", "diffusion tensor", "10^-3 mm2/s", (-6e-9, 6e-9), "tensor", datatype="dwi", rank="tensor",
                 summarised=False),
        Quantity("V1", "fibre axis", "1", (-1.0, 1.0), "V1", datatype="dwi", rank="vector", summarised=False),
        Quantity("S0", "signal without diffusion weighting", "a.u.", (0.0, float("inf")), "S0map", datatype="dwi",
                 summarised=False),
    ),
    simulate=simulate,
    estimate=estimate,
    calibrate=calibrate,
    review=review,
    options=Options,
    typical={
        "dwi": Acquisition(
            b_values=(0.0, 0.0, 0.0, *[5e8] * 24), b_vectors=((0.0, 0.0, 0.0),) * 3 + _directions(24),
            echo_times=(0.055,), repetition_time=4.0,
        )
    },
    example={"Dxx": 1.25e-9, "Dyy": 1.35e-9, "Dzz": 2.05e-9, "Dxy": 3e-11, "Dxz": 1.8e-10, "Dyz": -1.2e-10, "S0": 1000.0,
             "FF": 0.05},
    domain=Domain(
        {"Dzz": (1.95e-9, 2.3e-9), "Dxz": (1e-10, 2.5e-10), "Dxx": (1.15e-9, 1.3e-9)}, snr=40.0, quantities=(*_SCALARS, "S0")
    ),
    constants=(
        Constant("fat fraction above which a voxel's diffusion is not reported", FAT_LIMIT, "1",
                 "half of the voxel, as for water T2; residual fat has almost no diffusion and pulls MD down", "convention",
                 "fat_fraction_limit", sequence="fat-suppressed diffusion-weighted EPI"),
        Constant("residual at which a sample is an outlier, in sigma", OUTLIER_LIMIT, "1",
                 "Chang et al. 2005 (RESTORE)", "recalled", "outlier_limit", doi="10.1002/mrm.20426",
                 sequence="diffusion-weighted EPI"),
    ),
    caption="Mobility of water along and across the fibres of muscle and nerve, and their direction.",
)  # fmt: skip
