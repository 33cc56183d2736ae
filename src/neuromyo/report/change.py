"""Changes since an earlier visit, as a short table: what changed reliably first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from neuromyo.core.biomarker import Biomarker
from neuromyo.report import wording
from neuromyo.report.tables import main_rows, title_of

#: verdict -> (words, the class that colours them)
WORDS = {"rise": ("reliable rise", "sure"), "fall": ("reliable fall", "sure"), "none": ("no reliable change", "usual"),
         "unknown": ("cannot be told", "open")}  # fmt: skip

#: so many reliable changes are shown at once
SHOWN = 12


class Judged(Protocol):
    """What is known of a change (`neuromyo.norms.change.Change`)."""

    @property
    def baseline(self) -> float: ...
    @property
    def follow(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def verdict(self) -> str: ...
    @property
    def refused(self) -> str: ...


class Pair(Protocol):
    """A row of the follow-up, and its change."""

    @property
    def row(self) -> Mapping[str, Any]: ...
    @property
    def change(self) -> Judged: ...


@dataclass(frozen=True, slots=True)
class Line:
    """Texts of one row; ``kind`` colours the verdict."""

    name: str
    baseline: str
    follow: str
    change: str
    unchanged: str
    verdict: str
    kind: str
    why: str


@dataclass(frozen=True, slots=True)
class ChangePart:
    """``sentence``: how many changed; changed: the surest; more : less sure ones; same, unknown : no reliable change, cannot be told."""

    sentence: str
    changed: tuple[Line, ...]
    more: tuple[Line, ...]
    same: tuple[Line, ...]
    unknown: tuple[Line, ...]


def part(pairs: Sequence[Pair], biomarkers: Mapping[str, Biomarker]) -> ChangePart | None:
    """The table of one person; None of no changes."""
    if not pairs:
        return None
    pairs = [pairs[i] for i in main_rows([pair.row for pair in pairs])]
    lines = [_line(pair, biomarkers) for pair in pairs]
    judged = [pair for pair in pairs if pair.change.verdict != "unknown"]
    reliable = sum(pair.change.verdict in ("rise", "fall") for pair in judged)
    n = wording.plural(len(judged), "number")
    chance = f"by chance, about {0.05 * len(judged):.1f} would in somebody unchanged"
    sentence = f"{reliable or 'None'} of {n} changed reliably since baseline; {chance}."
    if not judged:
        sentence = "Whether anything changed since baseline cannot be told."
    changed, same, unknown = (tuple(line for line in lines if line.kind == kind) for kind in ("sure", "usual", "open"))
    return ChangePart(sentence, changed[:SHOWN], changed[SHOWN:], same, unknown)


def _line(pair: Pair, biomarkers: Mapping[str, Biomarker]) -> Line:
    row, c = pair.row, pair.change
    side = f", {row['side']}" if row["side"] in ("left", "right") else ""
    kind = f" ({row['statistic']})" if row["statistic"] not in ("mean", "volume") else ""
    what = wording.short(title_of(biomarkers, row["biomarker"], row["quantity"]))
    name = f"{wording.capital(wording.region(row['region']))}{side}: {what}"
    word, colour = WORDS[c.verdict]
    known = c.low == c.low
    unchanged = (
        f"{wording.number(c.low, c.follow)} to {wording.with_unit(c.high, row['unit'], c.follow)}" if known else "–"
    )
    step = c.follow - c.baseline
    signed = ("+" if step > 0 else "−" if step < 0 else "") + wording.with_unit(abs(step), row["unit"], c.follow)
    return Line(name + kind, wording.with_unit(c.baseline, row["unit"]), wording.with_unit(c.follow, row["unit"]), signed, unchanged,
                word, colour, c.refused)  # fmt: skip
