r"""Restricted maximum likelihood of repeated measurements with any covariance between visits: the sums, and the climb.

People i have values y_i at some of T visits; with W_i the inverse covariance of the visits that person i was seen at (zeros elsewhere),

.. math:: -2 l_R = \sum_i \log|R_i| + \log\Big|\sum_i X_i^T W_i X_i\Big| + \sum_i r_i^T W_i r_i + (N - p) \log 2\pi

R is linear in its elements theta_j, :math:`R_i = \sum_j \theta_j G_{ij}`, so that second derivatives of R vanish. Fisher scoring
climbs towards the maximum, Newton's steps finish: with complete data the first step of scoring ends at the covariance of the residuals,
which is the maximum. All functions take many sets of data at once: leading axis d, then people n, visits t, columns p, elements q.

Assumes: normal values, people independent, visits missing at random. Breaks: elements of R that nobody's visits tell (two visits that
no person had both of) stay at their start of 0.
Cites: Patterson & Thompson, Biometrika 1971;58:545, doi:10.1093/biomet/58.3.545; Kenward & Roger, Biometrics 1997;53:983,
doi:10.2307/2533558.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: the climb ends where the next step would raise the likelihood by less; it has not arrived where it ends above ``_ARRIVED``; and below
#: ``_NEAR`` the observed information serves
_ENOUGH, _ARRIVED, _NEAR, _STEPS, _HALVINGS = 1e-15, 1e-7, 0.01, 200, 30


@dataclass(frozen=True, slots=True)
class Data:
    """y (d, n, t) with 0 where missing, seen (d, n, t), X (d or 1, n, t, p) with 0 where missing, G (q, n, t, t)."""

    y: np.ndarray
    seen: np.ndarray
    X: np.ndarray
    G: np.ndarray

    def of(self, which: np.ndarray) -> Data:
        """Some of the sets of data."""
        return Data(self.y[which], self.seen[which], self.X[which], self.G)


@dataclass(frozen=True, slots=True)
class Sums:
    """At one theta: beta (d, p) and its covariance ``phi`` (d, p, p); ``K`` (d, q, p, p) = sum X'W G_j W X, ``Q`` (d, q, p, q, p) =
    sum X'W G_j W G_k W X; ``score`` (d, q), ``information`` (d, q, q) expected, and ``observed``; ``loglik`` (d,)."""

    beta: np.ndarray
    phi: np.ndarray
    K: np.ndarray
    Q: np.ndarray
    score: np.ndarray
    information: np.ndarray
    observed: np.ndarray
    loglik: np.ndarray


def elements(visits: int, strata: np.ndarray) -> np.ndarray:
    """G (q, n, t, t): the elements of one covariance matrix a stratum, ``strata`` (n,) numbered from 0; upper triangle, row by row."""
    upper = list(zip(*np.triu_indices(visits), strict=True))
    count = int(strata.max()) + 1
    G = np.zeros((count * len(upper), strata.size, visits, visits))
    for s in range(count):
        for j, (a, b) in enumerate(upper):
            G[s * len(upper) + j, strata == s, a, b] = G[s * len(upper) + j, strata == s, b, a] = 1.0
    return G


def covariance(theta: np.ndarray, G: np.ndarray) -> np.ndarray:
    """R (d, n, t, t)."""
    return np.einsum("dq,qntu->dntu", theta, G, optimize=True)


def _inverse(R: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """W (d, n, t, t) with zeros at visits missed, and log|R_i| of those seen, summed over people (d,)."""
    both = seen[..., :, None] & seen[..., None, :]
    filled = np.where(both, R, np.eye(R.shape[-1]))
    _, log = np.linalg.slogdet(filled)
    return np.where(both, np.linalg.inv(filled), 0.0), log.sum(-1)


def loglik(theta: np.ndarray, data: Data) -> np.ndarray:
    """REML log-likelihood (d,); -inf where theta is no covariance."""
    lawful = np.linalg.eigvalsh(covariance(theta, data.G))[..., 0].min(-1) > 0
    value = np.full(len(theta), -np.inf)
    if lawful.any():
        some = data.of(lawful)
        W, log = _inverse(covariance(theta[lawful], data.G), some.seen)
        value[lawful] = _fixed(W, log, some)[-1]
    return value


def _fixed(
    W: np.ndarray, log: np.ndarray, data: Data
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """wx (d, nt, p), beta (d, p), phi, W r (d, n, t), log-likelihood."""
    d, n, t, p = data.X.shape
    wx = (W @ data.X).reshape(d, n * t, p)
    precision = data.X.reshape(d, n * t, p).swapaxes(1, 2) @ wx
    phi = np.linalg.inv(precision)
    beta = (phi @ (wx.swapaxes(1, 2) @ data.y.reshape(d, n * t, 1)))[..., 0]
    r = data.y - (data.X @ beta[:, None, :, None])[..., 0]
    wr = (W @ r[..., None])[..., 0]
    _, log_precision = np.linalg.slogdet(precision)
    free = data.seen.sum((1, 2)) - p
    value = -0.5 * (log + log_precision + (r * wr).sum((1, 2)) + free * np.log(2 * np.pi))
    return wx, beta, phi, wr, value


def sums(theta: np.ndarray, data: Data) -> Sums:
    """Everything that a step, standard errors and degrees of freedom are made of."""
    d, n, t, p = data.X.shape
    q, G = len(data.G), data.G[None]
    W, log = _inverse(covariance(theta, data.G), data.seen)
    wx, beta, phi, wr, value = _fixed(W, log, data)
    gwx = G @ wx.reshape(d, 1, n, t, p)
    flat = gwx.reshape(d, q, n * t, p)
    K = wx[:, None].swapaxes(2, 3) @ flat
    wide = flat.transpose(0, 2, 1, 3).reshape(d, n * t, q * p)
    wide_w = (W[:, None] @ gwx).reshape(d, q, n * t, p).transpose(0, 2, 1, 3).reshape(d, n * t, q * p)
    Q = (wide.swapaxes(1, 2) @ wide_w).reshape(d, q, p, q, p)
    wg = W[:, None] @ G
    wgwg = wg.reshape(d, q, -1) @ wg.swapaxes(-1, -2).reshape(d, q, -1).swapaxes(1, 2)
    phi_k = phi[:, None] @ K
    phi_k_phi_k = phi_k.reshape(d, q, -1) @ phi_k.swapaxes(-1, -2).reshape(d, q, -1).swapaxes(1, 2)
    information = 0.5 * (wgwg - 2 * np.einsum("dab,djbka->djk", phi, Q, optimize=True) + phi_k_phi_k)
    trace = np.trace(wg, axis1=-2, axis2=-1).sum(-1) - np.trace(phi_k, axis1=-2, axis2=-1)
    gwr = (G @ wr[:, None, :, :, None])[..., 0]
    score = 0.5 * ((gwr * wr[:, None]).sum((2, 3)) - trace)
    observed = _quadratic(gwr.reshape(d, q, n * t), W, wx, phi) - information
    return Sums(beta, phi, K, Q, score, information, observed, value)


def _quadratic(v: np.ndarray, W: np.ndarray, wx: np.ndarray, phi: np.ndarray) -> np.ndarray:
    """(d, q, q) v' P v with P = W - W X phi X' W, of v = G_j W r (d, q, nt): with it, the second derivatives of the likelihood."""
    d, q, _ = v.shape
    n, t = W.shape[1:3]
    wv = (W[:, None] @ v.reshape(d, q, n, t, 1)).reshape(d, q, n * t)
    xwv = v @ wx
    return v @ wv.swapaxes(1, 2) - xwv @ phi @ xwv.swapaxes(1, 2)


def start(data: Data) -> tuple[np.ndarray, np.ndarray]:
    """theta (d, q) of independent visits, each with the spread of its residuals; and whether anything is left to be spread (d,)."""
    W = np.eye(data.y.shape[-1]) * data.seen[..., None]
    _, _, _, r, _ = _fixed(W, np.zeros(len(data.y)), data)
    diagonal = np.einsum("qntt->qnt", data.G) > 0
    own = diagonal.any((1, 2))[None]
    count = np.einsum("qnt,dnt->dq", diagonal.astype(float), data.seen.astype(float))
    square = np.einsum("qnt,dnt->dq", diagonal.astype(float), r**2) / np.maximum(count, 1)
    size = (np.where(data.seen, data.y, 0.0) ** 2).sum((1, 2)) / np.maximum(data.seen.sum((1, 2)), 1)
    spread = np.asarray(np.where(own, square > 1e-20 * size[:, None], True).all(1))
    return np.where(own, np.where(spread[:, None], square, 1.0), 0.0), spread


def climb(data: Data) -> tuple[np.ndarray, np.ndarray]:
    """theta (d, q) at the maximum, and whether it was reached (d,)."""
    theta, spread = start(data)
    reached = np.zeros(len(theta), dtype=bool)
    going = np.flatnonzero(spread)
    for _ in range(_STEPS):
        if not going.size:
            break
        some = data.of(going)
        at = sums(theta[going], some)
        step = _step(at.information, at.score)
        near = ((step * at.score).sum(-1) < _NEAR) & (np.linalg.eigvalsh(at.observed)[:, 0] > 0)
        step[near] = _step(at.observed[near], at.score[near])
        gain = (step * at.score).sum(-1)
        reached[going] = np.abs(gain) < _ARRIVED
        moved = _halve(theta, going, step, at.loglik, some)
        going = going[(gain > _ENOUGH) & moved]
    return theta, reached


def _step(curvature: np.ndarray, score: np.ndarray) -> np.ndarray:
    return (np.linalg.pinv(curvature, hermitian=True) @ score[..., None])[..., 0]


def _halve(theta: np.ndarray, going: np.ndarray, step: np.ndarray, before: np.ndarray, data: Data) -> np.ndarray:
    """Take each step, or a half, a quarter ... of it, so far as the likelihood does not fall (``theta`` changes in place); who moved."""
    moved = np.zeros(len(going), dtype=bool)
    factor = 1.0
    for _ in range(_HALVINGS):
        left = np.flatnonzero(~moved)
        if not left.size:
            break
        tried = theta[going[left]] + factor * step[left]
        better = loglik(tried, data.of(left)) >= before[left] - 1e-10 * np.abs(before[left])
        theta[going[left[better]]] = tried[better]
        moved[left[better]] = True
        factor /= 2
    return moved
