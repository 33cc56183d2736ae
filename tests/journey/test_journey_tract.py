"""``neuromyo tract`` on the phantom's nerves and on real diffusion scans, beside dipy."""

import json
import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest

pytestmark = pytest.mark.journey


def tract(*words):
    done = subprocess.run([sys.executable, "-m", "neuromyo", "tract", *map(str, words), "--motion", "off", "--json"],
                          capture_output=True, text=True, check=False, timeout=400)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_the_phantoms_sciatic_nerve_is_followed_through(tmp_path):
    """From the first to the last of its slices, along the fibres that the phantom is made of, with their FA."""
    subprocess.run([sys.executable, "-m", "neuromyo", "phantom", tmp_path / "in", "--set", "nerve_small"], check=True, timeout=400,
                   capture_output=True)  # fmt: skip
    (dwi,) = (tmp_path / "in").glob("sub-01/dwi/*dir-AP_dwi.nii.gz")
    truth = tmp_path / "in" / "derivatives" / "truth" / "sub-01"
    (labels,) = truth.glob("anat/*dseg.nii.gz")
    said = tract(dwi, "-o", tmp_path / "n", "--nerve", labels, "--name", "sciatic-nerve", "--side", "right")
    assert said["lines"] > 100
    values = {(r["quantity"], r["statistic"]): r["value"] for r in said["measurements"]}
    assert values["coverage_length", "mean"] == 1.0 and values["coverage_section", "mean"] > 0.8
    drawn = np.asarray(nib.load(labels).dataobj) == 44
    (fa_path,), (v1_path,) = truth.glob("dwi/*_FA.nii.gz"), truth.glob("dwi/*_V1.nii.gz")
    fa = np.asarray(nib.load(fa_path).dataobj)[drawn]
    assert values["FA", "mean"] == pytest.approx(np.nanmedian(fa), abs=0.1)
    axis = np.asarray(nib.load(v1_path).dataobj)
    to_index = np.linalg.inv(nib.load(v1_path).affine)
    apart = []
    for line in nib.streamlines.load(tmp_path / "n.trk").streamlines[::10]:
        chord = np.asarray(line[-1], float) - line[0]
        index = np.rint(nib.affines.apply_affine(to_index, np.asarray(line))).astype(int)
        true = axis[tuple(index.T)].astype(float)
        true = np.nansum(np.sign(true[:, 2:]) * true, axis=0)
        apart.append(np.degrees(np.arccos(abs(chord @ true) / np.linalg.norm(chord) / np.linalg.norm(true))))
    assert np.median(apart) < 12.0


@pytest.mark.realdata
def test_lines_of_a_real_brain_run_where_dipys_do(realdata, tmp_path):
    from dipy.core.gradients import gradient_table
    from dipy.data import default_sphere
    from dipy.direction.peaks import PeaksAndMetrics
    from dipy.io.gradients import read_bvals_bvecs
    from dipy.reconst.dti import TensorModel
    from dipy.tracking.stopping_criterion import ThresholdStoppingCriterion
    from dipy.tracking.tracker import eudx_tracking

    stem = realdata / "dti_brain" / "small_64D"
    tract(f"{stem}.nii", "-o", tmp_path / "n", "--option", "least_length_mm=10", "--option", "most_seeds=1500")
    ours = [np.asarray(line, float) for line in nib.streamlines.load(tmp_path / "n.trk").streamlines]
    assert len(ours) > 100
    image = nib.load(f"{stem}.nii")
    b, g = read_bvals_bvecs(f"{stem}.bval", f"{stem}.bvec")
    fit = TensorModel(gradient_table(b, bvecs=np.nan_to_num(g))).fit(np.asarray(image.dataobj, float))
    # dipy takes axes of the file for those of the world: turned by the orientation, which here is all but a permutation
    axes = image.affine[:3, :3] / np.linalg.norm(image.affine[:3, :3], axis=0)
    axes = axes * np.array([-1.0 if np.linalg.det(axes) > 0 else 1.0, 1, 1])
    peaks = PeaksAndMetrics()
    peaks.sphere = default_sphere
    # eudx walks in voxels: directions along the file's axes as they are stored
    to_voxels = np.linalg.inv(image.affine[:3, :3] / np.linalg.norm(image.affine[:3, :3], axis=0))
    directions = fit.evecs[..., 0] @ axes.T @ to_voxels.T
    peaks.peak_dirs = directions[..., None, :]
    peaks.peak_values = peaks.qa = fit.fa[..., None]
    flat = directions.reshape(-1, 3)
    peaks.peak_indices = np.argmax(np.abs(flat @ default_sphere.vertices.T), axis=1).reshape(*fit.fa.shape, 1)
    seeds = np.array([line[len(line) // 2] for line in ours[::10]])
    made = eudx_tracking(seeds, ThresholdStoppingCriterion(fit.fa, 0.2), image.affine, pam=peaks, step_size=1.0, max_angle=45,
                         random_seed=1, nbr_threads=1)  # fmt: skip
    theirs = [np.asarray(s) for s in getattr(made, "streamlines", made) if len(s) > 4]
    away = []
    for line in ours[::10]:
        near = min(theirs, key=lambda t: np.linalg.norm(t - line[len(line) // 2], axis=1).min())
        away.append(np.median([np.linalg.norm(near - p, axis=1).min() for p in line]))
    assert np.median(away) < 1.0  # half a voxel


@pytest.mark.realdata
def test_a_scanners_own_images_give_lines_and_say_that_they_are_no_tube(realdata, tmp_path):
    said = tract(
        realdata / "dti_uih_dicom" / "dti_tra_dir16_AP_9_134431.nii",
        "-o",
        tmp_path / "n",
        "--option",
        "most_seeds=1000",
    )
    assert said["lines"] > 20 and any(f["code"] == "W-COARSE" for f in said["findings"])
    assert any("one tube" in f["message"] for f in said["findings"])
