"""Labels of people and visits, and which of the known ones a stranger probably means."""

from __future__ import annotations

import re
from collections.abc import Collection

from neuromyo.io.names import LABEL


def label(cell: str, prefix: str) -> str | None:
    """The label in ``sub-01`` or ``01``; None where it is none of letters and digits."""
    text = cell.removeprefix(prefix)
    return text if LABEL.fullmatch(text) else None


def likely(given: str, known: Collection[str]) -> str:
    """The one known label that differs from ``given`` by case, zero padding, separators or a prefix alone; empty for none.

    ``1``, ``S01`` and ``sub-001`` all probably mean ``01``; where two known labels come into question, neither is named.
    """
    for alike in (core, _digits):
        wanted = alike(given)
        found = [k for k in known if k != given and wanted and alike(k) == wanted]
        if len(found) == 1 and (alike is core or _bare(found[0]) or _bare(given)):
            return found[0]
    return ""


def core(text: str) -> str:
    """A label without case, separators and leading zeros of its numbers: what people mean by it."""
    letters = re.sub(r"[^0-9a-z]", "", text.casefold().removeprefix("sub-").removeprefix("ses-"))
    return re.sub(r"\d+", lambda m: m[0].lstrip("0") or "0", letters)


def _digits(text: str) -> str:
    """The number after a prefix of letters; empty for anything else."""
    found = re.fullmatch(r"[a-z]*?(\d+)", core(text))
    return found[1] if found else ""


def _bare(text: str) -> bool:
    return text.isdigit()
