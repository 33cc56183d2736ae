"""Deformable registration: smooth, no folds, closer than before where tissue has edges to go by."""

import numpy as np

from neuromyo.space.register import deformable
from tests.unit.space.leg import leg, places, upright


def test_a_smooth_warp_is_found_in_part_without_folds():
    grid = upright((96, 84, 2), (1.5, 1.5, 12.0))
    world, rng = places(grid), np.random.default_rng(1)
    x, y = world[..., 0], world[..., 1]
    warp = 4.0 * np.stack([np.sin(y / 25 + 0.3) * np.cos(x / 30), np.sin(x / 28) * np.cos(y / 35), 0 * x], axis=-1)
    fixed = np.abs(leg(world + warp, "T1w") + rng.normal(0, 20, grid.shape)).astype(np.float32)
    moving = np.abs(leg(world, "T2w") + rng.normal(0, 12, grid.shape)).astype(np.float32)
    found = deformable(fixed, grid, moving, grid)
    before = np.abs(leg(world, "T1w") - leg(world + warp, "T1w")).mean()
    after = np.abs(leg(found.transform(world), "T1w") - leg(world + warp, "T1w")).mean()
    assert after < 0.3 * before  # of the tissue seen in the wrong place
    assert found.transform.smallest_jacobian() > 0.1
    np.testing.assert_array_equal(found.transform.field[..., 2], 0.0)
    assert found.agreement.information > 1.3 * found.agreement.information_before
