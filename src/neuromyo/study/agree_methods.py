"""What a paper's methods section says about an analysis of agreement."""

from __future__ import annotations

from neuromyo.stats.coverage import coverage
from neuromyo.study.said import counted


def methods(log: bool, pool: bool, readers: int, word: str) -> tuple[str, ...]:
    """Sentences, past tense, for numbers."""
    said = [
        f"Agreement of {counted(readers, word)} was judged on people whom every {word} had read; readings were not averaged and missing "
        "readings were not filled in.",
        "Intraclass correlation coefficients were computed in the six forms of Shrout and Fleiss (1979, doi:10.1037/0033-2909.86.2.420)"
        + (" of logarithms" if log else "")
        + ", with exact F intervals (one-way and consistency) and the interval of McGraw and Wong (1996, doi:10.1037/1082-989X.1.1.30) for "
        "absolute agreement.",
        f"The within-person standard deviation (wSD) was the root of the mean square within people: a {word}'s level counted as error; "
        "the minimal detectable change MDC95, which equals the repeatability coefficient, was 1.96 sqrt(2) wSD, with chi-square intervals "
        "(Bland and Altman 1996, doi:10.1136/bmj.313.7059.744). The within-person coefficient of variation was the root mean square of "
        "people's coefficients.",
        "Limits of agreement were the mean "
        + ("ratio (computed on logarithms)" if log else "difference")
        + " with 1.96 standard deviations on either side (Bland and Altman 1986, doi:10.1016/S0140-6736(86)90837-8), each with its exact "
        "interval by the noncentral t distribution, and exact tolerance limits beside (Carkeet 2015, doi:10.1097/OPX.0000000000000513).",
        "Proportional bias was the slope of differences on means; its test is that of equal spread (Pitman and Morgan 1939), and the ratio "
        "of standard deviations is given with its exact interval.",
    ]
    if pool:
        said.append(
            "Limits of several places of a person took the variance between and within people apart, with MOVER intervals that rest "
            "on people (Zou 2013, doi:10.1177/0962280211402548)."
        )
    return tuple(said)


def grades_methods(weights: str, readers: int, word: str, people: int) -> tuple[str, ...]:
    """The same for grades on a scale; ``people``: the fewest that were graded by all."""
    said = [
        f"Agreement of each two {word}s on grades was Cohen's kappa with {weights} weights (Cohen 1968, doi:10.1037/h0026256), its "
        "interval by the large-sample variance of Fleiss, Cohen and Everitt (1969, doi:10.1037/h0028106) on Fisher's scale; the share of "
        "equal grades has the exact binomial interval of Clopper and Pearson (1934, doi:10.1093/biomet/26.4.404).",
    ]
    if readers > 2:
        said.append(
            f"All {readers} {word}s together: Krippendorff's ordinal alpha with a bootstrap interval over people (Hayes and "
            f"Krippendorff 2007, doi:10.1080/19312450709336664), {coverage('percentile', people, 'alpha')}."
        )
    return tuple(said)


def dice_methods(word: str) -> tuple[str, ...]:
    """The same for Dice coefficients."""
    return (
        f"Dice coefficients were summarised for each {word} by their mean with a t interval, their median and their least value; "
        "a Dice coefficient falls with the size of the region, so regions were not pooled.",
    )
