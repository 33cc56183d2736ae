"""Looking at a dataset without computing anything."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from neuromyo.core.errors import CODES, Finding
from neuromyo.pipeline.options import RunOptions
from neuromyo.pipeline.outcome import as_known
from neuromyo.pipeline.prepare import check, kinds, phased
from neuromyo.pipeline.run import open_dataset

_ORDER = {"stop": 0, "warn": 1, "note": 2}


@dataclass(frozen=True, slots=True)
class Checked:
    """The findings on one session, worst first; `statuses` are the exit statuses that its stops ask for."""

    session: str
    findings: tuple[Finding, ...]

    @property
    def statuses(self) -> list[int]:
        return [CODES[f.code][0] for f in self.findings if f.level == "stop" and f.code in CODES]


def findings(root: Path, options: RunOptions, scratch: Path) -> list[Checked]:
    """The findings on every session asked, those of the dataset as a whole under the name ``dataset``."""
    dataset = open_dataset(root, options)
    found = [Checked("dataset", tuple(dataset.findings))] if dataset.findings else []
    for files in dataset.sessions:
        try:
            said = _of_session(dataset, files, options, scratch)
        except Exception as error:  # the next session is none the worse
            said = [Finding.from_error(as_known(error))]
        said = list(dict.fromkeys(said))
        found.append(Checked(files.label, tuple(sorted(said, key=lambda f: _ORDER.get(f.level, 3)))))
    return found


def _of_session(dataset, files, options: RunOptions, scratch: Path) -> list[Finding]:
    from neuromyo.io import bids

    opened = bids.open_session(
        dataset,
        files,
        scratch=scratch,
        memory_mb=options.mem_mb,
        max_input_gb=options.max_input_gb,
        geometry=options.geometry,  # type: ignore[arg-type]
        kinds=kinds(options),
        phased=phased(options),
    )
    errors = [Finding.from_error(error) for _, error in opened.errors]
    return [*errors, *opened.findings, *check(opened.series, options)[0]]
