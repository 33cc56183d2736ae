"""One declared sequence: its numbers, each with a target, two tolerances, and where it comes from.

A number is *fine* within its inner interval, *usable* within its outer one and *unusable* beyond. Each is either taken
from a ``source`` or marked ``proposed``; nothing stands there without saying which.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Level = Literal["fine", "usable", "unusable"]
#: times as many echoes as a list declares, and it is another sequence
_MORE = 8


class Frozen(BaseModel):
    """Base of the declarations: immutable, and a key that is not known is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


#: how a source came to be cited: the paper was read, only its abstract, or it is known from memory
Evidence = Literal["", "read", "abstract", "recalled"]


class Origin(Frozen):
    """Where a number comes from: a ``source`` (paper, DOI, manual) with the ``evidence`` for it, or ``proposed`` by this
    project, with a why. A source speaks for the target; the intervals about it are always this project's."""

    source: str = ""
    evidence: Evidence = ""
    proposed: bool = False
    why: str = ""

    @model_validator(mode="after")
    def _one_origin(self) -> Origin:
        if bool(self.source) == self.proposed:
            raise ValueError('give either source = "..." or proposed = true')
        if self.evidence and self.proposed:
            raise ValueError("evidence belongs to a source; what is proposed has none")
        return self


class Figure(Origin):
    """A number with its tolerances; the unit is that of the field it stands for."""

    target: float
    fine: tuple[float, float]
    usable: tuple[float, float]

    @model_validator(mode="after")
    def _nested(self) -> Figure:
        inner, outer = self.fine, self.usable
        if not outer[0] <= inner[0] <= self.target <= inner[1] <= outer[1]:
            raise ValueError(f"target {self.target:g} must lie in fine {list(inner)}, and fine in usable {list(outer)}")
        return self

    def level(self, value: float) -> Level:
        slack = 1e-9 * max(abs(self.usable[0]), abs(self.usable[1]))
        for name, (low, high) in (("fine", self.fine), ("usable", self.usable)):
            if low - slack <= value <= high + slack:
                return name  # type: ignore[return-value]
        return "unusable"


class EchoTrain(Frozen):
    """Evenly spaced echoes, in s."""

    first: Figure
    spacing: Figure
    count: Figure


class EchoList(Origin):
    """Echo times one by one, in s; ``fine`` and ``usable`` are the largest deviations permitted."""

    times: Annotated[tuple[float, ...], Field(min_length=1)]
    fine: float = Field(gt=0)
    usable: float = Field(gt=0)

    @model_validator(mode="after")
    def _sorted(self) -> EchoList:
        if list(self.times) != sorted(set(self.times)) or self.times[0] <= 0:
            raise ValueError("times must be positive and increase")
        if self.fine > self.usable:
            raise ValueError("fine must not exceed usable")
        return self

    @property
    def count(self) -> Figure:
        """The number of echoes: more than declared does no harm, up to where it is another sequence."""
        n = float(len(self.times))
        return Figure(target=n, fine=(n, n), usable=(n, _MORE * n), source=self.source, proposed=self.proposed)

    def figure(self, i: int) -> Figure:
        """Echo ``i`` as a number with tolerances."""
        t = self.times[i]
        return Figure(
            target=t, fine=(t - self.fine, t + self.fine), usable=(t - self.usable, t + self.usable),
            source=self.source, evidence=self.evidence, proposed=self.proposed, why=self.why,
        )  # fmt: skip


class Sequence(Frozen):
    """One sequence of a protocol.

    kind : BIDS suffix; entities : what tells it from others of its kind (``{flip = "1", mt = "on"}``)
    part : ``mag``, or ``complex`` where magnitude and phase (or real and imaginary part) are both needed
    times in s, angles in degrees, lengths in mm; ``coverage_mm`` is across the slices, gaps included
    mt_on : whether the MT pulse is played; its frequency offset in Hz and its own flip angle
    rf_spoiling_increment_deg : by which the phase of the pulses grows
    b_value_s_mm2 : of the highest shell; n_directions : different ones on it; n_unweighted : volumes of b below 50 s/mm2
    minutes : what it takes at the scanner; declared, but not stated by image files and so not compared
    """

    kind: str
    title: str
    part: str = "mag"
    entities: dict[str, str] = {}
    optional: bool = False
    echoes: EchoTrain | None = None
    echo_list: EchoList | None = None
    repetition_time: Figure | None = None
    flip_angle_deg: Figure | None = None
    refocusing_angle_deg: Figure | None = None
    in_plane_mm: Figure | None = None
    slice_thickness_mm: Figure | None = None
    coverage_mm: Figure | None = None
    mt_on: bool | None = None
    mt_offset_hz: Figure | None = None
    mt_flip_angle_deg: Figure | None = None
    rf_spoiling_increment_deg: Figure | None = None
    b_value_s_mm2: Figure | None = None
    n_directions: Figure | None = None
    n_unweighted: Figure | None = None
    minutes: Figure | None = None

    @model_validator(mode="after")
    def _one_train(self) -> Sequence:
        if self.echoes and self.echo_list:
            raise ValueError("give echoes (first, spacing, count) or echo_list (times), not both")
        return self

    def figures(self) -> Iterator[tuple[str, Figure]]:
        """Every number declared, by its dotted key."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, Figure):
                yield name, value
            elif isinstance(value, EchoTrain):
                yield from ((f"echoes.{part}", getattr(value, part)) for part in type(value).model_fields)
            elif isinstance(value, EchoList):
                yield from ((f"echo_list.{i}", value.figure(i)) for i in range(len(value.times)))
