"""``neuromyo study``: statistics on tables of measurements and clinical values. A verb for each analysis that there is."""

from __future__ import annotations

import dataclasses
import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    pass

_HELP = {"help_option_names": ["-h", "--help"]}
#: verbs that are no analysis of one table: name -> (module, what makes it, short help)
_OTHERS = {
    "als-1998": (
        "neuromyo.cli.als_1998",
        "als_1998",
        "The whole analysis of Bryan et al. 1998, on tables or simulated.",
    ),
    "report": ("neuromyo.cli.study_plan", "report", "All analyses of a plan on one page, without a lock."),
    "plan": ("neuromyo.cli.study_plan", "plan", "Lock a plan of analysis before anybody sees results; run it."),
    "blind": ("neuromyo.cli.study_blind", "blind", "Code people, groups and visits of tables; the key goes apart."),
    "unblind": ("neuromyo.cli.study_blind", "unblind", "Undo the coding, once a plan is sealed."),
}


class _Verbs(TyperGroup):
    """Verbs are looked up where they are asked for, so that `neuromyo --help` imports no analysis."""

    def list_commands(self, ctx: Any) -> list[str]:
        from neuromyo.pipeline import studying

        return [*studying.kinds(), *_OTHERS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self.list_commands(ctx):
            return None
        made = typer.Typer(add_completion=False, rich_markup_mode=None, context_settings=_HELP)
        if cmd_name not in _OTHERS:
            made.command(cmd_name, short_help=_title(cmd_name))(_verb(cmd_name))
            return typer.main.get_command(made)
        module, name, short = _OTHERS[cmd_name]
        verb = getattr(importlib.import_module(module), name)
        if isinstance(verb, typer.Typer):
            return typer.main.get_command(verb)
        made.command(cmd_name, short_help=short)(verb)
        return typer.main.get_command(made)


study = typer.Typer(
    cls=_Verbs,
    help="Statistics of a study: groups, change, correlation, agreement, power; and plans that are locked before results are seen.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings=_HELP,
)


@study.callback()
def _study() -> None:
    """Statistics of a study, from tables of measurements and clinical values."""


def _title(kind: str) -> str:
    from neuromyo.pipeline import studying

    return studying.module(kind).TITLE + "."


def _verb(kind: str) -> Any:
    """The function of one analysis, with its flags."""
    from neuromyo.cli import study_flags
    from neuromyo.pipeline import study_names, studying

    module = studying.module(kind)
    own = {f.name for f in dataclasses.fields(module.Options)}

    def analysis(
        tables: Tables = None,
        out: Out = None,
        people: People = None,
        clinical: Clinical = None,
        sides: Sides = "each",
        worse: Worse = None,
        visits: Visits = None,
        between: Between = "session",
        session: SessionFlag = None,
        statistic: Statistic = "mean",
        clinical_unit: Unit = None,
        group_column: GroupColumn = "group",
        keep_doubtful: KeepDoubtful = False,
        dataset: Dataset = None,
        options: dict[str, Any] | None = None,
    ) -> int:
        from neuromyo.io.phenotype import units_of

        months, chosen = _months_and_names(visits)
        own_visits = "visits" in own and bool(chosen)
        request = studying.StudyRequest(
            tuple(tables or ()), people, tuple(clinical or ()), sides, tuple(worse or ()), months, between,
            (*(w for text in session or () for w in study_names.words(text)), *(() if own_visits else chosen)), statistic, group_column,
            keep_doubtful, dataset, kind in studying.WITHOUT_TABLES, units_of(clinical_unit or []),
        )  # fmt: skip
        typed = {
            **(options or {}),
            **({"between": between} if "between" in own else {}),
            **({"visits": list(chosen)} if own_visits else {}),
        }
        _run(kind, request, study_flags.given(module.Options, typed), out)
        return 0

    doc = f"{module.TITLE}.\n\n{_first_paragraph(module.__doc__)}"
    return study_flags.function(analysis, study_flags.parameters(module.Options, taken=_COMMON), doc)


def _months_and_names(visits: list[str] | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """``m0=0,m4=4`` states times, ``m0,m4`` chooses visits."""
    words = [w.strip() for text in visits or () for w in text.split(",") if w.strip()]
    return tuple(w for w in words if "=" in w), tuple(w for w in words if "=" not in w)


def _first_paragraph(doc: str | None) -> str:
    """The first words of a module that say what it does, as one paragraph."""
    return " ".join((doc or "").strip().split("\n\n")[0].split())


def _run(kind: str, request: Any, given: dict[str, Any], out: Path | None) -> None:
    from neuromyo.cli import study_told
    from neuromyo.pipeline import study_run

    done = study_run.run(((kind, given),), request, out)
    study_told.tell(done)


# --- flags that all analyses share ------------------------------------------------------------------------------------

Tables = Annotated[
    list[Path] | None,
    typer.Argument(metavar="TABLES...", help="Tables of measurements, or output folders of run."),
]
Out = Annotated[
    Path | None,
    typer.Option("-o", "--out", metavar="DIR", help="Where page, tables and figures go; nothing is written without."),
]
People = Annotated[
    Path | None,
    typer.Option(
        "--people", metavar="TSV|BIDS", help="participants.tsv, or the dataset: groups, ages, sites, drop-out."
    ),
]
Clinical = Annotated[
    list[Path] | None,
    typer.Option(
        "--clinical", metavar="PATH", help="Clinical tables (cmap.csv), or a folder of them (phenotype/); repeat it."
    ),
]
Sides = Annotated[
    str, typer.Option("--sides", metavar="WORD", help="each, mean (of both), left, right, or worse (see --worse).")
]
Worse = Annotated[
    list[str] | None,
    typer.Option(
        "--worse", metavar="QUANTITY=high|low", help="Which side is the worse one: T2=high,cmap.amplitude=low."
    ),
]
Visits = Annotated[
    list[str] | None,
    typer.Option(
        "--visits",
        metavar="VISIT=MONTHS",
        help="When visits were, where no dates are known: m0=0,m4=4. Or which of them: m0,m4.",
    ),
]
Between = Annotated[
    str,
    typer.Option(
        "--between",
        metavar="WORD",
        help="What tells readings of a person apart: session, reader, region_source, acquisition.",
    ),
]
SessionFlag = Annotated[
    list[str] | None, typer.Option("--session", metavar="LABEL", help="Only these visits, comma-separated.")
]
Statistic = Annotated[
    str, typer.Option("--statistic", metavar="WORD", help="Which summary of the voxels: mean, median, region-fit.")
]
Unit = Annotated[
    list[str] | None,
    typer.Option("--clinical-unit", metavar="COLUMN=UNIT", help="Of a clinical column that does not state it."),
]
GroupColumn = Annotated[
    str, typer.Option("--group-column", metavar="NAME", help="Column of --people that holds the group.")
]
KeepDoubtful = Annotated[
    bool, typer.Option("--keep-doubtful", help="Keep values that are flagged (cut off, swapped, lost nerve).")
]
Dataset = Annotated[
    Path | None, typer.Option("--bids", metavar="BIDS", help="Dataset whose sessions.tsv tells the dates of visits.")
]
_COMMON = (
    "tables",
    "out",
    "people",
    "clinical",
    "sides",
    "worse",
    "visits",
    "between",
    "session",
    "statistic",
    "clinical_unit",
    "group_column",
    "keep_doubtful",
    "dataset",
)
