"""Effects along a path: against regressions of statsmodels and of the textbook, closed forms, and what is drawn."""

import numpy as np
import pytest
import statsmodels.api as sm

from neuromyo.stats import paths

RNG = np.random.default_rng(7)
N = 60
AGE = RNG.normal(60, 10, (N, 1))
A = RNG.normal(size=N) + 0.03 * AGE[:, 0]
B = -0.6 * A + RNG.normal(size=N)
C = 0.7 * B + 0.1 * A + RNG.normal(size=N)
D = 0.5 * C - 0.2 * A + RNG.normal(size=N) + 0.02 * AGE[:, 0]
DATA = np.column_stack([A, B * 30, C / 7 + 100, D])


def regression(y, *x):
    """Standardised coefficients by statsmodels."""
    fit = sm.OLS(y, sm.add_constant(np.column_stack(x))).fit()
    return fit.params[1:] * np.array([v.std() for v in np.column_stack(x).T]) / y.std(), fit.rsquared


@pytest.mark.parametrize("given", [None, AGE])
def test_each_step_is_its_regression(given):
    found = paths.fit(DATA, given)
    more = [] if given is None else [given[:, 0]]
    for later in range(1, 4):
        beta, r2 = regression(DATA[:, later], *DATA[:, :later].T, *more)
        assert found.direct[later, :later] == pytest.approx(beta[:later], abs=1e-8)
        assert found.explained[later] == pytest.approx(r2, abs=1e-8)
    total, _ = regression(DATA[:, 3], DATA[:, 0], *more)  # what it does by all ways: those between left out
    assert found.total[3, 0] == pytest.approx(total[0], abs=1e-8)
    assert (np.triu(found.direct) == 0).all()


def test_total_is_the_sum_of_all_routes():
    found = paths.fit(DATA)
    routes = [(0, 3), (0, 1, 3), (0, 2, 3), (0, 1, 2, 3)]
    assert sum(float(found.through(r)) for r in routes) == pytest.approx(found.total[3, 0], abs=1e-12)
    assert found.indirect(0, 3) == pytest.approx(found.total[3, 0] - found.direct[3, 0])
    with pytest.raises(ValueError, match="earlier to later"):
        found.through((1, 0))


def test_mediation_is_that_of_statsmodels():
    """Their a b (bootstrap aside) is the difference of two predictions: in units, for one unit of x."""
    from statsmodels.stats.mediation import Mediation

    x, m, y = A, B, C
    outcome = sm.OLS(y, np.column_stack([np.ones(N), m, x]))
    mediator = sm.OLS(m, np.column_stack([np.ones(N), x]))
    np.random.seed(1)  # noqa: NPY002  (theirs draws from NumPy's global state)
    theirs = Mediation(outcome, mediator, (2, 1), mediator=1).fit(n_rep=300, method="parametric")
    mine = paths.fit(np.column_stack([x, m, y])).indirect(0, 2) * y.std() / x.std()
    assert mine == pytest.approx(np.mean(theirs.ACME_avg), abs=4 * np.std(theirs.ACME_avg) / np.sqrt(300))


def test_simple_mediation_in_closed_form():
    r = np.corrcoef(np.column_stack([A, B, C]).T)
    found = paths.fit(np.column_stack([A, B, C]))
    b = (r[1, 2] - r[0, 1] * r[0, 2]) / (1 - r[0, 1] ** 2)
    assert found.through((0, 1, 2)) == pytest.approx(r[0, 1] * b, abs=1e-12)


def test_weights_are_repeated_rows():
    times = RNG.multinomial(N, np.full(N, 1 / N), size=3)
    many = paths.fit(DATA, AGE, times.astype(float))
    for i, t in enumerate(times):
        one = paths.fit(np.repeat(DATA, t, axis=0), np.repeat(AGE, t, axis=0))
        assert many.direct[i] == pytest.approx(one.direct, abs=1e-10)
        assert many.total[i] == pytest.approx(one.total, abs=1e-10)


def test_people_are_drawn_with_all_their_rows():
    """Doubling each person's rows changes nothing."""
    one = paths.by_people(DATA, None, np.arange(N), 200, 3)
    two = paths.by_people(np.repeat(DATA, 2, axis=0), None, np.repeat(np.arange(N), 2), 200, 3)
    assert one.n_people == two.n_people == N
    assert two.drawn.direct == pytest.approx(one.drawn.direct, abs=1e-10)
    again = paths.by_people(DATA, None, np.arange(N), 200, 3)
    assert (again.drawn.total == one.drawn.total).all()


def test_a_covariate_that_does_not_vary_in_a_sample_is_nothing():
    site = np.zeros((N, 1))
    site[:20] = 1
    weights = np.concatenate([np.zeros(20), np.ones(N - 20)])[None]
    assert paths.fit(DATA, site, weights).direct[0] == pytest.approx(paths.fit(DATA[20:]).direct, abs=1e-10)


def test_a_determined_variable_has_no_effects():
    with np.errstate(all="raise"):
        found = paths.fit(np.column_stack([A, 2 * A + 1, C]))
    assert np.isnan(found.direct[2, 1])
    with pytest.raises(ValueError, match="complete"):
        paths.fit(np.array([[1.0, np.nan], [2, 3], [4, 5], [5, 9]]))
    with pytest.raises(ValueError, match="rows for"):
        paths.fit(np.eye(3))
