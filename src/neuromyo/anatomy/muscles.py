"""Label volumes of anybody's in our vocabulary: canonical names, sides, groups and codes; indices stay as they are.

Groups are what totals are pooled over (the quadriceps from its four muscles), so a muscle gets the group of the vocabulary unless its
table says another. Groups of groups, which no label volume lists, come along in `Labels.above`. What is not in the vocabulary keeps
its name, and is told.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import pairwise

from neuromyo.anatomy import names
from neuromyo.anatomy.names import Name, find, of, parse
from neuromyo.core.errors import DataError, Finding, first_few
from neuromyo.core.labels import Labels, Region, Side
from neuromyo.space.sides import named_side

__all__ = ["Name", "find", "of", "parse", "resolve"]


def resolve(labels: Labels) -> tuple[Labels, tuple[Finding, ...]]:
    """The same volume with canonical names, and sides, parents and codes filled in where the table says nothing.

    returns : labels, whose indices and voxels are those given; findings: W-NAMES for names that are not in the vocabulary or that
        several labels share, N-GROUP for groups of which some muscles are not drawn

    E-SIDE where a name says another side than its column.
    """
    where = labels.source or "labels"
    regions = tuple(_resolved(one, labels.regions, where) for one in labels.regions)
    above = {name: parent for one in regions for name, parent in _chain(one)}
    known = replace(labels, regions=regions, above={**above, **labels.above})
    return known, (*_unknown(regions, where), *_shared(regions, where), *_incomplete(regions, where))


def _resolved(region: Region, others: tuple[Region, ...], where: str) -> Region:
    found, said = parse(region.name)
    if found is None:
        return replace(region, side=named_side(region, others), parent=_canonical(region.parent))
    if said != "none" and region.side in ("left", "right") and said != region.side:
        raise DataError("E-SIDE", where=f"{where}: label {region.index}", needed="one side",
                        found=f"the name {region.name!r} with side {region.side}",
                        remedy="correct the name or the side column of the label table")  # fmt: skip
    side: Side = region.side if region.side != "none" else _side(region, said, others)
    return replace(
        region, name=found.name, side=side, parent=_parent(found, region.parent), code=region.code or found.code
    )


def _side(region: Region, said: Side, others: tuple[Region, ...]) -> Side:
    """The vocabulary knows which letters are part of a name; a letter it leaves in doubt counts with its twin beside it."""
    return said if said != "none" or names.names().get(region.name) else named_side(region, others)


def _parent(found: Name, given: str) -> str:
    """The vocabulary's group, unless the table states one that is not merely a larger group of it."""
    stated = _canonical(given)
    return found.parent if not stated or stated in names.ancestors(found.name) else stated


def _canonical(word: str) -> str:
    found = find(word) if word else None
    return found.name if found else word


def _chain(region: Region) -> list[tuple[str, str]]:
    chain = (region.parent, *names.ancestors(region.parent)) if region.parent else ()
    return list(pairwise(chain))


def _unknown(regions: tuple[Region, ...], where: str) -> list[Finding]:
    strange = [r for r in regions if r.name not in names.names()]
    if not strange:
        return []
    told = [f"{r.index} ({r.name}{_meant(r.name)})" for r in strange]
    return [Finding("warn", "W-NAMES", where, f"not in the vocabulary: {first_few(told, 8)}",
                    "name them in the label table as docs/names.md does",
                    "they are measured under the names they have, and enter no group")]  # fmt: skip


def _meant(word: str) -> str:
    likely = names.likely_names(word, 1)
    return f", is {likely[0]} meant?" if likely else ""


def _shared(regions: tuple[Region, ...], where: str) -> list[Finding]:
    same: dict[tuple[str, str], list[int]] = defaultdict(list)
    for one in regions:
        same[one.name, one.side].append(one.index)
    return [
        Finding("warn", "W-NAMES", where, f"labels {', '.join(map(str, indices))} are all {name}{_on(side)}",
                "give each a name of its own if they are different muscles", "they are measured as one region")
        for (name, side), indices in same.items() if len(indices) > 1
    ]  # fmt: skip


def _incomplete(regions: tuple[Region, ...], where: str) -> list[Finding]:
    """Groups of muscles that are pooled from some of their muscles."""
    drawn: dict[Side, set[str]] = defaultdict(set)
    for one in regions:
        drawn[one.side] |= {one.name, *names.ancestors(one.name)}
    told = []
    for side, present in drawn.items():
        for name in sorted(present & {r.parent for r in regions}):
            if name not in names.names() or names.of(name).kind not in ("group", "muscle"):
                continue
            lacking = [m for m in names.members(name) if m not in present]
            itself = any(r.name == name and r.side == side for r in regions)
            if lacking and not itself:
                told.append(f"{name}{_on(side)} without {', '.join(lacking)}")
    if not told:
        return []
    return [Finding("note", "N-GROUP", where, f"groups with muscles that are not drawn: {'; '.join(told)}",
                    consequence="their totals are of the muscles that are drawn")]  # fmt: skip


def _on(side: str) -> str:
    return f" ({side})" if side in ("left", "right") else ""
