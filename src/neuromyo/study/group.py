r"""Patients against controls: each measurement, and profiles along nerves, compared between groups of people.

For each variable the difference of means with its interval (Welch), p by Welch and by permutation (all arrangements where they can be
tried), Hedges g with its exact interval, rank tests beside; with covariates, the difference at the same covariates (ANCOVA). p are
corrected over all variables, those along a profile by max-T. Every group is compared with the reference; of three groups or more, Welch's
analysis of variance says whether any differ.

*Assumes* people independent of each other: each is one row; left and right are two variables. *Breaks*: groups that differ in age, site
or scanner differ in what these do, too; what is told about that is no remedy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neuromyo.core.analysis import Analysis
from neuromyo.core.cohort import Cohort, Variable
from neuromyo.core.errors import DataError
from neuromyo.core.options import check, option
from neuromyo.stats.multiplicity import adjust
from neuromyo.stats.two_samples import FTest, welch_anova
from neuromyo.study import group_cautions, group_figures, group_methods, group_tables, group_words
from neuromyo.study.group_covariates import Covariates
from neuromyo.study.group_people import Setting
from neuromyo.study.group_profiles import Profile, compare_profile, families
from neuromyo.study.group_tests import Choice, Comparison, compare

TITLE = "Patients against controls"


@dataclass(frozen=True)
class Options:
    """What is compared, and how."""

    variables: tuple[str, ...] = option(
        (), "names of the variables to compare; empty: all that were measured in images"
    )
    reference: str = option("control", "the group that the others are compared with")
    compared: tuple[str, ...] = option((), "the groups compared with it; empty: every other")
    visit: str = option("", "the visit at which people are compared; empty: the first")
    covariates: tuple[str, ...] = option(
        (), "what is held alike by ANCOVA: age, sex, site, height_m, weight_kg, bmi, or others known of people"
    )
    correction: str = option("bh", "how p are corrected for many variables: false discovery rate (bh), any false finding (holm), or none",
                             choices=("bh", "holm", "none"))  # fmt: skip
    profile: str = option("max-t", "how levels along a nerve are taken: as one profile, corrected by the largest t; or each for itself",
                          choices=("max-t", "none"))  # fmt: skip
    repeats: int = option(
        10_000, "arrangements drawn where there are more than 200,000; fewer are all tried", low=99, high=10_000_000
    )
    seed: int = option(1427, "seed of those draws", low=0)
    level: float = option(0.95, "level of the intervals", low=0.5, high=0.999)


@dataclass(frozen=True, eq=False)
class Compared:
    """All that was computed: what tables, figures and sentences are made of."""

    setting: Setting
    covariates: Covariates
    options: Options
    comparisons: tuple[Comparison, ...]
    profiles: tuple[Profile, ...]
    omnibus: tuple[tuple[Variable, FTest], ...]

    @property
    def entered(self) -> tuple[str, ...]:
        """People who have a value of anything that was compared."""
        tested = [c.variable for c in self.comparisons] + [v for p in self.profiles for v in p.variables]
        known = np.any([np.isfinite(self.setting.rows.values[v.name]) for v in tested], axis=0)
        return tuple(self.setting.rows.person[known])

    @property
    def family(self) -> int:
        """How many tests the correction counts."""
        return sum(c.tested for c in self.comparisons) + sum(p.tested for p in self.profiles)


def analyse(cohort: Cohort, options: Options = Options()) -> Analysis:
    """Groups compared as the options say. E-UNKNOWN for a name that is not there, E-PEOPLE for a group of one, E-STUDY where groups
    and covariates cannot be told apart."""
    check(options)
    found = compute(cohort, options)
    tables, figures = group_tables.tables(found), group_figures.figures(found)
    cautions = group_cautions.findings(found)
    return Analysis("group", TITLE, group_words.summary(found), tables, figures, group_methods.methods(found), cautions,
                    any(f.code == "W-EXPLORATORY" for f in cautions), entered=found.entered)  # fmt: skip


def compute(cohort: Cohort, options: Options) -> Compared:
    """The numbers alone."""
    variables = chosen(cohort, options.variables)
    setting = Setting.of(cohort, options.reference, options.compared, options.visit)
    covariates = Covariates.of(setting, options.covariates)
    profiled = families(variables) if options.profile == "max-t" else ()
    along = {v.name for family in profiled for v in family}
    plain = [v for v in variables if v.name not in along]
    choice = Choice(options.level, options.repeats, options.seed)
    comparisons = [compare(setting, covariates, v, g, choice) for g in setting.compared for v in plain]
    profiles = [compare_profile(setting, covariates, f, g, choice) for g in setting.compared for f in profiled]
    several = len(setting.compared) > 1
    omnibus = [(v, welch_anova([setting.values(v, g) for g in setting.groups])) for v in plain if several]
    adjusted = adjust(np.array([*(c.p for c in comparisons), *(p.p for p in profiles)]), options.correction)
    split = len(comparisons)
    return Compared(setting, covariates, options,
                    tuple(c.corrected(float(q)) for c, q in zip(comparisons, adjusted[:split], strict=True)),
                    tuple(p.corrected(float(q)) for p, q in zip(profiles, adjusted[split:], strict=True)), tuple(omnibus))  # fmt: skip


def chosen(cohort: Cohort, names: tuple[str, ...]) -> tuple[Variable, ...]:
    """The variables of these names, each once; of no names, all of images (or all, where images gave none)."""
    if names:
        return tuple(cohort.variable(n) for n in dict.fromkeys(names))
    found = tuple(v for v in cohort.variables if v.source == "imaging") or cohort.variables
    if not found:
        raise DataError("E-STUDY", where="the study's tables", needed="at least one variable to compare", found="none",
                        remedy="give a table of measurements, or clinical tables")  # fmt: skip
    return found
