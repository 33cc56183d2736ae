"""What variables of a study are called: QUANTITY/STRUCTURE[/SIDE][/LEVEL], with as little more as tells them apart; and finding them
by such names and by patterns."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from neuromyo.core.cohort import Variable
from neuromyo.core.errors import OptionError, first_few
from neuromyo.io.files import printable

_SHOWN = 8
_PATTERN = ("*", "?")


@dataclass(frozen=True, slots=True)
class Thing:
    """What a number is of. ``extra``: what may tell two numbers of one quantity and place apart, the most telling first."""

    variable: Variable
    extra: tuple[tuple[str, str], ...] = ()

    @property
    def head(self) -> str:
        """The quantity, with the measure of clinical ones: ``cmap.amplitude``."""
        v = self.variable
        return f"{v.measure}.{v.quantity}" if v.measure else v.quantity

    @property
    def place(self) -> tuple[str, ...]:
        """Structure, side and level, those that there are."""
        v = self.variable
        return tuple(part for part in (v.structure, v.side if v.side != "none" else "", v.level) if part)


def names(things: Sequence[Thing]) -> dict[Thing, str]:
    """A name for each thing. Where two of one quantity share a place, all of that quantity are called ``T2[t2-mono]/...``: by the first of
    `Thing.extra` that tells them apart, or by the fewest of them in their order; one that has none of these keeps its plain name."""
    out: dict[Thing, str] = {}
    by_head: dict[str, list[Thing]] = {}
    for one in things:
        by_head.setdefault(one.head, []).append(one)
    for head, same in by_head.items():
        told = _telling(same)
        for one in same:
            extra = dict(one.extra)
            words = [extra.get(key) or "plain" for key in told] if any(extra.get(key) for key in told) else []
            out[one] = "/".join([head + (f"[{','.join(words)}]" if words else ""), *one.place])
    return out


def _telling(things: Sequence[Thing]) -> tuple[str, ...]:
    """The fewest of the extra keys, in their order, that leave no two things with one name."""
    if _distinct(things, ()):
        return ()
    keys = list(dict.fromkeys(k for one in things for k, _ in one.extra))
    for key in keys:
        if _distinct(things, (key,)):
            return (key,)
    kept = list(keys)
    for key in reversed(keys):
        fewer = [k for k in kept if k != key]
        kept = fewer if _distinct(things, fewer) else kept
    return tuple(kept)


def _distinct(things: Sequence[Thing], keys: Sequence[str]) -> bool:
    said = {(one.place, tuple(dict(one.extra).get(k, "") for k in keys)) for one in things}
    return len(said) == len(things)


def words(text: str) -> list[str]:
    """Words divided by commas, those within brackets aside: ``T2[t2-mono,acq-a]/*,PDFF/*``."""
    found, depth, word = [], 0, ""
    for letter in text:
        depth += (letter == "[") - (letter == "]")
        if letter == "," and depth <= 0:
            found.append(word)
            word = ""
        else:
            word += letter
    return [w.strip() for w in (*found, word) if w.strip()]


def find(asked: Sequence[str], variables: Sequence[Variable], option: str = "variables") -> tuple[str, ...]:
    """The names that are meant: each asked for as it is, by a pattern (``T2/*/right``), or without what tells it from others where only
    one is meant. In the order asked, each once. E-UNKNOWN with near names; E-STUDY with the list where several are meant."""
    known = [v.name for v in variables]
    return tuple(dict.fromkeys(name for word in asked for name in _one(word, known, option)))


def _one(word: str, known: Sequence[str], option: str) -> Sequence[str]:
    if word in known:
        return [word]
    if any(sign in word for sign in _PATTERN):
        found = [name for name in known if _matches(name, word)]
        if found:
            return found
    loose = [name for name in known if _plain(name) == _plain(word) or _plain(name).startswith(_plain(word) + "/")]
    if len(loose) == 1:
        return loose
    if loose:
        raise OptionError("E-STUDY", where=f"{option} {printable(word)}", needed="one variable", found=_listed(loose),
                          remedy="name one of them, or all by a pattern such as T2/*")  # fmt: skip
    near = difflib.get_close_matches(_plain(word), {_plain(k): k for k in known}, 3, 0.6)
    of_plain: Mapping[str, str] = {_plain(k): k for k in known}
    remedy = (
        f"did you mean {' or '.join(of_plain[n] for n in near)}?" if near else f"there are: {_listed(known) or 'none'}"
    )
    raise OptionError("E-UNKNOWN", where=f"{option} {printable(word)}", needed="a variable of the study", found="none of that name",
                      remedy=remedy)  # fmt: skip


def _matches(name: str, pattern: str) -> bool:
    """Shell patterns, part by part of the path; a last ``*`` stands for all that follows, brackets for themselves."""
    wanted = pattern.replace("[", "[[]").split("/")
    return any(_parts_match(p, wanted) for p in (name.split("/"), _bare(name).split("/")))


def _parts_match(parts: Sequence[str], wanted: Sequence[str]) -> bool:
    if wanted[-1] == "*" and len(parts) > len(wanted):
        parts = parts[: len(wanted)]
    return len(parts) == len(wanted) and all(fnmatch.fnmatchcase(a, b) for a, b in zip(parts, wanted, strict=True))


def _bare(name: str) -> str:
    """A name without what stands in brackets."""
    head, bracket, rest = name.partition("[")
    return head + rest.partition("]")[2] if bracket else name


def _plain(name: str) -> str:
    return _bare(name).casefold()


def _listed(found: Sequence[str]) -> str:
    return first_few(found, _SHOWN)
