"""One norm of a file: from the controls' values to sums that tell nothing of a single person, with published values beside them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neuromyo.core.errors import DataError, Finding, OptionError
from neuromyo.core.norm import NormKey
from neuromyo.norms import cells
from neuromyo.norms.covariates import SCALES, Covariates
from neuromyo.norms.engine import Controls, summarise
from neuromyo.norms.norm_file import Entry, Site
from neuromyo.norms.options import Options
from neuromyo.norms.transforms import of
from neuromyo.pipeline import norm_literature
from neuromyo.pipeline.controls import Gathered, Value
from neuromyo.pipeline.norm_literature import Sought
from neuromyo.pipeline.persons import Roster

#: fewest people of a site that are written to a file
LEAST = cells.FEWEST
#: in this order, as many as the number of people bears
USUAL = ("age", "sex", "height", "bmi")
#: a covariate is used where at least this share of the controls have it
_KNOWN = 0.8


def covariates(asked: Sequence[str], found: Gathered, roster: Roster) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    """What of a person is taken into account in this file: as asked, else the usual ones that most controls have.

    ``side`` is used for each number of which both sides were measured, unless other covariates were asked for.
    """
    asked = tuple(dict.fromkeys(name.casefold() for name in asked))
    if asked:
        _named(asked)
        Covariates(asked)
        unknown = [n for n in asked if n != "side" and not _share(n, found, roster)]
        if unknown:
            raise OptionError("E-NORM", where="--covariates", needed=f"{unknown[0]} of the controls", found="it is known of nobody",
                              remedy=f"add it to {roster.table}, or leave it out")  # fmt: skip
        return asked, ()
    shares = {name: _share(name, found, roster) for name in USUAL}
    known = tuple(n for n in USUAL if shares[n] >= _KNOWN)
    absent = [n for n in USUAL if n not in known]
    told = () if not absent else (
        Finding("note", "N-CONTROL", roster.table, f"not used, since too few controls have it: {', '.join(absent)}",
                "complete the table for a norm that takes it into account", "this norm merges only with norms without it"),
    )  # fmt: skip
    return (*known, "side"), told


def _named(asked: Sequence[str]) -> None:
    """Only what the table of people can state by name and unit."""
    strange = [name for name in asked if name not in SCALES]
    if strange:
        raise OptionError("E-OPTION", where="--covariates", needed=f"names out of {', '.join(SCALES)}", found=strange[0],
                          remedy="site and level need no covariate" if strange[0] in ("site", "level") else "leave it out")  # fmt: skip


def _share(name: str, found: Gathered, roster: Roster) -> float:
    if not found.people:
        return 0.0
    raw = Covariates((name,)).raw([roster.body(who) for who in found.people])
    return float(np.isfinite(raw).mean())


def make(
    key: NormKey, values: Sequence[Value], chosen: Sequence[str], sought: Sought | None = None
) -> tuple[Entry, tuple[Finding, ...]]:
    """The norm of one number. E-NORM where too few people have it, or where nothing can be told from their values."""
    names = of_key(chosen, values)
    sites = sorted({v.body.site for v in values})
    counts = {site: len({v.person for v in values if v.body.site == site}) for site in sites}
    fewest = cells.fewest(0)
    enough = [site for site in sites if counts[site] >= fewest]
    if not enough:
        few = ", ".join(f"{counts[s]} at {s}" for s in sites)
        raise DataError("E-NORM", where=str(key), needed=f"{fewest} people or more at one site", found=f"too few people: {few}",
                        remedy="fewer could be told from the file")  # fmt: skip
    asked, names = names, _bearable(names, max(counts.values()))
    made, said = _sites(key, values, enough, names)
    while not made and names:  # whoever has to be left out leaves too few for so many covariates
        names = _bearable(names, cells.fewest(len(names) - 1))
        made, said = _sites(key, values, enough, names)
    if not made:
        why = "; ".join(f.message for f in said)
        raise DataError("E-NORM", where=str(key), needed=f"{fewest} people or more at one site, with all covariates", found=why,
                        remedy="measure more controls, or complete the table of people")  # fmt: skip
    findings = [] if names == asked else [_fewer(key, asked, names, max(counts.values()))]
    findings += [*said, *(_few(key, site, counts[site]) for site in sites if site not in enough)]
    published = norm_literature.of(key, sought) if sought is not None else ()
    findings += norm_literature.off_scale(key, sought) if sought is not None else ()
    return Entry(key, names, tuple(made), published), tuple(findings)


def of_key(chosen: Sequence[str], values: Sequence[Value]) -> tuple[str, ...]:
    """Without the side, where only one was measured, or there is none."""
    both = {v.body.side for v in values} >= {"left", "right"}
    return tuple(n for n in chosen if n != "side" or both)


def _sites(
    key: NormKey, values: Sequence[Value], sites: Sequence[str], names: tuple[str, ...]
) -> tuple[list[Site], list[Finding]]:
    options = Options(covariates=Covariates(names))
    made: list[Site] = []
    findings: list[Finding] = []
    for site in sites:
        one, said = _site(key, [v for v in values if v.body.site == site], site, options)
        made += one
        findings += said
    return made, findings


def _bearable(names: tuple[str, ...], people: int) -> tuple[str, ...]:
    """As many covariates as so few people bear without giving anyone's value away: the first of them, the side before all."""
    ranked = sorted(names, key=lambda n: n != "side")[: cells.bearable(people)]
    return tuple(n for n in names if n in ranked)


def _site(key: NormKey, values: Sequence[Value], site: str, options: Options) -> tuple[list[Site], list[Finding]]:
    names = options.covariates.names
    bodies = tuple(cells.banded(v.body) for v in values)
    fine = [bool(np.isfinite(row).all()) for row in options.covariates.raw(bodies)]
    findings = _without(key, [v.person for v, f in zip(values, fine, strict=True) if not f], names)
    kept = [i for i in range(len(values)) if fine[i]]
    people = [values[i].person for i in kept]
    mine = Controls(np.array([values[i].value for i in kept]), tuple(bodies[i] for i in kept), tuple(people))
    summarise(key, mine, options)  # refuses what no norm can be made of
    raw = options.covariates.raw(mine.bodies)
    x, y = options.covariates.scaled(raw), of(key.quantity, key.unit).forward(mine.value)
    out = cells.exposed(x, people)
    stay = np.array([p not in out for p in people], dtype=bool).reshape(-1)
    left = len({p for p in people if p not in out})
    if out:
        findings.append(Finding("note", "N-CONTROL", f"{key}, site {site}", f"{len(out)} left out, so unlike the others "
                                "that the file would tell their values", "more controls, or fewer --covariates, keep them"))  # fmt: skip
    if left < cells.fewest(len(names)):
        return [], [*findings, _few(key, site, left)]
    age = 1 + names.index("age") if "age" in names else None
    low, high = options.covariates.outward(raw[stay])
    made = cells.of_site(x[stay], y[stay], [p for p in people if p not in out], age)
    sex = {p: b.sex for p, b in zip(people, mine.bodies, strict=True) if p not in out}
    sexes = (sum(s == "F" for s in sex.values()), sum(s == "M" for s in sex.values()))
    return [Site(site, sexes, tuple(float(v) for v in low), tuple(float(v) for v in high), made)], findings


def _without(key: NormKey, people: Sequence[str], names: Sequence[str]) -> list[Finding]:
    who = sorted(set(people))
    said = f"left out for want of {', '.join(names)}: {', '.join(f'sub-{w}' for w in who)}"
    return [Finding("note", "N-CONTROL", "controls", said, "complete the table of people")] if who else []


def _fewer(key: NormKey, asked: tuple[str, ...], names: tuple[str, ...], people: int) -> Finding:
    lost = ", ".join(n for n in asked if n not in names)
    return Finding("note", "N-CONTROL", str(key), f"{people} people at most at one site: {lost} cannot be taken into account, "
                   "since the file would tell their values", "more controls bear more covariates")  # fmt: skip


def _few(key: NormKey, site: str, n: int) -> Finding:
    return Finding(
        "note",
        "N-CONTROL",
        str(key),
        f"site {site} left out: {n} {'person' if n == 1 else 'people'}, who could be told from the file",
    )
