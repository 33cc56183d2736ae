"""Pages that are made from the code say what the code says."""

from __future__ import annotations

import ast
import re
import runpy
from pathlib import Path

import pytest

from neuromyo.core.errors import CODES
from neuromyo.core.remarks import REMARKS
from neuromyo.pipeline.registries import biomarkers

PROJECT = Path(__file__).resolve().parents[2]
DOCS = PROJECT / "docs"


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


def test_every_code_that_can_be_said_is_explained() -> None:
    """The words that look like codes in the program, and those that the page of codes explains, are the same."""
    said = {
        node.value
        for path in (PROJECT / "src").rglob("*.py")
        if path.name not in ("errors.py", "remarks.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"[EWN](-[A-Z0-9]+)+", node.value)
    }
    assert said | {"E-INTERNAL"} == {*CODES, *REMARKS, "E-INTERRUPTED"}
