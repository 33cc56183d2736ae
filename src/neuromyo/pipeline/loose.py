"""Loose NIfTI files with JSON sidecars as series: they are linked into a small BIDS folder and opened as such.

Every check that guards a dataset so guards a single file too; messages name the files as the user gave them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from neuromyo.core.biomarker import Biomarker, Segmenter, SeriesNeed
from neuromyo.core.errors import DataError, Finding, NeuromyoError
from neuromyo.core.series import Series

if TYPE_CHECKING:
    from neuromyo.io.twins import Marked

_ENDINGS = (".nii.gz", ".nii")
_BESIDE = (".json", ".bval", ".bvec")


@dataclass(frozen=True, eq=False)
class Opened:
    """role -> Series, with findings and the hashes of the files used (by the names given)."""

    series: Mapping[str, Series]
    findings: tuple[Finding, ...]
    inputs: Mapping[str, str]


def open_files(
    declaration: Biomarker | Segmenter,
    files: Mapping[str, Sequence[Path]],
    scratch: Path,
    *,
    memory_mb: int = 4000,
    max_input_gb: float = 16.0,
    geometry: str = "strict",
) -> Opened:
    """The series of each role from its files: one 4D image, or one image a volume; for a complex series one or more of each
    part, told by their names or sidecars. The first error raises."""
    series: dict[str, Series] = {}
    findings: list[Finding] = []
    inputs: dict[str, str] = {}
    marked: list[Marked] = []
    for number, (role, paths) in enumerate(files.items()):
        root = scratch / f"role{number}"
        given = _link(root, declaration.series_need(role), paths)
        part = declaration.series_need(role).part
        one, found, used, looked = _open(root, role, part, given, memory_mb, max_input_gb, geometry)
        series[role] = replace(one, files=tuple(given.get(f, f) for f in one.files), entities={})
        findings += found
        marked += [replace(m, files=tuple(given.get(f, f) for f in m.files)) for m in looked]
        inputs |= {given.get(name, name): digest for name, digest in used.items()}
    findings += _twins(marked)
    return Opened(series, tuple(findings), dict(sorted(inputs.items())))


def _open(
    root: Path, role: str, part: str, given: Mapping[str, str], memory_mb: int, max_input_gb: float, geometry: str
) -> tuple[Series, tuple[Finding, ...], Mapping[str, str], tuple[Marked, ...]]:
    from neuromyo.io import bids

    try:
        dataset = bids.index(root)
        opened = bids.open_session(
            dataset,
            dataset.sessions[0],
            scratch=root,
            memory_mb=memory_mb,
            max_input_gb=max_input_gb,
            geometry=geometry,  # type: ignore[arg-type]
        )
    except NeuromyoError as error:
        raise _named(error, given) from error
    if opened.errors:
        raise _named(opened.errors[0][1], given) from opened.errors[0][1]
    meant = [s for s in opened.series if part != "complex" or s.part == "complex"]
    if len(meant) != 1:
        raise _not_one(role, part, opened.series, opened.findings, given)
    # told again by `_twins`, of all roles together
    remarks = [f for f in opened.findings if not f.code.endswith("-IDENTICAL")]
    findings = tuple(replace(f, where=_as_given(f.where, given)) for f in remarks)
    return meant[0], findings, opened.inputs, opened.marked


def _twins(marked: Sequence[Marked]) -> tuple[Finding, ...]:
    """Volumes of all roles that hold the same voxels; the first pair that was acquired differently raises."""
    from neuromyo.io import twins

    found = twins.find(marked)
    for one in found:
        if one.level == "stop":
            raise DataError(one.code, where=one.where, found=one.message, remedy=one.remedy)
    return found


def _not_one(
    role: str, part: str, series: Sequence[Series], findings: Sequence[Finding], given: Mapping[str, str]
) -> DataError:
    if part != "complex":
        return DataError("E-PROTOCOL", where=role, needed="files of one series", found=f"{len(series)} series",
                         remedy="give files that differ in one thing only, with the same repetition time")  # fmt: skip
    apart = [f.message for f in findings if f.code == "W-PARTS"]
    found = (
        "; ".join(f"files that {message}" for message in apart)
        or " and ".join(dict.fromkeys(f"part {s.part}" for s in series))
        or "none"
    )
    return DataError("E-PROTOCOL", where=role, needed="magnitude and phase, or real and imaginary files, of one acquisition",
                     found=_as_given(found, given), remedy=f"give {role}=MAG {role}=PHASE, of the same echoes")  # fmt: skip


def _link(root: Path, need: SeriesNeed, paths: Sequence[Path]) -> dict[str, str]:
    """Links images and what lies beside them under BIDS names; {name relative to ``root``: name as given}."""
    from neuromyo.io.complex_parts import FIELD_MAPS

    folder = root / "sub-x" / ("dwi" if "dwi" in need.kinds else "anat")
    folder.mkdir(parents=True)
    given: dict[str, str] = {}
    kinds = dict.fromkeys(k for kind in need.kinds for k in (kind, *FIELD_MAPS.get(kind, ())))
    parts = [_part_of(path) if need.part == "complex" else "" for path in paths]
    for number, path in enumerate(paths, 1):
        part = parts[number - 1]
        ending = next((e for e in _ENDINGS if path.name.endswith(e)), None)
        if ending is None:
            raise DataError("E-FORMAT", where=str(path), needed="a NIfTI image (.nii or .nii.gz)", found="another name",
                            remedy="convert it to NIfTI, or give it the name of what it is")  # fmt: skip
        if not os.path.lexists(path):
            raise DataError("E-NOTFOUND", where=str(path), needed="a file", found="nothing of that name",
                            remedy="check the name")  # fmt: skip
        suffix = next((k for k in kinds if path.name.removesuffix(ending).endswith(f"_{k}")), need.kinds[0])
        numbered = parts.count(part) > 1 and (suffix in need.kinds and suffix not in FIELD_MAPS)
        stem = f"sub-x{_told(path.name)}" + (f"_echo-{number:04d}" if numbered else "")
        if not part and need.part != "mag" and "_part-" not in stem:
            part = need.part
        stem += f"_part-{part}" if part and "_part-" not in stem else ""
        for beside in (ending, *_BESIDE):
            source = path.with_name(path.name.removesuffix(ending) + beside)
            if os.path.lexists(source):
                target = folder / f"{stem}_{suffix}{beside}"
                os.symlink(os.path.abspath(source), target)  # not resolved: a link that leads nowhere is told as such
                given[target.relative_to(root).as_posix()] = str(source)
    return given


def _told(name: str) -> str:
    """Entities of a BIDS name that say how a volume was acquired, where no sidecar has to (mt-on), or a part."""
    kept = re.findall(r"_(mt-(?:on|off)|part-[a-z]+)(?=_)", name)
    return "".join(f"_{k}" for k in sorted(kept, key=lambda k: k.startswith("part-")))


#: words in a file's name, or values of DICOM's ImageType in a sidecar, that tell a part
_PART_WORDS = {
    "phase": ("phase", "phasediff", "pha"),
    "mag": ("magnitude", "magn", "mag"),
    "real": ("real",),
    "imag": ("imaginary", "imag"),
}
_IMAGE_TYPES = {"m": "mag", "p": "phase", "r": "real", "i": "imag"}


def _part_of(path: Path) -> str:
    """Which part of a complex image a file holds, by a word in its name, else by its sidecar's ImageType; E-PROTOCOL."""
    stem = path.name.removesuffix(".gz").removesuffix(".nii")
    words = {re.sub(r"[0-9]+$", "", word.lower()) for word in re.split(r"[^0-9A-Za-z]+", stem)}
    found = [part for part, names in _PART_WORDS.items() if words & set(names)] or _image_types(path, stem)
    if len(found) == 1:
        return found[0]
    raise DataError(
        "E-PROTOCOL",
        where=str(path),
        needed="a name that tells its part of the complex image",
        found=" and ".join(found) or "none",
        remedy="have the word mag, phase, real or imag in it, e.g. leg_part-mag.nii.gz",
    )


def _image_types(path: Path, stem: str) -> list[str]:
    from neuromyo.io import sidecar
    from neuromyo.io.files import printable

    beside = path.with_name(f"{stem}.json")
    if not beside.exists():
        return []
    said = sidecar.read_json(beside, printable(beside)).get("ImageType")
    types = {str(t).lower() for t in said} if isinstance(said, list) else set()
    letters = {part for letter, part in _IMAGE_TYPES.items() if letter in types}
    return sorted(letters | {part for part, names in _PART_WORDS.items() if types & set(names)})


def _as_given(text: str, given: Mapping[str, str]) -> str:
    for linked, name in given.items():
        text = text.replace(linked, name)
    return text


def _named(error: NeuromyoError, given: Mapping[str, str]) -> NeuromyoError:
    said = {k: _as_given(getattr(error, k), given) for k in ("where", "needed", "found", "remedy")}
    return type(error)(error.code, **said)
