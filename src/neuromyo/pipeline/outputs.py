"""The files of one session: where they go, what their sidecars say, and what becomes of those an earlier run left."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neuromyo.core.biomarker import Biomarker
from neuromyo.core.labels import Labels
from neuromyo.core.maps import Maps
from neuromyo.core.measurements import Measurements
from neuromyo.pipeline.ledger import Ledger
from neuromyo.pipeline.plan import Task
from neuromyo.pipeline.prepare import Ready


def folder_of(label: str) -> str:
    """``sub-01_ses-2`` -> the name of its folder in the record; safe for labels that break every rule."""
    return re.sub(r"[^A-Za-z0-9_+-]", "-", label)[:120] or "-"


def write_maps(
    out: Path, task: Task, maps: Maps, ready: Ready, motion: Sequence[Mapping[str, Any]] = ()
) -> dict[str, str]:
    """A biomarker's maps with their sidecars; file relative to ``out`` -> SHA-256. ``motion``: what its scans moved."""
    from neuromyo.io import derivatives

    assert isinstance(task.declaration, Biomarker)
    return derivatives.write_maps(
        out,
        maps,
        subject=ready.subject,
        session=ready.session,
        declaration=task.declaration,
        inputs=_used(task, ready),
        extra_sidecar={
            "KnownMaps": {role: origin.said for role, origin in task.maps.items()},
            "CalibrationRegions": {role: origin.said for role, origin in task.regions.items()},
            "Without": list(task.without),
            **({"Motion": list(motion)} if motion else {}),
        },
    )


def write_labels(out: Path, task: Task, labels: Labels, ready: Ready) -> dict[str, str]:
    """A segmenter's label image with its table and sidecar; file relative to ``out`` -> SHA-256."""
    from neuromyo.io import derivatives

    return derivatives.write_labels(
        out,
        labels,
        subject=ready.subject,
        session=ready.session,
        desc=task.declaration.slug,
        entities=dict(task.main.entities),
        extra_sidecar={"Model": task.declaration.title, "InputHashes": _used(task, ready)},
    )


def _used(task: Task, ready: Ready) -> dict[str, str]:
    """The source files of a task, with their hashes."""
    known = [o.series for o in task.maps.values() if o.series is not None]
    files = sorted({name for s in [*task.series.values(), *known] for name in s.files})
    return {name: ready.inputs[name] for name in files if name in ready.inputs}


def write_table(out: Path, files: Any, measurements: Measurements) -> dict[str, str]:
    """``sub-X[/ses-Y]/sub-X[_ses-Y]_measurements.tsv`` with its data dictionary."""
    from neuromyo.io import table

    label = files.label
    path = out.joinpath(*label.split("_"), f"{label}_measurements.tsv")
    written = table.write_measurements(path, measurements)
    return {path.with_name(name).relative_to(out).as_posix(): digest for name, digest in written.items()}


def retire(ledger: Ledger, label: str, current: set[str], kept: Mapping[str, str]) -> tuple[str, ...]:
    """Moves what an earlier run with other options or inputs made, and this one does not, out of the results.

    Only files that the ledger names, still as it left them. No result is deleted: see `put_aside`.
    Returns their names.
    """
    moved = []
    for entry in list(ledger.entries()):
        moved += put_aside(ledger, label, {n: d for n, d in entry.outputs.items() if n not in kept})
        if entry.name not in current:
            ledger.forget(entry.name)
    for path in (ledger.out / "record" / label / "cache").glob("*"):
        if path.relative_to(ledger.out).as_posix() not in kept:
            path.unlink()
    return tuple(moved)


def put_aside(ledger: Ledger, label: str, files: Mapping[str, str]) -> list[str]:
    """Moves results (file -> the SHA-256 it had) to ``record/<session>/retired``, if unchanged; their names."""
    return [name for name, digest in files.items() if _move(ledger, label, name, digest)]


def _move(ledger: Ledger, label: str, relative: str, digest: str) -> bool:
    from neuromyo.io import store

    path = ledger.out / relative
    if not path.is_file() or path.is_symlink() or store.sha256(path) != digest:
        return False
    if relative.startswith("record/"):
        return False
    target = ledger.out / "record" / label / "retired" / relative
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(path, target)
    return True
