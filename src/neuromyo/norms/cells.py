r"""What a norm file keeps of people: sums over groups of similar age, out of which no single person can be computed.

For rows z = [1, x, y] (x covariates, y the transformed value) of the persons of a cell, by the number m of rows a person has
(one side or two), with s the sum of a person's rows:

    own_m = sum z z'          total_m = sum s s'          n_m persons

All variances that the engine asks for follow, the log SD being taken as constant within a cell, at its mean age a:

    Z' R^-1 Z = exp(-2 g a) sum_m (own_m - r/(1 + (m-1) r) total_m) / (1 - r)

Sums for a grid of weights that depend on each person's age would give people away: they are exponential sums with the ages
as exponents, and such sums can be solved for them (de Prony 1795). These cannot:

* x is that of bands (`banded`): 5 years, 5 cm, 5 kg. Who compares the sums of two quantities, one measured in a person fewer, finds bands.
* With all x known, the y of a cell's n people meet 1 + p linear and one quadratic equation: at least `SPARE` dimensions stay free, since
  a cell has n >= p + 2 + SPARE people.
* No one's leverage in a cell is above `MOST_LEVERAGE`: the linear equations fix nobody's y (a single woman among men would be).

Assumes: SD hardly changes within a cell. Breaks: with few people there is one cell, and no slope of the SD over age is learnt.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from neuromyo.core.norm import Body

#: dimensions in which the values of a cell stay unknown, even to who knows all else of its people
SPARE = 3
#: fewest people of a cell, and most cells of a site
FEWEST, MOST_CELLS = 5, 4
#: largest leverage of a person in a cell
MOST_LEVERAGE = 0.95
#: bands: years, metres, kilograms
AGE_BAND, HEIGHT_BAND, WEIGHT_BAND = 5.0, 0.05, 5.0
_DIGITS = 12


@dataclass(frozen=True, eq=False)
class Cell:
    """A group of people of similar age at one site. ``rows``, ``people``: (S,) rows a person, persons; own, total : (S, q, q)."""

    rows: tuple[int, ...]
    people: tuple[int, ...]
    own: np.ndarray
    total: np.ndarray

    @property
    def n(self) -> int:
        return sum(self.people)

    def mean(self, column: int) -> float:
        """Mean of a covariate over persons."""
        return float(sum(self.own[k, 0, column] / m for k, m in enumerate(self.rows)) / self.n)

    def weighted(self, age: int | None, g: float, r: float) -> tuple[np.ndarray, float]:
        """(q, q) Z' R^-1 Z and log |R| at a slope g of log SD and a correlation r; ``age``: column of age, None without."""
        at = 0.0 if age is None else self.mean(age)
        moments, log_det = np.zeros_like(self.own[0]), 0.0
        for k, (m, n) in enumerate(zip(self.rows, self.people, strict=True)):
            moments = moments + (self.own[k] - r / (1 + (m - 1) * r) * self.total[k]) / (1 - r)
            log_det += n * (2 * g * at * m + (m - 1) * math.log1p(-r) + math.log1p((m - 1) * r))
        return moments * math.exp(-2 * g * at), log_det


def banded(body: Body) -> Body:
    """The person by the middle of bands of age, height and weight."""
    return replace(body, age=_middle(body.age, AGE_BAND), height_m=_middle(body.height_m, HEIGHT_BAND),
                   weight_kg=_middle(body.weight_kg, WEIGHT_BAND))  # fmt: skip


def bearable(people: int) -> int:
    """How many covariates so few people of a site bear without giving a value away."""
    return max(0, people - 2 - SPARE)


def fewest(covariates: int) -> int:
    """How many people a cell has at least."""
    return max(FEWEST, covariates + 2 + SPARE)


def of_site(x: np.ndarray, y: np.ndarray, persons: Sequence[str], age: int | None) -> tuple[Cell, ...]:
    """The cells of one site's people: (n, 1 + p) design, (n,) values on the normal scale, whose rows they are; ``age``: column of age.

    Every person meets the rules above: call `exposed` first. The order of the rows changes no bit.
    """
    blocks = _blocks(np.column_stack([x, y]), persons, age)
    for count in range(min(MOST_CELLS, len(blocks) // fewest(x.shape[1] - 1)), 1, -1):
        parts = [[blocks[i] for i in part] for part in np.array_split(np.arange(len(blocks)), count)]
        if not any(_most_leverage(part) > MOST_LEVERAGE for part in parts):
            return tuple(_cell(part) for part in parts)
    return (_cell(blocks),)


def exposed(x: np.ndarray, persons: Sequence[str]) -> tuple[str, ...]:
    """Persons whose value the sums of the whole site would tell, worst first, as many as must be left out."""
    out: list[str] = []
    design = _of_persons(x, persons)
    while len(design) > 1:
        leverage = _leverage(np.array(list(design.values())))
        worst = int(leverage.argmax())
        if leverage[worst] <= MOST_LEVERAGE:
            break
        out.append(list(design)[worst])
        del design[out[-1]]
    return tuple(out)


def _middle(value: float | None, band: float) -> float | None:
    return None if value is None else round((math.floor(value / band + 1e-9) + 0.5) * band, 6)


def _of_persons(x: np.ndarray, persons: Sequence[str]) -> dict[str, np.ndarray]:
    """The mean of each person's rows: sides cancel."""
    rows: dict[str, list[np.ndarray]] = {}
    for person, row in zip(persons, x, strict=True):
        rows.setdefault(person, []).append(row)
    return {person: np.mean(rows[person], axis=0) for person in sorted(rows)}


def _leverage(x: np.ndarray) -> np.ndarray:
    """(n,) diagonal of the projection on the columns of x; columns that depend on others do not count twice."""
    u, size, _ = np.linalg.svd(x, full_matrices=False)
    return (u[:, size > 1e-9 * size.max()] ** 2).sum(axis=1)


def _blocks(z: np.ndarray, persons: Sequence[str], age: int | None) -> list[np.ndarray]:
    """(m, q) rows of each person, the youngest first; ties by the numbers alone."""
    rows: dict[str, list[tuple[float, ...]]] = {}
    for person, row in zip(persons, z.tolist(), strict=True):
        rows.setdefault(person, []).append(tuple(row))
    found = [np.array(sorted(block)) for block in rows.values()]
    return sorted(found, key=lambda b: (0.0 if age is None else b[0, age], len(b), b.tolist()))


def _most_leverage(blocks: Sequence[np.ndarray]) -> float:
    return float(_leverage(np.array([b[:, :-1].mean(axis=0) for b in blocks])).max())


def _cell(blocks: Sequence[np.ndarray]) -> Cell:
    sizes = sorted({len(b) for b in blocks})
    own, total = [], []
    for m in sizes:
        mine = np.array([b for b in blocks if len(b) == m])
        sums = mine.sum(axis=1)
        own.append(_rounded(np.einsum("nmi,nmj->ij", mine, mine)))
        total.append(_rounded(np.einsum("ni,nj->ij", sums, sums)))
    counts = tuple(sum(len(b) == m for b in blocks) for m in sizes)
    return Cell(tuple(sizes), counts, np.array(own), np.array(total))


def _rounded(sums: np.ndarray) -> np.ndarray:
    """Twelve digits: the last bits differ between machines, and files are compared by their hash."""
    return np.array([[float(f"{v:.{_DIGITS - 1}e}") for v in row] for row in 0.5 * (sums + sums.T)])
