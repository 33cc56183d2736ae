"""What can be chosen about an analysis of change."""

from __future__ import annotations

from dataclasses import dataclass

from neuromyo.core.cohort import MONTH_DAYS, YEAR_DAYS
from neuromyo.core.options import option


@dataclass(frozen=True)
class Options:
    """Change of the same people from visit to visit."""

    variables: tuple[str, ...] = option((), "variables by name; all that come from images where none is given")
    groups: tuple[str, ...] = option((), "groups of people; all where none is given")
    reference: str = option("control", "the group that the others are compared with")
    baseline: str = option("", "the visit that change is counted from; the first where not given")
    visits: tuple[str, ...] = option(
        (), "follow-up visits in order of time; all after the baseline where none is given"
    )
    unit_of_time: str = option("years", "what rates of change are given per", choices=("months", "years"))
    covariates: tuple[str, ...] = option(
        (), "covariates of people (age, sex, site ...) that differences are adjusted for"
    )
    spread: str = option("common", "whether groups share one covariance between visits", choices=("common", "by-group"))
    correction: str = option("bh", "correction of p for the number of variables", choices=("bh", "holm", "none"))
    retest_wsd: tuple[str, ...] = option(
        (),
        "within-subject standard deviation from a study of repeats, in its unit: NAME=NUMBER each, or one number for one variable",
    )
    delta: float | None = option(
        None,
        "how far missing people of the group compared are taken to lie above what the model expects, in the variable's unit",
    )
    with_variables: tuple[str, ...] = option(
        (), "variables whose change is correlated with the change of each of the others"
    )
    level: float = option(0.95, "level of intervals", low=0.5, high=0.999)
    repeats: int = option(10_000, "arrangements drawn where not all can be tried", low=200, high=1_000_000)
    seed: int = option(1427, "seed of what is drawn", low=0)

    @property
    def period(self) -> str:
        """What rates are given per: ``year``."""
        return self.unit_of_time.rstrip("s")

    @property
    def period_days(self) -> float:
        """Its days."""
        return YEAR_DAYS if self.unit_of_time == "years" else MONTH_DAYS
