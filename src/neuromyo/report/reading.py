"""The form of a blinded reading, one page that works offline, and the page that tells how readers agreed."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from neuromyo.core import resources
from neuromyo.core.errors import Finding
from neuromyo.core.labels import Side
from neuromyo.report import wording
from neuromyo.report.html import POLICY, render
from neuromyo.report.panels import Frame
from neuromyo.report.png import data_uri
from neuromyo.report.tables import Grid2D
from neuromyo.stats.intervals import Interval
from neuromyo.study.grades import Line
from neuromyo.study.scales import NOT_JUDGED, Scale

_GREYS = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)


@dataclass(frozen=True, slots=True)
class Picture:
    """One slice: PNG as data, width and height in mm, letters at the viewer's left, right, top, bottom."""

    uri: str
    width: float
    height: float
    letters: tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Form:
    """What one reader gets. cases : (code, pictures), in his order; fields : (region, side) to be graded in each"""

    id: str
    reader: str
    scale: Scale
    fields: tuple[tuple[str, Side], ...]
    cases: tuple[tuple[str, tuple[Picture, ...]], ...]


def picture(values: np.ndarray, frame: Frame, k: int, window: tuple[float, float]) -> Picture:
    """Slice ``k`` of an image (x, y, z) between the values that are black and white; nothing of the file is in it but pixels."""
    low, high = window
    plane = frame.cut(values, k)
    share = np.clip((np.nan_to_num(plane, nan=low) - low) / (high - low), 0.0, 1.0)
    across, up = frame.size_mm
    grey = np.round(255 * share).astype(np.uint8)
    return Picture(data_uri(grey, _GREYS), round(across, 3), round(up, 3), frame.letters)


def form_page(form: Form) -> str:
    """The page. It holds codes, pictures and the scale: no name, number, date or file of anybody."""
    grades = [*form.scale.grades, NOT_JUDGED]
    held = {
        "form": form.id, "reader": form.reader, "scale": form.scale.id,
        "grades": [{"value": g.value, "key": g.key, "meaning": g.meaning} for g in grades],
        "fields": [{"id": f"f{n}", "title": _title(region, side), "region": region, "side": side}
                   for n, (region, side) in enumerate(form.fields)],
        "cases": [{"code": code, "pictures": [_plain(p) for p in pictures]} for code, pictures in form.cases],
    }  # fmt: skip
    script = resources.text("report", "templates/reading.js")
    mark = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    text = json.dumps(held, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
    return render(
        "reading.html.j2", policy=f"{POLICY}; script-src 'sha256-{mark}'", title="Visual reading", form=form, grades=grades,
        own_css=Markup(resources.text("report", "templates/reading.css")), data=Markup(text), script=Markup(script),
    )  # fmt: skip


def _plain(one: Picture) -> dict[str, Any]:
    return {"uri": one.uri, "width": one.width, "height": one.height, "letters": list(one.letters)}


def _title(region: str, side: Side) -> str:
    words = region.replace("-", " ")
    return f"{words}, {side}" if side in ("left", "right") else words


# --- how they agreed --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Agreement:
    """What the page of agreement shows. alpha : of three or more readers, else unknown; n_cases : images read"""

    scale: Scale
    readers: tuple[str, ...]
    n_cases: int
    n_people: int
    lines: tuple[Line, ...]
    alpha: Interval
    findings: tuple[Finding, ...] = ()


def agreement_page(view: Agreement) -> str:
    """The page: agreement between readers and within each, with intervals, and what they rest on."""
    kinds = (("inter", "Between readers"), ("intra", "Within a reader, first against second time"))
    parts = [(title, _table([line for line in view.lines if line.kind == kind])) for kind, title in kinds]
    return render("reading_score.html.j2", title="Agreement of readers", view=view, parts=[p for p in parts if p[1].rows],
                  weights=view.scale.weights, alpha=interval_text(view.alpha) if view.alpha.known else "")  # fmt: skip


def _table(lines: Sequence[Line]) -> Grid2D:
    rows = [
        (f"{' and '.join(line.readers)}: {wording.region(line.region)}", str(line.n_people), str(line.kappa.n),
         interval_text(line.kappa.kappa),
         percent_text(line.kappa.agreement), line.kappa.why or ("few people" if line.few else ""))
        for line in lines
    ]  # fmt: skip
    return Grid2D(("readers and muscle", "people", "gradings", "kappa", "agreement", "to know"), tuple(rows))


def interval_text(found: Interval) -> str:
    """An estimate with its interval, two decimals."""
    if not np.isfinite(found.value):
        return "not known"
    span = f" ({found.low:.2f} to {found.high:.2f})" if found.known else ""
    return f"{found.value:.2f}{span}"


def percent_text(found: Interval) -> str:
    """A share with its interval, in percent."""
    return (
        f"{100 * found.value:.0f} % ({100 * found.low:.0f} to {100 * found.high:.0f})" if found.known else "not known"
    )
