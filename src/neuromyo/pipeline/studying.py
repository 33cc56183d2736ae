"""A study from its tables to its results: read into a cohort, analysed, written."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from neuromyo.core import options as core_options
from neuromyo.core.analysis import Analysis
from neuromyo.core.cohort import Cohort
from neuromyo.core.errors import Finding, OptionError
from neuromyo.io.files import printable
from neuromyo.pipeline import (
    study_clinical,
    study_cohort,
    study_imaging,
    study_measured,
    study_names,
    study_people,
    study_sides,
    study_time,
)

#: the analyses, in the order of menus: a file of each name in `neuromyo.study`
KINDS = ("group", "change", "correlate", "agree", "power", "chain", "composite")
#: analyses that a plan may name though they are no verb of this name (`als-1998`)
PLANNED = ("bryan",)
#: fields of an analysis' options that name variables, and may be patterns
NAMING = (
    "variables",
    "with_variables",
    "x",
    "y",
    "variable",
    "outcome",
    "markers",
    "predictors",
    "targets",
    "against",
    "enrich",
)

#: analyses that can do without any table
WITHOUT_TABLES = ("power",)
#: a study of nobody, for those
NOBODY = Cohort(np.zeros(0, dtype=object), np.zeros(0, dtype=object), np.zeros(0), (), {}, (), {})


@dataclass(frozen=True)
class StudyRequest:
    """What is to be read, and how. Paths as given by the user.

    tables : of measurements, or folders of runs; people : table of participants, or a dataset; clinical : tables or folders of them
    sides : each, mean, left, right or worse; worse : quantity=high|low; visits : label=months; between : what repeats differ in
    sessions : only these visits; statistic : of the voxels; units : of clinical columns whose tables do not state them
    may_be_empty : no table is fine too, where an analysis can do with numbers that are stated
    days : person -> visit -> days, where a key of blinded tables keeps them
    """

    tables: tuple[Path, ...] = ()
    people: Path | None = None
    clinical: tuple[Path, ...] = ()
    sides: str = "each"
    worse: tuple[str, ...] = ()
    visits: tuple[str, ...] = ()
    between: str = "session"
    sessions: tuple[str, ...] = ()
    statistic: str = "mean"
    group_column: str = "group"
    keep_doubtful: bool = False
    dataset: Path | None = None
    may_be_empty: bool = False
    units: Mapping[str, str] = field(default_factory=dict)
    days: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def read(request: StudyRequest) -> Cohort:
    """All tables of a study as one cohort; what was noticed is among its findings. Errors say table, row and remedy."""
    if not request.tables and not request.clinical and request.may_be_empty:
        return NOBODY
    months = study_time.stated(request.visits)
    clinical = study_clinical.read(request.clinical, request.units) if request.clinical else study_clinical.Clinical()
    clinical = _of_sessions(clinical, request)
    frame, findings = _imaging(request) if request.tables or not request.clinical else (None, ())
    labels = {who for who, *_ in clinical.values} | (set(frame["subject"]) if frame is not None else set())
    known, told = (
        study_people.read(request.people, request.group_column) if request.people else study_people.unlisted(labels)
    )
    if frame is not None:
        study_people.refuse_strangers(frame["subject"].unique(), known, "measurements")
    study_people.refuse_strangers({who for who, *_ in clinical.values} | set(clinical.traits), known, "clinical tables")
    known = study_people.with_traits(known, clinical.traits)
    calendar = study_time.read(request.dataset or study_people.dataset_of(request.people), labels, months, request.days)
    cohort = study_cohort.build(frame, clinical, known, calendar, timed=request.between == "session")
    findings = (*told, *clinical.findings, *findings, *cohort.findings, *study_people.groups_told(known, labels))
    return study_sides.take(replace(cohort, findings=findings), request.sides, study_sides.directions(request.worse))


def _of_sessions(clinical: study_clinical.Clinical, request: StudyRequest) -> study_clinical.Clinical:
    """The clinical values of the visits asked for; none where readings of images are compared, which have no clinical values."""
    if request.tables and request.between != "session" and clinical.values:
        note = Finding(
            "note",
            "N-STUDY",
            "clinical tables",
            f"left out: they have no {request.between}",
            "compare clinical values by themselves",
        )
        return replace(clinical, values=(), findings=(*clinical.findings, note))
    if not request.sessions:
        return clinical
    wanted = {label.removeprefix("ses-") for label in request.sessions}
    lost = sorted(wanted - {v for _, v, *_ in clinical.values})
    if clinical.values and lost and not request.tables:
        raise OptionError("E-UNKNOWN", where=f"--session {printable(lost[0])}", needed="a visit of the tables", found="none of that name",
                          remedy=f"there are: {', '.join(sorted({v for _, v, *_ in clinical.values}))}")  # fmt: skip
    return replace(clinical, values=tuple(row for row in clinical.values if row[1] in wanted or not row[1]))


def _imaging(request: StudyRequest):
    keep = () if request.between == "session" else (request.between,)
    frame = study_measured.read(request.tables, keep)
    frame, left_out = study_imaging.chosen(frame, request.statistic, request.keep_doubtful)
    frame = study_imaging.occasions(frame, request.between, request.sessions)
    frame, told = study_imaging.things(frame)
    return frame, (*left_out, *told)


def kinds() -> tuple[str, ...]:
    """The analyses that are verbs."""
    return KINDS


def module(kind: str) -> ModuleType:
    """The file of an analysis; E-UNKNOWN for one there is none of."""
    if kind not in (*kinds(), *PLANNED):
        raise OptionError("E-UNKNOWN", where=f"analysis {printable(kind)}", needed=f"one of {', '.join(kinds())}",
                          found="another name", remedy="correct the name")  # fmt: skip
    return importlib.import_module(f"neuromyo.study.{kind}")


def analyse(kind: str, cohort: Cohort, given: Mapping[str, Any]) -> tuple[Analysis, Any]:
    """One analysis of a cohort, and the options it ran with. ``given``: options as typed, or from a plan; names of variables may be
    patterns, and are looked up. What was noticed when the tables were read comes first among the findings."""
    made = module(kind)
    chosen = named(core_options.parse(made.Options, given), cohort)
    reference = getattr(chosen, "reference", "")
    here = reference if any(p.group == reference for p in cohort.people.values()) else ""
    return replace(made.analyse(cohort, chosen), reference=here), chosen


def named(options: Any, cohort: Cohort) -> Any:
    """The same options with patterns and shortened names of variables replaced by whole names."""
    changes: dict[str, Any] = {}
    for f in fields(options):
        value = getattr(options, f.name)
        if f.name not in NAMING or not value:
            continue
        words: Sequence[str] = [value] if isinstance(value, str) else value
        found = study_names.find(words, cohort.variables, f"option {f.name}")
        if isinstance(value, str) and len(found) > 1:
            raise OptionError(
                "E-STUDY",
                where=f"option {f.name}",
                needed="one variable",
                found=", ".join(found[:6]),
                remedy="name one of them",
            )
        changes[f.name] = found if not isinstance(value, str) else "".join(found)
    return replace(options, **changes) if changes else options
