"""Clinical tables of a study as one long list: a value a person, visit and measure, each through the data dictionary."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from neuromyo.core.cohort import Variable
from neuromyo.core.errors import DataError, Finding, OptionError, first_few
from neuromyo.io import dictionary, phenotype
from neuromyo.io.dictionary import Measure
from neuromyo.io.files import printable
from neuromyo.io.phenotype import Entry

#: keys that name what a value is of, the most telling first; the others tell values of one structure apart
_STRUCTURES = ("muscle", "movement", "nerve")
#: the measure whose words describe a person, not a visit
PERSON = "disease"


@dataclass(frozen=True)
class Clinical:
    """``values``: (person, visit, variable) -> number, by the order of the tables; ``traits``: person -> what is told in words or once a
    person (onset, diagnosis, duration of disease); ``findings``: what was noticed."""

    values: tuple[tuple[str, str, Variable, float, str], ...] = ()
    traits: Mapping[str, Mapping[str, float | str]] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


def read(paths: Sequence[Path], units: Mapping[str, str] | None = None) -> Clinical:
    """The clinical values of files and of folders of them (``phenotype/``, or a dataset that has it).

    What a table holds is told by its name (``cmap.csv``, ``cmap_ses-m0.tsv``). The first thing wrong with a cell is raised as it is said
    by `neuromyo phenotype --check`. Of a table that no dictionary knows a folder is read without it, which is told.
    """
    findings: list[Finding] = []
    by_measure: dict[str, list[phenotype.Reading]] = {}
    for reading in readings(paths, units, findings):
        findings += [f for f in reading.findings if f.level != "stop"]
        by_measure.setdefault(reading.measure.name, []).append(reading)
    values, traits = [], {}
    for same in by_measure.values():
        entries, clashes = phenotype.merged(same)
        if clashes:
            raise _error(clashes)
        _sort_out(entries, same[0].measure, values, traits, findings)
    return Clinical(tuple(values), traits, tuple(findings))


def readings(
    paths: Sequence[Path], units: Mapping[str, str] | None = None, findings: list[Finding] | None = None
) -> list[phenotype.Reading]:
    """Each table as `io.phenotype` reads it; the first thing wrong with one is raised, tables of no known measure are told."""
    found = []
    told = [] if findings is None else findings
    for path, measure in (pair for one in paths for pair in _files(one, told)):
        reading = phenotype.read_table(path, measure, units=units, name=printable(path.name))
        _refuse(reading)
        found.append(reading)
    return found


def _files(path: Path, findings: list[Finding]) -> Iterator[tuple[Path, Measure]]:
    if not path.is_dir():
        yield path, _measure(path)
        return
    folder = path / "phenotype" if (path / "phenotype").is_dir() else path
    found = [
        f
        for f in sorted(folder.iterdir())
        if f.suffix in (".tsv", ".csv") and not f.name.startswith(("participants", "."))
    ]
    if not found:
        raise DataError("E-NOTFOUND", where=printable(path), needed="clinical tables (phenotype/*.tsv)", found="none",
                        remedy="name the tables themselves after --clinical")  # fmt: skip
    if not any(_word(f) in dictionary.names() for f in found):
        names = ", ".join(dictionary.names())
        raise DataError("E-NOTFOUND", where=printable(path), needed=f"clinical tables called after their measure: {names}",
                        found=first_few(printable(f.name) for f in found),
                        remedy="rename them, such as cmap.tsv, or name another folder")  # fmt: skip
    for file in found:
        try:
            yield file, _measure(file)
        except OptionError as error:
            findings.append(Finding("warn", "W-TABLES", printable(file.name), f"left out: no clinical measure is called {error.found}",
                                    f"name the table after what it holds: {', '.join(dictionary.names())}"))  # fmt: skip


def _word(path: Path) -> str:
    """What a table's name says that it holds."""
    return re.sub(r"[^a-z0-9]", "", path.stem.partition("_ses-")[0].partition("_")[0].casefold())


def _measure(path: Path) -> Measure:
    name = _word(path)
    if name not in dictionary.names():
        raise OptionError(
            "E-UNKNOWN",
            where=printable(path.name),
            needed=f"a table called after its measure: {', '.join(dictionary.names())}",
            found=printable(name) or "no name",
            remedy="rename the file, such as cmap.csv",
        )
    return dictionary.load(name)


def _refuse(reading: phenotype.Reading) -> None:
    stops = [f for f in reading.findings if f.level == "stop"]
    if stops:
        raise _error(stops)


def _error(stops: Sequence[Finding]) -> DataError:
    first, more = stops[0], len(stops) - 1
    rest = f" (and {more} more; `neuromyo phenotype --check` lists all)" if more else ""
    return DataError(first.code, where=first.where, found=first.message + rest, remedy=_here(first.remedy))


def _here(remedy: str) -> str:
    """A remedy of `neuromyo phenotype` in the flags of `neuromyo study`."""
    return remedy.replace("--unit ", "--clinical-unit ").replace("leave it out with --skip", "leave out the column")


def _sort_out(
    entries: Sequence[Entry],
    measure: Measure,
    values: list,
    traits: dict[str, dict[str, float | str]],
    findings: list[Finding],
) -> None:
    """Each entry as a number of a visit, or as a trait of the person; texts are left out, which is told."""
    left_out, ranked = [], []
    for e in entries:
        number = _as_number(e, measure)
        if measure.name == PERSON:
            traits.setdefault(e.participant, {}).setdefault(e.quantity, e.value)
        elif number is None:
            left_out.append(f"{measure.name}.{e.quantity}")
        else:
            ranked += (
                [f"{measure.name}.{e.quantity}"]
                if measure.values[e.quantity].levels and not _plain_number(e.value)
                else []
            )
            values.append((e.participant, e.session, variable_of(e, measure), number, e.where))
    if left_out:
        findings.append(Finding("note", "N-STUDY", f"{measure.name}", f"words, so no variables: {first_few(left_out)}"))
    if ranked:
        said = f"grades such as 2a count by their place in the scale, from 0: {first_few(ranked)}"
        findings.append(Finding("note", "N-STUDY", measure.name, said))


def _as_number(entry: Entry, measure: Measure) -> float | None:
    """A number as it is; a grade as the number it is called by where all grades of the scale are, else as its place in the scale."""
    value = measure.values[entry.quantity]
    if value.text:
        return None
    if not value.levels:
        return float(entry.value)
    if all(_plain_number(level) for level in value.levels):
        return float(entry.value)
    return float(list(value.levels).index(str(entry.value))) if "grade" in entry.quantity else None


def _plain_number(text: float | str) -> bool:
    return bool(re.fullmatch(r"\d+(\.\d+)?", str(text)))


def variable_of(entry: Entry, measure: Measure) -> Variable:
    """What an entry is a value of; its name is given later, when all are known."""
    keys = dict(entry.keys)
    first = next((k for k in _STRUCTURES if k in keys), "")
    rest = tuple((k, _kebab(v)) for k, v in keys.items() if k not in (first, "side"))
    unit = measure.values[entry.quantity].unit
    return Variable(
        "", "" if unit == dictionary.NO_UNIT else unit, "clinical", entry.quantity, _kebab(keys.get(first, "")),
        keys.get("side", ""), measure=measure.name, keys=rest,
    )  # fmt: skip


def _kebab(word: str) -> str:
    return word.replace("_", "-")
