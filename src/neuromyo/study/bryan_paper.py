"""What Bryan et al. 1998 printed, beside what was found here.

The paper's abstract is all that was read. It prints p and r without intervals; those shown beside are computed from what is printed and
the numbers of people (11 patients, 8 controls): the interval of r by Fisher, the effect that p = 0.009 stands for by Welch's and
Student's t alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from neuromyo.core.analysis import Cell, Table, columns
from neuromyo.stats.correlation import from_r
from neuromyo.stats.effect_size import from_p
from neuromyo.stats.intervals import share_interval
from neuromyo.study.bryan_numbers import Groups, Pair, Readings

N_ALS, N_CONTROLS = 11, 8
_ABNORMAL = 6
DOI = "10.1212/WNL.51.1.110"
_SIZE = 0.05


@dataclass(frozen=True)
class Printed:
    """One statement of the paper. ``r``: the correlation printed, or the end of its range that is nearest to zero."""

    key: tuple[str, str]
    what: str
    printed: str
    r: float | None = None
    p: float | None = None
    differs: bool = True


GROUPS = (
    Printed(("t2", ""), "global T2, patients against controls", "higher, p = 0.009", p=0.009),
    Printed(("t1", ""), "T1, patients against controls", "not different", differs=False),
    Printed(("volume", ""), "volume, patients against controls", "not different", differs=False),
)
READING = Printed(("reading", ""), "scans of patients read as abnormal", "6 of 11")
PAIRS = (
    Printed(("t2", "cmap"), "global T2 with CMAP", "r < -0.8", r=-0.8),
    Printed(("t2", "mvic"), "global T2 with strength", "r < -0.8", r=-0.8),
    Printed(("volume", "mvic"), "volume with strength", "r = 0.73 to 0.78", r=0.73),
)
CHANGE = Printed(
    ("t2", "cmap"), "change of global T2 with change of CMAP, 4 months", "r = -0.63, p = 0.037", r=-0.63, p=0.037
)


def tables(
    groups: dict[str, Groups], reading: Readings | None, pairs: Callable[[str, str, bool], Pair | None], level: float
) -> tuple[Table, Table]:
    """One line a statement: printed then, found now, and whether it came up again; and the intervals that the paper did not print."""
    rows = [_group(one, groups.get(one.key[0])) for one in GROUPS]
    rows.append(_reading(reading))
    rows += [_pair(one, pairs(*one.key, False)) for one in PAIRS]
    rows.append(_pair(CHANGE, pairs(*CHANGE.key, True)))
    head = (("what", "what was compared", "", "text"), ("printed", "as printed in 1998", "", "text"),
            ("measure", "the number that follows: g (effect, Hedges), share, or r", "", "text"))  # fmt: skip
    ends = (("low", "lower end of its interval"), ("high", "upper end of its interval"))
    now = columns(*head, ("value", "that number here"), *ends, ("p", "p here", "", "p"), ("n", "patients here", "", "count"),
                  ("again", "came up again: yes, no, or not measured", "", "text"))  # fmt: skip
    then = columns(*head, ("value", "that number of 1998"), *ends)
    return (Table("paper", "The numbers of 1998 beside those found here", now, tuple(rows), _NOTE),
            Table("paper-intervals", "The numbers of 1998 with the intervals that were not printed", then, _printed(level),
                  f"Intervals of {100 * level:g} %, computed from what is printed and from 11 patients and 8 controls; of r at the end "
                  "of the range printed that is nearest to zero."))  # fmt: skip


_NOTE = (
    "Came up again: where the paper says that groups differ, or that two things go together, p is below 0.05 in the same "
    "direction here; where it says that they do not, p is not below 0.05, which is no proof of likeness; of the reading, "
    "where the interval here holds 6 of 11."
)
_MISSING: tuple[Cell, ...] = (None, None, None, None, None, "not measured")


def _printed(level: float) -> tuple[tuple[Cell, ...], ...]:
    rows: list[tuple[Cell, ...]] = []
    for one in GROUPS:
        if one.p is not None:
            g = from_p(one.p, N_ALS, N_CONTROLS, level).g
            rows.append((one.what, one.printed, "g", g.value, g.low, g.high))
    share = share_interval(_ABNORMAL, N_ALS, level)
    rows.append((READING.what, READING.printed, "share", share.value, share.low, share.high))
    for one in (*PAIRS, CHANGE):
        r = from_r(one.r or 0.0, N_ALS, level)
        rows.append((one.what, one.printed, "r", r.r, r.low, r.high))
    return tuple(rows)


def _group(said: Printed, found: Groups | None) -> tuple[Cell, ...]:
    head = (said.what, said.printed, "g")
    if found is None or not found.welch.known:
        return (*head, *_MISSING)
    g, p = found.g, found.welch.p
    again = (p < _SIZE and g.value > 0) if said.differs else p >= _SIZE
    return (*head, g.value, g.low, g.high, p, found.welch.n[0], _yes(again))


def _reading(found: Readings | None) -> tuple[Cell, ...]:
    head = (READING.what, READING.printed, "share")
    if found is None:
        return (*head, *_MISSING)
    own = found.share_patients
    return (
        *head,
        own.value,
        own.low,
        own.high,
        found.p,
        found.patients[1],
        _yes(own.low <= _ABNORMAL / N_ALS <= own.high),
    )


def _pair(said: Printed, found: Pair | None) -> tuple[Cell, ...]:
    head = (said.what, said.printed, "r")
    if found is None:
        return (*head, *_MISSING)
    r = found.r
    return (*head, r.r, r.low, r.high, r.p, r.n, _yes(r.p < _SIZE and r.r * (said.r or 0.0) > 0))


def _yes(again: bool) -> str:
    return "yes" if again else "no"
