"""From image to number: where the resolution is said to support the share of fascicle, it is right; else no number is given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from skimage.measure import find_contours

from neuromyo.core.image import Image
from neuromyo.core.nerve import Section, Trace
from neuromyo.fascicles.fascicle_rows import rows
from neuromyo.fascicles.fascicles import FascicleOptions, fascicles
from neuromyo.phantom.nerve_cases import Made, cases

#: cases of `nerve_cases`, whose nerves have a dark sheath of 0.15 mm within the outline, that are made anew at other pixels
SCIATIC, TIBIAL = 1, 26


def made(number: int, pixel_mm: float) -> tuple[Made, Image, Trace]:
    """A few slices at a pixel size, the T2-weighted image, and the true outline as a trace."""
    case = replace(cases()[number - 1], in_plane_mm=pixel_mm, field_mm=22.0 if number == TIBIAL else 26.0, slices=3)
    found = case.make()
    image = next(i for i in found.images if i.weighting == "T2w")
    grid, cover = image.grid, found.truth.whole
    sections = []
    for k in found.truth.main.centres_mm:
        ring = max(find_contours(cover[..., k], 0.5), key=len)[:-1]
        outline = grid.to_world(np.column_stack([ring, np.full(len(ring), k)]))
        sections.append(
            Section(k, outline.mean(axis=0), (outline,), float(cover[..., k].sum()) * pixel_mm**2, 0.1, 1.0)
        )
    sections.sort(key=lambda s: s.slice)
    return found, image, Trace(case.nerve, case.side, grid, tuple(sections), cover, 1.0)


@pytest.mark.whole
@pytest.mark.parametrize(("number", "pixel_mm"), [(TIBIAL, 0.12), (SCIATIC, 0.2)])
def test_where_supported_share_and_count_are_right_despite_a_dark_sheath(number: int, pixel_mm: float) -> None:
    case, image, trace = made(number, pixel_mm)
    found = fascicles(image, trace)
    assert found.verdicts["fascicle_to_nerve_ratio"].ok and found.sheath_mm in (0.1, 0.15, 0.2)
    truth = case.truth
    share = {k: truth.fascicle_coverage[..., k].sum() / truth.whole[..., k].sum() for k in truth.main.centres_mm}
    table = [r for r in rows(found) if r["statistic"] == "slice"]
    errors = [r["value"] - share[int(r["slice"])] for r in table if r["quantity"] == "fascicle_to_nerve_ratio"]
    assert np.isfinite(errors).sum() >= 2 and abs(np.nanmean(errors)) < 0.03, errors  # slices not explained give none
    if found.verdicts["fascicle_count"].ok:
        counts = [
            r["value"] / len(truth.main.fascicles[int(r["slice"])].areas_mm2)
            for r in table
            if r["quantity"] == "fascicle_count"
        ]
        assert np.nanmean(np.abs(np.array(counts) - 1.0)) <= 0.1, counts


@pytest.mark.whole
def test_small_fascicles_are_refused_at_042() -> None:
    _, image, trace = made(TIBIAL, 0.42)
    found = fascicles(image, trace, options=FascicleOptions(fascicle_mm=(0.3, 0.6)))
    assert not any(v.ok for v in found.verdicts.values())
    judged = [r for r in rows(found) if r["quantity"] in found.verdicts]
    assert judged and all(np.isnan(r["value"]) and "COARSE" in r["flags"] for r in judged)
    assert any(f.code == "W-COARSE" and "0.42 mm" in str(f) for f in found.findings)
