"""Every registered biomarker keeps every promise of the contract."""

import numpy as np
import pytest

from neuromyo.core.biomarker import Biomarker
from neuromyo.core.registry import Registry
from neuromyo.testing.contract import checks
from neuromyo.testing.scene import COMPONENTS

REGISTRY = Registry("neuromyo.biomarkers", "neuromyo.biomarkers", "BIOMARKER", Biomarker)

#: what is true in the regions that a biomarker calibrates on
REGIONS = {"t2-water": {"fat": {"FF": 1.0, "FatT2": 0.13}}}


def _eigen(truth):
    """Eigenvalues (..., 3), smallest first, and vectors of the truth's tensor, by LAPACK."""
    xx, yy, zz, xy, xz, yz = np.broadcast_arrays(*(np.asarray(truth["D" + c], float) for c in COMPONENTS["tensor"]))
    return np.linalg.eigh(np.stack([xx, xy, xz, xy, yy, yz, xz, yz, zz], axis=-1).reshape(*xx.shape, 3, 3))


def _fractional_anisotropy(truth):
    values = _eigen(truth)[0]
    spread = values - values.mean(axis=-1, keepdims=True)
    return np.sqrt(1.5 * (spread**2).sum(axis=-1) / (values**2).sum(axis=-1))


def _upward_axis(truth):
    axis = _eigen(truth)[1][..., 2]
    return axis * np.sign(axis[..., 2:])


#: truths of derived quantities
EXPECTED = {
    "dti": {
        "FA": _fractional_anisotropy,
        "MD": lambda t: _eigen(t)[0].mean(axis=-1),
        "AD": lambda t: _eigen(t)[0][..., 2],
        "RD": lambda t: _eigen(t)[0][..., :2].mean(axis=-1),
        "V1": _upward_axis,
    }
}


@pytest.mark.parametrize("check", [c for b in REGISTRY for c in checks(b, expected=EXPECTED.get(b.id))], ids=str)
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
