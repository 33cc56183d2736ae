"""Tables that travel with the package: protocols, label names, spectra."""

from __future__ import annotations

from importlib import resources

from neuromyo.core.errors import OptionError


def text(room: str, name: str) -> str:
    """The text of a packaged file, e.g. ``text("protocol", "sets/calf_3t.toml")``."""
    return _file(room, name).read_text(encoding="utf-8")


def names(room: str, folder: str, suffix: str) -> tuple[str, ...]:
    """Names, without the suffix, of the packaged files in a folder: ``names("protocol", "sets", ".toml")``."""
    where = resources.files(f"neuromyo.{room}") / folder
    return tuple(sorted(f.name.removesuffix(suffix) for f in where.iterdir() if f.name.endswith(suffix)))


def _file(room: str, name: str):
    found = resources.files(f"neuromyo.{room}") / name
    if not found.is_file():
        raise OptionError(
            "E-UNKNOWN", where=name, needed=f"a file packaged with neuromyo.{room}", found="none of that name"
        )
    return found
