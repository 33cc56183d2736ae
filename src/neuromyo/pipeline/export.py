"""Data in other people's layouts. Each form is one function here, by the name that ``--to`` takes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuromyo.core.errors import DataError, Finding, OptionError, worst_exit
from neuromyo.core.series import Series
from neuromyo.io import bids, ormir, sidecar, store
from neuromyo.io.files import printable
from neuromyo.pipeline import lock, outdir
from neuromyo.pipeline.options import RunOptions
from neuromyo.pipeline.outcome import Failure
from neuromyo.pipeline.run import open_dataset


@dataclass(frozen=True)
class Exported:
    """What was written, relative to ``out``, and what was not."""

    out: str
    files: tuple[str, ...]
    findings: tuple[Finding, ...] = ()
    failures: tuple[Failure, ...] = ()

    @property
    def exit_status(self) -> int:
        return worst_exit([f.exit_status for f in self.failures])

    def as_dict(self) -> dict[str, Any]:
        return {"out": self.out, "files": list(self.files), "findings": [f.as_dict() for f in self.findings],
                "failures": [f.as_dict() for f in self.failures], "exit": self.exit_status}  # fmt: skip


def export(root: Path, out: Path, form: str, options: RunOptions | None = None) -> Exported:
    """``root`` in another form, in the folder ``out``; E-UNKNOWN for a form that there is none of."""
    write = FORMS.get(form)
    if write is None:
        raise OptionError("E-UNKNOWN", where="--to", needed=f"one of {', '.join(FORMS)}", found=printable(form),
                          remedy="give one of them")  # fmt: skip
    options = (options or RunOptions()).checked()
    dataset = open_dataset(root, options)
    out = outdir.prepare(out, root)
    with lock.held(out), tempfile.TemporaryDirectory(prefix="neuromyo-") as scratch:
        outdir.mark(out)
        outdir.sweep(out)
        return write(dataset, out, options, Path(scratch))


def _ormir_mids(dataset: Any, out: Path, options: RunOptions, scratch: Path) -> Exported:
    files: dict[str, str] = {}
    findings: list[Finding] = []
    failures = [Failure("dataset", "tables", f.code, str(f)) for f in dataset.findings if f.level == "stop"]
    for session in dataset.sessions:
        try:
            opened = bids.open_session(dataset, session, scratch=scratch / session.label, memory_mb=options.mem_mb,
                                       max_input_gb=options.max_input_gb, geometry=options.geometry)  # type: ignore[arg-type]  # fmt: skip
        except Exception as error:  # the next session is none the worse
            failures.append(Failure.of(session.label, "session", error))
            continue
        findings += opened.findings
        failures += [Failure.of(session.label, name, error) for name, error in opened.errors]
        series = [s for s in opened.series if s.part != "complex"]
        for one in series:
            try:
                files |= _one(dataset, session, one, series, out, scratch)
            except Exception as error:
                failures.append(Failure.of(session.label, one.name, error))
    said = {k: dataset.description[k] for k in ("Name", "License") if k in dataset.description}
    store.write_json(out / "dataset_description.json",
                     {"Name": "series in the layout of ORMIR-MIDS", "BIDSVersion": "1.10.0", **said, "UnitsNote": ormir.NOTE})  # fmt: skip
    return Exported(str(out), ("dataset_description.json", *files), tuple(findings), tuple(failures))


def _one(dataset: Any, session: Any, one: Series, series: list[Series], out: Path, scratch: Path) -> dict[str, str]:
    twins = [s for s in series if s is not one and ormir.stem(s) == ormir.stem(one)]
    name = ormir.stem(one, twins)
    clash = [s for s in twins if ormir.stem(s, [one]) == name]
    if clash:
        raise DataError("E-EXPORT", where=one.name, needed="a name for each series alone", found=f"{name} twice",
                        remedy="tell the series apart by an acq or run label")  # fmt: skip
    return ormir.write(out, one, name, _stated(dataset, session, one), scratch / "voxels")


def _stated(dataset: Any, session: Any, series: Series) -> Mapping[str, Any]:
    """The sidecar of a series' first file, levels above included."""
    image = next(i for g in session.groups for i in g.images if i.relative == series.files[0])
    fitting = [m for m in session.metadata if m.name.ending == ".json" and m.name.fits(image.name)]
    fitting.sort(key=lambda m: (m.relative.count("/"), len(m.name.entities), m.relative))
    return sidecar.inherited(sidecar.read_json(dataset.root / m.relative, printable(m.relative)) for m in fitting)


Form = Callable[[Any, Path, RunOptions, Path], Exported]
FORMS: Mapping[str, Form] = {"ormir-mids": _ormir_mids}
