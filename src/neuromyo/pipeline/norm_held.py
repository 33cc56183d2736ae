"""Norm files on disk: read, written with their card, and whether scans may be compared with them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from neuromyo.core.errors import DataError, Finding, OptionError
from neuromyo.norms import card, norm_file
from neuromyo.norms.norm_file import NormFile
from neuromyo.pipeline import norm_options

_ENDING = ".norm.json"
_LIMIT = 256 << 20


def read(path: Path) -> NormFile:
    """A norm file; E-NORM in one sentence where it cannot be used."""
    from neuromyo.io.files import printable, read_small

    name = printable(path.name)
    raw = read_small(path, name, "E-NORM", _LIMIT)
    try:
        return norm_file.from_text(raw.decode("utf-8"), name)
    except UnicodeDecodeError as error:
        raise DataError("E-NORM", where=name, needed="a norm file of neuromyo", found="no text",
                        remedy="give a file that neuromyo norms build wrote") from error  # fmt: skip


def write(out: Path, file: NormFile) -> tuple[str, ...]:
    """The file, and the card beside it."""
    from neuromyo.io import store

    beside = out.with_name(f"{stem(out)}.norm.md")
    store.write_text(out, norm_file.to_text(file))
    store.write_text(beside, card.text(file))
    return str(out), str(beside)


def named(out: Path) -> None:
    """E-OPTION where a name is none of a norm file."""
    if not out.name.endswith(_ENDING) or out.name == _ENDING:
        raise OptionError("E-OPTION", where="-o", needed=f"a name that ends in {_ENDING}", found=out.name,
                          remedy=f"write {out.name.removesuffix('.json') or 'controls'}{_ENDING}")  # fmt: skip


def stem(out: Path) -> str:
    """The name without its ending."""
    return out.name.removesuffix(_ENDING)


def fits(file: NormFile, field_t: float | None, name: str) -> None:
    """E-METHOD where scans are stated to be of another field than the norm's."""
    norm_options.field(field_t)
    own = file.conditions.get("field_T") or None
    if own is not None and field_t is not None and abs(float(own) - field_t) > 0.2:
        raise OptionError("E-METHOD", where=name, needed=f"scans at {own:g} T, as those of the norm", found=f"{field_t:g} T",
                          remedy="relaxation times and MTR change with the field: use a norm of that field")  # fmt: skip


def unstated(file: NormFile, field_t: float | None) -> Iterator[Finding]:
    """The norm states a field, and the scans do not: nobody can tell whether they compare."""
    if file.conditions.get("field_T") and field_t is None:
        yield Finding("note", "N-CONTROL", file.name, f"its controls were scanned at {float(file.conditions['field_T']):g} T; of these "
                      "scans no field is stated", "state it by --field")  # fmt: skip
