r"""Cohen's kappa: how far two readers agree on a scale beyond what their habits would bring about by chance.

With the share p_ij of cases given grade i by one and j by the other, margins r and c, and disagreement weights v (1 for any two
grades; \|i-j\|/(K-1), linear; its square, quadratic):

.. math:: \kappa = 1 - \frac{\sum v_{ij}\, p_{ij}}{\sum v_{ij}\, r_i c_j}

Interval: the large-sample variance of Fleiss, Cohen & Everitt, laid on Fisher's z = artanh(kappa) with Student's t on n - 1. Drawn
from a latent normal model (2 and 5 grades, kappa .3 to .9, 300 draws each) it covered 90 to 98 % at n = 10 to 40, where kappa +-
1.96 se covered 82 to 96 %: with ten cases, quadratic weights and kappa near .9 it is still too short. Where nobody disagreed no
variance can be seen. Then the interval is exact under kappa's own story, that a share kappa of the cases is read alike and the rest
by chance: n agreements in n have a probability over 2.5 % as long as kappa >= 1 - (1 - .025^(1/n)) / (1 - sum r_i c_i).

*Assumes* cases independent of each other, unless ``people`` says whose they are (muscles and legs of one person are alike: the
linear part of kappa is then summed within people, whose number takes the place of n; Yang & Zhou); for weights, grades in order
and equally far apart. *Breaks* where nearly all cases have one grade: kappa is then low in spite of much agreement; the share of
agreement stands beside it, with its exact interval. Quadratic weights give more the more grades there are. On people
with several cases the interval is good from some fifty people on.

*Cites* Cohen, Psychol Bull 1968;70:213, doi:10.1037/h0026256; Fleiss, Cohen & Everitt, Psychol Bull 1969;72:323,
doi:10.1037/h0028106; Yang & Zhou, Stat Med 2014;33:2612, doi:10.1002/sim.6113.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from neuromyo.stats.intervals import LEVEL, UNKNOWN, Interval, share_interval

Weights = Literal["none", "linear", "quadratic"]
WEIGHTS: tuple[Weights, ...] = ("none", "linear", "quadratic")


@dataclass(frozen=True, eq=False)
class Kappa:
    """Of two readers' grades of n cases.

    kappa : with its interval; unknown where ``why`` says so
    agreement : share of cases given the same grade, exact interval
    table : (grades, grades) cases by the first reader's grade and the second's
    """

    kappa: Interval
    agreement: Interval
    weights: Weights
    table: np.ndarray
    why: str = ""

    @property
    def n(self) -> int:
        """Cases read by both."""
        return int(self.table.sum())


def cohen(
    first: Sequence[Hashable],
    second: Sequence[Hashable],
    grades: Sequence[Hashable],
    weights: Weights = "none",
    people: Sequence[Hashable] | None = None,
    level: float = LEVEL,
) -> Kappa:
    """Agreement of two readers.

    first, second : one grade a case, in the same order; None where a case was not read (it is left out)
    grades : all of the scale, in order, whether given or not
    people : whom each case is of, where one person gives several (muscles, legs): the interval then rests on people
    """
    table, of_whom = _table(first, second, grades, people)
    n = int(table.sum())
    agreed = share_interval(int(np.trace(table)), n, level)
    if n < 2:
        return Kappa(
            UNKNOWN, agreed, weights, table, f"{n} {'case' if n == 1 else 'cases'} read by both: two are needed"
        )
    kappa, why = _kappa(table, disagreement(len(grades), weights), of_whom, level)
    return Kappa(kappa, agreed, weights, table, why)


def disagreement(n_grades: int, weights: Weights) -> np.ndarray:
    """(grades, grades) how badly two grades disagree, 0 to 1."""
    apart = np.abs(np.subtract.outer(np.arange(n_grades), np.arange(n_grades)))
    if weights == "none":
        return (apart > 0).astype(np.float64)
    return (apart / max(n_grades - 1, 1)) ** (1 if weights == "linear" else 2)


def never_disagreed(n: int, chance: float, level: float = LEVEL) -> float:
    """The least share of cases read alike, the rest by chance, under which n agreements in n have a probability of 2.5 %
    (at ``level`` 95 %).

    chance : that readers agree by chance, 0 to 1
    """
    least = ((1 - level) / 2) ** (1 / n)
    return float(max(1 - (1 - least) / (1 - chance), -1.0)) if chance < 1 else float("nan")


def _table(
    first: Sequence[Hashable], second: Sequence[Hashable], grades: Sequence[Hashable], people: Sequence[Hashable] | None
) -> tuple[np.ndarray, list[tuple[Hashable, int, int]]]:
    """(grades, grades) counts, and person, row and column of each case that both read."""
    place = {grade: i for i, grade in enumerate(grades)}
    whose = range(len(first)) if people is None else people
    cases = [
        (person, place[a], place[b])
        for person, a, b in zip(whose, first, second, strict=True)
        if a is not None and b is not None
    ]
    table = np.zeros((len(grades), len(grades)), dtype=np.int64)
    for _, i, j in cases:
        table[i, j] += 1
    return table, cases


def _kappa(
    table: np.ndarray, v: np.ndarray, cases: Sequence[tuple[Hashable, int, int]], level: float
) -> tuple[Interval, str]:
    n, persons = int(table.sum()), len({person for person, _, _ in cases})
    p = table / n
    r, c = p.sum(axis=1), p.sum(axis=0)
    by_chance = float(r @ v @ c)
    if by_chance <= 0:
        return UNKNOWN, "both gave one and the same grade to all cases: agreement by chance cannot be told apart"
    kappa = 1.0 - float((v * p).sum()) / by_chance
    if np.trace(table) == n:
        return Interval(1.0, never_disagreed(persons, float(r @ c), level), 1.0, float(persons)), ""
    if persons < 2:
        return Interval(kappa, float("nan"), float("nan"), 0.0), "all cases are of one person"
    se = np.sqrt(_variance(p, v, kappa, by_chance, cases))
    if not se > 0 or abs(kappa) >= 1:
        return Interval(
            kappa, float("nan"), float("nan"), persons - 1.0
        ), "a reader gave one grade only: kappa is 0 then"
    t = float(stats.t.ppf(0.5 + level / 2, persons - 1))
    z, z_se = np.arctanh(kappa), se / (1 - kappa**2)
    return Interval(kappa, float(np.tanh(z - t * z_se)), float(np.tanh(z + t * z_se)), persons - 1.0), ""


def _variance(
    p: np.ndarray, v: np.ndarray, kappa: float, by_chance: float, cases: Sequence[tuple[Hashable, int, int]]
) -> float:
    """The variance of kappa: that of its linear part (Fleiss, Cohen & Everitt, formula 14), summed within each person first."""
    r, c = p.sum(axis=1), p.sum(axis=0)
    margins = (v @ c)[:, None] + (r @ v)[None, :]
    influence = (v - (1 - kappa) * margins) / by_chance
    influence = influence - float((p * influence).sum())
    sums: dict[Hashable, float] = {}
    for person, i, j in cases:
        sums[person] = sums.get(person, 0.0) + float(influence[i, j])
    total = sum(s**2 for s in sums.values()) / len(cases) ** 2
    return total if len(sums) == len(cases) else total * len(sums) / (len(sums) - 1)
