r"""Which of several markers goes with y most closely, and whether the data can tell.

Markers are compared by the size of their correlation with y (those that fall as y rises are turned round first). The marker with
the largest one, b, is put against each other marker j by Williams' t (`neuromyo.stats.dependent`), and

.. math:: p_{best} = \max_{j \ne b} p_{bj}

so "b is the best" is said only where b differs from every other marker, the second included; a union of hypotheses is rejected where each
is, so that p_best needs no further correction. Beside it: how often each marker comes first in samples of people drawn with replacement.

*Assumes* all markers and y in the same people; normal data. *Breaks* where a marker hardly correlates at all: its sign is then a
matter of chance.

*Cites* Berger, Technometrics 1982;24:295 (union of hypotheses); Williams, J R Stat Soc B 1959;21:396.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuromyo.stats.bootstrap import REPEATS, SEED, samples
from neuromyo.stats.correlation import Correlation, pearson
from neuromyo.stats.dependent import Comparison, williams
from neuromyo.stats.intervals import LEVEL


@dataclass(frozen=True, slots=True)
class Rival:
    """One marker: its correlation, how much smaller it is in size than the best one's, and in which share of samples it comes first."""

    index: int
    correlation: Correlation
    behind: Comparison | None
    first: float


@dataclass(frozen=True, slots=True)
class Best:
    """Markers in order, the strongest first; ``p`` of its being the best, NaN where it cannot be told."""

    rivals: tuple[Rival, ...]
    p: float
    n: int


def best(y: np.ndarray, markers: np.ndarray, repeats: int = REPEATS, seed: int = SEED, level: float = LEVEL) -> Best:
    """The markers' order; y (n,), markers (n, m), in the people who have them all. ValueError with under two markers."""
    if markers.ndim != 2 or markers.shape[1] < 2:
        raise ValueError("comparing takes two markers or more")
    keep = np.isfinite(y) & np.isfinite(markers).all(axis=1)
    y, markers = y[keep], markers[keep]
    found = [pearson(column, y, level) for column in markers.T]
    r = np.array([c.r for c in found])
    if not np.isfinite(r).all():
        raise ValueError("a marker, or what it is compared with, does not vary")
    turned = markers * np.where(r < 0, -1.0, 1.0)
    order = np.argsort(-np.abs(r), kind="stable")
    top, first = int(order[0]), _first(y, markers, repeats, seed)
    between = np.corrcoef(turned.T)
    sizes = [abs(one.r) for one in found]
    behind = {int(j): williams(sizes[top], sizes[j], float(between[top, j]), len(y), level) for j in order[1:]}
    p = max((b.p for b in behind.values()), key=lambda value: (value != value, value))
    return Best(tuple(Rival(int(j), found[j], behind.get(int(j)), float(first[j])) for j in order), p, len(y))


def _first(y: np.ndarray, markers: np.ndarray, repeats: int, seed: int) -> np.ndarray:
    """(m,) shares of samples in which a marker's correlation is the largest in size."""
    counts = np.zeros(markers.shape[1])
    for drawn in samples(np.column_stack([y, markers]), repeats, seed):
        d = drawn - drawn.mean(axis=1, keepdims=True)
        size = np.sqrt((d[:, :, 1:] ** 2).sum(axis=1))
        cross = np.abs(np.einsum("bn,bnm->bm", d[:, :, 0], d[:, :, 1:]))
        strength = np.divide(cross, size, out=np.zeros_like(cross), where=size > 0)
        counts += np.bincount(strength.argmax(axis=1), minlength=len(counts))
    return counts / repeats
