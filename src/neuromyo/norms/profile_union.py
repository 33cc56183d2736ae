"""Profile norms of centres whose nerves were followed over different lengths, brought to the same levels, and pooled.

A level that a centre does not have counts there as one that nobody was measured at: zeros in its sums, which then enter nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from neuromyo.core.errors import DataError
from neuromyo.core.norm import NormKey
from neuromyo.norms.levels import Axis
from neuromyo.norms.profile_sums import ProfileOptions, ProfileSite, ProfileSummary, merge

#: digits that sums keep: the last bits differ between machines, and files are compared by their hash
_DIGITS = 12


def pooled(summaries: Sequence[ProfileSummary]) -> ProfileSummary:
    """One summary of several of the same key, unit and zero; E-NORM where their levels lie on different steps."""
    first = summaries[0]
    if len(summaries) == 1:
        return first
    for other in summaries[1:]:
        mine, theirs = first.options.axis, other.options.axis
        if (mine.unit, mine.zero, mine.step) != (theirs.unit, theirs.zero, theirs.step):
            raise DataError("E-NORM", where=f"profile norm of {first.key}", needed=f"levels every {mine.step:g} {mine}",
                            found=f"every {theirs.step:g} {theirs}", remedy="build both norms with the same --step")  # fmt: skip
    levels = tuple(sorted({v for s in summaries for v in s.options.axis.levels}))
    return merge([on_levels(s, levels) for s in summaries])


def merged(files: Sequence[Sequence[ProfileSummary]]) -> tuple[ProfileSummary, ...]:
    """The profile norms of several files as one, by key and landmark."""
    groups: dict[tuple[NormKey, str], list[ProfileSummary]] = {}
    for file in files:
        for one in file:
            groups.setdefault((one.key, one.options.axis.zero), []).append(one)
    return tuple(pooled(group) for _, group in sorted(groups.items(), key=lambda p: (str(p[0][0]), p[0][1])))


def on_levels(summary: ProfileSummary, levels: Sequence[float]) -> ProfileSummary:
    """The same with more levels; those it did not have hold nobody."""
    axis = Axis(tuple(levels), summary.options.axis.unit, summary.options.axis.zero)
    at = np.searchsorted(axis.levels, summary.options.axis.levels)
    sites = tuple(_site(site, at, len(axis.levels)) for site in summary.sites)
    return replace(summary, options=ProfileOptions(axis, summary.options.norm), sites=sites)


def rounded(summary: ProfileSummary) -> ProfileSummary:
    """The sums as a file keeps them."""

    def one(site: ProfileSite) -> ProfileSite:
        kept = np.array([float(f"{v:.{_DIGITS - 1}e}") for v in site.sums.moments.ravel()])
        return replace(site, sums=replace(site.sums, moments=kept.reshape(site.sums.moments.shape)))

    return replace(summary, sites=tuple(one(site) for site in summary.sites))


def _site(site: ProfileSite, at: np.ndarray, m: int) -> ProfileSite:
    columns = 1 + len(site.sums.low)
    where = np.r_[np.arange(columns), columns + at]
    moments = np.zeros((*site.sums.moments.shape[:2], columns + m, columns + m))
    moments[..., where[:, None], where[None, :]] = site.sums.moments
    people_at, rows_at = np.zeros(m, dtype=int), np.zeros(m, dtype=int)
    people_at[at], rows_at[at] = site.people_at, site.rows_at
    return ProfileSite(replace(site.sums, moments=moments), people_at, rows_at)
