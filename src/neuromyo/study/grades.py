"""How well readers agree in the grades they give: each two of them, each with himself, all together.

All muscles are told together, and muscle by muscle. One person gives many muscles and two sides, so intervals of kappa rest on people,
not on muscles (`neuromyo.stats.kappa`); the exact interval of the share of agreement takes every muscle as a case of its own and is
too short by that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from neuromyo.core.labels import Side
from neuromyo.stats.alpha import counts, krippendorff
from neuromyo.stats.intervals import UNKNOWN, Interval
from neuromyo.stats.kappa import Kappa, cohen
from neuromyo.study.scales import Scale

#: what the pooled lines call their region
ALL = "all"
_FEW_PEOPLE = 10


@dataclass(frozen=True, slots=True)
class Graded:
    """One grade: of whom, when, what and on which side, by whom, his first or second time; None where he could not judge."""

    subject: str
    session: str
    region: str
    side: Side
    reader: str
    reading: int
    grade: str | None

    @property
    def case(self) -> tuple[str, str, str, str]:
        return self.subject, self.session, self.region, self.side


@dataclass(frozen=True, eq=False)
class Line:
    """Agreement of two sets of grades. kind : ``inter`` (two readers' first readings) or ``intra`` (one reader's first and second)"""

    kind: str
    readers: tuple[str, ...]
    region: str
    kappa: Kappa
    n_people: int

    @property
    def few(self) -> bool:
        """Whether fewer people than would make an interval trustworthy were read."""
        return self.n_people < _FEW_PEOPLE


def lines(given: Iterable[Graded], scale: Scale) -> tuple[Line, ...]:
    """Between readers, then within; of each first all regions together, then each region."""
    given = list(given)
    readers = sorted({g.reader for g in given})
    by = {(r, k): {g.case: g.grade for g in given if g.reader == r and g.reading == k} for r in readers for k in (1, 2)}
    regions = [ALL, *dict.fromkeys(g.region for g in given)]
    pairs = [("inter", (a, b), by[a, 1], by[b, 1]) for a, b in combinations(readers, 2)]
    pairs += [("intra", (r,), by[r, 1], by[r, 2]) for r in readers if by[r, 2]]
    return tuple(_line(kind, who, region, one, other, scale) for kind, who, one, other in pairs for region in regions)


def all_readers(given: Iterable[Graded], scale: Scale) -> Interval:
    """Krippendorff's alpha of the first readings of all readers, ordinal (nominal for yes and no); unknown of fewer than three.
    Its interval takes every muscle as a case of its own."""
    first = [g for g in given if g.reading == 1]
    cases: dict[tuple[str, str, str, str], list[str | None]] = {}
    for g in first:
        cases.setdefault(g.case, []).append(g.grade)
    if len({g.reader for g in first}) < 3:
        return UNKNOWN
    return krippendorff(counts(list(cases.values()), scale.values), "nominal" if scale.weights == "none" else "ordinal")


def _line(
    kind: str, who: tuple[str, ...], region: str, one: Mapping[tuple, str | None], other: Mapping[tuple, str | None], scale: Scale
) -> Line:  # fmt: skip
    cases: Sequence[tuple] = [c for c in one if c in other and (region in (ALL, c[2]))]
    people = [c[0] for c in cases]
    kappa = cohen([one[c] for c in cases], [other[c] for c in cases], scale.values, scale.weights, people)
    judged = {c[0] for c in cases if one[c] is not None and other[c] is not None}
    return Line(kind, who, region, kappa, len(judged))
