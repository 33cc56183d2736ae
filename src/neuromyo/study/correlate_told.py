"""What `correlate` says: the result in a sentence, and how it was done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite

from neuromyo.core.analysis import FEW as EXPLORATORY
from neuromyo.stats.coverage import method_for
from neuromyo.study.correlate_pairs import Pair, covered
from neuromyo.study.correlate_people import Chosen
from neuromyo.study.said import alpha_text, p_text, percent, r_number, r_text

TESTS = {
    "pearson": "Pearson's r",
    "permutation": "Pearson's r by permutation",
    "spearman": "Spearman's rho",
    "partial": "the partial r",
}
CORRECTIONS = {"bh": "false discovery rate by Benjamini and Hochberg", "holm": "Holm's method", "none": "no correction"}


@dataclass(frozen=True, eq=False)
class Told:
    """The pairs and how they were made, to be put in words."""

    chosen: Chosen
    pairs: tuple[Pair, ...]
    method: str
    correction: str
    level: float
    repeats: int
    seed: int

    @property
    def known(self) -> list[Pair]:
        """Pairs with a correlation, the clearest first."""
        return sorted(
            (one for one in self.pairs if one.known), key=lambda one: (one.p if isfinite(one.p) else 2.0, -abs(one.r.r))
        )

    @property
    def exploratory(self) -> bool:
        """Whether the pair of most people has under twenty."""
        return max(one.n for one in self.pairs) < EXPLORATORY

    @property
    def note(self) -> str:
        """Below the table."""
        coverage = covered(max(one.n for one in self.pairs))
        boot = f"Bootstrap intervals ({method_for('correlation')}, {self.repeats:,} samples): {coverage}, for intervals of 95 %."
        if not coverage.datasets:
            boot = f"Bootstrap intervals are withheld: {coverage}."
        return f"Intervals of {100 * self.level:g} %. {boot} Adjusted over {len(self.known)} correlations: {CORRECTIONS[self.correction]}."

    def summary(self) -> Iterator[str]:
        """The clearest correlation, how many remain after correction, and what does not exist."""
        top, many = self.known[0], len(self.known) > 1
        way = "fell" if top.r.r < 0 else "rose"
        adjusted = ", " + p_text(top.adjusted, "adjusted p") if many and self.correction != "none" else ""
        whom = self.chosen.whom if top.n == len(self.chosen.cohort) else f"{top.n} of {self.chosen.whom}"
        lead = f"The clearest of {len(self.known)} correlations in {whom}:" if many else f"In {whom},"
        ps = f"{p_text(top.r.p)} (by permutation {p_text(top.order.p)}){adjusted}"
        yield (f"{lead} {top.y.said} {way} as {top.x.said} rose: r = {r_text(top.r.r, top.r.low, top.r.high, self.level)}, "
               f"{ps}; Spearman's rho {r_number(top.rho.r)}, {p_text(top.rho.p)}.")  # fmt: skip
        if top.held is not None and isfinite(top.held.r):
            yield (
                f"With {' and '.join(self.chosen.held_names)} held, it is r = "
                f"{r_text(top.held.r, top.held.low, top.held.high, self.level)}, {p_text(top.held.p)} ({top.held.n} people)."
            )
        if many:
            clear = sum(one.adjusted < 1 - self.level for one in self.known)
            yield (
                f"{clear} of {len(self.known)} correlations have p < {alpha_text(self.level)} by {TESTS[self.method]}"
                + (
                    f" after correction ({CORRECTIONS[self.correction]})."
                    if self.correction != "none"
                    else ", uncorrected."
                )
            )

    def methods(self) -> Iterator[str]:
        """For the methods section."""
        yield (
            f"Imaging and clinical values of the same people at one visit were correlated (Pearson's r, {percent(self.level)} confidence "
            "interval by Fisher's z; Spearman's rho, interval by Bonett and Wright 2000, doi:10.1007/BF02294183). p of r was by "
            f"Student's t and by permutation (all orders up to 8 people, else {self.repeats:,} drawn orders, seed {self.seed}; Phipson "
            "and Smyth 2010, doi:10.2202/1544-6115.1585)."
        )
        yield f"p values of {TESTS[self.method]} over {len(self.known)} correlations were corrected by: {CORRECTIONS[self.correction]}."
        if self.chosen.held_names:
            yield f"Partial correlations hold {', '.join(self.chosen.held_names)} (words as levels), on n - 2 - k degrees of freedom."
        if any(one.resampled.known for one in self.pairs):
            source = "Efron 1987, doi:10.1080/01621459.1987.10478410"
            expanded = ", with quantiles of t (Hesterberg 2015, doi:10.1080/00031305.2015.1089789)"
            expanded *= method_for("correlation") == "bca-t"
            yield (f"Bootstrap intervals of r are bias-corrected and accelerated ({source}){expanded}, of "
                   f"{self.repeats:,} samples of people; their coverage was measured by simulation.")  # fmt: skip
        yield (
            "Skewness was tested against its law in normal samples; the influence of single people was judged by leaving out each in turn "
            "and by Cook's distance (Cook 1977, doi:10.1080/00401706.1977.10489493)."
        )
