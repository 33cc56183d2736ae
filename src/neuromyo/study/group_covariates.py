"""What is held alike when groups are compared: the covariates of people as columns of numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from neuromyo.core.cohort import Cohort
from neuromyo.core.errors import DataError, OptionError
from neuromyo.stats.linear import full_rank
from neuromyo.study.group_people import Setting, near

#: fewest degrees of freedom that are to be left
LEAST_DF = 5
#: other words for covariates, as people type them -> the cohort's
_ALIASES = {"height": "height_m", "weight": "weight_kg", "scanner": "site"}
#: covariate -> how it stands in sentences, with its unit
TITLES = {
    "age": ("age", "years"),
    "height_m": ("height", "m"),
    "weight_kg": ("weight", "kg"),
    "bmi": ("body mass index", "kg/m2"),
    "sex": ("sex", ""),
}
_PERSONAL = ("age", "sex", "height_m", "weight_kg", "bmi")


@dataclass(frozen=True, eq=False)
class Covariates:
    """Columns (n,) by covariate for the rows of a setting; words as one column a word but the first.

    columns : name -> (n, columns), NaN where not known
    constant : asked for, but the same in everybody, and left out
    """

    columns: dict[str, np.ndarray]
    constant: tuple[str, ...]

    @staticmethod
    def of(setting: Setting, names: tuple[str, ...]) -> Covariates:
        """E-UNKNOWN for a name that nobody has; E-STUDY where they tell the groups apart by themselves; E-PEOPLE for too many."""
        asked = tuple(dict.fromkeys(_ALIASES.get(n, n) for n in names))
        columns = {n: _columns(setting.rows, n) for n in asked}
        constant = tuple(n for n, c in columns.items() if c.shape[1] == 0 or not (np.nanstd(c, axis=0) > 0).all())
        found = Covariates({n: c for n, c in columns.items() if n not in constant}, constant)
        for group in setting.compared:
            found._refuse(setting, group)
        return found

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.columns)

    def matrix(self, rows: np.ndarray) -> np.ndarray:
        """(rows, k) columns of these rows (indices), those left out that say nothing among them."""
        return np.hstack([np.empty((len(rows), 0)), *(_telling(c[rows]) for c in self.columns.values())])

    def complete(self) -> np.ndarray:
        """(n,) rows of which all are known."""
        known = [np.isfinite(c).all(axis=1) for c in self.columns.values()]
        return np.logical_and.reduce(known) if known else np.array([], dtype=bool)

    def _refuse(self, setting: Setting, group: str) -> None:
        """Where group and covariates cannot be told apart among people who could be compared."""
        if not self.columns:
            return
        pair = setting.member(group) | setting.member(setting.reference)
        rows = np.flatnonzero(pair & self.complete())
        design = np.column_stack([np.ones(len(rows)), setting.member(group)[rows], self.matrix(rows)])
        n, k = design.shape
        named = ", ".join(titled(self.names))
        if n - k < LEAST_DF:
            raise DataError(
                "E-PEOPLE",
                where="option covariates",
                needed=f"at least {k + LEAST_DF} people of {group} and "
                f"{setting.reference} "
                f"with known {named}, for {k} coefficients",
                found=str(n),
                remedy="give fewer covariates",
            )
        if not full_rank(design):
            raise DataError(
                "E-STUDY",
                where="option covariates",
                needed=f"covariates that do not tell {group} and {setting.reference} apart",
                found=self._confounded(setting, group, rows),
                remedy="leave that covariate out: what it does "
                "cannot be told from "
                "what the disease does in these people",
            )

    def _confounded(self, setting: Setting, group: str, rows: np.ndarray) -> str:
        """Which covariate goes with the groups, or with another."""
        for name, column in self.columns.items():
            if not full_rank(
                np.column_stack([np.ones(len(rows)), setting.member(group)[rows], _telling(column[rows])])
            ):
                return f"{name}, which everybody's group can be told from"
        return f"{', '.join(self.names)}, one of which follows from the others"


def titled(names: Iterable[str]) -> list[str]:
    """As they stand in sentences: ``height`` for ``height_m``."""
    return [TITLES.get(n, (n.replace("_", " "), ""))[0] for n in names]


def _columns(rows: Cohort, name: str) -> np.ndarray:
    if name == "group":
        raise OptionError(
            "E-OPTION",
            where="option covariates",
            needed="a covariate other than the group itself",
            found=name,
            remedy="leave it out: groups are what is compared",
        )
    numbers = rows.covariate(name)
    if np.isfinite(numbers).any():
        return numbers[:, None]
    words = rows.words(name)
    kinds = sorted({str(w) for w in words if w})
    if not kinds:
        raise OptionError(
            "E-UNKNOWN",
            where="option covariates",
            needed="a covariate known of these people",
            found=name,
            remedy=near(name, known(rows)),
        )
    out = np.column_stack([np.ones(len(words)), *[(words == k).astype(np.float64) for k in kinds[1:]]])[:, 1:]
    return np.where((words == "")[:, None], np.nan, out)


def _telling(block: np.ndarray) -> np.ndarray:
    """The columns of one covariate that vary; of several words, one less than there are."""
    if len(block) == 0:
        return block
    varying = block[:, np.ptp(block, axis=0) > 0]
    return varying[:, 1:] if varying.shape[1] > 1 and (varying.sum(axis=1) == 1).all() else varying


def known(rows: Cohort) -> list[str]:
    """Covariates that anybody in these rows has."""
    more = dict.fromkeys(k for p in rows.person for k in rows.people[p].more)
    names = [n for n in (*_PERSONAL, *more) if np.isfinite(rows.covariate(n)).any() or any(rows.words(n))]
    return [*names, *(["site"] if any(rows.words("site")) else [])]
