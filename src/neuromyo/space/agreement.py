"""Did a registration bring together what belongs together? It says so in figures, or refuses.

Three questions, each with a limit that can be set: do the bodies lie on each other, do the images explain each other (and no
worse than before), and is the displacement one that a subject on a table can make?
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuromyo.core.errors import DataError
from neuromyo.core.grid import Grid
from neuromyo.space.likeness import Pair, body_overlap
from neuromyo.space.transform import IDENTITY, Displacement, Transform


@dataclass(frozen=True, slots=True)
class Limits:
    """What a registration must keep to.

    least_overlap : share of the smaller body on the larger, afterwards
    least_information : normalised mutual information within the mask, afterwards
    most_mm, most_deg : largest mean displacement and rotation of the body within a session
    """

    least_overlap: float = 0.75
    least_information: float = 0.02
    most_mm: float = 30.0
    most_deg: float = 20.0


@dataclass(frozen=True, eq=False)
class Agreement:
    """The figures. ``kept`` is the transform to use: the one found, or ``start`` where that explains as much.

    information_before, information : normalised mutual information with ``start`` and with ``kept``
    overlap : share of the smaller body on the larger one, with ``kept``
    """

    kept: Transform
    displacement: Displacement
    information_before: float
    information: float
    overlap: float

    def as_dict(self) -> dict[str, float]:
        return {
            "mean_mm": self.displacement.mean_mm,
            "p95_mm": self.displacement.p95_mm,
            "rotation_deg": self.displacement.rotation_deg,
            "information_before": self.information_before,
            "information": self.information,
            "overlap": self.overlap,
        }


#: information lost by a transform, as a share, that is still the noise of comparing at scattered places
_SLACK = 0.02


def judged(
    found: Transform,
    pair: Pair,
    body: np.ndarray,
    grid: Grid,
    moving: np.ndarray,
    moving_grid: Grid,
    limits: Limits,
    names: tuple[str, str],
    start: Transform = IDENTITY,
) -> Agreement:
    """The agreement of two images under a transform, or E-REGISTER with both names and the figure that is out of bounds.

    body : (x, y, z) bool on ``grid``, the fixed image's; moving : (x, y, z) finite magnitude on ``moving_grid``
    """
    before, after = pair.information(start), pair.information(found)
    if after < before * (1.0 - _SLACK):
        _refuse(names, "images at least as alike after registration as before",
                f"normalised mutual information {after:.3f} after, {before:.3f} before")  # fmt: skip
    kept, information = (found, after) if after > before else (start, before)
    overlap = body_overlap(body, grid, moving, moving_grid, kept)
    if overlap < limits.least_overlap:
        _refuse(names, f"{100 * limits.least_overlap:.0f} % of the smaller body on the other", f"{100 * overlap:.0f} %")
    if information < limits.least_information:
        _refuse(names, f"normalised mutual information of at least {limits.least_information:g}", f"{information:.3f}")
    moved = kept.displacement(grid, body)
    if moved.mean_mm > limits.most_mm or moved.rotation_deg > limits.most_deg:
        _refuse(names, f"a displacement of at most {limits.most_mm:g} mm and {limits.most_deg:g} degrees",
                f"{moved.mean_mm:.1f} mm and {moved.rotation_deg:.1f} degrees")  # fmt: skip
    return Agreement(kept, moved, before, information, overlap)


def _refuse(names: tuple[str, str], needed: str, found: str) -> None:
    raise DataError("E-REGISTER", where=f"{names[1]} onto {names[0]}", needed=needed, found=found,
                    remedy="look at the two images on top of each other: are they of one session, are the headers right?")  # fmt: skip
