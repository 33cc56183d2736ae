"""Which published values a value may be compared with, and what keeps it from the others.

Two numbers compare only where quantity, structure, level, method, unit, field and population are all the same and all stated; a
field that was recalled and not read counts as stated. A published value that differs in anything is not used: it is offered as the
nearest, with what differs, in words.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import fsum, nan, sqrt
from typing import TYPE_CHECKING

from neuromyo.core.errors import OptionError
from neuromyo.core.norm import NormKey
from neuromyo.norms.literature import Entry, entries, is_unstated
from neuromyo.norms.method import Facts as Facts
from neuromyo.norms.method import method_of as method_of
from neuromyo.norms.method import why_none

if TYPE_CHECKING:
    from neuromyo.norms.prior import Published

#: what has to be the same -> how far apart two values are that differ in it; puts the nearest first
_APART = {"structure": 16, "unit": 8, "population": 6, "method": 4, "kind": 4, "statistic": 3, "level": 2, "field": 1}
#: what somebody who vouches for a published value stands for, beside its method, where we do not state it
_VOUCHED = ("level", "field")
#: units that mean something else on every scanner
_ARBITRARY = ("a.u.",)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be compared. "" and None are "not stated", and what is not stated does not compare.

    quantity, region, level, unit : as in the table of measurements; side : "" compares with either
    method : as the literature calls it (`method_of`); without_method : why there is none
    field_T : tesla; population : a `literature.Entry.group`
    vouched : ids of published values of which somebody states that they were measured like ours: their method counts as the same,
        and so does what we do not state (level, field); what we state and they do not share still differs
    """

    quantity: str
    region: str
    level: str = ""
    method: str = ""
    field_T: float | None = None
    population: str = "healthy"
    unit: str = ""
    side: str = ""
    without_method: str = ""
    vouched: tuple[str, ...] = ()

    @staticmethod
    def of(
        key: NormKey,
        *,
        field_T: float | None = None,
        facts: Facts | None = None,
        side: str = "",
        vouched: Iterable[str] = (),
    ) -> Wanted:
        """From a norm's key; the method is what `method_of` says of its biomarker."""
        found = method_of(key.biomarker, facts) or ""
        return Wanted(key.quantity, key.region, key.level, found, field_T, "healthy", key.unit, side,
                      "" if found else why_none(key.biomarker), tuple(vouched))  # fmt: skip

    def __str__(self) -> str:
        return f"{self.quantity} of {self.region or 'no stated structure'}" + (
            f" at {self.level}" if self.level else ""
        )


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which a published value is not like ours; "" is not stated."""

    what: str
    ours: str
    theirs: str

    def of_two(self) -> str:
        """The same between two published values."""
        return f"{self.what} (here {self.ours or 'not stated'}, there {self.theirs or 'not stated'})"

    def __str__(self) -> str:
        return f"{self.what} (yours {self.ours or 'not stated'}, theirs {self.theirs or 'not stated'})"


@dataclass(frozen=True, slots=True)
class Near:
    """A published value that does not compare, and why."""

    entry: Entry
    differs: tuple[Difference, ...]

    def of_two(self) -> str:
        """The same beside another published value."""
        return f"{self.entry.value_text} ({self.entry.id}): {_listed(tuple(d.of_two() for d in self.differs))}"

    def __str__(self) -> str:
        n = f", n = {self.entry.n}" if self.entry.n else ""
        return f"{self.entry.value_text} ({self.entry.study}{n}, {self.entry.id}) differs in {_listed(tuple(map(str, self.differs)))}"


@dataclass(frozen=True, slots=True)
class Matched:
    """``comparable`` : entries that compare; ``others`` : those of the same quantity that do not, nearest first."""

    wanted: Wanted
    comparable: tuple[Entry, ...]
    others: tuple[Near, ...]

    @property
    def sentence(self) -> str:
        """What there is to compare with, for people."""
        if self.comparable:
            said = "; ".join(f"{e.value_text} ({e.study}, {e.id})" for e in self.comparable)
            return f"{self.wanted}: comparable with {said}"
        return str(refuse(self))


def find(wanted: Wanted) -> Matched:
    """Sorts the published values of the quantity into those that compare and those that do not.

    Entries without a value (reliability only) are left out. *Breaks* never towards comparing: anything not stated on either side differs.
    """
    same = [e for e in entries() if e.quantity == wanted.quantity and e.mean is not None]
    judged = [(e, differences(wanted, e)) for e in same]
    others = sorted((Near(e, d) for e, d in judged if d), key=distance)
    return Matched(wanted, tuple(e for e, d in judged if not d), tuple(others))


def differences(wanted: Wanted, entry: Entry) -> tuple[Difference, ...]:
    """All in which a published value is not like ours."""
    pairs = (
        ("structure", wanted.region, entry.structure),
        ("level", wanted.level, entry.level),
        ("unit", wanted.unit, entry.unit),
        ("field", _tesla(wanted.field_T), _tesla(entry.field_T)),
        ("population", wanted.population, entry.group),
    )
    found = [Difference(what, ours, theirs) for what, ours, theirs in pairs if ours != theirs or not ours]
    if entry.id not in wanted.vouched and (wanted.method != entry.method or is_unstated(entry.method)):
        found.append(Difference("method", wanted.method, entry.method))
    if wanted.unit == entry.unit and entry.unit in _ARBITRARY:
        found.append(Difference("unit", "arbitrary, of your scanner", "arbitrary, of theirs"))
    if entry.kind != "value":
        found.append(Difference("kind", "value", entry.kind))
    if entry.statistic == "median":
        found.append(Difference("statistic", "mean", "median"))
    if wanted.side and entry.side and wanted.side != entry.side:
        found.append(Difference("level", wanted.side, entry.side))
    if entry.id in wanted.vouched:
        found = [d for d in found if d.ours or d.what not in _VOUCHED]
    return tuple(found)


def refuse(matched: Matched) -> OptionError:
    """E-METHOD in one sentence: what was asked, what differs in the nearest, what to do. To be raised, or told.

    Values of another method are never compared silently.
    """
    wanted = matched.wanted
    needed = "a published value of the same structure, level, method, field, unit and population"
    if not matched.others:
        found, remedy = "no published value of this quantity", "compare with controls of your own"
    else:
        nearest = matched.others[0]
        found = f"none; the nearest, {nearest}"
        missing = [d.what for d in nearest.differs if not d.ours and d.what != "method"]
        remedy = f"state your {' and '.join(missing)}, or compare" if missing else "compare"
        remedy += " with controls of your own"
    if wanted.without_method:
        remedy = f"{wanted.without_method}; {remedy}"
    return OptionError("E-METHOD", where=str(wanted), needed=needed, found=found, remedy=remedy)


def alike(entry: Entry) -> Matched:
    """What compares with a published value, itself left out: all the same but the people, who may be patients.

    Rows of one publication share what it did not state (method, field, scanner).
    """
    wanted = Wanted(entry.quantity, entry.structure, entry.level, entry.method, entry.field_T, entry.group, entry.unit)
    found = find(wanted)
    same = [near.entry for near in found.others if all(_shared(d, entry, near.entry) for d in near.differs)]
    others = [near for near in found.others if near.entry not in (*same, entry)]
    comparable = [e for e in (*found.comparable, *same) if e.id != entry.id]
    return Matched(wanted, tuple(comparable), tuple(others))


def _shared(difference: Difference, one: Entry, other: Entry) -> bool:
    """Whether two published values compare in spite of this difference."""
    own = {"method": (one.method, other.method), "field": (one.field_T, other.field_T), "unit": (one.unit, other.unit),
           "statistic": (one.statistic, other.statistic), "kind": (one.kind, other.kind), "level": (one.level, other.level)}  # fmt: skip
    if difference.what == "population":
        return True
    here, there = own.get(difference.what, ("", "x"))
    return one.citation == other.citation and here == there


def usable_as_prior(entry: Entry) -> bool:
    """Whether a mean and a standard deviation between so many healthy people stand there, known to be that."""
    return not why_no_prior(entry)


def why_no_prior(entry: Entry) -> str:
    """Why a published value cannot serve in a norm, in words; "" where it can.

    A "±" of unknown kind, a median, a pooled mean or an unstated or assumed number of people is not enough.
    """
    reasons = (
        (not entry.healthy, "its people are not healthy"),
        (entry.kind != "value", f"it is a {entry.kind}"),
        (entry.statistic != "mean", "it gives no value" if entry.mean is None else f"it is a {entry.statistic}"),
        (entry.spread == "unknown", "whether its ± is an SD or a SEM is not stated"),
        (entry.spread == "none", "its SD was not read"),
        (entry.n is None or entry.n < 2, "how many people is not known"),
        (entry.n_evidence == "assumed", "how many people is assumed, not read"),
        (entry.unit in _ARBITRARY, "arbitrary units differ from scanner to scanner"),
    )
    return " and ".join(words for holds, words in reasons if holds)


def people_of(found: Iterable[Entry]) -> tuple[tuple[Entry, ...], ...]:
    """Entries grouped by the people behind them: both sides of one study are the same people and count once."""
    groups: dict[tuple, list[Entry]] = {}
    for e in found:
        groups.setdefault((e.citation, e.quantity, e.structure, e.level, e.method, e.group, e.n), []).append(e)
    return tuple(tuple(group) for group in groups.values())


def published(found: Iterable[Entry]) -> list[Published]:
    """What of comparable entries (`find`) serves a norm as a prior: `usable_as_prior`, each group of people once.

    Of several rows of the same people (left and right) the mean of the means and the root mean square of the SDs is taken.
    *Assumes* that the entries compare with the norm's own values; this does not look.
    """
    from neuromyo.norms.prior import Published

    made = []
    for group in people_of(e for e in found if usable_as_prior(e)):
        first = group[0]
        mean = fsum(nan if e.mean is None else e.mean for e in group) / len(group)
        sd = sqrt(fsum((nan if e.sd is None else e.sd) ** 2 for e in group) / len(group))
        age = nan if first.age_mean is None else first.age_mean
        age_sd = nan if first.age_sd is None else first.age_sd
        label = f"{first.study} (n = {first.n})"
        made.append(Published(n=first.n or 0, mean=mean, sd=sd, age_mean=age, age_sd=age_sd, label=label))
    return made


def distance(near: Near) -> tuple:
    """By which the nearest comes first."""
    return sum(_APART[d.what] for d in near.differs), -(near.entry.n or 0), near.entry.id


def _listed(words: tuple[str, ...]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def _tesla(field: float | None) -> str:
    return "" if field is None else f"{field:g} T"
