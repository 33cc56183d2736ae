"""The last search: nothing by which the person could be found may stand in what is about to be moved into place. Runs in the child."""

from __future__ import annotations

import gzip
import io
import math
import struct
import warnings
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom.uid import DeflatedExplicitVRLittleEndian

from neuromyo.core.errors import DataError, NeuromyoError
from neuromyo.dicom import door, hazards
from neuromyo.dicom.listing import discreet
from neuromyo.dicom.needles import Needles
from neuromyo.dicom.words import FILE, Words
from neuromyo.io.files import open_regular

_BLOCK = 8 << 20
_GZIP = b"\x1f\x8b"
_GZIP_HEADER = 512


@dataclass(frozen=True, slots=True)
class Hit:
    """A word found: in which file of the output (called discreetly, its own name may hold the word) and of what kind."""

    file: str
    kind: str
    in_name: bool = False

    def error(self) -> NeuromyoError:
        place = f"the name of the output file {self.file}" if self.in_name else f"the output file {self.file}"
        return DataError("E-PHI", where=place, needed="nothing by which the person could be found", found=self.kind,
                         remedy="nothing was moved into place; leave the series out, or give other labels, "
                                "and tell us how it got there")  # fmt: skip


def find(words: Mapping[str, Iterable[str]], folder: Path) -> list[Hit]:
    """Every file under ``folder`` that holds one of the words, in any of their spellings, or bears it in its name.

    words : kind -> words, as `Words.to_find` gives them
    """
    needles = Needles(words)
    return [hit for path in sorted(folder.rglob("*")) for hit in _hits(needles, path, folder)]


def _hits(needles: Needles, path: Path, folder: Path) -> Iterator[Hit]:
    called = _called(path.relative_to(folder), needles)
    for kind in sorted(needles.in_text(path.name.encode("utf-8", "replace"))):
        yield Hit(called, kind, in_name=True)
    if path.is_file() and not path.is_symlink():
        for kind in sorted(in_file(needles, path)):
            yield Hit(called, kind)


def in_file(needles: Needles, path: Path) -> set[str]:
    """The kinds of words that stand in a file, unpacked where it is gzip."""
    with open_regular(path, discreet(path.name)) as stream:
        start = stream.read(_GZIP_HEADER)
        stream.seek(0)
        if start[:2] != _GZIP:
            return _in_stream(needles, stream)
        found = _in_gzip_header(needles, start)
        with suppress(EOFError, zlib.error, gzip.BadGzipFile), gzip.GzipFile(fileobj=stream) as unpacked:
            found |= _in_stream(needles, unpacked)
    return found


def _in_gzip_header(needles: Needles, start: bytes) -> set[str]:
    """A gzip header may hold a comment and the name of the file it was made from."""
    flags = start[3] if len(start) > 3 else 0
    return needles.in_text(start) if flags & 0b11100 else set()


def answer(request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Child job: collects the words from the source files, then looks for them in ``request["out"]``.

    request : root, files (as every job), out (the staging folder), expected (how many files there are in all), source (optional:
        the name of the folder or archive the user named), words (optional: more to look for, as {kind: [text, ...]})
    Yields ``{"at"}``; ``{"file", "error"}`` for a file whose pixels may name the person; ``{"leak": error}`` for each hit; at last
    ``{"swept": ...}``, false in ``whole`` where fewer files were read than expected: a child that was started again has lost the
    words of the files before. `swept` reads all this.
    """
    words = Words()
    for text in (Path(request["root"]).name, request.get("source", "")):
        words.add(FILE, text)
    for kind, more in request.get("words", {}).items():
        for text in more:
            words.add(kind, text)
    number, n_files = None, 0
    for number, name in request["files"]:
        yield {"at": number}
        n_files += 1
        words.add(FILE, name)
        header = door.header(Path(request["root"]) / name)
        if header is None:
            continue
        words.add_header(header)
        words.add_header(header.file_meta)
        refused = hazards.refusal(hazards.of(header), "")
        if refused is not None:
            yield {"file": number, "error": refused.as_dict()}
    looked_for = words.to_find()
    needles, folder = Needles(looked_for), Path(request["out"])
    for path in sorted(folder.rglob("*")):
        if number is not None:
            yield {"at": number}  # still alive: the time limit is for one file of the output
        for hit in _hits(needles, path, folder):
            yield {"leak": hit.error().as_dict()}
    n_words = sum(map(len, looked_for.values()))
    whole = n_files >= request.get("expected", 0)
    yield {"swept": {"words": n_words, "unsought": sorted(words.unsought), "whole": whole}}


def _in_stream(needles: Needles, stream: Any) -> set[str]:
    """What stands in a stream: text as a whole, of images the header, and between the voxels long words only."""
    first = stream.read(_BLOCK)
    end = _end_of_header(first)
    if end is None:
        found = needles.in_text(first)
        search = needles.in_text
    else:
        found = needles.in_text(first[:end]) | needles.in_bulk(first[end:])
        search = needles.in_bulk
    kept = first[-needles.overlap :]
    while block := stream.read(_BLOCK):
        found |= search(kept + block)
        kept = (kept + block)[-needles.overlap :]
    return found


def _end_of_header(first: bytes) -> int | None:
    """Where the voxels begin in a NIfTI or DICOM file that begins with ``first``; None for any other file."""
    for order in "<>":
        if first[:4] == struct.pack(order + "i", 348) and first[344:347] in (b"n+1", b"ni1"):
            return _within(struct.unpack(order + "f", first[108:112])[0], first)
        if first[:4] == struct.pack(order + "i", 540) and first[4:7] in (b"n+2", b"ni2"):
            return _within(struct.unpack(order + "q", first[168:176])[0], first)
    return _pixels_begin(first) if first[128:132] == b"DICM" else None


def _within(offset: float, first: bytes) -> int:
    return int(min(max(offset, 348), len(first))) if math.isfinite(offset) else len(first)


def _pixels_begin(first: bytes) -> int | None:
    """Where the pixel data of a DICOM file begin; None (all of it is text) where that cannot be told."""
    stream = io.BytesIO(first)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            header = pydicom.dcmread(stream, stop_before_pixels=True)
        except Exception:
            return None
    if header.file_meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
        return None
    return stream.tell()


def _called(path: Path, needles: Needles) -> str:
    """A path of the output, as it may be said: discreet where a part of it holds a word."""
    return "/".join(discreet(p) if needles.in_text(p.encode("utf-8", "replace")) else p for p in path.parts)
