"""Kappa, alpha, ICC and exact shares: against published tables, statsmodels and scikit-learn."""

import math

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import cohens_kappa, fleiss_kappa
from statsmodels.stats.proportion import proportion_confint

from neuromyo.stats import alpha, icc, kappa
from neuromyo.stats.intervals import share_interval

#: Shrout & Fleiss 1979, table 2: six targets by four judges
SHROUT_FLEISS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)


def readings(seed, n, grades=5, noise=0.9):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, grades, n)
    both = [np.clip(np.rint(truth + rng.normal(0, noise, n)), 0, grades - 1).astype(int) for _ in range(2)]
    return both[0].tolist(), both[1].tolist()


@pytest.mark.parametrize("weights", kappa.WEIGHTS)
@pytest.mark.parametrize(("seed", "n"), [(1, 12), (2, 30), (3, 200)])
def test_kappa_and_its_variance_are_those_of_others(weights, seed, n):
    a, b = readings(seed, n)
    found = kappa.cohen(a, b, range(5), weights)
    named = {"none": None, "linear": "linear", "quadratic": "quadratic"}[weights]
    assert found.kappa.value == pytest.approx(cohen_kappa_score(a, b, labels=range(5), weights=named))
    others = cohens_kappa(found.table, weights=None if weights == "none" else kappa.disagreement(5, weights))
    mine = (np.arctanh(found.kappa.high) - np.arctanh(found.kappa.low)) * (1 - found.kappa.value**2)
    t = {12: 2.200985, 30: 2.045230, 200: 1.971957}[n]
    assert mine / (2 * t) == pytest.approx(others.std_kappa, rel=1e-5)
    assert found.kappa.low < found.kappa.value < found.kappa.high <= 1


def test_kappa_of_the_textbook():
    # two readers, yes / no, 50 cases: 20 both yes, 5 + 10 apart, 15 both no
    a = ["yes"] * 25 + ["no"] * 25
    b = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    found = kappa.cohen(a, b, ("no", "yes"))
    assert found.kappa.value == pytest.approx(0.4) and found.agreement.value == 0.7 and found.n == 50
    assert found.table.tolist() == [[15, 10], [5, 20]]


def test_readers_who_never_disagree_may_yet_do_so():
    few = kappa.cohen([0, 1] * 5, [0, 1] * 5, (0, 1), "quadratic")
    many = kappa.cohen([0, 1] * 50, [0, 1] * 50, (0, 1), "quadratic")
    assert few.kappa.value == 1 and few.kappa.high == 1
    # half of the readings by chance agree by chance: 10 agreements in 10 have a probability of 2.5 % at this kappa
    at = few.kappa.low
    assert (at + (1 - at) * 0.5) ** 10 == pytest.approx(0.025)
    assert few.kappa.low < many.kappa.low < 1


def test_kappa_is_unknown_where_it_says_nothing():
    same = kappa.cohen([1, 1, 1], [1, 1, 1], range(3))
    assert math.isnan(same.kappa.value) and "one and the same grade" in same.why and same.agreement.value == 1
    alone = kappa.cohen([1, None], [1, 2], range(3))
    assert math.isnan(alone.kappa.value) and "two are needed" in alone.why and alone.n == 1
    one_habit = kappa.cohen([0, 1, 2, 1], [1, 1, 1, 1], range(3))
    assert one_habit.kappa.value == pytest.approx(0) and not one_habit.kappa.known and "one grade only" in one_habit.why


def test_muscles_of_one_person_do_not_count_as_people():
    a, b = readings(6, 24)
    once = kappa.cohen(a, b, range(5), "quadratic")
    copies = kappa.cohen(a * 4, b * 4, range(5), "quadratic", people=list(range(24)) * 4)
    naive = kappa.cohen(a * 4, b * 4, range(5), "quadratic")
    assert copies.kappa.value == pytest.approx(once.kappa.value)
    # each person's four equal muscles say what one says (but for the 24 / 23 of a mean over people)
    assert (copies.kappa.high - copies.kappa.low) / (once.kappa.high - once.kappa.low) == pytest.approx(1, abs=0.03)
    assert (naive.kappa.high - naive.kappa.low) < 0.6 * (once.kappa.high - once.kappa.low)
    alone = kappa.cohen(a, b, range(5), people=["one"] * 24)
    assert not alone.kappa.known and "one person" in alone.why


@pytest.mark.slow
@pytest.mark.parametrize(("weights", "least"), [("none", 91), ("quadratic", 89)])
def test_the_interval_of_kappa_covers(weights, least):
    rng = np.random.default_rng(5)
    shares = np.full((4, 4), 0.02) + np.diag([0.25, 0.2, 0.15, 0.1])
    shares[[0, 1, 2], [1, 2, 3]] += 0.02
    shares /= shares.sum()
    v = kappa.disagreement(4, weights)
    true = 1 - (v * shares).sum() / (shares.sum(1) @ v @ shares.sum(0))
    held = []
    for _ in range(1000):
        drawn = rng.choice(16, size=25, p=shares.ravel())
        found = kappa.cohen((drawn // 4).tolist(), (drawn % 4).tolist(), range(4), weights).kappa
        held.append(found.low <= true <= found.high)
    assert least <= 100 * np.mean(held) <= 98


def test_alpha_of_the_published_example():
    # Krippendorff 2011, Computing Krippendorff's alpha-reliability, section C: four observers, twelve units
    table = np.array([
        [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
        [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
    ])  # fmt: skip
    given = alpha.counts([[int(v) or None for v in unit] for unit in table.T], (1, 2, 3, 4, 5))
    for distance, published in (("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)):
        found = alpha.krippendorff(given, distance)
        assert found.value == pytest.approx(published, abs=5e-4)
        assert found.low < found.value < found.high
        assert found == alpha.krippendorff(given, distance)  # the same numbers each time


def test_alpha_of_names_is_nearly_the_fleiss_kappa_of_statsmodels():
    rng = np.random.default_rng(3)
    given = alpha.counts(rng.integers(0, 4, (25, 6)).tolist(), range(4))
    given[:10] = np.eye(4)[rng.integers(0, 4, 10)] * 6
    found = alpha.krippendorff(given, "nominal").value
    assert 1 - (1 - found) / (1 - 1 / given.sum()) == pytest.approx(fleiss_kappa(given), abs=1e-12)


def test_several_readers_who_never_disagree():
    found = alpha.krippendorff(np.array([[3, 0], [0, 3]] * 5, float), "nominal")
    assert found.value == 1 == found.high and 0 < found.low < 1
    assert math.isnan(alpha.krippendorff(np.array([[3.0, 0], [3, 0]])).value)


@pytest.mark.parametrize(
    ("form", "value", "low", "high"),
    # values: Shrout & Fleiss 1979, table 4; intervals: as the R package psych gives them for these data
    [("1,1", 0.17, -0.133, 0.72), ("2,1", 0.29, 0.019, 0.76), ("3,1", 0.71, 0.342, 0.95),
     ("1,k", 0.44, -0.884, 0.91), ("2,k", 0.62, 0.071, 0.93), ("3,k", 0.91, 0.676, 0.99)],
)  # fmt: skip
def test_icc_of_shrout_and_fleiss(form, value, low, high):
    found = icc.icc(SHROUT_FLEISS, form)
    assert found.value == pytest.approx(value, abs=5e-3)
    assert found.low == pytest.approx(low, abs=1e-3) and found.high == pytest.approx(high, abs=5e-3)


def test_one_way_needs_no_equal_numbers():
    equal = icc.one_way(list(SHROUT_FLEISS))
    assert equal.value == pytest.approx(icc.icc(SHROUT_FLEISS, "1,1").value)
    uneven = icc.one_way([SHROUT_FLEISS[0][:3], *SHROUT_FLEISS[1:]])
    assert uneven.value != equal.value and uneven.low < uneven.value < uneven.high


def test_icc_where_it_cannot_be_told():
    assert not icc.icc(SHROUT_FLEISS[:2]).known
    assert math.isnan(icc.icc(np.ones((5, 2))).value)
    alike = icc.icc(np.repeat(SHROUT_FLEISS[:, :1], 2, axis=1), "2,1")
    assert alike.value == 1 and not alike.known
    holes = SHROUT_FLEISS.copy()
    holes[2, 1] = np.nan
    assert icc.mean_squares(holes).n == 5


@pytest.mark.parametrize(("count", "of"), [(0, 7), (7, 7), (3, 10), (95, 100)])
def test_exact_interval_of_a_share(count, of):
    low, high = proportion_confint(count, of, method="beta")
    found = share_interval(count, of)
    assert found.low == pytest.approx(0.0 if count == 0 else low) and found.high == pytest.approx(
        1.0 if count == of else high
    )
    assert not share_interval(0, 0).known
    with pytest.raises(ValueError, match="share"):
        share_interval(3, 2)
