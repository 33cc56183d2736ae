"""The page of `neuromyo check`: what the scans of a dataset are good for, before anything is computed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from neuromyo.core.errors import Finding
from neuromyo.protocol import sheet, verdict
from neuromyo.report import wording
from neuromyo.report.html import render
from neuromyo.report.session import LEVELS
from neuromyo.report.view import SeriesLine

#: signs that stand beside the words of a grade, for readers who see no colour
SIGNS = {"fine": "✓", "caveat": "!", "cannot": "✕", "usable": "!", "unusable": "✕", "unstated": "?"}


@dataclass(frozen=True, slots=True)
class CheckedView:
    """What was found on one session (or on the dataset as a whole: then there are findings alone). ``files`` are those of each
    of the ``series``."""

    label: str
    findings: tuple[Finding, ...] = ()
    verdicts: tuple[verdict.Verdict, ...] = ()
    others: tuple[str, ...] = ()
    sheets: tuple[sheet.Sheet, ...] = ()
    series: tuple[SeriesLine, ...] = ()
    files: tuple[tuple[str, ...], ...] = ()

    @property
    def summary(self) -> str:
        """``3 biomarkers fine, 2 usable with a caveat, 1 cannot be computed``."""
        return summary(self.verdicts)

    @property
    def groups(self) -> list[tuple[str, list[Finding]]]:
        return by_series(self.findings, self.files)

    @property
    def stopped(self) -> bool:
        return any(f.level == "stop" for f in self.findings)


def summary(verdicts: Sequence[verdict.Verdict]) -> str:
    """How many biomarkers are of each grade, in words; empty where there are none."""
    counts = Counter(v.grade for v in verdicts)
    said = [f"{counts[grade]} {words}" for grade, words in verdict.WORDS.items() if counts[grade]]
    return wording.plural(len(verdicts), "biomarker") + ": " + ", ".join(said) if said else ""


def by_series(findings: Sequence[Finding], series: Sequence[tuple[str, ...]]) -> list[tuple[str, list[Finding]]]:
    """Findings under the series or thing they are about, in the order in which they come; those of series first.

    series : the files of each; the first one names it
    """
    groups: dict[str, list[Finding]] = {files[0]: [] for files in series}
    for finding in findings:
        about = finding.where.partition(": ")[0]
        name = next((files[0] for files in series if any(about.startswith(f) for f in files)), about)
        groups.setdefault(name, []).append(finding)
    return [(name, _folded(found)) for name, found in groups.items() if found]


def _folded(found: Sequence[Finding]) -> list[Finding]:
    """Findings that say the same of several files told once, with how many more files there are."""
    alike: dict[tuple, list[Finding]] = {}
    for one in found:
        field = one.where.partition(": ")[2]
        alike.setdefault((one.level, one.code, field, one.message, one.remedy, one.consequence), []).append(one)
    told = []
    for first, *more in alike.values():
        field = first.where.partition(": ")[2]
        where = f"{first.where} (and in {wording.plural(len(more), 'more file')})" if more and field else first.where
        told.append(replace(first, where=where))
    return told


def field_of(finding: Finding, group: str) -> str:
    """What a finding is about within its group; nothing where its message begins with that."""
    field = finding.where.removeprefix(group).removeprefix(": ")
    return "" if finding.message.startswith(f"{field}: ") else field


def page(sessions: Sequence[CheckedView], *, protocol: str = "") -> str:
    """The self-contained HTML page. A pure function of what was found: no time, host, path or duration.

    protocol : title of what was to be acquired; empty where no protocol was named
    """
    order = {level: i for i, (level, _) in enumerate(LEVELS)}
    return render(
        "check.html.j2",
        title="check",
        sessions=sessions,
        protocol=protocol,
        words=verdict.WORDS,
        grades=sheet.GRADES,
        states=sheet.STATES,
        signs=SIGNS,
        field_of=field_of,
        level_names=dict(LEVELS),
        level_order=order,
    )
