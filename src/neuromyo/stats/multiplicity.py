r"""Many tests at once: p that count how many were made.

*Holm* holds the chance of even one false finding, whatever the tests have to do with each other. *Benjamini and Hochberg* hold the
expected share of false ones among the findings, for tests that are independent or rise and fall together (as those of one person's
muscles do). *Westfall and Young* (max-T) hold the chance of one false finding, too, and lose little where variables are alike, as
neighbouring levels along a nerve are: people are permuted as a whole, and each variable is held against the largest statistic of all.

NaN is a test that was not made: it stays NaN and is not counted.

*Cites* Holm, Scand J Stat 1979;6:65; Benjamini & Hochberg, J R Stat Soc B 1995;57:289, doi:10.1111/j.2517-6161.1995.tb02031.x;
Westfall & Young, Resampling-based multiple testing, Wiley 1993.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neuromyo.stats.permutation import TIE, Draws


def _of_known(p: np.ndarray | Sequence[float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All p, where there are any, and the order of those."""
    given = np.asarray(p, dtype=np.float64)
    known = np.flatnonzero(np.isfinite(given))
    if ((given[known] < 0) | (given[known] > 1)).any():
        raise ValueError("p lie between 0 and 1")
    return given, known, np.argsort(given[known], kind="stable")


def benjamini_hochberg(p: np.ndarray | Sequence[float]) -> np.ndarray:
    """(m,) p adjusted for the false discovery rate: min over j >= i of m p_(j) / j."""
    given, known, order = _of_known(p)
    out, m = np.full(given.shape, np.nan), known.size
    scaled = given[known][order] * m / np.arange(1, m + 1)
    out[known[order]] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return out


def holm(p: np.ndarray | Sequence[float]) -> np.ndarray:
    """(m,) p adjusted for any false finding: max over j <= i of (m - j + 1) p_(j)."""
    given, known, order = _of_known(p)
    out, m = np.full(given.shape, np.nan), known.size
    scaled = given[known][order] * np.arange(m, 0, -1)
    out[known[order]] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return out


def adjust(p: np.ndarray | Sequence[float], how: str) -> np.ndarray:
    """By name: ``bh``, ``holm`` or ``none``."""
    rules = {"bh": benjamini_hochberg, "holm": holm, "none": lambda p: np.asarray(p, dtype=np.float64).copy()}
    if how not in rules:
        raise ValueError(f"{how} is none of {', '.join(rules)}")
    return rules[how](p)


@dataclass(frozen=True, eq=False)
class MaxT:
    """Of m variables: their t, p of each alone and adjusted p (m,) by permutation; ``anywhere``, p that any differs at all."""

    t: np.ndarray
    p: np.ndarray
    adjusted: np.ndarray
    anywhere: float
    exact: bool
    repeats: int


def westfall_young(draws: Draws) -> MaxT:
    r"""Adjusted p by the step-down rule of max-T from permuted statistics (`permutation.two_sample_draws`, `freedman_lane_draws`).

    With |t| sorted downwards, variable k is held against the largest of variables k, k+1, ..., m of each permutation; p may not fall
    on the way down.

    *Assumes* that people may be exchanged as a whole: no variable differs, or those that do leave the others' joint distribution alone.
    """
    size = np.abs(draws.t)
    known = np.flatnonzero(np.isfinite(size))
    out, alone = np.full(size.shape, np.nan), np.full(size.shape, np.nan)
    if known.size == 0:
        return MaxT(draws.t, alone, out, float("nan"), draws.exact, draws.repeats)
    order = known[np.argsort(-size[known], kind="stable")]
    limit = size[order] * (1 - TIE)
    beyond, single, total = np.zeros(known.size), np.zeros(known.size), 0
    for block in draws.blocks():
        found = np.abs(np.nan_to_num(block[:, order], posinf=np.inf))
        single += (found >= limit).sum(axis=0)
        largest = np.maximum.accumulate(found[:, ::-1], axis=1)[:, ::-1]
        beyond += (largest >= limit).sum(axis=0)
        total += len(block)
    out[order] = np.maximum.accumulate(draws.share(beyond, total))
    alone[order] = draws.share(single, total)
    return MaxT(draws.t, alone, out, float(out[order[0]]), draws.exact, total)


def stretches(marked: np.ndarray) -> list[tuple[int, int]]:
    """(first, last) of each unbroken run of true values in marked (m,), both included."""
    edges = np.diff(np.concatenate([[0], np.asarray(marked, dtype=np.int8), [0]]))
    return [(int(i), int(j) - 1) for i, j in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True)]
