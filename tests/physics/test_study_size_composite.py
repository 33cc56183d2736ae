"""Scores of several markers on noise, and how often the interval of the area under the ROC curve holds the truth. CI draws 200 and 100
studies; more:

    NEUROMYO_TEST_REPEATS=10000 pytest tests/physics/test_study_size_composite.py -s --timeout 3600
"""

import os

import numpy as np
import pytest
from scipy import stats

from neuromyo.stats import nested

REPEATS = int(os.environ.get("NEUROMYO_TEST_REPEATS", "200"))
N = 60
GROUP = (np.arange(N) < 30).astype(float)


def judged(x, y, kind, seed, partitions=1):
    return nested.cross_validate(x, y, kind, y, np.random.default_rng(seed), partitions=partitions)


def noise(kind, seed, p):
    return np.random.default_rng([kind, seed]).normal(size=(N, p))


@pytest.mark.slow
def test_noise_is_judged_as_noise():
    """Three markers of noise: the mean area is .5 (areas are skewed: their median is a little above), and R2 is not above 0."""
    areas = np.array([nested.area(judged(noise(1, i, 3), GROUP, "groups", i)) for i in range(REPEATS)])
    print(f"mean area of noise {areas.mean():.4f} +- {areas.std() / np.sqrt(REPEATS):.4f}")
    assert abs(areas.mean() - 0.5) < 3.5 * areas.std() / np.sqrt(REPEATS)
    y = np.random.default_rng(3).normal(size=N)
    r2 = [nested.explained(judged(noise(2, i, 3), y, "number", i)) for i in range(REPEATS)]
    print(f"mean R2 of noise {np.mean(r2):.4f}")
    assert -0.2 < np.mean(r2) < 0


@pytest.mark.slow
def test_interval_of_the_area_holds_the_truth():
    """Two markers, one of which tells 30 people from 30 with an area of .8; the truth is that of the score made from all of them."""
    d = np.sqrt(2) * stats.norm.ppf(0.8)
    runs, held = max(100, REPEATS // 2), 0
    for i in range(runs):
        x = noise(5, i, 2)
        x[:, 0] += d * GROUP
        found = judged(x, GROUP, "groups", i, partitions=2)
        b = nested.fit(x, GROUP, "groups", np.median(found.penalty).reshape(1), np.ones((1, N)))[1][0] / x.std(axis=0)
        truth = stats.norm.cdf(b[0] * d / np.sqrt(2 * (b**2).sum()))
        end = nested.auc(found)
        held += end.low <= truth <= end.high
    print(f"area's interval holds the truth in {100 * held / runs:.2f} % of {runs}")
    assert stats.binom.ppf(0.0005, runs, 0.92) <= held <= stats.binom.ppf(0.9995, runs, 0.98)
