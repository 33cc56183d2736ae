"""People of a study at several visits, made for tests of change, and what its tables say."""

import math

import numpy as np

from neuromyo.core.cohort import Cohort, Participant, Variable

T2, CMAP = "T2/tibialis-anterior/right", "cmap.amplitude/tibialis-anterior/right"


def cohort(values, groups, days=None, visits=("m0", "m4", "m8"), units=None, ends=None, levels=None, more=None):
    """values : variable -> (n, V), NaN where missing; days : (n, V), a NaN day with no value at all is a visit that was not made."""
    names = list(values)
    n, V = next(iter(values.values())).shape
    visits = visits[:V]
    days = np.tile(np.arange(V) * 120.0, (n, 1)) if days is None else days
    came = np.any([np.isfinite(values[k]) for k in names], axis=0)
    labels = [f"{i + 1:02d}" for i in range(n)]
    at = [(i, k) for i in range(n) for k in range(V) if came[i, k]]
    people = {}
    for i, label in enumerate(labels):
        end, end_days = (ends or {}).get(i, ("", math.nan))
        people[label] = Participant(label, groups[i], end=end, end_days=end_days, more=(more or [{}] * n)[i])
    variables = tuple(
        Variable(k, (units or {}).get(k, "ms"), "clinical" if k == CMAP else "imaging", quantity=k.split("/")[0],
                 structure=[*k.split("/"), ""][1], level=(levels or {}).get(k, ""))
        for k in names
    )  # fmt: skip
    return Cohort(np.array([labels[i] for i, _ in at], dtype=object), np.array([visits[k] for _, k in at], dtype=object),
                  np.array([days[i, k] for i, k in at]), variables,
                  {name: np.array([values[name][i, k] for i, k in at]) for name in names}, visits, people)  # fmt: skip


GROUPS = ["als"] * 11 + ["control"] * 8


def two_visits(seed=1, gain=1.2):
    rng = np.random.default_rng(seed)
    first = rng.normal(33, 1.5, 19) + np.r_[np.full(11, 4.0), np.zeros(8)]
    return np.stack([first, first + rng.normal(0, 1, 19) + np.r_[np.full(11, gain), np.zeros(8)]], 1)


def row(table, **equal):
    names = [c.name for c in table.columns]
    found = [dict(zip(names, r, strict=True)) for r in table.rows]
    return next(r for r in found if all(r[k] == v for k, v in equal.items()))


def codes(analysis):
    return {f.code for f in analysis.findings}


def with_leavers(seed=6):
    rng = np.random.default_rng(seed)
    y = rng.multivariate_normal([34, 35, 36], [[4, 3.5, 3.2], [3.5, 4.2, 3.7], [3.2, 3.7, 4.6]], 19)
    y[11:] -= [0, 2, 4]
    y[2, 1:], y[7, 2], y[15, 1] = np.nan, np.nan, np.nan
    return y


def along_nerve(seed=9, n=(9, 8), gain=0.05):
    rng = np.random.default_rng(seed)
    names = [f"FA/tibial/{k}" for k in (40, 0, 120, 80, 160)]
    values = {}
    for name in names:
        first = rng.normal(0.5, 0.03, sum(n))
        drop = gain * (int(name.split("/")[-1]) >= 120) * (np.arange(sum(n)) < n[0])
        values[name] = np.stack([first, first - drop + rng.normal(0, 0.012, sum(n))], 1)
    return cohort(values, ["als"] * n[0] + ["control"] * n[1], levels={k: k.split("/")[-1] + " mm" for k in names},
                  units=dict.fromkeys(names, ""))  # fmt: skip
