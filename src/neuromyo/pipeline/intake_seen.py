"""Which images of an examination are to be read: the new ones, those left out before, and those whose files are gone.

A series is one measurement. Where a part of it is in the dataset already, what came later cannot be added to it and must not stand beside
it as if it were another measurement: E-SERIES says so, and how to have the series whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from neuromyo.core.errors import DataError, Finding, NeuromyoError
from neuromyo.dicom.entry import Entry
from neuromyo.dicom.stack import call
from neuromyo.pipeline import intake_ledger as ledger

#: entities in which the files of one run of a sequence differ
OF_ONE_RUN = ("run", "echo", "flip", "inv", "mt", "part")
_SHOWN = 3
_MOST_NUMBERS = 1_000_000
#: what an image can be to the dataset: never seen, left out before, of a series that failed before, in a file, in one that is gone
_NEW, _LEFT_OUT, _TRIED, _SETTLED, _GONE = "new", "left out", "tried", "settled", "gone"


@dataclass(frozen=True)
class Seen:
    """Entries to be read (``n_new`` of them are no mere repeats of what was left out), and what is to be said."""

    entries: tuple[Entry, ...]
    n_new: int
    findings: tuple[Finding, ...] = ()
    errors: tuple[NeuromyoError, ...] = ()


def sorted_out(
    bids: Path,
    accounts: Mapping[str, ledger.Account],
    label: str,
    entries: Sequence[Entry],
    images: Mapping[int, str],
    series: Mapping[int, str],
) -> Seen:
    """What of ``entries`` is to be imported as session ``label``; images, series : keyed hashes by file number."""
    files = _Files(bids)
    placed = {image: place for account in accounts.values() for image, place in account.images.items()}
    states = {e.file: _state(placed.get(images[e.file]), files) for e in entries}
    begun = {s: stem for account in accounts.values() for s, stem in account.series.items() if files.any_of(stem)}
    kept = {series[e.file] for e in entries if states[e.file] == _SETTLED}
    late = {series[e.file] for e in entries if states[e.file] == _NEW and series[e.file] in begun}
    gone = {e.file for e in entries if states[e.file] == _GONE and series[e.file] in kept}
    wanted = tuple(
        e for e in entries if states[e.file] != _SETTLED and series[e.file] not in late and e.file not in gone
    )
    here = [e for e in entries if series[e.file] in late]
    errors = [_late([e for e in here if series[e.file] == one], begun[one], states)
              for one in dict.fromkeys(series[e.file] for e in here)]  # fmt: skip
    lost = {placed[images[file]] for file in gone} | _partly(accounts.get(label), files)
    said = [*([_gone(label, sorted(lost))] if lost else []), *gaps(entries, wanted)]
    return Seen(wanted, sum(states[e.file] != _LEFT_OUT for e in wanted), tuple(said), tuple(errors))


def _state(place: str | None, files: _Files) -> str:
    if place in (None, ledger.FAILED, ledger.LEFT_OUT):
        return {None: _NEW, ledger.FAILED: _TRIED, ledger.LEFT_OUT: _LEFT_OUT}[place]
    return _SETTLED if files.any_of(place) else _GONE


class _Files:
    """Which images are there, whatever became of single ones of a set."""

    def __init__(self, bids: Path) -> None:
        self.bids = bids
        self._known: dict[str, dict[str, set[str]]] = {}

    def any_of(self, stem: str) -> bool:
        """Whether an image of the stem's set (its echoes, angles, parts, runs) is there."""
        folder, _, name = stem.rpartition("/")
        return _set_of(name) in self._in(folder)

    def has(self, stem: str) -> bool:
        folder, _, name = stem.rpartition("/")
        return name in self._in(folder).get(_set_of(name), ())

    def _in(self, folder: str) -> dict[str, set[str]]:
        if folder not in self._known:
            sets: dict[str, set[str]] = {}
            place = self.bids / folder
            for path in place.iterdir() if place.is_dir() else ():
                name = path.name.removesuffix(".gz").removesuffix(".nii")
                if name + ".nii" in (path.name, path.name.removesuffix(".gz")):
                    sets.setdefault(_set_of(name), set()).add(name)
            self._known[folder] = sets
        return self._known[folder]


def _set_of(name: str) -> str:
    return "_".join(piece for piece in name.split("_") if piece.partition("-")[0] not in OF_ONE_RUN)


def _partly(account: ledger.Account | None, files: _Files) -> set[str]:
    """Files of an earlier import that are gone while others of their set are there."""
    stems = set(account.images.values()) - {ledger.LEFT_OUT, ledger.FAILED} if account else set()
    return {stem for stem in stems if files.any_of(stem) and not files.has(stem)}


def gaps(entries: Sequence[Entry], wanted: Sequence[Entry]) -> list[Finding]:
    """W-GAPS: series of which numbers are missing. A slice lost at an end leaves no gap between slices, but one in the numbers."""
    said = []
    for one in dict.fromkeys(e.series for e in wanted):
        own = [e for e in entries if e.series == one]
        numbers = {e.instance for e in own if e.instance is not None}
        if len(numbers) < 2 or len(numbers) != len(own) or any(e.frames > 1 for e in own):
            continue
        missing = sorted(set(range(min(numbers), min(max(numbers), min(numbers) + _MOST_NUMBERS))) - numbers)
        if 0 < len(missing) <= len(numbers):
            listed = ", ".join(map(str, missing[:_SHOWN])) + (" ..." if len(missing) > _SHOWN else "")
            number, span = own[0].number, f"between {min(numbers)} and {max(numbers)}"
            said.append(Finding("warn", "W-GAPS", call(() if number is None else (number,)),
                                f"{len(missing):,} of its instance numbers are missing ({listed}) {span}",
                                "look whether the whole series was exported",
                                "slices at an end of the stack, or whole volumes, can be missing"))  # fmt: skip
    return said


def of_no_use(entries: Sequence[Entry], wanted: Sequence[Entry], named: Iterable[int]) -> list[Finding]:
    """N-SERIES for series that are named though all of their images were imported before: their names stay."""
    there, read = {e.number for e in entries}, {e.number for e in wanted}
    return [Finding("note", "N-SERIES", f"--series {number}", "this series is in the dataset already",
                    "to have it under another name, delete the files made of it (images, sidecars) and import again",
                    "its files stay as they are")
            for number in sorted(named) if number in there and number not in read]  # fmt: skip


def _late(entries: Sequence[Entry], stem: str, states: Mapping[int, str]) -> DataError:
    new = sum(states[e.file] != _SETTLED for e in entries)
    number = entries[0].number
    return DataError("E-SERIES", where=call(() if number is None else (number,)), needed="a whole series in one import",
                     found=f"{new:,} images of a series of which others were imported before, as {_name(stem)}",
                     remedy="delete the files made of that series (images, sidecars), then import the whole series again")  # fmt: skip


def _gone(label: str, stems: Sequence[str]) -> Finding:
    return Finding("warn", "W-GONE", label, f"no longer there, though others of their set are: {_listed(map(_name, stems))}",
                   "nothing, if they were deleted on purpose; else delete the whole set (images, sidecars) and import again",
                   "they are not imported again by themselves")  # fmt: skip


def _name(stem: str) -> str:
    return stem.rpartition("/")[2]


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return ", ".join(every[:_SHOWN]) + more
