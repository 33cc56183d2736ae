"""How often intervals of effects along a chain hold the truth. CI draws 500 studies with limits that chance breaks less than once in a
thousand; the whole, with no effects at all too:

    NEUROMYO_TEST_REPEATS=10000 pytest tests/physics/test_study_size_chain.py -s --timeout 3600
"""

import os

import numpy as np
import pytest
from scipy import stats

from neuromyo.stats import paths

REPEATS = int(os.environ.get("NEUROMYO_TEST_REPEATS", "500"))
ALL = REPEATS > 500
DRAWN = 600
#: standardised steps of a chain of four
STEPS = (-0.6, -0.7, -0.8)


def limbs(rng, people, sides, steps):
    """(people x sides, links) a chain in which the sides of a person share half of the variance; whose each row is."""
    size = (people, 1, len(steps) + 1)
    noise = (
        rng.normal(size=size)
        if sides == 1
        else np.sqrt(0.5) * (rng.normal(size=size) + rng.normal(size=(people, sides, size[2])))
    )
    made = [noise[..., 0]]
    for i, step in enumerate(steps):
        made.append(step * made[-1] + np.sqrt(1 - step**2) * noise[..., i + 1])
    return np.stack(made, axis=-1).reshape(-1, len(made)), np.repeat(np.arange(people), sides)


def held(people, sides, steps, seed):
    """Share of intervals along the whole chain that hold the product of its steps."""
    rng, truth, route, count = np.random.default_rng(seed), float(np.prod(steps)), tuple(range(len(steps) + 1)), 0
    for _ in range(REPEATS):
        table, person = limbs(rng, people, sides, steps)
        end = paths.interval(paths.by_people(table, None, person, DRAWN, 1427), lambda p: p.through(route))
        count += end.low <= truth <= end.high
    print(f"{people} people, {sides} limbs each, steps {steps}: {100 * count / REPEATS:.2f} %")
    return count


@pytest.mark.slow
@pytest.mark.parametrize(
    ("people", "sides", "steps"),
    [(40, 1, (-0.6, 0.5)), *([(30, 1, STEPS), (40, 1, (0.0, 0.0))] if ALL else []), (30, 2, STEPS)],
)
def test_intervals_of_products_hold_the_truth(people, sides, steps):
    count = held(people, sides, steps, 11)
    assert count >= stats.binom.ppf(0.0005, REPEATS, 0.92)
    if any(steps):  # of products of two zeros more are known to hold
        assert count <= stats.binom.ppf(0.9995, REPEATS, 0.975)
