r"""What a norm along a nerve stores: sums over the controls of each site, and no person's profile.

One site's sums are those of a scalar norm (`norms.summary`) with all levels beside each other, Z = [1, x, y_1 ... y_m]: Z' R^-1 Z.
Sums of sites add, so norm files merge. The sums of one level are cut out of them, scaled by the share of people measured there.

What keeps a person from being read out of the sums:

* one set of people in every sum (gaps are completed, `norms.missing`): nothing can be had by subtracting sums of neighbouring levels;
* sites of fewer than `LEAST_PEOPLE` people, or of hardly more people than covariates, and levels measured in fewer, are left out;
* a covariate that sets fewer than `LEAST_PEOPLE` people apart from the others (one man among ten) is replaced by its mean: sum of
  y times sex, added to sum of y, would be that man's profile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from neuromyo.core.errors import DataError
from neuromyo.core.norm import Body, NormKey
from neuromyo.norms import summary as one_level
from neuromyo.norms.levels import Axis, resampled
from neuromyo.norms.missing import completed
from neuromyo.norms.options import CORRELATIONS, Options
from neuromyo.norms.summary import SiteSums, Summary
from neuromyo.norms.transforms import of

#: people of a site, and people measured at a level of a site, under which nothing is kept of it
LEAST_PEOPLE = 5


@dataclass(frozen=True)
class ProfileOptions:
    """``axis``: the levels; ``norm``: as of a scalar norm. The SD does not change with age here: sums for a grid of such changes
    would be nine times as large."""

    axis: Axis
    norm: Options = field(default_factory=lambda: Options(heteroscedastic=False))


@dataclass(frozen=True, eq=False)
class ProfileControls:
    """Healthy people's profiles: (m,) positions in the axis's unit, (n, m) values in the table's unit (NaN where missing), who they
    are, and which rows are of one person (both sides)."""

    positions: np.ndarray
    value: np.ndarray
    bodies: tuple[Body, ...]
    person: tuple[str, ...] = ()

    @staticmethod
    def of(
        profiles: Sequence[tuple[np.ndarray, np.ndarray]],
        axis: Axis,
        bodies: Sequence[Body],
        person: Sequence[str] = (),
    ) -> ProfileControls:
        """From (positions, values) of each, which may differ in length and places."""
        levels = np.array(axis.levels)
        value = np.array([resampled(p, v, levels) for p, v in profiles]).reshape(len(profiles), len(levels))
        return ProfileControls(levels, value, tuple(bodies), tuple(person))


@dataclass(frozen=True, eq=False)
class ProfileSite:
    """One site. ``sums``: with all m levels as last columns; people_at, rows_at : (m,) people and rows measured at each level."""

    sums: SiteSums
    people_at: np.ndarray
    rows_at: np.ndarray

    def plus(self, other: ProfileSite) -> ProfileSite:
        """Two sets of people of one site."""
        return ProfileSite(self.sums.plus(other.sums), self.people_at + other.people_at, self.rows_at + other.rows_at)

    def level(self, j: int) -> SiteSums | None:
        """The sums of one level, worth the people measured there; None where too few were."""
        if self.people_at[j] < LEAST_PEOPLE:
            return None
        p = len(self.sums.low)
        at, share = [*range(1 + p), 1 + p + j], self.rows_at[j] / self.sums.n_rows
        return replace(self.sums, n_people=int(self.people_at[j]), n_rows=int(self.rows_at[j]),
                       moments=share * self.sums.moments[..., at, :][..., at], log_det=share * self.sums.log_det)  # fmt: skip


@dataclass(frozen=True, eq=False)
class ProfileSummary:
    """What a norm file stores of a profile norm. ``left_out``: what did not enter, in words."""

    key: NormKey
    options: ProfileOptions
    sites: tuple[ProfileSite, ...]
    left_out: tuple[str, ...] = ()

    @property
    def n_people(self) -> int:
        return sum(site.sums.n_people for site in self.sites)

    def level(self, j: int) -> Summary | None:
        """The summary of one level, as of a scalar norm; None where no site has enough people."""
        axis = self.options.axis
        key = replace(self.key, level=f"{axis.levels[j]:g} {axis}")
        sites = tuple(found for site in self.sites if (found := site.level(j)) is not None)
        return Summary(key, self.options.norm, sites) if sites else None


def profile_summary(key: NormKey, controls: ProfileControls, options: ProfileOptions) -> ProfileSummary:
    """Sums per site. Raises E-NORM where no site has enough people.

    Rows without any value at the levels, or of people of whom a covariate is not known, are left out and told.
    """
    persons = controls.person or tuple(str(i) for i in range(len(controls.value)))
    if not len(controls.value) == len(controls.bodies) == len(persons):
        raise DataError("E-NORM", where=f"profile norm of {key}", needed="a body and a person for each profile",
                        found=f"{len(controls.value)} profiles, {len(controls.bodies)} bodies, {len(persons)} persons")  # fmt: skip
    levels = np.array(options.axis.levels)
    rows = np.array([resampled(controls.positions, v, levels) for v in controls.value]).reshape(-1, len(levels))
    y = of(key.quantity, key.unit).forward(rows)
    raw = options.norm.covariates.raw(controls.bodies)
    unknown, empty = np.isnan(raw).any(axis=1), np.isnan(y).all(axis=1)
    left_out = [f"{int(c.sum())} profiles {why}" for c, why in ((empty, "without a value at any level"),
                (unknown & ~empty, "of people of whom a covariate is not known")) if c.any()]  # fmt: skip
    keep = np.flatnonzero(~unknown & ~empty)
    sites: list[ProfileSite] = []
    for name in sorted({controls.bodies[i].site for i in keep}):
        at = [i for i in keep if controls.bodies[i].site == name]
        found = _site(name, raw[at], y[at], [persons[i] for i in at], options.norm)
        if isinstance(found, str):
            left_out.append(found)
        else:
            sites.append(found)
    if not sites:
        raise DataError("E-NORM", where=f"profile norm of {key}", needed=f"a site with at least {LEAST_PEOPLE} usable controls",
                        found="; ".join(left_out) or "no controls", remedy="scan more controls, or take fewer covariates")  # fmt: skip
    return ProfileSummary(key, options, tuple(sites), tuple(left_out))


def merge(summaries: Sequence[ProfileSummary]) -> ProfileSummary:
    """One summary of several centres' (one person is in one of them only), whatever their order."""
    if not summaries:
        raise DataError("E-NORM", where="profile norm", needed="the controls of at least one centre", found="none")
    first = summaries[0]
    for other in summaries[1:]:
        for said, mine, theirs in (("norms of the same thing", first.key, other.key),
                                   ("the same levels", first.options.axis, other.options.axis),
                                   ("the same covariates", first.options.norm.covariates.names, other.options.norm.covariates.names),
                                   ("the same model of the SD", first.options.norm.slopes, other.options.norm.slopes)):  # fmt: skip
            if mine != theirs:
                raise DataError("E-NORM", where=f"profile norm of {first.key}", needed=f"{said} ({mine})", found=f"{theirs}",
                                remedy="build both norms alike")  # fmt: skip
    sites: dict[str, ProfileSite] = {}
    for site in sorted((s for summary in summaries for s in summary.sites), key=_order):
        sites[site.sums.site] = sites[site.sums.site].plus(site) if site.sums.site in sites else site
    return replace(first, sites=tuple(sites.values()), left_out=tuple(w for s in summaries for w in s.left_out))


def _order(site: ProfileSite) -> tuple:
    return site.sums.site, site.sums.n_people, site.sums.n_rows, tuple(site.sums.moments.ravel()[-4:])


def _site(site: str, raw: np.ndarray, y: np.ndarray, persons: list[str], options: Options) -> ProfileSite | str:
    """The sums of one site, or why there are none."""
    people, columns = len(set(persons)), 1 + raw.shape[1]
    least = max(LEAST_PEOPLE, columns + 2)
    where = f"site {site}" if site else "the site"
    if people < least:
        return f"{where}: {people} controls (needed {least} for {columns - 1} covariates)"
    order = np.lexsort(np.nan_to_num(np.column_stack([raw, y]), nan=np.inf).T)
    raw, y, persons = raw[order], y[order], [persons[i] for i in order]
    people_at, rows_at = _counted(y, persons)
    y = np.where(people_at < LEAST_PEOPLE, np.nan, y)
    measured = people_at >= LEAST_PEOPLE
    if not measured.any():
        return f"{where}: no level was measured in {LEAST_PEOPLE} controls"
    x = _blurred(options.covariates.scaled(raw), persons)
    seen = np.flatnonzero(~np.isnan(y[:, measured]).all(axis=1))
    x, y, raw, persons = x[seen], y[seen], raw[seen], [persons[i] for i in seen]
    filled, spread = np.zeros(y.shape), np.zeros((len(y), y.shape[1], y.shape[1]))
    filled[:, measured], part = completed(x, y[:, measured], options.slope_sd)
    spread[np.ix_(np.arange(len(y)), np.flatnonzero(measured), np.flatnonzero(measured))] = part
    sums = one_level._site(site, x, filled, persons, raw, options)
    added = _added_spread(sums, x, spread, persons, options)
    return ProfileSite(
        replace(sums, moments=sums.moments + added), np.where(measured, people_at, 0), np.where(measured, rows_at, 0)
    )


def _counted(y: np.ndarray, persons: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """(m,) people and rows that have a value at each level."""
    seen, names = ~np.isnan(y), np.array(persons)
    return np.array([len(set(names[column])) for column in seen.T]), seen.sum(axis=0)


def _blurred(x: np.ndarray, persons: list[str]) -> np.ndarray:
    """The design, with the mean in place of a covariate that sets fewer than `LEAST_PEOPLE` people apart."""
    x, names = x.copy(), np.array(persons)
    for column in x.T[1:]:
        kinds = np.unique(column)
        if len(kinds) == 2 and min(len(set(names[column == kind])) for kind in kinds) < LEAST_PEOPLE:
            column[:] = column.mean()
    return x


def _added_spread(
    sums: SiteSums, x: np.ndarray, spread: np.ndarray, persons: list[str], options: Options
) -> np.ndarray:
    """(G, R, q, q) what the uncertainty of completed values adds to Z' R^-1 Z: each row's, times the diagonal of R^-1."""
    added = np.zeros_like(sums.moments)
    if not spread.any():
        return added
    names = options.covariates.names
    age = x[:, 1 + names.index("age")] if "age" in names else np.zeros(len(x))
    rows = np.array([persons.count(p) for p in persons])
    correlations = CORRELATIONS[: np.shape(added)[1]]
    for i, slope in enumerate(options.slopes):
        for k, r in enumerate(correlations):
            weight = np.exp(-2 * slope * age) * (1 - r / (1 + (rows - 1) * r)) / (1 - r)
            added[i, k, x.shape[1] :, x.shape[1] :] = np.einsum("n,nij->ij", weight, spread)
    return added
