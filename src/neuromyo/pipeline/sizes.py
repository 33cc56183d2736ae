"""How large regions are: muscles by areas and sides, nerves by their shape along them. Once a session, whatever the biomarkers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from neuromyo.core.errors import Finding
from neuromyo.core.labels import Labels
from neuromyo.core.maps import Maps
from neuromyo.core.measurements import Measurements
from neuromyo.core.nerve import TRACED
from neuromyo.measure.areas import FatMap
from neuromyo.measure.muscles import morphometry
from neuromyo.pipeline import nerves

#: what biomarkers call the fat fraction
_FAT = "FF"


def table(
    labels: Sequence[Labels], maps: Sequence[Maps], subject: str, session: str, fat: FatMap | None = None
) -> Measurements:
    """The rows of `measure` alone."""
    return measure(labels, maps, subject, session, fat)[0]


def measure(
    labels: Sequence[Labels], maps: Sequence[Maps], subject: str, session: str, fat: FatMap | None = None
) -> tuple[Measurements, tuple[Finding, ...]]:
    """Rows of every region of every label volume, and what is to be known about them. Nerves that the software followed are
    left out: `nerves.examine` measures them better.

    fat : what of a muscle cannot contract; the fat fraction among ``maps`` where not given
    """
    share = fat or _fat_of(maps)
    tables: list[Measurements] = []
    findings: list[Finding] = []
    for one in (one for one in labels if not one.source.startswith(TRACED)):
        sized, told = morphometry(_without_nerves(one), subject=subject, session=session, fat=share)
        rows, more = nerves.measure_drawn(one, maps)
        tables += [sized, Measurements.of({"subject": subject, "session": session, **row} for row in rows)]
        findings += [*told, *more]
    return Measurements.join(tables), tuple(findings)


def _fat_of(maps: Sequence[Maps]) -> FatMap | None:
    """The fat fraction of the first biomarker that gives one for its own sake, else of any."""
    giving = sorted((one for one in maps if _FAT in one.maps), key=lambda one: not one.biomarker.startswith("pdff"))
    return FatMap(giving[0][_FAT], giving[0].grid, f"fat fraction of {giving[0].biomarker}") if giving else None


def _without_nerves(labels: Labels) -> Labels:
    return replace(labels, regions=tuple(r for r in labels.regions if not nerves.is_nerve(r)))
