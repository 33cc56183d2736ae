"""A small analysis that stands in for a real one, so that verbs and plans are tested apart from statistics."""

from __future__ import annotations

import importlib.machinery
import sys
import types
from dataclasses import dataclass

import numpy as np
import pytest

from neuromyo.core.analysis import Analysis, Dots, Mean, Table, columns
from neuromyo.core.cohort import Cohort
from neuromyo.core.errors import DataError
from neuromyo.core.options import option
from neuromyo.pipeline import studying

NAME = "fakery"


@dataclass(frozen=True)
class Options:
    """What there is to choose."""

    variables: tuple[str, ...] = option((), "which variables; all where none is named")
    reference: str = option("control", "the group of reference")
    level: float = option(0.95, "of the interval", low=0.5, high=0.999)
    cutoffs: tuple[float, ...] = option((1.5, 2.5), "cut-offs", unit="ms")
    seed: int = option(1427, "of what is random", low=0)
    log: bool = option(False, "take logarithms")


def analyse(cohort: Cohort, options: Options = Options()) -> Analysis:
    """Means of each group and variable."""
    names = options.variables or tuple(v.name for v in cohort.variables)
    groups = sorted(set(cohort.groups))
    if options.reference not in groups:
        raise DataError(
            "E-STUDY",
            where="group",
            needed=f"people of the group {options.reference}",
            found="none",
            remedy="see --reference",
        )
    rows = []
    for name in names:
        for group in groups:
            x = cohort.values[name][cohort.groups == group]
            rows.append((name, cohort.variable(name).unit, group, int(np.isfinite(x).sum()), float(np.nanmean(x))))
    table = Table(
        "means",
        "Means",
        columns(
            ("variable", "variable"),
            ("unit", "its unit"),
            ("group", "group"),
            ("n", "numbers", "", "count"),
            ("mean", "mean of the group"),
        ),
        tuple(rows),
    )
    figure = Dots("dots", "Values", {g: cohort.values[names[0]][cohort.groups == g] for g in groups},
                  {g: Mean(1.0, 0.5, 1.5) for g in groups}, names[0])  # fmt: skip
    first = rows[0]
    return Analysis(
        NAME,
        "A small analysis",
        (f"{first[0]}: {first[4]:.3f} {first[1]} in {first[2]} (n = {first[3]}).",),
        (table,),
        (figure,),
        ("Means were taken.",),
    )


@pytest.fixture
def fakery(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The analysis above, as `neuromyo study fakery`."""
    module = types.ModuleType(f"neuromyo.study.{NAME}")
    module.__doc__ = "Means of each group.\n\nNothing else."
    module.__spec__ = importlib.machinery.ModuleSpec(module.__name__, None)
    module.__dict__.update(TITLE="A small analysis", Options=Options, analyse=analyse)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(studying, "KINDS", (*studying.KINDS, NAME))
    return module
