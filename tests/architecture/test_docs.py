"""Pages that are made from the code say what the code says."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from neuromyo.pipeline.registries import biomarkers

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize("name", ["errors", "constants", "tables"])
def test_generated_page_is_current(name: str) -> None:
    page = runpy.run_path(str(DOCS / f"{name}.py"))["page"]()
    assert (DOCS / f"{name}.md").read_text(encoding="utf-8") == page, f"run: python docs/{name}.py"


def test_every_constant_says_where_it_is_from() -> None:
    constants = {c for id_ in biomarkers().ids() for c in biomarkers().get(id_).constants}
    assert constants
    for c in constants:
        assert c.evidence in ("read", "recalled", "derived", "convention", "assumed"), c.name
        assert c.source and c.unit and c.sequence, c.name
        assert c.doi or c.evidence in ("assumed", "convention", "derived", "recalled"), c.name
