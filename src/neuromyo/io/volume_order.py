"""A train of echoes written slice by slice under a header that says volume by volume.

The voxels are all there, but each "volume" then holds slices of many echoes. The mean signal of the planes, in the order of the file,
tells: it should fall from volume to volume; here it falls within every n planes, n the number of echoes, again and again.
"""

from __future__ import annotations

import numpy as np

from neuromyo.core.errors import Finding
from neuromyo.core.series import Series
from neuromyo.io.nifti import StoredData

#: share of the planes' variance that echo number explains: at least this if planes were echo by echo, at most that if volumes are
_EXPLAINS, _FAILS = 0.8, 0.5
#: the last third of the echoes below this share of the first: a decay
_DECAY = 0.8


def check(series: Series) -> tuple[Finding, ...]:
    """W-VOLUME-ORDER where the planes of one file decay echo by echo within each volume."""
    data = series.data
    if series.kind not in ("MESE", "MEGRE") or series.part != "mag" or not isinstance(data, StoredData):
        return ()
    slices, echoes = data.stored.shape[2:]
    if min(slices, echoes) < 3 or slices == echoes:
        return ()
    planes = _planes(data)
    place = np.arange(planes.size)
    by_plane = np.array([planes[place % echoes == e].mean() for e in range(echoes)])
    third = max(1, echoes // 3)
    falls = by_plane[-third:].mean() < _DECAY * by_plane[:third].mean()
    if not (falls and _explained(planes, place % echoes) > _EXPLAINS and _explained(planes, place // slices) < _FAILS):
        return ()
    return (
        Finding(
            "warn", "W-VOLUME-ORDER", f"{series.name}: dim[3] and dim[4]",
            f"the header says {echoes} volumes of {slices} slices, but the signal falls over every {echoes} planes of the file: it was "
            "written slice by slice, all echoes of one before the next",
            "convert the series again, or put the planes in the order of the header",
            "every map mixes slices and echoes, and is wrong",
        ),
    )  # fmt: skip


def _planes(data: StoredData) -> np.ndarray:
    """The mean of every plane, in the order of the file."""
    with np.errstate(invalid="ignore", over="ignore"):
        means = np.stack(
            [np.nanmean(data.stored[..., e].astype(np.float32), axis=(0, 1)) for e in range(data.shape[3])]
        )
    return np.nan_to_num(means.ravel().astype(np.float64) * data.slope + data.intercept)


def _explained(values: np.ndarray, group: np.ndarray) -> float:
    """The share of the variance that lies between groups."""
    total = float(((values - values.mean()) ** 2).sum())
    counts = np.bincount(group)
    means = np.bincount(group, weights=values) / counts
    return float((counts * (means - values.mean()) ** 2).sum()) / total if total > 0 else 0.0
