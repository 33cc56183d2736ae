"""Frames of one examination to stacks: grouped by series, then by what makes volumes that do not belong together.

A series is parted by orientation (a three-plane localiser), matrix, voxel size, part (magnitude, phase ...), what the scanner made
of it, coil, MT pulse, flip angle, repetition and inversion time, wherever they vary. What is wrong with one stack is
told; the others go on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from neuromyo.core.errors import DataError, Finding, NeuromyoError
from neuromyo.dicom import geometry
from neuromyo.dicom.doubts import stack_doubts, torn
from neuromyo.dicom.frames import Frame
from neuromyo.dicom.join import joined
from neuromyo.dicom.listing import Listing
from neuromyo.dicom.looks import is_diffusion
from neuromyo.dicom.stack import Sorted, Stack, call
from neuromyo.dicom.volumes import UNWEIGHTED, clusters, order, told_apart

__all__ = ["Sorted", "Stack", "stacks"]

#: field -> difference from which two values part a series
_NUMBERS = {"flip_angle_deg": 0.05, "repetition_time": 5e-4, "inversion_time": 2e-4}
_SPACING_MM = 1e-3
#: share by which numbers of one series may differ and still be one fact
_SAME_FACT = 1e-4

Facts = Mapping[Any, Mapping[str, Any]]


def stacks(
    frames: Sequence[Frame],
    facts: Facts,
    listing: Listing,
    *,
    sops: Mapping[int, str] | None = None,
) -> Sorted:
    """The stacks of one examination, in its order.

    facts : BIDS keys by file number, or by series key: a stack has those that its files agree on
    sops : file number -> an identifier of the image in it: files with the same one are copies of each other, of which the
    first is kept

    E-SERIES and E-ECHO-COUNT are told in ``errors``, by series and slice.
    """
    kept, findings = _without_copies(frames, sops or {})
    made: list[Stack] = []
    errors: list[NeuromyoError] = []
    by_series: dict[str, list[Frame]] = {}
    for frame in sorted(kept, key=order):
        by_series.setdefault(frame.series, []).append(frame)
    for series, own in by_series.items():
        try:
            _require_planes(own, listing)
        except DataError as error:
            errors.append(error)
            continue
        done, wrong = _of_series(own, facts, series)
        made += done
        errors += wrong
    findings += torn(made)
    made = joined(sorted(made, key=lambda s: s.instances))
    findings += [f for stack in made for f in stack_doubts(stack)]
    return Sorted(tuple(made), tuple(findings), tuple(errors))


def _without_copies(frames: Sequence[Frame], sops: Mapping[int, str]) -> tuple[list[Frame], list[Finding]]:
    """Frames of the first file of each identity; W-DUPLICATE by series for the others."""
    first: dict[str, int] = {}
    for number in sorted({f.file for f in frames}):
        if number in sops:
            first.setdefault(sops[number], number)
    kept = [f for f in frames if f.file not in sops or first[sops[f.file]] == f.file]
    dropped: dict[int | None, set[int]] = {}
    for frame in frames:
        if frame.file in sops and first[sops[frame.file]] != frame.file:
            dropped.setdefault(frame.number, set()).add(frame.file)
    said = [_copies(number, len(files)) for number, files in sorted(dropped.items(), key=lambda d: d[0] or 0)]
    return kept, said + _unlike(frames, {n: first[sops[n]] for files in dropped.values() for n in files})


def _unlike(frames: Sequence[Frame], copies: Mapping[int, int]) -> list[Finding]:
    """W-DUPLICATE where what carries an image's identifier is not that image by its header. copies : file -> the one kept for it"""
    own: dict[int, list[Frame]] = {}
    for frame in frames:
        own.setdefault(frame.file, []).append(
            replace(frame, file=0, series="", instance=None, clock=None, acquisition=None)
        )
    numbers = [own[n][0].number for n, kept in copies.items() if own[n] != own.get(kept)]
    return [Finding("warn", "W-DUPLICATE", call(() if number is None else (number,)),
                    f"{numbers.count(number)} of them say something else in their headers than the images that were kept",
                    "find out which is right (one may have been processed again), and import that one alone",
                    "the first, by the names of folders and files, are taken")
            for number in dict.fromkeys(numbers)]  # fmt: skip


def _copies(number: int | None, n: int) -> Finding:
    said = (
        "a copy of an image that is there already was"
        if n == 1
        else f"{n} copies of images that are there already were"
    )
    return Finding("warn", "W-DUPLICATE", call(() if number is None else (number,)), f"{said} left out",
                   "nothing, if the folder holds the same export twice")  # fmt: skip


def _require_planes(frames: Sequence[Frame], listing: Listing) -> None:
    for frame in frames:
        if not geometry.is_plane(frame):
            raise DataError("E-SERIES", where=f"{_numbers(frames)}, {listing.call(frame.file)}",
                            needed="a position, two directions at right angles and a voxel size for every image",
                            found="none that can be used", remedy="leave the series out, or export it again")  # fmt: skip


def _numbers(frames: Sequence[Frame]) -> str:
    return call(sorted({f.number for f in frames if f.number is not None}))


def _of_series(frames: list[Frame], all_facts: Facts, series: str) -> tuple[list[Stack], list[NeuromyoError]]:
    directions = _directions(frames)
    diffusion = is_diffusion(frames, _agreed(frames, all_facts, series))
    groups: dict[tuple, list[Frame]] = {}
    for frame, key in zip(frames, _keys(frames, directions, diffusion), strict=True):
        groups.setdefault(key, []).append(frame)
    made: list[Stack] = []
    errors: list[NeuromyoError] = []
    n = max(directions) + 1
    for own in groups.values():
        where = _where(own, groups.values(), n > 1)
        numbers = tuple(sorted({f.number for f in own if f.number is not None}))
        try:
            runs = told_apart(own, where, diffusion=diffusion and own[0].b_value is not None)
        except DataError as error:
            errors.append(error)
            continue
        for run in runs:
            affine = geometry.affine(run.planes[0][0], run.step)
            made.append(Stack(numbers, run.planes, affine, run.echo_times, _agreed(own, all_facts, series), n))
    return made, errors


def _agreed(frames: Sequence[Frame], facts: Facts, series: str) -> dict[str, Any]:
    """The facts that the files of these frames agree on: one stated by some alone is none, numbers may differ by rounding."""
    told = [facts[number] for number in sorted({f.file for f in frames}) if number in facts]
    if not told:
        return dict(facts.get(series, {}))
    first, others = told[0], [t for t in told[1:] if t is not told[0]]
    return {k: v for k, v in first.items() if all(k in o and _one_value(v, o[k]) for o in others)}


def _one_value(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, (int, float)):
        return abs(a - b) <= _SAME_FACT * abs(a)
    return bool(a == b)


def _directions(frames: Sequence[Frame]) -> list[int]:
    """The number of each frame's orientation, in the order in which they are met."""
    met: list[Frame] = []
    numbers: list[int] = []
    for frame in frames:
        number = next((n for n, other in enumerate(met) if geometry.parallel(frame, other)), len(met))
        if number == len(met):
            met.append(frame)
        numbers.append(number)
    return numbers


def _keys(frames: Sequence[Frame], directions: Sequence[int], diffusion: bool) -> list[tuple]:
    """What frames of one stack share. The repetition time of diffusion images is not looked at: it follows the breath."""
    numbers = [_levels([getattr(f, name) for f in frames], apart) for name, apart in _NUMBERS.items()]
    spacing = [_levels([f.spacing_mm[a] for f in frames], _SPACING_MM) for a in (0, 1)]
    told = any(f.b_vector is not None for f in frames)
    keys = []
    for i, frame in enumerate(frames):
        flip, tr, ti = (levels[i] for levels in numbers)
        averaged = told and frame.b_vector is None and (frame.b_value or 0.0) > UNWEIGHTED
        keys.append((directions[i], frame.stack, frame.shape, spacing[0][i], spacing[1][i], frame.part, frame.made, frame.coil,
                     frame.mt_on, flip, ti, frame.b_value is not None, averaged,
                     None if diffusion and frame.b_value is not None else tr))  # fmt: skip
    return keys


def _levels(values: Sequence[float | None], apart: float) -> list[int | None]:
    """The number of each value's cluster, None where it is not stated."""
    stated = [v for v in values if v is not None]
    numbers = iter(clusters(stated, apart).tolist() if stated else [])
    return [None if v is None else next(numbers) for v in values]


_PARTS = {"mag": "magnitude", "phase": "phase", "real": "real part", "imag": "imaginary part"}


def _where(own: Sequence[Frame], groups: Any, oblique: bool) -> str:
    """``series 8``, and what tells this stack from the others of the series."""
    said = [_numbers(own)]
    others = [g[0] for g in groups]
    if oblique:
        said.append(f"{geometry.plane_name(own[0])} images")
    if len({f.part for f in others}) > 1:
        said.append(_PARTS[own[0].part])
    if len({f.mt_on for f in others}) > 1 and own[0].mt_on is not None:
        said.append(f"MT {'on' if own[0].mt_on else 'off'}")
    for name, form in (("flip_angle_deg", "flip angle {:g}"), ("inversion_time", "inversion time {:g} s"),
                       ("repetition_time", "repetition time {:g} s")):  # fmt: skip
        value = getattr(own[0], name)
        if value is not None and len({getattr(f, name) for f in others}) > 1:
            said.append(form.format(value))
    return ", ".join(said)
