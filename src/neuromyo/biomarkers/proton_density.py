r"""Proton density in percent of a reference tissue, the receive field taken out.

.. math::
    M_0 = \frac{S(TE)\, e^{TE/T_2^*}}{\left|(1-FF)\, f(T_1, B_1) + FF\, g\, \varphi(TE)\right|}, \qquad
    PD = 100\,\% \cdot \frac{M_0}{R(x)\, \bar M_{0,ref}}

from a spoiled gradient echo and what is known of T1, T2*, B1 and fat (f, g: steady states of water and fat), or from an M0 map as it
comes (`mtsat` gives one). R is the receive field, smooth, found in the reference tissues themselves (`neuromyo.fit.receive_field`).

*It is relative*: the reference tissue (muscle, or the fat under the skin) is 100 % by definition, on average. Differences of tissues
from it, and of places from their surroundings, are measured; the density of the reference itself, and changes of it from person to
person or over time, are not. Where a tissue changes smoothly over the whole image, that is taken for the receive field.

*Assumes* perfect spoiling; T1 of muscle where there is no T1 map; no decay before the echo where there are neither several echoes
nor a T2* map. *Breaks* without a reference region: the whole body is then taken for one tissue, and told so.

*Cites* Volz, Noeth and Deichmann, Magn Reson Med 2012;68:74, doi:10.1002/mrm.23206; Mezer et al., Nat Med 2013;19:1667,
doi:10.1038/nm.3390.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from neuromyo.biomarkers._constants import FAT_T1, WATER_T1, spectrum
from neuromyo.core.acquisition import Acquisition, Assumption
from neuromyo.core.biomarker import Biomarker, Estimate, Inputs, MapNeed, RegionNeed, SeriesNeed
from neuromyo.core.errors import Finding
from neuromyo.core.maps import Scalar
from neuromyo.core.options import option
from neuromyo.core.quantity import Quantity
from neuromyo.core.reasons import Reason
from neuromyo.fit.receive_field import ReceiveField, receive_field
from neuromyo.physics import fat, mt_saturation

REFERENCE = Quantity(
    "Reference", "M0 that counts as 100 %", "a.u.", (0.0, float("inf")), "M0map", level="subject", summarised=False
)
#: region roles that can serve as reference
_REGIONS = ("muscle", "fat")
#: voxels that a reference needs
_FEWEST = 100
#: scatter of ln M0 in the reference above which the field is not to be trusted
_ROUGH = 0.2
#: share of fat above which a voxel no longer speaks for muscle
_FATTY = 0.3


@dataclass(frozen=True)
class Options:
    """What can be chosen."""

    reference: str = option("muscle", "tissue that is 100 %", choices=_REGIONS)
    order: int = option(3, "highest degree of the receive field's polynomial; 0 takes it as uniform", low=0, high=6)
    water_t1: float = option(WATER_T1.value, "T1 of water where no map is given", unit="s", low=0.1, high=5.0)
    fat_t1: float = option(FAT_T1.value, "T1 of fat, where a fat fraction map is given", unit="s", low=0.05, high=2.0)
    fat_spectrum: str = option(fat.DEFAULT_SPECTRUM, "peaks of fat", choices=tuple(fat.SPECTRA))
    noise: float | None = option(None, "noise per real channel in image units; gives each voxel its sd", low=0.0)


def simulate(
    truth: Mapping[str, Any], acquisitions: Mapping[str, Acquisition], options: Options
) -> dict[str, np.ndarray]:
    """truth S0 (M0 with the receive field in it), T1 (s), T2star (s) or R2star (1/s), optionally B1, FF, FatT1 (s), shape (...) ->
    magnitudes (..., n)."""
    a = acquisitions["pd"]
    rate = 1 / np.asarray(truth["T2star"], float) if "T2star" in truth else np.asarray(truth.get("R2star", 0.0), float)
    weight = _weight(
        a, options, np.asarray(truth["T1"], float), np.asarray(truth.get("B1", 1.0), float),
        np.asarray(truth.get("FF", 0.0), float), truth.get("FatT1", options.fat_t1),
    )  # fmt: skip
    return {"pd": np.asarray(truth["S0"], float)[..., None] * weight * np.exp(-rate[..., None] * _times(a))}


def _times(a: Acquisition) -> np.ndarray:
    return np.asarray(a.echo_times or (0.0,), dtype=np.float64)


def _weight(
    a: Acquisition, options: Options, t1: np.ndarray, b1: np.ndarray, ff: np.ndarray, fat_t1: Any
) -> np.ndarray:
    """Signal (..., n) of unit M0 at each echo, but for T2*."""
    tip, tr = np.deg2rad((a.flip_angles_deg or (90.0,))[0]) * b1, float(a.repetition_time or np.inf)
    water = mt_saturation.steady(tip, tr, 1 / t1).signal
    lipid = mt_saturation.steady(tip, tr, 1 / np.asarray(fat_t1, float)).signal
    stated = a.echo_times is not None and (a.field_strength is not None or a.imaging_frequency_hz is not None)
    phase = np.ones(len(_times(a)), complex)
    if stated:
        phase = fat.phasor(options.fat_spectrum, _times(a), field_strength=a.field_strength,
                           imaging_frequency_hz=a.imaging_frequency_hz)  # fmt: skip
    return np.abs(((1 - ff) * water)[..., None] + (ff * lipid)[..., None] * phase)


# --- M0 with the receive field in it ----------------------------------------------------------------------------------


def _equilibrium(inputs: Inputs, options: Options) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """M0 (x, y, z), its sd over it, and reasons; slice by slice, since temporaries are in double precision."""
    signals, known, a = inputs.signals["pd"], inputs.known, inputs.acquisitions["pd"]
    shape = signals.shape[:3]
    m0, spread = np.full(shape, np.nan, np.float32), np.full(shape, np.nan, np.float32)
    reason = np.full(shape, Reason.OK, dtype=np.uint8)
    for z in range(shape[2]):
        here = signals[:, :, z].astype(np.float64)
        given = {name: np.asarray(m[:, :, z], float) for name, m in known.items()}
        if "M0" in given:
            m0[:, :, z] = given["M0"]
            reason[:, :, z][~np.isfinite(given["M0"])] = Reason.NOT_KNOWN
        else:
            level, noise = _level(here, given, a, options)
            m0[:, :, z] = level
            spread[:, :, z] = noise
            lacking = np.zeros(shape[:2], dtype=bool)
            for m in given.values():
                lacking |= ~np.isfinite(m)
            reason[:, :, z][lacking] = Reason.NOT_KNOWN
        reason[:, :, z][~(here > 0).all(axis=-1)] = Reason.NO_SIGNAL
        reason[:, :, z][~np.isfinite(here).all(axis=-1)] = Reason.NOT_FINITE
    with np.errstate(invalid="ignore"):
        reason[(reason == Reason.OK) & ~((m0 > 0) & np.isfinite(m0))] = Reason.NOT_IDENTIFIABLE
    return m0, spread, reason


def _level(
    signals: np.ndarray, given: Mapping[str, np.ndarray], a: Acquisition, options: Options
) -> tuple[np.ndarray, np.ndarray]:
    """M0 (x, y) of one slice and its sd over it for the noise given (else NaN).

    Echoes are brought to echo time 0 in logarithms, weighted by the squared signal as a logarithm's noise asks.
    """
    t1 = given.get("T1", np.full(signals.shape[:-1], options.water_t1))
    ff = given.get("FF", np.zeros(signals.shape[:-1]))
    times = _times(a)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        plain = signals / _weight(a, options, t1, given.get("B1", np.ones_like(t1)), ff, options.fat_t1)
        height = np.log(np.where(plain > 0, plain, np.nan))
        weight = signals**2
        total = weight.sum(axis=-1)
        level = (weight * height).sum(axis=-1) / total
        late = (weight * times).sum(axis=-1) / total
        variance = 1 / total
        if "T2star" in given:
            level = level + late / given["T2star"]
        elif len(times) > 1:
            apart = times - late[..., None]
            steep = (weight * apart**2).sum(axis=-1)
            level = level - late * (weight * apart * height).sum(axis=-1) / steep
            variance = variance + late**2 / steep
        sd = (np.nan if options.noise is None else options.noise) * np.sqrt(variance)
        return np.exp(level), sd


# --- the whole image --------------------------------------------------------------------------------------------------


def estimate(inputs: Inputs, options: Options) -> Estimate:
    """PD and the receive field of an image (x, y, z, n)."""
    m0, spread, reason = _equilibrium(inputs, options)
    inside = np.ones(m0.shape, bool) if inputs.mask is None else inputs.mask
    usable = inside & (reason == Reason.OK)
    told: list[Finding] = []
    pd, field = np.full(m0.shape, np.nan, np.float32), np.full(m0.shape, np.nan, np.float32)
    scalars: dict[str, Scalar] = {}
    if usable.any():
        masks, name = _references(inputs, options, usable, told)
        fitted = receive_field(m0, masks, usable, options.order)
        middle = float(np.exp(fitted.levels[0]))
        _spread_out(fitted, usable, m0, middle, pd, field)
        # the field's own mean over the reference belongs to the level, so that the reference is 100 % on average
        mean = float(np.mean(field[masks[0]], dtype=np.float64))
        field /= np.float32(mean)
        error = fitted.scatter / np.sqrt(masks[0].sum())
        scalars["Reference"] = Scalar(
            REFERENCE, middle * mean, middle * mean * error, f"{name}, {int(masks[0].sum())} voxels"
        )
        told += _doubts(fitted)
    with np.errstate(invalid="ignore"):
        sd = {} if options.noise is None or "M0" in inputs.known else {"PD": spread * pd}
    return Estimate({"PD": pd, "RB1": field}, reason, sd, scalars=scalars, findings=tuple(told),
                    assumptions=_assumed(inputs, options))  # fmt: skip


def _references(
    inputs: Inputs, options: Options, usable: np.ndarray, told: list[Finding]
) -> tuple[list[np.ndarray], str]:
    """Masks of the reference tissues, that of 100 % first, and its name."""
    found: dict[str, np.ndarray] = {}
    for role in sorted(_REGIONS, key=lambda r: r != options.reference):
        if role not in inputs.regions:
            continue
        mask = inputs.regions[role] & usable
        if role == "muscle" and "FF" in inputs.known:
            mask &= inputs.known["FF"] < _FATTY
        inner = _eroded(mask, inputs)
        mask = inner if inner.sum() >= _FEWEST else mask
        if mask.sum() >= _FEWEST:
            found[role] = mask
    if not found:
        told.append(Finding(
            "warn", "W-REFERENCE", "proton-density", f"no region of {options.reference} with {_FEWEST} voxels: the whole body is 100 %",
            f"give a region of {options.reference}", "tissues are taken for one, and smooth differences between them for the receive field",
        ))  # fmt: skip
        return [usable], "whole body"
    if options.reference not in found:
        other = next(iter(found))
        told.append(Finding("warn", "W-REFERENCE", "proton-density", f"no region of {options.reference}: {other} is 100 %",
                            f"give a region of {options.reference}, or choose reference = {other}"))  # fmt: skip
    return list(found.values()), next(iter(found))


def _eroded(mask: np.ndarray, inputs: Inputs) -> np.ndarray:
    """One voxel less in-plane, against partial volume."""
    axes = (0, 1) if inputs.grid is None else inputs.grid.in_plane_axes
    cross = np.zeros((3, 3, 3), dtype=bool)
    cross[1, 1, 1] = True
    for axis in axes:
        for step in (0, 2):
            place = [1, 1, 1]
            place[axis] = step
            cross[tuple(place)] = True
    return np.asarray(ndimage.binary_erosion(mask, cross, border_value=1), bool)


def _spread_out(
    fitted: ReceiveField, usable: np.ndarray, m0: np.ndarray, middle: float, pd: np.ndarray, field: np.ndarray
) -> None:
    """Fill PD and the field, slice by slice."""
    for z in range(m0.shape[2]):
        place = np.argwhere(usable[:, :, z])
        if len(place):
            x, y = place.T
            here = fitted(np.column_stack([place, np.full(len(place), z)]))
            field[x, y, z] = here
            pd[x, y, z] = m0[x, y, z] / (here * middle)


def _doubts(fitted: ReceiveField) -> tuple[Finding, ...]:
    if fitted.scatter <= _ROUGH:
        return ()
    message = f"the reference scatters by {100 * fitted.scatter:.0f} % about a smooth field"
    return (
        Finding("warn", "W-RECEIVE", "proton-density: receive field", message,
                "check the reference region and the known maps", "PD is uncertain by as much"),
    )  # fmt: skip


def _assumed(inputs: Inputs, options: Options) -> tuple[Assumption, ...]:
    if "M0" in inputs.known:
        return ()
    made = []
    if "T1" not in inputs.known:
        made.append(
            Assumption(
                "T1",
                f"{options.water_t1:g} s",
                "no T1 map was given; tissues of other T1 err",
                "T1",
            )
        )
    if "B1" not in inputs.known:
        made.append(
            Assumption("B1", "1", "no B1 map was given; PD errs about as B1 does, as far as that is not smooth", "B1")
        )
    if "T2star" not in inputs.known and len(_times(inputs.acquisitions["pd"])) < 2:
        made.append(Assumption("T2star", "infinite", "neither a T2* map nor several echoes were given", "T2star"))
    return tuple(made)


BIOMARKER = Biomarker(
    id="proton-density",
    title="proton density, relative to a reference tissue",
    doi=("10.1002/mrm.23206", "10.1038/nm.3390"),
    needs={
        "pd": SeriesNeed(
            kinds=("MPM", "MTS"),
            required=("flip_angles_deg", "repetition_time"),
            entities=(("flip", "1"), ("mt", "off")),
        ),
        "M0": MapNeed("M0", "a.u.", (0.0, float("inf"))),
        "T1": MapNeed("T1", "ms", (0.05, 6.0)),
        "T2star": MapNeed("T2star", "ms", (0.001, 0.5)),
        "B1": MapNeed("B1", "%", (0.2, 2.0)),
        "FF": MapNeed("FF", "%", (-0.5, 1.5)),
        "muscle": RegionNeed("muscle", min_voxels=_FEWEST),
        "fat": RegionNeed("subcutaneous-fat", min_voxels=_FEWEST),
    },
    gives=(
        Quantity("PD", "proton density relative to the reference tissue", "%", (0.0, 5.0), "PDmap", window=(0.0, 1.5)),
        Quantity(
            "RB1",
            "relative receive field",
            "%",
            (0.0, 20.0),
            "RB1map",
            window=(0.3, 1.7),
            datatype="fmap",
            summarised=False,
        ),
        REFERENCE,
    ),
    simulate=simulate,
    estimate=estimate,
    options=Options,
    scope="image",
    typical={
        "pd": Acquisition(
            echo_times=(0.0023, 0.0046, 0.0069), repetition_time=0.03, flip_angles_deg=(6.0,), field_strength=3.0
        )
    },
    example={"S0": 1000.0, "T1": 1.4, "T2star": 0.028},
    bias_table="docs/accuracy/proton_density.md",
    caption="Proton density relative to a reference tissue, which is 100 % by definition; the receive field was found in it.",
    constants=(WATER_T1, FAT_T1, *spectrum()),
)
