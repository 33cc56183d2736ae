"""``neuromyo show ID``: one thing, whole."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

from neuromyo.cli.speak import speaker


def show(
    id_: Annotated[str, typer.Argument(metavar="ID", help="A biomarker or segmenter; `neuromyo list` names them.")],
) -> None:
    """Show a biomarker or segmenter: equation, needs, what it gives, options, sources, and where its promises hold."""
    from neuromyo.pipeline import catalogue, registries

    said = catalogue.whole(registries.declaration(id_))
    speaker.answer(said)
    speaker.out(f"{said['id']}: {said['title']}", "")
    if said.get("equation"):
        speaker.out(_plain(said["equation"]), "")
    speaker.table("needs", ("role", "what"), said["needs"].items())
    speaker.table("gives", ("name", "what", "unit", "plausible"), _gives(said["gives"]))
    if said["options"]:
        speaker.table(
            "options", ("name", "default", "unit", "meaning", "values"), [_option(o) for o in said["options"]]
        )
    if said.get("assumes"):
        rows = [(a["field"], a["value"], a["why"]) for a in said["assumes"]]
        speaker.table("assumed, openly, where the files do not state it", ("field", "value", "why"), rows)
    if said.get("domain"):
        box = ", ".join(f"{n} {low:g} to {high:g}" for n, (low, high) in said["domain"]["box"].items())
        speaker.out(f"domain of its promises (SI): {box}; signal-to-noise from {said['domain']['snr']:g}", "")
    if said["doi"]:
        speaker.out("sources: " + ", ".join(f"https://doi.org/{d}" for d in said["doi"]))


def _plain(text: str) -> str:
    """The description without the marks of its markup; formulas stay as they are written."""
    text = re.sub(r":math:`([^`]*)`", r"\1", text)
    text = re.sub(r"^\.\. math::[ \t]*\n+", "", text, flags=re.MULTILINE)
    text = re.sub(r"^\.\. math::[ \t]*", "    ", text, flags=re.MULTILINE)
    return re.sub(r"\\[,;]", " ", text)


def _gives(gives: list[Any]) -> list[tuple[str, ...]]:
    if gives and isinstance(gives[0], str):
        return [(name, "region", "", "") for name in gives]
    return [(q["name"], q["title"], q["unit"], "{:g} to {:g}".format(*q["plausible"])) for q in gives]


def _option(one: dict[str, Any]) -> tuple[str, ...]:
    bounds = [
        f"from {one['low']:g}" if one["low"] is not None else "",
        f"to {one['high']:g}" if one["high"] is not None else "",
    ]
    values = ", ".join([*one["choices"], *([one["open_choice"]] if one["open_choice"] else [])])
    return one["name"], str(one["default"]), one["unit"], one["doc"], values or " ".join(b for b in bounds if b)
