"""The norm: where one value lies among healthy people, from a few controls of one's own and from published values.

    T(value) = x'b + u_site + e,   e ~ N(0, s2 exp(2 g age)),   u_site ~ N(0, s2 tau2),   rows of one person correlated by r

Given g, tau and r the posterior of b, u and s2 is in closed form (`conjugate`); g, tau, r, whether slopes are usual or
steep, and whether the literature is about people like ours are summed over a grid by their evidence. A new person's value
then has a mixture of Student t distributions. How it is explained to a neurologist: docs/norms.md.

Assumes: healthy values normal on the scale of `transforms`, straight lines in the covariates. Breaks: controls who are not
healthy; a literature of another method (`match` refuses it).
Cites: Crawford & Howell 1998, 10.1076/clin.12.4.482.7241 (t instead of z from few controls); Schmidli et al. 2014,
10.1111/biom.12242 (robust mixture of published and vague prior).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from neuromyo.core.errors import DataError
from neuromyo.core.norm import NormKey
from neuromyo.norms import placing, prior
from neuromyo.norms.conjugate import Data, Nig
from neuromyo.norms.interval import main_share
from neuromyo.norms.options import SITE_SDS, Options
from neuromyo.norms.placing import Norm
from neuromyo.norms.prior import Published, Start
from neuromyo.norms.studies import why_off_scale
from neuromyo.norms.summary import Controls, SiteSums, Summary, summarise
from neuromyo.norms.transforms import of

__all__ = ["Controls", "Norm", "Options", "Published", "SiteSums", "Summary", "norm", "summarise"]

#: the lightest components are dropped that together weigh less than one less this: no centile moves by more than 0.001
_KEPT = 1 - 1e-5


@dataclass(frozen=True, eq=False)
class _Grid:
    """The K components: index into `SITE_SDS`, slope of log SD, and the rows' sums."""

    tau: np.ndarray
    slope: np.ndarray
    log_prior: np.ndarray
    data: Data


def norm(
    summaries: Summary | Sequence[Summary], published: Sequence[Published] = (), options: Options | None = None,
    name: str = "",
) -> Norm:  # fmt: skip
    """The norm of one quantity at one place, from the sums of one or several centres and from published values.

    ``options``: those of the first summary unless given; covariates and heteroscedasticity are the summaries' own.
    A study that
    cannot be put on the quantity's scale is left out; `Summary.left_out` says which and why.
    Raises E-NORM where summaries do not belong together or fewer than `Options.least_effective` people are left.
    """
    merged = merge([summaries] if isinstance(summaries, Summary) else list(summaries))
    if options is not None:
        options = replace(options, covariates=merged.options.covariates, heteroscedastic=merged.options.heteroscedastic)
        merged = replace(merged, options=options)
    _refuse_constant(merged)
    merged, studies = _on_scale(merged, tuple(published))
    grid = _grid(merged)
    try:
        parts = _posterior(merged, grid, studies)
    except np.linalg.LinAlgError:
        raise DataError("E-NORM", where=f"norm of {merged.key}", needed="controls who tell the covariates apart",
                        found=f"{merged.n_people} controls for {len(merged.options.covariates.names)} covariates",
                        remedy="choose fewer covariates, or a finite slope_sd") from None  # fmt: skip
    return _assembled(merged, grid, parts, studies, name)


def _on_scale(summary: Summary, studies: tuple[Published, ...]) -> tuple[Summary, tuple[Published, ...]]:
    """The studies that can stand on the scale of the quantity; those that cannot are told."""
    key = summary.key
    why = [why_off_scale(study, of(key.quantity, key.unit), key.unit) for study in studies]
    told = replace(summary, left_out=(*summary.left_out, *(words for words in why if words)))
    return told, tuple(study for study, words in zip(studies, why, strict=True) if not words)


def merge(summaries: Sequence[Summary]) -> Summary:
    """One summary of several: the same as if their controls had been in one table (one person is in one summary only)."""
    if not summaries:
        raise DataError("E-NORM", where="norm", needed="the controls of at least one centre", found="none")
    first = summaries[0]
    for other in summaries[1:]:
        if other.key != first.key:
            raise DataError("E-NORM", where=f"norm of {first.key}", needed="norms of the same thing by the same method",
                            found=f"{_named(first.key)} and {_named(other.key)}", remedy="norms of other things stay apart")  # fmt: skip
        if other.options.covariates != first.options.covariates or other.options.slopes != first.options.slopes:
            said = [", ".join(s.options.covariates.names) or "none" for s in (first, other)]
            raise DataError("E-NORM", where=f"norm of {first.key}", needed=f"the same covariates ({said[0]})",
                            found=said[1], remedy="build both norms with the same covariates")  # fmt: skip
    _refuse_twice([s for summary in summaries for s in summary.sites], first.key)
    sites: dict[str, SiteSums] = {}
    # a fixed order, so that the order of files changes no bit
    for site in sorted((s for summary in summaries for s in summary.sites), key=lambda s: (s.site, _order(s))):
        sites[site.site] = _added(sites[site.site], site) if site.site in sites else site
    left_out = tuple(words for summary in summaries for words in summary.left_out)
    return Summary(first.key, first.options, tuple(sites.values()), left_out)


def _named(key: NormKey) -> str:
    return f"{key}, method {key.method or 'not stated'}"


def _order(site: SiteSums) -> tuple:
    return site.n_people, site.n_rows, tuple(site.moments.ravel()[-4:])


def _added(one: SiteSums, other: SiteSums) -> SiteSums:
    count = max(one.moments.shape[1], other.moments.shape[1])
    return _broadcast(one, count).plus(_broadcast(other, count))


def _broadcast(site: SiteSums, correlations: int) -> SiteSums:
    """Where everybody has one row, the correlation within a person changes nothing."""
    moments, log_det = site.moments, site.log_det
    shape = (moments.shape[0], correlations)
    return replace(
        site, moments=np.broadcast_to(moments, shape + moments.shape[2:]), log_det=np.broadcast_to(log_det, shape)
    )


def _refuse_twice(sites: Sequence[SiteSums], key: NormKey) -> None:
    """Sums that are alike to the last bit are of the same people, whatever the site is called."""
    seen: dict[bytes, str] = {}
    for site in sites:
        sums = np.ascontiguousarray(site.moments[:, 0]).tobytes()
        if sums in seen:
            raise DataError("E-NORM", where=f"norm of {key}", needed="different people in each file",
                            found=f"the same controls twice (sites {seen[sums] or 'not named'} and {site.site or 'not named'})",
                            remedy="name each file once")  # fmt: skip
        seen[sums] = site.site


def _refuse_constant(summary: Summary) -> None:
    """Somewhere two people of one site have to differ."""
    if summary.n_people < 2:
        raise _few(summary, summary.n_people, False)
    middle = summary.options.slopes.index(0.0)
    plain = [site.moments[middle, 0] for site in summary.sites]
    spread = sum(max(float(m[-1, -1] - m[0, -1] ** 2 / m[0, 0]), 0.0) for m in plain)
    if spread <= 1e-12 * sum(float(m[-1, -1]) for m in plain):
        where = "one site" if len(plain) == 1 else f"{len(plain)} sites"
        raise DataError("E-NORM", where=f"norm of {summary.key}", needed="controls of one site whose values differ",
                        found=f"{summary.n_people} controls at {where}, without any spread within a site",
                        remedy="add controls")  # fmt: skip


def _grid(summary: Summary) -> _Grid:
    """All combinations of tau, slope of log SD and correlation, with the sums extended by one coefficient a site."""
    sites = summary.sites
    count = max(site.moments.shape[1] for site in sites)
    moments = np.array([_broadcast(site, count).moments for site in sites])
    log_det = np.array([_broadcast(site, count).log_det for site in sites]).sum(axis=0)
    total = moments.sum(axis=0)
    p, n = total.shape[-1] - 1, len(sites)
    gram = np.zeros((*total.shape[:2], p + n, p + n))
    gram[..., :p, :p] = total[..., :p, :p]
    cross = np.concatenate([total[..., :p, p], np.moveaxis(moments[..., 0, p], 0, -1)], axis=-1)
    for j in range(n):
        gram[..., p + j, :p] = gram[..., :p, p + j] = moments[j, ..., 0, :p]
        gram[..., p + j, p + j] = moments[j, ..., 0, 0]
    taus, (slopes, correlations) = len(SITE_SDS), total.shape[:2]
    weight = prior.slope_weights(summary.options)[:, None] - np.log(correlations) + np.zeros((slopes, correlations))

    def spread(table: np.ndarray) -> np.ndarray:
        table = table.reshape((slopes * correlations, *table.shape[2:]))
        return np.tile(table, (taus,) + (1,) * (table.ndim - 1))

    data = Data(spread(gram), spread(cross), spread(total[..., p, p]), spread(log_det), sum(s.n_rows for s in sites))
    slope = np.repeat(np.array(summary.options.slopes), correlations)
    return _Grid(np.repeat(np.arange(taus), slopes * correlations), np.tile(slope, taus), spread(weight), data)


@dataclass(frozen=True, eq=False)
class _Part:
    """Posterior over the grid under one start: weights not normalised; ``variance``: (K,) 1 / people it was worth."""

    nig: Nig
    log_weight: np.ndarray
    variance: np.ndarray
    from_literature: bool


def _posterior(summary: Summary, grid: _Grid, studies: tuple[Published, ...]) -> list[_Part]:
    """Usual and steep slopes; literature about people like ours or not."""
    n_sites, transform = len(summary.sites), of(summary.key.quantity, summary.key.unit)
    parts = []
    for slope_sd, weight in summary.options.widths:
        options = replace(summary.options, slope_sd=slope_sd)
        if not studies:
            parts.append(_updated(prior.weak(options, n_sites), grid, weight, False))
            continue
        literature, vague = prior.published(options, n_sites, studies, transform)
        parts.append(_updated(literature, grid, weight * options.literature_weight, True))
        parts.append(_updated(vague, grid, weight * (1 - options.literature_weight), False))
    return parts


def _updated(start: Start, grid: _Grid, share: float, from_literature: bool) -> _Part:
    nig, evidence = start.nig.taken(grid.tau).update(grid.data)
    log_weight = np.log(share) + start.log_weight[grid.tau] + grid.log_prior + evidence
    return _Part(nig, log_weight, start.variance[grid.tau], from_literature)


def _assembled(summary: Summary, grid: _Grid, parts: list[_Part], studies: tuple[Published, ...], name: str) -> Norm:
    log_weight = np.concatenate([part.log_weight for part in parts])
    log_weight = log_weight - np.logaddexp.reduce(log_weight)
    told = np.repeat([part.from_literature for part in parts], len(grid.tau))
    agreement, effective = float("nan"), float(summary.n_people)
    if studies:
        weight = np.exp(log_weight) * told
        agreement = float(weight.sum())
        # variances average, people do not; without agreement published values are worth nobody
        effective += (
            agreement**2 / float(weight @ np.concatenate([part.variance for part in parts])) if agreement else 0
        )
    if effective < summary.options.least_effective:
        raise _few(summary, effective, bool(studies))
    fields = ("precision", "mean", "a", "b", "log_det")
    nig = Nig(*(np.concatenate([getattr(part.nig, field) for part in parts]) for field in fields))
    keep = main_share(log_weight, _KEPT)
    tile = len(parts)
    return placing.Norm(
        summary=summary, published=studies, name=name, agreement=agreement, n_effective=effective, nig=nig.taken(keep),
        log_weight=log_weight[keep] - np.logaddexp.reduce(log_weight[keep]), slope=np.tile(grid.slope, tile)[keep],
        site_variance=np.tile(np.array(SITE_SDS)[grid.tau] ** 2, tile)[keep],
    )  # fmt: skip


def _few(summary: Summary, effective: float, literature: bool) -> DataError:
    worth = f", worth {effective:.1f} together with the published values" if literature else ""
    return DataError("E-NORM", where=f"norm of {summary.key}",
                     needed=f"{summary.options.least_effective:g} or more healthy people",
                     found=f"{summary.n_people}{worth}",
                     remedy="scan more controls, or merge with another centre's norm")  # fmt: skip
