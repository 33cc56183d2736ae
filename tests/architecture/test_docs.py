"""Pages that are made from the code say what the code says."""

from __future__ import annotations

import runpy
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_error_page_is_current() -> None:
    page = runpy.run_path(str(DOCS / "errors.py"))["page"]()
    assert (DOCS / "errors.md").read_text(encoding="utf-8") == page, "run: python docs/errors.py"
