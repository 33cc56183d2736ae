"""A study of many thousand files, quickly: one header as a template, with the bytes that differ written over.

Multi-echo series of one slice a file, as Siemens writes them; every file has its own identifier, place, echo time, instance and voxels.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from . import siemens
from .exam import ROOT, Examination
from .geometry import affine
from .scan import Scan

ROWS, COLUMNS = 32, 24
SPACING_MM = 5.0
_MARK = 7_000_000  # in the template's identifiers and numbers, to be found again


def write(
    folder: Path, files: int = 20_000, slices: int = 40, per_series: int = 10, a_folder: int = 1000
) -> list[Path]:
    """``files`` images: series of ``slices`` slices and ``per_series`` echoes, the last one perhaps broken off; 1,000 files a folder."""
    data, places = _template()
    made = []
    for number in range(files):
        series, instance = divmod(number, slices * per_series)
        echo, k = divmod(instance, slices)
        said = {
            "sop": f"{ROOT}.77.{_MARK + number}", "series": f"{ROOT}.78.{_MARK + series}", "series_number": f"{series + 1:<8d}",
            "instance": f"{instance + 1:<8d}", "z": f"{-300 + k * SPACING_MM:<12.4f}", "location": f"{k * SPACING_MM:<12.4f}",
            "te": f"{8.5 * (echo + 1):<10.3f}", "echo": f"{echo + 1:<8d}",
        }  # fmt: skip
        for name, at in places.items():
            value = said[name].encode()
            for start in at:
                data[start : start + len(value)] = value
        data[-2 * ROWS * COLUMNS :] = plane(number).tobytes()
        path = folder / f"part{number // a_folder:03d}" / f"IM{number:06d}"
        if number % a_folder == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        made.append(path)
    return made


def plane(number: int) -> np.ndarray:
    """The voxels of a file: no two alike."""
    rows, columns = np.indices((ROWS, COLUMNS))
    return ((rows * 31 + columns * 17 + number * 7) % 4093).astype("<u2")


def _template() -> tuple[bytearray, dict[str, list[int]]]:
    """A file's bytes, and where in them each value that differs is written."""
    marks = {"sop": f"{ROOT}.77.{_MARK}", "series": f"{ROOT}.78.{_MARK}", "series_number": "70000001", "instance": "70000002",
             "z": "-7000.000300", "location": "-7000.000400", "te": "7000.00050 ", "echo": "70000006"}  # fmt: skip
    marks["te"] = "70000.0005"
    said = _one()
    said.SOPInstanceUID = said.file_meta.MediaStorageSOPInstanceUID = marks["sop"]
    said.SeriesInstanceUID = marks["series"]
    said.SeriesNumber, said.InstanceNumber, said.EchoNumbers = marks["series_number"], marks["instance"], marks["echo"]
    said.ImagePositionPatient = ["10.00", "12.00", marks["z"]]
    said.SliceLocation, said.EchoTime = marks["location"], marks["te"]
    stream = io.BytesIO()
    said.save_as(stream, enforce_file_format=True)
    data = stream.getvalue()
    places = {name: _all(data, mark.encode()) for name, mark in marks.items()}
    assert {name: len(at) for name, at in places.items()} == {**dict.fromkeys(marks, 1), "sop": 2}
    return bytearray(data), places


def _one() -> Dataset:
    stored = np.zeros((COLUMNS, ROWS, 1, 1), np.uint16)
    scan = Scan(stored, affine(spacing_mm=(2.0, 2.0, SPACING_MM)), echo_times=(0.0085,))
    with tempfile.TemporaryDirectory() as folder:
        (path,) = siemens.write(scan, Examination().series(1, "mese calf"), Path(folder))
        return pydicom.dcmread(path)


def _all(data: bytes, piece: bytes) -> list[int]:
    at = [data.find(piece)]
    while at[-1] >= 0:
        at.append(data.find(piece, at[-1] + 1))
    return at[:-1]
