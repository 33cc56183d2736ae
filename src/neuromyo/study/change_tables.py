"""Tables of an analysis of change."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from neuromyo.core.analysis import Cell, Table, columns
from neuromyo.stats.estimates import Estimate
from neuromyo.study.change_found import Found
from neuromyo.study.change_options import Options
from neuromyo.study.change_pairs import Pair
from neuromyo.study.change_reliable import verdict
from neuromyo.study.missing_visits import leavers

_VARIABLE = (("variable", "what was measured", "", "text"), ("unit", "its unit", "", "text"))


def cell(x: float) -> Cell:
    """None for what is not a number."""
    return float(x) if isfinite(x) else None


def _estimate(found: Estimate) -> tuple[Cell, ...]:
    return tuple(cell(x) for x in (found.value, found.low, found.high, found.p))


def _interval_columns(name: str, meaning: str) -> tuple[tuple[str, str, str, str], ...]:
    return ((name, meaning, "", "number"), (f"{name}_low", "lower end of its interval", "", "number"),
            (f"{name}_high", "upper end of its interval", "", "number"))  # fmt: skip


def within_table(all_found: Sequence[Found], options: Options) -> Table:
    """Change within each group."""
    heads = columns(*_VARIABLE, ("group", "group of people", "", "text"), ("visit", "from the baseline to this visit", "", "text"),
                    ("n", "people with both values", "", "count"), ("baseline_mean", "mean at the baseline"),
                    ("visit_mean", "mean at the visit"), *_interval_columns("change", "mean change (paired t)"),
                    ("p", "p of no change", "", "p"), ("p_sign_flips", "p by turning changes round", "", "p"),
                    ("sd_change", "standard deviation of changes"), *_interval_columns("srm", "standardised response mean"),
                    *_interval_columns("model_change", "mean change by the mixed model, people with a missing visit included"),
                    ("p_model", "its p", "", "p"), ("n_dated", "people with both dates", "", "count"),
                    ("days_median", "days between the visits, median", "days"), ("days_least", "least", "days"),
                    ("days_most", "most", "days"), *_interval_columns("rate", f"change per {options.period}, each person by their own days"),
                    ("p_rate", "its p", "", "p"))  # fmt: skip
    rows = []
    for found in all_found:
        v = found.course.variable
        for w in found.within:
            rows.append((v.name, v.unit, w.group, w.visit, w.n, cell(w.first), cell(w.later), *_estimate(w.change), cell(w.turned.p),
                         cell(w.sd), *(cell(x) for x in (w.srm.value, w.srm.low, w.srm.high)), *_estimate(w.model), w.n_dated,
                         *(cell(x) for x in w.gap), *_estimate(w.rate)))  # fmt: skip
    return Table("change-within-groups", "Change within each group", heads, tuple(rows),
                 f"Intervals at {100 * options.level:g} %. Rates need dates: without them change is given per visit only.")  # fmt: skip


def against_table(all_found: Sequence[Found], adjusted: dict[tuple[str, str], float], options: Options) -> Table:
    """Groups compared, by every method; ``adjusted``: p by (variable, group), of what answers for a difference."""
    heads = columns(*_VARIABLE, ("group", "group of people", "", "text"), ("reference", "compared with", "", "text"),
                    ("visit", "from the baseline to this visit", "", "text"), ("method", "how it was compared", "", "text"),
                    ("n", "people of the group", "", "count"), ("n_reference", "people of the reference group", "", "count"),
                    *_interval_columns("difference", "change of the group less that of the reference"),
                    ("df", "degrees of freedom"), ("p", "p of no difference", "", "p"),
                    ("p_permutation", "p by exchanging people between groups", "", "p"),
                    ("p_corrected", "p corrected for the number of variables", "", "p"))  # fmt: skip
    rows = []
    for found in all_found:
        v = found.course.variable
        for a in found.against:
            corrected = adjusted.get((v.name, a.group)) if a is found.main(a.group) else None
            value, low, high, p = _estimate(a.found)
            rows.append((v.name, v.unit, a.group, a.reference, a.visit, a.method, a.n, a.n_reference, value, low, high,
                         cell(a.found.df), p, cell(a.permuted), corrected))  # fmt: skip
    note = ("The row with a corrected p answers; the others stand beside it. t, ANCOVA and the mixed model take groups to spread alike, "
            "Welch's t does not. ANCOVA asks whether people who began at the same value came to differ, which is another question "
            "where groups differed from the start.")  # fmt: skip
    return Table("change-between-groups", "Change of one group against another", heads, tuple(rows), note)


def seen_table(all_found: Sequence[Found]) -> Table:
    """Who was measured at which visit."""
    heads = columns(("variable", "what was measured", "", "text"), ("group", "group of people", "", "text"), ("visit", "visit", "", "text"),
                    ("enrolled", "people of the group", "", "count"), ("measured", "people with a value", "", "count"),
                    ("missing", "people without one", "", "count"), ("reasons", "why", "", "text"))  # fmt: skip
    rows = tuple((f.course.variable.name, s.group, s.visit, s.enrolled, s.measured, s.enrolled - s.measured,
                  ", ".join(f"{word}: {n}" for word, n in s.reasons)) for f in all_found for s in f.seen)  # fmt: skip
    return Table("change-who-was-measured", "Who was measured at which visit", heads, rows)


def left_table(found: Found) -> Table | None:
    """Who did not come to the last visit; of the whole study, hence from any one variable."""
    heads = columns(("participant", "person", "", "text"), ("group", "group of people", "", "text"), ("last_visit", "last visit", "", "text"),
                    ("last_day", "days since the first visit then", "days"), ("reason", "why no later visit", "", "text"),
                    ("end_day", "when observation ended", "days"))  # fmt: skip
    rows = tuple(
        (w.label, w.group, w.last, cell(w.last_days), w.reason, cell(w.end_days)) for w in leavers(found.course)
    )
    return Table("change-who-left", "Who did not come to the last visit", heads, rows) if rows else None


def start_table(all_found: Sequence[Found]) -> Table | None:
    """Whether those who left had begun otherwise."""
    heads = columns(*_VARIABLE, ("group", "group of people", "", "text"), ("n_stayed", "people with a value at the last visit", "", "count"),
                    ("n_left", "people without", "", "count"), ("stayed_mean", "baseline of the former, mean"),
                    ("left_mean", "baseline of the latter, mean"), *_interval_columns("difference", "latter less former (Welch's t)"),
                    ("p", "p of no difference", "", "p"))  # fmt: skip
    rows = tuple((f.course.variable.name, f.course.variable.unit, s.group, s.n_stayed, s.n_left, cell(s.stayed), cell(s.left),
                  *_estimate(s.difference)) for f in all_found for s in f.starts)  # fmt: skip
    note = "No difference at the start does not show that people left at random: they may have got worse since."
    return (
        Table("change-start-of-leavers", "Baseline of those who left and those who stayed", heads, rows, note)
        if rows
        else None
    )


def sensitivity_table(all_found: Sequence[Found]) -> Table | None:
    """How far the missing would have to lie from the model's expectation."""
    heads = columns(*_VARIABLE, ("group", "group whose missing people are shifted", "", "text"), ("reference", "compared with", "", "text"),
                    ("visit", "visit", "", "text"), ("missing", "people missing then", "", "count"), ("n", "people in the model", "", "count"),
                    *_interval_columns("result", "mixed model, missing at random"), ("p", "its p", "", "p"),
                    ("tipping_delta", "shift of each missing person at which the interval touches 0"),
                    ("delta", "shift asked for"),
                    *_interval_columns("shifted", "the result then"), ("p_shifted", "its p", "", "p"))  # fmt: skip
    rows = []
    for f in all_found:
        for s in f.sensitivity:
            near = cell(s.points[0]) if s.points else None
            rows.append((f.course.variable.name, f.course.variable.unit, s.group, s.reference, s.visit, s.missing, s.n,
                         *_estimate(s.found), near, cell(s.delta), *_estimate(s.shifted)))  # fmt: skip
    note = "No shift is given where none turns the result. Shifts are in the variable's unit, beyond what people who began alike did."
    return (
        Table("change-sensitivity", "What missing values would have to be", heads, tuple(rows), note) if rows else None
    )


def reliable_table(all_found: Sequence[Found]) -> Table | None:
    """Share of people whose change is more than error."""
    heads = columns(*_VARIABLE, ("group", "group of people", "", "text"), ("visit", "from the baseline to this visit", "", "text"),
                    ("n", "people with both values", "", "count"), ("limit", "change that 95 of 100 unchanged people stay below"),
                    ("wsd", "within-subject standard deviation"), ("source", "where that is from", "", "text"),
                    ("rose", "people who rose by more", "", "count"), ("fell", "people who fell by more", "", "count"),
                    ("share", "share of people beyond, either way", "%", "percent"), ("share_low", "lower end of its interval", "%", "percent"),
                    ("share_high", "upper end of its interval", "%", "percent"))  # fmt: skip
    rows = tuple((f.course.variable.name, f.course.variable.unit, r.group, r.visit, r.n, cell(r.limit.size), cell(r.limit.repeating.wsd),
                  r.limit.source, r.rose, r.fell, *(cell(100 * x) for x in (r.share.value, r.share.low, r.share.high)))
                 for f in all_found for r in f.reliable)  # fmt: skip
    note = "One in twenty people who did not change is beyond the limit by chance. Intervals of shares are exact (Clopper and Pearson)."
    return (
        Table("change-reliable", "People whose change is more than measuring error", heads, rows, note)
        if rows
        else None
    )


def people_table(all_found: Sequence[Found], options: Options) -> Table:
    """Every person's change."""
    heads = columns(("participant", "person", "", "text"), ("group", "group of people", "", "text"), *_VARIABLE,
                    ("visit", "from the baseline to this visit", "", "text"), ("baseline", "value at the baseline"),
                    ("value", "value at the visit"), ("change", "the latter less the former"), ("days", "days between", "days"),
                    ("rate", f"change per {options.period}"), ("beyond_error", "whether that is more than measuring error", "", "text"))  # fmt: skip
    rows = []
    for f in all_found:
        c = f.course
        for k, visit in enumerate(c.visits[1:], start=1):
            change, gap = c.change(k), c.gap(k)
            rows += [(label, str(c.group[i]), c.variable.name, c.variable.unit, visit, cell(c.values[i, 0]), cell(c.values[i, k]),
                      cell(change[i]), cell(gap[i]), cell(change[i] / gap[i] * options.period_days), verdict(float(change[i]), f.limits[k]))
                     for i, label in enumerate(c.labels)]  # fmt: skip
    return Table("change-of-each-person", "Change of each person", heads, tuple(rows))


def pairs_table(pairs: Sequence[Pair]) -> Table | None:
    """Change against change."""
    heads = columns(("x", "one variable", "", "text"), ("y", "the other", "", "text"), ("group", "group of people", "", "text"),
                    ("visit", "changes from the baseline to this visit", "", "text"), ("n", "people with both changes", "", "count"),
                    ("r", "Pearson's correlation of both changes"), ("r_low", "lower end of its interval"),
                    ("r_high", "upper end of its interval"), ("t", "Student's t"), ("p", "p of no correlation", "", "p"),
                    ("p_permutation", "p by exchanging people", "", "p"))  # fmt: skip
    rows = tuple((p.x.variable.name, p.y.variable.name, p.group, p.visit, p.r.n, *(cell(v) for v in (p.r.r, p.r.low, p.r.high, p.r.t,
                  p.r.p, p.permuted.p))) for p in pairs)  # fmt: skip
    note = "p is not corrected for the number of pairs."
    return Table("change-with-change", "Does one thing change as another does", heads, rows, note) if rows else None
