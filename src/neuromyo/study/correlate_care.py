"""What to be careful about in correlations: mixed groups, few people, missing ones, single people, skewed values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite

import numpy as np

from neuromyo.core.analysis import few
from neuromyo.core.cohort import Cohort, Variable
from neuromyo.core.errors import Finding
from neuromyo.stats.coverage import coverage, method_for
from neuromyo.stats.normality import skewness
from neuromyo.study.correlate_pairs import FEWEST, Pair, covered
from neuromyo.study.correlate_people import Chosen
from neuromyo.study.correlate_told import EXPLORATORY, Told
from neuromyo.study.said import counted, p_text, people, r_ends, r_number

#: no more findings of a kind than this; the rest is counted
MOST_TOLD = 6
#: leaving one person out moves r by this much: told, whether p moves or not
MOVED = 0.25
#: a share of people with one and the same value from which ties are told
TIED = 0.3


@dataclass(frozen=True, eq=False)
class Care:
    """The pairs, of which part of which study."""

    told: Told
    cohort: Cohort

    @property
    def chosen(self) -> Chosen:
        """Whom and what was taken."""
        return self.told.chosen

    @property
    def known(self) -> list[Pair]:
        """Pairs with a correlation, the clearest first."""
        return self.told.known

    def findings(self) -> Iterator[Finding]:
        """All of them."""
        yield from self._pooled()
        yield from self._few()
        yield from self._visits()
        yield from self._sides()
        yield from self._absent()
        yield from _capped(list(self._influence()))
        yield from _capped(list(self._close()))
        yield from _capped(list(self._values()))

    def _pooled(self) -> Iterator[Finding]:
        if not self.chosen.pooled:
            return
        top = self.known[0]
        inside = f"{r_number(top.held.r)}" if top.held is not None and isfinite(top.held.r) else "not known"
        held = " and ".join(self.chosen.held_names)
        yield Finding(
            "warn",
            "W-CLOSE",
            f"groups {', '.join(self.chosen.groups)}",
            "people of several groups are taken together: a difference between the groups makes a correlation by itself",
            "take one group, or read the partial correlation, which holds group",
            f"{top.x.name} with {top.y.name}: r = {r_number(top.r.r)} over all, {inside} with {held} held",
        )

    def _few(self) -> Iterator[Finding]:
        n = max(one.n for one in self.told.pairs)
        if n < EXPLORATORY:
            here = covered(n)
            skewed = coverage(method_for("correlation"), n, "correlation", "skewed").share
            known = f"bootstrap intervals: {here}, {100 * skewed:.1f} % of skewed data"
            boot = known if here.datasets else f"bootstrap intervals are withheld ({here})"
            yield Finding(
                "warn",
                "W-EXPLORATORY",
                people(n),
                few(EXPLORATORY),
                "",
                boot,
            )

    def _visits(self) -> Iterator[Finding]:
        others = [v for v in self.cohort.visits if v and v != self.chosen.visit]
        if others and self.chosen.visit:
            yield Finding(
                "note",
                "N-STUDY",
                f"visit {self.chosen.visit}",
                f"only this visit is used, {len(others)} more "
                f"{'is' if len(others) == 1 else 'are'} there ({', '.join(others[:4])}{' ...' * (len(others) > 4)})",
                "ask for repeated to use all of them within people",
            )

    def _sides(self) -> Iterator[Finding]:
        yield from crossed(self.chosen)

    def _absent(self) -> Iterator[Finding]:
        nowhere = [
            p for p in dict.fromkeys(self.cohort.person) if self.chosen.groups and not self.cohort.people[p].group
        ]
        if nowhere:
            names = ", ".join(f"sub-{p}" for p in nowhere[:4]) + " ..." * (len(nowhere) > 4)
            yield Finding(
                "warn",
                "W-ABSENT",
                names,
                f"{len(nowhere)} {'person has' if len(nowhere) == 1 else 'people have'} no group",
                "complete the table of people",
                "without a group nobody knows whether they are patients: left out",
            )
        all_ = len(self.chosen.cohort)
        fewer = [one for one in self.told.pairs if one.n < all_]
        none = [one for one in self.told.pairs if not one.known]
        if fewer:
            least = min(fewer, key=lambda one: one.n)
            yield Finding(
                "warn",
                "W-ABSENT",
                f"{len(fewer)} of {len(self.told.pairs)} correlations",
                f"not everybody has both values: fewest in {least.x.name} with {least.y.name}, {least.n} of {all_} people",
                "",
                "people without one of both are left out of that correlation only",
            )
        if none:
            one = none[0]
            why = (
                f"only {one.n} people have both ({FEWEST} are needed)"
                if one.n < FEWEST
                else "one of both does not vary"
            )
            yield Finding(
                "warn",
                "W-ABSENT",
                f"{one.x.name} with {one.y.name}",
                f"no correlation: {why}",
                "",
                f"{len(none)} of {len(self.told.pairs)} correlations do not exist",
            )
        lost = [(one.n - one.held.n, one.n) for one in self.known if one.held is not None and one.held.n < one.n]
        if lost:
            yield Finding(
                "warn",
                "W-ABSENT",
                ", ".join(self.chosen.held_names),
                f"not known of {lost[0][0]} of {lost[0][1]} people",
                "complete the table of people",
                "partial correlations are of fewer people than the others",
            )

    def _influence(self) -> Iterator[Finding]:
        alpha = 1 - self.told.level
        for one in self.known:
            low, high = one.without
            far = isfinite(low) and max(one.r.r - low, high - one.r.r) >= MOVED
            if not (one.r.p < alpha and (one.changes or far)):
                continue
            said = (
                f"leaving out one person at a time, r goes from {r_ends(low, high)}"
                if isfinite(low)
                else ("one person makes all the spread of one of both")
            )
            yield Finding(
                "warn",
                "W-INFLUENCE",
                f"{one.x.name} with {one.y.name}",
                f"r = {r_number(one.r.r)} rests on single people: {said}",
                f"look at sub-{one.who}, who moves the line most",
                f"without one of them p is no longer under {alpha:.2g}" if one.changes else "",
            )

    def _close(self) -> Iterator[Finding]:
        alpha = 1 - self.told.level
        for one in self.known:
            tests = {"r by t": one.r.p, "r by permutation": one.order.p, "Spearman's rho": one.rho.p}
            if one.held is not None:
                tests[f"r with {' and '.join(self.chosen.held_names)} held"] = one.held.p
            tests = {name: p for name, p in tests.items() if isfinite(p)}
            if not one.p < alpha or len({p < alpha for p in tests.values()}) < 2:
                continue
            said = ", ".join(f"{name} {p_text(p)}" for name, p in tests.items())
            yield Finding(
                "warn",
                "W-CLOSE",
                f"{one.x.name} with {one.y.name}",
                f"whether it is significant rests on the test: {said}",
                "do not choose the test by its result",
                "a clear correlation would pass all of them",
            )

    def _values(self) -> Iterator[Finding]:
        seen: dict[str, Variable] = {v.name: v for one in self.known for v in (one.x, one.y)}
        for name, variable in seen.items():
            values = self.chosen.values(variable)
            values = values[np.isfinite(values)]
            found = skewness(values)
            if found.p < 0.05:
                yield Finding(
                    "warn",
                    "W-SKEWED",
                    name,
                    f"skewness {found.value:.1f} in {found.n} people (of normal values: {p_text(found.p)})",
                    "read Spearman's rho and the permutation p beside r",
                    "p and interval of r may mislead",
                )
            same = float(np.unique(values, return_counts=True)[1].max() / len(values))
            if same >= TIED:
                yield Finding(
                    "warn",
                    "W-TIES",
                    name,
                    f"{100 * same:.0f} % of the people have one and the same value",
                    "",
                    "ranks and r tell little of people who cannot be told apart",
                )


def crossed(chosen: Chosen) -> Iterator[Finding]:
    """That left was not put against right."""
    if chosen.crossed:
        left_out = counted(chosen.crossed, "pair")
        yield Finding("note", "N-STUDY", "sides", f"{left_out} of left with right left out: each side goes with what is measured on it",
                      "--across-sides (option across_sides) takes all pairs")  # fmt: skip


def _capped(found: list[Finding]) -> Iterator[Finding]:
    yield from found[:MOST_TOLD]
    if len(found) > MOST_TOLD:
        yield Finding(
            "note",
            "N-STUDY",
            f"{len(found) - MOST_TOLD} more",
            f"warnings of this kind ({found[-1].code}) are not repeated",
            "the table has the numbers of every pair",
        )
