r"""How well readers agree: on numbers that they drew out of images (areas, volumes), and on the masks themselves.

Numbers: for two readers the mean difference d and the limits between which 95 of 100 differences lie (Bland & Altman),

.. math:: \bar d \pm 1.96\, s_d

each limit with its exact interval for normal differences (noncentral t). For any number of readers, within cases:

.. math:: SEM^2 = \frac{\sum_u \sum_i (x_{ui} - \bar x_u)^2}{\sum_u (m_u - 1)}, \qquad MDC_{95} = 1.96 \sqrt 2\, SEM

so readers' levels count as error (SEM of agreement); wCV is the root mean square of each case's coefficient of variation, and
ICC(2,1) and ICC(3,1) stand beside it. The same serves one reader who drew twice: his two drawings are the readers.

Masks: Dice and HD95 of every pair of readers, by region.

*Assumes* cases independent of each other and differences of one size. *Breaks* where differences grow with the value: take
``percent``, differences in percent of the pair's mean. One reader's level shifts all cases: with it the interval of SEM is too short.

*Cites* Bland & Altman, Lancet 1986;327:307, doi:10.1016/S0140-6736(86)90837-8; Carkeet, Optom Vis Sci 2015;92:e71,
doi:10.1097/OPX.0000000000000513 (exact limits); de Vet et al., J Clin Epidemiol 2006;59:1033, doi:10.1016/j.jclinepi.2005.10.015.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from neuromyo.core.errors import DataError
from neuromyo.core.labels import Labels, Side
from neuromyo.space.boundary import RegionPair, compare
from neuromyo.stats import repeats
from neuromyo.stats.bland_altman import limits
from neuromyo.stats.icc import icc
from neuromyo.stats.intervals import Interval
from neuromyo.stats.repeats import RC_FACTOR


@dataclass(frozen=True, slots=True)
class BlandAltman:
    """Differences of two readers, second less first: their mean, both limits, standard deviation, number of cases."""

    bias: Interval
    lower: Interval
    upper: Interval
    sd: float
    n: int
    percent: bool


@dataclass(frozen=True, slots=True)
class Numbers:
    """Agreement on one quantity.

    pairs : Bland-Altman by names of two readers
    sem : in the quantity's unit, wcv : in percent
    absolute, consistency : ICC(2,1) and ICC(3,1), of cases that all readers read
    n_cases : read by at least two; n_complete : by all
    """

    pairs: Mapping[tuple[str, str], BlandAltman]
    sem: Interval
    wcv: Interval
    absolute: Interval
    consistency: Interval
    n_cases: int
    n_complete: int
    why: str = ""

    @property
    def mdc95(self) -> Interval:
        """Minimal detectable change: what two readings of a case that has not changed differ by in 95 of 100 cases at most."""
        return self.sem.scaled(RC_FACTOR)


@dataclass(frozen=True, eq=False)
class Masks:
    """Agreement on the drawing of one region: (readers, readers) Dice and HD95 in mm, and the pairs they are of.

    NaN where neither drew (Dice), or not both (HD95)
    """

    name: str
    side: Side
    readers: tuple[str, ...]
    dice: np.ndarray
    hd95_mm: np.ndarray
    pairs: Mapping[tuple[str, str], RegionPair]

    @property
    def mean_dice(self) -> float:
        """Over all pairs of readers in which anybody drew; NaN where there is none."""
        above = self.dice[np.triu_indices(len(self.readers), 1)]
        return float(np.nanmean(above)) if np.isfinite(above).any() else float("nan")


def bland_altman(first: np.ndarray, second: np.ndarray, *, percent: bool = False) -> BlandAltman:
    """Second less first of numbers (cases,), pairs with a NaN left out; ``percent``: of the pair's mean (above 0)."""
    known = np.isfinite(first) & np.isfinite(second)
    a, b = first[known].astype(np.float64), second[known].astype(np.float64)
    if percent and ((a + b) <= 0).any():
        raise DataError("E-UNITS", where="differences in percent", needed="pairs of readings whose mean is above 0",
                        found=f"{int(((a + b) <= 0).sum())} of {a.size} that are not", remedy="compare in the quantity's unit")  # fmt: skip
    d = 200.0 * (b - a) / (a + b) if percent else b - a
    found = limits(d)
    return BlandAltman(found.bias, found.lower, found.upper, found.sd, found.n, percent)


def of_numbers(values: np.ndarray, readers: Sequence[str], *, percent: bool = False) -> Numbers:
    """Agreement on values (cases, readers), NaN where a reader left a case out; ``percent`` concerns the Bland-Altman pairs."""
    if values.ndim != 2 or values.shape[1] != len(readers) or len(set(readers)) < 2:
        raise ValueError(f"values {values.shape} are not of the readers {', '.join(readers)}")
    within = repeats.of_people(list(values.astype(np.float64)))
    pairs = {
        (readers[i], readers[j]): bland_altman(values[:, i], values[:, j], percent=percent)
        for i, j in combinations(range(len(readers)), 2)
    }
    complete = int(np.isfinite(values).all(axis=1).sum())
    why = "" if complete >= 3 else f"{complete} cases read by all: an ICC needs three"
    return Numbers(
        pairs, within.wsd, within.wcv, icc(values, "2,1"), icc(values, "3,1"), within.n_people, complete, why
    )


def of_masks(
    labels: Sequence[Labels], readers: Sequence[str], *, names: Sequence[str] | None = None
) -> tuple[Masks, ...]:
    """Agreement of the drawings of one image by several readers, region by region; ``names``: these regions only."""
    if len(labels) != len(readers) or len(set(readers)) < 2:
        raise ValueError(f"{len(labels)} drawings are not of the readers {', '.join(readers)}")
    compared: dict[tuple[int, int], dict[tuple[str, Side], RegionPair]] = {
        (i, j): {(p.name, p.side): p for p in compare(labels[i], labels[j], names=names)}
        for i, j in combinations(range(len(readers)), 2)
    }
    regions = list(dict.fromkeys(key for found in compared.values() for key in found))
    return tuple(_masks(name, side, tuple(readers), compared) for name, side in regions)


def _masks(
    name: str, side: Side, readers: tuple[str, ...],
    compared: Mapping[tuple[int, int], Mapping[tuple[str, Side], RegionPair]],
) -> Masks:  # fmt: skip
    shares, far = (np.full((len(readers), len(readers)), np.nan) for _ in range(2))
    drew, pairs = set(), {}
    for (i, j), found in compared.items():
        pair = found.get((name, side))
        if pair is None:  # neither of the two has it in his table
            continue
        pairs[readers[i], readers[j]] = pair
        drew |= {i} if pair.compared.volume_first_ml else set()
        drew |= {j} if pair.compared.volume_second_ml else set()
        shares[i, j] = shares[j, i] = pair.compared.dice
        far[i, j] = far[j, i] = pair.compared.surface.hd95_mm
    for i in drew:
        shares[i, i], far[i, i] = 1.0, 0.0
    return Masks(name, side, readers, shares, far, pairs)
