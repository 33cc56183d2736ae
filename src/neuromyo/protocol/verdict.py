"""What all findings together mean for one biomarker: fine, usable with a caveat, or not to be computed; and why."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from neuromyo.core.errors import Finding
from neuromyo.core.series import Series

#: grades in words for people, best first
WORDS = {"fine": "fine", "caveat": "usable with a caveat", "cannot": "cannot be computed"}

#: codes whose message says by itself what it is about
_TELL_THE_FIELD = ("W-NOMAP", "W-REFUSED", "W-SCALE", "W-PROTOCOL", "E-PROTOCOL")
#: letters of a field's name in a reason
_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Verdict:
    """One biomarker: its grade (of `WORDS`), the series it would be made of, and why it is not simply fine."""

    biomarker: str
    title: str
    grade: str
    series: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {"biomarker": self.biomarker, "title": self.title, "verdict": self.grade, "in_words": WORDS[self.grade],
                "series": list(self.series), "reasons": list(self.reasons)}  # fmt: skip


def possible(
    biomarker: str, title: str, series: Sequence[Series], findings: Sequence[Finding], ids: Collection[str]
) -> Verdict:
    """The verdict on a biomarker whose series are there: a stop on one of them means that it cannot be computed.

    ids : of all biomarkers, so that one named in a finding is known from a word
    """
    touching = [f for f in findings if touches(f, biomarker, series, ids)]
    against = [f for f in touching if f.level == "stop" or f.code == "W-REFUSED"]
    doubts = [f for f in touching if f.level == "warn"]
    grade = "cannot" if against else "caveat" if doubts else "fine"
    reasons = dict.fromkeys(reason(f, biomarker) for f in (against or doubts))
    return Verdict(biomarker, title, grade, tuple(dict.fromkeys(s.name for s in series)), tuple(reasons))


def touches(finding: Finding, biomarker: str, series: Sequence[Series], ids: Collection[str]) -> bool:
    """Whether a finding bears on a biomarker: it is about it, or about one of its series and names it or no biomarker in particular.

    A deviation that no biomarker looks at (its consequence is empty) bears on none.
    """
    about, _, rest = finding.where.partition(": ")
    if about == biomarker:
        return finding.code != "W-REFUSED" or rest in {s.name for s in series}
    if not any(name in finding.where for s in series for name in (*s.files, s.name)):
        return False
    named = _words(finding.consequence) & set(ids)
    if finding.level == "stop":
        return True
    return biomarker in named if named or finding.code == "W-PROTOCOL" else True


def _words(text: str) -> set[str]:
    """The words of a text, ids among them."""
    return set(re.findall(r"[a-z0-9]+(?:-[a-z0-9]+)*", text))


def reason(finding: Finding, biomarker: str) -> str:
    """A finding in a few words, with what it means for the biomarker in numbers where it says so."""
    field = finding.where.rpartition(": ")[2]
    message = re.sub(r"\s*\([^()]*\)", "", finding.message)
    told = finding.code in _TELL_THE_FIELD or field.lower() in message.lower()
    if finding.code == "W-ASSUMED":
        message = f"{field} not stated"
    elif field and not told and len(field) < _LONGEST:
        message = f"{field}: {message}"
    numbers = [_bare(part) for part in finding.consequence.split(";") if _numeric(part, biomarker)]
    return "; ".join([message, *numbers])


def _bare(part: str) -> str:
    """``t2-epg, t2-water: T2 biased by ...`` without the ids in front."""
    return re.sub(r"^\s*[a-z0-9-]+(, [a-z0-9-]+)*: ", "", part).strip()


def _numeric(part: str, biomarker: str) -> bool:
    """Whether a part of a consequence tells a number about that biomarker."""
    return biomarker in _words(part) and bool(re.search(r"biased by|times as|factor of", part))
