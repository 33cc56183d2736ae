"""Planes of one grid to volumes: whole, evenly spaced and told apart by what the header says, or refused by name.

Slices are ordered by their position across the plane, whatever order they were taken, numbered or handed in. Volumes are told
apart by echo *time* (echo numbers are left blank or repeated by some scanners), by b-value and direction, and repeats by temporal
position and acquisition number; for diffusion, where repeats are the rule, by acquisition time and instance number too. Nothing
is guessed: images that nothing tells apart are E-ECHO-COUNT or E-SERIES, and so are missing slices and uneven gaps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neuromyo.core.errors import DataError
from neuromyo.dicom import geometry
from neuromyo.dicom.frames import Frame

#: echo times nearer than this are one, s; shortest distance of echoes is some 0.5 ms, rounding in headers 1 us
SAME_TIME = 1e-5
#: b below this is no weighting to speak of, s/m2: some scanners play 1 or 2 s/mm2 where 0 was asked for
UNWEIGHTED = 50e6
#: b-values nearer than this are one, s/m2
_SAME_B = 1e6
#: planes nearer than this across the slices are at one place, mm
_SAME_PLACE = 0.05
#: gaps may differ by this share, or by rounding in the header; never by more than `_UNEVEN_MM`
_UNEVEN, _ROUNDING_MM, _UNEVEN_MM = 0.01, 0.011, 0.1
#: in-plane drift from slice to slice that is still no shear: share of the distance, and mm for rounding
_ASKEW, _ASKEW_MM = 0.01, 0.1

_AGAIN = "export the series again, whole, from the scanner or the archive"


@dataclass(frozen=True, eq=False)
class Volumes:
    """(volumes)(slices) frames of one run, the step between slices (3,) LPS mm, and the echo times."""

    planes: tuple[tuple[Frame, ...], ...]
    step: np.ndarray
    echo_times: tuple[float | None, ...]


def told_apart(frames: Sequence[Frame], where: str, *, diffusion: bool = False) -> list[Volumes]:
    """The runs (one, or several where everything was repeated) that frames of one grid make up; E-SERIES, E-ECHO-COUNT.

    diffusion : repeats are told by the order of acquisition too, and volumes kept in it
    """
    frames = sorted(frames, key=order)
    _refuse_half_stated(frames, where)
    first = frames[0]
    offsets = geometry.along(frames, first)
    _refuse_askew(offsets, where)
    across = offsets[:, 2]
    places = clusters(across, _SAME_PLACE)
    middles = [float(np.mean(across[places == k])) for k in range(int(places.max()) + 1)]
    heap = _Heap(frames, places.tolist(), middles, _labels(frames), where, diffusion)
    volumes = heap.volumes()
    heap.refuse_gaps()
    runs = [volumes] if heap.diffusion else _runs(volumes, where)
    step = _step(frames, offsets, places, middles, where)
    return [Volumes(tuple(v.planes for v in run), step, tuple(v.label[0] for v in run)) for run in runs]


def order(frame: Frame) -> tuple:
    """The order in which frames were acquired, as far as the header tells; then that of the files."""
    stated = (frame.temporal, frame.acquisition, frame.clock, frame.instance)
    return (*((0.0 if v is None else float(v)) for v in stated), frame.file, frame.frame, frame.tile or 0)


def clusters(values: Sequence[float] | np.ndarray, apart: float) -> np.ndarray:
    """(n,) for each value the number, from 0 in rising order, of the cluster it is in: neighbours within ``apart``."""
    values = np.asarray(values, dtype=np.float64)
    by_size = np.argsort(values, kind="stable")
    jumps = np.concatenate([[0], np.cumsum(np.diff(values[by_size]) > apart)])
    number = np.empty(len(values), dtype=int)
    number[by_size] = jumps
    return number


Label = tuple[float | None, float | None, tuple[float, ...] | None]


def _labels(frames: Sequence[Frame]) -> list[Label]:
    """(echo time, b-value, direction) of each frame, made alike where they are."""
    times = _alike([f.echo_time for f in frames], SAME_TIME)
    weights = _alike([f.b_value for f in frames], _SAME_B)
    vectors = [None if f.b_vector is None else tuple(round(c, 4) + 0.0 for c in f.b_vector) for f in frames]
    return list(zip(times, weights, vectors, strict=True))


def _alike(values: Sequence[float | None], apart: float) -> list[float | None]:
    """Each value replaced by the median of its cluster."""
    stated = [v for v in values if v is not None]
    if not stated:
        return list(values)
    number = clusters(stated, apart)
    middle = {int(c): float(np.median(np.array(stated)[number == c])) for c in set(number.tolist())}
    clustered = iter(number.tolist())
    return [None if v is None else middle[next(clustered)] for v in values]


@dataclass(frozen=True, eq=False)
class _Volume:
    label: Label
    repeat: int
    planes: tuple[Frame, ...]


@dataclass(frozen=True, eq=False)
class _Heap:
    """Frames, the place of each across the slices, the places in mm, and the label of each."""

    frames: Sequence[Frame]
    places: Sequence[int]
    middles: Sequence[float]
    labels: Sequence[Label]
    where: str
    diffusion: bool

    def volumes(self) -> list[_Volume]:
        at: dict[Label, list[list[Frame]]] = {}
        for frame, place, label in zip(self.frames, self.places, self.labels, strict=True):
            at.setdefault(label, [[] for _ in self.middles])[place].append(frame)
        by_value = sorted(at, key=lambda label: tuple((v is not None, () if v is None else v) for v in label))
        made = [volume for label in by_value for volume in self._repeats(label, at[label])]
        if self.diffusion:
            made.sort(key=lambda v: min(order(f) for f in v.planes))
        return made

    def _repeats(self, label: Label, at: list[list[Frame]]) -> list[_Volume]:
        """One volume, or one a repeat, of the images with one label."""
        counts = Counter(len(there) for there in at)
        usual = max(counts, key=lambda n: (counts[n], n))
        if usual > 1 or max(counts) > 1:
            self._refuse_twins(label, at, usual)
        for place, there in enumerate(at):
            if len(there) < usual:
                raise self._missing(label, at, place, usual)
        return [_Volume(label, r, tuple(there[r] for there in at)) for r in range(usual)]

    def _refuse_twins(self, label: Label, at: list[list[Frame]], usual: int) -> None:
        """Images at one place must be told apart by what repeats are told by; sorted so that they can be numbered."""
        for place, there in enumerate(at):
            numbers = {f.echo_number for f in there}
            if not self.diffusion and len(numbers) > 1:
                raise self._one_echo_time(label, len(numbers))
            tells = {self._tell(f) for f in there}
            if len(tells) == len(there) and len(there) <= usual:
                continue
            instances = {f.instance for f in there}
            if len(there) == usual and len(instances) == len(there) and not self.diffusion and len(tells) == 1:
                raise self._one_echo_time(label, usual)
            raise self._twins(label, place, len(there))

    def _tell(self, frame: Frame) -> tuple:
        plain = (frame.temporal, frame.acquisition)
        return (*plain, frame.clock, frame.instance, frame.frame, frame.tile) if self.diffusion else plain

    def refuse_gaps(self) -> None:
        gaps = np.diff(self.middles)
        if len(gaps) < 2:
            return
        usual = float(np.sort(gaps)[(len(gaps) - 1) // 2])
        allowed = min(max(_UNEVEN * usual, _ROUNDING_MM), _UNEVEN_MM)
        off = np.flatnonzero(np.abs(gaps - usual) > allowed)
        if not off.size:
            return
        k = int(off[0])
        more = f" (and {off.size - 1} other gaps that differ)" if off.size > 1 else ""
        found = (f"{gaps[k]:.3g} mm between slice {k + 1} ({self._at(k)}) and slice {k + 2} ({self._at(k + 1)}), "
                 f"{usual:.3g} mm elsewhere{more}")  # fmt: skip
        raise DataError("E-SERIES", where=self.where, needed="slices at equal distances", found=found + self._lost(gaps[k] / usual),
                        remedy=_AGAIN + "; slices that were planned at unequal distances cannot be made one image")  # fmt: skip

    def _lost(self, ratio: float) -> str:
        lost = round(ratio) - 1
        if lost < 1 or abs(ratio - lost - 1) > 0.05:
            return ""
        return f": {lost} slice{'s' if lost > 1 else ''} missing there"

    def _missing(self, label: Label, at: list[list[Frame]], place: int, usual: int) -> DataError:
        lacking = sum(len(there) < usual for there in at)
        more = "" if lacking == 1 else f" and at {lacking - 1} other slice{'s' if lacking > 2 else ''}"
        have = "none" if not at[place] else f"{len(at[place])}"
        return DataError(
            "E-SERIES",
            where=f"{self.where}{_said(label)}",
            needed=f"{_images(usual)} at each of {len(at)} slice positions",
            found=f"{have} at slice {place + 1} ({self._at(place)}){more}",
            remedy=f"an image is missing: {_AGAIN}",
        )

    def _twins(self, label: Label, place: int, n: int) -> DataError:
        return DataError(
            "E-SERIES",
            where=f"{self.where}{_said(label)}",
            needed="one image at each slice position, or a header that tells repeated images apart",
            found=f"{n} images at slice {place + 1} of {len(self.middles)} ({self._at(place)}) that nothing in their headers tells apart",
            remedy="remove the copies, or " + _AGAIN,
        )

    def _one_echo_time(self, label: Label, n: int) -> DataError:
        time = "no echo time" if label[0] is None else f"one echo time ({label[0] * 1e3:.4g} ms)"
        return DataError(
            "E-ECHO-COUNT",
            where=f"{self.where}: EchoTime",
            needed="an echo time for each echo",
            found=f"{n} echoes, {time}: {_images(n)} at every slice position whose headers all say the same",
            remedy="export the series again with its echo times (an anonymiser or old archive may have levelled them): "
            "they are not guessed; if these are repeats of one echo, export them with their acquisition numbers",
        )

    def _at(self, place: int) -> str:
        return geometry.shown(self.frames[0], self.middles[place])


def _said(label: Label) -> str:
    """Which volume it is, as a person calls it."""
    time, b, _ = label
    if b is not None:
        return f", b = {b * 1e-6:.0f} s/mm2"
    return "" if time is None else f", echo at {time * 1e3:.4g} ms"


def _images(n: int) -> str:
    return "one image" if n == 1 else f"{n} images"


def _runs(volumes: Sequence[_Volume], where: str) -> list[list[_Volume]]:
    """The volumes of each repeat, every echo in each."""
    runs = [[v for v in volumes if v.repeat == r] for r in range(max(v.repeat for v in volumes) + 1)]
    lacking = next((r for r, run in enumerate(runs) if len(run) < len(runs[0])), None)
    if lacking is not None:
        have = {v.label for v in runs[lacking]}
        label = next(v.label for v in runs[0] if v.label not in have)
        raise DataError("E-SERIES", where=f"{where}{_said(label)}", needed=f"{len(runs)} repeats, as the other echoes have",
                        found=f"{lacking}", remedy=_AGAIN)  # fmt: skip
    return runs


def _refuse_half_stated(frames: Sequence[Frame], where: str) -> None:
    """An echo time that some images state and others do not: which echo those are is not guessed."""
    silent = sum(f.echo_time is None for f in frames)
    if 0 < silent < len(frames):
        raise DataError("E-ECHO-COUNT", where=f"{where}: EchoTime", needed="an echo time (over 0) in every image of the series",
                        found=f"none in {silent} of {len(frames)} images", remedy=_AGAIN)  # fmt: skip


def _refuse_askew(offsets: np.ndarray, where: str) -> None:
    drift = float(np.ptp(offsets[:, :2], axis=0).max())
    length = float(np.ptp(offsets[:, 2]))
    if drift > max(_ASKEW_MM, _ASKEW * length):
        tilt = f", {np.degrees(np.arctan2(drift, length)):.1f} degrees off" if length > _SAME_PLACE else ""
        raise DataError(
            "E-SERIES",
            where=where,
            needed="parallel slices right above each other",
            found=f"slices shifted within their plane by up to {drift:.3g} mm{tilt}",
            remedy="these may be two stacks (left and right): export each as a series of its own; else they cannot be put on one grid "
            "without resampling: leave the series out, or export it again without regridding",
        )


def _step(
    frames: Sequence[Frame], offsets: np.ndarray, places: np.ndarray, middles: Sequence[float], where: str
) -> np.ndarray:
    """(3,) LPS mm from slice to slice: measured, or that of a single slice as it is stated."""
    if len(middles) > 1:
        low, high = (offsets[places == k].mean(axis=0) for k in (0, len(middles) - 1))
        first = frames[0]
        axes = np.array([first.row, first.column, geometry.normal(first)])
        return (high - low) / (len(middles) - 1) @ axes
    stated = [v for v in (frames[0].apart_mm, frames[0].thickness_mm) if v is not None and np.isfinite(v) and v > 0]
    if not stated:
        raise DataError("E-SERIES", where=where, needed="the thickness of its single slice", found="none stated",
                        remedy="export the series again with SliceThickness")  # fmt: skip
    return geometry.normal(frames[0]) * stated[0]
