"""Left and right of a cohort: each by itself, one of them, the mean of both, or the worse one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, get_args

import numpy as np

from neuromyo.core.cohort import Cohort, Variable
from neuromyo.core.errors import Finding, OptionError, first_few

Sides = Literal["each", "mean", "left", "right", "worse"]
_BOTH = ("left", "right")


def take(cohort: Cohort, sides: str, worse: Mapping[str, str] | None = None) -> Cohort:
    """The cohort with its sided variables as asked; what has no side stays.

    worse : quantity (``T2``, ``cmap.amplitude``) -> ``high`` or ``low``, which of the two is worse. The worse side is chosen for each
        variable at the person's first visit that has both, and kept: chosen anew at each visit, it would fall back to the mean.
    """
    refuse_other(sides)
    if sides == "each":
        return cohort
    if sides in _BOTH:
        kept = [v for v in cohort.variables if v.side not in _BOTH or v.side == sides]
        return replace(cohort, variables=tuple(kept), values={v.name: cohort.values[v.name] for v in kept})
    return _joined(cohort, sides, worse or {})


def refuse_other(sides: str) -> None:
    """E-OPTION for a word that is none of `Sides`."""
    if sides not in get_args(Sides):
        raise OptionError(
            "E-OPTION",
            where="--sides",
            needed=f"one of {', '.join(get_args(Sides))}",
            found=sides,
            remedy="give one of them",
        )


def directions(text: Sequence[str]) -> dict[str, str]:
    """``T2=high,cmap.amplitude=low`` -> which is worse; E-OPTION for anything else."""
    out = {}
    for part in (p.strip() for word in text for p in word.split(",") if p.strip()):
        name, equals, which = part.partition("=")
        if not equals or which.strip() not in ("high", "low"):
            raise OptionError("E-OPTION", where="--worse", needed="QUANTITY=high or QUANTITY=low, such as T2=high", found=part,
                              remedy="say which is worse of each quantity")  # fmt: skip
        out[name.strip()] = which.strip()
    return out


def _joined(cohort: Cohort, how: str, worse: Mapping[str, str]) -> Cohort:
    variables: list[Variable] = []
    values: dict[str, np.ndarray] = {}
    lost: list[str] = []
    done: set[str] = set()
    for v in cohort.variables:
        if v.side not in _BOTH:
            variables.append(v)
            values[v.name] = cohort.values[v.name]
            continue
        name = _with_side(v, how)
        if name in done:
            continue
        done.add(name)
        left, right = (cohort.values.get(_with_side(v, side), np.full(len(cohort), np.nan)) for side in _BOTH)
        made = (left + right) / 2 if how == "mean" else _worse(cohort, left, right, _direction(v, worse))
        if np.any(np.isfinite(left) != np.isfinite(right)):
            lost.append(name)
        variables.append(replace(v, name=name, side=how))
        values[name] = made
    return replace(
        cohort, variables=tuple(variables), values=values, findings=(*cohort.findings, *_told(how, done, lost))
    )


def _told(how: str, made: set[str], lost: Sequence[str]) -> list[Finding]:
    if not made:
        return []
    said = {
        "mean": "the mean of left and right, where both are there",
        "worse": "the worse side, chosen at the first visit that has both",
    }
    found = [Finding("note", "N-STUDY", first_few(sorted(made)), f"{said[how]} (--sides {how})")]
    if lost:
        found.append(Finding("warn", "W-ABSENT", first_few(sorted(lost)), "some people have one side only; they have no value here",
                             "--sides each keeps what there is"))  # fmt: skip
    return found


def _worse(cohort: Cohort, left: np.ndarray, right: np.ndarray, which: str) -> np.ndarray:
    out = np.full(len(cohort), np.nan)
    rank = {v: i for i, v in enumerate(cohort.visits)}
    when = np.array([rank[v] for v in cohort.visit])
    both = np.isfinite(left) & np.isfinite(right)
    for who in dict.fromkeys(cohort.person):
        mine = cohort.person == who
        if not (mine & both).any():
            continue
        first = np.flatnonzero(mine & both)[np.argmin(when[mine & both])]
        is_left = left[first] > right[first] if which == "high" else left[first] < right[first]
        out[mine] = (left if is_left else right)[mine]
    return out


def _direction(v: Variable, worse: Mapping[str, str]) -> str:
    head = f"{v.measure}.{v.quantity}" if v.measure else v.quantity
    for name in (head, v.quantity):
        if name in worse:
            return worse[name]
    raise OptionError("E-OPTION", where="--sides worse", needed=f"which is worse of {head}, high or low", found="nothing said",
                      remedy=f"give --worse {head}=high or --worse {head}=low")  # fmt: skip


def _with_side(v: Variable, side: str) -> str:
    """The same variable's name with another side. The side stands behind quantity and structure."""
    parts = v.name.split("/")
    at = 2 if v.structure else 1
    return "/".join([*parts[:at], side, *parts[at + 1 :]])
