r"""The nerve protocol in one pass: T1, proton density, T2*, MTR, MTsat and fat fraction from three multi-echo gradient echoes.

A small angle without (pd) and with (mt) an MT pulse, and a larger angle (t1), each with several complex echoes. In each series s,

.. math::
    S_{s,n} = e^{i\phi_s} \left[ W_s + F_s\, c_n \right] e^{2\pi i \psi_s t_n - R_2^* t_n}, \qquad
    W_s = A_w\, f_s(R_{1w}, \delta), \quad F_s = A_f\, f_s(R_{1f}, 0)

with the exact steady states f of `neuromyo.physics.mt_saturation`. Water and fat are told apart first, over the whole image; then the
water's amplitudes alone give its R1 and A (pd against t1, B1 in both angles), the share :math:`\delta` that each MT pulse takes (mt), and
:math:`MTR = 1 - W_{mt}/W_{pd}`; the fat's give :math:`A_f` at a known T1. So

* T1, MTsat and MTR are those of water: fat, which has no MT effect and a short T1, is not in them;
* :math:`FF = A_f / (A_w + A_f)` is free of T1 weighting, and :math:`PD = A_w + A_f` is at echo time 0 (where there is too little water to
  tell its T1, as in fat, the :math:`A_w` of these two leans on a usual T1, by as much as the measured one is uncertain);
* all echoes of all series share one R2*.

PD carries the receive field: `proton-density` corrects for that. MTsat is brought to nominal B1 as in `mtsat`.

*Assumes* registered series of one scale, one R2* for water and fat, perfect spoiling. *Breaks* without phase images (use `mtsat`);
water's values where there is little water (above about 80 % of fat).

*Cites* Chen, Haacke and Li, F1000Research 2019;8:1803, doi:10.12688/f1000research.19695.1; Helms et al., Magn Reson Med 2008;60:1396,
doi:10.1002/mrm.21732; Chen et al., Magn Reson Imaging 2018;46:130, doi:10.1016/j.mri.2017.10.009 (STAGE).
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from neuromyo.biomarkers import _mt_model as mt_model
from neuromyo.biomarkers import _own_fat
from neuromyo.biomarkers import _separation as separation
from neuromyo.biomarkers import _stage_model as stage_model
from neuromyo.biomarkers._constants import FAT_T1, WATER_T1
from neuromyo.core.acquisition import Acquisition, Assumption
from neuromyo.core.biomarker import Biomarker, Domain, Estimate, Inputs, MapNeed, SeriesNeed
from neuromyo.core.errors import OptionError, ProtocolError
from neuromyo.core.options import option
from neuromyo.core.quantity import Quantity
from neuromyo.core.reasons import Reason
from neuromyo.fit.field_map import blocks, finite_voxels
from neuromyo.fit.separable import NoiseLevel
from neuromyo.fit.uncertainty import pool_variance
from neuromyo.fit.water_fat import FIELD, WaterFat
from neuromyo.physics import fat
from neuromyo.physics.mt_saturation import steady

#: the series, in the order of the fused amplitudes
PD, T1W, MT = ROLES = ("pd", "t1", "mt")
#: voxels a call of the vectorised algebra; bounds the memory, not the bits
_BLOCK = 2048
#: T1 (s) that a voxel may have; beyond, the three signals fit nothing real
_T1 = (0.05, 6.0)
#: sd of the logarithm of the water's T1 from tissue to tissue: 1 to 2 s is within one
_USUAL_SPREAD = 0.35


@dataclass(frozen=True)
class Options(mt_model.PulseOptions, separation.Options):
    """What can be chosen."""

    fat_t1: float = option(FAT_T1.number, "T1 of fat", unit="s", low=0.05, high=2.0)
    water_t1: float = option(
        WATER_T1.number, "usual T1 of water, leant on for PD and fat fraction where there is too little water to tell", unit="s",
        low=0.1, high=5.0,
    )  # fmt: skip


# --- the signal -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Contrast:
    """One series: angle (rad), repetition time and gap after its MT pulse (s), its acquisition with echoes in ascending order, and
    that order."""

    role: str
    tip: float
    time: float
    gap: float
    acquisition: Acquisition
    order: np.ndarray

    def signals(self, inputs: Inputs) -> np.ndarray:
        """(..., n) complex, echoes in ascending order."""
        found = inputs.signals[self.role]
        return found if (np.diff(self.order) > 0).all() else found[..., self.order]


def _contrasts(acquisitions: Mapping[str, Acquisition], options: Options) -> list[_Contrast]:
    """What the acquisitions say; E-PROTOCOL where angles do not allow an estimate."""
    found = []
    for role in ROLES:
        a = acquisitions[role]
        angles = tuple(a.flip_angles_deg or ())
        gap, time = options.saturation_gap if role == MT else 0.0, float(a.repetition_time or 0.0)
        if len(set(angles)) != 1 or not 0 < angles[0] < 180:
            raise ProtocolError("E-PROTOCOL", where=f"stage-mt, {role}: flip angle", needed="one angle for all echoes",
                                found=", ".join(f"{v:g}" for v in angles) or "none",
                                remedy="give each angle as a series of its own")  # fmt: skip
        if not 0 <= gap < time:
            raise OptionError("E-OPTION", where="option saturation_gap", needed=f"less than the repetition time ({time:g} s)",
                              found=f"{gap:g} s", remedy="give the time from the MT pulse to the readout")  # fmt: skip
        order = np.argsort(np.asarray(a.echo_times), kind="stable")
        in_order = a.select(tuple(int(i) for i in order))
        found.append(_Contrast(role, float(np.deg2rad(angles[0])), time, gap, in_order, order))
    if abs(found[0].tip - found[1].tip) < 0.02 * found[0].tip:
        raise ProtocolError("E-PROTOCOL", where="stage-mt, t1: flip angle", needed="another angle than that of pd",
                            found=f"{np.rad2deg(found[1].tip):g} degrees in both",
                            remedy="T1 needs two angles; check the sidecars")  # fmt: skip
    return found


def simulate(
    truth: Mapping[str, Any], acquisitions: Mapping[str, Acquisition], options: Options
) -> dict[str, np.ndarray]:
    """truth T1 (s, of water), M0, MTsat (at nominal B1), FF, R2star (1/s) or T2star (s), optionally B1, B0 (Hz), FatT1 (s),
    shape (...) -> complex signals (..., n) of each series."""
    decay = truth["R2star"] if "R2star" in truth else 1 / np.asarray(truth["T2star"], float)
    names = ("M0", "T1", "MTsat", "FF")
    given = [truth[n] for n in names] + [decay, truth.get("B1", 1.0), truth.get("B0", 0.0)]
    given.append(truth.get("FatT1", options.fat_t1))
    m0, t1, taken, share, decay, b1, b0, fat_t1 = np.broadcast_arrays(*(np.asarray(v, float) for v in given))
    taken = taken / mt_model.to_nominal(b1, options)
    out = {}
    for c in _contrasts(acquisitions, options):
        a = acquisitions[c.role]
        sign, times = options.precession_sign or a.precession_sign or 1, np.asarray(a.echo_times, dtype=np.float64)
        phasor = fat.phasor(_own_fat.start(options.fat_spectrum), times, field_strength=a.field_strength, precession_sign=sign,
                            imaging_frequency_hz=a.imaging_frequency_hz, water_shift_ppm=options.water_shift_ppm)  # fmt: skip
        tip = c.tip * b1
        water = (1 - share) * steady(tip, c.time, 1 / t1, taken if c.role == MT else 0.0, c.gap).signal
        lipid = share * steady(tip, c.time, 1 / fat_t1).signal
        turn = np.exp((2j * np.pi * sign * b0 - decay)[..., None] * times)
        out[c.role] = m0[..., None] * (water[..., None] + lipid[..., None] * phasor) * turn
    return out


# --- the estimate -----------------------------------------------------------------------------------------------------


def estimate(inputs: Inputs, options: Options) -> Estimate:
    """All maps from complex signals (x, y, z, n) of the three series."""
    shape = inputs.signals[PD].shape[:-1]
    contrasts, said = _contrasts(inputs.acquisitions, options), separation.Said("stage-mt")
    usable = np.ones(shape, dtype=bool) if inputs.mask is None else inputs.mask.copy()
    for role in ROLES:
        usable &= finite_voxels(inputs.signals[role])
    assert inputs.grid is not None
    known = separation.prepare(
        contrasts[0].signals(inputs), contrasts[0].acquisition, usable, inputs.grid.spacing_mm, options, said, inputs.threads,
        lambda share: inputs.progress(0.5 * share),
    )  # fmt: skip
    where = np.flatnonzero(known.where)
    columns = _columns(inputs, contrasts, known, where, options)
    if "B1" not in inputs.known:
        said.assumptions.append(Assumption(
            "B1", "1", "no B1 map was given; T1 then errs by about twice, and MTsat by as much as, what B1 errs by", "B1"))  # fmt: skip
    reason = columns.pop("reason").astype(np.uint8).reshape(shape)
    shaped = {n: v.reshape(shape) for n, v in columns.items()}
    return Estimate(
        {n: shaped[n] for n in _VALUES},
        _reasons(reason, shaped, inputs, held=known.rate is not None),
        {n: shaped[f"sd {n}"] for n in _VALUES},
        {"residual": shaped["residual"]},
        scalars=known.scalars(),
        findings=tuple(said.findings),
        assumptions=tuple(said.assumptions),
    )


_VALUES = ("T1", "PD", "T2star", "MTR", "MTsat", "FF", "B0")


def _reasons(reason: np.ndarray, shaped: Mapping[str, np.ndarray], inputs: Inputs, held: bool) -> dict[str, np.ndarray]:
    """Each quantity's own reasons: water of which there is too little for a T1 spoils neither PD nor fat fraction."""
    out = {n: reason.copy() for n in _VALUES}
    b1 = np.asarray(inputs.known.get("B1", 1.0), float)
    unknown = np.broadcast_to(~(np.isfinite(b1) & (b1 > 0)), reason.shape)
    fine = (reason == Reason.OK) | (reason == Reason.AMBIGUOUS)
    with np.errstate(invalid="ignore"):
        t1_out = ~((shaped["T1"] >= _T1[0]) & (shaped["T1"] <= _T1[1]))
    for name in ("T1", "MTsat"):
        out[name][fine & t1_out] = Reason.NOT_IDENTIFIABLE
    for name in ("T1", "MTsat", "PD", "FF"):
        out[name][fine & unknown] = Reason.NOT_KNOWN
    for name in ("MTR", "PD", "FF"):
        out[name][(out[name] == Reason.OK) & ~np.isfinite(shaped[name])] = Reason.NOT_IDENTIFIABLE
    if held:  # R2* was not measured
        out["T2star"][fine] = Reason.NOT_IDENTIFIABLE
    return out


def _columns(
    inputs: Inputs, contrasts: list[_Contrast], known: separation.Known, where: np.ndarray, options: Options
) -> dict[str, np.ndarray]:
    """Values, sds, relative residuals and reasons of all voxels, flat; ``where`` are those to be estimated."""
    size = known.where.size
    out = {n: np.full(size, np.nan, np.float32) for n in (*_VALUES, *(f"sd {n}" for n in _VALUES), "residual")}
    out["reason"] = np.full(size, Reason.NOT_FINITE, dtype=np.float32)
    voxels = _Voxels(inputs, contrasts, known, options)
    level = voxels.noise(where)
    pieces = list(blocks(where, _BLOCK))

    def work(part: slice) -> None:
        here = where[part]
        for name, column in voxels.estimate(here, level).items():
            out[name][here] = column

    with ThreadPoolExecutor(max_workers=max(1, inputs.threads)) as pool:
        for number, _ in enumerate(pool.map(work, pieces), 1):
            inputs.progress(0.5 + 0.5 * number / len(pieces))
    return out


@dataclass(frozen=True, eq=False)
class _Voxels:
    """The three series, and what is known of the whole image."""

    inputs: Inputs
    contrasts: list[_Contrast]
    known: separation.Known
    options: Options

    def separated(self, here: np.ndarray) -> list[WaterFat]:
        """Water and fat of each series in the voxels ``here`` (flat), each with a field of its own near the common one."""
        parts = []
        for c in self.contrasts:
            signals = c.signals(self.inputs)
            samples = signals.reshape(-1, signals.shape[-1])[here]
            parts.append(self.known.fit(samples, c.acquisition, self.known.phasor(c.acquisition), here))
        return parts

    def noise(self, where: np.ndarray) -> NoiseLevel:
        """The noise of one channel, from what the fits of a sample of voxels leave over."""
        if not isinstance(self.options.noise, str):
            return NoiseLevel.known(self.options.noise)
        if not len(where):
            return NoiseLevel()
        sample = where[np.linspace(0, len(where) - 1, min(len(where), 4096)).round().astype(int)]
        parts = self.separated(sample)
        dof = sum(p.dof for p in parts)
        return pool_variance(np.sum([p.rss for p in parts], axis=0) / dof, float(dof)) if dof > 0 else NoiseLevel()

    def estimate(self, here: np.ndarray, level: NoiseLevel) -> dict[str, np.ndarray]:
        """Values, sds, residuals and reasons of the voxels ``here``, (m,) each."""
        parts = self.separated(here)
        rss, dof = np.sum([p.rss for p in parts], axis=0), sum(p.dof for p in parts)
        fused = stage_model.fuse(parts)
        pd = self.inputs.signals[PD]
        b1 = np.broadcast_to(np.asarray(self.inputs.known.get("B1", 1.0), float), pd.shape[:-1]).ravel()[here]
        amplitudes = np.concatenate([fused.water, fused.fat, fused.r2star[:, None]], axis=1)
        pooled = np.isinf(level.dof)
        with np.errstate(invalid="ignore", divide="ignore"):
            variance = 0 * rss + level.sigma**2 if pooled else (level.dof * level.sigma**2 + rss) / (level.dof + dof)
            solve = _Solver.of(self.contrasts, b1, self.options, fused, variance)
            values = solve(amplitudes)
            sd = _propagated(solve, amplitudes, fused.covariance * variance[:, None, None])
            values["B0"] = parts[0].field_hz
            sd["B0"] = np.sqrt(parts[0].covariance[:, FIELD, FIELD] * variance)
            first = np.abs(self.contrasts[0].signals(self.inputs)[..., 0].ravel()[here])
            samples = sum(2 * len(c.order) for c in self.contrasts)
            residual = np.sqrt(rss / samples) / first
        reason = np.full(len(here), Reason.OK, dtype=np.uint8)
        reason[self.known.field.confidence.ravel()[here] < separation.EQUAL] = Reason.AMBIGUOUS
        reason[~np.all([p.converged for p in parts], axis=0)] = Reason.NO_CONVERGENCE
        reason[np.any([p.at_bound for p in parts], axis=0)] = Reason.AT_BOUND
        return {**values, **{f"sd {n}": v for n, v in sd.items()}, "residual": residual, "reason": reason}


@dataclass(frozen=True, eq=False)
class _Solver:
    """Fused amplitudes (m, 7) of (water of each series, fat of each series, R2*) -> quantities (m,).

    share : how much the water's own T1 counts beside the usual one, for PD and fat fraction
    """

    contrasts: list[_Contrast]
    b1: np.ndarray
    options: Options
    share: np.ndarray

    @staticmethod
    def of(
        contrasts: list[_Contrast], b1: np.ndarray, options: Options, fused: stage_model.Fused, variance: Any
    ) -> _Solver:
        """With the share that the amplitudes' covariance (for unit noise) and the noise ``variance`` (m,) leave to T1."""
        tips, times = (contrasts[0].tip * b1, contrasts[1].tip * b1), (contrasts[0].time, contrasts[1].time)
        rate, _ = stage_model.relaxation(fused.water[:, 0], fused.water[:, 1], tips, times)
        spread = fused.covariance[:, :2, :2] * variance[:, None, None]
        share = stage_model.trusted(fused.water[:, :2], spread, tips, times, rate, _USUAL_SPREAD)
        return _Solver(contrasts, b1, options, share)

    def __call__(self, amplitudes: np.ndarray) -> dict[str, np.ndarray]:
        pd, t1w, mt = self.contrasts
        tips, times = [c.tip * self.b1 for c in self.contrasts], [c.time for c in self.contrasts]
        water, lipid, decay = amplitudes[:, :3], amplitudes[:, 3:6], amplitudes[:, 6]
        rate, alone = stage_model.relaxation(water[:, 0], water[:, 1], (tips[0], tips[1]), (pd.time, t1w.time))
        taken = stage_model.saturation(water[:, 2], alone, tips[2], mt.time, rate, mt.gap)
        of_fat = stage_model.equilibrium(lipid, tips, times, 1 / self.options.fat_t1)
        leant = stage_model.believed(rate, np.where(np.isfinite(rate), self.share, 0.0), 1 / self.options.water_t1)
        of_water = stage_model.equilibrium(water[:, :2], tips[:2], times[:2], leant)
        with np.errstate(invalid="ignore", divide="ignore"):
            # the mt series may have an angle or repetition time of its own: compare with the same without its pulse
            unsaturated = alone * steady(tips[2], mt.time, rate).signal
            return {
                "T1": 1 / rate,
                "PD": of_water + of_fat,
                "T2star": 1 / decay,
                "MTR": 1 - water[:, 2] / unsaturated,
                "MTsat": taken * mt_model.to_nominal(self.b1, self.options),
                "FF": of_fat / (of_water + of_fat),
            }


def _propagated(solve: _Solver, amplitudes: np.ndarray, covariance: np.ndarray) -> dict[str, np.ndarray]:
    """First-order sds of all quantities by central differences in each amplitude."""
    with np.errstate(invalid="ignore"):
        scale = np.abs(amplitudes[:, :3]).max(axis=1)
    slopes: dict[str, list[np.ndarray]] = {}
    for i in range(amplitudes.shape[1]):
        step = 1e-5 * (scale if i < 6 else np.maximum(np.abs(amplitudes[:, 6]), 1.0))
        up, down = amplitudes.copy(), amplitudes.copy()
        up[:, i] += step
        down[:, i] -= step
        high, low = solve(up), solve(down)
        for name in high:
            with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
                slopes.setdefault(name, []).append((high[name] - low[name]) / (2 * step))
    out = {}
    for name, columns in slopes.items():
        by = np.stack(columns, axis=1)
        with np.errstate(invalid="ignore", over="ignore"):
            out[name] = np.sqrt(np.maximum(np.einsum("mp,mpq,mq->m", by, covariance, by), 0.0))
    return out


# --- the declaration --------------------------------------------------------------------------------------------------


def _need(flip: str, mt: str) -> SeriesNeed:
    return SeriesNeed(kinds=("MPM", "MTS"), part="complex", min_volumes=3,
                      required=("echo_times", "flip_angles_deg", "repetition_time", "field_strength"),
                      entities=(("flip", flip), ("mt", mt)))  # fmt: skip


def _typical(flip_deg: float, **more: Any) -> Acquisition:
    return Acquisition(echo_times=tuple(0.00115 + 0.00098 * k for k in range(6)), repetition_time=0.025,
                       flip_angles_deg=(flip_deg,), field_strength=3.0, **more)  # fmt: skip


BIOMARKER = Biomarker(
    id="stage-mt",
    title="T1, PD, T2*, MTR, MTsat and fat fraction in one pass",
    doi=("10.12688/f1000research.19695.1", "10.1002/mrm.21732", "10.1016/j.mri.2017.10.009"),
    needs={
        "pd": _need("1", "off"),
        "t1": _need("2", "off"),
        "mt": _need("1", "on"),
        "B1": MapNeed("B1", "%", (0.2, 2.0)),
    },
    gives=(
        Quantity("T1", "T1 of water", "ms", _T1, "T1map", window=(0.0, 2.5)),
        Quantity(
            "MTsat", "magnetisation transfer saturation of water", "%", (-0.05, 0.25), "MTsat", window=(0.0, 0.05)
        ),
        Quantity("MTR", "magnetisation transfer ratio of water", "%", (-0.5, 1.0), "MTRmap", window=(0.0, 0.6)),
        Quantity("FF", "fat fraction, free of T1 weighting", "%", (-0.15, 1.15), "PDFF", window=(0.0, 1.0)),
        Quantity("T2star", "T2*", "ms", (0.001, 1.0), "T2starmap", window=(0.0, 0.06)),
        Quantity(
            "PD",
            "protons of water and fat, receive field not corrected",
            "a.u.",
            (0.0, float("inf")),
            "PDmap",
            summarised=False,
        ),
        Quantity(
            "B0",
            "off-resonance",
            "Hz",
            (-3000.0, 3000.0),
            "fieldmap",
            datatype="fmap",
            window=(-300.0, 300.0),
            summarised=False,
        ),
        _own_fat.DOUBLE_BONDS,
    ),
    simulate=simulate,
    estimate=estimate,
    options=Options,
    scope="image",
    noise="complex",
    typical={
        "pd": _typical(6.0, mt_on=(False,)),
        "t1": _typical(24.0, mt_on=(False,)),
        "mt": _typical(6.0, mt_on=(True,), mt_offset_hz=2000.0, mt_flip_angle_deg=220.0),
    },
    example={"T1": 1.4, "M0": 1000.0, "MTsat": 0.02, "FF": 0.1, "R2star": 35.0, "B0": 20.0},
    domain=Domain(
        {"T1": (0.8, 1.6), "MTsat": (0.01, 0.03), "FF": (0.0, 0.3), "R2star": (25.0, 45.0)},
        snr=100.0,
        quantities=("T1", "MTsat", "FF"),
    ),
    provides=("FF", "B0"),
    exclude=("FF", 0.5),
    exclude_from=("T1", "MTsat", "MTR"),
    caption="Water and fat apart in three multi-echo gradient echoes, then the water's T1, MT saturation and MT ratio from exact "
    "steady states, and a fat fraction free of T1 weighting.",
    constants=(mt_model.B1_RESIDUAL, FAT_T1, WATER_T1, *separation.CONSTANTS),
    prominence=15,
)
