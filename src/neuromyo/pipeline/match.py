"""Which series can serve a need, and if none can, what exactly is missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from neuromyo.core.biomarker import SeriesNeed
from neuromyo.core.series import Series

#: entities that tell acquisitions of one session apart; series that share them belong together
_KINDRED = ("acq", "run", "chunk", "dir", "ce", "rec")


def label(series: Series) -> str:
    """What a series is called in plans and step names: its entities and its kind, as a BIDS file name would say it."""
    parts = [f"{k}-{v}" for k, v in series.entities.items() if k not in ("sub", "ses", "part")]
    if series.part != "mag":
        parts.append(f"part-{series.part}")
    return "_".join([*parts, series.kind])


def shortcoming(need: SeriesNeed, series: Series) -> str:
    """Why a series of a kind that could serve does not; empty where it does."""
    return _shortcoming(need, series)[1]


def _shortcoming(need: SeriesNeed, series: Series) -> tuple[int, str]:
    """How far a series comes (the later its first shortcoming, the further), and that shortcoming."""
    if series.part != need.part:
        return 0, f"{series.name} holds part {series.part}, not {need.part}"
    for entity, value in need.entities:
        if series.entities.get(entity) != value:
            return 1, f"{series.name} lacks {entity}-{value}"
    for entity, value in need.entities_if_any:
        if series.entities.get(entity, value) != value:
            return 1, f"{series.name} has {entity}-{series.entities[entity]}, not {entity}-{value}"
    if series.n < need.min_volumes:
        volumes = f"{series.n} volume{'' if series.n == 1 else 's'}"
        return 2, f"{series.name} has {volumes} where {need.min_volumes} are needed"
    missing = [field for field in need.required if not series.acquisition.stated(field)]
    return 3, f"{series.name} does not state {', '.join(missing)}" if missing else ""


def serving(need: SeriesNeed, series: Iterable[Series]) -> tuple[Series, ...]:
    """The series that can serve, all of the best kind of which there is one."""
    able = [s for s in series if s.kind in need.kinds and not shortcoming(need, s)]
    for kind in need.kinds:
        found = tuple(s for s in able if s.kind == kind)
        if found:
            return found
    return ()


def missing(need: SeriesNeed, series: Iterable[Series]) -> str:
    """In words, why nothing serves the need: of the series of its kinds, what those lack that come nearest to serving."""
    complaints = [_shortcoming(need, s) for s in series if s.kind in need.kinds]
    furthest = max((far for far, said in complaints if said), default=0)
    said = dict.fromkeys(said for far, said in complaints if said and far == furthest)
    return "; ".join(said) or f"no {' or '.join(need.kinds)} series"


def nearest(main: Series, others: Sequence[Series]) -> Series:
    """Of several that serve, the one acquired most like ``main``; the first where that does not decide."""
    return max(
        others, key=lambda s: (sum(s.entities.get(e) == main.entities.get(e) for e in _KINDRED), -others.index(s))
    )
