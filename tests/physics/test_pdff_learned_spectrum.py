"""Fat whose spectrum is not the one to begin with, over the whole range of fat fractions, pure fat included."""

from __future__ import annotations

import numpy as np
import pytest

from neuromyo.biomarkers import pdff
from neuromyo.core.acquisition import Acquisition
from neuromyo.core.grid import Grid
from neuromyo.core.series import ArrayData, Series
from neuromyo.fit import runner

#: shifts from water (1e-6) and shares, written down apart from the program's own table
PEAKS = {
    "ismrm-6": ((-3.80, -3.40, -2.60, -1.94, -0.39, 0.60), (0.087, 0.693, 0.128, 0.004, 0.039, 0.048)),
    "ren-2008": ((-3.8, -3.4, -3.1, -2.68, -2.46, -1.95, -0.5, 0.49, 0.59),
                        (0.0899, 0.5834, 0.0599, 0.0849, 0.0599, 0.0150, 0.0400, 0.0100, 0.0569)),
}  # fmt: skip


@pytest.mark.parametrize("name", PEAKS)
@pytest.mark.parametrize(
    ("first", "spacing", "count"), [(1.15e-3, 0.98e-3, 6), (2.4e-3, 1.9e-3, 6), (1.15e-3, 0.98e-3, 4)]
)
def test_mean_bias_of_a_slab_of_each_fat_fraction(name: str, first: float, spacing: float, count: int) -> None:
    times = first + spacing * np.arange(count)
    ppm, share = PEAKS[name]
    fat = np.exp(2j * np.pi * np.outer(times, ppm) * 127.7) @ np.array(share) / np.sum(share)
    ff = np.repeat(np.linspace(0, 1, 11), 12)[:, None, None] * np.ones((1, 40, 4))
    rate = np.broadcast_to(np.linspace(20, 100, 40)[None, :, None], ff.shape)
    field = 80 * np.linspace(-1, 1, ff.shape[0])[:, None, None] * np.ones_like(ff)
    turn = np.exp((2j * np.pi * field - rate)[..., None] * times)
    rng = np.random.default_rng(5)
    noise = 2 * (rng.standard_normal((*ff.shape, count)) + 1j * rng.standard_normal((*ff.shape, count)))
    signals = (100 * ((1 - ff[..., None]) + ff[..., None] * fat) * turn + noise).astype(np.complex64)
    acquisition = Acquisition(echo_times=tuple(times), imaging_frequency_hz=127.7e6)
    series = Series(
        ArrayData(signals), Grid.of(ff.shape, np.diag([2.0, 2.0, 5.0, 1.0])), acquisition, "MEGRE", "complex"
    )
    maps, findings = runner.run(pdff.BIOMARKER, {"gre": series}, pdff.Options(t1_weighting="leave"))
    error = 100 * (maps["FF"].values - ff)
    worst = max(abs(float(np.nanmean(error[12 * k : 12 * k + 12]))) for k in range(11))
    assert worst < 0.5, [f.message for f in findings]
    assert np.isfinite(maps["FF"].values).mean() > 0.99
