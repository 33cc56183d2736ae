"""What a person sees while a run goes on: the plan of each session, then bars. All on stderr."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from neuromyo.cli.speak import speaker
from neuromyo.pipeline.outcome import Event, Tell


@contextlib.contextmanager
def shown() -> Iterator[Tell]:
    """A `Tell` that prints plans and moves bars while the block lasts; without a terminal, one line an event."""
    if not sys.stderr.isatty():
        yield _lines
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
    from rich.text import Text

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bars: dict[str, TaskID] = {}

        def tell(event: Event) -> None:
            if event.kind == "plan":
                progress.console.print(Text("\n".join([event.session, *event.lines])))
            elif event.kind == "step":
                if event.session not in bars:
                    bars[event.session] = progress.add_task("", total=None)
                said = escape(f"{event.session}  {event.text}")
                progress.update(bars[event.session], description=said, total=None, completed=0)
            elif event.kind == "share" and event.session in bars:
                progress.update(bars[event.session], total=1.0, completed=event.share)
            elif event.kind == "end":
                progress.console.print(Text(f"{event.session}: {event.text}"))
                if event.session in bars:
                    progress.remove_task(bars.pop(event.session))

        yield tell


def _lines(event: Event) -> None:
    if event.kind == "plan":
        speaker.note(event.session, *event.lines)
    elif event.kind == "step" or event.kind == "end":
        speaker.note(f"{event.session}: {event.text}")
