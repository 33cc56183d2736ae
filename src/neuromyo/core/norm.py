"""The place of a number among healthy people: z, centile, how sure that is, and the band that healthy people fill."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Literal

import numpy as np

#: share of healthy people within `Place.normal` and `Envelope`, and probability of the intervals
BAND = 0.95
#: deviates between which that share of healthy people lie
LIMIT = 1.959963984540054
#: how unusual a value is, and how sure that is (`judge`)
Verdict = Literal["sure", "unsure", "open", "usual"]


def judge(z: float, low: float, high: float) -> Verdict:
    """A deviate with the 95 % interval of the true one, against what 95 % of healthy people have.

    ``sure``: outside, the whole interval, too; ``unsure``: outside, but the true deviate may be inside; ``open``: inside, but it may
    be outside; ``usual``: inside, the whole interval, too. Without an interval nothing is sure.
    """
    known = isfinite(low) and isfinite(high)
    if abs(z) > LIMIT:
        return "sure" if known and (low > LIMIT or high < -LIMIT) else "unsure"
    return "usual" if known and low >= -LIMIT and high <= LIMIT else "open"


@dataclass(frozen=True, slots=True)
class NormKey:
    """What a norm is of. Two numbers compare only where all of this is the same.

    quantity, biomarker, statistic, region, level, unit : as in the table of measurements (`core.measurements`)
    method : what else has to be the same (the protocol's name, a sequence); empty where nothing is stated
    """

    quantity: str
    biomarker: str
    statistic: str
    region: str
    level: str
    unit: str
    method: str = ""

    def __str__(self) -> str:
        at = f" at {self.level}" if self.level else ""
        return f"{self.quantity} of {self.region or 'the whole'}{at} ({self.biomarker or 'no biomarker'}, {self.statistic}, {self.unit})"


@dataclass(frozen=True, slots=True)
class Place:
    """Where one value lies among healthy people of that age, sex, body and site; numbers NaN where refused.

    value : the number, in the norm's unit (that of the table)
    z : the deviate of the predictive distribution, normal quantile of ``centile`` / 100
    centile : share of healthy people below the value, percent, the norm's own uncertainty included
    z_interval : (low, high) that the true deviate, were the norm known exactly, lies within with 95 %
    normal : (low, median, high) of what 95 % of healthy people like this one have, same unit as the value
    n_controls, n_effective : people in the norm, and how many independent ones they are worth for this person
    agreement : posterior weight of the published values, 0 to 1; NaN where the norm has none
    sources : words for "made from what": ``local controls (n = 20)``, ``Dortch 2014 (n = 21)``
    norm : name and version of the norm
    flags : codes (`core.findings`), e.g. W-EXTRAPOLATED
    refused : why there is no z; empty where there is one
    """

    value: float
    z: float = float("nan")
    centile: float = float("nan")
    z_interval: tuple[float, float] = (float("nan"), float("nan"))
    normal: tuple[float, float, float] = (float("nan"), float("nan"), float("nan"))
    n_controls: int = 0
    n_effective: float = float("nan")
    agreement: float = float("nan")
    sources: tuple[str, ...] = ()
    norm: str = ""
    flags: tuple[str, ...] = ()
    refused: str = ""


@dataclass(frozen=True, eq=False)
class Envelope:
    """A profile along a nerve against that of healthy people.

    positions_mm, value : (n,) distance along the nerve, and the person's values (NaN where missing)
    median, low, high : (n,) the pointwise 95 % band, and its middle
    low_all, high_all : (n,) the simultaneous band: 95 % of healthy profiles lie within it everywhere
    z, z_interval : (n,), (n, 2) pointwise, as in `Place`
    unusual : (n,) bool, outside of the simultaneous band
    p_anywhere : probability that a healthy person's profile reaches further out somewhere than this one
    how : what the simultaneous band is made by: ``max-t`` or ``Bonferroni-t``
    side : of the nerve; zero : the landmark that positions count from, empty for the upper end of what was followed
    The rest as in `Place`.
    """

    key: NormKey
    positions_mm: np.ndarray
    value: np.ndarray
    median: np.ndarray
    low: np.ndarray
    high: np.ndarray
    low_all: np.ndarray
    high_all: np.ndarray
    z: np.ndarray
    z_interval: np.ndarray
    unusual: np.ndarray
    p_anywhere: float
    how: str
    n_controls: int = 0
    n_effective: float = float("nan")
    sources: tuple[str, ...] = ()
    norm: str = ""
    flags: tuple[str, ...] = ()
    refused: str = ""
    side: str = ""
    zero: str = ""


@dataclass(frozen=True)
class Body:
    """The person a value is compared for. None is "not stated".

    age : years; sex : ``M`` or ``F``; height_m : metres; weight_kg : kilograms; side : ``left``, ``right`` or empty
    site : name of scanner or centre; other : further covariates by name, plain numbers
    """

    age: float | None = None
    sex: str | None = None
    height_m: float | None = None
    weight_kg: float | None = None
    side: str = ""
    site: str = ""
    other: Mapping[str, float] = field(default_factory=dict)

    @property
    def bmi(self) -> float | None:
        """kg/m2."""
        return self.weight_kg / self.height_m**2 if self.height_m and self.weight_kg else None
