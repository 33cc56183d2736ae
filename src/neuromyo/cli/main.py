"""The program ``neuromyo``: verbs are registered here, errors end here as one sentence and an exit status."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer

from neuromyo.cli import (
    check,
    compare,
    demo,
    doctor,
    export,
    fit,
    import_,
    measure,
    norms,
    phantom,
    phenotype,
    plan,
    qa,
    read,
    run,
    segment,
    show,
    study,
    trace,
    tract,
)
from neuromyo.cli import list as list_verb
from neuromyo.cli.interrupt import Interrupted, guarded
from neuromyo.cli.speak import speaker

app = typer.Typer(
    name="neuromyo",
    help="Quantitative MRI of nerve and muscle: from scanner files to numbers that can be trusted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for name, verb, short in (
    ("demo", demo.demo, "Measure a small phantom study, and say which page to open."),
    ("import", import_.import_, "Turn scanner files (DICOM) into BIDS, without patient data."),
    ("phenotype", phenotype.phenotype, "Take clinical tables (CMAP, strength, scores) into a dataset."),
    ("check", check.check, "Say what each biomarker can expect of a dataset, and why."),
    ("plan", plan.plan, "Print what a run would do, on which series, and why."),
    ("run", run.run, "Measure a BIDS dataset: maps, tables and report pages."),
    ("fit", fit.fit, "Fit one biomarker to NIfTI files."),
    ("segment", segment.segment, "Draw regions on images, or carry them over."),
    ("trace", trace.trace, "Follow a nerve through a stack of slices, and measure it."),
    ("measure", measure.measure, "A table from regions and maps."),
    ("compare", compare.compare, "Compare a table of measurements with healthy people."),
    ("tract", tract.tract, "Follow a nerve by diffusion: lines, and FA along them."),
    ("qa", qa.qa, "Qualify a site by phantoms of vials or repeat scans."),
    ("export", export.export, "Write a dataset in another layout (ORMIR-MIDS)."),
    ("phantom", phantom.phantom, "Make a phantom study as BIDS, with its truth."),
    ("list", list_verb.list_, "List biomarkers, segmenters and protocols."),
    ("show", show.show, "Show one biomarker or segmenter: equation, needs, options."),
    ("doctor", doctor.doctor, "Look at this machine: versions, memory, optional parts."),
):
    app.command(
        name,
        short_help=short,
        epilog="Every verb takes --json (one object on stdout, all else on stderr) and --debug (tracebacks).",
    )(verb)

app.add_typer(read.read, name="read", short_help="Have images graded by people, blinded.")
app.add_typer(study.study, name="study", short_help="Statistics of a study; plans that are locked first.")
app.add_typer(norms.norms, name="norms", short_help="Published values, and norms from your own controls.")

_BLAS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS")


def _version(asked: bool) -> None:
    if asked:
        from neuromyo import __version__

        speaker.answer({"neuromyo": __version__})
        speaker.out(f"neuromyo {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object on stdout, all else on stderr; for every verb.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks; for every verb.")] = False,
) -> None:
    """Quantitative MRI of nerve and muscle: from scanner files to numbers that can be trusted."""


def main(arguments: list[str] | None = None) -> None:
    """Runs the program and ends the process with its exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    given = _hear(given)
    for variable in _BLAS:  # our threads are over voxels; the bits of a matrix product must not depend on the machine
        os.environ[variable] = "1"
    sys.exit(_guarded(given))


def _hear(given: list[str]) -> list[str]:
    """``--json`` and ``--debug`` hold for every verb, wherever they stand before a ``--``."""
    end = given.index("--") if "--" in given else len(given)
    head = given[:end]
    speaker.json, speaker.debug, speaker._answered = "--json" in head, "--debug" in head, False
    return [a for a in head if a not in ("--json", "--debug")] + given[end:]


def _guarded(given: list[str]) -> int:
    from neuromyo.core.errors import EXIT_OURS, NeuromyoError

    try:
        with guarded():
            return int(app(args=given, standalone_mode=False, prog_name="neuromyo") or 0)
    except Interrupted as stop:
        return _end(
            stop.status,
            "E-INTERRUPTED",
            "interrupted; nothing is half-written, and the same command can be given again",
            stop,
        )
    except NeuromyoError as error:
        return _end(error.exit_status, error.code, str(error), error, error.as_dict())
    except Exception as error:  # the last door: nobody sees a traceback unasked
        if hasattr(error, "format_message"):  # typer's own complaints about how it was called
            return _misused(error)
        if isinstance(error, (OSError, MemoryError)):
            from neuromyo.pipeline.outcome import as_known

            known = as_known(error)
            return _end(known.exit_status, known.code, str(known), error)
        said = f"{type(error).__name__}: {error}; run again with --debug and send us what it says [E-INTERNAL]"
        return _end(EXIT_OURS, "E-INTERNAL", said, error)


def _misused(error: Any) -> int:
    from neuromyo.core.errors import EXIT_INPUT

    context = getattr(error, "ctx", None)
    usage = context.get_usage() if context is not None else ""
    message = error.format_message()
    if message.startswith(usage) and usage:  # help instead of an error
        speaker.note(message)
    else:
        speaker.note(*([usage] if usage else []), f"{message} [E-OPTION]")
    speaker.answer({"error": {"code": "E-OPTION", "message": message}, "exit": EXIT_INPUT})
    return EXIT_INPUT


def _end(status: int, code: str, message: str, error: BaseException, more: dict[str, Any] | None = None) -> int:
    if speaker.debug:
        import traceback

        traceback.print_exception(error)
    speaker.note(f"neuromyo: {message}")
    speaker.answer({"error": more or {"code": code, "message": message}, "exit": status})
    return status
