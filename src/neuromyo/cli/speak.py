"""How verbs speak: one JSON object on stdout with ``--json``; else text for people. Progress and complaints: stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

#: columns of a table that goes into a file or a pipe
_WIDE = 160


class Speaker:
    """One invocation's voice. ``json`` and ``debug`` are told by the options of the same names."""

    def __init__(self) -> None:
        self.json = False
        self.debug = False
        self._answered = False

    def answer(self, said: Mapping[str, Any]) -> None:
        """The verb's result, for machines; the first answer of an invocation is the only one."""
        if self.json and not self._answered:
            print(json.dumps(_plain(said), ensure_ascii=False, allow_nan=False), file=sys.stdout, flush=True)
            self._answered = True

    def out(self, *lines: str) -> None:
        """The verb's result, for people."""
        for line in lines:
            print(line, file=sys.stderr if self.json else sys.stdout)

    def note(self, *lines: str) -> None:
        """Whatever is not the result."""
        for line in lines:
            print(line, file=sys.stderr, flush=True)

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, result: bool = True) -> None:
        """A table: part of the result, or a note."""
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        made = Table(title=title or None, box=box.SIMPLE, title_justify="left", pad_edge=False)
        for column in columns:
            made.add_column(column, overflow="fold", no_wrap=column == "code")  # a code can be searched for
        for row in rows:
            made.add_row(*(Text(str(cell)) for cell in row))
        stream = sys.stdout if result and not self.json else sys.stderr
        Console(file=stream, width=None if stream.isatty() or "COLUMNS" in os.environ else _WIDE).print(made)


speaker = Speaker()


def _plain(value: Any) -> Any:
    """Numbers that JSON lacks become null; paths and the like become text."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    return value if value is None or isinstance(value, (str, int, bool)) else str(value)
