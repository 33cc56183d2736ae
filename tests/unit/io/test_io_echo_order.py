"""Echo times against the data: exchanged, reversed, and the stimulated echoes that are neither."""

import numpy as np
import pytest

from neuromyo.core.acquisition import Acquisition
from neuromyo.core.errors import DataError
from neuromyo.core.grid import Grid
from neuromyo.core.series import WHOLE, ArrayData, Series
from neuromyo.io import echo_order
from neuromyo.physics import epg

TIMES = tuple(0.01 * k for k in range(1, 9))


def series(levels, kind="MESE", part="mag"):
    """Voxels (6, 5, 4, n) at these levels, give or take 1 %, in a frame of air."""
    rng = np.random.default_rng(3)
    data = np.zeros((6, 5, 4, len(levels)))
    data[1:-1, 1:-1] = np.asarray(levels) * rng.normal(1, 0.01, (4, 3, 4, 1))
    acquisition = Acquisition(echo_times=TIMES[: len(levels)])
    return Series(ArrayData(data), Grid.of((6, 5, 4), np.eye(4)), acquisition, kind, part)


def decay(t2=0.035):
    return 1000 * np.exp(-np.array(TIMES) / t2)


def look(one, places=None):
    return echo_order.check(one, [WHOLE], tuple(f"echo-{k + 1}" for k in range(one.n)), places)


def test_a_decay_is_right_in_whatever_order_its_files_are_named():
    for seed in range(20):
        places = tuple(int(i) for i in np.random.default_rng(seed).permutation(8))
        assert look(series(decay()), places) == ()


@pytest.mark.parametrize(("a", "b"), [(0, 1), (1, 4), (5, 6), (0, 7), (3, 4)])
def test_times_exchanged_between_two_files_are_told_by_the_names(a, b):
    order = list(range(8))
    order[a], order[b] = order[b], order[a]
    with pytest.raises(DataError, match="E-ECHO-ORDER"):
        look(series(decay()[order]), tuple(order))


def test_without_another_order_to_believe_a_late_rise_is_a_warning():
    order = [0, 1, 2, 3, 7, 5, 6, 4]
    (finding,) = look(series(decay()[order]), tuple(range(8)))
    assert finding.code == "W-ECHO-ORDER" and "0.07 s" in finding.message


def test_reversed_is_refused_whatever_the_names_say():
    with pytest.raises(DataError, match="brighter"):
        look(series(decay()[::-1]))


@pytest.mark.parametrize("B1", [0.4, 0.5, 0.6, 0.8, 1.0, 1.3])
@pytest.mark.parametrize("T2", [0.030, 0.150])
def test_stimulated_echoes_are_no_exchange(B1, T2):
    """Off the nominal angle the first echo is low, the second high, and it rings on."""
    levels = epg.cpmg(8, 0.01, 1.4, T2, B1)
    assert look(series(1000 * levels), tuple(range(8))) == ()


@pytest.mark.parametrize(("kind", "part"), [("MESE", "phase"), ("T2w", "mag")])
def test_other_series_are_not_looked_at(kind, part):
    assert look(series(decay()[::-1], kind, part)) == ()


def test_nothing_finite_is_somebody_elses_complaint():
    assert look(series(np.full(8, np.nan))) == ()
