"""Endpoints of a trial: how much each changes without treatment, how people spread, and how surely that is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import inf, nan

import numpy as np

from neuromyo.core.cohort import MONTH_DAYS, Cohort
from neuromyo.core.errors import DataError, Finding, OptionError
from neuromyo.stats.intervals import UNKNOWN, Interval, share_interval
from neuromyo.stats.sample_size import ancova_share
from neuromyo.study import entering
from neuromyo.study.power_options import Options
from neuromyo.study.said import counted, number, people, subjects

#: what people without enrichment are called
EVERYBODY = "everybody"


@dataclass(frozen=True, eq=False)
class Endpoint:
    """What a trial would compare.

    mean, sd_change : of the change without treatment, over the trial's duration; mean_se : standard error of the mean, NaN not known
    sd : of what the arms are compared by: sd_change, or the residual SD of an ANCOVA; known on ``df`` degrees of freedom
    n : people it comes from (0: stated without)
    rho : correlation of baseline and follow-up, NaN where not known
    who : `EVERYBODY`, what they were chosen by, or ``stated``
    eligible : share of the pilot's people who could be enrolled
    words : the variable in words, for sentences; empty where stated
    people, residual : whose, and each one's deviation (n,) in the direction of the change; empty where stated
    """

    name: str
    unit: str
    mean: float
    mean_se: float
    sd_change: float
    sd: float
    df: float
    n: int
    rho: float
    who: str = EVERYBODY
    eligible: Interval = UNKNOWN
    people: tuple[str, ...] = ()
    first: np.ndarray = field(default_factory=lambda: np.empty(0))
    last: np.ndarray = field(default_factory=lambda: np.empty(0))
    residual: np.ndarray = field(default_factory=lambda: np.empty(0))
    words: str = ""

    @property
    def srm(self) -> float:
        """Mean over standard deviation of the change."""
        return self.mean / self.sd_change

    def effect(self, share: float, sd: float | None = None) -> float:
        """Difference of the arms in standard deviations, the treatment preventing a ``share`` of the change."""
        return share * abs(self.mean) / (sd or self.sd)


def stated(options: Options) -> Endpoint:
    """From the options' own numbers; a SRM alone is a change in standard deviations."""
    mean = options.srm if options.srm is not None else options.mean_change
    sd = 1.0 if options.sd_change is None else options.sd_change
    rho = nan if options.rho is None else options.rho
    lost = 2.0 if options.design == "ancova" else 1.0
    n = options.pilot_n or 0
    share = ancova_share(rho) if options.design == "ancova" else 1.0
    return Endpoint(
        "stated change",
        options.change_unit,
        float(mean or 0.0),
        sd / n**0.5 if n else nan,
        sd,
        sd * share,
        n - lost if n else inf,
        n,
        rho,
        "stated",
    )


def from_pilot(cohort: Cohort, options: Options) -> tuple[tuple[Endpoint, ...], tuple[Endpoint, ...], list[Finding]]:
    """(endpoints of everybody, the same of people chosen by the enriching variable, findings).

    Raises E-STUDY where there are not two visits or nothing changed, E-PEOPLE below three people (four for ANCOVA), E-UNKNOWN.
    """
    first, last = _visits(cohort, options)
    here, _, findings = entering.of_groups(cohort, (options.group,) if options.group else (), options.reference)
    names = options.variables or tuple(
        v.name for v in cohort.variables if v.source == "imaging" and v.name != options.enrich
    )
    if not names:
        raise DataError(
            "E-STUDY",
            where="power",
            needed="an imaging variable, or variables named",
            found="neither",
            remedy="name the endpoints",
        )
    chosen, eligible = _chosen(here, first, options)
    everybody, enriched = [], []
    for name in dict.fromkeys(names):
        labels, x, y, told = _pairs(here, name, first, last)
        findings += told
        everybody.append(_endpoint(cohort, name, labels, x, y, options))
        if options.enrich:
            keep = np.array([p in chosen for p in labels], dtype=bool)
            some = tuple(p for p in labels if p in chosen)
            one = _endpoint(cohort, name, some, x[keep], y[keep], options)
            enriched.append(replace(one, who=_limits_said(cohort, options), eligible=eligible))
    return tuple(everybody), tuple(enriched), findings


def _visits(cohort: Cohort, options: Options) -> tuple[str, str]:
    entering.known_visits(cohort, [one for one in (options.first, options.last) if one])
    if len(cohort.visits) < 2:
        raise DataError(
            "E-STUDY",
            where="pilot",
            needed="two visits, to know how much people change",
            found=counted(len(cohort.visits), "visit"),
            remedy="give both visits, or state the change: --mean-change and --sd-change, or --srm",
        )
    first, last = options.first or cohort.visits[0], options.last or cohort.visits[-1]
    if cohort.visits.index(first) >= cohort.visits.index(last):
        raise OptionError(
            "E-OPTION",
            where="option last",
            needed=f"a visit after {first}",
            found=last,
            remedy="name a later visit",
        )
    return first, last


def _pairs(
    cohort: Cohort, name: str, first: str, last: str
) -> tuple[tuple[str, ...], np.ndarray, np.ndarray, list[Finding]]:
    cohort.variable(name)
    labels, wide = cohort.wide(name)
    x, y = wide[:, cohort.visits.index(first)], wide[:, cohort.visits.index(last)]
    keep = np.isfinite(x) & np.isfinite(y)
    gone = [p for p, k in zip(labels, keep.tolist(), strict=True) if not k]
    told = [
        Finding(
            "warn",
            "W-ABSENT",
            name,
            f"{people(len(gone))} without both visits left out: {subjects(gone)}",
            consequence="if those who changed most are missing, the trial is planned too large, or too small",
        )
    ] * bool(gone)
    return tuple(p for p, k in zip(labels, keep.tolist(), strict=True) if k), x[keep], y[keep], told


def _endpoint(
    cohort: Cohort, name: str, labels: tuple[str, ...], x: np.ndarray, y: np.ndarray, options: Options
) -> Endpoint:
    least = 4 if options.design == "ancova" else 3
    if len(labels) < least:
        raise DataError(
            "E-PEOPLE",
            where=name,
            needed=f"at least {least} people of the pilot with both visits",
            found=str(len(labels)),
            remedy="widen the limits, take more people, or state a change from the literature: --mean-change and --sd-change",
        )
    change, n = y - x, len(labels)
    mean, sd = float(change.mean()), float(change.std(ddof=1))
    if not sd > 1e-12 * float(np.abs(y).max(initial=0.0)) or mean == 0:
        raise DataError(
            "E-STUDY",
            where=name,
            needed="people whose values change, and differ in that",
            found="no change" if mean == 0 else f"the same change of {number(mean)} in everybody",
            remedy="look whether the visits are copies of each other; take another endpoint",
        )
    rho = float(np.corrcoef(x, y)[0, 1]) if np.ptp(x) > 0 and np.ptp(y) > 0 else nan
    left, df = change - mean, n - 1.0
    if options.design == "ancova" and np.ptp(x) > 0:
        dx = x - x.mean()
        left, df = left - dx * float((dx @ left) / (dx @ dx)), n - 2.0
    spread = float(np.sqrt((left**2).sum() / df))
    if not spread > 1e-9 * sd:
        raise DataError(
            "E-STUDY",
            where=name,
            needed="follow-ups that the baseline does not determine",
            found="all on one line",
            remedy="look whether the follow-up was computed from the baseline; compare changes: --design change",
        )
    one = Endpoint(
        name,
        cohort.variable(name).unit,
        mean,
        sd / n**0.5,
        sd,
        spread,
        df,
        n,
        rho,
        people=labels,
        first=x,
        last=y,
        residual=left * np.sign(mean),
        words=cohort.variable(name).said,
    )
    return _scaled(one, cohort, options)


def _chosen(cohort: Cohort, first: str, options: Options) -> tuple[set[str], Interval]:
    """People of the pilot whose enriching variable lies within its limits at the first visit, and the share they are of all."""
    if not options.enrich:
        return set(), UNKNOWN
    cohort.variable(options.enrich)
    labels, wide = cohort.wide(options.enrich)
    x = wide[:, cohort.visits.index(first)]
    low = -inf if options.enrich_low is None else options.enrich_low
    high = inf if options.enrich_high is None else options.enrich_high
    known, inside = np.isfinite(x), (x >= low) & (x <= high)
    return {p for p, i in zip(labels, inside.tolist(), strict=True) if i}, share_interval(
        int(inside.sum()), int(known.sum()), options.level
    )


def _limits_said(cohort: Cohort, options: Options) -> str:
    unit = cohort.variable(options.enrich).unit
    ends = [f"at least {options.enrich_low:g}"] if options.enrich_low is not None else []
    ends += [f"at most {options.enrich_high:g}"] if options.enrich_high is not None else []
    return f"{options.enrich} {' and '.join(ends)} {unit}".rstrip()


# --- another duration -------------------------------------------------------------------------------------------------


def _scaled(one: Endpoint, cohort: Cohort, options: Options) -> Endpoint:
    """Over the trial's duration: the mean change and people's own part of its spread grow with time, the error of reading does not."""
    if options.months is None:
        return one
    lasted = options.pilot_months or _lasted(cohort, options)
    error = options.error_sd
    if error is None:
        raise OptionError(
            "E-OPTION",
            where="option error_sd",
            needed="the error of one reading (wSD), to scale the change to another duration",
            found="none",
            remedy="`neuromyo study agree` gives it from repeated readings; or leave out --months",
        )
    noise = 2 * error**2
    if noise >= one.sd_change**2:
        raise OptionError(
            "E-OPTION",
            where="option error_sd",
            needed=f"an error below {number(one.sd_change / 2**0.5)} {one.unit}, by which {one.name} "
            "would vary without any change",
            found=f"{error:g}",
            remedy="check it, or do not scale: leave out --months",
        )
    times = options.months / lasted
    sd = float(np.sqrt((one.sd_change**2 - noise) * times**2 + noise))
    return replace(
        one, mean=one.mean * times, mean_se=one.mean_se * times, sd_change=sd, sd=one.sd * sd / one.sd_change
    )


def _lasted(cohort: Cohort, options: Options) -> float:
    """Months between the two visits, the median over people."""
    first, last = _visits(cohort, options)
    begun = {p: d for p, v, d in zip(cohort.person, cohort.visit, cohort.days, strict=True) if v == first}
    days = [
        d - begun[p]
        for p, v, d in zip(cohort.person, cohort.visit, cohort.days, strict=True)
        if v == last and p in begun
    ]
    known = np.array([d for d in days if np.isfinite(d) and d > 0])
    if not known.size:
        raise OptionError(
            "E-OPTION",
            where="option pilot_months",
            needed="how long the pilot lasted, to scale to --months",
            found="no dates of visits",
            remedy="state it: --pilot-months",
        )
    return float(np.median(known)) / MONTH_DAYS


def correlation(endpoints: Sequence[Endpoint], given: float | None) -> np.ndarray:
    """(m, m) correlation of the endpoints between people, each in the direction of its change; of people who have all."""
    m = len(endpoints)
    if given is not None:
        r = np.full((m, m), given) + (1 - given) * np.eye(m)
    else:
        shared = [p for p in endpoints[0].people if all(p in e.people for e in endpoints)]
        if len(shared) < 4:
            raise DataError(
                "E-PEOPLE",
                where="correlation of endpoints",
                needed="at least 4 people with all endpoints",
                found=str(len(shared)),
                remedy="state it: --correlation",
            )
        r = np.corrcoef([[e.residual[e.people.index(p)] for p in shared] for e in endpoints])
    if np.linalg.eigvalsh(r).min() < -1e-9:
        raise OptionError(
            "E-OPTION",
            where="option correlation",
            needed=f"one that {m} endpoints can have with each other",
            found=f"{given:g}",
            remedy=f"at least {-1 / (m - 1):.2f}",
        )
    return r
