"""Bootstrap intervals: against scipy's on the same samples, against closed forms, and against the packaged table of their coverage."""

import os
import runpy
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from neuromyo.stats import bootstrap, resampled
from neuromyo.stats.coverage import coverage, measured_coverage, method_for, table

REPEATED = int(os.environ.get("NEUROMYO_TEST_REPEATS", "0"))


@pytest.fixture
def pairs() -> np.ndarray:
    rng = np.random.default_rng(3)
    x = rng.gamma(2.0, size=15)
    return np.column_stack([x, x + rng.normal(size=15)])


@pytest.mark.parametrize("what", ["mean", "srm", "correlation"])
def test_bca_is_scipys_on_the_same_samples(pairs, what):
    statistic = resampled.STATISTICS[what]
    ours = bootstrap.bca(statistic, pairs, 2000, seed=11, expand=False)

    def theirs_statistic(*columns, axis=-1):
        return statistic(np.stack(columns, axis=-1))

    theirs = stats.bootstrap(
        tuple(pairs.T), theirs_statistic, paired=True, vectorized=True, n_resamples=2000, method="BCa",
        rng=np.random.default_rng(11),
    ).confidence_interval  # fmt: skip
    assert [ours.low, ours.high] == pytest.approx([theirs.low, theirs.high], abs=1e-8)


def test_the_mean_of_normal_data_nearly_has_its_t_interval():
    x = stats.norm.ppf((np.arange(40) + 0.5) / 40)
    exact = stats.t.interval(0.95, 39, x.mean(), x.std(ddof=1) / np.sqrt(40))
    for found in (bootstrap.bca(resampled.mean, x, 20_000), bootstrap.studentised(resampled.mean, x, 20_000)):
        assert [found.low, found.high] == pytest.approx(exact, abs=0.02)


def test_expanded_ends_lie_further_out(pairs):
    drawn = bootstrap.resample(resampled.correlation, pairs)
    narrow, wide = drawn.ends(expand=False), drawn.ends(expand=True)
    assert wide.low < narrow.low < narrow.value < narrow.high < wide.high


def test_a_shift_of_the_data_shifts_the_interval(pairs):
    here, there = (bootstrap.bca(resampled.mean, pairs[:, 0] + by) for by in (0.0, 100.0))
    assert [there.low - 100, there.high - 100] == pytest.approx([here.low, here.high], abs=1e-9)


def test_the_same_whatever_the_block_and_another_by_another_seed(pairs, monkeypatch):
    whole = bootstrap.studentised(resampled.correlation, pairs, 500, transform=resampled.TRANSFORMS["correlation"])
    monkeypatch.setattr(bootstrap, "_BLOCK", 3000)
    parts = bootstrap.studentised(resampled.correlation, pairs, 500, transform=resampled.TRANSFORMS["correlation"])
    other = bootstrap.studentised(resampled.correlation, pairs, 500, seed=2)
    assert astuple(whole) == astuple(parts)
    assert whole.low != other.low


def test_statistics_are_those_of_numpy_sample_by_sample():
    rng = np.random.default_rng(0)
    many = rng.normal(size=(4, 12, 3)) + rng.normal(size=(4, 12, 1))
    ours = [resampled.STATISTICS[w](many) for w in ("correlation", "partial", "difference", "indirect", "srm")]
    for one, r, p, d, i, s in zip(many, *ours, strict=True):
        c = np.corrcoef(one.T)
        held = np.linalg.inv(c)
        z = (one - one.mean(0)) / one.std(0)
        a, b = (
            np.linalg.lstsq(z[:, :1], z[:, 1], rcond=None)[0][0],
            np.linalg.lstsq(z[:, :2], z[:, 2], rcond=None)[0][1],
        )
        assert [r, p, d, i, s] == pytest.approx(
            [c[0, 1], -held[0, 1] / np.sqrt(held[0, 0] * held[1, 1]), c[0, 1] - c[0, 2], a * b, one[:, 0].mean() / one[:, 0].std(ddof=1)],
            abs=1e-10)  # fmt: skip


def test_icc_is_that_of_shrout_and_fleiss():
    judged = np.array(
        [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], dtype=float
    )
    assert float(resampled.icc(judged)) == pytest.approx(0.29, abs=0.005)  # Shrout & Fleiss 1979, table 4


@pytest.mark.parametrize("data", [np.ones(12), np.array([1.0, 2.0, 3.0]), np.array([1.0, *([0.0] * 40)])[:3]])
def test_without_spread_or_people_there_is_no_interval(data):
    for found in (bootstrap.bca(resampled.mean, data, 200), bootstrap.studentised(resampled.mean, data, 200)):
        assert not found.known and np.isfinite(found.value)


def test_many_samples_without_a_value_give_no_interval():
    x = np.array([0.0] * 11 + [1.0])
    found = bootstrap.bca(resampled.srm, x, 500)  # a third of the samples leave the odd one out
    assert np.isfinite(found.value) and not found.known


def test_missing_numbers_are_the_callers_mistake():
    with pytest.raises(ValueError, match="finite"):
        bootstrap.bca(resampled.mean, np.array([1.0, np.nan, 2.0, 3.0]))


# --- measured coverage ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", sorted(resampled.STATISTICS))
def test_what_is_used_covers_ninety_percent_at_eleven(what):
    method = method_for(what)
    assert method in bootstrap.METHODS
    assert measured_coverage(method, 11, what) >= 0.90
    assert coverage(method, 11, what).datasets >= 2000


def test_between_sizes_the_smaller_ones_coverage_is_told():
    method = method_for("mean")
    assert coverage(method, 13, "mean") == coverage(method, 11, "mean")
    assert coverage(method, 500, "mean").n == max(table()["mean", method, "normal"])
    assert np.isnan(measured_coverage(method, 5, "mean"))
    said = str(coverage(method, 11, "mean"))
    assert said.startswith("measured coverage 9") and said.endswith("% at n = 11 (normal data)")
    assert "not measured" in str(coverage(method, 5, "mean"))


def test_the_page_of_coverages_is_that_of_the_table():
    project = Path(__file__).resolve().parents[3]
    page = runpy.run_path(str(project / "bench/bootstrap_coverage.py"))["page"]()
    assert (project / "docs/accuracy/bootstrap.md").read_text(encoding="utf-8") == page, (
        "run: python bench/bootstrap_coverage.py --page"
    )


@pytest.mark.slow
@pytest.mark.parametrize("what", ["mean", "correlation"])
def test_the_packaged_coverage_is_what_the_code_does(what):
    """Simulated anew with other seeds; NEUROMYO_TEST_REPEATS=10000 for the whole."""
    n, repeats = 11, REPEATED or 500
    told = measured_coverage("bca-t", n, what)
    rng = np.random.default_rng(5)
    right, held = {"mean": 0.0, "correlation": -0.6}[what], 0
    for seed in range(repeats):
        x = rng.normal(size=n)
        y = -0.6 * x + 0.8 * rng.normal(size=n)
        found = bootstrap.bca(resampled.STATISTICS[what], np.column_stack([x, y]), 1000, seed)
        held += found.low <= right <= found.high
    low, high = stats.binom.ppf([0.0005, 0.9995], repeats, told)  # a point more: the table itself is of a sample
    assert low - 0.01 * repeats <= held <= high + 0.01 * repeats
