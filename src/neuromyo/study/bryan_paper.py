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


def table(
    groups: dict[str, Groups], reading: Readings | None, pairs: Callable[[str, str, bool], Pair | None], level: float
) -> Table:
    """One line a statement: printed then, found now, and whether it is found again."""
    rows = [_group(one, groups.get(one.key[0]), level) for one in GROUPS]
    rows.append(_reading(reading, level))
    rows += [_pair(one, pairs(*one.key, False), level) for one in PAIRS]
    rows.append(_pair(CHANGE, pairs(*CHANGE.key, True), level))
    cols = columns(
        ("what", "what was compared", "", "text"), ("printed", "as printed in 1998", "", "text"),
        ("measure", "the number that follows: g (effect, Hedges), share, or r", "", "text"),
        ("value_1998", "that number of 1998"), ("low_1998", "lower end of its interval"), ("high_1998", "upper end of its interval"),
        ("value", "that number here"), ("low", "lower end of its interval"), ("high", "upper end of its interval"),
        ("p", "p here", "", "p"), ("n", "patients here", "", "count"), ("again", "found again: yes, no, or not measured", "", "text"),
    )  # fmt: skip
    return Table("paper", "The numbers of 1998 beside those found here", cols, tuple(rows), _note(level))


def _note(level: float) -> str:
    return (f"Intervals of {100 * level:g} %. The paper printed none: those of 1998 are computed from what it printed and from 11 patients "
            "and 8 controls, of r at -0.8 and 0.73 at the end of the range that it gives. Found again: where the paper says that groups "
            "differ, or that two things go together, p is below 0.05 in the same direction here; where it says that they do not, p is not "
            "below 0.05, which is no proof of likeness; of the reading, where the interval here holds 6 of 11.")  # fmt: skip


def _group(said: Printed, found: Groups | None, level: float) -> tuple[Cell, ...]:
    then = from_p(said.p, N_ALS, N_CONTROLS, level).g if said.p else None
    old = (then.value, then.low, then.high) if then else (None, None, None)
    if found is None or not found.welch.known:
        return (said.what, said.printed, "g", *old, None, None, None, None, None, "not measured")
    again = (found.welch.p < _SIZE and found.g.value > 0) if said.differs else found.welch.p >= _SIZE
    return (
        said.what,
        said.printed,
        "g",
        *old,
        found.g.value,
        found.g.low,
        found.g.high,
        found.welch.p,
        found.welch.n[0],
        _yes(again),
    )


def _reading(found: Readings | None, level: float) -> tuple[Cell, ...]:
    then = share_interval(6, N_ALS, level)
    head = (READING.what, READING.printed, "share", then.value, then.low, then.high)
    if found is None:
        return (*head, None, None, None, None, None, "not measured")
    own = found.share_patients
    return (*head, own.value, own.low, own.high, found.p, found.patients[1], _yes(own.low <= then.value <= own.high))


def _pair(said: Printed, found: Pair | None, level: float) -> tuple[Cell, ...]:
    then = from_r(said.r or 0.0, N_ALS, level)
    head = (said.what, said.printed, "r", then.r, then.low, then.high)
    if found is None:
        return (*head, None, None, None, None, None, "not measured")
    r = found.r
    return (*head, r.r, r.low, r.high, r.p, r.n, _yes(r.p < _SIZE and r.r * then.r > 0))


def _yes(again: bool) -> str:
    return "yes" if again else "no"
