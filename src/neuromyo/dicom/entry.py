"""What the index keeps of a file: enough to group, order and refuse it; read by our own walk, never as far as the pixels."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from neuromyo.core.errors import DataError, Finding, NeuromyoError
from neuromyo.dicom import dates
from neuromyo.dicom.begin import Beginning, begin, looks_packed, text
from neuromyo.dicom.walk import walk
from neuromyo.dicom.window import FileBytes
from neuromyo.io.files import open_regular, size_of

_SOP_CLASS, _SOP, _MODALITY = 0x00080016, 0x00080018, 0x00080060
_STUDY, _SERIES, _SERIES_NUMBER, _INSTANCE_NUMBER = 0x0020000D, 0x0020000E, 0x00200011, 0x00200013
_FRAMES, _ROWS, _COLUMNS = 0x00280008, 0x00280010, 0x00280011
#: study, series, acquisition, content
_DATES = (0x00080020, 0x00080021, 0x00080022, 0x00080023)
#: acquisition, series, content, study
_TIMES = (0x00080032, 0x00080031, 0x00080033, 0x00080030)
#: name, number, birth date
_PERSON = (0x00100010, 0x00100020, 0x00100030)
_ASKED = frozenset((_SOP_CLASS, _SOP, _MODALITY, _STUDY, _SERIES, _SERIES_NUMBER, _INSTANCE_NUMBER, _FRAMES, _ROWS,
                    _COLUMNS, *_DATES, *_TIMES, *_PERSON))  # fmt: skip
_DIRECTORY = "1.2.840.10008.1.3.10"
_UID_LENGTH = 128
_FIRST_YEAR = 1900


@dataclass(frozen=True, slots=True)
class Entry:
    """One DICOM file of a listing.

    file : its number there
    sop, series, study : UIDs as they stand in the file (unchecked: keys to compare, never names of anything)
    person : a key that differs where the patient's number, name or birth date do, and means nothing without its salt
    date : ``YYYY-MM-DD`` of the study, or ""; clock : seconds since midnight of the acquisition
    number, instance : SeriesNumber and InstanceNumber
    size : bytes of the file; rows, columns : 0 where it holds no image
    """

    file: int
    sop: str
    series: str
    study: str
    person: str
    date: str
    clock: float | None
    sop_class: str
    modality: str
    number: int | None
    instance: int | None
    syntax: str
    size: int
    rows: int
    columns: int
    frames: int

    @staticmethod
    def from_dict(said: dict[str, Any]) -> Entry:
        return Entry(*[said[name] for name in _FIELDS])


_FIELDS = tuple(one.name for one in fields(Entry))


def answer(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The job ``index``: for each file ``{"file", "entry": ...}``, ``{"file", "other": reason}`` or an error."""
    root, salt = request["root"], bytes.fromhex(request["salt"])
    for number, name in request["files"]:
        yield {"at": number}
        try:
            yield {"file": number, **read(os.path.join(root, name), salt)}
        except NeuromyoError as error:
            yield {"file": number, "error": error.as_dict()}


def read(path: str, salt: bytes) -> dict[str, Any]:
    """``entry`` (and ``findings``) of a DICOM file, or ``other`` for one that is none; E-DICOM, E-DEPTH, E-BOMB."""
    with open_regular(Path(path), "") as stream:
        size = size_of(stream)
        source = FileBytes(stream.fileno(), size)
        start = begin(source)
        if start is None:
            return {"other": "archive" if looks_packed(source.read(0, 264)) else "empty" if size == 0 else "foreign"}
        if start.media[0] == _DIRECTORY:
            return {"other": "directory"}
        values = walk(start.source, start.at, start.encoding, _ASKED, last=_COLUMNS, deep=False).values
    found: dict[str, Any] = {"entry": _entry(values, start, size, salt)}
    if start.disguise:
        found["findings"] = [disguised(start.disguise).as_dict()]
    return found


def disguised(as_what: str) -> Finding:
    """W-PREAMBLE: the bytes before the image would be taken for something else."""
    return Finding("warn", "W-PREAMBLE", "preamble", f"the file begins like {as_what}",
                   "do not start this file as a program; the preamble goes into no output")  # fmt: skip


def _entry(values: dict[int, bytes], start: Beginning, size: int, salt: bytes) -> dict[str, Any]:
    def said(tag: int, length: int = 64) -> str:
        return text(values.get(tag, b""))[:length]

    sop, series = said(_SOP, _UID_LENGTH) or start.media[1][:_UID_LENGTH], said(_SERIES, _UID_LENGTH)
    for key, name in ((sop, "SOPInstanceUID (0008,0018)"), (series, "SeriesInstanceUID (0020,000E)")):
        if not key:
            raise DataError("E-DICOM", where=name, needed="an identifier to sort the image by", found="none",
                            remedy="export the series again from the scanner or archive")  # fmt: skip
    order = "little" if start.encoding.little else "big"
    return {
        "sop": sop,
        "series": series,
        "study": said(_STUDY, _UID_LENGTH),
        "person": _person(values, salt),
        "date": next((date for tag in _DATES if (date := _date(said(tag)))), ""),
        "clock": next((clock for tag in _TIMES if (clock := dates.clock(said(tag))) is not None), None),
        "sop_class": said(_SOP_CLASS) or start.media[0][:64],
        "modality": said(_MODALITY, 16),
        "number": _whole(said(_SERIES_NUMBER)),
        "instance": _whole(said(_INSTANCE_NUMBER)),
        "syntax": start.syntax,
        "size": size,
        "rows": int.from_bytes(values.get(_ROWS, b"")[:2], order),
        "columns": int.from_bytes(values.get(_COLUMNS, b"")[:2], order),
        "frames": _whole(said(_FRAMES)) or 1,
    }


def _person(values: dict[int, bytes], salt: bytes) -> str:
    """Spelling in capitals, padding and empty name parts make no other person."""
    digest = hashlib.blake2b(digest_size=12, key=salt)
    for tag in _PERSON:
        digest.update(values.get(tag, b"").strip(b"\0 ").rstrip(b"^ ").upper() + b"\0")
    return digest.hexdigest()


def _whole(said: str) -> int | None:
    try:
        return int(said) if len(said) <= 12 and said.isascii() else None
    except ValueError:
        return None


def _date(said: str) -> str:
    day = dates.parse_date(said)
    return day.isoformat() if day and day.year >= _FIRST_YEAR else ""
