r"""How well a penalised model does on people it has not seen: nested cross-validation.

People are dealt into outer folds. For each fold a model is made from the others alone: markers standardised, the penalty chosen by an
inner cross-validation among those others, coefficients fitted; then it is applied to the fold. Nothing of a fold's people, their mean
and spread included, enters the model that judges them. This is done anew over several ways of dealing (partitions), and averaged.

Of groups, the area under the ROC curve counts pairs *within a fold*: scores of two folds come from two models, and compared across folds
markers of pure noise would come out under .5. With :math:`\psi` 1, 1/2 or 0 as the score of the one with the event is above, equal to
or below the other's,

.. math:: A = \text{mean of } \psi \text{ over all such pairs and partitions}, \qquad
          V_i = \text{mean of } \psi \text{ over i's pairs}, \qquad
          \widehat{var}(A) = \frac{s^2(V_{events})}{n_1} + \frac{s^2(V_{others})}{n_0}

DeLong's variance, with V averaged over partitions; its interval is made on the logit scale. It takes the scores as given, and so leaves
out what another sample would do to the coefficients. Of numbers, R^2 = 1 - sum (y - prediction)^2 / sum (y - mean of the others)^2,
which is negative where the mean of the others predicts better than the markers.

Shapes: x (n, p), y (n,); predictions (partitions, n), on the logit scale for groups; coefficients (partitions, folds, p) per standard
deviation of the fold's others.

Assumes: rows are people, one each; they are independent.
Breaks: with so few people that a fold holds no pair.
Cites: Stone, J R Stat Soc B 1974;36:111, doi:10.1111/j.2517-6161.1974.tb00994.x; Varma & Simon, BMC Bioinformatics 2006;7:91,
doi:10.1186/1471-2105-7-91 (why nested); DeLong, DeLong & Clarke-Pearson, Biometrics 1988;44:837, doi:10.2307/2531595; LeDell, Petersen &
van der Laan, Electron J Stat 2015;9:1583, doi:10.1214/15-EJS1035 (folds apart).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special

from neuromyo.stats import bootstrap, penalised
from neuromyo.stats.intervals import LEVEL, UNKNOWN, Interval

Kind = Literal["groups", "number"]
#: penalties tried, for each person that a model is made from (coefficients are per standard deviation)
PENALTIES = np.geomspace(1e-3, 1e1, 9)


@dataclass(frozen=True, eq=False)
class Nested:
    """fold (partitions, n) ; prediction (partitions, n) ; others_mean (partitions, n): mean outcome of those the model was made from ;
    coefficients (partitions, folds, p) ; penalty (partitions, folds), for each person a model was made from"""

    kind: Kind
    y: np.ndarray
    fold: np.ndarray
    prediction: np.ndarray
    others_mean: np.ndarray
    coefficients: np.ndarray
    penalty: np.ndarray


def deal(order: np.ndarray, folds: int, rng: np.random.Generator, partitions: int = 1) -> np.ndarray:
    """(partitions, n) the fold of each person: neighbours in ``order`` (n,), a number by which folds shall be alike, go to different folds,
    at random. People of one value are shuffled."""
    n = len(order)
    out = np.empty((partitions, n), dtype=int)
    blocks = -(-n // folds)
    for one in out:
        rank = np.lexsort((rng.random(n), order))
        one[rank] = rng.permuted(np.tile(np.arange(folds), (blocks, 1)), axis=1).ravel()[:n]
    return out


def cross_validate(
    x: np.ndarray, y: np.ndarray, kind: Kind, order: np.ndarray, rng: np.random.Generator,
    folds: int = 5, inner: int = 5, partitions: int = 10,
) -> Nested:  # fmt: skip
    """Nested cross-validation of ridge regression, logistic for ``groups`` (y 0 and 1). order : (n,) see `deal`"""
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("cross-validation needs complete rows")
    fold = deal(order, folds, rng, partitions)
    train = (fold[:, None, :] != np.arange(folds)[None, :, None]).reshape(-1, len(y)).astype(float)
    held_in = np.stack([_deal_within(order, rows, inner, rng) for rows in train])
    penalty = choose_penalty(x, y, kind, train, held_in)
    intercept, b = fit(x, y, kind, penalty, train)
    mean, spread = penalised.standardise(x[None], train)
    score = intercept[:, None] + (((x[None] - mean[:, None]) / spread[:, None]) * b[:, None]).sum(axis=-1)
    average = (train * y).sum(axis=1) / train.sum(axis=1)
    score, average = (_own(v, fold, folds) for v in (score, np.repeat(average[:, None], len(y), axis=1)))
    return Nested(kind, y, fold, score, average, b.reshape(partitions, folds, -1), penalty.reshape(partitions, folds))


def choose_penalty(x: np.ndarray, y: np.ndarray, kind: Kind, train: np.ndarray, held_in: np.ndarray) -> np.ndarray:
    """(t,) the penalty, for each person, that predicts best by an inner cross-validation of the people of each ``train`` (t, n).
    held_in : (t, n) inner folds, -1 for who is not in ``train``"""
    inner = int(held_in.max()) + 1
    loss = np.zeros((len(train), len(PENALTIES)))
    for k in range(inner):
        used = train * (held_in != k)
        mean, spread = penalised.standardise(x[None], used)
        z = ((x[None] - mean[:, None]) / spread[:, None])[:, None]
        penalties = PENALTIES * used.sum(axis=1)[:, None]
        solve = penalised.logistic if kind == "groups" else penalised.linear
        intercept, b = solve(z, y, penalties, used[:, None])
        score = intercept[..., None] + (z @ b[..., None])[..., 0]
        wrong = np.logaddexp(0.0, score) - y * score if kind == "groups" else (y - score) ** 2
        loss += (wrong * (held_in == k)[:, None]).sum(axis=-1)
    return PENALTIES[loss.argmin(axis=1)]


def fit(
    x: np.ndarray, y: np.ndarray, kind: Kind, penalty: np.ndarray, train: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Intercepts (t,) and coefficients (t, p), both for markers standardised by the people of ``train`` (t, n)."""
    mean, spread = penalised.standardise(x[None], train)
    z = (x[None] - mean[:, None]) / spread[:, None]
    solve = penalised.logistic if kind == "groups" else penalised.linear
    return solve(z, y, penalty * train.sum(axis=1), train)


def auc(found: Nested, level: float = LEVEL) -> Interval:
    """Area under the ROC curve of people not seen, with DeLong's interval on the logit scale. Where every pair is told apart (or none)
    there is no variance, and the far end is the exact one of the smaller group, all of whose people came out right."""
    above = _components(found)
    event, other = above[found.y == 1], above[found.y == 0]
    if min(len(event), len(other)) < 2 or not np.isfinite(above).all():
        return UNKNOWN
    value = float(event.mean())
    variance = event.var(ddof=1) / len(event) + other.var(ddof=1) / len(other)
    if variance <= 0 or not 0 < value < 1:
        end = ((1 - level) / 2) ** (1 / min(len(event), len(other)))
        return (
            Interval(value, end, 1.0, np.inf)
            if value == 1
            else Interval(value, 0.0, 1 - end, np.inf)
            if value == 0
            else UNKNOWN
        )
    reach = special.ndtri(0.5 + level / 2) * np.sqrt(variance) / (value * (1 - value))
    low, high = special.expit(special.logit(value) + np.array([-reach, reach]))
    return Interval(value, float(low), float(high), np.inf)


def area(found: Nested) -> float:
    """The area alone."""
    return float(_components(found)[found.y == 1].mean())


def _components(found: Nested) -> np.ndarray:
    """(n,) share of each person's pairs, within folds and over all partitions, in which the one with the event scores higher."""
    events, others = np.flatnonzero(found.y == 1), np.flatnonzero(found.y == 0)
    gap = found.prediction[:, events, None] - found.prediction[:, None, others]
    together = found.fold[:, events, None] == found.fold[:, None, others]
    psi = ((gap > 0) + 0.5 * (gap == 0)) * together
    out = np.full(len(found.y), np.nan)
    for rows, axis in ((events, 2), (others, 1)):
        pairs = together.sum(axis=(0, axis))
        out[rows] = np.divide(psi.sum(axis=(0, axis)), pairs, out=np.full(len(rows), np.nan), where=pairs > 0)
    return out


def explained(found: Nested) -> float:
    """R^2 of people not seen, over all partitions."""
    return float(1 - ((found.y - found.prediction) ** 2).sum() / ((found.y - found.others_mean) ** 2).sum())


def explained_interval(found: Nested, repeats: int, seed: int, level: float = LEVEL) -> Interval:
    """R^2 with its interval by drawing people with their errors (``bca-t`` of `neuromyo.stats.bootstrap`); like `auc` it takes the
    predictions as given."""
    errors = np.column_stack([((found.y - v) ** 2).mean(axis=0) for v in (found.prediction, found.others_mean)])

    def share(drawn: np.ndarray) -> np.ndarray:
        miss, plain = drawn.sum(axis=-2).T
        return 1 - miss / plain

    return bootstrap.bca(share, errors, repeats, seed, level, expand=True)


def calibration_slope(found: Nested, level: float = LEVEL) -> Interval:
    """Slope of the outcome (of groups: of its log odds) on the predictions, mean over partitions: 1 where differences between people are
    predicted as large as they are, under 1 where too large. Unknown where predictions separate the groups or do not differ."""
    slopes, spreads = zip(*(_slope(p, found.y, found.kind) for p in found.prediction), strict=True)
    value, se = float(np.mean(slopes)), float(np.mean(spreads))
    reach = float(special.ndtri(0.5 + level / 2)) * se
    return Interval(value, value - reach, value + reach, np.inf)


def _slope(prediction: np.ndarray, y: np.ndarray, kind: Kind) -> tuple[float, float]:
    x = prediction - prediction.mean()
    square = float(x @ x)
    if square <= 1e-20 * (1 + float(np.abs(prediction).max()) ** 2):
        return float("nan"), float("nan")
    if kind == "number":
        b = float(x @ y) / square
        rest = y - y.mean() - b * x
        return b, float(np.sqrt(rest @ rest / (len(y) - 2) / square))
    scale = np.sqrt(square / len(x))
    intercept, b = penalised.logistic((x / scale)[:, None], y, 0.0)
    chance = special.expit(intercept + b[0] * x / scale)
    w = chance * (1 - chance)
    centred = x - (w @ x) / w.sum() if np.isfinite(b[0]) else x
    information = float(w @ centred**2)
    return float(b[0] / scale), float(1 / np.sqrt(information)) if information > 0 else float("nan")


def _deal_within(order: np.ndarray, rows: np.ndarray, folds: int, rng: np.random.Generator) -> np.ndarray:
    """(n,) inner folds of the rows with weight, -1 for the others."""
    inside = np.flatnonzero(rows)
    out = np.full(len(rows), -1)
    out[inside] = deal(order[inside], folds, rng)[0]
    return out


def _own(values: np.ndarray, fold: np.ndarray, folds: int) -> np.ndarray:
    """(partitions x folds, n) -> (partitions, n): of each person that of the model made without him."""
    partitions, n = fold.shape
    return np.take_along_axis(values.reshape(partitions, folds, n), fold[:, None, :], axis=1)[:, 0]
