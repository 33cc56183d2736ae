"""Differences at the same covariates, and the means that groups would have there, as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neuromyo.core.analysis import Cell, Table, columns
from neuromyo.study.cells import cell, with_ends
from neuromyo.study.group_cells import PAIR, corrected, pair
from neuromyo.study.group_covariates import titled
from neuromyo.study.group_tests import Comparison

if TYPE_CHECKING:
    from neuromyo.study.group import Compared


def adjusted(found: Compared) -> Table:
    """Differences at the same covariates."""
    of = (
        *PAIR,
        *columns(
            ("n_compared", "people of the compared group with known covariates", "", "count"),
            ("n_reference", "people of the reference with known covariates", "", "count"),
            ("difference", "difference at the same covariates"),
            ("low", "lower end of its interval"),
            ("high", "upper end of its interval"),
            ("p", "p of the ANCOVA", "", "p"),
            ("p_permutation", "p by permuted residuals (Freedman and Lane)", "", "p"),
            ("p_robust", "p without one spread for all (HC3)", "", "p"),
            ("p_corrected", "p of the ANCOVA, over all tests", "", "p"),
        ),
    )
    rows = tuple(_row(c) for c in found.comparisons if c.with_covariates)
    note = f"Intervals hold {100 * found.options.level:g} %. p corrected: {corrected(found)}."
    return Table("adjusted", f"At the same {', '.join(titled(found.covariates.names))}", of, rows, note)


def _row(c: Comparison) -> tuple[Cell, ...]:
    if c.adjusted is None:
        return (*pair(c), *[None] * 9)
    test = c.adjusted.model.difference
    p = (cell(test.p), cell(c.adjusted.permutation), cell(c.adjusted.robust.p), cell(c.p_corrected))
    return (*pair(c), *c.adjusted.n, *with_ends(test.estimate), *p)


def adjusted_means(found: Compared) -> Table:
    """What both groups would have at the pooled means of the covariates."""
    of = (
        *PAIR,
        *columns(
            ("mean_compared", "mean of the compared group at the mean covariates"),
            ("mean_compared_low", "lower end of its interval"),
            ("mean_compared_high", "upper end of its interval"),
            ("mean_reference", "mean of the reference at the mean covariates"),
            ("mean_reference_low", "lower end of its interval"),
            ("mean_reference_high", "upper end of its interval"),
            ("t", "t of the difference"),
            ("df", "its degrees of freedom"),
            ("not_tested", "why there is none", "", "text"),
        ),
    )
    rows = tuple(_means_row(c) for c in found.comparisons if c.with_covariates)
    return Table("adjusted-means", "Means at the same covariates", of, rows)


def _means_row(c: Comparison) -> tuple[Cell, ...]:
    if c.adjusted is None:
        return (*pair(c), *[None] * 8, c.why or c.why_not)
    model = c.adjusted.model
    return (
        *pair(c),
        *with_ends(model.mean_a),
        *with_ends(model.mean_b),
        cell(model.difference.t),
        cell(model.difference.df),
        None,
    )
