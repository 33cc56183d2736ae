"""Drawings of agreement on numbers."""

from __future__ import annotations

import numpy as np

from neuromyo.core.analysis import Agreement, Dots, Mean
from neuromyo.stats.intervals import Interval, mean_interval
from neuromyo.study.agree_care import TELL
from neuromyo.study.agree_judgement import Asked, Judgement, Pair
from neuromyo.study.said import capital, listed, percent


def drawn(j: Judgement, pair: Pair, options: Asked, word: str) -> Agreement:
    """Differences (or ratios) of two readers against their means."""
    one, variable = (pair.limits.exponential() if options.log else pair.limits), j.read.variable
    d = np.exp(pair.d) if options.log else pair.d
    line, slope = None, pair.proportion.slope.value
    if pair.proportion.p < TELL and not options.log:
        x = np.array([pair.mean.min(), pair.mean.max()])
        line = (x, pair.proportion.intercept + slope * x)
    unit = f" ({variable.unit})" if variable.unit and not options.log else ""
    between = f"{pair.second} / {pair.first}" if options.log else f"{pair.second} − {pair.first}{unit}"
    return Agreement(
        f"agreement-{_kebab(variable.name)}-{_kebab(pair.first)}-{_kebab(pair.second)}",
        f"{capital(variable.said)}: {pair.second} against {pair.first}",
        pair.mean,
        d,
        _mean(one.bias, "mean ratio" if options.log else "mean difference"),
        _mean(one.lower, "lower limit"),
        _mean(one.upper, "upper limit"),
        f"{'geometric mean' if options.log else 'mean'} of both: {variable.axis}",
        between,
        line,
        j.read.people,
        f"n = {j.read.n} people, a dot each. Lines: mean {'ratio' if options.log else 'difference'} and 95 % limits of agreement "
        f"of the two {word}s, with their {percent(options.level)} confidence intervals (exact for normal differences).",
    )


def dots(j: Judgement, options: Asked) -> Dots:
    """The readings of each reader, a dot a person."""
    values = {r: j.read.values[:, i] for i, r in enumerate(j.read.readers)}
    means = {r: _mean(mean_interval(x, level=options.level), f"mean of {r}") for r, x in values.items()}
    return Dots(
        f"readings-{_kebab(j.read.variable.name)}",
        f"{capital(j.read.variable.said)}: readings by {listed(j.read.readers)}",
        values,
        means,
        j.read.variable.axis,
        f"n = {j.read.n} people, a dot each; mean with {percent(options.level)} confidence interval.",
    )


def _mean(one: Interval, label: str) -> Mean:
    return Mean(one.value, one.low, one.high, label)


def _kebab(word: str) -> str:
    return "-".join("".join(c if c.isalnum() else " " for c in word.lower()).split()) or "x"
