r"""Which fascicles are bright on T2-weighted images.

A fascicle's own signal is that at which its part of the image is best explained (`fascicle_fit`): the epineurium's, plus the
contrast of all, times its own relative contrast, all at the same place in the coil's field, so that the coil cancels. It is called
bright where that exceeds ``factor`` times a reference: the muscle beside the nerve, or the nerve's own normal fascicles, for which the
lower half of them (by area) stands.

*Assumes* that less than half of the fascicular area is bright, where fascicles are their own reference.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from neuromyo.fascicles.fascicle_fit import Mixture
from neuromyo.fascicles.fascicle_split import Pieces

Reference = Literal["muscle", "fascicle"]


def signals(mixture: Mixture, pieces: Pieces, image: int = 0) -> np.ndarray:
    """(n,) signal of each fascicle, as it would be in the middle of the section."""
    sums = np.bincount(pieces.which.ravel(), minlength=pieces.count + 1)[1:]
    own = np.bincount(pieces.which.ravel(), mixture.own[image].ravel(), minlength=pieces.count + 1)[1:] / np.maximum(
        sums, 1
    )
    return mixture.epineurium[image] + own * (mixture.fascicle[image] - mixture.epineurium[image])


def share(signal: np.ndarray, areas_mm2: np.ndarray, limit: float) -> float:
    """Of the fascicular area, what exceeds the limit; NaN without fascicles."""
    total = float(areas_mm2.sum())
    return float(areas_mm2[signal > limit].sum()) / total if total > 0.0 else float("nan")


def normal(signal: np.ndarray, areas_mm2: np.ndarray) -> float:
    """Signal of the nerve's normal fascicles: the mean of the lower half, by area."""
    if not len(signal):
        return float("nan")
    order = np.argsort(signal, kind="stable")
    room = np.clip(0.5 * areas_mm2.sum() - (np.cumsum(areas_mm2[order]) - areas_mm2[order]), 0.0, areas_mm2[order])
    return float((signal[order] * room).sum() / room.sum())
