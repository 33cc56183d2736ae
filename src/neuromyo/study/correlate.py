"""Imaging against electrophysiology, strength and scores: how closely they go together, how surely, and which marker does best.

Takes one visit of the patients (never patients and controls mixed unawares: their difference alone would make a correlation), each
imaging variable against each clinical one. Both sides of a person are two variables, and each goes with what is
measured on the same side, unless both are asked for. Where people came several times, ``repeated``
gives the correlation within people over all their visits.

*Assumes* one row a person at a visit. *Breaks* where hundreds of pairs are tried with a dozen people: the correction then leaves nothing.

*Cites* the sources of `neuromyo.stats.correlation`, `dependent`, `repeated`, `best` and `bootstrap`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from neuromyo.core.analysis import Analysis
from neuromyo.core.cohort import Cohort
from neuromyo.core.errors import DataError, OptionError
from neuromyo.core.options import check, option
from neuromyo.stats.multiplicity import adjust
from neuromyo.study import correlate_best, correlate_drawn, correlate_repeated, correlate_told
from neuromyo.study.correlate_care import Care
from neuromyo.study.correlate_pairs import FEWEST, Pair, pair
from neuromyo.study.correlate_people import Chosen, choose
from neuromyo.study.said import shortened

TITLE = "Imaging against electrophysiology, strength and scores"


@dataclass(frozen=True)
class Options:
    """What to correlate, in whom, and how."""

    variables: tuple[str, ...] = option((), "variables to correlate; all imaging variables where none is named")
    against: tuple[str, ...] = option((), "what they are put against; all clinical variables where none is named")
    group: tuple[str, ...] = option((), "groups of people to take; all but the reference where none is named")
    reference: str = option("control", "the group of healthy people, left out unless it is named in group")
    visit: str = option("", "the visit to take; the first where none is named")
    given: tuple[str, ...] = option((), "covariates to hold in the partial correlations: age, sex, site ...")
    method: str = option(
        "pearson", "which p is corrected and decides", choices=("pearson", "permutation", "spearman", "partial")
    )
    correction: str = option(
        "bh", "for many pairs: false discovery rate, Holm, or none", choices=("bh", "holm", "none")
    )
    repeats: int = option(10_000, "orders and samples drawn", low=200, high=1_000_000)
    seed: int = option(1427, "of the generator of random numbers", low=0)
    repeated: bool = option(False, "all visits, correlated within people")
    across_sides: bool = option(False, "pairs of left with right too; without it a side goes with the same side")
    compare: bool = option(
        True, "compare the variables with each other: which goes with the clinical value most closely"
    )
    level: float = option(0.95, "of intervals; 1 - level decides what is called significant", low=0.5, high=0.999)


def analyse(cohort: Cohort, options: Options = Options()) -> Analysis:
    """The correlations of a study.

    Raises E-PEOPLE where no pair has four people, E-OPTION and E-UNKNOWN for what cannot be asked, E-STUDY without clinical values.
    """
    check(options)
    if options.method == "partial" and not options.given:
        raise OptionError("E-OPTION", where="option given", needed="covariates, since method partial holds them", found="none",
                          remedy="name some (age, sex, site ...), or choose another method")  # fmt: skip
    if options.repeated and (options.visit or options.method != "pearson"):
        raise OptionError("E-OPTION", where="option repeated", needed="neither a visit nor another method, since it takes all visits and "
                          "Pearson's r within people", found=f"visit {options.visit or 'none'}, method {options.method}",
                          remedy="leave out repeated, or the others")  # fmt: skip
    chosen = choose(cohort, options.variables, options.against, options.group, options.reference, options.visit, options.given,
                    options.repeated, options.across_sides)  # fmt: skip
    if options.repeated:
        return correlate_repeated.analyse(chosen, TITLE, options.level, options.correction)
    pairs = _corrected([pair(chosen, x, y, options.method, options.level, options.repeats, options.seed) for x, y in chosen.pairs],
                       options.correction)  # fmt: skip
    _require_people(pairs, chosen)
    rankings = correlate_best.rank(chosen, options.repeats, options.seed, options.level) if options.compare else ()
    told = correlate_told.Told(
        chosen, pairs, options.method, options.correction, options.level, options.repeats, options.seed
    )
    tables = [correlate_drawn.table(pairs, chosen, told.note)]
    summary, findings, methods = list(told.summary()), list(Care(told, cohort).findings()), list(told.methods())
    if rankings:
        tables += correlate_best.tables(rankings, options.repeats, options.seed, options.level)
        summary += [correlate_best.sentence(one, options.level) for one in rankings]
        methods.append(correlate_best.METHODS)
    return Analysis("correlate", TITLE, shortened(summary), tuple(tables), correlate_drawn.figures(pairs, chosen, options.level),
                    tuple(methods), tuple(findings), exploratory=told.exploratory, entered=chosen.entered)  # fmt: skip


def _corrected(pairs: list[Pair], correction: str) -> tuple[Pair, ...]:
    """The same with p adjusted over all that have one."""
    adjusted = adjust([one.p for one in pairs], correction)
    return tuple(replace(one, adjusted=float(q)) for one, q in zip(pairs, adjusted, strict=True))


def _require_people(pairs: tuple[Pair, ...], chosen: Chosen) -> None:
    if any(one.known for one in pairs):
        return
    most = max(pairs, key=lambda one: one.n)
    if most.n >= FEWEST:
        raise DataError("E-STUDY", where=f"{most.x.name} and {most.y.name}", needed="values that differ between people",
                        found=f"one and the same value in {chosen.whom}", remedy="choose others")  # fmt: skip
    raise DataError("E-PEOPLE", where=f"{most.x.name} and {most.y.name}", needed=f"at least {FEWEST} people who have both",
                    found=f"{most.n} of {chosen.whom}", remedy="choose another visit or other variables")  # fmt: skip
