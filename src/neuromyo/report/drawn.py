"""The page of regions that were drawn on one image: their outlines, and how sure each is where that is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from neuromyo.core.image import Image
from neuromyo.core.labels import Labels
from neuromyo.report import paint, wording
from neuromyo.report.html import render
from neuromyo.report.montage import SHOWN, Stage
from neuromyo.report.panels import evenly, frame_around, labels_on, slices_with
from neuromyo.report.regions import anatomy_montage, leaves


def page(
    name: str, image: Image, labels: Labels, confidence: Mapping[int, float] | None = None, remarks: Sequence[str] = ()
) -> str:
    """The self-contained page. A pure function of what it is given: no time, host, path or duration."""
    there = labels_on(image.grid, labels) > 0
    slices = slices_with(there, image.grid.slice_axis)
    shown = evenly(slices, SHOWN)
    rest = tuple(k for k in slices if k not in shown)
    stage = Stage(frame_around(image.grid, there), shown, rest, paint.grey_levels(image.values))
    montage = anatomy_montage(stage, leaves([labels], image.grid), image.name)
    sure = confidence or {}
    rows = [
        (wording.capital(wording.region(r.name)), r.side, _litres(labels, r.index),
         wording.percent(sure[r.index]) if r.index in sure else "–")
        for r in labels.regions
    ]  # fmt: skip
    return render("drawn.html.j2", title=name, montage_=montage, rows=rows, remarks=remarks, sure=bool(sure))


def _litres(labels: Labels, index: int) -> str:
    ml = float((labels.volume == index).sum()) * labels.grid.voxel_volume_mm3 / 1000.0
    return wording.with_unit(ml, "ml")
