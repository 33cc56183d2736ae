r"""Linear and logistic regression held back by a penalty on the size of their coefficients (ridge): several markers, few people.

.. math:: \text{linear: } \sum_i w_i (y_i - b_0 - x_i b)^2 + \lambda \lVert b \rVert^2 \qquad
          \text{logistic: } -\sum_i w_i \big(y_i \eta_i - \log(1 + e^{\eta_i})\big) + \tfrac{\lambda}{2} \lVert b \rVert^2,
          \quad \eta_i = b_0 + x_i b

The intercept is not penalised. Many problems are solved at once: leading axes of all arguments broadcast, and weights of 0 and 1 say who
belongs to which problem.

Shapes: x (..., n, p), y and weights (..., n), penalty (...); returns the intercept (...) and coefficients (..., p).

Assumes: markers on one scale (standardise them within the weights: `standardise`), rows independent.
Breaks: logistic without a penalty where the markers separate the groups (no finite solution: coefficients are NaN).
Cites: Hoerl & Kennard, Technometrics 1970;12:55, doi:10.1080/00401706.1970.10488634; le Cessie & van Houwelingen, Appl Stat 1992;41:191,
doi:10.2307/2347628.
"""

from __future__ import annotations

import numpy as np
from scipy import special

#: Newton's steps at most, the largest step that counts as none, and halvings of a step
_STEPS, _STILL, _HALVINGS = 60, 1e-10, 30
#: no step is longer; a coefficient per standard deviation with a larger standard error than `_VAGUE` is on its way to infinity
_FAR, _VAGUE = 1e4, 300.0


def standardise(x: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (..., p) and standard deviation (..., p) of the columns of x (..., n, p) by weights (..., n); 1 for one that does not vary."""
    share = weights / weights.sum(axis=-1, keepdims=True)
    mean = (share[..., None] * x).sum(axis=-2)
    spread = np.sqrt((share[..., None] * (x - mean[..., None, :]) ** 2).sum(axis=-2))
    return mean, np.where(spread > 1e-12 * (1 + np.abs(mean)), spread, 1.0)


def linear(
    x: np.ndarray, y: np.ndarray, penalty: np.ndarray | float, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Ridge regression of numbers."""
    w = np.ones(x.shape[-2]) if weights is None else weights
    share = w / w.sum(axis=-1, keepdims=True)
    x_mean, y_mean = (share[..., None] * x).sum(axis=-2), (share * y).sum(axis=-1)
    dx, dy = x - x_mean[..., None, :], y - y_mean[..., None]
    wx = np.swapaxes(w[..., None] * dx, -1, -2)
    a = wx @ dx + np.asarray(penalty)[..., None, None] * np.eye(x.shape[-1])
    b = np.linalg.solve(a, wx @ dy[..., None])[..., 0]
    return y_mean - (x_mean * b).sum(axis=-1), b


def logistic(
    x: np.ndarray, y: np.ndarray, penalty: np.ndarray | float, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Ridge regression of yes (1) and no (0), by Newton's steps, each halved while it would make things worse."""
    n, p = x.shape[-2:]
    w = np.ones(n) if weights is None else weights
    lead = np.broadcast_shapes(x.shape[:-2], y.shape[:-1], w.shape[:-1], np.shape(penalty))
    design = np.concatenate([np.ones((*x.shape[:-1], 1)), x], axis=-1)
    held = np.asarray(penalty, dtype=float)[..., None] * np.r_[0.0, np.ones(p)]
    b = np.zeros((*lead, p + 1))
    loss = _loss(design, y, w, held, b)
    for _ in range(_STEPS):
        step = _newton(design, y, w, held, b)
        b, loss, moved = _downhill(design, y, w, held, b, loss, step)
        if moved < _STILL:
            break
    b = np.where(_settled(design, w, held, b), b, np.nan)
    return b[..., 0], b[..., 1:]


def _eta(design: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (design @ b[..., None])[..., 0]


def _loss(design: np.ndarray, y: np.ndarray, w: np.ndarray, held: np.ndarray, b: np.ndarray) -> np.ndarray:
    eta = _eta(design, b)
    return (w * (np.logaddexp(0.0, eta) - y * eta)).sum(axis=-1) + 0.5 * (held * b**2).sum(axis=-1)


def _newton(design: np.ndarray, y: np.ndarray, w: np.ndarray, held: np.ndarray, b: np.ndarray) -> np.ndarray:
    chance = special.expit(_eta(design, b))
    slope = ((w * (y - chance))[..., None, :] @ design)[..., 0, :] - held * b
    return np.linalg.solve(_curve(design, w, held, b), slope[..., None])[..., 0]


def _curve(design: np.ndarray, w: np.ndarray, held: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(..., p + 1, p + 1) second derivatives of the loss."""
    chance = special.expit(_eta(design, b))
    curve = np.swapaxes(design * (w * chance * (1 - chance))[..., None], -1, -2) @ design
    return curve + (held + 1e-12)[..., None] * np.eye(b.shape[-1])


def _settled(design: np.ndarray, w: np.ndarray, held: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(..., 1) whether the solution is finite: the data still say where each coefficient lies."""
    _, spread = standardise(design[..., 1:], w)
    variance = np.diagonal(np.linalg.inv(_curve(design, w, held, b)), axis1=-2, axis2=-1)[..., 1:]
    return np.all(variance * spread**2 < _VAGUE**2, axis=-1, keepdims=True)


def _downhill(
    design: np.ndarray,
    y: np.ndarray,
    w: np.ndarray,
    held: np.ndarray,
    b: np.ndarray,
    loss: np.ndarray,
    step: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, float]:
    """(coefficients, loss, the largest move), halving the step of those problems that it makes worse."""
    share = np.ones(loss.shape)
    step = np.clip(step, -_FAR, _FAR)
    tried, there, worse = _tried(design, y, w, held, b, loss, share, step)
    for _ in range(_HALVINGS):
        if not worse.any():
            break
        share = np.where(worse, share / 2, share)
        tried, there, worse = _tried(design, y, w, held, b, loss, share, step)
    moved = float(np.abs(np.where(worse[..., None], 0.0, tried - b)).max(initial=0.0))
    return np.where(worse[..., None], b, tried), np.where(worse, loss, there), moved


def _tried(
    design: np.ndarray, y: np.ndarray, w: np.ndarray, held: np.ndarray, b: np.ndarray, loss: np.ndarray, share: np.ndarray, step: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Coefficients after a share of the step, their loss, and whether it is worse."""
    tried = b + share[..., None] * step
    there = _loss(design, y, w, held, tried)
    return tried, there, there > loss + 1e-12 * (1 + np.abs(loss))
