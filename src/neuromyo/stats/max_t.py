r"""The largest of many correlated Student t: what a person has to reach to be unusual *anywhere* along a profile.

A new person's deviate at level j, by a mean and a variance that were estimated from controls with v_j degrees of freedom, is

.. math:: T_j = u_j / \sqrt{q_j / v_j}, \qquad u \sim N(0, R), \qquad q_j \sim \chi^2(v_j), \quad \mathrm{corr}(q_j, q_k) = R_{jk}^2

R being the correlation of people's residuals between levels (q is the diagonal of a Wishart matrix). Each T_j is exactly t(v_j);
q is drawn with its exact margins and the normal copula of correlation R^2, which also serves degrees of freedom that differ from
level to level or are no whole numbers. The least of the two-sided tail probabilities over levels is then tabulated by simulation.

R has to be estimated, too, from the sums of squares alone (those are what a norm stores). It is shrunk, by the share that the
oracle-approximating rule gives, towards the mean correlation of all pairs of levels as far apart: sixteen numbers are known better
than a hundred and twenty. With 15 degrees of freedom and 16 levels the limit then leaves out 4.1 to 5.1 % of healthy people,
whatever the correlation; shrunk towards none it leaves out 3.7 % where levels go together (smaller defects would be missed).

Assumes: residuals are jointly normal. Breaks: correlation known from fewer than about 20 people: use `bonferroni`.
Cites: Chen, Wiesel, Eldar & Hero, IEEE Trans Signal Process 2010;58:5016, doi:10.1109/TSP.2010.2053029 (shrinkage); Hothorn,
Bretz & Westfall, Biom J 2008;50:346, doi:10.1002/bimj.200810425 (max-t); Dunn, J Am Stat Assoc 1961;56:52,
doi:10.1080/01621459.1961.10482090 (Bonferroni-t).
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
from scipy import special

#: people in the simulation of the smallest tail: its 5 % point is known to +-0.15 points
DRAWS = 20_000
#: normal deviates at which the quantiles of chi-square, and sizes of t at which its tails are computed
_KNOTS, _REACH = np.linspace(-7, 7, 1401), np.linspace(0, 40, 4001)


def shrunk_correlation(cross: np.ndarray, df: float, lag: np.ndarray | None = None) -> tuple[np.ndarray, float]:
    """Correlation from sums of squares and products (m, m) on ``df`` degrees of freedom, and how far it was shrunk (0 to 1).

    lag : (m, m) integers, how many steps two levels lie apart: what it is shrunk towards is then the mean correlation at that
    distance, and no correlation where it is not given
    """
    size = np.sqrt(np.diagonal(cross))
    r = np.clip(cross / np.outer(size, size), -1.0, 1.0)
    m = len(r)
    if m == 1:
        return np.ones((1, 1)), 0.0
    square = float((r**2).sum())
    share = ((1 - 2 / m) * square + m**2) / ((df + 1 - 2 / m) * max(square - m, 1e-12))
    share = float(np.clip(share, 0.0, 1.0))
    target = np.eye(m) if lag is None else _by_distance(r, lag)
    return _lawful((1 - share) * r + share * target), share


def _by_distance(r: np.ndarray, lag: np.ndarray) -> np.ndarray:
    """(m, m) mean correlation of all pairs as far apart."""
    apart = lag.ravel()
    return (np.bincount(apart, r.ravel()) / np.maximum(np.bincount(apart), 1))[lag]


def _lawful(r: np.ndarray) -> np.ndarray:
    """The same as a correlation matrix: no negative eigenvalues, ones on the diagonal."""
    root = _root(r)
    size = np.sqrt((root**2).sum(axis=1))
    return (root @ root) / np.outer(size, size)


def tails(r: np.ndarray, df: np.ndarray, seed: str, draws: int = DRAWS) -> np.ndarray:
    """(draws, m) two-sided tail probabilities of healthy people at m levels, float32; the same for the same ``seed``.

    r : (m, m) correlation between levels; df : (m,) degrees of freedom
    """
    rng = np.random.default_rng(int.from_bytes(blake2b(seed.encode(), digest_size=8).digest(), "big"))
    u = rng.standard_normal((draws, len(r))) @ _root(r)
    g = rng.standard_normal((draws, len(r))) @ _root(r**2)
    found = np.empty(u.shape, dtype=np.float32)
    for j, v in enumerate(df):
        # both functions are smooth: computed at knots, interpolated between them
        q = np.interp(g[:, j], _KNOTS, special.chdtri(v, special.ndtr(-_KNOTS)))
        found[:, j] = np.interp(np.abs(u[:, j]) / np.sqrt(q / v), _REACH, 2 * special.stdtr(v, -_REACH))
    return found


def limit(tail: np.ndarray, level: float) -> float:
    """The two-sided tail probability that a share ``level`` of healthy people undercut nowhere, from `tails`."""
    return float(np.quantile(tail.min(axis=1), 1 - level))


def anywhere(tail: np.ndarray, least: float) -> float:
    """Probability that a healthy person's smallest tail is as small as ``least``; (1 + count) / (1 + draws)."""
    return float((1 + np.count_nonzero(tail.min(axis=1) <= least)) / (1 + len(tail)))


def bonferroni(levels: int, level: float) -> float:
    """The same limit for any correlation: (1 - level) / levels."""
    return (1 - level) / max(levels, 1)


def _root(r: np.ndarray) -> np.ndarray:
    """The symmetric square root, which moves little where r does."""
    values, vectors = np.linalg.eigh(r)
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
