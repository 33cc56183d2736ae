"""Display scaling: whether images that are fitted together hold numbers of one scale.

Philips stores each series in whole numbers of its own (scale slope SS) and multiplies them for display by another number
(rescale slope RS). What the receiver gave is

    signal = display value / (RS x SS)

Within one series both are mostly the same, and drop out of a fit; between series they differ. Display values of two series are then
as unlike as two scanners', and nothing in the images shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from neuromyo.core.acquisition import Slopes
from neuromyo.core.errors import Finding
from neuromyo.core.series import Series

CODE = "W-SCALE"
#: slopes are written with four figures and more
_SAME = 1e-3
#: kinds whose volumes are the echoes of one scan, which a scanner scales alike
_ONE_SCAN = ("MESE", "MEGRE")
#: field maps, of whose images the phase alone is used
_PHASE_ALONE = ("phase1", "phase2", "phasediff")
#: files named in a message
_MOST = 4

_REMEDY = (
    "convert the scanner's files again so that the voxels hold the signal (neuromyo import does; dcm2niix: -p y), "
    "or divide each image by RescaleSlope x ScaleSlope and state UsePhilipsFloatNotDisplayScaling: 1"
)


@dataclass(frozen=True, slots=True)
class Scaled:
    """One volume's file (or some slices of it) with its slopes; None is not stated."""

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
    sized = {role: one for role, one in series.items() if one.part != "phase" and one.kind not in _PHASE_ALONE}
    volumes = [v for one in sized.values() for v in of_series(one)]
    return differing(biomarker, volumes) or tuple(_untold(biomarker, sized, volumes))


def differing(what: str, volumes: Sequence[Scaled]) -> tuple[Finding, ...]:
    """W-SCALE where volumes that are to become one thing (``what``) were scaled differently, as far as they say so."""
    apart = _apart([v.factor for v in volumes])
    if any(v.factor is None for v in volumes):
        half = [v for v in volumes if v.factor is None]  # what these say alone, against each other
        apart = max(apart, _apart([v.rescale for v in half]), _apart([v.scale for v in half]))
    return (_different(what, volumes, apart),) if apart > 1 + _SAME else ()


def flags(biomarker: str, series: Mapping[str, Series]) -> tuple[str, ...]:
    """What a map made of these series is to bear: W-SCALE, or nothing."""
    return (CODE,) if any(f.code == CODE for f in check(biomarker, series)) else ()


def of_series(series: Series) -> Iterator[Scaled]:
    """Every volume of a series with its slopes, by the name of its file."""
    acquired, n = series.acquisition, series.n
    own = series.files if len(series.files) == n else [f"{series.name} (volume {i + 1})" for i in range(n)]
    for i, file in enumerate(own if n > 1 else [series.name]):
        pairs = list(_pairs(_at(acquired.rescale_slopes, i), _at(acquired.scale_slopes, i)))
        for rescale, scale in pairs:
            yield Scaled(file if len(pairs) == 1 else f"part of {file}", rescale, scale)


def _at(values: tuple[Slopes, ...] | None, i: int) -> tuple[float | None, ...]:
    """The slopes of a volume: one, or those of its slices."""
    one = None if not values else values[i] if i < len(values) else values[0]
    return one if isinstance(one, tuple) else (one,)


def _pairs(
    rescale: tuple[float | None, ...], scale: tuple[float | None, ...]
) -> Iterable[tuple[float | None, float | None]]:
    """The different pairs of slopes in a volume: slice by slice where both lists run along the slices, else every one with every other."""
    together = zip(rescale, scale, strict=True) if len(rescale) == len(scale) else product(rescale, scale)
    return dict.fromkeys(together)


def _apart(values: Sequence[float | None]) -> float:
    """The largest over the smallest of what is stated; 1 where fewer than two are."""
    stated = [v for v in values if v is not None]
    return max(stated) / min(stated) if len(stated) > 1 else 1.0


def _different(what: str, volumes: Sequence[Scaled], apart: float) -> Finding:
    kinds: dict[tuple[float | None, float | None], dict[str, Scaled]] = {}
    for one in volumes:
        kinds.setdefault((one.rescale, one.scale), {}).setdefault(one.file, one)
    alike = [list(those.values()) for those in kinds.values()]
    more = f", and {len(alike) - _MOST} other ways" if len(alike) > _MOST else ""
    said = "; ".join(_said(those) for those in alike[:_MOST]) + more
    others = [those[0] for those in alike[1:]]
    return Finding(
        "warn", CODE, f"{others[0].file}: PhilipsRescaleSlope and PhilipsScaleSlope",
        f"display values that were scaled differently would be fitted together: {said}", _REMEDY,
        f"{what} is wrong: its signals are off against each other by a factor of up to {apart:.3g}",
    )  # fmt: skip


def _said(alike: Sequence[Scaled]) -> str:
    return alike[0].said() + (f", as {len(alike) - 1} more" if len(alike) > 1 else "")


def _untold(biomarker: str, series: Mapping[str, Series], volumes: list[Scaled]) -> Iterator[Finding]:
    """Images of a Philips scanner (as they say, or as slopes in one of them do) in several files that do not say, all of them, how they
    were scaled."""
    told = [v for v in volumes if v.factor is not None]
    philips = told or any("philips" in (s.acquisition.manufacturer or "").lower() for s in series.values())
    files = {name for s in series.values() for name in s.files}
    silent = [v for v in volumes if v.factor is None]
    if not silent or not (philips or any(v.rescale or v.scale for v in silent)) or len(files) < 2:
        return
    one_scan = len(series) == 1 and next(iter(series.values())).kind in _ONE_SCAN and not told
    said = "a Philips image that does not say by what its values were multiplied for display"
    if silent[0].rescale or silent[0].scale:
        said += f" (RescaleSlope {_or_not(silent[0].rescale)}, ScaleSlope {_or_not(silent[0].scale)})"
    more = f", as {len(silent) - 1} more of the {len(volumes)} volumes" if len(silent) > 1 else ""
    more += f", beside one that does: {told[0].said()}" if told else ""
    yield Finding(
        "note" if one_scan else "warn", "N-SCALE" if one_scan else CODE,
        f"{silent[0].file}: PhilipsRescaleSlope and PhilipsScaleSlope", said + more,
        "convert the scanner's files again so that the voxels hold the signal, or so that the sidecar states both slopes",
        f"{biomarker} fits {len(files)} files together and is wrong if they were scaled differently"
        + (", which echoes of one scan rarely are" if one_scan else ""),
    )  # fmt: skip


def _or_not(value: float | None) -> str:
    return "not stated" if value is None else f"{value:.4g}"
