r"""Flip angle through the slice, relative to the nominal one, for the common shapes of a pulse.

Named shapes:

* ``ideal``: the nominal angle everywhere;
* ``sinc``: a sinc cut off at its ends, time-bandwidth product 4 (one side lobe whole and one cut to each side);
* ``sinc-hann``: the same under a Hann window, smoother and wider in its transition;
* ``slr``: a sharp linear-phase pulse, time-bandwidth product 6: the polynomial :math:`\beta(f)` is designed by least squares
  (pass band, stop band, nothing asked between), and the inverse Shinnar-Le Roux transform gives its 128 sub-pulses.

The Bloch equation is integrated without relaxation: each sample of the waveform is a hard pulse between
rotations about z, as a product of spinors :math:`(\alpha, \beta)`. The angle at a position follows from
:math:`|\beta|^2 = \sin^2(\theta/2)`; for a refocusing pulse between crushers that is also the share of the magnetisation
refocused. Excited magnetisation of opposite sign (side lobes) gets a negative angle.

Profiles are even, so that positions go from the centre of the slice outwards, all of the same width; half a slice stands for
the whole. Position 0.5 is the nominal edge.

*Assumes* linear phase: after the rephasing gradient what phase is left through the slice is dropped, but for its sign; on
resonance. A profile at B1 = 1 that is scaled by B1 afterwards is an approximation (see ``B1`` of `profile`). *Breaks* with
minimum-phase or adiabatic pulses: give their angles.

*Cites* Pauly, Le Roux, Nishimura and Macovski, IEEE Trans Med Imaging 1991;10:53 (doi:10.1109/42.75611).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import numpy as np

from neuromyo.core.errors import OptionError

Role = Literal["excitation", "refocusing"]

#: named shape -> default time-bandwidth product
SHAPES: dict[str, float] = {"ideal": np.inf, "sinc": 4.0, "sinc-hann": 4.0, "slr": 6.0}

#: nominal flip angle of each role, degrees
NOMINAL_DEG: dict[str, float] = {"excitation": 90.0, "refocusing": 180.0}

_SAMPLES = 256
#: width of the transition of an slr pulse, over 1 / duration
_TRANSITION = 2.0
#: positions whose first echo is under this share of the strongest are left out of a pair
_NEGLIGIBLE = 1e-3


def positions(n: int, extent: float = 1.0) -> np.ndarray:
    """(n,) middles of n equal layers from the slice's centre to ``extent`` nominal thicknesses."""
    return (np.arange(n) + 0.5) * (extent / n)


def profile(
    shape: str | Sequence[float],
    role: Role = "excitation",
    *,
    n: int = 21,
    extent: float = 1.0,
    time_bandwidth: float | None = None,
    thickness_factor: float = 1.0,
    B1: float = 1.0,
) -> tuple[float, ...]:
    """Flip angle over nominal at `positions`, for tables that are cached by it.

    Parameters
    ----------
    shape : one of `SHAPES`, or the relative angles themselves, which are returned as they are
    role : the pulse's nominal angle, 90 or 180 degrees, which shapes the profile
    n, extent : number of positions, and how far out they reach in nominal thicknesses (1.0 is twice the nominal edge)
    time_bandwidth : duration times bandwidth; the default of the shape where None
    thickness_factor : thickness of this pulse's slice over the nominal one (refocusing slices are often set wider)
    B1 : the pulse is integrated at this B1 and its angles are given over B1 times nominal. A large angle is not in proportion
        to B1: a refocusing profile scaled from B1 = 1 is too narrow below it. Angles over 180 degrees come back folded,
        which refocuses the same
    """
    if not isinstance(shape, str):
        return _given(shape)
    if shape not in SHAPES:
        raise OptionError("E-UNKNOWN", where="pulse shape", needed=f"one of {', '.join(SHAPES)}, or relative angles",
                          found=repr(shape))  # fmt: skip
    if role not in NOMINAL_DEG:
        raise OptionError("E-UNKNOWN", where="pulse role", needed="excitation or refocusing", found=repr(role))
    return _named(shape, role, n, extent, _bandwidth(shape, time_bandwidth), thickness_factor, B1)


def pair(
    excitation: str | Sequence[float],
    refocusing: str | Sequence[float],
    n: int = 21,
    *,
    extent: float = 1.0,
    refocusing_thickness: float = 1.0,
    excitation_time_bandwidth: float | None = None,
    refocusing_time_bandwidth: float | None = None,
    refocusing_angle_deg: float = 180.0,
    B1: float = 1.0,
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Both profiles at the same positions, without positions that hardly give an echo: at most n of each.

    ``refocusing_angle_deg`` is the nominal refocusing angle: a pulse turned down to 120 degrees has another shape than one of
    180, since the angle is not in proportion to the pulse. ``refocusing_thickness`` is the refocusing slice over
    the excited one. Two ideal pulses need one position; given angles fix
    the number of positions, so that two given lists must have one length and a named shape is sampled to match, over
    ``extent``. With ``B1`` the pulses are integrated at that B1 (see `profile`); the positions stay those of B1 = 1, so that
    the amplitudes of trains for different B1 compare: for a table, one call of `neuromyo.physics.epg.cpmg` for each B1.
    """
    lengths = {len(s) for s in (excitation, refocusing) if not isinstance(s, str) and len(s) > 1}
    if len(lengths) > 1:
        raise OptionError("E-OPTION", where="slice profiles", needed="as many excitation as refocusing angles",
                          found=" and ".join(str(length) for length in sorted(lengths)))  # fmt: skip
    n = lengths.pop() if lengths else n

    share = refocusing_angle_deg / NOMINAL_DEG["refocusing"]

    def both(b1: float) -> np.ndarray:
        tips = profile(excitation, "excitation", n=n, extent=extent, time_bandwidth=excitation_time_bandwidth, B1=b1)
        turns = profile(refocusing, "refocusing", n=n, extent=extent, time_bandwidth=refocusing_time_bandwidth,
                        thickness_factor=refocusing_thickness, B1=b1 * share)  # fmt: skip
        return np.stack(np.broadcast_arrays(tips, turns))

    nominal = both(1.0)
    if (nominal == nominal[:, :1]).all():
        return (float(nominal[0, 0]),), (float(nominal[1, 0]),)
    echo = np.abs(np.sin(nominal[0] * np.pi / 2)) * np.sin(nominal[1] * share * np.pi / 2) ** 2
    kept = both(B1)[:, echo >= _NEGLIGIBLE * echo.max()]
    return tuple(kept[0].tolist()), tuple(kept[1].tolist())


@lru_cache(maxsize=64)
def waveform(shape: str, role: Role, time_bandwidth: float) -> np.ndarray:
    """Flip angles (rad) of the hard sub-pulses, at equal steps, that make a pulse of ``shape``."""
    nominal = np.deg2rad(NOMINAL_DEG[role])
    if shape == "slr":
        # a hair below 1, where the refocusing design would ask for the logarithm of 0
        return _inverse_slr((1 - 1e-6) * np.sin(nominal / 2) * _designed(role, time_bandwidth))
    t = (np.arange(_SAMPLES) + 0.5) / _SAMPLES - 0.5
    pulse = np.sinc(time_bandwidth * t)
    if shape == "sinc-hann":
        pulse = pulse * np.cos(np.pi * t) ** 2
    return pulse * (nominal / pulse.sum())


def spinor(pulse: np.ndarray, scale: float, cycles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    r"""Rotation by an amplitude-modulated pulse about x, as Cayley-Klein parameters :math:`(\alpha, \beta)`.

    pulse : (n,) flip angles of its samples, rad (`waveform`), all multiplied by ``scale`` (B1)
    cycles : (p,) precession over the whole pulse, in turns (position in thicknesses times time-bandwidth product)

    Each sample is a rotation about x between two half steps about z. Magnetisation along z becomes
    :math:`M_x + i M_y = 2 \alpha^* \beta`.
    """
    half_step = np.exp(-0.5j * np.pi * np.asarray(cycles, dtype=np.float64) / pulse.size)
    alpha, beta = np.ones_like(half_step), np.zeros_like(half_step)
    for angle in pulse * scale:
        c, s = np.cos(angle / 2), -1j * np.sin(angle / 2)
        alpha, beta = alpha * half_step, beta / half_step
        alpha, beta = c * alpha + s * beta, s * alpha + c * beta
        alpha, beta = alpha * half_step, beta / half_step
    return alpha, beta


@lru_cache(maxsize=1024)
def _named(
    shape: str, role: Role, n: int, extent: float, time_bandwidth: float, thickness_factor: float, b1: float
) -> tuple[float, ...]:
    if shape == "ideal":
        return (1.0,) * n
    pulse = waveform(shape, role, time_bandwidth)
    turns = positions(n, extent) / thickness_factor * time_bandwidth
    alpha, beta = spinor(pulse, b1, turns)
    angle = 2 * np.arcsin(np.minimum(np.abs(beta), 1.0))
    if role == "excitation":
        rephased = 2 * np.conj(alpha) * beta * np.exp(-1j * np.pi * turns)
        angle = np.where(np.imag(rephased) > 0, -angle, angle)
    return tuple((angle / (b1 * np.deg2rad(NOMINAL_DEG[role]))).tolist())


def _designed(role: Role, time_bandwidth: float) -> np.ndarray:
    """(128,) symmetric coefficients of beta, largest value 1: fitted by weighted least squares to the slice asked for.

    A refocusing pulse turns beta into an angle steeply near 1 and flatly near 0, so its pass band gets ten times the weight.
    Frequencies are in turns over the pulse, whose coefficients lie at times between 0 and 1/2 to both sides of its middle.
    """
    terms = 64
    times = (np.arange(terms) + 0.5) / (2 * terms)
    inner, outer = 0.5 * (time_bandwidth - _TRANSITION), 0.5 * (time_bandwidth + _TRANSITION)
    passed, stopped = np.linspace(0, inner, 400), np.linspace(outer, terms, 4000)
    weight = np.repeat([10.0 if role == "refocusing" else 1.0, 1.0], [400, 4000])
    weight *= np.repeat(np.sqrt([inner / 400, (terms - outer) / 4000]), [400, 4000])

    def cosines(turns: np.ndarray) -> np.ndarray:
        return np.cos(2 * np.pi * np.multiply.outer(turns, times))

    wanted = np.repeat([1.0, 0.0], [400, 4000])
    half = np.linalg.lstsq(cosines(np.concatenate([passed, stopped])) * weight[:, None], wanted * weight, rcond=None)[0]
    half = 0.5 * half / (cosines(np.linspace(0, outer, 1001)) @ half).max()
    return np.concatenate([half[::-1], half])


def _inverse_slr(beta: np.ndarray) -> np.ndarray:
    """Flip angles (n,), rad, of the hard sub-pulses whose spinor has the real polynomial ``beta`` (n,), |beta| < 1.

    alpha is the minimum-phase polynomial with |alpha|^2 + |beta|^2 = 1, by folding the cepstrum; then the sub-pulses are peeled
    off one by one from the constant terms.
    """
    n, grid = beta.size, 1 << 14
    log_alpha = 0.5 * np.log(1.0 - np.abs(np.fft.fft(beta, grid)) ** 2)
    cepstrum = np.fft.ifft(log_alpha).real
    cepstrum[1 : grid // 2] *= 2.0
    cepstrum[grid // 2 + 1 :] = 0.0
    a, b = np.fft.ifft(np.exp(np.fft.fft(cepstrum))).real[:n], beta.copy()
    angles = np.empty(n)
    for j in range(n - 1, -1, -1):
        angles[j] = 2 * np.arctan2(b[0], a[0])
        c, s = np.cos(angles[j] / 2), np.sin(angles[j] / 2)
        a, b = c * a + s * b, (c * b - s * a)[1:]
        a = a[: b.size]
    return angles


def _bandwidth(shape: str, given: float | None) -> float:
    if given is None:
        return SHAPES[shape]
    lowest = 2 * _TRANSITION if shape == "slr" else 1.0
    if not lowest <= given <= 40:
        raise OptionError("E-OPTION", where="time-bandwidth product", needed=f"{lowest:g} to 40", found=f"{given:g}")
    return float(given)


def _given(angles: Sequence[float]) -> tuple[float, ...]:
    values = np.asarray(angles, dtype=np.float64)
    if values.ndim != 1 or values.size == 0 or not np.isfinite(values).all() or not (np.abs(values) > 0).any():
        raise OptionError("E-OPTION", where="slice profile", needed="a list of finite relative angles, not all zero",
                          found=str(angles)[:80])  # fmt: skip
    return tuple(values.tolist())
