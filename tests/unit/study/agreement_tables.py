"""Cohorts whose visits are readers, for tests of agreement."""

import numpy as np

from neuromyo.core.cohort import Cohort, Participant, Variable

NAME = "T2/tibialis-anterior/right"


def cohort(values, readers=("A", "B"), *, name=NAME, unit="ms", groups=None, more=None, extra=()):
    """values (people, readers); ``more``: further variables by name; ``extra``: people without any row."""
    values = np.asarray(values, dtype=float)
    n, k = values.shape
    labels = [f"{i:02d}" for i in range(1, n + 1)]
    columns = {name: values, **(more or {})}
    groups = groups or ["patient"] * n
    people = {p: Participant(p, g) for p, g in zip(labels, groups, strict=True)}
    people |= {p: Participant(p, "patient") for p in extra}
    return Cohort(
        np.repeat(labels, k).astype(object), np.array(list(readers) * n, dtype=object), np.full(n * k, np.nan),
        tuple(Variable(c, unit) for c in columns), {c: np.asarray(x, float).ravel() for c, x in columns.items()},
        tuple(readers), people,
    )  # fmt: skip


def read(seed=1, n=20, k=2, error=1.0, spread=4.0):
    """(n, k) readings of people who differ, by readers who err."""
    rng = np.random.default_rng(seed)
    return rng.normal(40, spread, n)[:, None] + rng.normal(0, error, (n, k))
