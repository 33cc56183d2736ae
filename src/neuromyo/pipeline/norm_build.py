"""Norm files made from tables of controls, and pooled from those of several centres."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import neuromyo
from neuromyo.core.errors import DataError, Finding, NeuromyoError, OptionError
from neuromyo.core.norm import Body, NormKey
from neuromyo.norms import merge as merging
from neuromyo.norms.engine import Norm
from neuromyo.norms.norm_file import Entry, NormFile
from neuromyo.pipeline import controls, norm_entry, norm_held, norm_literature, norm_options, norm_profiles, persons
from neuromyo.pipeline.norm_literature import Sought

#: a control is named who lies further out than so many robust SDs of all, and than this z
_FAR, _OUTSIDE = 4.5, 2.2


@dataclass(frozen=True)
class BuildRequest:
    """What `neuromyo norms build` was asked. ``control``: words for healthy; ``covariates``: empty for those that are known.

    study, directions, echoes : what tells the method apart where ``literature`` is wanted: whose protocol was run to the letter,
        diffusion directions, gradient echoes; level : of rows that tell none; like : ids of published values measured as these
        were, as whoever asks vouches (wants ``literature`` too)
    step_mm : between levels of norms along nerves
    """

    tables: tuple[Path, ...]
    people: Path
    out: Path
    site: str = ""
    site_column: str = "site"
    group_column: str = "group"
    control: tuple[str, ...] = ()
    everyone: bool = False
    covariates: tuple[str, ...] = ()
    literature: bool = False
    field_t: float | None = None
    study: str = ""
    directions: int | None = None
    echoes: int | None = None
    level: str = ""
    like: tuple[str, ...] = ()
    step_mm: float = norm_profiles.STEP_MM
    protocol: str = ""
    scanner: str = ""
    name: str = ""

    @property
    def sought(self) -> Sought | None:
        """What published values must be like; None where they are not wanted."""
        if not (self.literature or self.like):
            return None
        return Sought(self.field_t, self.study, self.directions, self.echoes, self.level, self.like)


@dataclass(frozen=True)
class Built:
    """A norm file that was written, and what is to be said."""

    file: NormFile
    files: tuple[str, ...]
    findings: tuple[Finding, ...]


def build(request: BuildRequest) -> Built:
    """Gathers the controls, makes a norm of every number that enough of them have, and writes the file with its card.

    E-NORM where not one norm can be made; numbers that too few people have are told, a line each.
    """
    norm_held.named(request.out)
    norm_options.field(request.field_t)
    stated = Body(site=request.site)
    roster = persons.read(
        request.people, group_column=request.group_column, site_column=request.site_column, stated=stated
    )
    measured = controls.read(request.tables)
    found = controls.gather(measured, roster, request.control, request.everyone)
    chosen, remarks = norm_entry.covariates(request.covariates, found, roster)
    findings = [*found.findings, *remarks, *controls.twins(found)]
    entries: list[Entry] = []
    norms: dict[NormKey, Norm] = {}
    sought = request.sought
    for key, values in found.values.items():
        try:
            entry, said = norm_entry.make(key, values, chosen, sought)
            norms[key] = NormFile("", "", (entry,)).norm(entry)  # refuses what rests on too few people after all
            entries.append(entry)
            findings += said
        except NeuromyoError as error:
            findings.append(Finding("warn", "N-CONTROL", str(key), f"no norm: {error.found}"
                                    + f" (needed: {error.needed})" * bool(error.needed), error.remedy))  # fmt: skip
    profiles, said = norm_profiles.build(measured.rows(), roster, found.people, chosen, request.step_mm)
    findings += [
        *said,
        *(norm_literature.unused([e.key for e in entries if not e.published], sought) if sought else ()),
    ]
    if not entries and not profiles:
        raise DataError("E-NORM", where=request.out.name, needed=f"at least {norm_entry.LEAST} healthy people with one number in common",
                        found=_none_of(found, findings), remedy="measure more controls, or merge files of several centres")  # fmt: skip
    conditions = {"field_T": request.field_t or "", "protocol": request.protocol, "scanner": request.scanner}
    conditions |= {"vouched": ", ".join(request.like)} if request.like else {}
    file = NormFile(
        request.name or norm_held.stem(request.out),
        f"neuromyo {neuromyo.__version__}",
        tuple(entries),
        conditions,
        profiles=profiles,
    )
    findings += _outliers(norms, found)
    return Built(file, norm_held.write(request.out, file), tuple(dict.fromkeys(findings)))


def merge(paths: Sequence[Path], out: Path, name: str = "") -> Built:
    """Pools norm files; see `neuromyo.norms.merge.merge`."""
    norm_held.named(out)
    if out.resolve() in {p.resolve() for p in paths}:
        raise OptionError(
            "E-NORM", where=str(out), needed="a new file", found="one of those to merge", remedy="give another name"
        )
    file, findings = merging.merge([(path.name, norm_held.read(path)) for path in paths], name or norm_held.stem(out))
    return Built(file, norm_held.write(out, file), findings)


def _none_of(found: controls.Gathered, findings: Sequence[Finding]) -> str:
    most = max((len({v.person for v in values}) for values in found.values.values()), default=0)
    reasons = [f"{f.where}: {f.message}" for f in findings if f.message.startswith("no norm")]
    if reasons and most >= norm_entry.LEAST:
        return f"{len(found.people)} controls, but {reasons[0]}" + f"; and {len(reasons) - 1} more" * (len(reasons) > 1)
    return f"{len(found.people)} controls, at most {most} of them with the same number"


def _outliers(made: Mapping[NormKey, Norm], found: controls.Gathered) -> Iterator[Finding]:
    """Controls whose own value is far out: a patient among them, or a scan that failed, widens the norm for everybody.

    Their deviates are judged by the middle half of all, since who is far out has widened the norm by which he is judged.
    """
    far: dict[str, list[tuple[float, str]]] = {}
    for key, norm in made.items():
        values = found.values[key]
        numbers = np.array([v.value for v in values])
        z = norm.z(numbers, [v.body for v in values])
        middle = float(np.nanmedian(z))
        spread = 1.4826 * float(np.nanmedian(np.abs(z - middle)))
        out = (np.abs(z - middle) > _FAR * spread) & (np.abs(z) > _OUTSIDE)
        rest = numbers[~out]
        for i in np.flatnonzero(out):
            said = f"{key}: {numbers[i]:.4g}, where the others have {rest.min():.4g} to {rest.max():.4g}"
            far.setdefault(values[i].person, []).append((float(abs(z[i])), said))
    for who, places in sorted(far.items()):
        _, said = max(places)
        more = f", and {len(places) - 1} more" * (len(places) > 1)
        yield Finding("warn", "N-CONTROL", f"sub-{who}", f"lies far from the other controls ({said}{more})",
                      "look at this scan and this person: is the region right, is the person healthy?",
                      "such a value widens what counts as normal")  # fmt: skip
