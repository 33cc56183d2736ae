r"""Is a change between two visits more than healthy people who did not change would show?

On the norm's scale (log, logit or the unit itself, `norms.transforms`) a measurement is y = t + e: the person's true value t and
the error of one scan e, of variance w^2 known from repeat scans (`norms.retest.Retest`, degrees of freedom v). With healthy people's
mean m and spread s (errors within) at the person's age and body, the follow-up f of an unchanged person given the baseline b is

.. math:: E[f|b] = m + \rho (b - m) + \delta, \qquad
          \mathrm{Var}[f|b] = \rho w_1^2 + w_2^2 + \mathrm{Var}[\delta], \qquad \rho = \frac{s^2 - w^2}{s^2 - w^2 + w_1^2}

which is regression to the mean; rho = 1 where no norm is given. w_1, w_2: w, but never less than the fit's own uncertainty of that
session. delta: what healthy people with two visits changed by (`norms.retest.Drift`), 0 where there are none. The variance is a sum
of estimated terms a_i with v_i degrees of freedom: the deviate (f - E) / sd is referred to Student's t with (Satterthwaite)

.. math:: v = \Big(\sum a_i\Big)^2 \Big/ \sum a_i^2 / v_i

so that without norm and drift the limit is t(v) sqrt(2) w: 2.77 w of very many repeats, 3.15 w of ten pairs, 3.64 w of five.

A baseline outside of what 95 % of healthy people have may be disease, that does not regress, or chance, that does. Nobody knows
which: the change is judged both ways, and the less surprising counts.

Assumes: errors of the visits are independent and alike on the scale; repeat scans differ by all that visits differ by (day, position).
Breaks: repeat scans of the same hour miss what days add: such changes are told reliable too often (flag N-CONTROL).
Cites: Bland & Altman, BMJ 1996;313:744, doi:10.1136/bmj.313.7059.744; Crawford & Garthwaite, Neuropsychology 2007;21:611,
doi:10.1037/0894-4105.21.5.611 (change of one person against few controls); Satterthwaite, Biometrics 1946;2:110, doi:10.2307/3002019.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import special

from neuromyo.core.norm import BAND
from neuromyo.norms.retest import LEAST_DF, Drift, Healthy, Retest, Scale, error_on

Verdict = Literal["rise", "fall", "none", "unknown"]
#: degrees of freedom of the repeat scans under which the verdict is flagged W-FEW
FEW_DF = 10
#: a drift is scaled to intervals within this factor of the controls' own without a flag
_FACTOR = 2.0
#: repeat scans closer than this, for visits further apart than that, miss what time adds (days)
_SAME_DAYS, _APART_DAYS = 2.0, 28.0


@dataclass(frozen=True, slots=True)
class Change:
    """A follow-up against the baseline of the same person; in the table's unit unless stated.

    baseline, follow : the two values; expected : the follow-up expected of an unchanged healthy person
    low, high : what 95 % of the follow-ups of unchanged people with this baseline lie within
    z : normal deviate of the follow-up given the baseline; probability : that an unchanged person shows as much, either way
    df, multiplier : degrees of freedom, and the t that 95 % ask for (1.96 of infinitely many)
    reliability : rho, the share of the baseline's distance from the healthy mean that is expected to stay; 1 without a norm
    verdict : ``rise``, ``fall``, ``none`` (no reliable change) or ``unknown``; words : the same for people
    flags : codes (`core.findings`); refused : why nothing can be told, empty where something can
    """

    baseline: float
    follow: float
    expected: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    z: float = float("nan")
    probability: float = float("nan")
    df: float = float("nan")
    multiplier: float = float("nan")
    reliability: float = float("nan")
    verdict: Verdict = "unknown"
    words: str = ""
    flags: tuple[str, ...] = ()
    refused: str = ""

    @property
    def smallest_rise(self) -> float:
        """The smallest rise that would be told from none at this baseline."""
        return self.high - self.baseline

    @property
    def smallest_fall(self) -> float:
        """The smallest fall that would be told from none at this baseline, as a positive number."""
        return self.baseline - self.low


@dataclass(frozen=True, slots=True)
class _Follow:
    """The follow-up expected of an unchanged person, on the scale: Student t."""

    mean: float
    sd: float
    df: float
    reliability: float

    def deviate(self, value: float) -> float:
        return (value - self.mean) / self.sd

    def limit(self) -> float:
        return float(special.stdtrit(self.df, 0.5 + BAND / 2)) * self.sd


def change(
    baseline: float,
    follow: float,
    retest: Retest,
    scale: Scale,
    *,
    healthy: Healthy | None = None,
    drift: Drift | None = None,
    years: float = float("nan"),
    se: tuple[float, float] = (float("nan"), float("nan")),
    unit: str = "",
) -> Change:
    """Whether a follow-up is unusual for somebody with this baseline who did not change.

    baseline, follow : in the table's unit; scale : the norm's transform of that quantity
    healthy : healthy people like this one (`Healthy.of`); drift : what healthy people change by; years : between the visits
    se : the fit's standard uncertainty of the two values (NaN: not known), in the table's unit
    """
    refused = _refusal(baseline, follow, retest, scale)
    if refused:
        return Change(baseline, follow, df=retest.df, words=f"cannot be told: {refused}", refused=refused)
    b, f = float(scale.forward(baseline)), float(scale.forward(follow))
    floors = error_on(scale, baseline, se[0]), error_on(scale, follow, se[1])
    errors = max(retest.wsd, floors[0]), max(retest.wsd, floors[1])
    ways = [_expected(b, retest, errors, healthy, drift, years)]
    if healthy is not None and abs(b - healthy.mean) > special.ndtri(0.5 + BAND / 2) * healthy.sd:
        ways.append(_expected(b, retest, errors, None, drift, years))
    chances = [2 * float(special.stdtr(way.df, -abs(way.deviate(f)))) for way in ways]
    at = int(np.argmax(chances))
    p, way = chances[at], ways[at]
    rises = f > way.mean
    found = Change(
        baseline,
        follow,
        expected=float(scale.back(way.mean)),
        low=float(scale.back(min(w.mean - w.limit() for w in ways))),
        high=float(scale.back(max(w.mean + w.limit() for w in ways))),
        z=float(-special.ndtri(p / 2)) * (1 if rises else -1),
        probability=p,
        df=way.df,
        multiplier=way.limit() / way.sd,
        reliability=way.reliability,
        verdict="none" if p >= 1 - BAND else ("rise" if rises else "fall"),
        flags=_flags(retest, drift, years),
    )
    return _worded(found, unit, retest)


def _refusal(baseline: float, follow: float, retest: Retest, scale: Scale) -> str:
    if not (np.isfinite(baseline) and np.isfinite(follow)):
        return "one of the two values is missing"
    with np.errstate(all="ignore"):
        scaled = [float(scale.forward(v)) for v in (baseline, follow)]
    if not np.isfinite(scaled).all():
        return f"a value is outside of what this quantity can be ({baseline:g}, {follow:g})"
    if retest.df < LEAST_DF:
        return (
            f"too few repeat scans ({retest.df:g} degree{'s' if retest.df != 1 else ''} of freedom, needed {LEAST_DF}): "
            f"how far apart two scans of the same person lie is not known"
        )
    return ""


def _expected(
    b: float,
    retest: Retest,
    errors: tuple[float, float],
    healthy: Healthy | None,
    drift: Drift | None,
    years: float,
) -> _Follow:
    """Predictive of the follow-up given the baseline, on the scale."""
    w2, v = retest.wsd**2, retest.df
    rho, mean, parts = 1.0, b, []
    if healthy is not None:
        between = max(healthy.sd**2 - w2, 0.0)
        rho = between / (between + errors[0] ** 2)
        mean = healthy.mean + rho * (b - healthy.mean)
        # the healthy mean is known from n people; rho from the repeat scans
        parts += [((1 - rho) ** 2 * healthy.sd**2 / healthy.n, max(healthy.n - 1.0, 1.0)),
                  ((b - healthy.mean) ** 2 * (1 - rho) ** 2 * 2 / v, v)]  # fmt: skip
    noise = rho * errors[0] ** 2 + errors[1] ** 2
    if drift is None:
        parts.append((noise, v))
    else:
        ratio = drift.ratio(years)
        mean += ratio * drift.mean
        # their spread holds the errors of two scans already; what is left of ours is what a shorter interval leaves out of theirs
        parts += [(max(noise - 2 * min(ratio, 1.0) ** 2 * w2, 0.0), v),
                  (ratio**2 * drift.sd**2 * (1 + 1 / drift.n), drift.n - 1.0)]  # fmt: skip
    total = sum(a for a, _ in parts)
    return _Follow(mean, float(np.sqrt(total)), total**2 / sum(a**2 / df for a, df in parts), rho)


def _flags(retest: Retest, drift: Drift | None, years: float) -> tuple[str, ...]:
    flags = []
    if retest.df < FEW_DF or (drift is not None and drift.n < FEW_DF):
        flags.append("W-FEW")
    if drift is not None and not 1 / _FACTOR <= drift.ratio(years) <= _FACTOR:
        flags.append("W-EXTRAPOLATED")
    if drift is None and retest.days <= _SAME_DAYS and years * 365.25 > _APART_DAYS:
        flags.append("N-CONTROL")
    return tuple(flags)


def _worded(found: Change, unit: str, retest: Retest) -> Change:
    """The same with its sentence."""
    u = f" {unit}" if unit else ""
    head = {"rise": "reliable rise", "fall": "reliable fall"}.get(found.verdict, "no reliable change")
    said = (
        f"{head}: {found.baseline:.4g} to {found.follow:.4g}{u} ({_chance(found.probability)}); of people who did not change, "
        f"95 % have a follow-up of {found.low:.4g} to {found.high:.4g}{u}"
    )
    if "W-FEW" in found.flags:
        said += f"; few repeat scans ({retest.df:g} degrees of freedom) make that range wide"
    if "W-EXTRAPOLATED" in found.flags:
        said += "; the controls' visits lie much less or more apart than these"
    if "N-CONTROL" in found.flags:
        said += "; the repeat scans were made within days: what months add is not in that range"
    return replace(found, words=said)


def _chance(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"
