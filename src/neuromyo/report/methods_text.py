"""The methods paragraph of a paper, from what the biomarkers declare and what the run was told."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from neuromyo.core.acquisition import Assumption
from neuromyo.core.biomarker import Biomarker
from neuromyo.core.maps import Maps
from neuromyo.core.options import describe
from neuromyo.report import wording

DOI = "https://doi.org/"
_LETTERS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "Delta": "Δ", "epsilon": "ε", "theta": "θ", "lambda": "λ",
    "mu": "µ", "pi": "π", "rho": "ρ", "sigma": "σ", "Sigma": "Σ", "tau": "τ", "phi": "φ", "chi": "χ", "omega": "ω",
    "sum": "Σ", "cdot": "·", "times": "×", "exp": "exp", "ln": "ln", "log": "log", "sin": "sin", "cos": "cos",
    "ge": "≥", "geq": "≥", "le": "≤", "leq": "≤", "approx": "≈", "infty": "∞", "pm": "±", "left": "", "right": "",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Method:
    """One biomarker in the methods text. ``options`` are (name, value with unit, meaning); ``doi`` without address."""

    id: str
    title: str
    caption: str
    equation: str
    gives: tuple[str, ...]
    options: tuple[tuple[str, str, str], ...]
    doi: tuple[str, ...]


def method(biomarker: Biomarker, options: Mapping[str, Any]) -> Method:
    """A biomarker's method with the options it was run with (those not given are at their defaults)."""
    gives = tuple(f"{q.title} ({wording.unit(q.display) or 'a plain number'})" for q in biomarker.gives)
    return Method(
        biomarker.id,
        biomarker.title,
        wording.sentence(biomarker.caption),
        readable(biomarker.equation),
        gives,
        tuple(_options(biomarker.options, options)),
        biomarker.doi,
    )


def methods(biomarkers: Mapping[str, Biomarker], maps: Iterable[Maps]) -> tuple[Method, ...]:
    """A method for each biomarker that gave maps, with the options of its first set of maps."""
    given: dict[str, Mapping[str, Any]] = {}
    for one in maps:
        given.setdefault(one.biomarker, one.options)
    return tuple(method(biomarkers[id_], options) for id_, options in given.items() if id_ in biomarkers)


def gather_assumptions(maps: Iterable[Maps]) -> tuple[tuple[Assumption, tuple[str, ...]], ...]:
    """Every assumption once, with the biomarkers that made it."""
    made: dict[Assumption, list[str]] = {}
    for one in maps:
        for assumption in one.assumptions:
            users = made.setdefault(assumption, [])
            if one.biomarker not in users:
                users.append(one.biomarker)
    return tuple((a, tuple(users)) for a, users in made.items())


def methods_md(
    biomarkers: Mapping[str, Biomarker],
    options: Mapping[str, Mapping[str, Any]],
    assumptions: Sequence[tuple[Assumption, Sequence[str]]] = (),
    versions: Mapping[str, str] | None = None,
) -> str:
    """``methods.md`` of a dataset, ready for a paper's supplement.

    biomarkers : id -> declaration, those that were run, in order
    options : id -> options they were run with; ``assumptions`` as from `gather_assumptions`
    """
    lines = ["# Methods", "", _software(versions or {}), ""]
    for biomarker in biomarkers.values():
        lines += _section(method(biomarker, options.get(biomarker.id, {})))
    if assumptions:
        lines += ["## Assumptions", "", "The files do not state the following; these values were used instead.", ""]
        lines += [
            f"* {escaped(a.field)} = {escaped(a.value)} ({', '.join(users)}): {escaped(wording.sentence(a.why))}"
            for a, users in assumptions
        ]
        lines.append("")
    references = list(dict.fromkeys(d for b in biomarkers.values() for d in b.doi))
    if references:
        lines += ["## References", "", *(f"{i}. <{DOI}{d}>" for i, d in enumerate(references, start=1)), ""]
    return "\n".join(lines)


def _section(one: Method) -> list[str]:
    lines = [f"## {wording.capital(one.title)} (`{one.id}`)", ""]
    lines += [escaped(one.caption), ""] if one.caption else []
    lines += [f"It gives {wording.listing([escaped(g) for g in one.gives])}.", ""]
    lines += ["```text", one.equation.replace("```", "'''"), "```", ""] if one.equation else []
    if one.options:
        lines += ["| option | value | meaning |", "|---|---|---|"]
        lines += [f"| {escaped(n)} | {escaped(v)} | {escaped(d)} |" for n, v, d in one.options]
        lines.append("")
    lines += ["Sources: " + ", ".join(f"<{DOI}{d}>" for d in one.doi) + ".", ""] if one.doi else []
    return lines


def _software(versions: Mapping[str, str]) -> str:
    own = versions.get("neuromyo", "")
    others = [f"{name} {v}" for name, v in versions.items() if name != "neuromyo"]
    said = f"All maps and region values were made with neuromyo {own}".rstrip()
    return said + (f" (with {wording.listing(others)})." if others else ".")


def readable(text: str) -> str:
    """A module's docstring with its formulas in plain letters: no directives, no LaTeX commands, T_{2w} as T_2w."""
    text = re.sub(r"^\.\. math::[ ]*", "    ", text, flags=re.MULTILINE)
    text = re.sub(r"\\(?:mathrm|text|operatorname|mathbf)\{([^{}]*)\}", r"\1", text)
    text = re.sub(r"\\frac\{([^{}]*)\}\{([^{}]*)\}", r"(\1) / (\2)", text)
    text = re.sub(r"([_^])\{([^{}]*)\}", r"\1\2", text)
    text = re.sub(r"\\q?quad", "   ", text)
    text = re.sub(r"\\[,;: ]", " ", text).replace(r"\!", "")
    for command, letter in _LETTERS.items():
        text = re.sub(rf"\\{command}(?![a-zA-Z])", letter, text)
    return text


def _options(kind: type, given: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
    for row in describe(kind):
        value = given.get(row["name"], row["default"])
        yield row["name"], _say(value, row["unit"]), wording.sentence(str(row["doc"]))


def _say(value: Any, unit: str) -> str:
    if value is None:
        return "not given"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        text = f"{value:g}"
    elif isinstance(value, (tuple, list)):
        text = ", ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in value)
    else:
        text = str(value)
    return f"{text} {unit}".rstrip()


def escaped(text: str) -> str:
    """Text that cannot become markup: Markdown's own signs escaped, line breaks to spaces."""
    flat = " ".join(str(text).split())
    return "".join("\\" + c if c in "\\`*_[]<>|#" else c for c in flat)
