r"""Flip angle through the slice, relative to the nominal one, for the common shapes of a pulse.

Named shapes:

* ``ideal``: the nominal angle everywhere;
* ``sinc``: a sinc cut off at its ends, time-bandwidth product 4 (one side lobe whole and one cut to each side);
* ``sinc-hann``: the same under a Hann window, smoother and wider in its transition;
* ``slr``: a sharp linear-phase pulse, time-bandwidth product 6. Its profile is designed, not simulated: the Shinnar-Le Roux
  transform maps a pulse of N hard sub-pulses to a polynomial of N coefficients, :math:`\beta(f)`, and back exactly, so that
  the polynomial designed by least squares (pass band, stop band, nothing asked between) *is* the profile of the pulse that the
  inverse transform would give.

For the two sincs the Bloch equation is integrated without relaxation: each sample of the waveform is a hard pulse between
rotations about z, as a product of spinors :math:`(\alpha, \beta)`. The angle at a position follows from
:math:`|\beta|^2 = \sin^2(\theta/2)`; for a refocusing pulse between crushers that is also the share of the magnetisation
refocused. Excited magnetisation of opposite sign (side lobes) gets a negative angle.

Profiles are even, so that positions go from the centre of the slice outwards, all of the same width; half a slice stands for
the whole. Position 0.5 is the nominal edge.

*Assumes* linear phase: after the rephasing gradient what phase is left through the slice is dropped, but for its sign; profiles
at nominal flip angle, scaled by B1 afterwards; on resonance. *Breaks* with minimum-phase or adiabatic pulses: give their angles.

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
) -> tuple[float, ...]:
    """Flip angle over nominal at `positions`, for tables that are cached by it.

    Parameters
    ----------
    shape : one of `SHAPES`, or the relative angles themselves, which are returned as they are
    role : the pulse's nominal angle, 90 or 180 degrees, which shapes the profile
    n, extent : number of positions, and how far out they reach in nominal thicknesses (1.0 is twice the nominal edge)
    time_bandwidth : duration times bandwidth; the default of the shape where None
    thickness_factor : thickness of this pulse's slice over the nominal one (refocusing slices are often set wider)
    """
    if not isinstance(shape, str):
        return _given(shape)
    if shape not in SHAPES:
        raise OptionError("E-UNKNOWN", where="pulse shape", needed=f"one of {', '.join(SHAPES)}, or relative angles",
                          found=repr(shape))  # fmt: skip
    if role not in NOMINAL_DEG:
        raise OptionError("E-UNKNOWN", where="pulse role", needed="excitation or refocusing", found=repr(role))
    return _named(shape, role, n, extent, _bandwidth(shape, time_bandwidth), thickness_factor)


def pair(
    excitation: str | Sequence[float],
    refocusing: str | Sequence[float],
    n: int = 21,
    *,
    extent: float = 1.0,
    refocusing_thickness: float = 1.0,
    excitation_time_bandwidth: float | None = None,
    refocusing_time_bandwidth: float | None = None,
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Both profiles at the same positions, without positions that hardly give an echo: at most n of each.

    ``refocusing_thickness`` is the refocusing slice over the excited one. Two ideal pulses need one position; given angles fix
    the number of positions, so that two given lists must have one length and a named shape is sampled to match, over
    ``extent``.
    """
    lengths = {len(s) for s in (excitation, refocusing) if not isinstance(s, str) and len(s) > 1}
    if len(lengths) > 1:
        raise OptionError("E-OPTION", where="slice profiles", needed="as many excitation as refocusing angles",
                          found=" and ".join(str(length) for length in sorted(lengths)))  # fmt: skip
    n = lengths.pop() if lengths else n
    tips = profile(excitation, "excitation", n=n, extent=extent, time_bandwidth=excitation_time_bandwidth)
    turns = profile(refocusing, "refocusing", n=n, extent=extent, time_bandwidth=refocusing_time_bandwidth,
                    thickness_factor=refocusing_thickness)  # fmt: skip
    both = np.stack(np.broadcast_arrays(tips, turns))
    if (both == both[:, :1]).all():
        return (float(both[0, 0]),), (float(both[1, 0]),)
    echo = np.abs(np.sin(both[0] * np.pi / 2)) * np.sin(both[1] * np.pi / 2) ** 2
    kept = both[:, echo >= _NEGLIGIBLE * echo.max()]
    return tuple(kept[0].tolist()), tuple(kept[1].tolist())


def waveform(shape: str, time_bandwidth: float) -> np.ndarray:
    """(256,) samples of a ``sinc`` or ``sinc-hann`` pulse, of sum 1."""
    t = (np.arange(_SAMPLES) + 0.5) / _SAMPLES - 0.5
    pulse = np.sinc(time_bandwidth * t)
    if shape == "sinc-hann":
        pulse = pulse * np.cos(np.pi * t) ** 2
    return pulse / pulse.sum()


def spinor(pulse: np.ndarray, flip_deg: float, cycles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    r"""Rotation by an amplitude-modulated pulse about x, as Cayley-Klein parameters :math:`(\alpha, \beta)`.

    pulse : (n,) samples of sum 1, so that ``flip_deg`` is the angle on resonance
    cycles : (p,) precession over the whole pulse, in turns (position in thicknesses times time-bandwidth product)

    Each sample is a rotation about x between two half steps about z. Magnetisation along z becomes
    :math:`M_x + i M_y = 2 \alpha^* \beta`.
    """
    half_step = np.exp(-0.5j * np.pi * np.asarray(cycles, dtype=np.float64) / pulse.size)
    alpha, beta = np.ones_like(half_step), np.zeros_like(half_step)
    for angle in pulse * np.deg2rad(flip_deg):
        c, s = np.cos(angle / 2), -1j * np.sin(angle / 2)
        alpha, beta = alpha * half_step, beta / half_step
        alpha, beta = c * alpha + s * beta, s * alpha + c * beta
        alpha, beta = alpha * half_step, beta / half_step
    return alpha, beta


@lru_cache(maxsize=256)
def _named(
    shape: str, role: Role, n: int, extent: float, time_bandwidth: float, thickness_factor: float
) -> tuple[float, ...]:
    if shape == "ideal":
        return (1.0,) * n
    where = positions(n, extent) / thickness_factor
    nominal = np.deg2rad(NOMINAL_DEG[role])
    if shape == "slr":
        half_sine = np.sin(nominal / 2) * _designed(where, role, time_bandwidth)
        half_sine = np.abs(half_sine) if role == "refocusing" else half_sine
    else:
        half_sine = _integrated(shape, role, where, time_bandwidth)
    return tuple((2 * np.arcsin(np.clip(half_sine, -1, 1)) / nominal).tolist())


def _integrated(shape: str, role: Role, where: np.ndarray, time_bandwidth: float) -> np.ndarray:
    """Signed |beta| at the positions, by the Bloch equation."""
    pulse = waveform(shape, time_bandwidth)
    alpha, beta = spinor(pulse, NOMINAL_DEG[role], where * time_bandwidth)
    if role == "refocusing":
        return np.abs(beta)
    rephased = 2 * np.conj(alpha) * beta * np.exp(-1j * np.pi * where * time_bandwidth)
    on_axis = -np.imag(rephased)
    return np.where(on_axis < 0, -1.0, 1.0) * np.abs(beta)


def _designed(where: np.ndarray, role: Role, time_bandwidth: float) -> np.ndarray:
    """Signed |beta| over its largest: a linear-phase polynomial fitted by weighted least squares to the slice asked for.

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
    beta = np.linalg.lstsq(cosines(np.concatenate([passed, stopped])) * weight[:, None], wanted * weight, rcond=None)[0]
    return cosines(where * time_bandwidth) @ beta / (cosines(np.linspace(0, outer, 1001)) @ beta).max()


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
