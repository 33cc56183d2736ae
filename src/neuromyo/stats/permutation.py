r"""Tests by exchanging people between groups: right at any sample size, whatever the distribution.

If group makes no difference, each of the C(n, n_a) ways to call n_a of the people "group a" was as likely as the one at hand. p is the
share of them with a statistic at least as far from zero. All are tried where they are no more than 200,000 (11 against 8: 75,582);
otherwise B are drawn, and p = (1 + k) / (1 + B), which never is zero.

The statistic is Welch's t, computed anew in each arrangement (studentised): the test then answers for means even where spreads differ,
nearly so in small samples, while that of plain differences would call a difference in spread one in means.

With covariates (Freedman & Lane), the residuals of a model *without* group are permuted, put back onto its fitted values, and the
t of group in the full model is computed anew.

*Assumes* people independent of each other. *Breaks* below 4 against 4, where no result can reach p < .02.

*Cites* Janssen, Stat Probab Lett 1997;36:9, doi:10.1016/S0167-7152(97)00043-6 (studentised); Phipson & Smyth, Stat Appl Genet Mol
Biol 2010;9:39, doi:10.2202/1544-6115.1585 (never zero); Freedman & Lane, J Bus Econ Stat 1983;1:292,
doi:10.1080/07350015.1983.10509354; Winkler et al., Neuroimage 2014;92:381, doi:10.1016/j.neuroimage.2014.01.060.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, combinations
from math import comb
from typing import Literal

import numpy as np

#: arrangements up to which all are tried
MOST = 200_000
#: arrangements drawn beyond
REPEATS = 10_000
#: statistics closer than this share count as equal: sums in another order differ in the last digits
TIE = 1e-9
_BLOCK = 8192
#: bytes up to which drawn arrangements are kept for the next variable
_KEPT = 16_000_000
Statistic = Literal["t", "difference"]


@dataclass(frozen=True, slots=True)
class PermutationP:
    """Two-sided p; whether all arrangements were tried; how many were."""

    p: float
    exact: bool
    repeats: int


@dataclass(frozen=True, eq=False)
class Draws:
    """A statistic as observed, t (m,) of m variables, and under permutation: ``blocks()`` gives (c, m) at a time, the same each time."""

    t: np.ndarray
    exact: bool
    repeats: int
    blocks: Callable[[], Iterator[np.ndarray]]

    def share(self, count: np.ndarray, of: int) -> np.ndarray:
        """p from how many were as far out: count / of where all were tried, else (1 + count) / (1 + of)."""
        return count / of if self.exact else (1 + count) / (1 + of)

    def p(self) -> np.ndarray:
        """(m,) two-sided p of each variable alone; NaN where it has no statistic."""
        limit, count, total = np.abs(self.t) * (1 - TIE), np.zeros(self.t.shape), 0
        for block in self.blocks():
            count += (np.abs(np.nan_to_num(block, posinf=np.inf)) >= limit).sum(axis=0)
            total += len(block)
        return np.where(np.isfinite(self.t), self.share(count, total), np.nan)


def two_sample(a: np.ndarray, b: np.ndarray, statistic: Statistic = "t", repeats: int = REPEATS, seed: int = 1427,
               most: int = MOST) -> PermutationP:  # fmt: skip
    """p of a difference between a (n_a,) and b (n_b,); values that are not finite are left out. NaN below two in a group, or where no
    group varies."""
    x, y = a[np.isfinite(a)], b[np.isfinite(b)]
    if x.size < 2 or y.size < 2:
        return PermutationP(float("nan"), False, 0)
    in_a = np.repeat([True, False], [x.size, y.size])
    draws = two_sample_draws(np.concatenate([x, y])[:, None], in_a, statistic, repeats, seed, most)
    return PermutationP(float(draws.p()[0]), draws.exact, draws.repeats)


def two_sample_draws(values: np.ndarray, in_a: np.ndarray, statistic: Statistic = "t", repeats: int = REPEATS, seed: int = 1427,
                     most: int = MOST) -> Draws:  # fmt: skip
    """Statistics of m variables (n, m), NaN where missing, with whole people exchanged; in_a (n,) says who is in group a."""
    if statistic not in ("t", "difference"):
        raise ValueError(f"{statistic} is no statistic of two samples: t or difference")
    n, n_a = len(in_a), int(np.count_nonzero(in_a))
    sums = _Sums.of(values)
    every = comb(n, n_a)
    exact = every <= most

    def blocks() -> Iterator[np.ndarray]:
        members = _all_arrangements(n, n_a) if exact else _some_arrangements(n, n_a, repeats, seed)
        return (sums.statistic(block, statistic) for block in members)

    t = sums.statistic(np.asarray(in_a, dtype=np.float64)[None], statistic)[0]
    return Draws(t, exact, every if exact else repeats, blocks)


@dataclass(frozen=True, eq=False)
class _Sums:
    """Standardised values with zeros for missing ones, their squares, and which are there: each (n, m)."""

    z: np.ndarray
    square: np.ndarray
    there: np.ndarray

    @staticmethod
    def of(values: np.ndarray) -> _Sums:
        there = np.isfinite(values)
        n = np.maximum(there.sum(axis=0), 1)
        z = np.where(there, values, 0.0)
        z = np.where(there, z - z.sum(axis=0) / n, 0.0)
        size = np.sqrt((z**2).sum(axis=0) / n)
        magnitude = np.where(there, np.abs(values), 0.0).max(axis=0, initial=0.0)
        z = np.divide(z, size, out=np.zeros_like(z), where=size > 1e-13 * magnitude)
        return _Sums(z, z**2, there.astype(np.float64))

    def statistic(self, members: np.ndarray, which: Statistic) -> np.ndarray:
        """(c, m) of group a, members (c, n) being 1 in it and 0 elsewhere, against the rest. NaN where there is none."""
        n_a, sum_a, square_a = members @ self.there, members @ self.z, members @ self.square
        n_b, sum_b, square_b = self.there.sum(0) - n_a, self.z.sum(0) - sum_a, self.square.sum(0) - square_a
        with np.errstate(invalid="ignore", divide="ignore"):
            difference = sum_a / n_a - sum_b / n_b
            if which == "difference":
                return np.where(self.square.sum(0) > 0, difference, np.nan)
            error = _square_error(n_a, sum_a, square_a) + _square_error(n_b, sum_b, square_b)
            return difference / np.sqrt(error)


def _square_error(n: np.ndarray, total: np.ndarray, square: np.ndarray) -> np.ndarray:
    """Squared standard error of a mean; what is left by rounding is none. Values are of order one."""
    variance = (square - total**2 / n) / (n - 1)
    return np.where(variance > 1e-12, variance, np.where(n > 1, 0.0, np.nan)) / n


def _all_arrangements(n: int, n_a: int) -> Iterator[np.ndarray]:
    chosen = _combinations(n, min(n_a, n - n_a))
    for start in range(0, len(chosen), _BLOCK):
        block = chosen[start : start + _BLOCK]
        members = np.zeros((len(block), n))
        np.put_along_axis(members, block.astype(np.intp), 1.0, axis=1)
        yield members if n_a <= n - n_a else 1.0 - members


@lru_cache(maxsize=4)
def _combinations(n: int, k: int) -> np.ndarray:
    """(C(n, k), k) all choices of k out of n."""
    flat = np.fromiter(chain.from_iterable(combinations(range(n), k)), dtype=np.int32, count=comb(n, k) * k)
    found = flat.reshape(comb(n, k), k)
    found.setflags(write=False)
    return found


def _some_arrangements(n: int, n_a: int, repeats: int, seed: int) -> Iterator[np.ndarray]:
    """Drawn arrangements (c, n) at a time. All variables of as many people have the same ones, kept where they are not too many."""
    drawn = _drawn(n, n_a, repeats, seed) if repeats * n <= 8 * _KEPT else None
    blocks = _draw(n, n_a, repeats, seed) if drawn is None else np.split(drawn, range(_BLOCK, repeats, _BLOCK))
    for packed in blocks:
        yield np.unpackbits(packed, axis=1, count=n).astype(np.float64)


@lru_cache(maxsize=4)
def _drawn(n: int, n_a: int, repeats: int, seed: int) -> np.ndarray:
    """(repeats, n / 8) bytes: who is in group a in each drawn arrangement, a bit a person."""
    found = np.concatenate(list(_draw(n, n_a, repeats, seed)))
    found.setflags(write=False)
    return found


def _draw(n: int, n_a: int, repeats: int, seed: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(seed)
    one = np.repeat(np.array([1, 0], dtype=np.uint8), [n_a, n - n_a])
    for start in range(0, repeats, _BLOCK):
        yield np.packbits(rng.permuted(np.tile(one, (min(_BLOCK, repeats - start), 1)), axis=1), axis=1)


def freedman_lane_draws(
    values: np.ndarray, x: np.ndarray, covariates: np.ndarray, repeats: int = REPEATS, seed: int = 1427
) -> Draws:
    r"""t of ``x`` (n,) beside ``covariates`` (n, k), which hold a column of ones, for m variables (n, m), all finite.

    With Q the projection off the covariates, the residuals of x and of each variable are Qx and Qy. In each permutation P

    .. math:: b = \frac{(Qx)' P Qy}{(Qx)'Qx}, \qquad rss = |Q P Qy|^2 - b^2 (Qx)'Qx, \qquad t = b \sqrt{\frac{(Qx)'Qx\,(n-k-1)}{rss}}
    """
    n, m = values.shape
    basis, triangle = np.linalg.qr(covariates)
    df = n - covariates.shape[1] - 1
    if df < 1 or np.abs(np.diagonal(triangle)).min() < 1e-10 * np.abs(np.diagonal(triangle)).max():
        raise ValueError("too few people, or covariates that are combinations of each other")
    own, residual = (v - basis @ (basis.T @ v) for v in (np.asarray(x, dtype=np.float64), values))
    if not own @ own > 1e-12 * max(float(x @ x), 1e-300):
        raise ValueError("the group is told by the covariates")
    flat = (residual**2).sum(axis=0) <= 1e-24 * np.maximum((values**2).sum(axis=0), 1e-300)
    residual = np.where(flat, np.nan, residual)

    def t_of(permuted: np.ndarray) -> np.ndarray:
        """(c, m) from residuals of c permutations (c, n, m)."""
        b = np.einsum("n,cnm->cm", own, permuted) / (own @ own)
        left = (residual**2).sum(axis=0) - ((basis.T @ permuted) ** 2).sum(axis=1) - b**2 * (own @ own)
        with np.errstate(divide="ignore", invalid="ignore"):
            return b * np.sqrt((own @ own) * df / np.maximum(left, 0.0))

    def blocks() -> Iterator[np.ndarray]:
        rng, rows = np.random.default_rng(seed), max(1, 1_000_000 // (n * m))
        for start in range(0, repeats, rows):
            order = rng.permuted(np.tile(np.arange(n), (min(rows, repeats - start), 1)), axis=1)
            yield t_of(residual[order])

    return Draws(t_of(residual[None])[0], False, repeats, blocks)
