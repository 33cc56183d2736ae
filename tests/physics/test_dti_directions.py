"""Fibre directions on a phantom of two legs, from files stored in every way, and gradient tables that are turned."""

import json
from dataclasses import replace
from functools import lru_cache

import nibabel
import numpy as np
import pytest

from neuromyo.biomarkers import _gradient_check, dti
from neuromyo.biomarkers._gradient_tables import CANDIDATES, what_to_do
from neuromyo.core.acquisition import Acquisition
from neuromyo.core.grid import Grid
from neuromyo.core.series import ArrayData, Series
from neuromyo.fit import runner
from neuromyo.io import bids, session
from tests.oracles import leg_fibres
from tests.unit.io.test_io_gradients import CODES, fsl_rows

B = np.array([0.0] * 5 + [5e8] * 60)
G = np.vstack([np.zeros((5, 3)), leg_fibres.directions(60)])
#: tilts of the scanner's axes against the patient, degrees about x and z
OBLIQUE = ((0.0, 0.0), (19.0, -12.0))


def measured_angles(maps, directions):
    """Degrees (...) between V1 and the truth."""
    return np.degrees(np.arccos(np.abs((maps["V1"].values * directions).sum(axis=-1)).clip(0, 1)))


def tilted(about_x, about_z):
    a, c = np.radians(about_x), np.radians(about_z)
    x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    return x @ np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])


@lru_cache(maxsize=2)
def scanned(tilt):
    """World affine and magnitudes of a coarse scan along axes tilted against the patient."""
    shape, sizes = np.array((36, 18, 8)), np.array((5.0, 5.0, 9.0))
    affine = np.eye(4)
    affine[:3, :3] = tilted(*tilt) * sizes
    affine[:3, 3] = -affine[:3, :3] @ ((shape - 1) / 2)
    world = np.stack(np.indices(shape), axis=-1) @ affine[:3, :3].T + affine[:3, 3]
    return affine, leg_fibres.magnitudes(world, B, G).astype(np.float32)


@pytest.mark.parametrize(
    ("code", "tilt"), [(c, OBLIQUE[1]) for c in CODES] + [(c, OBLIQUE[0]) for c in CODES[::7]], ids=str
)
def test_directions_are_right_however_the_image_is_stored(code, tilt, tmp_path):
    affine, data = scanned(tilt)
    image = nibabel.Nifti1Image(data, affine)
    wanted = nibabel.orientations.axcodes2ornt(code)
    image = image.as_reoriented(nibabel.orientations.ornt_transform(nibabel.io_orientation(affine), wanted))
    folder = tmp_path / "sub-1" / "dwi"
    folder.mkdir(parents=True)
    (tmp_path / "dataset_description.json").write_text(json.dumps({"Name": "x", "BIDSVersion": "1.10.0"}))
    nibabel.save(image, folder / "sub-1_dwi.nii")
    (folder / "sub-1_dwi.json").write_text(json.dumps({"EchoTime": 0.055, "RepetitionTime": 4.0}))
    np.savetxt(folder / "sub-1_dwi.bval", B[None] * 1e-6, fmt="%g")
    np.savetxt(folder / "sub-1_dwi.bvec", fsl_rows(G, image.affine), fmt="%.6f")
    dataset = bids.index(tmp_path)
    opened = session.open_session(dataset, dataset.sessions[0], scratch=tmp_path)
    (series,) = opened.series
    maps, _ = runner.run(dti.BIOMARKER, {"dwi": series}, dti.Options())
    world = maps.grid.to_world(np.stack(np.indices(maps.grid.shape), axis=-1))
    directions, muscle = leg_fibres.fibres(world)
    angles = measured_angles(maps, directions)[muscle > 0]
    assert np.isfinite(angles).all() and len(angles) > 600
    assert np.median(angles) < 3.0
    for number in np.unique(muscle[muscle > 0]):  # noise averages out over a muscle, a wrong frame does not
        here = muscle == number
        mean = [
            np.linalg.eigh(np.einsum("mi,mj->ij", v[here], v[here]))[1][:, -1] for v in (maps["V1"].values, directions)
        ]
        assert np.degrees(np.arccos(min(1.0, abs(mean[0] @ mean[1])))) < 1.0


# --- tables that are turned -------------------------------------------------------------------------------------------


@lru_cache(maxsize=8)
def leg(**shape):
    """Maps of a finer leg, and where its muscle is."""
    sizes = np.array((3.0, 3.0, 5.0))
    count = np.ceil(np.array((200.0, 96.0, 96.0)) / sizes).astype(int)
    affine = np.diag([*sizes, 1.0])
    affine[:3, 3] = -0.5 * (count - 1) * sizes
    grid = Grid.of(tuple(count), affine)
    world = grid.to_world(np.stack(np.indices(grid.shape), axis=-1))
    b, g = np.array([0.0] * 3 + [5e8] * 24), np.vstack([np.zeros((3, 3)), leg_fibres.directions(24)])
    data = leg_fibres.magnitudes(world, b, g, **shape).astype(np.float32)
    series = Series(ArrayData(data), grid, Acquisition(b_values=tuple(b), b_vectors=tuple(map(tuple, g))), "dwi")
    maps, _ = runner.run(dti.BIOMARKER, {"dwi": series}, dti.Options(), mask=data[..., 0] > 0)
    return maps, leg_fibres.fibres(world, **shape)[1] > 0


def turned(maps, table):
    """The maps as they would come out with another table: the axes turn, the rest stays."""
    axes = maps.grid.bvec_axes
    v1 = maps["V1"]
    values = v1.values @ (axes @ table @ np.linalg.inv(axes)).T
    return replace(maps, maps={**maps.maps, "V1": replace(v1, values=values)})


def test_turning_the_axes_is_what_a_turned_table_does():
    """Refitted with the wrong table, V1 is the right V1 turned the same way, and nothing else changes."""
    affine, data = scanned(OBLIQUE[1])
    grid = Grid.of(data.shape[:3], affine)
    table = CANDIDATES[9]
    change = grid.bvec_axes @ table @ np.linalg.inv(grid.bvec_axes)

    def fit(g):
        acquisition = Acquisition(b_values=tuple(B), b_vectors=tuple(map(tuple, g)))
        return runner.run(dti.BIOMARKER, {"dwi": Series(ArrayData(data), grid, acquisition, "dwi")}, dti.Options())[0]

    right, wrong = fit(G), fit(G @ change.T)
    muscle = leg_fibres.fibres(grid.to_world(np.stack(np.indices(grid.shape), axis=-1)))[1] > 0
    alike = np.abs((turned(right, table)["V1"].values * wrong["V1"].values).sum(axis=-1))[muscle]
    np.testing.assert_allclose(alike, 1.0, atol=1e-4)
    np.testing.assert_allclose(right["FA"].values[muscle], wrong["FA"].values[muscle], atol=1e-5)


@pytest.mark.parametrize("index", range(24))
def test_every_turned_table_is_caught_and_named_on_a_leg_with_its_muscle(index):
    maps, muscle = leg()
    findings = _gradient_check.review(turned(maps, CANDIDATES[index]), {"muscle": muscle}, dti.Options())
    if index == 0:
        assert findings == ()
        return
    (finding,) = findings
    assert (finding.level, finding.code) == ("warn", "W-GRAD") and "standard errors" in finding.message
    back = CANDIDATES[index].T
    assert finding.message.split(": by")[0].endswith(f" with {what_to_do(back if back.sum() > 0 else -back)}")


@pytest.mark.parametrize(
    "shape",
    [{}, {"pennation_deg": 20, "bulge": 0.1, "twist": 0.05}, {"pennation_deg": 25, "bulge": 0, "twist": 0},
     {"pennation_deg": 0, "bulge": 0, "twist": 0.2}, {"pennation_deg": 0, "bulge": 0, "twist": 0}],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("given", [True, False], ids=["muscle", "no region"])
def test_a_right_table_is_never_warned_of_and_what_cannot_be_told_is_said(shape, given):
    maps, muscle = leg(**shape)
    regions = {"muscle": muscle} if given else {}
    for index in (0, 1, 2, 3, 5):  # the flips, and an exchange across the limb
        findings = _gradient_check.review(turned(maps, CANDIDATES[index]), regions, dti.Options())
        if index == 0:
            assert all(f.level == "note" for f in findings)
        if not given and np.abs(CANDIDATES[index][2, 2]) == 1:  # the limb's axis stays: nobody can tell
            (finding,) = findings
            assert (finding.level, finding.code) == ("note", "N-GRAD") and "cannot tell" in finding.message
    across = _gradient_check.review(turned(maps, CANDIDATES[4]), regions, dti.Options())
    assert [f.code for f in across] == ["W-GRAD"]


def test_fibres_across_the_limb_are_told_by_a_nerve_alone():
    """A nerve is too thin for the rest of the evidence, but runs along the limb."""
    maps, muscle = leg()
    nerve = np.zeros_like(muscle)
    nerve[14:24, 10:20] = muscle[14:24, 10:20]
    across = next(c for c in CANDIDATES if abs(c[0, 2]) == 1 and abs(c[2, 0]) == 1)
    hidden = replace(maps["FA"], values=np.where(nerve, maps["FA"].values, 0.0))
    only = turned(replace(maps, maps={**maps.maps, "FA": hidden}), across)
    (finding,) = _gradient_check.review(only, {"nerve": nerve}, dti.Options())
    assert finding.code == "W-GRAD"


@pytest.mark.realdata
def test_a_brain_tells_all_tables_apart(realdata, tmp_path):
    from neuromyo.io import gradients, nifti
    from neuromyo.io.unpack import Room

    stem = realdata / "dti_uih_dicom" / "dti_tra_dir16_AP_9_134431"
    image = nifti.load(stem.with_suffix(".nii"), Room(tmp_path, 500), name="a", max_input_gb=1, geometry="strict")
    b = gradients.read_bvals(stem.with_suffix(".bval"), "a", 17)
    g, _ = gradients.read_bvecs(stem.with_suffix(".bvec"), "a", 17, image.grid, b)
    series = Series(image.data, image.grid, Acquisition(b_values=b, b_vectors=g), "dwi")
    maps, findings = runner.run(dti.BIOMARKER, {"dwi": series}, dti.Options())
    assert findings == ()
    for table in CANDIDATES[1:]:
        (finding,) = _gradient_check.review(turned(maps, table), {}, dti.Options())
        back = table.T if table.sum() > 0 and table.T.sum() > 0 else -table.T
        assert finding.code == "W-GRAD" and f" with {what_to_do(back)}: by" in finding.message
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
