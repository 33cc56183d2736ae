"""Complex series out of their parts: magnitude and phase, or real and imaginary, read block by block when asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from neuromyo.core.acquisition import Slopes
from neuromyo.core.errors import Finding
from neuromyo.core.series import WHOLE, Block, Data, Series
from neuromyo.io import names
from neuromyo.protocol import scaling

#: field-map layouts of BIDS: kind of the complex series -> the kinds that it is made of, magnitudes first
FIELD_MAPS: Mapping[str, tuple[str, ...]] = {
    "phase1": ("magnitude1", "magnitude2", "phase1", "phase2"),
    "phasediff": ("magnitude1", "magnitude2", "phasediff"),
}
#: two echo times are one if they differ by less, s
_SAME_TIME = 2e-6


@dataclass(frozen=True, eq=False)
class PolarData:
    """Magnitude times e^(i phase), (x, y, z, n) complex64; NaN where either is."""

    magnitude: Data
    phase: Data

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return self.magnitude.shape

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.complex64)

    def read(self, block: Block = WHOLE) -> np.ndarray:
        size, angle = self.magnitude.read(block), self.phase.read(block)
        out = np.empty(size.shape, dtype=np.complex64)
        np.multiply(size, np.cos(angle), out=out.real)
        np.multiply(size, np.sin(angle), out=out.imag)
        return out


@dataclass(frozen=True, eq=False)
class CartesianData:
    """Real and imaginary part, (x, y, z, n) complex64."""

    real: Data
    imaginary: Data

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return self.real.shape

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.complex64)

    def read(self, block: Block = WHOLE) -> np.ndarray:
        real = self.real.read(block)
        out = np.empty(real.shape, dtype=np.complex64)
        out.real, out.imag = real, self.imaginary.read(block)
        return out


@dataclass(frozen=True, eq=False)
class PhaseDifferenceData:
    """Two echoes out of the difference of their phases: the first has phase 0."""

    first: Data
    second: Data
    difference: Data

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return (*self.first.shape[:3], 2)

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.complex64)

    def read(self, block: Block = WHOLE) -> np.ndarray:
        later = PolarData(self.second, self.difference).read(block)
        out = np.empty((*later.shape[:3], 2), dtype=np.complex64)
        out[..., 0], out[..., 1] = self.first.read(block)[..., 0], later[..., 0]
        return out


@dataclass(frozen=True, eq=False)
class JoinedData:
    """Handles one after the other along the contrast."""

    parts: tuple[Data, ...]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return (*self.parts[0].shape[:3], sum(p.shape[3] for p in self.parts))

    @property
    def dtype(self) -> np.dtype:
        return self.parts[0].dtype

    def read(self, block: Block = WHOLE) -> np.ndarray:
        return np.concatenate([p.read(block) for p in self.parts], axis=3)


def joined(series: Sequence[Series]) -> tuple[tuple[Series, ...], tuple[Finding, ...]]:
    """The complex series that the series of one session make, and what kept others from being made.

    Parts belong together that are of one kind and share every entity but ``part``, the grid, the number of volumes and
    what is stated of the volumes. Real and imaginary parts are preferred to magnitude and phase. The parts stay as they are.
    """
    made: list[Series] = []
    findings: list[Finding] = []
    for group in _together(series):
        for first, second in (("real", "imag"), ("mag", "phase")):
            if first in group and second in group:
                hindrance = _apart(group[first], group[second])
                if not hindrance:
                    made.append(_joined(group[first], group[second]))
                    findings += _scaled_apart(group[first], group[second]) if first == "real" else ()
                    break
                findings.append(_left_apart(group[first], group[second], hindrance))
    made += _field_maps(series)
    return tuple(made), tuple(findings)


def _together(series: Sequence[Series]) -> Iterator[dict[str, Series]]:
    """part -> series, for each set of entities; of several repetition times the parts are matched by theirs."""
    groups: dict[tuple, dict[str, Series]] = {}
    for one in series:
        if one.kind not in ("phase1", "phase2", "phasediff") and not one.kind.startswith("magnitude"):
            key = (one.kind, _shared(one), one.acquisition.repetition_time)
            groups.setdefault(key, {}).setdefault(one.part, one)
    yield from groups.values()


def _shared(series: Series) -> tuple[tuple[str, str], ...]:
    return tuple((k, v) for k, v in series.entities.items() if k != "part")


def _apart(one: Series, other: Series) -> str:
    """What keeps two parts from being one series; empty where nothing does."""
    if not one.grid.same_as(other.grid):
        return "their grids differ"
    if one.n != other.n:
        return f"they have {one.n} and {other.n} volumes"
    for field in ("echo_times", "flip_angles_deg", "inversion_times", "mt_on"):
        a, b = getattr(one.acquisition, field), getattr(other.acquisition, field)
        if a is None or b is None:
            continue
        if len(a) != len(b) or not np.allclose(a, b, rtol=0, atol=_SAME_TIME if field != "flip_angles_deg" else 1e-3):
            return f"their {field.replace('_', ' ')} differ"
    return ""


def _left_apart(one: Series, other: Series, hindrance: str) -> Finding:
    return Finding("warn", "W-PARTS", f"{other.name} and {one.name}", f"cannot be put together: {hindrance}",
                   "export both parts of the same acquisition, with the same sidecar",
                   "what needs complex images goes without them")  # fmt: skip


def _scaled_apart(real: Series, imaginary: Series) -> tuple[Finding, ...]:
    """W-SCALE where the two parts were scaled for display by different numbers: their phase is then turned."""
    return scaling.differing("the complex image of both", [*scaling.of_series(real), *scaling.of_series(imaginary)])


def _joined(first: Series, second: Series) -> Series:
    data: Data = (CartesianData if first.part == "real" else PolarData)(first.data, second.data)
    stated = second.acquisition.as_dict() | first.acquisition.as_dict()
    return replace(
        first,
        data=data,
        part="complex",
        acquisition=first.acquisition.with_(**stated | _slopes(first, second)),
        entities=names.ordered(dict(_shared(first))),
        files=(*first.files, *second.files),
    )


def _slopes(first: Series, second: Series) -> dict[str, tuple[Slopes, ...] | None]:
    """How a complex series was scaled for display: as its magnitude (what a phase image was multiplied by is no business of a signal), or
    as its real and its imaginary part, both where they differ."""
    made: dict[str, tuple[Slopes, ...] | None] = {}
    for field in ("rescale_slopes", "scale_slopes"):
        one, other = getattr(first.acquisition, field), getattr(second.acquisition, field)
        made[field] = one
        if first.part == "real" and one and other and one != other:
            made[field] = tuple(_both(one[i % len(one)], other[i % len(other)]) for i in range(first.n))
    return made


def _both(one: Slopes, other: Slopes) -> Slopes:
    """The slopes of two parts of one volume; None where one does not say."""
    if one is None or other is None or one == other:
        return one if one == other else None
    return tuple(v for part in (one, other) for v in (part if isinstance(part, tuple) else (part,)))


# --- the field-map layouts of BIDS ------------------------------------------------------------------------------------


def _field_maps(series: Sequence[Series]) -> Iterator[Series]:
    """Two-echo series out of ``phase1``, ``phase2`` or ``phasediff`` with their magnitudes."""
    sets: dict[tuple, dict[str, Series]] = {}
    for one in series:
        sets.setdefault(_shared(one), {})[one.kind] = one
    for there in sets.values():
        for kind, wanted in FIELD_MAPS.items():
            parts = [there.get(k) for k in wanted]
            if kind == "phasediff" and parts[1] is None:  # one magnitude will do, the echoes being close
                parts[1] = parts[0]
            found = [p for p in parts if p is not None and p.n == 1]
            if len(found) == len(wanted) and all(p.grid.same_as(found[0].grid) for p in found):
                made = _two_echoes(kind, found)
                if made is not None:
                    yield made


def _two_echoes(kind: str, parts: Sequence[Series]) -> Series | None:
    """The complex series; None where its two echo times are not stated."""
    first, second, *phases = parts
    if kind == "phasediff":
        times = phases[0].acquisition.echo_times or ()
        data: Data = PhaseDifferenceData(first.data, second.data, phases[0].data)
    else:
        times = tuple(t for p in phases for t in p.acquisition.echo_times or ())
        data = JoinedData(tuple(PolarData(m.data, p.data) for m, p in zip((first, second), phases, strict=True)))
    if len(times) != 2 or times[0] >= times[1]:
        return None
    return Series(data, first.grid, phases[0].acquisition.with_(echo_times=times), kind, "complex",
                  dict(_shared(first)), tuple(dict.fromkeys(f for p in parts for f in p.files)))  # fmt: skip
