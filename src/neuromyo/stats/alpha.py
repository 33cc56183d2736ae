r"""Agreement of several readers: Krippendorff's alpha; readings may be missing.

With n_uc readings of grade c in case u, m_u in all (m_u >= 2), n_c = sum_u n_uc, N = sum_c n_c, and squared distances d of grades:

.. math:: \alpha = 1 - (N - 1)\,\frac{\sum_u \frac{1}{m_u - 1} \sum_{c<k} n_{uc} n_{uk}\, d_{ck}}{\sum_{c<k} n_c n_k\, d_{ck}}

``nominal``: d = 1; ``interval``: (c - k)^2 of ranks; ``ordinal``: (sum of n_g from c to k, less half of n_c and n_k)^2. Fleiss' kappa
is the nominal case of as many readings for each, with N in place of N - 1.

Intervals: cases drawn anew with replacement, 2,000 times with a fixed seed, 2.5th and 97.5th percentile: the same numbers each
time. Where nobody disagreed: as for two readers (`neuromyo.stats.kappa`).

*Assumes* cases independent of each other. *Breaks* with under ten or so cases: the interval is too short.

*Cites* Hayes & Krippendorff, Commun Methods Meas 2007;1:77,
doi:10.1080/19312450709336664; Zapf et al., BMC Med Res Methodol 2016;16:93, doi:10.1186/s12874-016-0200-9 (why the bootstrap).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Literal

import numpy as np

from neuromyo.stats.intervals import LEVEL, UNKNOWN, Interval
from neuromyo.stats.kappa import never_disagreed

Distance = Literal["nominal", "ordinal", "interval"]
#: samples of cases behind an interval
DRAWS = 2000


def counts(readings: Sequence[Sequence[Hashable]], grades: Sequence[Hashable]) -> np.ndarray:
    """(cases, grades) how often each grade was given; readings: one row a case, None where a reader gave none."""
    place = {grade: i for i, grade in enumerate(grades)}
    made = np.zeros((len(readings), len(grades)))
    for row, given in enumerate(readings):
        for grade in given:
            if grade is not None:
                made[row, place[grade]] += 1
    return made


def krippendorff(given: np.ndarray, distance: Distance = "ordinal", *, seed: int = 0) -> Interval:
    """Alpha of ``given`` (cases, grades), as from `counts`; grades in order. Unknown where only one grade was given, or no case
    has two readings."""
    usable = given[given.sum(axis=1) >= 2]
    return _with_interval(usable, lambda n_uc: _alpha(n_uc, distance), seed)


def _with_interval(given: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray], seed: int) -> Interval:
    if len(given) < 2 or (given.sum(axis=0) > 0).sum() < 2:
        return UNKNOWN
    value = float(statistic(given[None])[0])
    n = len(given)
    if ((given > 0).sum(axis=1) == 1).all():
        shares = given.sum(axis=0) / given.sum()
        chance = float((shares ** given.sum(axis=1).min()).sum())
        return Interval(value, never_disagreed(n, chance), 1.0, float(n))
    drawn = given[np.random.default_rng(seed).integers(0, n, (DRAWS, n))]
    values = statistic(drawn)
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(values[np.isfinite(values)], [tail, 100 - tail])
    return Interval(value, float(low), float(high), n - 1.0)


def _alpha(n_uc: np.ndarray, distance: Distance) -> np.ndarray:
    """Alpha of many tables (draws, cases, grades) -> (draws,); NaN where a draw holds one grade only."""
    n_c = n_uc.sum(axis=1)
    d = _distances(n_c, distance)
    m = n_uc.sum(axis=2)
    seen = (np.einsum("buc,bck,buk->bu", n_uc, d, n_uc, optimize=True) / (m - 1)).sum(axis=1)
    chance = np.einsum("bc,bck,bk->b", n_c, d, n_c, optimize=True)
    total = n_c.sum(axis=1)
    return 1 - (total - 1) * np.divide(seen, chance, out=np.full(len(seen), np.nan), where=chance > 0)


def _distances(n_c: np.ndarray, distance: Distance) -> np.ndarray:
    """(draws, grades, grades) squared distances of grades."""
    ranks = np.arange(n_c.shape[1])
    if distance == "nominal":
        apart = (ranks[:, None] != ranks[None, :]).astype(np.float64)[None]
    elif distance == "interval":
        apart = (ranks[:, None] - ranks[None, :]).astype(np.float64)[None]
    else:
        middle = np.cumsum(n_c, axis=1) - n_c / 2
        apart = middle[:, :, None] - middle[:, None, :]
    return np.broadcast_to(apart**2, (len(n_c), len(ranks), len(ranks)))
