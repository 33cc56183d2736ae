"""The secret that pseudonyms are made with: with it the visits of one person stay together, without it they cannot be traced."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from neuromyo.core.errors import OptionError
from neuromyo.io import store
from neuromyo.io.files import read_small

SIZE = 32
_NAME = "import.key"
_STANDARD_ROOT = "1.2.840.10008."
_LETTERS = "bcdfghjkmnpqrstv"  # no vowel: no name comes about by chance, which the last search would take for a leak


def load(path: Path | None = None, *, outside: Path | None = None, tell: Callable[[str], None] | None = None) -> bytes:
    """The 32 bytes of the key at ``path``; without one, this user's own key, made at its first use.

    ``outside`` : a folder (the dataset) in which no key may lie
    ``tell`` : called with a sentence for the user where a key was made, or where others can read it
    """
    place = path if path is not None else own_place()
    if outside is not None:
        _refuse_inside(place, outside)
    if path is None and not place.exists():
        _make(place, tell)
    key = _parse(read_small(place, _NAME if path is None else "--key", "E-OPTION", 4096))
    if tell is not None and os.name == "posix" and place.stat().st_mode & 0o077:
        tell(f"Others on this computer can read the key {place}: chmod 600 it, or they can tell who is who.")
    return key


def own_place() -> Path:
    """Where this user's key lies: in the platform's folder for settings."""
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA") or home / "AppData" / "Roaming")
    elif sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    return base / "neuromyo" / _NAME


def digest(key: bytes, purpose: str, text: str) -> bytes:
    """HMAC-SHA256 of ``text``; one ``purpose`` tells nothing about another."""
    return hmac.new(key, f"neuromyo {purpose}\0{text}".encode(), hashlib.sha256).digest()


def uid(key: bytes, original: str) -> str:
    """``2.25.N`` with a number N of 128 bits from the HMAC of the original UID; UIDs of the standard itself stay.

    Cites: DICOM PS3.5 section B.2 (UIDs derived from a UUID).
    """
    if original.startswith(_STANDARD_ROOT):
        return original
    return f"2.25.{int.from_bytes(digest(key, 'uid', original)[:16])}"


def label(key: bytes, purpose: str, text: str, length: int = 12) -> str:
    """A pseudonym of ``length`` (at most 32) letters, 4 bits each."""
    return "".join(_LETTERS[b & 15] for b in digest(key, purpose, text)[:length])


def _refuse_inside(place: Path, folder: Path) -> None:
    if place.resolve().is_relative_to(folder.resolve()):
        raise OptionError("E-PHI", where="--key", needed="a key kept apart from the data",
                          found="a key inside the dataset, where whoever gets the data could tell who is who",
                          remedy="move the key elsewhere")  # fmt: skip


def _make(place: Path, tell: Callable[[str], None] | None) -> None:
    """A new key, there whole or not at all; where another import was quicker, its key stays."""
    aside = place.with_name(f".{place.name}-{secrets.token_hex(8)}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w") as stream:
                stream.write(secrets.token_hex(SIZE) + "\n")
                stream.flush()
                os.fsync(stream.fileno())
            os.link(aside, place)
        finally:
            with suppress(OSError):
                aside.unlink()
    except FileExistsError:
        return
    except OSError as error:
        raise store.cannot_write(str(place), error) from error
    if tell is not None:
        tell(f"A key for pseudonyms was made: {place}. Keep this file: with it the visits of one person stay together. "
             "Give it to no one who gets the data.")  # fmt: skip


def _parse(raw: bytes) -> bytes:
    """32 bytes, plain or as 64 hexadecimal digits."""
    if len(raw) == SIZE:
        return raw
    with suppress(ValueError):
        key = bytes.fromhex(raw.decode("ascii").strip())
        if len(key) == SIZE:
            return key
    raise OptionError("E-OPTION", where="--key", needed=f"{SIZE} bytes, or {2 * SIZE} hexadecimal digits",
                      found=f"a file of {len(raw)} bytes that is neither",
                      remedy="name the key file that neuromyo made, or leave --key out to have one made")  # fmt: skip
