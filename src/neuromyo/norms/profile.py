r"""A profile along a nerve against healthy people's: unusual anywhere first, level by level second.

Each level has a norm of its own (`norms.engine`: Student-t mixtures, covariates, sites), which turns the person's value into a
deviate z_j that is standard normal over healthy people, the estimation from n controls included. Sixteen levels looked at one by
one find something unusual in every second healthy person. So the band that counts is simultaneous: level j is unusual where

.. math:: 2\,\Phi(-|z_j|) < \alpha^*, \qquad P(\min_j 2\,\Phi(-|z_j|) < \alpha^*) = 0.05 \text{ over healthy people}

With `LEAST_MAX_T` controls and more, alpha* is the 5 % point of the smallest tail of correlated Student t (`stats.max_t`), with the
correlation of the controls' residuals between levels, shrunk. With fewer, that correlation is not known: alpha* = 0.05 / levels.
Only levels that were measured in the person count.

Assumes: residuals of levels jointly normal on the quantity's scale; positions of people correspond (a landmark, or W-LEVELS).
Breaks: levels so close that they share slices gain nothing: take steps of at least a slice's distance.
Cites: see `stats.max_t`; Crawford & Howell, Clin Neuropsychol 1998;12:482, doi:10.1076/clin.12.4.482.7241.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import ndtr

from neuromyo.core.errors import DataError, NeuromyoError
from neuromyo.core.norm import BAND, Body, Envelope, NormKey, Place
from neuromyo.norms import profile_sums
from neuromyo.norms.engine import norm as level_norm
from neuromyo.norms.levels import Axis, resampled
from neuromyo.norms.placing import Norm
from neuromyo.norms.profile_sums import (
    ProfileControls,
    ProfileOptions,
    ProfileSite,
    ProfileSummary,
    merge,
    profile_summary,
)
from neuromyo.stats import max_t

__all__ = ["Axis", "ProfileControls", "ProfileNorm", "ProfileOptions", "ProfileSite", "ProfileSummary", "Run", "merge",
           "profile_norm", "profile_summary", "resampled", "runs"]  # fmt: skip

#: controls under which the correlation between levels is not relied on
LEAST_MAX_T = 20


@dataclass(frozen=True, eq=False)
class ProfileNorm:
    """Norms of all levels, and how levels go together.

    levels : one norm a level, None where it has too few controls; correlation : (m, m) of healthy residuals, shrunk
    """

    summary: ProfileSummary
    levels: tuple[Norm | None, ...]
    correlation: np.ndarray
    name: str = ""

    @property
    def key(self) -> NormKey:
        return self.summary.key

    @property
    def axis(self) -> Axis:
        return self.summary.options.axis

    @property
    def n_controls(self) -> int:
        return self.summary.n_people

    @property
    def how(self) -> str:
        """What the simultaneous band is made by."""
        return "max-t" if self.n_controls >= LEAST_MAX_T else "Bonferroni-t"

    def z(self, values: np.ndarray, bodies: Sequence[Body]) -> np.ndarray:
        """(n, m) deviates of (n, m) values at the levels; NaN where missing or without a norm."""
        z = np.full(np.shape(values), np.nan)
        for j, at in enumerate(self.levels):
            if at is not None:
                z[:, j] = at.z(np.asarray(values, dtype=np.float64)[:, j], bodies)
        return z

    def limit(self, measured: np.ndarray) -> float:
        """alpha*: the two-sided tail probability under which one of these levels (m,) bool is unusual."""
        count = int(np.count_nonzero(measured))
        if self.how == "max-t" and count:
            return max_t.limit(self._tails[:, measured], BAND)
        return max_t.bonferroni(count, BAND)

    def p_anywhere(self, z: np.ndarray) -> float:
        """Probability that a healthy person reaches further out somewhere than these deviates (m,) do; NaN of none."""
        measured = np.isfinite(z)
        if not measured.any():
            return float("nan")
        least = float(2 * ndtr(-np.abs(z[measured]).max()))
        if self.how == "max-t":
            return max_t.anywhere(self._tails[:, measured], least)
        return min(1.0, float(np.count_nonzero(measured)) * least)

    def envelope(self, positions: np.ndarray, values: np.ndarray, body: Body, *, zero: str | None = None) -> Envelope:
        """One person's profile on the levels of the norm.

        positions, values : (k,) in the axis's unit and the table's; zero : the landmark that the positions are counted from
        (None: the norm's). `Envelope.positions_mm` holds the levels, in the axis's unit.
        """
        y = resampled(positions, values, np.array(self.axis.levels))
        refused = self._refusal(y, zero)
        places = [self._place(j, y[j], body) for j in range(len(y))]
        z = np.array([place.z for place in places])
        measured = np.isfinite(z)
        if not refused and not measured.any():
            refused = next((p.refused for p in places if p.refused), "no level of the norm was measured")
        if refused:
            z, measured = np.full(len(z), np.nan), np.zeros(len(z), dtype=bool)
        limit = self.limit(measured if measured.any() else np.ones(len(z), dtype=bool))
        band, band_all = self._bands(body, BAND), self._bands(body, 1 - limit)
        worth = [p.n_effective for p, m in zip(places, measured, strict=True) if m]
        return Envelope(
            key=self.key, positions_mm=np.array(self.axis.levels), value=y, median=band[:, 1], low=band[:, 0],
            high=band[:, 2], low_all=band_all[:, 0], high_all=band_all[:, 2], z=z,
            z_interval=np.where(measured[:, None], np.array([p.z_interval for p in places]), np.nan),
            unusual=measured & (2 * ndtr(-np.abs(np.nan_to_num(z))) < limit), p_anywhere=self.p_anywhere(z), how=self.how,
            n_controls=self.n_controls, n_effective=float(np.median(worth)) if worth else float("nan"),
            sources=next((at.sources for at in self.levels if at is not None), ()), norm=self.name,
            flags=self._flags(positions, places, measured), refused=refused,
        )  # fmt: skip

    @cached_property
    def _tails(self) -> np.ndarray:
        """Smallest tails of simulated healthy people; levels without a norm count as ever so many degrees of freedom."""
        df = np.array([self._df(at) if at is not None else 1e6 for at in self.levels])
        seed = f"{self.key} {self.axis} {self.axis.levels} {self.n_controls}"
        return max_t.tails(self.correlation, df, seed)

    def _df(self, at: Norm) -> float:
        """Degrees of freedom of a level's spread: both sides of a person are not two people."""
        return float(min(2 * np.exp(at.log_weight) @ at.nig.a, max(at.n_controls - 1, 1)))

    def _place(self, j: int, value: float, body: Body) -> Place:
        at = self.levels[j]
        if at is None or not np.isfinite(value):
            return Place(value)
        return at.place(float(value), body)

    def _bands(self, body: Body, share: float) -> np.ndarray:
        """(m, 3) low, median, high of that share of healthy people, level by level; NaN without a norm."""
        none = (float("nan"),) * 3
        return np.array([at.band(body, share) if at is not None else none for at in self.levels])

    def _refusal(self, y: np.ndarray, zero: str | None) -> str:
        if zero is not None and zero != self.axis.zero:
            return f"positions are counted from {zero or 'the upper end of what was followed'}, those of the norm in {self.axis}"
        if not np.isfinite(y).any():
            return "no level of the norm was measured"
        return ""

    def _flags(self, positions: np.ndarray, places: Sequence[Place], measured: np.ndarray) -> tuple[str, ...]:
        found = [flag for place, m in zip(places, measured, strict=True) if m for flag in place.flags]
        if not self.axis.zero:
            found.append("W-LEVELS")
        known = [v for v, at in zip(self.axis.levels, self.levels, strict=True) if at is not None]
        at = np.asarray(positions, dtype=np.float64)
        if known and ((at < known[0] - self.axis.step) | (at > known[-1] + self.axis.step)).any():
            found.append("W-NOTCOMPARED")  # a part of the profile lies where the norm has no level
        return tuple(dict.fromkeys(found))


def profile_norm(summaries: ProfileSummary | Sequence[ProfileSummary], name: str = "") -> ProfileNorm:
    """The norm along a nerve, from the sums of one or several centres. Raises E-NORM where no level has enough controls."""
    merged = merge([summaries] if isinstance(summaries, ProfileSummary) else list(summaries))
    levels: list[Norm | None] = []
    why: NeuromyoError | None = None
    for j in range(len(merged.options.axis.levels)):
        found = merged.level(j)
        try:
            levels.append(None if found is None else level_norm(found, name=name))
        except DataError as error:
            levels.append(None)
            why = error
    if all(at is None for at in levels):
        raise why or DataError("E-NORM", where=f"profile norm of {merged.key}", found="no level has enough controls",
                               needed=f"{profile_sums.LEAST_PEOPLE} controls at one level at least")  # fmt: skip
    return ProfileNorm(merged, tuple(levels), _correlation(merged), name)


def _correlation(summary: ProfileSummary) -> np.ndarray:
    """(m, m) of healthy people's residuals within sites, covariates taken out, shrunk; 0 at levels without controls.

    From the sums alone: C = sum over sites of Z'Z - n zbar zbar', B = (C_xx + 1/slope_sd^2)^-1 C_xy, S = C_yy - ... .
    """
    options, m = summary.options.norm, len(summary.options.axis.levels)
    p = len(options.covariates.names)
    middle, total, df = options.slopes.index(0.0), np.zeros((p + m, p + m)), 0.0
    for site in summary.sites:
        sums = site.sums.moments[middle, 0]
        centred = sums[1:, 1:] - np.outer(sums[0, 1:], sums[0, 1:]) / sums[0, 0]
        share = np.r_[np.ones(p), np.sqrt(site.rows_at / site.sums.n_rows)]
        total += centred * np.outer(share, share)
        df += site.sums.n_people - 1
    xx, xy, yy = total[:p, :p], total[:p, p:], total[p:, p:]
    ridge = np.eye(p) / options.slope_sd**2
    slopes = np.linalg.solve(xx + ridge, xy)
    residual = yy - slopes.T @ xy - xy.T @ slopes + slopes.T @ xx @ slopes
    df -= float(np.trace(np.linalg.solve(xx + ridge, xx)))
    known = np.diagonal(residual) > 0
    at, correlation = np.flatnonzero(known), np.eye(m)
    here = np.ix_(at, at)
    correlation[here] = max_t.shrunk_correlation(residual[here], max(df, 1.0), _lags(summary.options.axis)[here])[0]
    return correlation


def _lags(axis: Axis) -> np.ndarray:
    """(m, m) how many steps levels lie apart."""
    at = np.array(axis.levels)
    return np.rint(np.abs(at[:, None] - at) / (axis.step or 1.0)).astype(int)


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring levels that are unusual in the same direction.

    first, last : positions; levels : how many; direction : ``high`` or ``low``; z : the deviate furthest out
    """

    first: float
    last: float
    levels: int
    direction: str
    z: float


def runs(envelope: Envelope) -> tuple[Run, ...]:
    """Where a profile leaves the simultaneous band, proximal first. A level that is missing or within the band ends a run."""
    side = np.where(envelope.unusual, np.sign(np.nan_to_num(envelope.z)), 0).astype(int)
    starts = np.flatnonzero(np.diff(np.r_[0, side]) != 0)
    ends = np.append(starts, len(side))[1:]
    found = []
    for a, b in zip(starts, ends, strict=True):
        if side[a]:
            z = envelope.z[a:b]
            found.append(Run(float(envelope.positions_mm[a]), float(envelope.positions_mm[b - 1]), int(b - a),
                             "high" if side[a] > 0 else "low", float(z[np.argmax(np.abs(z))])))  # fmt: skip
    return tuple(found)
