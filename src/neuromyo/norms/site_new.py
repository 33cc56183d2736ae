r"""One more site from a few controls: level, slopes and SD stay as the other sites told them.

.. math:: \hat\gamma = \frac{1}{n}\sum_i \frac{x_i - \alpha - w_i^T b}{\sigma},\qquad
          \mathrm{var}(\hat\gamma) = \frac{1}{n} + d^T S^{-1} d

with d the new controls' mean covariates minus those of the others, and S the sum of squares of covariates within the other sites: the
uncertainty of the slopes counts the more, the less the new controls are like the others. Somebody scanned several times counts once,
with the mean.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neuromyo.norms import site_doubts as doubts
from neuromyo.norms.site_fit import People
from neuromyo.norms.site_model import Effect, Model


def raw_effect(model: Model, name: str, people: People, column: int, covariates: Sequence[str]) -> Effect:
    """What the new site's controls say of one feature, nothing shrunk yet. Refuses fewer than three people, or equal values."""
    feature = model.feature.name
    rows = np.flatnonzero(np.isfinite(people.x[:, column]))
    persons = sorted({people.persons[i] for i in rows})
    doubts.too_few(name, len(persons), feature)
    table = people.covariates[rows]
    doubts.check_known(table, covariates)
    left = people.x[rows, column] - model.expected(table)
    mine = [np.array([people.persons[i] == p for i in rows]) for p in persons]
    each = np.array([left[m].mean() for m in mine]) / model.sigma
    doubts.check_spread(each, np.zeros(len(persons), dtype=int), (name,), feature)
    away = np.array([table[m].mean(axis=0) for m in mine]).mean(axis=0) - np.array(model.centre)
    n = len(persons)
    variance = 1 / n + (float(away @ np.linalg.solve(np.array(model.scatter), away)) if away.size else 0.0)
    doubts.check_balance(name, feature, variance * n, covariates)
    return Effect(n, n, float(n), float(each.mean()), variance, float(each.var(ddof=1)), float(n - 1), variance * n)
