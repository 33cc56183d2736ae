"""Tables and drawings of a planned trial."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isfinite

import numpy as np

from neuromyo.core.analysis import Cell, Column, Curves, Forest, Mean, Table, columns
from neuromyo.stats.intervals import Interval, t_interval
from neuromyo.stats.responsiveness import response_from
from neuromyo.stats.sample_size import sd_limit
from neuromyo.study.agree_tables import three
from neuromyo.study.cells import cell, with_ends
from neuromyo.study.power_endpoints import EVERYBODY, Endpoint
from neuromyo.study.power_options import Options
from neuromyo.study.power_sizes import Sized, Together, power_of
from neuromyo.study.said import percent

_POINTS = 60
#: lines that a drawing of power holds: those of the endpoints that need the fewest people
_MOST_LINES = 6


def mean_interval(one: Endpoint, level: float) -> Interval:
    """The mean change with its interval, over the trial's duration; without one where the number of people is not known."""
    return t_interval(one.mean, one.mean_se, one.n - 1.0, level) if one.n else Interval(one.mean, np.nan, np.nan, 0.0)


def srm_interval(one: Endpoint, level: float) -> Interval:
    """The SRM with its exact interval."""
    return response_from(one.mean, one.sd_change, one.n, level) if one.n else Interval(one.srm, np.nan, np.nan, 0.0)


def label(one: Endpoint) -> str:
    """An endpoint in words, with whom it is of where people were chosen."""
    return _of_whom(one.words or one.name, one)


def name(one: Endpoint) -> str:
    """The same by the name that a user types."""
    return _of_whom(one.name, one)


def _of_whom(word: str, one: Endpoint) -> str:
    return word if one.who in (EVERYBODY, "stated") else f"{word}, {one.who}"


def sizes_table(found: Sequence[Sized], options: Options) -> Table:
    """A line an endpoint: how many people; what the numbers rest on is in `basis_table`."""
    told = columns(
        ("endpoint", "what the arms would be compared by", "", "text"),
        ("people", "who is enrolled", "", "text"),
        ("n_control", "controls who have to finish, by noncentral t", "", "count"),
        ("n_treated", "treated who have to finish", "", "count"),
        ("power", "power with them, by formula"),
        ("n_control_limit", f"controls if the SD were its upper {percent(options.confidence)} limit", "", "count"),
        ("n_enrolled", f"people to enrol in both arms, {percent(options.dropout)} leaving", "", "count"),
        ("n_screened", "people to screen, where they are chosen", "", "count"),
    )
    rows = []
    for s in found:
        one, enrolled = s.endpoint, s.enrolled(options.dropout)
        rows.append(
            (one.name, one.who, s.n0, s.n1, cell(s.reached), s.n0_limit, enrolled, screened(s, options.dropout))
        )
    note = "Blank: not known, or more than 100,000. The standard deviation is taken to be the same in both arms."
    return Table("sample-size", "People needed", told, tuple(rows), note)


def basis_table(found: Sequence[Sized], options: Options) -> Table:
    """What the sample sizes rest on."""
    compared = "changes" if options.design == "change" else "follow-ups adjusted for baseline"
    told = columns(
        ("endpoint", "what the arms would be compared by", "", "text"),
        ("people", "who is enrolled", "", "text"),
        ("n_pilot", "people whom the numbers come from", "", "count"),
        ("unit", "unit of change and SD", "", "text"),
        *three("change", "mean change without treatment"),
        ("sd_change", "standard deviation of changes"),
        ("sd", f"standard deviation of {compared}"),
        ("sd_limit", f"its upper {percent(options.confidence)} limit"),
        *three("srm", "standardised response mean"),
        ("effect", "difference of the arms in standard deviations"),
        ("n_approximate", "controls by the normal approximation, not rounded"),
        ("power_simulated", "power with the people needed, simulated"),
        ("trials", "trials simulated", "", "count"),
        ("simulation_se", "Monte Carlo standard error of the simulated power"),
        ("assurance", "power to be expected, the pilot being as uncertain as it is"),
        *three("eligible", "share of the pilot's people who could be enrolled"),
    )
    rows = []
    for s in found:
        one, sim = s.endpoint, s.simulated
        mean, srm = mean_interval(one, options.level), srm_interval(one, options.level)
        rows.append(
            (
                one.name,
                one.who,
                one.n or None,
                one.unit,
                *with_ends(mean),
                one.sd_change,
                one.sd,
                cell(s.sd_limit),
                *with_ends(srm),
                s.effect,
                s.approximate,
                *((sim.power, sim.repeats, sim.se) if sim else (None, None, None)),
                cell(s.assurance),
                *with_ends(one.eligible),
            )
        )
    return Table("basis", "What the numbers of people rest on", told, tuple(rows))


def screened(s: Sized, dropout: float) -> int | None:
    """People to screen, to find as many who may be enrolled; None where nobody was chosen, or nobody was eligible."""
    enrolled, share = s.enrolled(dropout), s.endpoint.eligible.value
    return int(np.ceil(enrolled / share - 1e-9)) if enrolled is not None and share > 0 else None


def together_table(both: Together, found: Sequence[Sized], options: Options) -> Table:
    """A trial with several endpoints."""
    rows: list[tuple[Cell, ...]] = [
        ("the trial", both.n0, both.n1, both.joint.power if both.joint else None, both.joint.se if both.joint else None)
    ]
    if both.joint:
        rows += [(s.endpoint.name, both.n0, both.n1, p, None) for s, p in zip(found, both.joint.each, strict=True)]
    told = columns(
        ("endpoint", "what is to be significant", "", "text"),
        ("n_control", "controls", "", "count"),
        ("n_treated", "treated", "", "count"),
        ("power", "power, simulated"),
        ("simulation_se", "Monte Carlo standard error"),
    )
    rule = f"any of the endpoints, {options.correction}" if options.endpoints == "any" else "all of the endpoints"
    return Table("several-endpoints", f"A trial that wins with {rule}", told, tuple(rows))


def pilot_table(found: Sequence[Endpoint]) -> Table:
    """What the pilot measured, person by person."""
    rows = [
        (e.name, p, float(x), float(y), float(y - x))
        for e in found
        for p, x, y in zip(e.people, e.first, e.last, strict=True)
    ]
    told = columns(
        ("endpoint", "what was measured", "", "text"),
        ("person", "person", "", "text"),
        ("first", "first visit"),
        ("last", "last visit"),
        ("change", "change"),
    )
    return Table("pilot", "Changes of the pilot's people", told, tuple(rows))


# --- drawings ---------------------------------------------------------------------------------------------------------


def curves(found: Sequence[Sized], options: Options) -> tuple[Curves, Table]:
    """Power against controls, a line an endpoint with a band for how the standard deviation may be; and the same as a table."""
    found = sorted(found, key=lambda s: s.n0 or inf)[:_MOST_LINES]
    drawn = [s for s in found if s.n0 is not None]
    reach = min(4 * min(s.n0 or 0 for s in drawn), 2 * max(s.n0 or 0 for s in drawn)) if drawn else 100
    n = np.unique(np.rint(np.linspace(_first(options), max(reach, 20), _POINTS)))
    lines = {label(s.endpoint): power_of(options, s.effect, n) for s in found}
    bands = {label(s.endpoint): band for s in found if (band := _band(s, options, n)) is not None}
    best = min((s.n0 for s in drawn if s.n0 is not None), default=None)
    caption = (
        f"Treatment prevents {percent(options.effect)} of the change; two-sided alpha {options.alpha:g}. Bands: the standard deviation "
        f"at its lower and upper {percent(options.confidence)} limit (n of the pilot: {_of_pilot(found)})."
    )
    figure = Curves(
        "power-curves",
        "Power against the number of people",
        n,
        lines,
        "controls who finish",
        "power",
        bands,
        options.power,
        best,
        caption,
    )
    told = columns(
        ("n_control", "controls who finish", "", "count"),
        *(Column(f"power_{i}", f"power: {name}") for i, name in enumerate(lines, 1)),
    )
    rows = tuple((int(k), *(float(line[i]) for line in lines.values())) for i, k in enumerate(n))
    return figure, Table("power-curves", "Power against the number of people", told, rows)


def _first(options: Options) -> int:
    return max(3, int(np.ceil(4 / (1 + options.ratio))))


def _band(s: Sized, options: Options, n: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    one = s.endpoint
    if not isfinite(one.df):
        return None
    ends = [
        power_of(options, one.effect(options.effect, sd_limit(one.sd, one.df, c)), n)
        for c in (options.confidence, 1 - options.confidence)
    ]
    return ends[0], ends[1]


def forest(found: Sequence[Sized], options: Options) -> Forest:
    """The SRM of each endpoint."""
    lines = []
    for s in found:
        one = srm_interval(s.endpoint, options.level)
        lines.append(Mean(one.value, one.low, one.high, label(s.endpoint)))
    return Forest(
        "responsiveness",
        "How much each endpoint changes beside its spread",
        tuple(lines),
        "standardised response mean",
        caption=f"Bars: exact {percent(options.level)} confidence intervals (n of the pilot: {_of_pilot(found)}).",
    )


def _of_pilot(found: Sequence[Sized]) -> str:
    return ", ".join(str(s.endpoint.n or "not stated") for s in found)
