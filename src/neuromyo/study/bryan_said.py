"""What is said of the analysis of 1998: sentences and methods; its tables and drawings are in `bryan_tables` and `bryan_figures`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from neuromyo.core.analysis import Figure, Table
from neuromyo.study import bryan_figures, bryan_paper, bryan_tables
from neuromyo.study.bryan_numbers import Change, Explained, Groups, Pair, Readings, Rival, Values
from neuromyo.study.bryan_paper import DOI
from neuromyo.study.bryan_variables import ROLES, Found
from neuromyo.study.said import (
    capital,
    change_unit,
    ends,
    estimate,
    half_width,
    listed,
    number,
    p_text,
    r_number,
    r_text,
    shares,
)

_TITLES = {role.key: role.title for role in ROLES}


@dataclass(frozen=True, eq=False)
class Told:
    """Everything found."""

    found: Found
    values: Values
    level: float
    groups: Mapping[str, Groups]
    readings: Readings | None
    pairs: tuple[Pair, ...]
    changes: tuple[Change, ...]
    rivals: tuple[Rival, ...]
    explained: tuple[Explained, ...]

    @property
    def n_tests(self) -> int:
        """p values that are shown."""
        return len(self.groups) + len(self.pairs) + len(self.rivals) + (self.readings is not None)

    def title(self, key: str) -> str:
        """What sentences call a variable."""
        return _TITLES[key]

    def unit(self, key: str) -> str:
        return self.found.of[key].unit

    def pair(self, x: str, y: str, changes: bool) -> Pair | None:
        """That correlation, if it could be had."""
        return next((p for p in self.pairs if (p.x, p.y, p.changes) == (x, y, changes)), None)

    def summary(self) -> tuple[str, ...]:
        targets = dict.fromkeys(r.y for r in self.rivals)
        said = [
            self._headline(),
            *self._groups_said(),
            self._reading_said(),
            *(self._pairs_said(changes) for changes in (False, True)),
            *(_sum_said(one) for one in self.explained),
            *(self._rivals_said(y) for y in targets),
        ]
        return tuple(s for s in said if s)

    def _headline(self) -> str:
        paper, _ = bryan_paper.tables(dict(self.groups), self.readings, self.pair, self.level)
        again = paper.column("again")
        yes, no, rest = (again.count(word) for word in ("yes", "no", "not measured"))
        left = f"; {rest} could not be looked for" if rest else ""
        return f"Of the {len(again)} findings of Bryan et al. 1998, {yes} came up again and {no} did not{left}."

    def tables(self) -> tuple[Table, ...]:
        return bryan_tables.tables(self)

    def figures(self) -> tuple[Figure, ...]:
        return bryan_figures.figures(self)

    def _groups_said(self) -> list[str]:
        """Each variable that differs, and T2; the others together."""
        known = [one for one in self.groups.values() if one.welch.known]
        clear = [one for one in known if one.key == "t2" or one.welch.p < 0.05]
        rest = [one for one in known if one not in clear]
        if len(rest) < 2:
            return [_group_said(self, one) for one in known]
        gaps = ((one.welch, change_unit(self.unit(one.key))) for one in rest)
        told = listed([estimate(w.difference, unit, self.level, p=w.p) for w, unit in gaps])
        names = capital(listed([self.title(one.key) for one in rest]))
        return [*(_group_said(self, one) for one in clear), f"{names} did not differ detectably: by {told}."]

    def _reading_said(self) -> str:
        one = self.readings
        if one is None:
            return ""
        (a, n), (b, m) = one.patients, one.controls
        share = shares(one.share_patients, self.level).replace(" (", "; exact ").rstrip(")")
        against = f", of the controls {b} of {m} (Fisher's exact {p_text(one.p)})" if m else ""
        return f"{a} of {n} patients were read as abnormal ({share}){against}."

    def _pairs_said(self, changes: bool) -> str:
        own = [p for p in self.pairs if p.changes is changes and p.x == "t2"] + [
            p for p in self.pairs if p.changes is changes and (p.x, p.y) == ("volume", "mvic")
        ]
        if not own:
            return ""
        told = "; ".join(
            f"{self.title(p.x)} with {self.title(p.y)} r = {_r(p, self.level)}, {p_text(p.r.p)}" for p in own
        )
        head = "Change between the visits against change" if changes else "At the first visit"
        return f"{head}, {own[0].r.n} patients: {told}."

    def _rivals_said(self, y: str) -> str:
        """Global T2 against the other markers of one y."""
        own = [r for r in self.rivals if r.y == y]
        told = []
        for r in own:
            gap = r.comparison.difference
            ours = r.better == "t2"
            size, other = (r.sizes[1], r.worse) if ours else (r.sizes[0], r.better)
            surely = "" if r.comparison.p < 0.05 else ", which may be chance"
            told.append(f"{'more' if ours else 'less'} closely than {self.title(other)} (|r| = {r_number(size)}; difference "
                        f"{r_text(gap.value, gap.low, gap.high, self.level)}, {p_text(r.comparison.p)}{surely})")  # fmt: skip
        first = own[0].sizes[0] if own[0].better == "t2" else own[0].sizes[1]
        return (
            f"Global T2 followed {self.title(y)} (|r| = {r_number(first)}, {own[0].n} patients) {', and '.join(told)}."
        )

    def methods(self) -> tuple[str, ...]:
        out = [
            f"The analysis followed Bryan et al. (Neurology 1998;51:110, doi:{DOI}).",
            "Patients and controls were compared at the first visit by Welch's t test, with Student's beside it, and Hedges g with its "
            "exact interval from the noncentral t distribution.",
        ]
        if self.readings:
            out.append("Readings were compared by Fisher's exact test; shares have exact (Clopper-Pearson) intervals.")
        out += [
            "In the patients, Pearson's r has Fisher's interval; rank correlations stand beside, with p by orders of the people drawn at "
            "random. Each correlation was repeated with every person left out in turn.",
            "Markers were compared by Williams' t for correlations of the same people (Steiger 1980, doi:10.1037/0033-2909.87.2.245).",
        ]
        if self.explained:
            out.append("Global T2 was regressed on water T2 and fat fraction by least squares; a predictor's share of the variance is the "
                       "mean of what it adds before and after the other.")  # fmt: skip
        return (*out, f"p values were not corrected for their number ({self.n_tests}); intervals are of {self._level}.")

    @property
    def _level(self) -> str:
        return f"{100 * self.level:g} %"


def _group_said(told: Told, one: Groups) -> str:
    unit, d = told.unit(one.key), one.welch.difference
    half = half_width(d)
    verdict = "differed" if one.welch.p < 0.05 else "did not differ detectably"
    return (f"{capital(told.title(one.key))} {verdict} between {one.welch.n[0]} patients and {one.welch.n[1]} controls: "
            f"{number(one.means[0].value, half)} against {number(one.means[1].value, half, unit)}, difference "
            f"{estimate(d, change_unit(unit), told.level, p=one.welch.p)}, Hedges g {estimate(one.g, level=told.level)}.")  # fmt: skip


def _sum_said(one: Explained) -> str:
    what = "how differently global T2 changed in" if one.changes else "the spread of global T2 between"
    share, (water, fat) = [f"{100 * x:.0f} %" for x in (*one.share, 1 - one.r_squared)], one.slopes
    return (f"What 1998 could not show: of {what} {one.n} people ({one.who}), {share[0]} was water T2, {share[1]} fat and {share[2]} "
            f"neither; it rose by {number(water.value, half_width(water), 'ms')} ({ends(water)}) a ms of water T2 and by "
            f"{number(fat.value, half_width(fat), 'ms')} ({ends(fat)}) a percent of fat.")  # fmt: skip


def _r(one: Pair, level: float) -> str:
    return r_text(one.r.r, one.r.low, one.r.high, level)
