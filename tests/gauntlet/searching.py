"""A searcher of its own, slow and simple: knows nothing of how the software searches, or of DICOM but for its inflation."""

import base64
import binascii
import gzip
import io
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import unquote_to_bytes


def hits_in(places: Iterable[Path], canaries: Mapping[str, str]) -> dict[str, list[str]]:
    """canary -> the files under these folders in which it stands or whose names bear it."""
    found: dict[str, list[str]] = {}
    for place in places:
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            held = path.relative_to(place).as_posix().encode("utf-8", "surrogateescape") if path != place else b""
            texts = [held]
            if path.is_file() and not path.is_symlink():
                texts += _unpacked(path.read_bytes())
            for name in hits(texts, canaries):
                found.setdefault(name, []).append(str(path))
    return found


def hits(texts: Iterable[bytes], canaries: Mapping[str, str]) -> set[str]:
    """The canaries that stand in these bytes, plainly or coded."""
    found = set()
    for text in texts:
        for view in _views(text):
            low = _folded(view)
            found |= {name for name, word in canaries.items() if any(_folded(v) in low for v in _raw(word))}
    return found


def _raw(word: str) -> set[bytes]:
    spelled = {word}
    if re.fullmatch(r"\d{8}", word):
        y, m, d = word[:4], word[4:6], word[6:]
        spelled |= {f"{y}-{m}-{d}", f"{d}.{m}.{y}", f"{d}/{m}/{y}", f"{m}/{d}/{y}"}
    spelled |= {unicodedata.normalize("NFD", w) for w in spelled}
    raw = {w.encode(code) for w in spelled for code in ("utf-8", "utf-16-le", "utf-16-be")}
    raw |= {w.encode("latin-1") for w in spelled if all(ord(c) < 256 for c in w)}
    return raw | {w.encode("ascii", "backslashreplace") for w in spelled}


def _folded(data: bytes) -> bytes:
    return data.lower()


def _unpacked(data: bytes) -> list[bytes]:
    out = [data]
    if data[:2] == b"\x1f\x8b":
        out += _unpacked(gzip.decompress(data))
    if data[:4] == b"PK\3\4":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            out += [part for name in archive.namelist() for part in _unpacked(archive.read(name))]
    if data[128:132] == b"DICM" and b"1.2.840.10008.1.2.1.99" in data[:1000]:
        for start in range(132, min(len(data), 1000)):
            try:
                out.append(zlib.decompress(data[start:], -15))
                break
            except zlib.error:
                continue
    return out


def _views(text: bytes) -> list[bytes]:
    """The bytes themselves, and what they say where they are hexadecimal, base64 or percent-coded."""
    views = [text]
    if b"%" in text:
        views.append(unquote_to_bytes(text))
    for run in re.findall(rb"[0-9A-Fa-f]{16,}", text):
        views += [binascii.unhexlify(run[k : k + (len(run) - k) // 2 * 2]) for k in (0, 1)]
    for run in re.findall(rb"[A-Za-z0-9+/_-]{10,}", text):
        plain = run.replace(b"-", b"+").replace(b"_", b"/")
        for skip in range(4):
            part = plain[skip:]
            views.append(base64.b64decode(part[: len(part) // 4 * 4]))
    return views
