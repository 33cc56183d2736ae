"""A tibial nerve that bends through muscle, as diffusion images with their tables and a label image, on disk; NumPy and nibabel-free.

The stored image runs to the patient's left, as scanners store it; the nerve's own line is `tract_fields.Arc`.
"""

import gzip
import json

import numpy as np

from .diffusion import sphere, world_to_bvec
from .tract_fields import Arc, field, magnitudes

BUNDLE = Arc(140.0, (-140.0, 0.0, 0.0))
RADIUS_MM = 4.0


def affine_of(shape, spacing=(1.5, 1.5, 4.0)):
    """Stored voxels to RAS mm: x runs to the left, the middle of the volume lies at 0."""
    affine = np.diag([-spacing[0], spacing[1], spacing[2], 1.0])
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return affine


def nifti(array, affine):
    """The bytes of a gzipped NIfTI-1 file of (a, b, c) or (a, b, c, n), float32 or uint8."""
    array = np.asarray(array)
    header = np.zeros(348, np.uint8)

    def put(at, values, kind):
        data = np.asarray(values, kind).tobytes()
        header[at : at + len(data)] = np.frombuffer(data, np.uint8)

    put(0, 348, "<i4")
    put(40, [array.ndim, *array.shape, *[1] * (7 - array.ndim)], "<i2")
    put(70, {"f": 16, "u": 2}[array.dtype.kind], "<i2")
    put(72, array.dtype.itemsize * 8, "<i2")
    put(76, [1.0, *np.linalg.norm(affine[:3, :3], axis=0), 1.0, 0, 0, 0], "<f4")
    put(108, 352.0, "<f4")
    put(112, 1.0, "<f4")
    header[123] = 2
    put(252, [0, 1], "<i2")
    put(280, affine[:3], "<f4")
    put(344, np.frombuffer(b"n+1\0", np.uint8), np.uint8)
    return gzip.compress(header.tobytes() + bytes(4) + array.tobytes(order="F"), 1, mtime=0)


def write(folder, *, shape=(16, 16, 20), spacing=(1.5, 1.5, 4.0), snr=30.0, n=20, seed=5):
    """``dwi.nii.gz`` with ``.bval``, ``.bvec``, ``.json`` and ``nerve.nii.gz`` with ``nerve.tsv``; returns the affine."""
    folder.mkdir(parents=True, exist_ok=True)
    affine = affine_of(shape, spacing)
    tensor, share = field(shape, affine, BUNDLE, RADIUS_MM, beside=(0.6, 0.0, 1.0), fine=2)
    b = np.concatenate([np.zeros(3), np.full(n, 8e8)])
    g = np.concatenate([np.zeros((3, 3)), sphere(n)])
    signal = magnitudes(tensor, b, g, snr=snr, seed=seed).astype("<f4")
    (folder / "dwi.nii.gz").write_bytes(nifti(signal, affine))
    (folder / "dwi.bval").write_text(" ".join(f"{v / 1e6:g}" for v in b) + "\n")
    (folder / "dwi.bvec").write_text(
        "\n".join(" ".join(f"{v:.6f}" for v in row) for row in world_to_bvec(g, affine)) + "\n"
    )
    (folder / "dwi.json").write_text(json.dumps({"EchoTime": 0.06, "RepetitionTime": 5.0}))
    (folder / "nerve.nii.gz").write_bytes(nifti((share >= 0.5).astype(np.uint8), affine))
    (folder / "nerve.tsv").write_text("index\tname\tside\tparent\tcode\n1\ttibial-nerve\tright\tnerve\tn/a\n")
    return affine
