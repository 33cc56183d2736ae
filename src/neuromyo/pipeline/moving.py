"""Motion in a task: measured once, remembered in the ledger, undone whenever the task's voxels are wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any, cast

import numpy as np

from neuromyo.core.biomarker import Biomarker
from neuromyo.core.errors import Finding, OptionError
from neuromyo.core.series import Series
from neuromyo.pipeline import code_version
from neuromyo.pipeline.plan import Task
from neuromyo.prep.scans import is_separate

MODES = ("correct", "measure", "off")


def checked(mode: str) -> str:
    """The mode itself, or E-OPTION."""
    if mode not in MODES:
        raise OptionError("E-OPTION", where="--motion", needed=f"one of {', '.join(MODES)}", found=mode,
                          remedy="leave it out to have motion between scans corrected")  # fmt: skip
    return mode


def may_concern(biomarker: Biomarker, series: Mapping[str, Series]) -> bool:
    """Whether motion can enter at all: several volumes or roles scanned one after another, or roles on other grids."""
    main = next(iter(series.values()))
    apart = [one for role, one in series.items() if is_separate(biomarker, role, one)]
    return sum(one.n for one in apart) > 1 or any(not one.grid.same_as(main.grid) for one in series.values())


def deciding(task: Task, mode: str) -> dict[str, Any]:
    """What of it enters the task's key: nothing where motion cannot enter the task."""
    if task.segments or not may_concern(cast(Biomarker, task.declaration), task.series):
        return {}
    code = code_version.source_hash("neuromyo.prep", "neuromyo.space")
    return {"motion": mode, "motion_code": code, "SimpleITK": metadata.version("SimpleITK")}


def undone(
    biomarker: Biomarker, series: Mapping[str, Series], mode: str, scratch: Path
) -> tuple[dict[str, Series], tuple[dict[str, Any], ...], tuple[Finding, ...]]:
    """(series with motion undone as ``mode`` says, every scan's motion for the record, findings)."""
    if not may_concern(biomarker, series):
        return dict(series), (), ()
    from neuromyo.prep import motion

    moved, findings = motion.estimate(biomarker, series, cast(motion.Mode, mode))
    said = tuple(m.as_dict() for m in moved)
    return again(series, said, scratch), said, findings


def again(series: Mapping[str, Series], said: Sequence[Mapping[str, Any]], scratch: Path) -> dict[str, Series]:
    """The same correction from the record, to the same bits. New voxels are kept on ``scratch``, not in memory."""
    if not any(one["resampled"] for one in said):
        return dict(series)
    from neuromyo.prep import motion

    return motion.correct(series, [motion.Moved.from_dict(one) for one in said], _on(scratch))


def of_task(task: Task, said: Sequence[Mapping[str, Any]], scratch: Path) -> Task:
    """The task on its corrected series."""
    return replace(task, series=again(task.series, said, scratch))


def _on(scratch: Path):
    """Memory for an array in a file of its own."""

    def allocate(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        scratch.mkdir(parents=True, exist_ok=True)
        number = len(list(scratch.glob("moved-*.npy")))
        return np.lib.format.open_memmap(scratch / f"moved-{number:03d}.npy", mode="w+", dtype=dtype, shape=shape)

    return allocate
