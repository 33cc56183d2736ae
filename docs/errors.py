"""Writes docs/errors.md from the codes the program knows: `python docs/errors.py`."""

from __future__ import annotations

from pathlib import Path

from neuromyo.core.errors import CODES
from neuromyo.core.remarks import REMARKS

_EXIT = {1: "a fault of ours", 2: "bad input", 3: "resource", 4: "refused as unsafe"}


_HEAD = """# Error codes

Made by `python docs/errors.py`. Every error says where, what was needed, what was found and what to do. With `--json`, what the user
interrupts ends with the code `E-INTERRUPTED` and exit status 130 or 143.

| code | exit status | meaning |
| --- | --- | --- |
"""
_TOLD = """
## Warnings and notes

A warning (`W-`) says that a number may be wrong or missing, a note (`N-`) is worth knowing; neither ends the work nor changes the exit
status.

| code | meaning |
| --- | --- |
"""


def page() -> str:
    errors = [f"| `{code}` | {status} ({_EXIT[status]}) | {said} |" for code, (status, said) in sorted(CODES.items())]
    remarks = [f"| `{code}` | {said} |" for code, said in sorted(REMARKS.items())]
    return _HEAD + "\n".join(errors) + "\n" + _TOLD + "\n".join(remarks) + "\n"


if __name__ == "__main__":
    Path(__file__).with_suffix(".md").write_text(page(), encoding="utf-8")
