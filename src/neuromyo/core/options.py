"""Options: meaning, unit, default and check side by side, so that the command line and the documentation derive from them.

    @dataclass(frozen=True)
    class Options:
        fat_t2: float | None = option(None, "T2 of fat; calibrated on the subject where not given", unit="s", low=0.02, high=0.5)

Options are frozen and hashable: tables that depend on them can be cached.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any

from neuromyo.core.errors import OptionError


def option(
    default: Any,
    doc: str,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] | None = None,
    open_choice: str = "",
) -> Any:
    """A dataclass field that explains and checks itself.

    ``low`` and ``high`` bound numbers (each entry of a tuple); ``choices`` lists permitted words, and ``open_choice``
    says what other words are taken besides them (``"a JSON file of relative angles"``), which the biomarker then checks.
    """
    meta = {"doc": doc, "unit": unit, "low": low, "high": high, "choices": choices, "open_choice": open_choice}
    return dataclasses.field(default=default, metadata=meta)


@dataclasses.dataclass(frozen=True)
class NoOptions:
    """For a biomarker with nothing to choose."""


def check(options: Any) -> Any:
    """``options`` itself, if every field passes its own check; otherwise E-OPTION."""
    for f in dataclasses.fields(options):
        _check_one(f, getattr(options, f.name))
    return options


def _check_one(f: dataclasses.Field, value: Any) -> None:
    if value is None:
        return
    meta = f.metadata
    choices = meta.get("choices")
    if choices and isinstance(value, str) and value not in choices and not meta.get("open_choice"):
        raise OptionError("E-OPTION", where=f"option {f.name}", needed=f"one of {', '.join(choices)}", found=repr(value),
                          remedy="give one of them")  # fmt: skip
    low, high = meta.get("low"), meta.get("high")
    for number in value if isinstance(value, tuple) else (value,):
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            continue
        if not (low is None or number >= low) or not (high is None or number <= high):
            bounds = f"{'' if low is None else f'>= {low:g}'}{' and ' if None not in (low, high) else ''}{'' if high is None else f'<= {high:g}'}"  # noqa: E501
            unit = f" {meta['unit']}" if meta.get("unit") else ""
            raise OptionError("E-OPTION", where=f"option {f.name}", needed=f"a number {bounds}{unit}", found=f"{number:g}",
                              remedy="give a number in that range")  # fmt: skip


def parse(kind: type, given: Mapping[str, Any]) -> Any:
    """An instance of the options class ``kind`` from names and values (strings, as typed on a command line, or typed)."""
    known = {f.name: f for f in dataclasses.fields(kind)}
    hints = typing.get_type_hints(kind)
    values = {}
    for name, value in given.items():
        field_name = name.replace("-", "_")
        if field_name not in known:
            listed = ", ".join(known) or "none"
            raise OptionError("E-UNKNOWN", where=f"option {name}", needed=f"an option of this biomarker ({listed})",
                              found="another name", remedy="`neuromyo show` with its id says what each of them does")  # fmt: skip
        values[field_name] = _convert(field_name, hints[field_name], value)
    return check(kind(**values))


def _convert(name: str, hint: Any, value: Any) -> Any:
    """A string -> the type that the hint names; ``X | None`` also takes ``none``."""
    if not isinstance(value, str):
        return tuple(value) if isinstance(value, list) else value
    kinds = (
        typing.get_args(hint)
        if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union
        else (hint,)
    )
    text = value.strip()
    if type(None) in kinds and text.lower() in ("none", ""):
        return None
    for kind in kinds:
        try:
            if kind is bool and text.lower() in ("true", "yes", "on", "1", "false", "no", "off", "0"):
                return text.lower() in ("true", "yes", "on", "1")
            if kind in (int, float):
                return kind(text)
            if typing.get_origin(kind) is tuple:
                inner = typing.get_args(kind)[0]
                return tuple(inner(part) for part in text.replace(",", " ").split())
        except ValueError:
            continue
    if any(kind is str or typing.get_origin(kind) is typing.Literal for kind in kinds):
        return text
    wanted = " or ".join(getattr(k, "__name__", str(k)) for k in kinds if k is not type(None))
    raise OptionError("E-OPTION", where=f"option {name}", needed=f"a value of type {wanted}", found=repr(value),
                      remedy="correct the value")  # fmt: skip


def as_dict(options: Any) -> dict[str, Any]:
    """Options by name."""
    return dataclasses.asdict(options)


def describe(kind: type) -> list[dict[str, Any]]:
    """Name, default, unit, meaning and permitted values of every option, for help texts and documentation."""
    rows = []
    for f in dataclasses.fields(kind):
        meta = f.metadata
        rows.append({"name": f.name, "default": f.default, "unit": meta.get("unit", ""), "doc": meta.get("doc", ""),
                     "choices": meta.get("choices"), "low": meta.get("low"), "high": meta.get("high"),
                     "open_choice": meta.get("open_choice", "")})  # fmt: skip
    return rows
