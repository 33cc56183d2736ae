r"""The signals of `mtsat`: spoiled gradient echoes of water, saturated or not, with fat beside it, and their slopes.

.. math:: S_{c,e} = A \left| (1 - FF)\, f_c(R_1, \delta) + FF\, g_c\, \varphi(TE_e) \right| e^{-R_2^* TE_e}

for contrast c (without pulse, with pulse, second angle) and echo e: f is the exact steady state of
`neuromyo.physics.mt_saturation`, g that of fat, which has no bound pool and a known T1, and :math:`\varphi` the phase of its peaks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from neuromyo.core.acquisition import Acquisition
from neuromyo.core.constant import Constant
from neuromyo.core.errors import OptionError, ProtocolError
from neuromyo.core.options import option
from neuromyo.fit import saturation_kernel as kernel
from neuromyo.fit.saturation_kernel import Fitted, Spoiled
from neuromyo.physics import fat, mt_saturation

PD, T1W, MT = "pd", "t1", "mt"
ROLES = (PD, T1W, MT)
#: where iterations may start
_RATES, _TAKEN = (0.1, 20.0), (-0.1, 0.6)
#: echo times this far apart (s) count as one
_SAME_TIME = 5e-5
_USUAL_RATE = 1 / 1.4
#: a large change of ln A, ln R1, delta, R2*
_LARGE = np.array([1.0, 1.0, 0.1, 100.0])


B1_RESIDUAL = Constant(
    "C of the MT pulse's residual B1 dependence", 0.29, "1",
    "two-pool simulation of muscle (physics/exchange) under a Gaussian pulse of 500 degrees, 10 ms, 1.2 kHz, TR 30 ms, "
    "fitted over B1 0.7 to 1.3; 0.4 in the brain (Helms, Proc ISMRM 2015;23:3360)",
    "derived", "b1_constant", field_strength=3.0, sequence="MT-prepared spoiled gradient echo",
)  # fmt: skip


@dataclass(frozen=True)
class PulseOptions:
    """What can be chosen about the MT pulse."""

    b1_residual: str = option(
        "residual", "how MTsat is brought to nominal B1: B1 squared with a residual, the square alone, or not at all",
        choices=("residual", "square", "none"),
    )  # fmt: skip
    b1_constant: float = option(B1_RESIDUAL.number, "C of the residual B1 dependence", low=-1.0, high=0.7)
    saturation_gap: float = option(0.0, "time from the MT pulse to the readout", unit="s", low=0.0, high=0.1)


def to_nominal(b1: np.ndarray, options: PulseOptions) -> np.ndarray:
    """MTsat at nominal B1 over that at ``b1``."""
    if options.b1_residual == "none":
        return np.ones_like(b1)
    c = options.b1_constant if options.b1_residual == "residual" else 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(c * b1 < 1, (1 - c) / (1 - c * b1) / b1**2, np.nan)


@dataclass(frozen=True)
class Contrast:
    """One series: nominal angle (rad), repetition time, echo times (s, ascending; zeros where they cancel), the order of its
    volumes by echo time, the phase of fat at each."""

    role: str
    tip: float
    repetition_time: float
    times: np.ndarray
    order: np.ndarray
    phasor: np.ndarray
    gap: float


@dataclass(frozen=True)
class Layout:
    """All series. ``decays``: echoes tell R2*, so that A is at echo time 0; else it holds the decay to the common echo.
    ``fat_phase_known``: field and echo times were stated, so that the phase of fat is known; else it is taken in phase."""

    contrasts: tuple[Contrast, ...]
    decays: bool
    fat_phase_known: bool

    @property
    def samples(self) -> int:
        return sum(len(c.times) for c in self.contrasts)

    @property
    def unknowns(self) -> int:
        return 3 + self.decays

    @cached_property
    def scan(self) -> Spoiled:
        """All series as the compiled fit takes them."""
        times, fats = (np.concatenate([getattr(c, name) for c in self.contrasts]) for name in ("times", "phasor"))
        columns = [[getattr(c, name) for c in self.contrasts] for name in ("tip", "repetition_time", "gap")]
        first = np.cumsum([0] + [len(c.times) for c in self.contrasts])
        tips, repetition_times, gaps = (np.array(column, dtype=np.float64) for column in columns)
        return Spoiled(tips, repetition_times, gaps, first, times.astype(np.float64), np.real(fats).copy(), np.imag(fats).copy(),
                       _LARGE[: self.unknowns].copy())  # fmt: skip

    def gather(self, signals: Mapping[str, np.ndarray]) -> np.ndarray:
        """Samples (..., n) of all series, each by rising echo time, in double precision."""
        return np.concatenate([signals[c.role][..., c.order].astype(np.float64) for c in self.contrasts], axis=-1)


def layout(acquisitions: Mapping[str, Acquisition], options: Any) -> Layout:
    """What the acquisitions say; E-PROTOCOL where angles or echo times do not allow an estimate."""
    many = {role: len(acquisitions[role].echo_times or ()) > 1 for role in ROLES}
    decays = any(many.values()) and options.echoes == "extrapolate"
    contrasts, phases = [], []
    for role in ROLES:
        a = acquisitions[role]
        times, order = _echoes(role, a, many[role], options.echoes)
        phase = _phasor(a, options.fat_spectrum, times) if a.echo_times is not None else None
        phases.append(phase is not None)
        stated = np.ones(len(order), complex) if phase is None else phase
        gap = options.saturation_gap if role == MT else 0.0
        contrasts.append(Contrast(role, _angle(role, a), _repetition(a, gap), times, order, stated, gap))
    pd, t1w, _ = contrasts
    if abs(pd.tip - t1w.tip) < 0.02 * pd.tip:
        raise ProtocolError("E-PROTOCOL", where="mtsat, t1: flip_angles_deg", needed="another angle than that of pd",
                            found=f"{np.rad2deg(t1w.tip):g} degrees in both",
                            remedy="T1 needs two angles; check the sidecars")  # fmt: skip
    first = [c.times[0] for c, role in zip(contrasts, ROLES, strict=True) if acquisitions[role].echo_times is not None]
    if not decays and first and max(first) - min(first) > _SAME_TIME:
        found = ", ".join(f"{1e3 * t:g} ms" for t in first)
        raise ProtocolError("E-PROTOCOL", where="mtsat: echo times", needed="one echo time in all three, or several echoes each",
                            found=found, remedy="acquire the same echo times, or fit with echoes = extrapolate")  # fmt: skip
    return Layout(tuple(contrasts), decays, all(phases))


def _echoes(role: str, a: Acquisition, many: bool, choice: str) -> tuple[np.ndarray, np.ndarray]:
    if a.echo_times is None or not many:
        return np.array(a.echo_times or (0.0,))[:1], np.array([0])
    order = np.argsort(a.echo_times, kind="stable")
    order = order[:1] if choice == "first" else order
    return np.asarray(a.echo_times)[order], order


def _angle(role: str, a: Acquisition) -> float:
    angles = list(a.flip_angles_deg or ())
    if len(set(angles)) != 1 or not 0 < angles[0] < 180:
        raise ProtocolError("E-PROTOCOL", where=f"mtsat, {role}: flip_angles_deg", needed="one angle for all echoes",
                            found=", ".join(f"{v:g}" for v in angles) or "none",
                            remedy="give each angle as a series of its own")  # fmt: skip
    return float(np.deg2rad(angles[0]))


def _repetition(a: Acquisition, gap: float) -> float:
    tr = float(a.repetition_time or 0.0)
    if not 0 <= gap < tr:
        raise OptionError("E-OPTION", where="option saturation_gap", needed=f"less than the repetition time ({tr:g} s)",
                          found=f"{gap:g} s", remedy="give the time from the MT pulse to the readout")  # fmt: skip
    return tr


def _phasor(a: Acquisition, spectrum: str, times: np.ndarray) -> np.ndarray | None:
    if a.imaging_frequency_hz is None and a.field_strength is None:
        return None
    return fat.phasor(spectrum, times, field_strength=a.field_strength, imaging_frequency_hz=a.imaging_frequency_hz)


def predict(
    lay: Layout, theta: np.ndarray, b1: np.ndarray, ff: np.ndarray, fat_rate: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Signals (m, n) and slopes (m, n, P) at theta (m, P) = (ln A, ln R1, delta[, R2* in 1/s]); the rest (m,)."""
    amplitude, rate, taken = np.exp(theta[:, 0])[:, None], np.exp(theta[:, 1]), theta[:, 2]
    decay = theta[:, 3, None] if lay.decays else np.zeros((len(theta), 1))
    out = np.empty((len(theta), lay.samples))
    by = np.zeros((len(theta), lay.unknowns, lay.samples))
    place = 0
    for c in lay.contrasts:
        here = slice(place, place + len(c.times))
        place += len(c.times)
        tip = c.tip * b1
        water = mt_saturation.steady(tip, c.repetition_time, rate, taken if c.role == MT else 0.0, c.gap)
        size, along = _mixed(water.signal, c, tip, ff, fat_rate)
        level = amplitude * np.exp(-decay * c.times)
        turned = level * along
        out[:, here] = level * size
        by[:, 0, here] = out[:, here]
        by[:, 1, here] = turned * water.by_log_rate[:, None]
        if c.role == MT:
            by[:, 2, here] = turned * water.by_saturation[:, None]
        if lay.decays:
            by[:, 3, here] = -c.times * out[:, here]
    return out, by.swapaxes(1, 2)


def _mixed(
    water: np.ndarray, c: Contrast, tip: np.ndarray, ff: np.ndarray, fat_rate: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Size (m, n) of water and fat together for unit A and no decay, and how it grows with the water's signal (m,)."""
    if not ff.any():  # the same bits as below, sooner
        return np.abs(water)[:, None], np.where(water < 0, -1.0, 1.0)[:, None]
    lipid = ff * mt_saturation.steady(tip, c.repetition_time, fat_rate).signal
    mixed = ((1 - ff) * water)[:, None] + lipid[:, None] * c.phasor
    size = np.abs(mixed)
    with np.errstate(invalid="ignore", divide="ignore"):
        return size, (1 - ff)[:, None] * np.where(size > 0, np.real(mixed) / size, 1.0)


def fit(lay: Layout, data: np.ndarray, b1: np.ndarray, ff: np.ndarray, fat_rate: np.ndarray) -> Fitted:
    """Least squares of samples (m, n) for theta (m, P), from the small-angle solution without fat."""
    return kernel.fit(lay.scan, data, _start(lay, data, b1), b1, ff, fat_rate)


def _start(lay: Layout, data: np.ndarray, b1: np.ndarray) -> np.ndarray:
    """(m, P): echoes extrapolated in logarithms with one R2* for all series, then the solution for small angles."""
    heights, decay = _extrapolated(lay, data)
    pd, t1w, mt = lay.contrasts
    tips = (pd.tip * b1, t1w.tip * b1)
    rate, _ = mt_saturation.rational_start(
        heights[:, 0], heights[:, 1], tips, (pd.repetition_time, t1w.repetition_time)
    )
    rate = np.where(np.isfinite(rate) & (rate > 0), np.clip(rate, *_RATES), _USUAL_RATE)
    with np.errstate(divide="ignore", invalid="ignore"):
        amplitude = heights[:, 0] / mt_saturation.steady(tips[0], pd.repetition_time, rate).signal
        taken = mt_saturation.saturation_of(heights[:, 2], amplitude, mt.tip * b1, mt.repetition_time, rate, mt.gap)
        taken = np.where(np.isfinite(taken), np.clip(taken, *_TAKEN), 0.0)
        columns = [np.log(amplitude), np.log(rate), taken, decay][: lay.unknowns]
    return np.stack(columns, axis=1)


def _extrapolated(lay: Layout, data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Heights (m, 3) at echo time 0 and R2* (m,), weighted by the squared signal as the noise of a logarithm asks."""
    place = np.cumsum([0] + [len(c.times) for c in lay.contrasts])
    groups = [(data[:, a:b], c.times) for a, b, c in zip(place[:-1], place[1:], lay.contrasts, strict=True)]
    if not lay.decays:
        return np.stack([g[:, 0] for g, _ in groups], axis=1), np.zeros(len(data))
    up, down, kept = np.zeros(len(data)), np.zeros(len(data)), []
    with np.errstate(divide="ignore", invalid="ignore"):
        for samples, times in groups:
            weight = np.where(samples > 0, samples**2, 0.0)
            height = np.where(samples > 0, np.log(np.where(samples > 0, samples, 1.0)), 0.0)
            total = weight.sum(axis=1)
            late, level = (weight * times).sum(axis=1) / total, (weight * height).sum(axis=1) / total
            apart = times - late[:, None]
            up = up + (weight * apart * (height - level[:, None])).sum(axis=1)
            down = down + (weight * apart**2).sum(axis=1)
            kept.append((late, level))
        decay = np.clip(np.nan_to_num(-up / down), -50.0, 2000.0)
        return np.stack([np.exp(level + decay * late) for late, level in kept], axis=1), decay
