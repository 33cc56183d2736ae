"""Which way phase turns with frequency, told from the fat.

Scanners differ in the sign of the phase they store. Fat's peaks lie to both sides of water and of unequal strength: with the wrong
sense the mirrored spectrum is fitted, at another field, and fits worse. The two senses are compared over many voxels, each with its
own best field; they are never averaged. One peak alone is its own mirror image, and water says nothing. Echoes read to and fro
have a phase that alternates, which a mirrored spectrum mimics in part: each sense is therefore asked with the phase that suits it.

*Assumes* a spectrum of several peaks, and at least four echoes or a known R2*. *Breaks* where there is hardly any fat, and says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from neuromyo.fit import field_candidates
from neuromyo.fit.field_map import FIELD_RANGE_HZ, MODEL_ERROR, finite_voxels, noise_of, rates_of, spare
from neuromyo.fit.water_fat import polarity, separate

_MOST_VOXELS = 16000
#: how many of the candidates are fitted
_REFINED = 2
#: groups of neighbouring voxels whose evidence is compared: what is wrong in one place does not count many times
_GROUPS = 48
#: evidence over its standard error from which the data decide
DECISIVE = 5.0
#: evidence over its standard error from which the data lean to one sense, though they do not decide: fat in a few vials alone
_LEANING = 2.0
#: voxels below this many times the noise, root mean square over the echoes, know nothing and are not asked
_SEEN = 3.0
#: least evidence in all, and a voxel on average, in log likelihood: without fat, small errors of the model (brain, three echoes)
#: come to 0.07 a voxel one way or the other; legs have 0.5 to 1 at a signal-to-noise ratio of 20
_LEAST, _LEAST_A_VOXEL = 10.0, 0.15


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the data say. ``log_likelihood``: by how much the chosen sense is more likely, summed over ``voxels``; ``z``: that over
    its standard error between groups of voxels; ``decided``: whether that is enough; ``leaning``: whether it is worth more than no
    evidence at all."""

    log_likelihood: float
    z: float
    voxels: int
    decided: bool
    leaning: bool = False


def precession_sign(
    signals: np.ndarray,
    echo_times: Sequence[float] | ArrayLike,
    fat_phasor: np.ndarray,
    mask: np.ndarray | None = None,
    *,
    field_range_hz: float = FIELD_RANGE_HZ,
    sigma: float | None = None,
    r2star: float | None = None,
    theta: Mapping[int, np.ndarray | None] | None = None,
) -> tuple[int, Evidence]:
    """(+1 or -1, evidence) of complex ``signals`` (x, y, z, n).

    mask : voxels to ask, none of them with samples that are not finite; all usable ones where None
    fat_phasor : (n,) made with ``precession_sign = +1``; that of -1 is its conjugate; r2star : 1/s where it is known
    theta : for each sense the phase (x, y, z) in rad that alternates with the echoes, or None, as found with that sense
    """
    times = np.asarray(echo_times, dtype=np.float64)
    dof = spare(len(times), r2star)
    usable = finite_voxels(signals) if mask is None else mask
    order = np.flatnonzero(usable)
    if len(order) > _MOST_VOXELS:
        order = order[np.linspace(0, len(order) - 1, _MOST_VOXELS).round().astype(int)]
    if dof <= 0 or not len(order):
        return 1, Evidence(0.0, 0.0, len(order), False)
    samples = signals.reshape(-1, signals.shape[-1])[order]
    axis = field_candidates.axis(times, field_range_hz)
    left, level = {}, np.inf
    for sign, phasor in ((1, np.asarray(fat_phasor)), (-1, np.conj(fat_phasor))):
        turned = _turned_back(samples, order, (theta or {}).get(sign))
        found = field_candidates.find(turned, axis, field_candidates.projectors(times, phasor, rates_of(r2star)), sign)
        left[sign] = _least(turned, times, phasor, sign, found.field[:, :_REFINED], r2star)
        level = min(level, noise_of(found, dof) if sigma is None else sigma)
    power = np.einsum("mn,mn->m", samples, samples.conj()).real.astype(np.float64)
    noise = level**2 + MODEL_ERROR**2 * power / len(times)
    seen = power > (_SEEN * level) ** 2 * 2 * len(times)
    if not seen.any():
        return 1, Evidence(0.0, 0.0, 0, False)
    with np.errstate(invalid="ignore", divide="ignore"):
        gain = ((left[-1] - left[1]) / (2 * noise))[seen]
    gain = np.where(np.isfinite(gain), gain, 0.0)
    total = float(gain.sum())
    parts = np.array([part.sum() for part in np.array_split(gain, min(_GROUPS, len(gain)))])
    error = float(np.sqrt((parts**2).sum()))  # were there no evidence, parts would have mean zero
    z = abs(total) / error if error > 0 else 0.0
    enough = abs(total) >= max(_LEAST, _LEAST_A_VOXEL * len(gain))
    decided = enough and z >= min(DECISIVE, 0.7 * np.sqrt(len(parts)))
    leaning = enough and z >= _LEANING
    return (1 if total >= 0 else -1), Evidence(abs(total), z, len(gain), bool(decided), bool(leaning))


def _turned_back(samples: np.ndarray, order: np.ndarray, theta: np.ndarray | None) -> np.ndarray:
    """``samples`` (m, n) of the voxels ``order`` without the phase that alternates with the echoes."""
    if theta is None:
        return samples
    turn = np.exp(-1j * theta.ravel()[order, None] * polarity(samples.shape[1]))
    return samples * turn.astype(samples.dtype)


def _least(
    samples: np.ndarray, times: np.ndarray, phasor: np.ndarray, sign: int, fields: np.ndarray, r2star: float | None
) -> np.ndarray:
    """(m,) the least residual from any of the starts ``fields`` (m, k): fitted, since a table's steps are not alike for both."""
    fits = [
        separate(
            samples, times, phasor, fields[:, k], 40.0 if r2star is None else r2star, precession_sign=sign,
            hold_r2star=r2star is not None, covariance=False,
        ).rss
        for k in range(fields.shape[1])
    ]  # fmt: skip
    return np.min(fits, axis=0)
