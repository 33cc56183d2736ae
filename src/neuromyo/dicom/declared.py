"""Stacks against a protocol: which of its sequences was this to be?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from neuromyo.dicom.looks import Look
from neuromyo.protocol.protocol import Protocol
from neuromyo.protocol.sequence import EchoTrain, Figure, Sequence

_GRADIENT = frozenset({"MEGRE", "VFA", "MPM", "MTS", "TB1AFI", "MTR"})
_SPIN = frozenset({"MESE"})
_TRAINS = frozenset({"MESE", "MEGRE"})
_POINTS = {"fine": 2.0, "usable": 1.0, "unusable": -1.0}


def best(look: Look, protocol: Protocol) -> Sequence | None:
    """The declared sequence that fits best, or None: no number that tells sequences apart may be beyond what is usable."""
    scores = [(s, one) for one in protocol.sequences.values() if (s := _score(look, one)) is not None]
    return max(scores, key=lambda pair: pair[0])[1] if scores else None


def _score(look: Look, declared: Sequence) -> float | None:
    """Mean points of the numbers that are declared and stated; None where it cannot be this sequence."""
    if not _possible(look, declared):
        return None
    telling = [figure.level(value) for figure, value in _telling(look, declared)]
    if not telling or "unusable" in telling:
        return None
    levels = telling + [figure.level(value) for figure, value in _geometry(look, declared)]
    return sum(_POINTS[level] for level in levels) / len(levels)


def _possible(look: Look, declared: Sequence) -> bool:
    kind = declared.kind
    if look.stack.made or (kind in _TRAINS and look.n_echoes < _fewest(declared)):
        return False
    if kind in _SPIN and declared.echo_list is not None and look.fast:
        return False
    if (kind == "dwi") != look.weighted or (kind in ("epi", "sbref")) != (look.planar and not look.weighted):
        return False
    if (kind in _GRADIENT and look.echo == "spin") or (kind in _SPIN and look.echo == "gradient"):
        return False
    if declared.mt_on is not None and bool(look.mt) != declared.mt_on:
        return False
    return kind != "IRT1" or look.ti is not None


def _fewest(declared: Sequence) -> int:
    """Echoes without which it is no train: two, but where the protocol lists a single one."""
    return min(2, len(declared.echo_list.times)) if declared.echo_list is not None else 2


def _telling(look: Look, declared: Sequence) -> Iterator[tuple[Figure, float]]:
    """What tells one sequence from another."""
    times = sorted(t for t in look.stack.echo_times if t is not None)
    if declared.echoes is not None:
        yield from _train(declared.echoes, times)
    elif declared.echo_list is not None and times and declared.kind not in ("dwi", "epi"):
        n = len(declared.echo_list.times)
        yield declared.echo_list.count, float(len(times))
        yield from ((declared.echo_list.figure(i), t) for i, t in enumerate(times[:n]))
    for figure, value in ((declared.repetition_time, look.tr), (declared.flip_angle_deg, look.flip)):
        if figure is not None and value is not None:
            yield figure, value
    if declared.b_value_s_mm2 is not None and look.stack.b_values:
        yield declared.b_value_s_mm2, max(look.stack.b_values) * 1e-6


def _train(train: EchoTrain, times: list[float]) -> Iterator[tuple[Figure, float]]:
    if times:
        yield train.first, times[0]
        yield train.count, float(len(times))
    if len(times) > 1:
        yield train.spacing, float(np.median(np.diff(times)))


def _geometry(look: Look, declared: Sequence) -> Iterator[tuple[Figure, float]]:
    i, j, k = look.stack.spacing_mm
    thickness = look.stack.first.thickness_mm
    found = (
        (declared.in_plane_mm, max(i, j)),
        (declared.slice_thickness_mm, thickness),
        (declared.coverage_mm, k * look.stack.shape[2]),
    )
    yield from ((figure, value) for figure, value in found if figure is not None and value is not None)
