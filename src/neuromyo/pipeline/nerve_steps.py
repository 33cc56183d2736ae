"""Nerves as steps of a session: which to follow, on which images, and what is written of them.

Following comes before the fits, so that biomarkers are summarised in the nerve; measuring its shape and the profiles of the maps
along it comes after.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuromyo.core.errors import DataError, Finding
from neuromyo.core.image import Image
from neuromyo.core.labels import Labels, Side
from neuromyo.core.landmark import Landmark
from neuromyo.core.nerve import TRACED, Trace
from neuromyo.core.series import Series
from neuromyo.pipeline import code_version, keys, ledger, pictures, pointing
from neuromyo.pipeline.options import RunOptions

if TYPE_CHECKING:
    from neuromyo.pipeline.nerves import Examined

_ROOMS = ("anatomy", "nerve", "fascicles", "course", "space", "io", "pipeline", "phantom")


@dataclass(frozen=True)
class Wanted:
    """One nerve to follow. ``proposals``: nobody pointed at it, and it was asked for all the same."""

    name: str
    side: Side
    landmarks: tuple[Landmark, ...]
    proposals: bool

    @property
    def step(self) -> str:
        return f"trace {self.name} {self.side}"

    @property
    def desc(self) -> str:
        """What the files of this nerve are told from others by."""
        word = "" if self.side == "none" else self.side.capitalize()
        return f"trace{self.name.replace('-', '').capitalize()}{word}"


class Pictures:
    """The images of a session that nerves are followed on, read when first asked for."""

    def __init__(self, series: Sequence[Series]) -> None:
        self.series = tuple(series)

    @cached_property
    def images(self) -> tuple[Image, ...]:
        return pictures.of_session(self.series)


def wanted(
    options: RunOptions, subject: str, session: str, drawn: Sequence[Labels]
) -> tuple[tuple[Wanted, ...], tuple[DataError, ...]]:
    """Every nerve of a session that somebody pointed at, then those asked for by name at which nobody did, on each side in view;
    and what is wrong with rows that belong to none of them."""
    pointed = pointing.of_file(options.landmarks, subject, session)
    found = [
        Wanted(name, side, pointing.of_nerve(pointed, name, side), False) for name, side in pointing.nerves(pointed)
    ]
    for text in options.nerves:
        name, side = pointing.nerve_asked(text)
        for one in (side,) if side != "none" else _sides(drawn):
            if not any(w.name == name and (w.side == one or "none" in (w.side, one)) for w in found):
                found.append(Wanted(name, one, pointing.of_nerve(pointed, name, one), True))
    where = str(options.landmarks and options.landmarks.name)
    return tuple(found), pointing.unbegun(pointed, [(w.name, w.side) for w in found], where)


def _sides(drawn: Sequence[Labels]) -> tuple[Side, ...]:
    """The sides that are in view, as far as anybody drew them; ``none`` where nobody did."""
    seen = {r.side for one in drawn for r in one.regions} & {"left", "right"}
    return tuple(side for side in ("right", "left") if side in seen) or ("none",)


def key(one: Wanted, series: Sequence[Series], inputs: Mapping[str, str], done: Mapping[str, str]) -> str:
    """The step's key: the images, where people pointed, what was drawn before (for proposals), and the code that follows."""
    return ledger.key(
        step="trace",
        code=code(),
        versions=code_version.versions(),
        nerve=[one.name, one.side, one.proposals],
        landmarks=[[m.kind, m.name, m.side, list(m.xyz_mm)] for m in one.landmarks],
        series=[keys.of_series(s, inputs) for s in series],
        done=dict(done),
    )


def code() -> str:
    """The version of the code that measures nerves."""
    return code_version.of_rooms(*_ROOMS)


def write(out: Path, one: Wanted, trace: Trace, image: Image, ready: Any) -> dict[str, str]:
    """The nerve's label image with its table and sidecar; file -> SHA-256."""
    from neuromyo.io import derivatives

    main = next(s for s in ready.usable if Path(s.name).name == image.name)
    said = {
        "Model": "nerve followed from slice to slice", "TracedOn": image.name, "Proposed": trace.proposed, "Score": trace.score,
        "Landmarks": [{"kind": m.kind, "name": m.name, "side": m.side, "xyz_mm": list(m.xyz_mm)} for m in one.landmarks],
        "InputHashes": {name: ready.inputs[name] for name in main.files if name in ready.inputs},
    }  # fmt: skip
    return derivatives.write_labels(
        out, trace.labels(source=trace_source(one)), subject=ready.subject, session=ready.session, desc=one.desc,
        entities=dict(main.entities), extra_sidecar=said,
    )  # fmt: skip


def trace_source(one: Wanted) -> str:
    """Who drew the nerve, as the table's column ``region_source`` says it: two nerves are two drawings."""
    return f"{TRACED}{one.name}" if one.side == "none" else f"{TRACED}{one.name}-{one.side}"


def unfollowed(error: Any, step: str) -> Finding:
    """That a nerve could not be followed is a warning in a session: everything else is measured."""
    said = Finding.from_error(error)
    return replace(
        said, level="warn", code="W-NERVE", where=f"{step}: {said.where}", consequence="nothing of it is measured"
    )


def write_profile(out: Path, one: Wanted, found: Examined, ready: Any) -> dict[str, str]:
    """``.._desc-<nerve>_profile.tsv`` with its dictionary: everything that runs along the nerve; file -> SHA-256."""
    from neuromyo.io import store, table

    label = ready.label
    folder = Path(*label.split("_"), "anat")
    path = folder / f"{label}_desc-{one.desc}_profile.tsv"
    beside = path.with_suffix(".json")
    return {
        path.as_posix(): table.write_tsv(out / path, list(PROFILE), profile_rows(found)),
        beside.as_posix(): store.write_json(out / beside, {n: {"Description": d} for n, d in PROFILE.items()}),
    }


#: columns of the table of what runs along a nerve
PROFILE: Mapping[str, str] = {
    "nerve": "name of the nerve or branch",
    "side": "left, right, midline or none",
    "distance_mm": "distance along the nerve in mm, towards the foot, from the bony landmark (or the upper end of what was followed)",
    "quantity": "what runs along the nerve",
    "unit": "unit of value and spread",
    "value": "its value at this distance",
    "spread": "standard uncertainty of an area, standard deviation over the voxels of a map",
}


def profile_rows(found: Examined) -> Iterator[tuple[Any, ...]]:
    """The rows of that table."""
    for nerve, lines in found.lines.items():
        for line in lines:
            for d, v, s in zip(line.distance_mm, line.value, line.spread, strict=True):
                yield nerve, found.trace.side, float(d), line.title, line.unit, float(v), float(s)
