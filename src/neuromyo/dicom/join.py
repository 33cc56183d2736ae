"""Echoes that came as series of their own, one series an echo, made one stack again.

Only what is surely one acquisition is joined: stacks of neighbouring series, alike in everything but their echo time, whose echo
numbers differ, which were acquired at the same moment, or whose names say multi-echo. Spin echoes measured one after the
other stay apart: they are no train.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from neuromyo.dicom.frames import Frame
from neuromyo.dicom.looks import words_of
from neuromyo.dicom.stack import Stack
from neuromyo.dicom.volumes import SAME_TIME

#: two series that begin within this of each other are one acquisition, s
_SAME_MOMENT = 1.0
_SAME_MM = 0.01
#: words of a series' name that say it has many echoes
_MULTI_ECHO = frozenset(
    {"mese", "mse", "msme", "mecse", "semc", "megre", "mge", "mecho", "multiecho", "me", "mfe", "mde"}
)
#: facts that must agree where both series state them
_FACTS = ("ScanningSequence", "SequenceVariant", "ScanOptions", "SequenceName", "MRAcquisitionType", "SequenceWords",
          "PhaseEncodingDirection", "PixelBandwidth", "ImagingFrequency")  # fmt: skip


def joined(stacks: Sequence[Stack]) -> list[Stack]:
    """The same stacks (in the order of the examination), those that are echoes of one acquisition joined."""
    made: list[Stack] = []
    open_sets: list[list[Stack]] = []
    for stack in stacks:
        fitting = next((s for s in reversed(open_sets) if _continues(s, stack)), None)
        if fitting is None:
            open_sets.append([stack])
        else:
            fitting.append(stack)
    for parts in open_sets:
        made.append(parts[0] if len(parts) == 1 else _as_one(parts))
    return sorted(made, key=lambda s: s.instances)


def _continues(parts: Sequence[Stack], stack: Stack) -> bool:
    first, last = parts[0], parts[-1]
    times = [s.echo_times[0] for s in (*parts, stack)]
    if any(s.n > 1 or len(s.numbers) != 1 or any(s.b_values or ()) or s.made for s in (*parts, stack)):
        return False
    if any(t is None for t in times) or min(abs(a - b) for a, b in _pairs(times)) <= SAME_TIME:
        return False
    return _neighbours(last, stack) and _alike(first, stack) and _are_echoes(parts, stack)


def _pairs(times: Sequence[float | None]) -> list[tuple[float, float]]:
    last = times[-1] or 0.0
    return [(t or 0.0, last) for t in times[:-1]]


def _neighbours(one: Stack, other: Stack) -> bool:
    """Series next to each other; between them may lie those of the other parts (phase, real, imaginary)."""
    return 0 < other.numbers[0] - one.numbers[0] <= 4


def _alike(one: Stack, other: Stack) -> bool:
    if one.shape[:3] != other.shape[:3] or np.abs(one.affine - other.affine).max() > _SAME_MM:
        return False
    if any(one.facts.get(k) != other.facts.get(k) for k in _FACTS if k in one.facts and k in other.facts):
        return False
    return _manner(one.first) == _manner(other.first)


def _manner(frame: Frame) -> tuple:
    numbers = (frame.flip_angle_deg, frame.repetition_time, frame.inversion_time)
    return (frame.part, frame.made, frame.coil, frame.mt_on, frame.scale.meaning,
            *(None if v is None else round(v, 3) for v in numbers))  # fmt: skip


def _are_echoes(parts: Sequence[Stack], stack: Stack) -> bool:
    """Whether anything says that these are echoes of one train: their numbers, the moment, or the name of all of them."""
    return (
        _numbered(parts, stack)
        or _same_moment(parts[0], stack)
        or all(words_of(s.facts) & _MULTI_ECHO for s in (*parts, stack))
    )


def _numbered(parts: Sequence[Stack], stack: Stack) -> bool:
    numbers = [s.first.echo_number for s in (*parts, stack)]
    return None not in numbers and len(set(numbers)) == len(numbers)


def _same_moment(one: Stack, other: Stack) -> bool:
    a, b = one.clock, other.clock
    return a is not None and b is not None and abs(a - b) <= _SAME_MOMENT


def _as_one(parts: Sequence[Stack]) -> Stack:
    by_time = sorted(parts, key=lambda s: s.echo_times[0] or 0.0)
    facts = {k: v for k, v in parts[0].facts.items() if all(p.facts.get(k, v) == v for p in parts)}
    return replace(
        parts[0],
        numbers=tuple(sorted(n for p in parts for n in p.numbers)),
        planes=tuple(p.planes[0] for p in by_time),
        echo_times=tuple(p.echo_times[0] for p in by_time),
        facts=facts | {"SeriesNumber": parts[0].numbers[0]},
    )
