"""The tidy table: one row a number, with its unit, its uncertainty and where it came from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from neuromyo.core.errors import DataError

if TYPE_CHECKING:
    from pandas import DataFrame

#: column -> meaning. Only ever added to. ``key`` columns identify a row.
COLUMNS: dict[str, str] = {
    "subject": "participant label, without sub-",
    "session": "session label, without ses-",
    "acquisition": "what tells this series from others of its kind: acq, run, chunk entities",
    "region": "name of the region",
    "region_source": "who drew the region",
    "side": "left, right, midline or none",
    "level": "level along the limb or nerve, where one is defined",
    "level_from": "landmark that a distance in level is counted from; n/a: the upper end of what was followed",
    "slice": "slice index in the written map, or n/a for the whole region",
    "quantity": "what was measured",
    "biomarker": "id of the biomarker that measured it",
    "unit": "unit of value, sd_between and se",
    "value": "the measurement",
    "statistic": "how the value was made from the voxels: mean, median, iqr, region-fit, volume ...",
    "sd_between": "spread over the voxels",
    "se": "standard uncertainty of the value, the fit's uncertainty included",
    "n_voxels": "voxels that entered the value",
    "n_failed": "voxels of the region that had no usable value",
    "volume_ml": "volume of the whole region, before erosion and exclusions",
    "coverage": "share of the region's voxels that entered the value, 0 to 1",
    "z": "z-score against a norm",
    "centile": "centile against a norm",
    "norm": "the norm used",
    "z_low": "lower end of the 95 % interval of the true deviate: how sure z is",
    "z_high": "upper end of the 95 % interval of the true deviate",
    "normal_low": "lower end of what 95 % of healthy people like this one have, in the unit of value",
    "normal_high": "upper end of what 95 % of healthy people like this one have, in the unit of value",
    "n_effective": "how many independent healthy people the norm is worth for this person",
    "agreement": "weight of published values in the norm, 0 to 1; n/a where none were used",
    "flags": "codes of what to be careful about, comma-separated",
}
KEY = ("subject", "session", "acquisition", "region", "region_source", "side", "level", "slice", "quantity",
       "biomarker", "statistic")  # fmt: skip
NUMERIC = ("value", "sd_between", "se", "n_voxels", "n_failed", "volume_ml", "coverage", "z", "centile",
           "z_low", "z_high", "normal_low", "normal_high", "n_effective", "agreement")  # fmt: skip


@dataclass(frozen=True, eq=False)
class Measurements:
    """Rows as named columns; numbers are float64 with NaN for missing, everything else str with "" for missing."""

    columns: Mapping[str, np.ndarray]

    @staticmethod
    def of(rows: Iterable[Mapping[str, Any]]) -> Measurements:
        """From rows as mappings; missing entries are allowed, unknown columns and duplicate keys are not."""
        rows = list(rows)
        for row in rows:
            unknown = set(row) - set(COLUMNS)
            if unknown:
                raise KeyError(f"not columns of a measurement table: {sorted(unknown)}")
        columns: dict[str, np.ndarray] = {}
        for name in COLUMNS:
            if name in NUMERIC:
                columns[name] = np.array([_number(row.get(name)) for row in rows], dtype=np.float64)
            else:
                columns[name] = np.array([_text(row.get(name)) for row in rows], dtype=object)
        table = Measurements(columns)
        table._refuse_duplicates()
        return table

    def __len__(self) -> int:
        return len(self.columns["value"])

    def rows(self) -> list[dict[str, Any]]:
        names = list(self.columns)
        return [dict(zip(names, row, strict=True)) for row in zip(*self.columns.values(), strict=True)]

    def where(self, **equal: Any) -> Measurements:
        """The rows whose columns equal the values given."""
        keep = np.ones(len(self), dtype=bool)
        for name, value in equal.items():
            keep &= self.columns[name] == value
        return Measurements({name: column[keep] for name, column in self.columns.items()})

    def to_frame(self) -> DataFrame:
        """The table as a pandas frame."""
        import pandas as pd

        return pd.DataFrame(dict(self.columns))

    @staticmethod
    def join(tables: Sequence[Measurements]) -> Measurements:
        return Measurements.of(row for table in tables for row in table.rows())

    def _refuse_duplicates(self) -> None:
        seen: set[tuple] = set()
        for key in zip(*(self.columns[name] for name in KEY), strict=True):
            if key in seen:
                said = ", ".join(f"{n}={v}" for n, v in zip(KEY, key, strict=True) if v)
                raise DataError("E-TABLE", where="measurements", needed="one row for each key", found=f"two for {said}")
            seen.add(key)


def _number(value: Any) -> float:
    return float("nan") if value is None or value == "" else float(value)


def _text(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        return ",".join(str(v) for v in value)
    return "" if value is None else str(value)
