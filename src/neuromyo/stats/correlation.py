r"""How closely two things go together in n people: straight lines, ranks, and with covariates held.

Pearson's r, with k covariates held (k = 0: none), on n - 2 - k degrees of freedom:

.. math:: t = r \sqrt{\frac{n-2-k}{1-r^2}}, \qquad  \tanh\!\Big(\operatorname{artanh} r \pm \frac{z_{1-\alpha/2}}{\sqrt{n-3-k}}\Big)

Spearman's rho is Pearson's of mid-ranks; its p is exact by all orders of up to eight people, by drawn orders above; its interval has
:math:`\sqrt{(1 + \rho^2/2)/(n-3)}` for the standard error of artanh rho.

*Assumes* people independent of each other; for p and the interval of r, that one of both is normal about a straight line.
*Breaks* where one person lies far from the others (`neuromyo.stats.normality`), where groups of different means are thrown
together, and with several rows of one person (`neuromyo.stats.repeated`).

*Cites* Fisher, Metron 1921;1:3 (interval; of partial ones Fisher, Metron 1924;3:329); Bonett & Wright, Psychometrika 2000;65:23,
doi:10.1007/BF02294183 (ranks); Phipson & Smyth, Stat Appl Genet Mol Biol 2010;9:39, doi:10.2202/1544-6115.1585 (p of drawn orders).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import permutations
from math import inf, isfinite, nan, sqrt

import numpy as np
from scipy import special, stats

from neuromyo.stats.intervals import LEVEL
from neuromyo.stats.permutation import PermutationP

#: all orders are gone through up to so many people
MOST_EXACT = 8
REPEATS, SEED = 10_000, 1427
#: two correlations this close are the same: orders that tie with the data's count as extreme
_TIE = 1e-9


@dataclass(frozen=True, slots=True)
class Correlation:
    """r with its interval, its p, and on how many people it stands; NaN where a number does not exist.

    t, df : the test's; NaN and the degrees of freedom of the interval where p is by orders
    exact : p is by all orders of the people, not by a law
    """

    r: float
    low: float
    high: float
    p: float
    n: int
    t: float
    df: float
    exact: bool = False


def pearson(x: np.ndarray, y: np.ndarray, level: float = LEVEL) -> Correlation:
    """Pearson's r of the people who have both, (n,) and (n,); unknown with under three or without spread."""
    x, y = complete(x, y)
    return from_r(_r(x, y), len(x), level)


def from_r(r: float, n: int, level: float = LEVEL, held: int = 0) -> Correlation:
    """Test and Fisher's interval of an r of n people with ``held`` covariates held, as when a paper prints no more than r and n."""
    df = n - 2 - held
    if not isfinite(r) or df < 1:
        return Correlation(nan, nan, nan, nan, n, nan, max(df, 0))
    if abs(r) >= 1:
        return Correlation(r, nan, nan, nan, n, nan, df)
    t = r * sqrt(df / (1 - r * r))
    low, high = _fisher(r, 1 / sqrt(df - 1) if df > 1 else inf, level)
    return Correlation(r, low, high, float(2 * special.stdtr(df, -abs(t))), n, t, df)


def spearman(
    x: np.ndarray, y: np.ndarray, level: float = LEVEL, repeats: int = REPEATS, seed: int = SEED
) -> Correlation:
    """Spearman's rho of the people who have both; p by orders of the people, which holds with ties too."""
    x, y = complete(x, y)
    u, v = stats.rankdata(x), stats.rankdata(y)
    rho, n = _r(u, v), len(x)
    if not isfinite(rho) or n < 3:
        return Correlation(nan, nan, nan, nan, n, nan, max(n - 2, 0))
    low, high = (nan, nan) if abs(rho) >= 1 else _fisher(rho, sqrt((1 + rho**2 / 2) / (n - 3)) if n > 3 else inf, level)
    found = permutation_p(u, v, repeats, seed)
    return Correlation(rho, low, high, found.p, n, nan, n - 2, found.exact)


def partial(x: np.ndarray, y: np.ndarray, given: np.ndarray, level: float = LEVEL) -> Correlation:
    """Pearson's r of what is left of x and y when the columns of ``given`` (n,) or (n, k) are fitted out of both.

    Columns that are sums of others are spent once; df = n - 2 - the rank of ``given`` beside the mean. Words (sites): see `dummies`.
    """
    held = given[:, None] if given.ndim == 1 else given
    keep = np.isfinite(np.column_stack([x, y, held])).all(axis=1)
    x, y, held = x[keep], y[keep], held[keep]
    left, rank = residuals(np.column_stack([x, y]), held)
    spread = (
        (left**2).sum(axis=0) > 1e-20 * ((np.column_stack([x, y]) - [x.mean(), y.mean()]) ** 2).sum(axis=0)
        if len(x)
        else [False]
    )
    r = _r(left[:, 0], left[:, 1]) if np.all(spread) else nan
    return from_r(r, len(x), level, rank)


def residuals(values: np.ndarray, given: np.ndarray) -> tuple[np.ndarray, int]:
    """Columns of ``values`` (n, m) with mean and columns of ``given`` (n, k) fitted out; the rank of ``given`` beside the mean."""
    centred, held = values - values.mean(axis=0, keepdims=True), given - given.mean(axis=0, keepdims=True)
    size = np.sqrt((held**2).sum(axis=0))
    held = held[:, size > 0] / size[size > 0]
    if held.shape[1] == 0:
        return centred, 0
    u, s, _ = np.linalg.svd(held, full_matrices=False)
    basis = u[:, s > 1e-10 * s[0]]
    return centred - basis @ (basis.T @ centred), basis.shape[1]


def dummies(words: np.ndarray) -> np.ndarray:
    """(n,) words -> (n, levels - 1) columns of 0 and 1, the first word in the alphabet being the reference; rows without one are NaN."""
    kinds = sorted({str(w) for w in words if w})
    out = np.array([[float(str(w) == kind) for kind in kinds[1:]] for w in words]).reshape(
        len(words), max(len(kinds) - 1, 0)
    )
    out[np.array([not w for w in words], dtype=bool)] = nan
    return out


def permutation_p(x: np.ndarray, y: np.ndarray, repeats: int = REPEATS, seed: int = SEED) -> PermutationP:
    """Two-sided p of Pearson's r by orders of y beside x (of ranks: Spearman's).

    Exact for up to `MOST_EXACT` people, the order that was observed counted among them; else of ``repeats`` drawn orders.
    """
    x, y = complete(x, y)
    n = len(x)
    a, b = x - x.mean() if n else x, y - y.mean() if n else y
    scale = sqrt(float((a**2).sum() * (b**2).sum()))
    if n < 3 or not scale > 0:
        return PermutationP(nan, False, 0)
    least = abs(float(a @ b)) / scale - _TIE
    if n <= MOST_EXACT:
        orders = _orders(n)
        return PermutationP(float((np.abs(b[orders] @ a) / scale >= least).mean()), True, len(orders))
    extreme = int(np.count_nonzero(np.abs(b[_drawn(n, repeats, seed)] @ a) / scale >= least))
    return PermutationP((1 + extreme) / (1 + repeats), False, repeats)


@cache
def _orders(n: int) -> np.ndarray:
    """(n!, n) all orders."""
    return np.array(list(permutations(range(n))), dtype=np.intp)


@lru_cache(maxsize=4)
def _drawn(n: int, repeats: int, seed: int) -> np.ndarray:
    """(repeats, n) orders drawn: the same for every pair of variables of as many people."""
    return np.random.default_rng(seed).permuted(np.broadcast_to(np.arange(n), (repeats, n)), axis=1)


def complete(*columns: np.ndarray) -> tuple[np.ndarray, ...]:
    """The rows where no column is missing."""
    lengths = {len(c) for c in columns}
    if len(lengths) > 1:
        raise ValueError(f"columns of different lengths: {sorted(lengths)}")
    keep = np.isfinite(np.column_stack(columns)).all(axis=1)
    return tuple(np.asarray(c, dtype=np.float64)[keep] for c in columns)


def _fisher(r: float, se: float, level: float) -> tuple[float, float]:
    if not isfinite(se):
        return nan, nan
    half = float(special.ndtri(0.5 + level / 2)) * se
    return float(np.tanh(np.arctanh(r) - half)), float(np.tanh(np.arctanh(r) + half))


def _r(x: np.ndarray, y: np.ndarray) -> float:
    """Pearson's r; NaN where a column does not vary beyond the rounding of its numbers."""
    if len(x) < 2:
        return nan
    a, b = x - x.mean(), y - y.mean()
    xx, yy = float(a @ a), float(b @ b)
    if _flat(x, xx) or _flat(y, yy):
        return nan
    r = float(a @ b) / sqrt(xx * yy)
    return float(np.clip(r, -1.0, 1.0)) if abs(abs(r) - 1) > 1e-14 else float(np.sign(r))


def _flat(x: np.ndarray, square: float) -> bool:
    return square <= len(x) * (1e-13 * float(np.abs(x).max())) ** 2
