"""Images of a scanner as a raw BIDS dataset, put together in a folder of their own before they are moved into place.

Everything is written under ``into``; ``root`` is the dataset that it will be added to (it may hold nothing yet), read to see what
is there. Nothing of other subjects is changed, nothing that a person wrote is replaced, and the same import twice writes
the same bytes and adds nothing. No time of writing, host or path is kept.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

import neuromyo
from neuromyo.io import nifti_write, raw_tables, store
from neuromyo.io.files import read_small

BIDS_VERSION = "1.10.0"
#: where maps that the scanner made are kept: a derivative, since no one can say how they were made
SCANNER = "derivatives/scanner"

_README = """{title}

Made by neuromyo import from scanner files. Names, dates and numbers of persons were taken out; dates of visits, where given, are
shifted, by the same number of days for all visits of a person. Maps that the scanner made are kept apart, in derivatives/scanner.
"""
_PARTICIPANTS: Mapping[str, Mapping[str, Any]] = {
    "sex": {"Description": "sex", "Levels": {"F": "female", "M": "male", "O": "other"}},
    "age": {"Description": "age at the first scan", "Units": "year"},
    "height": {"Description": "body height", "Units": "m"},
    "weight": {"Description": "body weight", "Units": "kg"},
}
_SESSIONS: Mapping[str, Mapping[str, Any]] = {
    "acq_time": {"Description": "day of the scan, shifted by the same number of days for all sessions of a person"},
}


@dataclass(frozen=True, eq=False)
class RawImage:
    """One image file to be: where it goes, where its voxels lie.

    stem : path relative to the dataset, without ending (``sub-01/anat/sub-01_echo-1_MESE``)
    raw : a file of voxels, first axis fastest, of which this image's begin at byte ``skip``
    shape, dtype, affine : as for `nifti_write.write_streamed`
    texts : further files beside it, by ending (``bval``, ``bvec``)
    """

    stem: str
    raw: Path
    shape: tuple[int, ...]
    dtype: str
    affine: np.ndarray
    sidecar: Mapping[str, Any]
    skip: int = 0
    slice_dim: int = 3
    texts: Mapping[str, str] = field(default_factory=dict)


def write_image(into: Path, image: RawImage) -> dict[str, str]:
    """Write image, sidecar and tables; file relative to the dataset -> SHA-256 (hex)."""
    written = {}
    name = f"{image.stem}.nii.gz"
    written[name] = nifti_write.write_streamed(into / name, image.raw, image.shape, image.dtype, image.affine,
                                               skip=image.skip, slice_dim=image.slice_dim)  # fmt: skip
    written[f"{image.stem}.json"] = store.write_json(into / f"{image.stem}.json", dict(image.sidecar))
    for ending, text in image.texts.items():
        written[f"{image.stem}.{ending}"] = store.write_text(into / f"{image.stem}.{ending}", text)
    return written


def write_heads(root: Path, into: Path, *, title: str = "", maps: bool = False) -> None:
    """dataset_description.json and README, and those of the scanner's own maps where there are any; what is there stays."""
    title = title or "Scanner images"
    made_by = [{"Name": "neuromyo", "Version": neuromyo.__version__}]
    head = {"Name": title, "BIDSVersion": BIDS_VERSION, "DatasetType": "raw", "GeneratedBy": made_by}
    _once(root, into, "dataset_description.json", head)
    if not any((root / name).exists() for name in ("README", "README.md", "README.rst", "README.txt")):
        store.write_text(into / "README", _README.format(title=title))
    if maps:
        derived = [{"Name": "scanner", "Description": "maps made by the scanner's own software"}, *made_by]
        head = {
            **head,
            "Name": f"{title}: maps made by the scanner",
            "DatasetType": "derivative",
            "GeneratedBy": derived,
        }
        _once(root, into, f"{SCANNER}/dataset_description.json", head)


def _once(root: Path, into: Path, relative: str, value: Mapping[str, Any]) -> None:
    if not (root / relative).exists():
        store.write_json(into / relative, value)


def ignore(root: Path, into: Path, patterns: Collection[str], *, inside: str = "") -> None:
    """Add patterns to the .bidsignore of the dataset (or of the one at ``inside``); those that are there stay."""
    relative = f"{inside}/.bidsignore" if inside else ".bidsignore"
    there = []
    if (root / relative).is_file():
        text = read_small(root / relative, relative, "E-BIDS").decode("utf-8", errors="replace")
        there = [line.rstrip("\r") for line in text.split("\n") if line.strip()]
    missing = [p for p in dict.fromkeys(patterns) if p not in there]
    if missing:
        store.write_text(into / relative, "\n".join([*there, *missing]) + "\n")


def add_participant(root: Path, into: Path, subject: str, about: Mapping[str, Any] | None = None) -> bool:
    """The subject's row of participants.tsv; whether anything was added.

    about : column -> value (``sex``, ``age`` in years, ``height`` in m, ``weight`` in kg); a sex that contradicts the table
    is E-ID. Values that stand there stay.
    """
    about = dict(about or {})
    added = raw_tables.add_rows(
        root, into, "participants.tsv", "participant_id", {f"sub-{subject}": about}, same=("sex",)
    )
    meanings = {name: _PARTICIPANTS[name] for name in about if name in _PARTICIPANTS}
    return raw_tables.describe_columns(root, into, "participants.json", meanings) or added if meanings else added


def add_session(root: Path, into: Path, subject: str, session: str, acq_time: str | None = None) -> bool:
    """The visit's row of sub-X_sessions.tsv; whether anything was added."""
    stem = f"sub-{subject}/sub-{subject}_sessions"
    rows = {f"ses-{session}": {"acq_time": acq_time}}
    added = raw_tables.add_rows(root, into, f"{stem}.tsv", "session_id", rows)
    return raw_tables.describe_columns(root, into, f"{stem}.json", _SESSIONS) or added


def add_scans(root: Path, into: Path, subject: str, session: str, scans: Mapping[str, str | None]) -> bool:
    """Rows of the session's scans.tsv; whether anything was added.

    scans : image file relative to the dataset -> acq_time (see `moment`), None where it is not to be told
    """
    folder = f"sub-{subject}" + (f"/ses-{session}" if session else "")
    name = f"{folder}/{folder.replace('/', '_')}_scans.tsv"
    rows = {file.removeprefix(f"{folder}/"): {"acq_time": when} for file, when in sorted(scans.items())}
    return raw_tables.add_rows(root, into, name, "filename", rows, columns=("acq_time",))


def moment(day: date, clock: float | None) -> str:
    """An acq_time as BIDS writes it, to the second: the day (shifted), the time of day (s) as it is, midnight if unknown."""
    seconds = int(clock) if clock is not None and 0 <= clock < 86400 else 0
    return f"{day.isoformat()}T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
