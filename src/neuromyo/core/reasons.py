"""Why a voxel has no value, or one to be careful with. A voxel never raises."""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Reason(IntEnum):
    """One code a voxel; the numbers are stored in ``Reason`` label images, so they are never reused.

    A voxel keeps its value with `OK`, `POORLY_DETERMINED` and `AMBIGUOUS`; with every other reason it is NaN.
    """

    OK = 0
    MASKED = 1
    NOT_FINITE = 2
    TOO_FEW_POINTS = 3
    NO_CONVERGENCE = 4
    AT_BOUND = 5
    NOT_IDENTIFIABLE = 6
    IMPLAUSIBLE = 7
    POORLY_DETERMINED = 8
    AMBIGUOUS = 9
    NO_SIGNAL = 10
    NOT_KNOWN = 11

    @property
    def sentence(self) -> str:
        return _SENTENCES[self]

    @property
    def keeps_value(self) -> bool:
        return self in (Reason.OK, Reason.POORLY_DETERMINED, Reason.AMBIGUOUS)


_SENTENCES = {
    Reason.OK: "fitted",
    Reason.MASKED: "outside the mask, not fitted",
    Reason.NOT_FINITE: "a sample is NaN or infinite",
    Reason.TOO_FEW_POINTS: "fewer usable samples than unknowns",
    Reason.NO_CONVERGENCE: "the fit did not settle within its iterations",
    Reason.AT_BOUND: "the best value lies at the edge of the permitted range",
    Reason.NOT_IDENTIFIABLE: "the data do not determine this value (a component is absent)",
    Reason.IMPLAUSIBLE: "outside the plausible range of the quantity",
    Reason.POORLY_DETERMINED: "kept, but the predicted standard deviation exceeds 15 % or cannot be told",
    Reason.AMBIGUOUS: "kept, but a second value fits the data as well",
    Reason.NO_SIGNAL: "no signal above the noise",
    Reason.NOT_KNOWN: "a map taken as known has no value here that the model covers",
}


_KEPT = np.zeros(256, dtype=np.bool_)
_KEPT[[r.value for r in Reason if r.keeps_value]] = True


def keeps_value(reason: np.ndarray) -> np.ndarray:
    """True where a voxel's value may be used. ``reason`` (codes, uint8) of any shape -> bool of the same shape."""
    return _KEPT[reason]


def count(reason: np.ndarray, within: np.ndarray | None = None) -> dict[Reason, int]:
    """How many voxels have each reason, most frequent first; ``within`` restricts to a mask of the same shape."""
    flat = reason[within] if within is not None else np.ravel(reason)
    codes, numbers = np.unique(flat, return_counts=True)
    order = np.argsort(-numbers, kind="stable")
    return {Reason(int(codes[i])): int(numbers[i]) for i in order}
