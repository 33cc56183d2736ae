"""What a harmoniser keeps: of each feature its common level and slopes, of each site its shift and spread. Numbers only, nobody's value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from neuromyo.norms import transforms


@dataclass(frozen=True, slots=True)
class Feature:
    """One number per person: a quantity of a region.

    name : unique; quantity, unit : as in the table of measurements, they fix the transform
    pool : features of one pool teach each other how sites differ; the quantity where not given
    """

    name: str
    quantity: str = ""
    unit: str = ""
    pool: str = ""

    @property
    def group(self) -> str:
        return self.pool or self.quantity

    @property
    def transform(self) -> transforms.Transform:
        return transforms.of(self.quantity, self.unit)


@dataclass(frozen=True, slots=True)
class Options:
    """How sites are brought into line.

    method : ``levels``, or ``combat`` for the equations of the papers as they stand (`norms.site_effects`)
    spread : whether sites may differ in spread too, or in level only
    reference : the site whose level and spread are kept; the common ones of all where empty
    """

    method: str = "levels"
    spread: bool = True
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Effect:
    """One feature at one site, in SDs of the feature.

    people : different people; rows : scans; worth : how many people scanned at one site only they are worth
    raw_shift, variance, raw_spread2, df : as measured (`site_effects.Raw`); balance : how much differing covariates widen the variance
    shift, shift_se, log_spread, log_spread_se : shrunk, as taken out
    """

    people: int
    rows: int
    worth: float
    raw_shift: float
    variance: float
    raw_spread2: float
    df: float
    balance: float
    shift: float = 0.0
    shift_se: float = 0.0
    log_spread: float = 0.0
    log_spread_se: float = 0.0

    @staticmethod
    def from_dict(kept: Mapping[str, Any]) -> Effect:
        counts = {name: int(kept[name]) for name in ("people", "rows")}
        return Effect(**counts, **{str(name): float(v) for name, v in kept.items() if name not in counts})


@dataclass(frozen=True)
class Model:
    """One feature: level + slopes . (covariates - centre), SD sigma on df degrees of freedom, transformed scale.

    share : of the variance that stays with a person. centre, covariate_sd : of the controls' covariates
    scatter : (p, p) sum of squares of covariates within sites. sites : effects by name of the site
    """

    feature: Feature
    level: float
    slopes: tuple[float, ...]
    sigma: float
    df: float
    share: float
    centre: tuple[float, ...]
    covariate_sd: tuple[float, ...]
    scatter: tuple[tuple[float, ...], ...]
    sites: Mapping[str, Effect]

    def expected(self, covariates: np.ndarray) -> np.ndarray:
        """(n,) the common level of such people; an unknown covariate (NaN) counts as average. Summed column by column, so that a
        row's result does not depend on the other rows."""
        level = np.full(covariates.shape[0], self.level)
        for column, slope, centre in zip(covariates.T, self.slopes, self.centre, strict=True):
            level = level + slope * np.nan_to_num(column - centre, nan=0.0)
        return level

    def unknown_var(self, covariates: np.ndarray) -> np.ndarray:
        """(n,) variance of the expected value from covariates that are not known."""
        var = np.zeros(covariates.shape[0])
        for column, slope, sd in zip(covariates.T, self.slopes, self.covariate_sd, strict=True):
            var = var + np.isnan(column) * (slope * sd) ** 2
        return var

    def to_dict(self) -> dict[str, Any]:
        kept = {k: getattr(self, k) for k in ("level", "sigma", "df", "share")}
        lists = {k: list(getattr(self, k)) for k in ("slopes", "centre", "covariate_sd")}
        return {"feature": asdict(self.feature), **kept, **lists, "scatter": [list(row) for row in self.scatter],
                "sites": {name: asdict(self.sites[name]) for name in sorted(self.sites)}}  # fmt: skip

    @staticmethod
    def from_dict(kept: Mapping[str, Any]) -> Model:
        def several(name: str) -> tuple[float, ...]:
            return tuple(float(v) for v in kept[name])

        return Model(
            feature=Feature(**kept["feature"]),
            level=float(kept["level"]),
            slopes=several("slopes"),
            sigma=float(kept["sigma"]),
            df=float(kept["df"]),
            share=float(kept["share"]),
            centre=several("centre"),
            covariate_sd=several("covariate_sd"),
            scatter=tuple(tuple(float(v) for v in row) for row in kept["scatter"]),
            sites={str(name): Effect.from_dict(effect) for name, effect in kept["sites"].items()},
        )
