"""Published values for the norms of a file: only where method, field, level and people are the same; else why not, and which is nearest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from neuromyo.core.errors import Finding, OptionError, first_few
from neuromyo.core.norm import NormKey
from neuromyo.norms import match, transforms
from neuromyo.norms.literature import entries
from neuromyo.norms.studies import Published, why_off_scale

#: statistics of a region that papers mean by its value
_AS_PRINTED = ("mean", "region-fit", "volume")
_WIDE = "its SD is wider than its mean and the bounds of the quantity allow"


@dataclass(frozen=True)
class Sought:
    """What is stated of how the controls were scanned; what is not stated does not compare.

    field_t : tesla; study : whose protocol was run to the letter, as the literature calls it; directions : of diffusion;
    echoes : gradient echoes of a water-fat separation; level : of rows that tell none
    like : ids of published values that were measured as the controls were, as somebody vouches
    """

    field_t: float | None = None
    study: str = ""
    directions: int | None = None
    echoes: int | None = None
    level: str = ""
    like: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        known = [e.id for e in entries()]
        for one in self.like:
            if one not in known:
                near = get_close_matches(one, known, 1, 0.5)
                meant = f"is {near[0]} meant? " if near else ""
                raise OptionError("E-OPTION", where="--like", needed="the id of a published value", found=one,
                                  remedy=f"{meant}neuromyo norms list shows all")  # fmt: skip

    def find(self, key: NormKey) -> match.Matched:
        """The published values of a number, sorted into those that compare and those that do not."""
        facts = match.Facts(study=self.study, n_directions=self.directions, n_echoes=self.echoes)
        at = NormKey(
            key.quantity, key.biomarker, key.statistic, key.region, key.level or self.level, key.unit, key.method
        )
        return match.find(match.Wanted.of(at, field_T=self.field_t, facts=facts, vouched=self.like))


def of(key: NormKey, sought: Sought) -> tuple[Published, ...]:
    """The published values that may stand beside the controls."""
    return tuple(study for study, why in _on_scale(key, sought) if not why)


def off_scale(key: NormKey, sought: Sought) -> tuple[Finding, ...]:
    """The published values that compare, but whose mean and SD no healthy people have together."""
    remedy = "look it up: is its ± an SD, and of this unit?"
    return tuple(Finding("note", "N-CONTROL", str(key), why, remedy) for _, why in _on_scale(key, sought) if why)


def _on_scale(key: NormKey, sought: Sought) -> list[tuple[Published, str]]:
    """Published values that compare, each with why the scale of the quantity does not bear it, or ""."""
    if key.statistic not in _AS_PRINTED:
        return []
    transform = transforms.of(key.quantity, key.unit)
    return [
        (study, why_off_scale(study, transform, key.unit)) for study in match.published(sought.find(key).comparable)
    ]


def unused(keys: Iterable[NormKey], sought: Sought) -> Iterator[Finding]:
    """For each quantity without published values, in a line: of which regions, which value comes nearest, and what keeps it out.

    keys : of the norms that have none
    """
    groups: dict[str, list[NormKey]] = {}
    for key in keys:
        if key.statistic in _AS_PRINTED:
            groups.setdefault(key.quantity, []).append(key)
    for quantity, members in sorted(groups.items()):
        where = first_few(sorted({key.region for key in members}))
        found = [sought.find(key) for key in members]
        poor = [e for one in found for e in one.comparable]
        near = sorted((near for one in found for near in one.others), key=lambda n: _nearness(n, sought.like))
        if poor:
            said, remedy = (
                f"{poor[0].value_text} ({poor[0].study}, {poor[0].id}) compares, but {match.why_no_prior(poor[0]) or _WIDE}",
                "",
            )
        elif near:
            said, remedy = f"nearest is {near[0]}", _remedy(near[0])
            no = match.why_no_prior(near[0].entry)
            said += _as_near(near)
            said += f"; nor could it serve, since {no}" * bool(no)
        else:
            said, remedy = "there is none of this quantity", ""
        yield Finding("note", "N-LOCALONLY", f"{quantity} of {where}", f"no published value is used: {said}", remedy)


def _nearness(near: match.Near, like: tuple[str, ...]) -> tuple:
    """Those that were vouched for first, then the nearest; of those that differ alike, one that could serve."""
    apart, *rest = match.distance(near)
    return near.entry.id not in like, apart, not match.usable_as_prior(near.entry), *rest


def _as_near(near: list[match.Near]) -> str:
    """Others, of the same quantity, that differ as little as the nearest and could serve."""
    first, *rest = near
    apart = match.distance(first)[0]
    same = [n.entry.id for n in rest if match.distance(n)[0] == apart and match.usable_as_prior(n.entry)]
    return "; as near: " + ", ".join(list(dict.fromkeys(same))[:3]) if same else ""


def _remedy(near: match.Near) -> str:
    """What would let it in, where stating something could; empty where it is of something else."""
    differ = {d.what: d for d in near.differs}
    open_ = set(differ) <= {"level", "field", "method"} and not any(d.ours for d in near.differs if d.what != "method")
    if not (open_ and match.usable_as_prior(near.entry)):
        return ""
    theirs = {what: d.theirs.removesuffix(" T") for what, d in differ.items()}
    state = [f"--{what} {theirs[what]}" for what in ("level", "field") if theirs.get(what)]
    told = len(state) == len(set(differ) - {"method"})
    if "method" in differ or not told:
        return f"if your controls were measured just as theirs: --like {near.entry.id}"
    return f"if that is where and how yours were measured: {' '.join(state)}"
