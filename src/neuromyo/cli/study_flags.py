"""Flags of an analysis, made from its options: meaning, unit, choices and default are said once, where the analysis is."""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from neuromyo.pipeline import study_plan

_SECTION = "Options of this analysis"


def parameters(kind: type, taken: Sequence[str] = ()) -> list[inspect.Parameter]:
    """A flag for each option of the frozen dataclass ``kind``, but those in ``taken``: None where it was not given."""
    hints = typing.get_type_hints(kind)
    return [_parameter(f, hints[f.name]) for f in dataclasses.fields(kind) if f.name not in taken]


def given(kind: type, typed: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were given, typed as the dataclass has them; lists may be repeated flags or divided by commas. E-OPTION for a word
    where a number belongs."""
    hints = typing.get_type_hints(kind)
    return {
        f.name: _value(f.name, hints[f.name], typed[f.name])
        for f in dataclasses.fields(kind)
        if typed.get(f.name) is not None
    }


def function(common: Callable[..., int], extra: Sequence[inspect.Parameter], doc: str) -> Callable[..., int]:
    """A function for typer with the parameters of ``common`` (but its last, which takes the others as a mapping) and those ``extra``."""
    signature = inspect.signature(common, eval_str=True)
    shared = list(signature.parameters.values())[:-1]
    names = [p.name for p in shared]

    def run(**typed: Any) -> int:
        own = {k: typed[k] for k in names}
        return common(**own, options={k: v for k, v in typed.items() if k not in names})

    run.__doc__ = doc
    run.__annotations__ = {}
    run.__signature__ = inspect.Signature([p.replace(kind=p.KEYWORD_ONLY) for p in (*shared, *extra)])  # type: ignore[attr-defined]
    return run


def _parameter(f: dataclasses.Field, hint: Any) -> inspect.Parameter:
    flag = "--" + f.name.replace("_", "-")
    kinds = _kinds(hint)
    meta = dict(f.metadata)
    told = typer.Option(
        flag, help=_help(f, meta), show_default=False, rich_help_panel=_SECTION, metavar=_metavar(kinds)
    )
    annotation: Any = str | None
    if kinds[0] is bool:
        told = typer.Option(
            f"{flag}/--no-{flag[2:]}", help=_help(f, meta), show_default=False, rich_help_panel=_SECTION
        )
        annotation = bool | None
    elif typing.get_origin(kinds[0]) is tuple:
        annotation = list[str] | None
    return inspect.Parameter(
        f.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[annotation, told]
    )


def _help(f: dataclasses.Field, meta: Mapping[str, Any]) -> str:
    said = (meta.get("doc") or f.name).rstrip(".")
    said = said[:1].upper() + said[1:]
    unit = f", in {meta['unit']}" if meta.get("unit") else ""
    choices = f" ({', '.join(meta['choices'])})" if meta.get("choices") else ""
    default = f.default
    known = default not in (None, "", ()) and default is not dataclasses.MISSING
    words = {True: "yes", False: "no"}.get(default, "") if isinstance(default, bool) else _words(default)
    return f"{said}{unit}{choices}." + (f" Default: {words}." if known else "")


def _words(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(_words(v) for v in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _metavar(kinds: Sequence[Any]) -> str | None:
    first = kinds[0]
    if typing.get_origin(first) is tuple:
        return {str: "NAME,...", int: "N,...", float: "X,..."}.get(typing.get_args(first)[0], "WORD,...")
    return {int: "N", float: "X", str: "WORD", Path: "FILE"}.get(first)


def _kinds(hint: Any) -> list[Any]:
    """The types that a hint permits, None left out."""
    union = isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union
    return [k for k in (typing.get_args(hint) if union else (hint,)) if k is not type(None)]


def _value(name: str, hint: Any, typed: Any) -> Any:
    if isinstance(typed, bool):
        return typed
    return study_plan.from_text(hint, typed, f"--{name.replace('_', '-')}")
