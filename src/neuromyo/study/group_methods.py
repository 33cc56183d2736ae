"""How groups were compared, in sentences for the methods section of a paper, each test with its source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from neuromyo.study.group_covariates import titled
from neuromyo.study.said import listed

if TYPE_CHECKING:
    from neuromyo.study.group import Compared

_SOURCES = {
    "bh": "for the false discovery rate (Benjamini and Hochberg 1995, doi:10.1111/j.2517-6161.1995.tb02031.x)",
    "holm": "for the chance of any false finding (Holm 1979)",
}


def methods(found: Compared) -> tuple[str, ...]:
    """Only of what was done."""
    made = [c for c in found.comparisons if not c.why]
    said = [*_means(found)] if made else []
    if found.covariates.columns:
        said.append(_covariates(found))
    if any(p.result for p in found.profiles):
        said.append(_profiles(found))
    if len(found.setting.compared) > 1 and made:
        said.append(
            "Whether any of the groups differ was tested by Welch's analysis of variance (Welch 1951, doi:10.1093/biomet/38.3-4.330)."
        )
    return (*said, *_correction(found))


def _means(found: Compared) -> Iterator[str]:
    o = found.options
    yield (
        f"Means of {listed(found.setting.compared)} were compared with {found.setting.reference} by Welch's t test, which lets spreads "
        f"differ; differences have {100 * o.level:g} % confidence intervals (Welch 1947, doi:10.1093/biomet/34.1-2.28)."
    )
    yield (
        "Standardised differences are Hedges g with exact intervals from the noncentral t distribution (Hedges 1981, "
        "doi:10.3102/10769986006002107)."
    )
    tried = {(c.permutation.exact, c.permutation.repeats) for c in found.comparisons if not c.why}
    how = [
        f"all {n:,} arrangements" if exact else f"{n:,} random arrangements (seed {o.seed})"
        for exact, n in sorted(tried, reverse=True)
    ]
    where = " or ".join(how) if len(how) < 4 else _ranged(found)
    sources = "Janssen 1997, doi:10.1016/S0167-7152(97)00043-6" + _never_zero(found)
    yield f"Permutation tests exchanged people between groups in {where}, with Welch's t computed anew in each ({sources})."
    yield (
        "Ranks were compared by the tests of Mann and Whitney (exact up to 100 people, equal values included) and of Brunner and Munzel "
        "(2000), with the Hodges-Lehmann shift and the probability of superiority (Newcombe 2006, doi:10.1002/sim.2324)."
    )


def _ranged(found: Compared) -> str:
    """Where variables differ much in who was measured."""
    drawn = any(not c.permutation.exact for c in found.comparisons if not c.why)
    rest = f", else in {found.options.repeats:,} random ones (seed {found.options.seed})" if drawn else ""
    return f"all arrangements where they were no more than 200,000{rest}"


def _never_zero(found: Compared) -> str:
    drawn = any(not c.permutation.exact for c in found.comparisons if not c.why)
    return "; p of random ones never zero: Phipson and Smyth 2010, doi:10.2202/1544-6115.1585" if drawn else ""


def _covariates(found: Compared) -> str:
    return (
        f"Analysis of covariance held {listed(titled(found.covariates.names))} alike, with slopes taken as the same in both groups; "
        "adjusted means are at the pooled means of the covariates; p by permutation are of "
        f"{found.options.repeats:,} permutations of the residuals of the model without group (Freedman and Lane 1983, "
        "doi:10.1080/07350015.1983.10509354)."
    )


def _profiles(found: Compared) -> str:
    what = "residuals of the model without group were permuted" if found.covariates.columns else "people were exchanged"
    tried = sorted({(p.result.exact, p.result.repeats) for p in found.profiles if p.result}, reverse=True)
    how = " or ".join(f"all {n:,} arrangements" if exact else f"{n:,} random arrangements" for exact, n in tried[:2])
    return (
        f"Levels along a nerve were tested as one profile: {what} as a whole ({how}), and each level was held against the largest t of "
        "all levels, stepping down (max-T; Westfall and Young 1993)."
    )


def _correction(found: Compared) -> Iterator[str]:
    if found.family < 2:
        return
    if found.options.correction == "none":
        yield f"{found.family} tests were made, and p were not corrected for that."
        return
    what = "p of the analysis of covariance" if found.covariates.columns else "p of Welch's t"
    if found.profiles:
        what = (
            f"{what} and each profile's p that it differs anywhere"
            if found.comparisons
            else "p that profiles differ anywhere"
        )
    yield f"The {what} were corrected over {found.family} tests {_SOURCES[found.options.correction]}."
