"""The page of a study: its design and people, what each analysis found, how it was done, and everything to take away."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from neuromyo.core import resources
from neuromyo.core.analysis import Along, Analysis, Courses, Dots, Figure, Flow, Scatter, Table
from neuromyo.core.errors import Finding
from neuromyo.report import study_tables
from neuromyo.report.html import relative_link, render
from neuromyo.report.study_axes import NARROW
from neuromyo.report.study_figures import caption, drawing, plot_of, standalone, told
from neuromyo.report.study_methods import gathered, methods, software
from neuromyo.report.study_tables import ShownTable
from neuromyo.study.alike import joined

__all__ = ["StudyView", "drawing", "files", "methods", "page", "standalone"]

#: so many figures of an analysis, sentences of its summary and cautions are shown at once
FIGURES, SENTENCES, FINDINGS = 6, 10, 6
_LEVELS = {"stop": "Stopped", "warn": "Warning", "note": "Note"}
_TYPES = {"tsv": "text/tab-separated-values", "json": "application/json", "svg": "image/svg+xml", "md": "text/markdown"}


@dataclass(frozen=True, eq=False)
class StudyView:
    """What the page is made of.

    design : facts about the study in sentences (who, how many visits, planned or not)
    flow : the flow of people, where it is known ; findings : what concerns the study as a whole
    provenance : what the page rests on, by name (plan, inputs, seed) ; downloads : name -> relative address of files written beside
    """

    title: str
    analyses: tuple[Analysis, ...]
    design: tuple[str, ...] = ()
    flow: Flow | None = None
    findings: tuple[Finding, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    provenance: Mapping[str, str] = field(default_factory=dict)
    downloads: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Link:
    """A file that is in the page itself: its name, its bytes as an address, what it is for those who cannot see where it stands."""

    name: str
    address: str
    kind: str
    about: str


@dataclass(frozen=True, eq=False)
class ShownFigure:
    """Title, drawing, caption, whether it is as wide as the page, the same in words, its file."""

    title: str
    drawing: Markup
    caption: str
    wide: bool
    told: tuple[str, ...]
    link: Link


@dataclass(frozen=True, eq=False)
class TableOnPage:
    """A table with what stands below it, and its files."""

    title: str
    table: ShownTable
    note: str
    missing: bool
    links: tuple[Link, ...]


@dataclass(frozen=True, eq=False)
class Part:
    """One analysis as the template shows it."""

    anchor: str
    analysis: Analysis
    sentences: tuple[str, ...]
    more: tuple[str, ...]
    figures: tuple[ShownFigure, ...]
    folded: tuple[ShownFigure, ...]
    tables: tuple[TableOnPage, ...]
    findings: tuple[Finding, ...]
    more_findings: tuple[Finding, ...]


def page(view: StudyView) -> str:
    """The self-contained page; a pure function of the view: no time, host or path, nothing fetched, nothing run."""
    groups = groups_of(view)
    stems = _stems(view.analyses)
    parts = [_part(one, i, stems[i], groups) for i, one in enumerate(view.analyses)]
    found = gathered(view.analyses)
    return render(
        "study.html.j2",
        title=view.title,
        view=view,
        own_css=Markup(resources.text("report", "templates/study.css")),
        flow=None if view.flow is None else _figure(view.flow, "flow", groups),
        parts=parts,
        findings=merged(view.findings),
        level_names=_LEVELS,
        methods=found,
        methods_link=_link("methods.md", methods(view.analyses, view.versions), "the methods section"),
        software=software(view.versions) if view.versions else "",
        beside=[(name, relative_link(address)) for name, address in view.downloads.items()],
    )


def _part(one: Analysis, i: int, stems: Mapping[str, str], groups: Sequence[str]) -> Part:
    figures = [_figure(f, stems["figure " + f.id], groups) for f in one.figures]
    found = merged(one.findings)
    first = len(figures) if len(figures) <= FIGURES + 1 else FIGURES
    return Part(
        anchor=f"a{i + 1}",
        analysis=one,
        sentences=tuple(map(_unbroken, one.summary[:SENTENCES])),
        more=tuple(map(_unbroken, one.summary[SENTENCES:])),
        figures=tuple(figures[:first]),
        folded=tuple(figures[first:]),
        tables=tuple(_table(t, stems["table " + t.id]) for t in one.tables),
        findings=found[:FINDINGS],
        more_findings=found[FINDINGS:],
    )


def _unbroken(sentence: str) -> str:
    """The same without line breaks within ``p = 0.009`` and ``95 % CI``."""
    return re.sub(r"(?<=[=<>]) (?=\d)|(?<=\d) (?=% )|(?<=%) (?=CI\b)| (?=[=<>] \d)", "\N{NO-BREAK SPACE}", sentence)


def _figure(figure: Figure, stem: str, groups: Sequence[str]) -> ShownFigure:
    link = _link(f"{stem}.svg", standalone(figure, groups), f"figure {figure.title}")
    return ShownFigure(
        figure.title,
        drawing(figure, groups),
        caption(figure),
        plot_of(figure, groups).width > NARROW,
        told(figure),
        link,
    )


def _table(table: Table, stem: str) -> TableOnPage:
    made = study_tables.shown(table)
    missing = any(c.why for row in (*made.rows, *made.folded) for c in row)
    links = (
        _link(f"{stem}.tsv", study_tables.tsv(table), f"table {table.title}"),
        _link(f"{stem}.json", study_tables.as_json(table), f"table {table.title}"),
    )
    return TableOnPage(table.title, made, table.note, missing, links)


def _link(name: str, text: str, about: str) -> Link:
    kind = name.rsplit(".", 1)[1]
    data = base64.b64encode(text.encode("utf-8", "backslashreplace")).decode("ascii")
    return Link(name, f"data:{_TYPES[kind]};charset=utf-8;base64,{data}", kind.upper(), about)


def merged(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Each remark once with all that it is of, the gravest first."""
    order = list(_LEVELS)
    return tuple(sorted(joined(findings), key=lambda f: order.index(f.level) if f.level in order else 9))


def groups_of(view: StudyView) -> tuple[str, ...]:
    """The groups of people: those that others are compared with first, then in the order in which figures name them, so that each
    looks the same everywhere."""
    names: dict[str, None] = dict.fromkeys(one.reference for one in view.analyses if one.reference)
    for figure in (f for one in view.analyses for f in one.figures):
        if isinstance(figure, Dots):
            names.update(dict.fromkeys(figure.groups))
        elif isinstance(figure, Along):
            names.update(dict.fromkeys(figure.means))
        elif isinstance(figure, Scatter | Courses):
            names.update(dict.fromkeys(figure.group))
    return tuple(names)


def files(analyses: Sequence[Analysis]) -> dict[str, str]:
    """Everything to be written beside the page, by relative path: ``tables/*.tsv`` and ``.json``, ``figures/*.svg``, ``methods.md``."""
    groups = groups_of(StudyView("", tuple(analyses)))
    out: dict[str, str] = {}
    for one, stems in zip(analyses, _stems(analyses), strict=True):
        for t in one.tables:
            out[f"tables/{stems['table ' + t.id]}.tsv"] = study_tables.tsv(t)
            out[f"tables/{stems['table ' + t.id]}.json"] = study_tables.dictionary(t)
        for f in one.figures:
            out[f"figures/{stems['figure ' + f.id]}.svg"] = standalone(f, groups)
    out["methods.md"] = methods(analyses)
    return out


def _stems(analyses: Sequence[Analysis]) -> list[dict[str, str]]:
    """For each analysis: ``table ID`` or ``figure ID`` -> a file's name without its ending, unique in the study."""
    taken: set[str] = set()
    out = []
    for one in analyses:
        made = {}
        for what in [*("table " + t.id for t in one.tables), *("figure " + f.id for f in one.figures)]:
            kind, id_ = what.split(" ", 1)
            safe = re.sub(r"[^a-z0-9]+", "-", id_.lower()).strip("-") or kind
            many = [f"{one.kind}-", *(f"{one.kind}-{n}-" for n in range(2, len(analyses) + 2))]
            heads = [re.sub(r"[^a-z0-9]+", "-", h.lower()) for h in (many if len(analyses) > 1 else ["", *many])]
            stem = next(
                (h + safe for h in heads if f"{kind} {h}{safe}" not in taken), f"{heads[-1]}{safe}-{len(taken)}"
            )
            taken.add(f"{kind} {stem}")
            made[what] = stem
        out.append(made)
    return out
