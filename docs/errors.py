"""Writes docs/errors.md from the codes the program knows: `python docs/errors.py`."""

from __future__ import annotations

from pathlib import Path

from neuromyo.core.errors import CODES
from neuromyo.core.findings import FINDINGS

_EXIT = {1: "a fault of ours", 2: "bad input", 3: "resource", 4: "refused as unsafe"}


def page() -> str:
    errors = [
        f"| `{code}` | {status} ({_EXIT[status]}) | {meaning} |" for code, (status, meaning) in sorted(CODES.items())
    ]
    return "\n".join([
        "# Error codes\n\nMade by `python docs/errors.py`. Every error says where, what was needed, what was found and what to do.\n",
        "| code | exit status | meaning |", "| --- | --- | --- |", *errors,
        "\n## Warnings\n\nWork goes on; each says where, what it means and what to do, in the record and on the page too.\n",
        *_table("W-"), "\n## Notes\n\nWorth knowing; nothing has to be done.\n", *_table("N-"), "",
    ])  # fmt: skip


def _table(kind: str) -> list[str]:
    rows = [f"| `{code}` | {meaning} |" for code, meaning in sorted(FINDINGS.items()) if code.startswith(kind)]
    return ["| code | meaning |", "| --- | --- |", *rows]


if __name__ == "__main__":
    Path(__file__).with_suffix(".md").write_text(page(), encoding="utf-8")
