"""Declared against acquired.

Every finding names the file and the field, what was expected and what was found, what to do, and what it means for
which biomarker. What the files do not state is said to be not stated; nothing is put in its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from neuromyo.core.biomarker import Biomarker, SeriesNeed
from neuromyo.core.errors import Finding
from neuromyo.core.series import Series
from neuromyo.protocol import opposed
from neuromyo.protocol.compare import Compared, comparisons, echo_times, intended
from neuromyo.protocol.needs import NO_NUMBERS, Numbers, check_needs, consequence, depending, deviation, key
from neuromyo.protocol.pairing import belongs, told_once, whole
from neuromyo.protocol.protocol import Protocol
from neuromyo.protocol.sequence import Sequence as Declared

#: an echo train is even if no spacing differs from the median by more than this share
_EVEN = 0.02
#: ids at the beginning of what is said of them
_IDS = re.compile(r"[a-z0-9-]+(, [a-z0-9-]+)*(?=:? )")


def check(
    series: Sequence[Series],
    protocol: Protocol | None,
    biomarkers: Sequence[Biomarker],
    numbers: Numbers = NO_NUMBERS,
) -> tuple[Finding, ...]:
    """Findings on the series of one session.

    protocol : what was to be acquired; None checks only what the biomarkers need
    biomarkers : those asked for
    numbers : tells what assumptions and deviations do to them

    A number outside its usable interval is a ``stop`` (E-PROTOCOL), one outside its fine interval a ``warn``
    (W-PROTOCOL); a declared sequence that is absent and a need that is not met are warnings, fields not stated are
    warnings where a biomarker looks at them and notes otherwise.
    """
    needs = (*check_needs(series, biomarkers, numbers), *(f for s in series for f in opposed.check(s, biomarkers)))
    if protocol is None:
        return needs
    said = {f.where for f in needs}
    found = tuple(_together(_against(series, protocol, biomarkers, numbers)))
    expected = {f.where: f.message for f in found if f.code == "N-UNSTATED"}
    told = [replace(f, message=expected.get(f.where, f.message)) if f.code == "W-ASSUMED" else f for f in needs]
    return (*told, *(f for f in found if f.where not in said or f.code != "N-UNSTATED"))


def _against(
    series: Sequence[Series], protocol: Protocol, biomarkers: Sequence[Biomarker], numbers: Numbers
) -> Iterator[Finding]:
    for name, declared in protocol.sequences.items():
        matching = [s for s in series if belongs(declared, s)]
        if not matching and not declared.optional:
            yield _absent(name, declared, protocol, series, biomarkers)
        if matching and not whole(declared, matching):
            yield _halved(name, matching, protocol, biomarkers)
        for one in told_once(matching):
            yield from _switched(one, declared, protocol, biomarkers)
            yield from _uneven(one, declared)
            for compared in comparisons(one, declared, protocol):
                yield from _judge(one, compared, protocol, biomarkers, numbers)


def _together(found: Iterable[Finding]) -> Iterator[Finding]:
    """Findings that differ in what they mean alone, as those of an image and of the complex one it is part of, told once."""
    meant: dict[Finding, dict[str, None]] = {}
    for one in found:
        meant.setdefault(replace(one, consequence=""), {})[one.consequence] = None
    for one, consequences in meant.items():
        yield replace(one, consequence=_joined(c for text in consequences for c in text.split("; ") if c))


def _joined(said: Iterable[str]) -> str:
    """What is said of biomarkers (``a, b cannot be computed``), with those of which the same is said named together."""
    together: dict[str, dict[str, None]] = {}
    for text in said:
        ids = _IDS.match(text)
        named = ids[0].rstrip(": ") if ids else ""
        together.setdefault(text[len(named) :], {}).update(dict.fromkeys(named.split(", ")))
    return "; ".join(", ".join(filter(None, ids)) + rest for rest, ids in together.items())


def _serving(declared: Declared, need: SeriesNeed) -> bool:
    """Whether what was declared, had it been acquired, would serve a need."""
    entities = all(declared.entities.get(k, v) == v for k, v in (*need.entities, *need.entities_if_any))
    return declared.kind in need.kinds and entities


def _halved(name: str, matching: Sequence[Series], protocol: Protocol, biomarkers: Sequence[Biomarker]) -> Finding:
    there = ", ".join(dict.fromkeys(s.part for s in matching))
    touched = [
        b.id
        for b in biomarkers
        if any(
            b.series_need(r).part == "complex" and matching[0].kind in b.series_need(r).kinds for r in b.series_roles
        )
    ]
    return Finding(
        "warn", "W-MISSING", f"{protocol.name}: {name}", f"expected magnitude and phase, found {there}",
        "export the phase images too", f"{', '.join(touched)} cannot be computed from it" if touched else "",
    )  # fmt: skip


def _switched(
    series: Series, declared: Declared, protocol: Protocol, biomarkers: Sequence[Biomarker]
) -> Iterator[Finding]:
    """The MT pulse on where it should be off, or off where it should be on."""
    found, words = series.acquisition.mt_on, {True: "on", False: "off"}
    if declared.mt_on is None or (found is not None and set(found) == {declared.mt_on}):
        return
    where = f"{series.name}: {key('mt_on')}"
    expected = f"MT pulse: expected {words[declared.mt_on]}"
    if found is None:
        yield Finding("note", "N-UNSTATED", where, f"{expected} ({protocol.name}), not stated",
                      "state MTState in the sidecar if it is known",
                      consequence(series, "mt_on", biomarkers))  # fmt: skip
        return
    yield Finding(
        "stop", "E-PROTOCOL", where, f"{expected} ({protocol.name}), found {words[not declared.mt_on]}",
        "check which of the series had the pulse, and correct name and sidecar",
        depending(series, biomarkers, "cannot be computed from it"),
    )  # fmt: skip


def _absent(
    name: str, declared: Declared, protocol: Protocol, series: Sequence[Series], biomarkers: Sequence[Biomarker]
) -> Finding:
    there = ", ".join(dict.fromkeys(s.kind for s in series)) or "no series"
    touched = [b.id for b in biomarkers if any(_serving(declared, b.series_need(r)) for r in b.series_roles)]
    wanted = declared.kind + "".join(f", {k}-{v}" for k, v in declared.entities.items())
    return Finding(
        "warn", "W-MISSING", f"{protocol.name}: {name}", f"expected a series of kind {wanted}, found {there}",
        "acquire it, or name the protocol that was followed",
        f"nothing to compute {', '.join(touched)} from" if touched else "",
    )  # fmt: skip


def _uneven(series: Series, declared: Declared) -> Iterator[Finding]:
    times = echo_times(series)
    if declared.echoes is None or len(times) < 3:
        return
    spacing = np.diff(times)
    middle = float(np.median(spacing))
    worst = float(np.abs(spacing - middle).max())
    if worst > _EVEN * abs(middle):
        yield Finding(
            "warn", "W-PROTOCOL", f"{series.name}: EchoTime",
            f"expected an even echo train, found spacings of {1e3 * spacing.min():.4g} to {1e3 * spacing.max():.4g} ms",
            "check EchoTime of every echo",
        )  # fmt: skip


def _judge(
    series: Series, compared: Compared, protocol: Protocol, biomarkers: Sequence[Biomarker], numbers: Numbers
) -> Iterator[Finding]:
    figure = compared.figure
    where = f"{series.name}: {key(compared.field) if compared.field else compared.title}"
    expected = f"{compared.title}: expected {compared.show(figure.target)}"
    if compared.found is None:
        yield Finding(
            "note", "N-UNSTATED", where, f"{expected} ({protocol.name}), not stated",
            f"state {key(compared.field)} in the sidecar if it is known",
            consequence(series, compared.field, biomarkers),
        )  # fmt: skip
        return
    level = figure.level(compared.found)
    if level == "fine":
        return
    meant = consequence(series, compared.field, biomarkers) if compared.field else depending(series, biomarkers)
    if level == "unusable":
        meant = depending(series, biomarkers, "cannot be computed from it")
    meant = "; ".join([*filter(None, [meant]), *deviation(series, biomarkers, intended(series, compared), numbers)])
    yield Finding(
        "warn" if level == "usable" else "stop",
        "W-PROTOCOL" if level == "usable" else "E-PROTOCOL",
        where,
        f"{expected} ({compared.tolerances}; {protocol.name}), found {compared.show(compared.found)}, which is "
        f"{_word(level)}",
        "set it so at the scanner, correct the sidecar if that is wrong, or name the protocol that was followed",
        meant,
    )


def _word(level: str) -> str:
    return "usable but not as intended" if level == "usable" else "unusable"
