"""De-identified copies of the scanner's files, for a dataset's ``sourcedata``: pixels and transfer syntax as they were."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pydicom
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from neuromyo.core.errors import DataError, Finding, NeuromyoError
from neuromyo.dicom import door, hazards, proof
from neuromyo.dicom import key as keys
from neuromyo.dicom.deidentify import Who, dataset, text_of
from neuromyo.io import store

IMPLEMENTATION = "2.25.213548296042118316043862158466517285431"
_VERSION = "NEUROMYO"
_METHOD = "neuromyo: list of technical attributes"
#: kinds of objects that are copied: MR images, classic, enhanced, legacy converted
_KINDS = frozenset(f"1.2.840.10008.5.1.4.1.1.4{tail}" for tail in ("", ".1", ".3", ".4"))
_PIXELS = 0x7FE00010
#: what was done, in the words of PS3.16 CID 7050
CODES: Mapping[str, str] = {
    "113100": "Basic Application Confidentiality Profile",
    "113105": "Clean Descriptors Option",
    "113107": "Retain Longitudinal Temporal Information Modified Dates Option",
    "113108": "Retain Patient Characteristics Option",
    "113111": "Retain Safe Private Option",
}


@dataclass(frozen=True)
class Copy:
    """A copy as bytes: ``name`` (``<series>/<image>.dcm``, from hashes) and what was noticed on the way."""

    name: str
    data: bytes
    findings: tuple[Finding, ...] = ()


def copy(source: BinaryIO | bytes, who: Who, where: str = "") -> Copy:
    """One file's copy, proved to hold only what may stay.

    source : the file's bytes, or the open file; ``where`` calls it by a discreet name, or is empty
    """
    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    start = stream.read(132)
    stream.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        header = _read(stream, where)
        kinds = hazards.of(header)
        refused = hazards.refusal(kinds, where)
        if refused is not None:
            raise refused
        made = _cleaned(header, who, where)
        data = _written(made, where)
        proof.prove(data, where)
        _same_pixels(header, data, where)
    series, image = (
        text_of(header, header[k].tag) if k in header else "" for k in ("SeriesInstanceUID", "SOPInstanceUID")
    )
    name = f"{keys.label(who.key, 'series', series, 16)}/{keys.label(who.key, 'image', image, 24)}.dcm"
    return Copy(name, data, tuple(_findings(start, kinds, where)))


def answer(request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Child job: writes copies of the files into ``request["out"]``.

    request : root, files (as every job), out (the folder), key (hex), subject, keep (characteristics asked for)
    Yields ``{"at"}``, then ``{"file", "copy": name under out, "findings"}`` or ``{"file", "error"}``.
    """
    who = Who(bytes.fromhex(request["key"]), request["subject"], frozenset(request.get("keep", ())))
    root, out = Path(request["root"]), Path(request["out"])
    for number, name in request["files"]:
        yield {"at": number}
        try:
            with door.opened(root / name) as (stream, _):
                made = copy(stream, who)
            store.write_bytes(out / made.name, made.data)
        except NeuromyoError as error:
            yield {"file": number, "error": error.as_dict()}
            continue
        yield {"file": number, "copy": made.name, "findings": [f.as_dict() for f in made.findings]}


def _read(stream: BinaryIO, where: str) -> pydicom.FileDataset:
    try:
        return pydicom.dcmread(stream, force=True)
    except Exception as error:
        raise _damaged(where) from error


def _cleaned(header: pydicom.FileDataset, who: Who, where: str) -> Dataset:
    kind = text_of(header, header["SOPClassUID"].tag) if "SOPClassUID" in header else ""
    if kind not in _KINDS or _PIXELS not in header:
        raise DataError("E-DICOM", where=where, needed="an MR image", found="another kind of object",
                        remedy="nothing: only images are copied")  # fmt: skip
    made = dataset(header, who)
    if "SOPInstanceUID" not in made:
        raise _damaged(where)
    made.PatientIdentityRemoved = "YES"
    made.DeidentificationMethod = _METHOD
    done = [c for c in CODES if c != "113108" or who.keep]
    made.DeidentificationMethodCodeSequence = Sequence([_code(c) for c in done])
    made.LongitudinalTemporalInformationModified = "MODIFIED"
    made.file_meta = _meta(header, made)
    return made


def _code(value: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", CODES[value]
    return item


def _meta(header: pydicom.FileDataset, made: Dataset) -> FileMetaDataset:
    meta = FileMetaDataset()
    stated = header.file_meta.get("TransferSyntaxUID")
    implicit = header.original_encoding[0]
    meta.TransferSyntaxUID = UID(stated) if stated else (ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian)
    meta.MediaStorageSOPClassUID = made.SOPClassUID
    meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    meta.ImplementationClassUID = UID(IMPLEMENTATION)
    meta.ImplementationVersionName = _VERSION
    return meta


def _written(made: Dataset, where: str) -> bytes:
    out = io.BytesIO()
    try:
        pydicom.dcmwrite(out, made, enforce_file_format=True)
    except Exception as error:
        raise _damaged(where) from error
    return out.getvalue()


def _same_pixels(header: Dataset, data: bytes, where: str) -> None:
    """Read back: the pixel data have the same bytes, the identifiers are new."""
    before = header[_PIXELS].value
    back = pydicom.dcmread(io.BytesIO(data), stop_before_pixels=before in data)  # deflated ones are read to their end
    same = _PIXELS not in back or back[_PIXELS].value == before
    if not same or back.SOPInstanceUID == header.get("SOPInstanceUID"):
        raise DataError("E-INTERNAL", where=where, needed="a copy with the same pixels", found="one with others",
                        remedy="report this")  # fmt: skip


def _findings(start: bytes, kinds: tuple[str, ...], where: str) -> Iterator[Finding]:
    if start[128:] == b"DICM" and (start[:2] == b"MZ" or start[:4] == b"\x7fELF"):
        yield Finding("warn", "W-PREAMBLE", where, "the file begins like a program that could be run",
                      "the copy begins with zeros; look where the file came from")  # fmt: skip
    for kind in kinds:
        yield Finding("note", "N-LEFTOUT", where, hazards.KINDS[kind])


def _damaged(where: str) -> NeuromyoError:
    return DataError("E-DICOM", where=where, needed="an MR image that can be read", found="a damaged one",
                     remedy="export it again")  # fmt: skip
