"""Published values of one quantity as a page: the forest plot, and every number with its source."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

from neuromyo.core.errors import OptionError
from neuromyo.norms.literature import CovariateEffect, Entry
from neuromyo.report import literature_plot
from neuromyo.report.html import doi_link, render

SUFFIXES = (".svg", ".png", ".html")
COLUMNS = ("where", "people", "method", "value", "n", "field", "reliability", "source", "known how")


def drawing(entries: Sequence[Entry], quantity: str, effects: Sequence[CovariateEffect], name: str) -> bytes:
    """The bytes of a file called ``name``, by its ending SVG, PNG or a page; E-OPTION for another ending."""
    suffix = Path(name).suffix.lower()
    if suffix not in SUFFIXES:
        raise OptionError("E-OPTION", where=f"-o {name}", needed=f"a name that ends in {', '.join(SUFFIXES)}",
                          found=suffix or "no ending")  # fmt: skip
    found = literature_plot.shown(entries, quantity)
    if suffix == ".png":
        return literature_plot.png(found, quantity)
    drawn = literature_plot.svg(found, quantity)
    return (drawn if suffix == ".svg" else page(entries, quantity, effects, drawn)).encode("utf-8")


def page(entries: Sequence[Entry], quantity: str, effects: Sequence[CovariateEffect], svg: str) -> str:
    """One page that fetches nothing: the plot, and a table of all entries, those that are not drawn too."""
    picture = "data:image/svg+xml;base64," + base64.b64encode(svg.encode("utf-8")).decode("ascii")
    return render("literature.html.j2", title=f"Published {quantity}", quantity=quantity, plot=picture, columns=COLUMNS,
                  rows=[_cells(e) for e in entries], effects=[effect_text(e) for e in effects])  # fmt: skip


def _cells(e: Entry) -> dict[str, str]:
    n = literature_plot.n_text(e).removeprefix("n ").removeprefix("= ")
    return {
        "where": literature_plot.place(e), "people": e.population, "method": e.method, "kind": "" if e.kind == "value" else e.kind,
        "value": literature_plot.value(e), "n": n, "field": literature_plot.field(e),
        "reliability": reliability(e), "citation": e.citation, "doi": e.doi, "link": doi_link(e.doi) if e.doi else "",
        "doi_evidence": e.doi_evidence, "known": f"{e.evidence}, {e.read_in}",
    }  # fmt: skip


def reliability(e: Entry) -> str:
    """``ICC 0.75, wCV 6.4 % (derived), test-retest``, or nothing."""
    icc = f"ICC {e.icc_printed}" if e.icc_printed else ""
    wcv = f"wCV {e.wcv_printed} %" + (" (derived)" if e.wcv_evidence == "derived" else "") if e.wcv_printed else ""
    return ", ".join(w for w in (icc, wcv, e.reliability) if w)


def effect_text(e: CovariateEffect) -> str:
    """``FA of nerve falls with age (r = -0.77; recalled)``."""
    r = f"r = {e.r:g}; " if e.r is not None else ""
    by = "BMI" if e.covariate == "bmi" else e.covariate
    verb = {"none": "depends on no covariate that was looked at", "changes": f"differs with {by}"}
    return f"{e.quantity} of {e.structure} {verb.get(e.direction, f'{e.direction} with {by}')} ({r}{e.evidence}: {e.notes})"
