"""An estimate with its standard error, degrees of freedom, interval and p: what a t-test of any kind ends in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from neuromyo.stats.intervals import LEVEL

#: a number, or an array of as many as there were sets of data
Number = Any


@dataclass(frozen=True, slots=True)
class Estimate:
    """``value`` with its standard error, degrees of freedom, two-sided interval and the p of its being 0; NaN what does not exist.

    Floats, or arrays where many sets of data were fitted at once.
    """

    value: Number
    se: Number
    df: Number
    low: Number
    high: Number
    p: Number

    @property
    def t(self) -> Number:
        """value / se."""
        return self.value / self.se

    @property
    def known(self) -> bool:
        """Whether a single estimate has an interval."""
        return bool(np.isfinite([self.value, self.low, self.high]).all())


def estimate(value: Number, se: Number, df: Number, level: float = LEVEL) -> Estimate:
    r"""value +- t(df) se, and p by Student's t; no interval where ``se`` or ``df`` is not above 0."""
    value, se, df = np.broadcast_arrays(*(np.asarray(x, dtype=np.float64) for x in (value, se, df)))
    lawful = (df > 0) & (se > 0) & np.isfinite(se)
    safe_df, safe_se = np.where(lawful, df, np.nan), np.where(lawful, se, np.nan)
    reach = stats.t.ppf(0.5 + level / 2, safe_df) * safe_se
    p = 2 * stats.t.sf(np.abs(value / safe_se), safe_df)
    return Estimate(_plain(value), _plain(se), _plain(df), _plain(value - reach), _plain(value + reach), _plain(p))


def _plain(x: Number) -> Number:
    return float(x) if np.ndim(x) == 0 else np.asarray(x)


_NAN = float("nan")
NOT_KNOWN = Estimate(_NAN, _NAN, _NAN, _NAN, _NAN, _NAN)
