"""Reading a whole series in boxes of bounded size."""

from __future__ import annotations

from collections.abc import Iterator

from neuromyo.core.series import Block, Series

_BYTES = 32 << 20


def slabs(series: Series) -> Iterator[Block]:
    """Boxes that cover the series one after another, along the axis that was stored last, each of bounded size."""
    axis = series.grid.source_axes[2][0]
    length = series.grid.shape[axis]
    layer = 4 * series.grid.n_voxels // length * series.n
    thick = max(1, _BYTES // max(layer, 1))
    for start in range(0, length, thick):
        box = [slice(None)] * 3
        box[axis] = slice(start, min(start + thick, length))
        yield box[0], box[1], box[2]
