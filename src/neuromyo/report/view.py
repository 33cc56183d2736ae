"""What a page is made of: the nouns of `neuromyo.core`, gathered for one session or for a cohort."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from neuromyo.core.biomarker import Biomarker
from neuromyo.core.errors import Finding
from neuromyo.core.grid import Grid
from neuromyo.core.image import Image
from neuromyo.core.labels import Labels
from neuromyo.core.maps import Maps
from neuromyo.core.measurements import Measurements
from neuromyo.core.nerve import Course, Trace
from neuromyo.core.norm import Envelope
from neuromyo.core.record import Record
from neuromyo.core.series import Series


@dataclass(frozen=True, slots=True)
class SeriesLine:
    """One series in the table of what was used. Texts are ready to read; "not stated" where the files are silent."""

    file: str
    kind: str
    volumes: int
    echo_times: str
    repetition_time: str
    voxel_size: str

    @staticmethod
    def of(series: Series) -> SeriesLine:
        """The line of a `Series`: times in ms, voxel size in mm from slice centre to slice centre."""
        acquisition = series.acquisition
        tr = acquisition.repetition_time
        return SeriesLine(
            file=_name_files(series),
            kind=series.kind if series.part == "mag" else f"{series.kind} ({series.part})",
            volumes=series.n,
            echo_times=_say_times(acquisition.echo_times),
            repetition_time="not stated" if tr is None else f"{tr * 1e3:g} ms",
            voxel_size=" × ".join(f"{s:.3g}" for s in series.grid.spacing_mm) + " mm",
        )


@dataclass(frozen=True, eq=False)
class Anatomy:
    """A grey image to lay the maps beside: ``image`` (x, y, z), real, any scale; ``title`` says which image it is."""

    image: np.ndarray
    grid: Grid
    title: str = "first echo"


@dataclass(frozen=True, slots=True)
class SampleFit:
    """One voxel's samples and the model through them.

    biomarker : id of the biomarker fitted
    region, side : where the voxel lies; ``voxel`` is its index in RAS+ array order
    x : where the samples were taken, in ``x_unit``; ``x_label`` is what that is (``echo time``)
    measured, model : signal at each x, in scanner units
    text : the fitted values in words, with units (``T2 33.1 ms``)
    """

    biomarker: str
    region: str
    voxel: tuple[int, int, int]
    x: tuple[float, ...]
    measured: tuple[float, ...]
    model: tuple[float, ...]
    text: str
    side: str = ""
    x_label: str = "echo time"
    x_unit: str = "ms"


@dataclass(frozen=True, eq=False)
class Line:
    """A quantity along a nerve: ``distance_mm`` (n,), ``value`` and ``spread`` (n,) in ``unit``; ``title`` says what it is."""

    title: str
    unit: str
    distance_mm: np.ndarray
    value: np.ndarray
    spread: np.ndarray


@dataclass(frozen=True, eq=False)
class NerveView:
    """One nerve, with its branches, as a page shows it.

    image : what it was followed on, on the trace's grid
    courses : of the nerve and its branches; rows : of the measurement table
    lines : quantities along it, by the name of the nerve or branch
    """

    trace: Trace
    image: Image
    courses: tuple[Course, ...] = ()
    rows: tuple[Mapping[str, Any], ...] = ()
    lines: Mapping[str, tuple[Line, ...]] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, eq=False)
class SessionView:
    """Everything that the page of one session shows.

    biomarkers : id -> declaration, for titles, captions, options and citations of all ``maps``
    anatomy : grey images; a map is laid over the one on its own grid
    plan_lines : the plan as it was printed before the run
    nerves : what was followed and measured along nerves
    envelopes : profiles along nerves against those of healthy people; norm_notes : what the norms are made from
    record : versions, input hashes, options, steps; its durations and its own findings are not shown
    """

    subject: str
    session: str
    record: Record
    findings: tuple[Finding, ...] = ()
    series: tuple[SeriesLine, ...] = ()
    plan_lines: tuple[str, ...] = ()
    maps: tuple[Maps, ...] = ()
    biomarkers: Mapping[str, Biomarker] = field(default_factory=dict)
    labels: tuple[Labels, ...] = ()
    measurements: Measurements = field(default_factory=lambda: Measurements.of(()))
    anatomy: tuple[Anatomy, ...] = ()
    samples: tuple[SampleFit, ...] = ()
    nerves: tuple[NerveView, ...] = ()
    envelopes: tuple[Envelope, ...] = ()
    norm_notes: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return f"sub-{self.subject}" + (f"_ses-{self.session}" if self.session else "")


@dataclass(frozen=True, slots=True)
class SessionLine:
    """One session in the cohort's table. ``status`` is ``done`` or ``failed``.

    why, remedy : what went wrong and what to do about it
    page : the session's page, relative to the cohort's page, or "" where there is none
    """

    subject: str
    session: str
    status: str
    why: str = ""
    remedy: str = ""
    page: str = ""
    warnings: int = 0

    @property
    def label(self) -> str:
        return f"sub-{self.subject}" + (f"_ses-{self.session}" if self.session else "")


@dataclass(frozen=True, eq=False)
class CohortView:
    """Everything that the cohort's page shows. ``measurements`` are those of all sessions together."""

    sessions: tuple[SessionLine, ...]
    measurements: Measurements
    title: str = "Cohort"
    biomarkers: Mapping[str, Biomarker] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


def _name_files(series: Series) -> str:
    if len(series.files) < 2:
        return series.name
    return f"{series.files[0]} and {len(series.files) - 1} more"


def _say_times(times: tuple[float, ...] | None) -> str:
    """Echo times as an evenly spaced train where they are one, else one by one."""
    if not times:
        return "not stated"
    ms = np.array(times) * 1e3
    steps = np.diff(ms)
    if len(ms) > 2 and np.ptp(steps) < 1e-3:
        return f"{len(ms)} echoes, {ms[0]:g} to {ms[-1]:g} ms, spacing {steps[0]:.4g} ms"
    return ", ".join(f"{t:g}" for t in ms) + " ms"


def rank(biomarkers: Mapping[str, Biomarker], biomarker: str) -> int:
    """Where a biomarker stands: the most prominent first, what belongs to none (volumes) last."""
    found = biomarkers.get(biomarker)
    return -found.prominence if found else 1


def by_prominence(view: SessionView) -> SessionView:
    """The view with its maps and rows in the order in which they are to be spoken of: the most prominent biomarkers
    first, what belongs to none (volumes) last."""

    rows = sorted(view.measurements.rows(), key=lambda r: rank(view.biomarkers, r["biomarker"]))
    maps = tuple(sorted(view.maps, key=lambda m: rank(view.biomarkers, m.biomarker)))
    return replace(view, maps=maps, measurements=Measurements.of(rows))
