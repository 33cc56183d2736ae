"""What an analysis of change found, and how it was made, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from neuromyo.stats.estimates import Estimate
from neuromyo.stats.intervals import Interval
from neuromyo.study.change_found import Found
from neuromyo.study.change_models import MODEL, Within
from neuromyo.study.change_options import Options
from neuromyo.study.change_pairs import Pair
from neuromyo.study.missing_visits import Sensitivity
from neuromyo.study.said import (
    MOST_SAID,
    alpha_text,
    capital,
    change_unit,
    estimate,
    number,
    p_text,
    people,
    percent,
    r_ends,
    r_number,
    shares,
    shortened,
)

#: variables of several that get a sentence of their own; all stand in the tables
MOST_TOLD = 4


def summary(
    all_found: Sequence[Found],
    adjusted: dict[tuple[str, str], float],
    pairs: Sequence[Pair],
    along: Sequence[str],
    options: Options,
) -> tuple[str, ...]:
    """Of one variable all that was found. Of several how many changed otherwise than in the reference group (or changed, where none
    is compared), and these, the clearest first; the rest is left to the tables. Then nerves (``along``) and change against change."""
    beside = (*along, *(_pair(p, options) for p in pairs))
    if len(all_found) > 1:
        return shortened((*_several(all_found, adjusted, options), *beside))
    later = []
    for f in all_found:
        between, inside = _between(f, adjusted, options), _inside(f, adjusted, options)
        missing = [_tipping(s, f, options) for s in f.sensitivity]
        later += [*between, *beside, *inside, *_reliable(f, options), *missing]
    return shortened(later or beside, MOST_SAID + 2)


def _several(all_found: Sequence[Found], adjusted: dict[tuple[str, str], float], options: Options) -> list[str]:
    def least(f: Found) -> float:
        return min((adjusted.get((f.course.variable.name, g), 1.0) for g, _ in f.answers), default=1.0)

    clear = sorted((f for f in all_found if least(f) < 1 - options.level), key=least)
    shown = clear[:MOST_TOLD] or sorted((f for f in all_found if f.answers), key=least)[:1]
    told = [(_between(f, adjusted, options) or _inside(f, adjusted, options))[0] for f in shown]
    return [_overall(all_found, len(clear), options), *told]


def _overall(all_found: Sequence[Found], clear: int, options: Options) -> str:
    """How many of all variables, and how they were counted."""
    what = "differed in change between groups" if any(f.against for f in all_found) else "changed"
    after = "" if options.correction == "none" else f", corrected for {len(all_found)} variables"
    many = "none" if clear == 0 else "all" if clear == len(all_found) else str(clear)
    rest = (
        ""
        if clear == len(all_found)
        else "; the others by no more than chance would have it, which does not show that they are alike"
    )
    rest = rest if clear else ", which does not show that nothing happened"
    return f"Of {len(all_found)} variables {many} {what} (p < {alpha_text(options.level)}{after}){rest}."


def _between(found: Found, adjusted: dict[tuple[str, str], float], options: Options) -> list[str]:
    v, said = found.course.variable, []
    for group in dict.fromkeys(a.group for a in found.against):
        main = found.main(group)
        if main is not None:
            said.append(
                f"{capital(v.said)}: from {found.course.visits[0]} to {found.last}, {group} (n = {main.n}) changed by "
                f"{_estimated(main.found, change_unit(v.unit), options)} relative to {main.reference} (n = {main.n_reference}), "
                f"by {_method(main.method)}{_corrected(adjusted.get((v.name, group)), main.found.p)}."
            )
    return said


def _inside(found: Found, adjusted: dict[tuple[str, str], float], options: Options) -> list[str]:
    v, said = found.course.variable, []
    unit = change_unit(v.unit)
    for w in (w for w in found.within if w.visit == found.last and w.n):
        srm = f"; standardised response mean {estimate(w.srm, '', options.level)}" if w.srm.known else ""
        corrected = "" if found.against else _corrected(adjusted.get((v.name, w.group)), w.change.p)
        rate = (
            f" {'That' if w.gap[1] == w.gap[2] else 'By the days of each person that'} is {_rate(w, unit, options)}."
            if w.rate.known
            else ""
        )
        said.append(
            f"In {w.group}, {v.said} went from {number(w.first, w.sd, v.unit)} to {number(w.later, w.sd, v.unit)} (n = {w.n}): "
            f"{_estimated(w.change, unit, options)}{corrected}{srm}.{rate}"
        )
    return said


def _reliable(found: Found, options: Options) -> list[str]:
    unit = change_unit(found.course.variable.unit)
    return [
        f"{r.rose + r.fell} of {r.n} in {r.group} changed in {found.course.variable.said} by more than measuring error "
        f"({number(r.limit.size, unit=unit)}): {r.rose} rose, {r.fell} fell; {shares(r.share, options.level)}. "
        f"Error is from {r.limit.source}."
        for r in found.reliable
        if r.visit == found.last and r.n
    ]


def _estimated(found: Estimate, unit: str, options: Options) -> str:
    if not found.known:
        return f"{number(found.value, unit=unit, sign=True)} (no interval: too few people, or all the same)"
    return estimate(found, unit, options.level, sign=True, p=found.p)


def _rate(w: Within, unit: str, options: Options) -> str:
    rate = Interval(w.rate.value, w.rate.low, w.rate.high, w.rate.df)
    return estimate(rate, f"{unit} per {options.period}".strip(), options.level, sign=True)


def _method(method: str) -> str:
    return f"the {method}" if method == MODEL else f"{method} (too few people for the mixed model)"


def _corrected(p: float | None, plain: float) -> str:
    return (
        f", corrected for the number of variables {p_text(p)}" if p is not None and p_text(p) != p_text(plain) else ""
    )


def _tipping(one: Sensitivity, found: Found, options: Options) -> str:
    unit = change_unit(found.course.variable.unit)
    who = f"{people(one.missing)} of {one.n} in {one.group} without a value at {one.visit}"
    if not one.points:
        return f"{who}: no shift of theirs would turn the result for {found.course.variable.said}."
    significant = one.found.p < 1 - options.level
    turn = "would no longer be significant" if significant else "would become significant"
    where = "below" if one.points[0] < 0 else "above"
    spread = found.of(one.group).sd
    times = f" ({abs(one.points[0]) / spread:.1f} standard deviations of change)" if spread > 0 else ""
    far = number(abs(one.points[0]), abs(one.points[0]) / 2, unit)
    return (
        f"{who}: the result for {found.course.variable.said} {turn} if each of them were {far} {where} what "
        f"people who were alike before came to{times}."
    )


def _pair(one: Pair, options: Options) -> str:
    if one.r.n < 4:
        return f"{capital(one.title)}: {people(one.r.n)} of {one.group} have both, too few for a correlation."
    ends = f"{percent(options.level)} CI {r_ends(one.r.low, one.r.high)}"
    how = "all orders" if one.permuted.exact else f"{one.permuted.repeats:,} orders"
    return (
        f"In {one.group}, {one.title}: r = {r_number(one.r.r)} ({ends}; n = {one.r.n}; {p_text(one.r.p)}; by {how} of the people "
        f"{p_text(one.permuted.p)})."
    )


def methods(all_found: Sequence[Found], pairs: Sequence[Pair], options: Options, along: bool) -> tuple[str, ...]:
    """For the methods section."""
    first, *later = all_found[0].course.visits if all_found else ("", "")
    said = [
        f"Change was the value at {' and '.join(later)} less that at {first} in the same person; mean changes within groups were tested by "
        "the paired t test and by turning changes round (sign flips), with standardised response means and exact intervals by the "
        "noncentral t distribution (Liang, Fossel & Larson 1990, doi:10.1097/00005650-199007000-00008)."
    ]
    if any(f.against for f in all_found):
        adjusted = f", adjusted for {', '.join(options.covariates)} at each visit" if options.covariates else ""
        spread = (
            "a covariance of its own in each group"
            if options.spread == "by-group"
            else "one covariance for both groups"
        )
        said.append(
            "Changes of groups were compared by a mixed model for repeated measures fitted by restricted maximum likelihood, with visit, "
            f"group and their interaction{adjusted}, an unstructured covariance between visits ({spread}), and standard errors and "
            "degrees of freedom by Kenward and Roger (1997, doi:10.2307/2533558). People with a missing visit were kept under the "
            "assumption that it was missing at random. Student's and Welch's t of the change, a permutation test and analysis of "
            "covariance on the baseline stand beside it."
        )
    if any(f.sensitivity for f in all_found):
        said.append(
            "How far missing values would have to lie from this assumption for the result to turn was found by delta adjustment in "
            "closed form (tipping points; Cro et al. 2020, doi:10.1002/sim.8569)."
        )
    if any(f.reliable for f in all_found):
        said.append(
            "A person's change counted as reliable where it exceeded 1.96 √2 within-subject standard deviations (Jacobson & Truax 1991, "
            "doi:10.1037/0022-006X.59.1.12)"
            + (
                ", Student's t replacing 1.96 where that was estimated from the reference group's changes"
                if any(not r.limit.given for f in all_found for r in f.reliable)
                else ""
            )
            + "."
        )
    rules = {
        "bh": "the false discovery rate (Benjamini & Hochberg 1995, doi:10.1111/j.2517-6161.1995.tb02031.x)",
        "holm": "the number of tests (Holm 1979)",
    }
    if len(all_found) > 1 and options.correction in rules:
        said.append(
            f"p values of {len(all_found)} variables at the last visit were corrected for {rules[options.correction]}."
        )
    if along:
        said.append(
            "Along a nerve, changes were tested at every level with the largest t of all levels under sign flips or exchanges of whole "
            "people, which holds the chance of any false finding along the nerve (Winkler et al. 2014, "
            "doi:10.1016/j.neuroimage.2014.01.060)."
        )
    if pairs:
        said.append("Changes were correlated by Pearson's r with Fisher's interval and a permutation test.")
    return tuple(said)
