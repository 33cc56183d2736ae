"""Published values for one norm: only where method, field, level and people are the same; else why not."""

from __future__ import annotations

from neuromyo.core.errors import Finding
from neuromyo.core.norm import NormKey
from neuromyo.norms import match
from neuromyo.norms.prior import Published

#: statistics of a region that papers mean by its value
_AS_PRINTED = ("mean", "region-fit", "volume")


def of(key: NormKey, field_t: float | None) -> tuple[tuple[Published, ...], tuple[Finding, ...]]:
    """The published values that may stand beside the controls, and what is to be said: which were used, or why none was.

    field_t : field strength of the controls' scans, tesla; without it nothing compares
    """
    if key.statistic not in _AS_PRINTED:
        return (), ()
    found = match.find(match.Wanted.of(key, field_T=field_t))
    usable = tuple(e for e in found.comparable if match.usable_as_prior(e))
    findings = [
        Finding(
            "note",
            "N-CONTROL",
            str(key),
            f"the published {e.value_text} ({e.study}) is not used: {match.why_no_prior(e)}",
        )
        for e in found.comparable
        if e not in usable
    ]
    if not found.comparable:
        refused = match.refuse(found)
        findings.append(
            Finding("note", "N-LOCALONLY", str(key), f"no published value is used: {refused.found}", refused.remedy)
        )
    return tuple(match.published(usable)), tuple(findings)
