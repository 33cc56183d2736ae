"""What is said of a score: sentences, tables, drawings, cautions and methods."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from neuromyo.core.analysis import Cell, Dots, Figure, Forest, Mean, Scatter, Table, columns
from neuromyo.core.errors import Finding
from neuromyo.stats import nested
from neuromyo.stats.correlation import pearson
from neuromyo.stats.intervals import Interval, mean_interval
from neuromyo.stats.nested import Nested
from neuromyo.study.cells import with_ends
from neuromyo.study.composite_people import A_MARKER, PEOPLE, Entered
from neuromyo.study.said import estimate, listed, number, p_text, r_text, shares

if TYPE_CHECKING:
    from neuromyo.study.composite import Options

#: with outcomes shuffled within sites, more than this says that sites differ in both markers and outcome
_SITES = {"groups": 0.56, "number": 0.02}
#: how often nominal 95 % intervals held the truth of the score (tests/physics/test_study_size_composite.py, 1,000 studies each)
_HELD = {"groups": "that of the area held the truth in 95 % of simulated studies of 40 people and in 94 % of 60",
         "number": "that of R2 held the truth in 87 % of simulated studies of 40 people and in 92 % of 60: rather too short"}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Found:
    """judged : on people not seen ; shuffled (s,), p : the same by chance ; intercept, b (p,) per standard deviation, mean and spread (p,)
    : the score made from everybody"""

    judged: Nested
    shuffled: np.ndarray
    p: float
    intercept: float
    b: np.ndarray
    mean: np.ndarray
    spread: np.ndarray


@dataclass(frozen=True, eq=False)
class Told:
    """Everything found, to be put into words."""

    title: str
    entered: Entered
    found: Found
    options: Options

    @property
    def groups(self) -> bool:
        return self.entered.kind == "groups"

    @cached_property
    def main(self) -> Interval:
        """Area under the curve, or R2, of people not seen."""
        if self.groups:
            return nested.auc(self.found.judged, self.options.level)
        return nested.explained_interval(self.found.judged, self.options.repeats, self.options.seed, self.options.level)

    @cached_property
    def slope(self) -> Interval:
        return nested.calibration_slope(self.found.judged, self.options.level)

    @cached_property
    def chance(self) -> Mean:
        """What shuffled outcomes give: mean and the range of most."""
        tail = (1 - self.options.level) / 2
        low, high = np.quantile(self.found.shuffled, [tail, 1 - tail])
        return Mean(float(self.found.shuffled.mean()), float(low), float(high))

    @cached_property
    def score(self) -> np.ndarray:
        """(n,) each person's prediction by scores made without him, mean over partitions."""
        return self.found.judged.prediction.mean(axis=0)

    @cached_property
    def error(self) -> Interval:
        """Mean absolute error of people not seen, in the outcome's unit."""
        return mean_interval(
            np.abs(self.found.judged.y - self.found.judged.prediction).mean(axis=0), level=self.options.level
        )

    def summary(self) -> tuple[str, ...]:
        markers = listed([m.said for m in self.entered.markers])
        return (self._performance(markers), self._by_chance(), self._calibrated(), self._formula())

    def _performance(self, markers: str) -> str:
        e, level = self.entered, self.options.level
        what = e.outcome.said if e.outcome else ""
        if self.groups:
            n1, n0 = int(e.y.sum()), int((e.y == 0).sum())
            area = r_text(self.main.value, self.main.low, self.main.high, level)
            return (f"A score of {markers} told {n1} people ({e.compared}) from {n0} ({e.reference}) with an area under the ROC curve of "
                    f"{area} in people it had not seen; 0.5 is chance.")  # fmt: skip
        unit = e.outcome.unit if e.outcome else ""
        return (f"A score of {markers} explained {shares(self.main, level)} of the differences in {what} among "
                f"{len(e.y)} people ({e.compared}) it had not seen; its mean error was {estimate(self.error, unit, level)}.")  # fmt: skip

    def _by_chance(self) -> str:
        within = " within sites" if len(set(self.entered.site)) > 1 else ""
        one = Interval(self.chance.value, self.chance.low, self.chance.high, np.inf)
        said = (
            r_text(one.value, one.low, one.high, self.options.level) if self.groups else shares(one, self.options.level)
        )
        said = said.replace("CI", "range")
        return f"With outcomes shuffled{within} the same procedure gave {said}; {p_text(self.found.p)}."

    def _calibrated(self) -> str:
        if not self.slope.known:
            return "The calibration slope is not known, because the score separates the groups or does not differ between people."
        word = (
            "predicts too large"
            if self.slope.high < 1
            else "predicts too small"
            if self.slope.low > 1
            else "does not clearly misjudge"
        )
        slope = estimate(self.slope, level=self.options.level)
        return f"The calibration slope was {slope}, 1 being right: the score {word} differences between people."

    def _formula(self) -> str:
        slopes = self.found.b / self.found.spread
        start = self.found.intercept - float(slopes @ self.found.mean)
        what = "log odds" if self.groups else f"predicted {self.entered.outcome.axis}" if self.entered.outcome else ""
        terms = "".join(
            f" {'−' if s < 0 else '+'} {number(abs(s))} × {m.axis}"
            for s, m in zip(slopes, self.entered.markers, strict=True)
        )
        return f"The score made from everybody: {what} = {number(start)}{terms}."

    def tables(self) -> tuple[Table, ...]:
        return self._performances(), self._coefficients(), self._scores()

    def _performances(self) -> Table:
        cols = columns(("measure", "what is judged", "", "text"), ("value", "estimate"), ("low", "lower end of its interval"),
                       ("high", "upper end of its interval"), ("unit", "unit", "", "text"),
                       ("meaning", "how to read it", "", "text"))  # fmt: skip
        unit = self.entered.outcome.unit if self.entered.outcome else ""
        main = "area under the ROC curve" if self.groups else "R2"
        means = ".5 is chance" if self.groups else "share of variance explained, 0 or less is chance"
        rows: list[tuple[Cell, ...]] = [
            (main, *with_ends(self.main), "", f"people not seen; {means}"),
            (f"{main}, outcomes shuffled", self.chance.value, self.chance.low, self.chance.high, "", "what chance gives: mean and range"),
            ("p", self.found.p, None, None, "", "share of shuffles that did as well"),
            ("calibration slope", *with_ends(self.slope), "", "1 is right; under 1: differences predicted too large"),
            (f"{main}, people seen", self._seen(), None, None, "", "flattered: not to be reported"),
        ]  # fmt: skip
        if not self.groups:
            r = pearson(self.score, self.entered.y, self.options.level)
            rows += [("mean absolute error", *with_ends(self.error), unit, "people not seen"),
                     ("r", *with_ends(Interval(r.r, r.low, r.high, r.df)), "", "predicted with measured, people not seen")]  # fmt: skip
        note = f"{100 * self.options.level:g} % confidence intervals; {_HELD[self.entered.kind]}"
        return Table("composite-performance", "How well the score does", cols, tuple(rows), note)

    def _seen(self) -> float:
        """The same measure on the people that the score was made from."""
        e, f = self.entered, self.found
        score = f.intercept + ((e.x - f.mean) / f.spread) @ f.b
        if not self.groups:
            return float(1 - ((e.y - score) ** 2).sum() / ((e.y - e.y.mean()) ** 2).sum())
        gap = score[e.y == 1][:, None] - score[e.y == 0]
        return float(((gap > 0) + 0.5 * (gap == 0)).mean())

    def _coefficients(self) -> Table:
        cols = columns(
            ("marker", "name of the variable", "", "text"), ("unit", "its unit", "", "text"),
            ("per_sd", "change of the score for one SD more of the marker, the others held"),
            ("lowest", "smallest of the folds"), ("highest", "largest of the folds"),
            ("same_sign", "folds in which it has the sign of the final score", "%", "percent"),
            ("per_unit", "change of the score for one unit more of the marker"), ("sd", "SD of the marker"),
        )  # fmt: skip
        many = self.found.judged.coefficients.reshape(-1, len(self.found.b))
        rows = [(m.name, m.unit, float(b), float(c.min()), float(c.max()), 100 * float(np.mean(np.sign(c) == np.sign(b))),
                 float(b / s), float(s))
                for m, b, s, c in zip(self.entered.markers, self.found.b, self.found.spread, many.T, strict=True)]  # fmt: skip
        return Table("composite-coefficients", "What the score is made of", cols, tuple(rows), self._formula())

    def _scores(self) -> Table:
        e = self.entered
        unit = e.outcome.unit if e.outcome else ""
        last = (
            ("outcome", e.outcome.name, unit) if e.outcome else ("chance", f"of not being of the group {e.reference}")
        )
        cols = columns(("participant", "who", "", "text"), ("group", "group", "", "text"),
                       ("score", "by scores made without this person", unit),
                       last)  # fmt: skip
        known = special.expit(self.score) if self.groups else e.y
        rows = [
            (str(p), str(g), float(s), float(y))
            for p, g, s, y in zip(e.person, e.group, self.score, known, strict=True)
        ]
        return Table("composite-scores", "Scores of people", cols, tuple(rows))

    def figures(self) -> tuple[Figure, ...]:
        many = self.found.judged.coefficients.reshape(-1, len(self.found.b))
        lines = tuple(Mean(float(b), float(c.min()), float(c.max()), m.said)
                      for m, b, c in zip(self.entered.markers, self.found.b, many.T, strict=True))  # fmt: skip
        made = Forest("composite-coefficients", "What the score is made of", lines, "change of the score for one SD more of the marker",
                      caption=f"Coefficients of the score made from all {len(self.entered.y)} people; bars: smallest and largest of "
                      f"{len(many)} scores made from parts of them.")  # fmt: skip
        return self._people(), made

    def _people(self) -> Figure:
        e = self.entered
        if self.groups:
            names = {e.compared: self.score[e.y == 1], e.reference: self.score[e.y == 0]}
            means = {k: _mean(mean_interval(v, level=self.options.level)) for k, v in names.items()}
            return Dots("composite-scores", "Scores of people not seen", names, means, "score (log odds)",
                        f"Each person's score by models made without that person; {e.compared} n = {len(names[e.compared])}, {e.reference} "
                        f"n = {len(names[e.reference])}; means with {100 * self.options.level:g} % confidence intervals.")  # fmt: skip
        title = e.outcome.axis if e.outcome else ""
        return Scatter("composite-scores", "Predicted and measured, people not seen", self.score, e.y, f"predicted {title}", title,
                       tuple(map(str, e.group)), tuple(map(str, e.person)),
                       caption=f"Each of {len(e.y)} people predicted by models made without that person.")  # fmt: skip

    def cautions(self) -> tuple[Finding, ...]:
        out = [Finding("note", "N-STUDY", "composite", "the score was judged on people of this study",
                       "judge it on another study before using it",
                       "other sites, scanners and mixes of people may give less")]  # fmt: skip
        if self.found.p > 1 - self.options.level:
            out.append(Finding("warn", "W-CLOSE", "composite",
                               f"the score does no better than chance is likely to ({p_text(self.found.p)})", "",
                               "its coefficients say nothing"))  # fmt: skip
        if len(set(self.entered.site)) > 1 and self.chance.value > _SITES[self.entered.kind]:
            out.append(Finding("warn", "W-CLOSE", "composite", "outcomes shuffled within sites are still predicted",
                               "bring the sites into line first (docs/sites.md)",
                               "sites differ in markers and in outcome, and part of the score tells sites apart"))  # fmt: skip
        return tuple(out)

    def methods(self) -> tuple[str, ...]:
        o, e = self.options, self.entered
        law = "ridge logistic regression" if self.groups else "ridge regression"
        alike = "group and site" if self.groups else "site and outcome"
        measure = ("the area under the ROC curve, of pairs within folds (LeDell et al. 2015, doi:10.1214/15-EJS1035), with the interval of "
                   "DeLong et al. (1988, doi:10.2307/2531595) on the logit scale" if self.groups else
                   f"R2, with a bias-corrected and accelerated interval of {o.repeats} samples of people")  # fmt: skip
        return (
            f"A score was made from {len(e.markers)} markers by {law}, and judged by nested cross-validation (Varma and Simon 2006, "
            f"doi:10.1186/1471-2105-7-91): {o.folds} folds of people, alike in {alike}, with the penalty chosen by {o.folds} inner folds "
            f"and markers standardised inside the folds, over {o.partitions} ways of dealing people (seed {o.seed}).",
            f"Performance was {measure}; outcomes were shuffled {o.shuffles} times within sites for comparison.",
            f"People without all values were left out. At least {PEOPLE} people, and {A_MARKER} {'in the smaller group ' * self.groups}for "
            "each marker, were required.",
        )


def _mean(found: Interval) -> Mean:
    return Mean(found.value, found.low, found.high)
