"""Fibre directions, through files: legs fixed in the world, stored under every orientation, with the bvec file that FSL's
documentation asks for; signals of the independent simulator at SNR 40.

Every storage shows the same legs, so the direction found in world coordinates must be the same, within 3 degrees.
"""

import json

import nibabel as nib
import numpy as np
import pytest

from neuromyo.biomarkers import dti
from neuromyo.fit.runner import run
from neuromyo.io import bids
from neuromyo.io.session import open_session
from tests.oracles.diffusion import angle_deg, mean_axis, measures, orientations, pennate_legs, tilted, world_to_bvec

AFFINES = dict(orientations())
#: the axial, coronal and sagittal storages that scanners make, in both handednesses
USUAL = ("RAS", "LAS", "LPS", "RSA", "LSP", "ASR", "PSL", "SAL")


def store(folder, phantom, bvec):
    dwi = folder / "sub-01" / "dwi"
    dwi.mkdir(parents=True)
    (folder / "dataset_description.json").write_text('{"Name": "legs", "BIDSVersion": "1.9.0"}')
    image = nib.Nifti1Image(1000 * phantom.signals, phantom.affine)
    image.set_sform(phantom.affine, 1)
    image.set_qform(phantom.affine, 1)
    image.header.set_xyzt_units("mm")
    nib.save(image, dwi / "sub-01_dwi.nii.gz")
    np.savetxt(dwi / "sub-01_dwi.bvec", bvec, "%.8f")
    np.savetxt(dwi / "sub-01_dwi.bval", phantom.b_values[None] / 1e6, "%g")
    (dwi / "sub-01_dwi.json").write_text(json.dumps({"EchoTime": 0.055, "RepetitionTime": 4.0}))


def read(folder, scratch):
    dataset = bids.index(folder)
    session = open_session(dataset, dataset.sessions[0], scratch=scratch)
    assert not session.errors, session.errors
    (found,) = session.series
    return found


def fitted(tmp_path, affine, method="wls", bvec=None, **phantom_options):
    """The phantom, its maps in the order of the stored voxels, and the findings."""
    phantom = pennate_legs(affine, **phantom_options)
    store(tmp_path / "bids", phantom, world_to_bvec(phantom.gradients, affine) if bvec is None else bvec(phantom))
    scan = read(tmp_path / "bids", tmp_path)
    regions = {name: scan.grid.from_source(np.isin(phantom.label, parts)) for name, parts in PARTS.items()}
    mask = scan.grid.from_source(phantom.label > 0)
    maps, findings = run(dti.BIOMARKER, {"dwi": scan}, dti.Options(method=method), mask=mask, regions=regions)
    stored = {name: scan.grid.to_source(one.values) for name, one in maps.maps.items()}
    return phantom, stored, findings


PARTS = {"muscle": (1, 2, 3, 5, 6, 7), "nerve": (4, 8)}


def hold_directions(phantom, maps):
    for part in range(1, 9):
        here = phantom.label == part
        truth = phantom.direction[here][0]
        found = maps["V1"][here]
        found = found[np.isfinite(found).all(axis=-1)]
        assert len(found) > 0.99 * here.sum()
        off = angle_deg(mean_axis(found), truth)
        assert off < 3, f"part {part} points {off:.1f} degrees off"


@pytest.mark.parametrize("name", USUAL)
def test_directions_as_scanners_store_them(tmp_path, name):
    phantom, maps, _ = fitted(tmp_path, AFFINES[name])
    hold_directions(phantom, maps)


@pytest.mark.parametrize("name", USUAL)
def test_directions_in_oblique_slices(tmp_path, name):
    phantom, maps, _ = fitted(tmp_path, tilted(AFFINES[name]))
    hold_directions(phantom, maps)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(AFFINES) - set(USUAL)))
def test_directions_in_every_storage(tmp_path, name):
    for number, affine in enumerate((AFFINES[name], tilted(AFFINES[name], (-25.0, 14.0, 40.0)))):
        phantom, maps, _ = fitted(tmp_path / str(number), affine)
        hold_directions(phantom, maps)


@pytest.mark.parametrize("method", ["wls", "nlls", "robust"])
def test_measures_of_muscle_and_nerve(tmp_path, method):
    """Region means at SNR 40: diffusivities within 2 %, FA within 0.03 (noise raises FA, of low FA most)."""
    phantom, maps, _ = fitted(tmp_path, AFFINES["LAS"], method)
    for parts, fa_off in ((PARTS["muscle"], 0.03), (PARTS["nerve"], 0.03)):
        here = np.isin(phantom.label, parts)
        truth = measures(phantom.eigenvalues[here][0])
        assert np.nanmean(maps["MD"][here]) == pytest.approx(truth["MD"], rel=0.02)
        assert np.nanmean(maps["AD"][here]) == pytest.approx(truth["AD"], rel=0.05)
        assert np.nanmean(maps["RD"][here]) == pytest.approx(truth["RD"], rel=0.05)
        assert np.nanmean(maps["FA"][here]) == pytest.approx(truth["FA"], abs=fa_off)


def alarms(findings):
    return [f for f in findings if f.level != "note"]


def test_right_gradients_raise_no_doubt(tmp_path):
    _, _, findings = fitted(tmp_path, tilted(AFFINES["LAS"]))
    assert not alarms(findings)


def negated(axis):
    def bvec(phantom):
        turned = world_to_bvec(phantom.gradients, phantom.affine)
        turned[axis] *= -1
        return turned

    return bvec


def exchanged(a, b):
    def bvec(phantom):
        turned = world_to_bvec(phantom.gradients, phantom.affine)
        turned[[a, b]] = turned[[b, a]]
        return turned

    return bvec


@pytest.mark.parametrize(
    ("name", "bvec"),
    [("LAS", exchanged(0, 2)), ("LAS", exchanged(1, 2)), ("RAS", exchanged(0, 2)), ("RSA", exchanged(1, 2))],
)
def test_exchanged_axes_are_caught(tmp_path, name, bvec):
    """Muscle and nerve then run across the leg."""
    _, _, findings = fitted(tmp_path, AFFINES[name], bvec=bvec)
    assert any("GRAD" in f.code for f in alarms(findings)), findings


@pytest.mark.parametrize("axis", [0, 1])
def test_a_flipped_axis_is_caught_in_oblique_slices(tmp_path, axis):
    """One negated row leans the nerve by twice the slope of that axis: 64 and 70 degrees from the limb here."""
    affine = tilted(AFFINES["LAS"], (40.0, 35.0, 0.0))
    _, _, findings = fitted(tmp_path, affine, bvec=negated(axis))
    assert any("GRAD" in f.code for f in alarms(findings)), findings
