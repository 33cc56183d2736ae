"""What is to be careful about, said once for everything that it is true of."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from neuromyo.core.errors import Finding
from neuromyo.study.said import some

_NUMBERS = re.compile(r"\bsub-\S+|[<>=]? ?[-−+]?\d[\d.,]*")
#: things named in one line; of more it is said how many they are
_NAMED = 8


def joined(findings: Iterable[Finding]) -> list[Finding]:
    """Findings of the same words once, with all that they are of. Where only numbers differ the first stands with its own, and after
    it what else it is ``likewise`` true of."""
    same: dict[tuple[str, ...], list[Finding]] = {}
    for f in findings:
        key = (f.level, f.code, *(_NUMBERS.sub("#", text) for text in (f.message, f.remedy, f.consequence)))
        same.setdefault(key, []).append(f)
    return [_one(alike) for alike in same.values()]


def _one(alike: list[Finding]) -> Finding:
    first = alike[0]
    equal = [f for f in alike if _words(f) == _words(first)]
    where = some(list(dict.fromkeys(f.where for f in equal)), _NAMED)
    others = list(dict.fromkeys(f.where for f in alike if _words(f) != _words(first)))
    likewise = f" (likewise {some(others, _NAMED)}, with other numbers)" if others else ""
    return replace(first, where=where, message=first.message + likewise)


def _words(f: Finding) -> tuple[str, ...]:
    return f.message, f.remedy, f.consequence
