"""Who sees what in which order: codes, orders and repeats that follow from a seed, and tell a reader nothing."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass

#: letters and digits that are not taken for each other
_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_LETTERS = 4


@dataclass(frozen=True, slots=True)
class Shown:
    """One presentation: case ``case`` (its place in the list of cases) under a code, for the first or the second time."""

    code: str
    case: int
    reading: int


def order(n_cases: int, share: float, seed: int, reader: str) -> tuple[Shown, ...]:
    """The presentations for one reader, ``share`` (0 to 0.5) of the cases twice.

    Cases come in an order of the reader's own. Those that come twice are of the first half, their second time in the last quarter: at
    least a quarter of all cases lies between, and nothing marks them.
    """
    first = _shuffled(range(n_cases), f"{seed}/{reader}/first")
    again = first[: n_cases // 2][: math.ceil(share * n_cases)] if n_cases > 1 else []
    cut = n_cases - n_cases // 4
    late = [(case, 1) for case in first[cut:]] + [(case, 2) for case in again]
    mixed = [late[i] for i in _shuffled(range(len(late)), f"{seed}/{reader}/late")]
    shown = [(case, 1) for case in first[:cut]] + mixed
    codes = _codes(len(shown), f"{seed}/{reader}/codes")
    return tuple(Shown(code, case, reading) for code, (case, reading) in zip(codes, shown, strict=True))


def form_id(seed: int, reader: str, scale: str, cases: Iterable[str]) -> str:
    """A name of the form that answers carry back."""
    return _digest("/".join([str(seed), reader, scale, *cases]))[:16]


def _shuffled(items: Iterable[int], purpose: str) -> list[int]:
    """Sorted by a digest: the same on every machine and for ever."""
    return sorted(items, key=lambda i: _digest(f"{purpose}/{i}"))


def _codes(n: int, purpose: str) -> list[str]:
    made: dict[str, None] = {}
    turn = 0
    while len(made) < n:
        number = int(_digest(f"{purpose}/{turn}"), 16)
        made["".join(_ALPHABET[number // len(_ALPHABET) ** k % len(_ALPHABET)] for k in range(_LETTERS))] = None
        turn += 1
    return list(made)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
