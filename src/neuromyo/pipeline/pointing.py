"""Where people pointed: what they typed, or the tables they gave, as landmarks of one nerve."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from neuromyo.core.errors import DataError, OptionError
from neuromyo.core.labels import Side
from neuromyo.core.landmark import Landmark, LandmarkKind

#: how names end that are taken for nerves although the vocabulary lacks them
_ENDS = ("-nerve", "-root", "-plexus", "-trunk", "-cord")
_LONGEST_NAME = 64


def nerve_name(word: str, where: str) -> str:
    """What a nerve is called here, whatever its case, hyphens or language: ``Sciatic Nerve`` and ``sciatic`` are ``sciatic-nerve``.
    A name that is not in the vocabulary is taken if it says that it is one (``radial-nerve``); E-UNKNOWN otherwise."""
    from neuromyo.anatomy import names

    for text in (word, f"{word} nerve"):
        known, said = names.parse(text)
        if known is not None and known.kind == "nerve" and known.parent and said == "none":
            return known.name
    tidy = re.sub(r"[\s_-]+", "-", word.strip().lower())
    says_so = tidy.endswith(_ENDS) or re.search(r"-branch-[12]$", tidy)
    if says_so and re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", tidy) and len(tidy) <= _LONGEST_NAME:
        return tidy
    meant = [one for one in names.likely_names(word) if names.names()[one].kind == "nerve"]
    raise OptionError("E-UNKNOWN", where=where, needed="the name of a nerve without its side, such as sciatic-nerve or l5-root",
                      found=repr(word)[:80],
                      remedy=f"is {meant[0]} meant?" if meant else "docs/names.md lists them; others may end in -nerve")  # fmt: skip


def nerve_asked(text: str) -> tuple[str, Side]:
    """``NAME``, ``NAME/left`` or ``NAME/right`` as written after ``--nerves`` -> name and side (``none``: each side in view)."""
    name, slash, side = text.partition("/")
    if slash and side not in ("left", "right"):
        raise OptionError("E-OPTION", where="--nerves", needed="NAME, NAME/left or NAME/right", found=repr(text),
                          remedy="write sciatic-nerve/right")  # fmt: skip
    return nerve_name(name, "--nerves"), side if slash else "none"  # type: ignore[return-value]


def typed(kind: LandmarkKind, given: Sequence[str], name: str, side: Side) -> tuple[Landmark, ...]:
    """``X,Y,Z`` of world millimetres (RAS+), as typed after ``--start`` and the like."""
    return tuple(Landmark(kind, _numbers(text, f"--{kind}"), name, side) for text in given)


def zero(given: str, side: Side) -> tuple[Landmark, ...]:
    """``NAME=X,Y,Z`` as typed after ``--zero``: the bony place at which distances begin."""
    if not given:
        return ()
    name, equals, numbers = given.partition("=")
    if not (name.strip() and equals):
        raise OptionError("E-OPTION", where="--zero", needed="NAME=X,Y,Z, such as fibular-head=-88,12,-430",
                          found=repr(given), remedy="say which bony place lies there")  # fmt: skip
    return (Landmark("bone", _numbers(numbers, "--zero"), name.strip().lower().replace(" ", "-"), side),)


def of_file(path: Path | None, subject: str = "", session: str = "") -> tuple[Landmark, ...]:
    """The landmarks of a table that concern somebody: rows of others are left out, rows of nobody in particular are not."""
    if path is None:
        return ()
    from neuromyo.io.landmarks import read_landmarks

    return tuple(
        row.landmark if row.landmark.kind == "bone"
        else replace(row.landmark, name=nerve_name(row.landmark.name, f"{path.name}: column name"))
        for row in read_landmarks(path)
        if (not row.subject or not subject or row.subject == subject)
        and (not row.session or not session or row.session == session)
    )  # fmt: skip


def people(path: Path) -> tuple[str, ...]:
    """Whom the rows of a table are of, without ``sub-``."""
    from neuromyo.io.landmarks import read_landmarks

    return tuple(dict.fromkeys(row.subject for row in read_landmarks(path) if row.subject))


def of_nerve(landmarks: Sequence[Landmark], name: str, side: Side) -> tuple[Landmark, ...]:
    """Those that belong to a nerve: its own, those further on in its branches, and bony places; of its side or of no side in
    particular. A start after the first says that the nerve is there too: a restart."""
    from neuromyo.nerve.usual import branches

    found: list[Landmark] = []
    for one in landmarks:
        if side != "none" and one.side not in (side, "none"):
            continue
        if one.kind == "start" and one.name == name and any(f.kind == "start" for f in found):
            one = replace(one, kind="restart")
        if one.kind == "bone" or one.name == name or (one.name in branches(name) and one.kind != "start"):
            found.append(one)
    return tuple(found)


def nerves(landmarks: Sequence[Landmark], where: str) -> tuple[tuple[str, Side], ...]:
    """(name, side) of every nerve that somebody pointed at, in their order; a nerve that is only restarted, split or ended has
    no place to begin at, which is E-NEEDS."""
    from neuromyo.nerve.usual import branches

    begun: dict[tuple[str, Side], None] = {(one.name, one.side): None for one in landmarks if one.kind == "start"}
    for one in landmarks:
        if one.kind not in ("start", "bone") and not any(
            one.name in (name, *branches(name)) and side in (one.side, "none") for name, side in begun
        ):
            raise DataError("E-NEEDS", where=where, needed=f"a start of the {one.name.replace('-', ' ')} ({one.side})",
                            found=f"only a {one.kind}", remedy="add a row of kind start")  # fmt: skip
    return tuple(begun)


def _numbers(text: str, flag: str) -> tuple[float, float, float]:
    parts = [part for part in text.replace(";", ",").split(",") if part.strip()]
    try:
        x, y, z = (float(part) for part in parts)
    except ValueError:
        x = y = z = float("nan")
    if not all(abs(v) <= 3000.0 for v in (x, y, z)):
        raise OptionError("E-OPTION", where=flag, needed="three numbers X,Y,Z: millimetres, right, anterior and superior positive",
                          found=repr(text), remedy="read them off a viewer's cursor (RAS), such as -83.5,12,240")  # fmt: skip
    return x, y, z
