"""Labels of people and visits, and which of the known ones a stranger probably means."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from neuromyo.io.names import LABEL


def label(cell: str, prefix: str) -> str | None:
    """The label in ``sub-01`` or ``01``; None where it is none of letters and digits."""
    text = cell.removeprefix(prefix)
    return text if LABEL.fullmatch(text) else None


class Known(Collection[str]):
    """The labels that there are, ready to be asked about many strangers."""

    def __init__(self, labels: Iterable[str]) -> None:
        self._labels = frozenset(labels)
        self._alike: dict[tuple[str, str], list[str]] = {}
        for one in sorted(self._labels):
            for kind, said in (("core", core(one)), ("digits", _digits(one))):
                if said:
                    self._alike.setdefault((kind, said), []).append(one)

    def __contains__(self, given: object) -> bool:
        return given in self._labels

    def __iter__(self):
        return iter(sorted(self._labels))

    def __len__(self) -> int:
        return len(self._labels)

    def likely(self, given: str) -> str:
        """The one label that differs from ``given`` by case, zero padding, separators or a prefix alone; empty for none.

        ``1``, ``S01`` and ``sub-001`` all probably mean ``01``; where two labels come into question, neither is named.
        """
        for kind, said in (("core", core(given)), ("digits", _digits(given))):
            found = [k for k in self._alike.get((kind, said), ()) if k != given]
            if len(found) == 1 and (kind == "core" or found[0].isdigit() or given.isdigit()):
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
