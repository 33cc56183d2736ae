"""What to be careful about in an analysis of change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from neuromyo.core.analysis import FEW, few
from neuromyo.core.errors import Finding, first_few
from neuromyo.stats.responsiveness import falling_back
from neuromyo.stats.two_samples import spreads_differ
from neuromyo.study.change_found import Found, without_each
from neuromyo.study.change_models import ANCOVA, T_TEST
from neuromyo.study.change_options import Options
from neuromyo.study.missing_visits import Seen
from neuromyo.study.said import change_unit, number, p_text, people


def cares(all_found: Sequence[Found], n: int, options: Options) -> list[Finding]:
    """Of all variables; what holds for many is said once. ``n``: the most people with a change."""
    return [
        *_missing(all_found),
        *_few(n),
        *(f for one in all_found for f in _of_one(one, options)),
        *_dates(all_found),
        *_falling_back(all_found),
    ]


def n_changed(all_found: Sequence[Found]) -> int:
    """The most people with a change to the last visit that any variable has."""
    return max((sum(w.n for w in f.within if w.visit == f.last) for f in all_found), default=0)


def _few(n: int) -> Iterator[Finding]:
    if n < FEW:
        yield Finding(
            "warn",
            "W-EXPLORATORY",
            "change",
            f"{people(n)} have both a first and a last value: {few()}",
            "plan a study with the spread found here (`study power`)",
            "intervals and p are right for so few where changes are normal, but a small study that finds something overstates it",
        )


def _missing(all_found: Sequence[Found]) -> Iterator[Finding]:
    """Variables that lack the same people are told of together."""
    alike: dict[tuple[Seen, ...], list[str]] = {}
    for found in all_found:
        alike.setdefault(tuple(s for s in found.seen if s.measured < s.enrolled), []).append(found.course.variable.name)
    for lost, names in ((k, v) for k, v in alike.items() if k):
        parts = [
            f"{s.enrolled - s.measured} of {s.enrolled} in {s.group} at {s.visit} ("
            + ", ".join(f"{word}: {n}" for word, n in s.reasons)
            + ")"
            for s in lost
        ]
        died = any(word == "died" for s in lost for word, _ in s.reasons)
        yield Finding(
            "warn",
            "W-ABSENT",
            first_few(names, 4),
            f"no value of {'; '.join(parts)}",
            "see the tables of who left and what missing values would have to be",
            "the t test of the change leaves these people out; the mixed model counts what they have and takes them to have gone on as "
            "people who were alike before"
            + ", those who died included: its means are of people as if nobody had died"
            * died,
        )


def _of_one(found: Found, options: Options) -> Iterator[Finding]:
    name, alpha = found.course.variable.name, 1 - options.level
    for group in dict.fromkeys(a.group for a in found.against):
        methods = {k: m for k, m in found.methods(group).items() if m.found.known}
        under = [k for k, m in methods.items() if m.found.p < alpha]
        if under and len(under) < len(methods):
            said = ", ".join(f"{k} {p_text(m.found.p)}" for k, m in methods.items())
            because = "; groups that began differently make ANCOVA answer another question" * (ANCOVA in methods)
            yield Finding(
                "warn",
                "W-CLOSE",
                f"{name}, {group}",
                f"whether the groups' changes differ depends on the method: {said}",
                "name one method before looking, and tell the others beside it",
                f"the finding is not firm{because}",
            )
        yield from _influence(found, group, options)
        yield from _spread(found, group, options)
    flat = [w for w in found.within if w.n > 1 and not w.change.known]
    if flat:
        where = first_few((f"{w.group} at {w.visit}" for w in flat), 4)
        yield Finding(
            "warn",
            "W-TIES",
            name,
            f"everybody changed by the same amount ({where})",
            "look for a column copied from one visit to the next",
            "without spread there is no interval and no p",
        )
    alone = [w for w in found.within if w.n == 1]
    if alone:
        yield Finding(
            "warn",
            "W-ABSENT",
            name,
            f"one person only has a change ({first_few((f'{w.group} at {w.visit}' for w in alone), 4)})",
            "",
            "it has no interval and is compared with nothing",
        )
    for s in found.starts:
        if s.difference.p < alpha:
            yield Finding(
                "warn",
                "W-ABSENT",
                f"{name}, {s.group}",
                f"{people(s.n_left)} without a last value began at "
                f"{number(s.left, unit=found.course.variable.unit)} on average, the others at "
                f"{number(s.stayed, unit=found.course.variable.unit)} ({p_text(s.difference.p)})",
                "rely on the mixed model, which knows their first values, and not on t of the change",
                "who left was not a matter of chance",
            )


def _influence(found: Found, group: str, options: Options) -> Iterator[Finding]:
    whole = found.methods(group).get(T_TEST)
    if whole is None or not whole.found.known:
        return
    alpha = 1 - options.level
    labels, p = without_each(found.course, group, options.reference)
    turning = [(x, label) for x, label in zip(p, labels, strict=True) if (x < alpha) != (whole.found.p < alpha)]
    if turning:
        x, label = max(turning, key=lambda pair: abs(pair[0] - whole.found.p))
        more = f" (as would leaving out {people(len(turning) - 1)} of the others)" if len(turning) > 1 else ""
        yield Finding(
            "warn",
            "W-INFLUENCE",
            f"{found.course.variable.name}, {group}",
            f"without sub-{label} the difference in change would have "
            f"{p_text(float(x))} instead of {p_text(whole.found.p)}{more}",
            "look at that person's images and values at both visits",
            "one person decides the result",
        )


def _spread(found: Found, group: str, options: Options) -> Iterator[Finding]:
    d = found.course.change(len(found.course.visits) - 1)
    a, b = (d[found.course.of(g) & np.isfinite(d)] for g in (group, options.reference))
    if min(a.size, b.size) < 3 or options.spread == "by-group":
        return
    p = spreads_differ(a, b)
    if p < 0.05:
        unit = change_unit(found.course.variable.unit)
        yield Finding(
            "warn",
            "W-SPREAD",
            f"{found.course.variable.name}, {group}",
            f"changes spread by {number(float(a.std(ddof=1)), unit=unit)} "
            f"in {group} and by {number(float(b.std(ddof=1)), unit=unit)} in {options.reference} ({p_text(p)})",
            "take Welch's t, or the mixed model with a covariance a group (--spread by-group)",
            "a common spread makes p too small where the smaller group spreads more, and too large where it spreads less",
        )


def _dates(all_found: Sequence[Found]) -> Iterator[Finding]:
    rows = [w for f in all_found for w in f.within]
    undated = [f.course.variable.name for f in all_found if any(w.n_dated < w.n for w in f.within)]
    if undated:
        yield Finding(
            "note",
            "N-STUDY",
            "dates of visits",
            f"not known of all people of {first_few(undated, 4)}",
            "add the dates of visits to give change per time",
            "change is given per visit; a rate is of the people whose dates are known, and of nobody else",
        )
    uneven = [w for w in rows if w.n_dated > 1 and w.gap[2] > 1.25 * w.gap[1]]
    if uneven:
        worst = max(uneven, key=lambda w: w.gap[2] / w.gap[1])
        yield Finding(
            "note",
            "N-STUDY",
            "dates of visits",
            f"{worst.gap[1]:.0f} to {worst.gap[2]:.0f} days (median {worst.gap[0]:.0f}) "
            f"lie between the visits of {worst.group} up to {worst.visit}",
            "",
            "change per visit mixes short and long times; rates count each person's own days",
        )


def _falling_back(all_found: Sequence[Found]) -> Iterator[Finding]:
    """Regression to the mean, where the size of errors is known."""
    said = []
    for f in all_found:
        limit = f.limits[-1]
        share = falling_back(limit.repeating.wsd, f.course.values[:, 0]) if limit and limit.given else float("nan")
        if share > 0.05:
            said.append(f"{100 * share:.0f} % of it in {f.course.variable.name}")
    if said:
        yield Finding(
            "note",
            "N-STUDY",
            "change against the baseline",
            "of how far a person's first value lies from the mean, measuring error "
            f"alone takes back {first_few(said, 4)} at the next visit",
            "do not correlate change with the baseline, nor pick people by "
            "their first value without controls picked alike",
            "people who were chosen for a high value seem to improve",
        )
