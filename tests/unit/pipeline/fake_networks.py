"""Small programmes that take the command lines of the real ones, strictly, and draw boxes where those would draw muscles."""

import json
import os
import stat
import sys
import time
from pathlib import Path

import numpy as np

_HEAD = f"#!{sys.executable}\nimport argparse, os, pathlib, sys\nimport nibabel as nib, numpy as np\n"
_DRAW = """
def draw(source, target, labels, shift=(0, 0, 0), zoom=1):
    image = nib.load(source)
    volume = np.zeros(image.shape, np.uint8)
    bright = np.asanyarray(image.dataobj) > 0
    assert bright.any(), "the image came empty"
    for n, label in enumerate(labels):
        volume[2 + 3 * n : 4 + 3 * n, 3:7, 1:4] = label
    affine = image.affine.copy()
    affine[:3, 3] += shift
    if zoom != 1:
        volume = volume[::zoom]
        affine = affine @ np.diag([zoom, 1, 1, 1])
    pathlib.Path(target).parent.mkdir(exist_ok=True)
    nib.save(nib.Nifti1Image(volume, affine), target)
"""
TOTAL = """
p = argparse.ArgumentParser()
p.add_argument("-i", required=True); p.add_argument("-o", required=True); p.add_argument("-ml", "--ml", action="store_true")
p.add_argument("-ta", "--task", choices=["total", "total_mr", "thigh_shoulder_muscles_mr"], default="total")
p.add_argument("-d", "--device", choices=["cpu", "gpu", "mps"], default="gpu")
a = p.parse_args()
assert a.ml and any(pathlib.Path(os.environ["TOTALSEG_WEIGHTS_PATH"]).glob("Dataset85*"))
assert "TOTALSEG_HOME_DIR" in os.environ
"""
MUSCLEMAP = """
p = argparse.ArgumentParser()
p.add_argument("-i", "--input_image", required=True); p.add_argument("-o", "--output_dir")
p.add_argument("-r", "--region", default="wholebody"); p.add_argument("-m", "--model")
p.add_argument("-g", "--use_GPU", choices=["Y", "N"], default="Y"); p.add_argument("-s", "--overlap", type=float, default=90)
a = p.parse_args()
assert os.path.isfile(a.model) and os.path.isfile(os.path.splitext(a.model)[0] + ".json")
print("Processing using cuda or cpu: cpu")
target = os.path.join(a.output_dir, os.path.basename(a.input_image).split(".")[0] + "_dseg.nii.gz")
"""
NNUNET = """
p = argparse.ArgumentParser()
p.add_argument("-i", required=True); p.add_argument("-o", required=True); p.add_argument("-m", required=True)
p.add_argument("-f", nargs="+", default=(0, 1, 2, 3, 4)); p.add_argument("-device", default="cuda", choices=["cpu", "cuda", "mps"])
a = p.parse_args()
for fold in a.f:
    assert os.path.isfile(os.path.join(a.m, "fold_" + fold, "checkpoint_final.pth"))
(source,) = pathlib.Path(a.i).glob("*_0000.nii.gz")
target = os.path.join(a.o, source.name.replace("_0000", ""))
"""


def program(folder: Path, name: str, text: str) -> Path:
    """An executable of this text."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(_HEAD + _DRAW + text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def total(folder: Path, after: str = "draw(a.i, a.o, (2, 1, 7))") -> Path:
    return program(folder, "TotalSegmentator", TOTAL + after + "\n")


def musclemap(folder: Path, after: str = "draw(a.input_image, target, (7102, 7101))") -> Path:
    text = MUSCLEMAP + after.replace("7101", "101").replace("7102", "102") + "\n"
    return program(folder, "mm_segment", text)


def nnunet(folder: Path, after: str = "draw(source, target, (1, 2))") -> Path:
    return program(folder, "nnUNetv2_predict_from_modelfolder", NNUNET + after + "\n")


def total_weights(folder: Path, task: str = "Dataset857_TotalSegMRI_thigh_shoulder_1088subj") -> Path:
    inner = folder / task / "nnUNetTrainer__nnUNetPlans__3d_fullres"
    (inner / "fold_0").mkdir(parents=True)
    (inner / "fold_0" / "checkpoint_final.pth").write_bytes(b"weights")
    (inner / "plans.json").write_text("{}")
    (inner / "dataset.json").write_text("{}")
    return folder


def musclemap_weights(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    sides = [("left", 1), ("right", 2)]
    labels = [{"region": "thigh", "anatomy": "vastus lateralis", "side": s, "value": 100 + n} for s, n in sides]
    labels += [
        {"region": r, "anatomy": "multifidus", "side": "left", "value": v}
        for r, v in (("cervical", 111), ("lumbar", 51))
    ]
    labels += [{"region": "hip", "anatomy": "sacrum", "side": "no side", "value": 60}]
    (folder / "contrast_agnostic_wholebody_model.json").write_text(json.dumps({"labels": labels}))
    weights = folder / "contrast_agnostic_wholebody_model.pth"
    weights.write_bytes(b"more weights")
    return weights


def nnunet_weights(folder: Path, channels: int = 1, labels: dict | None = None) -> Path:
    for fold in ("0", "all"):
        (folder / f"fold_{fold}").mkdir(parents=True)
        (folder / f"fold_{fold}" / "checkpoint_final.pth").write_bytes(fold.encode())
    told = {"channel_names": {str(n): f"water {n}" for n in range(channels)}, "file_ending": ".nii.gz",
            "labels": labels or {"background": 0, "SOL_R": 1, "left gastrocnemius medialis": 2}}  # fmt: skip
    (folder / "dataset.json").write_text(json.dumps(told))
    (folder / "plans.json").write_text("{}")
    return folder


def dafne(folder: Path, orientation: str = "", three: bool = False) -> Path:
    """A Python that finds libraries called dill and dafne_dl, which draw where the image is brightest."""
    libraries = folder / "lib"
    (libraries / "dafne_dl").mkdir(parents=True)
    (libraries / "dafne_dl" / "__init__.py").write_text("")
    (libraries / "dill.py").write_text(
        f"def load(stream):\n    assert stream.read() == b'model'\n    return {{'metadata': {{'orientation': {orientation!r}}}}}\n"
    )
    (libraries / "dafne_dl" / "model_loaders.py").write_text(f"""
class Model:
    data_dimensionality = {3 if three else 2}
    def apply(self, told):
        assert told["split_laterality"] is False and len(told["resolution"]) == {3 if three else 2}
        return {{"VL_R": told["image"] == 9, "VL_L": told["image"] == 5}}
def generic_load_model(told):
    return Model()
""")
    return python(folder, libraries)


def python(folder: Path, libraries: Path) -> Path:
    """An interpreter that has these libraries."""
    path = folder / "python"
    path.write_text(f'#!/bin/sh\nPYTHONPATH="{libraries}" exec "{sys.executable}" "$@"\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def box(grid_shape: tuple[int, int, int]) -> np.ndarray:
    """Which voxels `draw` gives the first label."""
    volume = np.zeros(grid_shape, bool)
    volume[2:4, 3:7, 1:4] = True
    return volume


def gone(pid: int, within_s: float = 10.0) -> bool:
    """Whether a process ends (a killed one takes a moment); one that only waits to be counted out has ended."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
        except OSError:
            return True
        state = Path(f"/proc/{pid}/stat")
        if state.exists() and state.read_text().rsplit(") ", 1)[1].startswith("Z"):
            return True
        time.sleep(0.05)
    return False
