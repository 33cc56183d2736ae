"""Labels that were kept come back whole: the groups above their regions too, or a resumed run would pool other groups."""

from dataclasses import replace

import numpy as np

from neuromyo.anatomy.muscles import resolve
from neuromyo.core.grid import Grid
from neuromyo.core.labels import Labels, Region
from neuromyo.pipeline import cache, keys


def test_groups_of_groups_survive_and_count_in_the_key() -> None:
    grid = Grid.of((2, 2, 2), np.eye(4), 2)
    labels, _ = resolve(Labels(np.arange(8).reshape(2, 2, 2) % 2, grid, (Region(1, "VL_L"),), "drawn"))
    back = cache.unpack_labels(cache.pack_labels(labels))
    assert back.groups() == labels.groups() and back.above == labels.above
    assert ("muscle", "left", (1,)) in back.groups()
    assert keys.of_labels(back)["above"] != keys.of_labels(replace(back, above={}))["above"]
