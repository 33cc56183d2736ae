"""Writes docs/errors.md from the codes the program knows: `python docs/errors.py`."""

from __future__ import annotations

from pathlib import Path

from neuromyo.core.errors import CODES

_EXIT = {1: "a fault of ours", 2: "bad input", 3: "resource", 4: "refused as unsafe"}


def page() -> str:
    rows = [
        f"| `{code}` | {status} ({_EXIT[status]}) | {meaning} |" for code, (status, meaning) in sorted(CODES.items())
    ]
    head = "# Error codes\n\nMade by `python docs/errors.py`. Every error says where, what was needed, what was found and what to do.\n"
    return "\n".join([head, "| code | exit status | meaning |", "| --- | --- | --- |", *rows, ""])


if __name__ == "__main__":
    Path(__file__).with_suffix(".md").write_text(page(), encoding="utf-8")
