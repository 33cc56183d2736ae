"""What is done to the bad subject's files: each function here returns, or is, a change to its ``anat`` folder."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.gauntlet.driving import AFFINE, TIMES, rewrite, train
from tests.gauntlet.making import gz, nii

NAN, INF = float("nan"), float("inf")
ASK = ("--biomarkers", "t2-mono", "--nprocs", 1)
BAD = train(1)
#: a qform that says what the sform says
QFORM = {"qform_code": 1, "pixdim0": -1.0, "quatern1": 1.0, "qoffset0": 92.0, "qoffset1": -76.0, "qoffset2": -10.0}


def image(anat: Path, echo: int | None = 3) -> Path:
    return anat / ("sub-bad_MESE.nii.gz" if echo is None else f"sub-bad_echo-{echo}_MESE.nii.gz")


def beside(anat: Path, echo: int | None = 3) -> Path:
    file = image(anat, echo)
    return file.with_name(file.name.replace(".nii.gz", ".json"))


def put(anat: Path, data: bytes, echo: int | None = 3, plain: bool = False) -> None:
    """Other bytes under the image's name, or in its place under a name without .gz."""
    file = image(anat, echo)
    if plain:
        file.unlink()
        file = file.with_suffix("")
    file.write_bytes(data)


def damage(change: Callable[[bytes], bytes], echo: int | None = 3):
    return lambda anat: put(anat, change(image(anat, echo).read_bytes()), echo)


def header(echo: int | None = 3, plain: bool = False, **fields):
    """The image with other fields in its header."""

    def change(anat: Path) -> None:
        raw = nii(BAD if echo is None else BAD[..., echo - 1], AFFINE, **fields)
        put(anat, raw if plain else gz(raw, 1), echo, plain)

    return change


def voxels(change: Callable[[np.ndarray], np.ndarray], echo: int | None = 3, affine=AFFINE, **fields):
    """The image with other voxels."""

    def apply(anat: Path) -> None:
        data = change((BAD if echo is None else BAD[..., echo - 1]).copy())
        put(anat, gz(nii(data, affine, **fields), 1), echo)

    return apply


def said(echo: int | None = 3, **fields):
    """The sidecar with other fields; None takes one out."""
    return lambda anat: rewrite(beside(anat, echo), **fields)


def times(listed, four_d: bool = False):
    """These echo times, in the order of the volumes or of the files' echo numbers."""

    def apply(anat: Path) -> None:
        if four_d:
            rewrite(beside(anat, None), EchoTime=list(listed))
        else:
            for echo, te in enumerate(listed, 1):
                rewrite(beside(anat, echo), EchoTime=te)

    return apply


def raw_sidecar(text: bytes | str, echo: int | None = 3):
    data = text.encode() if isinstance(text, str) else text
    return lambda anat: beside(anat, echo).write_bytes(data)


def both(*changes):
    def apply(anat: Path) -> None:
        for change in changes:
            change(anat)

    return apply


def swapped(a: int, b: int) -> tuple[float, ...]:
    listed = list(TIMES)
    listed[a - 1], listed[b - 1] = listed[b - 1], listed[a - 1]
    return tuple(listed)


def moved(by_mm: float, axis: int = 0) -> np.ndarray:
    affine = AFFINE.copy()
    affine[axis, 3] += by_mm
    return affine


def flipped(data: bytes, at: float = 0.5) -> bytes:
    damaged = bytearray(data)
    damaged[int(len(data) * at)] ^= 0x10
    return bytes(damaged)


def special(make: Callable[[Path], object], echo: int | None = 3):
    def apply(anat: Path) -> None:
        image(anat, echo).unlink()
        make(image(anat, echo))

    return apply


def unzip(anat: Path) -> None:
    """The third echo as a plain .nii, cut in half."""
    raw = nii(BAD[..., 2], AFFINE)
    put(anat, raw[: len(raw) // 2], plain=True)


def rename_with_acq(anat: Path) -> None:
    """The images get an acquisition label that their sidecars do not have; the times stay with the echoes."""
    for echo, te in enumerate(TIMES, 1):
        image(anat, echo).rename(anat / f"sub-bad_acq-a_echo-{echo}_MESE.nii.gz")
        beside(anat, echo).write_text(json.dumps({"EchoTime": te, "RepetitionTime": 3.0}))
