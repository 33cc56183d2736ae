"""How a norm is made: what is fixed beforehand, each with its reason, and the grids of what is integrated over."""

from __future__ import annotations

from dataclasses import dataclass, field

from neuromyo.core.errors import OptionError
from neuromyo.norms.covariates import Covariates

#: slope of log SD over one SD of age, SD between sites over SD between people, correlation of one person's rows
LOG_SD_SLOPES = (-0.4, -0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3, 0.4)
SITE_SDS = (0.05, 0.15, 0.3, 0.5, 0.8, 1.2)
#: how many times wider the slopes of a quantity are that hangs on its covariates
STEEP = 3.0
CORRELATIONS = (0.0, 0.4, 0.7, 0.9, 0.97)


@dataclass(frozen=True)
class Options:
    """How a norm is made.

    covariates : what of a person is taken into account
    slope_sd : prior SD of a slope, in SDs between people over one SD of adults; infinite is ordinary least squares.
        0.3: four covariates then explain a quarter of the variance, as in the large nerve and muscle cohorts
    steep_weight : prior weight of slopes three times as wide: some quantities hang on age (FA of nerves, r = -0.8)
    slope_between_sd : SD between studies of a slope, beside the standard error of each. 0.1, a third of
        a usual slope: people are recruited otherwise elsewhere
    literature_weight : prior weight of "the published values are about people like ours"
    heteroscedastic : whether the SD may change with age
    log_sd_slope_sd : prior SD of that change (of log SD over one SD of age); 0.25: from 20 to 80 years the SD changes
        by less than a factor of 2.4 in two quantities of three
    site_sd : scale of the SD between sites, in SDs between people. 0.5: pairs of papers on one nerve and one method differ
        by 0 to 0.5 SD (sciatic MTR 37.2 and 37.6, 26.9 and 26.8 %; multi-echo T2 64.5 and 70 ms)
    study_log_sd : SD between studies of log SD. 0.2: the SDs of those pairs differ by a factor of 1.4 to 1.7; without what
        sampling does to them, their log SDs spread by 0.18 (sciatic MTR 5.0 and 3.5 %) and 0.27 (2.3 and 3.8 %)
    vague_sd : SD of the vague component's mean about the published one, in SDs between people. 3: as far as another
        protocol shifts a number (sciatic MTR 26.8 against 37.2 %)
    least_effective : fewer people than this make no norm
    """

    covariates: Covariates = field(default_factory=Covariates)
    slope_sd: float = 0.3
    steep_weight: float = 0.2
    slope_between_sd: float = 0.1
    literature_weight: float = 0.8
    heteroscedastic: bool = True
    log_sd_slope_sd: float = 0.25
    site_sd: float = 0.5
    study_log_sd: float = 0.2
    vague_sd: float = 3.0
    least_effective: float = 5.0

    def __post_init__(self) -> None:
        for name in (
            "slope_sd",
            "slope_between_sd",
            "log_sd_slope_sd",
            "site_sd",
            "study_log_sd",
            "vague_sd",
            "least_effective",
        ):
            if not getattr(self, name) > 0:
                raise OptionError("E-OPTION", where=f"norms, option {name}", needed="a number above 0",
                                  found=repr(getattr(self, name)))  # fmt: skip
        for name in ("literature_weight", "steep_weight"):
            if not 0 < getattr(self, name) < 1:
                raise OptionError("E-OPTION", where=f"norms, option {name}", needed="a number between 0 and 1",
                                  found=repr(getattr(self, name)))  # fmt: skip

    @property
    def widths(self) -> tuple[tuple[float, float], ...]:
        """(prior SD of a slope, its weight), usual and steep."""
        if not self.covariates.names or self.slope_sd == float("inf"):
            return ((self.slope_sd, 1.0),)
        return ((self.slope_sd, 1 - self.steep_weight), (STEEP * self.slope_sd, self.steep_weight))

    @property
    def slopes(self) -> tuple[float, ...]:
        """The grid of slopes of log SD over age."""
        return LOG_SD_SLOPES if self.heteroscedastic and "age" in self.covariates.names else (0.0,)
