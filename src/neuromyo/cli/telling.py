"""Findings as paragraphs: what it is, what it means, what to do; as wide as the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neuromyo.core.errors import Finding

_LEVELS = {"stop": "STOP", "warn": "warning", "note": "note"}


def finding(one: Finding, place: str) -> Iterator[str]:
    """One finding; ``place`` is what of ``where`` has not been said yet."""
    head = f"    {_LEVELS.get(one.level, one.level):<8} "
    yield from wrapped(head, f"{place}: {one.message} [{one.code}]" if place else f"{one.message} [{one.code}]")
    for word, text in (("means", one.consequence), ("do", one.remedy)):
        if text:
            yield from wrapped(" " * len(head) + f"{word}: ", text)


def wrapped(head: str, text: str) -> Iterator[str]:
    """A paragraph with a hanging indent, as wide as the terminal up to 130 columns; words are never broken."""
    import shutil
    import textwrap

    width = min(130, max(60, shutil.get_terminal_size((130, 24)).columns))
    yield from textwrap.wrap(
        text,
        width,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    ) or [head.rstrip()]
