"""The list of everything a point of the phantom can belong to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from neuromyo.core.errors import OptionError
from neuromyo.core.labels import Region
from neuromyo.phantom import layout

LegSide = Literal["left", "right"]


@dataclass(frozen=True, slots=True)
class Leaf:
    """One kind of matter in one region of either leg: a nerve is a region of two leaves (fascicles, epineurium)."""

    region: str
    tissue: str
    parent: str = "leg"


def _leaves() -> tuple[Leaf, ...]:
    plain = (
        Leaf("skin", "skin"),
        Leaf("subcutaneous-fat", "subcutaneous-fat"),
        Leaf("fascia", "fascia"),
        Leaf("intermuscular-fat", "intermuscular-fat"),
    )
    muscles = tuple(Leaf(t.name, "muscle", "muscle") for t in layout.MUSCLES)
    bones = tuple(
        Leaf(f"{t.name}-{part}", tissue, f"bone-{part}")
        for t in layout.BONES
        for part, tissue in (("cortex", "cortex"), ("marrow", "marrow"))
    )
    others = (Leaf("knee-joint", "cartilage"), *(Leaf(t.name, "tendon", "tendon") for t in layout.TENDONS))
    vessels = tuple(Leaf(t.name, t.parent, "vessel") for t in layout.VESSELS)
    nerves = tuple(Leaf(t.name, tissue, "nerve") for t in layout.NERVES for tissue in ("fascicle", "epineurium"))
    return (*plain, *muscles, *bones, *others, *vessels, *nerves)


#: the leaves of one leg. A leaf's code is 1 + its place here for the right leg, as many more for the left; 0 is air.
LEAVES: tuple[Leaf, ...] = _leaves()
N_CODES = 1 + 2 * len(LEAVES)
PLACE: dict[tuple[str, str], int] = {(leaf.region, leaf.tissue): i for i, leaf in enumerate(LEAVES)}
MUSCLES: tuple[str, ...] = tuple(t.name for t in layout.MUSCLES)
#: muscle -> the groups it belongs to, nearest first
GROUPS: dict[str, tuple[str, ...]] = {}
for _tube in layout.MUSCLES:
    _chain, _step = [], _tube.parent
    while _step:
        _chain.append(_step)
        _step = layout.PARENTS.get(_step, "")
    GROUPS[_tube.name] = tuple(_chain)


def leaf_of(code: int) -> tuple[Leaf, LegSide]:
    """The leaf and the side of a code other than 0."""
    place = code - 1
    return (LEAVES[place], "right") if place < len(LEAVES) else (LEAVES[place - len(LEAVES)], "left")


def _regions() -> tuple[tuple[Region, ...], tuple[int, ...]]:
    regions: dict[tuple[str, str], Region] = {}
    index_of = [0]
    for code in range(1, N_CODES):
        leaf, side = leaf_of(code)
        new = Region(len(regions) + 1, leaf.region, side, leaf.parent)
        index_of.append(regions.setdefault((leaf.region, side), new).index)
    return tuple(regions.values()), tuple(index_of)


#: all regions of both legs, and leaf code -> region index
REGIONS, REGION_OF_CODE = _regions()


def check_selector(selector: str, where: str) -> str:
    """``selector`` itself, if it names muscles: ``all``, a side, a muscle, a group, ``side/muscle``, ``side/group``."""
    side, _, name = selector.rpartition("/")
    known = {*MUSCLES, *layout.PARENTS, "all", *(() if side else ("left", "right"))}
    if name not in known or side not in ("", "left", "right"):
        raise OptionError(
            "E-UNKNOWN",
            where=where,
            needed="all, left, right, a muscle, a muscle group, or side/muscle",
            found=repr(selector),
        )
    return selector


def selector_rank(selector: str, muscle: str, side: str) -> int:
    """How closely a selector fits a muscle of a side: 0 for not at all, larger for closer."""
    wanted_side, _, name = selector.rpartition("/")
    if name in ("left", "right"):
        wanted_side, name = name, "all"
    if wanted_side not in ("", side):
        return 0
    if name == muscle:
        closeness = 10
    elif name in GROUPS[muscle]:
        closeness = 8 - GROUPS[muscle].index(name)
    else:
        closeness = 1 if name == "all" else 0
    return 2 * closeness + (1 if wanted_side else 0) if closeness else 0
