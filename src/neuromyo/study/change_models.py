"""The numbers of a change: within a group, and of one group against another, by every method that is shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuromyo.stats.estimates import NOT_KNOWN, Estimate
from neuromyo.stats.flips import sign_flip_draws
from neuromyo.stats.intervals import Interval
from neuromyo.stats.mixed import MixedFit, mmrm
from neuromyo.stats.permutation import PermutationP, two_sample
from neuromyo.stats.responsiveness import response
from neuromyo.study.change_options import Options
from neuromyo.study.visits import Course

T_TEST, WELCH, ANCOVA, MODEL, MODEL_BASELINE = (
    "t of the change",
    "Welch's t of the change",
    "ANCOVA on the baseline",
    "mixed model",
    "mixed model given the baseline",
)


@dataclass(frozen=True, slots=True)
class Within:
    """Change of one group from the baseline to one visit, of the n people who have both.

    first, later : their means; sd : of their changes; change : by the paired t; model : by the mixed model, of all who have any value
    turned : p by sign flips; rate : change per unit of time of the ``n_dated`` people; gap : median, least, most days between
    """

    group: str
    visit: str
    n: int
    first: float
    later: float
    sd: float
    change: Estimate
    srm: Interval
    turned: PermutationP
    model: Estimate
    n_dated: int
    gap: tuple[float, float, float]
    rate: Estimate


@dataclass(frozen=True, slots=True)
class Against:
    """Change of ``group`` less that of ``reference`` by one method; ``permuted``: p by exchanging people, where the method has one."""

    group: str
    reference: str
    visit: str
    method: str
    n: int
    n_reference: int
    found: Estimate
    permuted: float = float("nan")


def within(one: Course, group: str, visit: int, options: Options) -> Within:
    """Of one group at one visit (its number)."""
    rows = one.of(group)
    d, gap = one.change(visit)[rows], one.gap(visit)[rows]
    there, dated = np.isfinite(d), np.isfinite(gap)
    draws = sign_flip_draws(d[there][:, None], options.repeats, options.seed)
    first, later = (one.values[rows, k][there] for k in (0, visit))
    return Within(
        group,
        one.visits[visit],
        int(there.sum()),
        _mean(first),
        _mean(later),
        float(d[there].std(ddof=1)) if there.sum() > 1 else float("nan"),
        mean_of(d[there], options.level),
        response(d[there], options.level),
        PermutationP(float(draws.p()[0]), draws.exact, draws.repeats),
        model_change(one, group, visit, options),
        int(dated.sum()),
        _spread(gap[dated]),
        mean_of(d[dated] / gap[dated] * options.period_days, options.level),
    )


def mean_of(d: np.ndarray, level: float) -> Estimate:
    """The mean of changes (n,) by Student's t; without an interval of fewer than two, or where all are one and the same."""
    if not d.size:
        return NOT_KNOWN
    return mmrm(d[:, None], np.ones((d.size, 1, 1))).test(np.ones(1), level)


def model_change(one: Course, group: str, visit: int, options: Options) -> Estimate:
    """A group's mean change by the mixed model of that group alone: people with a missing visit count with what they have."""
    fit = model_of_group(one, group)
    if fit is None:
        return NOT_KNOWN
    contrast = np.zeros(len(one.visits))
    contrast[[0, visit]] = -1, 1
    return fit.test(contrast, options.level)


def model_of_group(one: Course, group: str) -> MixedFit | None:
    """Mean at each visit, covariance between them."""
    values = one.values[one.of(group)]
    return fitted(values, by_visit(len(values), values.shape[1], np.ones(len(values))))


def against(one: Course, group: str, reference: str, covariates: np.ndarray, options: Options) -> list[Against]:
    """All methods at all follow-up visits; ``covariates`` (n, k) of all people of the course, none where k is 0."""
    rows = one.of(group, reference)
    values, inside, more = one.values[rows], one.of(group)[rows].astype(float), covariates[rows]
    models = _models(values, inside, more, options)
    found = []
    for k, visit in enumerate(one.visits[1:], start=1):
        change = values[:, k] - values[:, 0]
        simple = _simple(change, values[:, 0], inside, more, options)
        permuted = two_sample(change[inside == 1], change[inside == 0], repeats=options.repeats, seed=options.seed).p
        for method, (seen, estimate) in {**simple, **{m: f[k - 1] for m, f in models.items()}}.items():
            n, m = int(seen[inside == 1].sum()), int(seen[inside == 0].sum())
            found.append(
                Against(group, reference, visit, method, n, m, estimate, permuted if method == WELCH else float("nan"))
            )
    return found


def _simple(
    change: np.ndarray, first: np.ndarray, inside: np.ndarray, more: np.ndarray, options: Options
) -> dict[str, tuple]:
    """t, Welch's t and analysis of covariance of one visit: (who counted, estimate) by method."""
    columns = np.stack([np.ones(len(change)), inside], -1)
    found = {}
    designs = [
        (T_TEST, columns, None),
        (WELCH, columns, inside.astype(int)),
        (ANCOVA, np.concatenate([columns, first[:, None], more], 1), None),
    ]
    for method, X, strata in designs:
        y = np.where(np.isfinite(X).all(1), change, np.nan)
        fit = fitted(y[:, None], X[:, None], strata)
        if fit is not None:
            found[method] = (np.isfinite(y), fit.test(np.eye(X.shape[1])[1], options.level))
    return found


def _models(values: np.ndarray, inside: np.ndarray, more: np.ndarray, options: Options) -> dict[str, list[tuple]]:
    """Mixed models: for each, (who counted, estimate) of every follow-up visit."""
    T, strata = values.shape[1], inside.astype(int) if options.spread == "by-group" else None
    found = {}
    fit = _adjusted(values, [inside, *more.T], strata)
    if fit is not None:
        seen = np.isfinite(values).any(1) & np.isfinite(more).all(1)
        found[MODEL] = [(seen, fit.test(_contrast(fit, {T: -1, T + k: 1}), options.level)) for k in range(1, T)]
    fit = _adjusted(values[:, 1:], [inside, values[:, 0], *more.T], strata) if T > 2 else None
    if fit is not None:
        seen = np.isfinite(values[:, 1:]).any(1) & np.isfinite(values[:, 0]) & np.isfinite(more).all(1)
        found[MODEL_BASELINE] = [(seen, fit.test(_contrast(fit, {T - 1 + k: 1}), options.level)) for k in range(T - 1)]
    return found


def _adjusted(values: np.ndarray, columns: list[np.ndarray], strata: np.ndarray | None) -> MixedFit | None:
    known = np.asarray(np.isfinite(np.stack(columns)).all(0))
    y = np.where(known[:, None], values, np.nan)
    return fitted(y, by_visit(*values.shape, np.ones(len(values)), *(np.where(known, c, 0.0) for c in columns)), strata)


def _contrast(fit: MixedFit, weights: dict[int, float]) -> np.ndarray:
    c = np.zeros(len(fit.beta))
    c[list(weights)] = list(weights.values())
    return c


def by_visit(n: int, visits: int, *columns: np.ndarray) -> np.ndarray:
    """A design (n, visits, visits * columns): each column (n,) has an effect of its own at each visit; column k, visit t stands at
    k * visits + t."""
    X = np.zeros((n, visits, visits * len(columns)))
    for t in range(visits):
        for k, column in enumerate(columns):
            X[:, t, k * visits + t] = column
    return X


def fitted(y: np.ndarray, X: np.ndarray, strata: np.ndarray | None = None) -> MixedFit | None:
    """The model, where people suffice for it; otherwise, or where no maximum was found, none.

    Every two visits need as many people who have both as there are visits, and one more for each effect at a visit (with strata: one more
    in each stratum); with fewer the covariance between visits can be singular, and the likelihood has no maximum.
    """
    seen = np.isfinite(y)
    keep = seen.any(1)
    effects = X.shape[-1] // y.shape[1]
    for s in np.unique(strata[keep]) if strata is not None else [None]:
        there = seen[keep if s is None else keep & (strata == s)].astype(int)
        if not there.size or (there.T @ there).min() < y.shape[1] + (effects if s is None else 1):
            return None
    try:
        fit = mmrm(y[keep], X[keep], None if strata is None else strata[keep])
    except ValueError:
        return None
    return fit if fit.converged else None


def _mean(x: np.ndarray) -> float:
    return float(x.mean()) if x.size else float("nan")


def _spread(days: np.ndarray) -> tuple[float, float, float]:
    return (
        (float(np.median(days)), float(days.min()), float(days.max()))
        if days.size
        else (float("nan"), float("nan"), float("nan"))
    )
