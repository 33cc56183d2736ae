"""The uncertainty of a region's mean, against repeated draws."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from neuromyo.measure.spread import effective_n, spread

BOX = np.ones((14, 14, 6), dtype=bool)


def test_independent_voxels_are_worth_their_number():
    rng = np.random.default_rng(2)
    worth = [effective_n(rng.standard_normal(BOX.shape), BOX) / BOX.sum() for _ in range(40)]
    assert 0.85 < np.mean(worth) <= 1.0


def test_the_error_of_an_independent_mean_is_the_textbooks():
    values = np.random.default_rng(3).normal(35, 2, BOX.shape)
    found = spread(values, BOX)
    assert found.se == pytest.approx(values.std(ddof=1) / np.sqrt(BOX.sum()), rel=0.15)


@pytest.mark.parametrize("smoothing", [0.0, 0.6, 1.0])
def test_the_error_covers_the_scatter_of_repeated_regions(smoothing):
    rng = np.random.default_rng(5)
    means, errors = [], []
    for _ in range(300):
        field = rng.standard_normal((22, 22, 6))
        if smoothing:
            field = ndimage.gaussian_filter(field, (smoothing, smoothing, 0), mode="wrap")
        values = 35 + field[4:18, 4:18]
        found = spread(values, BOX)
        means.append(found.mean)
        errors.append(found.se)
    ratio = np.sqrt(np.mean(np.square(errors))) / np.std(means)
    assert 0.85 < ratio < 1.35


def test_smooth_fields_would_fool_the_square_root_of_n():
    field = ndimage.gaussian_filter(np.random.default_rng(6).standard_normal(BOX.shape), (1.5, 1.5, 0))
    assert effective_n(field, BOX) < BOX.sum() / 4


def test_the_fits_own_uncertainty_is_a_floor():
    values = np.full(BOX.shape, 35.0)
    found = spread(values, BOX, np.full(BOX.shape, 2.0))
    assert found.se == pytest.approx(2.0 / np.sqrt(BOX.sum()))
    assert found.sd_between == 0.0
    noisy = np.random.default_rng(7).normal(35, 3, BOX.shape)
    assert spread(noisy, BOX, np.full(BOX.shape, 0.1)).se == pytest.approx(spread(noisy, BOX).se)
    assert spread(noisy, BOX, np.full(BOX.shape, np.nan)).se == pytest.approx(spread(noisy, BOX).se)


def test_one_voxel_and_none():
    mask = np.zeros((3, 3, 3), dtype=bool)
    assert np.isnan(spread(np.ones((3, 3, 3)), mask).mean)
    mask[1, 1, 1] = True
    alone = spread(np.ones((3, 3, 3)), mask, np.full((3, 3, 3), 0.5))
    assert (alone.n, alone.mean, alone.se) == (1, 1.0, 0.5)
    assert np.isnan(alone.sd_between)
    assert np.isnan(spread(np.ones((3, 3, 3)), mask).se)


def test_values_outside_the_mask_do_not_matter():
    values = np.random.default_rng(8).normal(35, 2, BOX.shape)
    mask = BOX.copy()
    mask[:, :4] = False
    spoiled = np.where(mask, values, np.nan)
    assert spread(spoiled, mask) == spread(values, mask)
