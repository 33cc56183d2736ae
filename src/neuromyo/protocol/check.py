"""Declared against acquired.

Every finding names the file and the field, what was expected and what was found, what to do, and what it means for
which biomarker. What the files do not state is said to be not stated; nothing is put in its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from neuromyo.core.biomarker import Biomarker
from neuromyo.core.errors import Finding
from neuromyo.core.series import Series
from neuromyo.protocol.needs import check_needs, consequence, key, users
from neuromyo.protocol.protocol import Protocol
from neuromyo.protocol.sequence import Figure
from neuromyo.protocol.sequence import Sequence as Declared

#: an echo train is even if no spacing differs from the median by more than this share
_EVEN = 0.02


@dataclass(frozen=True, slots=True)
class _Compared:
    """One number of a series against its declaration. ``found`` is None where the files do not state it; ``field`` is
    the field of `Acquisition` it comes from, "" for geometry; ``shown`` turns a number into text with its unit."""

    title: str
    field: str
    figure: Figure
    found: float | None
    unit: str
    factor: float = 1.0

    def show(self, value: float) -> str:
        return f"{value * self.factor:.4g}{' ' if self.unit else ''}{self.unit}"

    @property
    def tolerances(self) -> str:
        return f"fine {self._interval(self.figure.fine)}, usable {self._interval(self.figure.usable)}"

    def _interval(self, bounds: tuple[float, float]) -> str:
        return f"{bounds[0] * self.factor:.4g} to {self.show(bounds[1])}"


def check(series: Sequence[Series], protocol: Protocol | None, biomarkers: Sequence[Biomarker]) -> tuple[Finding, ...]:
    """Findings on the series of one session.

    protocol : what was to be acquired; None checks only what the biomarkers need
    biomarkers : those asked for

    A number outside its usable interval is a ``stop`` (E-PROTOCOL), one outside its fine interval a ``warn``
    (W-PROTOCOL); a declared sequence that is absent and a need that is not met are warnings, fields not stated are
    warnings where a biomarker looks at them and notes otherwise.
    """
    needs = check_needs(series, biomarkers)
    if protocol is None:
        return needs
    said = {f.where for f in needs}
    found = tuple(_against(series, protocol, biomarkers))
    expected = {f.where: f.message for f in found if f.code == "N-UNSTATED"}
    told = [replace(f, message=expected.get(f.where, f.message)) if f.code == "W-ASSUMED" else f for f in needs]
    return (*told, *(f for f in found if f.where not in said or f.code != "N-UNSTATED"))


def _against(series: Sequence[Series], protocol: Protocol, biomarkers: Sequence[Biomarker]) -> Iterator[Finding]:
    for name, declared in protocol.sequences.items():
        matching = [s for s in series if _is(declared, s)]
        if not matching and not declared.optional:
            yield _absent(name, declared, protocol, series, biomarkers)
        for one in matching:
            yield from _uneven(one, declared)
            for compared in _comparisons(one, declared, protocol):
                yield from _judge(one, compared, protocol, biomarkers)


def _is(declared: Declared, series: Series) -> bool:
    same_entities = all(series.entities.get(k) == v for k, v in declared.entities.items())
    return series.kind == declared.kind and series.part == declared.part and same_entities


def _absent(
    name: str, declared: Declared, protocol: Protocol, series: Sequence[Series], biomarkers: Sequence[Biomarker]
) -> Finding:
    there = ", ".join(dict.fromkeys(s.kind for s in series)) or "no series"
    touched = [b.id for b in biomarkers if any(declared.kind in b.series_need(r).kinds for r in b.series_roles)]
    return Finding(
        "warn", "W-MISSING", f"{protocol.name}: {name}", f"expected a series of kind {declared.kind}, found {there}",
        "acquire it, or name the protocol that was followed",
        f"nothing to compute {', '.join(touched)} from" if touched else "",
    )  # fmt: skip


def _comparisons(series: Series, declared: Declared, protocol: Protocol) -> Iterator[_Compared]:
    acquired = series.acquisition
    yield from _echoes(series, declared)
    flips, geometry = acquired.flip_angles_deg, _geometry(series)
    refocusing = acquired.refocusing_angle_deg
    stated: list[tuple[str, str, Figure | None, float | None, str]] = [
        ("repetition time", "repetition_time", declared.repetition_time, acquired.repetition_time, "s"),
        ("flip angle", "flip_angles_deg", declared.flip_angle_deg, flips[0] if flips else None, "degrees"),
        ("refocusing angle", "refocusing_angle_deg", declared.refocusing_angle_deg, refocusing, "degrees"),
        ("field strength", "field_strength", protocol.field_strength, acquired.field_strength, "T"),
        ("slice thickness", "slice_thickness_mm", declared.slice_thickness_mm, acquired.slice_thickness_mm, "mm"),
        ("in-plane voxel size", "", declared.in_plane_mm, geometry[0], "mm"),
        ("coverage across slices", "", declared.coverage_mm, geometry[1], "mm"),
    ]  # fmt: skip
    for title, field, figure, found, unit in stated:
        if figure is not None:
            yield _Compared(title, field, figure, found, unit)


def _geometry(series: Series) -> tuple[float, float]:
    """The larger in-plane voxel side, and the stack's length across slices, in mm."""
    grid = series.grid
    in_plane = max(grid.spacing_mm[a] for a in grid.in_plane_axes)
    return in_plane, grid.shape[grid.slice_axis] * grid.spacing_mm[grid.slice_axis]


def _echoes(series: Series, declared: Declared) -> Iterator[_Compared]:
    times = _times(series)
    echo = "echo_times"
    if declared.echoes is not None:
        train = declared.echoes
        spacing = float(np.median(np.diff(times))) if times and len(times) > 1 else None
        yield _Compared("first echo", echo, train.first, times[0] if times else None, "ms", 1e3)
        yield _Compared("echo spacing", echo, train.spacing, spacing, "ms", 1e3)
        yield _Compared("number of echoes", echo, train.count, float(len(times)) if times else float(series.n), "")
    elif declared.echo_list is not None:
        wanted = declared.echo_list
        n = float(len(wanted.times))
        exactly = Figure(target=n, fine=(n, n), usable=(n, n), source=wanted.source, proposed=wanted.proposed)
        yield _Compared("number of echoes", echo, exactly, float(len(times)) if times else float(series.n), "")
        for i in range(len(wanted.times)):
            found = times[i] if times and i < len(times) else None
            if found is not None or not times:
                yield _Compared(f"echo {i + 1}", echo, wanted.figure(i), found, "ms", 1e3)


def _times(series: Series) -> tuple[float, ...]:
    """Echo times in ascending order, whatever that of the volumes; none where the files state none."""
    return tuple(sorted(series.acquisition.echo_times or ()))


def _uneven(series: Series, declared: Declared) -> Iterator[Finding]:
    times = _times(series)
    if declared.echoes is None or len(times) < 3:
        return
    spacing = np.diff(times)
    middle = float(np.median(spacing))
    worst = float(np.abs(spacing - middle).max())
    if worst > _EVEN * abs(middle):
        yield Finding(
            "warn", "W-PROTOCOL", f"{series.name}: EchoTime",
            f"expected an even echo train, found spacings of {1e3 * spacing.min():.4g} to {1e3 * spacing.max():.4g} ms",
            "check EchoTime of every echo",
        )  # fmt: skip


def _judge(
    series: Series, compared: _Compared, protocol: Protocol, biomarkers: Sequence[Biomarker]
) -> Iterator[Finding]:
    figure = compared.figure
    where = f"{series.name}: {key(compared.field) if compared.field else compared.title}"
    expected = f"{compared.title}: expected {compared.show(figure.target)}"
    if compared.found is None:
        yield Finding(
            "note", "N-UNSTATED", where, f"{expected} ({protocol.name}), not stated",
            f"state {key(compared.field)} in the sidecar if it is known",
            consequence(series, compared.field, biomarkers),
        )  # fmt: skip
        return
    level = figure.level(compared.found)
    if level == "fine":
        return
    meant = consequence(series, compared.field, biomarkers) if compared.field else _depending(series, biomarkers)
    yield Finding(
        "warn" if level == "usable" else "stop",
        "W-PROTOCOL" if level == "usable" else "E-PROTOCOL",
        where,
        f"{expected} ({compared.tolerances}; {protocol.name}), found {compared.show(compared.found)}, which is "
        f"{_word(level)}",
        "set it so at the scanner, correct the sidecar if that is wrong, or name the protocol that was followed",
        meant,
    )


def _word(level: str) -> str:
    return "usable but not as intended" if level == "usable" else "unusable"


def _depending(series: Series, biomarkers: Sequence[Biomarker]) -> str:
    touched = dict.fromkeys(b.id for b, _ in users(series, biomarkers))
    return f"{', '.join(touched)} computed on these voxels" if touched else ""
