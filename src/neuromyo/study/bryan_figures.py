"""Drawings of the analysis of 1998."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from neuromyo.core.analysis import Dots, Figure, Forest, Mean, Scatter
from neuromyo.stats.linear import least_squares
from neuromyo.study.bryan_numbers import FEWEST, Pair
from neuromyo.study.said import capital, r_ends, r_number

if TYPE_CHECKING:
    from neuromyo.study.bryan_said import Told

_ALONG = 40
_DRAWN = (("t2", "cmap", False), ("t2", "mvic", False), ("t2", "cmap", True), ("volume", "mvic", False))


def figures(told: Told) -> tuple[Figure, ...]:
    """What a reader looks for first: T2 by group, the paper's correlations, what global T2 is made of; then the rest."""
    pairs = [told.pair(*key) for key in _DRAWN]
    dots = [_dots(told, key) for key in told.groups]
    drawn = [_scatter(told, p) for p in pairs if p is not None]
    modern = [_modern(told, key) for key in ("water_t2", "fat") if key in told.found.of]
    forest = [_forest(told)] if told.pairs else []
    return (*dots[:1], *drawn, *(f for f in modern if len(f.x)), *dots[1:], *forest)


def _dots(told: Told, key: str) -> Dots:
    one, v = told.groups[key], told.values
    everybody = {"patients": v.first(key, True), "controls": v.first(key, False)}
    own = {name: x[np.isfinite(x)] for name, x in everybody.items()}
    means = {name: Mean(m.value, m.low, m.high) for name, m in zip(own, one.means, strict=True)}
    who = " and ".join(f"{len(x)} {name}" for name, x in own.items())
    return Dots(f"groups-{key.replace('_', '-')}", f"{capital(told.title(key))} at the first visit", own, means, _axis(told, key),
                f"{who}; bars are means with {100 * told.level:g} % confidence intervals.")  # fmt: skip


def _scatter(told: Told, one: Pair) -> Scatter:
    take = told.values.change if one.changes else told.values.first
    x, y = take(one.y, True), take(one.x, True)
    both = np.isfinite(x) & np.isfinite(y)
    labels = tuple(
        p
        for p, k in zip((p for p, i in zip(told.values.labels, told.values.ill, strict=True) if i), both, strict=True)
        if k
    )
    word = "change of " if one.changes else ""
    return Scatter(f"{one.x}-{one.y}{'-change' if one.changes else ''}".replace("_", "-"),
                   capital(f"{word}{told.title(one.x)} against {word}{told.title(one.y)}"), x[both], y[both],
                   capital(word + _axis(told, one.y)), capital(word + _axis(told, one.x)), ("patients",) * len(labels), labels,
                   _line(x[both], y[both], told.level),
                   f"{one.r.n} patients; r = {r_number(one.r.r)} ({r_ends(one.r.low, one.r.high)}). The line is by least squares, its band "
                   f"the {100 * told.level:g} % confidence interval of the mean.")  # fmt: skip


def _modern(told: Told, key: str) -> Scatter:
    v = told.values
    x, y = v.first(key), v.first("t2")
    both = np.isfinite(x) & np.isfinite(y)
    group = tuple("patients" if i else "controls" for i in v.ill[both])
    labels = tuple(p for p, k in zip(v.labels, both, strict=True) if k)
    return Scatter(f"global-t2-{key.replace('_', '-')}", f"Global T2 against {told.title(key)}", x[both], y[both],
                   capital(_axis(told, key)), capital(_axis(told, "t2")), group, labels, _line(x[both], y[both], told.level),
                   f"{int(both.sum())} people at the first visit.")  # fmt: skip


def _forest(told: Told) -> Forest:
    lines = tuple(Mean(p.r.r, p.r.low, p.r.high, ("change: " if p.changes else "") + f"{told.title(p.x)}, {told.title(p.y)}")
                  for p in told.pairs)  # fmt: skip
    return Forest("correlations", "Correlations in the patients", lines, "Pearson's r", 0.0,
                  f"{told.pairs[0].r.n} patients; bars are {100 * told.level:g} % confidence intervals by Fisher.")  # fmt: skip


def _line(x: np.ndarray, y: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None:
    """The straight line of y on x with its band; None where there is none."""
    if len(x) < FEWEST or not np.ptp(x) > 0:
        return None
    fit = least_squares(np.column_stack([np.ones(len(x)), x]), y)
    at = np.linspace(x.min(), x.max(), _ALONG)
    X = np.column_stack([np.ones(_ALONG), at])
    half = float(special.stdtrit(fit.df, 0.5 + level / 2)) * np.sqrt(np.einsum("ij,jk,ik->i", X, fit.covariance, X))
    middle = X @ fit.beta
    return at, middle, middle - half, middle + half


def _axis(told: Told, key: str) -> str:
    unit = told.unit(key)
    return f"{told.title(key)} ({unit})" if unit else told.title(key)
