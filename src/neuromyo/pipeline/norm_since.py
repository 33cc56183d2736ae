"""`compare --baseline`: two visits read, compared, and written as a table of changes beside the table of places."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from neuromyo.core.errors import Finding, OptionError
from neuromyo.core.measurements import Measurements
from neuromyo.core.norm import NormKey
from neuromyo.norms.placing import Norm
from neuromyo.pipeline import controls, norm_change
from neuromyo.pipeline.norm_change import Changed, Repeatability
from neuromyo.pipeline.persons import Roster


@dataclass(frozen=True)
class Since:
    """What was asked about change. ``baseline``: None for a table that holds both visits, told apart by their sessions.

    retest : repeat scans; or retest_cv, percent (``2.1`` or ``T2=2.1,CSA=6.4``), of retest_n people scanned twice
    retest_days : between the repeats; years : between the visits
    """

    baseline: Path | None = None
    retest: Path | None = None
    retest_cv: str = ""
    retest_n: int = 0
    baseline_session: str = ""
    followup_session: str = ""
    retest_days: float = math.nan
    years: float = math.nan

    @property
    def asked(self) -> bool:
        """Whether anything of it was given."""
        return self != Since()

    def repeatability(self) -> Repeatability:
        """E-OPTION where it is not known how far apart two scans of an unchanged person lie."""
        if (self.retest is None) == (not self.retest_cv):
            raise OptionError("E-OPTION", where="--retest", needed="either a table of repeat scans, or --retest-cv with --retest-n",
                              found="neither" if self.retest is None else "both",
                              remedy="without repeat scans nobody can tell a change from an error of measurement")  # fmt: skip
        if self.retest is not None:
            return Repeatability(controls.read([self.retest]), days=self.retest_days, name=self.retest.name)
        if self.retest_n < 1:
            raise OptionError("E-OPTION", where="--retest-n", needed="how many people the coefficient is from", found=str(self.retest_n),
                              remedy="a coefficient of ten people asks for larger changes than one of a hundred")  # fmt: skip
        published = norm_change.published_of(self.retest_cv)
        return Repeatability(None, published, self.retest_n, self.retest_days, f"repeat scans (n = {self.retest_n})")


def compare(
    since: Since, follow: Measurements, source: Path, roster: Roster, norms: Mapping[NormKey, Norm]
) -> tuple[tuple[Changed, ...], tuple[Finding, ...]]:
    """The changes of every number of both visits; ``follow``: what `source` holds, of the later visit or of both."""
    if since.baseline is None and not (since.baseline_session and since.followup_session):
        raise OptionError("E-OPTION", where="--baseline", needed="a table, or --baseline-session and --followup-session of one table",
                          found="neither", remedy="say what the follow-up is compared with")  # fmt: skip
    same = since.baseline is not None and since.baseline.resolve() == source.resolve()
    if same and since.baseline_session == since.followup_session:
        raise OptionError("E-OPTION", where="--baseline", needed="an earlier table", found="the follow-up itself",
                          remedy="name the other table, or tell visits apart by --baseline-session and --followup-session")  # fmt: skip
    repeats = since.repeatability()
    earlier, called = (
        (follow, source.name) if since.baseline is None else (controls.read([since.baseline]), since.baseline.name)
    )
    first = norm_change.visit(earlier, since.baseline_session, "--baseline-session", called)
    second = norm_change.visit(follow, since.followup_session, "--followup-session", source.name)
    return norm_change.compare(first, second, repeats, roster, norms, since.years)


def beside(out: Path) -> Path:
    """The table of changes, beside the one that is written."""
    return out.with_name(f"{out.name.removesuffix('.tsv')}_change.tsv")


def write(out: Path, changes: Sequence[Changed]) -> list[Path]:
    """``OUT_change.tsv`` beside OUT.tsv, and what its columns mean."""
    from neuromyo.io import store, table

    path = beside(out)
    table.write_tsv(path, list(norm_change.COLUMNS), [one.cells() for one in changes])
    store.write_json(path.with_suffix(".json"), {k: {"Description": v} for k, v in norm_change.COLUMNS.items()})
    return [path, path.with_suffix(".json")]


def by_visit(changes: Sequence[Changed]) -> dict[tuple[str, str], list[Changed]]:
    """Changes of each visit, as the page shows them."""
    found: dict[tuple[str, str], list[Changed]] = {}
    for one in changes:
        found.setdefault((one.row["subject"], one.row["session"]), []).append(one)
    return found
