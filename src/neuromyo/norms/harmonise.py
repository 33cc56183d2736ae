r"""Values of several scanners brought into line: learnt from healthy controls, applied to everybody.

On the normal scale of each feature (`norms.transforms`), of a person with covariates w at site s:

.. math:: x = \alpha + w^T b + \sigma(\gamma_s + \delta_s\epsilon), \qquad
          x' = \alpha + w^T b + \frac{x - \alpha - w^T b - \sigma\gamma_s}{\delta_s}

Covariates keep their effect, since only what is left beside them is shifted and stretched; patients keep their distance from
healthy people, since sites are learnt from controls alone. How far sites are from each other is shrunk (`norms.site_effects`).

The harmonised value carries an uncertainty of its own, for each person: that of shift and spread of the site, and of covariates
that are not known. With three controls at a site it is half an SD between healthy people: a z-score that leaves it out lies.

*Assumes* controls of all sites come from one healthy population, given the covariates; sites shift and stretch, no more.
*Breaks* where sites differ in whom they call healthy: that becomes part of the scanner. *Cites* as in `norms.site_effects`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from neuromyo.core.errors import DataError, Finding, OptionError
from neuromyo.norms import site_doubts as doubts
from neuromyo.norms.site_fit import People, pool_models, with_effects
from neuromyo.norms.site_model import Effect, Feature, Model, Options
from neuromyo.norms.site_new import raw_effect

FORMAT, VERSION = "neuromyo-sites", 1


class Applied(NamedTuple):
    """Harmonised values (n, features) in the table's unit; ``se``, the uncertainty that harmonising adds, in the same unit; and
    ``stretch``, what a small change of the value was multiplied by (an uncertainty that the value had grows by it)."""

    values: np.ndarray
    se: np.ndarray
    stretch: np.ndarray


@dataclass(frozen=True)
class Harmoniser:
    """Levels, slopes, shifts and spreads of features at sites; made by `fit`. ``alike``: of each pool, how features go together."""

    models: tuple[Model, ...]
    covariates: tuple[str, ...]
    options: Options
    alike: Mapping[str, tuple[float, float]]

    @property
    def features(self) -> tuple[Feature, ...]:
        return tuple(model.feature for model in self.models)

    @property
    def sites(self) -> tuple[str, ...]:
        return tuple(sorted(self.models[0].sites))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """W-SITES of sites whose people are so unlike the others that their shift is uncertain."""
        worst = {site: max(model.sites[site].balance for model in self.models) for site in self.sites}
        return doubts.balance_findings(worst, self.covariates)

    def effect(self, feature: str, site: str) -> Effect:
        """What is known of one feature at one site, and what is taken out."""
        return next(model.sites[site] for model in self.models if model.feature.name == feature)

    def only(self, names: Collection[str]) -> Harmoniser:
        """With the features named, in the order they have here."""
        return replace(self, models=tuple(model for model in self.models if model.feature.name in names))

    @staticmethod
    def fit(
        values: np.ndarray,
        sites: Sequence[str],
        design: np.ndarray | None = None,
        *,
        features: Sequence[Feature] | None = None,
        covariates: Sequence[str] | None = None,
        person: Sequence[str] | None = None,
        options: Options | None = None,
    ) -> Harmoniser:
        """From controls only, never patients.

        values : (n, features) in the table's unit, NaN where missing; sites : (n,) names
        design : (n, p) covariates whose effect is kept; a leading column of ones (`Covariates.design`) is left out
        features : what the columns are; plain numbers of one pool where not given. covariates : their names
        person : (n,) who each row is of, where people were scanned at several sites or several times
        Refuses (E-SITES) what does not determine the sites.
        """
        values, table, options = _table(values), _columns(design, len(sites), None), _checked(options or Options())
        given = (
            tuple(features)
            if features is not None
            else tuple(Feature(f"feature {k + 1}") for k in range(values.shape[1]))
        )
        names = (
            tuple(covariates) if covariates is not None else tuple(f"covariate {k + 1}" for k in range(table.shape[1]))
        )
        doubts.check_shapes(values, sites, table, person, len(given), len(names))
        if not given or len({f.name for f in given}) < len(given):
            raise OptionError("E-OPTION", where="features", needed="at least one, each with a name of its own", found=f"{len(given)}",
                              remedy="rename one")  # fmt: skip
        who = [f"row {k}" for k in range(len(sites))] if person is None else list(person)
        doubts.check_sites(sites, who, options.reference)
        people = People.ordered(_forward(values, given), given, sites, person, table)
        models, alike = {}, {}
        for pool in sorted({f.group for f in given}):
            columns = sorted((k for k, f in enumerate(given) if f.group == pool), key=lambda k: given[k].name)
            made, alike[pool] = pool_models([given[k] for k in columns], columns, people, names, options)
            models |= dict(zip(columns, made, strict=True))
        return Harmoniser(tuple(models[k] for k in range(len(given))), names, options, alike)

    def apply(self, values: np.ndarray, sites: Sequence[str], design: np.ndarray | None = None) -> Applied:
        """Anybody's values, site by site known to the model. Missing values stay missing; a covariate that is not known counts as
        average and adds to ``se``. A row's result does not depend on the other rows."""
        values, table = _table(values), _columns(design, len(sites), len(self.covariates))
        doubts.check_shapes(values, sites, table, None, len(self.models), len(self.covariates))
        unknown = sorted(set(sites) - set(self.sites))
        if unknown:
            raise doubts.refused(
                f"site {', '.join(unknown) or 'not stated'}",
                f"one of {', '.join(self.sites)}",
                "no controls of it",
                f"add it from at least {doubts.LEAST_PEOPLE} controls, or leave its values as they are",
            )
        x = _forward(values, self.features)
        made = [_one(model, x[:, k], values[:, k], sites, table) for k, model in enumerate(self.models)]
        return Applied(*(np.stack(columns, axis=1) for columns in zip(*made, strict=True)))

    def add_site(self, name: str, values: np.ndarray, design: np.ndarray | None = None,
                 person: Sequence[str] | None = None) -> Harmoniser:  # fmt: skip
        """With one more site, from at least three controls of it; what is known of the others stays as it is, bit for bit.

        values : (n, features), NaN where missing; design : (n, p); person : (n,) where somebody was scanned several times
        """
        values, table = _table(values), _columns(design, len(np.atleast_2d(values)), len(self.covariates))
        doubts.check_shapes(values, [name] * len(values), table, person, len(self.models), len(self.covariates))
        if not name or name in self.sites:
            raise OptionError("E-OPTION", where="add_site", needed="the name of a new site", found=name or "nothing",
                              remedy="make the model anew to change a site")  # fmt: skip
        people = People.ordered(_forward(values, self.features), self.features, [name] * len(values), person, table)
        models = list(self.models)
        for k, model in enumerate(self.models):
            models[k] = replace(model, sites={**model.sites, name: raw_effect(model, name, people, k, self.covariates)})
        for pool, alike in self.alike.items():
            columns = sorted(
                (k for k, f in enumerate(self.features) if f.group == pool), key=lambda k: self.features[k].name
            )
            if not columns:
                continue
            sites = sorted(models[columns[0]].sites)
            made = with_effects([models[k] for k in columns], sites, alike, self.options, change=(name,))
            for k, model in zip(columns, made, strict=True):
                models[k] = model
        return replace(self, models=tuple(models))

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and names, nobody's value."""
        return {"format": FORMAT, "version": VERSION, "covariates": list(self.covariates), "options": asdict(self.options),
                "alike": {pool: list(pair) for pool, pair in sorted(self.alike.items())},
                "models": [model.to_dict() for model in self.models]}  # fmt: skip

    @staticmethod
    def from_dict(kept: Mapping[str, Any]) -> Harmoniser:
        """What `to_dict` gave; E-SITES where it is something else."""
        try:
            if (kept["format"], kept["version"]) != (FORMAT, VERSION):
                raise ValueError(f"{kept['format']} of version {kept['version']}")
            alike = {str(pool): (float(a), float(b)) for pool, (a, b) in kept["alike"].items()}
            models = tuple(Model.from_dict(model) for model in kept["models"])
            if not models or any(set(model.sites) != set(models[0].sites) for model in models):
                raise ValueError("features without the same sites")
            return Harmoniser(models, tuple(map(str, kept["covariates"])), Options(**kept["options"]), alike)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError("E-SITES", where="model of sites", needed=f"what neuromyo wrote ({FORMAT}, version {VERSION})",
                            found=f"something else ({type(error).__name__}: {error})", remedy="make the model anew") from error  # fmt: skip


def _one(model: Model, x: np.ndarray, value: np.ndarray, sites: Sequence[str],
         covariates: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    of_row = [model.sites[s] for s in sites]

    def column(name: str) -> np.ndarray:
        return np.array([getattr(effect, name) for effect in of_row], dtype=np.float64)

    expected, spread = model.expected(covariates), np.exp(column("log_spread"))
    left = (x - expected - model.sigma * column("shift")) / spread
    var = (model.sigma * column("shift_se") / spread) ** 2 + (left * column("log_spread_se")) ** 2
    var = var + model.unknown_var(covariates) * (1 - 1 / spread) ** 2
    transform = model.feature.transform
    made = transform.back(expected + left)
    per_x = np.exp(-transform.jacobian_log(made))
    return made, np.sqrt(var) * per_x, np.exp(transform.jacobian_log(value)) / spread * per_x


def _forward(values: np.ndarray, features: Sequence[Feature]) -> np.ndarray:
    made = np.empty_like(values)
    for k, feature in enumerate(features):
        wrong = ~feature.transform.lawful(values[:, k]) & ~np.isnan(values[:, k])
        if wrong.any():
            raise doubts.refused(
                feature.name, feature.transform.domain, f"{values[wrong, k][0]:g}", "leave that value out"
            )
        made[:, k] = feature.transform.forward(values[:, k])
    return made


def _table(values: np.ndarray) -> np.ndarray:
    x = np.asarray(values, dtype=np.float64)
    return x[:, None] if x.ndim == 1 else x


def _columns(design: np.ndarray | None, rows: int, needed: int | None) -> np.ndarray:
    """Covariates without a leading column of ones; ``needed``: how many there must be, where that is known."""
    if design is None:
        return np.zeros((rows, 0))
    table = _table(design)
    ones = table.shape[1] > 0 and bool((table[:, 0] == 1).all())
    return table[:, 1:] if ones and needed in (None, table.shape[1] - 1) else table


def _checked(options: Options) -> Options:
    if options.method not in ("levels", "combat"):
        raise OptionError(
            "E-OPTION", where="method", needed="levels or combat", found=options.method, remedy="give one of them"
        )
    return options
