"""What a planned trial is like, and which plans are impossible."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from neuromyo.core.errors import OptionError
from neuromyo.core.options import check, option


@dataclass(frozen=True)
class Options:
    """The trial, and where its numbers come from: a pilot study's two visits, or stated ones (``srm``, or ``mean_change`` and
    ``sd_change``), or both beside each other."""

    variables: tuple[str, ...] = option(
        (), "endpoints to compare; all imaging variables of the pilot where none is named"
    )
    group: str = option(
        "", "group of the pilot that the trial is for; empty: all but the reference group; `all`: everybody"
    )
    reference: str = option("control", "the group of healthy people, left out unless it is asked for")
    first: str = option("", "first visit; the first of the study where not given")
    last: str = option("", "last visit; the last of the study where not given")
    design: str = option(
        "change", "arms compared by change, or by follow-up adjusted for baseline", choices=("change", "ancova")
    )
    effect: float = option(0.5, "share of the mean change that the treatment prevents: 0.5 slows it by half")
    power: float = option(0.8, "probability to find an effect that is there")
    alpha: float = option(0.05, "two-sided level of the test")
    ratio: float = option(1.0, "people treated for each control")
    dropout: float = option(0.0, "share of people who leave before the follow-up")
    endpoints: str = option(
        "each",
        "endpoints on their own, or a trial that wins with any, or only with all",
        choices=("each", "any", "all"),
    )
    correction: str = option("holm", "for any of several endpoints", choices=("bonferroni", "holm"))
    correlation: float | None = option(
        None, "of each two endpoints; that of the pilot's changes where not given", low=-1.0, high=1.0
    )
    enrich: str = option("", "variable at the first visit by which people are chosen (fat fraction)")
    enrich_low: float | None = option(None, "least value of it, in its unit")
    enrich_high: float | None = option(None, "largest value of it, in its unit")
    srm: float | None = option(None, "stated standardised response mean: mean over standard deviation of the change")
    mean_change: float | None = option(None, "stated mean change without treatment")
    sd_change: float | None = option(None, "stated standard deviation of the change")
    change_unit: str = option("", "unit of the stated change")
    rho: float | None = option(None, "stated correlation of baseline and follow-up, which ANCOVA needs")
    pilot_n: int | None = option(None, "people whom the stated numbers come from, which tells how sure they are")
    months: float | None = option(
        None, "duration of the trial, to scale the pilot's change by; not scaled where not given", unit="months"
    )
    pilot_months: float | None = option(None, "duration of the pilot; from its visits where not given", unit="months")
    error_sd: float | None = option(
        None, "error of one reading (wSD, from `agree`), which does not grow with time; scaling needs it"
    )
    confidence: float = option(
        0.8, "of the upper limit of the standard deviation that a cautious plan takes", low=0.5, high=0.99
    )
    repeats: int = option(10_000, "trials simulated", low=200, high=1_000_000)
    seed: int = option(1427, "of the random numbers", low=0)
    level: float = option(0.95, "of the intervals", low=0.5, high=0.999)

    @property
    def stated(self) -> bool:
        """Whether a change was stated."""
        return self.srm is not None or self.mean_change is not None or self.sd_change is not None


def refuse_impossible(options: Options) -> None:
    """E-OPTION for a plan that cannot be."""
    check(options)
    between = (
        (
            "effect",
            options.effect,
            0.0,
            2.0,
            "a share of the change that is prevented, above 0",
            "0.5 for a treatment that halves the change; without an effect no number of people shows one",
        ),
        (
            "power",
            options.power,
            options.alpha,
            1.0,
            f"a probability above alpha ({options.alpha:g}) and below 1",
            "0.8 or 0.9; certainty needs endlessly many people",
        ),
        ("alpha", options.alpha, 0.0, 0.5, "a level above 0 and below 0.5", "0.05 is usual"),
        ("ratio", options.ratio, 0.0, 100.0, "people treated for each control, above 0", "1 for arms of one size"),
        (
            "dropout",
            options.dropout,
            -1e-12,
            1.0,
            "a share from 0 to below 1",
            "0.15 for 15 %; if all leave nothing can be shown",
        ),
    )
    for name, value, low, high, needed, remedy in between:
        if not low < value < high:
            raise OptionError(
                "E-OPTION", where=f"option {name}", needed=needed, found=f"{value:g}", remedy=f"give {remedy}"
            )
    _refuse_stated(options)
    if (options.enrich_low is not None or options.enrich_high is not None) and not options.enrich:
        raise OptionError(
            "E-OPTION",
            where="option enrich",
            needed="the variable that enrich_low and enrich_high are limits of",
            found="none",
            remedy="name it",
        )
    if options.enrich and options.enrich_low is None and options.enrich_high is None:
        raise OptionError(
            "E-OPTION",
            where="option enrich",
            needed="a least or a largest value",
            found="neither",
            remedy="give --enrich-low, --enrich-high or both, in the variable's unit",
        )
    low, high = options.enrich_low, options.enrich_high
    if low is not None and high is not None and not low < high:
        raise OptionError(
            "E-OPTION",
            where="option enrich_low",
            needed=f"a number below enrich_high ({high:g})",
            found=f"{low:g}",
            remedy="exchange them",
        )


def _refuse_stated(options: Options) -> None:
    for name in ("sd_change", "error_sd", "months", "pilot_months"):
        value = getattr(options, name)
        if value is not None and not (value > 0 and isfinite(value)):
            raise OptionError(
                "E-OPTION",
                where=f"option {name}",
                needed="a number above 0",
                found=f"{value:g}",
                remedy="a standard deviation or a duration is neither zero nor negative",
            )
    for name in ("srm", "mean_change"):
        value = getattr(options, name)
        if value is not None and (value == 0 or not isfinite(value)):
            raise OptionError(
                "E-OPTION",
                where=f"option {name}",
                needed="a change other than 0",
                found=f"{value:g}",
                remedy="a change that is not there cannot be slowed: take another endpoint or a longer trial",
            )
    if options.srm is not None and (options.mean_change is not None or options.sd_change is not None):
        raise OptionError(
            "E-OPTION",
            where="option srm",
            needed="either srm, or mean_change and sd_change",
            found="both",
            remedy="leave one out",
        )
    if (options.mean_change is None) != (options.sd_change is None):
        raise OptionError(
            "E-OPTION",
            where="option sd_change",
            needed="mean_change and sd_change together",
            found="one of them",
            remedy="give both",
        )
    if options.rho is not None and not -1 < options.rho < 1:
        raise OptionError(
            "E-OPTION",
            where="option rho",
            needed="a correlation between -1 and 1",
            found=f"{options.rho:g}",
            remedy="give it as in the paper",
        )
    if options.pilot_n is not None and options.pilot_n < 3:
        raise OptionError(
            "E-OPTION",
            where="option pilot_n",
            needed="at least 3 people",
            found=str(options.pilot_n),
            remedy="two people tell nothing about a spread: take a larger study",
        )
    if options.stated and options.design == "ancova" and options.rho is None:
        raise OptionError(
            "E-OPTION",
            where="option rho",
            needed="the correlation of baseline and follow-up, for ANCOVA of stated numbers",
            found="none",
            remedy="state it (--rho), or compare changes (--design change)",
        )
