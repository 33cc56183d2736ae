"""The declaration is frozen (decision 23): what stands here may be added to, with defaults, and not changed."""

from __future__ import annotations

from dataclasses import MISSING, fields

import pytest

from neuromyo.core import biomarker as declaration

FROZEN = {
    "Biomarker": "id title doi needs gives simulate estimate typical example calibrate options scope noise domain bias_table provides "
    "caption exclude exclude_from prominence derive review constants",
    "SeriesNeed": "kinds part min_volumes required assumable entities optional separate",
    "MapNeed": "quantity display plausible optional",
    "RegionNeed": "region min_voxels optional",
    "ScalarNeed": "title display optional",
    "Assumable": "field value why remedy",
    "Inputs": "signals acquisitions known regions scalars mask grid averaged threads progress",
    "Estimate": "values reason sd diagnostics scalars findings assumptions",
    "Calibration": "scalars reported assumptions findings",
    "Domain": "box snr quantities",
    "Segmenter": "id title needs gives segment options doi",
}
#: what has to be given; all else has a default
REQUIRED = {
    "Biomarker": "id title doi needs gives simulate estimate typical example",
    "SeriesNeed": "kinds",
    "Inputs": "signals acquisitions",
    "Estimate": "values reason",
    "Calibration": "",
}


@pytest.mark.parametrize("name", FROZEN)
def test_no_field_went_away(name: str) -> None:
    assert {f.name for f in fields(getattr(declaration, name))} >= set(FROZEN[name].split())


@pytest.mark.parametrize("name", REQUIRED)
def test_nothing_more_is_required(name: str) -> None:
    required = [
        f.name for f in fields(getattr(declaration, name)) if f.default is MISSING and f.default_factory is MISSING
    ]
    assert required == REQUIRED[name].split()
