"""One series to be made: whose physics makes it, and what differs from that biomarker's typical acquisition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from neuromyo.core.acquisition import Acquisition
from neuromyo.core.errors import OptionError

_PHASE = ("i", "i-", "j", "j-", "k", "k-")
_FIELDS = {f.name for f in fields(Acquisition)}
#: under this name a change holds for every role
ALL = "all"


@dataclass(frozen=True)
class SeriesPlan:
    """The series of one biomarker, one for each of its roles.

    biomarker : whose `simulate` makes them
    acq : their ``acq`` label; ``entities`` further ones; ``kind`` another BIDS suffix than the biomarker's first
    roles : those to be made; all that have a typical acquisition where empty
    echoes, first_echo, echo_spacing : a train of echoes, times in s; the first at one spacing where not given
    repetition_time, refocusing_angle_deg : in s, in degrees
    changes : role (or ``all``) -> field of `Acquisition` -> value in SI, for whatever else differs
    options : the biomarker's options
    b_value_s_mm2, directions, unweighted : a diffusion scheme: one shell, evenly spread, after as many volumes of b = 0
    fat_left : share of the fat's signal that fat suppression leaves over
    readout_s, phase_encoding : total readout time and axis of echo-planar images; 0 for images without distortion
    """

    biomarker: str
    acq: str = ""
    entities: Mapping[str, str] = field(default_factory=dict)
    kind: str = ""
    roles: tuple[str, ...] = ()
    echoes: int | None = None
    first_echo: float | None = None
    echo_spacing: float | None = None
    repetition_time: float | None = None
    refocusing_angle_deg: float | None = None
    changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    b_value_s_mm2: float | None = None
    directions: int = 0
    unweighted: int = 1
    fat_left: float = 1.0
    readout_s: float = 0.0
    phase_encoding: str = "j"

    def __post_init__(self) -> None:
        where = f"phantom series {self.biomarker}"
        for role, given in self.changes.items():
            unknown = sorted(set(given) - _FIELDS)
            if unknown:
                raise OptionError("E-UNKNOWN", where=f"{where}: changes.{role}", needed="fields of an acquisition",
                                  found=", ".join(unknown))  # fmt: skip
        if self.phase_encoding not in _PHASE:
            raise OptionError("E-OPTION", where=f"{where}: phase_encoding", needed=f"one of {', '.join(_PHASE)}",
                              found=repr(self.phase_encoding))  # fmt: skip
        if self.kind == "epi" and not self.readout_s > 0:
            raise OptionError("E-OPTION", where=f"{where}: readout_s", needed="a time above 0, which BIDS asks of epi",
                              found=f"{self.readout_s:g}")  # fmt: skip

    def acquisition(self, typical: Acquisition, role: str = "") -> Acquisition:
        """The acquisition of one role."""
        made: dict[str, Any] = {}
        if self.echoes is not None and self.echo_spacing is not None:
            first = self.echo_spacing if self.first_echo is None else self.first_echo
            made["echo_times"] = tuple(round(first + self.echo_spacing * k, 9) for k in range(self.echoes))
        for name in ("repetition_time", "refocusing_angle_deg"):
            if getattr(self, name) is not None:
                made[name] = getattr(self, name)
        if self.b_value_s_mm2 is not None:
            made |= scheme(self.b_value_s_mm2 * 1e6, self.directions, self.unweighted)
        for key in (ALL, role):
            made |= {name: _frozen(value) for name, value in self.changes.get(key, {}).items()}
        return typical.with_(**made)

    @property
    def phase_axis(self) -> int:
        """The stored axis along which echo-planar images are distorted."""
        return "ijk".index(self.phase_encoding[0])

    @property
    def signed_readout_s(self) -> float:
        """Voxels by which 1 Hz displaces."""
        return -self.readout_s if self.phase_encoding.endswith("-") else self.readout_s


def scheme(b: float, directions: int, unweighted: int) -> dict[str, Any]:
    """b-values (s/m2) and directions in the RAS world frame: ``unweighted`` volumes, then a shell."""
    still = ((0.0, 0.0, 0.0),) * unweighted
    return {"b_values": (0.0,) * unweighted + (b,) * directions, "b_vectors": (*still, *spread(directions))}


def spread(n: int) -> tuple[tuple[float, float, float], ...]:
    """``n`` unit vectors spread over the half-sphere of z above 0 along a golden spiral: no two are near each other or
    each other's opposite."""
    k = np.arange(n) + 0.5
    z = 1.0 - k / max(n, 1)
    turn = np.pi * (1.0 + np.sqrt(5.0)) * k
    r = np.sqrt(1.0 - z * z)
    return tuple((float(a), float(b), float(c)) for a, b, c in zip(r * np.cos(turn), r * np.sin(turn), z, strict=True))


def _frozen(value: Any) -> Any:
    """Lists of a TOML file as tuples."""
    return tuple(_frozen(v) for v in value) if isinstance(value, list) else value
