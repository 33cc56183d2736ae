"""What images give back of the table that they were painted from: bias and spread of every value, and every correlation.

bias = mean of (from images less table), with its interval; a correlation is given back where it is within 0.05 of the table's.

*Assumes* the same people, visits and variables in both; the table has no error (its values are what was painted).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuromyo.core.analysis import Analysis, Figure, Forest, Mean, Table, columns
from neuromyo.core.errors import Finding
from neuromyo.stats.correlation import pearson
from neuromyo.stats.intervals import Interval, mean_interval
from neuromyo.study.bryan_numbers import Values
from neuromyo.study.bryan_variables import CMAP, MVIC, ROLES, T1, T2, VOLUME, Found
from neuromyo.study.said import capital, estimate, number, r_number

TITLE = "What the images give back of the table"
#: how far a correlation of the images may lie from that of the table, and a mean T2 (ms): what is promised of the chosen cohort
NEAR_R, NEAR_T2_MS = 0.05, 0.5
#: the correlations that the paper prints: marker, what it is held against, whether of changes
PROMISED = (("t2", "cmap", False), ("t2", "mvic", False), ("volume", "mvic", False), ("t2", "cmap", True))


@dataclass(frozen=True)
class Error:
    """Images less table, both visits together: mean with its interval, standard deviation, largest in size, and how many values."""

    key: str
    bias: Interval
    sd: float
    largest: float
    n: int


@dataclass(frozen=True)
class Pair:
    """One correlation in the patients, by the table and by the images."""

    x: str
    y: str
    changes: bool
    table: float
    images: float
    n: int

    @property
    def promised(self) -> bool:
        return (self.x, self.y, self.changes) in PROMISED

    @property
    def difference(self) -> float:
        return self.images - self.table


def analyse(found: Found, table: Values, images: Values, level: float = 0.95) -> Analysis:
    """Both compared; ``found`` are the variables of the images. People are matched by label."""
    table = _same_people(table, images)
    keys = [r.key for r in ROLES if r.key in table.of and r.key in images.of and r not in (CMAP, MVIC)]
    errors = [_error(k, table, images, level) for k in keys]
    pairs = [p for p in _pairs(table, images) if p is not None]
    titles = {r.key: r.title for r in ROLES}
    return Analysis("bryan-recovered", TITLE, _summary(errors, pairs, found, titles),
                    tuple(t for t in (_errors_table(errors, found, titles), _pairs_table(pairs, titles)) if t.rows),
                    _figures(pairs, titles), _METHODS, _findings(errors, pairs, titles))  # fmt: skip


def _same_people(table: Values, images: Values) -> Values:
    at = [table.labels.index(p) for p in images.labels]
    return Values({k: v[at] for k, v in table.of.items()}, table.ill[at], images.labels)


def _error(key: str, table: Values, images: Values, level: float) -> Error:
    off = (images.of[key] - table.of[key]).ravel()
    off = off[np.isfinite(off)]
    sd = float(off.std(ddof=1)) if off.size > 1 else float("nan")
    return Error(
        key, mean_interval(off, level=level), sd, float(np.abs(off).max()) if off.size else float("nan"), off.size
    )


def _pairs(table: Values, images: Values) -> list[Pair | None]:
    markers = [r.key for r in (T2, T1, VOLUME) if r.key in table.of and r.key in images.of]
    targets = [r.key for r in (CMAP, MVIC) if r.key in images.of]
    return [_pair(m, t, changes, table, images) for changes in (False, True) for m in markers for t in targets]


def _pair(x: str, y: str, changes: bool, table: Values, images: Values) -> Pair | None:
    def r(values: Values):
        take = values.change if changes else values.first
        return pearson(take(x, True), take(y, True))

    one, other = r(table), r(images)
    known = np.isfinite(one.r) and np.isfinite(other.r) and other.n > 3
    return Pair(x, y, changes, one.r, other.r, other.n) if known else None


def _summary(errors: list[Error], pairs: list[Pair], found: Found, titles: dict[str, str]) -> tuple[str, ...]:
    said = [
        f"{capital(titles[e.key])} from images lies {estimate(e.bias, found.of[e.key].unit, sign=True)} off the table on average "
        f"(largest {number(e.largest)}, {e.n} scans)."
        for e in errors
    ]  # fmt: skip
    own = [p for p in pairs if p.promised]
    if own:
        worst = max(own, key=lambda p: abs(p.difference))
        said.append(f"Of the {len(own)} correlations that the paper prints, {sum(abs(p.difference) <= NEAR_R for p in own)} are "
                    f"within {NEAR_R:g} of the table's; the farthest, {_name(worst, titles)}, is {r_number(worst.images)} "
                    f"against {r_number(worst.table)}.")  # fmt: skip
    return tuple(said)


def _errors_table(errors: list[Error], found: Found, titles: dict[str, str]) -> Table:
    rows = tuple(
        (titles[e.key], found.of[e.key].unit, e.n, e.bias.value, e.bias.low, e.bias.high, e.sd, e.largest)
        for e in errors
    )
    cols = columns(
        ("variable", "what was measured", "", "text"), ("unit", "unit of the errors", "", "text"), ("n", "scans", "", "count"),
        ("bias", "mean of images less table"), ("low", "lower end of its interval"), ("high", "upper end of its interval"),
        ("sd", "standard deviation of images less table"), ("largest", "largest difference in size"),
    )  # fmt: skip
    return Table("errors", "Values from images less those of the table", cols, rows)


def _pairs_table(pairs: list[Pair], titles: dict[str, str]) -> Table:
    rows = tuple((titles[p.x], titles[p.y], "change" if p.changes else "first visit", p.n, p.table, p.images, p.difference,
                  "yes" if p.promised else "no") for p in pairs)  # fmt: skip
    cols = columns(
        ("x", "marker", "", "text"), ("y", "what it is held against", "", "text"),
        ("of", "values of the first visit, or changes", "", "text"),
        ("n", "patients", "", "count"), ("r_table", "Pearson's r by the table"), ("r_images", "Pearson's r by the images"),
        ("difference", "images less table"), ("promised", "whether the paper prints it, and closeness is promised", "", "text"),
    )  # fmt: skip
    return Table("correlations", "Correlations by the table and by the images, in the patients", cols, rows,
                 f"Promised of the chosen cohort are those that the paper prints, within {NEAR_R:g}. Changes of T1 and volume over four "
                 "months are hardly larger than the error of measuring them.")  # fmt: skip


def _figures(pairs: list[Pair], titles: dict[str, str]) -> tuple[Figure, ...]:
    if not pairs:
        return ()
    lines = tuple(Mean(p.difference, p.difference, p.difference, _name(p, titles)) for p in pairs)
    return (Forest("differences", "Correlations: images less table", lines, "difference of Pearson's r", 0.0,
                   f"{pairs[0].n} patients; no intervals: both are of the same people."),)  # fmt: skip


def _findings(errors: list[Error], pairs: list[Pair], titles: dict[str, str]) -> tuple[Finding, ...]:
    far = [p for p in pairs if p.promised and abs(p.difference) > NEAR_R]
    out = [Finding("warn", "W-CLOSE", _name(p, titles), f"r = {r_number(p.images)} by images, {r_number(p.table)} by the table",
                   "look at the regions in anatomy/", f"more than {NEAR_R:g} apart") for p in far]  # fmt: skip
    out += [Finding("warn", "W-CLOSE", titles[e.key], f"{e.bias.value:+.2f} ms off the table on average", "look at the maps in results/",
                    f"more than {NEAR_T2_MS:g} ms")
            for e in errors if e.key == T2.key and abs(e.bias.value) > NEAR_T2_MS]  # fmt: skip
    return tuple(out)


def _name(one: Pair, titles: dict[str, str]) -> str:
    return ("change of " if one.changes else "") + f"{titles[one.x]} with {titles[one.y]}"


_METHODS = (
    "Values measured in the simulated images were compared with those of the table that the images were painted from; the truth of T2 and "
    "T1 is what the same estimators give of the signal without noise.",
)  # fmt: skip
