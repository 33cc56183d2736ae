r"""The composition of a subject's own fat, from the voxels that hold some.

Published spectra of fat differ with its degree of unsaturation, which moves the fat fraction by up to three points at 50 % fat for
any least squares that takes the spectrum as known. A triglyceride's spectrum is a function of one number, the double bonds of its
three chains (`physics.fat.triglyceride`), and one fat serves the whole subject: the residual of `fit.water_fat`, field and R2*
fitted anew, summed over a sample of voxels, is least at

.. math:: \hat d = \arg\min_d \sum_v \mathrm{RSS}_v(d), \qquad
    \mathrm{sd}(\hat d) = \sqrt{\textstyle\sum_g G_g^2}\; \Big/ \sum_v \mathrm{RSS}_v''(\hat d)

with :math:`G_g` the slope of the residual summed over a group g of neighbours, so that errors shared by neighbours widen the sd.
Rivals, spectra outside the family, win only where the data say so clearly: some published ones lump neighbouring peaks together.

*Assumes* one fat for the subject, and one R2* for water and fat. *Breaks* where fat's misfit has another cause (a wrong temperature
or field strength): the range is therefore bounded, and a composition at its end counts as none.

*Cites* Hamilton et al., NMR Biomed 2011;24:784, doi:10.1002/nbm.1622.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from neuromyo.fit.water_fat import fat_fraction, separate
from neuromyo.physics.fat import Spectrum, triglyceride

#: double bonds a triglyceride that are sought: from hardly any to more than in any published human fat
BOUNDS = (0.5, 5.0)
#: a voxel has a say where it holds this much fat, and this much of the usual signal
_FATTY, _BRIGHT = 0.2, 0.3
_MOST_VOXELS = 4000
#: voxels below which nothing is told
FEWEST = 100
#: share of voxels kept: vessels, borders and what moved have no say
_CORE = 0.9
_GROUPS = 32
#: halves of the brackets by which the minimum is narrowed down
_NARROWER = (0.1, 0.05)
_COARSE = np.linspace(*BOUNDS, 10)
#: fall of chi-square, and least share by which the residual falls, from which a rival is clearly better
_CLEAR, _SHARE = 25.0, 0.001
_START_RATE = 40.0


@dataclass(frozen=True, slots=True)
class Composition:
    """What the sample says.

    double_bonds, sd : of a triglyceride; NaN where it cannot be told. voxels : how many were asked
    rival : index of the rival that fits clearly better than the whole family, or None
    """

    double_bonds: float
    sd: float
    voxels: int
    rival: int | None = None


@dataclass(frozen=True, slots=True)
class _Sample:
    """Fatty voxels, with where their fits start."""

    signals: np.ndarray
    times: np.ndarray
    field_hz: np.ndarray
    rate: np.ndarray
    theta: np.ndarray
    sign: int
    held: bool

    def left(self, phasor: np.ndarray) -> np.ndarray:
        """(m,) residuals under a phasor (n,); what cannot be fitted leaves NaN."""
        return self._fit(phasor).rss

    def of(self, part: np.ndarray) -> _Sample:
        """The voxels ``part``."""
        return _Sample(
            self.signals[part], self.times, self.field_hz[part], self.rate[part], self.theta[part], self.sign, self.held
        )  # fmt: skip

    def fatty(self, phasor: np.ndarray) -> tuple[_Sample, int]:
        """Those with fat, evenly thinned out, and the degrees of freedom of each."""
        first = self._fit(phasor)
        size = np.abs(first.water + first.fat)
        if not np.isfinite(size).any():
            return self.of(np.zeros(0, int)), first.dof
        with np.errstate(invalid="ignore"):
            share = fat_fraction(first.water, first.fat)
            here = (share > _FATTY) & (size > _BRIGHT * np.nanmedian(size)) & first.converged
        chosen = spread_out(np.flatnonzero(here), _MOST_VOXELS)
        kept = self.of(chosen)
        kept.field_hz[:], kept.rate[:] = first.field_hz[chosen], first.r2star[chosen]
        return kept, first.dof

    def _fit(self, phasor: np.ndarray):
        return separate(
            self.signals, self.times, phasor, self.field_hz, self.rate, precession_sign=self.sign, theta=self.theta,
            hold_r2star=self.held, covariance=False,
        )  # fmt: skip


def spread_out(order: np.ndarray, most: int) -> np.ndarray:
    """At most ``most`` of ``order`` (m,), evenly spaced."""
    return order[np.linspace(0, len(order) - 1, min(len(order), most)).round().astype(int)]


def find(
    samples: np.ndarray, echo_times: Sequence[float] | ArrayLike, phasor_of: Callable[[Spectrum], np.ndarray], field_hz: np.ndarray,
    start: Spectrum, *, rivals: Sequence[Spectrum] = (), precession_sign: int = 1, theta: ArrayLike = 0.0, r2star: float | None = None,
) -> Composition:  # fmt: skip
    """Double bonds of the fat in samples (m, n) in a known field (m,) Hz.

    phasor_of : signal (n,) of unit fat at the echo times, of a spectrum, with the sense of precession
    start : the spectrum by which voxels with fat are found; theta : (m,) rad, readout phase; r2star : 1/s where it is held
    """
    count = len(samples)
    whole = _Sample(
        samples, np.asarray(echo_times, dtype=np.float64), np.asarray(field_hz, dtype=np.float64),
        np.full(count, _START_RATE if r2star is None else r2star), np.broadcast_to(np.asarray(theta, dtype=np.float64), (count,)),
        precession_sign, r2star is not None,
    )  # fmt: skip
    fatty, dof = whole.fatty(phasor_of(start))
    voxels = len(fatty.signals)
    if voxels < FEWEST or dof <= 0:
        return Composition(np.nan, np.nan, voxels)
    table = np.stack([fatty.left(phasor_of(triglyceride(bonds))) for bonds in _COARSE])
    core = _core(fatty.signals, table.min(axis=0))
    fatty, totals = fatty.of(core), table[:, core].sum(axis=1)

    def left(bonds: float) -> np.ndarray:
        return fatty.left(phasor_of(triglyceride(bonds)))

    bonds, sd, least = _minimum(left, totals)
    rival = _better(least, [float(fatty.left(phasor_of(other)).sum()) for other in rivals], fatty.signals, dof)
    return Composition(bonds, sd, voxels, rival)


def _core(signals: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Those (m,) but for what no composition fits, for its brightness: what is wrong there is not the spectrum."""
    share = left / (np.abs(signals) ** 2).sum(axis=1)
    share = np.where(np.isfinite(share), share, np.inf)
    return np.flatnonzero(share <= np.quantile(share, _CORE, method="lower"))


def _minimum(left: Callable[[float], np.ndarray], totals: np.ndarray) -> tuple[float, float, float]:
    """Where the summed residual is least inside `BOUNDS`, its sd, and that least sum; NaN where it is least at an end."""
    at = int(totals.argmin())
    if at in (0, len(_COARSE) - 1):
        return np.nan, np.nan, float(totals[at])
    bonds = _vertex(float(_COARSE[at]), float(_COARSE[1] - _COARSE[0]), *totals[at - 1 : at + 2])
    slope, bend, least = np.zeros(1), np.nan, np.nan
    for half in _NARROWER:
        below, here, above = (left(bonds + step) for step in (-half, 0.0, half))
        slope, bend = (above - below) / (2 * half), float((above + below - 2 * here).sum() / half**2)
        least, bonds = float(here.sum()), _vertex(bonds, half, below.sum(), here.sum(), above.sum())
    if not (bend > 0 and BOUNDS[0] < bonds < BOUNDS[1]):
        return np.nan, np.nan, least
    groups = np.array([part.sum() for part in np.array_split(slope - slope.mean(), min(_GROUPS, len(slope)))])
    return bonds, float(np.sqrt((groups**2).sum() * len(groups) / (len(groups) - 1)) / bend), least


def _vertex(middle: float, half: float, below: float, here: float, above: float) -> float:
    """Where the parabola through three points is least, no further than ``half`` beyond the outer ones."""
    bend = below + above - 2 * here
    return middle + (float(np.clip(0.5 * (below - above) / bend, -2, 2)) * half if bend > 0 else 0.0)


def _better(least: float, others: list[float], signals: np.ndarray, dof: int) -> int | None:
    """The rival that leaves clearly less than the family does."""
    if not others:
        return None
    best = int(np.argmin(others))
    floor = max(others[best], 1e-10 * float((np.abs(signals) ** 2).sum()))
    fall = (least - others[best]) / floor
    return best if fall >= _SHARE and fall * dof * len(signals) >= _CLEAR else None
