"""Every registered biomarker keeps every promise of the contract."""

import pytest

from neuromyo.core.biomarker import Biomarker
from neuromyo.core.registry import Registry
from neuromyo.testing.contract import checks

REGISTRY = Registry("neuromyo.biomarkers", "neuromyo.biomarkers", "BIOMARKER", Biomarker)

#: what is true in the regions that a biomarker calibrates on
REGIONS = {"t2-water": {"fat": {"FF": 1.0, "FatT2": 0.13}}}


@pytest.mark.parametrize("check", [c for b in REGISTRY for c in checks(b)], ids=str)
def test_promise(check):
    check()


@pytest.mark.parametrize(
    "check",
    [c for b in REGISTRY if b.id in REGIONS for c in checks(b, regions=REGIONS[b.id]) if "any" not in c.name],
    ids=str,
)
def test_promise_with_calibration(check):
    check()


def test_every_biomarker_is_held_to_its_promises():
    for biomarker in REGISTRY:
        names = " ".join(map(str, checks(biomarker)))
        assert ("keeps its figures" in names) == (biomarker.domain is not None)
        assert "recovers noiseless" in names
