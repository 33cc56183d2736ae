"""`run --norms`: the rows of a session beside healthy people, as a step of its own, so that another norm repeats only that."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neuromyo.core.errors import Finding, NeuromyoError
from neuromyo.core.measurements import Measurements
from neuromyo.core.norm import Body, Envelope
from neuromyo.core.series import Series
from neuromyo.norms.norm_file import NormFile, Norms
from neuromyo.pipeline import code_version, comparing, ledger, norm_envelopes, norm_held, persons

#: codes that are worth a line on the page and in the record; the rows themselves bear all flags
_TOLD = (
    "W-NOTCOMPARED",
    "W-EXTRAPOLATED",
    "W-NEWSITE",
    "W-CONFLICT",
    "W-COVARIATE",
    "N-LOCALONLY",
    "W-FEW",
    "W-ENVELOPE",
)


class SessionNorms:
    """The norm that a run was given, and the person of one session. ``file`` is None where the run was given none."""

    def __init__(self, path: Path | None, site: str, root: Path, subject: str, series: Sequence[Series]) -> None:
        self.file: NormFile | None = None if path is None else norm_held.read(path)
        self.name = "" if path is None else path.name
        self.fields = sorted({s.acquisition.field_strength for s in series if s.acquisition.field_strength is not None})
        self.roster = persons.Roster() if path is None else persons.of_dataset(root, stated=Body(site=site))
        self._subject = subject

    def key(self, measured: str) -> str:
        """The step's key: the table's, and where there is a norm, all that the comparison rests on."""
        said: dict[str, Any] = {}
        if self.file is not None:
            body = self.roster.body(self._subject)
            said = {
                "norm": self.file.sha256, "person": repr(body), "known": self._subject in self.roster, "fields": self.fields,
                "code": code_version.of_rooms("norms", "stats", "pipeline"), "versions": code_version.versions(),
            }  # fmt: skip
        return ledger.key(step="table", measured=measured, io=code_version.of_rooms("io"), **said)

    def compared(self, table: Measurements) -> tuple[Measurements, tuple[Finding, ...], tuple[str, ...]]:
        """The table with the norm's columns, what is to be said, and what the norms are made from; the table as it is where there is
        no norm, or none that fits."""
        if self.file is None:
            return table, (), ()
        try:
            for field in self.fields:
                norm_held.fits(self.file, field, self.name)
            done = comparing.compare(table, Norms(self.file), self.roster, self.file.label)
        except NeuromyoError as error:  # a norm that does not fit takes nothing from what was measured
            said = Finding.from_error(error)
            return table, (Finding("warn", comparing.NOT, said.where, f"{said.message} [{said.code}]", said.remedy,
                                   "nothing is compared with healthy people"),), ()  # fmt: skip
        profiled = norm_envelopes.compare(done.table, self.file, self.roster)
        told = tuple(f for f in (*done.findings, *profiled.findings) if f.code in _TOLD)
        return profiled.table, told, (self.file.label, *done.sources)

    def envelopes(self, table: Measurements) -> tuple[Envelope, ...]:
        """The profiles of a table that `compared` has filled, on the bands of healthy people; none where nothing fits."""
        if self.file is None or not self.file.profiles:
            return ()
        try:
            for field in self.fields:
                norm_held.fits(self.file, field, self.name)
            return tuple(one.envelope for one in norm_envelopes.compare(table, self.file, self.roster).seen)
        except NeuromyoError:  # told by `compared`
            return ()
