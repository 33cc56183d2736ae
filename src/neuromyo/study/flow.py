"""The flow of people through a study, as CONSORT and STROBE want it shown: enrolled, measured first, seen again, analysed, by group.

*Assumes* that everybody enrolled is in the table of people, measured or not.
*Breaks* where people who were screened and not enrolled are in that table: they count as enrolled.
*Cites* 10.1136/bmj.c332 (CONSORT 2010), 10.1016/S0140-6736(07)61602-X (STROBE).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from neuromyo.core.analysis import Flow
from neuromyo.core.cohort import Cohort

Box = tuple[str, int, tuple[tuple[str, int], ...]]
#: why somebody is not in the next box, where the table of people says nothing
NOT_MEASURED, NOT_SEEN, NOT_COMPLETE = "not measured", "not seen, reason not stated", "values missing"
NOT_ASKED = "not part of the analysis"


def flow(cohort: Cohort, variables: Sequence[str] = (), analysed: Collection[str] | None = None) -> Flow:
    """Boxes of each group: enrolled, with baseline, with each later visit (where there is one), analysed.

    variables : what a person must have to count as seen at a visit; any value of the cohort where none is named
    analysed : labels of those whose values entered the analysis; those of the last box where not given
    """
    seen = {visit: _seen(cohort, visit, variables) for visit in cohort.visits}
    groups: dict[str, list[str]] = {}
    for label, person in sorted(cohort.people.items()):
        groups.setdefault(person.group or "no group", []).append(label)
    arms = {group: _arm(cohort, people, seen, analysed) for group, people in sorted(groups.items())}
    return Flow("flow", "Flow of people", arms, _caption(cohort, variables))


def _seen(cohort: Cohort, visit: str, variables: Sequence[str]) -> set[str]:
    here = cohort.visit == visit
    names = variables or [v.name for v in cohort.variables]
    some = np.zeros(len(cohort), dtype=bool)
    for name in names:
        some |= np.isfinite(cohort.values[name])
    return set(cohort.person[here & some])


def _arm(
    cohort: Cohort, people: Sequence[str], seen: Mapping[str, set[str]], analysed: Collection[str] | None
) -> tuple[Box, ...]:
    """One group's boxes. Each loses people to the next, with the reasons; who comes back after a missed visit is counted there again,
    which the box says, so that boxes and reasons add up."""
    steps: list[tuple[str, set[str], str]] = [("enrolled", set(people), "")]
    for i, visit in enumerate(cohort.visits):
        words = f"with baseline ({visit})" if i == 0 and visit else "with baseline" if i == 0 else f"with visit {visit}"
        steps.append((words, seen[visit] & set(people), NOT_MEASURED if i == 0 else NOT_SEEN))
    if analysed is not None:
        here = set(analysed) & set(people)
        steps.append(("analysed", here, NOT_COMPLETE if here else NOT_ASKED))
    boxes = []
    for i, (words, here, _) in enumerate(steps):
        after = steps[i + 1] if i + 1 < len(steps) else None
        back = len(here - steps[i - 1][1]) if i else 0
        words += f" ({back} back)" if back else ""
        left = _reasons(cohort, here - after[1], after[2]) if after else ()
        boxes.append((words, len(here), left))
    return tuple(boxes)


def _reasons(cohort: Cohort, gone: set[str], otherwise: str) -> tuple[tuple[str, int], ...]:
    told = Counter(cohort.people[who].end or otherwise for who in gone)
    return tuple(sorted(told.items(), key=lambda pair: (-pair[1], pair[0])))


def _caption(cohort: Cohort, variables: Sequence[str]) -> str:
    what = (
        f"a value of {', '.join(variables[:3])}" + " or another of the variables asked for" * (len(variables) > 3)
        if variables
        else "any value"
    )
    n = len(cohort.people)
    return (
        f"{n} people enrolled; a person counts at a visit with {what} there. Reasons are those of the table of people. "
        "Back: not there in the box before."
    )
