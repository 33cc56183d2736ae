r"""Tests of changes by turning them round: if nothing changes, each person's change was as likely to be its opposite.

Of n people there are 2^n ways to give their changes signs. p is the share of them with a t at least as far from zero: all ways of up to
14 people (a way and its opposite count once: 8,192), else B drawn ones with p = (1 + k) / (1 + B). A person's signs turn together in all
variables, so that the largest t of a profile (`multiplicity.westfall_young`) keeps how its levels go together.

Assumes: people independent, changes symmetric about their mean where nothing changes (differences of exchangeable values are).
Breaks: below 6 people, where no p is under 0.05.
Cites: Fisher, The Design of Experiments, 1935; Winkler et al., Neuroimage 2014;92:381, doi:10.1016/j.neuroimage.2014.01.060.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from neuromyo.stats.permutation import Draws

#: people up to whom all ways are gone through
MOST_EXACT = 14
_BLOCK = 4096


def sign_flip_draws(changes: np.ndarray, repeats: int = 10_000, seed: int = 1427) -> Draws:
    """t of the mean of m variables (n, m), NaN where missing, and under all or drawn turns of whole people."""
    there = np.isfinite(changes)
    values = np.where(there, changes, 0.0)
    n, square = there.sum(0), (values**2).sum(0)
    exact = len(changes) <= MOST_EXACT

    def blocks() -> Iterator[np.ndarray]:
        ways = _all_ways(len(changes)) if exact else _some_ways(len(changes), repeats, seed)
        return (_t(block @ values, n, square) for block in ways)

    return Draws(_t(values.sum(0), n, square), exact, 2 ** max(len(changes) - 1, 0) if exact else repeats, blocks)


def _t(total: np.ndarray, n: np.ndarray, square: np.ndarray) -> np.ndarray:
    """Student's t from sums and sums of squares, which turning leaves as they are; infinite where all is one and the same."""
    with np.errstate(divide="ignore", invalid="ignore"):
        left = square - total**2 / n
        left = np.where(left > 1e-12 * square, left, 0.0)
        t = total / n / np.sqrt(left / (n - 1) / n)
    return np.where((n > 1) & (square > 0), t, np.nan)


def _all_ways(n: int) -> Iterator[np.ndarray]:
    """Signs (c, n): the last person's stays, for the opposite of a way has the same size of t."""
    ways = np.arange(2 ** max(n - 1, 0))
    for at in range(0, len(ways), _BLOCK):
        yield 1.0 - 2.0 * ((ways[at : at + _BLOCK, None] >> np.arange(n)) & 1)


def _some_ways(n: int, repeats: int, seed: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(seed)
    for at in range(0, repeats, _BLOCK):
        yield rng.choice([-1.0, 1.0], (min(_BLOCK, repeats - at), n))
