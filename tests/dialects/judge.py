"""Whether what a reader found is the truth: volume by volume, by values at places of the world, whatever files they came in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .geometry import onto
from .truth import Truth


@dataclass(frozen=True, eq=False)
class Volume:
    """One volume (x, y, z) as a reader gives it; what it does not know is None. b in s/mm2, directions RAS world, times in s."""

    values: np.ndarray
    affine: np.ndarray
    part: str | None = None
    made: str | None = None
    echo_time: float | None = None
    flip_deg: float | None = None
    inversion_time: float | None = None
    mt_on: bool | None = None
    b_value: float | None = None
    b_vector: np.ndarray | None = None


def judge(truths: Sequence[Truth], found: Sequence[Volume]) -> None:
    """Each volume of the truth is found once, with its places and numbers, and nothing else is."""
    left = list(found)
    for truth in truths:
        for n in range(truth.values.shape[3]):
            left.remove(_found(truth, n, left))
    assert not left, f"{len(left)} volumes too many: {[_words(v) for v in left]}"


def _found(truth: Truth, n: int, left: Sequence[Volume]) -> Volume:
    reasons = []
    for volume in left:
        reason = _differs(truth, n, volume)
        if not reason:
            return volume
        reasons.append(f"{_words(volume)}: {reason}")
    said = f"part {truth.part}, made {truth.made!r}, volume {n} of {truth.values.shape}"
    raise AssertionError(f"not found: {said}; there are\n" + "\n".join(reasons))


def _words(volume: Volume) -> str:
    return f"part {volume.part}, made {volume.made!r}, {volume.values.shape}, TE {volume.echo_time}, b {volume.b_value}"


def _differs(truth: Truth, n: int, volume: Volume) -> str:
    """How a volume is not the n-th of a truth; empty if it is."""
    if volume.part not in (None, truth.part):
        return "another part"
    expected = truth.values[..., n]
    if sorted(expected.shape) != sorted(volume.values.shape):
        return "another shape"
    try:
        moved = onto(volume.values, volume.affine, truth.affine)
    except AssertionError as error:
        return str(error)
    if moved.shape != expected.shape:
        return "another shape"
    off = np.abs(moved.astype(np.float64) - expected)
    if off.max() > (0 if truth.exact else 1e-6 * max(1e-30, np.abs(expected).max())):
        return f"values differ by up to {off.max():.6g} in {np.mean(off > 0):.0%} of the voxels"
    return _numbers_differ(truth, n, volume)


def _numbers_differ(truth: Truth, n: int, volume: Volume) -> str:
    if volume.made is not None and volume.made != truth.made:
        return f"made {volume.made!r}, not {truth.made!r}"
    if truth.made:
        return ""  # how a map's source was acquired is not the map's
    pairs = {
        "echo time": (truth.echo_times[n], volume.echo_time, 1e-7), "flip angle": (truth.flip_deg, volume.flip_deg, 1e-4),
        "inversion time": (truth.inversion_time, volume.inversion_time, 1e-6),
        "b": (truth.b_values[n] if truth.b_values else None, volume.b_value, 0.05),
    }  # fmt: skip
    for name, (true, said, within) in pairs.items():
        if true is not None and (said is None or abs(said - true) > within):
            return f"{name} {said}, not {true}"
    if truth.mt_on is not None and volume.mt_on is not truth.mt_on:
        return f"MT {volume.mt_on}, not {truth.mt_on}"
    if truth.b_vectors is not None:
        true = truth.b_vectors[n]
        said = np.zeros(3) if volume.b_vector is None else np.asarray(volume.b_vector, float)
        if np.linalg.norm(np.outer(said, said) - np.outer(true, true)) > 1e-3:
            return f"direction {said}, not {true}"
    return ""
