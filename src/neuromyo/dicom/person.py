"""What of a person may be kept where it is asked for: sex, age at the scan, height and weight, and nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydicom import Dataset

from neuromyo.dicom import dates, door
from neuromyo.dicom.deidentify import text_of

_DAYS_A_YEAR = 365.2425
#: keyword -> column and what can be a person's, in m and kg
_SIZES = {"height": ("PatientSize", 0.2, 2.6), "weight": ("PatientWeight", 0.3, 400.0)}


def answer(request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Child job: ``{"file", "about": {...}, "notes": [...]}`` of each file. request : root, files, keep (what is asked for)"""
    for number, name in request["files"]:
        yield {"at": number}
        header = door.header(Path(request["root"]) / name)
        if header is not None:
            about, notes = characteristics(header, request["keep"])
            yield {"file": number, "about": about, "notes": notes}


def characteristics(header: Dataset, keep: list[str]) -> tuple[dict[str, Any], list[str]]:
    """``sex`` (F, M or O), ``age`` in years at the examination, ``height`` in m, ``weight`` in kg: those of ``keep`` that are stated
    and possible; and what is to be said of them."""
    about: dict[str, Any] = {}
    notes: list[str] = []
    sex = _text(header, "PatientSex").upper()
    if "sex" in keep and sex in ("F", "M", "O"):
        about["sex"] = sex
    if "age" in keep and (aged := _age(header)) is not None:
        about["age"], note = aged
        notes += [note] if note else []
    for column, (keyword, low, high) in _SIZES.items():
        if column not in keep:
            continue
        value = _number(_text(header, keyword))
        if value is not None and low <= value <= high:
            about[column] = round(value, 3)
        elif value:
            notes.append(f"{column}: the header's value cannot be a person's, and is left out")
    return about, notes


def _age(header: Dataset) -> tuple[float, str] | None:
    """As stated, else by birth date and date of the examination."""
    stated = dates.age_in_years(_text(header, "PatientAge"))
    if stated is not None:
        return stated
    born, scanned = (dates.parse_date(_text(header, k)) for k in ("PatientBirthDate", "StudyDate"))
    if born is None or scanned is None or scanned < born:
        return None
    return dates.age_in_years(f"{min(int((scanned - born).days / _DAYS_A_YEAR), 999):03d}Y")


def _text(header: Dataset, keyword: str) -> str:
    return text_of(header, header[keyword].tag).strip() if keyword in header else ""


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
