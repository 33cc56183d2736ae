"""The plan: what will run, on which series, in which order, and why; made from needs and gives before anything runs.

A biomarker runs once on every series that can be its main one. What it takes from others (regions, maps known voxel by
voxel) puts those others before it: a topological sort, by depth-first placement. Optional needs that nobody can meet
are listed as *without*; required ones leave the biomarker out with E-NEEDS, which says what is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from neuromyo.core.acquisition import Assumption
from neuromyo.core.biomarker import Biomarker, MapNeed, RegionNeed, Segmenter, SeriesNeed, fill_assumptions
from neuromyo.core.errors import NeuromyoError, ProtocolError
from neuromyo.core.labels import Labels
from neuromyo.core.series import Series
from neuromyo.pipeline import match, nearest
from neuromyo.pipeline.nearest import SUMMARY_SEGMENTERS

#: BIDS suffix of the map that carries a quantity another biomarker may know
MAP_SUFFIX = {"B1": "TB1map", "T1": "T1map", "T2": "T2map", "T2star": "T2starmap", "B0": "fieldmap"}


@dataclass(frozen=True, eq=False)
class Origin:
    """Where a map or a region comes from: a task of this plan, a map among the series, or the user's label maps."""

    said: str
    task: str = ""
    series: Series | None = None
    labels: Labels | None = None
    name: str = ""


@dataclass(frozen=True, eq=False)
class Task:
    """One line of a plan. ``without`` lists optional roles nobody meets; ``assumptions`` what will be assumed."""

    name: str
    declaration: Biomarker | Segmenter
    series: Mapping[str, Series]
    why: str
    maps: Mapping[str, Origin] = field(default_factory=dict)
    regions: Mapping[str, Origin] = field(default_factory=dict)
    assumptions: tuple[Assumption, ...] = ()
    without: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return self.declaration.id

    @property
    def segments(self) -> bool:
        return isinstance(self.declaration, Segmenter)

    @property
    def main(self) -> Series:
        """The series whose grid and entities the outputs take."""
        return next(iter(self.series.values()))

    @property
    def after(self) -> tuple[str, ...]:
        """Names of the tasks whose results this one takes."""
        return tuple(dict.fromkeys(o.task for o in [*self.maps.values(), *self.regions.values()] if o.task))

    def as_dict(self) -> dict:
        return {
            "name": self.name,
            "does": "segment" if self.segments else "fit",
            "id": self.id,
            "title": self.declaration.title,
            "series": {role: s.name for role, s in self.series.items()},
            "maps": {role: o.said for role, o in self.maps.items()},
            "regions": {role: o.said for role, o in self.regions.items()},
            "why": self.why,
            "assumes": [a.as_dict() for a in self.assumptions],
            "without": list(self.without),
        }


@dataclass(frozen=True, eq=False)
class Plan:
    """Tasks in the order they run; ``unmet`` are biomarkers left out, with the error that says what they lack."""

    tasks: tuple[Task, ...]
    unmet: tuple[tuple[str, NeuromyoError], ...] = ()

    def lines(self) -> tuple[str, ...]:
        """The plan as a person reads it, one numbered line a task with its conditions indented below."""
        said: list[str] = []
        for number, task in enumerate(self.tasks, 1):
            verb = "segment" if task.segments else "fit"
            said.append(
                f"{number}. {verb} {task.id} ({task.declaration.title}) on {match.label(task.main)}: {task.why}"
            )
            said += [f"     {role} from {o.said}" for role, o in [*task.maps.items(), *task.regions.items()]]
            said += [f"     assumes {a.field} = {a.value}: {a.why}" for a in task.assumptions]
            said += [f"     without {w}" for w in task.without]
        said += [f"-  left out {id_}: {error.found}" for id_, error in self.unmet]
        return tuple(said)

    def as_dict(self) -> dict:
        return {
            "tasks": [t.as_dict() for t in self.tasks],
            "left_out": [{"id": id_, **error.as_dict()} for id_, error in self.unmet],
        }


def make(
    series: Sequence[Series],
    biomarkers: Iterable[Biomarker],
    segmenters: Iterable[Segmenter],
    *,
    asked: Sequence[str] | None = None,
    labels: Sequence[Labels] = (),
) -> Plan:
    """The plan for one session.

    series : those that may be used (stopped ones already left out)
    asked : biomarker ids; without, all whose needed series are there
    labels : the user's own label maps, preferred over a segmenter for a region that they name
    """
    planner = _Planner(tuple(series), tuple(biomarkers), tuple(segmenters), tuple(labels))
    for segmenter in planner.segmenters:
        if segmenter.id in SUMMARY_SEGMENTERS:
            planner.try_segmenter(segmenter, "regions to measure in")
    unmet: list[tuple[str, NeuromyoError]] = []
    for biomarker in planner.biomarkers:
        if asked is not None and biomarker.id not in asked:
            continue
        try:
            planner.place(biomarker, "asked for" if asked is not None else "its series are here")
        except ProtocolError as error:
            unmet.append((biomarker.id, error))
    return Plan(tuple(planner.tasks), tuple(unmet))


class _Planner:
    """Depth-first placement; ``path`` holds the ids being placed, so that a circle is seen when it closes."""

    def __init__(
        self,
        series: tuple[Series, ...],
        biomarkers: tuple[Biomarker, ...],
        segmenters: tuple[Segmenter, ...],
        labels: tuple[Labels, ...],
    ) -> None:
        self.series, self.biomarkers, self.segmenters, self.labels = series, biomarkers, segmenters, labels
        self.tasks: list[Task] = []
        self.path: list[str] = []

    def of(self, id_: str) -> list[Task]:
        return [t for t in self.tasks if t.id == id_]

    # --- biomarkers ---

    def place(self, biomarker: Biomarker, why: str) -> list[Task]:
        """The biomarker's tasks, placed after all that they take; E-NEEDS where a required need cannot be met."""
        if self.of(biomarker.id):
            return self.of(biomarker.id)
        if biomarker.id in self.path:
            circle = " -> ".join([*self.path[self.path.index(biomarker.id) :], biomarker.id])
            raise _unmet(biomarker.id, f"biomarkers that need each other ({circle})")
        self.path.append(biomarker.id)
        try:
            main_role = biomarker.series_roles[0]
            bound = [self._bind(biomarker, main, why) for main in self._serving(biomarker, main_role)]
        finally:
            self.path.pop()
        self.tasks += bound
        return bound

    def _bind(self, biomarker: Biomarker, main: Series, why: str) -> Task:
        without: list[str] = []
        series = {biomarker.series_roles[0]: main}
        for role in biomarker.series_roles[1:]:
            found = self._serving(biomarker, role)
            if found:
                series[role] = match.nearest(main, found)
            else:
                without.append(f"{role} ({match.missing(biomarker.series_need(role), self.series)})")
        maps, regions = {}, {}
        for role, need in biomarker.needs.items():
            if isinstance(need, MapNeed):
                self._note(maps, without, biomarker, role, need, self._map(need, main))
            elif isinstance(need, RegionNeed):
                self._note(regions, without, biomarker, role, need, self._region(need, main))
        made: list[Assumption] = []
        for role, one in series.items():
            made += fill_assumptions(biomarker.series_need(role), one.acquisition, role)[1]
        name = f"{biomarker.id}@{match.label(main)}"
        return Task(name, biomarker, series, why, maps, regions, tuple(made), tuple(without))

    def _serving(self, biomarker: Biomarker, role: str) -> tuple[Series, ...]:
        need = biomarker.series_need(role)
        found = match.serving(need, self.series)
        if not found and not need.optional:
            raise _unmet(biomarker.id, match.missing(need, self.series), needed=_wish(role, need))
        return found

    @staticmethod
    def _note(
        kept: dict[str, Origin],
        without: list[str],
        biomarker: Biomarker,
        role: str,
        need: MapNeed | RegionNeed,
        found: Origin | str,
    ) -> None:
        if isinstance(found, Origin):
            kept[role] = found
        elif need.optional:
            without.append(f"{role} ({found})")
        else:
            raise _unmet(biomarker.id, found, needed=role)

    # --- what biomarkers take from others ---

    def _map(self, need: MapNeed, main: Series) -> Origin | str:
        """A measured map among the series, else a biomarker that provides the quantity; else why there is none."""
        suffix = MAP_SUFFIX.get(need.quantity, f"{need.quantity}map")
        files = [s for s in self.series if s.kind == suffix and s.n == 1]
        if files:
            file = match.nearest(main, files)
            return Origin(file.name, series=file, name=need.quantity)
        reasons = []
        for provider in self.biomarkers:
            if need.quantity not in provider.provides:
                continue
            try:
                tasks = self.place(provider, f"gives {need.quantity} to {self.path[-1]}")
            except ProtocolError as error:
                reasons.append(f"{provider.id}: {error.found}")
                continue
            mains = [t.main for t in tasks]
            task = tasks[mains.index(match.nearest(main, mains))]
            return Origin(task.name, task=task.name, name=need.quantity)
        return "; ".join([f"no {suffix} file", *reasons])

    def _region(self, need: RegionNeed, main: Series) -> Origin | str:
        """The user's own region of that name, else a segmenter that draws it; else why there is none."""
        for labels in self.labels:
            if labels.find(need.region):
                return Origin(
                    f"{need.region} of {labels.source or 'the label maps given'}", labels=labels, name=need.region
                )
        drawn: list[Task] = []
        for segmenter in self.segmenters:
            of_family = not drawn or nearest.family(segmenter.id) == nearest.family(drawn[0].id)
            if need.region in segmenter.gives and of_family:
                drawn += self.try_segmenter(segmenter, f"draws {need.region} for {self.path[-1]}")
        if drawn:
            alike = match.nearest(main, [t.main for t in drawn])
            task = min(drawn, key=lambda t: (*nearest.rank(t.id, t.main.grid, main.grid), t.main is not alike))
            return Origin(f"{need.region} of {task.id}", task=task.name, name=need.region)
        return f"nothing here draws {need.region}"

    # --- segmenters ---

    def try_segmenter(self, segmenter: Segmenter, why: str) -> list[Task]:
        """The segmenter's tasks, one for each series it can draw on; none where its needs are not met."""
        if self.of(segmenter.id):
            return self.of(segmenter.id)
        (main_role, main_need), *others = segmenter.needs.items()
        for main in match.serving(main_need, self.series):
            series = {main_role: main}
            lacks = False
            for role, need in others:
                found = match.serving(need, self.series)
                if found:
                    series[role] = match.nearest(main, found)
                lacks |= not found and not need.optional
            if not lacks:
                made = [a for r, s in series.items() for a in fill_assumptions(segmenter.needs[r], s.acquisition, r)[1]]
                name = f"{segmenter.id}@{match.label(main)}"
                self.tasks.append(Task(name, segmenter, series, why, assumptions=tuple(made)))
        return self.of(segmenter.id)


def _wish(role: str, need: SeriesNeed) -> str:
    stated = f" stating {', '.join(need.required)}" if need.required else ""
    return f"{role}: a {' or '.join(need.kinds)} series of at least {need.min_volumes} volumes{stated}"


def _unmet(id_: str, found: str, needed: str = "") -> ProtocolError:
    return ProtocolError(
        "E-NEEDS",
        where=id_,
        needed=needed,
        found=found,
        remedy="acquire or state what is missing, or ask for other biomarkers",
    )
