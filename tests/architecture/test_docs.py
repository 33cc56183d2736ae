"""Pages that are made from the code say what the code says."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from neuromyo.core.errors import CODES
from neuromyo.core.findings import FINDINGS
from neuromyo.pipeline.registries import biomarkers

DOCS = Path(__file__).resolve().parents[2] / "docs"
SOURCE = DOCS.parent / "src" / "neuromyo"
_CODE = re.compile(r"""["']([EWN]-[A-Z][A-Z0-9-]*)["']""")


@pytest.mark.parametrize("name", ["errors", "constants", "tables", "names", "networks", "literature"])
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


def test_every_code_is_documented_and_every_documented_one_is_used() -> None:
    lists = {SOURCE / "core" / "errors.py", SOURCE / "core" / "findings.py"}
    used = {
        code
        for path in SOURCE.rglob("*.py")
        if path not in lists
        for code in _CODE.findall(path.read_text(encoding="utf-8"))
    }
    known = {*CODES, *FINDINGS}
    assert len(used) > 100
    used -= {"E-INTERRUPTED"}  # no error: exit status 130 or 143
    assert used - known == set(), "add them to core/errors.py or core/findings.py"
    assert set(FINDINGS) - used == set(), "nothing says these any more"


def test_decisions_have_each_a_number_of_their_own_and_bear_it() -> None:
    pages = sorted((DOCS / "decisions").glob("*.md"))
    numbers = [page.name[:4] for page in pages]
    assert len(set(numbers)) == len(pages) > 10, sorted(n for n in numbers if numbers.count(n) > 1)
    for page, number in zip(pages, numbers, strict=True):
        assert page.read_text(encoding="utf-8").startswith(f"# {int(number)}. "), page.name


def test_pages_point_to_files_that_are_there() -> None:
    """Paths in backticks that begin with docs/ or tests/, in every page that a person reads."""
    pages = [DOCS.parent / "README.md", DOCS.parent / "CHANGELOG.md", *DOCS.glob("*.md")]
    named = {
        (p.name, word)
        for p in pages
        for word in re.findall(r"`((?:docs|tests|bench)/[\w./-]*)`", p.read_text(encoding="utf-8"))
    }
    assert len(named) > 15
    assert [(page, word) for page, word in sorted(named) if not (DOCS.parent / word).exists()] == []
