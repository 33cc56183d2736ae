"""What `pdff` does to a whole image once the field is known (`_separation`): the fit, T1 weights, reasons, findings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from neuromyo.biomarkers import _fat_weight
from neuromyo.biomarkers import _separation as separation
from neuromyo.biomarkers._constants import FAT_T1, WATER_T1
from neuromyo.core.acquisition import Acquisition, Assumption
from neuromyo.core.errors import Finding
from neuromyo.core.maps import Scalar
from neuromyo.core.reasons import Reason, keeps_value
from neuromyo.fit import field_map as fields
from neuromyo.fit.uncertainty import pool_variance
from neuromyo.fit.water_fat import FIELD, R2STAR, RE_F, RE_W, amplitude_sd, fat_fraction, fat_fraction_sd
from neuromyo.physics.relaxation import spoiled_gradient_echo

QUANTITIES = ("FF", "R2star", "B0", "W", "F")
_BLOCK = 8192
#: a sum of water and fat below this many of its own standard deviations is no signal
_SEEN = 3.0
#: share of ambiguous voxels that is worth a word
_MANY = 0.02


@dataclass(frozen=True)
class Options(separation.Options):
    """What can be chosen."""

    t1_weighting: str = _fat_weight.weighting_option()
    water_t1: float = _fat_weight.water_t1_option()
    fat_t1: float = _fat_weight.fat_t1_option()


CONSTANTS = (*separation.CONSTANTS, WATER_T1, FAT_T1)


@dataclass(frozen=True, eq=False)
class Found:
    """Maps over (x, y, z) by quantity, and what is to be told."""

    values: dict[str, np.ndarray]
    sd: dict[str, np.ndarray]
    reason: dict[str, np.ndarray]
    residual: np.ndarray
    sign: int
    sign_source: str
    double_bonds: Scalar | None = None
    findings: tuple[Finding, ...] = ()
    assumptions: tuple[Assumption, ...] = ()


def weight(acquisition: Acquisition, t1: Any) -> Any:
    r"""Signal of a spoiled gradient echo over equilibrium, :math:`\sin\alpha\,(1 - E_1) / (1 - E_1 \cos\alpha)`; 1 where repetition
    time or flip angle are not stated. t1 : s, (...)."""
    if not _can_weigh(acquisition):
        return np.ones(np.shape(t1))
    assert acquisition.flip_angles_deg is not None and acquisition.repetition_time is not None
    return spoiled_gradient_echo(acquisition.flip_angles_deg[:1], t1, acquisition.repetition_time)[..., 0]


def _can_weigh(acquisition: Acquisition) -> bool:
    flips = acquisition.flip_angles_deg
    return bool(flips and len(set(flips)) == 1 and 0 < flips[0] < 180 and acquisition.repetition_time)


def whole_image(
    signals: np.ndarray, acquisition: Acquisition, mask: np.ndarray | None, spacing_mm: Sequence[float], options: Options,
    threads: int, progress: Callable[[float], None],
) -> Found:  # fmt: skip
    """Water-fat separation of complex ``signals`` (x, y, z, n), echoes in ascending order."""
    said = separation.Said("pdff")
    known = separation.prepare(
        signals, acquisition, mask, spacing_mm, options, said, threads, lambda share: progress(0.7 * share)
    )
    weights = _weights(acquisition, options, said)
    columns = _fit(signals, acquisition, known, weights, threads)
    progress(0.95)
    found = _mapped(columns, known, mask, signals)
    _doubts(found, known, said)
    return Found(
        **found,
        sign=known.sign,
        sign_source=known.sign_source,
        double_bonds=known.double_bonds,
        findings=tuple(said.findings),
        assumptions=tuple(said.assumptions),
    )


def _weights(acquisition: Acquisition, options: Options, said: separation.Said) -> tuple[float, float]:
    """T1 weights of water and fat; 1 and 1 where they are left or cannot be told."""
    if options.t1_weighting == "leave":
        said.warn("N-T1", "the fat fraction is not corrected for T1, as asked", level="note")
        return 1.0, 1.0
    if not _can_weigh(acquisition):
        example = acquisition.with_(repetition_time=acquisition.repetition_time or 0.012, flip_angles_deg=(10.0,))
        ratio = float(weight(example, options.fat_t1) / weight(example, options.water_t1))
        seen = 100 * 0.1 * ratio / (0.1 * ratio + 0.9)
        said.warn(
            "W-T1", "the fat fraction is weighted by T1: repetition time or flip angle are not stated", "add RepetitionTime and FlipAngle "
            "to the sidecars", f"at 10 degrees and {1e3 * (example.repetition_time or 0):.0f} ms, 10 % fat would read {seen:.1f} %",
        )  # fmt: skip
        why = "repetition time or flip angle are not stated, so that the saturation of water and fat cannot be undone"
        said.assumptions.append(Assumption("t1_weighting", "equal for water and fat", why, "gre"))
        return 1.0, 1.0
    if acquisition.field_strength is not None and abs(acquisition.field_strength - 3.0) > 0.3:
        said.warn("N-T1", f"T1 of water and fat are those of 3 T, not of {acquisition.field_strength:g} T",
                  "give water_t1 and fat_t1", level="note")  # fmt: skip
    return float(weight(acquisition, options.water_t1)), float(weight(acquisition, options.fat_t1))


# --- voxels -----------------------------------------------------------------------------------------------------------


def _fit(
    signals: np.ndarray, acquisition: Acquisition, known: separation.Known, weights: tuple[float, float], threads: int
) -> dict[str, np.ndarray]:
    """Every voxel of ``known.where`` (m,): values and their sd for unit noise, residuals, and what did not go well."""
    order = np.flatnonzero(known.where)
    flat, phasor = signals.reshape(-1, signals.shape[-1]), known.phasor(acquisition)
    out = {name: np.empty(len(order), np.float32) for q in QUANTITIES for name in (q, f"{q} sd")}
    out |= {"rss": np.empty(len(order), np.float32), "state": np.empty(len(order), np.uint8)}
    scale = np.array([1.0, 1.0, 1 / weights[0], 1 / weights[0], 1 / weights[1], 1 / weights[1]])

    def work(part: slice) -> None:
        here = order[part]
        fit = known.fit(flat[here], acquisition, phasor, here)
        spread = fit.covariance * scale[:, None] * scale
        water, fat = fit.water / weights[0], fit.fat / weights[1]
        total = water + fat
        with np.errstate(invalid="ignore", divide="ignore"):
            unit = total.conj() / np.abs(total)
        out["FF"][part], out["FF sd"][part] = fat_fraction(water, fat), fat_fraction_sd(water, fat, spread)
        out["R2star"][part], out["B0"][part] = fit.r2star, fit.field_hz
        for name, k in (("R2star", R2STAR), ("B0", FIELD)):
            out[f"{name} sd"][part] = np.sqrt(np.maximum(spread[:, k, k], 0))
        for name, amplitude, k in (("W", water, RE_W), ("F", fat, RE_F)):
            out[name][part], out[f"{name} sd"][part] = (amplitude * unit).real, amplitude_sd(spread, total, k)
        out["rss"][part] = fit.rss
        out["state"][part] = np.where(
            fit.at_bound, Reason.AT_BOUND, np.where(fit.converged, Reason.OK, Reason.NO_CONVERGENCE)
        )

    with ThreadPoolExecutor(max_workers=max(1, threads)) as pool:
        list(pool.map(work, fields.blocks(order, _BLOCK)))
    return out


def _mapped(
    columns: dict[str, np.ndarray], known: separation.Known, mask: np.ndarray | None, signals: np.ndarray
) -> dict[str, Any]:
    """Columns (m,) as images, with their sd for the noise there is, and reasons."""
    finite, state, echoes = known.where, columns["state"], signals.shape[-1]
    noise = _noise(columns["rss"], state == Reason.OK, fields.spare(echoes, known.rate), known.sigma)
    total = np.abs(columns["W"].astype(np.float64) + columns["F"])
    seen = total > _SEEN * np.hypot(columns["W sd"], columns["F sd"]) * noise / np.sqrt(2)
    reason = np.where(~(total > 0) | ~seen, np.uint8(Reason.NO_SIGNAL), state)
    doubtful = (reason == Reason.OK) & (known.field.confidence[finite] < separation.EQUAL)
    reason = np.where(doubtful, np.uint8(Reason.AMBIGUOUS), reason)
    image = np.full(finite.shape, Reason.NOT_FINITE, np.uint8)
    rest = np.flatnonzero(~finite if mask is None else mask & ~finite)
    silent = (signals.reshape(-1, echoes)[rest] == 0).all(axis=-1)
    image.ravel()[rest[silent]] = Reason.NO_SIGNAL
    if mask is not None:
        image[~mask] = Reason.MASKED
    image[finite] = reason

    def spread(column: np.ndarray) -> np.ndarray:
        whole = np.full(finite.shape, np.nan, np.float32)
        whole[finite] = column
        return whole

    with np.errstate(invalid="ignore", divide="ignore"):
        residual = np.sqrt(columns["rss"] / echoes) / np.abs(signals[..., 0][finite])
    return {
        "values": {q: spread(columns[q]) for q in QUANTITIES},
        "sd": {q: spread(columns[f"{q} sd"] * noise) for q in QUANTITIES},
        "reason": dict.fromkeys(QUANTITIES, image) | ({} if known.rate is None else {"R2star": _unmeasured(image)}),
        "residual": spread(residual),
    }


def _unmeasured(reason: np.ndarray) -> np.ndarray:
    """The reasons of a quantity that was held and not measured."""
    return np.where(keeps_value(reason), np.uint8(Reason.NOT_IDENTIFIABLE), reason)


def _noise(rss: np.ndarray, good: np.ndarray, dof: int, sigma: float | None) -> np.ndarray | float:
    """Noise per real channel of each voxel (m,): given, or what all residuals say, moderated by the voxel's own."""
    if sigma is not None:
        return sigma
    level = pool_variance(rss[good].astype(np.float64) / dof, dof)
    if not np.isfinite(level.dof):
        return level.sigma
    return np.sqrt((level.dof * level.sigma**2 + rss.astype(np.float64)) / (level.dof + dof))


def _doubts(found: dict[str, Any], known: separation.Known, said: separation.Said) -> None:
    reason = found["reason"]["FF"][known.where]
    share = float((reason == Reason.AMBIGUOUS).mean()) if reason.size else 0.0
    if share > _MANY:
        said.warn("W-SWAP", f"in {100 * share:.0f} % of the voxels another field fits as well",
                  "look at the fat fraction for parts that are exchanged", "water and fat may be exchanged there")  # fmt: skip
