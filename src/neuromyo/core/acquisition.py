"""How an image was acquired, in SI units, with nothing invented: what was not stated is None."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

_PER_VOLUME = (
    "echo_times",
    "inversion_times",
    "flip_angles_deg",
    "mt_on",
    "b_values",
    "b_vectors",
    "rescale_slopes",
    "scale_slopes",
)


#: of one volume: one number for all of it, several where its slices differ, None where it is not stated
Slopes = float | tuple[float, ...] | None


@dataclass(frozen=True, slots=True)
class Acquisition:
    """The sequence parameters of one `Series`. Times in s, angles in degrees where the name says so.

    Per-volume fields are tuples with one entry a volume, in the order of the volumes; scalars hold for all.
    A field is None when the files do not state it; biomarkers then either refuse or use a declared assumption.

    rescale_slopes, scale_slopes : per volume, where a vendor multiplied the signal for display by their product (Philips); both 1
        where the voxels hold the signal itself; a tuple for a volume whose slices (or parts) were not all multiplied alike, None for
        one that does not say
    laterality : ``left`` or ``right``, the side that the files state
    """

    echo_times: tuple[float, ...] | None = None
    repetition_time: float | None = None
    inversion_times: tuple[float, ...] | None = None
    flip_angles_deg: tuple[float, ...] | None = None
    refocusing_angle_deg: float | None = None
    excitation_pulse: str | tuple[float, ...] | None = None
    refocusing_pulse: str | tuple[float, ...] | None = None
    mt_on: tuple[bool, ...] | None = None
    mt_offset_hz: float | None = None
    mt_flip_angle_deg: float | None = None
    b_values: tuple[float, ...] | None = None
    b_vectors: tuple[tuple[float, float, float], ...] | None = None
    field_strength: float | None = None
    imaging_frequency_hz: float | None = None
    rf_spoiling_increment_deg: float | None = None
    slice_thickness_mm: float | None = None
    slice_order_3d: bool | None = None
    precession_sign: int | None = None
    manufacturer: str | None = None
    sequence_name: str | None = None
    scan_options: str | None = None
    body_part: str | None = None
    laterality: str | None = None
    rescale_slopes: tuple[Slopes, ...] | None = None
    scale_slopes: tuple[Slopes, ...] | None = None

    def stated(self, field: str) -> bool:
        return getattr(self, field) is not None

    def with_(self, **changes: Any) -> Acquisition:
        return replace(self, **changes)

    def as_dict(self) -> dict[str, Any]:
        """What is stated, by field name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if self.stated(f.name)}

    @property
    def n_volumes(self) -> int | None:
        """Number of volumes, as far as a per-volume field tells."""
        for name in ("echo_times", "inversion_times", "mt_on", "b_values", "flip_angles_deg"):
            values = getattr(self, name)
            if values is not None and len(values) > 1:
                return len(values)
        return None

    def select(self, volumes: tuple[int, ...]) -> Acquisition:
        """The acquisition of some of the volumes, in the order given; fields of length 1 hold for all and stay."""
        changed = {}
        for name in _PER_VOLUME:
            values = getattr(self, name)
            if values is not None and len(values) > 1:
                changed[name] = tuple(values[i] for i in volumes)
        return replace(self, **changed)


@dataclass(frozen=True, slots=True)
class Assumption:
    """A value used because the files do not state it. It is shown in the sidecar, the flags and the report."""

    field: str
    value: str
    why: str
    role: str = ""

    def as_dict(self) -> dict[str, str]:
        return {"field": self.field, "value": self.value, "why": self.why, "role": self.role}
