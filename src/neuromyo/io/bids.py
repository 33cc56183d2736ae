"""The index of a BIDS folder: our own walk that splits file names and opens no image.

Only the folders that can hold MRI are entered, at fixed depths, so that links in a circle lead nowhere. What is wrong
with one session is told when that session is opened; the others do not notice.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from neuromyo.core.errors import DataError, Finding, NeuromyoError
from neuromyo.io import names, ormir_names, sidecar
from neuromyo.io.dataset import Dataset, Found, SeriesFiles, SessionFiles, constant_entities
from neuromyo.io.files import printable
from neuromyo.io.session import Session, open_session

__all__ = ["Dataset", "SeriesFiles", "Session", "SessionFiles", "index", "open_session"]

DATATYPES = ("anat", "fmap", "dwi")


def index(root: Path, *, subjects: Collection[str] | None = None, sessions: Collection[str] | None = None) -> Dataset:
    """The sessions of a BIDS folder, sorted; ``subjects`` and ``sessions`` are labels, with or without their prefix."""
    root = Path(root)
    wanted = {"sub": _labels(subjects, "sub-"), "ses": _labels(sessions, "ses-")}
    entries = _listed(root)
    people = [e for e in entries if e.name.startswith("sub-") and e.is_dir()]
    if not people:
        raise DataError(
            "E-BIDS",
            where=printable(root),
            needed="a BIDS folder with sub-<label> folders in it",
            found="none",
            remedy="name the folder that holds dataset_description.json and sub-*",
        )
    description, findings = _description(root)
    above = _metadata(entries, "")
    found = [
        session
        for entry in sorted(people, key=lambda e: names.natural([e.name.removeprefix("sub-")]))
        if wanted["sub"] is None or entry.name.removeprefix("sub-") in wanted["sub"]
        for session in _sessions(root, entry.name, above, wanted["ses"])
    ]
    return Dataset(root, description, tuple(found), (*findings, *_missing(found, wanted)))


def _labels(given: Collection[str] | None, prefix: str) -> set[str] | None:
    return None if given is None else {g.removeprefix(prefix) for g in given}


def _missing(found: list[SessionFiles], wanted: dict[str, set[str] | None]) -> Iterator[Finding]:
    for key, have in (("sub", {s.subject for s in found}), ("ses", {s.session for s in found})):
        for label in sorted((wanted[key] or set()) - have):
            yield Finding("warn", "W-NOTFOUND", printable(f"{key}-{label}"), "asked for, but not in the dataset",
                          "check the label")  # fmt: skip


def _listed(folder: Path, name: str | None = None) -> list[os.DirEntry]:
    """What is in a folder but for hidden things, by name."""
    try:
        with os.scandir(folder) as entries:
            return sorted((e for e in entries if not e.name.startswith(".")), key=lambda e: e.name)
    except FileNotFoundError as error:
        raise DataError("E-NOTFOUND", where=name or printable(folder), needed="a folder", found="nothing of that name",
                        remedy="check the name") from error  # fmt: skip
    except OSError as error:
        raise DataError(
            "E-BIDS",
            where=name or printable(folder),
            needed="a folder that can be read",
            found=error.strerror or "none",
            remedy="check the name and the permissions",
        ) from error


def _description(root: Path) -> tuple[Mapping[str, object], tuple[Finding, ...]]:
    file = "dataset_description.json"
    try:
        return sidecar.read_json(root / file, file), ()
    except NeuromyoError as error:
        return {}, (
            Finding("warn", "W-BIDS", file, error.found, "every BIDS folder needs one with Name and BIDSVersion"),
        )


def _sessions(root: Path, folder: str, above: tuple[Found, ...], wanted: set[str] | None) -> Iterator[SessionFiles]:
    subject = folder.removeprefix("sub-")
    try:
        _check_label(folder, subject)
        entries = _listed(root / folder, folder)
    except NeuromyoError as error:
        yield SessionFiles(printable(subject), "", problem=error)
        return
    metadata = (*above, *_metadata(entries, folder + "/"))
    visits = [e.name for e in entries if e.name.startswith("ses-") and e.is_dir()]
    for visit in sorted(visits, key=lambda v: names.natural([v.removeprefix("ses-")])):
        label = visit.removeprefix("ses-")
        if wanted is None or label in wanted:
            yield _visit(root, f"{folder}/{visit}", subject, label, metadata)
    if (any(_is_data(e.name) for e in entries) or not visits) and (wanted is None or "" in wanted):
        yield _session(root, folder, subject, "", metadata)


def _visit(root: Path, folder: str, subject: str, label: str, above: tuple[Found, ...]) -> SessionFiles:
    try:
        _check_label(folder, label)
        metadata = (*above, *_metadata(_listed(root / folder, folder), folder + "/"))
        return _session(root, folder, subject, label, metadata)
    except NeuromyoError as error:
        return SessionFiles(subject, printable(label), problem=error)


def _check_label(folder: str, label: str) -> None:
    if not names.LABEL.fullmatch(label):
        raise DataError("E-BIDS", where=printable(folder), needed="a label of letters and digits",
                        found=printable(label) or "none", remedy="rename the folder and the files in it")  # fmt: skip


def _is_data(folder: str) -> bool:
    return folder in DATATYPES or _is_ormir(folder)


def _session(root: Path, folder: str, subject: str, session: str, above: tuple[Found, ...]) -> SessionFiles:
    metadata, groups, others, findings = list(above), {}, [], []
    for entry in (e for e in _listed(root / folder, folder) if _is_data(e.name) and e.is_dir()):
        inside = f"{folder}/{entry.name}"
        listed = _listed(root / inside, inside)
        metadata += _metadata(listed, inside + "/")
        for file in (e.name for e in listed if e.name.endswith(names.IMAGE_ENDINGS)):
            name = ormir_names.image_name(file, session) if _is_ormir(entry.name) else names.split(file)
            complaint = _complaint(name, subject, session)
            if name is None or complaint:
                findings.append(_ignored(f"{inside}/{file}", complaint))
            elif name.suffix not in names.SERIES_KINDS:
                others.append(f"{inside}/{file}")
            else:
                groups.setdefault(_group_key(name, entry.name), []).append(Found(f"{inside}/{file}", name))
    series = tuple(_series(key, images) for key, images in sorted(groups.items()))
    return SessionFiles(subject, session, series, tuple(metadata), tuple(others), tuple(findings))


def _is_ormir(datatype: str) -> bool:
    return datatype in sidecar.MILLISECOND_FOLDERS


def _complaint(name: names.Name | None, subject: str, session: str) -> str:
    if name is None:
        return "its name is not one of BIDS"
    if name.entities.get("sub") != subject or name.entities.get("ses", "") != session:
        return "its name and its folder do not name the same subject and session"
    return ""


def _ignored(relative: str, why: str) -> Finding:
    return Finding("note", "N-IGNORED", printable(relative), f"left out: {why}", "rename it if it is wanted")


def _group_key(name: names.Name, datatype: str) -> tuple:
    shared = tuple((k, v) for k, v in name.entities.items() if k not in names.merged(name.suffix))
    return datatype, name.suffix, shared


def _series(key: tuple, images: list[Found]) -> SeriesFiles:
    datatype, kind, _ = key
    images = sorted(
        images, key=lambda f: (*(names.natural([f.name.entities.get(k, "")]) for k in names.merged(kind)), f.relative)
    )
    entities = constant_entities(images)
    part = entities.get("part", "phase" if kind in names.PHASE_KINDS else "mag")
    return SeriesFiles(kind, part, datatype, entities, tuple(images))


def _metadata(entries: list[os.DirEntry], folder: str) -> tuple[Found, ...]:
    """The JSON, bval and bvec files of a folder."""
    found = []
    for entry in entries:
        if entry.name.endswith((".json", ".bval", ".bvec")):
            split = ormir_names.split if _is_ormir(Path(folder).name) else names.split
            name = split(entry.name)
            if name is not None:
                found.append(Found(folder + entry.name, name))
    return tuple(found)
