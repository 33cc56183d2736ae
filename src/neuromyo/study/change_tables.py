"""Tables of an analysis of change."""

from __future__ import annotations

from collections.abc import Sequence

from neuromyo.core.analysis import Column, Table
from neuromyo.study.cells import cell
from neuromyo.study.change_columns import (
    GROUP,
    TO_VISIT,
    VARIABLE,
    count,
    estimate_cells,
    interval_columns,
    p_of,
    word,
)
from neuromyo.study.change_found import Found
from neuromyo.study.change_options import Options
from neuromyo.study.change_pairs import Pair
from neuromyo.study.change_reliable import verdict


def within_table(all_found: Sequence[Found], options: Options) -> Table:
    """Change within each group."""
    heads = (
        *VARIABLE,
        GROUP,
        TO_VISIT,
        count("n", "people with both values"),
        Column("baseline_mean", "mean at the baseline"),
        Column("visit_mean", "mean at the visit"),
        *interval_columns("change", "mean change (paired t)"),
        p_of("p", "p of no change"),
        p_of("p_sign_flips", "p by turning changes round"),
        Column("sd_change", "standard deviation of changes"),
        *interval_columns("srm", "standardised response mean"),
    )
    rows = []
    for v, w in ((f.course.variable, w) for f in all_found for w in f.within):
        means = (cell(w.first), cell(w.later), *estimate_cells(w.change), cell(w.turned.p), cell(w.sd))
        rows.append(
            (v.name, v.unit, w.group, w.visit, w.n, *means, *(cell(x) for x in (w.srm.value, w.srm.low, w.srm.high)))
        )
    note = f"Intervals at {100 * options.level:g} %; that of the response mean is exact (noncentral t)."
    return Table("change-within-groups", "Change within each group", heads, tuple(rows), note)


def rate_table(all_found: Sequence[Found], options: Options) -> Table | None:
    """Change per time, where dates are known."""
    heads = (
        *VARIABLE,
        GROUP,
        TO_VISIT,
        count("n_dated", "people with both values and both dates"),
        Column("days_median", "days between the visits, median"),
        Column("days_least", "least days between"),
        Column("days_most", "most days between"),
        *interval_columns("rate", f"change per {options.period}, each person by their own days"),
        p_of("p", "p of no change"),
    )
    rows = tuple(
        (v.name, v.unit, w.group, w.visit, w.n_dated, *(cell(x) for x in w.gap), *estimate_cells(w.rate))
        for v, w in ((f.course.variable, w) for f in all_found for w in f.within)
        if w.n_dated
    )
    return Table("change-per-time", f"Change per {options.period}", heads, rows) if rows else None


def against_table(all_found: Sequence[Found], adjusted: dict[tuple[str, str], float], options: Options) -> Table:
    """Groups compared, by every method; ``adjusted``: p by (variable, group), of what answers for a difference."""
    heads = (
        *VARIABLE,
        GROUP,
        TO_VISIT,
        word("method", "how it was compared"),
        count("n", "people of the group"),
        count("n_reference", "people of the reference group"),
        *interval_columns("difference", "change of the group less that of the reference"),
        Column("df", "degrees of freedom"),
        p_of("p", "p of no difference"),
        p_of("p_permutation", "p by exchanging people between groups"),
        p_of("p_corrected", "p corrected for the number of variables"),
    )
    rows = []
    for found in all_found:
        v = found.course.variable
        for a in found.against:
            corrected = adjusted.get((v.name, a.group)) if a is found.main(a.group) else None
            value, low, high, p = estimate_cells(a.found)
            who = (v.name, v.unit, a.group, a.visit, a.method, a.n, a.n_reference)
            rows.append((*who, value, low, high, cell(a.found.df), p, cell(a.permuted), corrected))
    alike = "t and ANCOVA" if options.spread == "by-group" else "t, ANCOVA and the mixed model"
    note = (
        f"The row with a corrected p answers; the others stand beside it. {alike} take groups to spread alike, "
        "Welch's t does not. ANCOVA asks whether people who began at the same value came to differ, which is another question "
        "where groups differed from the start."
    )
    return Table("change-between-groups", f"Change against that of {options.reference}", heads, tuple(rows), note)


def reliable_table(all_found: Sequence[Found]) -> Table | None:
    """Share of people whose change is more than error."""
    heads = (
        *VARIABLE,
        GROUP,
        TO_VISIT,
        count("n", "people with both values"),
        Column("limit", "change that 95 of 100 unchanged people stay below"),
        Column("wsd", "within-subject standard deviation"),
        word("source", "where that is from"),
        count("rose", "people who rose by more"),
        count("fell", "people who fell by more"),
        Column("share", "share of people beyond, either way", "%", "percent"),
        Column("share_low", "lower end of its interval", "%", "percent"),
        Column("share_high", "upper end of its interval", "%", "percent"),
    )
    rows = tuple(
        (
            f.course.variable.name,
            f.course.variable.unit,
            r.group,
            r.visit,
            r.n,
            cell(r.limit.size),
            cell(r.limit.repeating.wsd),
            r.limit.source,
            r.rose,
            r.fell,
            *(cell(100 * x) for x in (r.share.value, r.share.low, r.share.high)),
        )
        for f in all_found
        for r in f.reliable
    )
    note = "One in twenty people who did not change is beyond the limit by chance. Intervals of shares are exact (Clopper and Pearson)."
    return (
        Table("change-reliable", "People whose change is more than measuring error", heads, rows, note)
        if rows
        else None
    )


def people_table(all_found: Sequence[Found], options: Options) -> Table:
    """Every person's change."""
    heads = (
        word("participant", "person"),
        GROUP,
        *VARIABLE,
        TO_VISIT,
        Column("baseline", "value at the baseline"),
        Column("value", "value at the visit"),
        Column("change", "the latter less the former"),
        Column("gap", "days between the visits", "days"),
        Column("rate", f"change per {options.period}"),
        word("beyond_error", "whether that is more than measuring error"),
    )
    rows = []
    for f in all_found:
        c = f.course
        for k, visit in enumerate(c.visits[1:], start=1):
            change, gap = c.change(k), c.gap(k)
            rows += [
                (
                    label,
                    str(c.group[i]),
                    c.variable.name,
                    c.variable.unit,
                    visit,
                    cell(c.values[i, 0]),
                    cell(c.values[i, k]),
                    cell(change[i]),
                    cell(gap[i]),
                    cell(change[i] / gap[i] * options.period_days),
                    verdict(float(change[i]), f.limits[k]),
                )
                for i, label in enumerate(c.labels)
            ]
    return Table("change-of-each-person", "Change of each person", heads, tuple(rows))


def pairs_table(pairs: Sequence[Pair]) -> Table | None:
    """Change against change."""
    heads = (
        word("x", "one variable"),
        word("y", "the other"),
        GROUP,
        word("visit", "changes from the baseline to this visit"),
        count("n", "people with both changes"),
        Column("r", "Pearson's correlation of both changes"),
        Column("r_low", "lower end of its interval"),
        Column("r_high", "upper end of its interval"),
        Column("t", "Student's t"),
        p_of("p", "p of no correlation"),
        p_of("p_permutation", "p by exchanging people"),
    )
    rows = tuple(
        (
            p.x.variable.name,
            p.y.variable.name,
            p.group,
            p.visit,
            p.r.n,
            *(cell(v) for v in (p.r.r, p.r.low, p.r.high, p.r.t, p.r.p, p.permuted.p)),
        )
        for p in pairs
    )
    note = "Not corrected for the number of pairs."
    return Table("change-with-change", "Does one thing change as another does", heads, rows, note) if rows else None
