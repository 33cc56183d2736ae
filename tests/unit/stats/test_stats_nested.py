"""Nested cross-validation: nothing of a fold reaches the model that judges it, and chance is judged as chance."""

import numpy as np
import pytest
from scipy import special, stats

from neuromyo.stats import nested

N = 60
GROUP = (np.arange(N) < 30).astype(float)


def noise(seed, p=3):
    return np.random.default_rng(seed).normal(size=(N, p))


def judged(x, y=GROUP, kind="groups", seed=1, **more):
    return nested.cross_validate(
        x, y, kind, y, np.random.default_rng(seed), partitions=more.pop("partitions", 1), **more
    )


def test_folds_are_alike():
    fold = nested.deal(np.repeat([0, 1, 2], [13, 22, 25]), 5, np.random.default_rng(2), 40)
    assert fold.shape == (40, 60) and all(np.bincount(f).tolist() == [12] * 5 for f in fold)
    for part in (slice(0, 13), slice(13, 35), slice(35, 60)):
        counts = np.array([np.bincount(f[part], minlength=5) for f in fold])
        assert np.ptp(counts, axis=1).max() <= 2
    assert len({tuple(f) for f in fold}) == 40
    by_number = nested.deal(np.arange(60.0), 5, np.random.default_rng(2))[0]
    assert all(set(by_number[i : i + 5]) == set(range(5)) for i in range(0, 60, 5))


@pytest.mark.parametrize("kind", ["groups", "number"])
def test_each_prediction_is_that_of_a_model_made_without_the_person(kind):
    """One fold by hand, with scikit-learn: inner folds as dealt, standardised within, penalty chosen within."""
    from sklearn.linear_model import LogisticRegression, Ridge

    x = noise(4) + 0.5 * GROUP[:, None]
    y = GROUP if kind == "groups" else x[:, 0] + noise(5)[:, 0]
    found = judged(x, y, kind)
    others = found.fold[0] != 2
    z = (x - x[others].mean(axis=0)) / x[others].std(axis=0)
    size = found.penalty[0, 2] * others.sum()
    if kind == "groups":
        theirs = LogisticRegression(C=1 / size, tol=1e-12, max_iter=1000, solver="newton-cholesky").fit(
            z[others], y[others]
        )
        score = theirs.decision_function(z)
    else:
        score = Ridge(alpha=size).fit(z[others], y[others]).predict(z)
    assert found.prediction[0, ~others] == pytest.approx(score[~others], abs=1e-7)
    assert found.others_mean[0, ~others] == pytest.approx(y[others].mean())


def test_the_person_judged_has_no_part_in_it():
    """Changing a person's marker changes nothing for the other people of that fold, but does for the other folds."""
    x = noise(6)
    changed = x.copy()
    changed[7] += 50
    a, b = judged(x), judged(changed)
    mates = (a.fold[0] == a.fold[0, 7]) & (np.arange(N) != 7)
    assert a.prediction[0, mates] == pytest.approx(b.prediction[0, mates], abs=1e-9)
    assert (np.abs(a.prediction[0, ~mates] - b.prediction[0, ~mates]) > 1e-6).all()


def test_the_penalty_is_the_best_of_an_inner_cross_validation():
    from sklearn.linear_model import Ridge

    x, rng = noise(7), np.random.default_rng(8)
    y = x[:, 0] + rng.normal(size=N)
    held = nested.deal(y, 5, rng)
    losses = []
    for penalty in nested.PENALTIES:
        loss = 0.0
        for k in range(5):
            used = held[0] != k
            z = (x - x[used].mean(axis=0)) / x[used].std(axis=0)
            loss += ((y - Ridge(alpha=penalty * used.sum()).fit(z[used], y[used]).predict(z))[~used] ** 2).sum()
        losses.append(loss)
    assert nested.choose_penalty(x, y, "number", np.ones((1, N)), held)[0] == nested.PENALTIES[int(np.argmin(losses))]


def test_a_leak_would_be_seen():
    """Markers picked outside of the folds, by how well they tell these very groups apart: noise looks good."""

    def picked(i):
        many = noise([3, i], 80)
        gap = np.abs(many[GROUP == 1].mean(axis=0) - many[GROUP == 0].mean(axis=0))
        return many[:, np.argsort(gap)[-5:]]

    areas = [nested.area(judged(picked(i), seed=i)) for i in range(20)]
    assert np.mean(areas) > 0.7


def test_area_is_that_of_pairs_within_folds():
    found = judged(noise(9) + 0.6 * GROUP[:, None], partitions=2)
    shares = []
    for i in np.flatnonzero(GROUP == 1):
        wins = [np.sign(found.prediction[k, i] - found.prediction[k, j]) for k in range(2) for j in np.flatnonzero(GROUP == 0)
                if found.fold[k, i] == found.fold[k, j]]  # fmt: skip
        shares.append(0.5 + np.mean(wins) / 2)
    assert nested.area(found) == pytest.approx(np.mean(shares))


def test_interval_of_one_fold_is_that_of_delong():
    """With everybody in one fold the area is Mann and Whitney's, and its variance DeLong's, written out."""
    x = np.random.default_rng(11).normal(size=N) + GROUP
    one = nested.Nested("groups", GROUP, np.zeros((1, N), int), x[None], x[None], np.zeros((1, 1, 1)), np.ones((1, 1)))
    found = nested.auc(one)
    assert found.value == pytest.approx(stats.mannwhitneyu(x[:30], x[30:]).statistic / 900)
    place = stats.rankdata(x)
    v1 = (place[:30] - stats.rankdata(x[:30])) / 30
    v0 = 1 - (place[30:] - stats.rankdata(x[30:])) / 30
    se = np.sqrt(v1.var(ddof=1) / 30 + v0.var(ddof=1) / 30)
    middle = special.logit(found.value)
    reach = 1.959964 * se / (found.value * (1 - found.value))
    assert (found.low, found.high) == pytest.approx(special.expit([middle - reach, middle + reach]), abs=1e-6)


def test_groups_told_apart_without_error():
    x = np.column_stack([GROUP * 10 + np.arange(N) / N])
    found = judged(x)
    end = nested.auc(found)
    assert end.value == 1 and end.high == 1 and end.low == pytest.approx(0.025 ** (1 / 30))
    assert not nested.calibration_slope(found).known


def test_calibration_slope_is_the_regression_on_the_predictions():
    import statsmodels.api as sm

    x = noise(12) + 0.7 * GROUP[:, None]
    found = judged(x)
    theirs = sm.Logit(GROUP, sm.add_constant(found.prediction[0])).fit(disp=0, tol=1e-12)
    ours = nested.calibration_slope(found)
    assert (ours.value, ours.low, ours.high) == pytest.approx((theirs.params[1], *theirs.conf_int()[1]), abs=1e-5)
    y = x[:, 0] + noise(13)[:, 0]
    found = judged(x, y, "number")
    fit = sm.OLS(y, sm.add_constant(found.prediction[0])).fit()
    ours = nested.calibration_slope(found)
    assert ours.value == pytest.approx(fit.params[1]) and (ours.high - ours.value) / 1.959964 == pytest.approx(
        fit.bse[1], rel=1e-6
    )


def test_explained_is_one_less_the_share_of_error():
    x = noise(14)
    y = 2 * x[:, 0] + noise(15)[:, 0]
    found = judged(x, y, "number", partitions=3)
    end = nested.explained_interval(found, 500, 1)
    assert end.value == pytest.approx(nested.explained(found)) and end.low < end.value < end.high and end.value > 0.5
    assert end == nested.explained_interval(found, 500, 1)
    with pytest.raises(ValueError, match="complete"):
        judged(np.where(x > 2, np.nan, x))
