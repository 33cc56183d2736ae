"""The oracle of empirical Bayes against what the equations say of themselves."""

import numpy as np

from tests.oracles.combat import combat


def values(n, seed=0):
    rng = np.random.default_rng(seed)
    batch = np.repeat([0, 1], n)
    shift, spread = rng.normal(size=(2, 5)), np.exp(0.2 * rng.normal(size=(2, 5)))
    return (shift[batch] + spread[batch] * rng.normal(size=(2 * n, 5))).T, batch


def test_both_conditional_means_hold_together():
    y, batch = values(15)
    told = combat(y, batch, np.zeros((30, 0)))
    z = (y - y.mean(axis=1, keepdims=True)) / np.sqrt(told.pooled)[:, None]
    one = z[:, :15]
    g, d = one.mean(axis=1), one.var(axis=1, ddof=1)
    lam, theta = 2 + d.mean() ** 2 / d.var(ddof=1), d.mean() * (1 + d.mean() ** 2 / d.var(ddof=1))
    squares = ((one - told.gamma_star[0][:, None]) ** 2).sum(axis=1)
    assert np.allclose(told.delta2_star[0], (theta + squares / 2) / (15 / 2 + lam - 1), rtol=1e-9)
    t2 = g.var(ddof=1)
    assert np.allclose(
        told.gamma_star[0], (15 * t2 * g + told.delta2_star[0] * g.mean()) / (15 * t2 + told.delta2_star[0]), rtol=1e-9
    )


def test_many_people_are_taken_at_their_word():
    y, batch = values(20000)
    told = combat(y, batch, np.zeros((40000, 0)))
    assert np.allclose(told.adjusted[:, :20000].mean(axis=1), told.adjusted[:, 20000:].mean(axis=1), atol=1e-3)
    assert np.allclose(told.adjusted[:, :20000].std(axis=1), told.adjusted[:, 20000:].std(axis=1), atol=1e-3)
