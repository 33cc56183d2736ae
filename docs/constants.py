"""Writes docs/constants.md from what the biomarkers declare: `python docs/constants.py`."""

from __future__ import annotations

from pathlib import Path

from neuromyo.core.constant import Constant
from neuromyo.pipeline.registries import biomarkers

HEAD = """# Constants

Made by `python docs/constants.py` from what the biomarkers declare. These numbers are not measured on the subject; each has an
option that replaces it (`--option NAME=VALUE`, in SI). Evidence: *read* in the source; *recalled* by the authors from the literature and
not yet checked against the paper; *derived*; a *convention*; or *assumed*.
"""


def page() -> str:
    used: dict[Constant, list[str]] = {}
    registry = biomarkers()
    for declared in (registry.get(id_) for id_ in registry.ids()):
        for constant in declared.constants:
            used.setdefault(constant, []).append(declared.id)
    rows = [
        "| constant | value | unit | field (T) | sequence | source | evidence | option | used by |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for c, ids in sorted(used.items(), key=lambda pair: pair[0].name.casefold()):
        source = f"{c.source} ([doi](https://doi.org/{c.doi}))" if c.doi else c.source
        cells = (c.name, _value(c), c.unit, f"{c.field_strength:g}" if c.field_strength else "any", c.sequence, source,
                 c.evidence, f"`{c.override}`", ", ".join(f"`{i}`" for i in sorted(ids)))  # fmt: skip
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join([HEAD, *rows, ""])


def _value(c: Constant) -> str:
    return ", ".join(f"{v:g}" for v in (c.value if isinstance(c.value, tuple) else (c.value,)))


if __name__ == "__main__":
    Path(__file__).with_suffix(".md").write_text(page(), encoding="utf-8")
