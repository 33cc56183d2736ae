"""Readers on numbers and masks: against published figures, simulation and overlap counted by hand."""

import math

import numpy as np
import pytest
from statsmodels.stats.anova import AnovaRM

from neuromyo.core.errors import DataError
from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels, Region
from neuromyo.study import readers

#: Bland & Altman 1986, table 1: peak expiratory flow (l/min), first reading by the large meter and by the mini meter
LARGE = np.array([494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427], float)
MINI = np.array([512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451], float)


def test_bland_and_altman_find_their_own_limits():
    found = readers.bland_altman(MINI, LARGE)
    # the paper: mean difference -2.1 l/min, sd 38.8, limits (with 2 sd) -79.7 and 75.5; interval of the bias -22.0 to 17.8
    assert (
        found.bias.value == pytest.approx(-2.1, abs=0.05)
        and found.sd == pytest.approx(38.8, abs=0.05)
        and found.n == 17
    )
    assert found.bias.low == pytest.approx(-22.0, abs=0.1) and found.bias.high == pytest.approx(17.8, abs=0.1)
    assert found.lower.value == pytest.approx(-2.1 - 1.96 * 38.77, abs=0.1)
    # their approximate intervals of the limits: -114.3 to -45.1, and 40.9 to 110.1; the exact ones reach further outwards
    assert -130 < found.lower.low < -114.3 and -55 < found.lower.high < -45.1
    assert 40.9 < found.upper.low < 52 and 110.1 < found.upper.high < 125


def test_the_intervals_of_limits_cover():
    rng = np.random.default_rng(2)
    held = np.zeros(2)
    for _ in range(1500):
        found = readers.bland_altman(np.zeros(10), rng.normal(3.0, 2.0, 10))
        held += found.lower.low <= 3 - 3.92 <= found.lower.high, found.upper.low <= 3 + 3.92 <= found.upper.high
    assert (np.abs(held / 1500 - 0.95) < 0.02).all()


def test_percent_differences_do_not_grow_with_the_value():
    small, factor = np.array([10.0, 20, 40, 80]), np.array([1.1, 1.05, 1.1, 1.05])
    found = readers.bland_altman(small, small * factor, percent=True)
    assert found.bias.value == pytest.approx(np.mean(200 * (factor - 1) / (factor + 1))) and found.percent
    with pytest.raises(DataError, match="above 0"):
        readers.bland_altman(-small, small, percent=True)


def test_numbers_of_three_readers():
    rng = np.random.default_rng(4)
    values = rng.normal(40, 6, 30)[:, None] + np.array([0.0, 0.5, -0.5]) + rng.normal(0, 1.5, (30, 3))
    found = readers.of_numbers(values, ("A", "B", "C"))
    rows = [{"case": i, "reader": j, "x": values[i, j]} for i in range(30) for j in range(3)]
    import pandas as pd

    table = AnovaRM(pd.DataFrame(rows), "x", "case", within=["reader"]).fit().anova_table
    squares = readers_mean_squares(values)
    assert squares[1] / squares[2] == pytest.approx(table["F Value"].iloc[0])
    assert found.sem.value == pytest.approx(np.sqrt(values.var(axis=1, ddof=1).mean()))
    assert found.mdc95.value == pytest.approx(1.96 * math.sqrt(2) * found.sem.value)
    assert found.sem.low < found.sem.value < found.sem.high
    assert found.absolute.value < found.consistency.value and list(found.pairs) == [("A", "B"), ("A", "C"), ("B", "C")]
    assert found.n_cases == found.n_complete == 30
    holes = values.copy()
    holes[:5, 0] = np.nan
    left = readers.of_numbers(holes, ("A", "B", "C"))
    assert (left.n_cases, left.n_complete, left.pairs["A", "B"].n) == (30, 25, 25)


def readers_mean_squares(values):
    from neuromyo.stats.icc import mean_squares

    made = mean_squares(values)
    return made.cases, made.readers, made.error


def test_two_cases_have_no_icc_and_say_so():
    found = readers.of_numbers(np.array([[1.0, 2.0], [3.0, 3.5]]), ("A", "B"))
    assert not found.absolute.known and "needs three" in found.why and math.isfinite(found.sem.value)


def drawn(boxes):
    grid = Grid.of((20, 20, 4), np.diag([1.0, 1.0, 5.0, 1.0]), 2)
    volume = np.zeros(grid.shape, np.int32)
    for index, (low, high) in boxes.items():
        volume[low:high, 5:15, :] = index
    return Labels(volume, grid, (Region(1, "tibial-nerve", "left"), Region(2, "fibular-nerve", "left")), "drawing")


def test_masks_of_three_readers():
    found = readers.of_masks(
        [drawn({1: (2, 8)}), drawn({1: (2, 8), 2: (12, 14)}), drawn({1: (4, 10)})], ("A", "B", "C")
    )
    tibial, fibular = found
    assert tibial.dice == pytest.approx(np.array([[1, 1, 2 / 3], [1, 1, 2 / 3], [2 / 3, 2 / 3, 1]]))
    assert tibial.hd95_mm[0, 2] == pytest.approx(2.0) and tibial.mean_dice == pytest.approx((1 + 4 / 3) / 3)
    assert fibular.dice[0, 1] == 0 and math.isnan(fibular.dice[0, 2]) and math.isnan(fibular.hd95_mm[0, 1])
    assert math.isnan(fibular.dice[0, 0]) and fibular.dice[1, 1] == 1.0
    assert fibular.pairs["A", "B"].compared.drawn == "second"
