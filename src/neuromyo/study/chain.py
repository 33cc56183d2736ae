"""Nerve, motor response, muscle, strength: what was measured along a limb, joined by innervation and side.

Below 30 people with a whole chain: the correlation of each link with its interval, no more. From 30: a path model, each stage
regressed on all before it, with direct and indirect effects in standard deviations and intervals by resampling people.

Assumes: the common innervation (`neuromyo.study.innervation`), and of the path model that the order nerve, response, muscle, strength is
that of cause and effect: no cross-sectional data show that.
Breaks: where something that was left out (age, time since onset) acts on several links: give it as a covariate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from neuromyo.core.analysis import Analysis
from neuromyo.core.cohort import Cohort
from neuromyo.core.errors import DataError, Finding, OptionError
from neuromyo.core.options import check, option
from neuromyo.study import chain_join, chain_links, chain_said, entering, innervation
from neuromyo.study.chain_join import Limbs, Marker, Route
from neuromyo.study.chain_links import Link, Model
from neuromyo.study.said import r_number

TITLE = "From nerve to strength"
#: path models that are fitted at most: more are a search
MOST_MODELS = 12


@dataclass(frozen=True)
class Options:
    """What enters the chains."""

    variables: tuple[str, ...] = option(
        (), "names of the variables that enter; empty: the usual ones of whole nerves and muscles"
    )
    nerve: str = option("", "chains through this nerve only; empty: all")
    muscle: str = option("", "chains through this muscle only; empty: all")
    movement: str = option("", "chains to the strength of this movement only; empty: all")
    visit: str = option("", "the visit; empty: the first")
    group: str = option("", "the group of people; empty: all but the reference group; `all`: everybody, groups pooled")
    reference: str = option("control", "the group of healthy people, left out unless it is asked for")
    side: str = option(
        "both", "both limbs of a person, one of them, or the mean of both", choices=("both", "left", "right", "mean")
    )
    given: tuple[str, ...] = option(
        (), "covariates that are held: age, sex, site, height_m, weight_kg, bmi, or another of the people"
    )
    repeats: int = option(2000, "samples of people that intervals of effects are made of", low=200, high=100_000)
    seed: int = option(1427, "start of the random numbers", low=0)
    level: float = option(0.95, "coverage of intervals", low=0.5, high=0.999)


def analyse(cohort: Cohort, options: Options = Options()) -> Analysis:
    """The chains of one visit: links, and path models where people are enough."""
    options = _understood(check(options))
    for name in options.variables:
        cohort.variable(name)
    asked = (options.group,) if options.group else ()
    here, who, findings = entering.of_groups(entering.at_visit(cohort, options.visit), asked, options.reference)
    found = chain_join.markers(here.variables, options.variables)
    routes = chain_join.routes(found, options.nerve, options.muscle, options.movement)
    if not routes:
        raise _nothing_joins(found, options)
    limbs = chain_join.limbs(here, found, entering.covariates(here, options.given), options.side)
    links = [one for route in routes for one in chain_links.links(route, limbs, options.level)]
    if not any(link.r.known for link in links):
        raise _too_few(links)
    models, more = _models(routes, limbs, options)
    findings += more + _cautions(links, models, routes, found, unfit=any(f.code == "N-STUDY" for f in more))
    said = chain_said.Told(TITLE, who, routes, tuple(links), tuple(models), options)
    return Analysis(
        "chain", TITLE, said.summary(), said.tables(), said.figures(), said.methods(), tuple(findings), not models
    )


def _understood(options: Options) -> Options:
    """The same with the vocabulary's names of nerve, muscle and movement."""
    kinds: tuple[innervation.Kind, ...] = ("nerve", "muscle", "movement")
    return replace(options, **{kind: _name(kind, getattr(options, kind)) for kind in kinds})


def _name(kind: innervation.Kind, word: str) -> str:
    found = innervation.find(word, kind) if word else ""
    if found is None:
        raise OptionError("E-UNKNOWN", where=f"option {kind}", needed=f"a {kind} of the vocabulary", found=repr(word),
                          remedy="docs/names.md lists nerves and muscles, docs/tables.md movements")  # fmt: skip
    return found


def _models(routes: Sequence[Route], limbs: Limbs, options: Options) -> tuple[list[Model], list[Finding]]:
    """Path models of the routes of three stages or more (two where a route has no more), with people enough."""
    wanted = [
        (route, way)
        for route in routes
        for way in route.models()
        if chain_links.people_of(limbs, way) >= chain_links.PEOPLE
    ]
    wanted.sort(key=lambda one: (-len(one[1]), sum(m.rank for m in one[1])))
    made = [
        chain_links.model(route, way, limbs, options.repeats, options.seed, options.level)
        for route, way in wanted[:MOST_MODELS]
    ]
    said: list[Finding] = []
    if len(wanted) > MOST_MODELS:
        said.append(Finding("warn", "W-CLOSE", "path models", f"{len(wanted)} are possible; the first {MOST_MODELS} were fitted, longest "
                            "chains and most used quantities first", "name the variables that were planned with --variables",
                            "a result picked out of many is found by chance"))  # fmt: skip
    lost = [_ways(way) for (_, way), m in zip(wanted, made, strict=False) if m is None]
    if lost:
        said.append(
            _note(
                "path models",
                f"not fitted: {'; '.join(lost)}",
                "leave out what does not vary or follows from the others",
            )
        )
    return [m for m in made if m is not None], said


def _ways(markers: Sequence[Marker]) -> str:
    return ", ".join(m.name for m in markers)


def _cautions(
    links: Sequence[Link], models: Sequence[Model], routes: Sequence[Route], found: Sequence[Marker], unfit: bool
) -> list[Finding]:
    out: list[Finding] = []
    if not models:
        most, few = max(link.n_people for link in links), chain_links.PEOPLE
        why = "no path model could be fitted" if unfit else f"fewer than {few} people have a whole chain"
        out.append(Finding("warn", "W-EXPLORATORY", "chain", f"{why}; {most} at most have both ends of a link",
                           f"a path model needs {few} people with all of a chain",
                           "correlations are described; nothing is modelled or tested"))  # fmt: skip
    if any(link.n_limbs > link.n_people for link in links):
        out.append(_note("chain", "both limbs of a person enter",
                         consequence="intervals of correlations count people, not limbs, and are rather too wide"))  # fmt: skip
    for m in models:
        if m.decisive and m.effects[-1].sure:
            out.append(Finding("warn", "W-INFLUENCE", f"sub-{m.decisive[0]}", f"without this person {m.markers[0].said} has an effect of "
                               f"{r_number(m.decisive[1])} SD on {m.markers[-1].said}, instead of {r_number(m.effects[-1].size.value)}",
                               "look at this person's images and tables", "one person decides the result"))  # fmt: skip
    near = dict.fromkeys(r.title for r in routes if r.by_nerve)
    if near:
        out.append(_note(", ".join(near), "the motor response was recorded from another muscle of the same nerve",
                         consequence="a link is looser where only some branches of a nerve are ill"))  # fmt: skip
    bare = [m.name for m in found if "" in m.sides]
    if bare and any(set(m.sides) - {""} for m in found):
        out.append(_note(", ".join(bare), "no side is stated; joined to both limbs", "state the side where it has one"))
    return out


def _note(where: str, message: str, remedy: str = "", consequence: str = "") -> Finding:
    return Finding("note", "N-STUDY", where, message, remedy, consequence)


def _nothing_joins(found: Sequence[Marker], options: Options) -> DataError:
    words = {"nerve": "nerve", "response": "CMAP or MUNIX", "muscle": "muscle", "strength": "strength"}
    there = [f"{words[stage]}: {', '.join(dict.fromkeys(m.structure for m in found if m.stage == stage)) or 'none'}"
             for stage in chain_join.STAGES]  # fmt: skip
    asked = " ".join(x for x in (options.nerve, options.muscle, options.movement) if x)
    return DataError("E-STUDY", where=f"chain {asked}".strip(), needed="two or more of nerve, motor response, muscle and strength that "
                     "innervation joins", found="; ".join(there),
                     remedy="add the missing measurements, or ask for another nerve, muscle or movement")  # fmt: skip


def _too_few(links: Sequence[Link]) -> DataError:
    best = max(links, key=lambda link: link.n_people)
    return DataError("E-PEOPLE", where="chain", needed=f"{chain_links.FEWEST} people with both ends of a link, and values that differ",
                     found=f"{best.n_people} with {best.start.name} and {best.end.name}",
                     remedy="add people, choose another visit, or check that the tables name people alike")  # fmt: skip
