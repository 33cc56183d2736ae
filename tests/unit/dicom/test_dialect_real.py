"""Real scans of GE and United Imaging: against pydicom, against the reference beside them, and against dcm2niix where it is."""

import subprocess
from collections import defaultdict

import nibabel
import numpy as np
import pytest

from neuromyo.dicom import describe, pixels
from neuromyo.dicom.frames import Frame

pytestmark = pytest.mark.realdata
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0])


def described(root):
    names = sorted(
        str(p.relative_to(root)) for p in root.rglob("*") if p.is_file() and p.read_bytes()[128:132] == b"DICM"
    )
    answers = list(describe.answer({"root": str(root), "files": list(enumerate(names))}))
    assert not [a for a in answers if "error" in a]
    frames = [Frame.from_dict(f) for a in answers for f in a.get("frames", ())]
    return (
        names,
        frames,
        next(a["facts"] for a in answers if a.get("frames")),
        [f for a in answers for f in a.get("findings", ())],
    )


def volume(root, names, frames, folder):
    """(x, y, z) voxels and RAS affine of planes that make one volume."""
    normal = np.cross(frames[0].row, frames[0].column)
    frames = sorted(frames, key=lambda f: np.dot(f.position, normal))
    first, last = frames[0], frames[-1]
    affine = np.eye(4)
    step = (np.array(last.position) - first.position) / (len(frames) - 1)
    affine[:3, :3] = LPS_TO_RAS @ np.stack(
        [np.array(first.row) * first.spacing_mm[1], np.array(first.column) * first.spacing_mm[0], step], axis=1
    )
    affine[:3, 3] = LPS_TO_RAS @ first.position
    planes = [[f.file, f.frame, f.tile, n, f.scale.slope, f.scale.intercept] for n, f in enumerate(frames)]
    used = sorted({f.file for f in frames})
    request = {"root": str(root), "files": [[n, names[n]] for n in used], "out": str(folder / "raw"), "dtype": "float32", "planes": planes,
               "shape": first.shape}  # fmt: skip
    assert not [a for a in pixels.answer(request) if "error" in a]
    stored = np.fromfile(folder / "raw", "float32").reshape(len(frames), *first.shape)
    return stored[:, ::-1].transpose(2, 1, 0), affine  # the file holds the last row first


def same_world(values, affine, image, n=None, atol_voxel=2e-3):
    """Every voxel of ours is a voxel of theirs, with the same value."""
    ours = np.indices(values.shape).reshape(3, -1)
    there = np.linalg.inv(image.affine) @ affine @ np.vstack([ours, np.ones(ours.shape[1])])
    nearest = np.rint(there[:3]).astype(int)
    assert np.abs(there[:3] - nearest).max() < atol_voxel
    theirs = np.asarray(image.dataobj if n is None else image.dataobj[..., n])
    np.testing.assert_array_equal(theirs[tuple(nearest)], values.reshape(-1))


def test_the_table_of_united_imaging_is_the_reference(realdata, tmp_path):
    folder = realdata / "dti_uih_dicom"
    names, frames, facts, _ = described(folder / "In")
    (reference,) = folder.glob("*.nii")
    image = nibabel.load(reference)
    b_values, b_vectors = (np.loadtxt(reference.with_suffix(end)) for end in (".bval", ".bvec"))
    files = sorted({f.file for f in frames})
    assert len(files) == image.shape[3] == 17 and facts["ImagingFrequency"] == pytest.approx(128.17606)
    axes = image.affine[:3, :3] / np.linalg.norm(image.affine[:3, :3], axis=0)
    axes[:, 0] *= -1 if np.linalg.det(axes) > 0 else 1
    for n, file in enumerate(files):
        one = [f for f in frames if f.file == file]
        values, affine = volume(folder / "In", names, one, tmp_path)
        same_world(values, affine, image, n)
        assert f"{one[0].b_value / 1e6:g}" == f"{b_values[n]:g}"
        vector = np.zeros(3) if n == 0 else np.array(one[0].b_vector)
        np.testing.assert_allclose(axes.T @ LPS_TO_RAS @ vector, b_vectors[:, n], atol=1e-6)


def test_the_leg_in_four_parts_and_two_echoes(realdata, tmp_path):
    root = realdata / "leg_dualecho_dicom"
    names, frames, facts, findings = described(root)
    parts = defaultdict(list)
    for frame in frames:
        parts[frame.part, frame.echo_time].append(frame)
    assert {k: len(v) for k, v in parts.items()} == {
        (p, t): 32 for p in ("mag", "phase", "real", "imag") for t in (0.0039, 0.0063)
    }
    assert (
        [f["code"] for f in findings] == ["W-PHASE"]
        and facts["BodyPartExamined"] == "LEG"
        and facts["SequenceWords"] == ["thigh"]
    )
    assert all(f.b_value is None and f.scale.identity for f in frames)
    real, imag, size = (volume(root, names, parts[p, 0.0039], tmp_path)[0] for p in ("real", "imag", "mag"))
    both = np.hypot(real, imag)
    tissue = both > 0.2 * np.percentile(both, 99)
    assert np.median(np.abs(size - both)[tissue]) < 2, "the scanner's magnitude is theirs but for its filter at edges"


@pytest.mark.parametrize(("name", "count"), [("knee_mese_dicom", 8), ("leg_dualecho_dicom", 8)])
def test_voxels_and_places_are_those_of_dcm2niix(realdata, tmp_path, need_dcm2niix, name, count):
    root = realdata / name
    subprocess.run(
        [need_dcm2niix, "-b", "n", "-z", "n", "-f", "%s_%e", "-o", tmp_path, root],
        check=True,
        capture_output=True,
        timeout=120,
    )
    names, frames, _, _ = described(root)
    volumes = defaultdict(list)
    for frame in frames:
        volumes[frame.echo_number, frame.part].append(frame)
    assert len(volumes) == count
    ends = {"mag": "", "phase": "_ph", "real": "_real", "imag": "_imaginary"}
    for (echo, part), one in volumes.items():
        (path,) = tmp_path.glob(f"*_{echo}{ends[part]}.nii")
        same_world(*volume(root, names, one, tmp_path), nibabel.load(path))
