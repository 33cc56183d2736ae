"""What is known about how far apart two scans of the same person lie: repeat scans, published repeats, controls seen twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from neuromyo.core.errors import DataError
from neuromyo.core.norm import Body

#: degrees of freedom of repeat scans under which no change is judged: with 2, the limit is 4.3 sd, and itself unknown by half
LEAST_DF = 3
#: controls with two visits under which their change is not used
LEAST_DRIFT = 5
#: the share of a normal distribution within one sd of its middle
_ONE_SD = 0.6826894921370859


class Scale(Protocol):
    """A norm's transform (`norms.transforms`): what `change` needs of it."""

    def forward(self, value: Any) -> Any: ...
    def back(self, x: Any) -> Any: ...
    def jacobian_log(self, value: Any) -> Any: ...


class _Banded(Protocol):
    """A norm: what `Healthy.of` needs of it."""

    @property
    def n_controls(self) -> int: ...
    def band(self, body: Body, share: float = ...) -> tuple[float, float, float]: ...


def error_on(scale: Scale, value: float, se: float) -> float:
    """A standard uncertainty in the unit, on the scale: se |g'(value)| (first order); 0 where it is not known."""
    return float(se * np.exp(scale.jacobian_log(value))) if np.isfinite(se) and se > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Retest:
    """The error of one scan.

    wsd : within-person standard deviation on the norm's scale; df : its degrees of freedom
    days : between the repeats, as a rule (NaN: not stated); source : words for where it is from
    """

    wsd: float
    df: float
    days: float = float("nan")
    source: str = ""

    def __post_init__(self) -> None:
        if not (np.isfinite(self.wsd) and self.wsd > 0 and self.df > 0):
            raise DataError("E-NORM", where=f"repeat scans {self.source}".rstrip(), needed="an error above 0",
                            found=f"{self.wsd:g} from {self.df:g} repeats",
                            remedy="repeat scans that agree to the last digit are one scan stored twice: give each its own")  # fmt: skip

    @staticmethod
    def of(repeats: Sequence[Sequence[float]], scale: Scale, *, days: float = float("nan"), source: str = "") -> Retest:
        r"""From repeat scans of people, one sequence a person (two or more values in the table's unit; missing ones NaN).

        w^2 = sum_i sum_j (y_ij - mean_i)^2 / sum_i (k_i - 1): k pairs have k degrees of freedom.
        """
        squares, df, people = 0.0, 0, 0
        for values in repeats:
            raw = np.asarray(values, float)
            y = np.asarray(scale.forward(raw[np.isfinite(raw)]), float)
            if y.size < 2:
                continue
            squares, df, people = squares + float(((y - y.mean()) ** 2).sum()), df + y.size - 1, people + 1
        if df == 0:
            raise DataError("E-NORM", where="repeat scans", needed="at least one person scanned twice", found="none",
                            remedy="give two values of the same person, without a change between them")  # fmt: skip
        return Retest(float(np.sqrt(squares / df)), float(df), days, source or f"repeat scans of {people} people")

    @staticmethod
    def published(
        wcv: float, n: int, scale: Scale, mean: float, *, visits: int = 2, days: float = float("nan"), source: str = ""
    ) -> Retest:
        """From a published within-person coefficient of variation (a fraction: 0.041 for 4.1 %), of ``n`` people with ``visits`` scans.

        mean : that the coefficient is relative to, in the table's unit (the published mean)
        """
        if not 0 < wcv < 1 or n < 1 or visits < 2:
            raise DataError("E-NORM", where=f"published repeatability {source}".rstrip(),
                            needed="a coefficient between 0 and 1, of at least 1 person with 2 scans",
                            found=f"{wcv:g}, {n} people, {visits} scans", remedy="give 4.1 % as 0.041")  # fmt: skip
        return Retest(
            error_on(scale, mean, wcv * mean), float(n * (visits - 1)), days, source or f"published (n = {n})"
        )


@dataclass(frozen=True, slots=True)
class Healthy:
    """Healthy people like this one, on the scale: mean and standard deviation of one measurement, and of how many people."""

    mean: float
    sd: float
    n: int

    @staticmethod
    def of(norm: _Banded, body: Body, scale: Scale) -> Healthy:
        """From a norm: the middle of its band, and half the width of the 68 % that lie within one sd."""
        low, median, high = (float(scale.forward(v)) for v in norm.band(body, _ONE_SD))
        return Healthy(median, (high - low) / 2, norm.n_controls)


@dataclass(frozen=True, slots=True)
class Drift:
    """What healthy people seen twice changed by, on the scale: ageing, learning, the scanner.

    mean, sd : of their changes; n : people; years : between their visits, on average
    """

    mean: float
    sd: float
    n: int
    years: float

    @staticmethod
    def of(first: Sequence[float], second: Sequence[float], years: Sequence[float] | float, scale: Scale) -> Drift:
        """From controls' first and second values (table's unit) and the years between."""
        one, two = np.asarray(first, float), np.asarray(second, float)
        apart = np.broadcast_to(np.asarray(years, float), one.shape)
        good = np.isfinite(one) & np.isfinite(two) & np.isfinite(apart) & (apart > 0)
        n = int(good.sum())
        if n < LEAST_DRIFT:
            raise DataError("E-NORM", where="change of controls", needed=f"at least {LEAST_DRIFT} controls with two visits", found=f"{n}",
                            remedy="leave the drift out: changes are then judged by repeat scans alone")  # fmt: skip
        d = np.asarray(scale.forward(two[good]), float) - np.asarray(scale.forward(one[good]), float)
        return Drift(float(d.mean()), float(d.std(ddof=1)), n, float(apart[good].mean()))

    def ratio(self, years: float) -> float:
        """The interval in question over the controls' own; 1 where it is not stated."""
        return years / self.years if np.isfinite(years) else 1.0
