"""A protocol: the sequences that a study declares, read from TOML."""

from __future__ import annotations

import tomllib
from typing import Any

from pydantic import Field, ValidationError

from neuromyo.core import resources
from neuromyo.core.errors import OptionError, ProtocolError
from neuromyo.protocol.sequence import Figure, Frozen, Origin, Sequence


class Level(Origin):
    """A stretch of the limb that the slices are to cover: from where to where, in words that a radiographer can follow,
    and the structures to be seen there. Image files do not tell landmarks: what is compared is ``coverage_mm``."""

    name: str
    landmarks: str
    structures: tuple[str, ...] = ()
    optional: bool = False


class Protocol(Frozen):
    """Declared sequences with tolerances. ``field_strength`` in T holds for all of them; ``levels`` of the limb are covered
    one after the other, each with all the sequences."""

    name: str
    title: str
    field_strength: Figure | None = None
    levels: tuple[Level, ...] = ()
    sequences: dict[str, Sequence] = Field(min_length=1)

    @property
    def minutes(self) -> float | None:
        """Scan time of one level without the optional sequences, as far as it is declared."""
        known = [s.minutes.target for s in self.sequences.values() if s.minutes is not None and not s.optional]
        return sum(known) if known else None


def names() -> tuple[str, ...]:
    """The protocols that travel with the package."""
    return resources.names("protocol", "sets", ".toml")


def load(name_or_text: str, *, file: str = "") -> Protocol:
    """A packaged protocol by name (``calf_3t``), or one from the text of a TOML file.

    ``file`` is what to call the text in messages. E-UNKNOWN for a name there is none of; E-PROTOCOL names file, table
    and key of what cannot be understood.
    """
    if "\n" in name_or_text or "=" in name_or_text:
        return parse(name_or_text, file or "protocol")
    if name_or_text not in names():
        known = f"one of {', '.join(names())}, or a TOML file"
        raise OptionError("E-UNKNOWN", where=f"protocol {name_or_text}", needed=known, found="another name",
                          remedy="give one of them")  # fmt: skip
    return parse(resources.text("protocol", f"sets/{name_or_text}.toml"), f"{name_or_text}.toml")


def parse(text: str, file: str) -> Protocol:
    """The protocol in the text of a TOML file."""
    try:
        return Protocol.model_validate(_filled(tomllib.loads(text), file))
    except tomllib.TOMLDecodeError as error:
        raise ProtocolError("E-PROTOCOL", where=file, needed="a TOML file", found=str(error),
                            remedy="mend the file") from error  # fmt: skip
    except ValidationError as error:
        raise _explain(file, error) from error


def _filled(raw: dict[str, Any], file: str) -> dict[str, Any]:
    """The declarations with every ``like = "pdw"`` carried out: keys that a sequence lacks are those of the other."""
    declared = raw.get("sequences")
    if not isinstance(declared, dict):
        return raw
    filled: dict[str, Any] = {}
    for name, own in declared.items():
        if not isinstance(own, dict) or "like" not in own:
            filled[name] = own
            continue
        if own["like"] not in filled:
            known = f"a sequence declared before it ({', '.join(filled) or 'none'})"
            raise ProtocolError("E-PROTOCOL", where=f"{file}: [sequences.{name}] like", needed=known,
                                found=repr(own["like"]), remedy="correct that key of the protocol file")  # fmt: skip
        filled[name] = {**filled[own["like"]], **{k: v for k, v in own.items() if k != "like"}}
    return {**raw, "sequences": filled}


def _explain(file: str, error: ValidationError) -> ProtocolError:
    """One complaint, by file, table and key, and how many more there are. A key misspelt comes before one missing."""
    first, *more = sorted(error.errors(include_url=False), key=lambda e: e["type"] != "extra_forbidden")
    *table, key = [str(part) for part in first["loc"]] or ["the file as a whole"]
    where = f"{file}: [{'.'.join(table)}] {key}" if table else f"{file}: {key}"
    found = _plain(first) + (f" (and {len(more)} more)" if more else "")
    return ProtocolError("E-PROTOCOL", where=where, found=found, remedy="correct that key of the protocol file")


def _plain(complaint: Any) -> str:
    if complaint["type"] == "extra_forbidden":
        return "the key is not known"
    if complaint["type"] == "missing":
        return "the key is missing"
    text = str(complaint["msg"]).removeprefix("Value error, ")
    value = complaint["input"]
    return text if isinstance(value, dict) else f"{text}, found {value!r}"
