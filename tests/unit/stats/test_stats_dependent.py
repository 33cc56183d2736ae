"""Correlations of the same people compared: published worked examples and simulation."""

import numpy as np
import pytest

from neuromyo.stats import dependent as d
from neuromyo.stats.best import best


def test_williams_as_published():
    found = d.williams(0.3, 0.4, 0.5, 100)  # Silver, Hittner & May, Appl Psychol Meas 2006;30:152
    assert [found.statistic, found.p, found.df] == pytest.approx([-1.0767, 0.2843, 97], abs=5e-5)


def test_steiger_as_published():
    # Steiger, Psychol Bull 1980;87:245, p. 249; he rounded on the way: -.8913 and -1.4045
    assert d.steiger_overlapping(0.4, 0.5, 0.1, 103).statistic == pytest.approx(-0.8913, abs=0.003)
    assert d.steiger_apart(0.5, 0.6, 0.8, 0.5, 0.5, 0.7, 103).statistic == pytest.approx(-1.4045, abs=0.001)
    # Silver, Hittner & May 2006
    over, apart = d.steiger_overlapping(0.3, 0.4, 0.5, 100), d.steiger_apart(0.3, 0.4, 0.5, 0.8, 0.6, 0.7, 100)
    assert [over.statistic, over.p, apart.statistic, apart.p] == pytest.approx(
        [-1.0718, 0.2838, -1.0744, 0.2827], abs=5e-5
    )


def test_meng_as_published():
    z, p = d.meng(0.63, -0.03, -0.19, 15)  # Meng, Rosenthal & Rubin, Psychol Bull 1992;111:172
    assert z == pytest.approx(1.68, abs=0.005) and p / 2 == pytest.approx(0.047, abs=5e-4)
    # May & Hittner, Psychol Rep 1997;80:475
    printed = {0.0: 1.62, 0.2: 1.80, 0.4: 2.06, 0.6: 2.50, 0.8: 3.50}
    assert [d.meng(0.5, 0.2, r, 50)[0] for r in printed] == pytest.approx(list(printed.values()), abs=0.005)


def test_zou_as_published():
    # Zou, Psychol Methods 2007;12:399, overlapping and not
    over = d.zou(0.396, 0.179, 66, d.overlapping(0.396, 0.179, 0.088))
    apart = d.steiger_apart(0.396, 0.189, 0.208, 0.143, 0.023, 0.423, 66).difference
    assert [over.low, over.high] == pytest.approx([-0.093, 0.517], abs=5e-4)
    assert [apart.low, apart.high] == pytest.approx([-0.096, 0.500], abs=0.0015)


def test_overlapping_is_apart_with_one_variable_twice():
    r1, r2, r12 = 0.7, -0.2, 0.3
    assert d.overlapping(r1, r2, r12) == pytest.approx(d.apart(r1, r2, 1.0, r2, r1, r12), abs=1e-12)
    assert d.overlapping(0.5, 0.5, 1.0) == pytest.approx(1.0)


def test_exchanging_markers_turns_the_sign():
    one, other = d.williams(0.8, 0.5, 0.4, 11), d.williams(0.5, 0.8, 0.4, 11)
    assert (one.statistic, one.difference.low) == (
        pytest.approx(-other.statistic),
        pytest.approx(-other.difference.high),
    )


def test_what_cannot_be_compared_is_nan():
    assert np.isnan(d.williams(0.5, 0.5, 1.0, 11).p), "the same marker twice"
    assert np.isnan(d.williams(0.9, -0.9, 0.9, 11).p), "no people can have these"
    assert np.isnan(d.williams(0.9, 0.5, 0.3, 3).p)
    assert np.isnan(d.steiger_overlapping(1.0, 0.5, 0.5, 11).p)
    assert np.isnan(d.meng(1.0, 1.0, 0.5, 11)).all()


@pytest.fixture
def markers() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(12)
    y = rng.normal(size=60)
    return y, np.column_stack([y + 3 * rng.normal(size=60), -y + 0.3 * rng.normal(size=60), y + rng.normal(size=60)])


def test_the_best_of_three_is_told(markers):
    found = best(*markers, repeats=500)
    assert [r.index for r in found.rivals] == [1, 2, 0] and found.rivals[0].correlation.r < -0.9
    assert found.p == max(r.behind.p for r in found.rivals[1:] if r.behind) < 0.001
    assert sum(r.first for r in found.rivals) == pytest.approx(1.0) and found.rivals[0].first > 0.99


def test_turning_a_marker_round_changes_nothing(markers):
    y, m = markers
    assert best(y, m * [-1, 1, -5], repeats=100).p == pytest.approx(best(y, m, repeats=100).p, abs=1e-12)


def test_the_same_marker_twice_is_never_the_best(markers):
    y, m = markers
    found = best(y, np.column_stack([m[:, 1], m[:, 1], m[:, 0]]), repeats=100)
    assert np.isnan(found.p)


def test_best_needs_markers_that_vary(markers):
    y, m = markers
    with pytest.raises(ValueError, match="two markers"):
        best(y, m[:, :1])
    with pytest.raises(ValueError, match="does not vary"):
        best(y, m * [1, 1, 0])
