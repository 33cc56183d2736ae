"""Real scans of three vendors' dialects, through description, sorting, naming and pixels, against other people's conversions."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import nibabel
import numpy as np
import pytest

from neuromyo.dicom import describe, pixels
from neuromyo.dicom.classify import named
from neuromyo.dicom.frames import Frame
from neuromyo.dicom.listing import Listing
from neuromyo.dicom.sort import stacks
from neuromyo.io import raw_bids

pytestmark = pytest.mark.realdata


def imported(source: Path, out: Path, **more) -> dict[str, Path]:
    """What import does, in one process: file name -> image."""
    files = sorted(
        str(p.relative_to(source)) for p in source.rglob("*") if p.suffix == ".dcm" or p.name.startswith("IM")
    )
    numbered = [[n, name] for n, name in enumerate(files)]
    frames, facts = [], {}
    for answer in describe.answer({"root": str(source), "files": numbered}):
        assert "error" not in answer
        if "frames" in answer:
            made = [Frame.from_dict(f) for f in answer["frames"]]
            frames += made
            facts[answer["file"]] = answer["facts"]
    done = stacks(frames[::-1], facts, Listing(source, files))
    assert not done.errors
    out.mkdir(exist_ok=True)
    written, raws = {}, {}
    for file in named(done.stacks, subject="01", **more)[0]:
        stack = file.stack
        if id(stack) not in raws:
            raws[id(stack)] = out / f"{len(raws)}.raw"
            wanted = {"root": str(source), "files": [numbered[n] for n in stack.files()], "out": str(raws[id(stack)]),
                      "dtype": stack.dtype(), "planes": stack.requests(), "shape": list(stack.first.shape)}  # fmt: skip
            assert not [a for a in pixels.answer(wanted) if "error" in a]
        raw_bids.write_image(out, file.image(raws[id(stack)]))
        written[file.name] = out / f"{file.stem}.nii.gz"
    return written


def assert_same_world(mine: Path, theirs: Path) -> None:
    one, two = (nibabel.as_closest_canonical(nibabel.load(p)) for p in (mine, theirs))
    np.testing.assert_allclose(one.affine, two.affine, atol=1e-4)
    np.testing.assert_array_equal(one.get_fdata(), two.get_fdata())


def directions(bvec: Path, image: Path) -> np.ndarray:
    """(3, n) RAS world, by FSL's convention and nibabel's affine."""
    axes = nibabel.load(image).affine[:3, :3]
    rows = np.loadtxt(bvec)
    if np.linalg.det(axes) > 0:
        rows = rows * [[-1], [1], [1]]
    return axes / np.linalg.norm(axes, axis=0) @ rows


def test_united_imaging_diffusion_equals_its_reference(realdata, tmp_path) -> None:
    source = realdata / "dti_uih_dicom"
    (image,) = imported(source, tmp_path).values()
    reference = next(source.glob("*.nii"))
    assert_same_world(image, reference)
    mine, theirs = (p.with_name(p.name.removesuffix(".gz").removesuffix(".nii")) for p in (image, reference))
    np.testing.assert_allclose(np.loadtxt(f"{mine}.bval"), np.loadtxt(f"{theirs}.bval"), rtol=1e-5)
    np.testing.assert_allclose(
        directions(Path(f"{mine}.bvec"), image), directions(Path(f"{theirs}.bvec"), reference), atol=1e-5
    )


@pytest.mark.parametrize(("folder", "series", "n"), [("knee_mese_dicom", "8", 8), ("leg_dualecho_dicom", "18", 8)])
def test_ge_echoes_and_parts_equal_another_converter(folder, series, n, realdata, tmp_path, need_dcm2niix) -> None:
    files = imported(realdata / folder, tmp_path / "mine")
    (tmp_path / "theirs").mkdir()
    command = [str(need_dcm2niix), "-z", "n", "-f", "%s_%e", "-o", str(tmp_path / "theirs"), str(realdata / folder)]
    subprocess.run(command, capture_output=True, check=False, timeout=120)
    assert len(files) == n
    words = {"phase": "_ph", "real": "_real", "imag": "_imaginary"}
    for name, image in files.items():
        labels = dict(pair.split("-") for pair in name.split("_")[:-1])
        other = tmp_path / "theirs" / f"{series}_{labels['echo']}{words.get(labels.get('part', ''), '')}.nii"
        assert_same_world(image, other)
        said, theirs = (json.loads(p.with_name(p.name.split(".")[0] + ".json").read_text()) for p in (image, other))
        assert said["EchoTime"] == theirs["EchoTime"]
        assert said["FlipAngle"] == theirs["FlipAngle"]
        assert said["SpacingBetweenSlices"] == pytest.approx(theirs["SpacingBetweenSlices"])
