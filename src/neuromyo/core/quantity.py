"""What a number is: its name, its units, what it can plausibly be, and where it is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from neuromyo.core.units import DISK_UNIT, UNITS, from_si

Rank = Literal["scalar", "vector", "tensor"]
Level = Literal["voxel", "subject"]


@dataclass(frozen=True, slots=True)
class Quantity:
    """One thing a biomarker gives.

    Parameters
    ----------
    name : short name in the field's words, letters and digits (``T2``, ``FF``, ``B1``); unique within a biomarker
    title : what a reader is told it is (``water T2``)
    display : unit for people, one of `neuromyo.core.units.UNITS`; its SI unit is the one used inside
    plausible : lowest and highest believable value, in SI; voxels outside become IMPLAUSIBLE
    window : range of the colour bar, in SI; the plausible range where not given
    suffix : BIDS suffix of the map (``T2map``)
    datatype : BIDS folder of the map
    rank : scalar, vector (3) or tensor (6: xx yy zz xy xz yz) per voxel, in the RAS world frame
    level : a value per voxel, or one for the whole subject
    code : DICOM (scheme, value, meaning), where one exists
    summarised : whether regions report it (only scalars can be)
    """

    name: str
    title: str
    display: str
    plausible: tuple[float, float]
    suffix: str
    window: tuple[float, float] | None = None
    datatype: str = "anat"
    rank: Rank = "scalar"
    level: Level = "voxel"
    code: tuple[str, str, str] | None = None
    summarised: bool = True

    def __post_init__(self) -> None:
        if not self.name.isalnum():
            raise ValueError(f"quantity name {self.name!r}: letters and digits only, since it becomes a file name")
        if self.display not in UNITS:
            raise ValueError(f"quantity {self.name}: unit {self.display!r} is not in neuromyo.core.units.UNITS")
        if not self.plausible[0] < self.plausible[1]:
            raise ValueError(f"quantity {self.name}: plausible range {self.plausible} is empty")

    @property
    def unit(self) -> str:
        """The SI unit of the numbers inside the software."""
        return UNITS[self.display].si

    @property
    def disk_unit(self) -> str:
        """The unit of the numbers in written images (s, Hz, m2/s; fractions in percent, but plain numbers as they are)."""
        return self.display if self.display == "1" else DISK_UNIT[self.unit]

    @property
    def components(self) -> int:
        return {"scalar": 1, "vector": 3, "tensor": 6}[self.rank]

    @property
    def shown(self) -> tuple[float, float]:
        """The colour bar's ends, in the display unit."""
        low, high = self.window or self.plausible
        return from_si(low, self.display), from_si(high, self.display)

    def to_display(self, value):
        return from_si(value, self.display)

    def to_disk(self, value):
        return from_si(value, self.disk_unit)
