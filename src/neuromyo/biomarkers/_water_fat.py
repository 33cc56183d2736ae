"""What `pdff` does to a whole image: the sense of precession, the readout's phase, the field, the fit, T1 weights, reasons, findings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neuromyo.biomarkers._constants import FAT_T1, WATER_T1, spectrum
from neuromyo.core.acquisition import Acquisition, Assumption
from neuromyo.core.constant import Constant
from neuromyo.core.errors import Finding, OptionError, ProtocolError
from neuromyo.core.options import option
from neuromyo.core.reasons import Reason
from neuromyo.fit import fat_lines, readout_phase
from neuromyo.fit import field_map as fields
from neuromyo.fit.precession import Evidence, precession_sign
from neuromyo.fit.uncertainty import pool_variance
from neuromyo.fit.water_fat import FIELD, R2STAR, RE_F, RE_W, amplitude_sd, fat_fraction, fat_fraction_sd, separate
from neuromyo.physics import fat as fat_physics

QUANTITIES = ("FF", "R2star", "B0", "W", "F")
_BLOCK = 8192
#: towards which other published spectrum a subject's fat may lie
_RIVAL = {"hamilton-6": "ren-marrow", "hamilton-9": "ren-marrow", "ren-marrow": "hamilton-6"}
#: voxels asked about it
_ASKED = 24000
#: a sum of water and fat below this many of its own standard deviations is no signal
_SEEN = 3.0
#: log likelihood below which another field fits as well (95 % for one degree of freedom)
_EQUAL = 1.92
#: share of ambiguous voxels that is worth a word
_MANY = 0.02
#: R2* of muscle, held where three echoes cannot tell it
_USUAL_R2STAR = 40.0


@dataclass(frozen=True)
class Options:
    """What can be chosen."""

    fat_spectrum: str | tuple[float, ...] = option(
        fat_physics.DEFAULT_SPECTRUM, "spectrum of fat", choices=tuple(fat_physics.SPECTRA),
        open_choice="a JSON file of pairs [shift from water in 1e-6, amplitude]",
    )  # fmt: skip
    adapt_spectrum: str = option(
        "auto", "whether fat's spectrum may move towards another published one where the subject's fat clearly says so",
        choices=("auto", "off"),
    )  # fmt: skip
    water_shift_ppm: float = option(
        0.0, "how much faster water is than the spectrum has it: about 0.01 per degree below 37 Celsius", unit="1e-6", low=-0.5,
        high=0.5,
    )  # fmt: skip
    precession_sign: int | None = option(
        None, "+1 or -1: sense in which phase turns with frequency; told from the fat where not given", low=-1, high=1
    )
    readout: str = option(
        "auto", "whether all echoes are read in one direction (unipolar) or to and fro (bipolar), which shifts their phases by turns",
        choices=("auto", "unipolar", "bipolar"),
    )  # fmt: skip
    t1_weighting: str = option(
        "correct", "whether the different saturation of water and fat is undone", choices=("correct", "leave")
    )
    water_t1: float = option(WATER_T1.number, "T1 of muscle water", unit="s", low=0.1, high=5.0)
    fat_t1: float = option(FAT_T1.number, "T1 of fat", unit="s", low=0.05, high=2.0)
    r2star: float | None = option(
        None,
        "R2* where it is to be held; fitted where not given, and 40 with three echoes",
        unit="1/s",
        low=0.0,
        high=1000.0,
    )
    field_range: float = option(
        1000.0, "how far fields are sought where echoes are unevenly spaced", unit="Hz", low=50.0, high=5000.0
    )
    noise: str | float = option(
        "estimate", "noise per real channel in image units, or 'estimate' from the residuals of all voxels", low=0.0,
        choices=("estimate",),
    )  # fmt: skip


CONSTANTS = (
    *spectrum(),
    WATER_T1,
    FAT_T1,
    Constant("shift of water from where the spectrum has it", 0.0, "1e-6", "body temperature, as the spectra were measured",
             "convention", "water_shift_ppm", sequence="any"),
    Constant("R2* where three echoes cannot tell it", _USUAL_R2STAR, "1/s", "about that of muscle", "assumed", "r2star",
             field_strength=3.0, sequence="gradient echoes"),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Found:
    """Maps over (x, y, z) by quantity, and what is to be told."""

    values: dict[str, np.ndarray]
    sd: dict[str, np.ndarray]
    reason: dict[str, np.ndarray]
    residual: np.ndarray
    sign: int
    sign_source: str
    findings: tuple[Finding, ...] = ()
    assumptions: tuple[Assumption, ...] = ()


@dataclass
class _Said:
    """What is to be told, gathered on the way."""

    findings: list[Finding] = field(default_factory=list)
    assumptions: list[Assumption] = field(default_factory=list)

    def warn(self, code: str, message: str, remedy: str = "", consequence: str = "", level: str = "warn") -> None:
        self.findings.append(Finding(level, code, "pdff", message, remedy, consequence))


def weight(acquisition: Acquisition, t1: Any) -> Any:
    r"""Signal of a spoiled gradient echo over equilibrium, :math:`\sin\alpha\,(1 - E_1) / (1 - E_1 \cos\alpha)`; 1 where repetition
    time or flip angle are not stated. t1 : s, (...)."""
    if not _can_weigh(acquisition):
        return np.ones(np.shape(t1))
    assert acquisition.flip_angles_deg is not None and acquisition.repetition_time is not None
    angle = np.deg2rad(acquisition.flip_angles_deg[0])
    e1 = np.exp(-acquisition.repetition_time / np.asarray(t1, dtype=np.float64))
    return np.sin(angle) * (1 - e1) / (1 - e1 * np.cos(angle))


def _can_weigh(acquisition: Acquisition) -> bool:
    flips = acquisition.flip_angles_deg
    return bool(flips and len(set(flips)) == 1 and 0 < flips[0] < 180 and acquisition.repetition_time)


def whole_image(
    signals: np.ndarray, acquisition: Acquisition, mask: np.ndarray | None, spacing_mm: Sequence[float], options: Options,
    threads: int, progress: Callable[[float], None],
) -> Found:  # fmt: skip
    """Water-fat separation of complex ``signals`` (x, y, z, n), echoes in ascending order."""
    said = _Said()
    times = np.asarray(acquisition.echo_times, dtype=np.float64)
    _require(acquisition, times, options)
    usable = fields.finite_voxels(signals)
    finite = usable if mask is None else usable & mask
    plus = fat_physics.phasor(
        options.fat_spectrum, times, field_strength=acquisition.field_strength,
        imaging_frequency_hz=acquisition.imaging_frequency_hz, water_shift_ppm=options.water_shift_ppm,
    )  # fmt: skip
    sigma = options.noise if not isinstance(options.noise, str) else None
    rate = _held_rate(len(times), options, said)
    sign, source = _sense(signals, times, plus, finite, acquisition, options, sigma, rate, said)
    progress(0.05)
    phasor = plus if sign > 0 else plus.conj()
    theta = _readout(signals, times, phasor, finite, spacing_mm, sign, options, threads, said)
    progress(0.15)
    chosen = fields.field_map(
        signals, times, phasor, finite, spacing_mm, precession_sign=sign, field_range_hz=options.field_range, sigma=sigma,
        theta=theta, r2star=rate,
        threads=threads, progress=lambda share: progress(0.15 + 0.55 * share),
    )  # fmt: skip
    phasor = _own_fat(signals, acquisition, phasor, finite, chosen, theta, rate, sign, options, said)
    weights = _weights(acquisition, options, said)
    columns = _fit(signals, times, phasor, finite, chosen, theta, rate, sign, weights, threads)
    progress(0.95)
    found = _mapped(columns, chosen, finite, mask, signals, sigma, fields.spare(len(times), rate))
    _doubts(found, chosen, finite, said)
    return Found(
        **found, sign=sign, sign_source=source, findings=tuple(said.findings), assumptions=tuple(said.assumptions)
    )


def _require(acquisition: Acquisition, times: np.ndarray, options: Options) -> None:
    if acquisition.field_strength is None and acquisition.imaging_frequency_hz is None:
        raise ProtocolError("E-NEEDS", where="pdff, gre", needed="the field strength or the imaging frequency",
                            found="neither in the sidecar", remedy="add MagneticFieldStrength or ImagingFrequency")  # fmt: skip
    if len(np.unique(times)) < len(times) or len(times) < 3:
        raise ProtocolError("E-PROTOCOL", where="pdff, gre", needed="at least three different echo times",
                            found=", ".join(f"{1e3 * t:.2f}" for t in times) + " ms", remedy="check the sidecars")  # fmt: skip
    if options.precession_sign == 0:
        raise OptionError(
            "E-OPTION", where="option precession_sign", needed="+1 or -1", found="0", remedy="give one of them"
        )


def _held_rate(echoes: int, options: Options, said: _Said) -> float | None:
    """R2* in 1/s where it is not fitted."""
    if options.r2star is not None or echoes > 3:
        return options.r2star
    why = "three echoes cannot tell R2* beside water, fat and field"
    said.assumptions.append(Assumption("r2star", f"{_USUAL_R2STAR:g} 1/s", why, "gre"))
    return _USUAL_R2STAR


# --- what holds for the whole image -----------------------------------------------------------------------------------


def _sense(
    signals: np.ndarray, times: np.ndarray, plus: np.ndarray, mask: np.ndarray, acquisition: Acquisition, options: Options,
    sigma: float | None, rate: float | None, said: _Said,
) -> tuple[int, str]:  # fmt: skip
    """The sense of precession and where it is from. What the data clearly say counts; a user's word counts above all."""
    inferred, evidence = precession_sign(
        signals, times, plus, mask, field_range_hz=options.field_range, sigma=sigma, r2star=rate
    )
    told = _told(inferred, evidence)
    given = options.precession_sign or acquisition.precession_sign
    who = "given by the user" if options.precession_sign else "stated in the files"
    if given is None:
        if not evidence.decided:
            said.warn("W-PRECESSION", f"the data do not tell the sense of precession ({told}); +1 is assumed",
                      "give --option precession_sign=1 or -1", "a wrong sense exchanges water and fat in places", )  # fmt: skip
            said.assumptions.append(Assumption("precession_sign", "+1", f"the data do not tell: {told}", "gre"))
            return 1, "assumed"
        said.warn("N-PRECESSION", f"sense of precession {inferred:+d}, {told}", level="note")
        return inferred, f"from the fat's spectrum ({told})"
    if evidence.decided and inferred != given:
        if options.precession_sign:
            said.warn("W-PRECESSION", f"the sense of precession {given:+d} {who} is used against the data ({told})",
                      "leave the option precession_sign out", "water and fat are probably exchanged in places")  # fmt: skip
            return given, who
        said.warn("W-PRECESSION", f"the sense of precession {given:+d} {who} contradicts the data; {inferred:+d} is used ({told})",
                  "check how phase was converted; --option precession_sign=... overrules", "none, if the data are right")  # fmt: skip
        return inferred, f"from the fat's spectrum ({told}), against {given:+d} {who}"
    if not evidence.decided:
        said.warn("N-PRECESSION", f"sense of precession {given:+d} {who}; the data do not tell ({told})", level="note")
    return given, f"{who}; {told}"


def _told(sign: int, evidence: Evidence) -> str:
    return f"log likelihood {evidence.log_likelihood:.3g} for {sign:+d} over {evidence.voxels} voxels, {evidence.z:.1f} standard errors"


def _readout(
    signals: np.ndarray, times: np.ndarray, phasor: np.ndarray, mask: np.ndarray, spacing_mm: Sequence[float], sign: int,
    options: Options, threads: int, said: _Said,
) -> np.ndarray | None:  # fmt: skip
    """(x, y, z) rad by which echoes read to and fro differ, or None."""
    if options.readout == "unipolar":
        return None
    theta = readout_phase.estimate(signals, times, phasor, mask, spacing_mm, precession_sign=sign, threads=threads)
    if theta is None:
        return None
    size = float(np.sqrt(np.mean(theta[mask].astype(np.float64) ** 2)))
    if options.readout == "auto" and size < readout_phase.NEGLIGIBLE:
        return None
    said.warn("N-BIPOLAR", f"phases of odd and even echoes differ by {np.rad2deg(2 * size):.1f} degrees (rms), which is taken out",
              level="note")  # fmt: skip
    return theta


def _own_fat(
    signals: np.ndarray, acquisition: Acquisition, phasor: np.ndarray, mask: np.ndarray, chosen: fields.FieldMap,
    theta: np.ndarray | None, rate: float | None, sign: int, options: Options, said: _Said,
) -> np.ndarray:  # fmt: skip
    """The signal of the subject's own fat (n,): the chosen spectrum's, unless its fat clearly differs from that."""
    name = options.fat_spectrum
    if options.adapt_spectrum == "off" or not isinstance(name, str) or name not in _RIVAL or not mask.any():
        return phasor
    rival, times = _RIVAL[name], np.asarray(acquisition.echo_times, dtype=np.float64)
    other = fat_physics.phasor(
        rival, times, field_strength=acquisition.field_strength, imaging_frequency_hz=acquisition.imaging_frequency_hz,
        precession_sign=sign, water_shift_ppm=options.water_shift_ppm,
    )  # fmt: skip
    order = np.flatnonzero(mask)
    order = order[np.linspace(0, len(order) - 1, min(len(order), _ASKED)).round().astype(int)]
    turn = 0.0 if theta is None else theta.ravel()[order]
    samples = signals.reshape(-1, signals.shape[-1])[order]
    moved = fat_lines.between(
        samples, times, phasor, other, chosen.field_hz.ravel()[order], precession_sign=sign, theta=turn, r2star=rate
    )
    if moved.share:
        said.warn("N-SPECTRUM", f"the subject's fat lies {100 * moved.share:.0f} % of the way from the spectrum {name} to {rival} "
                  f"(chi-square falls by {moved.chi_square:.3g} over {moved.voxels} voxels), and is taken so",
                  "--option adapt_spectrum=off keeps the spectrum", level="note")  # fmt: skip
    return phasor + moved.share * (other - phasor)


def _weights(acquisition: Acquisition, options: Options, said: _Said) -> tuple[float, float]:
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
    signals: np.ndarray, times: np.ndarray, phasor: np.ndarray, mask: np.ndarray, chosen: fields.FieldMap, theta: np.ndarray | None,
    rate: float | None, sign: int, weights: tuple[float, float], threads: int,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Every voxel of ``mask`` (m,): values and their sd for unit noise, residuals, and what did not go well."""
    order = np.flatnonzero(mask)
    flat, start = signals.reshape(-1, signals.shape[-1]), chosen.field_hz.ravel()
    turn = None if theta is None else theta.ravel()
    out = {name: np.empty(len(order), np.float32) for q in QUANTITIES for name in (q, f"{q} sd")}
    out |= {"rss": np.empty(len(order), np.float32), "state": np.empty(len(order), np.uint8)}
    scale = np.array([1.0, 1.0, 1 / weights[0], 1 / weights[0], 1 / weights[1], 1 / weights[1]])

    def work(part: slice) -> None:
        here = order[part]
        fit = separate(
            flat[here],
            times,
            phasor,
            start[here],
            40.0 if rate is None else rate,
            precession_sign=sign,
            theta=0.0 if turn is None else turn[here],
            hold_r2star=rate is not None,
        )
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
    columns: dict[str, np.ndarray], chosen: fields.FieldMap, finite: np.ndarray, mask: np.ndarray | None, signals: np.ndarray,
    sigma: float | None, dof: int,
) -> dict[str, Any]:  # fmt: skip
    """Columns (m,) as images, with their sd for the noise there is, and reasons."""
    state, echoes = columns["state"], signals.shape[-1]
    noise = _noise(columns["rss"], state == Reason.OK, dof, sigma)
    total = np.abs(columns["W"].astype(np.float64) + columns["F"])
    seen = total > _SEEN * np.hypot(columns["W sd"], columns["F sd"]) * noise / np.sqrt(2)
    reason = np.where(~(total > 0) | ~seen, np.uint8(Reason.NO_SIGNAL), state)
    doubtful = (reason == Reason.OK) & (chosen.confidence[finite] < _EQUAL)
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
        "reason": dict.fromkeys(QUANTITIES, image),
        "residual": spread(residual),
    }


def _noise(rss: np.ndarray, good: np.ndarray, dof: int, sigma: float | None) -> np.ndarray | float:
    """Noise per real channel of each voxel (m,): given, or what all residuals say, moderated by the voxel's own."""
    if sigma is not None:
        return sigma
    level = pool_variance(rss[good].astype(np.float64) / dof, dof)
    if not np.isfinite(level.dof):
        return level.sigma
    return np.sqrt((level.dof * level.sigma**2 + rss.astype(np.float64)) / (level.dof + dof))


def _doubts(found: dict[str, Any], chosen: fields.FieldMap, finite: np.ndarray, said: _Said) -> None:
    reason = found["reason"]["FF"][finite]
    share = float((reason == Reason.AMBIGUOUS).mean()) if reason.size else 0.0
    if share > _MANY:
        said.warn("W-SWAP", f"in {100 * share:.0f} % of the voxels another field fits as well",
                  "look at the fat fraction for parts that are exchanged", "water and fat may be exchanged there")  # fmt: skip
