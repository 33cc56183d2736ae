"""What is said of a planned trial: sentences, methods, what to be careful about."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from neuromyo.core.analysis import FEW, few
from neuromyo.core.errors import Finding
from neuromyo.stats.sample_size import MOST, treated
from neuromyo.study.power_endpoints import EVERYBODY
from neuromyo.study.power_options import Options
from neuromyo.study.power_sizes import Sized, Together
from neuromyo.study.power_tables import label, mean_interval, name, screened, srm_interval
from neuromyo.study.said import capital, estimate, number, people, percent, shortened


def arms(n0: int, n1: int) -> str:
    """``59 people in each arm``, ``40 controls and 80 treated people``."""
    return f"{n0} people in each arm" if n0 == n1 else f"{n0} controls and {n1} treated people"


def summary(found: Sequence[Sized], both: Together | None, options: Options) -> tuple[str, ...]:
    """The endpoint that needs the fewest people first."""
    ordered = sorted(found, key=lambda s: (s.endpoint.who not in (EVERYBODY, "stated"), s.n0 or MOST + 1))
    plain = [s for s in ordered if s.endpoint.who in (EVERYBODY, "stated")]
    said = [_needed(plain[0], options)]
    if len(plain) > 1:
        rest = "; ".join(
            f"{label(s.endpoint)} {arms(s.n0, s.n1) if s.n0 and s.n1 else _too_many()}" for s in plain[1:6]
        )
        rest += f"; and {len(plain) - 6} more in the table" if len(plain) > 6 else ""
        said.append(f"That is the fewest of {len(plain)} endpoints; the others: {rest}.")
    said += [_together(both, options)] if both else []
    said += [
        _enriched(s, next(p for p in plain if p.endpoint.name == s.endpoint.name), options)
        for s in ordered
        if s not in plain
    ]
    said += [s for s in (_spread(plain[0], options), _pilot(plain[0], options), _simulated(plain[0])) if s]
    return shortened(said)


def _needed(s: Sized, options: Options) -> str:
    change = "the stated change" if s.endpoint.who == "stated" else f"the change of {label(s.endpoint)}"
    aim = f"a treatment that prevents {percent(options.effect)} of {change}"
    aim += f" with {percent(options.power)} power (two-sided alpha {options.alpha:g})"
    if s.n0 is None or s.n1 is None:
        return f"To show {aim}, {_too_many()} are needed."
    left, total = "", s.enrolled(options.dropout)
    if options.dropout > 0:
        left = f"; with {percent(options.dropout)} leaving, {total} have to be enrolled in all"
    control = "" if s.n0 == s.n1 else " controls"
    return f"To show {aim}, {arms(s.n0, s.n1)} have to finish (the normal approximation says {s.approximate:.1f}{control}){left}."


def _too_many() -> str:
    return f"more than {MOST:,} people an arm"


def _spread(s: Sized, options: Options) -> str:
    one = s.endpoint
    mean = estimate(mean_interval(one, options.level), one.unit, options.level)
    change = f"mean change {mean}, SD {number(one.sd_change, unit=one.unit)}"
    srm = f"SRM {estimate(srm_interval(one, options.level), '', options.level)}"
    if one.who == "stated" and options.srm is not None:
        return f"{capital(label(one))}: {srm}."
    return f"{capital(label(one))}: {change}, {srm}."


def _pilot(s: Sized, options: Options) -> str:
    one = s.endpoint
    if not isfinite(s.sd_limit):
        return f"{capital(label(one))}: how sure the standard deviation is cannot be told without the number of people behind it."
    then = arms(s.n0_limit, treated(s.n0_limit, options.ratio)) if s.n0_limit else _too_many()
    sure = (
        f"; as planned, the power to be expected, given what the pilot leaves open, is {percent(round(s.assurance, 3))} (assurance)"
        if isfinite(s.assurance)
        else ""
    )
    times = s.sd_limit / one.sd
    return (
        f"{capital(label(one))}: the standard deviation comes from {one.n} people and may be {times:.2f} times as large "
        f"(upper {percent(options.confidence)} limit); then it takes {then}{sure}."
    )


def _simulated(s: Sized) -> str:
    sim = s.simulated
    if sim is None:
        return ""
    return (
        f"{capital(label(s.endpoint))}: of {sim.repeats:,} simulated trials {100 * sim.power:.1f} % were significant (Monte Carlo standard "
        f"error {100 * sim.se:.1f} points); the formula says {100 * s.reached:.1f} %."
    )


def _enriched(s: Sized, plain: Sized, options: Options) -> str:
    one = s.endpoint
    share = one.eligible.scaled(100.0)
    need = arms(s.n0, s.n1) if s.n0 and s.n1 else _too_many()
    instead = f" instead of {arms(plain.n0, plain.n1)}" if plain.n0 and plain.n1 else ""
    screen = screened(s, options.dropout)
    more = f", for which about {screen} have to be screened" if screen else ""
    return (
        f"{capital(one.words or one.name)} in people with {one.who} ({one.n} of the pilot's {plain.endpoint.n}): "
        f"SRM {estimate(srm_interval(one, options.level), '', options.level)} instead of "
        f"{number(plain.endpoint.srm)}; {need}{instead}. "
        f"{estimate(share, '%', options.level)} of the pilot's people could be enrolled{more}."
    )


def _together(both: Together, options: Options) -> str:
    rule = (
        f"any of the endpoints is significant ({options.correction.title()}'s correction)"
        if options.endpoints == "any"
        else "all of the endpoints are significant"
    )
    if both.n0 is None or both.n1 is None or both.joint is None:
        return f"A trial that wins if {rule} takes {_too_many()}."
    return (
        f"A trial that wins if {rule} takes {arms(both.n0, both.n1)} for {percent(options.power)} power "
        f"({100 * both.joint.power:.1f} % of {both.joint.repeats:,} simulated trials, standard error {100 * both.joint.se:.1f} points)."
    )


# --- what to be careful about -----------------------------------------------------------------------------------------


def findings(found: Sequence[Sized], options: Options) -> list[Finding]:
    """Few people, a change that may be none, the best of several."""
    said = []
    for s in found:
        one, mean = s.endpoint, mean_interval(s.endpoint, options.level)
        if one.n and one.n < FEW:
            said.append(
                Finding(
                    "warn",
                    "W-EXPLORATORY",
                    name(one),
                    f"the standard deviation is known from {people(one.n)}: {few()}",
                    "plan for its upper limit, or re-estimate it during the trial without unblinding",
                    f"the upper limit is {s.sd_limit / one.sd:.2f} times the estimate",
                )
            )
        if mean.known and mean.low <= 0 <= mean.high:
            said.append(
                Finding(
                    "warn",
                    "W-CLOSE",
                    name(one),
                    f"the change cannot be told from none: {estimate(mean, one.unit, options.level)}",
                    "take a longer trial or another endpoint",
                    "nobody knows what a treatment would slow; the number may be far from what is needed",
                )
            )
    several = {s.endpoint.name for s in found if s.endpoint.n}
    if len(several) > 1:
        said.append(
            Finding(
                "warn",
                "W-CLOSE",
                "endpoints",
                f"{len(several)} endpoints are compared in the same people",
                "confirm the choice in other people",
                "the one that looks best of several is less good than it looks",
            )
        )
    if any(s.endpoint.who not in (EVERYBODY, "stated") for s in found):
        said.append(
            Finding(
                "note",
                "N-STUDY",
                "enrichment",
                "the trial's result would hold for people chosen like this only",
                consequence="limits picked because they look good in the pilot look better than they are",
            )
        )
    return said


def methods(options: Options, pilot: bool) -> tuple[str, ...]:
    """For a protocol or a paper."""
    how = (
        "the two-sample t test of changes"
        if options.design == "change"
        else "an analysis of covariance of the follow-up given the baseline, its power averaged over chance imbalance of baselines"
    )
    sizes = "arms of one size" if options.ratio == 1 else f"{options.ratio:g} people treated for each control"
    said = [
        f"The sample size was computed for {how}, two-sided at {options.alpha:g}, with {percent(options.power)} power to detect "
        f"a treatment that prevents {percent(options.effect)} of the mean change, {sizes}, by the noncentral t distribution; the "
        "normal approximation is given beside.",
        f"It was checked by simulating trials from raw values (seed {options.seed}).",
        f"For drop-out of {percent(options.dropout)} the number was divided by {1 - options.dropout:.3g}."
        if options.dropout
        else "",
    ]
    if pilot or options.pilot_n:
        said.append(
            f"Uncertainty of the standard deviation was told by its upper {percent(options.confidence)} limit (Browne 1995, "
            "doi:10.1002/sim.4780141709), that of mean and standard deviation together by the assurance, the power "
            "averaged over both (O'Hagan 2005, doi:10.1002/pst.175); the standardised response mean has its exact noncentral-t interval."
        )
    if options.months is not None:
        said.append(
            f"Mean change and its spread between people were taken to grow in proportion to time, to {options.months:g} months; "
            "the error of reading was not."
        )
    if options.endpoints != "each":
        rule = (
            f"any endpoint after {options.correction.title()}'s correction"
            if options.endpoints == "any"
            else f"all endpoints, each at {options.alpha:g}"
        )
        said.append(
            f"Trials with several correlated endpoints were simulated ({options.repeats:,} each); a trial won with {rule}."
        )
    return tuple(s for s in said if s)
