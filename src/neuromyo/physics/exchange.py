r"""Two pools that exchange magnetisation: free water and protons bound to macromolecules, under pulsed saturation.

Bloch's equations for the free pool in the frame of the saturation pulse (offset :math:`\Delta` from water), McConnell's
exchange between the pools, and saturation of the bound pool, whose transverse magnetisation is gone at once:

.. math::
    \dot M_x &= -R_{2f} M_x + \Delta M_y, \qquad
    \dot M_y = -\Delta M_x - R_{2f} M_y + \omega_1 M_f \\
    \dot M_f &= -\omega_1 M_y + R_{1f}(1 - M_f) - k_f M_f + k_b M_b \\
    \dot M_b &= R_{1b}(F - M_b) + k_f M_f - k_b M_b - W M_b, \qquad W = \pi \omega_1^2\, g(\Delta)

with :math:`k_f = R F` and :math:`k_b = R` for a bound pool F times as large as the free one. The pulse is cut into steps of
constant :math:`\omega_1`; each is a matrix exponential, without approximation. Transverse magnetisation is spoiled before
and after the pulse, so that pulse, pauses and readout are affine maps of :math:`(M_f, M_b)`, and the steady state is the
fixed point of one repetition. The free pool's equilibrium is 1.

The bound pool's lineshape is that of partly ordered molecules, averaged over the sphere (super-Lorentzian):

.. math::
    g(\Delta) = \int_0^1 \sqrt{2/\pi}\, \frac{T_{2b}}{|3u^2-1|}
    \exp\!\left[-2\left(\frac{2\pi\Delta T_{2b}}{3u^2-1}\right)^2\right] du

*Assumes* instantaneous readouts that leave the bound pool alone, and perfect spoiling. *Breaks* for offsets below about 1 kHz,
where the super-Lorentzian diverges though tissue does not (Bieri and Scheffler), and where a readout pulse is long and strong
enough to saturate the bound pool itself.

*Cites* Henkelman et al., Magn Reson Med 1993;29:759, doi:10.1002/mrm.1910290607; Morrison and Henkelman, Magn Reson Med
1995;33:475, doi:10.1002/mrm.1910330404; Sled and Pike, Magn Reson Med 2001;46:923, doi:10.1002/mrm.1278; Graham and
Henkelman, J Magn Reson Imaging 1997;7:903, doi:10.1002/jmri.1880070520.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

#: lineshapes of the bound pool; which fits depends on how ordered the macromolecules are
LINESHAPES = ("super-lorentzian", "gaussian", "lorentzian")
#: envelopes of the saturation pulse
ENVELOPES = ("rect", "gauss", "hann", "fermi")
#: half width of a Gaussian pulse in its own standard deviations, where it is cut off (1.1 % of the peak)
_GAUSS_CUT = 3.0


@dataclass(frozen=True, eq=False)
class Pools:
    """Free and bound protons. Every entry is a number or an array; shapes broadcast.

    T1 : s, observed: the longer-lived of the two rates at which the pools recover together
    T2 : s, of the free pool
    bound : size of the bound pool over that of the free pool (F)
    exchange : R in 1/s; free magnetisation leaves at R F, bound magnetisation at R
    T2_bound : s
    T1_bound : s; it hardly matters and is set to 1 s by custom
    """

    T1: ArrayLike
    T2: ArrayLike
    bound: ArrayLike
    exchange: ArrayLike
    T2_bound: ArrayLike
    T1_bound: ArrayLike = 1.0
    lineshape: str = "super-lorentzian"

    @property
    def free_rate(self) -> np.ndarray:
        r"""R1 of the free pool, 1/s, such that the pair recovers at 1/T1: the slow eigenvalue solves
        :math:`(R_{1f} + k_f - R_1)(R_{1b} + k_b - R_1) = k_f k_b`."""
        observed, k = 1.0 / np.asarray(self.T1, float), np.asarray(self.exchange, float)
        kf, bound_rate = k * np.asarray(self.bound, float), 1.0 / np.asarray(self.T1_bound, float)
        rest = bound_rate + k - observed
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(k > 0, observed - kf + kf * k / rest, observed)


_STANISZ = "Stanisz et al., Magn Reson Med 2005;54:507, 3 T, 37 degrees, excised tissue"
STANISZ_DOI = "10.1002/mrm.20605"


@dataclass(frozen=True, slots=True)
class Typical:
    """Pools of a tissue as published; never a measurement of this subject. ``evidence`` as in `core.constant`."""

    tissue: str
    pools: Pools
    field_strength: float
    source: str
    doi: str
    evidence: str
    note: str = ""


#: tissue -> typical pools at 3 T
TISSUE: Mapping[str, Typical] = {
    t.tissue: t
    for t in (
        Typical("muscle", Pools(1.412, 0.050, 0.074, 66.0, 8.7e-6), 3.0, _STANISZ, STANISZ_DOI, "recalled"),
        Typical(
            "nerve", Pools(1.084, 0.069, 0.139, 23.0, 10.0e-6), 3.0, _STANISZ, STANISZ_DOI, "recalled",
            "white matter of the brain stands for myelinated nerve: no pools of peripheral nerve are known to the authors",
        ),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SaturationPulse:
    """An off-resonance pulse.

    flip_deg : the angle that it would turn by on resonance, at B1 = 1
    duration : s; offset_hz : of its carrier from water
    envelope : ``rect``, ``gauss`` (cut at 3 standard deviations), ``hann``, ``fermi``
    steps : pieces of constant amplitude
    """

    flip_deg: float
    duration: float
    offset_hz: float
    envelope: str = "gauss"
    steps: int = 96

    def amplitudes(self) -> np.ndarray:
        """Nutation rate (steps,) in rad/s, the mean of each piece taken at its middle."""
        u = (np.arange(self.steps) + 0.5) / self.steps * 2 - 1
        shape = {
            "rect": lambda: np.ones_like(u),
            "gauss": lambda: np.exp(-0.5 * (_GAUSS_CUT * u) ** 2),
            "hann": lambda: 0.5 * (1 + np.cos(np.pi * u)),
            "fermi": lambda: 1.0 / (1.0 + np.exp((np.abs(u) - 0.7) / 0.07)),
        }
        if self.envelope not in shape:
            raise ValueError(f"envelope {self.envelope!r}: one of {', '.join(ENVELOPES)}")
        form = shape[self.envelope]()
        return form * np.deg2rad(self.flip_deg) / (form.sum() * self.duration / self.steps)


# --- lineshapes -------------------------------------------------------------------------------------------------------


def absorption(offset_hz: ArrayLike, T2_bound: ArrayLike, lineshape: str = "super-lorentzian") -> np.ndarray:
    r"""g in s (...), of unit area over angular frequency: :math:`\int g\, d\omega = 1`.

    offset_hz and T2_bound (s) broadcast. *Breaks* on resonance for the super-Lorentzian (infinite).
    """
    offset, t2 = np.broadcast_arrays(np.asarray(offset_hz, float), np.asarray(T2_bound, float))
    x = 2 * np.pi * offset * t2
    if lineshape == "gaussian":
        return t2 / np.sqrt(2 * np.pi) * np.exp(-0.5 * x**2)
    if lineshape == "lorentzian":
        return t2 / np.pi / (1 + x**2)
    if lineshape != "super-lorentzian":
        raise ValueError(f"lineshape {lineshape!r}: one of {', '.join(LINESHAPES)}")
    width, weight = _orientations()
    with np.errstate(divide="ignore", over="ignore"):
        return np.sqrt(2 / np.pi) * t2 * (np.exp(-2 * (x[..., None] / width) ** 2) / width) @ weight


@lru_cache(maxsize=1)
def _orientations() -> tuple[np.ndarray, np.ndarray]:
    """|3 u^2 - 1| at nodes and the weights du. Towards the magic angle the integrand is sharp: the distance to it is taken
    as the cube of an even variable on both sides."""
    nodes, weights = np.polynomial.legendre.leggauss(400)
    s, ws = 0.5 * (nodes + 1), 0.5 * weights
    magic = 1 / np.sqrt(3)
    u = np.concatenate([magic * (1 - s**3), magic + (1 - magic) * s**3])
    du = np.concatenate([magic * 3 * s**2 * ws, (1 - magic) * 3 * s**2 * ws])
    return np.abs(3 * u**2 - 1), du


# --- steady state -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class SteadyState:
    """Longitudinal magnetisation (..., 2) of the free and the bound pool at three moments of the repetition and where the
    pulse's time would have brought it without the pulse (``spared``), and the signal (...): that of the free pool turned
    into the transverse plane. The free pool's equilibrium is 1."""

    before_pulse: np.ndarray
    after_pulse: np.ndarray
    before_readout: np.ndarray
    signal: np.ndarray
    spared: np.ndarray

    @property
    def saturation(self) -> np.ndarray:
        """Share (...) of all longitudinal magnetisation, free and bound, that the pulse takes away: what is there after it
        against ``spared``, what would be there had its time passed without it."""
        return 1 - self.after_pulse.sum(axis=-1) / self.spared.sum(axis=-1)


def steady_state(
    pools: Pools,
    pulse: SaturationPulse | None,
    *,
    flip_deg: ArrayLike,
    repetition_time: float,
    gap: float = 0.0,
    B1: ArrayLike = 1.0,
) -> SteadyState:
    """Pulse, spoiler, ``gap`` s, readout by ``flip_deg`` x B1, spoiler, recovery to the end of the repetition.

    Without a pulse (None) the readouts alone. B1 scales the amplitude of pulse and readout, and the bound pool's rate of
    saturation by its square.
    """
    shape = np.broadcast_shapes(*(np.shape(v) for v in _numbers(pools)), np.shape(flip_deg), np.shape(B1))
    b1 = np.broadcast_to(np.asarray(B1, float), shape)
    kept = np.cos(np.deg2rad(np.asarray(flip_deg, float)) * b1)
    turned = np.sin(np.deg2rad(np.asarray(flip_deg, float)) * b1)
    during = 0.0 if pulse is None else pulse.duration
    if repetition_time < during + gap:
        raise ValueError(f"a repetition of {repetition_time} s ends before its readout")
    saturate = _identity(shape) if pulse is None else _pulse_map(pools, pulse, b1, shape)
    wait = _pause_map(pools, gap, shape)
    read = _identity(shape).copy()
    read[..., 0, 0] = kept
    recover = _pause_map(pools, repetition_time - during - gap, shape)
    around = recover @ read @ wait @ saturate
    start = np.linalg.solve(np.eye(2) - around[..., :2, :2], around[..., :2, 2:])[..., 0]
    after = _applied(saturate, start)
    ready = _applied(wait, after)
    spared = _applied(_pause_map(pools, during, shape), start)
    return SteadyState(start, after, ready, ready[..., 0] * turned, spared)


def b1_residual_constant(
    pools: Pools, pulse: SaturationPulse, *, flip_deg: float, repetition_time: float, B1: ArrayLike
) -> float:
    r"""C of :math:`\delta(B_1) = B_1^2\, \delta(1) (1 - C B_1)/(1 - C)`, fitted over the values ``B1`` (n,).

    :math:`\delta` is the share of all magnetisation that the pulse takes away in the steady state. The rate of saturation goes
    as :math:`B_1^2`, and C says how far the bound pool is emptied already. Least squares in closed form: with
    :math:`y = \delta(B_1)/(B_1^2 \delta(1))`, the law is :math:`y - 1 = C (y - B_1)`.
    """
    b1 = np.asarray(B1, float)
    one = replace_values(pools, lambda v: np.asarray(v, float)[..., None])

    def taken(values: np.ndarray) -> np.ndarray:
        return steady_state(one, pulse, flip_deg=flip_deg, repetition_time=repetition_time, B1=values).saturation

    y = np.ravel(taken(b1)) / (b1**2 * np.ravel(taken(np.ones(1))))
    return float(np.sum((y - 1) * (y - b1)) / np.sum((y - b1) ** 2))


def replace_values(pools: Pools, change) -> Pools:
    """The same pools with every number put through ``change``."""
    names = ("T1", "T2", "bound", "exchange", "T2_bound", "T1_bound")
    return replace(pools, **{name: change(getattr(pools, name)) for name in names})


# --- maps of (free, bound, 1) -----------------------------------------------------------------------------------------


def _numbers(pools: Pools) -> tuple[ArrayLike, ...]:
    return pools.T1, pools.T2, pools.bound, pools.exchange, pools.T2_bound, pools.T1_bound


def _identity(shape: tuple[int, ...]) -> np.ndarray:
    return np.broadcast_to(np.eye(3), (*shape, 3, 3))


def _applied(around: np.ndarray, state: np.ndarray) -> np.ndarray:
    return np.einsum("...ij,...j->...i", around[..., :2, :2], state) + around[..., :2, 2]


def _longitudinal(pools: Pools, shape: tuple[int, ...]) -> np.ndarray:
    """Generator (..., 3, 3) of recovery and exchange."""
    size, k = np.asarray(pools.bound, float), np.asarray(pools.exchange, float)
    free, bound = pools.free_rate, 1.0 / np.asarray(pools.T1_bound, float)
    out = np.zeros((*shape, 3, 3))
    out[..., 0, 0] = -free - k * size
    out[..., 0, 1] = k
    out[..., 0, 2] = free
    out[..., 1, 0] = k * size
    out[..., 1, 1] = -bound - k
    out[..., 1, 2] = bound * size
    return out


def _pause_map(pools: Pools, duration: float, shape: tuple[int, ...]) -> np.ndarray:
    return matrix_exponential(_longitudinal(pools, shape) * duration)


def _pulse_map(pools: Pools, pulse: SaturationPulse, b1: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(..., 3, 3): what the pulse makes of longitudinal magnetisation, transverse spoiled before and after."""
    still = np.zeros((*shape, 5, 5))
    order = np.array([2, 3, 4])  # free, bound, 1 behind the transverse pair
    still[..., order[:, None], order[None, :]] = _longitudinal(pools, shape)
    turn = 2 * np.pi * pulse.offset_hz
    still[..., 0, 0] = still[..., 1, 1] = -1.0 / np.asarray(pools.T2, float)
    still[..., 0, 1], still[..., 1, 0] = turn, -turn
    lineshape = absorption(pulse.offset_hz, pools.T2_bound, pools.lineshape)
    step = pulse.duration / pulse.steps
    total = np.broadcast_to(np.eye(5), (*shape, 5, 5))
    made: dict[float, np.ndarray] = {}
    for amplitude in pulse.amplitudes():
        key = float(np.float32(amplitude))  # envelopes are even: half of the pieces are met twice
        if key not in made:
            rate = amplitude * b1
            full = still.copy()
            full[..., 1, 2], full[..., 2, 1] = rate, -rate
            full[..., 3, 3] -= np.pi * rate**2 * lineshape
            made[key] = matrix_exponential(full * step)
        total = made[key] @ total
    return total[..., order[:, None], order[None, :]]


def matrix_exponential(matrices: np.ndarray) -> np.ndarray:
    """exp of matrices (..., n, n): Taylor's series of a small enough share, squared back, for all at once."""
    largest = float(np.abs(matrices).sum(axis=-1).max(initial=0.0))
    halvings = max(0, int(np.ceil(np.log2(max(largest, 1e-300)))) + 1)
    small = matrices / 2.0**halvings
    unit = np.broadcast_to(np.eye(matrices.shape[-1]), matrices.shape)
    out = unit
    for order in range(14, 0, -1):
        out = unit + small @ out / order
    for _ in range(halvings):
        out = out @ out
    return out
