"""Which voxels a run fits."""

import numpy as np

from neuromyo.core.acquisition import Acquisition
from neuromyo.core.grid import Grid
from neuromyo.core.series import ArrayData, Series
from neuromyo.pipeline.foreground import worth_fitting


def series(samples: np.ndarray) -> Series:
    return Series(ArrayData(samples), Grid.of(samples.shape[:3], np.eye(4)), Acquisition(), "MESE")


def test_signal_in_any_volume_counts_and_air_does_not():
    samples = np.full((4, 4, 2, 3), 0.5, dtype=np.float32)
    samples[1, 1, 0] = (100, 50, 20)
    samples[2, 2, 1] = (0, 5, 100)
    mask = worth_fitting(series(samples))
    assert mask[1, 1, 0] and mask[2, 2, 1] and mask.sum() == 2


def test_a_broken_sample_among_good_ones_is_not_air():
    samples = np.full((4, 4, 1, 3), 0.1, dtype=np.float32)
    samples[0, 0, 0] = 100
    samples[3, 3, 0, 1] = np.nan
    samples[2, 2, 0] = np.nan
    mask = worth_fitting(series(samples))
    assert mask[0, 0, 0] and mask[3, 3, 0] and not mask[2, 2, 0]


def test_nothing_but_zeros_leaves_all():
    assert worth_fitting(series(np.zeros((2, 2, 2, 2), dtype=np.float32))).all()


def test_what_is_dark_in_one_image_of_a_task_may_be_bright_in_another():
    water, fat = np.zeros((4, 4, 2, 1), np.float32), np.zeros((4, 4, 2, 1), np.float32)
    water[1, 1], fat[2, 2] = 100, 80
    grid = Grid.of((4, 4, 2), np.eye(4))
    one, other = (Series(ArrayData(a), grid, Acquisition(), "T1w") for a in (water, fat))
    assert np.array_equal(worth_fitting(one, other), (water + fat)[..., 0] > 0)
    elsewhere = Series(ArrayData(fat), Grid.of((4, 4, 2), 2 * np.eye(4)), Acquisition(), "T1w")
    assert np.array_equal(worth_fitting(one, elsewhere), water[..., 0] > 0)
