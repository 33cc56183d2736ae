r"""Extended phase graph of a CPMG train: multi-echo spin echo with imperfect refocusing.

The excitation, then refocusing pulses midway between echoes (the first at ``first_echo / 2``), crushers of one moment in
every half-interval. Dephasing is counted in that moment. Pulses see either odd orders or even ones only:

* what was excited has odd orders at every pulse and is at order 0 at the echoes. It makes the whole signal;
* what is longitudinal before the first pulse, or recovers later, has even orders at every pulse. It makes no echo, but it is
  what is left along z at the end of the train.

With refocusing about the axis of the excited magnetisation (CPMG) both families are real in a suitable phase. For orders
:math:`k` and a pulse of angle :math:`\alpha`

.. math::
    F_k  &\to \cos^2(\alpha/2) F_k + \sin^2(\alpha/2) G_k + \sin\alpha Z_k \\
    G_k  &\to \sin^2(\alpha/2) F_k + \cos^2(\alpha/2) G_k - \sin\alpha Z_k \\
    Z_k  &\to -\tfrac12 \sin\alpha\,(F_k - G_k) + \cos\alpha Z_k

with :math:`F_k` dephasing, :math:`G_k` rephasing. From one pulse to the next F moves up by two orders and G down by two. In
the odd family G of order 1 passes through the echo and comes back as F of order 1; in the even family F of order 0 is minus G
of order 0 and :math:`Z_0` is minus the longitudinal magnetisation, which alone recovers.

Finite repetition time. Per unit of longitudinal magnetisation m before the excitation the echoes are linear in m, and what
stands along z one repetition later is affine in it: :math:`m' = a m + b`, where a is the even family started from
:math:`\cos` of the excitation without recovery and b is the same family started from nothing with recovery. The steady state
is :math:`m = b / (1 - a)`, found for each position through the slice. Transverse magnetisation is taken as spoiled before
the next excitation, and the ripple that crushers leave along z as averaged to its mean.

*Cites* Hennig, Concepts Magn Reson 1991;3:125 (doi:10.1002/cmr.1820030302); Weigel, JMRI 2015;41:266 (doi:10.1002/jmri.24619);
for slice profiles in T2 mapping Lebel and Wilman, MRM 2010;64:1005 (doi:10.1002/mrm.22487).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from neuromyo.core.errors import ProtocolError

#: spins (positions x voxels) worked on at a time: small enough for the processor's cache
_BLOCK = 4096


def cpmg(
    n_echoes: int,
    spacing: float,
    T1: ArrayLike,
    T2: ArrayLike,
    B1: ArrayLike,
    *,
    first_echo: float | None = None,
    excitation: Sequence[float] = (1.0,),
    refocusing: Sequence[float] = (1.0,),
    refocusing_angle_deg: float = 180.0,
    repetition_time: float = np.inf,
    signed: bool = False,
) -> np.ndarray:
    """Echo amplitudes of a CPMG train, for unit equilibrium magnetisation.

    Parameters
    ----------
    n_echoes : echoes played out, stored or not (see `train`)
    spacing : s, from echo to echo
    T1, T2 : s, any shapes that broadcast
    B1 : actual over nominal flip angle (1 is nominal), broadcast with them
    first_echo : s, where it differs from the spacing
    excitation, refocusing : flip angle at each position through the slice, relative to the nominal; the two sequences
        have one length, and the signal is the mean over positions
    refocusing_angle_deg : nominal refocusing angle; the nominal excitation is 90 degrees
    repetition_time : s, from excitation to excitation
    signed : keep the sign. Late echoes of a short T2 at a low flip angle turn negative, which matters where several tissues
        add up before the magnitude is taken

    Returns
    -------
    (..., n_echoes) float64, not negative unless ``signed``; NaN where T1, T2 or B1 is not a positive number.

    *Assumes* CPMG phases, on resonance, pulses short against the spacing, flip angles in proportion to B1 at each position.
    *Breaks* with diffusion between strong crushers, magnetisation transfer or J coupling (fat: use an apparent T2).
    """
    first = spacing if first_echo is None else first_echo
    _check_timing(n_echoes, first, spacing, repetition_time)
    profile = _positions(excitation, refocusing)
    t1, t2, b1 = np.broadcast_arrays(*(np.asarray(v, dtype=np.float64) for v in (T1, T2, B1)))
    shape = b1.shape
    t1, t2, b1 = (np.where(v > 0, v, np.nan).ravel() for v in (t1, t2, b1))
    out = np.empty((b1.size, n_echoes))
    size = max(1, _BLOCK // profile.shape[1])
    for start in range(0, b1.size, size):
        block = slice(start, start + size)
        spins = _Spins.of(t1[block], t2[block], b1[block], profile, np.deg2rad(refocusing_angle_deg))
        signal = _echoes(spins, n_echoes, first, spacing)
        if np.isfinite(repetition_time):
            signal *= _steady_state(spins, n_echoes, first, spacing, repetition_time)
        out[block] = signal.mean(axis=1).T
    out = out.reshape(*shape, n_echoes)
    return out if signed else np.abs(out)


class _Spins(NamedTuple):
    """Tissue (1, v) and pulses (p, v) of a block: p positions, v voxels."""

    t1: np.ndarray
    t2: np.ndarray
    excitation: np.ndarray
    refocusing: np.ndarray

    @staticmethod
    def of(t1: np.ndarray, t2: np.ndarray, b1: np.ndarray, profile: np.ndarray, angle: float) -> _Spins:
        tips = profile[:, :, None] * b1
        return _Spins(t1[None], t2[None], tips[0] * (0.5 * np.pi), tips[1] * angle)


def _echoes(spins: _Spins, n_echoes: int, first: float, spacing: float) -> np.ndarray:
    """The odd family, index j holding order 2 j + 1: signed echoes (n, p, v) per unit of magnetisation before excitation."""
    mix = _Pulse(spins.refocusing)
    f, g, z = _empty_states(spins, n_echoes)
    f[0] = np.sin(spins.excitation) * np.exp(-0.5 * first / spins.t2)
    out = np.empty((n_echoes, *spins.refocusing.shape))
    for n in range(n_echoes):
        top = _highest(n, n_echoes)
        mix(f[:top], g[:top], z[:top])
        before = first if n == 0 else spacing
        out[n] = g[0] * np.exp(-0.5 * before / spins.t2)
        interval = 0.5 * (before + spacing)
        _relax(f, g, z, spins, interval, top)
        echo = g[0].copy()
        _shift(f, g, top)
        f[0] = echo
    return out


def _steady_state(spins: _Spins, n_echoes: int, first: float, spacing: float, repetition_time: float) -> np.ndarray:
    """Longitudinal magnetisation (p, v) before each excitation, over equilibrium."""
    kept = _left_along_z(spins, n_echoes, first, spacing, repetition_time, np.cos(spins.excitation), recover=False)
    gained = _left_along_z(spins, n_echoes, first, spacing, repetition_time, np.zeros(()), recover=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return gained / (1.0 - kept)


def _left_along_z(
    spins: _Spins,
    n_echoes: int,
    first: float,
    spacing: float,
    repetition_time: float,
    start: np.ndarray,
    *,
    recover: bool,
) -> np.ndarray:
    """The even family, index j holding order 2 j, from ``start`` along z after the excitation to the next one: (p, v)."""
    mix = _Pulse(spins.refocusing)
    f, g, z = _empty_states(spins, n_echoes)
    between = [0.5 * (first + spacing), *[spacing] * (n_echoes - 2)][: n_echoes - 1]
    z[0] = -start
    _recover(z, spins, 0.5 * first, recover)
    for n, interval in enumerate(between):
        top = _highest(n, n_echoes)
        mix(f[:top], g[:top], z[:top])
        _relax(f, g, z[1:], spins, interval, top)
        _recover(z, spins, interval, recover)
        _shift(f, g, top)
        f[0] = -g[0]
    mix(f[:1], g[:1], z[:1])
    _recover(z, spins, repetition_time - 0.5 * first - sum(between), recover)
    return -z[0]


def _recover(z: np.ndarray, spins: _Spins, interval: float, recover: bool) -> None:
    """Order 0 along z (stored with its sign turned) over an interval, with or without growth towards equilibrium."""
    decay = np.exp(-interval / spins.t1)
    z[0] *= decay
    if recover:
        z[0] += np.expm1(-interval / spins.t1)


class _Pulse:
    """A refocusing pulse, applied in place to states (orders, p, v)."""

    def __init__(self, angle: np.ndarray) -> None:
        self.half_sine = 0.5 * np.sin(angle)
        self.sine = np.sin(angle)
        self.turned = np.sin(0.5 * angle) ** 2
        self.cosine = np.cos(angle)

    def __call__(self, f: np.ndarray, g: np.ndarray, z: np.ndarray) -> None:
        difference = f - g
        moved = self.sine * z - self.turned * difference
        f += moved
        g -= moved
        z *= self.cosine
        z -= self.half_sine * difference


def _empty_states(spins: _Spins, n_echoes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    f = np.zeros((_highest(n_echoes // 2, n_echoes) + 2, *spins.refocusing.shape))
    return f, np.zeros_like(f), np.zeros_like(f)


def _highest(n: int, n_echoes: int) -> int:
    """How many orders matter at pulse n: those reached so far that can still come back before the train ends."""
    return min(n + 1, n_echoes - n)


def _relax(f: np.ndarray, g: np.ndarray, z: np.ndarray, spins: _Spins, interval: float, top: int) -> None:
    transverse, longitudinal = np.exp(-interval / spins.t2), np.exp(-interval / spins.t1)
    f[:top] *= transverse
    g[:top] *= transverse
    z[:top] *= longitudinal


def _shift(f: np.ndarray, g: np.ndarray, top: int) -> None:
    """Two half-intervals of dephasing; the lowest F is for the caller to fill."""
    f[1 : top + 1] = f[:top].copy()
    g[:top] = g[1 : top + 1].copy()
    g[top] = 0.0


def _positions(excitation: Sequence[float], refocusing: Sequence[float]) -> np.ndarray:
    """(2, p): relative flip angles; a single angle holds at every position of the other pulse."""
    pair = np.broadcast_arrays(np.atleast_1d(excitation), np.atleast_1d(refocusing))
    return np.stack(pair).astype(np.float64)


def _check_timing(n_echoes: int, first: float, spacing: float, repetition_time: float) -> None:
    if n_echoes < 1 or not (first > 0 and spacing > 0):
        raise ValueError(
            f"a train needs echoes and positive times: {n_echoes} echoes, {first} s, then every {spacing} s"
        )
    end = first + (n_echoes - 1) * spacing
    if not repetition_time > end:
        raise ProtocolError(
            "E-PROTOCOL",
            where="repetition time",
            needed=f"more than the train's {end:.4g} s",
            found=f"{repetition_time:.4g} s",
        )


# --- echo times -------------------------------------------------------------------------------------------------------


class Train(NamedTuple):
    """A CPMG train: ``cpmg(n_echoes, spacing, ..., first_echo=first_echo)[..., kept]`` are the stored echoes."""

    n_echoes: int
    first_echo: float
    spacing: float
    kept: tuple[int, ...]


def train(echo_times: Sequence[float]) -> Train:
    """The train behind a list of echo times (s, ascending, at least two).

    Times that are multiples of the spacing are echoes of an even train: where the first is m spacings (m >= 2, within 2 % of
    the spacing), m - 1 earlier echoes were played out and not stored. Any other first echo is the train's own first echo.
    Spacings may vary by 2 % or 0.1 ms, whichever is more, as rounded lists do; beyond that E-ECHO-SPACING.
    """
    times = np.asarray(echo_times, dtype=np.float64)
    _check_times(times)
    n = times.size
    spacing = float((times[-1] - times[0]) / (n - 1))
    steps = np.diff(times)
    worst = int(np.argmax(np.abs(steps - spacing)))
    if abs(steps[worst] - spacing) > max(0.02 * spacing, 1e-4):
        raise _uneven(
            times,
            f"{1e3 * times[worst]:.6g} to {1e3 * times[worst + 1]:.6g} ms beside a mean of {1e3 * spacing:.4g} ms",
        )
    skipped = round(float(times[0]) / spacing) - 1
    if skipped < 0 or abs(times[0] - (skipped + 1) * spacing) > 0.02 * spacing:
        return Train(n, float(times[0]), spacing, tuple(range(n)))
    number = np.arange(skipped + 1, skipped + 1 + n)
    spacing = float(number @ times / (number @ number))
    return Train(skipped + n, spacing, spacing, tuple(range(skipped, skipped + n)))


def _check_times(times: np.ndarray) -> None:
    if times.ndim != 1 or times.size < 2:
        raise ProtocolError("E-ECHO-COUNT", where="echo times", needed="two echoes or more", found=str(times.size))
    if not (np.isfinite(times).all() and (times > 0).all()):
        raise ProtocolError("E-UNITS", where="echo times", needed="positive seconds", found=str(times.tolist()))
    if (np.diff(times) <= 0).any():
        raise _uneven(times, "times that do not ascend")


def _uneven(times: np.ndarray, found: str) -> ProtocolError:
    listed = ", ".join(f"{1e3 * t:.6g}" for t in times)
    return ProtocolError(
        "E-ECHO-SPACING",
        where=f"echo times {listed} ms",
        needed="an evenly spaced train",
        found=found,
        remedy="choose the echoes of one train, or a model that needs no train (t2-mono)",
    )
