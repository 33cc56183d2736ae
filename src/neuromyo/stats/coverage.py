"""How often bootstrap intervals held the truth, measured: ``coverage.tsv``, made by ``python bench/bootstrap_coverage.py``.

A row: statistic, method, people, law of the data (``normal``, or ``skewed``: log-normal margins), coverage of a nominal 95 % interval
in percent, simulated data sets, samples drawn for each interval. Numbers of people between two that were measured take the smaller
one's coverage; above the largest, the largest one's; under the smallest none is known.

*Assumes* intervals of 95 %, and truths as the bench has them (correlation -0.6, SRM 1, ICC 0.8 ...). *Breaks* for laws far from both.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import nan
from typing import Literal

from neuromyo.core import resources

Law = Literal["normal", "skewed"]
#: a method is used where it covered this often at so many people, normal data
LEAST, AT = 0.90, 11


@dataclass(frozen=True, slots=True)
class Coverage:
    """Share of ``datasets`` simulated data sets of n people whose interval held the truth; NaN where not measured."""

    share: float
    n: int
    law: Law
    datasets: int

    def __str__(self) -> str:
        if not self.datasets:
            return "coverage at so few people not measured"
        return f"measured coverage {100 * self.share:.1f} % at n = {self.n} ({self.law} data)"


@cache
def table() -> dict[tuple[str, str, str], dict[int, Coverage]]:
    """(statistic, method, law) -> people -> coverage."""
    lines = [line.split("\t") for line in resources.text("stats", "coverage.tsv").splitlines() if line]
    head, out = lines[0], {}
    for line in lines[1:]:
        row = dict(zip(head, line, strict=True))
        n, law = int(row["n"]), "normal" if row["data"] == "normal" else "skewed"
        found = Coverage(float(row["coverage_percent"]) / 100, n, law, int(row["datasets"]))
        out.setdefault((row["statistic"], row["method"], law), {})[n] = found
    return out


def coverage(method: str, n: int, what: str, law: Law = "normal") -> Coverage:
    """The measured coverage that stands for n people."""
    measured = table().get((what, method, law), {})
    smaller = [m for m in measured if m <= n]
    return measured[max(smaller)] if smaller else Coverage(nan, n, law, 0)


def measured_coverage(method: str, n: int, what: str, law: Law = "normal") -> float:
    """The share of nominal 95 % intervals that held the truth (0 to 1), NaN where not measured."""
    return coverage(method, n, what, law).share


@cache
def method_for(what: str) -> str:
    """The method whose worst measured coverage of a statistic (over numbers of people and laws) is the best, of those that cover at
    least 90 % at 11 people, normal data, and were measured at every number of people; empty where none does."""
    methods = {method for name, method, _ in table() if name == what}
    rows = {method: {law: table().get((what, method, law), {}) for law in ("normal", "skewed")} for method in methods}
    sizes = max((len(one["normal"]) for one in rows.values()), default=0)
    good = {method: min(found.share for by_n in one.values() for found in by_n.values()) for method, one in rows.items()
            if len(one["normal"]) == sizes and AT in one["normal"] and one["normal"][AT].share >= LEAST}  # fmt: skip
    return max(good, key=lambda method: good[method]) if good else ""
