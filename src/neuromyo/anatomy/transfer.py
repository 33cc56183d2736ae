"""Individual muscles from labelled scans: between visits of one person, between people, between contrasts.

Each limb of the target is brought together with the same limb of each atlas (`space.between`: place along the stack, size within the
slice, then bent), the atlases' outlines are carried over and weighed against each other (`fusion`), and each label gets the Dice
coefficient that can be expected (`trust`). Sides come from the world and the labels' names; a right label is put on a right limb only.

*Assumes* axial stacks of limbs, atlas labels that lie on their image, the same part of the body. *Breaks* where the two lie along
another stretch of the limb by more than half a stack, where limbs are bent otherwise, and in muscle of which the image shows no outline.

*Cites* Iglesias & Sabuncu, Med Image Anal 2015;24:205, doi:10.1016/j.media.2015.06.012 (label transfer from several atlases);
and the references of `space.demons` and `fusion`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from neuromyo.anatomy import limbs, transfer_findings
from neuromyo.anatomy.fusion import Source, fuse
from neuromyo.anatomy.limbs import Limb
from neuromyo.anatomy.trust import Scene, Signs
from neuromyo.core.errors import DataError, Finding, OptionError
from neuromyo.core.image import Image
from neuromyo.core.labels import SIDES, Labels, Region, Side
from neuromyo.space import between
from neuromyo.space.sides import check_sides, with_sides

#: what begins now, and the share (0 to 1) of the work that is done
Heard = Callable[[str, float], None]


def unheard(text: str, share: float) -> None:
    """For whoever wants to hear nothing."""


#: from this share of what is refused, it is said that an atlas explains little
_MUCH = 0.75


@dataclass(frozen=True, slots=True)
class TransferOptions:
    """How labels are carried over.

    side : what a target of one limb shows; where ``none``, it is taken to be the atlas' side, and this is said
    mirror : atlases of the other side may be used in a mirror
    least_confidence : labels below it are warned of (W-TRANSFER)
    most_unexplained : share of the target's variance that the atlas leaves, above which it is refused (E-REGISTER)
    """

    side: Side = "none"
    mirror: bool = False
    least_confidence: float = 0.8
    most_unexplained: float = 0.3

    def __post_init__(self) -> None:
        if self.side not in SIDES:
            raise OptionError("E-OPTION", where="side", needed=f"one of {', '.join(SIDES)}", found=str(self.side),
                              remedy="give one of them")  # fmt: skip
        for name in ("least_confidence", "most_unexplained"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise OptionError("E-OPTION", where=name, needed="a number from 0 to 1", found=f"{getattr(self, name):g}",
                                  remedy="give a number from 0 to 1")  # fmt: skip


@dataclass(frozen=True, eq=False)
class Atlas:
    """A labelled scan: the image, labels on its grid, and what messages call it."""

    image: Image
    labels: Labels
    name: str


@dataclass(frozen=True, eq=False)
class Transferred:
    """Labels carried over.

    labels : on the target's grid, one index for each (name, side) of the atlases
    confidence : {index: expected Dice, 0 to 1}; signs : what it was read from
    probability : (x, y, z) float32, of the label chosen at each voxel (of none, where 0)
    agreement : {atlas: share of the target's variance explained, and mean Dice with the fused labels}
    """

    labels: Labels
    confidence: Mapping[int, float]
    probability: np.ndarray
    agreement: Mapping[str, Mapping[str, float]]
    signs: Mapping[int, Signs] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


def transfer(
    target: Image, atlases: Sequence[Atlas], options: TransferOptions = TransferOptions(), heard: Heard = unheard
) -> Transferred:
    """The atlases' labels on a target of the same part of the body. ``heard`` is told what begins, a limb and an atlas at a time.

    Raises E-OPTION (no atlas), E-GRID (labels and image of an atlas apart), E-SIDE (no atlas of the target's side), E-REGISTER (an
    atlas that does not belong to the target), E-NOSIGNAL. The bits depend on the images and their order alone.
    """
    if not atlases:
        raise OptionError("E-OPTION", where="atlases", needed="at least one labelled scan", found="none",
                          remedy="give an image with its labels")  # fmt: skip
    prepared = [_checked(a) for a in atlases]
    table = _Table.of(prepared)
    run = _Run(target, table, options)
    cut = limbs.cut(target, options.side)
    for i, limb in enumerate(cut):
        run.carry(limb, prepared, lambda text, share, i=i: heard(text, (i + share) / len(cut)))
    return run.result(prepared)


def _checked(atlas: Atlas) -> Atlas:
    if not atlas.labels.grid.same_as(atlas.image.grid):
        raise DataError("E-GRID", where=f"atlas {atlas.name}", needed="labels on the grid of their image",
                        found=f"{atlas.labels.volume.shape} against {atlas.image.values.shape}, or placed elsewhere",
                        remedy="resample the labels onto the image, or give the image on which they were drawn")  # fmt: skip
    if not (atlas.labels.volume > 0).any():
        raise DataError("E-EMPTYROI", where=f"atlas {atlas.name}", needed="labels to carry over", found="none",
                        remedy="check the label image")  # fmt: skip
    labels = with_sides(replace(atlas.labels, grid=atlas.image.grid))
    check_sides(labels, where=f"atlas {atlas.name}")
    return replace(atlas, labels=labels)


@dataclass(frozen=True, eq=False)
class _Table:
    """One index for each name and side, over all atlases and their mirror images."""

    index: dict[tuple[str, str], int]
    regions: dict[int, Region]

    @staticmethod
    def of(atlases: Sequence[Atlas]) -> _Table:
        table = _Table({}, {})
        for region in (r for atlas in atlases for r in atlas.labels.regions):
            table.of_region(region)
        return table

    def of_region(self, region: Region) -> int:
        key = (region.name, region.side)
        if key not in self.index:
            free = region.index if region.index not in self.regions else max(self.regions) + 1
            self.index[key], self.regions[free] = free, replace(region, index=free)
        return self.index[key]


class _Run:
    """The target's volumes, filled limb by limb."""

    def __init__(self, target: Image, table: _Table, options: TransferOptions) -> None:
        self.target, self.table, self.options = target, table, options
        self.volume = np.zeros(target.grid.shape, np.int32)
        self.chance = np.zeros(target.grid.shape, np.float32)
        self.signs: dict[int, Signs] = {}
        self.agreement: dict[str, dict[str, float]] = {}
        self.findings: list[Finding] = []
        self.n_carried = 0

    def carry(self, limb: Limb, atlases: Sequence[Atlas], heard: Heard) -> None:
        """Labels of all atlases that have this limb onto it."""
        sources: list[Source] = []
        which = f"the {limb.side} limb of {self.target.name}" if limb.side != "none" else self.target.name
        for i, atlas in enumerate(atlases):
            heard(f"bringing {atlas.name} onto {which}", i / len(atlases))
            if (source := self._source(limb, atlas)) is not None:
                sources.append(source)
        if not sources:
            self.findings.append(transfer_findings.no_atlas(self.target.name, limb.side))
            return
        self.n_carried += 1
        labels = sorted({k for s in sources for k in s.outlines})
        volume, each = np.zeros(limb.grid.shape, np.int32), np.zeros((len(sources), *limb.grid.shape), np.int32)
        chance, seen = np.zeros(limb.grid.shape, np.float32), np.zeros(limb.grid.shape, bool)
        for plane in fuse(sources, labels, limb.grid):
            at = tuple(plane.k if a == limb.grid.slice_axis else slice(None) for a in range(3))
            volume[at], chance[at], seen[at], each[(slice(None), *at)] = (
                plane.label,
                plane.chance,
                plane.seen,
                plane.each,
            )
        volume[~limb.mask], chance[~limb.mask] = 0, 0.0
        self.volume[limb.where] = np.where(limb.mask, volume, self.volume[limb.where])
        self.chance[limb.where] = np.where(limb.mask, chance, self.chance[limb.where])
        scene = Scene(volume, each, limb.grid, sources)
        self.signs |= {k: s for k in labels if (s := scene.signs(k)) is not None}
        self._agree(limb, sources, volume, each)
        regions = [self.table.regions[k] for k in labels]
        self.findings += transfer_findings.cuts(self.target.name, regions, volume, seen, limb, sources)

    def _source(self, limb: Limb, atlas: Atlas) -> Source | None:
        """An atlas brought onto a limb, in a mirror where that is needed and allowed; None where it has no such limb."""
        for mirror in (False, True) if self.options.mirror else (False,):
            image, labels = limbs.mirrored(atlas.image, atlas.labels) if mirror else (atlas.image, atlas.labels)
            same = _partner(limb, image, labels, atlas.name)
            if same is None:
                continue
            own, side = same
            if mirror:
                self.findings.append(transfer_findings.in_mirror(atlas.name, limb.side))
            elif limb.side == "none" and side != "none":
                self.findings.append(transfer_findings.by_name(self.target.name, side))
            met = between.meet(limb.values, limb.grid, own.values, own.grid)
            most = self.options.most_unexplained
            transfer_findings.require_belonging(met, self.target.name, atlas.name, most)
            if met.unexplained > _MUCH * most:
                self.findings.append(transfer_findings.much_unexplained(self.target.name, atlas.name, met.unexplained))
            masks = limbs.own_masks(labels, own)
            table = {r.index: self.table.of_region(r) for r in labels.regions if r.index in masks}
            return Source.of(atlas.name, own.grid, {table[k]: m for k, m in masks.items()}, met)
        return None

    def _agree(self, limb: Limb, sources: Sequence[Source], volume: np.ndarray, each: np.ndarray) -> None:
        for source, own in zip(sources, each, strict=True):
            shared = [
                2.0 * ((own == k) & (volume == k)).sum() / max(1, (own == k).sum() + (volume == k).sum())
                for k in source.outlines
            ]
            suffix = "" if limb.side == "none" else f"_{limb.side}"
            self.agreement.setdefault(source.name, {}).update(
                {f"explained{suffix}": 1.0 - source.met.unexplained, f"dice_with_all{suffix}": float(np.mean(shared)),
                 f"shift_along_mm{suffix}": source.met.shift_mm}
            )  # fmt: skip

    def result(self, atlases: Sequence[Atlas]) -> Transferred:
        if not self.n_carried:
            raise transfer_findings.no_side(self.target.name, atlases, self.options.mirror)
        present = [r for k, r in sorted(self.table.regions.items()) if (self.volume == k).any()]
        kind = np.uint8 if max(self.table.regions) < 256 else np.uint16
        labels = Labels(
            self.volume.astype(kind),
            self.target.grid,
            tuple(present),
            "transfer of " + ", ".join(a.name for a in atlases),
        )
        check_sides(labels, where=self.target.name)
        confidence = {r.index: round(self.signs[r.index].confidence, 4) for r in present if r.index in self.signs}
        self.findings += transfer_findings.doubts(self.target.name, present, confidence, self.options.least_confidence)
        found = tuple(dict.fromkeys(self.findings))
        return Transferred(labels, confidence, self.chance, self.agreement, dict(self.signs), found)


def _partner(limb: Limb, image: Image, labels: Labels, name: str) -> tuple[Limb, Side] | None:
    """The atlas' limb of the same side as the target's, and the side its labels state."""
    found = []
    for own in limbs.cut(image):
        side = own.side if own.side != "none" else limbs.labelled_side(labels, own)
        if limbs.own_masks(labels, own):
            found.append((own, side))
    if limb.side in ("left", "right"):
        found = [f for f in found if f[1] in (limb.side, "none", "midline")]
    if len(found) > 1:
        raise DataError("E-SIDE", where=f"atlas {name}", needed="to know which leg the target shows, since the atlas has both",
                        found="a target of one leg", remedy="state the target's side (--side left or right)")  # fmt: skip
    return found[0] if found else None
