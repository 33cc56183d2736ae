"""A study's drawings: each kind for the page, and as a file that a journal takes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
from markupsafe import Markup

from neuromyo.core import resources
from neuromyo.core.analysis import Agreement, Along, Chain, Courses, Curves, Dots, Figure, Flow, Forest, Matrix, Scatter
from neuromyo.report import study_figures_chain as causes
from neuromyo.report import study_figures_lines as lines
from neuromyo.report import study_figures_people as people
from neuromyo.report import study_figures_webs as webs
from neuromyo.report.html import clean
from neuromyo.report.study_axes import WIDTH_MM
from neuromyo.report.svg import Plot

_DRAWN = {
    Dots: people.dots, Scatter: people.scatter, Courses: people.courses, Agreement: people.agreement,
    Forest: lines.forest, Curves: lines.curves, Along: lines.along,
    Matrix: webs.matrix, Chain: causes.chain, Flow: webs.flow,
}  # fmt: skip
_COUNTED = re.compile(
    r"\bn\s*=\s*\d|\d+ (people|persons|pairs|participants|patients|controls|readings)\b", re.IGNORECASE
)


def plot_of(figure: Figure, groups: Sequence[str] = ()) -> Plot:
    """The drawing, 400 or 800 units wide.

    groups : names of groups in the order of their markers and colours, so that they are alike in several figures
    """
    return _DRAWN[type(figure)](figure, groups)  # type: ignore[operator]


def drawing(figure: Figure, groups: Sequence[str] = ()) -> Markup:
    """The figure as inline SVG, in the colours of the page."""
    return plot_of(figure, groups).markup()


def standalone(figure: Figure, groups: Sequence[str] = ()) -> str:
    """The figure as an SVG file: 85 or 170 mm wide, letters of 7 pt or more, black on white, with a style of its own.

    Groups differ by marker and by filled against open, so that nothing is lost in grey. Title and caption are in the file for machines
    and screen readers, not in the picture, where a journal sets its own.
    """
    plot = plot_of(figure, groups)
    wide = WIDTH_MM[plot.width]
    head = Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" width="{}mm" height="{}mm" viewBox="0 0 {} {}" role="img">'
        "<title>{}</title><desc>{}</desc><style>{}</style>"
        '<rect class="sheet" x="0" y="0" width="100%" height="100%"/>'
    ).format(wide, f"{wide * plot.height / plot.width:.1f}", f"{plot.width:g}", f"{plot.height:g}", figure.title, caption(figure),
             Markup(resources.text("report", "templates/study_figure.css")))  # fmt: skip
    return clean(f'<?xml version="1.0" encoding="UTF-8"?>\n{head}{Markup("").join(plot.parts)}</svg>\n')


def caption(figure: Figure) -> str:
    """The figure's caption, with how many are drawn where it does not say so."""
    said = figure.caption.strip()
    counted = "" if _COUNTED.search(said) else _n(figure)
    return " ".join(part for part in (said if not said or said[-1] in ".!?" else said + ".", counted) if part)


def _n(figure: Figure) -> str:
    """``n = 11 (als), 8 (control).``"""
    match figure:
        case Dots():
            return _by_group((g, int(np.isfinite(np.asarray(v, dtype=float)).sum())) for g, v in figure.groups.items())
        case Scatter():
            known = np.isfinite(np.asarray(figure.x, dtype=float)) & np.isfinite(np.asarray(figure.y, dtype=float))
            return _by_group(_counted(figure.group or ("",) * known.size, known))
        case Agreement():
            return f"n = {int((np.isfinite(figure.mean) & np.isfinite(figure.difference)).sum())}."
        case Courses():
            return _by_group(_counted(figure.group, np.any(np.isfinite(figure.values), axis=1)))
        case _:
            return ""


def _counted(group: Sequence[str], known: np.ndarray) -> list[tuple[str, int]]:
    return [(g, sum(1 for h, k in zip(group, known, strict=True) if h == g and k)) for g in dict.fromkeys(group)]


def _by_group(counts: Iterable[tuple[str, int]]) -> str:
    said = [f"{n} ({g})" if g else str(n) for g, n in counts]
    return f"n = {', '.join(said)}." if said else ""


def told(figure: Figure) -> tuple[str, ...]:
    """A figure in words where no table holds it: who took part, and what became of them."""
    if not isinstance(figure, Flow):
        return ()
    out = []
    for arm, steps in figure.arms.items():
        parts = [
            f"{text} {n}" + (f" (then left: {', '.join(f'{m} {why}' for why, m in left)})" if left else "")
            for text, n, left in steps
        ]
        out.append(f"{arm or 'All'}: {'; '.join(parts)}.")
    return tuple(out)
