r"""Reproducibility: how much of the scatter is between sites, between days of a site, between repeats of a day.

The nested random model x = mu + site + day(site) + repeat, estimated by equating the sums of squares of the analysis of variance
with their expectations (Henderson's method 1), unbalanced data included; components below zero are zero. Over several vials the mean
squares are averaged and the degrees of freedom are those of one vial, since a site's error is in all its vials.

The interval of the reproducibility standard deviation, sqrt(site + day + repeat), is that of Graybill and Wang (`sum_interval`).

*Breaks* with two sites: the interval is then honest and useless.

*Cites* Searle, Casella, McCulloch, Variance Components, 1992, doi:10.1002/9780470316856.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuromyo.stats.intervals import Interval, sum_interval


@dataclass(frozen=True, slots=True)
class Components:
    """Standard deviations by source, in the unit of the values; NaN where the design has no such level. ``reproducibility`` is
    that of one scan anywhere, ``rdc`` 1.96 sqrt(2) times it."""

    site: float
    day: float
    repeat: float
    reproducibility: Interval
    n_sites: int
    n_days: int

    @property
    def rdc(self) -> Interval:
        """Two scans at any two sites differ by less in 95 of 100 cases."""
        return self.reproducibility.scaled(1.96 * np.sqrt(2.0))


def components(values: np.ndarray, site: np.ndarray, day: np.ndarray) -> Components | None:
    """Of values (scans, vials); None where there are not two sites, or nothing is repeated in any of them."""
    tables = [_table(values[:, j], site, day) for j in range(values.shape[1])]
    tables = [t for t in tables if t is not None]
    if not tables:
        return None
    tables = [t for t in tables if t.levels == tables[0].levels]
    squares = np.mean([t.squares for t in tables], axis=0)
    df, coefficients = tables[0].df, np.mean([t.expected for t in tables], axis=0)
    solution = np.linalg.solve(coefficients, squares)
    parts = dict(zip(tables[0].levels, np.maximum(solution, 0.0), strict=True))
    total = float(sum(parts.values()))
    weights = np.linalg.solve(coefficients.T, np.ones(len(squares)))  # total = weights . mean squares
    terms = [(float(w * s), float(d)) for w, s, d in zip(weights, squares, df, strict=True) if w * s > 0]
    found = sum_interval(terms)
    found = Interval(float(np.sqrt(total)), found.low, found.high, found.df)
    sd = {name: float(np.sqrt(v)) for name, v in parts.items()}
    days = len({(s, d) for s, d in zip(site.tolist(), day.tolist(), strict=True)})
    return Components(sd["site"], sd.get("day", float("nan")), sd.get("repeat", float("nan")), found,
                      len(set(site.tolist())), days)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Table:
    levels: tuple[str, ...]
    squares: np.ndarray
    df: np.ndarray
    expected: np.ndarray


def _table(x: np.ndarray, site: np.ndarray, day: np.ndarray) -> _Table | None:
    """Mean squares of one vial, from the outermost level in; ``expected`` (levels, levels) are the components' coefficients."""
    known = np.isfinite(x)
    x, site, day = x[known], site[known], day[known]
    sites = np.unique(site)
    cells = [(s, x[(site == s) & (day == d)]) for s in sites for d in np.unique(day[site == s])]
    n, n_sites, n_cells = x.size, len(sites), len(cells)
    if n_sites < 2 or n == n_sites:
        return None
    by_site = [x[site == s] for s in sites]
    between = sum(v.size * (v.mean() - x.mean()) ** 2 for v in by_site)
    of_site = {s: v.mean() for s, v in zip(sites.tolist(), by_site, strict=True)}
    days = sum(v.size * (v.mean() - of_site[s]) ** 2 for s, v in cells)
    repeats = sum(((v - v.mean()) ** 2).sum() for _, v in cells)
    sizes = np.array([v.size for _, v in cells], float)
    whole = np.array([v.size for v in by_site], float)
    inner = sum(float((np.array([v.size for c, v in cells if c == s], float) ** 2).sum()) / w
                for s, w in zip(sites.tolist(), whole, strict=True))  # fmt: skip
    outer, all_ = float((sizes**2).sum()) / n, float((whole**2).sum()) / n
    rows = {
        "site": (between, n_sites - 1, {"site": n - all_, "day": inner - outer, "repeat": n_sites - 1}),
        "day": (days, n_cells - n_sites, {"day": n - inner, "repeat": n_cells - n_sites}),
        "repeat": (repeats, n - n_cells, {"repeat": n - n_cells}),
    }
    levels = tuple(name for name, (_, df, _) in rows.items() if df > 0)
    expected = np.array([[rows[a][2].get(b, 0.0) / rows[a][1] for b in levels] for a in levels])
    squares = np.array([rows[a][0] / rows[a][1] for a in levels])
    return _Table(levels, squares, np.array([rows[a][1] for a in levels], float), expected)
