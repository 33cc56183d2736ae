"""Ends of intervals, by one root finder for many values at once; quadrature, no random numbers.

The true deviate of a value, were the norm known exactly, is  d = (x - X b - u) / (s exp(g age)).  Given 1/s2 = t, and
t ~ Gamma(a, b), it is normal; so its distribution is a mixture over the grid and over nodes of t:

    P(d < c) = sum_k w_k sum_q v_q Phi((c - (x - m_k) sqrt(t_kq) / e_k) / (sqrt(h_k) / e_k))       e = exp(g age)
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import gammaincinv, ndtr, ndtri

#: nodes over the unknown variance, and share of the posterior weight that intervals are made from
NODES = 16
SHARE = 0.99
_STEPS = 60


def main_share(log_weight: np.ndarray, share: float = SHARE) -> np.ndarray:
    """Indices of the heaviest components that together hold at least that share."""
    order = np.argsort(-log_weight, kind="stable")
    held = np.cumsum(np.exp(log_weight[order]))
    return np.sort(order[: int(np.searchsorted(held, share * held[-1])) + 1])


def solve(
    probit: Callable[[np.ndarray], np.ndarray], target: float, start: np.ndarray, spread: np.ndarray
) -> np.ndarray:
    """(n,) roots of probit(x) = target, probit rising and nearly straight: secant steps within a bracket, else bisection.

    ``start``: (n,) where the mixture's own normal has that quantile; ``spread``: (n,) its SD. The last step is
    below 1e-4 of the SD; the steps of a secant shrink so fast that the root is closer.
    """
    low, high = start - 60 * spread, start + 60 * spread
    x, slope, gap = start.copy(), 1 / spread, probit(start) - target
    done = np.zeros(len(x), dtype=bool)
    for _ in range(_STEPS):
        low, high = np.where(gap <= 0, x, low), np.where(gap >= 0, x, high)
        there = x - gap / slope
        there = np.where((there < low) | (there > high), 0.5 * (low + high), there)
        # a value that has arrived stays, so that its neighbours in the table change none of its bits
        there = np.where(done, x, there)
        step = there - x
        done = done | (np.abs(step) < 1e-4 * spread)
        if done.all():
            return there
        next_gap = probit(there) - target
        moved = np.abs(step) > 1e-9 * spread
        slope = np.where(
            moved, np.clip((next_gap - gap) / np.where(moved, step, 1.0), 0.02 / spread, 50 / spread), slope
        )
        x, gap = there, next_gap
    return x


def variance_nodes(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(K, Q) nodes of 1/s, where 1/s2 ~ Gamma(a, b), and (Q,) weights: Gauss-Legendre over the probability."""
    x, weight = np.polynomial.legendre.leggauss(NODES)
    return np.sqrt(gammaincinv(a[:, None], 0.5 * (x + 1)) / b[:, None]), 0.5 * weight


def true_deviate(
    residual: np.ndarray, blur: np.ndarray, weight: np.ndarray, nodes: np.ndarray, node_weight: np.ndarray, p: float
) -> tuple[np.ndarray, np.ndarray]:
    """(n,) ends of the central interval of probability p.

    residual : (n, K) (x - m_k)/e_k; blur : (n, K) sqrt(h_k)/e_k; weight : (K,) sums to one; nodes, node_weight : of 1/s
    """
    n = len(residual)
    centre, blurs = (residual[:, :, None] * nodes).reshape(n, -1), np.repeat(blur, nodes.shape[1], axis=1)
    share = (weight[:, None] * node_weight).ravel()
    mean = _weighed(centre, share)
    spread = np.sqrt(_weighed((centre - mean[:, None]) ** 2 + blurs**2, share))

    def probit(c: np.ndarray) -> np.ndarray:
        below = _weighed(ndtr((c[:, None] - centre) / blurs), share)
        return ndtri(np.clip(below, 1e-15, 1 - 1e-15))

    reach = float(ndtri(0.5 + p / 2))
    return (solve(probit, -reach, mean - reach * spread, spread), solve(probit, reach, mean + reach * spread, spread))


def _weighed(table: np.ndarray, share: np.ndarray) -> np.ndarray:
    """(n,) sums of each row; not by BLAS, whose bits depend on how many rows there are."""
    return np.einsum("nj,j->n", table, share)
