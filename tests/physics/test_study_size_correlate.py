"""How often tests of correlations cry wolf, and intervals hold the truth, in simulated studies of few people.

500 studies of each kind run each time, with limits that chance breaks less than once in 1000; the whole, which prints its figures:

    NEUROMYO_TEST_REPEATS=10000 pytest tests/physics/test_study_size_correlate.py -s --timeout 3600
"""

import os
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from neuromyo.stats.best import best
from neuromyo.stats.correlation import partial, pearson, permutation_p, spearman
from neuromyo.stats.dependent import overlapping, williams, zou
from neuromyo.stats.repeated import within

REPEATS = int(os.environ.get("NEUROMYO_TEST_REPEATS", "500"))
PEOPLE, ALPHA = 11, 0.05


def share(name: str, hit: Callable[[np.random.Generator, int], bool]) -> int:
    """In how many studies ``hit`` happens."""
    rng = np.random.default_rng(1427)
    count = sum(bool(hit(rng, i)) for i in range(REPEATS))
    print(f"\n{name}: {100 * count / REPEATS:.2f} % of {REPEATS}")
    return count


def between(count: int, low: float, high: float) -> bool:
    """Whether so many can come of a share between ``low`` and ``high``."""
    least, most = stats.binom.ppf(0.0005, REPEATS, low), stats.binom.ppf(0.9995, REPEATS, high)
    return bool(least <= count <= most)


def two(rng: np.random.Generator, rho: float, n: int = PEOPLE) -> tuple[np.ndarray, np.ndarray]:
    """n people with correlation rho."""
    x, e = rng.standard_normal((2, n))
    return x, rho * x + np.sqrt(1 - rho**2) * e


def markers(rng: np.random.Generator, sizes: tuple[float, ...], alike: float) -> tuple[np.ndarray, np.ndarray]:
    """y, and markers that correlate with it by ``sizes`` and with each other by ``alike``."""
    between_ = np.full((len(sizes) + 1,) * 2, alike)
    between_[0, 1:] = between_[1:, 0] = sizes
    np.fill_diagonal(between_, 1.0)
    z = rng.standard_normal((PEOPLE, len(between_))) @ np.linalg.cholesky(between_).T
    return z[:, 0], z[:, 1:]


def test_pearsons_t_rejects_five_in_a_hundred():
    assert between(share("Pearson's t", lambda rng, _: pearson(*two(rng, 0.0)).p < ALPHA), 0.04, 0.06)


@pytest.mark.parametrize("law", ["normal", "skewed"])
def test_permutation_rejects_no_more_than_it_says(law):
    def hit(rng: np.random.Generator, seed: int) -> bool:
        x, y = two(rng, 0.0)
        x = np.exp(x) if law == "skewed" else x
        return permutation_p(x, y, 999, seed).p < ALPHA

    assert between(share(f"permutation of r, {law}", hit), 0.03, 0.055)


def test_ranks_of_eight_reject_no_more_than_they_say():
    """All 40,320 orders."""
    assert between(share("Spearman, exact at 8", lambda rng, _: spearman(*two(rng, 0.0, 8)).p < ALPHA), 0.03, 0.055)


@pytest.mark.parametrize("rho", [0.0, -0.6, -0.8])
@pytest.mark.parametrize("n", [8, 11])
def test_fishers_interval_holds_the_truth(rho, n):
    def held(rng: np.random.Generator, _: int) -> bool:
        found = pearson(*two(rng, rho, n))
        return found.low <= rho <= found.high

    assert between(share(f"Fisher, rho {rho}, {n} people", held), 0.93, 0.97)


def test_the_interval_of_ranks_holds_the_truth():
    truth = 6 / np.pi * np.arcsin(-0.6 / 2)  # Spearman's rho of a normal pair with correlation -0.6

    def held(rng: np.random.Generator, _: int) -> bool:
        found = spearman(*two(rng, -0.6), repeats=1)
        return found.low <= truth <= found.high

    assert between(share("Spearman's interval", held), 0.93, 0.97)


def test_with_covariates_held_it_rejects_five_in_a_hundred():
    def hit(rng: np.random.Generator, _: int) -> bool:
        age, (x, y) = rng.standard_normal(PEOPLE), two(rng, 0.0)
        site = (np.arange(PEOPLE) % 2).astype(float)
        return partial(x + age + site, y + age - site, np.column_stack([age, site])).p < ALPHA

    assert between(share("partial, age and site held", hit), 0.04, 0.06)


def test_within_people_it_rejects_five_in_a_hundred():
    """Two visits of each; levels of both go together between people, which must not count."""
    who = np.repeat(np.arange(PEOPLE), 2)

    def hit(rng: np.random.Generator, _: int) -> bool:
        level = rng.standard_normal(PEOPLE)[who]
        x, y = rng.standard_normal((2, 2 * PEOPLE))
        return within(3 * level + x, 3 * level + y, who).p < ALPHA

    assert between(share("within people", hit), 0.04, 0.06)


def test_williams_rejects_five_in_a_hundred():
    def hit(rng: np.random.Generator, _: int) -> bool:
        y, m = markers(rng, (0.6, 0.6), 0.5)
        r = np.corrcoef(np.column_stack([y, m]).T)
        return williams(r[0, 1], r[0, 2], r[1, 2], PEOPLE).p < ALPHA

    assert between(share("Williams' t", hit), 0.035, 0.065)


def test_zous_interval_holds_the_truth():
    def held(rng: np.random.Generator, _: int) -> bool:
        y, m = markers(rng, (0.7, 0.5), 0.5)
        r = np.corrcoef(np.column_stack([y, m]).T)
        found = zou(r[0, 1], r[0, 2], PEOPLE, overlapping(r[0, 1], r[0, 2], r[1, 2]))
        return found.low <= 0.2 <= found.high

    assert between(share("Zou's interval", held), 0.93, 0.975)


@pytest.mark.parametrize("sizes", [(0.6, 0.6), (0.6, 0.6, 0.6), (0.7, 0.7, 0.2)])
def test_a_best_marker_is_rarely_claimed_where_there_is_none(sizes):
    def hit(rng: np.random.Generator, _: int) -> bool:
        return best(*markers(rng, sizes, 0.4), repeats=1).p < ALPHA

    assert between(share(f"best of {sizes}", hit), 0.0, 0.065)


def test_a_best_marker_that_is_one_is_found():
    def hit(rng: np.random.Generator, _: int) -> bool:
        found = best(*markers(rng, (0.9, 0.1, 0.1), 0.2), repeats=1)
        return found.p < ALPHA and found.rivals[0].index == 0

    assert share("best, truly", hit) > 0.4 * REPEATS
