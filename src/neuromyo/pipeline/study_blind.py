"""Tables of a study with people, groups and visits coded, and the key that undoes it.

Codes of people are given in random order; each person's visits are coded in an order of their own, so that nobody sees which came first;
groups become letters. Of the table of people, age, sex, site, height and weight stay. Dates do not: the key holds them as days.

*Breaks* where numbers themselves tell who is who: a group of 8 and one of 11, a fat fraction of 60 %, an age that only one person has.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import numpy as np

from neuromyo.core.errors import DataError, Finding, OptionError
from neuromyo.core.measurements import COLUMNS
from neuromyo.io import phenotype_write, sidecar, store, table
from neuromyo.io.files import printable, read_small
from neuromyo.io.phenotype import Entry, merged
from neuromyo.io.together import all_or_none, refuse_unwritable
from neuromyo.pipeline import study_clinical, study_measured, study_people, study_time

#: columns of the table of people that stay readable
_KEPT = ("age", "sex", "site", "height", "weight")
_MEASURED, _PEOPLE, _ABOUT = "measurements.tsv", "participants.tsv", "participants.json"


@dataclass(frozen=True)
class Key:
    """Who is who. ``people``: code -> label; ``visits``: code of a person -> code of a visit -> label; ``groups``: letter -> group;
    ``days``: label -> visit -> days since the first, where known; ``roster``: the table of people as it was, ``about``: its JSON;
    ``files``: blinded file -> SHA-256; ``sources``: table -> SHA-256; ``hash``: of the key's own file, as the audit trail holds it."""

    people: Mapping[str, str]
    visits: Mapping[str, Mapping[str, str]]
    groups: Mapping[str, str]
    days: Mapping[str, Mapping[str, float]]
    roster: tuple[tuple[str, ...], ...]
    about: Mapping[str, Any]
    files: Mapping[str, str]
    sources: Mapping[str, str]
    seed: int
    hash: str = ""


@dataclass(frozen=True)
class Blinded:
    """What was written. ``hash``: SHA-256 of the key."""

    folder: Path
    key: Path
    files: Mapping[str, str]
    people: int
    findings: tuple[Finding, ...] = field(default=())
    hash: str = ""


def key_beside(out: Path) -> Path:
    """Where the key lies unless it is said otherwise: next to the folder, never in it."""
    return out.absolute().with_name(out.absolute().name + "-key.json")


def blind(tables: Sequence[Path], people: Path, clinical: Sequence[Path], out: Path, seed: int, key: Path | None = None,
          visits: Sequence[str] = (), dataset: Path | None = None) -> Blinded:  # fmt: skip
    """Writes ``out/measurements.tsv``, ``participants.tsv`` and ``phenotype/`` with codes, and the key (mode 0600) apart from them.

    E-OUTDIR where the folder is in use or the key would lie in it; E-STUDY for people who are not in the table of people.
    """
    place = _places(out, key)
    known, _ = study_people.read(people)
    frame = _read(tables)
    study_people.refuse_strangers(frame["subject"].unique(), known, "measurements")
    readings = study_clinical.readings(clinical)
    entries = [e for r in readings for e in r.entries]
    study_people.refuse_strangers({e.participant for e in entries}, known, "clinical tables")
    labels = sorted(known)
    rng = np.random.default_rng(seed)
    codes = dict(zip(rng.permutation(np.array(labels, dtype=object)), _numbered("b", len(labels)), strict=True))
    seen = _visits(labels, frame, entries)
    coded = {
        who: dict(zip(rng.permutation(np.array(v, dtype=object)), _numbered("x", len(v)), strict=True))
        for who, v in seen.items()
    }
    groups = sorted({p.group for p in known.values()} - {""})
    words = list(ascii_uppercase[: len(groups)]) if len(groups) <= len(ascii_uppercase) else _numbered("G", len(groups))
    letters = dict(zip(rng.permutation(np.array(groups, dtype=object)), words, strict=True))
    calendar = study_time.read(dataset or study_people.dataset_of(people), labels, study_time.stated(visits))
    header, rows = _roster(people)
    with all_or_none():
        files = {_MEASURED: _write_measured(out, frame, codes, coded)}
        files |= {_PEOPLE: _write_people(out, header, rows, codes, letters, {w: p.group for w, p in known.items()})}
        about = _about(people)
        if about:
            files |= {_ABOUT: store.write_json(out / _ABOUT, {c: said for c, said in about.items() if _stays(c)})}
        files |= _write_clinical(out, readings, codes, coded)
        held = {
            "schema": 1, "seed": seed, "people": {c: w for w, c in codes.items()}, "groups": {x: g for g, x in letters.items()},
            "visits": {codes[w]: {c: v for v, c in m.items()} for w, m in coded.items()}, "days": _days(seen, calendar),
            "roster": [header, *rows], "about": about, "files": files, "sources": _sources(tables, people),
        }  # fmt: skip
        text = json.dumps(held, indent=1, sort_keys=True, ensure_ascii=False)
        store.write_stream(place, [text.encode("utf-8"), b"\n"], mode=0o600)
    return Blinded(out, place, files, len(codes), _remarks(known, len(labels)), store.sha256(place))


def load(path: Path) -> Key:
    """A key; E-PLAN where the file is none."""
    raw = read_small(path, printable(path.name), "E-PLAN")
    try:
        held = json.loads(raw)
        roster = tuple(tuple(str(c) for c in row) for row in held["roster"])
        if not all(
            isinstance(held[k], dict) for k in ("people", "visits", "groups", "days", "about", "files", "sources")
        ):
            raise TypeError
        return Key(
            held["people"],
            held["visits"],
            held["groups"],
            held["days"],
            roster,
            held["about"],
            held["files"],
            held["sources"],
            held["seed"],
            sha256(raw).hexdigest(),
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _refused(
            printable(path.name),
            "the key that `study blind` wrote",
            "something else",
            "give the right file after --key",
        ) from error


def check(folder: Path, key: Key) -> None:
    """E-PLAN where a blinded file is missing, is not the one that the key was made with, or one was added."""
    for name, digest in key.files.items():
        path = folder / name
        if not path.is_file() or store.sha256(path) != digest:
            found = "another content" if path.is_file() else "no such file"
            raise _refused(f"{printable(folder.name)}/{printable(name)}", "the table that this key was made with", found,
                           "give the folder that `study blind` wrote with this key, unchanged")  # fmt: skip
    extra = sorted(
        str(p.relative_to(folder)) for p in folder.rglob("*.tsv") if str(p.relative_to(folder)) not in key.files
    )
    if extra:
        raise _refused(
            f"{printable(folder.name)}/{printable(extra[0])}",
            "only the tables that were blinded",
            "one more",
            "remove it",
        )


def same_people(key: Key, people: Path) -> bool:
    """Whether a table of people is the one that was blinded, in any order of rows."""
    header, rows = _roster(people)
    return (tuple(header), sorted(map(tuple, rows))) == (key.roster[0], sorted(key.roster[1:]))


def decode(folder: Path, key: Key, out: Path) -> None:
    """The blinded tables of a folder as they were, written to ``out``; call `check` first. E-PLAN where the key lacks somebody in them."""
    try:
        _decode(folder, key, out)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise _refused("--key", "the code of every person and visit of the blinded tables", "a key that lacks some of them",
                       "restore the key from a copy") from error  # fmt: skip


def _decode(folder: Path, key: Key, out: Path) -> None:
    _decode_table(folder / _MEASURED, out / _MEASURED, key, "subject", "session", "", "")
    for name in key.files:
        if name.startswith("phenotype/") and name.endswith(".tsv"):
            _decode_table(folder / name, out / name, key, "participant_id", "session_id", "sub-", "ses-")
            (out / name).with_suffix(".json").write_bytes((folder / name).with_suffix(".json").read_bytes())
    header, *rows = key.roster
    table.write_tsv(out / _PEOPLE, header, rows)
    if key.about:
        store.write_json(out / _ABOUT, dict(key.about))


def _decode_table(source: Path, target: Path, key: Key, who: str, when: str, sub: str, ses: str) -> None:
    columns = table.read_tsv(source)
    codes = [cell.removeprefix(sub) for cell in columns[who]]
    visits = [cell.removeprefix(ses) for cell in columns.get(when, [""] * len(codes))]
    columns[who] = [sub + key.people[c] for c in codes]
    if when in columns:
        real = [key.visits[c][v] if v else "" for c, v in zip(codes, visits, strict=True)]
        columns[when] = [ses + v if v else "" for v in real]
    target.parent.mkdir(parents=True, exist_ok=True)
    table.write_tsv(target, list(columns), list(zip(*columns.values(), strict=True)))


def _places(out: Path, key: Path | None) -> Path:
    place = key.absolute() if key else key_beside(out)
    if out.is_symlink() or (out.exists() and (not out.is_dir() or any(out.iterdir()))):
        raise OptionError("E-OUTDIR", where=printable(out), needed="a new or empty folder", found="one that is in use",
                          remedy="give another: tables that somebody has begun to read must not change")  # fmt: skip
    if place.exists() or out.resolve() in place.resolve().parents:
        found = "a file of that name" if place.exists() else "a place among the blinded tables"
        raise OptionError("E-OUTDIR", where=f"the key {printable(place.name)}", needed="a new file apart from the tables", found=found,
                          remedy="give another place with --key")  # fmt: skip
    refuse_unwritable([out / _MEASURED, place])
    return place


def _read(tables: Sequence[Path]) -> Any:
    """All rows of all tables, as text, with the columns of a table of measurements."""
    import pandas as pd

    study_measured.read(tables)  # says what is wrong with them
    frames = [pd.DataFrame(table.read_tsv(study_measured.file_of(p)), dtype=object) for p in tables]
    frame = pd.concat(frames, ignore_index=True).fillna("")
    for column in ("subject", "session"):
        if column not in frame:
            frame[column] = ""
    return frame[[c for c in COLUMNS if c in frame]]


def _visits(labels: Sequence[str], frame: Any, entries: Sequence[Entry]) -> dict[str, list[str]]:
    seen: dict[str, set[str]] = {who: set() for who in labels}
    for who, visit in zip(frame["subject"], frame["session"], strict=True):
        seen[who].add(visit)
    for e in entries:
        seen[e.participant].add(e.session)
    return {who: sorted(v - {""}) for who, v in seen.items()}


def _numbered(letter: str, n: int) -> list[str]:
    wide = max(len(str(n)), 2 if letter == "b" else 1)
    return [f"{letter}{i:0{wide}d}" for i in range(1, n + 1)]


def _write_measured(out: Path, frame: Any, codes: Mapping[str, str], coded: Mapping[str, Mapping[str, str]]) -> str:
    who = frame["subject"].map(codes)
    when = [coded[w][v] if v else "" for w, v in zip(frame["subject"], frame["session"], strict=True)]
    made = frame.assign(subject=who, session=when).sort_values(["subject", "session"], kind="stable")
    return table.write_tsv(out / _MEASURED, list(made.columns), made.itertuples(index=False, name=None))


def _roster(people: Path) -> tuple[list[str], list[list[str]]]:
    columns = table.read_tsv(study_people.file_of(people))
    return list(columns), [list(row) for row in zip(*columns.values(), strict=True)]


def _write_people(
    out: Path,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    codes: Mapping[str, str],
    letters: Mapping[str, str],
    groups: Mapping[str, str],
) -> str:
    kept = [i for i, c in enumerate(header) if _stays(c)]
    made = []
    for row in rows:
        who = row[0].removeprefix("sub-")
        if who in codes:
            made.append([f"sub-{codes[who]}", letters.get(groups[who], ""), *(row[i] for i in kept)])
    return table.write_tsv(out / _PEOPLE, ["participant_id", "group", *(header[i] for i in kept)], sorted(made))


def _write_clinical(
    out: Path, readings: Sequence[Any], codes: Mapping[str, str], coded: Mapping[str, Mapping[str, str]]
) -> dict[str, str]:
    files: dict[str, str] = {}
    for name in dict.fromkeys(r.measure.name for r in readings if r.measure.name != study_clinical.PERSON):
        same = [r for r in readings if r.measure.name == name]
        entries, _ = merged(same)
        made = [
            Entry(codes[e.participant], coded[e.participant].get(e.session, ""), e.keys, e.quantity, e.value)
            for e in entries
        ]
        files |= phenotype_write.write(out, same[0].measure, sorted(made, key=lambda e: (e.participant, e.session)))
    return files


def _stays(column: str) -> bool:
    """Whether a column of the table of people stays readable."""
    return column.casefold() in _KEPT or column.casefold().startswith(("height_", "weight_"))


def _about(people: Path) -> dict[str, Any]:
    """The JSON beside the table of people: without it nobody knows the unit of height."""
    path = study_people.file_of(people).with_suffix(".json")
    return sidecar.read_json(path, printable(path.name)) if path.is_file() else {}


def _days(seen: Mapping[str, Sequence[str]], calendar: study_time.Calendar) -> dict[str, dict[str, float]]:
    pairs = [(who, v) for who, visits in seen.items() for v in visits]
    person, visit = (np.array([p[k] for p in pairs], dtype=object) for k in (0, 1))
    days, _ = study_time.days(person, visit, calendar)
    out: dict[str, dict[str, float]] = {}
    for (who, v), d in zip(pairs, days, strict=True):
        if np.isfinite(d):
            out.setdefault(who, {})[v] = float(d)
    return out


def _sources(tables: Sequence[Path], people: Path) -> dict[str, str]:
    paths = [*(study_measured.file_of(p) for p in tables), study_people.file_of(people)]
    return {f"{i + 1} {printable(p.name)}": store.sha256(p) for i, p in enumerate(paths)}


def _remarks(known: Mapping[str, Any], n: int) -> tuple[Finding, ...]:
    sizes = sorted(sum(p.group == g for p in known.values()) for g in {p.group for p in known.values()} - {""})
    if len(sizes) > 1 and len(set(sizes)) > 1:
        said = f"groups of {' and '.join(str(s) for s in sizes)} people can be told by their size"
        return (Finding("warn", "N-STUDY", "blinding", said, "do not tell the sizes to those who read the tables"),)
    return ()


def _refused(where: str, needed: str, found: str, remedy: str) -> DataError:
    return DataError("E-PLAN", where=where, needed=needed, found=found, remedy=remedy)
