"""Sums over groups of people: right where the engine's own sums must agree, and silent about single persons."""

import numpy as np
import pytest

from neuromyo.core.norm import Body, NormKey
from neuromyo.norms import cells
from neuromyo.norms.covariates import Covariates
from neuromyo.norms.engine import Controls, Options, summarise
from neuromyo.norms.norm_file import Site

KEY = NormKey("T2", "t2-water", "mean", "soleus", "", "ms")
NAMES = ("age", "sex", "side")


def people(n=12, ages=None, seed=0, sides=("left", "right")):
    """x, y, persons and the engine's `Controls` of the same people."""
    rng = np.random.default_rng(seed)
    ages = rng.uniform(20, 80, n) if ages is None else ages
    bodies = [Body(float(ages[i]), "MF"[i % 2], side=s, site="here") for i in range(n) for s in sides]
    y = rng.normal(35, 2, len(bodies))
    persons = [f"p{i}" for i in range(n) for _ in sides]
    x = Covariates(NAMES).design(bodies)
    return x, y, persons, Controls(y, tuple(bodies), tuple(persons))


def site(x, y, persons):
    return Site("here", (0, 0), (20, -1, -1), (80, 1, 1), cells.of_site(x, y, persons, 1))


def test_people_of_one_age_give_the_sums_of_the_engine():
    x, y, persons, controls = people(ages=np.full(12, 62.0))
    options = Options(covariates=Covariates(NAMES))
    engine = summarise(KEY, controls, options).sites[0]
    ours = site(x, y, persons).sums(options)
    np.testing.assert_allclose(ours.moments, engine.moments, rtol=1e-9, atol=1e-8)
    np.testing.assert_allclose(ours.log_det, engine.log_det, rtol=1e-9, atol=1e-9)
    assert (ours.n_people, ours.n_rows) == (engine.n_people, engine.n_rows) == (12, 24)


def test_without_a_slope_of_the_spread_ages_within_a_cell_change_nothing():
    x, y, persons, controls = people(n=40, seed=3)
    options = Options(covariates=Covariates(NAMES), heteroscedastic=False)
    engine = summarise(KEY, controls, options).sites[0]
    ours = site(x, y, persons)
    assert len(ours.cells) == 4
    # twelve digits are kept; where sides are nearly alike (r = 0.97) two sums nearly cancel
    np.testing.assert_allclose(ours.sums(options).moments, engine.moments, rtol=1e-8, atol=1e-6)


def test_the_spread_may_change_with_age_between_cells():
    x, y, persons, controls = people(n=40, seed=3)
    options = Options(covariates=Covariates(NAMES))
    engine, ours = summarise(KEY, controls, options).sites[0], site(x, y, persons).sums(options)
    at = options.slopes.index(0.2)
    assert ours.moments[at, 0, 0, 0] == pytest.approx(engine.moments[at, 0, 0, 0], rel=0.02)
    assert ours.log_det[at, 0] == pytest.approx(engine.log_det[at, 0], abs=1e-9)


def test_the_order_of_rows_changes_no_bit():
    x, y, persons, _ = people(n=23, seed=1)
    order = np.random.default_rng(2).permutation(len(y))
    one, other = site(x, y, persons), site(x[order], y[order], [persons[i] for i in order])
    for a, b in zip(one.cells, other.cells, strict=True):
        assert np.array_equal(a.own, b.own) and np.array_equal(a.total, b.total)


def test_one_side_of_some_people_and_both_of_others():
    x, y, persons, controls = people(n=12, ages=np.full(12, 40.0))
    keep = np.array([i for i in range(24) if i not in (1, 3, 4)])
    mine = Controls(y[keep], tuple(controls.bodies[i] for i in keep), tuple(persons[i] for i in keep))
    options = Options(covariates=Covariates(NAMES))
    ours = site(x[keep], y[keep], [persons[i] for i in keep])
    assert ours.cells[0].rows == (1, 2) and ours.cells[0].people == (3, 9)
    np.testing.assert_allclose(
        ours.sums(options).moments, summarise(KEY, mine, options).sites[0].moments, rtol=1e-9, atol=1e-8
    )


def test_bands_hold_their_people():
    for age, middle in ((20.0, 22.5), (24.99, 22.5), (25.0, 27.5), (0.0, 2.5)):
        assert cells.banded(Body(age=age)).age == middle
    body = cells.banded(Body(height_m=1.73, weight_kg=70.0))
    assert (body.height_m, body.weight_kg, body.age) == (1.725, 72.5, None)


def test_a_single_woman_among_men_would_be_told_and_is_left_out():
    sexes = ["M"] * 11 + ["F"]
    bodies = [Body(30.0 + 3 * i, s) for i, s in enumerate(sexes)]
    x = Covariates(("age", "sex")).design(bodies)
    assert cells.exposed(x, [f"p{i}" for i in range(12)]) == ("p11",)
    y = np.random.default_rng(0).normal(size=12)
    sums = cells.of_site(x, y, [f"p{i:02d}" for i in range(12)], 1)[0].own[0]
    men, women = (sums[0, 3] + sums[2, 3]) / 2, (sums[0, 3] - sums[2, 3]) / 2
    assert men == pytest.approx(y[:11].sum())
    assert women == pytest.approx(y[11]), "this is why she is left out"


@pytest.mark.parametrize("n", [9, 20, 33])
def test_every_cell_keeps_dimensions_free_and_nobody_alone(n):
    x, y, persons, _ = people(n=n, seed=n)
    for cell in cells.of_site(x, y, persons, 1):
        assert cell.n >= cells.fewest(x.shape[1] - 1) >= 8


def test_values_cannot_be_read_out_even_by_who_knows_everybodys_age_and_sex():
    """Two sets of values of the same people, far apart, with the same sums to the last digit that is written."""
    bodies = [Body(25.0 + 5 * i, "MF"[i % 2], side="left") for i in range(8)]
    x = Covariates(("age", "sex")).design(bodies)
    y = 35 + 2 * np.random.default_rng(4).normal(size=8)
    basis = np.linalg.svd(x, full_matrices=True)[0]
    fixed, free = basis[:, :3], basis[:, 3:]
    inside = free.T @ y
    other = fixed @ (fixed.T @ y) - free @ inside  # the free part, turned round: same sums with x, same square
    persons = [f"p{i}" for i in range(8)]
    one, two = cells.of_site(x, y, persons, 1), cells.of_site(x, other, persons, 1)
    assert len(one) == 1
    np.testing.assert_allclose(one[0].own, two[0].own, rtol=1e-11, atol=1e-9)
    assert np.abs(y - other).max() > 2, "a standard deviation apart"
    assert free.shape[1] >= cells.SPARE


def _told(sums, start) -> int:
    """Along how many directions of all ages and values ``sums`` change by more than a millionth of the most."""
    step = 1e-5
    slopes = [(sums(start + step * e) - sums(start - step * e)) / (2 * step) for e in np.eye(start.size)]
    size = np.linalg.svd(np.array(slopes), compute_uv=False)
    return int((size > 1e-6 * size[0]).sum())


def test_sums_for_every_slope_would_tell_six_people_and_the_file_does_not():
    """Why a file holds cells: twelve numbers (six ages, six values) would follow from the engine's sums; of the file's, seven stay free."""
    start = np.concatenate([[-1.5, -0.9, -0.2, 0.5, 1.1, 1.7], [0.3, -0.8, 1.2, -1.4, 0.1, 0.9]])

    def rows(of_all):
        return np.column_stack([np.ones(6), of_all[:6]]), of_all[6:]

    def engine(of_all):
        x, y = rows(of_all)
        z = np.column_stack([x, y])
        return np.concatenate(
            [(z.T @ (np.exp(-2 * g * x[:, 1])[:, None] * z)).ravel() for g in np.linspace(-0.4, 0.4, 9)]
        )

    def file(of_all):
        z = np.column_stack(rows(of_all))
        return (z.T @ z).ravel()

    x, y = rows(start)
    (cell,) = cells.of_site(x, y, [str(i) for i in range(6)], 1)
    np.testing.assert_allclose(cell.own[0].ravel(), file(start), rtol=1e-10)
    assert _told(engine, start) == 12
    assert _told(file, start) == 5
