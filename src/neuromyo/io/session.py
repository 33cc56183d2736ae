"""Opening one session: its files become series, sorted by what was varied, and each can fail alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from neuromyo.core.acquisition import Acquisition, Slopes
from neuromyo.core.errors import DataError, Finding, NeuromyoError, ResourceError
from neuromyo.core.grid import Grid
from neuromyo.core.series import Data, Series
from neuromyo.io import complex_parts, gradients, intake, names, nifti, ormir_names, phase, sidecar, store, twins
from neuromyo.io.dataset import Dataset, Found, SeriesFiles, SessionFiles, constant_entities
from neuromyo.io.files import printable
from neuromyo.io.geometry import Geometry
from neuromyo.io.slabs import slabs
from neuromyo.io.unpack import Room

#: kinds whose volumes are the echoes of one train
_TRAINS = ("MESE", "MEGRE")


@dataclass(frozen=True, eq=False)
class Session:
    """One session, opened. ``errors`` are (series name, error) of the series that could not be; ``inputs`` maps every
    file that was used, relative to the dataset, to its SHA-256; ``marked`` tells volumes of several sessions apart."""

    subject: str
    session: str
    series: tuple[Series, ...]
    findings: tuple[Finding, ...] = ()
    errors: tuple[tuple[str, NeuromyoError], ...] = ()
    inputs: dict[str, str] = field(default_factory=dict)
    marked: tuple[twins.Marked, ...] = ()


def open_session(
    dataset: Dataset,
    session_files: SessionFiles,
    *,
    scratch: Path,
    memory_mb: int = 2000,
    max_input_gb: float = 16,
    geometry: Geometry = "strict",
    kinds: Collection[str] | None = None,
    phased: Collection[str] | None = None,
) -> Session:
    """The series of a session (those of ``kinds``, where given), their voxels looked at once; and the complex series that
    their parts make. Parts other than magnitudes are opened for the kinds in ``phased``, or all.

    A series that cannot be used is told in ``errors``, the others go on; a session that cannot be used raises.
    """
    if session_files.problem is not None:
        raise session_files.problem
    opener = _Opener(dataset.root, session_files, Room(scratch, memory_mb), max_input_gb, geometry)
    series: list[Series] = []
    findings = list(session_files.findings)
    errors: list[tuple[str, NeuromyoError]] = []
    inputs: dict[str, str] = {}
    for group in session_files.groups:
        if kinds is not None and group.kind not in kinds:
            continue
        if phased is not None and group.part != "mag" and group.kind not in phased:
            continue
        try:
            opened, remarks, used = opener.open(group)
        except NeuromyoError as error:
            errors.append((printable(group.name), error))
        except MemoryError:
            errors.append(
                (
                    printable(group.name),
                    ResourceError(
                        "E-MEMORY",
                        where=printable(group.name),
                        needed="room for one slab of the series",
                        found="not enough memory",
                        remedy="lower --mem-mb, so that images are kept on scratch, or use a larger machine",
                    ),
                )
            )
        else:
            series += opened
            findings += remarks
            inputs |= used
    findings += twins.find(opener.marked)
    made, remarks = complex_parts.joined(series)
    series += made
    findings += remarks
    errors, spared = _without_useless_phase(errors, session_files.groups, made)
    findings += spared
    inputs = dict(sorted(inputs.items()))
    return Session(session_files.subject, session_files.session, tuple(series), tuple(findings), tuple(errors), inputs,
                   tuple(opener.marked))  # fmt: skip


def _without_useless_phase(
    errors: Sequence[tuple[str, NeuromyoError]], groups: Sequence[SeriesFiles], made: Sequence[Series]
) -> tuple[list[tuple[str, NeuromyoError]], list[Finding]]:
    """A phase that cannot be used is no loss where real and imaginary images say the same: then it is warned of, not refused."""
    complexes = [(one.kind, _but_part(one.entities)) for one in made]
    spared = {
        printable(group.name)
        for group in groups
        if group.part == "phase" and (group.kind, _but_part(group.entities)) in complexes
    }
    kept = [(name, e) for name, e in errors if not (e.code == "E-PHASE" and name in spared)]
    said = [Finding("warn", "W-PHASE", e.where, e.found, "none is needed: the real and imaginary images are used",
                    "the phase images are left out") for name, e in errors if (name, e) not in kept]  # fmt: skip
    return kept, said


def _but_part(entities: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in entities.items() if k not in ("part", "echo")}


@dataclass(frozen=True, eq=False)
class _Volume:
    """One volume and what was varied to acquire it."""

    data: Data
    index: int
    source: Found
    single: dict[str, Any]
    echo_time: float | None
    flip_deg: float | None
    inversion_time: float | None
    mt_on: bool | None
    units: str | None = None
    pair: tuple[float, ...] | None = None
    slopes: tuple[Slopes, Slopes] = (None, None)

    @property
    def varied(self) -> tuple:
        return self.flip_deg, self.inversion_time, self.mt_on, self.echo_time

    @property
    def order(self) -> tuple:
        """By physical values, as far as they are stated; else by the numbers in the name."""
        stated = tuple((0.0 if v is None else float(v)) for v in self.varied)
        labels = names.natural(self.source.name.entities.get(k, "") for k in ("flip", "inv", "mt", "echo"))
        return stated, labels, self.index


@dataclass(frozen=True, eq=False)
class _Opener:
    root: Path
    files: SessionFiles
    room: Room
    max_input_gb: float
    geometry: Geometry
    marked: list[twins.Marked] = field(default_factory=list)

    def open(self, group: SeriesFiles) -> tuple[list[Series], list[Finding], dict[str, str]]:
        """The series of one group: one, or several where the repetition time differs between its files."""
        used: dict[str, str] = {}
        findings: list[Finding] = []
        volumes: list[_Volume] = []
        grids: list[tuple[str, Grid]] = []
        for found in group.images:
            name = printable(found.relative)
            fields = self._fields(found, group, used)
            image = nifti.load(self.root / found.relative, self.room, name=name, max_input_gb=self.max_input_gb,
                               geometry=self.geometry)  # fmt: skip
            used[found.relative] = image.sha256
            findings += image.findings
            grids.append((name, image.grid))
            volumes += _volumes(image.data, found, fields, group.kind, name)
        grid = nifti.same_grid(grids)
        _check_stated(volumes, group)
        made = []
        for part in _by_repetition_time(volumes, group):
            series, remarks = self._series(part, group, grid, used)
            files = tuple(printable(v.source.relative) for v in part)
            looked = intake.examine(series, files, _places(part, volumes))
            findings += [*remarks, *looked.findings]
            self.marked.append(twins.Marked(series, files, looked.marks))
            if series.part == "phase":
                series, remarks = phase.in_radians(series, _units(part), tuple(slabs(series)))
                findings += remarks
            made.append(series)
        return made, findings, used

    def _fields(self, found: Found, group: SeriesFiles, used: dict[str, str]) -> sidecar.Fields:
        levels = []
        fitting = self._that_fit(found, ".json")
        for meta in fitting:
            levels.append(sidecar.read_json(self.root / meta.relative, printable(meta.relative)))
            used[meta.relative] = store.sha256(self.root / meta.relative)
        _refuse_rivals(fitting, levels)
        return sidecar.fields_of(sidecar.inherited(levels), printable(found.relative), group.kind,
                                 milliseconds=group.datatype in sidecar.MILLISECOND_FOLDERS)  # fmt: skip

    def _that_fit(self, found: Found, ending: str) -> list[Found]:
        """The metadata files that hold for an image, farthest first; in one folder the more specific is closer."""
        fits = [m for m in self.files.metadata if m.name.ending == ending and _holds_for(m, found)]
        return sorted(fits, key=lambda m: (m.relative.count("/"), len(m.name.entities), m.relative))

    def _series(
        self, volumes: list[_Volume], group: SeriesFiles, grid: Grid, used: dict[str, str]
    ) -> tuple[Series, tuple[Finding, ...]]:
        acquisition, findings = _acquisition(volumes, group), ()
        if volumes[0].pair is not None:
            acquisition = acquisition.with_(echo_times=volumes[0].pair)
        sources = list({v.source.relative: v.source for v in volumes}.values())
        if group.kind == "dwi":
            acquisition, findings = self._with_gradients(acquisition, sources[0], len(volumes), grid, used)
        series = Series(_data(volumes), grid, acquisition, group.kind, group.part, constant_entities(sources),
                        tuple(s.relative for s in sources))  # fmt: skip
        return series, findings

    def _with_gradients(
        self, acquisition: Acquisition, found: Found, n: int, grid: Grid, used: dict[str, str]
    ) -> tuple[Acquisition, tuple[Finding, ...]]:
        bvals, bvecs = (self._that_fit(found, ending) for ending in (".bval", ".bvec"))
        findings: tuple[Finding, ...] = ()
        if bvals:
            path, name = self.root / bvals[-1].relative, printable(bvals[-1].relative)
            acquisition = acquisition.with_(b_values=gradients.read_bvals(path, name, n))
            gradients.require_tensor(acquisition.b_values or (), name)
            used[bvals[-1].relative] = store.sha256(path)
        if bvecs:
            path, name = self.root / bvecs[-1].relative, printable(bvecs[-1].relative)
            vectors, findings = gradients.read_bvecs(path, name, n, grid, acquisition.b_values)
            acquisition = acquisition.with_(b_vectors=vectors)
            used[bvecs[-1].relative] = store.sha256(path)
        return acquisition, findings


def _holds_for(meta: Found, found: Found) -> bool:
    """The inheritance rule; kinds in the millisecond layout are compared without regard to case."""
    same = replace(meta.name, suffix=ormir_names.kind(meta.name.suffix)) if _in_milliseconds(found) else meta.name
    return same.fits(found.name)


def _refuse_rivals(files: Sequence[Found], levels: Sequence[Mapping[str, Any]]) -> None:
    """E-SIDECAR where two sidecars of one folder contradict each other and neither is the more specific one."""
    for i, (one, its) in enumerate(zip(files, levels, strict=True)):
        for other, theirs in zip(files[i + 1 :], levels[i + 1 :], strict=True):
            a, b = one.name.entities.items(), other.name.entities.items()
            if Path(one.relative).parent != Path(other.relative).parent or a <= b or b <= a:
                continue
            for key in its:
                if key in theirs and its[key] != theirs[key]:
                    raise DataError("E-SIDECAR", where=f"{printable(other.relative)}: {key}",
                                    needed="one sidecar of a folder to decide",
                                    found=f"another value in {printable(one.relative)}",
                                    remedy="remove the field from one of the two sidecars")  # fmt: skip


def _in_milliseconds(found: Found) -> bool:
    return Path(found.relative).parent.name in sidecar.MILLISECOND_FOLDERS


def _volumes(data: Data, found: Found, fields: sidecar.Fields, kind: str, name: str) -> list[_Volume]:
    n = data.shape[3]
    times = fields.echo_times
    if times is not None and len(times) != n and not fields.is_difference and (len(times) > 1 or kind in _TRAINS):
        raise DataError("E-ECHO-COUNT", where=f"{name}: EchoTime", needed=f"{n} echo times, one a volume",
                        found=str(len(times)), remedy="list one EchoTime for each volume")  # fmt: skip
    te = _spread(None if fields.is_difference else times, n, f"{name}: EchoTime")
    flip = _spread(fields.flip_angles_deg, n, f"{name}: FlipAngle")
    ti = _spread(fields.inversion_times, n, f"{name}: InversionTime")
    mt = _spread(fields.mt_on, n, f"{name}: MTState")
    if mt[0] is None and found.name.entities.get("mt") in ("on", "off"):
        mt = (found.name.entities["mt"] == "on",) * n
    rescale, scale = _slopes(fields.rescale, n), _slopes(fields.scale, n)
    single = dict(fields.single or {})
    return [_Volume(data, i, found, single, te[i], flip[i], ti[i], mt[i], fields.units,
                    fields.echo_times if fields.is_difference else None, (rescale[i], scale[i])) for i in range(n)]  # fmt: skip


def _spread(values: tuple | None, n: int, where: str) -> tuple:
    """One entry a volume."""
    if values is None or len(values) == 1:
        return (values[0] if values else None,) * n
    if len(values) != n:
        raise DataError("E-SIDECAR", where=where, needed=f"one number, or {n}, one a volume", found=str(len(values)),
                        remedy="mend the sidecar")  # fmt: skip
    return values


def _slopes(values: tuple[float, ...] | None, n: int) -> tuple[Slopes, ...]:
    """Of each volume: its slope, or those of its slices where one a slice is listed. Of a list of another length nobody can tell which
    is whose: each volume then has them all, so that their difference is seen."""
    if not values or len(values) == 1:
        return (values[0] if values else None,) * n
    step = len(values) // n if len(values) % n == 0 else 0
    return tuple(_slopes_of(values[i * step : (i + 1) * step] if step else values) for i in range(n))


def _slopes_of(values: tuple[float, ...]) -> Slopes:
    return values[0] if len(set(values)) == 1 else values


def _units(volumes: Sequence[_Volume]) -> str | None:
    """What the sidecars of a phase series call its unit; they must agree."""
    for volume in volumes[1:]:
        if volume.units != volumes[0].units:
            raise DataError(
                "E-PHASE",
                where=f"{printable(volume.source.relative)}: Units",
                needed="one unit for the files of a series",
                found=f"{volume.units or 'none'} here, {volumes[0].units or 'none'} in {printable(volumes[0].source.relative)}",
                remedy="state the unit in every sidecar",
            )
    return volumes[0].units


def _check_stated(volumes: Sequence[_Volume], group: SeriesFiles) -> None:
    """A field is stated for all volumes or for none, and echo times tell the volumes apart."""
    for key, attribute in (("EchoTime", "echo_time"), ("FlipAngle", "flip_deg"), ("InversionTime", "inversion_time"),
                           ("MTState", "mt_on")):  # fmt: skip
        silent = [v for v in volumes if getattr(v, attribute) is None]
        if silent and len(silent) < len(volumes):
            code = "E-ECHO-COUNT" if key == "EchoTime" else "E-SIDECAR"
            raise DataError(code, where=f"{printable(silent[0].source.relative)}: {key}",
                            needed="the field in every file of a series, or in none", found="it is missing here",
                            remedy="add it to the sidecar")  # fmt: skip
    if any(v.echo_time is not None for v in volumes) and _is_train(volumes, group):
        _refuse_twins(volumes)


def _is_train(volumes: Sequence[_Volume], group: SeriesFiles) -> bool:
    echoes = {v.source.name.entities.get("echo") for v in volumes}
    return group.kind in _TRAINS or len(echoes) > 1 or len({v.echo_time for v in volumes}) > 1


def _refuse_twins(volumes: Sequence[_Volume]) -> None:
    seen: dict[tuple, _Volume] = {}
    for volume in volumes:
        first = seen.setdefault(volume.varied, volume)
        if first is not volume:
            raise DataError("E-ECHO-COUNT", where=f"{printable(volume.source.relative)}: EchoTime",
                            needed="an echo time for each volume alone",
                            found=f"{volume.echo_time:g} s twice (also {printable(first.source.relative)})",
                            remedy="correct the echo times, or give repeated acquisitions a run label")  # fmt: skip


def _by_repetition_time(volumes: Sequence[_Volume], group: SeriesFiles) -> list[list[_Volume]]:
    """Volumes of one repetition time each, shortest first, sorted by what was varied; a train of echoes has but one."""
    parts: dict[float | None, list[_Volume]] = {}
    for volume in volumes:
        parts.setdefault(volume.single.get("repetition_time"), []).append(volume)
    if None in parts and len(parts) > 1:
        raise DataError("E-SIDECAR", where=f"{printable(parts[None][0].source.relative)}: RepetitionTime",
                        needed="the field in every file of a series, or in none", found="it is missing here",
                        remedy="add it to the sidecar")  # fmt: skip
    if group.kind in _TRAINS:  # of one excitation: `_agreed` refuses repetition times that differ
        return [sorted(volumes, key=lambda v: v.order)]
    return [sorted(parts[tr], key=lambda v: v.order) for tr in sorted(parts, key=lambda t: t or 0.0)]


def _places(part: Sequence[_Volume], stored: Sequence[_Volume]) -> tuple[int, ...]:
    """For each volume of a series its place in the order of file names and of volumes in a file."""
    place = {id(volume): i for i, volume in enumerate(stored)}
    return tuple(place[id(volume)] for volume in part)


def _data(volumes: Sequence[_Volume]) -> Data:
    first = volumes[0].data
    whole = all(v.data is first for v in volumes) and [v.index for v in volumes] == list(range(first.shape[3]))
    return first if whole else nifti.StackedData(tuple((v.data, v.index) for v in volumes))


def _acquisition(volumes: Sequence[_Volume], group: SeriesFiles) -> Acquisition:
    single: dict[str, Any] = {}
    for name in sorted({k for v in volumes for k in v.single}):
        value = _agreed([v.single.get(name) for v in volumes], name, group)
        if value is not None:
            single[name] = value
    return Acquisition(
        echo_times=_tuple([v.echo_time for v in volumes]),
        flip_angles_deg=_tuple([v.flip_deg for v in volumes]),
        inversion_times=_tuple([v.inversion_time for v in volumes]),
        mt_on=_tuple([v.mt_on for v in volumes]),
        rescale_slopes=_where_any([v.slopes[0] for v in volumes]),
        scale_slopes=_where_any([v.slopes[1] for v in volumes]),
        **single,
    )


def _tuple(values: list) -> tuple | None:
    """One entry a volume, a single one where all are alike, None where nothing is stated."""
    if values[0] is None:
        return None
    return (values[0],) if len(set(values)) == 1 else tuple(values)


def _where_any(values: list) -> tuple | None:
    """As `_tuple`, with None for the volumes that do not state it."""
    return None if all(v is None for v in values) else (values[0],) if len(set(values)) == 1 else tuple(values)


def _agreed(values: list, name: str, group: SeriesFiles) -> Any:
    """The one value that the files of a series state; numbers may differ by rounding, texts that differ say nothing."""
    stated = [v for v in values if v is not None]
    if len(set(stated)) == 1:
        return stated[0]
    if not isinstance(stated[0], float):
        return None
    if max(stated) - min(stated) > 1e-3 * max(abs(v) for v in stated):
        raise DataError(
            "E-SIDECAR",
            where=f"{printable(group.name)}: {sidecar.key_of(name)}",
            needed="one value for the files of a series",
            found=f"{min(stated):g} to {max(stated):g}",
            remedy="correct the sidecars, or tell the acquisitions apart by an acq label",
        )
    return stated[0]
