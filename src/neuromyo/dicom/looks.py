"""What a stack looks like to someone who names images: spin or gradient echo, how many echoes, what was varied."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from neuromyo.dicom.frames import Frame
from neuromyo.dicom.stack import Stack
from neuromyo.dicom.volumes import UNWEIGHTED

#: words of a protocol's name that stand for a kind of echo
_SPIN = frozenset(
    {"mese", "mse", "msme", "mecse", "se", "tse", "fse", "semc", "turbo", "space", "vista", "stir", "tirm", "irse"}
)
_FAST = frozenset({"tse", "fse", "turbo", "space", "vista"})
_GRADIENT = frozenset({"gre", "ge", "mge", "megre", "mecho", "ffe", "mfe", "mde", "flash", "spgr", "fsp", "vibe", "tfe", "tfl", "ideal",
                       "mprage", "mp2rage", "fast", "trufi", "dess", "afi"})  # fmt: skip
_DIFFUSION = frozenset({"dti", "dwi", "ep2d", "epi"})
_SAME_MM = 0.1


@dataclass(frozen=True, eq=False)
class Look:
    """A stack and what can be told of it; ``place`` is its number among the stacks of the examination."""

    stack: Stack
    place: int

    @cached_property
    def words(self) -> frozenset[str]:
        """Words of the trade in its name at the console."""
        return words_of(self.stack.facts)

    @cached_property
    def codes(self) -> frozenset[str]:
        """DICOM's Scanning Sequence: SE, IR, GR, EP, RM."""
        return codes_of(self.stack.facts)

    @cached_property
    def echo(self) -> str:
        """``spin``, ``gradient``, or "" where neither headers nor words tell."""
        if "SE" in self.codes:
            return "spin"
        if "GR" in self.codes:
            return "gradient"
        spin, gradient = bool(self.words & _SPIN), bool(self.words & _GRADIENT)
        return "" if spin == gradient else "spin" if spin else "gradient"

    @property
    def planar(self) -> bool:
        """Echo-planar."""
        return "EP" in self.codes or bool(self.words & {"ep2d", "epi"})

    @property
    def fast(self) -> bool:
        """Whether one excitation filled several lines of one image (turbo or fast spin echo): its echo time is then a mean."""
        length = self.stack.facts.get("EchoTrainLength")
        return bool(self.words & _FAST) or (isinstance(length, int) and length > max(self.n_echoes, 1))

    @property
    def n_echoes(self) -> int:
        return len({t for t in self.stack.echo_times if t is not None})

    @property
    def te(self) -> float | None:
        """The first echo time, s."""
        return min((t for t in self.stack.echo_times if t is not None), default=None)

    @property
    def tr(self) -> float | None:
        return self.stack.first.repetition_time

    @property
    def ti(self) -> float | None:
        """None where nothing was inverted, which some headers write as 0."""
        return self.stack.first.inversion_time or None

    @property
    def flip(self) -> float | None:
        return self.stack.first.flip_angle_deg

    @property
    def mt(self) -> bool | None:
        """Whether the MT pulse was played: by the header, else by a word that says on or off."""
        if self.stack.first.mt_on is not None:
            return self.stack.first.mt_on
        if self.words & {"mton", "mt1"} or self.words >= {"mt", "on"}:
            return True
        if self.words & {"mtoff", "mt0", "nomt"} or self.words >= {"mt", "off"}:
            return False
        return None

    @property
    def weighted(self) -> bool:
        """Whether any volume is diffusion weighted."""
        return any(b > UNWEIGHTED for b in self.stack.b_values or ())

    @property
    def diffusion(self) -> bool:
        """Whether it was acquired as diffusion images are, weighted or not."""
        return self.weighted or is_diffusion(self.stack.planes[0], self.stack.facts)

    def on_grid_of(self, other: Look) -> bool:
        one, two = self.stack, other.stack
        return one.shape[:3] == two.shape[:3] and float(np.abs(one.affine - two.affine).max()) < _SAME_MM

    def alike(self, other: Look, *, but: tuple[str, ...] = ()) -> bool:
        """Whether two stacks are of one way of acquisition, but for what is named: flip, tr, mt, ti."""
        if not self.on_grid_of(other) or self.echo != other.echo or self.planar != other.planar:
            return False
        if self.stack.part != other.stack.part or self.stack.made != other.stack.made or self.stack.n != other.stack.n:
            return False
        return self._same_times(other) and all(
            near(getattr(self, name), getattr(other, name)) for name in ("flip", "tr", "ti", "mt") if name not in but
        )

    def alike_but_part(self, other: Look) -> bool:
        """Whether two stacks can be parts (magnitude, phase ...) of one signal: same grid, echoes, angle, times."""
        return (
            self.stack.part != other.stack.part
            and self.on_grid_of(other)
            and self.stack.n == other.stack.n
            and (
                self._same_times(other)
                and all(near(getattr(self, n), getattr(other, n)) for n in ("flip", "tr", "ti", "mt"))
            )
        )

    def _same_times(self, other: Look) -> bool:
        return all(near(a, b) for a, b in zip(self.stack.echo_times, other.stack.echo_times, strict=True))


def near(a: Any, b: Any) -> bool:
    """Two stated numbers within half a per cent, or both not stated, or the same truth."""
    if a is None or b is None or isinstance(a, bool) or isinstance(b, bool):
        return a is b
    return bool(abs(a - b) <= 0.005 * max(abs(a), abs(b)))


def words_of(facts: Mapping[str, Any]) -> frozenset[str]:
    """Words of the trade in a series' name at the console."""
    return frozenset(_listed(facts.get("SequenceWords")))


def codes_of(facts: Mapping[str, Any]) -> frozenset[str]:
    """DICOM's Scanning Sequence: SE, IR, GR, EP, RM."""
    return frozenset(w.upper() for w in _listed(facts.get("ScanningSequence")))


def is_diffusion(frames: Sequence[Frame], facts: Mapping[str, Any]) -> bool:
    """Whether frames are diffusion images: weighted ones are; a stated b of 0 alone counts in echo-planar images, or where the
    series is called so (some scanners state b = 0 of whatever they take)."""
    if any((f.b_value or 0.0) > UNWEIGHTED for f in frames):
        return True
    stated = any(f.b_value is not None for f in frames)
    return stated and ("EP" in codes_of(facts) or bool(words_of(facts) & _DIFFUSION))


def _listed(value: Any) -> list[str]:
    """Words of a text or a list of texts."""
    texts = value if isinstance(value, (list, tuple)) else [value] if isinstance(value, str) else []
    return [w for text in texts for w in re.split(r"[\\_,/; ]+", str(text)) if w]
