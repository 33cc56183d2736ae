"""Loose NIfTI files with JSON sidecars as series: they are linked into a small BIDS folder and opened as such.

Every check that guards a dataset so guards a single file too; messages name the files as the user gave them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from neuromyo.core.biomarker import Biomarker, SeriesNeed
from neuromyo.core.errors import DataError, Finding, NeuromyoError
from neuromyo.core.series import Series

_ENDINGS = (".nii.gz", ".nii")
_BESIDE = (".json", ".bval", ".bvec")


@dataclass(frozen=True, eq=False)
class Opened:
    """role -> Series, with findings and the hashes of the files used (by the names given)."""

    series: Mapping[str, Series]
    findings: tuple[Finding, ...]
    inputs: Mapping[str, str]


def open_files(
    biomarker: Biomarker,
    files: Mapping[str, Sequence[Path]],
    scratch: Path,
    *,
    memory_mb: int = 4000,
    max_input_gb: float = 16.0,
    geometry: str = "strict",
) -> Opened:
    """The series of each role from its files: one 4D image, or one image a volume. The first error raises."""
    series: dict[str, Series] = {}
    findings: list[Finding] = []
    inputs: dict[str, str] = {}
    for number, (role, paths) in enumerate(files.items()):
        root = scratch / f"role{number}"
        given = _link(root, biomarker.series_need(role), paths)
        one, found, used = _open(root, role, given, memory_mb, max_input_gb, geometry)
        series[role] = replace(one, files=tuple(given.get(f, f) for f in one.files), entities={})
        findings += found
        inputs |= {given.get(name, name): digest for name, digest in used.items()}
    return Opened(series, tuple(findings), dict(sorted(inputs.items())))


def _open(
    root: Path, role: str, given: Mapping[str, str], memory_mb: int, max_input_gb: float, geometry: str
) -> tuple[Series, tuple[Finding, ...], Mapping[str, str]]:
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
    if len(opened.series) != 1:
        raise DataError("E-PROTOCOL", where=role, needed="files of one series", found=f"{len(opened.series)} series",
                        remedy="give files that differ in one thing only, with the same repetition time")  # fmt: skip
    findings = tuple(replace(f, where=_as_given(f.where, given)) for f in opened.findings)
    return opened.series[0], findings, opened.inputs


def _link(root: Path, need: SeriesNeed, paths: Sequence[Path]) -> dict[str, str]:
    """Links images and what lies beside them under BIDS names; {name relative to ``root``: name as given}."""
    folder = root / "sub-x" / ("dwi" if "dwi" in need.kinds else "anat")
    folder.mkdir(parents=True)
    given: dict[str, str] = {}
    for number, path in enumerate(paths, 1):
        ending = next((e for e in _ENDINGS if path.name.endswith(e)), None)
        if ending is None:
            raise DataError("E-FORMAT", where=str(path), needed="a NIfTI image (.nii or .nii.gz)", found="another name",
                            remedy="convert it to NIfTI, or give it the name of what it is")  # fmt: skip
        if not os.path.lexists(path):
            raise DataError("E-NOTFOUND", where=str(path), needed="a file", found="nothing of that name",
                            remedy="check the name")  # fmt: skip
        stem = f"sub-x{_told(path.name, need)}" + (f"_echo-{number:04d}" if len(paths) > 1 else "")
        suffix = next((k for k in need.kinds if path.name.removesuffix(ending).endswith(f"_{k}")), need.kinds[0])
        for beside in (ending, *_BESIDE):
            source = path.with_name(path.name.removesuffix(ending) + beside)
            if os.path.lexists(source):
                target = folder / f"{stem}_{suffix}{beside}"
                os.symlink(os.path.abspath(source), target)  # not resolved: a link that leads nowhere is told as such
                given[target.relative_to(root).as_posix()] = str(source)
    return given


def _told(name: str, need: SeriesNeed) -> str:
    """Entities of a BIDS name that say how a volume was acquired, where no sidecar has to (mt-on), or a part."""
    kept = re.findall(r"_(mt-(?:on|off)|part-[a-z]+)(?=_)", name)
    if not any(k.startswith("part-") for k in kept) and need.part != "mag":
        kept.append(f"part-{need.part}")
    return "".join(f"_{k}" for k in sorted(kept, key=lambda k: k.startswith("part-")))


def _as_given(text: str, given: Mapping[str, str]) -> str:
    for linked, name in given.items():
        text = text.replace(linked, name)
    return text


def _named(error: NeuromyoError, given: Mapping[str, str]) -> NeuromyoError:
    said = {k: _as_given(getattr(error, k), given) for k in ("where", "needed", "found", "remedy")}
    return type(error)(error.code, **said)
