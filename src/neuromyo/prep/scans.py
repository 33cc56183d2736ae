"""Which volumes were acquired together, and which one after another, so that the subject may have moved in between.

The echoes of one excitation show the body at one moment: they share their motion, and nothing can or need be done between
them. Flip angles, MT states and diffusion weightings are scanned one after another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from neuromyo.core.biomarker import Biomarker
from neuromyo.core.series import Series

#: kinds whose volumes (VFA, MTR, TB1DAM, dwi) or whose series (MPM, MTS) are scans of their own. Two-point images, the two
#: interleaved halves of an actual-flip scan, multi-echo trains and inversion recoveries are not taken apart.
SEPARATE_KINDS = frozenset({"VFA", "MTR", "TB1DAM", "dwi", "MPM", "MTS"})


@dataclass(frozen=True, eq=False)
class Scan:
    """Volumes of one role's series that were acquired together.

    volumes : their numbers in the series; several where they are echoes of one scan
    said : what sets the scan apart, for messages (``flip angle 15``, ``MT on``, ``b 400, volume 7``)
    """

    role: str
    series: Series
    volumes: tuple[int, ...]
    said: str

    @property
    def name(self) -> str:
        return f"{self.series.name} ({self.said})" if self.said else self.series.name

    def image(self) -> np.ndarray:
        """(x, y, z) float32: the root of the mean squared magnitude over its echoes, read slice by slice."""
        image = np.empty(self.series.grid.shape, dtype=np.float32)
        for z in range(image.shape[2]):
            data = self.series.read((slice(None), slice(None), slice(z, z + 1)))[:, :, 0][..., list(self.volumes)]
            magnitude = np.abs(data)
            one = magnitude.shape[-1] == 1
            image[:, :, z] = magnitude[..., 0] if one else np.sqrt(np.mean(magnitude.astype(np.float64) ** 2, axis=-1))
        return image


def is_separate(biomarker: Biomarker, role: str, series: Series) -> bool:
    """Whether a role's scans stand apart in time: as its need declares, else as the kind of the series says."""
    declared = biomarker.series_need(role).separate
    return series.kind in SEPARATE_KINDS if declared is None else declared


def scans_of(role: str, series: Series) -> tuple[Scan, ...]:
    """A series taken apart into scans, in the order of their first volumes."""
    held: dict[tuple, list[int]] = {}
    times: dict[tuple, int] = {}
    for volume in range(series.n):
        state = _state(series, volume)
        echo = _entry(series.acquisition.echo_times, volume)
        # the same echo of the same state a second time is another scan
        again = times.get((state, echo), 0)
        times[(state, echo)] = again + 1
        held.setdefault((state, again), []).append(volume)
    many = len(held) > 1
    return tuple(Scan(role, series, tuple(v), _said(series, v[0], many)) for v in held.values())


def all_scans(biomarker: Biomarker, series: Mapping[str, Series]) -> tuple[Scan, ...]:
    """The scans of every role; a role whose scans do not stand apart is one scan. The main role comes first."""
    found: list[Scan] = []
    for role, one in series.items():
        apart = is_separate(biomarker, role, one)
        found += scans_of(role, one) if apart else [Scan(role, one, tuple(range(one.n)), "")]
    return tuple(found)


def reference_of(scans: tuple[Scan, ...]) -> Scan:
    """The scan that the others are brought to: of the main role, the one of least diffusion weighting, else the first."""
    main = [s for s in scans if s.role == scans[0].role]
    return min(main, key=lambda s: _entry(s.series.acquisition.b_values, s.volumes[0]) or 0.0)


def _state(series: Series, volume: int) -> tuple:
    a = series.acquisition
    fields = (a.flip_angles_deg, a.mt_on, a.inversion_times, a.b_values, a.b_vectors)
    return tuple(_entry(values, volume) for values in fields)


def _entry(values: tuple | None, volume: int):
    """The volume's own entry of a per-volume field; None where one holds for all."""
    return values[volume] if values is not None and len(values) > 1 else None


def _said(series: Series, volume: int, many: bool) -> str:
    if not many:
        return ""
    a = series.acquisition
    flip, mt, b = _entry(a.flip_angles_deg, volume), _entry(a.mt_on, volume), _entry(a.b_values, volume)
    words = [f"flip angle {flip:g}"] if flip is not None else []
    words += ["MT on" if mt else "MT off"] if mt is not None else []
    words += [f"b {b / 1e6:.0f} s/mm2"] if b is not None else []
    return ", ".join([*words, f"volume {volume + 1}"])
