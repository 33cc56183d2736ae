"""Where people pointed: what they typed, or the tables they gave, as landmarks of one nerve."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from neuromyo.core.errors import DataError, OptionError
from neuromyo.core.labels import Side
from neuromyo.core.landmark import Landmark, LandmarkKind


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

    rows = read_landmarks(path)
    return tuple(
        row.landmark
        for row in rows
        if (not row.subject or not subject or row.subject == subject)
        and (not row.session or not session or row.session == session)
    )


def of_nerve(landmarks: Sequence[Landmark], name: str, side: Side) -> tuple[Landmark, ...]:
    """Those that belong to a nerve: its own, and bony places; of its side or of no side in particular."""
    return tuple(
        one for one in landmarks
        if (one.kind == "bone" or one.name == name) and (side == "none" or one.side in (side, "none"))
    )  # fmt: skip


def nerves(landmarks: Sequence[Landmark], where: str) -> tuple[tuple[str, Side], ...]:
    """(name, side) of every nerve that somebody pointed at, in their order; a nerve that is only restarted, split or ended has
    no place to begin at, which is E-NEEDS."""
    begun: dict[tuple[str, Side], None] = {(one.name, one.side): None for one in landmarks if one.kind == "start"}
    for one in landmarks:
        if one.kind not in ("start", "bone") and not any(
            name == one.name and side in (one.side, "none") for name, side in begun
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
