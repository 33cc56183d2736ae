"""What is computed of a variable that several read: of all readers, and of each two of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Protocol

import numpy as np

from neuromyo.core.errors import DataError
from neuromyo.stats.bland_altman import Limits, Proportion, limits, limits_by_person, proportion
from neuromyo.stats.icc import FORMS, Form, icc
from neuromyo.stats.intervals import Interval
from neuromyo.stats.precision import Precision, precision
from neuromyo.study.agree_readings import Readings
from neuromyo.study.said import number, people


class Asked(Protocol):
    """The options that count here."""

    @property
    def form(self) -> str: ...
    @property
    def log(self) -> bool: ...
    @property
    def pool(self) -> bool: ...
    @property
    def level(self) -> float: ...


@dataclass(frozen=True, eq=False)
class Pair:
    """Two readers: differences (second less first; of logarithms where ``log``), their limits, and how they go with the value."""

    first: str
    second: str
    d: np.ndarray
    mean: np.ndarray
    limits: Limits
    proportion: Proportion


@dataclass(frozen=True, eq=False)
class Judgement:
    """All of one variable. ``icc`` by form, of logarithms where asked; ``why_no_icc`` says what is lacking."""

    read: Readings
    icc: dict[Form, Interval]
    why_no_icc: str
    precision: Precision
    pairs: tuple[Pair, ...]


def judgement(read: Readings, options: Asked) -> Judgement:
    """All of one variable."""
    values = _logs(read) if options.log else read.values
    forms: dict[Form, Interval] = {f: icc(values, f, options.level) for f in FORMS}
    pairs = tuple(_pair(read, values, i, j, options) for i, j in combinations(range(len(read.readers)), 2))
    return Judgement(read, forms, _why_no_icc(read), precision(read.values, options.level), pairs)


def _logs(read: Readings) -> np.ndarray:
    if (read.values > 0).all():
        return np.log(read.values)
    wrong = [
        f"sub-{p} {r} {number(x)}"
        for p, line in zip(read.people, read.values, strict=True)
        for r, x in zip(read.readers, line, strict=True)
        if not x > 0
    ]
    raise DataError(
        "E-STUDY",
        where=read.variable.name,
        needed="readings above 0, for ratios",
        found=", ".join(wrong),
        remedy="compare differences: leave out --log",
    )


def _pair(read: Readings, values: np.ndarray, i: int, j: int, options: Asked) -> Pair:
    first, second = values[:, i], values[:, j]
    mean = np.exp((first + second) / 2) if options.log else (first + second) / 2
    return Pair(
        read.readers[i],
        read.readers[j],
        second - first,
        mean,
        limits(second - first, options.level),
        proportion(first, second, options.level),
    )


def pooled(read: Sequence[Readings], options: Asked) -> tuple[Pair, ...]:
    """Each two readers on all variables together, with intervals that rest on people."""
    person = np.concatenate([np.array(r.people, dtype=object) for r in read]).astype(str)
    values = np.concatenate([_logs(r) if options.log else r.values for r in read])
    readers, out = read[0].readers, []
    for i, j in combinations(range(len(readers)), 2):
        d, mean = values[:, j] - values[:, i], (values[:, j] + values[:, i]) / 2
        out.append(
            Pair(
                readers[i],
                readers[j],
                d,
                np.exp(mean) if options.log else mean,
                limits_by_person(d, person, options.level),
                proportion(values[:, i], values[:, j], options.level),
            )
        )
    return tuple(out)


def _why_no_icc(read: Readings) -> str:
    if read.n < 3:
        return f"{people(read.n)} read: an ICC needs three to tell people apart"
    if np.ptp(read.values.mean(axis=1)) == 0:
        return "people do not differ at all in their mean reading: an ICC, a share of their variance, is not defined"
    if (read.values == read.values[:, :1]).all():
        return "all readings of a person are the same to the last digit: the ICC is 1, without an interval, if they are no copies"
    return ""
