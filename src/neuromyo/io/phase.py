r"""Phase images: in radians, or refused; and told apart from magnitudes.

A phase image that a scanner wrapped fills one turn: air is noise, whose phase is even over the circle. So the difference of
the largest and the smallest value over all volumes of a series (zeros of masks included, nothing left out) must be
:math:`2\pi` to 5 %:

* ``Units: rad``: taken as stated if it does;
* no ``Units``: taken as radians if it does, with a warning;
* ``Units: arbitrary``: whole numbers that fill one of the ranges in `CONVENTIONS` are scaled, with a warning;
* everything else is E-PHASE: other units, phase that was unwrapped (it passes one turn; the wrapped phase must be given),
  and phase that was masked or smoothed so far that it no longer fills the turn, in which nothing shows its unit.

A *magnitude* given as phase is seen by its histogram: most of its voxels (air) crowd at the lower end of the range, where
phase is even. A *phase* given as magnitude is negative in about half of its voxels and spans one turn or a vendor's
range; or, stored without sign, fills its range evenly.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from neuromyo.core.errors import DataError, Finding
from neuromyo.core.series import WHOLE, Block, Data, Series

TURN = 2 * np.pi
#: how far the span may be from one turn
_TOLERANCE = 0.05
#: a vendor's range is filled when both its ends are reached to this share of it
_ENDS = 0.005
_BINS = 16
#: voxels within this many bins of the lower end: a share above `_CROWD` of all (the lowest value itself apart) is no phase
_LOW_BINS, _CROWD = 1, 0.5
#: an even histogram: no bin is emptier or fuller than these multiples of the mean
_EVEN = (0.4, 2.5)
#: radians in whole numbers have too few levels to be phase
_LEVELS = 32
_NEGATIVE_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Convention:
    """How a vendor stores phase: whole numbers ``low`` to ``high``, ``turn`` of which are 2 pi."""

    says: str
    low: float
    high: float
    turn: float

    def fits(self, low: float, high: float) -> bool:
        slack = _ENDS * self.turn
        return abs(low - self.low) <= slack and abs(high - self.high) <= slack

    @property
    def factor(self) -> float:
        return TURN / self.turn


#: ranges that are scaled where the sidecar says ``Units: arbitrary`` and the whole numbers fill them
CONVENTIONS = (
    Convention("0 to 4095 (12 bits, as Siemens and Philips store it)", 0, 4095, 4096),
    Convention("-4096 to 4094 (Siemens, 12 bits with a slope of 2)", -4096, 4094, 8192),
    Convention("-3142 to 3142 (GE, thousandths of a radian)", -3142, 3142, 2000 * np.pi),
)


@dataclass(frozen=True, eq=False)
class ScaledData:
    """Voxels of another handle, times a factor, plus an offset."""

    data: Data
    factor: float
    offset: float = 0.0

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return self.data.shape

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.float32)

    def read(self, block: Block = WHOLE) -> np.ndarray:
        return self.data.read(block) * np.float32(self.factor) + np.float32(self.offset)


def in_radians(series: Series, units: str | None, blocks: Sequence[Block]) -> tuple[Series, tuple[Finding, ...]]:
    """A phase series in radians, and warnings; E-PHASE where its numbers do not allow it (see the module).

    units : what the sidecars state, None where nothing; blocks : boxes that cover the series
    """
    range_ = _Range.of(series, blocks)
    _refuse_magnitude(series, range_, blocks)
    said = (units or "").strip().lower()
    if said == "arbitrary" and range_.whole:
        for convention in CONVENTIONS:
            if convention.fits(range_.low, range_.high):
                return _scaled(series, range_, convention)
    if said not in ("", "rad", "radian", "radians") or not range_.is_turn or _too_coarse(range_):
        raise _refusal(series, units, range_)
    if said:
        return series, ()
    return series, (Finding("warn", "W-PHASE", f"{series.name}: Units", f"not stated; {range_} spans one turn in radians",
                            'write "Units": "rad" into the sidecar', "the phase is taken to be in radians"),)  # fmt: skip


def refuse_phase(series: Series, low: float, high: float, negative: float, blocks: Iterable[Block]) -> None:
    """E-PHASE where what should be a magnitude series is phase.

    low, high : its extremes; negative : share of its samples below zero
    """
    signed = negative > _NEGATIVE_SHARE and (_is_turn(high - low) or any(c.fits(low, high) for c in CONVENTIONS))
    unsigned = CONVENTIONS[0].fits(low, high) and _is_even(_histogram(series, low, high, blocks)[0])
    if signed or unsigned:
        raise DataError("E-PHASE", where=f"{series.name}: voxels", needed="a magnitude image",
                        found=f"{low:.6g} to {high:.6g}, spread as phase is",
                        remedy="exchange the magnitude and the phase file, or name the parts as they are")  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Range:
    """Extremes of the finite voxels; ``whole`` where all are whole numbers."""

    low: float
    high: float
    whole: bool

    @staticmethod
    def of(series: Series, blocks: Iterable[Block]) -> _Range:
        low, high, whole = np.inf, -np.inf, True
        for block in blocks:
            values = series.read(block)
            values = values[np.isfinite(values)]
            if values.size:
                low, high = min(low, float(values.min())), max(high, float(values.max()))
                whole = whole and bool((values == np.rint(values)).all())
        return _Range(low, high, whole)

    @property
    def is_turn(self) -> bool:
        return _is_turn(self.high - self.low)

    def __str__(self) -> str:
        return f"{self.low:.6g} to {self.high:.6g}"


def _is_turn(span: float) -> bool:
    return abs(span / TURN - 1) <= _TOLERANCE


def _too_coarse(range_: _Range) -> bool:
    return range_.whole and range_.high - range_.low < _LEVELS


def _scaled(series: Series, range_: _Range, convention: Convention) -> tuple[Series, tuple[Finding, ...]]:
    middle = 0.5 * convention.turn if convention.low == 0 else 0.0
    data = ScaledData(series.data, convention.factor, -middle * convention.factor)
    found = Finding(
        "warn", "W-PHASE", f"{series.name}: Units",
        f"arbitrary; the whole numbers {range_} fill the range {convention.says}",
        f'if that is not so, multiply them by the right factor and write "Units": "rad" (here {convention.factor:.6g})',
        f"the phase is taken as 2 pi / {convention.turn:.6g} a unit",
    )  # fmt: skip
    return replace(series, data=data), (found,)


def _refusal(series: Series, units: str | None, range_: _Range) -> DataError:
    span = range_.high - range_.low
    stated = f'"Units": "{units}"' if units else "no Units stated"
    return DataError(
        "E-PHASE",
        where=f"{series.name}: Units",
        needed="phase in radians that spans one turn, 2 pi to 5 %",
        found=f"{range_} ({span / TURN:.3g} turns of radians, {stated})",
        remedy=_remedy(range_),
    )


def _remedy(range_: _Range) -> str:
    span = range_.high - range_.low
    for convention in CONVENTIONS:
        if convention.fits(range_.low, range_.high):
            return (f"if this is {convention.says}, write \"Units\": \"arbitrary\", or multiply by "
                    f"{convention.factor:.6g} and write \"Units\": \"rad\"")  # fmt: skip
    factor = f'if they are one turn, multiply by {TURN / span:.6g} and write "Units": "rad"'
    return f"{factor}; give phase as the scanner wrapped it, neither unwrapped nor masked"


# --- is it phase at all -----------------------------------------------------------------------------------------------


def _refuse_magnitude(series: Series, range_: _Range, blocks: Iterable[Block]) -> None:
    counts, lowest = _histogram(series, range_.low, range_.high, blocks)
    counts[0] -= lowest
    crowd = counts[:_LOW_BINS].sum() / max(1, counts.sum())
    if range_.low >= 0 and crowd > _CROWD and counts.sum() > _BINS:
        raise DataError(
            "E-PHASE",
            where=f"{series.name}: voxels",
            needed="a phase image, whose noise is even over one turn",
            found=f"{range_} with {100 * crowd:.0f} % of the voxels in the lowest sixteenth, as in a magnitude",
            remedy="exchange the magnitude and the phase file, or name the parts as they are",
        )


def _histogram(series: Series, low: float, high: float, blocks: Iterable[Block]) -> tuple[np.ndarray, int]:
    """(_BINS,) counts of the finite voxels from ``low`` to ``high``, and how many have exactly the lowest value."""
    counts, lowest = np.zeros(_BINS, np.int64), 0
    for block in blocks:
        values = series.read(block)
        values = values[np.isfinite(values)]
        counts += np.histogram(values, bins=_BINS, range=(low, high) if high > low else None)[0]
        lowest += int(np.count_nonzero(values == low))
    return counts, lowest


def _is_even(counts: np.ndarray) -> bool:
    mean = counts.mean()
    return bool(mean > 0 and counts.min() > _EVEN[0] * mean and counts.max() < _EVEN[1] * mean)
