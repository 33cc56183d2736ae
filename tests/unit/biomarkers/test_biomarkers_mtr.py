"""MTR: the published map of a real scan, and water's own ratio where fat is known."""

from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from neuromyo.biomarkers import mtr
from neuromyo.biomarkers.mtr import BIOMARKER, Options
from neuromyo.core.acquisition import Acquisition
from neuromyo.core.biomarker import Domain, Inputs, MapNeed
from neuromyo.core.grid import Grid
from neuromyo.core.reasons import Reason
from neuromyo.core.series import ArrayData, Series
from neuromyo.fit import runner
from neuromyo.physics import fat
from neuromyo.physics.relaxation import spoiled_gradient_echo
from neuromyo.testing.contract import checks

GRE = Acquisition(
    mt_on=(False, True), repetition_time=0.03, flip_angles_deg=(9.0,), echo_times=(0.0035,), field_strength=3.0
)


@pytest.mark.realdata
def test_equals_the_published_map(realdata):
    folder = realdata / "neck_mt"
    off, on, wanted = (
        np.asarray(nib.load(folder / f"{name}.nii.gz").dataobj, dtype=np.float64)
        for name in ("mt0_reg_slicereg_goldstandard", "mt1", "mtr")
    )
    affine = nib.load(folder / "mt1.nii.gz").affine
    series = Series(ArrayData(np.stack([off, on], axis=-1)), Grid.of(off.shape, affine), GRE, "MTR")
    maps, findings = runner.run(BIOMARKER, {"mt": series}, Options())
    found = maps["MTR"]
    kept = found.valid
    assert np.abs(100 * found.values[kept] - wanted[kept]).max() < 0.01
    # what has no value: nothing registered there, or noise beyond what a ratio can be
    lost = ~kept
    assert lost[off > 0].mean() < 0.02
    assert (found.reason[lost & (off <= 0)] == Reason.NO_SIGNAL).all()
    beyond = (wanted < -50) | (wanted > 100)
    assert (found.reason[lost & (off > 0)] == Reason.IMPLAUSIBLE).all() and beyond[lost & (off > 0)].all()
    assert [f.code for f in findings] == ["N-FAT"]


def _by_hand(share, acquisition=GRE):
    """Water of MTR 0.4 and fat added as complex numbers."""
    water = spoiled_gradient_echo([9.0], 1.4, 0.03)[0]
    lipid = spoiled_gradient_echo([9.0], 0.37, 0.03)[0]
    phase = fat.phasor("hamilton-6", acquisition.echo_times, field_strength=3.0)[0]
    return 500 * np.abs(np.array([(1 - share) * water * k + share * lipid * phase for k in (1.0, 0.6)]))


@pytest.mark.parametrize("share", [0.0, 0.15, 0.3])
@pytest.mark.parametrize("time", [0.0, 0.0023, 0.0035])
def test_known_fat_leaves_the_ratio_of_water(share, time):
    acquisition = GRE.with_(echo_times=(time,))
    inputs = Inputs({"mt": _by_hand(share, acquisition)}, {"mt": acquisition}, known={"FF": np.array(share)})
    found = mtr.estimate(inputs, Options(noise=1.0))
    assert found.values["MTR"] == pytest.approx(0.4, abs=1e-12)
    blind = mtr.estimate(Inputs(inputs.signals, inputs.acquisitions), Options())
    assert share == 0 or abs(blind.values["MTR"] - 0.4) > 0.02


def test_sd_with_known_fat_is_what_repeats_scatter_by():
    rng = np.random.default_rng(2)
    noisy = _by_hand(0.2) + 0.3 * rng.standard_normal((20000, 2))
    found = mtr.estimate(Inputs({"mt": noisy}, {"mt": GRE}, known={"FF": np.full(20000, 0.2)}), Options(noise=0.3))
    assert np.median(found.sd["MTR"]) == pytest.approx(found.values["MTR"].std(), rel=0.03)


def test_unknown_fat_is_told_and_unstated_sequences_are_assumed():
    signals = {"mt": _by_hand(0.1)[None]}
    (finding,) = mtr.calibrate({"body": Inputs(signals, {"mt": GRE.with_(echo_times=(0.0,))})}, Options()).findings
    water, lipid = (spoiled_gradient_echo([9.0], t1, 0.03)[0] for t1 in (1.4, 0.37))
    diluted = 35 * 0.9 * water / (0.9 * water + 0.1 * lipid) - 35
    assert f"{diluted:+.1f}" in finding.message
    bare = Acquisition(mt_on=(False, True))
    told = mtr.calibrate({"body": Inputs(signals, {"mt": bare}, known={"FF": np.zeros(1)})}, Options())
    assert not told.findings and {a.field for a in told.assumptions} == {"fat weighting", "fat phase"}


@pytest.mark.parametrize(("share", "reason"), [(0.95, Reason.NOT_IDENTIFIABLE), (np.nan, Reason.NOT_KNOWN)])
def test_fat_maps_without_use(share, reason):
    found = mtr.estimate(Inputs({"mt": _by_hand(0.3)}, {"mt": GRE}, known={"FF": np.array(share)}), Options())
    assert found.reason == reason


WITH_FAT = replace(
    BIOMARKER,
    needs={**BIOMARKER.needs, "FF": MapNeed("FF", "%", (-0.5, 1.5), optional=False)},
    typical={"mt": GRE},
    example={**BIOMARKER.example, "FF": 0.1},
    domain=Domain({"MTR": (0.2, 0.5), "FF": (0.0, 0.3)}, snr=60.0, quantities=("MTR",)),
)


@pytest.mark.parametrize("check", checks(WITH_FAT), ids=str)
def test_promises_with_a_fat_map(check):
    check()
