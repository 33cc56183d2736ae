"""Published values for one norm: only where method, field, level and people are the same; else why not."""

from __future__ import annotations

from dataclasses import dataclass

from neuromyo.core.errors import Finding
from neuromyo.core.norm import NormKey
from neuromyo.norms import match, transforms
from neuromyo.norms.studies import Published, why_off_scale

#: statistics of a region that papers mean by its value
_AS_PRINTED = ("mean", "region-fit", "volume")


@dataclass(frozen=True)
class Sought:
    """What is stated of how the controls were scanned; what is not stated does not compare.

    field_t : tesla; study : whose protocol was run to the letter, as the literature calls it; directions : of diffusion;
    echoes : gradient echoes of a water-fat separation
    """

    field_t: float | None = None
    study: str = ""
    directions: int | None = None
    echoes: int | None = None


def of(key: NormKey, sought: Sought) -> tuple[tuple[Published, ...], tuple[Finding, ...]]:
    """The published values that may stand beside the controls, and what is to be said: which were not used, and why."""
    if key.statistic not in _AS_PRINTED:
        return (), ()
    facts = match.Facts(study=sought.study, n_directions=sought.directions, n_echoes=sought.echoes)
    found = match.find(match.Wanted.of(key, field_T=sought.field_t, facts=facts))
    findings = [
        Finding(
            "note",
            "N-CONTROL",
            str(key),
            f"the published {e.value_text} ({e.study}) is not used: {match.why_no_prior(e)}",
        )
        for e in found.comparable
        if not match.usable_as_prior(e)
    ]
    if not found.comparable:
        refused = match.refuse(found)
        findings.append(
            Finding("note", "N-LOCALONLY", str(key), f"no published value is used: {refused.found}", refused.remedy)
        )
    transform, usable = transforms.of(key.quantity, key.unit), []
    for study in match.published(found.comparable):
        why = why_off_scale(study, transform, key.unit)
        if why:
            findings.append(
                Finding("note", "N-CONTROL", str(key), why, "look it up: is its ± an SD, and of this unit?")
            )
        else:
            usable.append(study)
    return tuple(usable), tuple(findings)
