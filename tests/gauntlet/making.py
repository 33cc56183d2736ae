"""Files for the gauntlet, made byte by byte without the software that is to read them."""

import gzip
import hashlib
import json
import struct
from pathlib import Path

import numpy as np

AFFINE = np.array([[-2.0, 0, 0, 20], [0, 2.0, 0, -30], [0, 0, 5.0, 7], [0, 0, 0, 1]])
ECHOES = (0.008, 0.016, 0.024, 0.032, 0.040, 0.048)


def leg(n=6, shape=(12, 10, 4), seed=1):
    """(x, y, z, n) int16: a block of decaying tissue in noise, as stored."""
    rng = np.random.default_rng(seed)
    tissue = np.zeros(shape)
    tissue[2:-2, 2:-2] = 900 + 50 * rng.standard_normal((shape[0] - 4, shape[1] - 4, shape[2]))
    te = 0.008 * np.arange(1, n + 1)
    return np.rint(tissue[..., None] * np.exp(-te / 0.035) + np.abs(rng.normal(4, 2, (*shape, n)))).astype(np.int16)


def nii(array, affine=AFFINE, order="<", **header):
    """The bytes of a NIfTI-1 file; fields are overwritten by name: ``pixdim1=float("nan")``, ``dim0=99`` ..."""
    codes = {"int16": 4, "float32": 16, "float64": 64, "uint8": 2, "int32": 8, "uint16": 512}
    array = np.asarray(array)
    h = bytearray(352)
    pixdim = [1.0, *np.linalg.norm(affine[:3, :3], axis=0), 1, 1, 1, 1]
    struct.pack_into(order + "i", h, 0, 348)
    struct.pack_into(order + "8h", h, 40, array.ndim, *array.shape, *[1] * (7 - array.ndim))
    struct.pack_into(order + "2h", h, 70, codes[array.dtype.name], 8 * array.dtype.itemsize)
    struct.pack_into(order + "8f", h, 76, *pixdim)
    struct.pack_into(order + "3f", h, 108, 352, 1, 0)
    h[123] = 2
    struct.pack_into(order + "2h", h, 252, 0, 1)
    struct.pack_into(order + "12f", h, 280, *affine[:3].ravel())
    h[344:348] = b"n+1\x00"
    at = {
        "datatype": ("h", 70),
        "bitpix": ("h", 72),
        "vox_offset": ("f", 108),
        "scl_slope": ("f", 112),
        "scl_inter": ("f", 116),
        "xyzt_units": ("B", 123),
        "qform_code": ("h", 252),
        "sform_code": ("h", 254),
        "descrip": ("80s", 148),
        "aux_file": ("24s", 228),
        "db_name": ("18s", 14),
        "intent_name": ("16s", 328),
    }
    at |= {f"dim{i}": ("h", 40 + 2 * i) for i in range(8)} | {f"pixdim{i}": ("f", 76 + 4 * i) for i in range(8)}
    at |= {f"quatern{i}": ("f", 256 + 4 * i) for i in range(3)} | {f"qoffset{i}": ("f", 268 + 4 * i) for i in range(3)}
    at |= {f"srow{i}": ("f", 280 + 4 * i) for i in range(12)}
    for name, value in header.items():
        fmt, place = at[name]
        struct.pack_into(order + fmt, h, place, value)
    return bytes(h) + array.astype(array.dtype.newbyteorder(order)).tobytes(order="F")


def gz(data, level=6):
    return gzip.compress(data, level, mtime=0)


def digests(folder: Path) -> dict[str, str]:
    """Every plain file under a folder and its hash."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def study(root: Path, subjects=("bad", "good"), echoes=ECHOES, sidecars=True) -> Path:
    """A BIDS folder with one multi-echo series a subject, one file an echo."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "dataset_description.json").write_text(json.dumps({"Name": "made", "BIDSVersion": "1.10.0"}))
    for number, subject in enumerate(subjects):
        anat = root / f"sub-{subject}" / "anat"
        anat.mkdir(parents=True)
        data = leg(len(echoes), seed=number)
        for i, te in enumerate(echoes):
            stem = f"sub-{subject}_echo-{i + 1}_MESE"
            (anat / f"{stem}.nii.gz").write_bytes(gz(nii(data[..., i])))
            if sidecars:
                (anat / f"{stem}.json").write_text(json.dumps({"EchoTime": te, "RepetitionTime": 3.0}))
    return root
