"""Joining what was measured along a limb: nerve, its motor response, muscle and strength, by innervation and side.

A variable belongs to a stage by what it is of: a quantity of a nerve, a motor response (CMAP, MUNIX, MUNE), a quantity of a muscle, the
strength of a movement. The two sides of a person are two limbs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

import numpy as np

from neuromyo.core.cohort import Cohort, Variable
from neuromyo.study import innervation

Stage = Literal["nerve", "response", "muscle", "strength"]
#: in the order in which one is taken to act on the next
STAGES: tuple[Stage, ...] = ("nerve", "response", "muscle", "strength")
#: what enters unless variables are named, the most used first
NERVE_QUANTITIES = ("CSA", "T2", "MTR", "FA", "MD", "RD", "AD", "T1", "PD", "MTsat", "FF")
MUSCLE_QUANTITIES = ("T2", "FF", "volume", "contractile_volume", "CSA", "contractile_CSA", "T1", "MTR", "FA", "MD")
RESPONSES = ("cmap.amplitude", "munix.munix", "mune.mune", "cmap.area")
STRENGTHS = ("mvic.force", "mvic.torque", "mvic.percent_predicted", "mrc.grade", "grip.force")
_STATISTICS = ("", "mean", "volume")


@dataclass(frozen=True, eq=False)
class Marker:
    """One thing measured of a limb, the same on both sides.

    name : the variable's without the side ; structure : nerve, muscle or movement in the words of the vocabulary
    nerve : of a response, the nerve stimulated, or "" ; sides : side -> name of the variable ("" for one without a side)
    said : what it is, for a sentence, without the side
    """

    name: str
    unit: str
    stage: Stage
    structure: str
    nerve: str
    sides: Mapping[str, str]
    rank: int
    said: str = ""

    @property
    def title(self) -> str:
        return f"{self.name} ({self.unit})" if self.unit else self.name

    @property
    def label(self) -> str:
        """What it is with its unit, for a drawing."""
        return f"{self.said} ({self.unit})" if self.unit else self.said


@dataclass(frozen=True, eq=False)
class Route:
    """One anatomical chain with the markers of each of its stages (those without any left out)."""

    nerve: str
    muscle: str
    movement: str
    stages: Mapping[Stage, tuple[Marker, ...]]
    by_nerve: bool = False

    @property
    def title(self) -> str:
        parts = (self.nerve, self.muscle, self.movement)
        return " → ".join(p.replace("-", " ").replace("_", " ") for p in parts if p)

    @property
    def id(self) -> str:
        return "-".join(p.replace("_", "-") for p in (self.nerve, self.muscle, self.movement) if p)

    def links(self) -> list[tuple[Marker, Marker, bool]]:
        """(from, to, whether their stages are neighbours here), forwards."""
        there = list(self.stages)
        return [(a, b, j == i + 1) for i, one in enumerate(there) for j in range(i + 1, len(there))
                for a, b in product(self.stages[one], self.stages[there[j]])]  # fmt: skip

    def models(self) -> list[tuple[Marker, ...]]:
        """One marker of each stage, in all ways, the most used first."""
        ways = [tuple(w) for w in product(*self.stages.values())]
        return sorted(ways, key=lambda way: sum(m.rank for m in way))


@dataclass(frozen=True, eq=False)
class Limbs:
    """A row a limb of a person: (n,) person and side; marker's name -> (n,) values; covariates (n, k)."""

    person: np.ndarray
    side: np.ndarray
    values: Mapping[str, np.ndarray]
    given: np.ndarray

    def complete(self, markers: Sequence[Marker]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(person (m,), values (m, markers), covariates (m, k)) of the limbs that have all of them; (m, 0) covariates without any."""
        table = np.column_stack([self.values[m.name] for m in markers])
        keep = np.isfinite(table).all(axis=1) & np.isfinite(self.given).all(axis=1)
        return self.person[keep], table[keep], self.given[keep]


def markers(variables: Iterable[Variable], named: Sequence[str] = ()) -> tuple[Marker, ...]:
    """The markers among variables. Those ``named`` whatever they are of a nerve or muscle; without any, the usual quantities of whole
    nerves and muscles."""
    found: dict[str, Marker] = {}
    for variable in variables:
        if named and variable.name not in named:
            continue
        one = _marker(variable, bool(named))
        if one is not None:
            before = found[one.name].sides if one.name in found else {}
            found[one.name] = replace(one, sides={**before, **one.sides})
    return tuple(found.values())


def routes(found: Sequence[Marker], nerve: str = "", muscle: str = "", movement: str = "") -> tuple[Route, ...]:
    """The chains that the markers allow, of at least two stages; of one nerve, muscle or movement where given."""
    nerves = _of(found, "nerve") if not nerve else [n for n in _of(found, "nerve") if n == nerve]
    moved = _of(found, "strength") if not movement else [m for m in _of(found, "strength") if m == movement]
    out = []
    for one in _of(found, "muscle") or _of(found, "response"):
        if innervation.structures()[one].kind != "muscle" or (muscle and one != muscle):
            continue
        if (nerve and not innervation.supplies(nerve, one)) or (movement and not innervation.moves(one, movement)):
            continue
        above = [n for n in nerves if innervation.supplies(n, one)]
        makes = [m for m in moved if innervation.moves(one, m)]
        ways = product(above or [""], makes or [""])
        out += [route for n, m in ways if (route := _route(found, n, one, m)) is not None]
    return tuple(out)


def limbs(cohort: Cohort, found: Sequence[Marker], given: np.ndarray, side: str) -> Limbs:
    """The limbs of a cohort of one visit. side : ``both`` (a limb a row), ``left``, ``right``, or ``mean``: a row a person, each marker
    the mean of the sides measured. A marker without a side is every limb's. given : (n, k) covariates of the cohort's rows."""
    sides = sorted({s for m in found for s in m.sides if s}) or [""]
    if side in ("left", "right"):
        sides = [side]
    columns = {m.name: np.stack([_side(cohort, m, s) for s in sides]) for m in found}
    if side == "mean":
        return Limbs(
            cohort.person, np.full(len(cohort), "mean", dtype=object), {k: _mean(v) for k, v in columns.items()}, given
        )
    return Limbs(np.tile(cohort.person, len(sides)), np.repeat(np.array(sides, dtype=object), len(cohort)),
                 {k: v.ravel() for k, v in columns.items()}, np.tile(given, (len(sides), 1)))  # fmt: skip


def _side(cohort: Cohort, marker: Marker, side: str) -> np.ndarray:
    name = marker.sides.get(side, marker.sides.get(""))
    return np.full(len(cohort), np.nan) if name is None else cohort.values[name]


def _mean(values: np.ndarray) -> np.ndarray:
    """(sides, n) -> (n,) mean of those there are."""
    there = np.isfinite(values)
    total = np.where(there, values, 0.0).sum(axis=0)
    return np.divide(total, there.sum(axis=0), out=np.full(values.shape[1], np.nan), where=there.any(axis=0))


def _marker(variable: Variable, named: bool) -> Marker | None:
    placed = _clinical(variable, named) if variable.measure else _imaging(variable, named)
    if placed is None:
        return None
    stage, structure, nerve, rank = placed
    side = variable.side if variable.side in ("left", "right") else ""
    name = "/".join(p for p in variable.name.split("/") if p != side) if side else variable.name
    return Marker(
        name,
        variable.unit,
        stage,
        structure,
        nerve,
        {side: variable.name},
        rank,
        replace(variable, name=name, side="").said,
    )


def _imaging(v: Variable, named: bool) -> tuple[Stage, str, str, int] | None:
    one = innervation.structures().get(v.structure)
    if one is None:
        return None
    usual = NERVE_QUANTITIES if one.kind == "nerve" else MUSCLE_QUANTITIES
    if not named and (v.quantity not in usual or v.level or v.statistic not in _STATISTICS):
        return None
    rank = usual.index(v.quantity) if v.quantity in usual else len(usual)
    return ("nerve" if one.kind == "nerve" else "muscle"), one.name, "", rank


def _clinical(v: Variable, named: bool) -> tuple[Stage, str, str, int] | None:
    what, words = f"{v.measure}.{v.quantity}", dict(v.keys)
    if what in STRENGTHS or (named and v.measure in ("mvic", "mrc", "grip")):
        word = "finger_flexion" if v.measure == "grip" else words.get("movement", v.structure)
        movement = innervation.find(word, "movement")
        return None if movement is None else ("strength", movement, "", _rank(what, STRENGTHS))
    if what in RESPONSES or (named and v.measure in ("cmap", "munix", "mune")):
        muscle = innervation.find(words.get("muscle", v.structure), "muscle")
        nerve = innervation.find(words.get("nerve", v.structure), "nerve") or ""
        return None if not (muscle or nerve) else ("response", muscle or nerve, nerve, _rank(what, RESPONSES))
    return None


def _rank(what: str, usual: Sequence[str]) -> int:
    return usual.index(what) if what in usual else len(usual)


def _of(found: Sequence[Marker], stage: Stage) -> list[str]:
    return list(dict.fromkeys(m.structure for m in found if m.stage == stage))


def _route(found: Sequence[Marker], nerve: str, muscle: str, movement: str) -> Route | None:
    """A chain through one muscle. Its response is recorded from that muscle, or, where nobody did, from another of its nerve."""
    own = [m for m in found if m.stage == "response" and _recorded_from(m, muscle)]
    near = [m for m in found if m.stage == "response" and _of_its_nerve(m, muscle)] if not own else []
    stages: dict[Stage, list[Marker]] = {
        "nerve": [m for m in found if m.stage == "nerve" and m.structure == nerve],
        "response": own or near,
        "muscle": [m for m in found if m.stage == "muscle" and m.structure == muscle],
        "strength": [m for m in found if m.stage == "strength" and m.structure == movement],
    }
    kept: dict[Stage, tuple[Marker, ...]] = {
        s: tuple(sorted(ms, key=lambda m: m.rank)) for s, ms in stages.items() if ms
    }
    return Route(nerve, muscle, movement, kept, bool(near)) if len(kept) > 1 else None


def _recorded_from(marker: Marker, muscle: str) -> bool:
    return innervation.structures()[marker.structure].kind == "muscle" and innervation.same(marker.structure, muscle)


def _of_its_nerve(marker: Marker, muscle: str) -> bool:
    if marker.nerve:
        return innervation.supplies(marker.nerve, muscle)
    return innervation.share_a_nerve(marker.structure, muscle)
