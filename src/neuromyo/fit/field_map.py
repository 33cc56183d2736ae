r"""The field over a whole image, so that water and fat are told apart everywhere.

A voxel of one substance alone fits nearly as well as the other substance in a field 3.4e-6 away, so single voxels mislead. Each has a
few candidate fields (`fit.field_candidates`); of those the combination is taken that minimises, over all voxels together,

.. math:: E = \sum_i \frac{J_i(\psi_i)}{2\sigma_i^2} + \sum_{(i,j)}
        \min\!\left(\frac{(\psi_i - \psi_j)^2}{2(g^2 d_{ij}^2 + v_i + v_j)}, T\right)

where :math:`\sigma_i^2` is the noise and a share of the signal that no spectrum is right about, d the distance of neighbours in mm,
g how steep a field may be, and v the candidates' own variance. Parts that touch nowhere are joined by edges across the gap, which
weigh less the wider it is. The minimum is sought by tree-reweighted messages (`fit.message_passing`) and by exchanging whole
patches (`fit.field_patches`).

Evenly spaced echoes know the field only modulo 1/spacing; differences of neighbours are taken so, and the field is unwrapped
along neighbours afterwards, with each part's median nearest to zero. Water, fat and R2* do not depend on that.

*Assumes* a field that changes little from voxel to voxel except by whole periods. *Breaks* in parts of one substance that touch
nothing else and lie far from everything: only the peaks beside fat's main one then say which it is.

*Cites* Hernando et al., Magn Reson Med 2010;63:79, doi:10.1002/mrm.22177; Kolmogorov, IEEE Trans Pattern Anal Mach Intell
2006;28:1568, doi:10.1109/TPAMI.2006.200.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

from neuromyo.fit import field_candidates, field_graph, field_patches, message_passing
from neuromyo.fit.field_candidates import MOST, Candidates
from neuromyo.fit.water_fat import polarity

#: voxels a call of the compiled loops; results do not depend on it
_BLOCK = 8192
#: how far fields are sought where echoes are unevenly spaced, Hz
FIELD_RANGE_HZ = 1000.0
#: share of a voxel's signal that model and truth may differ by, besides noise (spectrum, motion, flow)
MODEL_ERROR = 0.03
#: how much neighbours' field may differ, Hz/mm
STEEPNESS = 18.0
#: T: what a field that jumps costs at most, in units of log likelihood
CEILING = 12.0
#: a candidate that fits worse than the best by more, in the same unit, is none
_HOPELESS = 60.0
#: least variance of a candidate's field, Hz^2: curvature alone promises too much
_LEAST_VARIANCE = 9.0
#: voxels above this share of the strong ones' signal tell the noise
_STRONG = 0.25


@dataclass(frozen=True, eq=False)
class FieldMap:
    """The field and what can be said about it.

    field_hz : (x, y, z) float32, NaN outside the mask; positive where spins precess faster
    confidence : (x, y, z) float32: by how much (log likelihood) the energy would rise were this voxel and the patch it moves with
        to take their next best field; small where water and fat may be exchanged; 0 outside
    period : Hz by which the field is known only; 0 for uneven echoes
    sigma : noise per real channel, from what the best candidates leave over
    energy, bound : what was reached, and what nothing can be below
    islands : number of parts of the mask that touch nowhere
    """

    field_hz: np.ndarray
    confidence: np.ndarray
    period: float
    sigma: float
    energy: float
    bound: float
    islands: int


def field_map(
    signals: np.ndarray,
    echo_times: Sequence[float] | ArrayLike,
    fat_phasor: np.ndarray,
    mask: np.ndarray | None,
    spacing_mm: Sequence[float],
    *,
    precession_sign: int = 1,
    field_range_hz: float = FIELD_RANGE_HZ,
    steepness: float = STEEPNESS,
    sigma: float | None = None,
    theta: np.ndarray | None = None,
    r2star: float | None = None,
    threads: int = 1,
    progress: Callable[[float], None] | None = None,
) -> FieldMap:
    """The field of complex ``signals`` (x, y, z, n) within ``mask`` (all finite voxels where None).

    mask must hold no voxel with samples that are not finite (see `finite_voxels`)
    fat_phasor : (n,) made with the same ``precession_sign``; spacing_mm : voxel size along each axis
    field_range_hz : sought on both sides of zero where echoes are unevenly spaced
    sigma : noise per real channel, estimated where None; theta : (x, y, z) rad, readout phase to be taken out first
    r2star : 1/s where it is known, as it must be with three echoes
    """
    usable = finite_voxels(signals) if mask is None else mask
    order = np.flatnonzero(usable)
    field, confidence = np.full(usable.shape, np.nan, np.float32), np.zeros(usable.shape, np.float32)
    axis = field_candidates.axis(np.asarray(echo_times, dtype=np.float64), field_range_hz)
    if not len(order):
        return FieldMap(field, confidence, axis.period, 0.0, 0.0, 0.0, 0)
    times = np.asarray(echo_times, dtype=np.float64)
    onto = field_candidates.projectors(times, np.asarray(fat_phasor), rates_of(r2star))
    found = _candidates(signals, order, onto, axis, precession_sign, theta, threads)
    if sigma is None:
        sigma = noise_of(found, spare(signals.shape[-1], r2star))
    cost, variance, count = _likelihood(found, sigma, signals.shape[-1])
    if progress is not None:
        progress(0.2)
    edges, islands = field_graph.of_mask(usable, spacing_mm, steepness)
    tell = None if progress is None else (lambda share: progress(0.2 + 0.7 * share))
    period = axis.period
    choice = message_passing.choose(
        edges, found.field, cost, variance, count, progress=tell, period=period, ceiling=CEILING
    )
    label, energy = field_patches.exchange(
        edges, found.field, cost, variance, count, choice.label, period=period, ceiling=CEILING
    )
    doubt = field_patches.margin(edges, found.field, cost, variance, count, label, period=period, ceiling=CEILING)
    chosen = np.take_along_axis(found.field, label[:, None].astype(np.int64), axis=1)[:, 0]
    if axis.period > 0:
        chosen = field_graph.unwrapped(edges, chosen, axis.period)
    field.ravel()[order], confidence.ravel()[order] = chosen, doubt
    if progress is not None:
        progress(1.0)
    return FieldMap(field, confidence, axis.period, sigma, energy, choice.bound, islands)


def finite_voxels(signals: np.ndarray) -> np.ndarray:
    """(x, y, z) bool: every sample finite, and not all zero."""
    out = np.empty(signals.shape[:3], dtype=np.bool_)
    _usable(np.ascontiguousarray(signals).reshape(-1, signals.shape[-1]), out.reshape(-1))
    return out


@njit(cache=True, nogil=True)
def _usable(samples, out):
    for p in range(len(samples)):
        total = 0.0
        for n in range(samples.shape[1]):
            total += abs(samples[p, n].real) + abs(samples[p, n].imag)
        out[p] = 0.0 < total < np.inf


def blocks(order: np.ndarray, size: int = _BLOCK) -> Iterator[slice]:
    """Slices over the voxels of ``order``, of a fixed size."""
    for start in range(0, len(order), size):
        yield slice(start, min(len(order), start + size))


def rates_of(r2star: float | None) -> tuple[float, ...]:
    """The R2* to look at."""
    return field_candidates.RATES if r2star is None else (r2star,)


def spare(echoes: int, r2star: float | None) -> int:
    """Degrees of freedom of a voxel's residual."""
    return 2 * echoes - (6 if r2star is None else 5)


def _candidates(
    signals: np.ndarray, order: np.ndarray, onto: np.ndarray, axis: field_candidates.Axis, sign: int, theta: np.ndarray | None,
    threads: int,
) -> Candidates:  # fmt: skip
    flat = signals.reshape(-1, signals.shape[-1])
    count = len(order)
    out = Candidates(
        np.empty((count, MOST), np.float32), np.empty((count, MOST), np.float32), np.empty(count, np.float32),
        np.empty(count, np.uint8), np.empty(count, np.float32),
    )  # fmt: skip

    def work(part: slice) -> None:
        samples = flat[order[part]]
        if theta is not None:
            samples = samples * np.exp(-1j * theta.ravel()[order[part], None] * polarity(samples.shape[1])).astype(
                np.complex64
            )
        here = field_candidates.find(samples, axis, onto, sign)
        for name in Candidates.__dataclass_fields__:
            getattr(out, name)[part] = getattr(here, name)

    with ThreadPoolExecutor(max_workers=max(1, threads)) as pool:
        list(pool.map(work, blocks(order)))
    return out


def noise_of(found: Candidates, dof: int) -> float:
    """Noise per real channel: the median of what the best candidates of strong voxels leave over. 0 where nothing can be left."""
    usable = (found.count > 0) & np.isfinite(found.residual[:, 0])
    if dof <= 0 or not usable.any():
        return 0.0
    strong = usable & (found.power >= _STRONG**2 * np.quantile(found.power[usable], 0.9))
    from scipy.stats import chi2

    return float(np.sqrt(np.median(found.residual[strong, 0]) / chi2.median(dof)))


def _likelihood(found: Candidates, sigma: float, echoes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Costs (m, MOST) with the best at 0, variance of a candidate's field (m,), and counts without the hopeless."""
    noise = sigma**2 + MODEL_ERROR**2 * found.power / echoes
    noise = np.where(noise > 0, noise, 1.0).astype(np.float32)
    with np.errstate(invalid="ignore", over="ignore"):
        cost = (found.residual - found.residual[:, :1]) / (2 * noise[:, None])
    cost = np.where(np.isfinite(cost), cost, _HOPELESS).astype(np.float32)
    within = (cost < _HOPELESS) & (np.arange(MOST) < found.count[:, None])
    count = np.maximum(within.sum(axis=1), 1).astype(np.uint8)  # costs rise, so that the first ones are those within
    with np.errstate(divide="ignore"):
        variance = np.maximum(noise / np.maximum(found.curvature, 1e-12 * noise), _LEAST_VARIANCE)
    return cost, np.minimum(variance, 1e6).astype(np.float32), count
