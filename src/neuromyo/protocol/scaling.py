"""Display scaling: whether images that are fitted together hold numbers of one scale.

Philips stores each series in whole numbers of its own (scale slope SS) and multiplies them for display by another number
(rescale slope RS). What the receiver gave is

    signal = display value / (RS x SS)

Within one series both are mostly the same, and drop out of a fit; between series they differ. Display values of two series are then
as unlike as two scanners', and nothing in the images shows it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from neuromyo.core.errors import Finding
from neuromyo.core.series import Series

CODE = "W-SCALE"
#: slopes are written with four figures and more
_SAME = 1e-3
#: kinds whose volumes are the echoes of one scan, which a scanner scales alike
_ONE_SCAN = ("MESE", "MEGRE")
#: files named in a message
_MOST = 4

_REMEDY = (
    "convert the scanner's files again so that the voxels hold the signal (neuromyo import does; dcm2niix: -p y), "
    "or divide each image by RescaleSlope x ScaleSlope and state UsePhilipsFloatNotDisplayScaling: 1"
)


@dataclass(frozen=True, slots=True)
class Scaled:
    """One volume's file with its slopes; None is not stated."""

    file: str
    rescale: float | None
    scale: float | None

    @property
    def factor(self) -> float | None:
        """What the signal was multiplied by; None where one of the slopes is not stated."""
        return None if self.rescale is None or self.scale is None else self.rescale * self.scale

    def said(self) -> str:
        if self.factor == 1.0:
            return f"{self.file} holds the signal itself"
        slopes = f"RescaleSlope {_or_not(self.rescale)}, ScaleSlope {_or_not(self.scale)}"
        return (
            f"{self.file} is multiplied by {self.factor:.4g} ({slopes})" if self.factor else f"{self.file} has {slopes}"
        )


def check(biomarker: str, series: Mapping[str, Series]) -> tuple[Finding, ...]:
    """W-SCALE where what a biomarker fits together was scaled differently, or where a Philips image does not say how; a note
    (N-SCALE) where it does not say so of the echoes of one scan.

    biomarker : its id; series : role -> Series, those it is about to be given
    """
    volumes = [v for one in series.values() if one.part != "phase" for v in of_series(one)]
    return differing(biomarker, volumes) or tuple(_untold(biomarker, series, volumes))


def differing(what: str, volumes: Sequence[Scaled]) -> tuple[Finding, ...]:
    """W-SCALE where volumes that are to become one thing (``what``) were scaled differently, as far as they say so."""
    apart = _apart([v.factor for v in volumes])
    if all(v.factor is None for v in volumes):
        apart = max(_apart([v.rescale for v in volumes]), _apart([v.scale for v in volumes]))
    return (_different(what, volumes, apart),) if apart > 1 + _SAME else ()


def flags(biomarker: str, series: Mapping[str, Series]) -> tuple[str, ...]:
    """What a map made of these series is to bear: W-SCALE, or nothing."""
    return (CODE,) if any(f.code == CODE for f in check(biomarker, series)) else ()


def of_series(series: Series) -> Iterator[Scaled]:
    """Every volume of a series with its slopes, by the name of its file."""
    acquired, n = series.acquisition, series.n
    own = series.files if len(series.files) == n else [f"{series.name} (volume {i + 1})" for i in range(n)]
    for i, file in enumerate(own if n > 1 else [series.name]):
        yield Scaled(file, _at(acquired.rescale_slopes, i), _at(acquired.scale_slopes, i))


def _at(values: tuple[float, ...] | None, i: int) -> float | None:
    return None if not values else values[i] if i < len(values) else values[0]


def _apart(values: Sequence[float | None]) -> float:
    """The largest over the smallest of what is stated; 1 where fewer than two are."""
    stated = [v for v in values if v is not None]
    return max(stated) / min(stated) if len(stated) > 1 else 1.0


def _different(what: str, volumes: Sequence[Scaled], apart: float) -> Finding:
    kinds: dict[tuple[float | None, float | None], Scaled] = {}
    for one in volumes:
        kinds.setdefault((one.rescale, one.scale), one)
    first, *others = kinds.values()
    more = f", and {len(others) - _MOST + 1} other ways" if len(others) >= _MOST else ""
    said = "; ".join(one.said() for one in (first, *others[: _MOST - 1])) + more
    return Finding(
        "warn", CODE, f"{others[0].file}: PhilipsRescaleSlope and PhilipsScaleSlope",
        f"display values that were scaled differently would be fitted together: {said}", _REMEDY,
        f"{what} is wrong: its signals are off against each other by a factor of up to {apart:.3g}",
    )  # fmt: skip


def _untold(biomarker: str, series: Mapping[str, Series], volumes: list[Scaled]) -> Iterator[Finding]:
    """Images of a Philips scanner in several files that do not say, all of them, how they were scaled."""
    philips = [s for s in series.values() if "philips" in (s.acquisition.manufacturer or "").lower()]
    files = {name for s in series.values() for name in s.files}
    silent = [v for v in volumes if v.factor is None]
    if not (philips and silent and len(files) > 1):
        return
    one_scan = len(series) == 1 and philips[0].kind in _ONE_SCAN
    said = "a Philips image that does not say by what its values were multiplied for display"
    more = f", as {len(silent) - 1} more of the {len(volumes)} volumes" if len(silent) > 1 else ""
    yield Finding(
        "note" if one_scan else "warn", "N-SCALE" if one_scan else CODE,
        f"{silent[0].file}: PhilipsRescaleSlope and PhilipsScaleSlope", said + more,
        "convert the scanner's files again so that the voxels hold the signal, or so that the sidecar states both slopes",
        f"{biomarker} fits {len(files)} files together and is wrong if they were scaled differently"
        + (", which echoes of one scan rarely are" if one_scan else ""),
    )  # fmt: skip


def _or_not(value: float | None) -> str:
    return "not stated" if value is None else f"{value:.4g}"
