"""From the controls' values to raw estimates of every feature at every site (`site_effects.Raw`), pool by pool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from neuromyo.norms import site_doubts as doubts
from neuromyo.norms import site_effects as effects
from neuromyo.norms.site_model import Effect, Feature, Model, Options
from neuromyo.norms.site_regression import Layout, Regression, person_share, regress


@dataclass(frozen=True, eq=False)
class People:
    """The controls in canonical order: values (n, features) on the normal scale, NaN where missing; site and person by name."""

    x: np.ndarray
    sites: tuple[str, ...]
    persons: tuple[str, ...]
    covariates: np.ndarray

    @staticmethod
    def ordered(
        x: np.ndarray,
        features: Sequence[Feature],
        sites: Sequence[str],
        persons: Sequence[str] | None,
        covariates: np.ndarray,
    ) -> People:
        """Rows sorted by what they hold, so that the order they came in changes no bit. Without ``persons`` each row is one."""
        names = [""] * len(sites) if persons is None else list(persons)
        columns = sorted(range(len(features)), key=lambda k: features[k].name, reverse=True)
        keys = [*x.T[columns], *covariates.T[::-1], _numbers(names), _numbers(sites)]
        order = [int(i) for i in np.lexsort(keys)]
        told = tuple(f"row {k}" if persons is None else names[i] for k, i in enumerate(order))
        return People(np.ascontiguousarray(x[order]), tuple(sites[i] for i in order), told,
                      np.ascontiguousarray(covariates[order]))  # fmt: skip


def _numbers(names: Sequence[str]) -> np.ndarray:
    return np.unique(np.array(names, dtype=str), return_inverse=True)[1].astype(float)


def pool_models(features: Sequence[Feature], columns: Sequence[int], people: People, names: Sequence[str],
                options: Options) -> tuple[list[Model], tuple[float, float]]:  # fmt: skip
    """The features of one pool, in the order given (canonical: sorted by name), and how alike they are."""
    sites = tuple(sorted(set(people.sites)))
    placed = [
        _layout(people, column, sites, feature.name, names) for feature, column in zip(features, columns, strict=True)
    ]
    share = person_share([(x, layout) for x, layout, _ in placed])
    fits = [regress(x, layout, share) for x, layout, _ in placed]
    models = [
        _model(feature, people, rows, layout, x, fit, share, sites, names, options)
        for feature, (x, layout, rows), fit in zip(features, placed, fits, strict=True)
    ]
    residuals = np.full((len(people.sites), len(models)), np.nan)
    for k, ((_, _, rows), fit) in enumerate(zip(placed, fits, strict=True)):
        residuals[rows, k] = fit.residual
    alike = alikeness(residuals)
    return with_effects(models, sites, alike, options), alike


def _layout(people: People, column: int, sites: Sequence[str], feature: str,
            names: Sequence[str]) -> tuple[np.ndarray, Layout, np.ndarray]:  # fmt: skip
    """Values, layout and row numbers of those who have the feature; refuses what does not determine the sites."""
    rows = np.flatnonzero(np.isfinite(people.x[:, column]))
    x, site = people.x[rows, column], np.array([sites.index(people.sites[i]) for i in rows], dtype=int)
    persons = [people.persons[i] for i in rows]
    for number, name in enumerate(sites):
        doubts.too_few(name, len({p for p, s in zip(persons, site, strict=True) if s == number}), feature)
    covariates = people.covariates[rows]
    doubts.check_covariates(covariates, site, names)
    doubts.check_spread(x, site, sites, feature)
    return x, Layout(site, _numbers(persons).astype(int), covariates - covariates.mean(axis=0)), rows


def _model(feature: Feature, people: People, rows: np.ndarray, layout: Layout, x: np.ndarray, fit: Regression, share: float,
           sites: Sequence[str], names: Sequence[str], options: Options) -> Model:  # fmt: skip
    n = np.bincount(layout.site).astype(float)
    weight = np.array([float(s == options.reference) for s in sites]) if options.reference else n / n.sum()
    level = float(weight @ fit.theta)
    left = x - fit.theta[layout.site] - layout.covariates @ fit.slopes
    squares = np.bincount(layout.site, weights=left**2)
    persons = np.array([np.unique(layout.person[layout.site == s]).size for s in range(len(sites))], dtype=float)
    df = np.maximum(persons - 1 - layout.covariates.shape[1] * n / n.sum(), 0.5)
    squares = squares * df / np.maximum(n - 1 - layout.covariates.shape[1] * n / n.sum(), 0.5)
    sigma2 = fit.sigma2
    if options.reference:
        at = sites.index(options.reference)
        sigma2 = float(squares[at] / df[at])
    variance, alone = (_shift_variance(c, weight) for c in (fit.covariance, regress(x, layout).covariance))
    mean_only = np.array([_shift_variance(np.diag(1 / n), weight)[s] for s in range(len(sites))])
    made: dict[str, Effect] = {}
    for s, name in enumerate(sites):
        fixed = name == options.reference
        gain = 1.0 if fixed else float(alone[s] / variance[s])
        balance = 1.0 if fixed else float(alone[s] / mean_only[s])
        doubts.check_balance(name, feature.name, balance, names)
        made[name] = Effect(
            people=int(persons[s]),
            rows=int(n[s]),
            worth=float(n[s]) * gain,
            raw_shift=float((fit.theta[s] - level) / np.sqrt(sigma2)),
            variance=0.0 if fixed else float(variance[s]),
            raw_spread2=float(squares[s] / df[s] / sigma2),
            df=float(df[s]),
            balance=balance,
        )
    raw = people.covariates[rows]
    within = raw - np.stack([raw[layout.site == s].mean(axis=0) for s in layout.site])
    return Model(feature, level, tuple(map(float, fit.slopes)), float(np.sqrt(sigma2)), float(fit.df), share,
                 tuple(map(float, raw.mean(axis=0))), tuple(map(float, raw.std(axis=0))),
                 tuple(tuple(map(float, row)) for row in within.T @ within), made)  # fmt: skip


def _shift_variance(covariance: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Variance of each site's mean minus the common level, in units of sigma^2."""
    k = weight.size
    contrast = np.eye(k) - weight
    return np.einsum("ij,jk,ik->i", contrast, covariance[:k, :k], contrast)


def alikeness(residuals: np.ndarray) -> tuple[float, float]:
    """Mean correlation, and mean squared correlation, of two features of a person; (rows, features), NaN where missing."""
    n = residuals.shape[1]
    if n < 2:
        return 0.0, 0.0
    seen = np.isfinite(residuals)
    e = np.where(seen, residuals, 0.0)
    products, squares = e.T @ e, (e**2).T @ seen.astype(float)
    r = products / np.sqrt(np.maximum(squares * squares.T, 1e-300))
    common = seen.astype(float).T @ seen
    off = ~np.eye(n, dtype=bool)
    chance = 1 / np.maximum(common[off] - 1, 1)  # the mean square of correlations that are none
    return float(np.clip(r[off].mean(), 0, 1)), float(np.clip((r[off] ** 2 - chance).mean(), 0, 1))


def raw_of(models: Sequence[Model], sites: Sequence[str], alike: tuple[float, float]) -> effects.Raw:
    """The raw estimates of one pool as arrays (sites, features)."""

    def table(name: str) -> np.ndarray:
        return np.array([[float(getattr(m.sites[s], name)) for m in models] for s in sites])

    return effects.Raw(
        table("raw_shift"), table("variance"), table("raw_spread2"), table("df"), table("rows"), table("worth"), *alike
    )


def with_effects(models: Sequence[Model], sites: Sequence[str], alike: tuple[float, float], options: Options,
                 change: Sequence[str] | None = None) -> list[Model]:  # fmt: skip
    """The models with effects shrunk over the sites given; only those in ``change`` are replaced (all where None).

    The reference stands still and teaches nothing of how far sites are from it.
    """
    others = [s for s in sites if s != options.reference]
    shrink = effects.combat if options.method == "combat" and len(models) > 1 else effects.levels
    raw = raw_of(models, others, alike)
    found = shrink(raw, options.spread)
    made = []
    for v, model in enumerate(models):
        kept = dict(model.sites)
        for s, name in enumerate(others):
            if change is None or name in change:
                kept[name] = replace(
                    kept[name], shift=float(found.shift[s, v]), shift_se=float(found.shift_se[s, v]),
                    log_spread=float(found.log_spread[s, v]), log_spread_se=float(found.log_spread_se[s, v]))  # fmt: skip
        made.append(replace(model, sites=kept))
    return made
