"""A session before anything runs: opened, checked against what was to be acquired, and planned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from neuromyo.core.biomarker import Biomarker, MapNeed, Need, SeriesNeed, answered
from neuromyo.core.errors import Finding, ProtocolError
from neuromyo.core.labels import Labels
from neuromyo.core.series import Series
from neuromyo.pipeline import pictures, plan, registries
from neuromyo.pipeline.options import RunOptions
from neuromyo.pipeline.outcome import Failure
from neuromyo.protocol.needs import NO_NUMBERS, Numbers

#: what label files of `--regions` are called behind ``_dseg``
_LABEL_ENDINGS = (".nii.gz", ".nii", ".seg.nrrd", ".nrrd", ".dcm")


@dataclass(frozen=True, eq=False)
class Ready:
    """An opened session with its plan.

    series : all that could be opened, stopped ones too; ``usable`` are those the plan may use
    inputs : file name relative to the dataset -> SHA-256
    labels : the user's own label maps, as drawn; ``label_files`` names the file of each by its source
    failures : what is known already to be lost
    """

    label: str
    subject: str
    session: str
    series: tuple[Series, ...]
    usable: tuple[Series, ...]
    inputs: Mapping[str, str]
    findings: tuple[Finding, ...]
    failures: tuple[Failure, ...]
    labels: tuple[Labels, ...]
    plan: plan.Plan
    label_files: Mapping[str, str] = field(default_factory=dict)


def session(dataset: Any, files: Any, options: RunOptions, scratch: Path, memory_mb: int) -> Ready:
    """Opens, checks and plans one session; only a session that cannot be opened at all raises."""
    from neuromyo.io import bids

    scratch.mkdir(parents=True, exist_ok=True)
    opened = bids.open_session(
        dataset,
        files,
        scratch=scratch,
        memory_mb=memory_mb,
        max_input_gb=options.max_input_gb,
        geometry=options.geometry,  # type: ignore[arg-type]
        kinds=kinds(options),
        phased=phased(options),
    )
    label = files.label
    failures = [Failure.of(label, name, error) for name, error in opened.errors]
    labels, label_files, remarks, lost = _labels(options, files, scratch, memory_mb)
    failures += [Failure.of(label, name, error) for name, error in lost]
    checked, stops = check(opened.series, options)
    stops = [*(f for f in opened.findings if f.level == "stop"), *stops]
    failures += [Failure(label, f.where, f.code, str(f)) for f in stops]
    usable = tuple(s for s in opened.series if not any(concerns(f, s) for f in stops))
    made = planned(usable, options, labels)
    if stops:
        made = _stopped(made, planned(opened.series, options, labels), stops)
    if options.biomarkers:
        failures += [Failure.of(label, id_, error) for id_, error in made.unmet]
    elif not any(not t.segments for t in made.tasks) and not failures and not options.follows_nerves:
        failures.append(Failure.of(label, "plan", _nothing_to_do(label, opened.series)))
    findings = (
        *opened.findings,
        *remarks,
        *checked,
        *registries.biomarkers().findings,
        *registries.segmenters().findings,
    )
    return Ready(label, opened.subject, opened.session, tuple(opened.series), usable, dict(opened.inputs), findings,
                 tuple(failures), labels, made, label_files)  # fmt: skip


def _stopped(made: plan.Plan, unchecked: plan.Plan, stops: Sequence[Finding]) -> plan.Plan:
    """The plan where biomarkers that a check alone stands against say so, not that their series are not there."""
    able = {t.id for t in unchecked.tasks}
    codes = ", ".join(dict.fromkeys(f.code for f in stops))
    said = [
        (id_, type(e)(e.code, where=e.where, needed=e.needed, found=f"series that a check stopped ({codes})",
                      remedy="see what the check found, and what to do about it") if id_ in able else e)
        for id_, e in made.unmet
    ]  # fmt: skip
    return replace(made, unmet=tuple(said))


def kinds(options: RunOptions) -> frozenset[str]:
    """The kinds of series that could serve what is asked for, or that a protocol declares; others are not even opened."""
    from neuromyo.io.complex_parts import FIELD_MAPS

    needs = _needs(options)
    series = {kind for n in needs if isinstance(n, SeriesNeed) for kind in n.kinds}
    series |= {part for kind in series for part in FIELD_MAPS.get(kind, ())}
    if options.protocol:
        from neuromyo.protocol import protocol as protocols

        series |= {declared.kind for declared in protocols.load(options.protocol).sequences.values()}
    if options.follows_nerves:
        series |= pictures.KINDS
    return frozenset(
        series | {plan.MAP_SUFFIX.get(n.quantity, f"{n.quantity}map") for n in needs if isinstance(n, MapNeed)}
    )


def phased(options: RunOptions) -> frozenset[str]:
    """The kinds of series whose phase (or real and imaginary parts) something asked for looks at; of others only the
    magnitudes are opened, so that a phase nobody uses stops nobody."""
    from neuromyo.io.complex_parts import FIELD_MAPS

    series = {kind for n in _needs(options) if isinstance(n, SeriesNeed) and n.part != "mag" for kind in n.kinds}
    return frozenset(series | {part for kind in series for part in FIELD_MAPS.get(kind, ())})


def _needs(options: RunOptions) -> list[Need]:
    """What is asked for needs, with what may be needed for that."""
    asked = [b for b in registries.biomarkers() if not options.biomarkers or b.id in options.biomarkers]
    providers = [b for b in registries.biomarkers() if b.provides]
    return [n for d in (*asked, *providers, *registries.segmenters()) for n in d.needs.values()]


def check(
    series: Sequence[Series], options: RunOptions, numbers: Numbers = NO_NUMBERS
) -> tuple[tuple[Finding, ...], list[Finding]]:
    """Findings on the series, against the protocol named and what the planned biomarkers need; and those that stop.
    ``numbers`` tells what is meant for a biomarker in numbers."""
    from neuromyo.protocol import check as checking
    from neuromyo.protocol import protocol as protocols
    from neuromyo.protocol import scaling

    declared = protocols.load(options.protocol) if options.protocol else None
    tasks = [t for t in planned(series, options).tasks if not t.segments]
    if options.biomarkers:
        looking = [_asked(registries.biomarkers().get(id_), options) for id_ in options.biomarkers]
    else:
        looking = list({t.id: t.declaration for t in tasks}.values())
    found = checking.check(series, declared, looking, numbers)  # type: ignore[arg-type]
    scaled = [f for t in tasks for f in scaling.check(t.id, t.series)]
    found = tuple(dict.fromkeys([*found, *scaled]))
    return found, [f for f in found if f.level == "stop"]


def planned(series: Sequence[Series], options: RunOptions, labels: Sequence[Labels] = ()) -> plan.Plan:
    """What would run on the series: the biomarkers asked for, or all that can."""
    declared = tuple(_asked(b, options) for b in registries.biomarkers())
    segmenters = tuple(registries.segmenters())
    return plan.make(series, declared, segmenters, asked=options.biomarkers or None, labels=labels)


def _asked(biomarker: Biomarker, options: RunOptions) -> Biomarker:
    """The biomarker as it is asked for: what its options state need not be assumed."""
    return answered(biomarker, options.of(biomarker.id, biomarker.options))


def concerns(finding: Finding, series: Series) -> bool:
    """Whether a finding is about a series: it names one of its files."""
    return any(finding.where.startswith(name) for name in (*series.files, series.name))


def _labels(
    options: RunOptions, files: Any, scratch: Path, memory_mb: int
) -> tuple[tuple[Labels, ...], dict[str, str], list[Finding], list[tuple[str, Exception]]]:
    """The user's label maps for a session, their files by source, remarks, and those that could not be read."""
    if options.regions is None:
        return (), {}, [], []
    inside = "/".join([*files.label.split("_"), "anat"])
    folder = options.regions / inside
    found, names, remarks, lost = [], {}, [], []
    paths = sorted(path for ending in _LABEL_ENDINGS for path in folder.glob(f"*_dseg{ending}"))
    if not paths:
        remarks.append(Finding("warn", "W-NOLABELS", f"--regions: {inside}", f"no label map of a name such as *_dseg{_LABEL_ENDINGS[0]}",
                               "check the folder and the names in it", "none of your regions is measured"))  # fmt: skip
    for path in paths:
        name = f"{inside}/{path.name}"
        try:
            source = _source(path.name, files.label)
            found.append(_read_labels(path, source, options, scratch, memory_mb))
            names[source] = name
        except Exception as error:  # one unreadable label map is a failure of its own
            lost.append((path.name, error))
            continue
        if all(r.name == f"label-{r.index}" for r in found[-1].regions):
            remarks.append(Finding("warn", "W-NOTABLE", name, "no table (.tsv) beside it says what its labels are",
                                   "give columns index, name, side", "regions are called label-1 and so on"))  # fmt: skip
    return tuple(found), names, remarks, lost


def _read_labels(path: Path, source: str, options: RunOptions, scratch: Path, memory_mb: int) -> Labels:
    """Labels of NIfTI with its table, or of what 3D Slicer and DICOM call segmentations, which name their regions themselves."""
    from neuromyo.io.labels import read_labels
    from neuromyo.pipeline.masks import open_masks
    from neuromyo.space.sides import flip_left_right

    if not path.name.endswith((".nrrd", ".dcm")):
        return read_labels(
            path, flip=options.flip_labels, source=source, scratch=scratch, memory_mb=memory_mb,
            max_input_gb=options.max_input_gb, geometry=options.geometry,  # type: ignore[arg-type]
        )  # fmt: skip
    labels = open_masks(path, scratch=scratch, max_input_gb=options.max_input_gb)
    return replace(flip_left_right(labels) if options.flip_labels else labels, source=source)


def _source(name: str, label: str) -> str:
    """What the table calls who drew the regions: the file's name without the session and the ending."""
    stem = name.partition("_dseg.")[0]
    return stem.removeprefix(label).strip("_") or "dseg"


def _nothing_to_do(label: str, series: Sequence[Series]) -> ProtocolError:
    kinds = ", ".join(sorted({s.kind for s in series})) or "no series that can be read"
    return ProtocolError("E-NEEDS", where=label, needed="series that a biomarker can work on", found=kinds,
                         remedy="`neuromyo list` says what each biomarker needs")  # fmt: skip
